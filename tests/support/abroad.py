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
from tests.support.namespaces import BRIDGE, HOTEL, OPERATOR, READER, SITE, SITE_NAME, STUN, Internet
from tests.support.programs import PATIENCE_S, Command, words

DOOR_PORT = 8080
PROXY = "127.0.0.1:1080"


_HALF_A_REQUEST = """
import socket, sys
host, port, name = sys.argv[1:]
s = socket.create_connection((host, int(port)))
s.sendall(b"\\x05\\x01\\x00\\x05\\x01\\x00\\x03" + bytes([len(name)]) + name.encode() + b"\\x00\\x50")
s.recv(12, socket.MSG_WAITALL)
s.sendall(b"GET / HTTP/1.1\\r\\nHost: site.example\\r\\nConnection: close\\r\\n")
print("half", flush=True)
sys.stdin.readline()
s.sendall(b"\\r\\n")
answer = b""
while piece := s.recv(4096):
    answer += piece
print(answer.rpartition(b"\\r\\n")[2].decode(), flush=True)
"""


class OpenRequest:
    """Get it from ``Abroad.open_request``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def finish(self) -> str:
        """Sends the other half; gives the site's answer."""
        out, _ = self._process.communicate("\n", timeout=PATIENCE_S)
        return out.rstrip("\n")


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
    def door_host(self) -> str:
        """The operator's address."""
        return self.net.address(OPERATOR)

    @property
    def door(self) -> str:
        """HOST:PORT of the operator."""
        host = self.door_host
        return f"[{host}]:{DOOR_PORT}" if ":" in host else f"{host}:{DOOR_PORT}"

    def start(self, place: str, *arguments: str, module: str = "unwalled.cli") -> Command:
        """A program in a place; it is killed at the end."""
        command = Command(*arguments, module=module, within=self.net.command(place))
        return self.undo.enter_context(command)

    def start_operator(self) -> Command:
        """The operator, with the keys of before if there was one."""
        stun = self.net.address(OPERATOR, STUN)
        stun = f"[{stun}]" if ":" in stun else stun
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

    def start_portal(self) -> Command:
        """A hotel's server with the operator's address, for who is led there."""
        self.net.capture(self.door_host, True)
        portal = self.start(HOTEL, "portal", self.door_host, str(DOOR_PORT), module="tests.support.far_side")
        portal.line("ready")
        return portal

    @contextmanager
    def open_request(self) -> Iterator[OpenRequest]:
        """A connection of a program of the reader, with half a request on it."""
        command = self.net.command(READER, sys.executable, "-c", _HALF_A_REQUEST, *PROXY.split(":"), SITE_NAME)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "half\n"
                yield OpenRequest(process)
            finally:
                process.kill()

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
