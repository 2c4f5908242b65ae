"""The reader's side of a match: seal a request, bring it through a door, open and check what comes back.

Doors are tried best first: the one that worked last, then the others in the invite's order, those that failed lately
at the end. A door that is slow is not given up at once: the next one is tried beside it, and the first good reply
wins. Each try is sealed anew, so that the broker takes none for a replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unwalled.clock import Clock
from unwalled.crypto.envelope import check_request_size, open_reply, seal_request
from unwalled.crypto.hpke import ClassicalPrivateKey
from unwalled.crypto.identity import BundleExpired, KeyBundle, RandomBytes, newest
from unwalled.crypto.rotation import says_that_it_is_over
from unwalled.errors import CryptoError, SignalingFailed, SignallingError
from unwalled.settings import SIGNALLING, SignallingLimits
from unwalled.signaling.doors import Door, DoorFailed, HttpDoor
from unwalled.signaling.errors import (
    BrokerBusy,
    DoorNonsense,
    DoorSign,
    DoorsUnreachable,
    DoorTrouble,
    InviteNotTaken,
    InviteOver,
    NoBridge,
    NoHelper,
    ShareUsed,
    TooManyRequests,
)
from unwalled.wire.description import LaneDescription
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import READER_BYTES, MatchReply, MatchRequest, Nat, Report, Status, Why

_KEY_BYTES = 32
_FINAL = (InviteOver, InviteNotTaken, NoBridge, ShareUsed)


@dataclass(frozen=True, slots=True)
class MatchedLane:
    """One answered offer: its index, opaque names of bridge and network, and the bridge's description."""

    offer: int
    bridge: str
    network: str
    answer: LaneDescription


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What a match brought. ``bundle`` is verified; keep it and give it back with the next request."""

    lanes: tuple[MatchedLane, ...]
    bundle: KeyBundle


@dataclass(frozen=True, slots=True)
class _Wish:
    offers: Sequence[LaneDescription]
    nat: Nat
    spread: int
    avoid: Sequence[str]
    reports: Sequence[Report]
    held: KeyBundle | None


@dataclass(slots=True)
class _DoorState:
    door: Door
    failures: int = 0
    is_proved: bool = False
    order: int = field(default=0)

    @property
    def rank(self) -> tuple[int, bool, int]:
        return (self.failures, not self.is_proved, self.order)


class SignalingClient:
    """Asks the broker of one invite for lanes. One client may run several matches at once."""

    def __init__(
        self,
        invite: Invite,
        clock: Clock,
        random_bytes: RandomBytes,
        *,
        limits: SignallingLimits = SIGNALLING,
        make_door: Callable[[str, SignallingLimits], Door] = HttpDoor,
    ) -> None:
        """Opens nothing yet. ``make_door`` may give a door that was knocked at already."""
        self._invite = invite
        self._clock = clock
        self._random_bytes = random_bytes
        self._reader = random_bytes(READER_BYTES)
        self._limits = limits
        self.clock_error_s: float | None = None
        """How far this computer's clock was ahead of the broker's at its last sealed answer; None = it never said."""
        self._doors = [_DoorState(make_door(url, limits), order=index) for index, url in enumerate(invite.doors)]

    async def match(
        self,
        offers: Sequence[LaneDescription],
        *,
        nat: Nat = Nat.UNKNOWN,
        spread: int = 0,
        avoid: Sequence[str] = (),
        reports: Sequence[Report] = (),
        held_bundle: KeyBundle | None = None,
    ) -> MatchResult:
        """Asks for one lane for each offer; some may come back unanswered. At most ``door_timeout_s`` for each door.

        Of ``avoid`` and ``reports`` the last 64 are sent. Raises SignalingFailed (signaling/errors.py has the kinds).
        When cancelled, the requests are withdrawn, and the broker tells the bridges. Raises SignallingError for no
        or more than 16 offers, or too large ones.
        """
        if not 1 <= len(offers) <= self._limits.max_offers:
            raise SignallingError(f"A request has 1 to {self._limits.max_offers} offers.")
        wish = _Wish(
            offers,
            nat,
            spread,
            avoid[-self._limits.max_avoid :],
            reports[-self._limits.max_reports :],
            held_bundle,
        )
        reply_key = ClassicalPrivateKey(self._random_bytes(_KEY_BYTES))
        plaintext = self._request(wish, reply_key).encode()
        check_request_size(plaintext)
        waiting = sorted(self._doors, key=lambda state: state.rank)
        failures: list[SignalingFailed] = []
        running: dict[asyncio.Task[MatchResult | SignalingFailed], _DoorState] = {}
        async with asyncio.TaskGroup() as group:
            try:
                while waiting or running:
                    if waiting:
                        state = waiting.pop(0)
                        running[
                            group.create_task(self._try(state.door, wish, plaintext, reply_key), name="try a door")
                        ] = state
                    done, _ = await asyncio.wait(
                        running,
                        timeout=self._fallback_s(running) if waiting else None,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    for state, outcome in [(running.pop(task), task.result()) for task in done]:
                        if isinstance(outcome, MatchResult):
                            state.failures, state.is_proved = 0, True
                            return outcome
                        failures.append(outcome)
                        if isinstance(outcome, _FINAL):
                            # The broker itself has spoken; another door leads to the same one.
                            state.failures, state.is_proved = 0, True
                            waiting.clear()
                            _cancel(running)
                            running.clear()
                        else:
                            state.failures += 1
            finally:
                _cancel(running)
        raise _worst_known(failures)

    def network_changed(self) -> None:
        """This computer has joined another network, or slept: connections that are kept may lead nowhere, and doors
        that failed may open. Matches that are under way go on; who does not want to wait for them cancels them."""
        for state in self._doors:
            state.door.drop()
            state.failures = 0
        # The clock may have been set meanwhile.
        self.clock_error_s = None

    async def aclose(self) -> None:
        """Closes the kept connections."""
        for state in self._doors:
            await state.door.aclose()

    def _fallback_s(self, running: dict[asyncio.Task[MatchResult | SignalingFailed], _DoorState]) -> float:
        if any(state.is_proved for state in running.values()):
            return self._limits.proved_door_fallback_s
        return self._limits.door_fallback_s

    def _request(self, wish: _Wish, reply_key: ClassicalPrivateKey) -> MatchRequest:
        return MatchRequest(
            self._invite.token,
            reply_key.public,
            wish.nat,
            tuple(wish.offers),
            wish.spread,
            tuple(wish.avoid),
            b"" if wish.held is None else wish.held.short_hash,
            tuple(wish.reports),
            self._reader,
            self._invite.swarm,
        )

    async def _try(
        self, door: Door, wish: _Wish, plaintext: bytes, reply_key: ClassicalPrivateKey
    ) -> MatchResult | SignalingFailed:
        try:
            body = seal_request(plaintext, self._invite.broker_key)
        except CryptoError:
            # No operator can have such a key (RFC 7748, section 6.1): the invite was made up.
            return InviteNotTaken()
        try:
            sealed = await door.post(body)
            reply = MatchReply.decode(open_reply(sealed, reply_key, body))
            if reply.time_s:
                self.clock_error_s = self._clock.wall() - reply.time_s
            return self._judge(reply, wish, door)
        except DoorFailed as failed:
            # What the identity of the invite has signed counts, whoever brings it.
            if failed.status == 410 and says_that_it_is_over(
                failed.body, self._invite.identity, self._invite.broker_key
            ):
                return InviteNotTaken()
            return _from_door(failed)
        except SignalingFailed as failed:
            return failed
        except BundleExpired as expired:
            return DoorNonsense(expired.cause.rstrip("."), DoorSign.OUT_OF_DATE)
        except (CryptoError, SignallingError):
            return DoorNonsense("its answer is not sealed as it must be", door.sign_of(200))

    def _judge(self, reply: MatchReply, wish: _Wish, door: Door) -> MatchResult:
        match reply.status:
            case Status.OK:
                pass
            case Status.NO_BRIDGE:
                raise NoHelper(reply.retry_after_s) if self._invite.swarm else NoBridge(reply.retry_after_s)
            case Status.LIMITED if reply.why is Why.SHARE:
                raise ShareUsed(reply.retry_after_s)
            case Status.LIMITED:
                raise TooManyRequests(reply.retry_after_s)
            case Status.EXPIRED:
                raise InviteOver
            case Status.REFUSED:
                raise InviteNotTaken
        if not reply.lanes or any(lane.offer >= len(wish.offers) for lane in reply.lanes):
            raise DoorNonsense("it answers offers that were not made")
        lanes = tuple(
            MatchedLane(
                lane.offer,
                lane.bridge,
                lane.network,
                lane.answer if door.is_private else lane.answer.without_private_addresses(),
            )
            for lane in reply.lanes
        )
        return MatchResult(lanes, self._bundle(reply, wish.held))

    def _bundle(self, reply: MatchReply, held: KeyBundle | None) -> KeyBundle:
        if reply.bundle:
            received = KeyBundle.verify(reply.bundle, self._invite.identity, self._clock.wall())
            return newest(held, received)
        if held is None:
            raise DoorNonsense("it brings no key of the gateway")
        return held


def _from_door(failed: DoorFailed) -> SignalingFailed:
    match failed.status:
        case 0:
            return DoorsUnreachable(failed.word, failed.sign)
        case 429:
            return TooManyRequests(failed.retry_after_s)
        case 503:
            return BrokerBusy(failed.retry_after_s)
        case 502 | 504:
            return DoorsUnreachable("the door does not reach the broker", failed.sign)
        case _:
            return DoorNonsense(failed.word, failed.sign)


def _cancel(tasks: dict[asyncio.Task[MatchResult | SignalingFailed], _DoorState]) -> None:
    for task in tasks:
        task.cancel()


def _worst_known(failures: Sequence[SignalingFailed]) -> SignalingFailed:
    """What tells the person most: the broker's own word, then a limit, then a stranger's answer, then silence."""
    kinds = (
        InviteNotTaken,
        InviteOver,
        ShareUsed,
        NoHelper,
        NoBridge,
        TooManyRequests,
        BrokerBusy,
        DoorNonsense,
        DoorsUnreachable,
    )

    def rank(failure: SignalingFailed) -> tuple[int, int]:
        sign = failure.sign if isinstance(failure, DoorTrouble) else DoorSign.SILENCE
        return kinds.index(type(failure)), -list(DoorSign).index(sign)

    return min(failures, key=rank)
