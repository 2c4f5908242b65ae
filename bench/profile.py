"""Where one part of the chain spends its time: by py-spy when it is installed (it costs nothing), else by cProfile."""

from __future__ import annotations

import os
import pstats
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from io import StringIO
from pathlib import Path

from bench.chain import BridgeKind, Chain, flow_of
from bench.network import NO_DELAY, Network
from bench.processes import BenchError, Processes

ROLES = ("reader", "gateway", "bridge")
_ROWS = 30


def profile(role: str, through: BridgeKind, direction: str, seconds: float) -> str:
    """Runs one transfer without delay and gives a text with the busiest functions of ``role``."""
    if role == "bridge" and through == "chromium":
        raise BenchError("only a headless bridge can be profiled")
    spy = os.environ.get("UNWALLED_PYSPY") or shutil.which("py-spy")
    with tempfile.TemporaryDirectory(prefix="unwalled-bench-") as folder:
        output = Path(folder) / "profile"
        profiles = {} if spy else {role: output}
        with Processes(Path(folder)) as processes, Network(NO_DELAY, processes, namespaces=False) as network:
            with Chain(network, processes, profiles) as chain:
                chain.add_bridge(through)
                chain.start_reader()
                chain.connected()
                time.sleep(1)
                client = chain.client(f"{direction}load", str(seconds))
                if spy:
                    _sample(spy, _pid(chain, role), seconds, output)
                rate = flow_of(chain.result(client)).mbit_s(1)
            # The chain has ended by now, and cProfile has written what it saw.
            text = _sampled(output) if spy else _traced(output)
    return f"{role}, {direction} through one {through} bridge: {rate:.0f} Mbit/s\n{text}"


def _pid(chain: Chain, role: str) -> int:
    if role == "gateway":
        return chain.operator.pid
    if role == "bridge":
        return chain.bridges[0].process.pid
    assert chain.reader is not None
    return chain.reader.pid


def _sample(spy: str, pid: int, seconds: float, output: Path) -> None:
    duration = str(max(int(seconds) - 2, 1))
    sampling = ["--nonblocking", "-r", "200", "-d", duration, "-p", str(pid)]
    command = [spy, "record", *sampling, "-f", "raw", "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    if not output.exists():
        raise BenchError(f"py-spy: {done.stderr.strip()}")


def _sampled(output: Path) -> str:
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    total = 0
    for line in output.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_without_line(frame) for frame in stack.split(";")]
        total += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    rows = [f"{'own':>6} {'with what it calls':>18}"]
    rows += [
        f"{100 * count / total:5.1f}% {100 * whole[name] / total:17.1f}%  {name}"
        for name, count in own.most_common(_ROWS)
    ]
    return "\n".join(rows)


def _without_line(frame: str) -> str:
    return frame.rpartition(":")[0] + ")" if ":" in frame and frame.endswith(")") else frame


def _traced(output: Path) -> str:
    stream = StringIO()
    pstats.Stats(str(output), stream=stream).sort_stats("tottime").print_stats(_ROWS)
    return stream.getvalue()
