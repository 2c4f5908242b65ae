"""A Redis or Valkey server as a process of ours sees it: scripts, messages, and its going and coming back.

    run, publish ─► waiting calls ─► one batch after the other ─► the server
    the server ─► subscribed channels ─► handlers

Calls are sent in the order in which they were made, those that came together in one write: at 1,000 matches a second
a round trip for each call would be most of the work. No call is sent twice: a script that was cut off may have run.

While the server is gone every call raises StoreAway at once. A supervisor connects again, loads the scripts, subscribes
to the channels and then calls ``on_return``, so that whoever keeps something there can look whether it is still there.

Nothing here tells the server's URL, which may hold a password: neither errors nor logs nor a repr.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from unwalled.broker.redis.bounds import REDIS, RedisLimits
from unwalled.broker.redis.url import URL_REMEDY, check_url
from unwalled.broker.store import StoreAway
from unwalled.errors import ConfigurationError
from unwalled.tasks import TaskOwner

try:
    from redis.asyncio import ConnectionPool
    from redis.asyncio.connection import AbstractConnection
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import (
        AuthenticationError,
        NoPermissionError,
        NoScriptError,
        RedisError,
        ResponseError,
    )
except ImportError:
    raise ConfigurationError(
        "The package for Redis is not installed here.", "Install it: pip install 'unwalled[redis]'."
    ) from None

Argument = str | bytes | int | float
OnMessage = Callable[[bytes], None]

_log = logging.getLogger(__name__)


class Script:
    """A Lua script: files in the folder ``lua`` of a package, one after the other."""

    def __init__(self, *names: str, package: str = "unwalled.broker.redis") -> None:
        self.source = "\n".join(files(package).joinpath("lua", name).read_text("utf-8") for name in names).encode()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


@dataclass(slots=True)
class _Call:
    words: tuple[Argument, ...]
    answer: asyncio.Future[Any]


class RedisServer:
    """See the module's head. Make it while the event loop runs; ``start`` it, ``close`` it."""

    def __init__(self, url: str, limits: RedisLimits = REDIS) -> None:
        """Raises ConfigurationError for what is no such URL. It is ``redis://``, ``rediss://`` (TLS) or ``unix://``."""
        check_url(url)
        try:
            self._pool = ConnectionPool.from_url(
                url,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=None,
                socket_connect_timeout=limits.connect_s,
                driver_info=None,
            )
            self._new_link()
        except (ValueError, TypeError, RedisError):
            raise ConfigurationError(
                "The URL of the Redis server has a part that it must not have.", URL_REMEDY
            ) from None
        self._limits = limits
        self._scripts: dict[bytes, Script] = {}
        self._handlers: dict[str, OnMessage] = {}
        self._on_return: list[Callable[[], Awaitable[None]]] = []
        self._calls: deque[_Call] = deque()
        self._news = asyncio.Event()
        self._is_up = False
        self._lost_at: float | None = None
        self._came_up = asyncio.Event()
        self._tasks = TaskOwner()
        self.losses = 0
        """How often the server was lost since the start."""

    @property
    def is_up(self) -> bool:
        """Whether calls are taken."""
        return self._is_up

    @property
    def gone_s(self) -> float:
        """For how long it has been lost; 0.0 while it is there."""
        return 0.0 if self._lost_at is None else asyncio.get_running_loop().time() - self._lost_at

    def add_script(self, script: Script) -> Script:
        """Loads a script at each connection. Call it before ``start``."""
        self._scripts[script.sha] = script
        return script

    def subscribe(self, channel: str, handler: OnMessage) -> None:
        """Calls ``handler`` with each message of a channel; it must not wait. Call it before ``start``."""
        self._handlers[channel] = handler

    def on_return(self, call: Callable[[], Awaitable[None]]) -> None:
        """Awaits ``call`` after each connection, the first one included, while other calls go on already."""
        self._on_return.append(call)

    async def start(self) -> None:
        """Connects. Raises ConfigurationError, with what to do, when that does not succeed at once."""
        try:
            links = await self._connect()
        except (RedisError, OSError, TimeoutError) as error:
            # The client puts what the server said to its greeting into an error of the network.
            raise _cannot_start(error.__cause__ or error) from None
        self._tasks.start(self._supervise(links), "keep to the Redis server")
        await self._came_up.wait()

    async def close(self) -> None:
        """Lets the calls that were made get their answers, within ``answer_s``; then ends all. Safe to call again."""
        try:
            # Its answer comes after all others.
            await self.command("PING")
        except StoreAway:
            pass
        await self._tasks.close()
        self._fail_all()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Runs a script as one step. Raises StoreAway; then nobody knows whether it has run."""
        return await self._call(("EVALSHA", script.sha, len(keys), *keys, *arguments))

    async def publish(self, channel: str, message: bytes) -> int:
        """Sends a message; gives how many heard it. Raises StoreAway."""
        return int(await self._call(("PUBLISH", channel, message)))

    async def command(self, *words: Argument) -> Any:
        """Any one command. Raises StoreAway."""
        return await self._call(words)

    async def _call(self, words: tuple[Argument, ...]) -> Any:
        if not self._is_up or len(self._calls) >= self._limits.max_calls:
            raise StoreAway
        call = _Call(words, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        self._news.set()
        answer = await call.answer
        if isinstance(answer, StoreAway):
            raise answer
        if isinstance(answer, Exception):
            # Whatever the server says against a command of ours is our mistake, or its state (out of memory, replica).
            _log.error("The Redis server refused a call: %s", type(answer).__name__)
            raise StoreAway from None
        return answer

    def _new_link(self) -> AbstractConnection:
        return self._pool.connection_class(**self._pool.connection_kwargs)

    async def _connect(self) -> tuple[AbstractConnection, AbstractConnection]:
        talk, listen = self._new_link(), self._new_link()
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await talk.connect()  # type: ignore[no-untyped-call]
                for script in self._scripts.values():
                    await _ask(talk, "SCRIPT", "LOAD", script.source)
                if self._handlers:
                    await listen.connect()  # type: ignore[no-untyped-call]
                    await listen.send_command("SUBSCRIBE", *self._handlers)
                    for _ in self._handlers:
                        await listen.read_response(timeout=math.inf)
        except BaseException:
            await _hang_up(talk, listen)
            raise
        return talk, listen

    async def _supervise(self, links: tuple[AbstractConnection, AbstractConnection]) -> None:
        pause_s = self._limits.first_pause_s
        held: tuple[AbstractConnection, AbstractConnection] | None = links
        while True:
            try:
                held = held or await self._connect()
                pause_s = self._limits.first_pause_s
                await self._serve(*held)
            except* (RedisError, OSError, TimeoutError):
                pass
            finally:
                self._is_up = False
                if self._lost_at is None:
                    self._lost_at = asyncio.get_running_loop().time()
                self._fail_all()
                if held is not None:
                    await _hang_up(*held)
            if held is not None:
                held = None
                self.losses += 1
                _log.warning("The Redis server cannot be reached. Readers are told to try again until it is back.")
            await asyncio.sleep(pause_s)
            pause_s = min(self._limits.longest_pause_s, pause_s * 2.0)

    async def _serve(self, talk: AbstractConnection, listen: AbstractConnection) -> None:
        """Until a connection fails, which it raises in a group."""
        self._is_up = True
        self._lost_at = None
        if self.losses:
            _log.warning("The Redis server is back.")
        self._came_up.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._talk(talk), name="talk to the Redis server")
            group.create_task(self._return_all(), name="look what the Redis server has kept")
            if self._handlers:
                group.create_task(self._listen(listen), name="listen to the Redis server")

    async def _return_all(self) -> None:
        for call in self._on_return:
            try:
                await call()
            except StoreAway:
                return

    async def _talk(self, link: AbstractConnection) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._calls:
                batch = [self._calls.popleft() for _ in range(min(len(self._calls), self._limits.batch))]
                try:
                    await self._send(link, batch)
                except BaseException:
                    # Before the first of these hears of it.
                    self._is_up = False
                    raise
                finally:
                    _fail(batch)

    async def _send(self, link: AbstractConnection, batch: list[_Call]) -> None:
        unknown = await self._answers(link, batch)
        if unknown:
            # Somebody made the server forget its scripts.
            for script in self._scripts.values():
                await _ask(link, "SCRIPT", "LOAD", script.source)
            for call in await self._answers(link, unknown):
                _settle(call, StoreAway())

    async def _answers(self, link: AbstractConnection, batch: list[_Call]) -> list[_Call]:
        """Takes the answers; gives the calls of scripts that the server does not know."""
        unknown = []
        async with asyncio.timeout(self._limits.answer_s):
            await link.send_packed_command(link.pack_commands([call.words for call in batch]), check_health=False)
            for call in batch:
                try:
                    answer: Any = await link.read_response(timeout=math.inf)
                except NoScriptError:
                    unknown.append(call)
                    continue
                except ResponseError as error:
                    answer = error
                _settle(call, answer)
        return unknown

    async def _listen(self, link: AbstractConnection) -> None:
        is_asked = False
        while True:
            message = await link.read_response(timeout=self._limits.listen_ping_s)
            if message is None:
                if is_asked:
                    raise TimeoutError
                is_asked = True
                await link.send_command("PING", check_health=False)
                continue
            is_asked = False
            if message[0] == b"message":
                self._handlers[message[1].decode()](message[2])

    def _fail_all(self) -> None:
        _fail(self._calls)
        self._calls.clear()


async def _ask(link: AbstractConnection, *words: Argument) -> Any:
    await link.send_command(*words, check_health=False)
    return await link.read_response(timeout=math.inf)


async def _hang_up(*links: AbstractConnection) -> None:
    for link in links:
        try:
            await link.disconnect(nowait=True)
        except (RedisError, OSError):
            pass


def _settle(call: _Call, answer: Any) -> None:
    if not call.answer.done():
        call.answer.set_result(answer)


def _fail(calls: Iterable[_Call]) -> None:
    for call in calls:
        _settle(call, StoreAway())


def _cannot_start(error: BaseException) -> ConfigurationError:
    match error:
        case AuthenticationError() | NoPermissionError():
            return ConfigurationError(
                "The Redis server does not take the user or the password.",
                "Look into the file with its URL: rediss://USER:PASSWORD@HOST:PORT.",
            )
        case ResponseError():
            return ConfigurationError(
                "The Redis server refuses what a broker needs.",
                "It must be Redis 7 or Valkey, no replica, and its user needs scripts, channels and keys.",
            )
        case _:
            return ConfigurationError(
                "The Redis server cannot be reached.",
                "Look whether it runs, whether its URL has the right host and port, and whether it wants TLS (rediss://).",
            )
