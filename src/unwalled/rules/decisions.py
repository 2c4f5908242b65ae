"""Which way a connection goes, and why. Pure.

The first that fits decides, and bridges come before the direct way at each rank:

1. mode "everything": bridges, whatever anything below says
2. the person's own patterns: for bridges, then for the direct way
3. names that no resolver may see: bridges
4. names and addresses of this computer and its network: refused
5. lists of what is blocked: bridges
6. what was learned to be blocked: bridges (mode "blocked" only)
7. lists of what goes directly
8. all else: directly first (mode "blocked"), or directly ("listed")

So no list, and nobody who can change one, can turn "everything" off, uncover what the person's own patterns or another
list hides, or reach into the local network. What goes directly is judged once more when its name was looked up, and the
addresses can only make it stricter.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from unwalled.network.addresses import IPAddress, is_public, plain
from unwalled.network.names import canonical_name
from unwalled.rules.modes import ListRole, Reason, RuleMode, Way
from unwalled.rules.names import is_hidden, is_local
from unwalled.rules.own import OwnPatterns
from unwalled.rules.tables import PatternSet
from unwalled.wire.address import Target

# Addresses that China's censor has given for blocked names for many years; those of real sites are left out. Forged
# answers of other censors are mostly private addresses (Iran: 10.10.34.0/24), which no public name leads to.
_FORGED_ANSWERS = """
4.36.66.178 8.7.198.45 37.61.54.158 46.82.174.68 49.2.123.56 59.24.3.173 64.33.88.161 64.33.99.47 64.66.163.251
65.104.202.252 65.160.219.113 66.45.252.237 77.4.7.92 78.16.49.15 93.46.8.89 118.5.49.6 128.121.126.139 159.24.3.173
159.106.121.75 169.132.13.103 188.5.4.96 189.163.17.5 192.67.198.6 197.4.4.12 202.106.1.2 202.181.7.85 203.98.7.65
203.161.230.171 207.12.88.98 208.56.31.43 209.36.73.33 209.145.54.50 209.220.30.174 211.94.66.147 213.169.251.35
216.221.188.182 216.234.179.13
"""
_FORGED = frozenset(map(ipaddress.ip_address, _FORGED_ANSWERS.split()))


@dataclass(frozen=True, slots=True, repr=False)
class ListRules:
    """One list, as far as it decides."""

    id: str
    role: ListRole
    matches: PatternSet
    exceptions: PatternSet = field(default_factory=PatternSet)

    def has_name(self, name: str) -> bool:
        """Whether a comparable name is meant."""
        return self.matches.has_name(name) and not self.exceptions.has_name(name)

    def has_address(self, address: IPAddress) -> bool:
        """Whether an address is meant."""
        return self.matches.has_address(address) and not self.exceptions.has_address(address)


@dataclass(frozen=True, slots=True)
class Decision:
    """Where to, and why. ``list_id``: which list said so, or ""."""

    way: Way
    reason: Reason
    list_id: str = ""


EVERYTHING = Decision(Way.BRIDGES, Reason.EVERYTHING)
_LOCAL = Decision(Way.REFUSED, Reason.LOCAL)
_FORGED_ANSWER = Decision(Way.BRIDGES, Reason.FORGED)
_LEARNED = Decision(Way.BRIDGES, Reason.LEARNED)


@dataclass(frozen=True, slots=True, repr=False)
class Rules:
    """Everything that decides, but what was learned, which comes in with each question."""

    mode: RuleMode = RuleMode.EVERYTHING
    own: OwnPatterns = field(default_factory=OwnPatterns)
    lists: tuple[ListRules, ...] = ()

    def decide(self, target: Target, is_learned: bool = False) -> Decision:
        """Before anything is looked up. ``is_learned``: the direct way to this host was found to be blocked."""
        if self.mode is RuleMode.EVERYTHING:
            return EVERYTHING
        address = target.literal
        if address is None:
            return self._decide_name(canonical_name(target.host), is_learned)
        return self._decide_address(address, is_learned)

    def _decide_name(self, name: str, is_learned: bool) -> Decision:
        if self.own.through.has_name(name):
            return Decision(Way.BRIDGES, Reason.OWN)
        if is_hidden(name):
            return Decision(Way.BRIDGES, Reason.HIDDEN)
        if self.own.direct.has_name(name):
            return Decision(Way.DIRECT, Reason.OWN)
        if is_local(name):
            return _LOCAL
        for rules in self._of(ListRole.BLOCKED):
            if rules.has_name(name):
                return Decision(Way.BRIDGES, Reason.LIST, rules.id)
        if is_learned and self.mode is RuleMode.BLOCKED:
            return _LEARNED
        for rules in self._of(ListRole.DIRECT):
            if rules.has_name(name):
                return Decision(Way.DIRECT, Reason.LIST, rules.id)
        return self._unlisted

    def _decide_address(self, address: IPAddress, is_learned: bool) -> Decision:
        if self.own.through.has_address(address):
            return Decision(Way.BRIDGES, Reason.OWN)
        if self.own.direct.has_address(address):
            return Decision(Way.DIRECT, Reason.OWN)
        if not is_public(address):
            return _LOCAL
        if (listed := self._list_of(ListRole.BLOCKED, address)) is not None:
            return Decision(Way.BRIDGES, Reason.LIST, listed)
        if is_learned and self.mode is RuleMode.BLOCKED:
            return _LEARNED
        if (listed := self._list_of(ListRole.DIRECT, address)) is not None:
            return Decision(Way.DIRECT, Reason.LIST, listed)
        return self._unlisted

    def judge(self, decision: Decision, addresses: Sequence[IPAddress]) -> Decision:
        """What becomes of a name that was to go directly, now that it was looked up: the same, or something stricter.

        A name that the person lets go directly may lead anywhere, into their own network too. No other may: a page
        could lead its own name there (DNS rebinding), and no address that the person lets go directly changes that.
        """
        if decision.reason is Reason.OWN:
            return decision
        is_blocked_mode = self.mode is RuleMode.BLOCKED
        for address in addresses:
            if self.own.through.has_address(address):
                return Decision(Way.BRIDGES, Reason.OWN)
            if (listed := self._list_of(ListRole.BLOCKED, address)) is not None:
                return Decision(Way.BRIDGES, Reason.LIST, listed)
        if any(not is_public(address) for address in addresses):
            # The gateway looks the name up itself, and refuses it in its turn if it really leads to such an address.
            return _FORGED_ANSWER if is_blocked_mode else _LOCAL
        if is_blocked_mode and any(plain(address) in _FORGED for address in addresses):
            return _FORGED_ANSWER
        if decision.way is Way.DIRECT_FIRST:
            found = {self._list_of(ListRole.DIRECT, address) for address in addresses}
            if None not in found and found:
                return Decision(Way.DIRECT, Reason.LIST, min(name for name in found if name is not None))
        return decision

    @property
    def _unlisted(self) -> Decision:
        way = Way.DIRECT_FIRST if self.mode is RuleMode.BLOCKED else Way.DIRECT
        return Decision(way, Reason.UNLISTED)

    def _of(self, role: ListRole) -> list[ListRules]:
        return [rules for rules in self.lists if rules.role is role]

    def _list_of(self, role: ListRole, address: IPAddress) -> str | None:
        return next((rules.id for rules in self._of(role) if rules.has_address(address)), None)
