"""The gateway's streams over real sockets on loopback, with a reader's stream in memory."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
from typing import Any

import pytest

from tests.support.fake_streams import FakeStream
from tests.support.gateway_sites import (
    MIB,
    OPEN,
    FakeResolver,
    bounds,
    budgeted,
    cut,
    datagram_site,
    echo,
    flow_through,
    passage,
    refusal,
    run,
    site,
)
from unwalled.errors import OpenFailed, StreamReset
from unwalled.gateway import egress
from unwalled.gateway.limits import SessionBudget
from unwalled.gateway.policy import EgressPolicy, site_list
from unwalled.gateway.server import GatewayServer, SessionEgress
from unwalled.network import dialler
from unwalled.network.addresses import IPAddress
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


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
            all_read.set()

        all_read = asyncio.Event()
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
        await all_read.wait()
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


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0", "localhost."])
def test_odd_ways_to_name_this_machine_are_refused_by_what_the_system_makes_of_them(host: str) -> None:
    async def main() -> None:
        async with GatewayServer(EgressPolicy()) as server:
            with pytest.raises(OpenFailed) as refused:
                await server.egress.addresses_of(Target.parse(host, 80), server.egress.new_budget())
            assert refused.value.code is Code.NOT_ALLOWED

    run(main)


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

            def check_address(self, address: IPAddress, own_addresses: Any = (), port: int = 0) -> Code | None:
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
