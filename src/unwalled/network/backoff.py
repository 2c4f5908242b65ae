"""How long to wait before a server is tried again that has gone or refuses. Pure."""

from __future__ import annotations

_MOST_DOUBLINGS = 16


def longest_wait_s(failures: int, gone_s: float, least_s: float, most_s: float) -> float:
    """The upper end of the next wait, between 0 and which chance chooses. ``failures``: in a row, before this one;
    ``gone_s``: for how long there has been nothing else.

    It doubles with each failure from ``least_s`` to ``most_s``, but is no longer than it has been so already (or twice
    ``least_s``). So a server that was away for seconds is found again within seconds, however short the first waits
    happened to be, and all who come back then are spread over as long as it was away.
    """
    doubled_s = least_s * 2.0 ** min(failures, _MOST_DOUBLINGS)
    return min(most_s, doubled_s, max(gone_s, 2 * least_s))
