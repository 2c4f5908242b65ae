"""What ``unwalled operate`` is told, from a file and from the command line, and everything that is wrong with it.

    file (TOML) ─► read_config ─┐
                                ├─► build ─► OperatorOptions, or all the errors, each with its place
    command line ───────────────┘   (the command line wins)

A key of the file is the option of that name without its dashes. So one table says what there is: OPTIONS.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import DRAIN, OPERATOR
from unwalled.operator.options import (
    DEFAULT_LISTEN,
    EVERY_ADDRESS_TLS,
    EVERY_ROLE,
    LOOPBACK,
    CertificateFiles,
    IPNetwork,
    ListenAddress,
    OperatorOptions,
    PublicUrl,
    Role,
    check_admin_from,
    check_contact,
    check_drain,
    check_proxies,
    check_roles,
    check_sites,
    check_sources,
    check_stun,
    check_stun_listen,
    check_swarms,
    check_workers,
    domain_url,
)
from unwalled.operator.tomlplaces import TomlPath, places_of

T = TypeVar("T")

NOWHERE: tuple[tuple[IPNetwork, ...], bool] = ((), False)
DEFAULT_DATA = Path("unwalled-data")
_PAGE = "docs/reference/configuration.md"


class Kind(Enum):
    """What a value has to be, and how a person is told."""

    TEXT = "Write it in quotes."
    PATH = "Write the path in quotes."
    FLAG = "Write true or false, without quotes."
    COUNT = "Write a whole number, without quotes."
    TEXTS = 'Write a list of texts: ["…", "…"].'


OPTIONS: Mapping[str, Kind] = {
    "listen": Kind.TEXT,
    "domain": Kind.TEXT,
    "public-url": Kind.TEXT,
    "cert": Kind.PATH,
    "key": Kind.PATH,
    "data": Kind.PATH,
    "policy": Kind.PATH,
    "only-my-sites": Kind.TEXTS,
    "contact": Kind.TEXT,
    "stun-listen": Kind.TEXTS,
    "stun": Kind.TEXTS,
    "trusted-proxy": Kind.TEXTS,
    "egress-bind": Kind.TEXTS,
    "countries": Kind.PATH,
    "allow-private": Kind.FLAG,
    "trace": Kind.PATH,
    "admin-from": Kind.TEXTS,
    "redis-file": Kind.PATH,
    "drain": Kind.TEXT,
    "gateway-workers": Kind.COUNT,
    "private-swarms": Kind.TEXT,
    "roles": Kind.TEXTS,
}
"""Every option, in the order of the documentation."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and where it was given: ``the file FILE, line 3``; "" = on the command line."""

    value: Any
    place: str = ""


