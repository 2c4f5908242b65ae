"""Asking a bridge that hangs at another broker, and news of bridges with room, over the server's channels.

    asker                       the broker at which the bridge hangs
    Ask ──────────────────────► asks its bridge
        ◄────────────────────── Told: the answers, or that the bridge has left
    Settled ──────────────────► hears the bridge again
    Cancel ───────────────────► tells the bridge that the reader is gone

Each broker listens to a channel of its own. A message that nobody hears means that its broker is dead: its bridges
leave the list at once. Every wait is bounded, so that a broker that dies in the middle costs others a few seconds.

Messages hold a reader's candidates, so they are sealed with a key that only the operator's brokers have: the server,
and whoever looks into it, sees lengths and times.

    message   nonce (12) ‖ ChaCha20-Poly1305 of the MessagePack, bound to the channel's name
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from unwalled.broker.bridges import BridgeGone, BridgeHub
from unwalled.broker.matching import Reservation
from unwalled.broker.peers import LocalPeers
from unwalled.broker.redis.bounds import REDIS, RedisLimits
from unwalled.broker.redis.connection import RedisServer
from unwalled.broker.redis.store import RedisStore
from unwalled.broker.store import StoreAway
from unwalled.crypto.identity import RandomBytes
from unwalled.errors import SignallingError
from unwalled.settings import BROKER, BrokerLimits
from unwalled.tasks import TaskOwner
from unwalled.wire.signalling import Answers, Match, decode_from_bridge, decode_from_broker

_NONCE_BYTES = 12
_T = TypeVar("_T")


class _Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """``match`` as the bridge will hear it, but for the reader's name."""

    home: str
    bridge: str
    match: str
    reader: bytes


