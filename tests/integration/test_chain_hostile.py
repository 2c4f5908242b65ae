"""Bridges that tamper, and bridges that die: beside an honest one the bytes stay right, and the broker hears of it."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.chain import Chain, RunningBridge, became, chain
from tests.support.gateway_sites import run
from tests.support.hostile import (
    HostileStack,
    Tamper,
    Way,
    breathes,
    delays,
    drops,
    flips,
    honestly,
    reorders,
    repeats,
    replaces,
    swallows,
    truncates,
)
from tests.support.programs import Command
from tests.support.proxy_bench import BLOCK, MIB, Reader, Writer, raw_site
from unwalled.clock import SystemClock
from unwalled.settings import SESSION

SIZE = 10 * MIB
DIGEST = hashlib.sha256(BLOCK * (SIZE // MIB)).hexdigest()


async def pours(reader: Reader, writer: Writer) -> None:
    """A site that sends its bytes, and then says which ones it got."""
    for _ in range(SIZE // MIB):
        writer.write(BLOCK)
        await writer.drain()
    digest = hashlib.sha256()
    while data := await reader.read(65536):
        digest.update(data)
    writer.write(digest.digest())


async def exchanged(c: Chain, port: int) -> None:
    """10 MB each way at once, unchanged."""
    reader, writer = await c.socks5(port)

    async def send() -> None:
        for _ in range(SIZE // MIB):
            writer.write(BLOCK)
            await writer.drain()
        writer.write_eof()

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        got = await reader.read()
    assert len(got) == SIZE + 32
    assert hashlib.sha256(got[:SIZE]).hexdigest() == DIGEST
    assert got[SIZE:].hex() == DIGEST
    writer.close()


async def with_hostile(
    c: Chain, make_tamper: Callable[[], Tamper], *, says_text: bool = False, ways: Sequence[Way] = ("up", "down")
) -> tuple[RunningBridge, HostileStack]:
    """A bridge that carries lanes and is about to turn."""
    stacks: list[HostileStack] = []

    def make(stun: tuple[str, ...]) -> HostileStack:
        stacks.append(HostileStack(stun, make_tamper, says_text=says_text, ways=ways))
        return stacks[-1]

    bad = await c.add_bridge(make)
    await became(lambda: c.reader.client.status.bridges == 2, "lanes over both bridges")
    await became(lambda: c.operator._hub.lane_count == c.reader.client.status.lanes, "all lanes have joined")
    return bad, stacks[0]


def doubts(c: Chain, bridge: RunningBridge) -> bool:
    """Whether the broker puts the bridge aside, or sees it with doubt."""
    known = c.operator._broker._store._matching._bridges[bridge.name]  # type: ignore[attr-defined]
    return known.standing.is_worth_remembering or bool(known.doubters)


@pytest.mark.parametrize("make_tamper", [flips, drops, repeats, reorders, truncates, replaces])
def test_a_bridge_that_tampers_is_left_and_reported(tmp_path: Path, make_tamper: Callable[[], Tamper]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path / "data") as c, raw_site(pours) as port:
            bad, stack = await with_hostile(c, make_tamper, says_text=False)
            stack.turn()
            await exchanged(c, port)
            await became(lambda: bad.bridge.stats.lanes == 0, "no lane over the bad bridge")
            await became(lambda: doubts(c, bad), "the broker heard of the bad bridge")
            assert c.reader.client.status.bridges == 1
            assert not doubts(c, c.bridges[0])

    run(main, fast=True)


@pytest.mark.parametrize(
    ("make_tamper", "ways"),
    [
        (swallows, ["up"]),
        (swallows, ["down"]),
        (functools.partial(delays, 10.0), ["up"]),
        (functools.partial(delays, 10.0), ["down"]),
        (functools.partial(breathes, 0.7), ["up", "down"]),
    ],
    ids=["passes nothing up", "passes nothing down", "delays up", "delays down", "breathes just enough"],
)
def test_a_bridge_that_holds_things_up_is_left_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_tamper: Callable[[], Tamper], ways: Sequence[Way]
) -> None:
    # As in earnest, but in a second or two where it takes some twenty.
    quick = replace(SESSION, lane_dead_s=2.0, useless_rtt_s=0.2, useless_s=1.0)
    monkeypatch.setattr("unwalled.session.lane.SESSION", quick)

    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path / "data") as c, raw_site(pours) as port:
            bad, stack = await with_hostile(c, make_tamper, ways=ways)
            stack.turn()
            while not doubts(c, bad):
                await exchanged(c, port)
            await became(lambda: bad.bridge.stats.lanes == 0, "no lane over the bad bridge")

    run(main, fast=True)


def test_a_bridge_that_says_text_is_left_and_not_asked_again_and_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path / "data") as c, raw_site(pours) as port:
            bad, stack = await with_hostile(c, lambda: honestly, says_text=True)
            matches = c.operator._broker.metrics.matches
            before = matches["ok"]
            stack.turn()
            await exchanged(c, port)
            book = c.reader.client._book
            await became(lambda: bad.name in book.resting(SystemClock().monotonic()), "the bad bridge is not wanted")
            await became(lambda: bad.bridge.stats.lanes == 0, "no lane over the bad bridge")
            # Four lanes were lost at first; two further rounds of four are enough to know.
            assert matches["ok"] - before <= 2

    run(main, fast=True)


def test_a_bridge_that_delays_does_not_stop_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path / "data") as c, raw_site(pours) as port:
            _, stack = await with_hostile(c, delays, says_text=False)
            stack.turn()
            await exchanged(c, port)

    run(main, fast=True)


def test_a_bridge_that_is_killed_in_mid_download_is_not_noticed(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), chain(tmp_path / "data", bridges=0) as c, raw_site(pours) as port:
            with Command("bridge", c.operator.url.text) as doomed:
                await asyncio.to_thread(doomed.line, "ready ")
                await asyncio.wait_for(c.reader.client.connected(), 20)
                await c.add_bridge()
                await became(lambda: c.reader.client.status.bridges == 2, "lanes over both bridges")
                reader, writer = await c.socks5(port)
                got = bytearray(await reader.readexactly(SIZE // 4))
                doomed.process.kill()
                writer.write_eof()
                got += await reader.read()
                assert hashlib.sha256(got[:SIZE]).hexdigest() == DIGEST
                assert got[SIZE:] == hashlib.sha256().digest()
                await became(lambda: c.reader.client.status.bridges == 1, "lanes over the living bridge only")

    run(main, fast=True)
