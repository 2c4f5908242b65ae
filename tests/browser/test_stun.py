"""What a page learns from the operator's own STUN ports, behind a NAT, in a real Chromium, and what it says of it.

Firefox does not ask servers on loopback from its other addresses.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.browsers import Installed, Page
from tests.support.gateway_sites import run
from tests.support.nat import nat
from unwalled.operator.options import ListenAddress, OperatorOptions
from unwalled.operator.server import Operator

HERE = ListenAddress("127.0.0.1", 0)
# The operator's own words to a page, and the outer ports that the browser then finds.
GATHER = """(async () => {
  const { stun } = await (await fetch('/v1/config')).json();
  const peer = new RTCPeerConnection({ iceServers: [{ urls: stun }] });
  const ports = new Set();
  const done = new Promise((resolve) => {
    setTimeout(resolve, 8000);
    peer.onicecandidate = ({ candidate }) => {
      if (candidate === null) resolve();
      else if (candidate.type === 'srflx') ports.add(candidate.port);
    };
  });
  peer.createDataChannel('data');
  await peer.setLocalDescription(await peer.createOffer());
  await done;
  peer.close();
  return { asked: stun.length, ports: [...ports] };
})()"""

SHADOW = "document.querySelector('unwalled-bridge').shadowRoot"
VERDICT = f"""new Promise((resolve) => {{
  const look = () => {{
    const [verdict, findings] = ['verdict', 'findings'].map((part) => {SHADOW}.querySelector(`[part=${{part}}]`));
    if (!verdict.dataset.verdict) return setTimeout(look, 20);
    resolve([verdict.dataset.verdict, verdict.textContent, findings.lastChild.textContent]);
  }};
  look();
}})"""
# What the switch's own test of the connection says of either network.
SAID = {
    False: ["good", "Yes. You can help nearly everybody.", "Readers can find this device."],
    True: [
        "some",
        "Partly. You can help people whose own network is an open one.",
        "Your network gives this device a new outer address for each connection, so that some readers cannot find it.",
    ],
}


async def self_test(page: Page) -> list[str]:
    """The visitor opens "Can my connection help?" and presses the button."""
    shown = f"customElements.whenDefined('unwalled-bridge').then(() => {SHADOW}.querySelector('[part=more]'))"
    await page.click(shown)
    found = f"[...{SHADOW}.querySelectorAll('details')].find((one) => one.querySelector('[part=verdict]'))"
    await page.click(f"""new Promise((resolve) => {{
      const look = () => {found} ? resolve({found}.querySelector('summary')) : setTimeout(look, 20);
      look();
    }})""")
    await page.click(f"{found}.querySelector('button')")
    said: list[str] = await page.evaluate(VERDICT)
    return said


@pytest.mark.parametrize("varies", [False, True])
def test_a_page_finds_its_outer_ports(tmp_path: Path, chromium_path: str, varies: bool) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), nat([("127.0.0.1", 0)] * 2, varies=varies) as way:
            operator, _ = await Operator.start(
                OperatorOptions(
                    HERE,
                    None,
                    tmp_path / "data",
                    stun=tuple(f"stun:127.0.0.1:{port}" for port in way.doors),
                    stun_listen=(HERE, HERE),
                )
            )
            assert operator.stun is not None
            way.servers[:] = [("127.0.0.1", port) for port in operator.stun.ports]
            try:
                async with Installed("chromium", chromium_path).running(tmp_path / "profile") as browser:
                    page = await browser.new_page()
                    await page.goto(operator.url.text + "/")
                    found = await page.evaluate(GATHER)
                    said = await self_test(page)
            finally:
                await operator.close()
            assert found["asked"] == 2
            assert found["ports"]
            assert set(found["ports"]) <= way.outside
            # A network that gives another port for each peer shows it, since there are two to ask.
            assert (len(found["ports"]) > 1) is varies
            assert operator.stun.counters.requests["answered"] >= 2
            assert said == SAID[varies]

    run(main)
