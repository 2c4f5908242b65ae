"""What an operator's processes share over a Redis server beside what brokers do: gateways, and the invite book."""

from __future__ import annotations

from pathlib import Path

from unwalled.broker.directory import Directory
from unwalled.broker.redis.directory import RedisDirectory
from unwalled.broker.redis.shared import SharedRedis
from unwalled.clock import Clock
from unwalled.operator.invites.mirror import InviteMirror
from unwalled.tasks import TaskOwner


class OperatorRedis(SharedRedis):
    """See Shared."""

    _tasks: TaskOwner | None = None

    def directory(self, clock: Clock, naming_key: bytes) -> Directory:
        """See Shared. Its time is the server's, and its key outlives a renewal of ``naming_key``."""
        return RedisDirectory(self.server, base=self.base, naming_key=self.readers_key)

    def mirror_invites(self, folder: Path, *, is_source: bool) -> None:
        """See Shared."""
        self._tasks = TaskOwner()
        mirror = InviteMirror(
            self.server,
            self.base,
            folder,
            key=self.invites_key,
            random_bytes=self.random_bytes,
            is_source=is_source,
        )
        self._tasks.start(mirror.run(), "mirror invites")

    async def close(self) -> None:
        """See Shared."""
        if self._tasks is not None:
            await self._tasks.close()
        await super().close()
