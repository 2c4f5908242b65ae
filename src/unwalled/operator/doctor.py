"""Looks at a running operator from outside, as a bridge and a reader would, and says what is wrong in plain words.

Each look gives findings: what is well, what is doubtful, what is broken, with cause and remedy. A look that cannot mean
anything after an earlier one failed is left out. Everything is bounded in time, and nobody is asked but the operator
and the STUN servers that it names.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from urllib.parse import urlsplit

import aiohttp
import msgspec

from unwalled.bridge.operator import OperatorUrl, Rules, read_down
from unwalled.clock import Clock
from unwalled.errors import ConfigurationError, SignallingError
from unwalled.lanes.stun import find_nat, stun_asker, stun_place
from unwalled.operator.bounds import DOCTOR, OPERATOR, DoctorLimits
from unwalled.operator.options import PublicUrl
from unwalled.wire.invite import is_private_url
from unwalled.wire.signalling import Client, Hello, Nat, Ready

FORGED = "192.0.2.44"
"""An address that nobody has (RFC 5737), for a claim that must not be believed."""
_DAY_S = 86_400
_CERTIFICATE_TROUBLE = {
    10: ("The certificate is over.", "Renew it, and let the web server (or --cert) take the new one."),
    9: ("The certificate does not hold yet.", "Check the clocks of this machine and of the server."),
    18: ("The certificate was signed by nobody else.", "Get one that browsers take, such as Caddy does by itself."),
    19: ("The certificate's authority is not one that browsers know.", "Get one that browsers take."),
    20: (
        "The certificate's chain is not whole, or nobody knows its authority.",
        "Serve the chain along with it (fullchain.pem); some browsers would find it, readers would not.",
    ),
    62: ("The certificate is for another name.", "Get one for the name in the URL."),
    64: ("The certificate is for another address.", "Get one for the address in the URL."),
}
_CERTIFICATE_TROUBLE[21] = _CERTIFICATE_TROUBLE[20]


class _Health(msgspec.Struct):
    roles: list[str]


class _Asker(msgspec.Struct):
    address: str


class Outcome(Enum):
    """How a look came out."""

    GOOD = "ok"
    DOUBT = "doubt"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """``cause`` and ``remedy`` are whole sentences for a person; the remedy of what is good is empty."""

    subject: str
    outcome: Outcome
    cause: str
    remedy: str = ""

    @classmethod
    def good(cls, subject: str, words: str) -> Finding:
        """All is well."""
        return cls(subject, Outcome.GOOD, words)

    @classmethod
    def doubt(cls, subject: str, cause: str, remedy: str) -> Finding:
        """It works, and could be better or may be wrong."""
        return cls(subject, Outcome.DOUBT, cause, remedy)

    @classmethod
    def bad(cls, subject: str, cause: str, remedy: str) -> Finding:
        """Somebody cannot help or read because of it, or the operator is not safe."""
        return cls(subject, Outcome.BAD, cause, remedy)


class Doctor:
    """Examines one operator. ``examine`` gives findings as they are made; use it once."""

    def __init__(self, url: PublicUrl, clock: Clock, limits: DoctorLimits = DOCTOR, inside: str = "") -> None:
        """``inside``: where the operator itself listens, past the web server before it, as a URL; "" = not known."""
        self._url = url
        self._inside = inside
        self._clock = clock
        self._limits = limits
        parts = urlsplit(url.text)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if url.is_encrypted else 80)
        self._is_public = not is_private_url(url.text)
        self._rules: Rules | None = None

    async def examine(self) -> AsyncIterator[Finding]:
        """All looks, one after another. Cancelling is safe."""
        for look in (self._name, self._ports, self._tls):
            findings = [finding async for finding in look()]
            for finding in findings:
                yield finding
            if look != self._ports and any(finding.outcome is Outcome.BAD for finding in findings):
                return
        timeout = aiohttp.ClientTimeout(total=self._limits.answer_s)
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_refuse_to_follow)
        async with aiohttp.ClientSession(
            timeout=timeout, connector=connector, trust_env=False, trace_configs=[tracing]
        ) as session:
            self._session = session
            for look in (self._health, self._config, self._stun, self._asker, self._numbers, self._bridge_socket):
                findings = [finding async for finding in look()]
                for finding in findings:
                    yield finding
                if look in (self._health, self._config) and any(one.outcome is Outcome.BAD for one in findings):
                    return

    async def _name(self) -> AsyncIterator[Finding]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.answer_s):
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            yield Finding.bad(
                "name",
                f"{self._host} cannot be looked up.",
                "Give the name an A (and AAAA) record with this server's address.",
            )
            return
        self._addresses = list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))
        kinds = sorted({"IPv6" if family == socket.AF_INET6 else "IPv4" for family, _ in self._addresses})
        yield Finding.good("name", f"{self._host} has an address ({' and '.join(kinds)}).")
        if self._is_public and any(_is_private(address) for _, address in self._addresses):
            yield Finding.bad(
                "name",
                f"{self._host} leads to a private address, which nobody outside can reach.",
                "Change its record.",
            )

    async def _ports(self) -> AsyncIterator[Finding]:
        works = False
        for family, address in self._addresses:
            kind = "IPv6" if family == socket.AF_INET6 else "IPv4"
            try:
                async with asyncio.timeout(self._limits.answer_s):
                    _, writer = await asyncio.open_connection(address, self._port)
                writer.close()
                works = True
                yield Finding.good("port", f"TCP port {self._port} can be reached over {kind}.")
            except (OSError, TimeoutError) as error:
                reason = "it is closed" if isinstance(error, ConnectionRefusedError) else "nothing answers"
                if kind == "IPv6" and not _has_ipv6():
                    yield Finding.doubt(
                        "port", "This machine has no IPv6, so that was not tried.", "Try from another one."
                    )
                    continue
                yield Finding.bad(
                    "port",
                    f"TCP port {self._port} cannot be reached over {kind}: {reason}.",
                    "Start the web server or the operator there, let the port in through the firewall, or take the "
                    "record of that address away.",
                )
        self._is_reached = works

    async def _tls(self) -> AsyncIterator[Finding]:
        if not self._is_reached:
            yield Finding.bad("server", "The server cannot be reached at all.", "See above; nothing else can be tried.")
            return
        if not self._url.is_encrypted:
            if self._is_public:
                yield Finding.doubt(
                    "TLS", "The URL is http: whoever watches the network can see and change everything.", "Use https."
                )
            return
        try:
            async with asyncio.timeout(self._limits.answer_s):
                context = ssl.create_default_context()
                _, writer = await asyncio.open_connection(
                    self._host, self._port, ssl=context, server_hostname=self._host
                )
        except ssl.SSLCertVerificationError as error:
            cause, remedy = _CERTIFICATE_TROUBLE.get(
                error.verify_code, ("The certificate is not one that browsers take.", "Get another one.")
            )
            yield Finding.bad("TLS", cause, remedy)
            return
        except (OSError, TimeoutError):
            yield Finding.bad(
                "TLS",
                f"What answers on port {self._port} does not speak TLS as it must.",
                "Put a web server with TLS before the operator, or give it --cert and --key.",
            )
            return
        held = writer.get_extra_info("peercert") or {}
        writer.close()
        left_d = int((ssl.cert_time_to_seconds(str(held["notAfter"])) - self._clock.wall()) / _DAY_S)
        if left_d * _DAY_S < OPERATOR.certificate_soon_s:
            yield Finding.doubt("TLS", f"The certificate ends in {left_d} days.", "See why it was not renewed.")
        else:
            yield Finding.good("TLS", f"The certificate is good for {left_d} more days.")

    async def _health(self) -> AsyncIterator[Finding]:
        nonsense = Finding.bad(
            "operator",
            "What answers there is not an operator.",
            "Look where the web server passes requests on to (127.0.0.1:8080?), and that `unwalled operate` runs.",
        )
        try:
            async with self._get(f"{self._url.text}/healthz") as response:
                date, body = response.headers.get("Date", ""), await body_of(response)
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            yield nonsense
            return
        if status in (502, 503, 504):
            yield Finding.bad(
                "operator",
                f"The web server answers {status}: it does not reach the operator behind it.",
                "Start `unwalled operate`, and let the web server pass requests on to where it listens.",
            )
            return
        try:
            roles = msgspec.json.decode(body, type=_Health).roles if status == 200 else []
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            roles = []
        if "broker" not in roles:
            yield nonsense
            return
        yield Finding.good("operator", "An operator answers.")
        try:
            apart_s = parsedate_to_datetime(date).timestamp() - self._clock.wall()
        except ValueError:
            return
        if abs(apart_s) > self._limits.clock_s:
            yield Finding.doubt(
                "clock",
                f"The clocks of this machine and of the server are {abs(apart_s):.0f} s apart.",
                "Set the wrong one right (timedatectl); certificates and the last days of invites depend on it.",
            )
        else:
            yield Finding.good("clock", "The server's clock agrees with this machine's.")

    async def _config(self) -> AsyncIterator[Finding]:
        try:
            async with self._get(f"{self._url.text}/v1/config") as response:
                body = await body_of(response)
                is_open = response.headers.get("Access-Control-Allow-Origin") == "*"
            self._rules = Rules.read(body, OperatorUrl.parse(self._url.text))
        except (aiohttp.ClientError, OSError, TimeoutError, SignallingError, ConfigurationError):
            yield Finding.bad(
                "addresses",
                "What the operator tells bridges at /v1/config cannot be used.",
                "Give it the https URL by which it is reached, with --domain or --public-url, and start it again.",
            )
            return
        if not self._rules.bridge_socket.startswith(self._url.socket_base + "/"):
            yield Finding.bad(
                "addresses",
                "The operator tells bridges another address than the one that was given here.",
                f"If {self._url.text} is right, start it with --public-url {self._url.text}.",
            )
            return
        yield Finding.good("addresses", "Bridges are told this address.")
        if not is_open:
            yield Finding.bad(
                "addresses",
                "The web server takes the header Access-Control-Allow-Origin away, so other sites' pages cannot help.",
                "Let it pass the operator's headers on as they are.",
            )

    async def _stun(self) -> AsyncIterator[Finding]:
        assert self._rules is not None
        if not self._rules.stun:
            if self._is_public:
                yield Finding.bad(
                    "STUN",
                    "The operator names no STUN server, so most readers and bridges cannot meet.",
                    "Start it without --stun-listen off, or with --stun.",
                )
            return
        for url in self._rules.stun:
            place = stun_place(url)
            if place is None:
                continue
            host, port = place
            if not await _answers(host, port):
                yield Finding.bad(
                    "STUN",
                    f"UDP port {port} of {host} does not answer.",
                    "Let UDP in on that port through every firewall, or name only ports that are open (--stun-listen). "
                    "Through a CDN nothing comes: name the machine itself with --stun. A network that blocks UDP looks "
                    "the same: try from another one.",
                )
                continue
            yield Finding.good("STUN", f"UDP port {port} answers.")
        if await find_nat(self._rules.stun) is Nat.RESTRICTED:
            yield Finding.good(
                "STUN", "This network gives another port for each peer: from here, bridges are hard to meet."
            )

    async def _asker(self) -> AsyncIterator[Finding]:
        plain, forged = await self._address_of_asker({}), await self._address_of_asker({"X-Forwarded-For": FORGED})
        if plain is None or forged is None:
            yield Finding.doubt("visitors", "This operator is older and does not tell whom it sees.", "Upgrade it.")
            return
        yield judge_asker(plain, forged, is_public=self._is_public)

    async def _address_of_asker(self, headers: dict[str, str]) -> str | None:
        try:
            async with self._get(f"{self._url.text}/v1/asker", headers) as response:
                return msgspec.json.decode(await body_of(response), type=_Asker).address
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return None

    def _get(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Like a bridge it goes nowhere else when it is sent there."""
        return self._session.get(url, headers=headers, allow_redirects=False)

    async def _numbers(self) -> AsyncIterator[Finding]:
        """The counts, which are for the own network only; and what they tell to whoever is in it."""
        if self._inside:
            for finding in judge_descriptors(await self._metrics_at(self._inside) or ""):
                yield finding
        for finding in judge_numbers(await self._metrics_at(self._url.text), is_public=self._is_public):
            yield finding

    async def _metrics_at(self, base: str) -> str | None:
        """The text, or None when it is not shown."""
        try:
            async with self._get(f"{base}/metrics") as response:
                body = (await body_of(response)).decode(errors="replace")
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        return body if response.status == 200 and "unwalled_" in body else None

    async def _bridge_socket(self) -> AsyncIterator[Finding]:
        assert self._rules is not None
        remedy = "Let the web server pass WebSockets on (nginx: the headers Upgrade and Connection), without buffering."
        try:
            async with (
                asyncio.timeout(self._limits.answer_s),
                self._session.ws_connect(self._rules.bridge_socket) as channel,
            ):
                # A bridge without room, so that no reader is sent to it.
                await channel.send_str(Hello(1, Client.HEADLESS, Nat.UNKNOWN, 0, 0).encode())
                answer = read_down(await channel.receive_str())
        except aiohttp.WSServerHandshakeError as error:
            yield Finding.bad("WebSocket", f"It is not opened: the server answers {error.status}.", remedy)
            return
        except TimeoutError:
            yield Finding.bad("WebSocket", "It is opened, but messages do not come through.", remedy)
            return
        except (aiohttp.ClientError, OSError, TypeError, SignallingError):
            yield Finding.bad("WebSocket", "It is opened and cut again.", remedy)
            return
        if isinstance(answer, Ready):
            yield Finding.good("WebSocket", "A bridge can wait there: messages pass both ways.")
        else:
            yield Finding.doubt("WebSocket", "The broker takes no bridge just now.", "It may be full; look at its log.")


