"""The system's randomness by the block, for what draws many small numbers."""

from __future__ import annotations

import os
from random import Random
from typing import Any, NoReturn

_BLOCK_BYTES = 4096
_UNIT = 2.0**-53


class BlockRandom(Random):
    """As ``random.SystemRandom``, but asks the system once for some hundred numbers.

    Nobody can tell the next number from those before, as of a generator that is seeded once: names and choices may be
    shown to strangers. Not for keys. Of a process that forks, only one may use it further.
    """

    def __init__(self) -> None:
        """There is nothing to seed."""
        super().__init__()
        self._block = b""
        self._at = 0

    def _take(self, count: int) -> int:
        end = self._at + count
        if end > len(self._block):
            self._block = os.urandom(max(_BLOCK_BYTES, count))
            self._at, end = 0, count
        taken = int.from_bytes(self._block[self._at : end])
        self._at = end
        return taken

    def random(self) -> float:
        """See random.Random."""
        return (self._take(7) >> 3) * _UNIT

    def getrandbits(self, k: int, /) -> int:
        """See random.Random."""
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        count = (k + 7) // 8
        return self._take(count) >> (count * 8 - k)

    def randbytes(self, n: int) -> bytes:
        """See random.Random."""
        return self._take(n).to_bytes(n)

    def seed(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing, as in random.SystemRandom."""

    def _without_state(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("The system's randomness has no state to keep.")

    getstate = setstate = _without_state
