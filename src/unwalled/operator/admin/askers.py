"""From where a request comes, for what is not meant for everybody."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from aiohttp import web

from unwalled.operator.options import IPNetwork

_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


def asks_from_within(request: web.Request) -> bool:
    """Whether a request comes from this machine or its own network, and not through a reverse proxy that says so."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        peer = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return (mapped or peer).is_private


@dataclass(frozen=True, slots=True)
class AskerSources:
    """From where the admin's pages are answered at all. Without a word: from everywhere."""

    networks: tuple[IPNetwork, ...] = ()
    is_within: bool = False
    """Also from this machine and its own network, if no reverse proxy is in between."""

    def have(self, request: web.Request, address: str) -> bool:
        """Whether a request may be answered; ``address`` is who asks, behind proxies that are trusted."""
        if not self.networks and not self.is_within:
            return True
        if self.is_within and asks_from_within(request):
            return True
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(parsed in network for network in self.networks)
