"""Hostile web pages against the panel, in a real Chromium and a real Firefox.

They are given what they should never learn, the panel's secrets, and still neither hear nor do anything: what counts is
that their requests come from another origin or to another host name. A page that knows nothing cannot tell the panel's
port from one on which nobody listens.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.browsers import Installed, Page
from tests.support.panel_double import DesktopDouble, RulesDouble, ServiceDouble
from unwalled.panel import server as panel_server
from unwalled.panel.guard import Asked, is_answered
from unwalled.panel.opening import write_opener
from unwalled.panel.server import PanelServer

PATIENCE_S = 60
# Every browser takes names under localhost for this computer: as a name does that its owner has made to point here.
EVIL_HOST = "evil.localhost"

# Each gives what the page gets out of it; "nothing" is what it should be. `panel`, `pac`, `token`, `closed` are given.
ATTACKS = """(async ({ panel, pac, token, closed }) => {
  const found = {};
  const attempt = async (name, work) => {
    const late = new Promise((done) => setTimeout(() => done("nothing"), 3000));
    try { found[name] = await Promise.race([work(), late]) ?? "nothing"; } catch { found[name] = "nothing"; }
  };
  const element = (tag, attributes) => new Promise((done) => {
    const made = document.createElement(tag);
    made.onload = () => done("loaded");
    made.onerror = () => done("nothing");
    Object.assign(made, attributes);
    document.head.append(made);
  });
  const plain = { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body: "{}" };
  const authorized = { headers: { Authorization: "Bearer " + token } };
  await Promise.all([
    attempt("simple post", async () => (await fetch(panel + "api/on", plain)).type),
    attempt("post with the token", async () => (await fetch(panel + "api/on", {
      ...authorized, method: "POST", headers: { ...authorized.headers, "Content-Type": "application/json" }, body: "{}",
    })).text()),
    attempt("stream with the token", async () => (await fetch(panel + "api/events", authorized)).text()),
    attempt("page's text", async () => (await fetch(panel)).text()),
    attempt("page unseen", async () => (await fetch(panel, { mode: "no-cors" })).type),
    attempt("pac as a script", async () => {
      await element("script", { src: pac });
      return typeof FindProxyForURL === "undefined" ? "nothing" : String(FindProxyForURL);
    }),
    attempt("pac's text", async () => (await fetch(pac)).text()),
    attempt("script", () => element("script", { src: panel + "panel.js" })),
    attempt("module", () => element("script", { type: "module", src: panel + "panel.js" })),
    attempt("style", () => element("link", { rel: "stylesheet", href: panel + "panel.css" })),
    attempt("image", () => element("img", { src: panel + "icon.svg" })),
    attempt("event source", () => new Promise((done) => {
      const source = new EventSource(panel + "api/events");
      source.onopen = () => done("open");
      source.onerror = () => { source.close(); done("nothing"); };
    })),
    attempt("web socket", () => new Promise((done) => {
      const socket = new WebSocket(panel.replace("http", "ws") + "api/events");
      socket.onopen = () => done("open");
      socket.onerror = () => done("nothing");
    })),
    attempt("beacon", async () => { navigator.sendBeacon(panel + "api/on", "{}"); }),
    attempt("form", async () => {
      const frame = document.createElement("iframe");
      frame.name = "target";
      const form = document.createElement("form");
      Object.assign(form, { action: panel + "api/on", method: "post", target: "target", enctype: "text/plain" });
      const input = document.createElement("input");
      Object.assign(input, { name: '{"a":"', value: '"}' });
      form.append(input);
      document.body.append(frame, form);
      form.submit();
      await new Promise((later) => setTimeout(later, 500));
    }),
    attempt("frame", async () => {
      const frame = document.createElement("iframe");
      frame.src = panel + "#" + token;
      document.body.append(frame);
      await new Promise((later) => setTimeout(later, 500));
    }),
  ]);
  // Whoever knows nothing gets the same from the panel's port as from one where nobody listens.
  const port = new URL(panel).origin;
  for (const [name, base] of [["the panel's port", port], ["a closed port", closed]]) {
    const told = [];
    for (const path of ["/", "/favicon.ico", "/panel.js", "/api/events", "/guess/", "/pac/guess.pac"]) {
      told.push(await fetch(base + path, { mode: "no-cors" }).then(({ type }) => type, (error) => error.name));
      told.push(await element("img", { src: base + path }));
    }
    found[name] = told.join();
  }
  return found;
})"""
TEXT_OF_PAGE = "document.documentElement?.textContent ?? ''"


@asynccontextmanager
async def panel_and_enemy() -> AsyncIterator[tuple[PanelServer, ServiceDouble, int]]:
    """A panel's server, and a web server of somebody else on another port of this computer."""
    service = ServiceDouble()
    server = PanelServer(service, RulesDouble(["news.example"]), DesktopDouble())
    await server.start()
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        return web.Response(
            text="<!doctype html><title>Evil</title><link rel=icon href='data:,'>", content_type="text/html"
        )

    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    bound = socket.create_server(("127.0.0.1", 0))
    site = web.SockSite(runner, bound)
    await site.start()
    try:
        yield server, service, bound.getsockname()[1]
    finally:
        await runner.cleanup()
        await server.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


