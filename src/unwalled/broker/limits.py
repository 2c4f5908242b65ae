"""Token buckets in bounded tables: how often an address prefix or an invite may ask. Pure; ``now`` comes in.

Addresses are cut to prefixes and hashed under a key of this process, so that no table holds an address.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from unwalled.settings import BROKER

_NARROW_BITS = {4: 24, 6: 48}
_WIDE_BITS = {4: 16, 6: 32}
_HASH_BYTES = 12


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_s`` on average, and ``burst`` at once."""

    per_s: float
    burst: float


class Bucket:
    """A single bucket, for whoever holds one for each of very many."""

    __slots__ = ("_at", "_level", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._level = rate.burst
        self._at = now

    def take(self, now: float) -> bool:
        """Takes one if there is one."""
        self._level = min(self._rate.burst, self._level + max(0.0, now - self._at) * self._rate.per_s)
        self._at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


class Buckets:
    """One bucket for each key, all of one rate. The longest unused is forgotten when the table is full."""

    def __init__(self, rate: Rate, max_entries: int = BROKER.limiter_entries) -> None:
        self._rate = rate
        self._max_entries = max_entries
        self._levels: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait_s(self, key: bytes, now: float) -> float:
        """Seconds until the key may ask again; 0.0 = now. Takes nothing."""
        return max(0.0, 1.0 - self._level(key, now)) / self._rate.per_s

    def take(self, key: bytes, now: float) -> float:
        """Takes one if there is one, and gives 0.0; else takes nothing and gives the seconds to wait."""
        level = self._level(key, now)
        allowed = level >= 1.0
        self._levels[key] = (level - 1.0 if allowed else level, now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._max_entries:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1.0 - level) / self._rate.per_s

    def _level(self, key: bytes, now: float) -> float:
        level, then = self._levels.get(key, (self._rate.burst, now))
        return min(self._rate.burst, level + max(0.0, now - then) * self._rate.per_s)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The two hashed prefixes of an address: the site (/24, /48) and the provider's block (/16, /32)."""

    narrow: bytes
    wide: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Asker:
    """Who asks, as far as a broker tells people apart: an invite's id and the hashed prefixes. b"" = not known.

    Many readers may be one asker: those behind one carrier's NAT with the same public invite.
    """

    invite: bytes = b""
    narrow: bytes = b""
    wide: bytes = b""


def prefixes_of(address: str, key: bytes) -> Prefixes:
    """Hashes an address's prefixes under ``key``. What is no IP address (a local socket) is one group of its own."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Prefixes(_hashed(key, b"local"), _hashed(key, b"local"))
    mapped = getattr(parsed, "ipv4_mapped", None)
    if mapped is not None:
        parsed = mapped
    return Prefixes(_hashed(key, _cut(parsed, _NARROW_BITS)), _hashed(key, _cut(parsed, _WIDE_BITS)))


class PrefixLimiter:
    """Two tables of buckets; an asker needs one from both, and takes from neither when one is empty."""

    def __init__(self, narrow: Rate, wide: Rate, max_entries: int = BROKER.limiter_entries) -> None:
        self._narrow = Buckets(narrow, max_entries)
        self._wide = Buckets(wide, max_entries)

    def wait_s(self, prefixes: Prefixes, now: float) -> float:
        """Seconds until the next is allowed; 0.0 = now. Takes nothing."""
        return max(self._narrow.wait_s(prefixes.narrow, now), self._wide.wait_s(prefixes.wide, now))

    def take(self, prefixes: Prefixes, now: float) -> float:
        """0.0 when allowed, else the seconds to wait."""
        wait_s = self.wait_s(prefixes, now)
        if wait_s > 0.0:
            return wait_s
        self._narrow.take(prefixes.narrow, now)
        self._wide.take(prefixes.wide, now)
        return 0.0


def _cut(address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: dict[int, int]) -> bytes:
    kept = bits[address.version]
    return bytes((address.version, kept)) + address.packed[: kept // 8]


def _hashed(key: bytes, prefix: bytes) -> bytes:
    return hmac.digest(key, prefix, "sha256")[:_HASH_BYTES]
