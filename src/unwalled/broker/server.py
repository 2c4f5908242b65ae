"""The broker's HTTP side: ``POST /v1/match``, ``GET /v1/config`` and the bridges' WebSocket ``GET /v1/bridge``.

The broker carries no traffic and keeps no address: it hashes their prefixes under a key that ends with the process, or
with the day where several brokers share it.
docs/protocol/signalling.md says what each answer means.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from unwalled.broker.bridgeconfig import LiveConfig
from unwalled.broker.bridges import BridgeHub
from unwalled.broker.countries import Discretion, FindCountry
from unwalled.broker.directory import Directory
from unwalled.broker.limits import Prefixes, prefixes_of
from unwalled.broker.matching import Wanted
from unwalled.broker.matchmaker import Matchmaker
from unwalled.broker.metrics import BrokerMetrics
from unwalled.broker.naming import key_of_day, naming_secret
from unwalled.broker.peers import LocalPeers, Peers
from unwalled.broker.store import Action, Store, StoreAway, StoreFull
from unwalled.clock import Clock
from unwalled.crypto.envelope import is_sealed_to, open_request, request_enc, seal_reply
from unwalled.crypto.hpke import ClassicalPrivateKey, sha256
from unwalled.crypto.identity import BUNDLE_HASH_BYTES, RandomBytes
from unwalled.crypto.swarm import swarm_invite_id, swarm_tag
from unwalled.crypto.tokens import InviteTerms, TokenError, TokenExpired, TokenForeign
from unwalled.errors import CryptoError, SignallingError
from unwalled.settings import BROKER, SIGNALLING, BrokerLimits
from unwalled.tasks import TaskOwner
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import BridgeConfig, MatchReply, MatchRequest, Status, Why

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HASH_KEY_BYTES = 32
_TEXTS = {
    400: "This is not a request that this broker can open. Is the invite one of this operator's?",
    408: "The request did not arrive in time.",
    409: "This request was made before. Make a new one.",
    413: f"A request has at most {SIGNALLING.max_request_bytes} bytes.",
    429: "Too many requests come from this part of the network. Try again later.",
    503: "The broker is busy. Try again later.",
}


class _Answered(Exception):
    """Ends a request with an HTTP status; nothing of it could be, or was, sealed."""

    def __init__(self, status: int, reason: str, retry_after_s: float = 0.0, word: bytes = b"") -> None:
        """``word``: signed, in the place of a text."""
        super().__init__()
        self.word = word
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s


class Broker:
    """One broker, to be mounted into an aiohttp application. Make it while the event loop runs, close it at the end."""

    def __init__(
        self,
        *,
        key: ClassicalPrivateKey,
        check_token: Callable[[bytes], InviteTerms],
        store: Store,
        clock: Clock,
        random_bytes: RandomBytes,
        directory: Directory,
        bundle: bytes,
        config: BridgeConfig,
        naming_key: bytes,
        trusted_proxies: Sequence[Network] = (),
        find_country: FindCountry = lambda address: "",
        make_peers: Callable[[BridgeHub], Peers] = LocalPeers,
        prefix_key: bytes = b"",
        share_wait_s: Callable[[InviteTerms, bytes], float] = lambda terms, reader: 0.0,
        invite_for_swarm: Callable[[str], str] = lambda tag: "",
        limits: BrokerLimits = BROKER,
    ) -> None:
        """``check_token`` gives an invite's terms or raises TokenError. ``bundle`` is the encoded KeyBundle.

        ``share_wait_s`` says how long a reader has to wait for its invite's share: 0.0 = not at all.
        ``invite_for_swarm`` gives the invite of a private swarm by its tag; "" = private bridges are not taken.

        ``config`` is what bridges are told, with the gateways of ``directory``, where readers are sent; its
        ``allow_private`` holds for this broker, too. ``X-Forwarded-For`` is believed only from ``trusted_proxies``.
        ``naming_key`` (32 bytes) outlives restarts, so that readers' names do. ``find_country`` tells where a reader
        asks from, for bridges to show. ``make_peers``: the way to other brokers' bridges beside this one's.
        ``prefix_key``: under which several brokers hash prefixes; b"" = one that ends with the process.
        """
        self.metrics = BrokerMetrics()
        self._keys: Sequence[ClassicalPrivateKey] = (key,)
        self._ended: Mapping[bytes, bytes] = {}
        self._check_token = check_token
        self._share_wait_s = share_wait_s
        self._store = store
        self._clock = clock
        self._config = LiveConfig(config, directory, clock)
        self._bundle = bundle
        self._bundle_hash = sha256(bundle)[:BUNDLE_HASH_BYTES]
        self._trusted_proxies = tuple(trusted_proxies)
        self._find_country = find_country
        self._discretion = Discretion(limits)
        self._limits = limits
        self._naming_key = naming_key
        self._prefix_key = prefix_key
        self._hash_key = random_bytes(_HASH_KEY_BYTES)
        self._closing = False
        self._tasks = TaskOwner()
        self._reports: deque[LaneReport] = deque(maxlen=limits.max_reports_under_way)
        self._is_passing_on = False
        self._hub = BridgeHub(store, clock, random_bytes, self.metrics, limits, invite_for_swarm)
        self._matchmaker = Matchmaker(
            store,
            make_peers(self._hub),
            clock,
            random_bytes,
            directory,
            self.metrics,
            allow_private=config.allow_private,
            limits=limits,
        )

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.post("/v1/match", self._match),
            web.get("/v1/config", self._tell_config),
            web.get("/v1/bridge", self._bridge),
            web.get("/v1/asker", self._tell_asker),
        ]

    def use_keys(self, keys: Sequence[ClassicalPrivateKey], ended: Mapping[bytes, bytes], bundle: bytes) -> None:
        """From now on requests may be sealed to these, the newest first.

        ``ended``: for the names (SHA-256) of keys that are over, the signed word about that (crypto/rotation.py).
        """
        self._keys = tuple(keys)
        self._ended = dict(ended)
        self._bundle = bundle
        self._bundle_hash = sha256(bundle)[:BUNDLE_HASH_BYTES]

    async def waiting(self) -> int:
        """How many bridges have room."""
        return await self._store.waiting()

    def lane_reported(self, report: LaneReport) -> None:
        """The gateway's word about a lane. An unknown ticket does nothing. Call it in the event loop's thread.

        Reports are passed to the store one after another; past a bound of those that wait the oldest is dropped.
        """
        if self._closing:
            return
        self._reports.append(report)
        if not self._is_passing_on:
            self._is_passing_on = True
            self._tasks.start(self._pass_on(), "report lanes")

    async def knows_ticket(self, ticket: str) -> bool:
        """Whether a match of the last day was given this ticket. Its bridge may have left since."""
        return await self._store.bridge_of_ticket(ticket, self._clock.monotonic()) is not None

    async def close(self) -> None:
        """Turns new requests away and closes the bridges' sockets."""
        self._closing = True
        await self._hub.close()
        await self._tasks.close()

    async def _pass_on(self) -> None:
        try:
            while self._reports:
                await self._store.lane_reported(self._reports.popleft(), self._clock.monotonic())
        finally:
            self._is_passing_on = False

    async def _tell_config(self, request: web.Request) -> web.Response:
        config = await self._config.encoded()
        if config is None:
            return _plain(503, self._limits.retry_no_bridge_s)
        return web.Response(
            body=config,
            content_type="application/json",
            headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"},
        )

    async def _tell_asker(self, request: web.Request) -> web.Response:
        """Tells the asker, and nobody else, whom the broker takes it for."""
        return web.json_response({"v": 1, "address": self.address_of(request)}, headers={"Cache-Control": "no-store"})

    async def _bridge(self, request: web.Request) -> web.StreamResponse:
        if self._closing or self._hub.is_full:
            return _plain(503, self._limits.retry_no_bridge_s)
        address = self.address_of(request)

        def of_salt(salt: bytes) -> bytes:
            return naming_secret(self._naming_key, salt, address, self._clock.wall())

        return await self._hub.serve(request, self._prefixes(address), of_salt, self._find_country(address))

    async def _match(self, request: web.Request) -> web.Response:
        metrics = self.metrics
        if self._closing or metrics.requests_now >= self._limits.max_requests:
            metrics.refused["full"] += 1
            return _plain(503, self._limits.retry_no_bridge_s)
        metrics.requests_now += 1
        try:
            return web.Response(body=await self._reply(request), content_type="application/octet-stream")
        except _Answered as answered:
            metrics.refused[answered.reason] += 1
            if answered.word:
                return web.Response(status=answered.status, body=answered.word, content_type="application/octet-stream")
            return _plain(answered.status, answered.retry_after_s)
        finally:
            metrics.requests_now -= 1

    async def _reply(self, request: web.Request) -> bytes:
        address = self.address_of(request)
        prefixes = self._prefixes(address)
        wait_s = await self._store.take_for_prefixes(Action.MATCH, prefixes, self._clock.monotonic())
        if wait_s > 0.0:
            raise _Answered(429, "limited", wait_s)
        body = await self._read_body(request)
        try:
            asked = MatchRequest.decode(open_request(body, *self._keys))
            # A reply key that is none must not cost a match first.
            self._keys[0].check_peer(asked.reply_key)
        except (SignallingError, CryptoError):
            for name, word in self._ended.items():
                if is_sealed_to(body, name):
                    raise _Answered(410, "old_key", word=word) from None
            raise _Answered(400, "malformed") from None
        try:
            reply = await self._answer(asked, body, address, prefixes, lambda: _is_gone(request))
        except StoreAway:
            self.metrics.refused["store"] += 1
            reply = MatchReply(Status.NO_BRIDGE, self._limits.retry_no_bridge_s)
        # A reader whose clock is wrong learns it here, where no door can pretend.
        told = replace(reply, time_s=int(self._clock.wall()))
        return seal_reply(told.encode(), asked.reply_key, body)

    async def _read_body(self, request: web.Request) -> bytes:
        too_large = _Answered(413, "too_large")
        if (request.content_length or 0) > SIGNALLING.max_request_bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > SIGNALLING.max_request_bytes:
                        raise too_large
        except TimeoutError:
            raise _Answered(408, "slow") from None
        return bytes(body)

    async def _refuse_replay(self, body: bytes) -> None:
        try:
            is_new = await self._store.first_sight(request_enc(body), self._clock.monotonic())
        except StoreFull:
            raise _Answered(503, "full", self._limits.retry_no_bridge_s) from None
        if not is_new:
            raise _Answered(409, "replayed")

    async def _answer(
        self, asked: MatchRequest, body: bytes, address: str, prefixes: Prefixes, is_gone: Callable[[], bool]
    ) -> MatchReply:
        try:
            terms = self._check_token(asked.token)
            swarm = _swarm_of(asked, terms)
        except TokenExpired:
            self.metrics.refused["expired"] += 1
            return MatchReply(Status.EXPIRED)
        except TokenError:
            self.metrics.refused["foreign"] += 1
            return MatchReply(Status.REFUSED)
        # Only now: a withdrawn invite still opens requests to this broker, and must not fill the memory of them.
        await self._refuse_replay(body)
        invite = terms.id
        now = self._clock.monotonic()
        wait_s = await self._store.take_for_invite(invite, now)
        if wait_s > 0.0:
            self.metrics.refused["limited"] += 1
            return MatchReply(Status.LIMITED, retry_after_s=wait_s)
        if (wait_s := self._share_wait_s(terms, asked.reader)) > 0.0:
            self.metrics.refused["share"] += 1
            return MatchReply(Status.LIMITED, retry_after_s=wait_s, why=Why.SHARE)
        await self._store.reader_reported(invite, asked.reports, now)
        offers = tuple(range(len(asked.offers)))
        wanted = Wanted(
            asked.nat,
            offers,
            asked.spread,
            frozenset(asked.avoid),
            invite,
            asked.reader,
            swarm,
            prefixes=prefixes,
        )
        country = self._country(address)
        self.metrics.asked_from[country or "other"] += 1
        lanes = await self._matchmaker.match(wanted, asked.offers, is_gone, country)
        bundle = b"" if asked.bundle_hash == self._bundle_hash else self._bundle
        if not lanes:
            return MatchReply(Status.NO_BRIDGE, self._limits.retry_no_bridge_s, bundle=bundle)
        if asked.reader:
            self.metrics.helped(asked.reader)
        return MatchReply(Status.OK, lanes=tuple(lanes), bundle=bundle)

    def _prefixes(self, address: str) -> Prefixes:
        key = key_of_day(self._prefix_key, self._clock.wall()) if self._prefix_key else self._hash_key
        return prefixes_of(address, key)

    def _country(self, address: str) -> str:
        country = self._find_country(address)
        if not country:
            return ""
        # Under a key that stays: a network that got another name at midnight would count twice.
        network = prefixes_of(address, self._hash_key).narrow
        return country if self._discretion.may_tell(country, network, self._clock.monotonic()) else ""

    def address_of(self, request: web.Request) -> str:
        """Who really asks: the last address in the chain that is no trusted proxy's."""
        address = request.remote or ""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        for named in reversed(forwarded):
            if not named.strip() or not self._is_trusted(address):
                break
            address = named.strip()
        return address

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted_proxies)


def _swarm_of(asked: MatchRequest, terms: InviteTerms) -> str:
    """The tag of the only swarm whose bridges will do, or "". Raises TokenForeign when secret and token do not fit.

    The token of a swarm is given to whoever asks; it is worth nothing without the secret that its id is made from. An
    ordinary token finds everybody's bridges, and no private ones.
    """
    if not terms.is_swarm:
        if asked.swarm:
            raise TokenForeign
        return ""
    tag = swarm_tag(asked.swarm)
    if not asked.swarm or swarm_invite_id(tag) != terms.id:
        raise TokenForeign
    return tag


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _plain(status: int, retry_after_s: float = 0.0) -> web.Response:
    headers = {"Retry-After": str(math.ceil(retry_after_s))} if retry_after_s > 0.0 else {}
    return web.Response(status=status, text=_TEXTS[status] + "\n", headers=headers)
