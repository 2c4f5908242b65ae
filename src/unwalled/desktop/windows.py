"""Windows' proxy setting, in the registry of the user, and the call that tells running programs of a change.

Source: WinINet, ``InternetSetOption`` with INTERNET_OPTION_SETTINGS_CHANGED and INTERNET_OPTION_REFRESH, and the values
of ``Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, Value, Values, in_order

INTERNET_SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_SETTINGS_CHANGED, _REFRESH = 39, 37
_SWITCHES: Mapping[str, Sequence[str]] = {"ProxyOverride": (), "ProxyEnable": ("ProxyServer",)}
_KEYS = ("ProxyServer", "AutoConfigURL", *_SWITCHES)


class Registry(Protocol):
    """A key of the user's registry."""

    def get(self, name: str) -> Value:
        """A value, or None. Raises OSError."""

    def put(self, name: str, value: Value) -> None:
        """Sets a value, or removes it. Raises OSError."""

    def announce(self) -> None:
        """Tells running programs."""


class WindowsProxy:
    """See `ProxySettings`."""

    name = "windows"
    groups: Sequence[Sequence[str]] = (("ProxyServer",), ("AutoConfigURL",))
    switches = _SWITCHES

    def __init__(self, registry: Registry) -> None:
        """``registry``: the key of the Internet settings."""
        self._registry = registry

    def read(self) -> Values:
        """See `ProxySettings`."""
        try:
            return {key: self._registry.get(key) for key in _KEYS}
        except OSError as error:
            raise _failed(error) from None

    def wanted(self, wish: ProxyWish) -> Values:
        """See `ProxySettings`."""
        return {
            "ProxyServer": f"{wish.host}:{wish.port}",
            "ProxyOverride": "localhost;127.*;[::1]",
            "AutoConfigURL": None,
            "ProxyEnable": 1,
        }

    def write(self, values: Mapping[str, Value]) -> None:
        """See `ProxySettings`."""
        try:
            for key, value in in_order(self, values):
                self._registry.put(key, value)
        except OSError as error:
            raise _failed(error) from None
        self._registry.announce()


def _failed(error: OSError) -> ProxySettingFailed:
    return ProxySettingFailed(
        f"Windows does not let its proxy setting be read or changed ({error.strerror}).",
        "Use `unwalled browse`, or set the proxy in your programs.",
    )


if sys.platform == "win32":  # pragma: no cover
    import ctypes
    import winreg

    class UserRegistry:
        """See `Registry`; below HKEY_CURRENT_USER."""

        def __init__(self, key: str) -> None:
            """``key``: its path."""
            self._key = key

        def get(self, name: str) -> Value:
            """See `Registry`."""
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, self._key) as opened:
                try:
                    value, _ = winreg.QueryValueEx(opened, name)
                except FileNotFoundError:
                    return None
            return value if isinstance(value, str | int) else None

        def put(self, name: str, value: Value) -> None:
            """See `Registry`."""
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, self._key) as opened:
                if value is None:
                    try:
                        winreg.DeleteValue(opened, name)
                    except FileNotFoundError:
                        pass
                else:
                    kind = winreg.REG_DWORD if isinstance(value, int) else winreg.REG_SZ
                    winreg.SetValueEx(opened, name, 0, kind, value)

        def announce(self) -> None:
            """See `Registry`."""
            for option in (_SETTINGS_CHANGED, _REFRESH):
                ctypes.windll.wininet.InternetSetOptionW(0, option, 0, 0)
