"""When the reader should hear that lanes hold the session up."""

from __future__ import annotations

from unwalled.settings import SESSION

_NEVER = float("inf")


class LimitWatch:
    """Tells once in a while that data has found no lane with room for some time. Times are seconds."""

    __slots__ = ("_since", "_told_at")

    def __init__(self) -> None:
        self._since = _NEVER
        self._told_at = -_NEVER

    def is_news(self, limited: bool, now: float) -> bool:
        """``limited``: whether data waits that no lane has room for. True when it should be told now."""
        if not limited:
            self._since = _NEVER
            return False
        self._since = min(self._since, now)
        if now < max(self._since + SESSION.limited_s, self._told_at + SESSION.limited_every_s):
            return False
        self._told_at = now
        return True
