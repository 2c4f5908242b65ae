"""Several gateways over one Redis: real processes, a real download through a rolling restart, and a killed one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.support.chain import PATIENCE_S, RunningBridge, became, running_reader
from tests.support.gateway_sites import run
from tests.support.programs import Command, failed, words
from tests.support.proxy_bench import BLOCK, MIB, ProxyUser, Reader, Writer, hang_up, raw_site
from tests.support.redis_server import RedisProcess
from unwalled.broker.gateways import GatewayPlace
from unwalled.broker.redis.connection import RedisServer
from unwalled.broker.redis.directory import RedisDirectory
from unwalled.errors import ConfigurationError
from unwalled.lanes.webrtc import ReactorStack
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.options import ListenAddress, OperatorOptions, Role, check_roles
from unwalled.operator.server import Operator

SIZE = 16 * MIB
DIGEST = hashlib.sha256(BLOCK * (SIZE // MIB)).hexdigest()


class Gateway:
    """A gateway in a process of its own."""

    def __init__(self, folder: Path, data: Path, redis: RedisProcess) -> None:
        shutil.copytree(data, folder)
        self.data = folder
        options = ["--roles", "gateway", "--listen", "127.0.0.1:0", "--data", str(folder), "--allow-private"]
        self.command = Command("operate", *options, environment={"UNWALLED_REDIS_URL": redis.url})
        self.ready = words(self.command.line("ready "))

    async def status(self, path: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(self.ready["url"] + path) as response:
            return response.status

    async def sessions(self) -> int:
        async with aiohttp.ClientSession() as session, session.get(self.ready["url"] + "/metrics") as response:
            lines = (await response.text()).splitlines()
        (line,) = (line for line in lines if line.startswith("unwalled_gateway_sessions "))
        return int(float(line.split()[1]))


async def holder_of(gateways: list[Gateway]) -> Gateway:
    """The one that holds the reader's session."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for gateway in gateways:
                if await gateway.sessions():
                    return gateway
            await asyncio.sleep(0.05)


