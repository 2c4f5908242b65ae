"""The whole chain as people run it: site, ``unwalled operate``, bridges, ``unwalled connect``, each its own process."""

from __future__ import annotations

import json
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal

from bench.chromium import Chromium, Tab
from bench.flow import Flow
from bench.network import Network
from bench.processes import BenchError, Cost, Process, Processes

BridgeKind = Literal["chromium", "headless"]

_SITE_PORT = 8180
_PROXY_PORT = 1180
_OPERATOR_PORT = 8181
_READY_S = 40.0
_ELEMENT = "document.querySelector('unwalled-bridge')"
_SWITCH = f"{_ELEMENT}.shadowRoot.querySelector('[role=switch]')"
_IS_ON = f"['waiting', 'helping'].includes({_ELEMENT}.getAttribute('state'))"


class BridgeProcess:
    """One bridge: a headless Chromium with the operator's page and its switch on, or ``unwalled bridge``."""

    def __init__(self, kind: BridgeKind, process: Process, browser: Chromium | None, tab: Tab | None) -> None:
        self.kind = kind
        self.process = process
        self.browser = browser
        self.tab = tab

    def lanes(self) -> int | None:
        """Lanes that are open through it now; None when it does not tell (the headless one)."""
        return None if self.tab is None else int(self.tab.evaluate(f"{_ELEMENT}.stats.lanes"))

    def kill(self) -> None:
        """All of it at once, as when the power fails; the kernel still closes its sockets."""
        self.process.kill(signal.SIGKILL)

    def freeze(self) -> None:
        """It falls silent, and nothing closes."""
        self.process.freeze()

    def close_tab(self) -> None:
        """As a visitor does."""
        assert self.tab is not None
        self.tab.close()


