"""The reader's client over bridges in memory: a real session and a real gateway's hub, a broker and WebRTC made up."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from random import Random

import pytest

from tests.support.notes import KeptNotes
from tests.support.proxy_bench import until
from tests.support.reader_world import ECHO, MUTE, QUICK, Asked, World, echoes, run, running
from unwalled.clock import SystemClock
from unwalled.errors import OpenFailed, SignalingFailed, StreamReset
from unwalled.gateway import sessions
from unwalled.gateway.sessions import TokenVerdict
from unwalled.lanes.webrtc import OfferedLane
from unwalled.reader.client import ReaderClient
from unwalled.reader.status import Cause, Phase
from unwalled.session.events import LeaveReason
from unwalled.session.notes import Decision, LaneThrough, SessionEnded
from unwalled.settings import GATEWAY, READER, SESSION
from unwalled.signaling.client import MatchedLane
from unwalled.signaling.errors import DoorNonsense, DoorSign, DoorsUnreachable, InviteNotTaken, InviteOver, NoBridge
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import Nat, Report, Verdict


def test_the_first_request_spreads_lanes_over_two_bridges_and_streams_and_datagrams_work() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await client.connected()
            await echoes(client)
            flow = await client.open_datagrams()
            flow.send(ECHO, b"datagram")
            assert await flow.receive() == (ECHO, b"datagram")
            lanes = READER.bridges * READER.lanes_per_bridge
            await until(lambda: client.status.lanes == lanes)
            assert world.requests[0] == Asked(lanes, READER.bridges, (), (), False)
            assert [bridge.open_lanes for bridge in world.bridges] == [READER.lanes_per_bridge] * 2
            assert client.status.phase is Phase.CONNECTED
            assert client.status.bridges == 2
            assert client.status.bytes_up > 5
            assert client.status.bytes_down > 5

    run(main)


def test_the_broker_hears_of_a_network_that_varies_its_ports() -> None:
    async def main() -> None:
        world = World()
        world.candidates = tuple(f"2 1 udp 9 198.51.100.7 {port} typ srflx" for port in (5000, 5001))
        async with running(world) as client:
            await client.connected()
            assert world.requests[0].nat is Nat.RESTRICTED

    run(main)


def test_without_a_bridge_it_says_so_and_asks_again_until_one_comes() -> None:
    async def main() -> None:
        world = World()
        world.failure = NoBridge(0.002)
        async with running(world) as client:
            await until(lambda: len(world.requests) >= 4)
            assert client.status.phase is Phase.NO_BRIDGE
            assert "No bridge" in client.status.detail
            waiting = asyncio.create_task(echoes(client))
            world.failure = None
            await waiting
            await client.connected()

    run(main)


def test_the_brokers_wish_when_to_ask_again_is_honoured() -> None:
    async def main() -> None:
        world = World()
        world.failure = NoBridge(1000.0)
        async with running(world, replace(QUICK, retry_max_s=1000.0, open_wait_s=0.02)) as client:
            await until(lambda: client.status.phase is Phase.NO_BRIDGE)
            world.failure = None
            client._changed.set()
            with pytest.raises(OpenFailed) as failed:
                await client.open(ECHO)
            assert failed.value.code is Code.NO_BRIDGE
            assert len(world.requests) == 1

    run(main)


@pytest.mark.parametrize("failure", [DoorsUnreachable("no answer"), DoorNonsense("it is not sealed")])
def test_a_broker_that_cannot_be_reached_is_tried_again(failure: SignalingFailed) -> None:
    async def main() -> None:
        world = World()
        world.failure = failure
        async with running(world) as client:
            await until(lambda: len(world.requests) >= 5)
            assert client.status.phase is Phase.NO_BROKER
            world.failure = None
            await echoes(client)

    run(main)


def test_another_sign_at_the_doors_is_told_though_its_words_are_those_of_before() -> None:
    async def main() -> None:
        world = World()
        world.failure = DoorsUnreachable("its certificate is not right")
        async with running(world) as client:
            await until(lambda: client.status.cause is Cause.UNREACHABLE)
            world.failure = DoorsUnreachable("its certificate is not right", DoorSign.STRANGER)
            await until(lambda: client.status.cause is Cause.STRANGER)

    run(main)


def test_waits_for_the_broker_grow_up_to_a_bound_and_with_the_time_without_one() -> None:
    async def main() -> None:
        world = World()
        invite = Invite(bytes(32), bytes(32), bytes(28), ("https://door.example",), ())
        limits = replace(QUICK, retry_min_s=1.0, retry_max_s=30.0)
        client = ReaderClient(invite, world, world, SystemClock(), os.urandom, _Highest(), limits=limits)
        failed, tries = DoorsUnreachable("no answer"), (0, 1, 2, 3, 4, 5, 10_000)
        assert [client._failed(failed, failures, 60.0) for failures in tries] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        assert [client._failed(failed, failures, 3.0) for failures in tries] == [1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0]

    run(main)


class _Highest(Random):
    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize("failure", [InviteOver(), InviteNotTaken()])
def test_an_invite_that_the_broker_refuses_fails_all_at_once_until_it_is_taken(failure: SignalingFailed) -> None:
    async def main() -> None:
        world = World()
        world.failure = failure
        async with running(world, replace(QUICK, open_wait_s=1000.0)) as client:
            waiting = asyncio.create_task(client.open(ECHO))
            with pytest.raises(SignalingFailed, match=str(failure)[:20]):
                await client.connected()
            for opening in (waiting, client.open(ECHO), client.open_datagrams()):
                with pytest.raises(OpenFailed) as failed:
                    await opening
                assert failed.value.code is Code.NO_BRIDGE
            # It stays refused while it asks again, so that nobody begins to wait.
            asked = len(world.requests)
            await until(lambda: len(world.requests) > asked + 2)
            assert client.status.phase is Phase.REFUSED
            world.failure = None
            await until(lambda: client.status.phase is Phase.CONNECTED)
            await echoes(client)

    run(main)


@pytest.mark.parametrize("verdict", [TokenVerdict.EXPIRED, TokenVerdict.REFUSED])
def test_an_invite_that_the_gateway_refuses_fails_all_and_does_not_ask_in_a_hurry(verdict: TokenVerdict) -> None:
    async def main() -> None:
        world = World()
        world.verdict = verdict
        limits = replace(QUICK, open_wait_s=1000.0, retry_max_s=1000.0)
        async with running(world, limits, is_exact=True) as client:
            with pytest.raises(OpenFailed):
                await client.open(ECHO)
            assert client.status.phase is Phase.REFUSED
            with pytest.raises(OpenFailed):
                await client.open(ECHO)
            await until(lambda: not world.open_lanes and not client._opening)
            client._changed.set()
            await until(lambda: not client._changed.is_set())
            assert len(world.requests) == 1

    run(main)


def test_an_application_waits_for_a_bridge_only_so_long() -> None:
    async def main() -> None:
        world = World(bridges=0)
        async with running(world, replace(QUICK, open_wait_s=0.02)) as client:
            for opening in (client.open(ECHO), client.open_datagrams()):
                with pytest.raises(OpenFailed) as failed:
                    await opening
                assert failed.value.code is Code.NO_BRIDGE

    run(main)


def test_an_application_waits_for_the_gateways_answer_only_so_long_and_the_stream_is_withdrawn() -> None:
    async def main() -> None:
        world = World()
        async with running(world, replace(QUICK, open_wait_s=0.2, answer_wait_s=0.21)) as client:
            await client.connected()
            with pytest.raises(OpenFailed) as failed:
                await client.open(MUTE)
            assert failed.value.code is Code.TIMED_OUT
            await until(lambda: world.withdrawn == 1)

    run(main)


def test_an_open_that_is_cancelled_is_withdrawn_at_the_gateway() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await client.connected()
            opening = asyncio.create_task(client.open(MUTE))
            await until(lambda: world.asked == 1)
            opening.cancel()
            await until(lambda: world.withdrawn == 1)
            assert opening.cancelled()
            assert client._live is not None
            assert client._live.pump.stream_count == 0

    run(main)


def test_a_bridge_whose_lanes_do_not_open_is_reported_and_not_asked_for_again() -> None:
    async def main() -> None:
        world = World(bridges=3)
        world.bridges[0].opens = False
        async with running(world) as client:
            await until(lambda: client.status.bridges == 2)
            await echoes(client)
            again = world.requests[1]
            assert "bridge-0" in again.avoid
            assert Report("bridge-0", Verdict.DEAD) in again.reports
            assert again.holds_bundle
            assert world.bridges[0].open_lanes == 0

    run(main)


def test_a_bridge_that_passes_no_hello_on_holds_up_the_start_once_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unwalled.session.reader.SESSION", replace(SESSION, handshake_timeout_s=0.05))

    async def main() -> None:
        world = World()
        world.bridges[0].swallows = True
        there = world.bridges.pop()
        async with running(world) as client:
            # The second bridge comes when all lanes go through the first one.
            await until(lambda: len(world.requests) > 1)
            world.bridges.append(there)
            await client.connected()
            assert len(world.bridges[0].swallowed) == 1
            await until(lambda: world.bridges[0].open_lanes == 0)
            await until(lambda: any(Report("bridge-0", Verdict.DEAD) in request.reports for request in world.requests))
            await echoes(client)

    run(main)


def test_a_bridge_that_tampers_is_reported_and_avoided_and_nothing_is_lost() -> None:
    async def main() -> None:
        world = World(bridges=3)
        world.bridges[0].tampers = True
        async with running(world) as client:
            await echoes(client)
            await until(lambda: any(Report("bridge-0", Verdict.BAD) in asked.reports for asked in world.requests))
            told = next(asked for asked in world.requests if Report("bridge-0", Verdict.BAD) in asked.reports)
            assert "bridge-0" in told.avoid
            await until(lambda: client.status.bridges == 2 and not world.bridges[0].open_lanes)
            await echoes(client)

    run(main)


def test_a_bridge_that_tampers_with_one_lane_loses_all_of_them_and_the_broker_hears_of_it_at_once() -> None:
    async def main() -> None:
        world = World(bridges=3)
        async with running(world, replace(QUICK, spread_retry_s=1000.0)) as client:
            await echoes(client)
            await until(lambda: client.status.lanes == 2 * READER.lanes_per_bridge)
            bad = world.bridges[0]
            assert bad.open_lanes == READER.lanes_per_bridge
            far = bad.lanes[0].other
            assert far is not None
            far.send(b"\x10" + bytes(60))
            report = Report(bad.name, Verdict.BAD)
            await until(lambda: any(report in asked.reports for asked in world.requests))
            await until(lambda: not bad.open_lanes and world.bridges[2].open_lanes > 0)
            await echoes(client)

    run(main)


def test_the_broker_hears_of_a_failed_lane_though_no_bridge_is_missing_but_not_all_the_time() -> None:
    async def main() -> None:
        world = World(bridges=3)
        async with running(world, replace(QUICK, spread_retry_s=1000.0)) as client:
            await echoes(client)
            await until(lambda: client.status.lanes == 2 * READER.lanes_per_bridge)
            before = len(world.requests)
            client.lane_left("bridge-0", LeaveReason.SILENT, 100.0)
            await until(lambda: len(world.requests) > before)
            asked = world.requests[before]
            assert (asked.offers, asked.spread) == (1, 1)
            assert Report("bridge-0", Verdict.DEAD) in asked.reports
            await until(lambda: not client._opening)
            client.lane_left("bridge-1", LeaveReason.SILENT, 100.0)
            await until(lambda: not client._changed.is_set())
            assert len(world.requests) == before + 1
            client._doubts_rest_until = 0.0
            world.failure = NoBridge(0.002)
            client._changed.set()
            await until(lambda: len(world.requests) == before + 2)
            assert Report("bridge-1", Verdict.DEAD) in world.requests[-1].reports
            assert not client._book.has_doubts, "a broker that has no bridge has read the reports"

    run(main)


def test_verdicts_that_the_broker_did_not_hear_are_told_again() -> None:
    async def main() -> None:
        world = World(bridges=1)
        async with running(world) as client:
            await client.connected()
            world.failure = DoorsUnreachable("no answer")
            good = Report("bridge-0", Verdict.GOOD)
            await until(lambda: sum(good in asked.reports for asked in world.requests) >= 2)

    run(main)


def test_a_gateway_started_anew_costs_only_the_streams_that_were_open() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await client.connected()
            stream = await client.open(ECHO)
            carried = client.status.bytes_up
            world.new_gateway()
            for bridge in world.bridges:
                for lane in bridge.lanes:
                    lane.close()
            await asyncio.gather(*(echoes(client) for _ in range(5)))
            flow = await client.open_datagrams()
            flow.close()
            with pytest.raises(StreamReset) as cut:
                await stream.read()
            assert cut.value.code is Code.SESSION_LOST
            assert client.status.phase is Phase.CONNECTED
            assert client.status.bytes_up > carried

    run(main)


def test_all_lanes_lost_while_a_second_bridge_is_waited_for_the_first_one_is_asked_for_again_at_once() -> None:
    async def main() -> None:
        world = World(bridges=1)
        world.waits_for_bridges = True
        async with running(world, replace(QUICK, spread_retry_s=1000.0)) as client:
            stream = await client.open(ECHO)
            await until(lambda: len(world.requests) == 2 and not client._opening)
            assert world.requests[1].avoid == ("bridge-0",)
            for lane in list(world.bridges[0].lanes):
                lane.close()
            await until(lambda: len(world.requests) >= 3 and client.status.lanes > 0)
            assert world.requests[2].avoid == ()
            await stream.write(b"still there")
            assert await stream.read() == b"still there"
            assert client.status.phase is Phase.CONNECTED, "the session of before is connected, too"
            assert world.hub.session_count == 1
            await stream.finish()

    run(main)


def test_an_offer_that_fails_takes_the_others_with_it_and_is_tried_again() -> None:
    async def main() -> None:
        world = World()
        world.offers_before_failure = 3
        async with running(world) as client:
            await until(lambda: client.status.phase is Phase.NO_BRIDGE)
            assert "could not prepare" in client.status.detail
            assert world.leaked_offers == 0
            assert world.requests == []
            world.offers_before_failure = None
            await echoes(client)

    run(main)


def test_a_stack_that_breaks_otherwise_ends_the_program_and_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        world = World()
        first, offered = world.offer, 0

        async def offer() -> OfferedLane:
            nonlocal offered
            offered += 1
            if offered == 4:
                raise RuntimeError("broken")
            return await first()

        monkeypatch.setattr(world, "offer", offer)
        invite = Invite(bytes(32), bytes(32), bytes(28), ("https://door.example",), ())
        client = ReaderClient(invite, world, world, SystemClock(), os.urandom, Random(1))
        with pytest.raises(ExceptionGroup):
            await client.run()
        assert world.leaked_offers == 0

    run(main)


def test_offer_numbers_that_come_twice_or_are_not_ours_do_no_harm() -> None:
    async def main() -> None:
        world = World()

        def mangle(lanes: list[MatchedLane]) -> list[MatchedLane]:
            return [lanes[0], lanes[0], replace(lanes[1], offer=99), replace(lanes[1], offer=-1), lanes[2]]

        world.mangle = mangle
        async with running(world) as client:
            await echoes(client)
            assert world.offers[1].is_closed
            assert world.offers[0].lane is not None

    run(main)


def test_stopping_while_lanes_open_closes_their_offers() -> None:
    async def main() -> None:
        world = World()
        world.answers_pass.clear()
        async with running(world) as client:
            await until(lambda: client._opening > 0)

    run(main)


def test_a_gateway_that_is_full_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GATEWAY", replace(GATEWAY, sessions_per_invite=0))

    async def main() -> None:
        world = World()
        async with running(world, is_exact=True) as client:
            waiting = asyncio.create_task(client.open(ECHO))
            await until(lambda: "full" in client.status.detail)
            assert client.status.phase is Phase.NO_BRIDGE
            assert not waiting.done()
            monkeypatch.setattr(sessions, "GATEWAY", GATEWAY)
            await waiting

    run(main)


def test_a_trace_hears_of_decisions_and_of_bridges_by_number() -> None:
    async def main() -> None:
        world, kept = World(3), KeptNotes()
        world.bridges[0].opens = False
        async with running(world, trace=kept) as client:
            await client.connected()
            lanes = READER.bridges * READER.lanes_per_bridge
            await until(lambda: client.status.bridges == 2)
            client._limited.set()
            await until(lambda: any(note.what == "more" for note in kept.of(Decision)))
            await until(lambda: any(note.what == "fewer" for note in kept.of(Decision)))
            world.failure = NoBridge(0.002)
            client._limited.set()
        decided = kept.of(Decision)
        assert [(note.what, note.lanes, note.bridges) for note in decided[:2]] == [
            ("asked", lanes, 2),
            ("matched", lanes, 2),
        ]
        assert ("failed", 1, 1) in [(note.what, note.lanes, note.bridges) for note in decided]
        assert {note.why for note in decided if note.what == "more"} == {"limited"}
        assert {note.why for note in decided if note.what == "fewer"} <= {"quiet", "no gain"}
        assert {2, 3} <= {note.bridge for note in kept.of(LaneThrough)} <= {1, 2, 3}
        assert "bridge-" not in repr(kept.notes)
        assert len(kept.of(SessionEnded)) == 1
        assert not kept.is_closed

    run(main)


def test_a_trace_hears_that_the_broker_has_no_bridge() -> None:
    async def main() -> None:
        world, kept = World(), KeptNotes()
        world.failure = NoBridge(0.002)
        async with running(world, trace=kept):
            await until(lambda: len(world.requests) >= 2)
        assert [note.what for note in kept.of(Decision)[:2]] == ["asked", "unmatched"]

    run(main)
