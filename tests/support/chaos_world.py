"""A whole chain in namespaces that is hurt on purpose, and what a household behind its reader sees of that.

::

    household ── reader ──┬── bridge 1 ──┬── operator ── site
                          └── bridge 2 ──┘

Each is a real process in a place of `tests.support.namespaces` (the second bridge has the hotel's). The folders of
operator and reader are on small disks of their own, which can be full; both have a clock on the wall that can be set.
A world that is ``shared`` has a Redis server behind its operator, which has two gateway workers.
The household is `bench.crowd`: it never stops, and tells what came, what was cut, and whether a byte was wrong.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.namespaces import BRIDGE, HOTEL, OPERATOR, READER, SITE, Internet
from tests.support.programs import Command, words
from tests.support.redis_server import RedisProcess

BACK_S = 60.0
"""Everybody must be back so soon after a trouble has ended."""
NEVER = ("Traceback", "never retrieved", "never awaited", "Something unexpected")
"""What no program may say, whatever is done to it."""
_DISK = "2m"
_LOOK_S = 0.05
_FULL_BLOCK = bytes(64 * 1024)


class Part:
    """One program, which can be killed, paused and started anew. What it has said is kept over that."""

    def __init__(self, name: str, start: Callable[[], Command], ready: str) -> None:
        """``ready``: how the line begins by which it says that it works."""
        self.name = name
        self._start = start
        self._ready = ready
        self._before: list[Command] = []
        self.command = self._begun()

    def _begun(self) -> Command:
        command = self._start()
        self._before.append(command)
        return command

    def wait(self) -> str:
        """Until it works; gives the line that said so."""
        return self.command.line(self._ready)

    def again(self) -> None:
        """Starts it once it was killed, and waits until it works."""
        self.command = self._begun()
        self.wait()

    def kill(self) -> None:
        """As the system does when memory runs out."""
        self.command.process.kill()
        self.command.ended()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It stands still: the kernel goes on to answer for it."""
        self.command.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.command.process.send_signal(signal.SIGCONT)

    @property
    def said(self) -> list[str]:
        """All that it has written to standard error so far."""
        return [line for command in self._before for line in command.err]

    def close(self) -> None:
        """Ends it."""
        for command in self._before:
            command.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the household saw in a while."""

    done: int
    """Downloads that came whole, each byte the right one."""
    pages: int
    wrong: int
    cut: Counter[str] = field(default_factory=Counter)
    gap_s: float = 0.0
    """The longest time in which nothing came through: no page, no word of the long talk, no download."""
    back_s: float = 0.0
    """How long after the end of the trouble a page and a whole download came that began after it."""


class ChaosWorld:
    """See the module. As a context it leaves nothing behind."""

    def __init__(
        self, internet: Internet, folder: Path, download_bytes: int = 4_000_000, *, shared: bool = False
    ) -> None:
        self.internet = internet
        self.redis: RedisProcess | None = None
        self._is_shared = shared
        self.folder = folder
        self._size = download_bytes
        self._undo = ExitStack()
        self._parts: list[Part] = []

    def __enter__(self) -> ChaosWorld:
        try:
            self._begin()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def _begin(self) -> None:
        self.data, self.home = self.folder / "data", self.folder / "home"
        self._make_disks()
        at = self.internet.address(OPERATOR)
        site = f"{self.internet.address(OPERATOR, SITE)}:8180"
        host, _, port = site.partition(":")
        self._part("site", OPERATOR, host, port, module="bench.site").wait()
        url = f"http://{at}:8181"
        listening = ("--listen", f"{at}:8181", "--public-url", url, "--stun-listen", "off", "--allow-private")
        behind = self._shared() if self._is_shared else ()
        self.operator = self._part(
            "operator", OPERATOR, str(self._clock("operator")), "operate", *listening, "--data", str(self.data), *behind
        )
        ready = words(self.operator.wait())
        self.bridges = [
            self._part(f"bridge {number}", place, "bridge", url, module="unwalled.cli", ready="waiting for readers")
            for number, place in enumerate((BRIDGE, HOTEL), start=1)
        ]
        for bridge in self.bridges:
            bridge.wait()
        connect = ("connect", "-", "--listen", "127.0.0.1:1080", "--no-panel")
        self.reader = self._part(
            "reader",
            READER,
            str(self._clock("reader")),
            *connect,
            stdin=ready["invite"],
            ready="connected",
            environment={"UNWALLED_HOME": str(self.home)},
        )
        self.reader.wait()
        self._household = self._part(
            "household", READER, "127.0.0.1:1080", site, str(self._size), module="bench.crowd", ready="{"
        )
        self._parts.remove(self._household)
        self._household.wait()

    def _shared(self) -> tuple[str, ...]:
        self.redis = RedisProcess()
        self._undo.callback(self.redis.close)
        file = self.folder / "redis"
        file.touch(0o600)
        file.write_text(self.redis.url + "\n")
        return ("--redis-file", str(file), "--gateway-workers", "2")

    def _part(
        self,
        name: str,
        place: str,
        *arguments: str,
        module: str = "tests.support.shifted",
        ready: str = "ready",
        stdin: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> Part:
        within = [*self._on_disks, *self.internet.command(place)]

        def start() -> Command:
            return Command(*arguments, module=module, within=within, stdin=stdin, environment=environment)

        part = Part(name, start, ready)
        self._undo.callback(part.close)
        self._parts.append(part)
        return part

    # Disks and clocks.

    def _make_disks(self) -> None:
        """Two small disks which only the programs of this world see."""
        for folder in (self.data, self.home):
            folder.mkdir(parents=True)
        mounts = [f"mount -t tmpfs -o size={_DISK},mode=700 tmpfs '{folder}'" for folder in (self.data, self.home)]
        script = " && ".join([*mounts, "echo ready", "exec sleep infinity"])
        keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE, text=True
        )
        self._undo.callback(_end, keeper)
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "ready\n", "no disk of its own"
        self._root = Path(f"/proc/{keeper.pid}/root")
        # Else it would go on in the root of that namespace.
        self._on_disks: Sequence[str] = ("nsenter", "--target", str(keeper.pid), "--mount", "--wd", "--")

    @contextmanager
    def full(self, folder: Path) -> Iterator[None]:
        """No byte more fits on the disk of ``data`` or ``home``."""
        filler = self._root / folder.relative_to("/") / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(_FULL_BLOCK):
                    pass
            except OSError:
                pass
        try:
            yield
        finally:
            filler.unlink()

    def _clock(self, name: str) -> Path:
        return self.folder / f"{name}.clock"

    @contextmanager
    def jumped(self, name: str, seconds: float) -> Iterator[None]:
        """The clock on the wall of the operator's or the reader's computer is wrong by so much."""
        self._clock(name).write_text(str(seconds))
        try:
            yield
        finally:
            self._clock(name).unlink()

    @contextmanager
    def apart(self, *pairs: tuple[str, str]) -> Iterator[None]:
        """Nothing passes between these places, and nobody is told."""
        with ExitStack() as undo:
            for pair in pairs:
                self.internet.part(*pair, on=True)
                undo.callback(self.internet.part, *pair, on=False)
            yield

    def run(self, place: str, *arguments: str) -> tuple[int, list[str]]:
        """A short command of ours; its exit code, and what it said of errors."""
        with Command(*arguments, within=[*self._on_disks, *self.internet.command(place)]) as command:
            return command.ended(), command.err

    # What was seen.

    def _events(self, since: float) -> list[dict[str, Any]]:
        told = [json.loads(line) for line in list(self._household.command.out)]
        return [one for one in told if one["at"] >= since]

    def back(self, ended: float) -> float:
        """Waits until a page and a download came that began after the trouble; in how many seconds that was."""
        deadline = ended + BACK_S
        wanted = {"page", "done"}
        while time.monotonic() < deadline:
            events = self._events(ended)
            came = {one["what"]: one["at"] for one in reversed(events) if "s" in one and one["at"] - one["s"] >= ended}
            if wanted <= came.keys():
                return float(max(came[what] for what in wanted)) - ended
            time.sleep(_LOOK_S)
        raise AssertionError(f"not back after {BACK_S:g} s: {self._words()}")

    def seen(self, began: float, ended: float) -> Seen:
        """From ``began`` until all is well again; the trouble itself was over at ``ended``."""
        back_s = self.back(ended)
        events = self._events(began)
        moments = [began, *(one["at"] for one in events if one["what"] in ("page", "talk", "done")), time.monotonic()]
        counts = Counter(one["what"] for one in events)
        return Seen(
            done=counts["done"],
            pages=counts["page"],
            wrong=counts["wrong"],
            cut=Counter(f"{one['which']}: {one['why']}" for one in events if one["what"] == "cut"),
            gap_s=max(after - before for before, after in pairwise(moments)),
            back_s=back_s,
        )

    def complaints(self) -> list[str]:
        """What programs have said that none may ever say."""
        return [
            f"{part.name}: {line}" for part in self._parts for line in part.said if any(one in line for one in NEVER)
        ]

    def _words(self) -> str:
        return "; ".join(f"{part.name} said {(part.command.out + part.said)[-3:]}" for part in self._parts)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
