"""Which invite is used, and when it is the next one's turn. Pure: times are seconds of one monotonic clock.

The book's order says which was of use last. An invite whose operator cannot be reached or has no bridge gets less
patience than one that is the only one, and each round through all of them is twice as patient as the one before: a
reader that is offline does not run from one operator to the next for ever. The first that works ends the round.
"""

from __future__ import annotations

from collections.abc import Sequence

from unwalled.app.invites import StoredInvite
from unwalled.reader.status import Phase
from unwalled.settings import APP, AppLimits

NEVER = float("inf")


class Turns:
    """Remembers which invites were tried in vain since one worked."""

    def __init__(self, limits: AppLimits = APP) -> None:
        self._limits = limits
        self._vain: dict[str, int] = {}

    def worked(self) -> None:
        """A session stands: should it end, all others are worth a try again."""
        self._vain.clear()

    def wanted(self, invite_id: str) -> None:
        """A person asked for this one: it comes before all that were not tried yet."""
        self._vain[invite_id] = -1

    def gave_up(self, invite_id: str) -> None:
        """It was tried in vain."""
        self._vain[invite_id] = self._vain.get(invite_id, 0) + 1

    def next(self, entries: Sequence[StoredInvite], now_wall_s: float) -> StoredInvite | None:
        """Whose turn it is; None when there is none. ``entries``: best one first.

        When all have expired they are tried all the same: this computer's clock may be wrong, and the operator knows.
        """
        usable = [entry for entry in entries if not entry.is_over(now_wall_s)] or entries
        return min(usable, key=lambda entry: (self._vain.get(entry.id, 0), entry.is_refused), default=None)

    def patience_s(self, invite_id: str, phase: Phase) -> float:
        """How long an invite is tried in this phase without success, if there are others."""
        rounds = max(self._vain.get(invite_id, 0), 0)
        match phase:
            case Phase.REFUSED if not rounds:
                return 0.0
            case Phase.REFUSED | Phase.NO_BROKER:
                least_s = self._limits.operator_patience_s
            case Phase.NO_BRIDGE:
                least_s = self._limits.bridge_patience_s
            case _:
                return NEVER
        return min(least_s * 2.0 ** min(rounds, 10), self._limits.max_patience_s)
