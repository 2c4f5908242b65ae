"""Which way a connection takes, and what becomes of it when the direct way fails before it stands."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

import pytest

from tests.support.proxy_bench import until
from tests.support.ways import PUBLIC, SITE, FixedGuide, MemoryBridges, MemoryDirect
from unwalled.errors import OpenFailed, StreamReset
from unwalled.network.addresses import IPAddress
from unwalled.reader.chooser import ChoosingTunnel
from unwalled.rules.bounds import RulesLimits
from unwalled.rules.decisions import Decision
from unwalled.rules.memory import Sign
from unwalled.rules.modes import Reason, Way
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

SOON = RulesLimits(direct_connect_s=0.01, direct_patience_s=0.01)


async def answered(tunnel: ChoosingTunnel, bridges: MemoryBridges) -> None:
    """Opens the site; the first answer through bridges arrives."""
    stream = await tunnel.open(SITE)
    await stream.write(b"question")
    assert await bridges.streams[0].far.read() == b"question"
    await bridges.streams[0].far.write(b"answer")
    assert await stream.read() == b"answer"
    await bridges.streams[0].far.write(b"more")
    assert await stream.read() == b"more"
    await stream.finish()
    assert await bridges.streams[0].far.read() == b""
    stream.reset(Code.CANCELLED)
    assert bridges.streams[0].reset_code is Code.CANCELLED


def test_what_is_listed_is_neither_looked_up_nor_dialled() -> None:
    async def main() -> None:
        bridges, direct, guide = MemoryBridges(), MemoryDirect(), FixedGuide(Way.BRIDGES)
        await answered(ChoosingTunnel(bridges, direct, guide), bridges)
        assert (direct.looked_up, direct.dialled, guide.learned) == ([], [], [])

    asyncio.run(main())


def test_what_is_refused_goes_nowhere() -> None:
    async def main() -> None:
        bridges, direct = MemoryBridges(), MemoryDirect()
        with pytest.raises(OpenFailed) as failed:
            await ChoosingTunnel(bridges, direct, FixedGuide(Way.REFUSED)).open(SITE)
        assert failed.value.code is Code.OWN_NETWORK
        assert (bridges.asked, direct.looked_up) == ([], [])

    asyncio.run(main())


def test_what_goes_directly_never_asks_bridges() -> None:
    async def main() -> None:
        bridges, direct = MemoryBridges(), MemoryDirect()
        tunnel = ChoosingTunnel(bridges, direct, FixedGuide(Way.DIRECT))
        stream = await tunnel.open(SITE)
        await stream.write(b"question")
        assert await direct.streams[0].far.read() == b"question"
        direct.streams[0].cut()
        with pytest.raises(StreamReset):
            await stream.read()
        for direct.failure, direct.look_up_failure in ((Code.TIMED_OUT, None), (None, Code.NAME_UNKNOWN)):
            with pytest.raises(OpenFailed) as failed:
                await tunnel.open(SITE)
            assert failed.value.code in (Code.TIMED_OUT, Code.NAME_UNKNOWN)
        assert bridges.asked == []
        assert tunnel.went_direct == 1

    asyncio.run(main())


def test_a_site_that_goes_directly_has_its_time() -> None:
    async def main() -> None:
        direct = MemoryDirect(is_held=True)
        with pytest.raises(OpenFailed) as failed:
            await ChoosingTunnel(MemoryBridges(), direct, FixedGuide(Way.DIRECT), SOON).open(SITE)
        assert failed.value.code is Code.TIMED_OUT

    asyncio.run(main())


@pytest.mark.parametrize("way", [Way.DIRECT, Way.DIRECT_FIRST])
def test_addresses_that_are_listed_lead_through_bridges(way: Way) -> None:
    async def main() -> None:
        bridges, direct = MemoryBridges(), MemoryDirect()
        guide = FixedGuide(way, Decision(Way.BRIDGES, Reason.LIST, "x"))
        await answered(ChoosingTunnel(bridges, direct, guide), bridges)
        assert direct.dialled == []
        assert guide.learned == []

    asyncio.run(main())


@pytest.mark.parametrize("way", [Way.DIRECT, Way.DIRECT_FIRST])
def test_a_forged_address_is_never_dialled_and_is_learned_once_bridges_have_an_answer(way: Way) -> None:
    async def main() -> None:
        bridges, direct = MemoryBridges(), MemoryDirect((ipaddress.ip_address("10.10.34.34"),))
        guide = FixedGuide(way, Decision(Way.BRIDGES, Reason.FORGED))
        await answered(ChoosingTunnel(bridges, direct, guide), bridges)
        assert direct.dialled == []
        assert guide.learned == [(SITE.host, Sign.FORGED_NAME)]

    asyncio.run(main())


@pytest.mark.parametrize("way", [Way.DIRECT, Way.DIRECT_FIRST])
def test_a_name_that_leads_into_the_local_network_goes_nowhere(way: Way) -> None:
    async def main() -> None:
        bridges, direct = MemoryBridges(), MemoryDirect()
        guide = FixedGuide(way, Decision(Way.REFUSED, Reason.LOCAL))
        with pytest.raises(OpenFailed) as failed:
            await ChoosingTunnel(bridges, direct, guide).open(SITE)
        assert failed.value.code is Code.OWN_NETWORK
        assert (bridges.asked, direct.dialled) == ([], [])

    asyncio.run(main())


@pytest.mark.parametrize(
    ("look_up_failure", "failure", "sign"),
    [
        (Code.NAME_UNKNOWN, None, Sign.NO_NAME),
        (Code.NAME_FAILED, None, Sign.NO_NAME),
        (None, Code.TIMED_OUT, Sign.NO_CONNECTION),
        (None, Code.CONNECTION_REFUSED, Sign.NO_CONNECTION),
        (None, Code.CONNECTION_RESET, Sign.RESET),
    ],
)
def test_what_fails_directly_and_not_through_bridges_is_learned(
    look_up_failure: Code | None, failure: Code | None, sign: Sign
) -> None:
    async def main() -> None:
        bridges, guide = MemoryBridges(), FixedGuide()
        direct = MemoryDirect(look_up_failure=look_up_failure, failure=failure)
        await answered(ChoosingTunnel(bridges, direct, guide), bridges)
        assert guide.learned == [(SITE.host, sign)]

    asyncio.run(main())


def test_a_site_that_does_not_answer_the_first_packet() -> None:
    async def main() -> None:
        bridges, direct, guide = MemoryBridges(), MemoryDirect(is_held=True), FixedGuide()
        await answered(ChoosingTunnel(bridges, direct, guide, SOON), bridges)
        assert guide.learned == [(SITE.host, Sign.NO_CONNECTION)]

    asyncio.run(main())


def test_nothing_is_learned_of_a_site_that_bridges_do_not_reach_either() -> None:
    async def main() -> None:
        bridges, guide = MemoryBridges(Code.NAME_UNKNOWN), FixedGuide()
        tunnel = ChoosingTunnel(bridges, MemoryDirect(failure=Code.CONNECTION_REFUSED), guide)
        with pytest.raises(OpenFailed) as failed:
            await tunnel.open(SITE)
        assert failed.value.code is Code.NAME_UNKNOWN
        bridges.failure = None
        stream = await tunnel.open(SITE)
        bridges.streams[0].cut()
        with pytest.raises(StreamReset):
            await stream.read()
        assert guide.learned == []

    asyncio.run(main())


def test_a_site_that_works_directly_stays_there() -> None:
    async def main() -> None:
        bridges, direct, guide = MemoryBridges(), MemoryDirect(), FixedGuide()
        tunnel = ChoosingTunnel(bridges, direct, guide)
        stream = await tunnel.open(SITE)
        await direct.streams[0].far.write(b"220 mail")
        assert await stream.read() == b"220 mail"
        assert direct.dialled == [((PUBLIC,), 443)]
        assert (bridges.asked, guide.learned, tunnel.went_direct) == ([], [], 1)

    asyncio.run(main())


def test_rules_that_change_while_a_connection_is_made_hold_for_it() -> None:
    async def main() -> None:
        bridges, direct, guide = MemoryBridges(), MemoryDirect(is_held=True), FixedGuide(Way.DIRECT)
        tunnel = ChoosingTunnel(bridges, direct, guide)
        opening = asyncio.create_task(tunnel.open(SITE))
        await until(lambda: bool(direct.dialled))
        guide.way = Way.BRIDGES
        direct.hold.set()
        await opening
        assert direct.streams[0].reset_code is Code.CANCELLED
        assert (bridges.asked, tunnel.went_direct) == ([SITE], 0)

    asyncio.run(main())


def test_rules_that_change_while_a_name_is_looked_up_hold_before_anything_is_dialled() -> None:
    async def main() -> None:
        class Slow(MemoryDirect):
            async def look_up(self, target: Target) -> Sequence[IPAddress]:
                found = await super().look_up(target)
                guide.way = Way.BRIDGES
                return found

        bridges, direct, guide = MemoryBridges(), Slow(), FixedGuide(Way.DIRECT)
        await ChoosingTunnel(bridges, direct, guide).open(SITE)
        assert (bridges.asked, direct.dialled) == ([SITE], [])

    asyncio.run(main())


def test_what_went_directly_can_be_cut() -> None:
    async def main() -> None:
        direct = MemoryDirect()
        tunnel = ChoosingTunnel(MemoryBridges(), direct, FixedGuide())
        stream = await tunnel.open(SITE)
        tunnel.cut_direct()
        with pytest.raises(StreamReset) as failed:
            await stream.read()
        assert failed.value.code is Code.CANCELLED
        assert direct.streams[0].reset_code is Code.CANCELLED

    asyncio.run(main())
