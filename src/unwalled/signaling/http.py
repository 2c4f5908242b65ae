"""One sealed request over HTTP/1.1, and its reply. Pure: bytes in, one reply out.

A whole HTTP library takes longer to load than a broker to answer, and a reader's start is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass

import h11

from unwalled.errors import SignallingError


@dataclass(frozen=True, slots=True)
class HttpReply:
    """``retry_after``: that header, or "". ``is_last``: the connection cannot be used again."""

    status: int
    retry_after: str
    body: bytes
    is_last: bool


class HttpExchange:
    """One request and its reply: send ``request``, then ``receive`` until the reply is whole."""

    def __init__(self, host: str, path: str, body: bytes, max_body_bytes: int) -> None:
        """``host`` as it stands in the URL. A reply's body above ``max_body_bytes`` is an error."""
        self._connection = h11.Connection(h11.CLIENT)
        self._max_body_bytes = max_body_bytes
        self._body = bytearray()
        self._status = 0
        self._retry_after = ""
        # Nothing here tells of the program that asks.
        headers = [
            ("Host", host),
            ("Accept", "*/*"),
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(len(body))),
        ]
        head = self._connection.send(h11.Request(method="POST", target=path, headers=headers))
        self.request = b"".join(
            part or b""
            for part in (head, self._connection.send(h11.Data(body)), self._connection.send(h11.EndOfMessage()))
        )
        """All bytes of the request."""

    def receive(self, data: bytes) -> HttpReply | None:
        """Takes bytes, cut anywhere; ``b""`` = the connection has ended. Gives the reply once it is whole.

        Raises SignallingError for what is no HTTP, too large, or ended early.
        """
        try:
            self._connection.receive_data(data)
            while True:
                event = self._connection.next_event()
                match event:
                    case h11.Response():
                        self._status = event.status_code
                        found = [value for name, value in event.headers if name == b"retry-after"]
                        self._retry_after = found[0].decode("latin-1") if found else ""
                    case h11.Data():
                        self._body += event.data
                        if len(self._body) > self._max_body_bytes:
                            raise SignallingError("The reply is too large.")
                    case h11.EndOfMessage():
                        return self._reply()
                    case h11.InformationalResponse():
                        pass
                    case _:
                        return None
        except h11.RemoteProtocolError:
            raise SignallingError("The reply is no HTTP.") from None

    def _reply(self) -> HttpReply:
        rest, has_ended = self._connection.trailing_data
        is_last = self._connection.their_state is not h11.DONE or bool(rest) or has_ended
        return HttpReply(self._status, self._retry_after, bytes(self._body), is_last)
