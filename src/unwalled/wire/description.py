"""A lane description: what WebRTC needs to know of one end, without SDP's freedom.

``parse_sdp`` reads the SDP that the own WebRTC stack made; ``build_sdp`` writes SDP for the own stack from a peer's
description, always by the same template. Nothing that a peer writes reaches a stack except values that match the
patterns below. docs/protocol/signalling.md is the specification (sections "Lane description" and "SDP template"),
tests/vectors/descriptions.json has examples for every implementation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from unwalled.errors import DescriptionError
from unwalled.settings import SIGNALLING

Role = Literal["offer", "answer"]

_ICE_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_ICE_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_SDP_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}")
_SCTP_INIT = re.compile(r"[A-Za-z0-9+/=]{1,256}")
_SDP_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_CANDIDATE = re.compile(
    r"(?P<foundation>[A-Za-z0-9+/]{1,32}) (?P<component>[1-9][0-9]{0,2}) (?P<transport>[A-Za-z0-9-]{1,16}) "
    r"(?P<priority>0|[1-9][0-9]{0,9}) (?P<address>[A-Za-z0-9.:-]{1,253}) (?P<port>0|[1-9][0-9]{0,4}) "
    r"typ (?P<type>host|srflx|prflx|relay)"
)
_IPV4 = re.compile(r"[0-9.]{7,15}")
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}")
_SETUPS = frozenset(("actpass", "active", "passive"))
_MAX_PRIORITY = (1 << 32) - 1
_MAX_MESSAGE = (1 << 31) - 1
_MIN_MESSAGE = 16384
_FIRST_PORT = 1024
_MAX_SDP_LINES = 256

_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/32",
        "2002::/16",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    )
)
"""The addresses that a description of an operator on the open internet may not name. The list stands in the
specification too, since the widget keeps the same one. 224.0.0.0/3 is multicast, reserved and broadcast; ::/96 and
the next three can hide an IPv4 address; fe80::/9 is link-local and the old site-local."""


class LaneDescription(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One end of a lane to be. Construction checks every field and raises DescriptionError.

    It can stand as a field of other msgspec structs: decoding then checks it, too. Candidates that are
    well-formed but of no use here (TCP, another component, a host name) are left out on construction.
    """

    ufrag: str
    pwd: str
    fingerprint: str
    """SHA-256 of the DTLS certificate, 64 lower-case hex digits."""
    setup: str
    candidates: tuple[str, ...]
    max_message: int
    """Bytes that the end takes in one message."""
    sctp_init: str = ""
    """Value of ``a=sctp-init``, or "" without one."""

    def __post_init__(self) -> None:
        _check(self.ufrag, _ICE_UFRAG, "The ICE user fragment is not one.")
        _check(self.pwd, _ICE_PWD, "The ICE password is not one.")
        _check(self.fingerprint, _FINGERPRINT, "The certificate fingerprint is not 64 hex digits.")
        if self.setup not in _SETUPS:
            raise DescriptionError("The DTLS role is not one.")
        if isinstance(self.max_message, bool) or not _MIN_MESSAGE <= self.max_message <= _MAX_MESSAGE:
            raise DescriptionError("The greatest message size is out of bounds.")
        if self.sctp_init:
            _check(self.sctp_init, _SCTP_INIT, "The SCTP parameters are not Base64.")
        if len(self.candidates) > SIGNALLING.max_candidates:
            raise DescriptionError("A description has too many candidates.")
        usable = (_usable_candidate(text, exact=True) for text in self.candidates)
        msgspec.structs.force_setattr(self, "candidates", tuple(text for text in usable if text is not None))

    def __repr__(self) -> str:
        return "LaneDescription(…)"

    @classmethod
    def from_dict(cls, value: Any) -> LaneDescription:
        """Checks a decoded JSON value. Unknown fields are ignored. Raises DescriptionError for all else."""
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError:
            raise DescriptionError("A description lacks a field or has one of the wrong type.") from None

    def to_dict(self) -> dict[str, Any]:
        """The JSON value; ``sctp_init`` is left out when there is none."""
        result: dict[str, Any] = msgspec.to_builtins(self)
        return {**result, "candidates": list(self.candidates)}

    def without_private_addresses(self) -> LaneDescription:
        """The same without candidates that no peer on the open internet has: private addresses, and ports of services.

        WebRTC takes its ports from 1024 on, and a NAT keeps them there (RFC 4787 section 4.2.1). Checks that go to
        another one (DNS, NTP, mail) would only serve who wants volunteers to send packets to somebody's server.
        """
        parts = ((text, text.split(" ")) for text in self.candidates)
        kept = tuple(text for text, part in parts if int(part[5]) >= _FIRST_PORT and not is_private_address(part[4]))
        return msgspec.structs.replace(self, candidates=kept)

    def check_role(self, role: Role) -> None:
        """Raises DescriptionError if this cannot be an offer, or an answer."""
        if (self.setup == "actpass") != (role == "offer"):
            raise DescriptionError(f"The DTLS role does not fit an {role}.")


def is_private_address(text: str) -> bool:
    """Whether an IP literal is in one of the ranges that the specification lists. Raises ValueError for no literal."""
    address = ipaddress.ip_address(text)
    return any(address in network for network in _PRIVATE if network.version == address.version)


