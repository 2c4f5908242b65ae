"""What one gateway process has counted, so that it can travel, and be added to what others have. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from unwalled.gateway.counters import EgressCounters
from unwalled.gateway.sessions import SessionCounters
from unwalled.wire.codes import Code

_NOW = frozenset(("open_streams", "open_flows"))
"""Of the way out: what is there now, and so not there any more once its process has ended."""
_SESSION_FIELDS = tuple(SessionCounters.__dataclass_fields__)


class Tally(msgspec.Struct, frozen=True):
    """Numbers by name; of the way out also those by code, and histograms."""

    sessions: int = 0
    lanes: int = 0
    open_sockets: int = 0
    tasks: int = 0
    """Streams and flows that are served."""
    session_counters: dict[str, int] = {}
    egress: dict[str, float] = {}
    egress_codes: dict[str, dict[int, int]] = {}
    egress_lists: dict[str, list[int]] = {}

    def ended(self) -> Tally:
        """What is left of it when its process has ended: what only grows."""
        egress = {name: count for name, count in self.egress.items() if name not in _NOW}
        return Tally(0, 0, 0, 0, self.session_counters, egress, self.egress_codes, self.egress_lists)


def tally_of(
    sessions: int, lanes: int, open_sockets: int, tasks: int, counters: SessionCounters, egress: EgressCounters
) -> Tally:
    """The counts of this process."""
    numbers: dict[str, float] = {}
    codes: dict[str, dict[int, int]] = {}
    lists: dict[str, list[int]] = {}
    for name in EgressCounters.__slots__:
        match getattr(egress, name):
            case dict() as by_code:
                codes[name] = {int(code): count for code, count in by_code.items()}
            case list() as counts:
                lists[name] = list(counts)
            case number:
                numbers[name] = number
    named = {name: getattr(counters, name) for name in _SESSION_FIELDS}
    return Tally(sessions, lanes, open_sockets, tasks, named, numbers, codes, lists)


def put_sums(tallies: Iterable[Tally], counters: SessionCounters, egress: EgressCounters) -> None:
    """Sets the counters to what all tallies have together."""
    every = list(tallies)
    for name in _SESSION_FIELDS:
        setattr(counters, name, sum(tally.session_counters.get(name, 0) for tally in every))
    for name in EgressCounters.__slots__:
        match getattr(egress, name):
            case dict() as by_code:
                by_code.clear()
                for tally in every:
                    for code, count in tally.egress_codes.get(name, {}).items():
                        by_code[Code(code)] = by_code.get(Code(code), 0) + count
            case list() as counts:
                columns = [tally.egress_lists.get(name, [0] * len(counts)) for tally in every]
                counts[:] = [sum(column[index] for column in columns) for index in range(len(counts))]
            case float():
                setattr(egress, name, float(sum(tally.egress.get(name, 0.0) for tally in every)))
            case _:
                setattr(egress, name, int(sum(tally.egress.get(name, 0) for tally in every)))
