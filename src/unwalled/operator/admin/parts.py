"""Puts ``/admin`` together from the parts of a running operator."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from unwalled.broker.gateways import GatewayPlace
from unwalled.broker.server import Broker
from unwalled.clock import Clock
from unwalled.crypto.identity import OperatorKeys
from unwalled.gateway.server import GatewayServer
from unwalled.gateway.sessions import SessionHub
from unwalled.operator.admin.admintoken import AdminToken
from unwalled.operator.admin.api import AdminApi
from unwalled.operator.admin.askers import AskerSources
from unwalled.operator.admin.door import AdminDoor
from unwalled.operator.admin.front import Admin
from unwalled.operator.admin.gatewayroutes import GatewayRoutes
from unwalled.operator.admin.inviteroutes import InviteRoutes
from unwalled.operator.admin.numberroutes import NumberRoutes
from unwalled.operator.admin.page import admin_pages
from unwalled.operator.admin.policyroutes import PolicyRoutes
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.numbers.watch import Watch
from unwalled.operator.options import OperatorOptions, PublicUrl
from unwalled.operator.policykeeper import PolicyKeeper


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the admin can look at and change."""

    token: AdminToken
    options: OperatorOptions
    url: PublicUrl
    keys: Callable[[], OperatorKeys]
    """Those of now."""
    book: InviteBook
    broker: Broker
    hub: SessionHub
    gateway: GatewayServer
    policy_keeper: PolicyKeeper | None
    watch: Watch
    places: Callable[[], list[GatewayPlace]]
    """The gateways of this process."""
    set_draining: Callable[[bool], Awaitable[None]]
    """Whether they take new readers."""
    clock: Clock


def new_admin(parts: AdminParts) -> Admin:
    """Everything below ``/admin``."""
    sources = AskerSources(parts.options.admin_from, parts.options.is_admin_within)
    door = AdminDoor(parts.token, parts.url, sources, parts.broker.address_of, parts.clock, os.urandom)
    return Admin(door, new_api(parts).answer, admin_pages())


def new_api(parts: AdminParts) -> AdminApi:
    """All that the API can do."""
    invites = InviteRoutes(parts.keys, parts.book, parts.url, parts.options.stun, parts.clock)
    policy = PolicyRoutes(parts.gateway.egress, parts.policy_keeper, parts.clock)
    numbers = NumberRoutes(parts.watch)
    gateways = GatewayRoutes(parts.places, parts.set_draining)
    return AdminApi([*numbers.routes(), *invites.routes(), *policy.routes(), *gateways.routes()], parts.clock)
