"""The bridges' WebSockets: who is connected, what they say, and asking them.

A bridge that breaks the protocol, falls silent, floods, or does not read is dropped; that ends its own socket and
the matches it owed, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import ClientError, WSCloseCode, WSMessage, WSMsgType, web

from unwalled.broker.bounds import SWARM
from unwalled.broker.limits import Bucket, Prefixes, Rate
from unwalled.broker.matching import WaitingBridge
from unwalled.broker.metrics import BrokerMetrics
from unwalled.broker.naming import KEY_BYTES
from unwalled.broker.store import Action, Store
from unwalled.clock import Clock
from unwalled.crypto.identity import RandomBytes
from unwalled.errors import SignallingError, UnwalledError
from unwalled.settings import SIGNALLING, BrokerLimits
from unwalled.tasks import TaskOwner
from unwalled.wire import b64
from unwalled.wire.signalling import (
    VERSION,
    Answers,
    Cancel,
    Capacity,
    ErrorCode,
    Hello,
    Match,
    Ready,
    Refused,
    decode_from_bridge,
)

_NAME_BYTES = 12


class BridgeGone(UnwalledError):
    """The bridge's socket closed before it answered."""


class _Dropped(Exception):
    """Ends a bridge's connection; ``code`` is told to it, None = nothing to tell."""

    def __init__(self, code: ErrorCode | None) -> None:
        super().__init__()
        self.code = code


class BridgeLink:
    """One connected bridge, for whoever wants to ask it."""

    __slots__ = (
        "_abort",
        "_asked",
        "_is_over",
        "_limits",
        "_naming_secret_of",
        "_settling",
        "_socket",
        "_tasks",
        "_writing",
        "naming_secret",
    )

    def __init__(
        self,
        socket: web.WebSocketResponse,
        abort: Callable[[], None],
        naming_secret_of: Callable[[bytes], bytes],
        tasks: TaskOwner,
        limits: BrokerLimits,
    ) -> None:
        """``abort`` cuts the connection without waiting for what was not sent. ``naming_secret_of``: see `serve`."""
        self._socket = socket
        self._abort = abort
        self._tasks = tasks
        self._limits = limits
        self._naming_secret_of = naming_secret_of
        self.naming_secret = b""
        """Of the names that readers have at this bridge."""
        self._writing = asyncio.Lock()
        self._asked: dict[str, asyncio.Future[Answers | None]] = {}
        self._settling: dict[str, asyncio.Event] = {}
        self._is_over = False

    def name_readers_by(self, salt: bytes) -> None:
        """What readers are called here comes from this salt of the bridge's."""
        self.naming_secret = self._naming_secret_of(salt)

    async def ask(self, match: Match) -> Answers:
        """Sends a match and waits for its answers; the caller bounds the time. Raises BridgeGone.

        Call ``settled`` once the match is settled: what the bridge says after its answers is not heard before.
        When cancelled, later answers to this match are dropped; tell the bridge with ``cancel``.
        """
        if self._is_over:
            raise BridgeGone("The bridge left.")
        future: asyncio.Future[Answers | None] = asyncio.get_running_loop().create_future()
        self._asked[match.match] = future
        try:
            await self.send(match.encode())
            answers = await future
        finally:
            del self._asked[match.match]
        if answers is None:
            raise BridgeGone("The bridge left.")
        return answers

    def cancel(self, match: str) -> None:
        """Tells the bridge, soon, that the reader of a match is gone. No one waits for a bridge that does not read."""
        if len(self._tasks) < self._limits.max_reservations:
            self._tasks.start(self._try_to_send(Cancel(match).encode()), "cancel a match")

    async def send(self, text: str) -> None:
        """Sends one message. Raises BridgeGone; a bridge that does not read for long is cut."""
        await self._written(lambda: self._socket.send_str(text))

    async def ping(self) -> None:
        """Sends a WebSocket ping. Raises BridgeGone."""
        await self._written(self._socket.ping)

    async def pong(self, payload: bytes) -> None:
        """Answers a WebSocket ping. Raises BridgeGone."""
        await self._written(lambda: self._socket.pong(payload))

    async def take(self, answers: Answers) -> bool:
        """Gives answers to who asked, and waits until the match is settled; False when nobody asks, or not any more.

        A bridge tells its room after its answers, with their lanes taken off. Heard before the match is settled, they
        would be taken off once more.
        """
        future = self._asked.get(answers.match)
        if future is None or future.done():
            return False
        settled = self._settling[answers.match] = asyncio.Event()
        future.set_result(answers)
        try:
            await settled.wait()
        finally:
            del self._settling[answers.match]
        return True

    def settled(self, match: str) -> None:
        """The answers to a match have been counted."""
        if (settling := self._settling.get(match)) is not None:
            settling.set()

    def ended(self) -> None:
        """Ends the wait of everyone who asked."""
        self._is_over = True
        for future in self._asked.values():
            if not future.done():
                future.set_result(None)

    async def _try_to_send(self, text: str) -> None:
        try:
            await self.send(text)
        except BridgeGone:
            pass

    async def close(self, code: int) -> None:
        """Closes the socket; a bridge that does not take even that is cut. Never raises."""
        try:
            await self._written(lambda: self._socket.close(code=code), self._limits.goodbye_s)
        except BridgeGone:
            pass

    async def _written(self, write: Callable[[], Awaitable[object]], timeout_s: float | None = None) -> None:
        try:
            # One at a time: in aiohttp all writers wait on one future, and cancelling one of them cancels it for all.
            async with asyncio.timeout(timeout_s or self._limits.send_timeout_s), self._writing:
                await write()
        except TimeoutError:
            self._abort()
            raise BridgeGone("The bridge does not read.") from None
        except (ClientError, ConnectionError, RuntimeError):
            # RuntimeError: aiohttp's word for a socket that is closing.
            raise BridgeGone("The bridge left.") from None


