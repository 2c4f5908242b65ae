"""What an operator's broker keeps its bridges and counts in: its own memory, or a server that several brokers share."""

from __future__ import annotations

import os
from pathlib import Path
from random import SystemRandom
from typing import Protocol

from unwalled.broker.bridges import BridgeHub
from unwalled.broker.peers import LocalPeers, Peers
from unwalled.broker.redis.url import find_url
from unwalled.broker.store import EmbeddedStore, Store
from unwalled.crypto.identity import OperatorKeys
from unwalled.wire import b64

_HOME_BYTES = 9


class Shared(Protocol):
    """A store and the way to other brokers, from before the broker is made until after its end."""

    prefix_key: bytes
    """Under which address prefixes are hashed; b"" = whatever the broker likes."""

    @property
    def store(self) -> Store:
        """The broker's store."""

    def peers(self, hub: BridgeHub) -> Peers:
        """The way to all bridges. Called once, before ``start``."""

    async def start(self) -> None:
        """Connects. Raises ConfigurationError."""

    async def close(self) -> None:
        """Ends all. Safe to call again, and without a start."""


class Alone:
    """Of the only broker there is."""

    prefix_key = b""

    def __init__(self) -> None:
        self.store: Store = EmbeddedStore(SystemRandom())

    def peers(self, hub: BridgeHub) -> Peers:
        """See Shared."""
        return LocalPeers(hub)

    async def start(self) -> None:
        """See Shared."""

    async def close(self) -> None:
        """See Shared."""


def shared_by(file: Path | None, keys: OperatorKeys) -> Shared:
    """What was configured: by a file with the URL, by the environment, or nothing. Raises ConfigurationError.

    Call it while the event loop runs. Of Redis nothing is loaded unless it is wanted.
    """
    url = find_url(file, os.environ)
    return _over_redis(url, keys) if url else Alone()


def _over_redis(url: str, keys: OperatorKeys) -> Shared:
    from unwalled.broker.redis.shared import SharedRedis

    home = b64.encode(os.urandom(_HOME_BYTES))
    return SharedRedis(url, keys.store_key(), home, SystemRandom(), os.urandom)
