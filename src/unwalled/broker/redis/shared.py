"""Everything that a broker shares with others over one server: the connection, the store, the way to their bridges."""

from __future__ import annotations

import hmac
from random import Random

from unwalled.broker.bridges import BridgeHub
from unwalled.broker.peers import Peers
from unwalled.broker.redis.bounds import REDIS, RedisLimits
from unwalled.broker.redis.connection import RedisServer
from unwalled.broker.redis.peers import RedisPeers
from unwalled.broker.redis.store import RedisStore
from unwalled.crypto.identity import RandomBytes
from unwalled.settings import BROKER, BrokerLimits

_BASE_BYTES = 6


class SharedRedis:
    """Make it while the event loop runs, call ``peers`` once, then ``start``; ``close`` it after the broker."""

    def __init__(
        self,
        url: str,
        key: bytes,
        home: str,
        rng: Random,
        random_bytes: RandomBytes,
        *,
        limits: BrokerLimits = BROKER,
        redis_limits: RedisLimits = REDIS,
    ) -> None:
        """``key`` is the operator's for all that is shared; ``home`` names this broker, another one at each start.

        Raises ConfigurationError.
        """
        self.server = RedisServer(url, redis_limits)
        # Operators with other keys can use the same server: they never meet.
        self.base = f"{{unwalled:{_derived(key, b'base')[:_BASE_BYTES].hex()}}}"
        self.prefix_key = _derived(key, b"prefixes")
        self.store = RedisStore(
            self.server,
            key=_derived(key, b"names"),
            base=self.base,
            home=home,
            rng=rng,
            limits=limits,
            redis_limits=redis_limits,
        )
        self._key = key
        self.random_bytes = random_bytes
        self._limits = limits
        self._redis_limits = redis_limits
        self._peers: RedisPeers | None = None

    @property
    def gone_s(self) -> float:
        """For how long the server has been lost; 0.0 while it is there."""
        return self.server.gone_s

    @property
    def readers_key(self) -> bytes:
        """Under which readers' gateways are listed: the same at all brokers, also around a renewal of keys."""
        return _derived(self._key, b"gateways of readers")

    @property
    def invites_key(self) -> bytes:
        """With which the operator's machines seal the invite book for each other."""
        return _derived(self._key, b"invites")

    def peers(self, hub: BridgeHub) -> Peers:
        """The way to this broker's bridges and to others'."""
        self._peers = RedisPeers(
            hub,
            self.server,
            self.store,
            key=_derived(self._key, b"messages"),
            random_bytes=self.random_bytes,
            limits=self._limits,
            redis_limits=self._redis_limits,
        )
        return self._peers

    async def start(self) -> None:
        """Connects. Raises ConfigurationError."""
        await self.server.start()
        await self.store.start()

    async def close(self) -> None:
        """Ends all. Safe to call again, and without a start."""
        if self._peers is not None:
            await self._peers.close()
        await self.store.close()
        await self.server.close()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")
