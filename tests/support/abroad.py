"""Operator, bridge, site and STUN server at the far side of `tests.support.namespaces`, as real programs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.far_side import STUN_PORT
from tests.support.namespaces import BRIDGE, OPERATOR, READER, SITE, SITE_NAME, STUN, Internet
from tests.support.programs import Command, words

DOOR_PORT = 8080
PROXY = "127.0.0.1:1080"


@dataclass
class Abroad:
    """The far side, and the reader's computer with programs on it."""

    net: Internet
    folder: Path
    undo: ExitStack
    has_stun: bool
    invite: str = ""
    operators: list[Command] = field(default_factory=list)
    bridges: list[Command] = field(default_factory=list)

    @property
    def door(self) -> str:
        """HOST:PORT of the operator."""
        host = self.net.address(OPERATOR)
        return f"[{host}]:{DOOR_PORT}" if ":" in host else f"{host}:{DOOR_PORT}"

    def start(self, place: str, *arguments: str, module: str = "unwalled.cli") -> Command:
        """A program in a place; it is killed at the end."""
        command = Command(*arguments, module=module, within=self.net.command(place))
        return self.undo.enter_context(command)

    def start_operator(self) -> Command:
        """The operator, with the keys of before if there was one."""
        stun = self.net.address(OPERATOR, STUN)
        operator = self.start(
            *(OPERATOR, "operate", "--listen", self.door, "--data", str(self.folder / "operator"), "--allow-private"),
            *(("--stun", f"stun:{stun}:{STUN_PORT}") if self.has_stun else ()),
        )
        self.invite = self.invite or words(operator.line("ready "))["invite"]
        operator.line("ready ")
        self.operators.append(operator)
        return operator

    def start_bridge(self) -> Command:
        """A headless bridge, when the operator knows it."""
        bridge = self.start(BRIDGE, "bridge", f"http://{self.door}", "--max-readers", "8")
        bridge.line("ready ")
        self.bridges.append(bridge)
        return bridge

    def apps(self, seconds: float, proxy: str = PROXY) -> dict[str, str]:
        """What programs of the reader get through its proxy within so many seconds; see near_apps."""
        arguments = (proxy, SITE_NAME, self.net.address(OPERATOR, SITE), str(seconds))
        return json.loads(self.read(sys.executable, "-m", "tests.support.near_apps", *arguments))  # type: ignore[no-any-return]

    def read(self, *command: str) -> str:
        """A short command on the reader's computer; gives what it printed."""
        done = subprocess.run(
            self.net.command(READER, *command), stdout=subprocess.PIPE, text=True, timeout=60, check=True
        )
        return done.stdout


def kill(command: Command) -> None:
    """Ends a program without a chance for a farewell."""
    command.process.send_signal(signal.SIGKILL)
    command.ended()


@contextmanager
def abroad(net: Internet, folder: Path, *, has_stun: bool = True) -> Iterator[Abroad]:
    """The far side, with a running operator and without a bridge."""
    with ExitStack() as undo:
        made = Abroad(net, folder, undo, has_stun)
        roles: Sequence[tuple[str, int]] = (("site", SITE), ("stun", STUN)) if has_stun else (("site", SITE),)
        far = [
            made.start(OPERATOR, role, net.address(OPERATOR, end), module="tests.support.far_side")
            for role, end in roles
        ]
        made.start_operator()
        for program in far:
            program.line("ready")
        yield made
