"""Datagrams take the way of the rules: over real sockets directly, over flows in memory through bridges."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.proxy_bench import until
from tests.support.ways import SITE, MemoryBridges
from unwalled.errors import OpenFailed, StreamReset
from unwalled.network.addresses import IPAddress
from unwalled.reader.chooser import ChoosingTunnel
from unwalled.rules.bounds import RulesLimits
from unwalled.rules.decisions import Decision
from unwalled.rules.memory import Sign
from unwalled.rules.modes import Reason, Way
from unwalled.tunnel.api import DatagramFlow, Stream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

HERE = ipaddress.ip_address("127.0.0.1")


@dataclass
class Guide:
    """A way for each host; what is not named goes through bridges."""

    ways: dict[str, Way] = field(default_factory=dict)
    judged: Decision | None = None

    def decide(self, target: Target) -> Decision:
        """See Guide."""
        return Decision(self.ways.get(target.host, Way.BRIDGES), Reason.UNLISTED)

    def judge(self, decision: Decision, addresses: Sequence[IPAddress]) -> Decision:
        """See Guide."""
        return self.judged if self.judged is not None else decision

    def learn(self, host: str, sign: Sign) -> None:
        """See Guide."""

    def doubt(self, host: str, sign: Sign) -> None:
        """See Guide."""


@dataclass
class Names:
    """The direct way, of which datagrams need only the look-up."""

    addresses: Sequence[IPAddress] = (HERE,)
    asked: list[str] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    async def look_up(self, target: Target) -> Sequence[IPAddress]:
        """See Direct."""
        self.asked.append(target.host)
        await self.hold.wait()
        if not self.addresses:
            raise OpenFailed(Code.NAME_UNKNOWN)
        return self.addresses

    async def dial(self, addresses: Sequence[IPAddress], port: int) -> Stream:
        """See Direct."""
        raise AssertionError("datagrams are not dialled")


class Scene:
    """A flow, and a socket of this machine that it may lead to."""

    def __init__(self, site: socket.socket, limits: RulesLimits) -> None:
        self.site = site
        self.port = int(site.getsockname()[1])
        self.bridges = MemoryBridges()
        self.guide = Guide()
        self.names = Names()
        self.names.hold.set()
        self.tunnel = ChoosingTunnel(self.bridges, self.names, self.guide, limits)

    async def open(self) -> DatagramFlow:
        """The application's end."""
        return await self.tunnel.open_datagrams()

    async def received(self) -> tuple[bytes, tuple[str, int]]:
        """What arrives at the socket."""
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recvfrom(self.site, 65536), 10)


@pytest.fixture
def site() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        yield sock


def scene(
    site: socket.socket, test: Callable[[Scene], Coroutine[Any, Any, None]], limits: RulesLimits | None = None
) -> None:
    """Runs a test with a scene."""

    async def main() -> None:
        async with asyncio.timeout(20):
            await test(Scene(site, limits or RulesLimits()))

    asyncio.run(main())


