"""The client with doors of our own making: what it believes, and whom it asks next."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.support.descriptions import answer, offer
from unwalled.crypto.envelope import open_request, seal_reply
from unwalled.crypto.identity import KeyBundle, OperatorKeys
from unwalled.crypto.tokens import mint_token
from unwalled.errors import SignalingFailed, SignallingError
from unwalled.settings import SignallingLimits
from unwalled.signaling.client import MatchResult, SignalingClient
from unwalled.signaling.doors import DoorFailed, HttpDoor
from unwalled.signaling.errors import (
    BrokerBusy,
    DoorNonsense,
    DoorSign,
    DoorsUnreachable,
    DoorTrouble,
    InviteNotTaken,
    InviteOver,
    NoBridge,
    TooManyRequests,
)
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import MatchReply, MatchRequest, Nat, ReplyLane, Report, Status, Verdict

NOW = 1_800_000_000.0
KEYS = OperatorKeys.make(os.urandom)
BUNDLE = KEYS.bundle(())
GOOD = MatchReply(Status.OK, lanes=(ReplyLane(0, "b", "n", answer()),), bundle=BUNDLE.encoded)

made: list[SignalingClient] = []

Behaviour = MatchReply | DoorFailed | bytes | asyncio.Event


class FixedClock:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return NOW


class FakeDoor:
    """Gives a sealed reply, fails, says something else, or waits for an event that may never come."""

    def __init__(self, behaviour: Behaviour, is_private: bool = False) -> None:
        self.behaviour = behaviour
        self.is_private = is_private
        self.requests: list[MatchRequest] = []
        self.asked = asyncio.Event()
        self.was_cancelled = False
        self.drops = 0

    def sign_of(self, status: int) -> DoorSign:
        return DoorSign.STRANGER

    def knock(self) -> None: ...

    def drop(self) -> None:
        self.drops += 1

    async def aclose(self) -> None: ...

    async def post(self, body: bytes) -> bytes:
        request = MatchRequest.decode(open_request(body, KEYS.broker_key()))
        self.requests.append(request)
        self.asked.set()
        match self.behaviour:
            case MatchReply() as reply:
                return seal_reply(reply.encode(), request.reply_key, body)
            case DoorFailed() as failed:
                raise failed
            case bytes() as said:
                return said
            case event:
                try:
                    await event.wait()
                except asyncio.CancelledError:
                    self.was_cancelled = True
                    raise
                return seal_reply(GOOD.encode(), request.reply_key, body)


def client(doors: Sequence[FakeDoor], limits: SignallingLimits | None = None) -> SignalingClient:
    urls = tuple(f"https://door{number}.example" for number in range(len(doors)))
    token = mint_token(KEYS.invite_key, bytes(8), 0)
    by_url = dict(zip(urls, doors, strict=True))
    asking = SignalingClient(
        Invite(KEYS.identity, KEYS.broker_key().public, token, urls, ()),
        FixedClock(),
        os.urandom,
        limits=limits or SignallingLimits(),
        make_door=lambda url, limits: by_url[url],
    )
    made.append(asking)
    return asking


def ask(door: FakeDoor, **options: Any) -> MatchResult:
    async def main() -> MatchResult:
        asking = client([door])
        try:
            return await asking.match([offer()], **options)
        finally:
            await made.pop().aclose()

    return asyncio.run(main())


def run(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs an act and closes the clients that it made."""

    async def main() -> None:
        try:
            async with asyncio.timeout(20):
                await act()
        finally:
            while made:
                await made.pop().aclose()

    asyncio.run(main())


def test_the_request_says_what_was_wished() -> None:
    door = FakeDoor(GOOD)
    names = [f"b{number}" for number in range(70)]
    reports = [Report(name, Verdict.BAD) for name in names]
    result = ask(door, nat=Nat.RESTRICTED, spread=3, avoid=names, reports=reports, held_bundle=BUNDLE)
    (request,) = door.requests
    assert (request.nat, request.spread, request.bundle_hash) == (Nat.RESTRICTED, 3, BUNDLE.short_hash)
    assert request.avoid == tuple(names[-64:])
    assert request.reports == tuple(reports[-64:])
    assert result.bundle == BUNDLE


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (replace(GOOD, lanes=()), DoorNonsense),
        (replace(GOOD, lanes=(ReplyLane(1, "b", "n", answer()),)), DoorNonsense),
        (replace(GOOD, bundle=b""), DoorNonsense),
        (replace(GOOD, bundle=b"x" * 200), DoorNonsense),
        (replace(GOOD, bundle=OperatorKeys.make(os.urandom).bundle(()).encoded), DoorNonsense),
        (replace(GOOD, bundle=KEYS.bundle((), int(NOW)).encoded), DoorNonsense),
        (MatchReply(Status.NO_BRIDGE, 4.0), NoBridge),
        (MatchReply(Status.LIMITED, 4.0), TooManyRequests),
        (MatchReply(Status.EXPIRED), InviteOver),
    ],
)
def test_replies_that_bring_no_lanes(reply: MatchReply, error: type[SignalingFailed]) -> None:
    with pytest.raises(error) as caught:
        ask(FakeDoor(reply))
    assert caught.value.cause
    assert caught.value.remedy
    assert caught.value.retry_after_s == (reply.retry_after_s or None)


