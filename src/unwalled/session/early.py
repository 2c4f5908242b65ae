"""What of a stream's beginning may travel with a hello: bytes that do no harm when a site gets them twice.

A hello may come to the gateway more than once. The reader says a fresh one on another lane when the first stays
without an answer, though it may have arrived; and a gateway that was started anew does not know a hello of before. So
only these go with it, and all else waits for the welcome:

- a TLS ClientHello (RFC 8446 section 4.1.2), alone in its record; a site answers it, and nothing else happens. What
  follows it, such as TLS's own early data, is not taken.
- the head of an HTTP/1 request with a method that is safe (RFC 9110 section 9.2.1), up to its empty line.
"""

from __future__ import annotations

_RECORD_HEAD_BYTES = 5
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SAFE = (b"GET ", b"HEAD ")
_END_OF_HEAD = b"\r\n\r\n"


def repeatable(beginning: bytes) -> bytes:
    """What of a stream's first bytes may reach a site twice; nothing when none may, or not all of it is there."""
    if beginning.startswith(_SAFE):
        end = beginning.find(_END_OF_HEAD)
        return beginning[: end + len(_END_OF_HEAD)] if end >= 0 else b""
    is_hello = len(beginning) > _RECORD_HEAD_BYTES and beginning[0] == _HANDSHAKE
    if not is_hello or beginning[_RECORD_HEAD_BYTES] != _CLIENT_HELLO:
        return b""
    size = _RECORD_HEAD_BYTES + int.from_bytes(beginning[3:_RECORD_HEAD_BYTES], "big")
    return beginning[:size] if len(beginning) >= size else b""
