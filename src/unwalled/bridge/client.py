"""The headless bridge: finds its operator, waits for matches, comes back when the connection is lost.

    run ─► config ─► broker's socket ─► hello … ready ─► matches, until it breaks ─► wait ─► config …

Lanes do not depend on the broker's connection: they live on while it is away.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Never

import aiohttp

from unwalled.bridge.bounds import BRIDGE_RENEWAL
from unwalled.bridge.helper import BridgeStats, Helper
from unwalled.bridge.operator import LooseMatch, OperatorUrl, Rules, read_down
from unwalled.bridge.swarmlink import readers_link
from unwalled.clock import Clock, SystemClock
from unwalled.crypto.swarm import swarm_tag
from unwalled.errors import SignalingFailed, SignallingError
from unwalled.lanes.bounds import NETWORK
from unwalled.lanes.stun import find_nat
from unwalled.lanes.webrtc import ReactorStack, WebRtcStack
from unwalled.network.backoff import longest_wait_s
from unwalled.settings import BRIDGE, SIGNALLING
from unwalled.wire.signalling import Cancel, Capacity, Client, ErrorCode, Hello, Nat, Ready, Refused


@dataclass(frozen=True, slots=True)
class BridgeReady:
    """The broker has taken the bridge into its list, under ``name``.

    ``link``: for a private bridge, what its readers need; secret. "" for one that helps everybody.
    """

    name: str
    link: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BridgeLost:
    """The broker could not be reached or went away. ``cause`` is a sentence for a person."""

    cause: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """What is carried, every ``BRIDGE.status_every_s``."""

    stats: BridgeStats
    up_bps: float
    down_bps: float


BridgeEvent = BridgeReady | BridgeLost | BridgeStatus


class Bridge:
    """One headless bridge. ``await bridge.run()`` until it is cancelled."""

    def __init__(
        self,
        operator_url: str,
        *,
        max_readers: int = BRIDGE.max_readers,
        rate_bps: int | None = None,
        make_stack: Callable[[tuple[str, ...]], WebRtcStack] = ReactorStack,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        on_event: Callable[[BridgeEvent], None] = lambda event: None,
        swarm: bytes = b"",
    ) -> None:
        """``swarm``: the secret of the private swarm that it helps, and nobody else; b"" = everybody.

        ``make_stack(stun_urls)`` is called in the event loop. ``rng`` only spreads reconnects. ``on_event`` must
        not block or raise. Raises ConfigurationError for a URL that is none."""
        self._operator = OperatorUrl.parse(operator_url)
        self._max_readers = max_readers
        self._rate_bps = rate_bps
        self._make_stack = make_stack
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()
        self._on_event = on_event
        self._swarm = swarm
        self._helper: Helper | None = None
        self._stack: WebRtcStack | None = None
        self._stun: tuple[str, ...] = ()
        self._nat = Nat.UNKNOWN
        self._asked_stun: tuple[str, ...] = ()
        self._nat_at = float("-inf")
        self._room_changed = asyncio.Event()
        self._told: Capacity | None = None
        self._ready_at: float | None = None

    @property
    def stats(self) -> BridgeStats:
        """The numbers of now; zeros before and after ``run``."""
        return BridgeStats(0, 0, 0, 0) if self._helper is None else self._helper.stats

    async def run(self) -> None:
        """Helps until cancelled. Then every lane is closed, within a second. Call it once."""
        # Lanes are long and many to one host, so the usual bound on connections would hold them up.
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            self._helper = helper = Helper(
                session,
                max_readers=self._max_readers,
                rate_bps=self._rate_bps,
                on_change=self._room_changed.set,
            )
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._report(helper), name="bridge-status")
                    group.create_task(self._stay_connected(session, helper), name="bridge-broker")
            finally:
                await helper.aclose()
                if self._stack is not None:
                    await self._stack.aclose()
                self._helper = self._stack = None

    async def _stay_connected(self, session: aiohttp.ClientSession, helper: Helper) -> None:
        failures = 0
        lost_at = self._clock.monotonic()
        while True:
            self._ready_at = None
            cause = await self._connect(session, helper)
            now = self._clock.monotonic()
            if self._ready_at is not None and now - self._ready_at >= BRIDGE.stable_after_s:
                failures = 0
            if not failures:
                lost_at = now
            ceiling_s = longest_wait_s(failures, now - lost_at, BRIDGE.reconnect_min_s, BRIDGE.reconnect_max_s)
            delay_s = self._rng.uniform(0.0, ceiling_s)
            failures += 1
            self._on_event(BridgeLost(cause, delay_s))
            await asyncio.sleep(delay_s)

    async def _connect(self, session: aiohttp.ClientSession, helper: Helper) -> str:
        """One connection to the broker, from the configuration to its loss; gives the cause of the loss."""
        try:
            async with asyncio.timeout(BRIDGE.connect_timeout_s):
                rules = await self._fetch_rules(session)
                stack = await self._stack_for(rules, helper)
                await self._look_at_network(rules)
                socket = await session.ws_connect(
                    rules.bridge_socket, compress=0, max_msg_size=SIGNALLING.max_bridge_message_bytes + 1
                )
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return "The operator cannot be reached."
        except (SignallingError, SignalingFailed) as error:
            return error.cause
        cause = "The connection to the broker was lost."
        try:
            await self._serve(socket, helper, _Renewal(rules, lambda: self._fetch_rules(session), self._clock), stack)
        except* (SignallingError, SignalingFailed) as errors:
            cause = _first(errors).cause
        except* (TimeoutError, aiohttp.ClientError, OSError, RuntimeError):
            pass
        finally:
            await _close(socket)
        return cause

    async def _fetch_rules(self, session: aiohttp.ClientSession) -> Rules:
        async with session.get(self._operator.config_url, allow_redirects=False) as response:
            if response.status != 200:
                raise SignalingFailed("The operator did not give its configuration.", "Is the address right?")
            data = await response.content.read(BRIDGE.max_config_bytes + 1)
            while len(data) <= BRIDGE.max_config_bytes and (more := await response.content.readany()):
                data += more
        if len(data) > BRIDGE.max_config_bytes:
            raise SignallingError("The operator's configuration is too large.")
        rules = Rules.read(data, self._operator)
        if self._swarm and not rules.takes_swarms:
            # One that does not know them would give this bridge to everybody.
            raise SignalingFailed("This operator takes no bridges that help only people whom you know.", "Ask it to.")
        return rules

    async def _stack_for(self, rules: Rules, helper: Helper) -> WebRtcStack:
        # Lanes belong to their stack, so new STUN servers count only once the last lane of the old ones is over.
        if self._stack is not None and self._stun != rules.stun and helper.room.free == helper.capacity:
            await self._stack.aclose()
            self._stack = None
        if self._stack is None:
            self._stack = self._make_stack(rules.stun)
            self._stun = rules.stun
        return self._stack

    async def _look_at_network(self, rules: Rules) -> None:
        """The broker sends readers whose own network varies its ports only to bridges that let them in."""
        now = self._clock.monotonic()
        if self._asked_stun != rules.stun or now - self._nat_at >= NETWORK.kept_s:
            self._nat = await find_nat(rules.stun)
            self._asked_stun, self._nat_at = rules.stun, now

    async def _serve(
        self, socket: aiohttp.ClientWebSocketResponse, helper: Helper, renewal: _Renewal, stack: WebRtcStack
    ) -> Never:
        tag = swarm_tag(self._swarm) if self._swarm else ""
        hello = Hello(1, Client.HEADLESS, self._nat, helper.capacity, self._max_readers, swarm=tag)
        # Lanes of an earlier connection may live on, so what was said there is corrected as soon as it may be.
        self._told = Capacity(helper.capacity, self._max_readers)
        self._room_changed.set()
        async with asyncio.TaskGroup() as group:
            await socket.send_str(hello.encode())
            async with asyncio.timeout(BRIDGE.connect_timeout_s):
                ready = read_down(await _receive(socket))
            if not isinstance(ready, Ready):
                raise _not_ready(ready)
            link = ""
            if self._swarm:
                link = readers_link(ready.invite, self._swarm, self._operator, self._clock.wall())
            self._ready_at = self._clock.monotonic()
            self._on_event(BridgeReady(ready.bridge, link))
            group.create_task(self._tell_room(socket, helper), name="bridge-room")
            while True:
                message = read_down(await _receive(socket))
                match message:
                    case LooseMatch():
                        group.create_task(self._answer(socket, helper, message, renewal, stack), name="bridge-match")
                    case Cancel():
                        helper.cancel(message.match)
                    case Ready() | Refused():
                        raise _not_ready(message)

    async def _answer(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        helper: Helper,
        match: LooseMatch,
        renewal: _Renewal,
        stack: WebRtcStack,
    ) -> None:
        try:
            answers = await helper.take(match, await renewal.rules_for(match), stack)
            await socket.send_str(answers.encode())
        finally:
            # The broker took all lanes of the match off; it is told anew even if the room is what it was before.
            self._told = None
            helper.answered(match.match)

    async def _tell_room(self, socket: aiohttp.ClientWebSocketResponse, helper: Helper) -> None:
        while True:
            await self._room_changed.wait()
            self._room_changed.clear()
            room = helper.room_to_tell
            if room != self._told:
                self._told = room
                await socket.send_str(room.encode())

    async def _report(self, helper: Helper) -> None:
        before, at = helper.stats, self._clock.monotonic()
        while True:
            await asyncio.sleep(BRIDGE.status_every_s)
            stats, now = helper.stats, self._clock.monotonic()
            span_s = max(now - at, 0.001)
            up_bps = (stats.bytes_up - before.bytes_up) * 8 / span_s
            down_bps = (stats.bytes_down - before.bytes_down) * 8 / span_s
            self._on_event(BridgeStatus(stats, up_bps, down_bps))
            before, at = stats, now


class _Renewal:
    """What the operator allows: as it said when the broker's connection was made, or said again since."""

    def __init__(self, rules: Rules, fetch: Callable[[], Awaitable[Rules]], clock: Clock) -> None:
        self._rules = rules
        self._fetch = fetch
        self._clock = clock
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def rules_for(self, match: LooseMatch) -> Rules:
        """The newest rules; asked for again, if it was not done just before, when they lack the match's gateway."""
        async with self._asking:
            now = self._clock.monotonic()
            may_ask = now >= self._asked_at + BRIDGE_RENEWAL.config_again_s
            if may_ask and not self._rules.allows_gateway(match.gateway):
                self._asked_at = now
                try:
                    async with asyncio.timeout(BRIDGE_RENEWAL.config_wait_s):
                        self._rules = await self._fetch()
                except (TimeoutError, aiohttp.ClientError, OSError, ValueError, SignallingError, SignalingFailed):
                    # What was allowed before still is.
                    pass
            return self._rules


