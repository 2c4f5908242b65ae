"""What an operator's broker keeps its bridges and counts in: its own memory, or a server that several brokers share."""

from __future__ import annotations

import os
from pathlib import Path
from random import SystemRandom
from typing import Protocol

from unwalled.broker.bridges import BridgeHub
from unwalled.broker.directory import Directory, EmbeddedDirectory
from unwalled.broker.peers import LocalPeers, Peers
from unwalled.broker.redis.url import find_url
from unwalled.broker.store import EmbeddedStore, Store
from unwalled.clock import Clock
from unwalled.crypto.identity import OperatorKeys
from unwalled.errors import ConfigurationError
from unwalled.operator.options import EVERY_ROLE, OperatorOptions, Role
from unwalled.randomness import BlockRandom
from unwalled.wire import b64

_HOME_BYTES = 9


class Shared(Protocol):
    """A store and the way to other brokers, from before the broker is made until after its end."""

    prefix_key: bytes
    """Under which address prefixes are hashed; b"" = whatever the broker likes."""

    @property
    def store(self) -> Store:
        """The broker's store."""

    @property
    def gone_s(self) -> float:
        """For how long what is shared has been out of reach; 0.0 while it is there."""

    def peers(self, hub: BridgeHub) -> Peers:
        """The way to all bridges. Called once, before ``start``."""

    def directory(self, clock: Clock, naming_key: bytes) -> Directory:
        """The list of gateways. Called once, before ``start``."""

    def mirror_invites(self, folder: Path, *, is_source: bool) -> None:
        """From now on the invite book of a folder is told to others, or follows theirs. Call it after ``start``."""

    async def start(self) -> None:
        """Connects. Raises ConfigurationError."""

    async def close(self) -> None:
        """Ends all. Safe to call again, and without a start."""


class Alone:
    """Of the only broker there is."""

    prefix_key = b""
    gone_s = 0.0

    def __init__(self) -> None:
        self.store: Store = EmbeddedStore(BlockRandom())

    def peers(self, hub: BridgeHub) -> Peers:
        """See Shared."""
        return LocalPeers(hub)

    def directory(self, clock: Clock, naming_key: bytes) -> Directory:
        """See Shared."""
        return EmbeddedDirectory(clock, naming_key)

    def mirror_invites(self, folder: Path, *, is_source: bool) -> None:
        """See Shared."""

    async def start(self) -> None:
        """See Shared."""

    async def close(self) -> None:
        """See Shared."""


def keys_and_store(options: OperatorOptions) -> tuple[OperatorKeys, Shared]:
    """The keys, and where this process meets others. Raises ConfigurationError when it would be alone with a part."""
    if options.roles == EVERY_ROLE:
        keys = OperatorKeys.load_or_make(options.data, os.urandom)
        return keys, shared_by(options.redis_file, keys)
    if Role.SITE in options.roles:
        keys = OperatorKeys.load_or_make(options.data, os.urandom)
    else:
        held = OperatorKeys.load(options.data) if options.data.is_dir() else None
        if held is None:
            raise ConfigurationError(
                "A process without the site needs the keys of the one that has it, and its data folder has none.",
                "Copy the data folder: unwalled backup there, unwalled restore here.",
            )
        keys = held
    shared = shared_by(options.redis_file, keys)
    if isinstance(shared, Alone):
        raise ConfigurationError(
            "This process has only some of the roles, and nothing says where it meets the others.",
            "Name the Redis server that they share with --redis-file, or leave --roles out.",
        )
    return keys, shared


def shared_by(file: Path | None, keys: OperatorKeys) -> Shared:
    """What was configured: by a file with the URL, by the environment, or nothing. Raises ConfigurationError.

    Call it while the event loop runs. Of Redis nothing is loaded unless it is wanted.
    """
    url = find_url(file, os.environ)
    return _over_redis(url, keys) if url else Alone()


def _over_redis(url: str, keys: OperatorKeys) -> Shared:
    from unwalled.operator.sharedredis import OperatorRedis

    home = b64.encode(os.urandom(_HOME_BYTES))
    return OperatorRedis(url, keys.store_key(), home, SystemRandom(), os.urandom)
