"""The gateway's way out over real sockets on loopback, with a reader's stream in memory."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import uvloop

from tests.support.fake_streams import FakeFlow, FakeStream
from unwalled.errors import OpenFailed, StreamReset
from unwalled.gateway import datagrams, dialler, egress
from unwalled.gateway.addresses import IPAddress
from unwalled.gateway.limits import SessionBudget
from unwalled.gateway.policy import EgressLimits, EgressPolicy, site_list
from unwalled.gateway.server import GatewayServer, SessionEgress
from unwalled.settings import GATEWAY
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

Site = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = ipaddress.ip_address("127.0.0.1")
OPEN = EgressPolicy(allow_private=True)
MIB = 1024 * 1024


class FakeResolver:
    """Names and what they have; an answer that is a list of lists gives the next one each time."""

    def __init__(self, names: dict[str, list[list[str]]] | None = None) -> None:
        self.names = names if names is not None else {}
        self.asked: list[str] = []

    async def resolve(self, name: str) -> Sequence[IPAddress]:
        self.asked.append(name)
        await asyncio.sleep(0)
        answers = self.names.get(name)
        if answers is None:
            raise OpenFailed(Code.NAME_UNKNOWN)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not answer:
            raise OpenFailed(Code.NAME_FAILED)
        return [ipaddress.ip_address(host) for host in answer]


def bounds(monkeypatch: pytest.MonkeyPatch, module: ModuleType, **values: Any) -> None:
    """Other bounds for one module and one test."""
    monkeypatch.setattr(module, "GATEWAY", replace(GATEWAY, **values))


def run(main: Callable[[], Coroutine[Any, Any, None]], *, fast: bool = False) -> None:
    """Runs with asyncio's own loop, or with the one that the program uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if fast else None) as runner:
        runner.run(main())


@asynccontextmanager
async def site(serve: Site) -> AsyncIterator[int]:
    """A site on loopback; gives its port, and closes what ``serve`` left open."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what it gets, then ends."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def cut(writer: asyncio.StreamWriter) -> None:
    """Closes with a reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def passage(
    port: int,
    host: str = "127.0.0.1",
    *,
    policy: EgressPolicy = OPEN,
    resolver: FakeResolver | None = None,
    session: SessionEgress | None = None,
) -> AsyncIterator[FakeStream]:
    """A stream that the gateway serves. At the end of the block it must have been ended by itself."""
    if session is None:
        session = GatewayServer(policy, resolver or FakeResolver()).new_handler()
    stream = FakeStream(Target.parse(host, port))
    task = asyncio.create_task(session.handle_stream(stream))
    try:
        yield stream
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()
    assert session.budget.open_streams == 0


async def refusal(port: int, host: str = "127.0.0.1", **how: Any) -> Code:
    """The code with which a stream is refused."""
    async with passage(port, host, **how) as stream:
        with pytest.raises(OpenFailed) as raised:
            await stream.reader.opened()
    return raised.value.code


@pytest.mark.parametrize("fast", [False, True])
def test_bytes_go_both_ways_and_each_side_can_finish_first(fast: bool) -> None:
    async def main() -> None:
        async with site(echo) as port, passage(port) as stream:
            await stream.reader.opened()
            await stream.reader.write(b"hello")
            assert await stream.reader.read() == b"hello"
            await stream.reader.write(b" and bye")
            stream.reader.finish()
            assert await stream.reader.read_all() == b" and bye"

        async def speaks_first_and_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"that is all")
            writer.write_eof()
            rest.set_result(await reader.read())

        rest = asyncio.get_running_loop().create_future()
        async with site(speaks_first_and_ends) as port, passage(port) as stream:
            assert await stream.reader.read_all() == b"that is all"
            await stream.reader.write(b"I still speak")
            stream.reader.finish()
        assert await rest == b"I still speak"

    run(main, fast=fast)


def test_early_data_waits_for_the_connection() -> None:
    async def main() -> None:
        async with site(echo) as port:
            session = GatewayServer(OPEN, FakeResolver()).new_handler()
            stream = FakeStream(Target.parse("127.0.0.1", port))
            await stream.reader.write(b"GET / ")
            stream.reader.finish()
            await session.handle_stream(stream)
            assert await stream.reader.read_all() == b"GET / "

    run(main)


