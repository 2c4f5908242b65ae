"""Host names as they are compared. Pure."""

from __future__ import annotations


def canonical_name(name: str) -> str:
    """Lower case, without the dot at the end, as names are compared."""
    return name.lower().removesuffix(".")
