"""The HTTP/1.1 proxy without IO: what an app asks for (RFC 9112, RFC 9110 section 7.6) and how it goes on to a site.

`HttpDialogue` is the app's connection, over any number of requests; `HttpExchange` is one request and its response on
a stream to a site. h11 knows the framing of both. What it would forgive is refused here first, in the raw head: both
Content-Length and Transfer-Encoding, line ends other than CR LF, folded lines. Everything is written anew on the
other side, so that whatever two parsers could read differently never passes through.

Nothing is added to a request that would tell the site of a proxy or of the app's address: no Via, no Forwarded, no
X-Forwarded-For. RFC 9110 section 7.6.3 asks for Via from gateways that do not protect their users; this one does.

Trailers are dropped (RFC 9110 section 6.5.1 lets a proxy do so), and TE with them, so that nobody expects any.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

from unwalled.errors import FrameError, WireError
from unwalled.reader.answers import RESPONSE_CUT, RESPONSE_MALFORMED, USAGE, Answer, malformed
from unwalled.settings import READER
from unwalled.wire.address import Target

_HEAD_END = b"\r\n\r\n"
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_FOLDED_LINE = re.compile(rb"\n[ \t]")
_ABSOLUTE = re.compile(rb"http://([^/?#]+)([^#]*)", re.IGNORECASE)
_OTHER_SCHEME = re.compile(rb"(?!http:)[A-Za-z][A-Za-z0-9+.-]*://", re.IGNORECASE)
_AUTHORITY = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(?::([0-9]{0,5}))?")
_HOP_BY_HOP = frozenset(
    b"connection proxy-connection keep-alive te trailer transfer-encoding upgrade"
    b" proxy-authorization proxy-authenticate http2-settings".split()
)
_HTTP_PORT = 80
_MAX_HOST_BYTES = 255
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})

Headers = list[tuple[bytes, bytes]]


class HttpError(WireError):
    """An app's request cannot be served; send ``answer`` and close."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.cause, answer.remedy)
        self.answer = answer


class SiteError(WireError):
    """A site's response cannot be passed on: ``answer`` tells the app so, if nothing was passed on yet."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.cause, answer.remedy)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class TunnelAsked:
    """CONNECT: the app wants a stream. What it sent behind is in ``take_rest``."""

    target: Target


@dataclass(frozen=True, slots=True)
class RequestStarted:
    """A request for a site, as it is to be sent there."""

    target: Target
    request: h11.Request
    has_body: bool
    is_repeatable: bool
    """Without effect, body and upgrade: it may go on a stream that was used before, and be sent again."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """A response's head, as it is to be passed on."""

    response: h11.Response


@dataclass(frozen=True, slots=True)
class Informed:
    """An interim response (100 Continue, 103 Early Hints)."""

    response: h11.InformationalResponse


@dataclass(frozen=True, slots=True)
class Switched:
    """101: from here on both sides speak another protocol. ``rest`` are its first bytes from the site."""

    response: h11.InformationalResponse
    rest: bytes