async def _receive(socket: aiohttp.ClientWebSocketResponse) -> str:
    """The next text. The broker's pings count as signs of life. Raises when the socket closes or falls silent."""
    message = await socket.receive(timeout=BRIDGE.broker_silence_s)
    if message.type is aiohttp.WSMsgType.TEXT:
        text: str = message.data
        return text
    if message.type is aiohttp.WSMsgType.BINARY:
        raise SignallingError("A message of the broker is malformed.")
    raise SignalingFailed("The broker closed the connection.")


def _not_ready(message: object) -> SignalingFailed | SignallingError:
    if isinstance(message, Refused) and message.code is ErrorCode.SWARM:
        return SignalingFailed("The operator takes no further bridge for this link.")
    if isinstance(message, Refused):
        return SignalingFailed(f"The broker does not want this bridge now ({message.code}).")
    return SignallingError("A message of the broker came out of turn.")


def _first(errors: BaseExceptionGroup[SignallingError | SignalingFailed]) -> SignallingError | SignalingFailed:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an empty group of errors")


async def _close(socket: aiohttp.ClientWebSocketResponse) -> None:
    try:
        async with asyncio.timeout(0.5):
            await socket.close()
    except (TimeoutError, aiohttp.ClientError, OSError, RuntimeError):
        pass
