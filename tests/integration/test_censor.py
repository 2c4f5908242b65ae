"""The reader's choice between two ways, over real sockets and real TLS, with a censor on the direct one.

The site is at 127.0.0.1, which is where the bridges lead; the censor sits at 127.0.0.2, where names lead here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.support.certificate import self_signed
from tests.support.curl import curl, needs_curl
from tests.support.fake_tunnel import FakeTunnel
from unwalled.app.rulesbook import RulesBook
from unwalled.errors import OpenFailed
from unwalled.network.addresses import IPAddress
from unwalled.reader.chooser import ChoosingTunnel
from unwalled.reader.direct import DirectWay
from unwalled.reader.listener import ProxyListener
from unwalled.rules.bounds import RULES
from unwalled.rules.decisions import Decision
from unwalled.rules.modes import Reason, RuleMode, Way
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

Writer = asyncio.StreamWriter
Serve = Callable[[asyncio.StreamReader, Writer], Awaitable[None]]
NAME = "news.example"
CENSOR = ipaddress.ip_address("127.0.0.2")
SOON = replace(RULES, direct_answer_s=0.2, direct_connect_s=2.0)


class Names:
    """What this network's resolver says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.addresses: list[IPAddress] | None = [CENSOR]

    async def resolve(self, name: str) -> Sequence[IPAddress]:
        """See Resolver."""
        self.asked.append(name)
        if self.addresses is None:
            raise OpenFailed(Code.NAME_UNKNOWN)
        return self.addresses


class Book(RulesBook):
    """Takes the censor's address for a public one."""

    def judge(self, decision: Decision, addresses: Sequence[IPAddress]) -> Decision:
        """See Guide."""
        return decision if list(addresses) == [CENSOR] else super().judge(decision, addresses)


class Scene:
    """A site, a censor before it, and a proxy that knows both ways."""

    def __init__(self, book: Book, tunnel: FakeTunnel, names: Names, proxy: str, port: int, trust: ssl.SSLContext):
        self.book = book
        self.tunnel = tunnel
        self.names = names
        self.port = port
        self.met_censor = 0
        self.proxy = proxy
        self._trust = trust

    async def read(self, name: str = NAME, scheme: str = "https") -> str:
        """A page, as a program on this computer reads it."""
        url = f"{scheme}://{name}:{self.port}/"
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
            session.get(url, proxy=self.proxy, ssl=self._trust) as response,
        ):
            return await response.text()

    def way(self, name: str = NAME) -> Way:
        """Which way the next connection goes."""
        return self.book.decide(Target(name, self.port)).way


async def page(reader: asyncio.StreamReader, writer: Writer) -> None:
    """The site's answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    if head:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnews")


@asynccontextmanager
async def censored(folder: Path, censor: Serve | None, *, is_tls: bool = True) -> AsyncIterator[Scene]:
    """``censor`` None = nobody is at the address to which names lead here."""
    certificate = self_signed(folder, name=NAME)
    serving, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=certificate)
    serving.load_cert_chain(certificate)

    async def close_after(serve: Serve, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            await serve(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def served(reader: asyncio.StreamReader, writer: Writer) -> None:
        await close_after(page, reader, writer)

    async def censoring(reader: asyncio.StreamReader, writer: Writer) -> None:
        assert censor is not None
        scene.met_censor += 1
        await close_after(censor, reader, writer)

    site = await asyncio.start_server(served, "127.0.0.1", 0, ssl=serving if is_tls else None)
    port = site.sockets[0].getsockname()[1]
    tunnel, names = FakeTunnel(), Names()
    book = Book(None, RuleMode.BLOCKED, limits=SOON)
    await book.load()
    proxy = ProxyListener(ChoosingTunnel(tunnel, DirectWay(names), book, SOON), port=0)
    scene = Scene(book, tunnel, names, f"http://{await proxy.start()}", port, trust)
    near = None if censor is None else await asyncio.start_server(censoring, str(CENSOR), port)
    try:
        yield scene
    finally:
        await proxy.close()
        for server in (site, near):
            if server is not None:
                server.close()
        await tunnel.closed()


def cut(writer: Writer) -> None:
    """Resets a connection."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset_after_hello(reader: asyncio.StreamReader, writer: Writer) -> None:
    """As China's does with a name that it reads in the hello."""
    await reader.read(1)
    cut(writer)


async def reset_at_once(reader: asyncio.StreamReader, writer: Writer) -> None:
    """As some do with an address."""
    cut(writer)


async def end_after_hello(reader: asyncio.StreamReader, writer: Writer) -> None:
    """A polite one."""
    await reader.read(10_000)


async def silence(reader: asyncio.StreamReader, writer: Writer) -> None:
    """As Russia's and Iran's do."""
    while await reader.read(10_000):
        pass


