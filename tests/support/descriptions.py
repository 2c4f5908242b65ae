"""Lane descriptions for tests that need some and do not care which."""

from __future__ import annotations

from unwalled.wire.description import LaneDescription


def offer(number: int = 0, *, address: str = "198.51.100.7") -> LaneDescription:
    """An offer with one candidate; ``number`` tells it from others."""
    return _description(number, "actpass", address)


def answer(number: int = 0, *, address: str = "203.0.113.9") -> LaneDescription:
    """An answer with one candidate."""
    return _description(number, "active", address)


def _description(number: int, setup: str, address: str) -> LaneDescription:
    return LaneDescription(
        ufrag=f"ufrag{number:04d}",
        pwd=f"{number:024d}",
        fingerprint=f"{number:064x}",
        setup=setup,
        candidates=(f"1 1 udp 2130706431 {address} {40000 + number} typ host",),
        max_message=262144,
    )
