"""What bridges are told of their operator, with the gateways that live now (docs/protocol/signalling.md)."""

from __future__ import annotations

import msgspec

from unwalled.broker.directory import Directory
from unwalled.broker.gatewaybounds import GATEWAYS, GatewayListLimits
from unwalled.broker.store import StoreAway
from unwalled.clock import Clock
from unwalled.wire.signalling import MAX_GATEWAYS, BridgeConfig


class LiveConfig:
    """The configuration, looked up anew when it is older than ``renew_s``."""

    def __init__(
        self, base: BridgeConfig, directory: Directory, clock: Clock, limits: GatewayListLimits = GATEWAYS
    ) -> None:
        """``base.gateways``: what is always named, first."""
        self._base = base
        self._directory = directory
        self._clock = clock
        self._limits = limits
        self._seen: dict[str, float] = {}
        self._looked_at = float("-inf")
        self._urls: list[str] = []
        self._encoded = b""

    async def encoded(self) -> bytes | None:
        """The JSON, or None while no gateway is known: bridges would have nowhere to bring lanes."""
        now = self._clock.monotonic()
        if now >= self._looked_at + self._limits.renew_s:
            # Before the wait, so that a crowd of bridges asks the store once.
            self._looked_at = now
            await self._look(now)
        return self._encoded or None

    async def _look(self, now: float) -> None:
        try:
            places = await self._directory.places()
        except StoreAway:
            # What was known last still holds.
            return
        for place in places:
            # The newest last.
            self._seen.pop(place.url, None)
            self._seen[place.url] = now
        self._seen = {url: at for url, at in self._seen.items() if now < at + self._limits.kept_url_s}
        newest_first = reversed(self._seen)
        urls = list(dict.fromkeys((*self._base.gateways, *newest_first)))[:MAX_GATEWAYS]
        if urls != self._urls:
            self._urls = urls
            self._encoded = msgspec.structs.replace(self._base, gateways=urls).encode()
