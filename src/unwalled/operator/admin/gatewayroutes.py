"""The admin's gateways: how busy they are, and whether they take new readers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from unwalled.broker.gateways import GatewayPlace
from unwalled.errors import ConfigurationError
from unwalled.operator.admin.problems import Problem
from unwalled.operator.admin.routes import Call, Route


class GatewayList(msgspec.Struct, frozen=True):
    """The gateways of this process."""

    gateways: list[GatewayPlace]


class Draining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether new readers are sent elsewhere, if there is another gateway. Those that are here stay."""

    is_draining: bool


class GatewayRoutes:
    """The routes."""

    def __init__(
        self, places: Callable[[], list[GatewayPlace]], set_draining: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._places = places
        self._set_draining = set_draining

    def routes(self) -> list[Route]:
        """What to add to the API."""
        return [
            Route("GET", "/gateways", "list_gateways", "This process's gateways.", self._list, GatewayList),
            Route(
                "PUT",
                "/gateways/drain",
                "drain_gateways",
                "Take no new readers, or take them again. Before a restart: drain, wait, stop.",
                self._drain,
                GatewayList,
                body=Draining,
                problems=(409,),
            ),
        ]

    async def _list(self, call: Call) -> GatewayList:
        return GatewayList(self._places())

    async def _drain(self, call: Call) -> GatewayList:
        wanted: Draining = call.body
        try:
            await self._set_draining(wanted.is_draining)
        except ConfigurationError as error:
            raise Problem(409, error.cause, error.remedy) from None
        return GatewayList(self._places())
