"""Which hosts the policy refused, for as long as an operator wants to know: to find what its own pages need. Pure.

It is off by itself, ends by itself, and is only ever in memory. While it runs, the operator sees the names of hosts
that readers asked for and were refused; not who asked, not when, and nothing of what was allowed.
"""

from __future__ import annotations

from collections import Counter

from unwalled.gateway.bounds import POLICY, PolicyLimits
from unwalled.gateway.policy import Decision, Reason
from unwalled.network.names import canonical_name
from unwalled.wire.address import Target

_TOLD = frozenset({Reason.NOT_LISTED, Reason.PORT, Reason.CATEGORY, Reason.DENIED})


class RefusedReport:
    """One report. ``now`` is monotonic."""

    def __init__(self, until: float, limits: PolicyLimits = POLICY) -> None:
        self.until = until
        self._limits = limits
        self._counts: Counter[tuple[str, int, Reason]] = Counter()
        self.others = 0
        """Refusals of hosts for which there was no room."""

    def note(self, target: Target, decision: Decision, now: float) -> None:
        """A target was refused."""
        if now >= self.until or decision.reason not in _TOLD:
            return
        key = (canonical_name(target.host), target.port, decision.reason)
        if key in self._counts or len(self._counts) < self._limits.refused_hosts:
            self._counts[key] += 1
        else:
            self.others += 1

    def counts(self, now: float) -> list[tuple[str, int, Reason, int]]:
        """Host, port, reason and how often, the most frequent first; nothing once it is over."""
        if now >= self.until:
            self._counts.clear()
            self.others = 0
        return [(*key, count) for key, count in sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))]
