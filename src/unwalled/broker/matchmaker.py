"""One reader's match, from its offers to answered lanes: wait for bridges, ask them all at once, ask others instead.

Whoever answers first starts a short grace for the rest, so that one slow bridge does not hold the reader up. An offer
is with one bridge at a time; one that was refused goes to another bridge once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from unwalled.broker.bridges import BridgeGone
from unwalled.broker.directory import Directory
from unwalled.broker.gateways import GatewayPlace
from unwalled.broker.limits import Asker
from unwalled.broker.matching import Outcome, Reservation, Wanted
from unwalled.broker.metrics import BrokerMetrics
from unwalled.broker.peers import Peers
from unwalled.broker.store import Store, StoreAway
from unwalled.clock import Clock
from unwalled.crypto.identity import RandomBytes
from unwalled.settings import BrokerLimits
from unwalled.wire import b64
from unwalled.wire.description import LaneDescription
from unwalled.wire.signalling import Answers, Match, Offer, Refusal, ReplyLane

_TICKET_BYTES = 18


@dataclass(slots=True)
class _Course:
    """How far one reader's match has come."""

    offers: Sequence[LaneDescription]
    asker: Asker
    reader: bytes
    session: bytes
    """The same for all matches whose lanes may belong to one session."""
    country: str
    gateway: GatewayPlace | None = None
    lanes: list[ReplyLane] = field(default_factory=list)
    answered: list[Reservation] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    retried: set[int] = field(default_factory=set)
    grace_ends: float | None = None


