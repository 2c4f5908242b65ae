"""The proxy's parsers under any cutting of what is valid, and under bytes that nobody meant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unwalled.reader.dialogue import Asked, DialogueError, SocksDialogue
from unwalled.reader.http import (
    BodyReceived,
    HttpDialogue,
    HttpError,
    HttpExchange,
    MessageEnded,
    RequestStarted,
    ResponseStarted,
    SiteError,
    Switched,
    TunnelAsked,
)
from unwalled.reader.socks4 import Socks4Dialogue
from unwalled.reader.socks5 import Socks5Dialogue, decode_datagram, encode_datagram
from unwalled.wire.address import Target

names = st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z]{1,8}){0,3}", fullmatch=True)
hosts = names | st.ip_addresses().map(str)
targets = st.builds(Target.parse, hosts, st.integers(1, 65535))
cuts = st.lists(st.integers(1, 40), max_size=60)
tokens = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True)
values = st.from_regex(r"([!-~]([ !-~]{0,20}[!-~])?)?", fullmatch=True)
MAX_HEAD = 2048


def pieces(data: bytes, lengths: list[int]) -> list[bytes]:
    out, at = [], 0
    for length in lengths:
        out.append(data[at : at + length])
        at += length
    return [piece for piece in (*out, data[at:]) if piece]


def socks(dialogue: SocksDialogue, data: list[bytes]) -> tuple[bytes, list[Asked], bool, bytes]:
    out, events, failed = b"", [], False
    for piece in data:
        try:
            dialogue.receive(piece)
        except DialogueError:
            failed = True
        out += dialogue.data_to_send()
        while (event := dialogue.next_event()) is not None:
            events.append(event)
        if failed:
            return out, events, failed, b""
    return out, events, failed, dialogue.take_rest()


@given(targets, st.binary(max_size=50), st.sampled_from([b"\x05\x01\x00", b"\x05\x02\x00\x02"]), cuts)
def test_socks5_reads_alike_however_it_is_cut(target: Target, rest: bytes, hello: bytes, lengths: list[int]) -> None:
    said = hello + b"\x05\x01\x00" + target.encode() + rest
    whole = socks(Socks5Dialogue(), [said])
    assert whole == socks(Socks5Dialogue(), pieces(said, lengths))
    assert whole[3] == rest
    assert len(whole[1]) == 1


@given(names, st.integers(1, 65535), st.binary(max_size=50), cuts)
def test_socks4a_reads_alike_however_it_is_cut(name: str, port: int, rest: bytes, lengths: list[int]) -> None:
    said = b"\x04\x01" + port.to_bytes(2, "big") + b"\0\0\0\x07user\0" + name.encode() + b"\0" + rest
    whole = socks(Socks4Dialogue(), [said])
    assert whole == socks(Socks4Dialogue(), pieces(said, lengths))
    assert whole[3] == rest
    assert len(whole[1]) == 1


@given(st.binary(max_size=400), cuts, st.sampled_from([b"", b"\x05\x01\x00\x05\x01\x00", b"\x05\x01\x02\x01"]))
def test_socks5_takes_any_bytes(data: bytes, lengths: list[int], start: bytes) -> None:
    said = start + data
    assert socks(Socks5Dialogue(), [said])[:3] == socks(Socks5Dialogue(), pieces(said, lengths))[:3]


@given(st.binary(max_size=600), cuts, st.sampled_from([b"", b"\x04\x01", b"\x04\x01\0\x50\0\0\0\x01"]))
def test_socks4_takes_any_bytes(data: bytes, lengths: list[int], start: bytes) -> None:
    said = start + data
    assert socks(Socks4Dialogue(), [said])[:3] == socks(Socks4Dialogue(), pieces(said, lengths))[:3]


@given(targets, st.binary(max_size=100))
def test_datagrams_come_back(target: Target, payload: bytes) -> None:
    assert decode_datagram(encode_datagram(target, payload)) == (target, payload)


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda data: b"\0\0\0" + data))
def test_datagrams_of_any_bytes(data: bytes) -> None:
    try:
        target, payload = decode_datagram(data)
    except DialogueError:
        return
    assert data.endswith(payload)
    assert encode_datagram(target, payload)


# HTTP.


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request in absolute form, and its body."""
    headers = draw(st.lists(st.tuples(tokens.map(lambda token: "X-" + token), values), max_size=5))
    body = draw(st.binary(max_size=200))
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    target = draw(targets)
    host = f"[{target.host}]" if ":" in target.host else target.host
    head = f"{draw(st.sampled_from(['GET', 'POST', 'PUT']))} http://{host}:{target.port}/x HTTP/1.1\r\nHost: {host}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers)
    if kind == "none":
        return f"{head}\r\n".encode(), b""
    if kind == "length":
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, body
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces(body, draw(cuts)))
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n", body


