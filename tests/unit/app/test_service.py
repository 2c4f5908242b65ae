"""The reader's program over operators in memory: on and off, several invites, and what it says of itself."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.app_world import SWIFT, FakeWay, Operators, active, invite, is_reading_with, serving
from tests.support.proxy_bench import until
from tests.support.reader_world import ECHO, QUICK, World, run
from unwalled.app.home import Home
from unwalled.app.invites import InviteBook, UnknownInvite
from unwalled.app.preferences import load_preferences
from unwalled.app.snapshot import State, Trouble
from unwalled.app.way import NoWebRtc
from unwalled.errors import ConfigurationError, OpenFailed, SignalingFailed, StreamReset
from unwalled.network.listening import PortTaken
from unwalled.settings import READER
from unwalled.signaling.errors import DoorNonsense, DoorSign, DoorsUnreachable, InviteNotTaken, InviteOver, NoBridge
from unwalled.tunnel.api import DatagramFlow, Stream, Tunnel
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.invite import DamagedInvite, ExpiredInvite, Invite


async def echoes(tunnel: Tunnel) -> None:
    stream = await tunnel.open(ECHO)
    await stream.write(b"hello")
    assert await stream.read() == b"hello"
    await stream.finish()
    assert await stream.read() == b""


async def refusal(tunnel: Tunnel) -> Code:
    with pytest.raises(OpenFailed) as failed:
        await tunnel.open(ECHO)
    return failed.value.code


def test_it_connects_with_the_invite_that_it_is_given_and_says_how_things_are() -> None:
    async def main() -> None:
        async with serving(Operators(World()), invite=invite(), label="from a friend") as service:
            await service.connected()
            await echoes(service.tunnel)
            flow = await service.tunnel.open_datagrams()
            flow.send(ECHO, b"datagram")
            assert await flow.receive() == (ECHO, b"datagram")
            await until(lambda: sum(len(bridge.lanes) for bridge in service.snapshot().bridges) == READER.base_lanes)
            shown = service.snapshot()
            assert (shown.state, shown.trouble) == (State.CONNECTED, Trouble.NONE)
            assert [bridge.number for bridge in shown.bridges] == [1, 2]
            assert shown.bytes_up > 5
            assert shown.bytes_down > 5
            assert shown.seconds_connected > 0
            assert (shown.through_bridges, shown.went_direct, shown.connections) == (2, 0, 0)
            (view,) = shown.invites
            assert (view.label, view.is_active, view.trouble) == ("from a friend", True, Trouble.NONE)
            assert service.invite_text(view.id) == invite().text

    run(main)


def test_lanes_are_shown_with_their_round_trips() -> None:
    async def main() -> None:
        async with serving(Operators(World()), invite=invite()) as service:
            await service.connected()
            await echoes(service.tunnel)

            def is_measured() -> bool:
                lanes = [lane for bridge in service.snapshot().bridges for lane in bridge.lanes]
                return any(lane.round_trip_ms is not None and lane.round_trip_ms > 0 for lane in lanes)

            await until(is_measured)

    run(main)


def test_while_it_is_off_nothing_opens_and_what_was_open_is_cut() -> None:
    async def main() -> None:
        operators = Operators(World())
        async with serving(operators, invite=invite()) as service:
            await service.connected()
            stream = await service.tunnel.open(ECHO)
            await service.switch_off()
            assert (service.snapshot().state, service.is_on) == (State.OFF, False)
            assert operators.worlds[invite()].open_lanes == 0
            with pytest.raises(StreamReset):
                await stream.read()
            assert await refusal(service.tunnel) is Code.SWITCHED_OFF
            assert await refusal(service.way_out) is Code.SWITCHED_OFF
            with pytest.raises(OpenFailed):
                await service.way_out.open_datagrams()
            await service.switch_off()
            await service.switch_on()
            await service.switch_on()
            await service.connected()
            await echoes(service.way_out)
            assert operators.tried == [1, 1]

    run(main)


def test_what_waits_for_a_bridge_fails_when_it_is_switched_off() -> None:
    async def main() -> None:
        world = World()
        world.failure = NoBridge(0.002)
        async with serving(Operators(world), invite=invite()) as service:
            waiting = asyncio.create_task(refusal(service.way_out))
            await until(lambda: service.snapshot().trouble is Trouble.NO_BRIDGE)
            assert service.snapshot().state is State.WAITING
            await service.switch_off()
            assert await waiting is Code.SWITCHED_OFF

    run(main)


def test_bytes_and_time_are_counted_over_off_and_on() -> None:
    async def main() -> None:
        async with serving(Operators(World()), invite=invite()) as service:
            await service.connected()
            await echoes(service.tunnel)
            await service.switch_off()
            before = service.snapshot()
            assert before.bytes_down > 5
            assert before.seconds_connected > 0
            assert service.snapshot().seconds_connected == before.seconds_connected
            await service.switch_on()
            await service.connected()
            await echoes(service.tunnel)
            assert service.snapshot().bytes_down > before.bytes_down
            # A bridge that is met again is the same one.
            assert {bridge.number for bridge in service.snapshot().bridges} <= {1, 2}

    run(main)


@pytest.mark.parametrize(
    "failure", [InviteNotTaken(), InviteOver(), DoorsUnreachable("no answer"), NoBridge(0.002)], ids=type
)
def test_when_one_operator_fails_the_next_invite_is_tried_and_stays_the_best(
    failure: SignalingFailed, tmp_path: Path
) -> None:
    async def main() -> None:
        home = Home(tmp_path)
        bad, good = World(), World()
        bad.failure = failure
        operators = Operators(bad, good)
        book = InviteBook(home)
        for number in (2, 1):
            book.add(invite(number), f"number {number}", os.urandom)
        book.save()
        async with serving(operators, home) as service:
            # What was opened while the first one failed goes through the second.
            await echoes(service.way_out)
            await service.connected()
            assert operators.tried == [1, 2]
            assert active(service).label == "number 2"
            await until(lambda: InviteBook(home).entries[0].label == "number 2")
            refused = [entry.is_refused for entry in InviteBook(home).entries]
            assert refused == [False, isinstance(failure, InviteNotTaken | InviteOver)]
        async with serving(operators, home) as service:
            await service.connected()
            assert operators.tried == [1, 2, 2]

    run(main)


def test_an_operator_that_is_gone_in_the_midst_is_left_for_another() -> None:
    async def main() -> None:
        first, second = World(), World()
        operators = Operators(first, second)
        async with serving(operators, invite=invite(1)) as service:
            await service.connected()
            service.add_invite(invite(2).text)
            assert active(service).id == service.snapshot().invites[1].id
            first.failure = DoorsUnreachable("no answer")
            for lane in [lane for bridge in first.bridges for lane in bridge.lanes]:
                lane.close()
            await until(lambda: second.open_lanes > 0)
            await echoes(service.way_out)
            assert operators.tried == [1, 2]

    run(main)


def test_operators_that_all_fail_are_tried_in_turn_with_more_patience_each_time() -> None:
    async def main() -> None:
        worlds = [World(), World(), World()]
        for world in worlds:
            world.failure = DoorsUnreachable("no answer")
        operators = Operators(*worlds)
        async with serving(operators, invite=invite(1)) as service:
            for number in (2, 3):
                service.add_invite(invite(number).text)
            await until(lambda: len(operators.ways) >= 9)
            assert sorted(operators.tried[-3:]) == [1, 2, 3]
            troubles = {view.trouble for view in service.snapshot().invites}
            assert troubles == {Trouble.OPERATOR_UNREACHABLE}
            worlds[1].failure = None
            await service.connected()
            assert operators.tried[-1] == 2

    run(main)


def test_a_single_invite_is_not_given_up() -> None:
    async def main() -> None:
        world = World()
        world.failure = InviteNotTaken()
        operators = Operators(world)
        async with serving(operators, invite=invite()) as service:
            await until(lambda: len(world.requests) >= 4)
            shown = service.snapshot()
            assert (shown.state, shown.trouble) == (State.STOPPED, Trouble.INVITE_REFUSED)
            assert shown.invites[0].trouble is Trouble.INVITE_REFUSED
            assert await refusal(service.way_out) is Code.NO_BRIDGE
            with pytest.raises(SignalingFailed, match="does not take this invite"):
                await service.found()
            world.failure = None
            await until(lambda: service.snapshot().state is State.CONNECTED)
            assert operators.tried == [1]
            assert service.snapshot().invites[0].trouble is Trouble.NONE

    run(main)


def test_without_an_invite_it_says_so_and_begins_when_it_gets_one() -> None:
    async def main() -> None:
        async with serving(Operators(World())) as service:
            shown = service.snapshot()
            assert (shown.state, shown.trouble, service.has_invite) == (State.STOPPED, Trouble.NO_INVITE, False)
            assert await refusal(service.way_out) is Code.NO_BRIDGE
            with pytest.raises(DamagedInvite):
                service.add_invite(invite().text[:-4])
            with pytest.raises(ExpiredInvite):
                service.add_invite(invite(1, expires_s=1).text)
            view = service.add_invite(f"  <{invite().text}>\n", "pasted")
            assert (view.label, view.expires_at) == ("pasted", 0.0)
            await service.connected()
            assert active(service).id == view.id

    run(main)


def old_invite(folder: Path) -> tuple[Home, Operators]:
    """A folder with one invite, which ended in 1970, and its operator."""
    home = Home(folder)
    book = InviteBook(home)
    book.add(invite(1, expires_s=1), "old", os.urandom)
    book.save()
    operators = Operators()
    operators.worlds[invite(1, expires_s=1)] = World()
    return home, operators


def test_an_invite_that_expired_is_kept_and_its_operator_asked_since_the_clock_may_be_wrong(tmp_path: Path) -> None:
    async def main() -> None:
        home, operators = old_invite(tmp_path)
        (world,) = operators.worlds.values()
        world.failure = InviteOver()
        async with serving(operators, home) as service:
            await until(lambda: service.snapshot().state is State.STOPPED)
            shown = service.snapshot()
            assert shown.trouble is Trouble.INVITE_EXPIRED
            assert [view.trouble for view in shown.invites] == [Trouble.INVITE_EXPIRED]
            assert await refusal(service.way_out) is Code.NO_BRIDGE

    run(main)


def test_where_no_door_answers_an_invite_is_over_by_the_operators_clock(tmp_path: Path) -> None:
    async def main() -> None:
        home, operators = old_invite(tmp_path)
        (world,) = operators.worlds.values()
        world.failure = DoorsUnreachable("no answer")
        async with serving(operators, home) as service:
            await until(lambda: service.snapshot().trouble is Trouble.INVITE_EXPIRED)
            assert service.snapshot().state is State.STOPPED
            (way,) = operators.ways
            way.clock_error_s = 3e9
            shown = service.snapshot()
            assert (shown.state, shown.trouble) == (State.WAITING, Trouble.OPERATOR_UNREACHABLE)

    run(main)


def test_a_clock_that_is_wrong_by_years_is_told_and_costs_no_invite(tmp_path: Path) -> None:
    async def main() -> None:
        home, operators = old_invite(tmp_path)
        async with serving(operators, home) as service:
            await service.connected()
            (way,) = operators.ways
            way.clock_error_s = 3e9
            shown = service.snapshot()
            assert (shown.state, shown.trouble, shown.clock_error_s) == (State.CONNECTED, Trouble.CLOCK_WRONG, 3e9)
            assert [view.trouble for view in shown.invites] == [Trouble.NONE]
            service.add_invite(invite(2, expires_s=1).text)
            way.clock_error_s = 60.0
            shown = service.snapshot()
            assert (shown.trouble, shown.clock_error_s) == (Trouble.NONE, 0.0)

    run(main)


def test_what_is_wrong_with_this_computer_is_not_told_of_an_invite() -> None:
    async def main() -> None:
        world = World()
        world.failure = DoorNonsense("old keys", DoorSign.OUT_OF_DATE)
        operators = Operators(world)
        real = operators.make_way

        def make_way(invite: Invite) -> FakeWay:
            way = real(invite)
            way.clock_error_s = 3e9
            return way

        operators.make_way = make_way  # type: ignore[method-assign]
        async with serving(operators, invite=invite()) as service:
            await until(lambda: service.snapshot().trouble is Trouble.CLOCK_WRONG)
            assert [view.trouble for view in service.snapshot().invites] == [Trouble.NONE]

    run(main)


def test_the_loss_of_the_network_is_told_and_its_return_begins_anew() -> None:
    async def main() -> None:
        world = World()
        operators = Operators(world)
        addresses: tuple[str, ...] = ()
        options: dict[str, Any] = {"own": lambda doors: addresses, "limits": replace(SWIFT, network_look_s=0.005)}
        world.failure = DoorsUnreachable("no connection")
        patient = replace(QUICK, retry_min_s=1000.0, retry_max_s=1000.0)
        async with serving(operators, invite=invite(), reader_limits=patient, **options) as service:
            await until(lambda: world.failed == 1)
            assert (service.snapshot().state, service.snapshot().trouble) == (State.WAITING, Trouble.OFFLINE)
            assert [view.trouble for view in service.snapshot().invites] == [Trouble.NONE]
            world.failure = None
            addresses = ("192.0.2.9",)
            await service.connected()
            assert service.snapshot().trouble is Trouble.NONE
            (way,) = operators.ways
            assert way.changes == 1

    run(main)


def test_a_computer_without_webrtc_is_told_so_and_tried_again() -> None:
    async def main() -> None:
        operators = Operators(World())
        real = operators.make_way
        can_load = False

        def make_way(invite: Invite) -> FakeWay:
            way = real(invite)
            if not can_load:
                way.failure = NoWebRtc()
            return way

        operators.make_way = make_way  # type: ignore[method-assign]
        async with serving(operators, invite=invite()) as service:
            await until(lambda: service.snapshot().trouble is Trouble.NO_WEBRTC)
            assert service.snapshot().state is State.STOPPED
            assert [view.trouble for view in service.snapshot().invites] == [Trouble.NONE]
            assert await refusal(service.way_out) is Code.NO_BRIDGE
            can_load = True
            await until(lambda: service.snapshot().state is State.CONNECTED)

    run(main)


def test_a_computer_without_webrtc_does_not_knock_at_doors_again_and_again() -> None:
    async def main() -> None:
        operators = Operators(World())
        real = operators.make_way

        def make_way(invite: Invite) -> FakeWay:
            way = real(invite)
            way.failure = NoWebRtc()
            return way

        operators.make_way = make_way  # type: ignore[method-assign]
        limits = replace(SWIFT, save_again_s=1000.0)
        async with serving(operators, invite=invite(), limits=limits) as service:
            await until(lambda: service.snapshot().trouble is Trouble.NO_WEBRTC)
            for _ in range(100):
                await asyncio.sleep(0)
            assert operators.tried == [1]
            await service.switch_off()
            await service.switch_on()
            await until(lambda: operators.tried == [1, 1])

    run(main)


def test_another_invite_is_used_when_somebody_wants_it_and_left_when_it_is_forgotten() -> None:
    async def main() -> None:
        operators = Operators(World(), World())
        async with serving(operators, invite=invite(1), label="one") as service:
            await service.connected()
            other = service.add_invite(invite(2).text, "two")
            assert active(service).label == "one"
            service.use_invite(other.id)
            await until(lambda: is_reading_with(service, "two"))
            service.forget_invite(other.id)
            await until(lambda: is_reading_with(service, "one"))
            service.forget_invite(active(service).id)
            await until(lambda: service.snapshot().trouble is Trouble.NO_INVITE)
            for call in (service.forget_invite, service.use_invite, service.invite_text):
                with pytest.raises(UnknownInvite):
                    call(other.id)

    run(main)


def test_what_another_program_changes_in_the_book_is_noticed(tmp_path: Path) -> None:
    async def main() -> None:
        home = Home(tmp_path)
        async with serving(Operators(World(), World()), home, invite=invite(1), label="one") as service:
            await service.connected()
            await until(lambda: home.path("invites.json").exists())
            other = InviteBook(home)
            other.add(invite(2), "two", os.urandom)
            other.save()
            await until(lambda: len(service.snapshot().invites) == 2)
            other.remove(next(entry.id for entry in other.entries if entry.label == "one"))
            other.save()
            await until(lambda: is_reading_with(service, "two"))

    run(main)


def test_subscribers_hear_of_changes_until_they_have_had_enough() -> None:
    async def main() -> None:
        heard: list[State] = []
        async with serving(Operators(World()), invite=invite()) as service:
            undo = service.subscribe(lambda: heard.append(service.snapshot().state))
            await service.connected()
            assert heard[-1] is State.CONNECTED
            assert State.CONNECTING in heard
            undo()
            undo()
            count = len(heard)
            await service.switch_off()
            assert len(heard) == count

    run(main)


def test_a_way_that_has_begun_is_used_and_one_for_another_invite_is_closed() -> None:
    async def main() -> None:
        operators = Operators(World(), World())
        begun = FakeWay(invite(1), operators.worlds[invite(1)])
        async with serving(operators, invite=invite(1), begun=begun) as service:
            await service.connected()
            assert (operators.ways, begun.has_begun) == ([], False)
        assert begun.is_closed
        begun = FakeWay(invite(2), operators.worlds[invite(2)])
        async with serving(operators, invite=invite(1), begun=begun) as service:
            await service.connected()
            assert operators.tried == [1]
            assert begun.is_closed

    run(main)


def test_a_way_that_was_not_needed_is_closed_at_the_end() -> None:
    async def main() -> None:
        operators = Operators(World())
        begun = FakeWay(invite(), operators.worlds[invite()])
        async with serving(operators, invite=invite(), begun=begun, is_on=False) as service:
            assert service.snapshot().state is State.OFF
        assert begun.is_closed

    run(main)


# The proxy.


def test_another_port_is_chosen_only_when_it_may_be() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            async with serving(Operators(World()), invite=invite()) as service:
                with pytest.raises(PortTaken):
                    await service.listen("127.0.0.1", taken)
                assert service.snapshot().proxy == ""
                moved = await service.listen("127.0.0.1", taken, may_move=True)
                assert moved.port != taken
                assert service.snapshot().proxy == str(moved)

    run(main)


def test_the_proxy_moves_when_its_place_is_set_and_stays_when_it_cannot(tmp_path: Path) -> None:
    async def main() -> None:
        home = Home(tmp_path)
        async with serving(Operators(World()), home, invite=invite()) as service:
            before = await service.listen("127.0.0.1", 0)
            with pytest.raises(ConfigurationError):
                await service.set_preferences(replace(service.preferences, listen="192.0.2.1:1080"))
            with pytest.raises(ConfigurationError):
                await service.set_preferences(replace(service.preferences, listen="nonsense"))
            assert service.snapshot().proxy == str(before)
            await service.set_preferences(replace(service.preferences, listen="127.0.0.1:0"))
            assert service.snapshot().proxy != str(before)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(before.host, before.port)
            assert load_preferences(home).listen == "127.0.0.1:0"

    run(main)


async def asked(port: int) -> bytes:
    """What the proxy answers to an HTTP program that wants a page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET http://echo.example:7/ HTTP/1.1\r\nHost: echo.example:7\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_the_proxy_says_that_it_is_off_and_that_there_is_no_bridge() -> None:
    async def main() -> None:
        world = World()
        world.failure = NoBridge(0.002)
        limits = replace(QUICK, open_wait_s=0.02)
        async with serving(Operators(world), invite=invite(), reader_limits=limits) as service:
            at = await service.listen("127.0.0.1", 0)
            answer = await asked(at.port)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"No bridge is connected yet." in answer
            await service.switch_off()
            answer = await asked(at.port)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Unwalled is switched off." in answer
            assert b"Retry-After" not in answer

    run(main)


