"""The lanes of a bridge: takes matches, answers their offers, relays, and knows how much room is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import aiohttp

from unwalled.bridge.operator import LooseMatch, LooseOffer, Rules
from unwalled.bridge.relay import Relay, Side
from unwalled.bridge.throttle import Throttle
from unwalled.errors import DescriptionError, LaneClosed
from unwalled.lanes.webrtc import AnsweredLane, WebRtcStack
from unwalled.lanes.websocket import connect_websocket
from unwalled.settings import BRIDGE
from unwalled.tasks import TaskOwner
from unwalled.wire.signalling import Answer, Answers, Capacity, Refusal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BridgeStats:
    """What a bridge carries. Bytes count since it was made, in the direction of the reader's traffic."""

    readers: int
    lanes: int
    bytes_up: int
    bytes_down: int


class _Held:
    """The lanes of one match."""

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self.lanes: set[_BridgeLane] = set()
        self.is_answered = False


class Helper:
    """Holds all lanes of one bridge. Lanes live on while the broker's connection comes and goes."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        max_readers: int,
        rate_bps: int | None,
        on_change: Callable[[], None],
    ) -> None:
        """``on_change()`` is called when room or numbers of lanes may have changed."""
        self._session = session
        self._max_readers = max_readers
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._throttle = None if rate_bps is None else Throttle(rate_bps, self._loop.time, self._loop.call_later)
        self._tasks = TaskOwner()
        self._matches: dict[str, _Held] = {}
        self._past_up = 0
        self._past_down = 0
        self._closed = False

    @property
    def capacity(self) -> int:
        """Most lanes at once."""
        return min(BRIDGE.max_lanes, self._max_readers * BRIDGE.lanes_per_reader)

    @property
    def room(self) -> Capacity:
        """What could be taken now."""
        return self._room_beside(list(self._matches.values()))

    @property
    def room_to_tell(self) -> Capacity:
        """What the broker is to be told: it takes the lanes of matches that it has no answers to off by itself."""
        return self._room_beside([held for held in self._matches.values() if held.is_answered])

    def _room_beside(self, matches: list[_Held]) -> Capacity:
        readers = max(0, self._max_readers - len({held.reader for held in matches}))
        return Capacity(free=self._free_beside(matches) if readers else 0, readers=readers)

    def _free_beside(self, matches: Iterable[_Held]) -> int:
        return max(0, self.capacity - sum(len(held.lanes) for held in matches))

    def _free_for(self, reader: str) -> int:
        """Lanes that this reader may add: one that is here already needs no further place."""
        if any(held.reader == reader for held in self._matches.values()):
            return self._free_beside(self._matches.values())
        return self.room.free

    @property
    def stats(self) -> BridgeStats:
        """The numbers of now."""
        joined = [held.reader for held in self._matches.values() for lane in held.lanes if lane.relay.joined]
        alive = [lane for held in self._matches.values() for lane in held.lanes]
        return BridgeStats(
            readers=len(set(joined)),
            lanes=len(joined),
            bytes_up=self._past_up + sum(lane.relay.bytes_up for lane in alive),
            bytes_down=self._past_down + sum(lane.relay.bytes_down for lane in alive),
        )

    async def take(self, match: LooseMatch, rules: Rules, stack: WebRtcStack) -> Answers:
        """Answers each offer of a match, or says why not. Raises nothing but CancelledError."""
        if not rules.allows_gateway(match.gateway):
            return _refuse_all(match, Refusal.GATEWAY)
        if self._closed or match.match in self._matches:
            return _refuse_all(match, Refusal.FAILED)
        # A match without a reader's name is of a reader of its own; no name has a space.
        reader = match.reader or f"of {match.match}"
        free = self._free_for(reader)
        if free == 0:
            return _refuse_all(match, Refusal.BUSY)
        lanes: list[tuple[LooseOffer, _BridgeLane | Refusal]] = []
        held = self._matches[match.match] = _Held(reader)
        for offer in match.offers:
            if free == 0:
                lanes.append((offer, Refusal.BUSY))
                continue
            lane = _BridgeLane(self, match.match, match.gateway)
            free -= 1
            held.lanes.add(lane)
            lanes.append((offer, lane))
        answers = await asyncio.gather(*(self._answer(offer, lane, rules, stack) for offer, lane in lanes))
        return Answers(match=match.match, answers=tuple(answers))

    def cancel(self, match: str) -> None:
        """The reader went away: undoes the lanes of a match that are not open."""
        for lane in tuple(self._matches[match].lanes) if match in self._matches else ():
            if not lane.relay.joined:
                lane.relay.end("cancelled")

    def answered(self, match: str) -> None:
        """The broker has the answers to a match; now its lanes count in what it is told."""
        if match in self._matches:
            self._matches[match].is_answered = True
        self._on_change()

    async def aclose(self) -> None:
        """Closes every lane and waits for its end."""
        self._closed = True
        for lane in [lane for held in self._matches.values() for lane in held.lanes]:
            lane.relay.end("stopped")
        await self._tasks.close()

    async def _answer(self, offer: LooseOffer, lane: _BridgeLane | Refusal, rules: Rules, stack: WebRtcStack) -> Answer:
        if isinstance(lane, Refusal):
            return Answer(offer=offer.offer, refused=lane)
        try:
            description = rules.description(offer.description)
            self._tasks.start(lane.run(self._session), name="bridge-lane")
            answered = await stack.answer(description)
            lane.answered(answered)
            return Answer(offer=offer.offer, answer=rules.own(answered.description))
        except DescriptionError:
            lane.relay.end("description")
            return Answer(offer=offer.offer, refused=Refusal.DESCRIPTION)
        except LaneClosed:
            lane.relay.end("failed")
            return Answer(offer=offer.offer, refused=Refusal.FAILED)
        except BaseException:
            lane.relay.end("failed")
            raise

    # For the lanes. ------------------------------------------------------------------------------------------------

    def new_relay(self, on_end: Callable[[Relay, str], None]) -> Relay:
        """A relay with the bridge's limits."""
        return Relay(on_end, call_later=self._loop.call_later, throttle=self._throttle)

    def joined(self) -> None:
        """A lane has opened on both sides."""
        self._on_change()

    def forget(self, match: str, lane: _BridgeLane) -> None:
        """A lane is over."""
        self._past_up += lane.relay.bytes_up
        self._past_down += lane.relay.bytes_down
        held = self._matches.get(match)
        if held is not None:
            held.lanes.discard(lane)
            if not held.lanes:
                del self._matches[match]
        self._on_change()