def http(data: list[bytes]) -> tuple[list[object], bytes]:
    """Events up to the end of one request or to an error, and its body."""
    dialogue, events, body = HttpDialogue(MAX_HEAD), list[object](), b""
    for piece in data:
        dialogue.receive(piece)
        try:
            while (event := dialogue.next_event()) is not None:
                match event:
                    case RequestStarted():
                        exchange = HttpExchange(event.request)
                        events.append((event.target, event.has_body, event.is_repeatable, exchange.start()))
                    case BodyReceived(piece_of_body):
                        body += piece_of_body
                    case MessageEnded():
                        events.append("ended")
                    case TunnelAsked():
                        events.append(event)
        except HttpError as error:
            return [*events, error.answer.status], body
        assert len(dialogue._head) <= MAX_HEAD + 50 or events
    return events, body


@given(requests(), cuts)
def test_http_reads_alike_however_it_is_cut(request: tuple[bytes, bytes], lengths: list[int]) -> None:
    said, body = request
    whole = http([said])
    assert whole == http(pieces(said, lengths))
    assert whole[0][-1] == "ended"
    assert whole[1] == body


@given(requests(), requests(), cuts)
def test_a_second_request_behind_a_first_waits_its_turn(
    first: tuple[bytes, bytes], second: tuple[bytes, bytes], lengths: list[int]
) -> None:
    assert http(pieces(first[0] + second[0], lengths)) == http([first[0]])


PARTS = (
    *(b"GET ", b"http://", b"site.test", b":80", b"/", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b"Host: x", b"CONNECT "),
    *(b"Content-Length: 3", b"Transfer-Encoding: chunked", b" ", b":", b"[::1]", b"0\r\n\r\n", b"\xff", b"\0"),
)
fragments = st.lists(
    st.sampled_from(PARTS) | st.binary(max_size=8),
    max_size=40,
).map(b"".join)


@given(fragments, cuts)
def test_http_takes_any_bytes(data: bytes, lengths: list[int]) -> None:
    http(pieces(data, lengths))


@given(fragments, cuts)
def test_nothing_that_a_site_gets_has_a_line_that_we_did_not_write(data: bytes, lengths: list[int]) -> None:
    events, _ = http(pieces(b"GET http://site.test/ HTTP/1.1\r\nHost: x\r\nA: " + data + b"\r\n\r\n", lengths))
    for event in events:
        if isinstance(event, tuple):
            head = event[3]
            assert head.count(b"\r\n\r\n") == 1
            assert head.endswith(b"\r\n\r\n")
            assert head.count(b"\n") == head.count(b"\r\n") == head.count(b"\r")
            assert not (b"\ncontent-length:" in head.lower() and b"\ntransfer-encoding:" in head.lower())


@given(st.binary(max_size=300) | fragments.map(lambda data: b"HTTP/1.1 200 OK\r\n" + data), cuts, st.booleans())
def test_a_site_may_say_anything(data: bytes, lengths: list[int], ends: bool) -> None:
    dialogue = HttpDialogue()
    dialogue.receive(b"GET http://site.test/ HTTP/1.1\r\nHost: x\r\n\r\n")
    asked = dialogue.next_event()
    assert isinstance(asked, RequestStarted)
    assert dialogue.next_event() == MessageEnded()
    exchange = HttpExchange(asked.request)
    exchange.start()
    exchange.end_request()
    for piece in (*pieces(data, lengths), *([b""] if ends else [])):
        exchange.receive(piece)
        while True:
            try:
                event = exchange.next_event()
            except SiteError:
                return
            match event:
                case ResponseStarted(response):
                    assert dialogue.start_response(response)
                case BodyReceived(body):
                    assert dialogue.send_body(body)
                case MessageEnded():
                    dialogue.end_response()
                    return
                case Switched():
                    raise AssertionError("nobody asked for that")
                case None:
                    break
