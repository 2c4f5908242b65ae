"""The reader's way out: finds bridges, keeps lanes through several of them, and runs the session over these.

`ReaderClient` is a `unwalled.tunnel.api.Tunnel` for as long as its ``run`` runs.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from unwalled.clock import Clock
from unwalled.crypto.handshake import Random, Status
from unwalled.crypto.identity import KeyBundle
from unwalled.errors import DescriptionError, LaneClosed, OpenFailed, SignalingFailed
from unwalled.lanes.webrtc import OfferedLane, WebRtcStack
from unwalled.network.backoff import longest_wait_s
from unwalled.reader.bridges import BridgeBook
from unwalled.reader.growth import LaneGrowth
from unwalled.reader.live import LiveSession
from unwalled.reader.offers import Stun, make_offers, nat_of, stun_of
from unwalled.reader.reached import ReachedTargets
from unwalled.reader.status import (
    REFUSED_CAUSES,
    REFUSED_WORDS,
    SHARE_WORDS,
    Cause,
    LaneFacts,
    Phase,
    ReaderStatus,
    cause_of,
    phase_of,
)
from unwalled.session.events import LeaveReason
from unwalled.session.notes import Decision, DecisionCause, DecisionKind, Numbering, TraceSink
from unwalled.settings import READER, SESSION, SIGNALLING, TRACE, ReaderLimits
from unwalled.signaling.client import MatchedLane, MatchResult
from unwalled.signaling.errors import NoBridge
from unwalled.tasks import TaskOwner
from unwalled.tunnel.streams import TunnelFlow, TunnelStream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.description import LaneDescription
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import Nat, Report, Verdict

_log = logging.getLogger(__name__)


class Matchmaker(Protocol):
    """The broker, as the reader sees it (`unwalled.signaling.client.SignalingClient`)."""

    async def match(
        self,
        offers: Sequence[LaneDescription],
        *,
        nat: Nat,
        spread: int,
        avoid: Sequence[str],
        reports: Sequence[Report],
        held_bundle: KeyBundle | None,
    ) -> MatchResult:
        """Lanes for offers. Raises SignalingFailed with a cause for a person. Cancelling is safe."""


class ReaderClient:
    """Keeps a session alive over bridges; opens streams and flows through it.

    ``random_bytes`` makes keys; ``rng`` spreads retries. ``status_changed`` is called, without arguments, whenever
    ``status`` may have changed in more than its numbers. ``limits`` None = ``READER``.
    ``trace`` hears of sessions, lanes and decisions; whoever gave it closes it. ``is_exact`` = every stream waits for
    the gateway's answer, also the first ones, and those to targets that were reached lately. ``numbers`` of a client
    that was there before: its bridges keep theirs.
    """

    def __init__(
        self,
        invite: Invite,
        matchmaker: Matchmaker,
        stack: WebRtcStack,
        clock: Clock,
        random_bytes: Random,
        rng: random.Random,
        status_changed: Callable[[], None] = lambda: None,
        *,
        limits: ReaderLimits | None = None,
        trace: TraceSink | None = None,
        is_exact: bool = False,
        numbers: Numbering | None = None,
    ) -> None:
        self._trace = trace
        self._numbers = numbers if numbers is not None else Numbering(TRACE.max_bridges)
        self._limits = limits if limits is not None else READER
        self._is_exact = is_exact
        self._reached = ReachedTargets(self._limits)
        self._invite = invite
        self._matchmaker = matchmaker
        self._stack = stack
        self._clock = clock
        self._random_bytes = random_bytes
        self._rng = rng
        self._status_changed = status_changed
        self._bundle: KeyBundle | None = None
        self._book = BridgeBook(self._limits)
        self._tasks = TaskOwner()
        self._live: LiveSession | None = None
        self._opening = 0
        self._openers: set[asyncio.Task[None]] = set()
        self._moved_until = float("-inf")
        """So long after a change of network, bridges that are silent are left."""
        self._is_starting = True
        """No session has stood yet."""
        self._rest_until = float("-inf")
        self._doubts_rest_until = float("-inf")
        self._spreading: asyncio.Timeout | None = None
        """Of a request for further bridges, made while lanes were there."""
        self._changed = asyncio.Event()
        self._limited = asyncio.Event()
        self._growth = LaneGrowth(self._limits)
        self._news = _News()
        self._phase = Phase.SEARCHING
        self._detail = ""
        self._cause = Cause.NONE
        self._is_over = False
        self._rounds = 0
        self._unreached: set[tuple[int, str]] = set()
        """By the round in which they were found, and their names."""
        self._stun = Stun.NOT_ASKED
        self._past_up = 0
        self._past_down = 0

    # Tunnel.

    async def open(self, target: Target, *, at_once: bool = False) -> TunnelStream:
        """See Tunnel."""
        began = self._clock.monotonic()
        deadline = began + self._limits.open_wait_s
        while True:
            live = await self._session_before(deadline)
            stream = live.pump.open_stream(target)
            if self._need_not_wait(live, target, began, at_once):
                self._tasks.start(self._hear(stream, live, deadline), "answer to an open")
                return stream
            try:
                await self._answered(stream, live, deadline)
            except BaseException as failed:
                stream.reset(Code.CANCELLED)
                self._reached.remove(target)
                if not _is_session_lost(failed):
                    raise
            else:
                self._reached.add(target, self._clock.monotonic())
                return stream

    def _need_not_wait(self, live: LiveSession, target: Target, now: float, at_once: bool) -> bool:
        """Whether an application may send before the gateway has answered."""
        if live.is_established and not live.is_connected:
            # The gateway may have forgotten the session, and only an open that waits is made again in the next one.
            return False
        if at_once or self._is_exact:
            return at_once
        # Until a session stands, what it sends can travel with the hello: a round trip less when a person waits most.
        return self._is_starting or (live.is_connected and self._reached.has(target, now))

    async def _hear(self, stream: TunnelStream, live: LiveSession, deadline: float) -> None:
        """Takes the gateway's answer to an open that nobody waits for; a failure cuts the stream."""
        try:
            await self._answered(stream, live, deadline)
        except OpenFailed as failed:
            # An application that has gone says nothing about the site.
            if failed.code is not Code.CANCELLED:
                self._reached.remove(stream.target)
                stream.reset(failed.code)
        else:
            self._reached.add(stream.target, self._clock.monotonic())

    async def open_datagrams(self) -> TunnelFlow:
        """See Tunnel."""
        deadline = self._clock.monotonic() + self._limits.open_wait_s
        while True:
            live = await self._session_before(deadline)
            flow = live.pump.open_flow()
            try:
                await self._answered(flow, live, deadline)
            except BaseException as failed:
                flow.close()
                if not _is_session_lost(failed):
                    raise
            else:
                return flow

    async def _session_before(self, deadline: float) -> LiveSession:
        try:
            async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0)):
                while self._live is None:
                    if self._is_refused or self._is_over:
                        raise OpenFailed(Code.NO_BRIDGE)
                    await self._news.wait()
        except TimeoutError:
            raise OpenFailed(Code.NO_BRIDGE) from None
        return self._live

    async def _answered(self, asked: TunnelStream | TunnelFlow, live: LiveSession, deadline: float) -> None:
        """Waits for the gateway's answer: as long as there are lanes, or a little for lanes to come."""
        try:
            async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0)):
                await asked.opened()
                return
        except TimeoutError:
            if not live.is_connected:
                raise OpenFailed(Code.NO_BRIDGE) from None
        try:
            async with asyncio.timeout(self._limits.answer_wait_s - self._limits.open_wait_s):
                await asked.opened()
        except TimeoutError:
            raise OpenFailed(Code.TIMED_OUT) from None

    # Life.

    @property
    def status(self) -> ReaderStatus:
        """How things are now."""
        live = self._live
        up, down = live.pump.core.carried_bytes if live is not None else (0, 0)
        return ReaderStatus(
            self._phase,
            self._detail,
            self._book.in_use,
            live.pump.lane_count if live is not None else 0,
            self._past_up + up,
            self._past_down + down,
            self._cause,
            self._is_deaf,
            is_silent=self._book.in_use > 0 and not self._is_carried,
        )

    def lanes(self) -> list[LaneFacts]:
        """How each lane is now."""
        return self._live.lanes() if self._live is not None else []

    @property
    def _is_deaf(self) -> bool:
        """Whether it is this network that lets no packet of UDP through, as far as can be told."""
        few = 1 if self._stun is Stun.SILENT else self._limits.unreached_bridges
        return self._stun is not Stun.ANSWERED and len(self._unreached) >= few

    @property
    def _is_refused(self) -> bool:
        return self._phase is Phase.REFUSED

    @property
    def has_found(self) -> bool:
        """Whether the broker has found bridges; ``status_changed`` is called when it has."""
        return self._live is not None

    async def connected(self) -> None:
        """Waits until a session stands. Raises SignalingFailed when the operator refuses the invite."""
        while self._phase is not Phase.CONNECTED:
            if self._phase is Phase.REFUSED:
                raise SignalingFailed(self._detail)
            await self._news.wait()

    async def run(self) -> None:
        """Keeps lanes until cancelled; then ends the session, closes all lanes, and fails who waits for a bridge."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_bridges(), name="keep bridges")
                group.create_task(self._keep_lanes(), name="keep lanes")
        finally:
            try:
                await self._tasks.close()
            finally:
                self._is_over = True
                if self._live is not None:
                    self._live.pump.close(Code.CANCELLED)
                self._news.tell()

    async def _keep_bridges(self) -> None:
        """Asks for bridges while fewer than wanted carry lanes."""
        failures = 0
        without_since = self._clock.monotonic()
        while True:
            self._changed.clear()
            wait_s = self._limits.spread_retry_s
            silent, doubtful = self._silent_bridges
            missing = self._limits.bridges - self._book.in_use + silent
            rest_s = self._rest_until - self._clock.monotonic()
            if rest_s > 0:
                wait_s = rest_s
            elif missing > 0 and not self._opening:
                if not failures:
                    without_since = self._clock.monotonic()
                wait_s = await self._ask_bridges(missing, failures, without_since)
                failures = 0 if self._opening or self._is_carried else failures + 1
            elif self._book.has_doubts and not self._opening:
                wait_s = await self._tell_doubts()
            elif self._opening:
                wait_s = self._limits.retry_max_s
            if doubtful:
                wait_s = min(wait_s, self._limits.bridge_silence_s)
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _keep_lanes(self) -> None:
        """Adds lanes while they hold the session up and more of them help; gives unneeded ones back."""
        while True:
            try:
                async with asyncio.timeout(self._limits.growth_judge_s):
                    await self._limited.wait()
            except TimeoutError:
                pass
            live, lanes, now = self._live, self._live_lanes, self._clock.monotonic()
            if live is not None:
                self._growth.sample(self.status.bytes_up + self.status.bytes_down, now)
                unneeded = self._growth.fewer(lanes, now)
                live.drop_spare(unneeded)
                if unneeded:
                    self._decided("fewer", unneeded, why="quiet" if self._growth.is_quiet else "no gain")
                is_far = live.pump.core.least_round_trip_s >= self._limits.growth_least_rtt_s
                is_limited = self._limited.is_set() and is_far
                wanted = self._growth.more(lanes, self._book.in_use, now) if is_limited else 0
                if wanted:
                    self._decided("more", wanted, why="limited")
                    try:
                        await self._ask(wanted, self._limits.growth_bridges, self._book.full_or_resting(now))
                    except SignalingFailed:
                        pass
            self._limited.clear()

    def network_changed(self) -> None:
        """This computer has joined another network, or slept: what it was connected to may have gone without a word.

        Lanes are asked whether they live, bridges are looked for at once, and that some fell silent or were not
        reached is not held against them. Does nothing to lanes that live.
        """
        self._rest_until = self._doubts_rest_until = float("-inf")
        self._moved_until = self._clock.monotonic() + SESSION.lane_dead_s
        self._book.forgive_silence()
        self._unreached.clear()
        # What is under way waits for answers to an address that this computer may not have any more.
        for task in self._openers:
            task.cancel()
        if self._spreading is not None:
            self._spreading.reschedule(asyncio.get_running_loop().time())
        if self._live is not None:
            self._live.ask_lanes()
        self._changed.set()
        self._status_changed()

    def _leave_lost(self) -> None:
        """After a change of network: bridges that do not answer are left, so that they can be asked for anew."""
        if self._live is not None and self._clock.monotonic() < self._moved_until:
            for bridge, silence_s in self._live.silences_s().items():
                if silence_s >= self._limits.bridge_silence_s:
                    self._live.drop_bridge(bridge)

    @property
    def _silent_bridges(self) -> tuple[int, int]:
        """How many bridges are silent for so long that they count as gone, and how many only just fell silent."""
        if self._live is None:
            return 0, 0
        silences = self._live.silences_s().values()
        gone = sum(silence_s >= self._limits.bridge_silence_s for silence_s in silences)
        return gone, len(silences) - gone

    @property
    def _is_carried(self) -> bool:
        """Whether some bridge carries the session now."""
        return self._book.in_use > sum(self._silent_bridges)

    @property
    def _live_lanes(self) -> int:
        return self._live.pump.lane_count if self._live is not None else 0

    async def _ask_bridges(self, missing: int, failures: int, without_since: float) -> float:
        """Asks the broker for lanes through the bridges that are missing; gives how long to wait then.

        ``failures``: in a row, since ``without_since``.
        """
        if not self._live_lanes and self._phase not in (Phase.NO_BRIDGE, Phase.NO_BROKER):
            self._say_hopeful(Phase.SEARCHING)
        try:
            async with asyncio.timeout(None) as spreading:
                self._spreading = spreading
                if self._is_deaf:
                    # Then it is not the bridges' doing, and the broker should not hear so.
                    self._book.forgive_silence()
                avoid = self._book.avoid(self._clock.monotonic())
                await self._ask(missing * self._limits.lanes_per_bridge, missing, avoid)
        except TimeoutError:
            if not spreading.expired():
                raise
            # All lanes went away while one more bridge was looked for: the bridges of before are welcome again.
            return 0.0
        except SignalingFailed as failed:
            return self._failed(failed, failures, self._clock.monotonic() - without_since)
        finally:
            self._spreading = None
        if not self._live_lanes:
            self._say_hopeful(Phase.CONNECTING)
        return self._limits.spread_retry_s

    async def _tell_doubts(self) -> float:
        """Bridges enough carry lanes, but the broker should hear of a bad one before it gives it to others, too.

        A request is for one lane at least, which is a spare. Gives how long to wait then.
        """
        now = self._clock.monotonic()
        if now < self._doubts_rest_until:
            return self._doubts_rest_until - now
        self._doubts_rest_until = now + self._limits.spread_retry_s
        try:
            async with asyncio.timeout(None) as spreading:
                self._spreading = spreading
                await self._ask(1, 1, self._book.avoid(now))
        except TimeoutError:
            if not spreading.expired():
                raise
            # All lanes went away meanwhile: bridges matter more now.
            return 0.0
        except SignalingFailed:
            pass
        finally:
            self._spreading = None
        return self._limits.spread_retry_s

    async def _ask(self, lanes: int, spread: int, avoid: list[str]) -> None:
        """Asks for lanes over at most ``spread`` bridges; they open by themselves. Raises SignalingFailed."""
        offers = await make_offers(self._stack, min(lanes, SIGNALLING.max_offers))
        self._stun = stun_of(offers) if self._invite.stun else Stun.NOT_ASKED
        _log.debug("Offers are made: %d.", len(offers))
        used: set[int] = set()
        self._decided("asked", len(offers), spread)
        reports = self._book.take_reports()
        try:
            result = await self._matchmaker.match(
                [offer.description for offer in offers],
                nat=nat_of(offers),
                spread=spread,
                avoid=avoid,
                reports=reports,
                held_bundle=self._bundle,
            )
            _log.debug("The broker has answered: %d lanes.", len(result.lanes))
            self._bundle = result.bundle
            self._rounds += 1
            self._session()
            self._decided("matched", len(result.lanes), len({matched.bridge for matched in result.lanes}))
            for matched in result.lanes:
                if matched.offer in used or not 0 <= matched.offer < len(offers):
                    continue
                used.add(matched.offer)
                self._opening += 1
                offer = offers[matched.offer]
                task = self._tasks.start(self._open_lane(offer, matched, self._rounds), "reader lane")
                self._openers.add(task)
                # Not in the task itself: one that is cancelled before its first step runs none of its lines.
                task.add_done_callback(functools.partial(self._opening_over, offer))
        except BaseException as failed:
            if isinstance(failed, SignalingFailed):
                self._decided("unmatched", len(offers))
            if isinstance(failed, NoBridge):
                # The broker read the reports before it looked for bridges.
                raise
            self._book.keep_reports(reports)
            raise
        finally:
            for index, offer in enumerate(offers):
                if index not in used:
                    offer.close()

    def _failed(self, failed: SignalingFailed, failures: int, without_s: float) -> float:
        if self._is_carried:
            return self._limits.spread_retry_s * self._rng.uniform(0.8, 1.6)
        self._book.forgive()
        if not self._live_lanes:
            self._say(phase_of(failed), str(failed), cause_of(failed))
        if self._is_refused:
            wait_s = self._limits.retry_max_s
        elif failed.retry_after_s is not None:
            wait_s = min(failed.retry_after_s, self._limits.retry_max_s) * self._rng.uniform(1.0, 1.3)
        else:
            ceiling_s = longest_wait_s(failures, without_s, self._limits.retry_min_s, self._limits.retry_max_s)
            wait_s = self._rng.uniform(self._limits.retry_min_s / 2, ceiling_s)
        self._rest_until = self._clock.monotonic() + wait_s
        return wait_s

    async def _open_lane(self, offer: OfferedLane, matched: MatchedLane, round_number: int) -> None:
        try:
            lane = await offer.accept(matched.answer)
        except (LaneClosed, DescriptionError) as failed:
            if isinstance(failed, LaneClosed):
                self._unreached.add((round_number, matched.bridge))
                self._status_changed()
            self._book.failed(matched.bridge, Verdict.DEAD, self._clock.monotonic())
            self._decided("failed", 1, self._numbers.number(matched.bridge))
            return
        _log.debug("A lane is open.")
        self._unreached.clear()
        self._book.lane_opened(matched.bridge)
        self._session().add(lane, matched.bridge)

    def _session(self) -> LiveSession:
        """The session, a new one if need be: what is opened before its first lane travels with the hello."""
        if self._live is None:
            assert self._bundle is not None
            self._live = LiveSession(
                self, self._bundle.gateway_key, self._invite.token, self._random_bytes, self._trace
            )
            self._news.tell()
            self._status_changed()
        return self._live

    def _decided(self, what: DecisionKind, lanes: int, bridges: int = 0, why: DecisionCause = "") -> None:
        if self._trace is not None:
            now = asyncio.get_running_loop().time()
            self._trace.note(Decision(now, what, lanes, bridges, int(self._growth.rate_bytes_s), why))

    def number_of(self, bridge: str) -> int:
        """A bridge's number in the trace."""
        return self._numbers.number(bridge)

    def _opening_over(self, offer: OfferedLane, task: asyncio.Task[None]) -> None:
        offer.close()
        self._openers.discard(task)
        self._opening -= 1
        self._changed.set()

    # What the live session tells.

    def established(self) -> None:
        """The handshake is done."""
        _log.debug("The session stands.")
        self._is_starting = False
        self._say(Phase.CONNECTED)

    def resumed(self) -> None:
        """The gateway has spoken again after all lanes had gone: the session is the one of before, and goes on."""
        self._say(Phase.CONNECTED)

    def lane_fell_silent(self) -> None:
        """A bridge may have gone without a word."""
        self._changed.set()
        if self._clock.monotonic() < self._moved_until:
            # Whoever looks for bridges may be waiting for an answer just now.
            asyncio.get_running_loop().call_later(self._limits.bridge_silence_s, self._leave_lost)

    def lanes_limited(self) -> None:
        """Lanes hold the session up."""
        self._limited.set()

    def lane_left(self, bridge: str, reason: LeaveReason, lived_s: float) -> None:
        """A lane is over."""
        self._book.lane_closed(bridge)
        now = self._clock.monotonic()
        if reason is LeaveReason.MISBEHAVED:
            self._book.failed(bridge, Verdict.BAD, now)
            if self._live is not None:
                self._live.drop_bridge(bridge)
        elif reason is LeaveReason.SILENT:
            self._book.failed(bridge, Verdict.DEAD, now)
            if self._live is not None and not self._live.is_established:
                # Its other lanes would each hold the hello up for as long, while those of another bridge wait.
                self._live.drop_bridge(bridge)
        elif reason is LeaveReason.REFUSED:
            self._book.refused(bridge, now)
        elif reason is LeaveReason.CLOSED:
            self._book.lane_cut(bridge, lived_s, now)
        if not self._live_lanes:
            self._say_hopeful(Phase.SEARCHING)
            if self._spreading is not None and not self._opening:
                self._spreading.reschedule(asyncio.get_running_loop().time())
        self._changed.set()

    def session_closed(self, live: LiveSession, code: Code) -> None:
        """The session is over; the next lane starts another, unless the operator has refused us."""
        if code is Code.SESSION_LOST:
            # The gateway has forgotten the session, and those who passed that on told the truth.
            self._book.acquit_refused()
        if self._live is live:
            up, down = live.pump.core.carried_bytes
            self._past_up += up
            self._past_down += down
            self._live = None
        refused = live.refused
        if refused is None:
            self._say_hopeful(Phase.SEARCHING)
        else:
            # Asking again at once would bring lanes to the same answer.
            self._rest_until = self._clock.monotonic() + self._limits.retry_max_s
            final = refused is not Status.FULL
            words, cause = REFUSED_WORDS[refused], REFUSED_CAUSES[refused]
            if live.is_share_used:
                words, cause = SHARE_WORDS, Cause.SHARE
            self._say(Phase.REFUSED if final else Phase.NO_BRIDGE, words, cause)
        self._changed.set()

    def _say_hopeful(self, phase: Phase) -> None:
        """Says what is being tried; a refusal stands until a session does, so that applications need not wait."""
        if not self._is_refused:
            self._say(phase)

    def _say(self, phase: Phase, detail: str = "", cause: Cause = Cause.NONE) -> None:
        if (phase, detail, cause) != (self._phase, self._detail, self._cause):
            self._phase, self._detail, self._cause = phase, detail, cause
            self._news.tell()
            self._status_changed()


class _News:
    """Wakes everybody who waits, and nobody who comes later."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()

    def tell(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()


def _is_session_lost(failed: BaseException) -> bool:
    return isinstance(failed, OpenFailed) and failed.code is Code.SESSION_LOST
