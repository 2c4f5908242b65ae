"""GNOME's proxy setting, and that of the desktops that share it (Cinnamon, MATE, Budgie, Unity, Xfce's and KDE's GTK).

Source: the schema ``org.gnome.system.proxy`` of gsettings-desktop-schemas. Asked by the program ``gsettings``, which
comes with every such desktop: values stay texts in GVariant's form, as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unwalled.desktop.calls import Run
from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, Value, Values, in_order

_SCHEMA = "org.gnome.system.proxy"
_LOCAL = "['localhost', '127.0.0.0/8', '::1']"
"""This computer's own services, such as our panel, are reached as they always are."""
_PROXIES = tuple((f"{kind} host", f"{kind} port") for kind in ("http", "https", "ftp", "socks"))
_GROUPS = (*_PROXIES, ("autoconfig-url",))
_KEYS = tuple(key for group in _GROUPS for key in group)
_SWITCHES: Mapping[str, Sequence[str]] = {"ignore-hosts": (), "mode": _KEYS}


class GnomeProxy:
    """See `ProxySettings`."""

    name = "gnome"
    groups: Sequence[Sequence[str]] = _GROUPS
    switches = _SWITCHES

    def __init__(self, run: Run) -> None:
        """``run`` calls programs."""
        self._run = run

    def is_here(self) -> bool:
        """Whether this desktop has such a setting."""
        try:
            return _SCHEMA in self._run(["gsettings", "list-schemas"]).split()
        except ProxySettingFailed:
            return False

    def read(self) -> Values:
        """See `ProxySettings`."""
        found: dict[str, str] = {}
        for line in self._run(["gsettings", "list-recursively", _SCHEMA]).splitlines():
            schema, _, rest = line.partition(" ")
            name, _, value = rest.partition(" ")
            kind = schema.removeprefix(_SCHEMA).removeprefix(".")
            found[f"{kind} {name}".strip()] = value
        return {key: found.get(key) for key in (*_KEYS, *_SWITCHES)}

    def wanted(self, wish: ProxyWish) -> Values:
        """See `ProxySettings`. All kinds go to the one port; a program takes the kind that it speaks."""
        values: Values = {}
        for host, port in _PROXIES:
            values |= {host: f"'{wish.host}'", port: str(wish.port)}
        return values | {"autoconfig-url": "''", "ignore-hosts": _LOCAL, "mode": "'manual'"}

    def write(self, values: Mapping[str, Value]) -> None:
        """See `ProxySettings`."""
        if self._run(["gsettings", "writable", *_place("mode")]).strip() != "true":
            raise ProxySettingFailed(
                "Whoever manages this computer does not let its proxy setting be changed.",
                "Use `unwalled browse`, or set the proxy in your programs.",
            )
        for key, value in in_order(self, values):
            self._set(key, value)

    def _get(self, key: str) -> str:
        return self._run(["gsettings", "get", *_place(key)]).strip()

    def _set(self, key: str, value: Value) -> None:
        # A value that is the system's own is not written down as a person's.
        self._run(["gsettings", "reset", *_place(key)])
        if value is not None and self._get(key) != value:
            self._run(["gsettings", "set", *_place(key), str(value)])


def _place(key: str) -> tuple[str, str]:
    kind, _, name = key.rpartition(" ")
    return (f"{_SCHEMA}.{kind}" if kind else _SCHEMA, name)
