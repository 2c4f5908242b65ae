"""The HTTP proxy's two sides without sockets: requests in, requests out; responses in, responses out."""

from __future__ import annotations

import pytest

from unwalled.reader.answers import RESPONSE_CUT, RESPONSE_MALFORMED, USAGE
from unwalled.reader.http import (
    BodyReceived,
    HttpDialogue,
    HttpError,
    HttpExchange,
    Informed,
    MessageEnded,
    RequestStarted,
    ResponseStarted,
    SiteError,
    Switched,
    TunnelAsked,
)
from unwalled.wire.address import Target

GET = b"GET http://site.test/a?b HTTP/1.1\r\nHost: site.test\r\n\r\n"


def ask(data: bytes) -> tuple[HttpDialogue, RequestStarted]:
    dialogue = HttpDialogue()
    dialogue.receive(data)
    event = dialogue.next_event()
    assert isinstance(event, RequestStarted)
    return dialogue, event


def drain(dialogue: HttpDialogue) -> None:
    while dialogue.next_event() is not None:
        pass


def onward(data: bytes) -> bytes:
    """A whole request as the site gets it."""
    dialogue, started = ask(data)
    exchange = HttpExchange(started.request)
    out = exchange.start()
    while not isinstance(event := dialogue.next_event(), MessageEnded):
        assert isinstance(event, BodyReceived)
        out += exchange.send_body(event.data)
    return out + exchange.end_request()


def refuse(data: bytes, **kwargs: int) -> HttpError:
    dialogue = HttpDialogue(**kwargs)
    dialogue.receive(data)
    with pytest.raises(HttpError) as caught:
        drain(dialogue)
    return caught.value


def back(request: bytes, response: bytes, *, ended: bool = False) -> tuple[bytes, bool, bool]:
    """A whole response as the app gets it; whether the stream, and the app's connection, can be used again."""
    dialogue, started = ask(request)
    exchange = HttpExchange(started.request)
    exchange.start()
    while isinstance(event := dialogue.next_event(), BodyReceived):
        exchange.send_body(event.data)
    if event is not None:
        exchange.end_request()
    exchange.receive(response)
    if ended:
        exchange.receive(b"")
    out = b""
    while True:
        match exchange.next_event():
            case Informed(interim):
                out += dialogue.inform(interim)
            case ResponseStarted(started_response):
                out += dialogue.start_response(started_response)
            case BodyReceived(data):
                out += dialogue.send_body(data)
            case MessageEnded():
                out += dialogue.end_response()
                return out, exchange.is_reusable, dialogue.next_request()
            case None:
                pytest.fail(f"The response never ends: {out!r}")


# Requests.


def test_a_request_goes_on_in_origin_form_without_a_trace_of_the_proxy() -> None:
    said = (
        b"GET http://site.test:8080/a?b HTTP/1.1\r\nHost: other.test\r\nX-One: 1\r\nAccept: */*\r\n"
        b"Connection: keep-alive, X-One, Host\r\nProxy-Connection: x-two\r\nX-Two: 2\r\nKeep-Alive: 5\r\n"
        b"TE: trailers\r\nTrailer: Z\r\nProxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\n\r\n"
    )
    assert onward(said) == b"GET /a?b HTTP/1.1\r\nHost: site.test:8080\r\nAccept: */*\r\n\r\n"


