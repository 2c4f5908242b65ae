"""A connection that moves from the direct way to bridges before its first answer, and nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.support.proxy_bench import until
from tests.support.ways import SITE, FixedGuide, MemoryBridges, MemoryDirect, NearStream
from unwalled.errors import StreamReset
from unwalled.reader.chooser import ChoosingTunnel
from unwalled.rules.bounds import RulesLimits
from unwalled.rules.memory import Sign
from unwalled.tunnel.api import Stream
from unwalled.wire.codes import Code

HELLO = b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03ab"
SERVER_HELLO = b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"
GET = b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1\r\n\r\na"
IMPATIENT = RulesLimits(direct_answer_s=0)


class Scene:
    """One connection that was opened directly."""

    def __init__(self, limits: RulesLimits) -> None:
        self.bridges = MemoryBridges()
        self.direct = MemoryDirect()
        self.guide = FixedGuide()
        self.tunnel = ChoosingTunnel(self.bridges, self.direct, self.guide, limits)

    async def open(self) -> Stream:
        """The application's end."""
        return await self.tunnel.open(SITE)

    @property
    def site(self) -> NearStream:
        """The direct way."""
        return self.direct.streams[0]

    async def far(self) -> NearStream:
        """The way through bridges, once it is there."""
        await until(lambda: bool(self.bridges.streams))
        return self.bridges.streams[0]


def scene(test: Callable[[Scene], Coroutine[Any, Any, None]], limits: RulesLimits | None = None) -> None:
    """Runs a test with a scene."""

    async def main() -> None:
        async with asyncio.timeout(20):
            await test(Scene(limits or RulesLimits()))

    asyncio.run(main())


async def goes_on_through_bridges(s: Scene, stream: Stream, sent: bytes, sign: Sign) -> None:
    """What was sent arrives there again, whole, and the answer at the application."""
    reading = asyncio.create_task(stream.read())
    far = await s.far()
    got = b""
    while len(got) < len(sent):
        got += await far.far.read()
    assert got == sent
    assert s.guide.learned == []
    await far.far.write(SERVER_HELLO)
    assert await reading == SERVER_HELLO
    assert s.guide.learned == [(SITE.host, sign)]
    assert s.site.reset_code is not None
    await stream.write(b"more")
    assert await far.far.read() == b"more"
    await stream.finish()
    assert await far.far.read() == b""
    stream.reset(Code.CANCELLED)
    assert far.reset_code is Code.CANCELLED


@pytest.mark.parametrize("sent", [HELLO, GET])
def test_a_reset_after_the_first_message(sent: bytes) -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(sent)
        s.site.cut()
        await goes_on_through_bridges(s, stream, sent, Sign.RESET)

    scene(test)


def test_a_reset_in_the_middle_of_a_hello() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(HELLO[:7])
        s.site.cut()
        # Writing meets the reset first; reading deals with it.
        await stream.write(HELLO[7:])
        await goes_on_through_bridges(s, stream, HELLO, Sign.RESET)

    scene(test)


def test_a_reset_before_anything_was_said() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        s.site.cut()
        await goes_on_through_bridges(s, stream, b"", Sign.RESET)

    scene(test)


def test_an_end_instead_of_an_answer() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(HELLO)
        s.site.far.down.finish()
        await goes_on_through_bridges(s, stream, HELLO, Sign.RESET)

    scene(test)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (HELLO, b"HTTP/1.1 302 Found\r\nLocation: http://block.example/\r\n\r\n"),
        (GET, b"HTTP/1.1 302 Found\r\nLocation: http://10.10.34.34/\r\n\r\n"),
    ],
)
def test_an_answer_that_no_such_site_gives(sent: bytes, answer: bytes) -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(sent)
        await s.site.far.write(answer)
        await goes_on_through_bridges(s, stream, sent, Sign.OTHER_ANSWER)

    scene(test)


def test_silence() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(HELLO)
        await goes_on_through_bridges(s, stream, HELLO, Sign.SILENCE)

    scene(test, IMPATIENT)


def test_silence_that_is_noticed_while_the_application_waits() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        reading = asyncio.create_task(stream.read())
        await asyncio.sleep(0)
        await stream.write(HELLO)
        far = await s.far()
        assert await far.far.read() == HELLO
        await far.far.write(SERVER_HELLO)
        assert await reading == SERVER_HELLO

    scene(test, RulesLimits(direct_answer_s=0.01))