async def attack(page: Page, server: PanelServer, panel: str) -> dict[str, str]:
    told = {
        "panel": panel,
        "pac": server.pac_url.replace(server.address.origin, panel.rsplit("/", 2)[0]),
        "token": server.address.token,
        "closed": f"http://127.0.0.1:{closed_port()}",
    }
    found: dict[str, str] = await page.evaluate(f"{ATTACKS}({json.dumps(told)})")
    return found


def test_web_pages_neither_hear_nor_do_anything(
    tmp_path: Path, bridge_browser: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[Asked] = []

    def noted(asked: Asked, address: Any) -> bool:
        is_good = is_answered(asked, address)
        if is_good:
            answered.append(asked)
        return is_good

    monkeypatch.setattr(panel_server, "is_answered", noted)

    async def run() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            panel_and_enemy() as (server, service, enemy),
            bridge_browser.running(tmp_path / "profile") as browser,
        ):
            page = await browser.new_page()
            base = server.url.partition("#")[0]
            # Another port of the same host is another origin, but the same site; a name is another site.
            for host in ("127.0.0.1", EVIL_HOST):
                await page.goto(f"http://{host}:{enemy}/")
                found = await attack(page, server, base)
                panels, closeds = found.pop("the panel's port"), found.pop("a closed port")
                assert panels == closeds
                assert {name: got for name, got in found.items() if got != "nothing"} == {}
            assert answered == []
            assert service.asked == []

            # A name that was made to point to this computer is of the panel's own port, and so of one origin with it.
            rebound = base.replace("127.0.0.1", EVIL_HOST)
            try:
                await page.goto(rebound)
            except Exception:
                # The browser says that nothing came.
                pass
            assert "Unwalled" not in str(await page.evaluate(TEXT_OF_PAGE))
            assert answered == []

            # The person's own way in works in the same browser, and from then on no better for the others.
            await page.goto(write_opener(tmp_path, server.url).as_uri())
            opened = await browser.page_at(base)
            await opened.evaluate("""new Promise((seen) => {
              const look = () => document.querySelector("main:not([hidden])") ? seen(true) : setTimeout(look, 20);
              look();
            })""")
            await opened.click("Promise.resolve(document.querySelector('.main.switch'))")
            await opened.evaluate("""new Promise((on) => {
              const look = () => document.querySelector("[aria-checked=true]") ? on(true) : setTimeout(look, 20);
              look();
            })""")
            assert service.asked == [("on",)]
            mine = len(answered)
            other = await browser.new_page()
            await other.goto(f"http://127.0.0.1:{enemy}/")
            found = await attack(other, server, base)
            assert {name: got for name, got in found.items() if got != "nothing" and "port" not in name} == {}
            assert [asked for asked in answered[mine:] if asked.fetch_site != "same-origin"] == []
            assert service.asked == [("on",)]
            # Firefox says in the enemy's console what it kept from it.
            browser.errors[:] = [error for error in browser.errors if not error.startswith("Cross-Origin Request")]

    asyncio.run(run())
