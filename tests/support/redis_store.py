"""The store of Redis as tests want it: keys of its own, and the time that the test says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from unwalled.broker.bounds import HARVEST, STANDING, SWARM, HarvestLimits, StandingLimits, SwarmLimits
from unwalled.broker.redis.bounds import REDIS, RedisLimits
from unwalled.broker.redis.connection import RedisServer
from unwalled.broker.redis.store import RedisStore
from unwalled.settings import BrokerLimits


@asynccontextmanager
async def redis_store(
    url: str,
    limits: BrokerLimits,
    *,
    base: str = "",
    home: str = "here",
    seed: int = 1,
    swarm_limits: SwarmLimits = SWARM,
    harvest_limits: HarvestLimits = HARVEST,
    learning: StandingLimits = STANDING,
    redis_limits: RedisLimits = REDIS,
) -> AsyncIterator[RedisStore]:
    """A store that goes by the ``now`` of its caller and does not beat by itself. ``base``: to share keys."""
    server = RedisServer(url, redis_limits)
    store = RedisStore(
        server,
        key=b"k" * 32,
        base=base or f"{{unwalled:{os.urandom(6).hex()}}}",
        home=home,
        rng=Random(seed),
        limits=limits,
        swarm_limits=swarm_limits,
        harvest_limits=harvest_limits,
        learning=learning,
        redis_limits=redis_limits,
        is_own_time=True,
    )
    await server.start()
    try:
        yield store
    finally:
        await server.close()
