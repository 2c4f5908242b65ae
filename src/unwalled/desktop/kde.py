"""KDE's proxy setting: the file ``kioslaverc``, by KDE's own programs, so that its locks and layers count.

Source: KIO's ``kprotocolmanager.cpp`` (groups, keys, types) and ``kreadconfig6 --help``. Addresses there are written as
``http://127.0.0.1 1080``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unwalled.desktop.calls import Run
from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, Value, Values, in_order

_MANUAL = "1"
_KEYS = ("httpProxy", "httpsProxy", "ftpProxy", "socksProxy", "Proxy Config Script")
_GROUPS = tuple((key,) for key in _KEYS)
_SWITCHES: Mapping[str, Sequence[str]] = {"NoProxyFor": (), "ReversedException": ("NoProxyFor",), "ProxyType": _KEYS}
_UNSET = "unwalled-none"


class KdeProxy:
    """See `ProxySettings`."""

    name = "kde"
    groups: Sequence[Sequence[str]] = _GROUPS
    switches = _SWITCHES

    def __init__(self, run: Run) -> None:
        """``run`` calls programs."""
        self._run = run
        self._version = ""

    def is_here(self) -> bool:
        """Whether KDE's programs for settings are there."""
        for version in ("6", "5"):
            try:
                self._run([f"kreadconfig{version}", "--file", "kioslaverc", "--group", "x", "--key", "x"])
            except ProxySettingFailed:
                continue
            self._version = version
            return True
        return False

    def read(self) -> Values:
        """See `ProxySettings`."""
        return {key: self._get(key) for key in (*_KEYS, *_SWITCHES)}

    def wanted(self, wish: ProxyWish) -> Values:
        """See `ProxySettings`."""
        http = f"http://{wish.host} {wish.port}"
        return {
            "httpProxy": http,
            "httpsProxy": http,
            "ftpProxy": http,
            "socksProxy": f"socks://{wish.host} {wish.port}",
            "Proxy Config Script": None,
            "NoProxyFor": "localhost,127.0.0.0/8,::1",
            "ReversedException": "false",
            "ProxyType": _MANUAL,
        }

    def write(self, values: Mapping[str, Value]) -> None:
        """See `ProxySettings`."""
        for key, value in in_order(self, values):
            what = ["--delete", ""] if value is None else [str(value)]
            self._run([f"kwriteconfig{self._version}", *_place(key), *what])
        announcement = ["--type=signal", "/KIO/Scheduler", "org.kde.KIO.Scheduler.reparseSlaveConfiguration"]
        try:
            self._run(["dbus-send", *announcement, "string:"])
        except ProxySettingFailed:
            # Programs that run now read it at their next start.
            pass

    def _get(self, key: str) -> str | None:
        found = self._run([f"kreadconfig{self._version}", *_place(key), "--default", _UNSET]).rstrip("\n")
        return None if found == _UNSET else found


def _place(key: str) -> tuple[str, ...]:
    return ("--file", "kioslaverc", "--group", "Proxy Settings", "--key", key)
