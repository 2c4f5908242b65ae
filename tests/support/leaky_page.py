"""A browser in a sealed room, and a page in it that tries every way past the proxy that we know.

    python -m tests.support.leaky_page firefox /usr/bin/firefox FOLDER [--unguarded]

Prints what was seen as JSON. ``--unguarded``: the same browser as it is without us, to see that the meter sees.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.fake_tunnel import FakeTunnel
from tests.support.sealed_room import OWN, Meter, room
from unwalled.desktop import launch
from unwalled.desktop.browsers import Browser, Engine
from unwalled.desktop.profiles import Profiles
from unwalled.errors import OpenFailed
from unwalled.reader.listener import ProxyListener
from unwalled.tunnel.api import Stream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

SITE = "127.0.0.9"
"""Where the page is; only the tunnel knows."""
SERVICE_PORT = 8099
PATIENCE_S = 60.0
AFTERWARDS_S = 3.0
_HEADLESS = {
    Engine.CHROMIUM: ("--headless=new", "--no-sandbox", "--unsafely-treat-insecure-origin-as-secure=http://site.test"),
    Engine.FIREFOX: ("--headless",),
}

PAGE = """<!doctype html><meta charset="utf-8"><title>leaks</title>
<meta http-equiv="x-dns-prefetch-control" content="on">
<link rel="dns-prefetch" href="//dns.leak.test">
<link rel="preconnect" href="http://preconnect.leak.test">
<link rel="preconnect" href="http://203.0.113.11">
<link rel="prefetch" href="http://prefetch.leak.test/x">
<link rel="prerender" href="http://prerender.leak.test/x">
<link rel="stylesheet" href="http://style.leak.test/x.css">
<script type="speculationrules">{"prefetch": [{"source": "list", "urls": ["http://guess.leak.test/"]}],
 "prerender": [{"source": "list", "urls": ["/guess"]}]}</script>
<a id="ping" href="#there" ping="http://203.0.113.12/ping">x</a>
<video src="/clip" autoplay muted></video>
<img src="http://203.0.113.13/x.png"><img src="http://[2001:db8::13]/x.png">
<iframe src="http://frame.leak.test/"></iframe>
<script>
const told = {candidates: [], reached: [], webrtc: typeof RTCPeerConnection};
const local = ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0', 'x.localhost', '127.1.2.3', 'OWN'];
const within = (ms, promise) => Promise.race([promise, new Promise((done) => setTimeout(done, ms))]);
async function reach(url) {
  try { await fetch(url); told.reached.push(url); } catch (error) { /* as it should be */ }
}
function socket(url) {
  return new Promise((done) => {
    const one = new WebSocket(url);
    one.onopen = () => { told.reached.push(url); done(); };
    one.onerror = done;
  });
}
async function webrtc(servers) {
  const peer = new RTCPeerConnection({iceServers: servers});
  const other = new RTCPeerConnection({iceServers: servers});
  const gathered = new Promise((done) => {
    peer.onicecandidate = ({candidate}) => {
      if (candidate) told.candidates.push(candidate.candidate);
      else done();
      if (candidate) other.addIceCandidate(candidate).catch(() => 0);
    };
  });
  other.onicecandidate = ({candidate}) => candidate && peer.addIceCandidate(candidate).catch(() => 0);
  peer.createDataChannel('x');
  await peer.setLocalDescription(await peer.createOffer());
  await other.setRemoteDescription(peer.localDescription);
  await other.setLocalDescription(await other.createAnswer());
  await peer.setRemoteDescription(other.localDescription);
  await gathered;
}
const credential = {username: 'u', credential: 'c'};
const tries = [
  reach('/here'), reach('http://203.0.113.7/'), reach('https://203.0.113.7/'), reach('http://[2001:db8::7]/'),
  reach('http://fetch.leak.test/'), reach('https://fetch.leak.test/'), socket('ws://203.0.113.8/'),
  socket('ws://socket.leak.test/'), ...local.map((host) => reach(`http://${host}:PORT/`)),
  ...local.map((host) => socket(`ws://${host}:PORT/`)),
];
navigator.sendBeacon?.('http://203.0.113.14/beacon', 'x');
document.getElementById('ping').click();
new EventSource('http://events.leak.test/');
if (typeof WebTransport !== 'undefined') {
  try { tries.push(new WebTransport('https://203.0.113.9:4433/').ready.then(() => told.reached.push('wt'), () => 0)); }
  catch (error) { /* not here */ }
}
if (told.webrtc === 'function') {
  tries.push(webrtc([{urls: 'stun:203.0.113.15:3478'}, {urls: 'stun:stun.leak.test:3478'},
    {urls: 'turn:203.0.113.16:3478?transport=tcp', ...credential}, {urls: 'turn:turn.leak.test', ...credential},
    {urls: 'turns:[2001:db8::16]:5349?transport=tcp', ...credential}]).catch(() => 0));
}
navigator.geolocation?.getCurrentPosition(() => told.reached.push('geolocation'), () => 0);
within(7000, Promise.all(tries)).then(() => fetch('/told', {method: 'POST', body: JSON.stringify(told)}));
// It goes on when the proxy has gone.
setInterval(() => { reach('http://later.leak.test/'); reach('http://203.0.113.17/'); reach('/later'); }, 250);
</script>
""".replace("PORT", str(SERVICE_PORT)).replace("OWN", OWN)


class Gateway(FakeTunnel):
    """Knows one site, and refuses what a gateway refuses."""

    async def open(self, target: Target, *, at_once: bool = False) -> Stream:
        """See Tunnel."""
        if target.host != "site.test":
            self.asked.append(target)
            raise OpenFailed(Code.NOT_ALLOWED if target.literal is not None else Code.NAME_UNKNOWN)
        return await super().open(target, at_once=at_once)

    def address(self, target: Target) -> str:
        """See FakeTunnel."""
        return SITE


class Site:
    """The page, and what it tells; and a service of this computer that no page may reach."""

    def __init__(self) -> None:
        self.told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.paths: list[str] = []
        self.attacks = 0
        self._runners: list[web.AppRunner] = []

    async def start(self, address: str) -> None:
        """Opens both. ``address``: where the page is."""
        page = web.Application()
        page.router.add_route("*", "/{path:.*}", self._page)
        service = web.Application()
        service.router.add_route("*", "/{path:.*}", self._service)
        await self._serve(page, [socket.create_server((address, 80))])
        either = socket.create_server(("::", SERVICE_PORT), family=socket.AF_INET6, dualstack_ipv6=True)
        await self._serve(service, [either])

    async def _serve(self, app: web.Application, sockets: list[socket.socket]) -> None:
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._runners.append(runner)
        await runner.setup()
        for one in sockets:
            await web.SockSite(runner, one).start()

    async def close(self) -> None:
        """Closes both."""
        for runner in self._runners:
            await runner.cleanup()

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        if request.path == "/told" and not self.told.done():
            self.told.set_result(json.loads(await request.text()))
        if request.path == "/":
            return web.Response(text=PAGE, content_type="text/html")
        return web.Response(text="x")

    async def _service(self, request: web.Request) -> web.StreamResponse:
        self.attacks += 1
        return web.Response(text="secrets of this computer", headers={"Access-Control-Allow-Origin": "*"})


def lookup_and_call(meter: Meter) -> bool:
    """Whether the meter sees a name looked up and a datagram sent, which the test itself does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("203.0.113.99", 3478))
        one.sendto(b"x", ("127.0.0.1", 3478))
    try:
        socket.getaddrinfo("meter.leak.test", 80)
    except OSError:
        pass
    return True


