"""The list of gateways that several brokers share, in a Redis or Valkey server. What is chosen: broker/gateways.py.

A gateway's entry has a lease by the server's clock: one that was killed without a word is forgotten when it runs out.
Readers stand there under keyed hashes, for an hour.
"""

from __future__ import annotations

import msgspec

from unwalled.broker.directory import reader_key
from unwalled.broker.gatewaybounds import GATEWAYS, GatewayListLimits
from unwalled.broker.gateways import GatewayPlace
from unwalled.broker.redis.connection import RedisServer, Script
from unwalled.broker.store import StoreAway


class RedisDirectory:
    """See Directory. Make it before ``server`` is started."""

    def __init__(
        self, server: RedisServer, *, base: str, naming_key: bytes, limits: GatewayListLimits = GATEWAYS
    ) -> None:
        self._server = server
        self._naming_key = naming_key
        self._limits = limits
        self._base = base
        self._tables = [f"{base}:{name}" for name in ("gateways", "gateway-leases", "gateway-since", "gateway-sent")]
        self._announce = server.add_script(Script("gateway_announce.lua"))
        self._leave = server.add_script(Script("gateway_leave.lua"))
        self._choose = server.add_script(Script("gateway_choose.lua"))
        self._places = server.add_script(Script("gateway_places.lua"))

    async def announce(self, place: GatewayPlace) -> bool:
        """See Directory."""
        lease_ms = int(self._limits.lease_s * 1000)
        arguments = (place.id, msgspec.json.encode(place), lease_ms, self._limits.most)
        return bool(await self._server.run(self._announce, self._tables, arguments))

    async def leave(self, gateway: str) -> None:
        """See Directory."""
        await self._server.run(self._leave, self._tables, (gateway,))

    async def choose(self, reader: bytes) -> GatewayPlace | None:
        """See Directory."""
        key = f"{self._base}:gateway-of:{reader_key(self._naming_key, reader).hex()}"
        times_ms = (int(self._limits.sticky_s * 1000), int(self._limits.settle_s * 1000))
        found = await self._server.run(self._choose, [*self._tables, key], times_ms)
        return None if found is None else _read(found)

    async def places(self) -> list[GatewayPlace]:
        """See Directory."""
        return [_read(found) for found in await self._server.run(self._places, self._tables[:2], ())]


def _read(found: bytes) -> GatewayPlace:
    try:
        return msgspec.json.decode(found, type=GatewayPlace)
    except msgspec.MsgspecError:
        # Somebody else has written there, or a program of another version: then nothing there can be relied on.
        raise StoreAway from None