def test_half_closed_connections_move_whole() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(GET)
        await stream.finish()
        s.site.cut()
        reading = asyncio.create_task(stream.read())
        far = await s.far()
        assert await far.far.read() == GET
        assert await far.far.read() == b""
        await far.far.write(b"answer")
        assert await reading == b"answer"

    scene(test)


def test_finishing_a_connection_that_was_just_cut() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(GET)
        s.site.cut()
        await stream.finish()
        reading = asyncio.create_task(stream.read())
        far = await s.far()
        assert await far.far.read() == GET
        assert await far.far.read() == b""
        reading.cancel()

    scene(test)


def test_a_slow_site_that_answers_while_bridges_are_asked_is_kept() -> None:
    async def test(s: Scene) -> None:
        s.bridges.hold.clear()
        stream = await s.open()
        await stream.write(HELLO)
        reading = asyncio.create_task(stream.read())
        await s.bridges.opened.wait()
        await s.site.far.write(SERVER_HELLO)
        assert await reading == SERVER_HELLO
        assert s.bridges.withdrawn == 1
        assert s.guide.learned == []
        await stream.write(b"more")
        assert await s.site.far.read() == HELLO
        assert await s.site.far.read() == b"more"

    scene(test, IMPATIENT)


def test_a_silent_site_without_bridges_is_waited_for() -> None:
    async def test(s: Scene) -> None:
        s.bridges.failure = Code.NO_BRIDGE
        stream = await s.open()
        await stream.write(HELLO)
        reading = asyncio.create_task(stream.read())
        await s.bridges.opened.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        await s.site.far.write(SERVER_HELLO)
        assert await reading == SERVER_HELLO
        assert s.guide.learned == []

    scene(test, IMPATIENT)


@pytest.mark.parametrize("has_bridges", [True, False])
def test_a_silent_site_that_is_cut_while_bridges_are_asked(has_bridges: bool) -> None:
    async def test(s: Scene) -> None:
        s.bridges.hold.clear()
        stream = await s.open()
        await stream.write(HELLO)
        reading = asyncio.create_task(stream.read())
        await s.bridges.opened.wait()
        s.site.cut()
        for _ in range(5):
            await asyncio.sleep(0)
        s.bridges.failure = None if has_bridges else Code.NO_BRIDGE
        s.bridges.hold.set()
        if has_bridges:
            far = await s.far()
            assert await far.far.read() == HELLO
            await far.far.write(SERVER_HELLO)
            assert await reading == SERVER_HELLO
        else:
            with pytest.raises(StreamReset):
                await reading

    scene(test, IMPATIENT)


def test_a_cut_site_without_bridges_fails_with_their_cause() -> None:
    async def test(s: Scene) -> None:
        s.bridges.failure = Code.NO_BRIDGE
        stream = await s.open()
        await stream.write(HELLO)
        s.site.cut()
        with pytest.raises(StreamReset) as failed:
            await stream.read()
        assert failed.value.code is Code.NO_BRIDGE
        assert s.guide.learned == []

    scene(test)


def test_a_strange_answer_is_given_to_the_application_where_there_are_no_bridges() -> None:
    async def test(s: Scene) -> None:
        s.bridges.failure = Code.NO_BRIDGE
        stream = await s.open()
        await stream.write(HELLO)
        await s.site.far.write(b"HTTP/1.1 302 Found\r\n")
        assert await stream.read() == b"HTTP/1.1 302 Found\r\n"
        await s.site.far.write(b"more")
        assert await stream.read() == b"more"

    scene(test)


@pytest.mark.parametrize("sent", [POST, HELLO + b"\x17\x03\x03\x00\x01a", b"SSH-2.0-x\r\n"])
def test_what_a_site_must_not_get_twice_is_not_sent_twice(sent: bytes) -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(sent)
        s.site.cut()
        with pytest.raises(StreamReset) as failed:
            await stream.read()
        assert failed.value.code is Code.CONNECTION_RESET
        assert s.bridges.asked == []

    scene(test, IMPATIENT)


def test_what_cannot_be_repeated_while_bridges_are_asked_keeps_the_connection_where_it_is() -> None:
    async def test(s: Scene) -> None:
        s.bridges.hold.clear()
        stream = await s.open()
        await stream.write(HELLO)
        reading = asyncio.create_task(stream.read())
        await s.bridges.opened.wait()
        await stream.write(b"\x17\x03\x03\x00\x01a")
        s.bridges.hold.set()
        far = await s.far()
        for _ in range(20):
            await asyncio.sleep(0)
        assert far.reset_code is Code.CANCELLED
        await s.site.far.write(SERVER_HELLO)
        assert await reading == SERVER_HELLO
        assert s.guide.learned == []

    scene(test, IMPATIENT)


