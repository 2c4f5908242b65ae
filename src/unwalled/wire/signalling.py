"""The messages between reader, broker and bridge (docs/protocol/signalling.md): bytes in, checked values out.

Every ``decode`` raises SignallingError for anything that the specification does not allow, and ignores unknown
fields. Lane descriptions inside are read by wire/description.py. Sizes are bounded by whoever reads the bytes.

=====================  ==========================================  =============================
hop                    values                                      read with
=====================  ==========================================  =============================
reader → broker        MatchRequest                                MatchRequest.decode
broker → reader        MatchReply                                  MatchReply.decode
operator → bridge      BridgeConfig                                BridgeConfig.decode
bridge → broker        Hello, Answers, Capacity                    decode_from_bridge
broker → bridge        Ready, Match, Cancel, Refused               decode_from_broker
=====================  ==========================================  =============================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from unwalled.errors import DescriptionError, SignallingError
from unwalled.settings import SIGNALLING
from unwalled.wire import b64
from unwalled.wire.description import LaneDescription, Role

VERSION: Literal[1] = 1
_REPLY_KEY_BYTES = 32
_TOKEN_BYTES = 28
_BUNDLE_HASH_BYTES = 8
_SWARM_BYTES = 16
READER_BYTES = 16
MAX_GATEWAYS = 16
"""Addresses of gateways that a bridge is told. Any number of processes may share one."""
_MAX_BUNDLE_CHARS = 16 * 1024
_MAX_RETRY_S = 86_400.0
_MAX_TIME_S = 253_402_300_799
"""The end of the year 9999, past which a date cannot be shown."""

_S = TypeVar("_S", bound=msgspec.Struct)
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
NameOrNone = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")]
_CountryOrNone = Annotated[str, msgspec.Meta(pattern=r"^(?:[A-Z]{2})?\Z")]
_Url = Annotated[str, msgspec.Meta(min_length=1, max_length=SIGNALLING.max_url_chars)]
_Index = Annotated[int, msgspec.Meta(ge=0, lt=SIGNALLING.max_offers)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=SIGNALLING.max_lane_count)]
_SaltOrNone = Annotated[str, msgspec.Meta(pattern=r"^(?:[A-Za-z0-9_-]{22})?\Z")]
_InviteOrNone = Annotated[str, msgspec.Meta(max_length=SIGNALLING.max_invite_chars)]
_Chars = Annotated[str, msgspec.Meta(max_length=128)]


class Nat(StrEnum):
    """How an end's NAT treats packets from strangers; two restricted ends cannot meet."""

    UNRESTRICTED = "unrestricted"
    RESTRICTED = "restricted"
    UNKNOWN = "unknown"


class Client(StrEnum):
    """What kind of bridge it is."""

    PAGE = "page"
    HEADLESS = "headless"


class Verdict(StrEnum):
    """How a bridge did: it carried bytes, it fell silent, or it broke the protocol."""

    GOOD = "good"
    DEAD = "dead"
    BAD = "bad"


class Status(StrEnum):
    """What a sealed reply says."""

    OK = "ok"
    NO_BRIDGE = "no_bridge"
    LIMITED = "limited"
    EXPIRED = "expired"
    REFUSED = "refused"


class Why(StrEnum):
    """What is behind a status. A word that a reader does not know reads as UNSAID."""

    UNSAID = ""
    SHARE = "share"
    """With ``limited``: the invite has used up its share of today."""


class Refusal(StrEnum):
    """Why a bridge does not answer an offer."""

    BUSY = "busy"
    GATEWAY = "gateway"
    DESCRIPTION = "description"
    FAILED = "failed"


class ErrorCode(StrEnum):
    """Why the broker closes a bridge's connection."""

    MALFORMED = "malformed"
    VERSION = "version"
    FULL = "full"
    LIMITED = "limited"
    SWARM = "swarm"
    """This operator takes no private bridges, or no further ones of this swarm."""


