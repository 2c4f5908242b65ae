"""The operator's policy file: TOML in, EgressPolicy out, and errors that say which line to mend."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from unwalled.errors import ConfigurationError
from unwalled.gateway.policy import DEFAULT_DENIED_PORTS, EgressLimits, EgressPolicy, PortRange, SiteList, site_list
from unwalled.settings import GATEWAY

_KEYS: dict[str, tuple[str, ...]] = {
    "sites": ("mode", "allow", "deny"),
    "ports": ("allow", "deny", "udp"),
    "addresses": ("allow", "own"),
    "limits": ("streams", "bytes_per_second", "total_bytes", "idle_seconds", "connects_per_minute"),
}
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


def load_policy(path: Path, *, allow_private: bool = False) -> EgressPolicy:
    """Reads and checks the file. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            raw = file.read(GATEWAY.policy_file_bytes + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The policy file {path} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error
    if len(raw) > GATEWAY.policy_file_bytes:
        raise ConfigurationError(
            f"The policy file {path} is larger than {GATEWAY.policy_file_bytes} bytes.", "Shorten its lists."
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"The policy file {path}, line {line}, is not UTF-8.", "Save it as UTF-8.") from None
    return parse_policy(text, str(path), allow_private=allow_private)


def parse_policy(text: str, name: str = "policy", *, allow_private: bool = False) -> EgressPolicy:
    """Like load_policy, from the file's text; ``name`` stands in the errors."""
    return _Parser(text, name).policy(allow_private)


class _Parser:
    """One file being read; knows enough of its text to name a line."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    def policy(self, allow_private: bool) -> EgressPolicy:
        try:
            document = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            # The library's message ends with the line and column.
            raise ConfigurationError(
                f"The policy file {self._name} is not TOML: {error}.", "See docs/reference/policy-file.md."
            ) from None
        except RecursionError:
            raise ConfigurationError(f"The policy file {self._name} is nested too deeply.") from None
        for section, content in document.items():
            if section not in _KEYS:
                self._fail(section, None, "is not a section", f"The sections are {', '.join(_KEYS)}.")
            if not isinstance(content, dict):
                self._fail(section, None, "must be a section", f"Write [{section}] on a line of its own.")
            for key in content:
                if key not in _KEYS[section]:
                    self._fail(section, key, "is unknown", f"In [{section}] there are {', '.join(_KEYS[section])}.")
        mode = self._get(document, "sites", "mode", "open")
        if mode not in ("open", "publisher"):
            self._fail("sites", "mode", "is wrong", 'Write "open" or "publisher".')
        udp = self._get(document, "ports", "udp", True)
        if not isinstance(udp, bool):
            self._fail("ports", "udp", "is wrong", "Write true or false.")
        allow = self._sites(document, "sites", "allow")
        if mode == "open" and "allow" in document.get("sites", {}):
            self._fail("sites", "allow", "has no effect while mode is open", 'Write mode = "publisher".')
        return EgressPolicy(
            publisher=mode == "publisher",
            allow=allow,
            deny=self._sites(document, "sites", "deny"),
            allowed_ports=self._ports(document, "allow", ((1, 65535),)),
            denied_ports=self._ports(document, "deny", DEFAULT_DENIED_PORTS),
            datagrams=udp,
            exceptions=self._sites(document, "addresses", "allow", names=False),
            own=self._sites(document, "addresses", "own", names=False),
            allow_private=allow_private,
            limits=self._limits(document),
        )

    def _get(self, document: dict[str, Any], section: str, key: str, default: Any) -> Any:
        return document.get(section, {}).get(key, default)

    def _list(self, document: dict[str, Any], section: str, key: str) -> list[Any] | None:
        value = self._get(document, section, key, None)
        if value is None:
            return None
        if not isinstance(value, list):
            self._fail(section, key, "must be a list", f'Write {key} = ["…", "…"].')
        return value

    def _sites(self, document: dict[str, Any], section: str, key: str, *, names: bool = True) -> SiteList:
        value = self._list(document, section, key) or []
        for item in value:
            if not isinstance(item, str):
                self._fail(section, key, "must hold only strings", "Put each entry in quotes.")
        sites = SiteList()
        try:
            sites = site_list(value)
        except ValueError:
            self._blame_entry(section, key, value)
        if not names and (sites.exact or sites.below):
            self._fail(section, key, "must hold only addresses and networks", "A name could point anywhere.")
        return sites

    def _blame_entry(self, section: str, key: str, entries: list[str]) -> None:
        for entry in entries:
            try:
                site_list((entry,))
            except ValueError as error:
                self._fail(section, key, f"is wrong: {error}"[:-1], "", near=entry)

    def _ports(self, document: dict[str, Any], key: str, default: tuple[PortRange, ...]) -> tuple[PortRange, ...]:
        value = self._list(document, "ports", key)
        if value is None:
            return default
        ranges = []
        for item in value:
            low, high = 0, 0
            if isinstance(item, int) and not isinstance(item, bool):
                low = high = item
            elif isinstance(item, str) and (match := _RANGE.fullmatch(item)):
                low, high = int(match[1]), int(match[2])
            if not 1 <= low <= high <= 65535:
                self._fail(
                    "ports", key, f"has a wrong entry {item!r}", 'Write 443 or "8000-8100", between 1 and 65535.'
                )
            ranges.append((low, high))
        return tuple(ranges)

    def _limits(self, document: dict[str, Any]) -> EgressLimits:
        given: dict[str, Any] = document.get("limits", {})
        for key, value in given.items():
            # TOML has nan and inf as floats; no limit can be one.
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
                self._fail("limits", key, "is wrong", "Write a whole number; 0 means no limit.")
        return EgressLimits(**given)

    def _fail(self, section: str, key: str | None, what: str, remedy: str, near: str | None = None) -> NoReturn:
        thing = f"[{section}]" if key is None else f"{key} in [{section}]"
        line = self._line_of(section, key, near)
        place = f"The policy file {self._name}" + (f", line {line}" if line else "")
        raise ConfigurationError(f"{place}: {thing} {what}.", remedy)

    def _line_of(self, section: str, key: str | None, near: str | None) -> int | None:
        """The line of a key, or of an entry below it. A guess from the text, since the parser keeps no places."""
        head = re.compile(rf"\s*\[\s*\"?{re.escape(section)}\"?\s*\]")
        name = re.compile(rf"\s*(?:{re.escape(section)}\s*\.\s*)?\"?{re.escape(key or section)}\"?\s*[=.]")
        inside, found = False, None
        for number, line in enumerate(self._text.splitlines(), 1):
            if line.lstrip().startswith("["):
                inside = head.match(line) is not None or (inside and found is not None)
                if inside and key is None:
                    return number
            if found is None and name.match(line) and (inside or key is None or "." in line.partition("=")[0]):
                found = number
                if near is None:
                    return found
            if found is not None and near is not None and near in line:
                return number
        return found
