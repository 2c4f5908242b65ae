"""Lanes over real WebRTC, both ends in this process."""

from __future__ import annotations

import asyncio
import hashlib
import random
import traceback
from collections.abc import Awaitable, Callable

import pytest
import reactor_webrtc

from tests.support.bridge_world import Recorder, pump
from unwalled.errors import DescriptionError, LaneClosed
from unwalled.lanes.base import Lane
from unwalled.lanes.webrtc import ReactorStack, _Connection
from unwalled.wire.description import LaneDescription

SIZE = 20 << 20


async def joined(stack: ReactorStack) -> tuple[Lane, Lane]:
    offered = await stack.offer()
    answered = await stack.answer(offered.description)
    one, other = await asyncio.gather(offered.accept(answered.description), answered.opened())
    return one, other


def with_stack(scenario: Callable[[ReactorStack], Awaitable[None]]) -> None:
    async def main() -> None:
        stack = ReactorStack()
        try:
            async with asyncio.timeout(60):
                await scenario(stack)
        finally:
            await stack.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("size", [16 * 1024, 64 * 1024])
def test_twenty_megabytes_each_way_arrive_unchanged(size: int) -> None:
    async def scenario(stack: ReactorStack) -> None:
        one, other = await joined(stack)
        up, down = random.Random(1).randbytes(SIZE), random.Random(2).randbytes(SIZE)
        at_one, at_other = Recorder(), Recorder()
        one.start(at_one)
        other.start(at_other)
        await asyncio.gather(pump(one, up, size), pump(other, down, size))
        got_up, got_down = await asyncio.gather(at_other.received(SIZE), at_one.received(SIZE))
        assert hashlib.sha256(got_up).digest() == hashlib.sha256(up).digest()
        assert hashlib.sha256(got_down).digest() == hashlib.sha256(down).digest()
        assert at_other.messages == SIZE // size

    with_stack(scenario)


def test_messages_from_before_the_start_come_first() -> None:
    async def scenario(stack: ReactorStack) -> None:
        one, other = await joined(stack)
        for text in (b"a", b"b", b"c"):
            one.send(text)
        back = Recorder()
        one.start(back)
        other.send(b"!")
        await back.received(1)
        late = Recorder()
        other.start(late)
        one.send(b"d")
        assert await late.received(4) == b"abcd"

    with_stack(scenario)


def test_a_close_reaches_both_ends_once_with_what_was_sent_before() -> None:
    async def scenario(stack: ReactorStack) -> None:
        one, other = await joined(stack)
        at_one, at_other = Recorder(), Recorder()
        one.start(at_one)
        other.start(at_other)
        one.send(b"last words")
        one.close()
        one.close()
        await at_one.closed.wait()
        await at_other.closed.wait()
        assert (at_one.reason, at_other.reason, bytes(at_other.data)) == ("closed", "closed", b"last words")
        with pytest.raises(LaneClosed):
            one.send(b"x")
        with pytest.raises(LaneClosed):
            other.send(b"x")

    with_stack(scenario)


@pytest.mark.parametrize(
    ("data", "binary"),
    [(b"text", False), (bytes(64 * 1024 + 1), True), (b"", True)],
    ids=["text", "oversized", "empty"],
)
def test_a_message_that_may_not_be_closes_the_lane(data: bytes, binary: bool) -> None:
    async def scenario(stack: ReactorStack) -> None:
        one, other = await joined(stack)
        at_other = Recorder()
        other.start(at_other)
        one.send(b"good")
        one._channel.send(data, binary)  # type: ignore[attr-defined]
        await at_other.closed.wait()
        assert (at_other.reason, bytes(at_other.data)) == ("protocol", b"good")

    with_stack(scenario)


def test_a_sender_without_measure_is_closed_at_the_bound() -> None:
    async def scenario(stack: ReactorStack) -> None:
        one, other = await joined(stack)
        at_one = Recorder()
        one.start(at_one)
        other.start(Recorder())
        one._buffered_bytes = (8 << 20) - 10  # type: ignore[attr-defined]
        one._buffered_at = one._connection.stack.loop.time() + 3600  # type: ignore[attr-defined]
        with pytest.raises(LaneClosed):
            one.send(bytes(11))
        await at_one.closed.wait()
        assert at_one.reason == "overflow"

    with_stack(scenario)