async def block_page(reader: asyncio.StreamReader, writer: Writer) -> None:
    """As Iran's does, to plain HTTP and to what is not."""
    await reader.read(10_000)
    writer.write(b'HTTP/1.1 403 Forbidden\r\n\r\n<iframe src="http://10.10.34.34?type=Invalid Site"></iframe>')


CENSORS = [reset_after_hello, reset_at_once, end_after_hello, silence, block_page, None]


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("censor", CENSORS)
def test_the_application_does_not_notice_and_the_next_connection_does_not_try(
    tmp_path: Path, censor: Serve | None, scheme: str
) -> None:
    async def main() -> None:
        async with censored(tmp_path, censor, is_tls=scheme == "https") as s:
            assert s.way() is Way.DIRECT_FIRST
            assert await s.read(scheme=scheme) == "news"
            assert s.way() is Way.BRIDGES
            met, asked = s.met_censor, len(s.names.asked)
            assert (met, asked) == (0 if censor is None else 1, 1)
            assert await s.read(scheme=scheme) == "news"
            # No packet and no look-up shows the site a second time.
            assert (s.met_censor, len(s.names.asked)) == (met, asked)
            assert len(s.tunnel.asked) == 2

    asyncio.run(main())


@pytest.mark.parametrize("addresses", [["10.10.34.34"], ["59.24.3.173"], ["127.0.0.1"], ["::1"], None])
def test_a_forged_answer_to_the_name_is_never_dialled(tmp_path: Path, addresses: list[str] | None) -> None:
    async def main() -> None:
        async with censored(tmp_path, reset_after_hello) as s:
            s.names.addresses = None if addresses is None else [ipaddress.ip_address(one) for one in addresses]
            assert await s.read() == "news"
            assert s.book.decide(Target(NAME, 443)) == Decision(Way.BRIDGES, Reason.LEARNED)
            assert s.met_censor == 0

    asyncio.run(main())


def test_a_listed_name_meets_neither_the_resolver_nor_the_censor(tmp_path: Path) -> None:
    async def main() -> None:
        async with censored(tmp_path, reset_after_hello) as s:
            await s.book.import_list("list", f"||{NAME}^")
            assert await s.read() == "news"
            assert (s.names.asked, s.met_censor) == ([], 0)

    asyncio.run(main())


@needs_curl
def test_somebody_in_between_is_refused_by_the_application_and_avoided_from_then_on(tmp_path: Path) -> None:
    async def main() -> None:
        folder = tmp_path / "censor"
        folder.mkdir()
        forged = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        forged.load_cert_chain(self_signed(folder, name=NAME))
        async with censored(tmp_path, None) as s:

            async def pose(reader: asyncio.StreamReader, writer: Writer) -> None:
                s.met_censor += 1
                writer.close()

            async with await asyncio.start_server(pose, str(CENSOR), s.port, ssl=forged):
                for _ in range(RULES.doubts):
                    assert s.way() is Way.DIRECT_FIRST
                    # Not all programs say that they refuse a certificate; browsers and curl do.
                    url = f"https://{NAME}:{s.port}/"
                    code, _ = await curl("-x", s.proxy, "--cacert", str(tmp_path / "certificate.pem"), url)
                    assert code == 60
                assert s.way() is Way.BRIDGES
                assert await s.read() == "news"
                assert s.met_censor == 0

    asyncio.run(main())


def test_a_site_that_works_directly_has_nothing_to_do_with_bridges(tmp_path: Path) -> None:
    async def main() -> None:
        async with censored(tmp_path, page, is_tls=False) as s:
            for _ in range(3):
                assert await s.read(scheme="http") == "news"
            assert (s.met_censor, s.tunnel.asked) == (3, [])
            assert s.way() is Way.DIRECT_FIRST

    asyncio.run(main())


def test_a_site_that_is_down_is_not_taken_for_blocked(tmp_path: Path) -> None:
    async def main() -> None:
        async with censored(tmp_path, None) as s:
            s.tunnel.failures[NAME] = Code.CONNECTION_REFUSED
            with pytest.raises(aiohttp.ClientError):
                await s.read()
            assert s.way() is Way.DIRECT_FIRST

    asyncio.run(main())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "10.0.0.1", "router", "2130706433"])
def test_no_page_reaches_this_computer_or_its_network_through_the_proxy(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with censored(tmp_path, page, is_tls=False) as s:
            with pytest.raises(aiohttp.ClientHttpProxyError) as refused:
                await s.read(name, "https")
            assert refused.value.status == 403
            assert (s.names.asked, s.met_censor, s.tunnel.asked) == ([], 0, [])

    asyncio.run(main())
