"""The operator's policy file: TOML in, EgressPolicy out, and errors that say which line to mend."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from unwalled.errors import ConfigurationError
from unwalled.gateway.bounds import POLICY
from unwalled.gateway.policy import (
    DEFAULT_DENIED_PORTS,
    EgressLimits,
    EgressPolicy,
    GatewayCeiling,
    PortRange,
    SiteList,
    site_list,
)
from unwalled.settings import GATEWAY

_KEYS: dict[str, tuple[str, ...]] = {
    "sites": ("mode", "allow", "deny"),
    "ports": ("allow", "deny", "udp"),
    "addresses": ("allow", "own"),
    "limits": ("streams", "bytes_per_second", "total_bytes", "idle_seconds", "connects_per_minute"),
    "gateway": ("bytes_per_second", "bytes_per_day", "bytes_per_month", "month_begins", "connections"),
}
_CATEGORIES = "categories"
_CATEGORY = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_SECTIONS = (*_KEYS, _CATEGORIES)
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """What a policy file says, before the lists that it names are read."""

    policy: EgressPolicy
    categories: Mapping[str, tuple[str, ...]]
    """The files of each category, as they were written."""
    has_ports: bool
    """Whether it says itself which ports are allowed."""


def read_policy(path: Path, *, allow_private: bool = False) -> PolicyFile:
    """Reads and checks the file alone. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            raw = file.read(GATEWAY.policy_file_bytes + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The policy file {path} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error
    if len(raw) > GATEWAY.policy_file_bytes:
        raise ConfigurationError(
            f"The policy file {path} is larger than {GATEWAY.policy_file_bytes} bytes.",
            "Put long lists of hosts into files of their own, under [categories].",
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"The policy file {path}, line {line}, is not UTF-8.", "Save it as UTF-8.") from None
    return _Parser(text, str(path)).file(allow_private)


def parse_policy(text: str, name: str = "policy", *, allow_private: bool = False) -> EgressPolicy:
    """A policy from the file's text, without categories; ``name`` stands in the errors."""
    return _Parser(text, name).file(allow_private).policy


class _Parser:
    """One file being read; knows enough of its text to name a line."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    def file(self, allow_private: bool) -> PolicyFile:
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
            if section not in _SECTIONS:
                self._fail(section, None, "is not a section", f"The sections are {', '.join(_SECTIONS)}.")
            if not isinstance(content, dict):
                self._fail(section, None, "must be a section", f"Write [{section}] on a line of its own.")
            if section == _CATEGORIES:
                continue
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
        policy = EgressPolicy(
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
            ceiling=self._ceiling(document),
        )
        return PolicyFile(policy, self._categories(document), "allow" in document.get("ports", {}))

    def _categories(self, document: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        section: dict[str, Any] = document.get(_CATEGORIES, {})
        if len(section) > POLICY.categories:
            self._fail(_CATEGORIES, None, f"has more than {POLICY.categories} categories", "Join some of them.")
        for name, files in section.items():
            if _CATEGORY.fullmatch(name) is None:
                self._fail(_CATEGORIES, name, "is no name of a category", "Use small letters, digits, - and _.")
            if not isinstance(files, list) or not all(isinstance(file, str) and file for file in files):
                self._fail(_CATEGORIES, name, "must be a list of files", f'Write {name} = ["lists/{name}.txt"].')
            if len(files) > POLICY.category_files:
                self._fail(_CATEGORIES, name, f"has more than {POLICY.category_files} files", "Join some of them.")
        return {name: tuple(files) for name, files in section.items()}

    def _ceiling(self, document: dict[str, Any]) -> GatewayCeiling:
        values: dict[str, int] = {}
        for key, value in document.get("gateway", {}).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                self._fail("gateway", key, "must be a whole number, at least 0", "0 means no limit.")
            if key == "month_begins" and not 1 <= value <= 28:
                self._fail("gateway", key, "must be a day from 1 to 28", "Every month has these.")
            values[key] = value
        return GatewayCeiling(**values)

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