@pytest.mark.parametrize(
    ("target", "host", "port", "path"),
    [
        (b"http://site.test", "site.test", 80, b"/"),
        (b"HTTP://site.test?q", "site.test", 80, b"/?q"),
        (b"http://site.test:/x", "site.test", 80, b"/x"),
        (b"http://[2001:DB8::1]:81/x", "2001:db8::1", 81, b"/x"),
        (b"http://192.0.2.1/", "192.0.2.1", 80, b"/"),
    ],
)
def test_targets(target: bytes, host: str, port: int, path: bytes) -> None:
    _, started = ask(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert started.target == Target(host, port)
    assert started.request.target == path
    assert started.is_repeatable


def test_options_for_a_whole_site() -> None:
    assert onward(b"OPTIONS http://site.test HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"OPTIONS * HTTP/1.1\r\n")


def test_an_old_app_speaks_the_new_version_to_the_site() -> None:
    assert onward(b"GET http://site.test/ HTTP/1.0\r\n\r\n") == b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"


def test_bodies_of_both_framings_pass() -> None:
    head = b"POST http://site.test/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    assert onward(head + b"Content-Length: 5\r\n\r\nhello") == (
        b"POST / HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"
    )
    assert onward(head + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nZ: 1\r\n\r\n") == (
        b"POST / HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )


def test_what_may_be_repeated() -> None:
    head = b" http://site.test/ HTTP/1.1\r\nHost: x\r\n"
    assert ask(b"HEAD" + head + b"\r\n")[1].is_repeatable
    assert not ask(b"POST" + head + b"\r\n")[1].is_repeatable
    assert not ask(b"GET" + head + b"Content-Length: 1\r\n\r\n")[1].is_repeatable
    assert not ask(b"GET" + head + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")[1].is_repeatable
    assert ask(b"GET" + head + b"Content-Length: 0\r\n\r\n")[1].is_repeatable


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST http://s/ HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST http://s/ HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST http://s/ HTTP/1.1\r\nHost: s\r\nContent-Length: 1, 2\r\n\r\n", 400),
        (b"POST http://s/ HTTP/1.1\r\nHost: s\r\nContent-Length: +1\r\n\r\n", 400),
        (b"POST http://s/ HTTP/1.1\r\nHost: s\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST http://s/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST http://s/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 501),
        (b"POST http://s/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET http://s/ HTTP/1.1\r\nHost: s\r\nX: 1\r\n folded\r\n\r\n", 400),
        (b"GET http://s/ HTTP/1.1\r\nHost: s\r\nX: 1\nY: 2\r\n\r\n", 400),
        (b"GET http://s/ HTTP/1.1\nHost: s\n\n", 400),
        (b"GET http://s/ HTTP/1.1\r\nHost: s\r\nX: 1\rY: 2\r\n\r\n", 400),
        (b"GET http://s/ HTTP/1.1\r\nHost: s\r\nX : 1\r\n\r\n", 400),
        (b"GET http://s/ HTTP/1.1\r\nHost: s\r\nX: \x00\r\n\r\n", 400),
        (b"GET http://s/ HTTP/1.1\r\nHost: s\r\nHost: t\r\n\r\n", 400),
        (b"GET http://s/ HTTP/1.1\r\n\r\n", 400),
        (b"GET  http://s/ HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http://s/\r\n\r\n", 400),
        (b"GET http://s/ HTTP/2.0\r\nHost: s\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"GET http://user:secret@s/ HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http://s:0/ HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http://s:99999/ HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http://s:1x/ HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http:///x HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http://s/#f HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http://%73/ HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET http://" + b"s" * 300 + b"/ HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"GET https://s/ HTTP/1.1\r\nHost: s\r\n\r\n", 501),
        (b"GET ftp://s/ HTTP/1.1\r\nHost: s\r\n\r\n", 501),
        (b"GET s HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"CONNECT s HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"CONNECT s: HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"CONNECT s:443/x HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        (b"CONNECT s:443 HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\n\r\n", 400),
        (b"\x80\x81\x82 \r\n\r\n", 400),
    ],
)
def test_what_is_malformed_or_ambiguous_is_refused(head: bytes, status: int) -> None:
    assert refuse(head).answer.status == status


@pytest.mark.parametrize("form", [b"GET / HTTP/1.1", b"POST /x HTTP/1.1", b"OPTIONS * HTTP/1.1"])
def test_the_proxy_is_no_site(form: bytes) -> None:
    assert refuse(form + b"\r\nHost: 127.0.0.1:1080\r\n\r\n").answer is USAGE


def test_a_head_is_bounded_however_it_comes() -> None:
    long = b"GET http://s/ HTTP/1.1\r\nHost: s\r\nX: " + b"x" * 1000
    assert refuse(long, max_head_bytes=500).answer.status == 431
    assert refuse(long + b"\r\n\r\n", max_head_bytes=500).answer.status == 431
    dialogue = HttpDialogue(500)
    dialogue.receive(GET + b"y" * 1000)
    assert isinstance(dialogue.next_event(), RequestStarted)


def test_a_bare_line_feed_is_seen_where_pieces_meet() -> None:
    dialogue = HttpDialogue()
    for byte in b"GET http://s/ HTTP/1.1\r":
        dialogue.receive(bytes((byte,)))
        assert dialogue.next_event() is None
    dialogue.receive(b"\nHost: s")
    assert dialogue.next_event() is None
    dialogue.receive(b"\n")
    with pytest.raises(HttpError):
        dialogue.next_event()


@pytest.mark.parametrize(
    "body",
    [b"5\nhello", b"x\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\r\nhello\n\r0\r\n\r\n", b"-5\r\nhello\r\n"],
)
def test_a_malformed_chunk_is_refused(body: bytes) -> None:
    # A line without its end is waited for; the end of file shows that it never comes.
    dialogue, _ = ask(b"POST http://s/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    dialogue.receive(b"")
    with pytest.raises(HttpError):
        drain(dialogue)


def test_empty_lines_before_a_request_are_skipped_and_requests_can_follow_at_once() -> None:
    dialogue, _ = ask(b"\r\n\r\n" + GET + b"\r\n" + GET)
    assert not dialogue.is_idle
    assert not dialogue.is_head_request
    assert isinstance(dialogue.next_event(), MessageEnded)
    assert dialogue.next_event() is None
    exchange = HttpExchange(ask(GET)[1].request)
    exchange.start()
    exchange.end_request()
    exchange.receive(b"HTTP/1.1 204 No Content\r\n\r\n")
    started = exchange.next_event()
    assert isinstance(started, ResponseStarted)
    assert not dialogue.next_request()
    dialogue.start_response(started.response)
    dialogue.end_response()
    assert dialogue.next_request()
    assert isinstance(dialogue.next_event(), RequestStarted)


def test_connect_with_and_without_host_and_with_data_behind_it() -> None:
    for host in (b"", b"Host: x\r\n"):
        dialogue = HttpDialogue()
        dialogue.receive(b"CONNECT site.test:443 HTTP/1.1\r\n" + host + b"\r\n\x16\x03\x01")
        assert dialogue.next_event() == TunnelAsked(Target("site.test", 443))
        assert dialogue.take_rest() == b"\x16\x03\x01"
    dialogue = HttpDialogue()
    dialogue.receive(b"CONNECT [2001:db8::1]:443 HTTP/1.0\r\n\r\n")
    assert dialogue.next_event() == TunnelAsked(Target("2001:db8::1", 443))


# Responses.


@pytest.mark.parametrize(
    ("response", "ended", "passed", "stream_again"),
    [
        (b"Content-Length: 2\r\n\r\nhi", False, b"Content-Length: 2\r\n\r\nhi", True),
        (
            b"Transfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nZ: 1\r\n\r\n",
            False,
            b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            True,
        ),
        (b"\r\nhi", True, b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", False),
        (
            b"Connection: close, X\r\nX: 1\r\nKeep-Alive: 5\r\nUpgrade: h2\r\nContent-Length: 0\r\n\r\n",
            False,
            b"Content-Length: 0\r\n\r\n",
            False,
        ),
        (b"Content-Length: 0\r\n\r\nmore", False, b"Content-Length: 0\r\n\r\n", False),
        (
            b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            False,
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            False,
        ),
    ],
    ids=["length", "chunked", "until close", "hop by hop", "too much", "two lengths"],
)
def test_responses_of_all_framings(response: bytes, ended: bool, passed: bytes, stream_again: bool) -> None:
    out, stream_reusable, app_reusable = back(GET, b"HTTP/1.1 200 Fine\r\n" + response, ended=ended)
    assert out.lower() == b"HTTP/1.1 200 Fine\r\n".lower() + passed.lower()
    assert stream_reusable is stream_again
    assert app_reusable


def test_an_app_of_http_1_0_gets_no_chunks_and_no_interim_answers() -> None:
    out, _, app_reusable = back(
        b"GET http://site.test/ HTTP/1.0\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    )
    assert out.lower() == b"http/1.1 200 ok\r\nconnection: close\r\n\r\nhi"
    assert not app_reusable


@pytest.mark.parametrize("status", [b"204 Empty", b"304 Same"])
def test_responses_without_a_body(status: bytes) -> None:
    length = b"" if status.startswith(b"204") else b"Content-Length: 7\r\n"
    out, again, _ = back(GET, b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n")
    assert out == b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n"
    assert again


def test_the_answer_to_head_keeps_its_length_and_has_no_body() -> None:
    head = b"HEAD http://site.test/ HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(head)[0].is_head_request
    out, again, _ = back(head, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    assert out == b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    assert again


def test_interim_answers_pass() -> None:
    request = b"POST http://site.test/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    response = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"
    out, stream_again, app_again = back(request, response)
    assert out.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 417 No\r\n")
    # The body never came, so nobody knows where a next request would begin.
    assert not stream_again
    assert not app_again


@pytest.mark.parametrize(
    ("response", "ended", "answer"),
    [
        (b"", True, RESPONSE_CUT),
        (b"HTTP/1.1 200 OK\r\nContent-Le", True, RESPONSE_CUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", True, RESPONSE_CUT),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", True, RESPONSE_CUT),
        (b"SSH-2.0-x\r\n\r\n", False, RESPONSE_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", False, RESPONSE_MALFORMED),
        (b"HTTP/1.1 101 Switch\r\nUpgrade: websocket\r\n\r\n", False, RESPONSE_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, False, RESPONSE_MALFORMED),
    ],
)
def test_a_response_that_is_cut_or_malformed(response: bytes, ended: bool, answer: object) -> None:
    with pytest.raises(SiteError) as caught:
        back(GET, response, ended=ended)
    assert caught.value.answer is answer


def test_a_site_that_closes_after_its_response_is_not_used_again() -> None:
    exchange = HttpExchange(ask(GET)[1].request)
    exchange.start()
    exchange.end_request()
    exchange.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(exchange.next_event(), ResponseStarted)
    assert exchange.next_event() == MessageEnded()
    assert exchange.next_event() is None
    exchange.receive(b"")
    with pytest.raises(SiteError):
        exchange.next_event()
    assert not exchange.is_reusable


def test_an_app_that_ends_behind_its_request_gets_no_further_one() -> None:
    dialogue, started = ask(GET)
    dialogue.next_event()
    dialogue.receive(b"")
    exchange = HttpExchange(started.request)
    exchange.start()
    exchange.end_request()
    exchange.receive(b"HTTP/1.1 204 No Content\r\n\r\n")
    response = exchange.next_event()
    assert isinstance(response, ResponseStarted)
    dialogue.start_response(response.response)
    dialogue.end_response()
    assert not dialogue.next_request()


def test_a_websocket_is_let_through() -> None:
    said = GET[:-2] + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nearly"
    dialogue, started = ask(said)
    assert dialogue.next_event() == MessageEnded()
    assert dialogue.next_event() is None
    exchange = HttpExchange(started.request)
    out = exchange.start() + exchange.end_request()
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in out
    assert b"\r\nSec-WebSocket-Key: x\r\n" in out
    exchange.receive(
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nframe"
    )
    event = exchange.next_event()
    assert isinstance(event, Switched)
    assert event.rest == b"frame"
    switched = dialogue.switch(event.response)
    assert switched == (
        b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    assert dialogue.take_rest() == b"early"
    assert exchange.next_event() is None
