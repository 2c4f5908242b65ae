"""A real tor fetches a page by way of a page in a real Chromium, over a bridge of its own private network."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.browsers import Installed, flip_switch, in_state, stats
from tests.support.chain import became
from tests.support.curl import curl, needs_curl
from tests.support.gateway_sites import run
from tests.support.programs import children, left_of
from tests.support.proxy_bench import BLOCK, local_site
from tests.support.tor_network import PLUGIN, free_port, needs_tor, tor_network
from unwalled.operator.tor import BRIDGE_LINE_FILE


@needs_curl
@pytest.mark.timeout(300)
def test_a_tor_reads_through_a_visitors_page(tmp_path: Path, chromium_path: str) -> None:
    needs_tor()
    listen, socks = free_port(), free_port()

    async def main() -> None:
        async with (
            asyncio.timeout(270),
            local_site() as (site, _),
            tor_network(tmp_path / "tor") as network,
            Installed("chromium", chromium_path).running(tmp_path / "profile") as browser,
        ):
            bridge = await network.add(
                "bridge",
                [
                    "BridgeRelay 1",
                    "PublishServerDescriptor 0",
                    "Nickname bridge",
                    "Address 127.0.0.1",
                    f"ORPort 127.0.0.1:{free_port()} IPv4Only",
                    "ExtORPort 127.0.0.1:auto",
                    f"ServerTransportPlugin {PLUGIN}",
                    f"ServerTransportListenAddr unwalled 127.0.0.1:{listen}",
                    "ServerTransportOptions unwalled allow-private=1",
                ],
            )
            line = bridge.folder / "pt_state" / "unwalled" / BRIDGE_LINE_FILE
            await became(line.exists, "the bridge has written a line for its clients")
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{listen}/")
            await flip_switch(page)
            await in_state(page, "waiting", "helping")
            # Who asks a bridge that does not know all relays yet asks again only after a long while.
            await bridge.says("The current consensus contains exit nodes.")
            await bridge.says("Bootstrapped 75%")

            bridge_line = re.sub("<FINGERPRINT>", bridge.fingerprint(), line.read_text().splitlines()[-1])
            client = await network.add(
                "client",
                ["UseBridges 1", bridge_line, f"ClientTransportPlugin {PLUGIN}"],
                socks,
            )
            await client.says("Bootstrapped 100%")
            code, read = await curl(
                *("--max-time", "60", "--retry", "5", "--retry-all-errors"),
                *("--socks5-hostname", f"127.0.0.1:{socks}", f"http://127.0.0.1:{site}/down?length&mib=1"),
            )
            assert (code, read) == (0, BLOCK)
            await in_state(page, "helping")
            carried = await stats(page)
            assert carried["readers"] == 1
            assert carried["bytesDown"] > len(BLOCK)
            assert "unwalled: connected" in client.log()

            # Each tor takes its transport with it when it ends.
            for one in (client, bridge):
                assert len(children(one.process.pid)) == 1
                one.process.terminate()
                await one.process.wait()
            groups = [client.process.pid, bridge.process.pid]
            await became(lambda: left_of(groups) == [], "both transports are gone")

    run(main)
