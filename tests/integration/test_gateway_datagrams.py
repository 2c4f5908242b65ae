"""The gateway's datagrams over real sockets on loopback, with a reader's flow in memory."""

from __future__ import annotations

import socket

import pytest

from tests.support.fake_streams import FakeFlow
from tests.support.gateway_sites import (
    OPEN,
    FakeResolver,
    bounds,
    budgeted,
    datagram_site,
    flow_through,
    run,
)
from unwalled.gateway import datagrams
from unwalled.gateway.policy import EgressPolicy
from unwalled.gateway.server import GatewayServer
from unwalled.wire.address import Target


@pytest.mark.parametrize("fast", [False, True])
def test_datagrams_are_answered_to_names_and_addresses(fast: bool) -> None:
    async def main() -> None:
        async with datagram_site() as port:
            resolver = FakeResolver({"udp.example": [["127.0.0.1"]]})
            session = GatewayServer(OPEN, resolver).new_handler()
            async with flow_through(session) as flow:
                here = Target.parse("127.0.0.1", port)
                for target in (here, Target.parse("udp.example", port)):
                    for payload in (b"one", b"", bytes(60_000)):
                        flow.ask(target, payload)
                        assert await flow.down.get() == (here, payload)
            assert resolver.asked == ["udp.example"]

    run(main, fast=fast)


def test_datagrams_from_strangers_are_dropped() -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            async with datagram_site(stranger) as port:
                server = GatewayServer(OPEN, FakeResolver())
                async with flow_through(server.new_handler()) as flow:
                    for payload in (b"one", b"two"):
                        flow.ask(Target.parse("127.0.0.1", port), payload)
                        assert (await flow.down.get())[1] == payload
                    # Once asked, the other address may answer too.
                    flow.ask(Target.parse("127.0.0.2", stranger.getsockname()[1]), b"hello")
                    flow.ask(Target.parse("127.0.0.1", port), b"three")
                    assert {(await flow.down.get())[1] for _ in range(2)} == {b"psst", b"three"}
                assert server.counters.datagrams_dropped == 2

    run(main)


def test_datagrams_keep_to_the_policy() -> None:
    async def main() -> None:
        async with datagram_site() as port:
            resolver = FakeResolver({"intern.example": [["127.0.0.1"]]})
            server = GatewayServer(EgressPolicy(), resolver)
            async with flow_through(server.new_handler()) as flow:
                for host in ("127.0.0.1", "::ffff:127.0.0.1", "::1", "intern.example"):
                    flow.ask(Target.parse(host, port), b"x")
                flow.end()
            assert flow.down.empty()
            assert (server.counters.datagrams_up, server.counters.datagrams_down) == (0, 0)
            assert server.counters.datagrams_dropped >= 3

            closed = FakeFlow()
            await GatewayServer(EgressPolicy(datagrams=False)).new_handler().handle_datagrams(closed)
            assert closed.closed.is_set()

    run(main)


def test_a_flow_ends_when_idle_or_when_the_session_has_used_its_bytes() -> None:
    async def main() -> None:
        flow = FakeFlow()
        await budgeted(idle_seconds=0.02).handle_datagrams(flow)
        assert flow.closed.is_set()
        async with datagram_site() as port:
            session = budgeted(total_bytes=100)
            flow = FakeFlow()
            for _ in range(3):
                flow.ask(Target.parse("127.0.0.1", port), bytes(60))
            await session.handle_datagrams(flow)
            assert flow.closed.is_set()
            assert session.budget.spent

    run(main)


def test_many_destinations_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds(monkeypatch, datagrams, flow_destinations=2, flow_waiting_names=1)

    async def main() -> None:
        async with datagram_site() as port:
            names = {f"{n}.example": [["127.0.0.1"]] for n in range(20)}
            server = GatewayServer(OPEN, FakeResolver(names))
            async with flow_through(server.new_handler()) as flow:
                for n in range(20):
                    # All but the first arrive while a name is being looked up and must not pile up.
                    flow.ask(Target.parse(f"{n}.example", port), b"x")
                assert (await flow.down.get())[1] == b"x"
                for n in range(5):
                    flow.ask(Target.parse(f"127.0.0.{n + 3}", port), b"into the void")
                flow.ask(Target.parse("127.0.0.1", port), b"y")
                assert (await flow.down.get())[1] == b"y"
            assert server.counters.datagrams_dropped == 19

    run(main)
