"""A headless Chromium, driven over the pipe of its debugging protocol, so that it may run in a namespace of its own.

The flags keep a page that nobody looks at as quick as one that somebody looks at, keep the browser from talking to
anybody but the page, and let it name its plain addresses to WebRTC as it would after a permission.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from bench.processes import BenchError, Process, Processes

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,CalculateNativeWinOcclusion,"
    "OptimizationHints,MediaRouter,Translate",
    "--metrics-recording-only",
    "--mute-audio",
    "about:blank",
)
_START_S = 30.0


def find_chromium() -> str:
    """The Chromium of this machine, or the one that UNWALLED_CHROMIUM names. Raises BenchError without one."""
    named = os.environ.get("UNWALLED_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = named or next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise BenchError("there is no Chromium on this machine (Debian: apt install chromium)")
    return found


class Chromium:
    """One browser. Its process belongs to ``processes``, which ends it; ``close`` does so now."""

    def __init__(
        self,
        processes: Processes,
        namespace: str | None = None,
        name: str = "chromium",
        flags: Sequence[str] = (),
    ) -> None:
        self._processes = processes
        self._profile = tempfile.TemporaryDirectory(prefix="unwalled-bench-", ignore_cleanup_errors=True)
        child_in, self._out = _pipe()
        self._in, child_out = _pipe()
        command = [find_chromium(), f"--user-data-dir={self._profile.name}", *flags, *_FLAGS]
        self.process: Process = processes.start(name, command, namespace=namespace, fds=((child_in, 3), (child_out, 4)))
        os.close(child_in)
        os.close(child_out)
        self._serial = 0
        self._buffer = bytearray()
        self._call("Target.getTargets", {}, timeout_s=_START_S)

    def open(self, url: str) -> Tab:
        """A new tab, loaded."""
        target = self._call("Target.createTarget", {"url": url})["targetId"]
        session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = Tab(self, target, session)
        tab.wait_for(f"location.href == {json.dumps(url)} && document.readyState == 'complete'")
        return tab

    def close(self) -> None:
        """Ends the browser and deletes its profile."""
        self._processes.end(self.process)
        for descriptor in (self._in, self._out):
            try:
                os.close(descriptor)
            except OSError:
                pass
        self._profile.cleanup()

    def _call(
        self, method: str, parameters: dict[str, Any], session: str | None = None, timeout_s: float = 30.0
    ) -> dict[str, Any]:
        self._serial += 1
        message: dict[str, Any] = {"id": self._serial, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self._message(deadline)
            if answer.get("id") == self._serial:
                if "error" in answer:
                    raise BenchError(f"{method}: {answer['error'].get('message')}")
                result: dict[str, Any] = answer["result"]
                return result

    def _message(self, deadline: float) -> dict[str, Any]:
        while (end := self._buffer.find(b"\0")) < 0:
            ready, _, _ = select.select([self._in], [], [], max(deadline - time.monotonic(), 0))
            piece = os.read(self._in, 1 << 16) if ready else b""
            if not piece:
                raise BenchError(f"the browser does not answer:\n{self.process.last_words()}")
            self._buffer += piece
        message: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        return message


class Tab:
    """One page of a browser."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def evaluate(self, expression: str, timeout_s: float = 30.0) -> Any:
        """The value of a JavaScript expression (awaited), with a user's gesture. Raises BenchError for an exception."""
        parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self._browser._call("Runtime.evaluate", parameters, self._session, timeout_s)
        if "exceptionDetails" in answer:
            raise BenchError(f"the page raised: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, condition: str, timeout_s: float = _START_S) -> None:
        """Returns when a JavaScript condition is true. Raises BenchError when that takes too long."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if self.evaluate(condition):
                    return
            except BenchError:
                # A page that is just being loaded has no context to ask in.
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise BenchError(f"the page never fulfilled: {condition}")
            time.sleep(0.02)

    def close(self) -> None:
        """As when a visitor closes the tab: no farewell but what the browser itself sends."""
        self._browser._call("Target.closeTarget", {"targetId": self._target})


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are not among the numbers that the child needs."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(end)
    return ends[0], ends[1]