class _Told(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """``answers`` "" = the bridge has left."""

    match: str
    answers: str


class _Cancel(msgspec.Struct, frozen=True, array_like=True, tag="cancel"):
    bridge: str
    match: str


class _Settled(msgspec.Struct, frozen=True, array_like=True, tag="settled"):
    match: str


_Message = _Ask | _Told | _Cancel | _Settled


class RedisPeers:
    """This broker's bridges and those of all others. See Peers; ``close`` it after the broker."""

    def __init__(
        self,
        hub: BridgeHub,
        server: RedisServer,
        store: RedisStore,
        *,
        key: bytes,
        random_bytes: RandomBytes,
        limits: BrokerLimits = BROKER,
        redis_limits: RedisLimits = REDIS,
    ) -> None:
        """Make it before the server is started. ``key`` (32 bytes) seals what brokers say to one another."""
        self._hub = hub
        self._local = LocalPeers(hub)
        self._server = server
        self._store = store
        self._cipher = ChaCha20Poly1305(key)
        self._random_bytes = random_bytes
        self._limits = limits
        self._redis_limits = redis_limits
        self._asked: dict[str, asyncio.Future[str]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._settling: dict[str, asyncio.Event] = {}
        self._tasks = TaskOwner()
        self._is_supply_told = True
        self._supply_channel = f"{store.base}:supply"
        server.subscribe(self._channel(store.home), self._hear)
        server.subscribe(self._supply_channel, lambda _: hub.tell_supply())
        hub.on_supply = self._supply_came

    async def ask(self, reservation: Reservation, match: Match, reader: bytes) -> Answers:
        """See Peers."""
        if not reservation.home:
            return await self._local.ask(reservation, match, reader)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[match.match] = future
        try:
            asked = _Ask(self._store.home, reservation.bridge, match.encode(), reader)
            if not await self._say(reservation.home, asked):
                self._store.broker_is_gone(reservation.home)
                raise BridgeGone("The broker of the bridge is gone.")
            told = await future
        except StoreAway:
            raise BridgeGone("The way to the bridge is cut.") from None
        finally:
            del self._asked[match.match]
        answers = _read(decode_from_bridge, told) if told else None
        if not isinstance(answers, Answers):
            raise BridgeGone("The bridge left.")
        return answers

    def cancel(self, reservation: Reservation) -> None:
        """See Peers."""
        if reservation.home:
            self._say_soon(reservation.home, _Cancel(reservation.bridge, reservation.match))
        else:
            self._local.cancel(reservation)

    def settled(self, reservation: Reservation) -> None:
        """See Peers."""
        if reservation.home:
            self._say_soon(reservation.home, _Settled(reservation.match))
        else:
            self._local.settled(reservation)

    def next_supply(self) -> asyncio.Event:
        """See Peers."""
        return self._local.next_supply()

    async def close(self) -> None:
        """Ends what is under way for others. Safe to call again."""
        await self._tasks.close()

    def _channel(self, home: str) -> str:
        return f"{self._store.base}:broker:{home}"

    def _supply_came(self) -> None:
        """Others hear of it at most once in ``supply_every_s``, however many bridges speak."""
        if self._is_supply_told:
            self._is_supply_told = False
            self._tasks.start(self._tell_supply(), "tell others of bridges with room")

    async def _tell_supply(self) -> None:
        await asyncio.sleep(self._redis_limits.supply_every_s)
        self._is_supply_told = True
        try:
            await self._server.publish(self._supply_channel, b"")
        except StoreAway:
            pass

    def _say_soon(self, home: str, message: _Message) -> None:
        if len(self._tasks) < self._limits.max_reservations:
            self._tasks.start(self._say_or_not(home, message), "tell another broker")

    async def _say_or_not(self, home: str, message: _Message) -> None:
        try:
            await self._say(home, message)
        except StoreAway:
            pass

    async def _say(self, home: str, message: _Message) -> int:
        channel = self._channel(home)
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, msgspec.msgpack.encode(message), channel.encode())
        return await self._server.publish(channel, nonce + sealed)

    def _hear(self, sealed: bytes) -> None:
        channel = self._channel(self._store.home).encode()
        try:
            packed = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], channel)
            message: _Message = msgspec.msgpack.decode(packed, type=_Message)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            # Of nobody who has the key.
            return
        match message:
            case _Ask():
                self._asked_by(message)
            case _Told():
                future = self._asked.get(message.match)
                if future is not None and not future.done():
                    future.set_result(message.answers)
            case _Cancel():
                # Taken off here: one that has not begun yet ends without a word.
                if (task := self._asking.pop(message.match, None)) is not None:
                    task.cancel()
                else:
                    self._local.cancel(Reservation(message.match, message.bridge, "", ()))
            case _Settled():
                if (settling := self._settling.get(message.match)) is not None:
                    settling.set()

    def _asked_by(self, asked: _Ask) -> None:
        match = _read(decode_from_broker, asked.match)
        if isinstance(match, Match) and len(self._asking) < self._limits.max_reservations:
            self._asking[match.match] = self._tasks.start(self._ask_here(asked, match), "ask a bridge for another")

    async def _ask_here(self, asked: _Ask, match: Match) -> None:
        reservation = Reservation(match.match, asked.bridge, "", ())
        told = ""
        try:
            async with asyncio.timeout(self._limits.answer_timeout_s):
                told = (await self._local.ask(reservation, match, asked.reader)).encode()
        except BridgeGone:
            pass
        except (TimeoutError, asyncio.CancelledError) as ended:
            self._local.cancel(reservation)
            self._local.settled(reservation)
            if isinstance(ended, TimeoutError):
                return
            raise
        finally:
            self._asking.pop(match.match, None)
        settled = self._settling[match.match] = asyncio.Event()
        try:
            if await self._say(asked.home, _Told(match.match, told)) and told:
                async with asyncio.timeout(self._redis_limits.settle_wait_s):
                    await settled.wait()
        except (StoreAway, TimeoutError):
            pass
        finally:
            del self._settling[match.match]
            self._local.settled(reservation)


def _read(decode: Callable[[str], _T], text: str) -> _T | None:
    """A message that a broker of ours has passed on; None for one of another version."""
    try:
        return decode(text)
    except SignallingError:
        return None
