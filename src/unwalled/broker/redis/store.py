"""The store of several brokers, in a Redis or Valkey server. Whatever must be one step is one script (``lua/``).

The rules of matching are those of broker/matching.py, with what is learned of bridges (broker/standing.py) and the
budgets of bridges by invite and network (broker/harvest.py), and the same tests run on both stores. An invite's or
network's book that nobody uses is forgotten after ``book_s``; its budget is full again long before. The time is the
server's. Nothing there tells who a reader is: invites, readers, swarms, tickets and requests are hashed under a key
that only the operator's brokers have, and address prefixes come hashed already (docs/reference/store.md).

A broker's bridges are listed as long as it says that it lives (``beat``). What it holds is remembered here, too, so
that all is listed again when the server was gone, lost its memory, or thought that this broker was dead.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from unwalled.broker.bounds import HARVEST, STANDING, SWARM, HarvestLimits, StandingLimits, SwarmLimits
from unwalled.broker.harvest import book_keys
from unwalled.broker.limits import Asker, Prefixes
from unwalled.broker.matching import FAULTS, NAT_ORDER, Outcome, Reservation, WaitingBridge, Wanted
from unwalled.broker.redis.bounds import REDIS, RedisLimits
from unwalled.broker.redis.connection import RedisServer, Script
from unwalled.broker.store import Action, EmbeddedStore, StoreAway, StoreFull, prefix_rates
from unwalled.settings import BROKER, BrokerLimits
from unwalled.tasks import TaskOwner
from unwalled.wire import b64
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Nat, Refusal, Report, Verdict

_HASH_BYTES = 12
_MATCH_BITS = 80
_SCRIPTS: dict[str, tuple[str, ...]] = {
    "beat": ("books",),
    "bridge_of_ticket": (),
    "bye": (),
    "first_sight": (),
    "join": (),
    "keep_ticket": (),
    "lane_reported": ("standing", "books"),
    "leave": (),
    "reader_reported": (),
    "reserve": ("standing", "books"),
    "set_free": (),
    "settle": ("standing",),
    "take": (),
    "waiting": (),
}
"""Each with the parts that it needs after ``table``."""
_NATS = [nat.value for nat in Nat]


@dataclass(slots=True)
class _Held:
    """A bridge of this broker, as it is listed."""

    about: WaitingBridge
    free: int
    readers: int


class RedisStore:
    """See the module's head, and Store. ``start`` it before its first use, ``close`` it after its last."""

    def __init__(
        self,
        server: RedisServer,
        *,
        key: bytes,
        base: str,
        home: str,
        rng: Random,
        limits: BrokerLimits = BROKER,
        swarm_limits: SwarmLimits = SWARM,
        harvest_limits: HarvestLimits = HARVEST,
        learning: StandingLimits = STANDING,
        redis_limits: RedisLimits = REDIS,
        is_own_time: bool = False,
    ) -> None:
        """``key`` is shared by the operator's brokers and hides names; ``base`` is what all keys begin with, ``home``
        this broker's name. ``is_own_time``: the caller's ``now`` counts, not the server's clock; for tests."""
        self._server = server
        self._key = key
        self.base = base
        self.home = home
        self._rng = rng
        self._limits = limits
        self._rates = {action: prefix_rates(action, limits) for action in Action}
        self._redis_limits = redis_limits
        self._is_own_time = is_own_time
        self._told_now = 0.0
        self._held: dict[str, _Held] = {}
        self._unsaid: set[str] = set()
        """Bridges of which the server may know what is not so any more, or nothing: it was gone."""
        self._alone = EmbeddedStore(rng, limits)
        """Counts what must be counted while the server is gone, and knows this broker's own tickets."""
        self._tasks = TaskOwner()
        self._beat_now = asyncio.Event()
        self._gone: list[str] = []
        self._bounds = msgspec.msgpack.encode(_bounds(limits, swarm_limits, harvest_limits, learning, redis_limits))
        self._scripts = {
            name: server.add_script(Script(*(f"{part}.lua" for part in ("table", *parts, name))))
            for name, parts in _SCRIPTS.items()
        }
        server.on_return(self._returned)

    async def start(self) -> None:
        """Says that this broker lives, from now on."""
        self._tasks.start(self._beat_on(), "tell the store that this broker lives")

    async def close(self) -> None:
        """Takes this broker off. Its bridges have left before."""
        await self._tasks.close()
        try:
            await self._run("bye", 0.0, home=self.home)
        except StoreAway:
            pass

    def broker_is_gone(self, home: str) -> None:
        """Nobody hears there: its bridges leave the list now, and not only when its lease is over."""
        if len(self._gone) < _MOST_GONE and home not in self._gone:
            self._gone.append(home)
            self._beat_now.set()

    async def join(self, bridge: WaitingBridge, now: float) -> bool:
        """See Store. While the server is gone it is listed later."""
        if bridge.name in self._held:
            return False
        held = self._held[bridge.name] = _Held(bridge, bridge.capacity, bridge.readers)
        try:
            is_in = await self._list(held, now, again=False)
        except StoreAway:
            self._say_later(bridge.name)
            return True
        except BaseException:
            self._held.pop(bridge.name, None)
            raise
        if not is_in:
            self._held.pop(bridge.name, None)
        return is_in

    async def leave(self, bridge: str) -> None:
        """See Store. While the server is gone it leaves later."""
        if self._held.pop(bridge, None) is not None:
            try:
                await self._run("leave", 0.0, name=bridge)
            except StoreAway:
                self._say_later(bridge)

    async def set_free(self, bridge: str, free: int, readers: int, now: float) -> None:
        """See Store. While the server is gone it is told later."""
        held = self._held.get(bridge)
        if held is not None:
            held.free, held.readers = free, readers
            try:
                await self._run("set_free", now, name=bridge, free=free, readers=readers)
            except StoreAway:
                self._say_later(bridge)

    async def reserve(self, wanted: Wanted, now: float) -> list[Reservation]:
        """See Store. Raises StoreAway."""
        answer = await self._run(
            "reserve",
            now,
            nats=[nat.value for nat in NAT_ORDER[wanted.nat]],
            offers=wanted.offers,
            spread=wanted.spread,
            avoid=sorted(wanted.avoid),
            invite=self._hidden(b"invite", wanted.invite),
            reader=self._hidden(b"reader", wanted.reader) if wanted.reader else "",
            swarm=self._hidden_swarm(wanted.swarm),
            books=[] if wanted.swarm else self._books(wanted.asker),
            match=f"{self._rng.getrandbits(_MATCH_BITS):0{_MATCH_BITS // 4}x}",
            seed=self._rng.getrandbits(31),
        )
        return [
            Reservation(match, bridge, network, tuple(offers), "" if home == self.home else home)
            for match, bridge, network, home, offers in msgspec.msgpack.decode(answer, type=_RESERVED)
        ]

    async def settle(self, match: str, outcome: Outcome, now: float) -> None:
        """See Store. While the server is gone the reservation ends by its time."""
        await self._try(
            "settle",
            now,
            match=match,
            answered=outcome.answered,
            fault=outcome.silent or bool(outcome.refusals & FAULTS),
            busy=Refusal.BUSY in outcome.refusals,
        )

    async def lane_reported(self, report: LaneReport, now: float) -> None:
        """See Store. While the server is gone it is lost."""
        if report.verdict is Verdict.GOOD and report.carried_bytes == 0:
            return
        await self._try(
            "lane_reported",
            now,
            ticket=self._hidden(b"ticket", report.ticket.encode()),
            verdict=report.verdict.value,
            carried_bytes=report.carried_bytes,
            closed_early=report.closed_early,
            rate=report.rate_bytes_s,
            limited_s=report.limited_s,
            peers=report.peers_bytes_s,
        )

    async def reader_reported(self, invite: bytes, reports: Sequence[Report], now: float) -> None:
        """See Store. While the server is gone it is lost."""
        if reports:
            words = [(report.bridge, report.verdict is Verdict.GOOD) for report in reports]
            await self._try("reader_reported", now, invite=self._hidden(b"invite", invite), reports=words)

    async def first_sight(self, enc: bytes, now: float) -> bool:
        """See Store. Raises StoreAway, too."""
        seen = await self._run("first_sight", now, name=self._hidden(b"request", enc))
        if seen < 0:
            raise StoreFull
        return bool(seen)

    async def take_for_prefixes(self, action: Action, prefixes: Prefixes, now: float) -> float:
        """See Store. While the server is gone each broker counts for itself."""
        narrow, wide = self._rates[action]
        buckets = [
            (f"{action.value}:{size}:{b64.encode(prefix)}", rate.per_s, rate.burst)
            for size, prefix, rate in (("narrow", prefixes.narrow, narrow), ("wide", prefixes.wide, wide))
        ]
        try:
            return float(await self._run("take", now, buckets=buckets))
        except StoreAway:
            return await self._alone.take_for_prefixes(action, prefixes, now)

    async def take_for_invite(self, invite: bytes, now: float) -> float:
        """See Store. Raises StoreAway."""
        limits = self._limits
        name = f"invite:{self._hidden(b'invite', invite)}"
        buckets = [(name, limits.invite_matches_per_s, limits.invite_match_burst)]
        return float(await self._run("take", now, buckets=buckets))

    async def keep_ticket(self, ticket: str, bridge: str, asker: Asker, now: float) -> None:
        """See Store. Raises StoreAway."""
        await self._alone.keep_ticket(ticket, bridge, asker, now)
        await self._run(
            "keep_ticket",
            now,
            ticket=self._hidden(b"ticket", ticket.encode()),
            bridge=bridge,
            voice=self._hidden(b"voice", asker.invite + b"\0" + asker.narrow),
            books=self._books(asker),
        )

    async def bridge_of_ticket(self, ticket: str, now: float) -> str | None:
        """See Store. While the server is gone only this broker's own tickets are known."""
        try:
            hidden = self._hidden(b"ticket", ticket.encode())
            bridge = await self._run("bridge_of_ticket", now, ticket=hidden)
        except StoreAway:
            return await self._alone.bridge_of_ticket(ticket, now)
        return None if bridge is None else str(bridge.decode())

    async def waiting(self) -> int:
        """See Store. While the server is gone: none."""
        try:
            return int(await self._run("waiting", 0.0, nats=_NATS))
        except StoreAway:
            return 0

    async def beat(self, now: float = 0.0) -> None:
        """Says that this broker lives, and what it could not say before; all its bridges when the server did not know
        that it lives. Raises StoreAway."""
        while True:
            gone = self._gone.pop(0) if self._gone else ""
            known, more = await self._run("beat", now, home=self.home, gone=gone, nats=_NATS)
            if not known:
                self._unsaid.update(self._held)
            if not more and not self._gone:
                break
        await self._say_again(now)

    async def _beat_on(self) -> None:
        while True:
            self._beat_now.clear()
            try:
                await self.beat()
            except StoreAway:
                pass
            try:
                async with asyncio.timeout(self._redis_limits.beat_s):
                    await self._beat_now.wait()
            except TimeoutError:
                pass

    async def _returned(self) -> None:
        await self.beat()

    def _say_later(self, name: str) -> None:
        # Those that are held and those that have left; with more of these, some stay listed as long as this broker.
        if len(self._unsaid) < 2 * self._limits.max_bridges:
            self._unsaid.add(name)

    async def _say_again(self, now: float) -> None:
        while self._unsaid:
            names = [self._unsaid.pop() for _ in range(min(len(self._unsaid), _LISTED_TOGETHER))]
            try:
                await asyncio.gather(*(self._say_of(name, now) for name in names))
            except BaseException:
                self._unsaid.update(names)
                raise

    async def _say_of(self, name: str, now: float) -> None:
        # Looked up only here: calls run in the order in which they are made, and nobody would take off again what is
        # listed behind its leaving.
        held = self._held.get(name)
        if held is not None:
            await self._list(held, now, again=True)
        else:
            await self._run("leave", now, name=name)

    async def _list(self, held: _Held, now: float, *, again: bool) -> bool:
        about = held.about
        return bool(
            await self._run(
                "join",
                now,
                name=about.name,
                network=about.network,
                nat=about.nat.value,
                swarm=self._hidden_swarm(about.swarm),
                capacity=about.capacity,
                free=held.free,
                readers=held.readers,
                takes=about.readers,
                home=self.home,
                again=again,
            )
        )

    async def _try(self, script: str, now: float, **asked: object) -> None:
        try:
            await self._run(script, now, **asked)
        except StoreAway:
            pass

    async def _run(self, script: str, now: float, **asked: object) -> Any:
        self._told_now = max(self._told_now, now)
        time = repr(self._told_now) if self._is_own_time else ""
        return await self._server.run(
            self._scripts[script], [self.base], [time, self._bounds, msgspec.msgpack.encode(asked)]
        )

    def _books(self, asker: Asker) -> list[str]:
        """The names of the asker's books; the letter of the kind is not hidden, since scripts go by it."""
        return [f"{key[:1].decode()}{self._hidden(b'book', key)}" for key in book_keys(asker)]

    def _hidden_swarm(self, swarm: str) -> str:
        return self._hidden(b"swarm", swarm.encode()) if swarm else ""

    def _hidden(self, kind: bytes, name: bytes) -> str:
        return b64.encode(hmac.digest(self._key, kind + b"\0" + name, "sha256")[:_HASH_BYTES])