def test_through_bridges_and_back(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        flow = await s.open()
        assert s.bridges.flows == []
        flow.send(SITE, b"one")
        flow.send(SITE, b"two")
        await until(lambda: bool(s.bridges.flows))
        through = s.bridges.flows[0]
        await until(lambda: len(through.sent) == 2)
        flow.send(SITE, b"three")
        assert through.sent == [(SITE, b"one"), (SITE, b"two"), (SITE, b"three")]
        through.answers.put_nowait((SITE, b"answer"))
        assert await flow.receive() == (SITE, b"answer")
        assert s.names.asked == []
        flow.close()
        assert through.is_closed
        flow.send(SITE, b"late")
        with pytest.raises(StreamReset):
            await flow.receive()

    scene(site, test)


def test_what_would_be_tried_directly_goes_through_bridges(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways[SITE.host] = Way.DIRECT_FIRST
        flow = await s.open()
        flow.send(SITE, b"one")
        await until(lambda: bool(s.bridges.flows) and bool(s.bridges.flows[0].sent))
        assert s.names.asked == []
        flow.close()

    scene(site, test)


def test_directly_and_back_by_address_and_by_name(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways = {"127.0.0.1": Way.DIRECT, "site.test": Way.DIRECT}
        s.names.hold.clear()
        flow = await s.open()
        named = Target("site.test", s.port)
        flow.send(named, b"one")
        flow.send(named, b"two")
        flow.send(Target("127.0.0.1", s.port), b"zero")
        assert (await s.received())[0] == b"zero"
        s.names.hold.set()
        assert [(await s.received())[0] for _ in range(2)] == [b"one", b"two"]
        flow.send(named, b"three")
        payload, source = await s.received()
        assert payload == b"three"
        assert s.names.asked == ["site.test"]
        s.site.sendto(b"answer", source)
        assert await flow.receive() == (Target("127.0.0.1", s.port), b"answer")
        assert s.bridges.flows == []
        flow.close()
        flow.close()
        assert repr(flow) == "ChoosingFlow(…)"

    scene(site, test)


def test_nobody_answers_who_was_not_asked(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways["127.0.0.1"] = Way.DIRECT
        flow = await s.open()
        flow.send(Target("127.0.0.1", s.port), b"one")
        _, source = await s.received()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", 0))
            other.sendto(b"forged", ("127.0.0.1", source[1]))
        s.site.sendto(b"real", source)
        assert (await flow.receive())[1] == b"real"
        flow.close()

    scene(site, test)


def test_what_is_refused_goes_nowhere(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways = {"127.0.0.1": Way.REFUSED, "site.test": Way.DIRECT, "marker.test": Way.DIRECT}
        flow = await s.open()
        flow.send(Target("127.0.0.1", s.port), b"refused")
        s.guide.judged = Decision(Way.REFUSED, Reason.LOCAL)
        flow.send(Target("site.test", s.port), b"refused too")
        await until(lambda: s.names.asked == ["site.test"])
        s.guide.judged = None
        flow.send(Target("marker.test", s.port), b"marker")
        assert (await s.received())[0] == b"marker"
        assert s.bridges.flows == []
        flow.close()

    scene(site, test)


def test_a_name_with_listed_addresses_goes_through_bridges(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways["site.test"] = Way.DIRECT
        s.guide.judged = Decision(Way.BRIDGES, Reason.LIST)
        flow = await s.open()
        flow.send(Target("site.test", s.port), b"one")
        await until(lambda: bool(s.bridges.flows) and bool(s.bridges.flows[0].sent))
        assert s.bridges.flows[0].sent == [(Target("site.test", s.port), b"one")]
        flow.close()

    scene(site, test)


def test_rules_that_change_while_a_name_is_looked_up_hold_for_what_waits(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways["site.test"] = Way.DIRECT
        s.names.hold.clear()
        flow = await s.open()
        flow.send(Target("site.test", s.port), b"one")
        await until(lambda: bool(s.names.asked))
        s.guide.ways.clear()
        s.names.hold.set()
        await until(lambda: bool(s.bridges.flows) and bool(s.bridges.flows[0].sent))
        assert s.bridges.flows[0].sent == [(Target("site.test", s.port), b"one")]
        flow.close()

    scene(site, test)


def test_what_went_directly_goes_through_bridges_once_it_is_cut(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways["127.0.0.1"] = Way.DIRECT
        flow = await s.open()
        here = Target("127.0.0.1", s.port)
        flow.send(here, b"one")
        assert (await s.received())[0] == b"one"
        s.guide.ways.clear()
        s.tunnel.cut_direct()
        flow.send(here, b"two")
        await until(lambda: bool(s.bridges.flows) and bool(s.bridges.flows[0].sent))
        assert s.bridges.flows[0].sent == [(here, b"two")]
        flow.close()

    scene(site, test)


def test_names_that_lead_nowhere_are_dropped_and_addresses_without_a_way_skipped(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.guide.ways = {"site.test": Way.DIRECT, "other.test": Way.DIRECT}
        s.names.addresses = ()
        flow = await s.open()
        flow.send(Target("site.test", s.port), b"lost")
        await until(lambda: s.names.asked == ["site.test"])
        s.names.addresses = (ipaddress.ip_address("255.255.255.255"), HERE)
        flow.send(Target("other.test", s.port), b"found")
        assert (await s.received())[0] == b"found"
        flow.close()

    scene(site, test)


def test_without_bridges_datagrams_are_dropped_and_the_next_one_asks_again(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        s.bridges.failure = Code.NO_BRIDGE
        flow = await s.open()
        flow.send(SITE, b"lost")
        for _ in range(5):
            await asyncio.sleep(0)
        s.bridges.failure = None
        flow.send(SITE, b"two")
        await until(lambda: bool(s.bridges.flows) and bool(s.bridges.flows[0].sent))
        assert s.bridges.flows[0].sent == [(SITE, b"two")]
        s.bridges.flows[0].answers.put_nowait(None)
        await until(lambda: s.bridges.flows[0].is_closed)
        flow.send(SITE, b"three")
        await until(lambda: len(s.bridges.flows) == 2 and bool(s.bridges.flows[1].sent))
        flow.close()

    scene(site, test)


def test_bounds(site: socket.socket) -> None:
    async def test(s: Scene) -> None:
        names = [f"{number}.test" for number in range(40)]
        s.guide.ways = dict.fromkeys(names, Way.DIRECT)
        s.names.hold.clear()
        flow = await s.open()
        for name in names:
            flow.send(Target(name, s.port), name.encode())
        await until(lambda: len(s.names.asked) == 16)
        s.names.hold.set()
        got = {(await s.received())[0].decode() for _ in range(16)}
        assert got == set(names[:16])
        # Only the two latest destinations are remembered, so the others are asked for again.
        flow.send(Target(names[0], s.port), b"again")
        assert (await s.received())[0] == b"again"
        assert s.names.asked.count(names[0]) == 2
        flow.send(SITE, b"one")
        await until(lambda: bool(s.bridges.flows))
        for number in range(5):
            s.bridges.flows[0].answers.put_nowait((SITE, bytes([number])))
        await until(lambda: s.bridges.flows[0].answers.empty())
        assert [(await flow.receive())[1] for _ in range(3)] == [b"\x02", b"\x03", b"\x04"]
        flow.close()

    scene(site, test, RulesLimits(direct_datagram_hosts=2, datagrams_waiting=3))