@dataclass(frozen=True, slots=True)
class BodyReceived:
    """A piece of a body, without chunk framing. Only for writing on: h11 may have put a bytearray here."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MessageEnded:
    """The request or response is complete."""


RequestEvent = TunnelAsked | RequestStarted | BodyReceived | MessageEnded
ResponseEvent = Informed | Switched | ResponseStarted | BodyReceived | MessageEnded


class HttpDialogue:
    """An app's connection: ``receive``, ``next_event`` and so on; each request is answered before the next is read."""

    def __init__(self, max_head_bytes: int = READER.request_head_bytes) -> None:
        self._max_head_bytes = max_head_bytes
        self._head = bytearray()
        self._searched = 0
        self._connection: h11.Connection | None = None
        self._started: RequestStarted | None = None
        self._is_head_request = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a next request has come."""
        return self._connection is None and not self._head

    @property
    def is_head_request(self) -> bool:
        """Whether an answer must have no body."""
        return self._is_head_request

    def receive(self, data: bytes) -> None:
        """Takes bytes from the app; b"" is the end of file. What is wrong with them ``next_event`` says."""
        if self._connection is not None:
            self._connection.receive_data(data)
        else:
            self._head += data

    def next_event(self) -> RequestEvent | None:
        """The next event, or None when more bytes are needed or the request is complete. Raises HttpError."""
        if self._connection is None:
            return self._read_head()
        try:
            event = self._connection.next_event()
        except h11.RemoteProtocolError as error:
            raise HttpError(malformed("A request's body is malformed or cut short.", error.error_status_hint)) from None
        match event:
            case h11.Data(data=data):
                return BodyReceived(data)
            case h11.EndOfMessage():
                return MessageEnded()
            case _:
                return None

    def _read_head(self) -> RequestEvent | None:
        # RFC 9112 section 2.2: empty lines before a request are skipped.
        while self._head[:2] == b"\r\n":
            del self._head[:2]
        end = self._head.find(_HEAD_END, max(self._searched - 3, 0))
        head = self._head if end < 0 else self._head[: end + 4]
        if _BARE_LINE_FEED.search(head, self._searched):
            raise HttpError(malformed("A line of the request ends without CR."))
        if len(head) > self._max_head_bytes:
            raise HttpError(malformed("The head of the request is too long.", 431))
        if end < 0:
            # A line feed that comes next is judged together with the byte before it.
            self._searched = max(len(head) - 1, 0)
            return None
        return self._parse(bytes(head))

    def _parse(self, head: bytes) -> RequestEvent:
        if _FOLDED_LINE.search(head):
            raise HttpError(malformed("A line of the request is folded."))
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=self._max_head_bytes)
        connection.receive_data(_with_host(head))
        self._is_head_request = False
        try:
            request = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise HttpError(malformed("The head of the request is malformed.", error.error_status_hint)) from None
        assert isinstance(request, h11.Request)
        self._is_head_request = request.method == b"HEAD"
        event = _judge(request)
        rest = bytes(self._head[len(head) :])
        self._head.clear()
        self._searched = 0
        self._connection = connection
        if rest:
            connection.receive_data(rest)
        if isinstance(event, TunnelAsked):
            connection.next_event()
        return event

    def take_rest(self) -> bytes:
        """What the app sent behind a CONNECT, or behind a request whose protocol was switched."""
        assert self._connection is not None
        return self._connection.trailing_data[0]

    def inform(self, response: h11.InformationalResponse) -> bytes:
        """Bytes of an interim response; empty for an app of HTTP/1.0, which knows none."""
        connection = self._connection
        assert connection is not None
        if connection.their_http_version == b"1.0":
            return b""
        return connection.send(response)

    def switch(self, response: h11.InformationalResponse) -> bytes:
        """Bytes of a 101 response. Then ``take_rest`` and what comes after it belong to the other protocol."""
        assert self._connection is not None
        return self._connection.send(response)

    def start_response(self, response: h11.Response) -> bytes:
        """Bytes of a response's head, with the framing that suits the app."""
        assert self._connection is not None
        return self._connection.send(response)

    def send_body(self, data: bytes) -> bytes:
        """Bytes of a piece of a body."""
        assert self._connection is not None
        return self._connection.send(h11.Data(data=data))

    def end_response(self) -> bytes:
        """Bytes that end a response; ``next_request`` follows, or close."""
        assert self._connection is not None
        return self._connection.send(h11.EndOfMessage())

    def next_request(self) -> bool:
        """Makes ready for the next request; False when the connection is to be closed instead."""
        connection = self._connection
        assert connection is not None
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return False
        rest, closed = connection.trailing_data
        if closed:
            return False
        self._connection = None
        self._head += rest
        return True


class HttpExchange:
    """One request and its response, on a stream to a site."""

    def __init__(self, request: h11.Request, max_head_bytes: int = READER.request_head_bytes) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=max_head_bytes)
        self._request = request
        self._is_doubtful = False

    def start(self) -> bytes:
        """Bytes of the request's head."""
        return self._connection.send(self._request)

    def send_body(self, data: bytes) -> bytes:
        """Bytes of a piece of the request's body."""
        return self._connection.send(h11.Data(data=data))

    def end_request(self) -> bytes:
        """Bytes that end the request."""
        return self._connection.send(h11.EndOfMessage())

    def receive(self, data: bytes) -> None:
        """Takes bytes from the site; b"" is the end of file."""
        self._connection.receive_data(data)

    def next_event(self) -> ResponseEvent | None:
        """The next event, or None when more bytes are needed or the response is complete. Raises SiteError."""
        try:
            event = self._connection.next_event()
        except h11.RemoteProtocolError:
            ended = self._connection.trailing_data[1]
            raise SiteError(RESPONSE_CUT if ended else RESPONSE_MALFORMED) from None
        match event:
            case h11.InformationalResponse(status_code=101):
                headers = [
                    *_end_to_end(event.headers.raw_items()),
                    *_upgrade_headers(_upgrade_of(event.headers.raw_items())),
                ]
                switch = h11.InformationalResponse(status_code=101, headers=headers, reason=event.reason)
                return Switched(switch, self._connection.trailing_data[0])
            case h11.InformationalResponse():
                headers = _end_to_end(event.headers.raw_items())
                return Informed(
                    h11.InformationalResponse(status_code=event.status_code, headers=headers, reason=event.reason)
                )
            case h11.Response():
                headers = _end_to_end(event.headers.raw_items())
                names = {name for name, _ in event.headers}
                if b"transfer-encoding" in names and b"content-length" in names:
                    # RFC 9112 section 6.3: chunks are what counts, but such a site is not asked again.
                    headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
                    self._is_doubtful = True
                return ResponseStarted(
                    h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)
                )
            case h11.Data(data=data):
                return BodyReceived(data)
            case h11.EndOfMessage():
                return MessageEnded()
            case h11.ConnectionClosed():
                raise SiteError(RESPONSE_CUT)
            case _:
                return None

    @property
    def is_reusable(self) -> bool:
        """Whether the stream can carry another request."""
        states = {self._connection.our_state, self._connection.their_state}
        return states == {h11.DONE} and self._connection.trailing_data == (b"", False) and not self._is_doubtful