async def _refuse_to_follow(session: object, context: object, moved: aiohttp.TraceRequestRedirectParams) -> None:
    """aiohttp would open a WebSocket wherever it is sent to; a page, whose visitors are the bridges, does not."""
    answer = moved.response
    answer.close()
    raise aiohttp.WSServerHandshakeError(answer.request_info, answer.history, status=answer.status)


async def body_of(response: aiohttp.ClientResponse) -> bytes:
    """What was answered, up to a bound."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > DOCTOR.body_bytes:
            break
    return body


def judge_asker(plain: str, forged: str, *, is_public: bool) -> Finding:
    """What it means whom the operator takes for the asker, without and with a claim of being FORGED. Pure."""
    if forged == FORGED:
        return Finding.bad(
            "visitors",
            "Anybody can claim any address with X-Forwarded-For, so the limits for each network hold nobody back.",
            "Let the web server write that header anew (nginx: proxy_set_header X-Forwarded-For $remote_addr), or take "
            "--trusted-proxy away if there is none.",
        )
    if is_public and _is_private(plain):
        return Finding.bad(
            "visitors",
            "The operator takes everybody for the web server before it, so they share one network's limits.",
            "Let the web server set X-Forwarded-For, and name its address with --trusted-proxy.",
        )
    return Finding.good("visitors", "The operator sees who asks, and believes no claims.")


def judge_numbers(metrics: str | None, *, is_public: bool) -> list[Finding]:
    """What it means that /metrics is shown here (None = it is not), and what it tells. Pure."""
    if metrics is None:
        return [Finding.good("numbers", "/metrics is not for the public.")]
    findings = judge_descriptors(metrics)
    if is_public:
        cause = "Everybody can read /metrics, and so see when a reader's session begins."
        findings.append(Finding.bad("numbers", cause, "Let the web server set X-Forwarded-For, or refuse that path."))
    return findings


async def _answers(host: str, port: int) -> bool:
    """Whether a STUN server answers this machine, over one of its addresses."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        for family, _, _, _, address in found:
            async with stun_asker(family) as asker:
                if await asker.ask((str(address[0]), port)) is not None:
                    return True
    except (OSError, UnicodeError):
        pass
    return False


def judge_descriptors(metrics: str) -> list[Finding]:
    """What an operator's numbers say of its limit of open files. Pure."""
    for line in metrics.splitlines():
        name, _, value = line.partition(" ")
        if name == "process_max_fds":
            most = int(float(value))
            if most >= OPERATOR.max_connections + OPERATOR.max_connections // 2:
                return [Finding.good("open files", f"The operator may open {most} files.")]
            return [
                Finding.doubt(
                    "open files",
                    f"The operator may open {most} files, and each connection costs one.",
                    "Set LimitNOFILE=131072 in its unit, or nofile in the container.",
                )
            ]
    return []


def _is_private(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return True


def _has_ipv6() -> bool:
    """Whether this machine has a way to the IPv6 internet; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.connect(("2001:db8::1", 9))
    except OSError:
        return False
    return True