_MOST_GONE = 64
_LISTED_TOGETHER = 256
_RESERVED = list[tuple[str, str, str, str, list[int]]]
_OF_BROKER = (
    "aside_busy_s",
    "aside_first_s",
    "aside_max_s",
    "candidates",
    "default_spread",
    "doubters",
    "limiter_entries",
    "max_bridges",
    "max_replays",
    "max_reservations",
    "max_tickets",
    "pending_per_bridge",
    "replay_s",
    "report_window_s",
    "reports_per_invite",
    "served_invites",
    "ticket_s",
)
_OF_HARVEST = (
    "bytes_per_bridge",
    "invite_burst",
    "invite_earned_per_h",
    "invite_per_h",
    "known_bridges",
    "known_in_all",
    "narrow_burst",
    "narrow_earned_per_h",
    "narrow_per_h",
    "new_penalty",
    "wide_burst",
    "wide_earned_per_h",
    "wide_per_h",
)
_OF_LEARNING = (
    "early_weight",
    "explore_share",
    "half_life_s",
    "least_speed",
    "most_candidates",
    "most_speed",
    "promises",
    "promises_at_most",
    "rest_first_s",
    "rest_max_s",
    "slow_share",
    "trickle_bytes_s",
    "trickle_s",
    "unproven_lanes",
    "voices",
)


def _bounds(
    limits: BrokerLimits,
    swarm_limits: SwarmLimits,
    harvest_limits: HarvestLimits,
    learning: StandingLimits,
    redis_limits: RedisLimits,
) -> dict[str, float]:
    """The bounds that scripts keep to."""
    return {
        **{name: getattr(limits, name) for name in _OF_BROKER},
        **{name: getattr(harvest_limits, name) for name in _OF_HARVEST},
        **{name: getattr(learning, name) for name in _OF_LEARNING},
        "bridges_per_swarm": swarm_limits.bridges_per_swarm,
        "max_swarms": swarm_limits.max_swarms,
        "book_s": redis_limits.book_s,
        "lease_s": redis_limits.lease_s,
        "reservation_s": redis_limits.reservation_s,
        "swept_bridges": redis_limits.swept_bridges,
    }
