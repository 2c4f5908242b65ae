"""What helping costs a page, and what it does with those who take nothing off its hands."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.operator_double import OperatorDouble
from tests.support.browsers import Installed, flip_switch, in_state, stats
from tests.support.curl import needs_curl
from tests.support.gateway_sites import run
from tests.support.memory import memory_of
from tests.support.newsroom import newsroom
from tests.support.proxy_bench import MIB

MOST_BYTES = 8 * MIB
ROOT = Path(__file__).parents[2]
# The most that ever lay unsent in a channel or a socket, and how many of them are open.
WATCH = """() => {
  window.most = 0;
  window.made = [];
  for (const kind of [RTCDataChannel, WebSocket]) {
    const send = kind.prototype.send;
    kind.prototype.send = function (data) {
      send.call(this, data);
      most = Math.max(most, this.bufferedAmount);
    };
  }
  window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
    construct(target, values) { const one = new target(...values); made.push(one); return one; },
  });
}"""
LEFT = "made.filter((one) => one.signalingState !== 'closed').length"
LONG_TASKS = """() => {
  window.tasks = [];
  const note = (list) => tasks.push(...list.getEntries().map((one) => one.duration));
  new PerformanceObserver(note).observe({ type: 'longtask' });
}"""


@asynccontextmanager
async def stopped_reader() -> AsyncIterator[StoppedReader]:
    """A reader in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.lone_reader"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield StoppedReader(process)
    finally:
        process.kill()
        await process.wait()


class StoppedReader:
    """A reader whose process stands still once its lane is open: nothing that is sent to it is ever taken."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def description(self) -> dict[str, Any]:
        """Its offer."""
        assert self._process.stdout is not None
        offer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return offer

    async def opens(self, answer: dict[str, Any]) -> None:
        """Takes the answer, opens the lane, and stands still."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(answer).encode() + b"\n")
        assert await self._process.stdout.readline() == b"open\n"
        self._process.send_signal(signal.SIGSTOP)


@needs_curl
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mib", [99, pytest.param(201, marks=pytest.mark.long)])
def test_megabytes_go_up_and_down_at_once_unchanged_and_do_not_stay(
    tmp_path: Path, bridge_browser: Installed, mib: int
) -> None:
    async def main() -> None:
        async with (
            newsroom(tmp_path) as room,
            bridge_browser.running(tmp_path / "profile") as browser,
            room.person() as person,
        ):
            page = await browser.new_page()
            await room.turn_on(page)
            await person.is_connected()
            await asyncio.gather(person.downloads(20), person.uploads(20))
            before = memory_of(browser.process.pid)
            seen = []
            third = mib // 3
            for _ in range(3):
                await asyncio.gather(person.downloads(third), person.uploads(third))
                seen.append(memory_of(browser.process.pid))
            # Firefox lets some 100 MiB of garbage come together before it clears it away. What is kept for good would
            # be four thirds of this after two rounds, and nothing would ever clear it away.
            assert min(seen[1:]) - before < mib * MIB
            carried = await stats(page)
            assert carried["bytesUp"] > (3 * third + 20) * MIB
            assert carried["bytesDown"] > (3 * third + 20) * MIB

    run(main)


def test_a_reader_that_takes_nothing_loses_its_lane_and_costs_little(tmp_path: Path, bridge_browser: Installed) -> None:
    async def main(operator: OperatorDouble) -> None:
        async with (
            asyncio.timeout(100),
            bridge_browser.running(tmp_path / "profile") as browser,
            stopped_reader() as reader,
        ):
            page = await browser.new_page()
            await page.before_scripts(WATCH)
            await page.goto(operator.url + "/")
            await flip_switch(page)
            session = await operator.ask(operator.bridge())
            offers = [await reader.description()]
            [answer] = await operator.ask(session.match("M1", f"{operator.gateway}/M1", offers))
            await reader.opens(answer["answer"])
            await in_state(page, "helping")
            await operator.ask(operator.flood())
            # The lane ends, though the reader says nothing: the page does it by itself.
            await operator.ask(operator.lanes_are(0))
            await in_state(page, "waiting")
            assert MOST_BYTES / 2 < await page.evaluate("most") <= MOST_BYTES
            await page.evaluate(f"new Promise((done) => setInterval(() => {LEFT} || done(true), 50))")

    with OperatorDouble() as operator:
        run(lambda: main(operator))


def test_a_gateway_that_takes_nothing_loses_its_lane_and_costs_little(
    tmp_path: Path, bridge_browser: Installed
) -> None:
    async def main(operator: OperatorDouble) -> None:
        async with asyncio.timeout(100), bridge_browser.running(tmp_path / "profile") as browser:
            page = await browser.new_page()
            await page.before_scripts(WATCH)
            await page.goto(operator.url + "/")
            await flip_switch(page)
            session = await operator.ask(operator.bridge())
            operator.reading.clear()
            [lane] = await operator.ask(operator.reader_lanes(session, "M1", 1))
            await in_state(page, "helping")
            await operator.ask(lane.flood())
            await operator.ask(lane.is_closed())
            await in_state(page, "waiting")
            assert MOST_BYTES / 2 < await page.evaluate("most") <= MOST_BYTES
            await page.evaluate(f"new Promise((done) => setInterval(() => {LEFT} || done(true), 50))")

    with OperatorDouble() as operator:
        run(lambda: main(operator))


@needs_curl
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_gigabytes_leave_nothing_in_the_browsers_memory(tmp_path: Path, bridge_browser: Installed) -> None:
    async def main() -> None:
        async with (
            newsroom(tmp_path) as room,
            bridge_browser.running(tmp_path / "profile") as browser,
            room.person() as person,
        ):
            page = await browser.new_page()
            if bridge_browser.name == "chromium":
                await page.before_scripts(LONG_TASKS)
            await room.turn_on(page)
            await person.is_connected()
            before = memory_of(browser.process.pid)
            seen = []
            for _ in range(10):
                await asyncio.gather(person.downloads(100), person.uploads(100))
                seen.append(memory_of(browser.process.pid))
            print(f"{bridge_browser.name}: MiB before {before // MIB}, then {[one // MIB for one in seen]}")
            if bridge_browser.name == "chromium":
                tasks = await page.evaluate("tasks")
                print(f"tasks of more than 50 ms: {len(tasks)}, the longest {max(tasks, default=0):.0f} ms")
            # Of 2,000 MiB, a leak of a tenth would show.
            assert min(seen[-3:]) - min(seen[:3]) < 150 * MIB

    run(main)