def test_an_older_bundle_is_refused() -> None:
    newer = KeyBundle.verify(replace(KEYS, sequence=2).bundle(()).encoded, KEYS.identity, NOW)
    with pytest.raises(DoorNonsense):
        ask(FakeDoor(GOOD), held_bundle=newer)


def test_private_addresses_count_only_when_the_door_is_private_itself() -> None:
    reply = replace(GOOD, lanes=(ReplyLane(0, "b", "n", answer(address="192.168.1.2")),))
    assert ask(FakeDoor(reply)).lanes[0].answer.candidates == ()
    assert len(ask(FakeDoor(reply, is_private=True)).lanes[0].answer.candidates) == 1


def test_a_reply_to_another_request_does_not_open() -> None:
    async def main() -> None:
        door = FakeDoor(GOOD)
        asking = client([door])
        await asking.match([offer()])
        door.behaviour = seal_reply(GOOD.encode(), door.requests[0].reply_key, b"another request")
        with pytest.raises(DoorNonsense):
            await asking.match([offer()])

    run(main)


@pytest.mark.parametrize(
    ("failures", "error"),
    [
        ([DoorFailed("no answer"), DoorFailed("x", 503, 9.0)], BrokerBusy),
        ([DoorFailed("x", 404), DoorFailed("no answer")], DoorNonsense),
        ([DoorFailed("x", 404), DoorFailed("x", 429, 9.0)], TooManyRequests),
        ([DoorFailed("no answer"), DoorFailed("x", 502)], DoorsUnreachable),
    ],
)
def test_of_several_failures_the_most_telling_is_told(failures: list[DoorFailed], error: type[SignalingFailed]) -> None:
    async def main() -> None:
        asking = client([FakeDoor(failure) for failure in failures])
        with pytest.raises(error):
            await asking.match([offer()])

    run(main)


def test_what_was_seen_at_the_doors_is_told_with_the_failure() -> None:
    async def main() -> None:
        silent, strange = DoorFailed("no answer"), DoorFailed("not right", sign=DoorSign.STRANGER)
        for failures in ([silent, strange], [strange, silent]):
            with pytest.raises(DoorTrouble) as caught:
                await client([FakeDoor(failure) for failure in failures]).match([offer()])
            assert caught.value.sign is DoorSign.STRANGER
        with pytest.raises(DoorTrouble) as caught:
            await client([FakeDoor(b"<html>Log in here</html>")]).match([offer()])
        assert caught.value.sign is DoorSign.STRANGER
        with pytest.raises(DoorTrouble) as caught:
            await client([FakeDoor(replace(GOOD, bundle=KEYS.bundle((), int(NOW)).encoded))]).match([offer()])
        assert caught.value.sign is DoorSign.OUT_OF_DATE

    run(main)


@pytest.mark.parametrize(
    "reply",
    [
        GOOD,
        MatchReply(Status.EXPIRED),
        MatchReply(Status.NO_BRIDGE, 4.0),
        replace(GOOD, bundle=KEYS.bundle((), int(NOW)).encoded),
    ],
)
def test_the_brokers_word_tells_how_wrong_this_computers_clock_is(reply: MatchReply) -> None:
    async def main() -> None:
        door = FakeDoor(b"no word of the broker")
        asking = client([door])
        for said, error_s in (
            (b"no word of the broker", None),
            (replace(reply, time_s=0), None),
            (replace(reply, time_s=int(NOW) - 86_400), 86_400.0),
            (replace(reply, time_s=0), 86_400.0),
            (replace(reply, time_s=int(NOW) + 60), -60.0),
        ):
            door.behaviour = said
            with suppress(SignalingFailed):
                await asking.match([offer()])
            assert asking.clock_error_s == error_s

    run(main)