def test_switching_off_cuts_what_programs_had_open() -> None:
    async def main() -> None:
        async with serving(Operators(World()), invite=invite()) as service:
            at = await service.listen("127.0.0.1", 0)
            await service.connected()
            reader, writer = await asyncio.open_connection(at.host, at.port)
            writer.write(b"CONNECT echo.example:7 HTTP/1.1\r\nHost: echo.example:7\r\n\r\n")
            assert b"200" in await reader.readuntil(b"\r\n\r\n")
            assert service.snapshot().connections == 1
            await service.switch_off()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            await until(lambda: service.snapshot().connections == 0)

    run(main)


def test_rules_decide_where_connections_go_but_not_while_it_is_off() -> None:
    class Rules:
        """Sends everything through bridges, and takes note of it."""

        def __init__(self, bridges: Tunnel) -> None:
            self.bridges = bridges
            self.asked: list[Target] = []

        async def open(self, target: Target, *, at_once: bool = False) -> Stream:
            self.asked.append(target)
            return await self.bridges.open(target, at_once=at_once)

        async def open_datagrams(self) -> DatagramFlow:
            return await self.bridges.open_datagrams()

    async def main() -> None:
        async with serving(Operators(World()), invite=invite()) as service:
            rules = Rules(service.tunnel)
            service.use_rules(rules, lambda: 7)
            await echoes(service.way_out)
            assert rules.asked == [ECHO]
            assert (service.snapshot().through_bridges, service.snapshot().went_direct) == (1, 7)
            await service.switch_off()
            assert await refusal(service.way_out) is Code.SWITCHED_OFF
            assert rules.asked == [ECHO]

    run(main)


# What is remembered.