class ConfigurationErrors(ConfigurationError):
    """Several things are wrong; ``all`` has them. As one error it is the first of them."""

    def __init__(self, errors: Sequence[ConfigurationError]) -> None:
        super().__init__(errors[0].cause, errors[0].remedy)
        self.all = tuple(errors)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says: its usable values, and what is wrong with others."""

    given: Mapping[str, Given]
    errors: tuple[ConfigurationError, ...] = ()


def read_config(path: Path) -> ConfigFile:
    """Reads a file. Raises ConfigurationError when it cannot be read or is no TOML at all."""
    try:
        with path.open("rb") as file:
            raw = file.read(OPERATOR.config_file_bytes + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}).", "Check the path and its permissions."
        ) from None
    if len(raw) > OPERATOR.config_file_bytes:
        raise ConfigurationError(f"{path} is larger than {OPERATOR.config_file_bytes} bytes.", f"See {_PAGE}.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}, line {line}: This is not UTF-8.", "Save the file as UTF-8.") from None
    return parse_config(text, str(path), path.parent)


def parse_config(text: str, name: str, folder: Path) -> ConfigFile:
    """Like read_config, from the file's text. ``name`` stands in errors; paths begin at ``folder``."""
    try:
        # With an end of line the library names the last line, too, instead of "the end of the document".
        document = tomllib.loads(text + "\n")
        places = places_of(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        # The library's message ends with the line and column.
        raise ConfigurationError(
            f"{name} is not TOML: {error}.", f"Each line is KEY = VALUE, texts in quotes. See {_PAGE}."
        ) from None
    except RecursionError:
        raise ConfigurationError(f"{name} is nested too deeply.", f"See {_PAGE}.") from None
    given: dict[str, Given] = {}
    errors: list[ConfigurationError] = []
    for key, value in document.items():
        wrong = _what_is_wrong(key, value, places)
        if wrong is None:
            given[key] = Given(folder / value if OPTIONS[key] is Kind.PATH else value, _place(name, places, (key,)))
        else:
            where, cause, remedy = wrong
            errors.append(ConfigurationError(f"{_place(name, places, where)}: {cause}", remedy))
    return ConfigFile(given, tuple(errors))


def _place(name: str, places: Mapping[TomlPath, int], path: TomlPath) -> str:
    return f"{name}, line {places[path]}"


def _what_is_wrong(key: str, value: object, places: Mapping[TomlPath, int]) -> tuple[TomlPath, str, str] | None:
    """Where, cause and remedy for a key that is unknown or has a value of the wrong kind."""
    kind = OPTIONS.get(key)
    if kind is None:
        near = difflib.get_close_matches(key.replace("_", "-").lower(), OPTIONS, 1)
        remedy = f"Did you mean {near[0]}?" if near else f"The keys are {', '.join(OPTIONS)}."
        if key == "sites" or (isinstance(value, dict) and not near):
            remedy = "Sections belong into the file of --policy; here each line is KEY = VALUE."
        return (key,), f"{key} is unknown.", remedy
    match kind, value:
        case (Kind.TEXT | Kind.PATH, str()) | (Kind.FLAG, bool()):
            if value == "":
                return (key,), f"{key} is empty.", "Leave the line out if there is nothing to say."
            if kind is Kind.PATH and "\0" in str(value):
                return (key,), f"{key} holds a zero character, which no path has.", "Write the path anew."
            return None
        case Kind.COUNT, int() if not isinstance(value, bool):
            return None
        case Kind.TEXTS, list():
            for number, item in enumerate(value):
                if not isinstance(item, str):
                    return (key, number), f"{key} must hold only texts.", kind.value
            return None
        case _:
            return (key,), f"{key} has a value of the wrong kind.", kind.value


def build(given: Mapping[str, Given]) -> OperatorOptions:
    """The options. Raises ConfigurationErrors with everything that is wrong, in the order of OPTIONS."""
    return _Builder(given).build()


class _Builder:
    """Takes one option after the other and collects what is wrong."""

    def __init__(self, given: Mapping[str, Given]) -> None:
        self._given = given
        self._errors: list[ConfigurationError] = []

    def build(self) -> OperatorOptions:
        url = self._public_url()
        certificate = self._certificate()
        default_listen = EVERY_ADDRESS_TLS if certificate is not None else ListenAddress.parse(DEFAULT_LISTEN)
        listen = self._take("listen", ListenAddress.parse, default_listen)
        stun = self._take("stun", check_stun, tuple[str, ...]())
        roles = self._take("roles", check_roles, EVERY_ROLE)
        admin_networks, is_admin_within = self._take("admin-from", check_admin_from, NOWHERE)
        options = OperatorOptions(
            listen=listen,
            public_url=url,
            data=self._take("data", Path, DEFAULT_DATA),
            policy=self._take("policy", Path, None),
            only_my_sites=self._take("only-my-sites", check_sites, ()),
            contact=self._take("contact", check_contact, ""),
            stun_listen=self._take(
                "stun-listen",
                lambda texts: check_stun_listen(texts or ["off"], url, stun),
                check_stun_listen((), url, stun) if Role.BROKER in roles else (),
            ),
            stun=stun,
            trusted_proxies=self._take("trusted-proxy", check_proxies, self._default_proxies(certificate)),
            sources=self._take("egress-bind", check_sources, ()),
            countries=self._take("countries", Path, None),
            certificate=certificate,
            allow_private=self._take("allow-private", bool, False),
            trace=self._take("trace", Path, None),
            admin_from=admin_networks,
            is_admin_within=is_admin_within,
            redis_file=self._take("redis-file", Path, None),
            drain_s=self._take("drain", check_drain, DRAIN.drain_s if roles != EVERY_ROLE else 0.0),
            roles=roles,
            gateway_workers=self._take("gateway-workers", lambda count: check_workers(count, certificate), 1),
            private_swarms=self._take("private-swarms", check_swarms, "auto"),
        )
        if url is None and not self._errors:
            # On all addresses it listens where that was said, or by itself with a certificate.
            self._take("listen" if "listen" in self._given else "cert", lambda _: options.reached_at, None)
        if self._errors:
            raise ConfigurationErrors(self._errors)
        return options

    def _public_url(self) -> PublicUrl | None:
        domain = self._take("domain", domain_url, None)
        url = self._take("public-url", PublicUrl.parse, None)
        if "domain" in self._given and "public-url" in self._given:
            self._blame(
                "domain", "There are a domain and a public URL.", "Give one of both; a domain is https://DOMAIN."
            )
        return domain or url

    def _certificate(self) -> CertificateFiles | None:
        certificate = self._take("cert", Path, None)
        key = self._take("key", Path, None)
        if certificate is None:
            if key is not None:
                self._blame("key", "There is a key without a certificate.", "Give the certificate's file as cert.")
            return None
        return CertificateFiles(certificate, key if key is not None else certificate)

    def _default_proxies(self, certificate: CertificateFiles | None) -> tuple[IPNetwork, ...]:
        """Who has a domain and no certificate has a web server before it, as the how-to shows it."""
        return check_proxies(LOOPBACK) if "domain" in self._given and certificate is None else ()

    def _blame(self, name: str, cause: str, remedy: str) -> None:
        self._errors.append(_placed(self._given[name].place, name, ConfigurationError(cause, remedy)))

    def _take(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        given = self._given.get(name)
        if given is None:
            return default
        try:
            return parse(given.value)
        except ConfigurationError as error:
            self._errors.append(_placed(given.place, name, error))
            return default


def _placed(place: str, name: str, error: ConfigurationError) -> ConfigurationError:
    return ConfigurationError(f"{place}: {name}: {error.cause}", error.remedy) if place else error