@pytest.mark.parametrize("fast", [False, True])
def test_fifty_megabytes_both_ways_arrive_unchanged(fast: bool) -> None:
    size = 50 * MIB

    async def main() -> None:
        async def swap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async def take() -> None:
                while data := await reader.read(MIB):
                    arrived.update(data)

            async def give() -> None:
                for _ in range(size // MIB):
                    sent.update(block)
                    writer.write(block)
                    await writer.drain()
                writer.write_eof()

            async with asyncio.TaskGroup() as group:
                group.create_task(take())
                group.create_task(give())

        block = os.urandom(MIB)
        sent, arrived, uploaded, downloaded = (hashlib.sha256() for _ in range(4))
        async with site(swap) as port, passage(port) as stream, asyncio.TaskGroup() as group:

            async def upload() -> None:
                for n in range(size // 65536):
                    piece = block[n % 16 * 65536 :][:65536]
                    uploaded.update(piece)
                    await stream.reader.write(piece)
                stream.reader.finish()

            group.create_task(upload())
            total = 0
            while data := await stream.reader.read():
                downloaded.update(data)
                total += len(data)
        assert total == size
        assert downloaded.digest() == sent.digest()
        assert arrived.digest() == uploaded.digest()

    run(main, fast=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_a_sites_reset_reaches_the_reader_and_a_readers_reset_the_site(fast: bool) -> None:
    async def main() -> None:
        async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            cut(writer)

        async with site(cuts) as port, passage(port) as stream:
            await stream.reader.opened()
            await stream.reader.write(b"x")
            with pytest.raises(StreamReset) as raised:
                await stream.reader.read_all()
        assert raised.value.code is Code.CONNECTION_RESET

        async def notes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
                seen.set_result("an end")
            except ConnectionResetError:
                seen.set_result("a reset")

        seen = asyncio.get_running_loop().create_future()
        async with site(notes) as port, passage(port) as stream:
            await stream.reader.opened()
            await stream.reader.write(b"x")
            stream.reader.reset()
        assert await seen == "a reset"

    run(main, fast=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_what_a_site_said_before_it_cut_an_upload_is_read(fast: bool) -> None:
    async def main() -> None:
        async def refuses_the_upload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(10)
            writer.write(b"413 too large")
            await writer.drain()
            # Closing with bytes unread makes the system send a reset right behind the answer.

        async with site(refuses_the_upload) as port, passage(port) as stream, asyncio.TaskGroup() as group:

            async def upload() -> None:
                with pytest.raises(StreamReset):
                    await write_for_ever()

            async def write_for_ever() -> None:
                while True:
                    await stream.reader.write(bytes(65536))

            group.create_task(upload())
            assert await stream.reader.read() == b"413 too large"
            with pytest.raises(StreamReset) as raised:
                await stream.reader.read_all()
        assert raised.value.code is Code.CONNECTION_RESET

    run(main, fast=fast)


def test_each_failure_has_its_own_code() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        resolver = FakeResolver({"down.example": [[]], "site.example": [["127.0.0.1"]]})
        assert await refusal(port) is Code.CONNECTION_REFUSED
        assert await refusal(port, "site.example", resolver=resolver) is Code.CONNECTION_REFUSED
        assert await refusal(port, "nowhere.example", resolver=resolver) is Code.NAME_UNKNOWN
        assert await refusal(port, "down.example", resolver=resolver) is Code.NAME_FAILED
        assert await refusal(25) is Code.NOT_ALLOWED
        # The system refuses a TCP connection to a broadcast address as it does one without a route.
        assert await refusal(port, "255.255.255.255") in {Code.NETWORK_UNREACHABLE, Code.GENERAL}

    run(main)


def test_a_site_that_never_answers_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def silence(*_: object) -> None:
            await asyncio.get_running_loop().create_future()

        monkeypatch.setattr(dialler, "_connect", silence)
        assert await refusal(443) is Code.TIMED_OUT

    bounds(monkeypatch, egress, connect_timeout_s=0.05)
    run(main)


def test_a_reader_who_gives_up_ends_the_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        dialling, given_up = asyncio.Event(), asyncio.Event()

        async def silence(*_: object) -> None:
            dialling.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                given_up.set()

        monkeypatch.setattr(dialler, "_connect", silence)
        async with passage(443) as stream:
            await dialling.wait()
            stream.reader.reset()
        assert given_up.is_set()

    run(main)


HIDDEN = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "2002:7f00:1::",
    "fd00:ec2::254",
    "::",
]


@pytest.mark.parametrize("host", HIDDEN)
def test_private_addresses_are_refused_by_default_also_behind_a_name(host: str) -> None:
    async def main() -> None:
        async with site(echo) as port:
            resolver = FakeResolver({"intern.example": [[host]]})
            assert await refusal(port, host, policy=EgressPolicy()) is Code.NOT_ALLOWED
            assert await refusal(port, "intern.example", policy=EgressPolicy(), resolver=resolver) is Code.NOT_ALLOWED

    run(main)


def watch_connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each address that is dialled, and refuses it, so that nothing leaves the machine."""
    dialled: list[str] = []

    async def refuse(sock: socket.socket, host: str, port: int) -> None:
        dialled.append(host)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(dialler, "_connect", refuse)
    return dialled


def test_only_judged_addresses_are_dialled_and_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        dialled = watch_connects(monkeypatch)
        # A name that rebinds: public when it is judged, private when it would be asked again.
        resolver = FakeResolver({"rebind.example": [["8.8.8.8"], ["127.0.0.1"]]})
        code = await refusal(443, "rebind.example", policy=EgressPolicy(), resolver=resolver)
        assert code is Code.CONNECTION_REFUSED
        assert dialled == ["8.8.8.8"]
        assert resolver.asked == ["rebind.example"]
        code = await refusal(443, "rebind.example", policy=EgressPolicy(), resolver=resolver)
        assert code is Code.NOT_ALLOWED
        # A name with both: the private ones are left out.
        dialled.clear()
        resolver = FakeResolver({"mixed.example": [["127.0.0.1", "8.8.8.8", "::1", "::ffff:9.9.9.9"]]})
        await refusal(443, "mixed.example", policy=EgressPolicy(), resolver=resolver)
        assert dialled == ["8.8.8.8", "9.9.9.9"]

    run(main)


def test_a_publishers_gateway_dials_only_listed_sites_and_does_not_look_up_others() -> None:
    async def main() -> None:
        policy = EgressPolicy(publisher=True, allow=site_list(["example.org"]), exceptions=site_list(["127.0.0.1"]))
        names = {name: [["127.0.0.1"]] for name in ("www.example.org", "other.example")}
        resolver = FakeResolver(names)
        async with site(echo) as port:
            async with passage(port, "www.example.org", policy=policy, resolver=resolver) as stream:
                stream.reader.finish()
                assert await stream.reader.read_all() == b""
            assert await refusal(port, "other.example", policy=policy, resolver=resolver) is Code.NOT_ALLOWED
            assert await refusal(port, policy=policy, resolver=resolver) is Code.NOT_ALLOWED
        assert resolver.asked == ["www.example.org"]

    run(main)


def test_a_connection_that_turns_out_to_be_to_this_machine_is_cut() -> None:
    async def main() -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.set_result(await reader.read())

        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        class Careless(EgressPolicy):
            """Judges addresses like the real one, but takes loopback for a public network."""

            def check_address(self, address: IPAddress, own_addresses: Any = ()) -> Code | None:
                return Code.NOT_ALLOWED if address in own_addresses else None

        async with site(connected) as port:
            server = GatewayServer(Careless(), FakeResolver(), own_addresses=())
            assert await refusal(port, session=server.new_handler()) is Code.NOT_ALLOWED

    run(main)


@pytest.mark.parametrize("fast", [False, True])
def test_a_slow_reader_slows_the_site_and_memory_stays_bounded(fast: bool) -> None:
    async def main() -> None:
        async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.set_write_buffer_limits(0)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            while True:
                writer.write(bytes(65536))
                drain = asyncio.create_task(writer.drain())
                done, _ = await asyncio.wait({drain}, timeout=0.5)
                if not done and not stuck.is_set():
                    stuck.set()
                await drain

        stuck = asyncio.Event()
        async with site(floods) as port, passage(port) as stream:
            await stream.reader.opened()
            await stuck.wait()
            assert stream.down.held_bytes == stream.down.most_held_bytes <= 256 * 1024 + 256 * 1024
            for _ in range(100):
                assert await stream.reader.read()
            assert stream.down.most_held_bytes <= 512 * 1024
            stream.reader.reset()

    run(main, fast=fast)


def test_a_slow_site_slows_the_reader() -> None:
    async def main() -> None:
        async def takes_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await done.wait()

        done = asyncio.Event()
        async with site(takes_nothing) as port, passage(port) as stream:
            await stream.reader.opened()
            accepted = 0

            async def write_for_ever() -> None:
                nonlocal accepted
                while True:
                    # The wait is only how long we watch: what must hold is that the writer is stopped in the end.
                    async with asyncio.timeout(1):
                        await stream.reader.write(bytes(65536))
                    accepted += 65536

            with pytest.raises(TimeoutError):
                await write_for_ever()
            assert stream.up.most_held_bytes <= 256 * 1024 + 65536
            assert accepted < 64 * MIB
            stream.reader.reset()
            done.set()

    run(main)


def budgeted(**limits: Any) -> SessionEgress:
    """A session with these limits, at a gateway for tests."""
    policy = EgressPolicy(allow_private=True, limits=EgressLimits(**limits))
    return GatewayServer(policy, FakeResolver()).new_handler()


def test_limits_are_told_as_such() -> None:
    async def main() -> None:
        async with site(echo) as port:
            session = budgeted(streams=1)
            first = FakeStream(Target.parse("127.0.0.1", port))
            task = asyncio.create_task(session.handle_stream(first))
            await first.reader.opened()
            second = FakeStream(Target.parse("127.0.0.1", port))
            await session.handle_stream(second)
            assert second.cut_by is Code.LIMIT_REACHED
            first.reader.finish()
            await task
            third = FakeStream(Target.parse("127.0.0.1", port))
            third.reader.finish()
            await session.handle_stream(third)
            assert third.cut_by is None

            session = budgeted(connects_per_minute=1)
            assert await _one_round(port, session) == b"x"
            assert await refusal(port, session=session) is Code.LIMIT_REACHED

            session = budgeted(total_bytes=1000)
            async with passage(port, session=session) as stream:
                await stream.reader.write(bytes(600))
                with pytest.raises(StreamReset) as raised:
                    await stream.reader.read_all()
            assert raised.value.code is Code.LIMIT_REACHED
            assert await refusal(port, session=session) is Code.LIMIT_REACHED

    run(main)


async def _one_round(port: int, session: SessionEgress) -> bytes:
    async with passage(port, session=session) as stream:
        await stream.reader.write(b"x")
        stream.reader.finish()
        return await stream.reader.read_all()


def test_all_sessions_together_hold_no_more_sockets_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds(monkeypatch, egress, max_sockets=1)

    async def main() -> None:
        async with site(echo) as port:
            server = GatewayServer(OPEN, FakeResolver())
            async with passage(port, session=server.new_handler()) as stream:
                await stream.reader.opened()
                assert await refusal(port, session=server.new_handler()) is Code.LIMIT_REACHED
                stream.reader.finish()
            assert await _one_round(port, server.new_handler()) == b"x"

    run(main)


def test_a_rate_lets_everything_through_in_the_end() -> None:
    async def main() -> None:
        size = 200_000
        async with site(echo) as port:
            session = budgeted(bytes_per_second=400_000)
            started = asyncio.get_running_loop().time()
            async with passage(port, session=session) as stream:
                for _ in range(size // 10_000):
                    await stream.reader.write(bytes(10_000))
                stream.reader.finish()
                assert len(await stream.reader.read_all()) == size
            # A rate is a promise not to be faster; a slow machine may take longer.
            assert asyncio.get_running_loop().time() - started >= (size - 100_000 - 10_000) / 400_000

    run(main)


def test_an_idle_stream_is_cut() -> None:
    async def main() -> None:
        async with site(echo) as port:
            session = budgeted(idle_seconds=0.05)
            async with passage(port, session=session) as stream:
                with pytest.raises(StreamReset) as raised:
                    await stream.reader.read_all()
        assert raised.value.code is Code.TIMED_OUT

    run(main)


def test_a_cancelled_stream_is_reset_and_its_socket_closed() -> None:
    async def main() -> None:
        async def notes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
            finally:
                gone.set()

        gone = asyncio.Event()
        async with site(notes) as port:
            session = budgeted()
            stream = FakeStream(Target.parse("127.0.0.1", port))
            task = asyncio.create_task(session.handle_stream(stream))
            await stream.reader.opened()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert stream.cut_by is Code.CANCELLED
            assert session.budget.open_streams == 0
            await gone.wait()

    run(main)


@asynccontextmanager
async def datagram_site(stranger: socket.socket | None = None) -> AsyncIterator[int]:
    """Answers each datagram, empty ones too; before it, ``stranger`` sends one that nobody asked for."""
    loop = asyncio.get_running_loop()

    def answer() -> None:
        data, address = sock.recvfrom(65536)
        if stranger is not None:
            stranger.sendto(b"psst", address)
        sock.sendto(data, address)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        loop.add_reader(sock, answer)
        try:
            yield sock.getsockname()[1]
        finally:
            loop.remove_reader(sock)


@asynccontextmanager
async def flow_through(session: SessionEgress) -> AsyncIterator[FakeFlow]:
    """A flow that the gateway serves to its end."""
    flow = FakeFlow()
    task = asyncio.create_task(session.handle_datagrams(flow))
    try:
        yield flow
        flow.end()
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()
    assert flow.closed.is_set()
    assert session.budget.open_streams == 0


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


def test_nothing_that_is_read_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        hosts = {"secret.example": [["127.0.0.77"]], "hidden.example": [["127.0.0.1"]]}
        async with site(echo) as port, datagram_site() as udp_port:
            ports.extend((port, udp_port))
            # In its debug mode the event loop tells of every step. Only that of the gateway is of interest here.
            caplog.clear()
            loop.set_debug(True)
            loop.slow_callback_duration = 0
            server = GatewayServer(OPEN, FakeResolver(hosts))
            async with passage(port, "hidden.example", session=server.new_handler()) as stream:
                await stream.reader.write(b"the words")
                assert await stream.reader.read() == b"the words"
                stream.reader.finish()
            await refusal(port, "secret.example", session=server.new_handler())
            await refusal(port, "unknown.example", session=server.new_handler())
            async with flow_through(server.new_handler()) as flow:
                flow.ask(Target.parse("hidden.example", udp_port), b"the words")
                await flow.down.get()
            async with passage(port, session=server.new_handler()) as stream:
                await stream.reader.opened()
                stream.reader.reset()
            told.extend(record.getMessage() for record in caplog.records)

    ports: list[int] = []
    told: list[str] = []
    caplog.set_level(logging.DEBUG)
    run(main)
    # Left out is what the listening socket of the test's own site tells in debug mode.
    own = ("got a new connection", "_accept_connection", "<Server ")
    everything = "\n".join(text for text in told if not any(word in text for word in own))
    assert "Allow this only for tests" in everything
    assert "gateway up" in everything
    for word in ("secret", "hidden", "unknown.example", "127.0.0", "the words", *map(str, ports)):
        assert word not in everything


def test_reprs_hide_what_is_read() -> None:
    async def main() -> None:
        session = budgeted()
        assert isinstance(session.budget, SessionBudget)
        assert "127" not in repr(session)
        assert "127" not in repr(session.budget)
        assert "127" not in repr(Target.parse("127.0.0.1", 127))

    run(main)
