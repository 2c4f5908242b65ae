"""The connection to a real server: order, scripts, messages, and what happens while the server is gone."""

from __future__ import annotations

import asyncio
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker_scene import eventually
from tests.support.redis_server import RedisProcess
from unwalled.broker.redis.bounds import RedisLimits
from unwalled.broker.redis.connection import RedisServer, Script
from unwalled.broker.store import StoreAway
from unwalled.errors import ConfigurationError

QUICK = RedisLimits(first_pause_s=0.01, longest_pause_s=0.02)


@pytest.fixture(name="process")
def _process() -> Iterator[RedisProcess]:
    process = RedisProcess()
    yield process
    process.close()


class Told(Script):
    """A script from a text."""

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


APPEND = Told("redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('LRANGE', KEYS[1], 0, -1)")


def play(act: Callable[[RedisServer], Coroutine[Any, Any, None]], url: str, limits: RedisLimits = QUICK) -> None:
    async def main() -> None:
        server = RedisServer(url, limits)
        server.add_script(APPEND)
        try:
            async with asyncio.timeout(60):
                await act(server)
        finally:
            await server.close()

    asyncio.run(main())


def test_calls_that_come_together_run_in_their_order(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        await server.start()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(server.run(APPEND, ["list"], [number])) for number in range(600)]
        assert tasks[-1].result() == [b"%d" % number for number in range(600)]
        assert [len(task.result()) for task in tasks] == list(range(1, 601))

    play(act, process.url)


def test_a_server_that_forgot_its_scripts_is_told_them_again(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        await server.start()
        await server.command("SCRIPT", "FLUSH")
        assert await server.run(APPEND, ["list"], ["a"]) == [b"a"]

    play(act, process.url)


def test_a_message_comes_to_who_subscribed_and_is_counted(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        heard: list[bytes] = []
        server.subscribe("mine", heard.append)
        await server.start()
        assert await server.publish("mine", b"\x00news") == 1
        assert await server.publish("nobody's", b"news") == 0
        await eventually(lambda: heard == [b"\x00news"])

    play(act, process.url)


def test_a_quiet_subscription_is_kept(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        heard: list[bytes] = []
        server.subscribe("mine", heard.append)
        await server.start()
        # Long enough for several pings to be asked and answered.
        pings = re.compile(rb"cmdstat_ping:calls=(?:[3-9]|[1-9][0-9])")
        await eventually(lambda: pings.search(process.say("INFO", "commandstats")) is not None)
        assert server.losses == 0
        assert await server.publish("mine", b"news") == 1
        await eventually(lambda: heard == [b"news"])

    play(act, process.url, RedisLimits(listen_ping_s=0.02))


def test_while_the_server_is_gone_each_call_says_so_and_all_comes_back(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        heard: list[bytes] = []
        returns: list[bool] = []

        async def returned() -> None:
            returns.append(server.is_up)

        server.subscribe("mine", heard.append)
        server.on_return(returned)
        await server.start()
        await eventually(lambda: returns == [True])
        assert server.gone_s == 0.0
        process.kill()
        await eventually(lambda: not server.is_up)
        await eventually(lambda: server.gone_s > 0.0)
        # Counted from the loss, and not from the last of many tries.
        lost_at = asyncio.get_running_loop().time() - server.gone_s
        slept_s = 5 * QUICK.longest_pause_s
        await asyncio.sleep(slept_s)
        # The clock goes on between the two looks at it.
        assert asyncio.get_running_loop().time() - server.gone_s == pytest.approx(lost_at, abs=slept_s / 2)
        with pytest.raises(StoreAway):
            await server.run(APPEND, ["list"], ["a"])
        process.start()
        await eventually(lambda: returns == [True, True])
        assert (server.losses, server.gone_s) == (1, 0.0)
        # Scripts and subscription are there again, and the list is empty: no call was sent twice.
        assert await server.run(APPEND, ["list"], ["b"]) == [b"b"]
        assert await server.publish("mine", b"news") == 1
        await eventually(lambda: heard == [b"news"])

    play(act, process.url)


def test_a_server_that_does_not_answer_counts_as_gone(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        await server.start()
        process.pause()
        with pytest.raises(StoreAway):
            await server.run(APPEND, ["list"], ["a"])
        assert not server.is_up
        process.go_on()
        await eventually(lambda: server.is_up)
        assert (await server.run(APPEND, ["list"], ["b"]))[-1] == b"b"

    play(act, process.url, RedisLimits(answer_s=0.2, first_pause_s=0.01))


def test_more_calls_than_there_is_room_for_are_refused(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        await server.start()
        results = await asyncio.gather(*(server.command("PING") for _ in range(5)), return_exceptions=True)
        assert [isinstance(result, StoreAway) for result in results] == [False, False, False, True, True]

    play(act, process.url, RedisLimits(max_calls=3))


def test_a_call_that_the_server_refuses_harms_no_other(process: RedisProcess, caplog: pytest.LogCaptureFixture) -> None:
    async def act(server: RedisServer) -> None:
        await server.start()
        results = await asyncio.gather(
            server.run(APPEND, ["list"], ["a"]),
            server.command("LPUSH", "secret-name"),
            server.run(APPEND, ["list"], ["b"]),
            return_exceptions=True,
        )
        assert results[0] == [b"a"]
        assert isinstance(results[1], StoreAway)
        assert results[2] == [b"a", b"b"]

    play(act, process.url)
    assert "refused a call" in caplog.text
    assert "secret-name" not in caplog.text


def test_a_part_that_a_url_must_not_have_is_refused(process: RedisProcess) -> None:
    async def act(server: RedisServer) -> None:
        with pytest.raises(ConfigurationError):
            RedisServer("redis://localhost/?nothing=secret")

    play(act, process.url)


def test_the_password_is_taken_and_a_wrong_one_is_told_but_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    process = RedisProcess("--requirepass", "opensesame")
    try:

        async def right(server: RedisServer) -> None:
            await server.start()
            assert await server.command("PING") == b"PONG"
            assert "opensesame" not in repr(server)

        async def wrong(server: RedisServer) -> None:
            with pytest.raises(ConfigurationError, match="password") as raised:
                await server.start()
            assert "simsim" not in str(raised.value)

        play(right, f"unix://:opensesame@{process.path}")
        play(wrong, f"unix://:simsimsim@{process.path}")
        play(wrong, f"unix://{process.path}")
        assert "sesame" not in caplog.text
    finally:
        process.close()


def test_a_server_that_is_not_there_is_told_with_a_remedy(tmp_path: Path) -> None:
    async def act(server: RedisServer) -> None:
        with pytest.raises(ConfigurationError, match="cannot be reached") as raised:
            await server.start()
        assert str(tmp_path) not in str(raised.value)

    play(act, f"unix://{tmp_path}/none")


def test_without_the_package_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "try:\n    import unwalled.broker.redis.connection\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told == (
        "ConfigurationError The package for Redis is not installed here. Install it: pip install 'unwalled[redis]'.\n"
    )