def test_in_another_network_doors_begin_anew() -> None:
    async def main() -> None:
        first, second = FakeDoor(DoorFailed("no answer")), FakeDoor(GOOD)
        asking = client([first, second])
        await asking.match([offer()])
        first.behaviour = GOOD
        asking.network_changed()
        await asking.match([offer()])
        assert (first.drops, second.drops) == (1, 1)
        assert len(second.requests) == 2, "a door that was proved comes before one that was not"
        second.behaviour = DoorFailed("no answer")
        for _ in range(2):
            asking.network_changed()
            await asking.match([offer()])
        assert len(first.requests) == 3

    run(main)


def test_doors_are_asked_in_the_order_of_their_luck() -> None:
    async def main() -> None:
        first, second = FakeDoor(DoorFailed("no answer")), FakeDoor(GOOD)
        asking = client([first, second])
        for _ in range(3):
            await asking.match([offer()])
        assert (len(first.requests), len(second.requests)) == (1, 3)
        first.behaviour, second.behaviour = GOOD, DoorFailed("no answer")
        for _ in range(3):
            await asking.match([offer()])
        assert (len(first.requests), len(second.requests)) == (4, 4)

    run(main)


def test_the_first_good_reply_wins_and_the_other_request_is_withdrawn() -> None:
    async def main() -> None:
        slow, quick = FakeDoor(asyncio.Event()), FakeDoor(GOOD)
        asking = client([slow, quick], SignallingLimits(door_fallback_s=0.01))
        assert (await asking.match([offer()])).lanes
        assert slow.was_cancelled
        assert slow.requests[0].reply_key == quick.requests[0].reply_key

    run(main)


def test_the_brokers_no_at_one_door_withdraws_the_others() -> None:
    async def main() -> None:
        slow, said_no = FakeDoor(asyncio.Event()), FakeDoor(MatchReply(Status.NO_BRIDGE, 1.0))
        asking = client([slow, said_no, FakeDoor(GOOD)], SignallingLimits(door_fallback_s=0.01))
        with pytest.raises(NoBridge):
            await asking.match([offer()])
        assert slow.was_cancelled

    run(main)


def test_a_proved_door_is_given_more_time() -> None:
    async def main() -> None:
        release = asyncio.Event()
        first, second = FakeDoor(GOOD), FakeDoor(GOOD)
        asking = client([first, second], SignallingLimits(door_fallback_s=0.0, proved_door_fallback_s=3600.0))
        await asking.match([offer()])
        first.behaviour, first.asked = release, asyncio.Event()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(asking.match([offer()]))
            await first.asked.wait()
            release.set()
        assert waiting.result().lanes
        assert second.requests == []

    run(main)


def test_a_cancelled_match_withdraws_its_request() -> None:
    async def main() -> None:
        door = FakeDoor(asyncio.Event())
        asking = client([door])
        task = asyncio.get_running_loop().create_task(asking.match([offer()]))
        await door.asked.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert door.was_cancelled

    run(main)


def test_offers_that_are_too_large_are_not_sent() -> None:
    async def main() -> None:
        door = FakeDoor(GOOD)
        asking = client([door])
        address = "2001:db8:1111:2222:3333:4444:5555:6666"
        candidates = tuple(f"{number:032d} 1 udp 2130706431 {address} 40000 typ host" for number in range(24))
        large = msgspec.structs.replace(
            offer(), candidates=candidates, ufrag="u" * 256, pwd="p" * 256, sctp_init="A" * 256
        )
        names = [f"{number:064d}" for number in range(64)]
        with pytest.raises(SignallingError, match="too large"):
            await asking.match([large] * 16, avoid=names, reports=[Report(name, Verdict.GOOD) for name in names])
        assert door.requests == []

    run(main)


def test_an_invite_whose_key_nobody_can_have_is_not_taken() -> None:
    async def main() -> None:
        door = FakeDoor(GOOD)
        invite = Invite(KEYS.identity, bytes(32), bytes(28), ("https://door.example",), ())
        asking = SignalingClient(invite, FixedClock(), os.urandom, make_door=lambda url, limits: door)
        made.append(asking)
        with pytest.raises(InviteNotTaken):
            await asking.match([offer()])
        assert door.requests == []

    run(main)


def test_a_door_says_nothing_of_itself() -> None:
    assert repr(HttpDoor("https://secret.example")) == "HttpDoor(…)"
    assert HttpDoor("http://127.0.0.1:1").is_private
    assert not HttpDoor("https://news.example").is_private
