"""A newsroom's own page, served on another site than its operator's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


def two_lines(operator: str) -> str:
    """Those of the manual."""
    return f'<script type="module" src="{operator}/widget.js"></script><unwalled-bridge></unwalled-bridge>'


@asynccontextmanager
async def newspaper(body: str, policy: str = "") -> AsyncIterator[str]:
    """Serves an article with ``body`` under a Content-Security-Policy, if it has one; gives its URL."""

    async def article(request: web.Request) -> web.Response:
        # An icon of the site's own: browsers ask for one.
        head = "<!doctype html><title>News</title><link rel=icon href=data:,>"
        headers = {"Content-Security-Policy": f"{policy}; img-src data:"} if policy else {}
        return web.Response(text=head + body, content_type="text/html", headers=headers)

    app = web.Application()
    app.add_routes([web.get("/", article)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        # By this name it is another site for the browser, not only another origin.
        yield f"http://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
