"""Replies of doors, in every form that servers and CDNs send, and what is none."""

from __future__ import annotations

import pytest

from unwalled.errors import SignallingError
from unwalled.signaling.http import HttpExchange, HttpReply

OK = b"HTTP/1.1 200 OK\r\n"


def exchange() -> HttpExchange:
    return HttpExchange("door.example:8443", "/v1/match", b"sealed", 100)


def read(data: bytes, *, ended: bool = False) -> HttpReply | None:
    reader = exchange()
    reply = reader.receive(data) if data else None
    return reader.receive(b"") if reply is None and ended else reply


def test_a_request_says_what_it_must_and_no_more() -> None:
    assert exchange().request == (
        b"POST /v1/match HTTP/1.1\r\nHost: door.example:8443\r\nAccept: */*\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Length: 6\r\n\r\nsealed"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", HttpReply(200, "", b"abc", False)),
        (OK + b"content-length:0\r\n\r\n", HttpReply(200, "", b"", False)),
        (OK + b"Content-Length: 3\r\nConnection: Close\r\n\r\nabc", HttpReply(200, "", b"abc", True)),
        (OK + b"Content-Length: 3\r\n\r\nabcmore", HttpReply(200, "", b"abc", True)),
        (b"HTTP/1.0 200\r\nContent-Length: 1\r\n\r\na", HttpReply(200, "", b"a", True)),
        (b"HTTP/1.1 204 None\r\n\r\n", HttpReply(204, "", b"", False)),
        (
            b"HTTP/1.1 429 No\r\nRetry-After: 17\r\nContent-Length: 2\r\n\r\nno",
            HttpReply(429, "17", b"no", False),
        ),
        (
            b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
            HttpReply(200, "", b"a", False),
        ),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
            HttpReply(200, "", b"abc0123456789", False),
        ),
    ],
)
def test_a_reply_is_read_whole_however_it_is_cut(data: bytes, expected: HttpReply) -> None:
    assert read(data) == expected
    if not expected.is_last or b"more" not in data:
        reader = exchange()
        replies = [reply for byte in data if (reply := reader.receive(bytes((byte,)))) is not None]
        assert replies == [expected]


def test_a_reply_without_a_length_ends_with_its_connection() -> None:
    assert read(OK + b"\r\nall of it") is None
    assert read(OK + b"\r\nall of it", ended=True) == HttpReply(200, "", b"all of it", True)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 101\r\n\r\n" + bytes(101),
        OK + b"\r\n" + bytes(101),
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + bytes(101),
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 40_000,
        b"H" * 40_000,
    ],
)
def test_what_is_no_reply_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(SignallingError):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 20",
        OK + b"Content-Length: 3\r\n\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer",
    ],
)
def test_a_reply_that_ends_early_is_none(data: bytes) -> None:
    with pytest.raises(SignallingError):
        read(data, ended=True)