def _refuse_all(match: LooseMatch, refused: Refusal) -> Answers:
    return Answers(match.match, tuple(Answer(offer=offer.offer, refused=refused) for offer in match.offers))


class _BridgeLane:
    """One lane of a match: opens both sides at once, relays, closes both."""

    def __init__(self, helper: Helper, match: str, gateway: str) -> None:
        self._helper = helper
        self._match = match
        self._gateway = gateway
        self._over = asyncio.Event()
        self._answered: asyncio.Future[AnsweredLane] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()
        """Whether there is no connection to the gateway."""
        self._gone.set()
        self.relay = helper.new_relay(self._ended)

    def answered(self, answered: AnsweredLane) -> None:
        """The answer is made, so the reader's side may open. Raises LaneClosed if the lane is over already."""
        if self.relay.ended:
            answered.close()
            raise LaneClosed("The lane ended while it was answered.")
        self._answered.set_result(answered)

    async def run(self, session: aiohttp.ClientSession) -> None:
        """The lane's life, from the match to its end."""
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._open_reader(), name="bridge-reader-side")
                socket = group.create_task(self._open_gateway(session), name="bridge-gateway-side")
                await self._over.wait()
                reader.cancel()
                socket.cancel()
            # The relay has closed an open socket; that ends by itself, with the right close code.
            await self._gone.wait()
        finally:
            self.relay.end("stopped")
            if self._answered.done() and not self._answered.cancelled():
                self._answered.result().close()

    async def _open_reader(self) -> None:
        answered = await self._answered
        try:
            lane = await answered.opened()
        except LaneClosed:
            self.relay.end("unopened")
            return
        self.relay.open(Side.READER, lane)
        self._tell_joined()

    async def _open_gateway(self, session: aiohttp.ClientSession) -> None:
        try:
            lane = await connect_websocket(session, self._gateway, on_lost=self._gone.set)
        except LaneClosed:
            self.relay.end("gateway unreachable")
            return
        self._gone.clear()
        self.relay.open(Side.GATEWAY, lane)
        self._tell_joined()

    def _tell_joined(self) -> None:
        if self.relay.joined:
            self._helper.joined()

    def _ended(self, _: Relay, reason: str) -> None:
        _log.debug("A lane has ended: %s.", reason)
        self._over.set()
        self._helper.forget(self._match, self)
