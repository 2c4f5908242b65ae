"""The handshake: one round trip, post-quantum, forward secret (docs/protocol/session.md, "Hello", "Welcome", "Keys").

::

    hello plaintext    reader's fresh key (1216) ‖ reader's secret (32) ‖ token (28) ‖ early frames
    welcome plaintext  status (1) ‖ gateway's secret (32) ‖ session id (16) ‖ window ‖ largest message ‖ lifetime

The last three are varints; in a refusal the first of them says why (WhyFull), and the others are 0. Randomness comes
in from outside, but for HPKE's own encapsulation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from unwalled.crypto.hpke import (
    POST_QUANTUM_KEY_BYTES,
    SEED_BYTES,
    PostQuantumPrivateKey,
    seal_post_quantum,
    sha256,
)
from unwalled.crypto.keys import derive_master
from unwalled.errors import FrameError, MessageError
from unwalled.settings import LANE, SESSION
from unwalled.wire.messages import SESSION_ID_BYTES, Hello, Welcome, encode_hello, encode_welcome
from unwalled.wire.varint import decode_varint, encode_varint

Random = Callable[[int], bytes]

SECRET_BYTES = 32
TOKEN_BYTES = 28
_HELLO_INFO = b"unwalled/1 hello"
_WELCOME_INFO = b"unwalled/1 welcome"
_HELLO_HEAD_BYTES = POST_QUANTUM_KEY_BYTES + SECRET_BYTES + TOKEN_BYTES


class Status(IntEnum):
    """The gateway's authentic answer to a hello."""

    OK = 0
    INVITE_REFUSED = 1
    INVITE_EXPIRED = 2
    FULL = 3


class WhyFull(IntEnum):
    """What is behind FULL. What a reader does not know reads as UNSAID."""

    UNSAID = 0
    SHARE = 1
    """The invite has used up its share, of today or at once."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the gateway allows: bytes in flight over all streams, in each direction; bytes in a lane message; seconds
    without a lane."""

    session_window: int
    max_message_bytes: int
    orphan_lifetime_s: int

    def encode(self) -> bytes:
        """Three varints."""
        fields = (self.session_window, self.max_message_bytes, self.orphan_lifetime_s)
        return b"".join(encode_varint(field) for field in fields)


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What both ends hold after the handshake."""

    session_id: bytes
    master: bytes
    terms: Terms

    @property
    def why_full(self) -> WhyFull:
        """Of a refusal with FULL."""
        return WhyFull.SHARE if self.terms.session_window == WhyFull.SHARE else WhyFull.UNSAID


@dataclass(frozen=True, slots=True, repr=False)
class OpenedHello:
    """A hello as the gateway reads it. ``digest`` names it in the table of those already seen."""

    digest: bytes
    reader_key: bytes
    secret: bytes
    token: bytes
    early: bytes


class ReaderHandshake:
    """The reader's half: one object for each hello that is sent."""

    __slots__ = ("_key", "_secret", "message")

    def __init__(self, gateway_key: bytes, token: bytes, early: bytes, random: Random) -> None:
        """``early``: encoded frames that are safe to replay. ``message`` is the hello to send.

        Raises CryptoError when ``gateway_key`` is no key.
        """
        self._key = PostQuantumPrivateKey(random(SEED_BYTES))
        self._secret = random(SECRET_BYTES)
        plaintext = self._key.public + self._secret + token + early
        self.message = encode_hello(seal_post_quantum(plaintext, gateway_key, _HELLO_INFO))

    def finish(self, welcome: Welcome) -> tuple[Status, Secrets]:
        """Opens the gateway's answer. Raises CryptoError or MessageError when it is not the gateway's."""
        plaintext = self._key.open(welcome.sealed, _WELCOME_INFO + sha256(self.message))
        if len(plaintext) < 1 + SECRET_BYTES + SESSION_ID_BYTES or plaintext[0] not in list(Status):
            raise MessageError("A welcome is malformed.")
        gateway_secret = plaintext[1 : 1 + SECRET_BYTES]
        at = 1 + SECRET_BYTES
        session_id = plaintext[at : at + SESSION_ID_BYTES]
        at += SESSION_ID_BYTES
        try:
            window, at = decode_varint(plaintext, at)
            largest, at = decode_varint(plaintext, at)
            lifetime, at = decode_varint(plaintext, at)
        except FrameError:
            raise MessageError("A welcome is cut short.") from None
        window_is_possible = SESSION.stream_window_bytes <= window <= SESSION.max_session_window_bytes
        if plaintext[0] == Status.OK and not (window_is_possible and largest >= LANE.least_message_bytes):
            raise MessageError("A welcome's terms cannot be.")
        terms = Terms(window, min(largest, LANE.max_message_bytes), lifetime)
        master = derive_master(sha256(self.message) + sha256(welcome.raw), self._secret + gateway_secret)
        return Status(plaintext[0]), Secrets(session_id, master, terms)


def open_hello(hello: Hello, key: PostQuantumPrivateKey) -> OpenedHello:
    """Opens a hello with the gateway's key. Raises CryptoError or MessageError."""
    plaintext = key.open(hello.sealed, _HELLO_INFO)
    if len(plaintext) < _HELLO_HEAD_BYTES:
        raise MessageError("A hello is cut short.")
    at = POST_QUANTUM_KEY_BYTES
    reader_key = plaintext[:at]
    secret = plaintext[at : at + SECRET_BYTES]
    at += SECRET_BYTES
    token = plaintext[at : at + TOKEN_BYTES]
    return OpenedHello(sha256(hello.raw), reader_key, secret, token, plaintext[_HELLO_HEAD_BYTES:])


def refuse_hello(hello: OpenedHello, status: Status, random: Random, why: WhyFull = WhyFull.UNSAID) -> bytes:
    """An authentic welcome that says no. Raises CryptoError when the reader's key is none."""
    plaintext = bytes((status,)) + random(SECRET_BYTES) + bytes(SESSION_ID_BYTES) + Terms(why, 0, 0).encode()
    return encode_welcome(seal_post_quantum(plaintext, hello.reader_key, _WELCOME_INFO + hello.digest))


def welcome(hello: OpenedHello, terms: Terms, random: Random) -> tuple[bytes, Secrets]:
    """The welcome message for a hello, and the session's secrets. Raises CryptoError when the reader's key is none."""
    secret = random(SECRET_BYTES)
    session_id = random(SESSION_ID_BYTES)
    plaintext = bytes((Status.OK,)) + secret + session_id + terms.encode()
    message = encode_welcome(seal_post_quantum(plaintext, hello.reader_key, _WELCOME_INFO + hello.digest))
    master = derive_master(hello.digest + sha256(message), hello.secret + secret)
    return message, Secrets(session_id, master, terms)
