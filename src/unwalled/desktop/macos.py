"""macOS's proxy settings, which each network service (Wi-Fi, Ethernet …) has for itself.

Source: ``man networksetup``. Values are kept as ``on|127.0.0.1|1080``: a setting is one thing there, not three.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from unwalled.desktop.calls import Run
from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, Value, Values

_KINDS = {"web": "webproxy", "secure": "securewebproxy", "socks": "socksfirewallproxy"}
_PAC, _BYPASS = "pac", "bypass"
_LOCAL = "localhost\n127.0.0.0/8\n::1"
_FIELD = re.compile(r"^(Enabled|Server|Port|URL): ?(.*)$", re.MULTILINE)


class MacProxy:
    """See `ProxySettings`; one network service."""

    def __init__(self, run: Run, service: str) -> None:
        """``run`` calls programs."""
        self._run = run
        self._service = service
        self.name = f"macos {service}"
        self.groups: Sequence[Sequence[str]] = ((_PAC,), *((kind,) for kind in _KINDS))
        self.switches: Mapping[str, Sequence[str]] = {_BYPASS: ()}

    @classmethod
    def all_services(cls, run: Run) -> list[MacProxy]:
        """One for each service that is switched on. Raises ProxySettingFailed."""
        # The first line explains the star before those that are switched off.
        lines = run(["networksetup", "-listallnetworkservices"]).splitlines()[1:]
        return [cls(run, line) for line in lines if line and not line.startswith("*")]

    def read(self) -> Values:
        """See `ProxySettings`."""
        values: Values = {}
        for kind, command in _KINDS.items():
            found = self._fields(f"-get{command}")
            values[kind] = f"{_on(found)}|{found.get('Server', '')}|{found.get('Port', '0')}"
        found = self._fields("-getautoproxyurl")
        url = found.get("URL", "")
        values[_PAC] = f"{_on(found)}|{'' if url == '(null)' else url}"
        bypassed = self._ask("-getproxybypassdomains").strip()
        values[_BYPASS] = "" if "aren't any" in bypassed else bypassed
        return values

    def wanted(self, wish: ProxyWish) -> Values:
        """See `ProxySettings`."""
        values: Values = dict.fromkeys(_KINDS, f"on|{wish.host}|{wish.port}")
        return values | {_PAC: "off|", _BYPASS: _LOCAL}

    def write(self, values: Mapping[str, Value]) -> None:
        """See `ProxySettings`."""
        for key, value in values.items():
            text = str(value)
            if key == _BYPASS:
                self._ask("-setproxybypassdomains", *(text.split("\n") if text else ["Empty"]))
            elif key == _PAC:
                state, _, url = text.partition("|")
                # Without an address only its being off can be set.
                if url:
                    self._ask("-setautoproxyurl", url)
                self._ask("-setautoproxystate", state)
            else:
                state, host, port = text.split("|")
                self._ask(f"-set{_KINDS[key]}", host, port)
                # To set an address switches it on.
                self._ask(f"-set{_KINDS[key]}state", state)

    def _ask(self, command: str, *words: str) -> str:
        answer = self._run(["networksetup", command, self._service, *words])
        if answer.startswith("** Error"):
            raise ProxySettingFailed(
                f"macOS does not let the proxy of {self._service} be read or changed.",
                "An administrator of this computer can; or use `unwalled browse`.",
            )
        return answer

    def _fields(self, command: str) -> dict[str, str]:
        return dict(_FIELD.findall(self._ask(command)))


def _on(fields: Mapping[str, str]) -> str:
    return "on" if fields.get("Enabled") == "Yes" else "off"