def _with_host(head: bytes) -> bytes:
    """RFC 9112 asks for Host in a CONNECT too, where it says nothing new; many small tools leave it out."""
    if head.startswith(b"CONNECT ") and b"\r\nhost:" not in head.lower():
        return head[:-2] + b"Host: none\r\n\r\n"
    return head


def _judge(request: h11.Request) -> TunnelAsked | RequestStarted:
    if request.http_version not in (b"1.0", b"1.1"):
        raise HttpError(malformed("The request is of another version than HTTP/1.1.", 505))
    names = [name for name, _ in request.headers]
    is_chunked = b"transfer-encoding" in names
    length = next((value for name, value in request.headers if name == b"content-length"), b"0")
    if is_chunked and b"content-length" in names:
        raise HttpError(malformed("The request tells its length in two ways."))
    if is_chunked and request.http_version == b"1.0":
        raise HttpError(malformed("A request of HTTP/1.0 cannot have chunks."))
    has_body = is_chunked or bool(length.strip(b"0"))
    if request.method == b"CONNECT":
        if has_body:
            raise HttpError(malformed("A CONNECT request cannot have a body."))
        return TunnelAsked(_target(request.target, None))
    if request.target.startswith(b"/") or request.target == b"*":
        raise HttpError(USAGE)
    match = _ABSOLUTE.fullmatch(request.target)
    if match is None:
        if _OTHER_SCHEME.match(request.target):
            raise HttpError(malformed("This proxy takes http:// addresses here, and CONNECT for all else.", 501))
        raise HttpError(malformed("The request's target is malformed."))
    target = _target(match[1], _HTTP_PORT)
    wants_options = request.method == b"OPTIONS" and not match[2]
    path = b"*" if wants_options else match[2] if match[2].startswith(b"/") else b"/" + match[2]
    headers: Headers = [(b"Host", match[1])]
    headers += [(name, value) for name, value in _end_to_end(request.headers.raw_items()) if name.lower() != b"host"]
    if is_chunked:
        headers.append((b"Transfer-Encoding", b"chunked"))
    protocol = _upgrade_of(request.headers.raw_items())
    upgrades = not has_body and protocol.lower() == b"websocket"
    if upgrades:
        headers += _upgrade_headers(protocol)
    onward = h11.Request(method=request.method, target=path, headers=headers)
    is_repeatable = request.method in _REPEATABLE and not has_body and not upgrades
    return RequestStarted(target, onward, has_body, is_repeatable)


def _target(authority: bytes, default_port: int | None) -> Target:
    match = _AUTHORITY.fullmatch(authority)
    if match is None or len(match[1]) > _MAX_HOST_BYTES:
        raise HttpError(malformed("The request's target has no proper host and port."))
    if not match[2] and default_port is None:
        raise HttpError(malformed("A CONNECT request needs a port."))
    try:
        return Target.parse(match[1].decode("ascii"), int(match[2]) if match[2] else default_port or 0)
    except FrameError as error:
        raise HttpError(malformed(error.cause)) from None


def _tokens(headers: Headers, names: tuple[bytes, ...]) -> set[bytes]:
    return {t.strip().lower() for name, value in headers if name.lower() in names for t in value.split(b",")}


def _end_to_end(headers: Headers) -> Headers:
    """The headers that concern both ends: without those of one hop, and those that Connection names."""
    named = _tokens(headers, (b"connection", b"proxy-connection"))
    # Framing and Host are ours to set; an app cannot have them removed by naming them.
    removed = (named - {b"host", b"content-length"}) | _HOP_BY_HOP
    return [(name, value) for name, value in headers if name.lower() not in removed]


def _upgrade_of(headers: Headers) -> bytes:
    """The value of Upgrade, if Connection names it."""
    if b"upgrade" not in _tokens(headers, (b"connection",)):
        return b""
    return next((value for name, value in headers if name.lower() == b"upgrade"), b"")


def _upgrade_headers(protocol: bytes) -> Headers:
    return [(b"Connection", b"Upgrade"), (b"Upgrade", protocol)] if protocol else []
