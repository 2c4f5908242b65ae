"""``python -m bench broker``: very many idle bridges at one broker, and as many matches a second as it makes.

Real processes and sockets: `unwalled operate`, and one process (brokerload.py) that is all bridges and all readers. The
ceilings run in turns with it: the same HTTP server answering the same requests with as many bytes and nothing else, and
what HPKE alone takes for one request.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from bench.machine import this_machine
from bench.processes import Process, Processes
from tests.support.redis_server import RedisProcess
from unwalled.crypto.envelope import open_request, seal_reply, seal_request
from unwalled.crypto.hpke import ClassicalPrivateKey
from unwalled.operator.listener import HttpServer, bind
from unwalled.operator.options import ListenAddress

RATES = (250, 500, 750, 1000)
MATCHED_BRIDGES = 1000
_PATIENCE_S = 600.0
"""For one answer of the load beyond the time of a rate: it has many bridges to connect and requests to seal."""


def broker(bridges: int, seconds: float, over_redis: bool, rates: tuple[int, ...] = RATES) -> None:
    """Measures, and prints the table as it grows."""
    for line in (str(this_machine()), f"broker with {'a Redis server' if over_redis else 'its own memory'}", ""):
        _show(line)
    with tempfile.TemporaryDirectory(prefix="unwalled-bench-broker-") as folder, _redis(over_redis) as environment:
        data = Path(folder) / "data"
        with Processes(Path(folder) / "logs") as processes:
            operator, port = _operator(processes, data, environment)
            load = _Load(processes.python("load", "bench.brokerload"), seconds)
            load.tell(do="at", data=str(data), ports=[port])
            before = _memory_kib(operator.pid)
            hung = load.tell(do="hang", count=bridges)
            time.sleep(1.0)
            each = (_memory_kib(operator.pid) - before) / bridges
            _show(f"{bridges} idle bridges: {each:.1f} KiB each, {hung['seconds']:.1f} s until all had joined")
            idle = operator.cost()
            time.sleep(5.0)
            _show(f"idle for 5 s: {operator.cost().since(idle) / 5 * 100:.1f} % of a core")
        _show("")
        _show("| asked a second | what | good | p50, ms | p99, ms | CPU of the server | CPU of the load |")
        _show("| --- | --- | --- | --- | --- | --- | --- |")
        with Processes(Path(folder) / "logs") as processes:
            operator, port = _operator(processes, data, environment)
            constant = processes.python("constant", "bench.broker")
            plain_port = int(constant.line())
            load = _Load(processes.python("load", "bench.brokerload"), seconds)
            for rate in rates:
                load.tell(do="at", data=str(data), ports=[port])
                load.tell(do="hang", count=MATCHED_BRIDGES)
                for offers, spread in ((1, 1), (4, 0)):
                    what = f"{offers} lane{'s' * (offers > 1)} of {offers} bridge{'s' * (offers > 1)}"
                    _show(_row(load, operator, rate, seconds, what, offers, spread, "/v1/match"))
                load.tell(do="at", data=str(data), ports=[plain_port])
                _show(_row(load, constant, rate, seconds, "ceiling: constant", 1, 1, "/constant"))
    _show("")
    _show(_hpke_alone())


def _show(line: str) -> None:
    print(line, flush=True)


def _row(
    load: _Load, server: Process, rate: int, seconds: float, what: str, offers: int, spread: int, path: str
) -> str:
    before = server.cost()
    told = load.tell(do="ask", rate=rate, seconds=seconds, offers=offers, spread=spread, path=path)
    took_s = told["took_s"]
    used = server.cost().since(before) / took_s
    return (
        f"| {rate} | {what} | {told['good']:.0f} of {told['asked']:.0f}, {told['per_s']:.0f}/s | {told['p50_ms']:.1f} "
        f"| {told['p99_ms']:.1f} | {used:.2f} | {told['cpu_s'] / took_s:.2f} |"
    )


def _hpke_alone(count: int = 1000) -> str:
    key, reply_key = ClassicalPrivateKey(os.urandom(32)), ClassicalPrivateKey(os.urandom(32))
    bodies = [seal_request(bytes(900), key.public) for _ in range(count)]
    began = time.process_time()
    for body in bodies:
        open_request(body, key)
        seal_reply(bytes(900), reply_key.public, body)
    each_us = (time.process_time() - began) / count * 1e6
    return f"HPKE alone, one request opened and one reply sealed: {each_us:.0f} µs"


class _Load:
    """The process that is all bridges and readers, told by lines."""

    def __init__(self, process: Process, seconds: float) -> None:
        """``seconds``: of each rate."""
        self._process = process
        self._patience_s = seconds + _PATIENCE_S

    def tell(self, **command: object) -> dict[str, float]:
        """Sends a command and waits for what became of it. Raises BenchError when nothing comes."""
        self._process.tell(json.dumps(command))
        result: dict[str, float] = json.loads(self._process.line(self._patience_s))
        return result


def _operator(processes: Processes, data: Path, environment: dict[str, str]) -> tuple[Process, int]:
    """A new one, and its port."""
    shutil.rmtree(data, ignore_errors=True)
    command = [sys.executable, "-m", "unwalled.cli", "operate", "--listen", "127.0.0.1:0", "--allow-private"]
    process = processes.start("operator", [*command, "--data", str(data)], environment=environment)
    while not (line := process.line()).startswith("ready"):
        pass
    process.ignore_output()
    return process, int(line.split()[1].rpartition(":")[2])


@contextmanager
def _redis(is_wanted: bool) -> Iterator[dict[str, str]]:
    if not is_wanted:
        yield {}
        return
    server = RedisProcess()
    try:
        yield {"UNWALLED_REDIS_URL": server.url}
    finally:
        server.close()


def _memory_kib(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(float(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


async def _serve_constant() -> None:
    """The operator's HTTP server, with one answer for everything."""
    answer = os.urandom(2048 + 48)

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answer, content_type="application/octet-stream")

    app = web.Application()
    app.add_routes([web.post("/constant", handle)])
    sockets = bind(ListenAddress("127.0.0.1", 0))
    await HttpServer(app).start(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve_constant())
