"""A real operator with a site behind it, readers who come when a test lets them, and pages that may help them."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.browsers import Page, flip_switch, in_state
from tests.support.chain import PATIENCE_S, ReaderProgram, became, running_operator, running_reader
from tests.support.curl import curl, ways
from tests.support.gateway_sites import FakeResolver
from tests.support.proxy_bench import BLOCK, MIB, local_site
from unwalled.operator.server import Operator
from unwalled.reader.listener import ProxyAddress
from unwalled.wire.invite import Invite


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """Somebody who reads through whoever helps."""

    program: ReaderProgram
    at: ProxyAddress
    site: str
    folder: Path

    async def is_connected(self) -> None:
        """Waits for a bridge."""
        await asyncio.wait_for(self.program.client.connected(), PATIENCE_S)

    async def downloads(self, mib: int) -> None:
        """Gets that much from the site, and checks it."""
        file = self.folder / f"down-{self.at.port}"
        code, _ = await curl(
            *("--max-time", str(60 + mib), *ways(self.at)["socks5"]),
            *("-o", str(file), f"{self.site}/down?length&mib={mib}"),
        )
        assert code == 0
        assert digest_of(file) == hashlib.sha256(BLOCK * mib).hexdigest()

    async def uploads(self, mib: int) -> None:
        """Sends that much to the site, and checks what arrived."""
        file = self.folder / f"up-{self.at.port}"
        fill(file, mib)
        code, told = await curl(
            *("--max-time", str(60 + mib), *ways(self.at)["connect"], "-H", "Expect:"),
            *("-T", str(file), f"{self.site}/up"),
        )
        assert (code, told.decode()) == (0, digest_of(file))


@dataclasses.dataclass(frozen=True, slots=True)
class Newsroom:
    """The operator, and where it may be read."""

    operator: Operator
    invite: Invite
    site: str
    folder: Path

    @property
    def bridges(self) -> int:
        """How many the broker knows just now."""
        return self.operator._broker.metrics.bridges.total()

    async def bridges_are(self, count: int) -> None:
        """Waits until the broker knows so many."""
        await became(lambda: self.bridges == count, f"{count} bridges")

    async def turn_on(self, page: Page) -> None:
        """A visitor opens the operator's page and turns the switch on."""
        await page.goto(f"{self.operator.url.text}/")
        await flip_switch(page)
        await in_state(page, "waiting", "helping")

    @asynccontextmanager
    async def person(self, invite: Invite | None = None) -> AsyncIterator[Person]:
        """A reader who comes now and leaves at the end; with the operator's own invite if there is no other."""
        async with running_reader(invite or self.invite) as (program, at):
            yield Person(program, at, self.site, self.folder)


@asynccontextmanager
async def newsroom(
    folder: Path, *, port: int = 0, certificate: Path | None = None, private_swarms: str = "auto"
) -> AsyncIterator[Newsroom]:
    """An operator with its data in the folder, where one of before may have left its keys; see ``running_operator``."""
    resolver = FakeResolver({"site.test": [["127.0.0.1"]]})
    async with (
        local_site() as (at, _),
        running_operator(folder / "operator", port=port, certificate=certificate, private_swarms=private_swarms) as (
            operator,
            invite,
        ),
    ):
        operator._gateway.egress._resolver = resolver
        yield Newsroom(operator, invite, f"http://site.test:{at}", folder)


def fill(file: Path, mib: int) -> None:
    """Writes random bytes."""
    with file.open("wb") as content:
        for _ in range(mib):
            content.write(os.urandom(MIB))


def digest_of(file: Path) -> str:
    """SHA-256 in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