class Report(msgspec.Struct, frozen=True):
    """A reader's word about a bridge of an earlier reply."""

    bridge: Name
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """A reader's wish for lanes."""

    token: bytes = field(repr=False)
    reply_key: bytes = field(repr=False)
    nat: Nat
    offers: tuple[LaneDescription, ...]
    spread: int
    """Over how many bridges, at most; 0 = the broker's choice."""
    avoid: tuple[str, ...]
    bundle_hash: bytes
    """The first 8 bytes of SHA-256 of the bundle held, or b"" for none."""
    reports: tuple[Report, ...]
    reader: bytes = field(default=b"", repr=False)
    """16 random bytes of this run of the reader's program, or b"" if it does not say."""
    swarm: bytes = field(default=b"", repr=False)
    """The secret of the private swarm whose bridges it wants and no others (crypto/swarm.py), or b""."""

    def encode(self) -> bytes:
        """The JSON, not padded and not sealed."""
        return msgspec.json.encode(
            _RequestJson(
                VERSION,
                b64.encode(self.token),
                b64.encode(self.reply_key),
                self.nat,
                list(self.offers),
                self.spread,
                list(self.avoid),
                b64.encode(self.bundle_hash),
                list(self.reports),
                b64.encode(self.reader),
                b64.encode(self.swarm),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> MatchRequest:
        """Reads an opened request. Raises SignallingError."""
        fields = _decode(data, _RequestJson)
        for offer in fields.offers:
            _check_role(offer, "offer")
        return cls(
            _bytes_of(fields.token, _TOKEN_BYTES),
            _bytes_of(fields.reply_key, _REPLY_KEY_BYTES),
            fields.nat,
            tuple(fields.offers),
            fields.spread,
            tuple(fields.avoid),
            _bytes_of(fields.bundle, 0, _BUNDLE_HASH_BYTES),
            tuple(fields.reports),
            _bytes_of(fields.reader, 0, READER_BYTES),
            _bytes_of(fields.swarm, 0, _SWARM_BYTES),
        )


class ReplyLane(msgspec.Struct, frozen=True):
    """One answered offer. ``bridge`` and ``network`` are opaque names."""

    offer: _Index
    bridge: Name
    network: Name
    answer: LaneDescription


@dataclass(frozen=True, slots=True)
class MatchReply:
    """The broker's answer to a reader."""

    status: Status
    retry_after_s: float = 0.0
    lanes: tuple[ReplyLane, ...] = ()
    bundle: bytes = field(default=b"", repr=False)
    """The encoded key bundle, or b"" if the reader has it already."""
    time_s: int = 0
    """The broker's clock: seconds since 1970, or 0 if it does not say."""
    why: Why = Why.UNSAID

    def encode(self) -> bytes:
        """The JSON, not padded and not sealed."""
        return msgspec.json.encode(
            _ReplyJson(
                VERSION,
                self.status,
                self.retry_after_s,
                list(self.lanes),
                b64.encode(self.bundle),
                self.time_s,
                self.why.value,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> MatchReply:
        """Reads an opened reply. Raises SignallingError, also when two lanes answer one offer."""
        fields = _decode(data, _ReplyJson)
        _check_distinct([lane.offer for lane in fields.lanes])
        for lane in fields.lanes:
            _check_role(lane.answer, "answer")
        lanes = tuple(fields.lanes)
        why = Why(fields.why) if fields.why in list(Why) else Why.UNSAID
        return cls(fields.status, fields.retry_after_s, lanes, _bytes_of(fields.bundle), fields.time_s, why)


class BridgeConfig(msgspec.Struct, frozen=True):
    """What a bridge must know of its operator; ``GET /v1/config``."""

    v: Literal[1]
    bridge_socket: _Url
    gateways: Annotated[list[_Url], msgspec.Meta(min_length=1, max_length=MAX_GATEWAYS)]
    stun: Annotated[list[_Url], msgspec.Meta(max_length=SIGNALLING.max_stun_urls)]
    allow_private: bool = False
    swarms: bool = False
    """Whether private bridges are taken. A broker that does not know them would give them to everybody."""

    def encode(self) -> bytes:
        """The JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> BridgeConfig:
        """Reads it. Raises SignallingError."""
        return _decode(data, cls)


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello", omit_defaults=True):
    """Bridge → broker, first. ``capacity`` counts lanes. A ``v`` other than 1 is for the broker to refuse.

    ``salt`` is 16 random bytes of the bridge's, b64, or "": with it, readers have the same names when it comes back.
    ``swarm`` is the tag of the only swarm that it helps (crypto/swarm.py), or "" for everybody.
    """

    v: int
    client: Client
    nat: Nat
    capacity: _Count
    readers: _Count
    salt: _SaltOrNone = ""
    swarm: _SaltOrNone = ""

    def __repr__(self) -> str:
        return f"Hello({self.client}, {self.nat}, …)"

    def encode(self) -> str:
        """The JSON text."""
        return _text(self)


class Capacity(msgspec.Struct, frozen=True, tag_field="type", tag="capacity"):
    """Bridge → broker: lanes and readers that it could take now, answered matches taken off."""

    free: _Count
    readers: _Count

    def encode(self) -> str:
        """The JSON text."""
        return _text(self)


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a bridge says to one offer: a description, or why there is none. Exactly one of both is set."""

    offer: _Index
    answer: LaneDescription | None = None
    refused: Refusal | None = None

    def __post_init__(self) -> None:
        if (self.answer is None) == (self.refused is None):
            raise SignallingError("An answer has neither a description nor a refusal, or both.")


class Answers(msgspec.Struct, frozen=True, tag_field="type", tag="answers"):
    """Bridge → broker: what it says to a match."""

    match: Name
    answers: Annotated[tuple[Answer, ...], msgspec.Meta(max_length=SIGNALLING.max_offers)]

    def encode(self) -> str:
        """The JSON text."""
        return _text(self)


class Ready(msgspec.Struct, frozen=True, tag_field="type", tag="ready", omit_defaults=True):
    """Broker → bridge: it is in the list, under this name.

    ``invite``: for a private bridge, what its link is made of, ``uw1.…``; without its secret it opens nothing.
    """

    bridge: Name
    invite: _InviteOrNone = ""

    def __repr__(self) -> str:
        return f"Ready({self.bridge})"

    def encode(self) -> str:
        """The JSON text."""
        return _text(self)


class Offer(msgspec.Struct, frozen=True):
    """One offer of a match; ``offer`` is its index in the reader's request."""

    offer: _Index
    description: LaneDescription


class Match(msgspec.Struct, frozen=True, tag_field="type", tag="match", omit_defaults=True):
    """Broker → bridge: a reader's offers, and the URL at which its lanes join the gateway (secret: has the ticket).

    ``reader`` is the same in all matches of one reader at one bridge, or "" when the reader counts as another.
    ``country`` is that of the reader's address (ISO 3166-1 alpha-2), or "" when it is not known or not told.
    """

    match: Name
    gateway: _Url
    offers: Annotated[tuple[Offer, ...], msgspec.Meta(min_length=1, max_length=SIGNALLING.max_offers)]
    reader: NameOrNone = ""
    country: _CountryOrNone = ""

    def __repr__(self) -> str:
        return f"Match({self.match}, …)"

    def encode(self) -> str:
        """The JSON text."""
        return _text(self)


class Cancel(msgspec.Struct, frozen=True, tag_field="type", tag="cancel"):
    """Broker → bridge: the reader went away; lanes of this match that are not open are undone."""

    match: Name

    def encode(self) -> str:
        """The JSON text."""
        return _text(self)


class Refused(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """Broker → bridge, last."""

    code: ErrorCode

    def encode(self) -> str:
        """The JSON text."""
        return _text(self)


def decode_from_bridge(text: str) -> Hello | Answers | Capacity:
    """Reads one message of a bridge. Raises SignallingError."""
    message: Hello | Answers | Capacity = _decode(text, _FROM_BRIDGE)
    if isinstance(message, Answers):
        _check_distinct([answer.offer for answer in message.answers])
        for answer in message.answers:
            if answer.answer is not None:
                _check_role(answer.answer, "answer")
    return message


def decode_from_broker(text: str) -> Ready | Match | Cancel | Refused:
    """Reads one message of the broker. Raises SignallingError."""
    message: Ready | Match | Cancel | Refused = _decode(text, _FROM_BROKER)
    if isinstance(message, Match):
        _check_distinct([offer.offer for offer in message.offers])
        for offer in message.offers:
            _check_role(offer.description, "offer")
    return message


class _RequestJson(msgspec.Struct, omit_defaults=True):
    v: Literal[1]
    token: _Chars
    reply_key: _Chars
    nat: Nat
    offers: Annotated[list[LaneDescription], msgspec.Meta(min_length=1, max_length=SIGNALLING.max_offers)]
    spread: Annotated[int, msgspec.Meta(ge=0, le=SIGNALLING.max_offers)]
    avoid: Annotated[list[Name], msgspec.Meta(max_length=SIGNALLING.max_avoid)]
    bundle: _Chars
    reports: Annotated[list[Report], msgspec.Meta(max_length=SIGNALLING.max_reports)]
    reader: _Chars = ""
    swarm: _Chars = ""


class _ReplyJson(msgspec.Struct, omit_defaults=True):
    v: Literal[1]
    status: Status
    retry_after_s: Annotated[float, msgspec.Meta(ge=0, le=_MAX_RETRY_S)]
    lanes: Annotated[list[ReplyLane], msgspec.Meta(max_length=SIGNALLING.max_offers)]
    bundle: Annotated[str, msgspec.Meta(max_length=_MAX_BUNDLE_CHARS)]
    time_s: Annotated[int, msgspec.Meta(ge=0, le=_MAX_TIME_S)] = 0
    why: _Chars = ""


_FROM_BRIDGE: Any = Hello | Answers | Capacity
_FROM_BROKER: Any = Ready | Match | Cancel | Refused


def _decode(data: bytes | str, kind: type[_S]) -> _S:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        # Their texts quote the peer's bytes, which may hold addresses.
        raise SignallingError("A signalling message is malformed.") from None
    except DescriptionError as error:
        raise SignallingError(error.cause, error.remedy) from None


def _check_role(description: LaneDescription, role: Role) -> None:
    try:
        description.check_role(role)
    except DescriptionError as error:
        raise SignallingError(error.cause, error.remedy) from None


def _bytes_of(text: str, *lengths: int) -> bytes:
    try:
        data = b64.decode(text)
    except ValueError:
        raise SignallingError("A signalling message has a field that is not base64url.") from None
    if lengths and len(data) not in lengths:
        raise SignallingError("A signalling message has a key or token of the wrong length.")
    return data


def _check_distinct(indexes: Sequence[int]) -> None:
    if len(set(indexes)) != len(indexes):
        raise SignallingError("A signalling message names an offer twice.")


def _text(message: msgspec.Struct) -> str:
    return msgspec.json.encode(message).decode()
