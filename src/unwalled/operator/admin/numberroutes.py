"""The operator's numbers in the admin's API: now, and over time."""

from __future__ import annotations

import msgspec

from unwalled.operator.admin.routes import Call, Route
from unwalled.operator.numbers.history import HistoryView, Span
from unwalled.operator.numbers.live import LiveView
from unwalled.operator.numbers.totals import Totals
from unwalled.operator.numbers.watch import Watch


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the past."""

    span: Span = "day"


class NumberRoutes:
    """The routes, over one operator's watch."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def routes(self) -> list[Route]:
        """What to add to the API."""
        return [
            Route(
                "GET", "/live", "live", "How the operator is now, and what should be looked at.", self._live, LiveView
            ),
            Route(
                "GET",
                "/history",
                "history",
                "The last day, month or year in steps.",
                self._history,
                HistoryView,
                HistoryQuery,
            ),
            Route("GET", "/totals", "totals", "What everybody may know, rounded.", self._totals, Totals),
        ]

    async def _live(self, call: Call) -> LiveView:
        return await self._watch.live()

    async def _history(self, call: Call) -> HistoryView:
        query: HistoryQuery = call.query
        return await self._watch.history(query.span)

    async def _totals(self, call: Call) -> Totals:
        return await self._watch.totals()
