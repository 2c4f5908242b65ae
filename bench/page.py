"""A reader's Chromium reads a page with 200 objects and plays a film through the proxy, while bridges come and go."""

from __future__ import annotations

import threading
from typing import Any

from bench.chain import Chain
from bench.chromium import Chromium
from bench.flow import percentile
from bench.page_site import OBJECTS, figures_of
from bench.processes import BenchError, Processes

_PAGE_SITE_PORT = 8190
_TOGETHER = """(async () => {
  const began = performance.now();
  const film = page.play(%(seconds)g);
  const loads = [];
  do loads.push(await page.load()); while (performance.now() - began < %(seconds)g * 800);
  return { film: await film, loads };
})()"""


class _Changes(threading.Thread):
    """Every few seconds one more bridge comes, and the one that has been there longest is killed."""

    def __init__(self, chain: Chain, every_s: float) -> None:
        super().__init__(name="changes of bridges", daemon=True)
        self._chain = chain
        self._every_s = every_s
        self._over = threading.Event()
        self.killed = 0
        self.failed: BenchError | None = None

    def run(self) -> None:
        """Until ``end``."""
        try:
            while not self._over.wait(self._every_s):
                self._chain.add_bridge("headless")
                self._chain.bridges[self.killed].kill()
                self.killed += 1
        except BenchError as error:
            self.failed = error

    def end(self) -> int:
        """Stops it; gives how many were killed."""
        self._over.set()
        self.join()
        if self.failed is not None:
            raise self.failed
        return self.killed


def measure(chain: Chain, processes: Processes, seconds: float, every_s: float) -> dict[str, float]:
    """The page and the film for so long with the bridges that are there, then as long with bridges that change."""
    site = chain.start_far("page site", "bench.page_site", _PAGE_SITE_PORT)
    # Without the last flag a browser goes to addresses of its own machine by itself.
    flags = (f"--proxy-server=socks5://{chain.proxy}", "--proxy-bypass-list=<-loopback>")
    browser = Chromium(processes, chain.reader_namespace, "reading chromium", flags)
    try:
        tab = browser.open(f"http://{site}/")
        script = _TOGETHER % {"seconds": seconds}
        figures = _figures("calm", tab.evaluate(script, seconds * 4 + 60), seconds)
        changes = _Changes(chain, every_s)
        changes.start()
        try:
            told = tab.evaluate(script, seconds * 4 + 60)
        finally:
            killed = changes.end()
        figures |= _figures("changing", told, seconds)
        figures["changing, bridges killed"] = killed
    finally:
        browser.close()
    return figures


def _figures(name: str, told: dict[str, Any], seconds: float) -> dict[str, float]:
    film = told["film"]
    wrong, loads_s = figures_of(told["loads"])
    if film["wrong"]:
        raise BenchError(f"{film['wrong']} bytes of the film are not those that were sent")
    return {
        f"{name}, objects of {OBJECTS} that did not come right, over all loads": wrong,
        f"{name}, loads of the page": len(loads_s),
        f"{name}, page of {OBJECTS} objects, p50, s": percentile(loads_s, 0.5),
        f"{name}, page of {OBJECTS} objects, longest, s": max(loads_s),
        f"{name}, film, stalls": film["stalls"],
        f"{name}, film, stood still, s": film["still"],
        f"{name}, film, longest time without a byte, s": film["gap"],
        f"{name}, film, share that came": film["bytes"] / (500_000 * seconds),
    }