@pytest.mark.parametrize("data", [b"", bytes(64 * 1024 + 1)])
def test_a_send_out_of_bounds_is_the_callers_mistake(data: bytes) -> None:
    async def scenario(stack: ReactorStack) -> None:
        one, _ = await joined(stack)
        with pytest.raises(ValueError):
            one.send(data)

    with_stack(scenario)


def test_an_answer_with_a_strange_key_never_opens() -> None:
    async def scenario(stack: ReactorStack) -> None:
        offered = await stack.offer()
        answered = await stack.answer(offered.description)
        false = LaneDescription.from_dict({**answered.description.to_dict(), "fingerprint": "ab" * 32})
        with pytest.raises(LaneClosed):
            await offered.accept(false)
        answered.close()

    with_stack(scenario)


def test_an_offer_is_not_taken_as_an_answer() -> None:
    async def scenario(stack: ReactorStack) -> None:
        offered = await stack.offer()
        other = await stack.offer()
        with pytest.raises(DescriptionError):
            await offered.accept(other.description)
        with pytest.raises(LaneClosed):
            await offered.accept((await stack.answer(other.description)).description)

    with_stack(scenario)


def test_a_lane_given_up_while_it_opens_is_closed() -> None:
    async def scenario(stack: ReactorStack) -> None:
        offered = await stack.offer()
        waiting = asyncio.create_task((await stack.answer(offered.description)).opened())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with_stack(scenario)


def test_prepared_offers_come_first_and_open_like_others_and_unused_ones_are_closed() -> None:
    async def scenario(stack: ReactorStack) -> None:
        stack.prepare(2)
        prepared = list(stack._prepared)
        ready = await stack.prepared()
        assert ready == [each.offer for each in prepared]
        one, other = await joined(stack)
        offered = await stack.offer()
        assert prepared[1].offer is offered
        stack.prepare(3)
        for lane in (one, other):
            lane.close()

    with_stack(scenario)


def test_a_lane_that_has_begun_to_open_is_accepted_later_and_its_failure_is_told_then() -> None:
    async def scenario(stack: ReactorStack) -> None:
        stack.prepare(2)
        good, bad = await stack.prepared()
        answered = await stack.answer(good.description)
        for _ in range(2):
            await good.begin(answered.description)
        await bad.begin(good.description)
        lane = await (await stack.offer()).accept(answered.description)
        (await answered.opened()).close()
        lane.close()
        with pytest.raises(DescriptionError):
            await (await stack.offer()).accept(answered.description)

    with_stack(scenario)


def test_nothing_can_be_made_by_a_closed_stack() -> None:
    async def main() -> None:
        stack = ReactorStack()
        offered = await stack.offer()
        await stack.aclose()
        with pytest.raises(LaneClosed):
            await stack.offer()
        with pytest.raises(LaneClosed):
            await offered.accept(LaneDescription.from_dict({**offered.description.to_dict(), "setup": "active"}))

    asyncio.run(main())


@pytest.mark.parametrize("when", ["offering", "answering", "accepting", "opening"])
def test_who_is_cancelled_keeps_no_connection_alive(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Callbacks of such a connection would abort the process when the interpreter ends.
    async def scenario(stack: ReactorStack) -> None:
        reached = asyncio.Event()

        async def for_ever(*_: object) -> None:
            reached.set()
            await asyncio.Event().wait()

        offered = await stack.offer()
        if when in ("accepting", "opening"):
            answered = await stack.answer(offered.description)
        if when in ("offering", "answering"):
            monkeypatch.setattr(_Connection, "gather", for_ever)
        else:
            monkeypatch.setattr(_Connection, "wait_open", for_ever)

        async def attempt() -> None:
            match when:
                case "offering":
                    await stack.offer()
                case "answering":
                    await stack.answer(offered.description)
                case "accepting":
                    await offered.accept(answered.description)
                case _:
                    await answered.opened()

        task = asyncio.create_task(attempt())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        frames = [frame for frame, _ in traceback.walk_tb(cancelled.value.__traceback__)]
        assert any(frame.f_code is for_ever.__code__ for frame in frames)
        held = [value for frame in frames for value in frame.f_locals.values()]
        assert not any(isinstance(value, reactor_webrtc.PeerConnection) for value in held)

    with_stack(scenario)