class _PrefixCounts:
    """How many bridges of each part of the network are connected."""

    def __init__(self, most_narrow: int, most_wide: int) -> None:
        self._most_narrow = most_narrow
        self._most_wide = most_wide
        self._of_narrow: Counter[bytes] = Counter()
        self._of_wide: Counter[bytes] = Counter()

    @contextlib.contextmanager
    def one_more(self, prefixes: Prefixes) -> Iterator[None]:
        """For as long as the block runs. Raises _Dropped when there are too many already."""
        narrow, wide = prefixes.narrow, prefixes.wide
        if self._of_narrow[narrow] >= self._most_narrow or self._of_wide[wide] >= self._most_wide:
            raise _Dropped(ErrorCode.LIMITED)
        self._of_narrow[narrow] += 1
        self._of_wide[wide] += 1
        try:
            yield
        finally:
            for counter, key in ((self._of_narrow, narrow), (self._of_wide, wide)):
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]


class BridgeHub:
    """All bridges of this broker."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        random_bytes: RandomBytes,
        metrics: BrokerMetrics,
        limits: BrokerLimits,
        invite_for_swarm: Callable[[str], str] = lambda tag: "",
    ) -> None:
        """``invite_for_swarm`` gives the invite of a private swarm by its tag; "" = private bridges are not taken."""
        self._invite_for_swarm = invite_for_swarm
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._metrics = metrics
        self._limits = limits
        self._rate = Rate(limits.bridge_messages_per_s, limits.bridge_message_burst)
        self._links: dict[str, BridgeLink] = {}
        self._open: set[BridgeLink] = set()
        self._all = _PrefixCounts(limits.bridges_per_prefix, limits.wide_bridges)
        self._private = _PrefixCounts(SWARM.bridges_per_prefix, SWARM.wide_bridges)
        self._supply = asyncio.Event()
        self.on_supply: Callable[[], None] = lambda: None
        """Called when a bridge of this broker has room, for whoever tells others."""
        self._tasks = TaskOwner()

    @property
    def is_full(self) -> bool:
        """Whether there are so many sockets that not even a hello is read."""
        return len(self._open) > self._limits.max_bridges

    def link(self, name: str) -> BridgeLink | None:
        """The bridge of this name if it is connected here."""
        return self._links.get(name)

    def next_supply(self) -> asyncio.Event:
        """Set when next a bridge may have room. Take it before looking into the store, so that nothing is missed."""
        return self._supply

    def tell_supply(self) -> None:
        """A bridge has room, here or at another broker: whoever waits looks again."""
        self._supply.set()
        self._supply = asyncio.Event()

    async def serve(
        self,
        request: web.Request,
        prefixes: Prefixes,
        naming_secret_of: Callable[[bytes], bytes],
        country: str = "",
    ) -> web.WebSocketResponse:
        """One bridge's connection, from its upgrade to its end. ``naming_secret_of`` gives that of a bridge's salt;
        ``country`` is only counted."""
        socket = web.WebSocketResponse(
            autoping=False,
            compress=False,
            max_msg_size=SIGNALLING.max_bridge_message_bytes,
            writer_limit=self._limits.bridge_send_bytes,
        )
        await socket.prepare(request)
        # They are sent; nobody needs them for the hours that follow.
        socket.headers.clear()
        link = BridgeLink(socket, lambda: _cut(request), naming_secret_of, self._tasks, self._limits)
        self._open.add(link)
        try:
            await self._converse(socket, link, prefixes, country)
        except _Dropped as dropped:
            if dropped.code is not None:
                self._metrics.refused[f"bridge_{dropped.code.value}"] += 1
                await self._try_to_tell(link, dropped.code)
        except BridgeGone:
            pass
        finally:
            self._open.discard(link)
            await link.close(WSCloseCode.OK)
        return socket

    async def close(self) -> None:
        """Closes all bridges' sockets; they will come back to whoever runs here next."""
        await self._tasks.close()
        await asyncio.gather(*(link.close(WSCloseCode.GOING_AWAY) for link in list(self._open)))

    async def _converse(
        self, socket: web.WebSocketResponse, link: BridgeLink, prefixes: Prefixes, country: str
    ) -> None:
        now = self._clock.monotonic()
        if await self._store.take_for_prefixes(Action.JOIN, prefixes, now) > 0.0:
            raise _Dropped(ErrorCode.LIMITED)
        with self._all.one_more(prefixes):
            await self._serve_counted(socket, link, prefixes, country)

    async def _serve_counted(
        self, socket: web.WebSocketResponse, link: BridgeLink, prefixes: Prefixes, country: str
    ) -> None:
        hello = await self._hello(socket)
        # Without a salt the names are good for this connection alone.
        link.name_readers_by(hello.salt.encode() or self._random_bytes(KEY_BYTES))
        if not hello.swarm:
            await self._serve_greeted(socket, link, prefixes, country, hello, "")
            return
        invite = self._invite_for_swarm(hello.swarm)
        if not invite:
            raise _Dropped(ErrorCode.SWARM)
        with self._private.one_more(prefixes):
            await self._serve_greeted(socket, link, prefixes, country, hello, invite)

    async def _serve_greeted(
        self,
        socket: web.WebSocketResponse,
        link: BridgeLink,
        prefixes: Prefixes,
        country: str,
        hello: Hello,
        invite: str,
    ) -> None:
        about = WaitingBridge(
            b64.encode(self._random_bytes(_NAME_BYTES)),
            b64.encode(prefixes.narrow),
            hello.client,
            hello.nat,
            min(hello.capacity, self._limits.max_claimed_lanes),
            min(hello.readers, self._limits.max_claimed_readers),
            hello.swarm,
        )
        if not await self._store.join(about, self._clock.monotonic()):
            raise _Dropped(ErrorCode.SWARM if hello.swarm else ErrorCode.FULL)
        self._links[about.name] = link
        try:
            self._metrics.bridge_came(hello.client.value, hello.nat.value, country)
            await link.send(Ready(about.name, invite).encode())
            self._announce_supply()
            await self._listen(socket, link, about.name)
        finally:
            self._metrics.bridge_went(hello.client.value, hello.nat.value, country)
            del self._links[about.name]
            await self._store.leave(about.name)
            link.ended()

    async def _hello(self, socket: web.WebSocketResponse) -> Hello:
        try:
            message = await socket.receive(timeout=self._limits.body_timeout_s)
        except TimeoutError:
            raise _Dropped(ErrorCode.MALFORMED) from None
        hello = _read(message)
        if not isinstance(hello, Hello):
            raise _Dropped(ErrorCode.MALFORMED)
        if hello.v != VERSION:
            raise _Dropped(ErrorCode.VERSION)
        return hello

    async def _listen(self, socket: web.WebSocketResponse, link: BridgeLink, name: str) -> None:
        heard_at = self._clock.monotonic()
        bucket = Bucket(self._rate, heard_at)
        ping_at = heard_at + self._limits.ping_s
        while (now := self._clock.monotonic()) < heard_at + self._limits.bridge_silence_s:
            if now >= ping_at:
                await link.ping()
                ping_at = now + self._limits.ping_s
            try:
                message = await socket.receive(timeout=ping_at - now if ping_at > now else self._limits.ping_s)
            except TimeoutError:
                continue
            heard_at = self._clock.monotonic()
            if not bucket.take(heard_at):
                raise _Dropped(ErrorCode.LIMITED)
            if message.type is WSMsgType.PING:
                await link.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                await self._handle(_read(message), link, name)

    async def _handle(self, message: Hello | Answers | Capacity, link: BridgeLink, name: str) -> None:
        match message:
            case Answers():
                if not await link.take(message):
                    self._metrics.stray_answers += 1
            case Capacity():
                free = min(message.free, self._limits.max_claimed_lanes)
                readers = min(message.readers, self._limits.max_claimed_readers)
                await self._store.set_free(name, free, readers, self._clock.monotonic())
                if free and readers:
                    self._announce_supply()
            case Hello():
                raise _Dropped(ErrorCode.MALFORMED)

    def _announce_supply(self) -> None:
        self.tell_supply()
        self.on_supply()

    async def _try_to_tell(self, link: BridgeLink, code: ErrorCode) -> None:
        try:
            await link.send(Refused(code).encode())
        except BridgeGone:
            pass


def _read(message: WSMessage) -> Hello | Answers | Capacity:
    if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
        # aiohttp has closed the socket with the right code, 1009 for one message too large.
        raise _Dropped(None)
    if message.type is not WSMsgType.TEXT:
        raise _Dropped(ErrorCode.MALFORMED)
    try:
        return decode_from_bridge(message.data)
    except SignallingError:
        raise _Dropped(ErrorCode.MALFORMED) from None


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
