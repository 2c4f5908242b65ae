"""Gateway workers: real processes, a real download through them while they are renewed, killed, and left alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.support.chain import PATIENCE_S, ReaderProgram, RunningBridge, became, running_reader
from tests.support.gateway_sites import run
from tests.support.programs import Command, children, words
from tests.support.proxy_bench import BLOCK, MIB, ProxyUser, Reader, Writer, hang_up, raw_site
from unwalled.broker.limits import Asker
from unwalled.errors import ConfigurationError
from unwalled.lanes.webrtc import ReactorStack
from unwalled.operator.options import ListenAddress, OperatorOptions
from unwalled.operator.server import Operator
from unwalled.operator.workers.pool import WorkerPool

SIZE = 24 * MIB
DIGEST = hashlib.sha256(BLOCK * (SIZE // MIB)).hexdigest()


class PatientSite:
    """Sends half of its bytes, and the rest when a test lets it."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()

    async def serve(self, reader: Reader, writer: Writer) -> None:
        for number in range(SIZE // MIB):
            if number == SIZE // MIB // 2:
                await self.may_go_on.wait()
            writer.write(BLOCK)
            await writer.drain()
        writer.write_eof()


@dataclass
class Scene:
    """An operator with two workers, a bridge, and a reader who is connected."""

    operator: Operator
    reader: ReaderProgram
    apps: ProxyUser
    site: PatientSite
    port: int

    @property
    def pool(self) -> WorkerPool:
        assert self.operator._pool is not None
        return self.operator._pool

    @property
    def holder(self) -> int:
        """The process that holds the reader's session."""
        (worker,) = (worker for worker in self.pool._workers.values() if worker.tally.sessions)
        return worker.process.pid

    async def half(self) -> tuple[Reader, Writer, bytearray]:
        """A download that has got the first half."""
        reader, writer = await self.apps.socks5(self.port, "127.0.0.1")
        got = bytearray(await reader.readexactly(SIZE // 2))
        await became(lambda: self.operator._hub.session_count == 1, "a worker tells of the session")
        return reader, writer, got


@asynccontextmanager
async def scene(data: Path) -> AsyncIterator[Scene]:
    options = OperatorOptions(ListenAddress("127.0.0.1", 0), None, data, allow_private=True, gateway_workers=2)
    operator, invite = await Operator.start(options)
    site = PatientSite()
    try:
        async with asyncio.timeout(60), raw_site(site.serve) as port:
            bridge = RunningBridge(operator.url.text, ReactorStack)
            await bridge.ready()
            async with running_reader(invite) as (reader, at):
                await asyncio.wait_for(reader.client.connected(), PATIENCE_S)
                apps = ProxyUser(at, port, asyncio.Queue())
                yield Scene(operator, reader, apps, site, port)
                for writer in apps.writers:
                    await hang_up(writer)
            await bridge.stop()
    finally:
        await operator.close()


async def numbers(operator: Operator) -> dict[str, float]:
    async with aiohttp.ClientSession() as session, session.get(operator.url.text + "/metrics") as response:
        lines = [line for line in (await response.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_a_download_runs_through_the_renewal_of_all_workers(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path / "data") as s:
            reader, writer, got = await s.half()
            before = s.pool.process_ids
            sessions = s.operator._hub.counters.sessions_opened
            renewal = asyncio.create_task(s.operator.renew_workers())
            await became(
                lambda: any(w.is_draining and w.process.pid == s.holder for w in s.pool._workers.values()),
                "the worker that holds the session drains",
            )
            s.site.may_go_on.set()
            got += await reader.read()
            assert hashlib.sha256(got).hexdigest() == DIGEST
            writer.close()
            await renewal
            assert not set(before) & set(s.pool.process_ids)
            assert len(s.pool.process_ids) == 2
            assert sessions == 1
            await became(lambda: s.operator._gateway.counters.bytes_down >= SIZE, "the counts of both are there")
            told = await numbers(s.operator)
            assert told['unwalled_egress_bytes_total{direction="down"}'] == SIZE
            assert told["unwalled_gateway_lanes_taken_total"] >= 1

    run(main, fast=True)


def test_a_worker_that_is_killed_is_replaced_and_its_readers_go_to_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with scene(tmp_path / "data") as s:
            reader, _, _ = await s.half()
            counters = s.operator._gateway.counters
            await became(lambda: counters.bytes_down >= SIZE // 2, "the worker tells what it has carried")
            carried = counters.bytes_down
            killed = s.holder
            os.kill(killed, signal.SIGKILL)
            # A reset is no end: an application must not take half of a file for all of it.
            with pytest.raises(ConnectionResetError):
                await reader.read()
            s.site.may_go_on.set()
            again, writer, got = await s.half()
            got += await again.read()
            assert hashlib.sha256(got).hexdigest() == DIGEST
            writer.close()
            await became(lambda: len(s.pool.process_ids) == 2, "another worker is there")
            assert killed not in s.pool.process_ids
            await became(lambda: counters.bytes_down >= carried + SIZE, "nothing is uncounted")
            assert [record.getMessage() for record in caplog.records if "SIGKILL" in record.getMessage()] == [
                "A gateway worker ended by itself (SIGKILL), and another one takes its place. Readers whose sessions "
                "it held make new ones; what they were loading was cut."
            ]

    run(main)


def test_lanes_of_no_worker_and_what_is_no_lane_are_turned_away(tmp_path: Path) -> None:
    async def main() -> None:
        options = OperatorOptions(ListenAddress("127.0.0.1", 0), None, tmp_path / "data", gateway_workers=2)
        operator, _ = await Operator.start(options)
        pool = operator._pool
        assert pool is not None
        try:
            (tag, *_) = pool._workers
            await operator._broker._store.keep_ticket(
                f"{tag}-known", "bridge", Asker(), asyncio.get_running_loop().time()
            )
            async with aiohttp.ClientSession() as session:
                for ticket in ("known", "w9-known", f"{tag}-unknown", f"{tag}-."):
                    async with session.get(f"{operator.url.text}/v1/lane/{ticket}") as response:
                        assert response.status == 404, ticket
                async with session.get(f"{operator.url.text}/v1/lane/{tag}-known") as response:
                    assert response.status == 400, "it is no request for a WebSocket"
                async with session.ws_connect(f"{operator.url.text}/v1/lane/{tag}-known") as socket:
                    await socket.send_bytes(b"nonsense")
                    message = await socket.receive(PATIENCE_S)
                    assert message.type is aiohttp.WSMsgType.BINARY, "the worker refuses it in its own words"
        finally:
            await operator.close()

    run(main, fast=True)


def test_a_worker_that_cannot_start_is_an_error_with_its_reason(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("")
    options = OperatorOptions(
        ListenAddress("127.0.0.1", 0), None, tmp_path / "data", policy=policy, gateway_workers=2, drain_s=0.1
    )

    async def main() -> None:
        operator, _ = await Operator.start(options)
        try:
            assert operator._pool is not None
            before = operator._pool.process_ids
            policy.write_text("what is this")
            with pytest.raises(ConfigurationError, match="policy"):
                await operator.renew_workers()
            assert operator._pool.process_ids == before, "the old ones go on"
        finally:
            await operator.close()

    run(main, fast=True)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_command_renews_on_sighup_and_its_workers_end_with_it_however_it_ends(tmp_path: Path) -> None:
    options = ["--listen", "127.0.0.1:0", "--data", str(tmp_path / "d"), "--gateway-workers", "2"]
    with Command("operate", *options) as command:
        words(command.line("ready "))
        first = set(children(command.process.pid))
        assert len(first) == 2
        command.process.send_signal(signal.SIGHUP)
        assert command.warned("All gateway workers are new ones now.")
        second = set(children(command.process.pid))
        assert len(second) == 2
        assert not first & second
        command.process.kill()
        command.process.wait(PATIENCE_S)

        async def all_end() -> None:
            await became(lambda: not any(map(is_alive, second)), "the workers end")

        asyncio.run(all_end())
