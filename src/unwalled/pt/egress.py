"""The way out of a gateway that belongs to a Tor bridge: whatever a client asks for, it gets the relay's own port."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unwalled.clock import Clock
from unwalled.errors import OpenFailed
from unwalled.gateway.egress import Egress
from unwalled.gateway.limits import SessionBudget
from unwalled.gateway.policy import EgressPolicy
from unwalled.network.addresses import IPAddress
from unwalled.network.dialler import code_of, dial
from unwalled.network.site import SiteSocket
from unwalled.privacy import Hidden
from unwalled.pt.bounds import TOR
from unwalled.pt.environment import TRANSPORT, Endpoint
from unwalled.pt.extorport import NONCE_BYTES, Greeting, GreetingFailed
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


@dataclass(frozen=True, slots=True)
class Relay:
    """Where Tor takes clients. ``secret`` = it is the extended ORPort, and this opens it."""

    at: Endpoint = field(repr=False)
    secret: Hidden[bytes] | None = None


class _NoNames:
    async def resolve(self, name: str) -> Sequence[IPAddress]:
        raise OpenFailed(Code.NOT_ALLOWED)


class RelayEgress(Egress):
    """Connects every stream to one relay.

    The address that a client asks for is what its bridge line happens to say, so any address will do. A name is
    refused: no tor sends one, but a browser whose owner took the bridge line's invite for one of a news site does.
    """

    def __init__(self, relay: Relay, clock: Clock, complain: Callable[[str], None] = lambda _: None) -> None:
        """``complain`` hears, as a sentence, why the relay's extended port took no client."""
        super().__init__(EgressPolicy(datagrams=False), _NoNames(), clock)
        self._relay = relay
        self._complain = complain

    async def connect(self, target: Target, session: SessionBudget) -> SiteSocket:
        """See Egress."""
        if target.literal is None:
            raise OpenFailed(Code.NOT_ALLOWED)
        at = self._relay.at
        site = SiteSocket(await dial([ipaddress.ip_address(at.host)], at.port))
        if self._relay.secret is None:
            return site
        try:
            async with asyncio.timeout(TOR.greeting_timeout_s):
                await _greet(site, Greeting(self._relay.secret, TRANSPORT, os.urandom(NONCE_BYTES)))
        except GreetingFailed as failed:
            site.abort()
            self._complain(failed.cause)
            raise OpenFailed(Code.GENERAL) from None
        except OSError as error:
            site.abort()
            raise OpenFailed(code_of(error)) from None
        except BaseException:
            site.abort()
            raise
        return site


async def _greet(site: SiteSocket, greeting: Greeting) -> None:
    """Raises GreetingFailed, or OSError (of which TimeoutError is one)."""
    while not greeting.is_done:
        data = site.receive_now(greeting.wanted_bytes)
        if data is None:
            await site.readable()
            continue
        if not data:
            raise GreetingFailed("Tor's extended ORPort closed the connection before its greeting was done.")
        greeting.receive(data)
        await site.send(greeting.data_to_send())
