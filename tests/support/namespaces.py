"""A small internet in network namespaces: a reader's computer, a bridge's, an operator's, and the router between them.
A hotel's server waits for its turn.

::

    reader ──(10.83.1.0/24)── router ──(10.83.2.0/24)── bridge
      └─(10.83.4.0/24: another Wi-Fi)─┘└──(10.83.3.0/24)── operator, and beside it a site and a resolver

Each has an address of both families (fd83:N::). Everything that leaves the reader's computer passes the router, where
`tests.support.sniffer` sees it. Needs root on Linux; ``needs_namespaces`` skips a test elsewhere, unless
UNWALLED_REQUIRE_NAMESPACES=1 says that they must be there.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from tests.support.missing import go_without

_F = TypeVar("_F", bound=Callable[..., object])
_PATIENCE_S = 20

ROUTER, READER, BRIDGE, OPERATOR, HOTEL = "router", "reader", "bridge", "operator", "hotel"
WIRED = {READER: 1, BRIDGE: 2, OPERATOR: 3, HOTEL: 5}
OTHER_WIFI = 4

SITE, RESOLVER, STUN = 80, 53, 78
"""Further addresses of the operator's computer: a site that only the gateway may be seen to open, what the reader's
computer would ask for names (nobody answers there), and a STUN server."""
SITE_NAME = "site.example"
"""Only the operator's computer knows where it is."""


def address_of(number: int, end: int, *, six: bool = False) -> str:
    """End 1 is the router's side of a cable, end 2 the computer's."""
    return f"fd83:{number}::{end}" if six else f"10.83.{number}.{end}"


@functools.cache
def _why_not() -> str:
    """Why there can be no namespaces here, or ""."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need root on Linux"
    if shutil.which("ip") is None:
        return "ip is not installed (Debian: apt install iproute2)"
    name = f"uwtry{os.getpid()}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "add", "near", "type", "veth", "peer", "name", "far")
    except AssertionError as error:
        return f"this machine makes no network namespaces: {error}"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=_PATIENCE_S, check=False)
    return ""


def needs_namespaces(test: _F) -> _F:
    """Skips a test where there can be no namespaces, or lets it fail where they must be."""

    @functools.wraps(test)
    def guarded(*arguments: object, **named: object) -> object:
        if why := _why_not():
            go_without("NAMESPACES", why)
        return test(*arguments, **named)

    return guarded  # type: ignore[return-value]


def run(*command: str) -> str:
    """A short command that must work; gives what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