def varies_ports(candidates: Iterable[str]) -> bool:
    """Whether a network gives its machine another port for each server that is asked for the outer address.

    ``candidates`` are those of one description, whose end asked two ports of one server. Candidates with equal
    foundations come from one address of the machine (RFC 8445 section 5.1.1.3): two of these may have one port each.
    """
    ports: dict[tuple[str, str], str] = {}
    for candidate in candidates:
        foundation, _, _, _, address, port, _, kind = candidate.split(" ")
        if kind == "srflx" and ports.setdefault((foundation, address), port) != port:
            return True
    return False


def parse_sdp(sdp: str) -> LaneDescription:
    """Reads the SDP of the own WebRTC stack: one data channel section, no media.

    Attributes count wherever they stand (Firefox has the fingerprint above the section). Of more than 24 usable
    candidates, those that are not ``host`` are kept first. Raises DescriptionError.
    """
    if len(sdp.encode("utf-8", "replace")) > SIGNALLING.max_sdp_bytes:
        raise DescriptionError("An SDP is too large.")
    lines = sdp.replace("\r\n", "\n").split("\n")
    if len(lines) > _MAX_SDP_LINES:
        raise DescriptionError("An SDP has too many lines.")
    sections = [line for line in lines if line.startswith("m=")]
    if lines[0] != "v=0" or len(sections) != 1 or not sections[0].startswith("m=application "):
        raise DescriptionError("An SDP is not that of a single data channel.")
    return _from_attributes(_attributes(lines), _candidates(lines))


def build_sdp(description: LaneDescription, role: Role) -> str:
    """SDP for the own WebRTC stack, as the peer's offer or answer. Raises DescriptionError for an unfit DTLS role."""
    description.check_role(role)
    digest = description.fingerprint.upper()
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:" + description.ufrag,
        "a=ice-pwd:" + description.pwd,
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(digest[at : at + 2] for at in range(0, 64, 2)),
        "a=setup:" + description.setup,
        "a=mid:0",
        "a=sctp-port:5000",
        f"a=max-message-size:{description.max_message}",
    ]
    if description.sctp_init:
        lines.append("a=sctp-init:" + description.sctp_init)
    lines.extend("a=candidate:" + candidate for candidate in description.candidates)
    return "\r\n".join(lines) + "\r\n"


def _check(value: str, pattern: re.Pattern[str], problem: str) -> None:
    if not pattern.fullmatch(value):
        raise DescriptionError(problem)


def _is_ip_literal(text: str) -> bool:
    if not (_IPV4.fullmatch(text) or _IPV6.fullmatch(text)):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _usable_candidate(text: str, *, exact: bool) -> str | None:
    """The canonical form of a candidate, or None if it is of a kind that lanes do not use.

    ``exact``: nothing may follow the type. Raises DescriptionError for what is no candidate at all.
    """
    match = _CANDIDATE.fullmatch(text) if exact else _CANDIDATE.match(text)
    if match is None or text[match.end() : match.end() + 1] not in ("", " "):
        raise DescriptionError("A candidate is malformed.")
    if int(match["priority"]) > _MAX_PRIORITY or int(match["port"]) > 65535:
        raise DescriptionError("A candidate's priority or port is out of bounds.")
    if match["component"] != "1" or match["transport"].lower() != "udp" or match["port"] == "0":
        return None
    if not _is_ip_literal(match["address"]):
        return None
    return f"{match['foundation']} 1 udp {match['priority']} {match['address']} {match['port']} typ {match['type']}"


_READ = ("ice-ufrag", "ice-pwd", "fingerprint", "setup", "max-message-size", "sctp-init")


def _attributes(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line[2:].partition(":")
        if not line.startswith("a=") or not colon or name not in _READ:
            continue
        if found.setdefault(name, value) != value:
            raise DescriptionError("An SDP gives an attribute twice.")
    return found


def _candidates(lines: list[str]) -> tuple[str, ...]:
    prefix = "a=candidate:"
    parsed = [_usable_candidate(line[len(prefix) :], exact=False) for line in lines if line.startswith(prefix)]
    usable = [text for text in parsed if text is not None]
    if len(usable) > SIGNALLING.max_candidates:
        usable.sort(key=lambda text: text.endswith(" host"))
    return tuple(usable[: SIGNALLING.max_candidates])


def _from_attributes(found: dict[str, str], candidates: tuple[str, ...]) -> LaneDescription:
    algorithm, _, digest = found.get("fingerprint", "").partition(" ")
    if algorithm.lower() != "sha-256" or not _SDP_FINGERPRINT.fullmatch(digest):
        raise DescriptionError("An SDP has no SHA-256 fingerprint.")
    size = found.get("max-message-size", "65536")
    if not _SDP_NUMBER.fullmatch(size):
        raise DescriptionError("The greatest message size is not a number.")
    return LaneDescription(
        ufrag=found.get("ice-ufrag", ""),
        pwd=found.get("ice-pwd", ""),
        fingerprint=digest.replace(":", "").lower(),
        setup=found.get("setup", ""),
        candidates=candidates,
        # RFC 8841 section 6: 0 means that any size is taken.
        max_message=min(int(size), _MAX_MESSAGE) or _MAX_MESSAGE,
        sctp_init=found.get("sctp-init", ""),
    )
