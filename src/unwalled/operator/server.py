"""Broker, gateway and site in one process, behind one HTTP server; and STUN on UDP ports of its own.

    Operator.start ─► keys, book, policy ─► sockets ─► broker, hub, egress ─► routes ─► serving

Everything that a person could have got wrong is found before the first request is taken.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from unwalled.broker.countries import FindCountry
from unwalled.broker.countryfile import open_countries
from unwalled.broker.gateways import GatewayPlace
from unwalled.broker.server import Broker
from unwalled.clock import Clock, SystemClock
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.rotation import ended_broker_keys
from unwalled.errors import ConfigurationError
from unwalled.gateway.egress import Egress
from unwalled.gateway.endpoint import LaneEndpoint
from unwalled.gateway.policy import EgressPolicy
from unwalled.gateway.server import GatewayServer
from unwalled.gateway.sessions import SessionHub
from unwalled.operator.abuse import abuse_routes
from unwalled.operator.admin.admintoken import AdminToken
from unwalled.operator.admin.askers import asks_from_within
from unwalled.operator.announcing import Announcer, new_gateway_id
from unwalled.operator.bounds import DRAIN
from unwalled.operator.certificate import LiveCertificate
from unwalled.operator.draining import Carried, until_quiet
from unwalled.operator.gatewaywords import sinks_in
from unwalled.operator.invites.admission import Admission, takes_swarms
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.invites.quotas import Quotas
from unwalled.operator.listener import HttpServer, bind
from unwalled.operator.livekeys import LiveKeys
from unwalled.operator.numbers.counts import Counts
from unwalled.operator.numbers.metrics import CONTENT_TYPE, Numbers, exposition, new_registry
from unwalled.operator.numbers.totalsroute import totals_route
from unwalled.operator.numbers.watch import Surroundings, Watch
from unwalled.operator.options import EVERY_ROLE, IPAddress, ListenAddress, OperatorOptions, PublicUrl, Role
from unwalled.operator.policykeeper import PolicyKeeper
from unwalled.operator.shared import Alone, Shared, keys_and_store
from unwalled.operator.site import add_security_headers, page_routes
from unwalled.operator.state import opening_invite
from unwalled.operator.stun import StunCounters, StunServer, bind_stun, close_all, stun_urls
from unwalled.operator.versions import keep_versions
from unwalled.settings import GATEWAY
from unwalled.tasks import TaskOwner
from unwalled.web.pages import Page
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import BridgeConfig

if TYPE_CHECKING:
    from unwalled.operator.admin.front import Admin
    from unwalled.operator.admin.parts import AdminParts
    from unwalled.operator.workers.pool import WorkerPool

LANE_PATH = "/v1/lane"
BRIDGE_PATH = "/v1/bridge"


class Operator:
    """A running operator. Get it from ``start``; ``close`` it in the end."""

    def __init__(
        self,
        options: OperatorOptions,
        url: PublicUrl,
        keys: OperatorKeys,
        book: InviteBook,
        policy_keeper: PolicyKeeper | None,
        clock: Clock,
        find_country: FindCountry,
        older_pages: Sequence[Page] = (),
        egress: Egress | None = None,
        shared: Shared | None = None,
    ) -> None:
        """For ``start``."""
        self._shared = shared = shared if shared is not None else Alone()
        self.url = url
        self._older_pages = older_pages
        self._options = options
        self._book = book
        self._clock = clock
        policy = EgressPolicy() if policy_keeper is None else policy_keeper.policy
        self._quotas = Quotas(options.data, clock, os.urandom)
        self._admission = admission = Admission(
            keys, book, self._quotas, clock, swarms=takes_swarms(options.private_swarms, policy)
        )
        gateway_url = url.socket_base + LANE_PATH
        config = BridgeConfig(
            v=1,
            bridge_socket=url.socket_base + BRIDGE_PATH,
            # Where others share a store, it knows the gateways that live.
            gateways=[gateway_url] if options.roles == EVERY_ROLE else [],
            stun=list(options.stun),
            allow_private=options.allow_private,
            swarms=admission.has_swarms,
        )
        naming_key = keys.naming_key()
        directory = shared.directory(clock, naming_key)
        self._id, self._lanes_at = new_gateway_id(), gateway_url
        self._is_draining = False
        self._announcer = Announcer(directory, self._places)
        self._broker = Broker(
            key=keys.broker_key(),
            check_token=admission.terms,
            store=shared.store,
            clock=clock,
            random_bytes=os.urandom,
            directory=directory,
            bundle=keys.bundle(options.stun).encoded,
            config=config,
            naming_key=naming_key,
            trusted_proxies=options.trusted_proxies,
            find_country=find_country,
            make_peers=shared.peers,
            prefix_key=shared.prefix_key,
            share_wait_s=admission.wait_s,
            invite_for_swarm=lambda tag: admission.invite_for_swarm(tag, url, options.stun),
        )
        self.policy_keeper = policy_keeper
        """What keeps the policy as it stands on the disk; None with a way out of another kind."""
        if policy_keeper is None:
            self._gateway = GatewayServer(EgressPolicy(), clock=clock, egress=egress)
        else:
            self._gateway = GatewayServer(
                policy_keeper.policy, clock=clock, sources=options.sources, used=policy_keeper.used()
            )
        self.warnings = [*self._gateway.warnings, *url.warnings()]
        """What to tell whoever starts it, each a whole sentence."""
        if options.trace is not None:
            self.warnings.append(
                "Sessions are traced: when each reader read and how much, though not what, is kept in the folder."
            )
        has_workers = options.gateway_workers > 1 and Role.GATEWAY in options.roles
        if has_workers:
            from unwalled.operator.workers.pool import WorkerHub, WorkerPool, begin_of
        self._hub = (WorkerHub if has_workers else SessionHub)(
            keys.gateway_key(),
            admission.verdict,
            self._gateway.new_handler,
            os.urandom,
            self._broker.lane_reported,
            new_sink=sinks_in(options.trace),
        )
        self._pool: WorkerPool | None = None
        if has_workers:
            begin = begin_of(options)
            count = options.gateway_workers
            knows = self._broker.knows_ticket
            self._pool = WorkerPool(begin, count, directory, gateway_url, knows, self._broker.lane_reported)
            self._pool.count_into(self._hub, self._gateway.counters)
        self._lanes = self._pool or LaneEndpoint(self._hub, self._broker.knows_ticket)
        self._hub.sessions_allowed = admission.sessions
        self._gateway.egress.meter = admission.meter
        admission.on_spent = self._share_spent
        self._keys = LiveKeys(options.data, keys, clock, self._use_keys)
        self._tasks = TaskOwner()
        self.certificate: LiveCertificate | None = None
        """What it ends TLS with itself, if it does."""
        self.stun: StunServer | None = None
        """Where it answers STUN itself, if it does."""
        self._stun_counters = StunCounters()
        self._numbers = Numbers(self._broker.metrics, self._hub, self._gateway.counters, self._stun_counters)
        self._registry = new_registry(self._numbers)
        self._admin_token = AdminToken(options.data)
        self._admin: Admin | None = None
        self.watch = Watch(
            self._counts,
            clock,
            options.data,
            roles=self._roles,
            max_sessions=GATEWAY.max_sessions,
            random_bytes=os.urandom,
            surroundings=self._surroundings,
        )
        """Its numbers over time, alarms among them."""
        self._broker.metrics.helped = self.watch.helped
        self._numbers.alarms = self.watch.states
        self._numbers.disk_free_bytes = lambda: self.watch.disk_free_bytes
        self._numbers.certificate_ends_s = lambda: self._surroundings().certificate_ends_s
        self._server = HttpServer(self._application(), further_connections=lambda: self._lanes.open_sockets)
        self._numbers.connections_full = lambda: self._server.turned_away

    @classmethod
    async def start(
        cls, options: OperatorOptions, clock: Clock | None = None, egress: Egress | None = None
    ) -> tuple[Operator, Invite]:
        """Starts serving; gives the operator and its default invite. ``egress``: a way out of another kind.

        Raises ConfigurationError when a port, URL, policy, file of countries, data folder or store cannot work; nothing
        is left running then.
        """
        clock = clock if clock is not None else SystemClock()
        policy_keeper = None if egress is not None else PolicyKeeper(options)
        find_country = (lambda _: "") if options.countries is None else open_countries(options.countries)
        for source in options.sources:
            _check_source(source)
        # Before keys are made: does it say enough?
        reached_at = options.reached_at
        files = options.certificate
        certificate = None if files is None else LiveCertificate(files, reached_at, clock)
        sockets = bind(options.listen, option=options.listen_option)
        stun_sockets: list[list[socket.socket]] = []
        try:
            stun_sockets = bind_stun(options.stun_listen)
            keys, shared = keys_and_store(options)
            book = InviteBook(options.data)
            listen = dataclasses.replace(options.listen, port=sockets[0].getsockname()[1])
            options = dataclasses.replace(options, listen=listen)
            url = options.reached_at
            options = dataclasses.replace(options, stun=options.stun or stun_urls(url, stun_sockets))
            invite = opening_invite(options, url, keys, book, clock)
            older = keep_versions(options.data)
            operator = cls(options, url, keys, book, policy_keeper, clock, find_country, older, egress, shared)
            try:
                await shared.start()
                shared.mirror_invites(options.data, is_source=Role.SITE in options.roles)
                await operator._open_gateway()
                await operator._serve(sockets, certificate)
            except BaseException:
                await operator._announcer.leave()
                await operator._tasks.close()
                await shared.close()
                await operator._lanes.close()
                raise
            operator._answer_stun(stun_sockets, clock)
            operator._tasks.start(operator.watch.run(), "watch the numbers")
            operator._tasks.start(operator._keys.watch(), "watch the keys")
            operator._tasks.start(operator._quotas.keep(), "keep what invites have used")
            if policy_keeper is not None:
                operator._tasks.start(policy_keeper.watch(operator._gateway.egress, clock), "watch the policy")
        except BaseException:
            close_all([sockets, *stun_sockets])
            raise
        return operator, invite

    @property
    def listening(self) -> ListenAddress:
        """Where it listens, with the port that it has got."""
        return self._options.listen

    def admin_parts(self) -> AdminParts:
        """What the admin can look at and change."""
        from unwalled.operator.admin.parts import AdminParts

        return AdminParts(
            token=self._admin_token,
            options=self._options,
            url=self.url,
            keys=lambda: self._keys.now,
            book=self._book,
            broker=self._broker,
            hub=self._hub,
            gateway=self._gateway,
            policy_keeper=self.policy_keeper,
            watch=self.watch,
            places=self._places if self._pool is None else self._pool.places,
            set_draining=self.set_draining,
            clock=self._clock,
        )

    async def set_draining(self, is_draining: bool) -> None:
        """Whether new readers are sent elsewhere, if there is another gateway; those that are here stay.

        Raises ConfigurationError where workers hold the sessions.
        """
        if self._pool is not None:
            raise ConfigurationError(
                "Gateway workers are not drained together.", "They are renewed one after the other: see scale.md."
            )
        self._is_draining = is_draining
        await self._announcer.announce()

    async def drain(self) -> None:
        """Takes no new readers, and waits until what those of before do is done, or ``drain_s`` is over.

        Until then their lost lanes are replaced. ``close`` it then. Cancelling is safe.
        """
        if self._options.roles != EVERY_ROLE:
            # Other brokers go on: bridges and readers are sent to them.
            await self._broker.close()
        if self._pool is not None:
            await self._pool.drain(self._options.drain_s)
            return
        await self.set_draining(True)
        await until_quiet(self._carried, self._options.drain_s)

    async def renew_workers(self) -> None:
        """Puts new gateway workers in the place of the old ones, one after the other, and cuts nobody off.

        Without workers it does nothing. Raises ConfigurationError when a new one cannot start: the old ones go on.
        """
        if self._pool is not None:
            await self._pool.renew(self._options.drain_s or DRAIN.drain_s)

    async def close(self) -> None:
        """Tells readers and bridges, closes everything, within two seconds. Safe to call again."""
        self._server.stop_listening()
        await self._announcer.leave()
        if self.stun is not None:
            self.stun.close()
        await self._hub.close()
        await self._broker.close()
        await self._shared.close()
        await self._lanes.close()
        await self._server.close()
        await self._tasks.close()
        if self.policy_keeper is not None:
            await self.policy_keeper.save_traffic(self._clock)
        await self.watch.close()
        await self._quotas.save(is_last=True)
        self._gateway.close()

    async def _open_gateway(self) -> None:
        if Role.GATEWAY not in self._options.roles:
            return
        if self._pool is not None:
            await self._pool.start()
            return
        await self._announcer.announce()
        self._tasks.start(self._announcer.run(), "announce the gateway")

    async def _serve(self, sockets: list[socket.socket], certificate: LiveCertificate | None) -> None:
        if certificate is None:
            await self._server.start(sockets)
            return
        self.certificate = certificate
        self.warnings += certificate.now.warnings
        await self._server.start(sockets, certificate.context)
        self._tasks.start(certificate.watch(), "watch the certificate")

    def _answer_stun(self, bound: list[list[socket.socket]], clock: Clock) -> None:
        if bound:
            self.stun = StunServer(bound, clock, os.urandom, counters=self._stun_counters)

    def _application(self) -> web.Application:
        app, roles = web.Application(), self._options.roles
        add_security_headers(app, is_encrypted=self.url.is_encrypted)
        sources = [] if self.url.is_encrypted else [self.url.origin]
        if Role.SITE in roles:
            app.add_routes(page_routes(sources, self._older_pages, self._numbers.count_old_widget))
            app.add_routes([totals_route(self.watch.totals, self._clock)])
        if roles & {Role.SITE, Role.GATEWAY}:
            app.add_routes(abuse_routes(self._options.contact, lambda: self._gateway.egress.policy.publisher))
        app.add_routes([web.get("/healthz", self._health), web.get("/metrics", self._metrics)])
        app.add_routes([web.route("*", path, self._answer_admin) for path in ("/admin", "/admin/{rest:.*}")])
        if Role.BROKER in roles:
            app.add_routes(self._broker.routes())
        if Role.GATEWAY in roles:
            app.add_routes(self._lanes.routes())
        return app

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "roles": self._roles()}, headers=_NO_STORE)

    def _roles(self) -> list[str]:
        return [*sorted(self._options.roles), *(["stun"] if self.stun is not None else [])]

    async def _counts(self) -> Counts:
        self._numbers.bridges_with_room = await self._broker.waiting()
        return self._numbers.counts()

    def _surroundings(self) -> Surroundings:
        held = self.certificate
        ends_s, trouble = (None, "") if held is None else (held.now.ends_s, held.trouble)
        return Surroundings(ends_s, trouble, self._shared.gone_s)

    async def _metrics(self, request: web.Request) -> web.Response:
        # Counts that anyone can watch would tell a censor, who sees a reader's packets, that a session began with them.
        if not asks_from_within(request):
            raise web.HTTPNotFound
        self._numbers.bridges_with_room = await self._broker.waiting()
        return web.Response(body=exposition(self._registry), headers={"Content-Type": CONTENT_TYPE, **_NO_STORE})

    async def _answer_admin(self, request: web.Request) -> web.StreamResponse:
        if not self._admin_token.is_set:
            raise web.HTTPNotFound
        if self._admin is None:
            # Who has no admin has nothing of it in memory.
            from unwalled.operator.admin.parts import new_admin

            self._admin = new_admin(self.admin_parts())
        return await self._admin.answer(request)

    def _places(self) -> list[GatewayPlace]:
        return [GatewayPlace(self._id, self._lanes_at, "", self._hub.session_count, self._is_draining)]

    def _carried(self) -> Carried:
        egress = self._gateway.counters
        return Carried(self._hub.task_count, egress.bytes_up + egress.bytes_down + egress.datagrams_down)

    def _share_spent(self, invite: bytes) -> None:
        # Not at once: it is a session of this invite that has just moved the last byte.
        asyncio.get_running_loop().call_soon(self._hub.end_sessions, invite)

    def _use_keys(self, keys: OperatorKeys) -> None:
        self._admission.keys = keys
        now, stun = self._clock.wall(), self._options.stun
        self._broker.use_keys(keys.broker_keys(now), ended_broker_keys(keys, now), keys.bundle(stun).encoded)
        self._hub.use_keys(keys.gateway_keys(now))


_NO_STORE = {"Cache-Control": "no-store"}


def _check_source(source: IPAddress) -> None:
    try:
        with socket.socket(socket.AF_INET if source.version == 4 else socket.AF_INET6) as probe:
            probe.bind((str(source), 0))
    except OSError as error:
        reason = "it is not one of this machine's" if error.errno == errno.EADDRNOTAVAIL else error.strerror
        raise ConfigurationError(
            f"Sites cannot be dialled from {source}: {reason}.", "Give an address of this machine with --egress-bind."
        ) from None
