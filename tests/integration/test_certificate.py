"""An operator that ends TLS itself, over real sockets: renewed while connections are open, and a whole chain."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.certificate import make_certificate
from tests.support.chain import PATIENCE_S, became, chain
from tests.support.programs import Command
from tests.support.proxy_bench import MIB, hang_up
from unwalled.clock import SystemClock
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.certificate import LiveCertificate
from unwalled.operator.options import CertificateFiles, ListenAddress, OperatorOptions, PublicUrl
from unwalled.operator.server import Operator

HERE = ListenAddress("127.0.0.1", 0)
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, host: str = "") -> tuple[Stream, bytes]:
    """A connection, and the certificate that it saw. ``host``: named in the handshake, if any."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
    return (reader, writer), writer.get_extra_info("ssl_object").getpeercert(True)


async def is_served(stream: Stream) -> bool:
    """Whether a request on an open connection gets its answer."""
    reader, writer = stream
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return head.startswith(b"HTTP/1.1 200")


def with_operator(file: Path, use: Callable[[Operator, int], Awaitable[None]]) -> None:
    async def main() -> None:
        options = OperatorOptions(HERE, None, file.parent / "data", certificate=CertificateFiles(file, file))
        async with asyncio.timeout(30):
            operator, invite = await Operator.start(options)
            try:
                assert invite.doors == (operator.url.text,)
                assert operator.url.text.startswith("https://127.0.0.1:")
                await use(operator, int(operator.url.text.rpartition(":")[2]))
            finally:
                await operator.close()

    asyncio.run(main())


@pytest.mark.parametrize("host", ["", "news.example"])
def test_a_renewed_certificate_is_for_new_connections_and_old_ones_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    file = make_certificate(tmp_path / "c.pem")
    caplog.set_level(logging.INFO)

    async def use(operator: Operator, port: int) -> None:
        assert operator.certificate is not None
        old, first = await connect(port, host)
        assert await is_served(old)
        good = file.read_bytes()

        def breaks_off() -> None:
            file.write_bytes(good[:200])

        def ends() -> None:
            make_certificate(file, begins_d=-9, ends_d=-1)

        def changes_back() -> None:
            file.write_bytes(good)

        # Broken, over, gone: the one of before stays, and the log says why.
        for change, told in (
            (breaks_off, "holds no certificate"),
            (ends, "The certificate ended on"),
            (file.unlink, "cannot be read"),
            (changes_back, "There is a new certificate"),
        ):
            change()
            operator.certificate.check()
            operator.certificate.check()
            assert caplog.text.count(told) == 1
            other, seen = await connect(port, host)
            assert seen == first
            assert await is_served(other)
            await hang_up(other[1])
        # As programs that renew certificates do it: a new file in place of the old one.
        make_certificate(tmp_path / "new.pem", ends_d=3).replace(file)
        operator.certificate.check()
        assert "renew it" in caplog.text
        new, second = await connect(port, host)
        assert second != first
        assert await is_served(new)
        assert await is_served(old)
        for stream in (old, new):
            await hang_up(stream[1])

    with_operator(file, use)


def test_the_files_are_looked_at_again_and_again(tmp_path: Path) -> None:
    file = make_certificate(tmp_path / "c.pem")

    async def main() -> None:
        limits = dataclasses.replace(OPERATOR, certificate_check_s=0.001)
        url = PublicUrl.parse("https://127.0.0.1")
        live = LiveCertificate(CertificateFiles(file, file), url, SystemClock(), limits)
        watching = asyncio.create_task(live.watch())
        try:
            for _ in range(2):
                before = live.now
                make_certificate(tmp_path / "new.pem").replace(file)
                await became(lambda held=before: live.now is not held, "the new one is taken")  # type: ignore[misc]
        finally:
            watching.cancel()

    asyncio.run(main())


def test_a_certificate_that_cannot_be_used_stops_the_start_before_anything_is_made(tmp_path: Path) -> None:
    file = make_certificate(tmp_path / "c.pem", ends_d=-0.5)
    options = OperatorOptions(HERE, None, tmp_path / "data", certificate=CertificateFiles(file, file))
    with pytest.raises(ConfigurationError, match="The certificate ended on"):
        asyncio.run(Operator.start(options))
    assert not (tmp_path / "data").exists()


def test_who_does_not_speak_tls_gets_nothing_and_harms_nobody(tmp_path: Path) -> None:
    async def use(operator: Operator, port: int) -> None:
        for words in (REQUEST, b"\x16\x03\x01", b""):
            with socket.create_connection(("127.0.0.1", port)) as plain:
                plain.sendall(words)
        stream, _ = await connect(port)
        assert await is_served(stream)
        await hang_up(stream[1])

    with_operator(make_certificate(tmp_path / "c.pem"), use)


def test_handshakes_that_never_end_keep_their_places(tmp_path: Path) -> None:
    async def use(operator: Operator, port: int) -> None:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        try:
            await became(lambda: len(operator._server._silent) == 5, "all are counted")
            operator._server._forget_lost()
            assert len(operator._server._silent) == 5
        finally:
            for sock in silent:
                sock.close()

    with_operator(make_certificate(tmp_path / "c.pem"), use)


def test_a_whole_chain_reads_through_an_operator_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make_certificate(tmp_path / "c.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path, bridges=0, own_certificate=file) as c, AsyncExitStack() as undo:
            assert c.operator.url.text.startswith("https:")
            # In a process of its own: it reads which authorities to trust when it starts.
            bridge = undo.enter_context(Command("bridge", c.operator.url.text))
            await asyncio.to_thread(bridge.line, "ready ")
            await asyncio.wait_for(c.reader.client.connected(), PATIENCE_S)
            reader, writer = await c.socks5(c.port)
            writer.write(b"GET /down?mib=4 HTTP/1.0\r\nHost: site.test\r\n\r\n")
            assert len((await reader.read()).partition(b"\r\n\r\n")[2]) == 4 * MIB
            await hang_up(writer)
            await c.is_idle()

    asyncio.run(main())
