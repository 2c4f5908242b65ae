"""What broker and gateway ask about invites: who may in, what their share is, and whether it is used up.

The keys may be renewed and the book changed while an operator runs; both are asked anew each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from unwalled.clock import Clock
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.swarm import swarm_invite_id
from unwalled.crypto.tokens import (
    InviteTerms,
    TokenError,
    TokenExpired,
    TokenForeign,
    TokenRevoked,
    mint_swarm_token,
    read_token,
)
from unwalled.gateway.policy import EgressPolicy
from unwalled.gateway.sessions import TokenVerdict
from unwalled.operator.bounds import QUOTA, QuotaLimits
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.invites.quotas import Quotas
from unwalled.operator.options import PublicUrl
from unwalled.settings import GATEWAY
from unwalled.wire.invite import Invite

_ALL_SWARMS = b"swarms.."
"""Under this, in the place of an id, the bytes of all private swarms together are counted."""


def takes_swarms(wanted: str, policy: EgressPolicy) -> bool:
    """Whether private bridges are taken: ``on``, ``off``, or ``auto``, which is on where the policy lists the sites.

    Whoever asks gets a private swarm, so with another policy the gateway would be an open proxy for everybody.
    """
    return wanted == "on" or (wanted == "auto" and policy.publisher)


class Admission:
    """One for a process. ``swarms``: whether private bridges are taken."""

    def __init__(
        self,
        keys: OperatorKeys,
        book: InviteBook,
        quotas: Quotas,
        clock: Clock,
        *,
        swarms: bool,
        limits: QuotaLimits = QUOTA,
    ) -> None:
        self.keys = keys
        self.has_swarms = swarms
        self._book = book
        self._quotas = quotas
        self._clock = clock
        self._limits = limits
        self._known_swarms: OrderedDict[bytes, None] = OrderedDict()
        self.on_spent: Callable[[bytes], None] = lambda invite: None
        """Told of an invite's id when its bytes of today are used up."""

    def terms(self, token: bytes) -> InviteTerms:
        """Whose token it is. Raises TokenForeign, TokenExpired or TokenRevoked."""
        read = read_token(self.keys.invite_keys(self._clock.wall()), token, self._clock.wall())
        if self._book.is_revoked(read.id):
            raise TokenRevoked
        if read.is_swarm:
            if not self.has_swarms:
                raise TokenForeign
            self._known_swarms[read.id] = None
            self._known_swarms.move_to_end(read.id)
            if len(self._known_swarms) > self._limits.counted_invites:
                self._known_swarms.popitem(last=False)
        return self._of(read.id)

    def verdict(self, token: bytes) -> TokenVerdict:
        """The same in a gateway's words."""
        try:
            terms = self.terms(token)
        except TokenExpired:
            return TokenVerdict.EXPIRED
        except TokenError:
            return TokenVerdict.REFUSED
        return TokenVerdict.SPENT if self._is_spent(terms) else TokenVerdict.GOOD

    def wait_s(self, terms: InviteTerms, reader: bytes) -> float:
        """How long a reader has to wait until its invite has something left: 0.0, or until the day ends."""
        today = self._quotas.today
        if self._is_spent(terms) or (terms.readers and not today.admit(terms.id, reader, terms.readers)):
            return self._quotas.day_left_s
        return 0.0

    def sessions(self, invite: bytes) -> int:
        """How many sessions the holders of an invite may have at once."""
        own = self._of(invite).sessions
        return min(own, GATEWAY.sessions_per_invite) if own else GATEWAY.sessions_per_invite

    def meter(self, invite: bytes) -> Callable[[int], bool] | None:
        """What counts the bytes of one invite and says whether there are some left; None = nothing has to be
        counted.
        """
        if not self._of(invite).bytes_day:
            return None
        is_told = False
        # Here and now it is known; later others may have taken its place in the list, and its bounds still hold.
        is_swarm = self._of(invite).is_swarm

        def count(moved: int) -> bool:
            nonlocal is_told
            terms = self._of_swarm(invite) if is_swarm else self._of(invite)
            today = self._quotas.today
            used = today.use(invite, moved, is_swarm=is_swarm)
            is_left = not terms.bytes_day or used <= terms.bytes_day
            if is_swarm:
                is_left = today.use(_ALL_SWARMS, moved) <= self._limits.swarms_bytes_day and is_left
            if is_left:
                is_told = False
            elif not is_told:
                is_told = True
                self.on_spent(invite)
            return is_left

        return count

    def invite_for_swarm(self, tag: str, url: PublicUrl, stun: tuple[str, ...]) -> str:
        """What a private bridge makes its readers' link of: an invite that opens nothing without the swarm's secret.

        "" when private bridges are not taken, or this swarm was withdrawn.
        """
        name = swarm_invite_id(tag)
        if not self.has_swarms or self._book.is_revoked(name):
            return ""
        token = mint_swarm_token(self.keys.invite_key, name)
        return Invite.make(self.keys.identity, self.keys.broker_key().public, token, [url.text], list(stun)).text

    def _of(self, invite: bytes) -> InviteTerms:
        if invite in self._known_swarms:
            return self._of_swarm(invite)
        quota = self._book.quota_of(invite)
        return InviteTerms(invite, quota.sessions, quota.bytes_day, quota.readers)

    def _of_swarm(self, invite: bytes) -> InviteTerms:
        return InviteTerms(invite, self._limits.swarm_sessions, self._limits.swarm_bytes_day, is_swarm=True)

    def _is_spent(self, terms: InviteTerms) -> bool:
        today = self._quotas.today
        if terms.is_swarm and today.used(_ALL_SWARMS) >= self._limits.swarms_bytes_day:
            return True
        return bool(terms.bytes_day) and today.used(terms.id) >= terms.bytes_day
