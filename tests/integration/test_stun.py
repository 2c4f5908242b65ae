"""The operator's STUN server over real sockets: what it answers, to whom, how often; and libwebrtc, which asks it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import uvloop

from tests.support.chain import RunningBridge, became
from tests.support.nat import nat
from unwalled.clock import SystemClock
from unwalled.errors import ConfigurationError, StunError
from unwalled.lanes.bounds import NETWORK
from unwalled.lanes.stun import find_nat
from unwalled.lanes.webrtc import ReactorStack
from unwalled.operator.bounds import STUN, StunLimits
from unwalled.operator.options import ListenAddress, OperatorOptions, PublicUrl
from unwalled.operator.server import Operator
from unwalled.operator.state import require_state
from unwalled.operator.stun import StunServer, bind_stun, close_all, stun_urls
from unwalled.wire.description import varies_ports
from unwalled.wire.signalling import Nat
from unwalled.wire.stun import SeenAddress, decode_answer, encode_request

HERE = ListenAddress("127.0.0.1", 0)
PATIENCE_S = 10.0


class FrozenClock(SystemClock):
    """Stands still, so that what a limit takes does not come back."""

    def monotonic(self) -> float:
        return 1000.0


@dataclasses.dataclass
class Served:
    """A server and its ports on one address."""

    server: StunServer
    ports: list[int]

    def count(self, outcome: str) -> int:
        return self.server.counters.requests[outcome]


def with_server(
    use: Callable[[Served], Awaitable[None]],
    *,
    places: tuple[ListenAddress, ...] = (HERE,),
    limits: StunLimits = STUN,
    clock: SystemClock | None = None,
) -> None:
    async def main() -> None:
        bound = bind_stun(places)
        server = StunServer(bound, clock or SystemClock(), os.urandom, limits)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await use(Served(server, [sockets[0].getsockname()[1] for sockets in bound]))
        finally:
            server.close()
            server.close()

    asyncio.run(main())


class Asker:
    """One UDP socket of somebody who asks."""

    def __init__(self, host: str = "127.0.0.1", family: int = socket.AF_INET) -> None:
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((host, 0))
        self.name = SeenAddress(*self.sock.getsockname()[:2])

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    async def say(self, data: bytes, host: str, port: int) -> tuple[bytes, tuple[str, int]]:
        """Sends something; the next datagram that comes, and from where."""
        self.sock.sendto(data, (host, port))
        return await self.hear()

    async def hear(self) -> tuple[bytes, tuple[str, int]]:
        data, source = await asyncio.get_running_loop().sock_recvfrom(self.sock, 2048)
        return data, source[:2]

    async def ask(self, host: str, port: int, *, change_port: bool = False) -> tuple[SeenAddress, tuple[str, int]]:
        """What the server says, and from where it said it."""
        transaction = os.urandom(12)
        data, source = await self.say(encode_request(transaction, change_port=change_port), host, port)
        return decode_answer(data, transaction), source


def test_each_asker_is_told_the_own_address() -> None:
    async def use(served: Served) -> None:
        for _ in range(3):
            with Asker() as asker:
                assert await asker.ask("127.0.0.1", served.ports[0]) == (asker.name, ("127.0.0.1", served.ports[0]))
        assert served.server.counters.requests == {"answered": 3}

    with_server(use)


def test_over_ipv6_too() -> None:
    async def use(served: Served) -> None:
        with Asker("::1", socket.AF_INET6) as asker:
            assert (await asker.ask("::1", served.ports[0]))[0] == asker.name

    with_server(use, places=(ListenAddress("::1", 0),))


def test_on_all_addresses_an_answer_leaves_from_the_one_that_was_asked() -> None:
    async def use(served: Served) -> None:
        for host in ("127.0.0.1", "127.0.0.9"):
            with Asker() as asker:
                seen, source = await asker.ask(host, served.ports[0])
                assert (seen, source) == (asker.name, (host, served.ports[0]))
                seen, source = await asker.ask(host, served.ports[0], change_port=True)
                assert (seen, source) == (asker.name, (host, served.ports[1]))

    with_server(use, places=(ListenAddress("", 0), ListenAddress("", 0)))


def test_who_asks_for_the_other_port_is_answered_from_there_or_told_that_there_is_none() -> None:
    async def with_two(served: Served) -> None:
        with Asker() as asker:
            for mine, other in (served.ports, reversed(served.ports)):
                assert (await asker.ask("127.0.0.1", mine, change_port=True))[1] == ("127.0.0.1", other)

    async def with_one(served: Served) -> None:
        with Asker() as asker, pytest.raises(StunError):
            await asker.ask("127.0.0.1", served.ports[0], change_port=True)
        assert served.count("refused") == 1

    with_server(with_two, places=(HERE, HERE))
    with_server(with_one)


def test_what_is_no_request_gets_no_answer_and_harms_nothing() -> None:
    async def use(served: Served) -> None:
        with Asker() as asker:
            nonsense = [
                b"",
                b"\0" * 20,
                os.urandom(200),
                bytes(1400),
                encode_request(bytes(12))[:-1],
                b"\1\1" + bytes(18),
            ]
            for data in nonsense:
                asker.sock.sendto(data, ("127.0.0.1", served.ports[0]))
            # The first answer that comes is the one to the only request.
            assert (await asker.ask("127.0.0.1", served.ports[0]))[0] == asker.name
            assert served.count("malformed") == len(nonsense)

    with_server(use)


def test_a_request_that_must_be_understood_and_is_not_gets_an_error() -> None:
    async def use(served: Served) -> None:
        with Asker() as asker:
            request = bytes.fromhex("000100042112a442") + bytes(12) + bytes.fromhex("77770000")
            data, _ = await asker.say(request, "127.0.0.1", served.ports[0])
            assert data[:2] == b"\x01\x11"
            assert served.count("refused") == 1

    with_server(use)


def test_one_network_cannot_have_more_answers_than_its_share_and_others_still_get_theirs() -> None:
    limits = dataclasses.replace(STUN, prefix_burst=5.0)

    async def use(served: Served) -> None:
        with Asker() as greedy, Asker("127.0.7.1") as other:
            for _ in range(20):
                greedy.sock.sendto(encode_request(bytes(12)), ("127.0.0.1", served.ports[0]))
            await became(lambda: served.count("limited") == 15, "the network's share is used up")
            assert (await other.ask("127.0.0.1", served.ports[0]))[0] == other.name
            assert served.count("answered") == 6

    with_server(use, limits=limits, clock=FrozenClock())


def test_a_flood_is_left_to_the_system_and_the_server_goes_on_afterwards() -> None:
    limits = dataclasses.replace(STUN, burst=10.0, per_s=100.0, rest_s=0.01, batch=4)

    async def use(served: Served) -> None:
        with Asker() as asker:
            for _ in range(100):
                asker.sock.sendto(encode_request(bytes(12)), ("127.0.0.1", served.ports[0]))
            await became(lambda: served.server._resting is not None, "it rests")
            assert served.server.counters.requests.total() < 100
            await became(lambda: served.count("answered") == 100, "all are answered, one after another")

    with_server(use, limits=limits)


def test_ports_that_are_taken_are_said_with_the_option_to_change() -> None:
    taken = bind_stun([HERE])
    try:
        port = taken[0][0].getsockname()[1]
        with pytest.raises(ConfigurationError, match=r"Another program listens .* --stun-listen"):
            bind_stun([HERE, ListenAddress("127.0.0.1", port)])
    finally:
        close_all(taken)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://bridge.example.org/sub", "bridge.example.org"),
        ("https://bridge.example.org:8443", "bridge.example.org"),
        ("http://[::1]:8080", "[::1]"),
    ],
)
def test_the_own_ports_are_told_by_the_public_name(url: str, host: str) -> None:
    bound = bind_stun([HERE, HERE])
    try:
        ports = [sockets[0].getsockname()[1] for sockets in bound]
        assert stun_urls(PublicUrl.parse(url), bound) == tuple(f"stun:{host}:{port}" for port in ports)
    finally:
        close_all(bound)


def test_an_operator_names_its_own_ports_to_all_who_ask(tmp_path: Path) -> None:
    async def main() -> None:
        operator, invite = await Operator.start(OperatorOptions(HERE, None, tmp_path, stun_listen=(HERE, HERE)))
        try:
            assert len(invite.stun) == 2
            assert require_state(tmp_path)[1].stun == list(invite.stun)
            async with aiohttp.ClientSession() as session:
                async with session.get(operator.url.text + "/v1/config") as response:
                    assert (await response.json())["stun"] == list(invite.stun)
                async with session.get(operator.url.text + "/healthz") as response:
                    assert "stun" in (await response.json())["roles"]
                with Asker() as asker:
                    for url in invite.stun:
                        _, host, port = url.split(":")
                        assert (await asker.ask(host, int(port)))[0] == asker.name
                async with session.get(operator.url.text + "/metrics") as response:
                    text = await response.text()
                    assert 'unwalled_stun_requests_total{outcome="answered"} 2.0' in text
                    assert "127.0.0.1" not in text
        finally:
            await operator.close()
        # The ports are free again.
        close_all(bind_stun([ListenAddress("127.0.0.1", int(url.split(":")[2])) for url in invite.stun]))

    asyncio.run(main())


def test_other_servers_are_named_when_the_operator_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        options = OperatorOptions(HERE, None, tmp_path, stun=("stun:stun.example.org:3478",), stun_listen=(HERE,))
        operator, invite = await Operator.start(options)
        await operator.close()
        assert invite.stun == ("stun:stun.example.org:3478",)

    asyncio.run(main())


@pytest.mark.parametrize("varies", [False, True])
def test_libwebrtc_finds_its_outer_address(varies: bool) -> None:
    async def use(served: Served) -> None:
        async with nat([("127.0.0.1", port) for port in served.ports], varies=varies) as way:
            stack = ReactorStack(tuple(f"stun:127.0.0.1:{port}" for port in way.doors))
            try:
                offer = await stack.offer()
                candidates = [line.split() for line in offer.description.candidates]
                found = {int(words[5]) for words in candidates if words[7] == "srflx"}
                # Behind a NAT that varies its ports the two servers see two from each of the machine's addresses.
                assert found
                assert found <= way.outside
                assert varies_ports(offer.description.candidates) is varies
                offer.close()
            finally:
                await stack.aclose()

    with_server(use, places=(HERE, HERE))


QUICK = dataclasses.replace(NETWORK, tries=2, wait_s=0.2)


@pytest.mark.parametrize("runner", [asyncio.Runner, lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop)])
def test_the_class_of_a_network_is_found(runner: Callable[[], asyncio.Runner]) -> None:
    async def main() -> None:
        bound = bind_stun((HERE, HERE))
        server = StunServer(bound, SystemClock(), os.urandom)
        places = [("127.0.0.1", port) for port in server.ports]

        async def found(ports: list[int]) -> Nat:
            return await find_nat([f"stun:127.0.0.1:{port}" for port in ports], QUICK)

        try:
            # Nothing in between: an answer from the other port comes in.
            assert await found(server.ports) is Nat.UNRESTRICTED
            async with nat(places, varies=True) as way:
                assert await found(way.doors) is Nat.RESTRICTED
            # One port for all peers, but only those get in to whose port somebody wrote.
            async with nat(places) as way:
                assert await found(way.doors) is Nat.UNKNOWN
            # One port, none, one that is dead, and servers that are not asked over UDP.
            assert await found(server.ports[:1]) is Nat.UNKNOWN
            assert await found([]) is Nat.UNKNOWN
            assert await found([server.ports[0], 9]) is Nat.UNKNOWN
            assert await find_nat(["stun:nobody.invalid:1", "stun:nobody.invalid:2"], QUICK) is Nat.UNKNOWN
            urls = [f"stun:127.0.0.1:{port}?transport=tcp" for port in server.ports]
            assert await find_nat(urls, QUICK) is Nat.UNKNOWN
        finally:
            server.close()

    with runner() as one:
        one.run(main())


def test_a_headless_bridge_tells_the_broker_the_class_of_its_network(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S):
            operator, _ = await Operator.start(OperatorOptions(HERE, None, tmp_path, stun_listen=(HERE, HERE)))
            bridge = RunningBridge(operator.url.text, ReactorStack)
            try:
                await bridge.ready()
                assert bridge.bridge._nat is Nat.UNRESTRICTED
                assert operator.stun is not None
                assert operator.stun.counters.requests == {"answered": 3}
            finally:
                await bridge.stop()
                await operator.close()

    asyncio.run(main())
