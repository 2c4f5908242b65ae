"""How many different readers were helped today, without a list of them: a keyed HyperLogLog. Pure.

A reader's program names its run by 16 random bytes. Their keyed hash picks one of 4096 small numbers, which keeps the
longest row of zeros that was seen there; from all of them one can tell how many different names there were, to about
1.6 % (standard error, 1.04 / √4096), and nothing else: not whether a name was among them once the key is forgotten.

The estimator is that of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6,
which has no range of sizes where it is off, and so needs no tables of corrections.
"""

from __future__ import annotations

import hashlib
import math

_INDEX_BITS = 12
_REGISTERS = 1 << _INDEX_BITS
_HASH_BYTES = 8
_RANK_BITS = 8 * _HASH_BYTES - _INDEX_BITS
STANDARD_ERROR = 1.04 / math.sqrt(_REGISTERS)


class Distinct:
    """Counts different names under one key, which it never shows. It takes 4 KiB whatever the count."""

    def __init__(self, key: bytes) -> None:
        """``key``: 16 to 64 random bytes, to be forgotten with this."""
        self._key = key
        self._longest = bytearray(_REGISTERS)

    def add(self, name: bytes) -> None:
        """Counts a name, if it was not counted before."""
        digest = hashlib.blake2b(name, digest_size=_HASH_BYTES, key=self._key).digest()
        value = int.from_bytes(digest)
        index, rest = value >> _RANK_BITS, value & ((1 << _RANK_BITS) - 1)
        rank = _RANK_BITS - rest.bit_length() + 1
        if rank > self._longest[index]:
            self._longest[index] = rank

    def count(self) -> int:
        """About how many different names there were."""
        of_rank = [0] * (_RANK_BITS + 2)
        for rank in self._longest:
            of_rank[rank] += 1
        # The paper's τ is for registers that can hold no more; with 52 bits nobody lives to see one.
        total = 0.0
        for rank in range(_RANK_BITS, 0, -1):
            total = 0.5 * (total + of_rank[rank])
        total += _REGISTERS * _sigma(of_rank[0] / _REGISTERS)
        return round(_REGISTERS * _REGISTERS / (2.0 * math.log(2.0) * total))

    def __repr__(self) -> str:
        return "Distinct(…)"


def _sigma(share: float) -> float:
    """For the registers that saw nothing."""
    if share == 1.0:
        return math.inf
    weight, total, before = 1.0, share, -1.0
    while total != before:
        share *= share
        before = total
        total += share * weight
        weight += weight
    return total