class Internet:
    """The namespaces. As a context it leaves nothing behind."""

    _serial = 0

    def __init__(self, *, four: bool = True, six: bool = False) -> None:
        """``four``, ``six``: the families that the computers have."""
        Internet._serial += 1
        self._families = [family for family, wanted in ((False, four), (True, six)) if wanted]
        self._undo = ExitStack()
        self._prefix = f"uw{os.getpid()}x{Internet._serial}"
        self.six_only = not four

    def __enter__(self) -> Internet:
        with ExitStack() as undo:
            for place in (ROUTER, *WIRED):
                name = self.name(place)
                run("ip", "netns", "add", name)
                undo.callback(_delete, name)
                if True not in self._families:
                    # Its own chatter (neighbours, multicast groups) would only be in the way.
                    self._set(place, "net.ipv6.conf.all.disable_ipv6", 1)
                    self._set(place, "net.ipv6.conf.default.disable_ipv6", 1)
                run("ip", "-n", name, "link", "set", "lo", "up")
            self._set(ROUTER, "net.ipv4.ip_forward", 1)
            if True in self._families:
                self._set(ROUTER, "net.ipv6.conf.all.forwarding", 1)
            for place, number in WIRED.items():
                self.plug(place, number)
                self._write_names(place, undo)
            self._are_up(*WIRED.items())
            for end in (SITE, RESOLVER, STUN):
                for six in self._families:
                    self.add_address(OPERATOR, address_of(WIRED[OPERATOR], end, six=six))
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def name(self, place: str) -> str:
        """Of a place's namespace."""
        return f"{self._prefix}{place[0] if place != ROUTER else 'w'}"

    def command(self, place: str, *command: str) -> list[str]:
        """The same command, to be run in a place. It keeps its process id."""
        return ["ip", "netns", "exec", self.name(place), *command]

    # Cables and what passes them.

    def plug(self, place: str, number: int) -> None:
        """Joins a place to the router by cable ``number``, and sends everything that way."""
        place_name = self.name(place)
        run(
            *("ip", "-n", self.name(ROUTER), "link", "add", f"to{number}", "type", "veth"),
            *("peer", "name", f"net{number}", "netns", place_name),
        )
        for name, device, end in ((self.name(ROUTER), f"to{number}", 1), (place_name, f"net{number}", 2)):
            for six in self._families:
                bits = "64" if six else "24"
                without_wait = ["nodad"] if six else []
                address = f"{address_of(number, end, six=six)}/{bits}"
                run("ip", "-n", name, "address", "add", address, "dev", device, *without_wait)
            run("ip", "-n", name, "link", "set", device, "up")
        for six in self._families:
            family = "-6" if six else "-4"
            router = address_of(number, 1, six=six)
            run("ip", "-n", place_name, family, "route", "replace", "default", "via", router)

    def _are_up(self, *cables: tuple[str, int]) -> None:
        """Waits until the system says so of each, which it does within a second; WebRTC takes no cable before."""
        ends = [(self.name(place), f"net{number}") for place, number in cables]
        ends += [(self.name(ROUTER), f"to{number}") for _, number in cables]
        deadline = time.monotonic() + _PATIENCE_S
        while any(run("ip", "-n", name, "-brief", "link", "show", device).split()[1] != "UP" for name, device in ends):
            assert time.monotonic() < deadline, "a cable stays down"
            time.sleep(0.05)

    def unplug(self, number: int) -> None:
        """Takes a cable away, with the addresses at both ends: a Wi-Fi that one has left."""
        run("ip", "-n", self.name(ROUTER), "link", "delete", f"to{number}")

    def add_address(self, place: str, address: str) -> None:
        """One more address of a place, which the router knows to be there."""
        six = ":" in address
        alone = f"{address}/{128 if six else 32}"
        run("ip", "-n", self.name(place), "address", "add", alone, "dev", "lo")
        if place != ROUTER:
            way = address_of(WIRED[place], 2, six=six)
            run("ip", "-n", self.name(ROUTER), "-6" if six else "-4", "route", "replace", alone, "via", way)

    def remove_address(self, place: str, address: str) -> None:
        """Takes it away again."""
        alone = f"{address}/{128 if ':' in address else 32}"
        run("ip", "-n", self.name(place), "address", "delete", alone, "dev", "lo")

    def capture(self, address: str, on: bool) -> None:
        """What the reader sends to an address comes to the hotel's server, which has the same one."""
        family = "-6" if ":" in address else "-4"
        router, rule = self.name(ROUTER), ("pref", "50", "iif", f"to{WIRED[READER]}", "lookup", "100")
        if on:
            run("ip", "-n", self.name(HOTEL), "address", "add", address, "dev", "lo")
            way = address_of(WIRED[HOTEL], 2, six=":" in address)
            run("ip", "-n", router, family, "route", "replace", address, "via", way, "table", "100")
        run("ip", "-n", router, family, "rule", "add" if on else "delete", *rule)

    def part(self, one: str, other: str, *, on: bool) -> None:
        """A router that lets nothing pass between two computers, or lets it pass again; neither is told."""
        for source, target in ((one, other), (other, one)):
            for six in self._families:
                bits = "64" if six else "24"
                ends = [f"{address_of(WIRED[place], 0, six=six)}/{bits}" for place in (source, target)]
                rule = ("ip", "-n", self.name(ROUTER), "-6" if six else "-4", "rule", "add" if on else "delete")
                run(*rule, "pref", "60", "from", ends[0], "to", ends[1], "blackhole")

    def block_udp(self, on: bool) -> None:
        """A router that lets no UDP pass, or lets it pass again."""
        for family in ("-4", "-6"):
            rule = ("ip", "-n", self.name(ROUTER), family, "rule", "add" if on else "delete")
            run(*rule, "pref", "100", "ipproto", "udp", "blackhole")

    def address(self, place: str, end: int = 2) -> str:
        """Of a computer, or of one of those beside the operator's (SITE, RESOLVER, STUN)."""
        return address_of(WIRED[place], end, six=self.six_only)

    def _write_names(self, place: str, undo: ExitStack) -> None:
        """The files that ``ip netns exec`` shows there instead of the machine's own."""
        folder = Path("/etc/netns") / self.name(place)
        folder.mkdir(parents=True)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "resolv.conf").write_text(f"nameserver {self.address(OPERATOR, RESOLVER)}\n")
        known = f"{self.address(OPERATOR, SITE)} {SITE_NAME}\n" if place == OPERATOR else ""
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{known}")

    def _set(self, place: str, name: str, value: int) -> None:
        run(*self.command(place, "sysctl", "-qw", f"{name}={value}"))


def _delete(name: str) -> None:
    subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=_PATIENCE_S, check=False)