async def scene(browser: Browser, folder: Path, is_guarded: bool) -> dict[str, Any]:
    """Opens the page in the browser; what was seen."""
    os.environ["HOME"] = str(folder)
    async with room(folder) as meter:
        await asyncio.to_thread(lookup_and_call, meter)
        await asyncio.sleep(0.1)
        sees = sorted(set(meter.outside)), sorted(set(meter.inside))
        meter.outside.clear()
        meter.inside.clear()
        site = Site()
        # Unguarded, the page must be where a browser finds it by itself.
        await site.start(SITE)
        tunnel = Gateway()
        proxy = ProxyListener(tunnel, port=0)
        address = await proxy.start()
        extra = _HEADLESS[browser.engine]
        profiles = Profiles(folder / "browsers")
        if is_guarded:
            run = launch.browse(browser, profiles, address.host, address.port, "http://site.test/", extra=extra)
        else:
            run = unguarded(browser, folder, extra)
        async with asyncio.TaskGroup() as group:
            browsing = group.create_task(run, name="browser")
            told = await asyncio.wait_for(site.told, PATIENCE_S)
            asked = sorted({f"{target.host}:{target.port}" for target in tunnel.asked})
            first = len(meter.outside)
            await proxy.close()
            await asyncio.sleep(AFTERWARDS_S)
            browsing.cancel()
        await site.close()
        await tunnel.closed()
        return {
            "told": told,
            "asked": asked,
            "paths": sorted(set(site.paths)),
            "attacks": site.attacks,
            "outside": sorted(set(meter.outside[:first])),
            "outside_afterwards": sorted(set(meter.outside[first:])),
            "inside": sorted(set(meter.inside)),
            "proxy": f"tcp {address}",
            "meter_sees": sees,
            "left": sorted(path.name for path in (folder / "browsers").glob("*")),
        }


async def unguarded(browser: Browser, folder: Path, extra: tuple[str, ...]) -> None:
    """The browser as it is, on the same page."""
    profile = folder / "plain"
    profile.mkdir()
    where = ("--profile", str(profile)) if browser.engine is Engine.FIREFOX else (f"--user-data-dir={profile}",)
    process = await asyncio.create_subprocess_exec(
        browser.path,
        *extra,
        *where,
        f"http://{SITE}/",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await process.wait()
    finally:
        process.kill()
        await process.wait()


def main() -> None:
    """See the module."""
    name, path, folder = sys.argv[1:4]
    browser = Browser(name, name.capitalize(), Engine(name), path)
    print(json.dumps(asyncio.run(scene(browser, Path(folder), "--unguarded" not in sys.argv[4:]))))


if __name__ == "__main__":
    main()
