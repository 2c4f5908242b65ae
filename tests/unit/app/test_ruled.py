"""The rules at work around a service: each mode sends the proxy's connections where it says."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.app_world import Operators, invite, serving
from tests.support.proxy_bench import until
from tests.support.reader_world import ECHO, World
from unwalled.app.home import Home
from unwalled.app.preferences import load_preferences, save_preferences
from unwalled.app.ruled import with_rules
from unwalled.app.snapshot import RuleMode
from unwalled.errors import OpenFailed, StreamReset
from unwalled.network.addresses import IPAddress
from unwalled.rules.bounds import RULES
from unwalled.rules.modes import Way
from unwalled.tunnel.api import Stream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class Names:
    """A resolver that leads every name to this machine, and notes them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(self, name: str) -> Sequence[IPAddress]:
        """See Resolver."""
        self.asked.append(name)
        return [ipaddress.ip_address("127.0.0.1")]


async def echoes(stream: Stream) -> None:
    await stream.write(b"hello")
    assert await stream.read() == b"hello"


def test_the_mode_of_the_preferences_is_followed(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    async def main() -> None:
        home, names = Home(tmp_path), Names()
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        near = Target("near.example", server.sockets[0].getsockname()[1])
        async with server, serving(Operators(World()), home, invite=invite()) as service:
            await service.connected()
            async with with_rules(service, home, resolver=names) as book:
                await echoes(await service.way_out.open(ECHO))
                assert names.asked == []
                # A name of the person's own may lead to this machine.
                book.add("direct: near.example")
                await service.set_preferences(replace(service.preferences, rules=RuleMode.LISTED))
                assert book.mode is RuleMode.LISTED
                direct = await service.way_out.open(near)
                await echoes(direct)
                assert names.asked == ["near.example"]
                assert service.snapshot().went_direct == 1
                assert book.decide(ECHO).way is Way.DIRECT
                with pytest.raises(OpenFailed) as failed:
                    await service.way_out.open(ECHO)
                assert failed.value.code is Code.OWN_NETWORK
                book.add(ECHO.host)
                await echoes(await service.way_out.open(ECHO))
                # What went directly does not outlive the wish for everything.
                await service.set_preferences(replace(service.preferences, rules=RuleMode.EVERYTHING))
                with pytest.raises(StreamReset):
                    await direct.read()
                await echoes(await service.way_out.open(ECHO))
                assert names.asked == ["near.example", ECHO.host]
                await service.set_preferences(replace(service.preferences, rules=RuleMode.BLOCKED))
            # Without the book nothing goes directly, whatever the preferences say.
            await echoes(await service.way_out.open(ECHO))
            assert len(names.asked) == 2
            assert service.snapshot().went_direct == 1

    asyncio.run(main())


def test_a_mode_that_another_program_sets_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        home = Home(tmp_path)
        limits = replace(RULES, rules_look_s=0.001)
        async with (
            serving(Operators(World()), home, invite=invite()) as service,
            with_rules(service, home, limits=limits) as book,
        ):
            await service.set_preferences(replace(service.preferences, rules=RuleMode.BLOCKED, language="fa"))
            # What this program has written is no news.
            await asyncio.sleep(0.01)
            assert book.mode is RuleMode.BLOCKED
            other = Home(tmp_path)
            save_preferences(other, replace(load_preferences(other), rules=RuleMode.EVERYTHING))
            await until(lambda: book.mode is RuleMode.EVERYTHING)
            assert service.preferences.language == "fa"

    asyncio.run(main())


def test_a_change_on_the_disk_reaches_open_panels(tmp_path: Path) -> None:
    async def main() -> None:
        home = Home(tmp_path)
        async with serving(Operators(World()), home, invite=invite()) as service, with_rules(service, home) as book:
            heard: list[int] = []
            service.subscribe(lambda: heard.append(1))
            book.add("mine.example")
            await until(lambda: bool(heard))

    asyncio.run(main())
