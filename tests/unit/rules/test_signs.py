"""What bytes show: what may be asked twice, what no site answers, how a handshake ends."""

from __future__ import annotations

import ssl

import pytest

from tests.support.certificate import self_signed
from unwalled.rules.bounds import RULES
from unwalled.rules.memory import Sign
from unwalled.rules.signs import Asked, HandshakeWatch, asked, judge_answer


def client_hello(name: str = "example.org") -> bytes:
    """As OpenSSL sends it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


HELLO = client_hello()
GET = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"


def test_a_hello_may_be_sent_twice_whole_or_in_part() -> None:
    for length in range(1, len(HELLO) + 1):
        assert asked(HELLO[:length]) is Asked.TLS_HELLO, length


def test_a_hello_in_several_records() -> None:
    message = HELLO[5:]
    parts = [message[at : at + 100] for at in range(0, len(message), 100)]
    split = b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)
    for length in range(1, len(split) + 1):
        assert asked(split[:length]) is Asked.TLS_HELLO, length


@pytest.mark.parametrize(
    "sent",
    [
        HELLO + b"\x14\x03\x03\x00\x01\x01",
        HELLO + b"\x17\x03\x03\x00\x10" + bytes(16),
        HELLO + b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
        b"\x16\x04\x01\x00\x01\x01",
        b"\x16\x03\x01\x00\x01\x02",
        b"SSH-2.0-OpenSSH\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        GET + GET,
        GET[:-2],
        b"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"GET /" + b"a" * RULES.repeatable_bytes + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_a_site_must_not_get_twice(sent: bytes) -> None:
    assert asked(sent) is Asked.OTHER
    assert not asked(sent).is_repeatable


@pytest.mark.parametrize("sent", [GET, b"HEAD / HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n"])
def test_requests_without_effect(sent: bytes) -> None:
    assert asked(sent) is Asked.SAFE_REQUEST
    assert asked(sent).is_repeatable


def test_nothing_may_be_repeated() -> None:
    assert asked(b"") is Asked.NOTHING
    assert Asked.NOTHING.is_repeatable


@pytest.mark.parametrize("answer", [b"HTTP/1.1 302 Found\r\n", b"\x17\x03\x03", b"\x16\x05", b"<html>", b"\x00"])
def test_what_answers_a_hello_without_being_tls(answer: bytes) -> None:
    assert judge_answer(Asked.TLS_HELLO, answer) is Sign.OTHER_ANSWER


@pytest.mark.parametrize("answer", [b"\x16\x03\x03\x00\x7a", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16", b"\x15\x03"])
def test_what_answers_a_hello_as_it_should(answer: bytes) -> None:
    assert judge_answer(Asked.TLS_HELLO, answer) is None


@pytest.mark.parametrize(
    ("answer", "sign"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://10.10.34.34/\r\n\r\n", Sign.OTHER_ANSWER),
        (b'HTTP/1.1 403 Forbidden\r\n\r\n<iframe width=1 src="http://10.10.34.34?type=x">', Sign.OTHER_ANSWER),
        (b"HTTP/1.1 302 Found\r\nlocation:https://198.41.0.4/\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: http://999.1.1.1/\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 3000 + b"<iframe src=http://10.0.0.1>", None),
        (b"HTTP/1.1 200 OK\r\n\r\nsee http://10.0.0.1/", None),
    ],
)
def test_pages_that_lead_into_a_private_network(answer: bytes, sign: Sign | None) -> None:
    assert judge_answer(Asked.SAFE_REQUEST, answer) is sign


def test_nothing_is_read_into_other_answers() -> None:
    assert judge_answer(Asked.OTHER, b"HTTP/1.1 302 Found\r\nLocation: http://10.10.34.34/\r\n\r\n") is None
    assert judge_answer(Asked.NOTHING, b"220 mail\r\n") is None


def handshake(tmp_path_factory: pytest.TempPathFactory, version: ssl.TLSVersion, *, is_trusted: bool) -> bytes:
    """What a real client sends until its handshake has ended, and a little more."""
    certificate = self_signed(tmp_path_factory.mktemp("tls"), name="example.org")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    client_context = ssl.create_default_context()
    if is_trusted:
        client_context.load_verify_locations(certificate)
    client_context.minimum_version = client_context.maximum_version = version
    to_server, to_client, from_client = ssl.MemoryBIO(), ssl.MemoryBIO(), bytearray()
    client_out, server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, client_out, server_hostname="example.org")
    server = server_context.wrap_bio(to_server, server_out, server_side=True)
    is_over = False
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
                if side is client and not is_over:
                    is_over = True
                    client.write(b"GET / HTTP/1.1\r\n\r\n")
            except ssl.SSLError:
                pass
        sent = client_out.read()
        from_client += sent
        to_server.write(sent)
        to_client.write(server_out.read())
    return bytes(from_client)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("is_trusted", [True, False])
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_client_that_does_not_like_a_certificate_is_seen(
    tmp_path_factory: pytest.TempPathFactory, version: ssl.TLSVersion, is_trusted: bool, step: int
) -> None:
    sent = handshake(tmp_path_factory, version, is_trusted=is_trusted)
    watch = HandshakeWatch()
    for at in range(0, len(sent), step):
        watch.receive(sent[at : at + step])
    assert watch.is_over
    assert watch.is_refused is not is_trusted


@pytest.mark.parametrize(
    ("sent", "is_refused"),
    [
        (b"\x15\x03\x03\x00\x02\x02\x30", True),  # fatal, unknown authority
        (b"\x15\x03\x03\x00\x02\x01\x00", False),  # closes
        (b"\x15\x03\x03\x00\x02\x02\x28", False),  # fatal, handshake failure
        (b"\x17\x03\x03\x00\x35", False),
        (b"GET / HTTP/1.1", False),
        (b"\x16\x02\x00\x00\x01", False),
        (b"\x16\x03\x03\xff\xff", False),
        (b"\x18\x03\x03\x00\x01", False),
        (b"\x14\x03\x03\x00\x01\x01\x16\x03\x03\x00\x28", False),
        (b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x13", True),
    ],
)
def test_how_a_handshake_ends(sent: bytes, is_refused: bool) -> None:
    watch = HandshakeWatch()
    watch.receive(sent + b"more of it, which is not looked at")
    assert watch.is_over
    assert watch.is_refused is is_refused