def test_after_the_first_answer_a_reset_is_a_reset() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(HELLO)
        await s.site.far.write(SERVER_HELLO)
        assert await stream.read() == SERVER_HELLO
        s.site.cut()
        with pytest.raises(StreamReset):
            await stream.read()
        with pytest.raises(StreamReset):
            await stream.write(b"x")
        with pytest.raises(StreamReset):
            await stream.finish()
        assert s.bridges.asked == []

    scene(test)


def test_an_end_without_a_word_is_passed_on() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        s.site.far.down.finish()
        assert await stream.read() == b""
        assert s.bridges.asked == []

    scene(test)


def test_the_application_leaves_at_any_time() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(HELLO)
        reading = asyncio.create_task(stream.read())
        await asyncio.sleep(0)
        stream.reset(Code.CANCELLED)
        with pytest.raises(StreamReset):
            await reading
        for call in (stream.write(b"x"), stream.finish(), stream.read()):
            with pytest.raises(StreamReset):
                await call
        assert s.bridges.asked == []
        assert repr(stream) == "TriedStream(…)"

    scene(test)


def test_the_application_leaves_while_bridges_are_asked() -> None:
    async def test(s: Scene) -> None:
        s.bridges.hold.clear()
        stream = await s.open()
        await stream.write(HELLO)
        reading = asyncio.create_task(stream.read())
        await s.bridges.opened.wait()
        stream.reset(Code.CANCELLED)
        s.bridges.hold.set()
        with pytest.raises(StreamReset):
            await reading
        assert all(one.reset_code is not None for one in s.bridges.streams)

    scene(test, IMPATIENT)


@pytest.mark.parametrize("limits", [IMPATIENT, RulesLimits()])
def test_a_cancelled_read_leaves_nothing_open_and_can_be_tried_again(limits: RulesLimits) -> None:
    async def test(s: Scene) -> None:
        s.bridges.hold.clear()
        stream = await s.open()
        await stream.write(HELLO)
        if limits is not IMPATIENT:
            s.site.cut()
        reading = asyncio.create_task(stream.read())
        await s.bridges.opened.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert s.bridges.withdrawn == 1
        s.bridges.hold.set()
        again = asyncio.create_task(stream.read())
        far = await s.far()
        assert await far.far.read() == HELLO
        await far.far.write(SERVER_HELLO)
        assert await again == SERVER_HELLO

    scene(test, limits)


def test_a_bridge_that_is_lost_while_the_connection_moves() -> None:
    async def test(s: Scene) -> None:
        s.bridges.hold.clear()
        stream = await s.open()
        await stream.write(HELLO)
        s.site.cut()
        reading = asyncio.create_task(stream.read())
        await s.bridges.opened.wait()

        async def lost(_: bytes) -> None:
            raise StreamReset(Code.SESSION_LOST)

        s.bridges.hold.set()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(NearStream, "write", lambda _, data: lost(data))
            with pytest.raises(StreamReset) as failed:
                await reading
        assert failed.value.code is Code.SESSION_LOST
        assert s.bridges.streams[0].reset_code is Code.CANCELLED

    scene(test)


def test_a_certificate_that_the_application_refuses_is_a_doubt() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(HELLO)
        await s.site.far.write(SERVER_HELLO)
        assert await stream.read() == SERVER_HELLO
        await stream.write(b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x13" + bytes(19))
        assert s.guide.doubted == [(SITE.host, Sign.CERTIFICATE)]
        await stream.write(b"whatever")
        assert s.guide.doubted == [(SITE.host, Sign.CERTIFICATE)]

    scene(test)


def test_a_handshake_that_goes_well_is_none() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        await stream.write(HELLO)
        await s.site.far.write(SERVER_HELLO)
        await stream.read()
        await stream.write(b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x35" + bytes(53))
        await stream.write(b"\x17\x03\x03\x00\x13" + bytes(19))
        assert s.guide.doubted == []

    scene(test)


def test_a_reset_of_what_cannot_be_repeated_is_a_doubt() -> None:
    async def test(s: Scene) -> None:
        stream = await s.open()
        reading = asyncio.create_task(stream.read())
        await asyncio.sleep(0)
        await stream.write(POST)
        s.site.cut()
        with pytest.raises(StreamReset):
            await reading
        assert s.guide.doubted == [(SITE.host, Sign.RESET)]

    scene(test)
