"""The admin's invites: make, list, look at, withdraw. What the command ``unwalled invite`` does, from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import msgspec

from unwalled.clock import Clock
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.tokens import MAX_EXPIRY_S
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.admin.problems import Problem
from unwalled.operator.admin.routes import Call, Route
from unwalled.operator.bounds import ADMIN, QUOTA
from unwalled.operator.invites.book import InviteBook, InviteEntry, Quota, make_invites
from unwalled.operator.options import PublicUrl
from unwalled.settings import BROKER

_ID = "[0-9a-f]{16}"
_DAY_S = 86_400
_TEN_YEARS_S = 3650 * _DAY_S

InviteId = Annotated[str, msgspec.Meta(pattern=f"^{_ID}$", description="Names an invite.")]
Label = Annotated[
    str,
    msgspec.Meta(
        max_length=BROKER.max_label_chars,
        # What cannot be printed for another reason is refused by the book (409).
        pattern=r"^[^\x00-\x1f\x7f-\x9f]*$",
        description="For the list only; readers never see it. It should name nobody.",
    ),
]


class InviteView(msgspec.Struct, frozen=True):
    """One invite of the list. Times are seconds since 1970."""

    id: InviteId
    label: str
    created: int
    expires: int
    """0 = never."""
    revoked: bool
    is_over: bool
    """Whether its date has passed."""
    sessions: int
    """Bounds of its own: at once; 0 = none."""
    bytes_day: int
    readers: int
    """In a day."""


class InvitePage(msgspec.Struct, frozen=True):
    """A part of the list, oldest first."""

    invites: list[InviteView]
    total: int
    """How many there are in all."""
    next: int | None
    """What to give as ``offset`` for the next part; null after the last."""


class InviteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list."""

    offset: Annotated[int, msgspec.Meta(ge=0, le=2 * BROKER.max_invites)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=ADMIN.page_entries)] = 100


class NewInvite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an invite shall be."""

    label: Label = ""
    lifetime_s: Annotated[int, msgspec.Meta(ge=0, le=_TEN_YEARS_S)] = 0
    """Seconds for which it is good; 0 = for ever."""
    sessions: Annotated[int, msgspec.Meta(ge=0, le=QUOTA.most_sessions)] = 0
    """Of all its holders, at once; 0 = no bound of its own."""
    bytes_day: Annotated[int, msgspec.Meta(ge=0, le=QUOTA.most_bytes_day)] = 0
    """Carried in a day (UTC), both ways."""
    readers: Annotated[int, msgspec.Meta(ge=0, le=QUOTA.most_readers)] = 0
    """Runs of the reader's program in a day (UTC)."""


class MadeInvite(msgspec.Struct, frozen=True):
    """A new invite. It is shown only now; who has it can read."""

    id: InviteId
    text: str
    link: str
    expires: int


class InviteRoutes:
    """The routes, over one book."""

    def __init__(
        self, keys: Callable[[], OperatorKeys], book: InviteBook, url: PublicUrl, stun: tuple[str, ...], clock: Clock
    ) -> None:
        self._keys = keys
        self._book = book
        self._url = url
        self._stun = stun
        self._clock = clock

    def routes(self) -> list[Route]:
        """What to add to the API."""
        one = {"id": _ID}
        return [
            Route(
                "GET",
                "/invites",
                "list_invites",
                "The invites that were given out.",
                self._list,
                InvitePage,
                InviteQuery,
            ),
            Route(
                "POST",
                "/invites",
                "make_invite",
                "Make an invite, which is shown only now.",
                self._make,
                MadeInvite,
                body=NewInvite,
                status=201,
                problems=(409,),
            ),
            Route("GET", "/invites/{id}", "get_invite", "One invite.", self._get, InviteView, parameters=one),
            Route(
                "POST",
                "/invites/{id}/revoke",
                "revoke_invite",
                "Withdraw an invite, now and for ever. It stays in the list.",
                self._revoke,
                InviteView,
                parameters=one,
            ),
        ]

    async def _list(self, call: Call) -> InvitePage:
        entries = self._entries()
        query: InviteQuery = call.query
        end = query.offset + query.limit
        shown = [self._view(entry) for entry in entries[query.offset : end]]
        return InvitePage(shown, len(entries), end if end < len(entries) else None)

    async def _get(self, call: Call) -> InviteView:
        return self._one(self._book.find, call)

    async def _make(self, call: Call) -> MadeInvite:
        wanted: NewInvite = call.body
        now = self._clock.wall()
        expires_s = min(int(now) + wanted.lifetime_s, MAX_EXPIRY_S) if wanted.lifetime_s else 0
        try:
            (made,) = make_invites(
                self._keys(),
                self._book,
                doors=[self._url.text],
                stun=self._stun,
                labels=[wanted.label],
                now_wall_s=now,
                expires_s=expires_s,
                random_bytes=os.urandom,
                quota=Quota(wanted.sessions, wanted.bytes_day, wanted.readers),
            )
        except ConfigurationError as error:
            raise Problem(503, error.cause, error.remedy) from None
        except UsageError as error:
            raise Problem(409, error.cause, error.remedy) from None
        return MadeInvite(made.entry.id, made.invite.text, made.invite.link(self._url.text), expires_s)

    async def _revoke(self, call: Call) -> InviteView:
        return self._one(self._book.revoke, call)

    def _one(self, found: Callable[[str], InviteEntry], call: Call) -> InviteView:
        try:
            return self._view(found(call.path["id"]))
        except ConfigurationError as error:
            raise Problem(503, error.cause, error.remedy) from None
        except UsageError:
            raise _unknown() from None

    def _entries(self) -> list[InviteEntry]:
        try:
            return self._book.entries()
        except ConfigurationError as error:
            raise Problem(503, error.cause, error.remedy) from None

    def _view(self, entry: InviteEntry) -> InviteView:
        is_over = entry.is_over(self._clock.wall())
        return InviteView(
            entry.id,
            entry.label,
            entry.created,
            entry.expires,
            entry.revoked,
            is_over,
            entry.sessions,
            entry.bytes_day,
            entry.readers,
        )


def _unknown() -> Problem:
    return Problem(404, "There is no invite of that name.", "GET /invites lists them.")