class Chain:
    """Operator and site on the far side; add bridges, then a reader. Ends everything that it started."""

    traces: ClassVar[Path | None] = None
    """Folder for the traces of every chain: ``reader-1.jsonl``, ``gateway-1/session-1.jsonl`` and so on."""
    _count = 0

    def __init__(
        self,
        network: Network,
        processes: Processes,
        profiles: dict[str, Path] | None = None,
        changes: dict[str, Any] | None = None,
    ) -> None:
        """``profiles``: for each of ``reader``, ``gateway`` and ``bridge`` that is named, where cProfile writes.
        ``changes``: settings of all three (see bench/tuned.py)."""
        self._network = network
        self._processes = processes
        self._profiles = profiles or {}
        self._changes = changes
        self._data = tempfile.TemporaryDirectory(prefix="unwalled-bench-data-")
        self._url = ""
        self.invite = ""
        self.site = ""
        self.proxy = ""
        self.operator: Process
        self.site_process: Process
        self.reader: Process | None = None
        self.bridges: list[BridgeProcess] = []
        self._clients = 0
        Chain._count += 1
        self._number = Chain._count

    def __enter__(self) -> Chain:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        far = self._network.far
        site_port, operator_port = _free_port(far.namespace, _SITE_PORT), _free_port(far.namespace, _OPERATOR_PORT)
        site = self._processes.python("site", "bench.site", "127.0.0.1", str(site_port), namespace=far.namespace)
        self.site_process = site
        site.line()
        self.site = f"127.0.0.1:{site_port}"
        url = f"http://{far.address}:{operator_port}"
        command = ("operate", "--listen", f"{far.address}:{operator_port}", "--public-url", url)
        self.operator = self._unwalled(
            "gateway",
            *command,
            "--data",
            self._data.name,
            "--allow-private",
            *self._trace(f"gateway-{self._number}"),
            namespace=far.namespace,
        )
        words = dict(word.partition("=")[::2] for word in self._ready(self.operator).split())
        self._url, self.invite = words["url"], words["invite"]

    def _unwalled(self, role: str, *arguments: str, namespace: str | None) -> Process:
        profile = self._profiles.get(role)
        if profile is not None:
            command = [sys.executable, "-m", "bench.profiled", str(profile)]
        elif self._changes:
            command = [sys.executable, "-m", "bench.tuned", json.dumps(self._changes)]
        else:
            command = [sys.executable, "-m", "unwalled.cli"]
        # What a reader remembers stays among the bench's own files.
        environment = {"UNWALLED_HOME": f"{self._data.name}/reader"}
        return self._processes.start(role, [*command, *arguments], namespace=namespace, environment=environment)

    def _trace(self, name: str) -> tuple[str, ...]:
        return () if self.traces is None else ("--trace", str(self.traces / name))

    @staticmethod
    def _ready(process: Process) -> str:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            line = process.line(_READY_S)
            if line.startswith("ready"):
                process.ignore_output()
                return line
        raise BenchError(f"{process.name} did not get ready")

    def add_bridge(self, kind: BridgeKind) -> BridgeProcess:
        """Starts one more bridge; returns when it waits for readers."""
        namespace = self._network.far.namespace
        if kind == "headless":
            process = self._unwalled("bridge", "bridge", self._url, namespace=namespace)
            self._ready(process)
            bridge = BridgeProcess(kind, process, None, None)
        else:
            browser = Chromium(self._processes, namespace)
            tab = browser.open(f"{self._url}/")
            tab.wait_for(f"!!{_ELEMENT}?.shadowRoot")
            tab.evaluate(f"{_SWITCH}.click()")
            tab.wait_for(_IS_ON)
            bridge = BridgeProcess(kind, browser.process, browser, tab)
        self.bridges.append(bridge)
        return bridge

    @property
    def reader_namespace(self) -> str | None:
        """Where programs of the reader run."""
        return self._network.reader.namespace

    def start_far(self, name: str, module: str, port: int) -> str:
        """Starts one more site of the bench on the far side; gives HOST:PORT as the gateway reaches it."""
        namespace = self._network.far.namespace
        chosen = _free_port(namespace, port)
        self._processes.python(name, module, "127.0.0.1", str(chosen), namespace=namespace).line()
        return f"127.0.0.1:{chosen}"

    def start_reader(self) -> float:
        """Starts ``unwalled connect``; gives the moment (CLOCK_MONOTONIC). Does not wait for anything."""
        namespace = self._network.reader.namespace
        self.choose_proxy()
        started = time.monotonic()
        command = (
            "connect",
            self.invite,
            "--listen",
            self.proxy,
            "--no-remember",
            "--no-panel",
            *self._trace(f"reader-{self._number}.jsonl"),
        )
        self.reader = self._unwalled("reader", *command, namespace=namespace)
        self.reader.ignore_output()
        return started

    def choose_proxy(self) -> None:
        """Decides where the reader will listen, if that is not decided yet."""
        if not self.proxy:
            self.proxy = f"127.0.0.1:{_free_port(self._network.reader.namespace, _PROXY_PORT)}"

    def waiting_client(self) -> Process:
        """A program that runs already and loads a page as soon as it can; tell it the moment to count from."""
        self.choose_proxy()
        client = self.client("first")
        client.line()
        return client

    def stop_reader(self) -> None:
        """Ends the reader."""
        if self.reader is not None:
            self._processes.end(self.reader)
            self.reader = None

    def connected(self) -> None:
        """Returns when a page has come through."""
        client = self.waiting_client()
        client.tell(str(time.monotonic()))
        self.result(client)

    def client(self, *command: str) -> Process:
        """Starts the reading program; its line of standard output is the result."""
        self._clients += 1
        arguments = (self.proxy, self.site, *command)
        return self._processes.python("client", "bench.client", *arguments, namespace=self._network.reader.namespace)

    def result(self, client: Process, timeout_s: float = 120.0) -> dict[str, Any]:
        """Waits for a client's result."""
        return result_of(client, self._processes, timeout_s)

    def run(self, *command: str, timeout_s: float = 120.0) -> dict[str, Any]:
        """Runs the reading program to its end."""
        return self.result(self.client(*command), timeout_s)

    def memory(self) -> dict[str, float]:
        """Resident MB of each part."""
        return {part: cost.rss_bytes / 1e6 for part, cost in self.costs().items() if part != "site"}

    def lanes(self) -> int | None:
        """Lanes open through all bridges, or None when one of them does not tell."""
        counts = [bridge.lanes() for bridge in self.bridges]
        return None if None in counts else sum(count for count in counts if count is not None)

    def costs(self) -> dict[str, Cost]:
        """What each part has used until now; bridges together."""
        costs = {"gateway": self.operator.cost(), "site": self.site_process.cost()}
        if self.reader is not None:
            costs["reader"] = self.reader.cost()
        if self.bridges:
            each = [bridge.process.cost() for bridge in self.bridges]
            costs["bridge"] = Cost(sum(cost.cpu_s for cost in each), sum(cost.rss_bytes for cost in each))
        return costs

    def close(self) -> None:
        """Ends all parts, the reader first."""
        self.stop_reader()
        for bridge in self.bridges:
            if bridge.browser is not None:
                bridge.browser.close()
            else:
                self._processes.end(bridge.process)
        self.bridges.clear()
        for name in ("operator", "site_process"):
            process = getattr(self, name, None)
            if process is not None:
                self._processes.end(process)
        self._data.cleanup()


def result_of(client: Process, processes: Processes, timeout_s: float = 120.0) -> dict[str, Any]:
    """What a reading program says in the end; ends it."""
    try:
        result: dict[str, Any] = json.loads(client.line(timeout_s))
        return result
    finally:
        processes.end(client)


def flow_of(result: dict[str, Any]) -> Flow:
    """The arrivals in a client's result."""
    return Flow(**{name: value for name, value in result.items() if name in Flow.__dataclass_fields__})


def _free_port(namespace: str | None, in_namespace: int) -> int:
    """A namespace of our own has all ports free; on the machine itself the kernel names one."""
    if namespace is not None:
        return in_namespace
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
