"""The greeting at Tor's extended ORPort, from the transport's end, without IO (ext-orport-spec.txt).

::

    tor    kinds of proof (1 each) ‖ 00           1 = a secret that both can read in a file
    we     01 ‖ our nonce (32)
    tor    HMAC-SHA256(secret, "…server-to-client hash" ‖ nonces) (32) ‖ its nonce (32)
    we     HMAC-SHA256(secret, "…client-to-server hash" ‖ nonces) (32)
    tor    01
    we     0002 ‖ length (2) ‖ name of the transport;  0000 0000
    tor    1000 0000                              and from here on what client and relay say

The command with the client's address (0001) is never sent: the gateway does not know it, and Tor counts the client
without a country then.
"""

from __future__ import annotations

import hmac
from enum import Enum, auto

from unwalled.errors import WireError
from unwalled.privacy import Hidden
from unwalled.pt.bounds import TOR

NONCE_BYTES = 32
_HASH_BYTES = 32
_HEADER = b"! Extended ORPort Auth Cookie !\x0a"
_SECRET_BYTES = 32
COOKIE_FILE_BYTES = len(_HEADER) + _SECRET_BYTES
_TO_CLIENT = b"ExtORPort authentication server-to-client hash"
_TO_SERVER = b"ExtORPort authentication client-to-server hash"
_SAFE_COOKIE = 1
_DONE, _TRANSPORT = 0x0000, 0x0002
_OKAY, _DENY = 0x1000, 0x1001
_HEAD_BYTES = 4


class GreetingFailed(WireError):
    """Tor does not take us, or is not Tor."""


class _State(Enum):
    KINDS = auto()
    PROOF = auto()
    VERDICT = auto()
    HEAD = auto()
    BODY = auto()
    DONE = auto()


def read_cookie(content: bytes) -> Hidden[bytes]:
    """The secret in the file that Tor names. Raises GreetingFailed."""
    if len(content) != COOKIE_FILE_BYTES or not content.startswith(_HEADER):
        raise GreetingFailed("The file with the secret of Tor's extended ORPort is not one.", "Restart tor.")
    return Hidden(content[len(_HEADER) :])


class Greeting:
    """One greeting. Give it just ``wanted_bytes`` at a time: what comes behind the last of them is the client's."""

    def __init__(self, secret: Hidden[bytes], transport: str, nonce: bytes) -> None:
        """``nonce``: NONCE_BYTES random ones."""
        self._secret = secret
        self._transport = transport.encode("ascii")
        self._nonce = nonce
        self._state = _State.KINDS
        self._buffer = bytearray()
        self._out = bytearray()
        self._kinds = bytearray()
        self._skip = 0
        self._command = 0

    @property
    def is_done(self) -> bool:
        """Whether the connection is the client's now."""
        return self._state is _State.DONE

    @property
    def wanted_bytes(self) -> int:
        """How many more bytes to read; 0 once it is done."""
        return self._needed - len(self._buffer)

    @property
    def _needed(self) -> int:
        match self._state:
            case _State.KINDS | _State.VERDICT:
                return 1
            case _State.PROOF:
                return _HASH_BYTES + NONCE_BYTES
            case _State.HEAD:
                return _HEAD_BYTES
            case _State.BODY:
                return self._skip
            case _:
                return 0

    def data_to_send(self) -> bytes:
        """What is to be sent now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def receive(self, data: bytes) -> None:
        """Takes bytes from Tor, at most as many as are wanted. Raises GreetingFailed."""
        self._buffer += data
        while len(self._buffer) >= self._needed and not self.is_done:
            needed = self._needed
            part = bytes(self._buffer[:needed])
            del self._buffer[:needed]
            self._take(part)

    def _take(self, part: bytes) -> None:
        match self._state:
            case _State.KINDS:
                self._take_kind(part[0])
            case _State.PROOF:
                self._take_proof(part[:_HASH_BYTES], part[_HASH_BYTES:])
            case _State.VERDICT:
                if part != b"\x01":
                    raise GreetingFailed("Tor's extended ORPort does not take our proof.")
                self._out += _command(_TRANSPORT, self._transport) + _command(_DONE, b"")
                self._state = _State.HEAD
            case _State.HEAD:
                self._command = int.from_bytes(part[:2], "big")
                self._skip = int.from_bytes(part[2:], "big")
                self._state = _State.BODY
            case _:
                self._take_answer()

    def _take_kind(self, kind: int) -> None:
        if kind:
            self._kinds.append(kind)
            if len(self._kinds) > TOR.proof_kinds:
                raise GreetingFailed("Tor's extended ORPort names proofs without an end.")
            return
        if _SAFE_COOKIE not in self._kinds:
            raise GreetingFailed("Tor's extended ORPort wants a proof that this program does not know.")
        self._out += bytes((_SAFE_COOKIE,)) + self._nonce
        self._state = _State.PROOF

    def _take_proof(self, proof: bytes, nonce: bytes) -> None:
        if not hmac.compare_digest(proof, self._proof(_TO_CLIENT, nonce)):
            raise GreetingFailed("Whoever listens at the extended ORPort does not know Tor's secret.")
        self._out += self._proof(_TO_SERVER, nonce)
        self._state = _State.VERDICT

    def _proof(self, purpose: bytes, their_nonce: bytes) -> bytes:
        return hmac.digest(self._secret.reveal(), purpose + self._nonce + their_nonce, "sha256")

    def _take_answer(self) -> None:
        if self._command == _DENY:
            raise GreetingFailed("Tor does not want a client of this transport.")
        # Other commands are for later versions of the interface, and may be passed over.
        self._state = _State.DONE if self._command == _OKAY else _State.HEAD


def _command(number: int, body: bytes) -> bytes:
    return number.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body