def test_a_download_runs_through_a_rolling_restart_and_a_killed_gateway_hands_its_readers_on(tmp_path: Path) -> None:
    halves: asyncio.Queue[None] = asyncio.Queue()

    async def patient(reader: Reader, writer: Writer) -> None:
        for number in range(SIZE // MIB):
            if number == SIZE // MIB // 2:
                await halves.get()
            writer.write(BLOCK)
            await writer.drain()
        writer.write_eof()

    async def main(redis: RedisProcess) -> None:
        options = replace(over(redis, tmp_path), roles=frozenset((Role.BROKER, Role.SITE)))
        data = options.data
        operator, invite = await Operator.start(options)
        both = (asyncio.to_thread(Gateway, tmp_path / name, data, redis) for name in ("g1", "g2"))
        gateways = list(await asyncio.gather(*both))
        started = list(gateways)
        try:
            assert all("invite" not in gateway.ready for gateway in gateways)
            # Whoever looks up the address that a site saw finds a gateway.
            assert [await gateway.status("/abuse") for gateway in gateways] == [200, 200]
            async with asyncio.timeout(90), raw_site(patient) as port:
                bridge = RunningBridge(operator.url.text, ReactorStack)
                await bridge.ready()
                async with running_reader(invite) as (reader, at):
                    apps = ProxyUser(at, port, asyncio.Queue())

                    async def half() -> tuple[Reader, Writer, bytearray]:
                        source, sink = await apps.socks5(port, "127.0.0.1")
                        return source, sink, bytearray(await source.readexactly(SIZE // 2))

                    await asyncio.wait_for(reader.client.connected(), PATIENCE_S)
                    source, sink, got = await half()
                    first = await holder_of(gateways)
                    first.command.process.send_signal(signal.SIGTERM)
                    assert await asyncio.to_thread(first.command.warned, "No new readers are taken")
                    gateways.append(await asyncio.to_thread(Gateway, tmp_path / "g3", data, redis))
                    started.append(gateways[-1])
                    halves.put_nowait(None)
                    got += await source.read()
                    assert hashlib.sha256(got).hexdigest() == DIGEST
                    sink.close()
                    assert await asyncio.to_thread(first.command.ended) == 0
                    gateways.remove(first)

                    # The reader is connected again, to one that is there.
                    source, sink, _ = await half()
                    second = await holder_of(gateways)
                    os.kill(second.command.process.pid, signal.SIGKILL)
                    with pytest.raises(ConnectionResetError):
                        await source.read()
                    halves.put_nowait(None)
                    gateways.remove(second)
                    source, sink, got = await half()
                    halves.put_nowait(None)
                    got += await source.read()
                    assert hashlib.sha256(got).hexdigest() == DIGEST
                    assert await holder_of(gateways) in gateways

                    # What is withdrawn at the site is withdrawn everywhere.
                    book, copied = InviteBook(data), InviteBook(gateways[0].data)
                    book.revoke(invite.token[:8].hex())
                    await became(lambda: copied.is_revoked(invite.token[:8]), "the gateway hears of it")
                    for writer in apps.writers:
                        await hang_up(writer)
                await bridge.stop()
        finally:
            await operator.close()
            for gateway in started:
                gateway.command.__exit__(None, None, None)

    with_redis(main, fast=True)


def test_the_shared_list_follows_the_rules_of_the_table() -> None:
    async def main(redis: RedisProcess) -> None:
        server = RedisServer(redis.url)
        shared = RedisDirectory(server, base="{test}", naming_key=bytes(32))
        await server.start()
        try:
            one, two = (GatewayPlace(name, f"wss://{name}.example/v1/lane") for name in ("g1", "g2"))
            assert await shared.choose(b"anna") is None
            assert await shared.announce(one)
            assert await shared.choose(b"anna") == one
            assert await shared.announce(two)
            assert sorted(place.id for place in await shared.places()) == ["g1", "g2"]
            draining = GatewayPlace("g1", one.url, draining=True)
            assert await shared.announce(draining)
            assert await shared.choose(b"anna") == draining
            assert await shared.choose(b"boris") == two
            # Nobody clears up after the last gateway: all ends by itself.
            keys = await server.command("KEYS", "*")
            assert len(keys) == 6
            assert [key for key in keys if await server.command("PTTL", key) < 0] == []
            await shared.leave("g1")
            assert await shared.choose(b"anna") == two
            # What its server's clock says is over is over.
            await server.command("ZADD", "{test}:gateway-leases", 1, "g2")
            assert await shared.choose(b"anna") is None
            assert await shared.places() == []
        finally:
            await server.close()

    with_redis(main)


def test_a_part_of_an_operator_says_what_it_lacks(tmp_path: Path) -> None:
    options = ["--listen", "127.0.0.1:0", "--data", str(tmp_path / "none")]
    code, errors = failed("operate", "--roles", "gateway", *options)
    assert code != 0
    assert "needs the keys" in " ".join(errors)

    async def main() -> None:
        roles = frozenset((Role.BROKER, Role.SITE))
        with pytest.raises(ConfigurationError, match="nothing says where it meets the others"):
            await Operator.start(OperatorOptions(ListenAddress("127.0.0.1", 0), None, tmp_path / "data", roles=roles))

    run(main)
    with pytest.raises(ConfigurationError, match="not what an operator can be"):
        check_roles(["bridge"])


def test_a_start_that_fails_after_it_has_connected_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(*_: object) -> None:
        raise ConfigurationError("It cannot serve.", "Try again.")

    monkeypatch.setattr(Operator, "_serve", cannot)

    async def main(redis: RedisProcess) -> None:
        with pytest.raises(ConfigurationError, match="cannot serve"):
            await Operator.start(over(redis, tmp_path))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with_redis(main)


def test_an_operator_whose_store_is_gone_can_raise_the_alarm(tmp_path: Path) -> None:
    async def main(redis: RedisProcess) -> None:
        operator, _ = await Operator.start(over(redis, tmp_path))
        try:
            assert operator._surroundings().store_gone_s == 0.0
            redis.kill()
            await became(lambda: operator._surroundings().store_gone_s > 0.0, "the loss is told")
            redis.start()
            await became(lambda: operator._surroundings().store_gone_s == 0.0, "the return is told")
        finally:
            await operator.close()

    with_redis(main)


def over(redis: RedisProcess, folder: Path) -> OperatorOptions:
    (folder / "url").write_text(redis.url)
    (folder / "url").chmod(0o600)
    return OperatorOptions(
        ListenAddress("127.0.0.1", 0), None, folder / "data", allow_private=True, redis_file=folder / "url"
    )


def with_redis(act: Callable[[RedisProcess], Coroutine[None, None, None]], *, fast: bool = False) -> None:
    redis = RedisProcess()
    try:
        run(lambda: act(redis), fast=fast)
    finally:
        redis.close()
