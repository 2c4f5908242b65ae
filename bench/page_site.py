"""A news page with 200 objects and a film, each byte of which is known. Run: python -m bench.page_site ADDRESS PORT.

``/`` is the page. Its pictures, scripts and styles are loaded as a browser does it: ``page.load()`` loads all of them
anew and gives how many came right (by SHA-256) and how long that took; ``page.play(seconds)`` plays the film, which the
site sends as fast as it is to be seen, from two seconds of buffer, and gives how often and how long it stood still.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import struct
import sys
from functools import cache
from typing import Any

from aiohttp import web

PICTURES, SCRIPTS, STYLES = 150, 25, 25
OBJECTS = PICTURES + SCRIPTS + STYLES
PIECE_BYTES = 50_000
PIECES_PER_S = 10
"""Together 4 Mbit/s, as of a film in 1080p."""
BUFFER_S = 2.0
_KINDS = {"bmp": "image/bmp", "js": "text/javascript", "css": "text/css"}

_PAGE = """<!doctype html><meta charset=utf-8><title>News</title><link rel=icon href=data:,><main></main>
<script>
'use strict';
const objects = OBJECTS;
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
const element = (name, round) => {
  const url = `/${round}/${name}`;
  const kind = name.split('.')[1];
  const made = document.createElement({ bmp: 'img', js: 'script', css: 'link' }[kind]);
  if (kind === 'css') made.rel = 'stylesheet';
  made[kind === 'css' ? 'href' : 'src'] = url;
  return made;
};
const shown = (name, round) => new Promise((settle) => {
  const made = element(name, round);
  made.onload = () => settle(true);
  made.onerror = () => settle(false);
  document.querySelector('main').append(made);
});
const isRight = async (name, round) => {
  const answer = await fetch(`/${round}/${name}`, { cache: 'force-cache' });
  return hex(await crypto.subtle.digest('SHA-256', await answer.arrayBuffer())) === objects[name];
};
const page = {
  rounds: 0,
  async load() {
    const round = this.rounds++;
    document.querySelector('main').replaceChildren();
    const began = performance.now();
    const names = Object.keys(objects);
    const came = await Promise.all(names.map((name) => shown(name, round)));
    const seconds = (performance.now() - began) / 1000;
    let right = 0;
    for (const [index, name] of names.entries()) {
      if (came[index] && (await isRight(name, round).catch(() => false))) right += 1;
    }
    return { right, seconds };
  },
  async play(seconds) {
    const rate = PIECE_BYTES * PIECES_PER_S;
    const reader = (await fetch(`/film?seconds=${seconds}`, { cache: 'no-store' })).body.getReader();
    let bytes = 0, wrong = 0, last = performance.now(), gap = 0;
    // The player: seen = bytes played; it stands still while there is nothing to show.
    let seen = 0, playing = false, stalls = 0, still = 0, tick = last;
    const step = () => {
      const now = performance.now(), passed = (now - tick) / 1000;
      tick = now;
      if (playing) {
        seen += passed * rate;
        if (seen > bytes) {
          still += (seen - bytes) / rate;
          seen = bytes;
          if (bytes < seconds * rate) {
            playing = false;
            stalls += 1;
          }
        }
      } else if (bytes - seen >= BUFFER_S * rate || bytes >= seconds * rate) {
        playing = true;
      } else if (seen > 0) {
        still += passed;
      }
    };
    const clock = setInterval(step, 20);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        const now = performance.now();
        if (done) break;
        gap = Math.max(gap, now - last);
        last = now;
        for (let index = 0; index < value.length; index += 1) {
          if (value[index] !== ((bytes + index) * 31 + ((bytes + index) >> 8)) % 251) wrong += 1;
        }
        bytes += value.length;
        step();
      }
    } finally {
      clearInterval(clock);
    }
    return { bytes, wrong, stalls, still, gap: gap / 1000 };
  },
};
</script>
"""


@cache
def objects() -> dict[str, bytes]:
    """Each object's bytes, by its name: pictures of all sizes up to 80 kB, scripts and styles up to 30 kB."""
    rng = random.Random(200)
    made: dict[str, bytes] = {}
    for number in range(PICTURES):
        made[f"{number}.bmp"] = _picture(rng, rng.choice((8, 16, 24, 40, 64, 100, 160)))
    for number in range(SCRIPTS):
        made[f"{number}.js"] = f"/* {rng.randbytes(rng.randrange(200, 15_000)).hex()} */".encode()
    for number in range(STYLES):
        made[f"{number}.css"] = f"/* {rng.randbytes(rng.randrange(200, 15_000)).hex()} */".encode()
    return made


def _picture(rng: random.Random, side: int) -> bytes:
    """A square of noise, as an uncompressed bitmap of 24 bits."""
    row = (side * 3 + 3) // 4 * 4
    pixels = rng.randbytes(row * side)
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 54 + len(pixels), 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0
    )
    return header + pixels


def film(begin: int, size: int) -> bytes:
    """Bytes of the film, from ``begin`` on."""
    return bytes((at * 31 + (at >> 8)) % 251 for at in range(begin, begin + size))


def page() -> str:
    """The page's own text."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in objects().items()}
    text = _PAGE.replace("OBJECTS", json.dumps(digests), 1)
    return (
        text.replace("PIECE_BYTES", str(PIECE_BYTES))
        .replace("PIECES_PER_S", str(PIECES_PER_S))
        .replace("BUFFER_S", str(BUFFER_S))
    )


async def _serve_page(request: web.Request) -> web.Response:
    return web.Response(text=page(), content_type="text/html", headers={"Cache-Control": "no-store"})


async def _serve_object(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    data = objects().get(name)
    if data is None:
        raise web.HTTPNotFound
    kind = _KINDS[name.partition(".")[2]]
    return web.Response(body=data, content_type=kind, headers={"Cache-Control": "max-age=600"})


async def _serve_film(request: web.Request) -> web.StreamResponse:
    pieces = int(float(request.query["seconds"]) * PIECES_PER_S)
    response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Cache-Control": "no-store"})
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(pieces):
        await response.write(await asyncio.to_thread(film, number * PIECE_BYTES, PIECE_BYTES))
        # The first seconds come at once, as a player asks for them.
        ahead_s = number / PIECES_PER_S - BUFFER_S - (loop.time() - began)
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)
    await response.write_eof()
    return response


async def start(address: str, port: int) -> web.AppRunner:
    """Serves until its ``cleanup``."""
    app = web.Application()
    app.add_routes(
        [web.get("/", _serve_page), web.get("/film", _serve_film), web.get("/{round}/{name}", _serve_object)]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner


async def _main(address: str, port: int) -> None:
    objects()
    runner = await start(address, port)
    print("ready", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def figures_of(loads: list[dict[str, Any]]) -> tuple[int, list[float]]:
    """Of several loads: how many objects did not come right, and how long each took."""
    return sum(OBJECTS - int(load["right"]) for load in loads), [float(load["seconds"]) for load in loads]


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