class Matchmaker:
    """Runs matches over the store and the bridges that can be asked."""

    def __init__(
        self,
        store: Store,
        peers: Peers,
        clock: Clock,
        random_bytes: RandomBytes,
        directory: Directory,
        metrics: BrokerMetrics,
        *,
        allow_private: bool,
        limits: BrokerLimits,
    ) -> None:
        self._store = store
        self._peers = peers
        self._clock = clock
        self._random_bytes = random_bytes
        self._directory = directory
        self._metrics = metrics
        self._allow_private = allow_private
        self._limits = limits

    async def match(
        self, wanted: Wanted, offers: Sequence[LaneDescription], is_gone: Callable[[], bool], country: str = ""
    ) -> list[ReplyLane]:
        """The answered lanes, none when no bridge fits or answers. Takes at most the waits in ``limits`` together.

        ``is_gone`` tells that the reader has left; then, and when this is cancelled, bridges are told to undo.
        ``country`` is what bridges may hear of where the reader is.
        """
        began = self._clock.monotonic()
        checked = offers if self._allow_private else [o.without_private_addresses() for o in offers]
        # A reader that does not say who it is counts as whoever holds its invite: all its lanes have to meet.
        course = _Course(checked, wanted.asker, wanted.reader, wanted.reader or wanted.invite, country)
        reservations = await self._wait_for_bridges(wanted, is_gone)
        try:
            if reservations:
                await self._ask_all(reservations, wanted, course)
        except BaseException:
            self._undo(course)
            raise
        if is_gone():
            self._undo(course)
            self._metrics.matches["gone"] += 1
            return []
        self._metrics.matches["ok" if course.lanes else "failed" if reservations else "none"] += 1
        if course.lanes:
            self._metrics.lanes += len(course.lanes)
            self._metrics.match_seconds.observe(self._clock.monotonic() - began)
        return sorted(course.lanes, key=lambda lane: lane.offer)

    def _undo(self, course: _Course) -> None:
        for reservation in course.answered:
            self._peers.cancel(reservation)

    async def _wait_for_bridges(self, wanted: Wanted, is_gone: Callable[[], bool]) -> list[Reservation]:
        deadline = self._clock.monotonic() + self._limits.match_wait_s
        while True:
            supply = self._peers.next_supply()
            now = self._clock.monotonic()
            if is_gone():
                return []
            reservations = await self._store.reserve(wanted, now)
            if reservations or now >= deadline:
                return reservations
            try:
                async with asyncio.timeout(min(deadline - now, self._limits.supply_poll_s)):
                    await supply.wait()
            except TimeoutError:
                pass

    async def _ask_all(self, reservations: list[Reservation], wanted: Wanted, course: _Course) -> None:
        async with asyncio.TaskGroup() as group:
            running = self._start(group, reservations, course)
            while running:
                grace_s = None if course.grace_ends is None else course.grace_ends - self._clock.monotonic()
                if grace_s is not None and grace_s <= 0.0:
                    break
                done, running = await asyncio.wait(running, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
                refused = [offer for task in done for offer in task.result()]
                if course.lanes and course.grace_ends is None:
                    course.grace_ends = self._clock.monotonic() + self._limits.answer_grace_s
                running |= self._start(group, await self._elsewhere(refused, wanted, course), course)
            for task in running:
                task.cancel()

    def _start(
        self, group: asyncio.TaskGroup, reservations: list[Reservation], course: _Course
    ) -> set[asyncio.Task[tuple[int, ...]]]:
        return {group.create_task(self._ask(one, course), name="ask a bridge") for one in reservations}

    async def _elsewhere(self, refused: list[int], wanted: Wanted, course: _Course) -> list[Reservation]:
        offers = tuple(offer for offer in refused if offer not in course.retried)
        course.retried.update(offers)
        if not offers:
            return []
        again = replace(wanted, offers=offers, avoid=wanted.avoid | course.failed)
        try:
            return await self._store.reserve(again, self._clock.monotonic())
        except StoreAway:
            # What was answered is worth having.
            return []

    async def _ask(self, reservation: Reservation, course: _Course) -> tuple[int, ...]:
        """Asks one bridge, and settles. Gives the offers that it did not answer."""
        outcome = Outcome()
        try:
            answers = await self._answers(reservation, course)
            outcome, lanes = self._judge(answers, reservation)
            if lanes:
                course.answered.append(reservation)
                course.lanes += lanes
            missing = tuple(set(reservation.offers) - {lane.offer for lane in lanes})
            if missing:
                course.failed.add(reservation.bridge)
            return missing
        except TimeoutError:
            outcome = Outcome(silent=True)
            self._metrics.offers_refused["silent"] += len(reservation.offers)
            course.failed.add(reservation.bridge)
            return reservation.offers
        except (BridgeGone, StoreAway):
            course.failed.add(reservation.bridge)
            return reservation.offers
        finally:
            try:
                await self._store.settle(reservation.match, outcome, self._clock.monotonic())
            finally:
                self._peers.settled(reservation)

    async def _answers(self, reservation: Reservation, course: _Course) -> Answers:
        gateway = course.gateway = course.gateway or await self._directory.choose(course.session)
        if gateway is None:
            raise BridgeGone("No gateway takes this reader.")
        ticket = gateway.ticket(b64.encode(self._random_bytes(_TICKET_BYTES)))
        await self._store.keep_ticket(ticket, reservation.bridge, course.asker, self._clock.monotonic())
        asked = tuple(Offer(index, course.offers[index]) for index in reservation.offers)
        match = Match(reservation.match, gateway.lane_url(ticket), asked, country=course.country)
        try:
            async with asyncio.timeout(self._limits.answer_timeout_s):
                return await self._peers.ask(reservation, match, course.reader)
        except (TimeoutError, asyncio.CancelledError):
            self._peers.cancel(reservation)
            raise

    def _judge(self, answers: Answers, reservation: Reservation) -> tuple[Outcome, list[ReplyLane]]:
        lanes = []
        refusals = set()
        for answer in answers.answers:
            if answer.offer not in reservation.offers:
                # It answers what it was not asked: whatever is wrong with it, its next matches would fail, too.
                refusals.add(Refusal.FAILED)
            elif answer.answer is not None:
                description = answer.answer if self._allow_private else answer.answer.without_private_addresses()
                lanes.append(ReplyLane(answer.offer, reservation.bridge, reservation.network, description))
            elif answer.refused is not None:
                refusals.add(answer.refused)
                self._metrics.offers_refused[answer.refused.value] += 1
        if not lanes and not refusals:
            refusals.add(Refusal.FAILED)
        return Outcome(len(lanes), frozenset(refusals)), lanes
