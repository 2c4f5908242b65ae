"""All lanes die at once under a real download: the same session goes on over new lanes, if they come in time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chain import Chain, became, chain
from tests.support.gateway_sites import run
from tests.support.proxy_bench import BLOCK, MIB, Reader, Writer, raw_site
from unwalled.reader.status import Phase
from unwalled.signaling.errors import DoorsUnreachable

SIZE = 64 * MIB
DIGEST = hashlib.sha256(BLOCK * (SIZE // MIB)).hexdigest()


async def pours(reader: Reader, writer: Writer) -> None:
    """A site that sends its bytes."""
    for _ in range(SIZE // MIB):
        writer.write(BLOCK)
        await writer.drain()
    writer.write_eof()


@contextlib.contextmanager
def no_broker(c: Chain, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader cannot reach the broker."""

    async def fails(*args: object, **keywords: object) -> None:
        raise DoorsUnreachable("There is no network.")

    with monkeypatch.context() as patched:
        patched.setattr(c.reader.client._matchmaker, "match", fails)
        yield


async def loses_all_lanes(c: Chain) -> None:
    """Every lane closes under the reader, as when its network goes away."""
    live = c.reader.client._live
    assert live is not None
    for lane in list(live.pump._lanes.values()):
        lane.close()
    await became(lambda: c.reader.client.status.lanes == 0, "no lanes at the reader")
    await became(lambda: c.operator._hub.lane_count == 0, "no lanes at the gateway")


def test_a_download_goes_on_when_the_network_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path / "data") as c, raw_site(pours) as port:
            reader, writer = await c.socks5(port)
            got = bytearray(await reader.readexactly(SIZE // 8))
            opened = c.operator._hub.counters.sessions_opened
            with no_broker(c, monkeypatch):
                await loses_all_lanes(c)
                await became(lambda: c.reader.client.status.phase is Phase.NO_BROKER, "the reader says what is wrong")
                # What was in flight is used up; from then on the application waits.
                late = asyncio.create_task(
                    c.say(b"GET http://site.test:%d/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % c.port)
                )
            got += await reader.read()
            assert hashlib.sha256(got).hexdigest() == DIGEST
            assert (await late).startswith(b"HTTP/1.1 200 "), "what was asked for meanwhile"
            assert c.operator._hub.counters.sessions_opened == opened, "it is the same session"
            writer.close()

    run(main, fast=True)


def test_a_download_is_cut_when_the_network_comes_back_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path / "data") as c, raw_site(pours) as port:
            reader, writer = await c.socks5(port)
            await reader.readexactly(SIZE // 8)
            hub = c.operator._hub
            with no_broker(c, monkeypatch):
                await loses_all_lanes(c)
                # The gateway's patience is over, and the reader, whose clock stood still, does not know.
                (session,) = hub._sessions.values()
                session.pump.core.handle_timer(session.pump.now() + 1000.0)
                session.pump.wake()
                await became(lambda: hub.session_count == 0, "the gateway has dropped the session")
            # A reset is no end: an application must not take half of a file for all of it.
            with pytest.raises(ConnectionResetError):
                await reader.read()
            await became(lambda: c.reader.client.status.phase is Phase.CONNECTED, "a new session stands")
            assert (
                await c.say(b"GET http://site.test:%d/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % c.port)
            ).startswith(b"HTTP/1.1 200 ")
            writer.close()

    run(main, fast=True)
