"""What a system's proxy setting is to us: a handful of values, each read and written as it is. Pure.

::

    before = settings.read()             what is there
    ours   = settings.wanted(proxy)      what shall be there
    settings.write(ours)                 …
    settings.write(put_back(settings.read(), before, [ours]))

Some values only matter together (a host and its port): a *group*. Others say what groups are worth (whether there is a
proxy at all): a *switch*. When a person has changed something meanwhile, theirs stays, and with it the switches above
it; all that is still ours goes back to what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from unwalled.errors import ConfigurationError

Value: TypeAlias = str | int | None
"""As the system has it; None = not set."""
Values: TypeAlias = dict[str, Value]


class ProxySettingFailed(ConfigurationError):
    """The system did not let us read or change its proxy setting."""


@dataclass(frozen=True, slots=True)
class ProxyWish:
    """Where programs shall go. What goes directly by the rules is decided there too, so a PAC file is never set: with
    one a program would go directly without the proxy, which then could not find out that a site is blocked."""

    host: str
    port: int


class ProxySettings(Protocol):
    """One place where a system keeps its proxy setting."""

    @property
    def name(self) -> str:
        """Such as ``gnome``; stands in the journal."""

    @property
    def groups(self) -> Sequence[Sequence[str]]:
        """Keys that hold an address, by what belongs together."""

    @property
    def switches(self) -> Mapping[str, Sequence[str]]:
        """Keys that say what others are worth, with those others. Every key is here or in a group."""

    def read(self) -> Values:
        """All values. Raises ProxySettingFailed."""

    def wanted(self, wish: ProxyWish) -> Values:
        """What all values shall be."""

    def write(self, values: Mapping[str, Value]) -> None:
        """Sets some values, and tells programs. Raises ProxySettingFailed."""


def put_back(
    settings: ProxySettings, now: Mapping[str, Value], before: Mapping[str, Value], ours: Sequence[Mapping[str, Value]]
) -> tuple[Values, bool]:
    """What is to be written so that all is as before; and whether a person has changed something meanwhile.

    ``ours``: all that we may have written, some of it perhaps only in part. What is neither that nor as before is a
    person's.
    """
    theirs = {key for key in before if now.get(key) not in (before[key], *(one.get(key) for one in ours))}
    writes: Values = {}
    for group in settings.groups:
        if not theirs.intersection(group):
            writes |= {key: before.get(key) for key in group}
    for switch, others in settings.switches.items():
        if not theirs.intersection((switch, *others)):
            writes[switch] = before.get(switch)
    return {key: value for key, value in writes.items() if now.get(key) != value}, bool(theirs)


def in_order(settings: ProxySettings, values: Mapping[str, Value]) -> list[tuple[str, Value]]:
    """Values in the order in which they are written: switches last, since the others mean nothing until then."""
    return sorted(values.items(), key=lambda item: item[0] in settings.switches)
