"""With everything through bridges, nothing leaves a reader's computer but for doors, STUN servers and bridges.

Every packet is looked at that leaves it, in each state that a reader can be in, while programs on it use the proxy in
every way that it has.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.abroad import DOOR_PORT, PROXY, Abroad, abroad, kill
from tests.support.far_side import BODY, STUN_PORT
from tests.support.namespaces import (
    BRIDGE,
    OPERATOR,
    READER,
    RESOLVER,
    SITE,
    SITE_NAME,
    STUN,
    WIRED,
    Internet,
    needs_namespaces,
)
from tests.support.near_apps import CUT, NO_PROXY, READ, SILENCE
from tests.support.programs import Command
from tests.support.sniffer import Packet, Sniffer
from unwalled.app.home import VARIABLE, Home
from unwalled.app.preferences import Preferences, save_preferences
from unwalled.app.snapshot import RuleMode

APPS_S = 2.5
OTHER_PROXY = "127.0.0.1:1081"


class Watched:
    """A reader's computer whose packets are looked at, phase by phase."""

    def __init__(self, far: Abroad, sniffer: Sniffer) -> None:
        net = far.net
        self._far = far
        self._sniffer = sniffer
        self._door = net.address(OPERATOR)
        self._stun = net.address(OPERATOR, STUN)
        self._bridge = net.address(BRIDGE)
        self._seen = 0

    def is_allowed(self, packet: Packet) -> bool:
        """Whether it goes to a door, a STUN server or a bridge, and is of the kind that these get."""
        match packet:
            case Packet("link"):
                return True
            case Packet("tcp", self._door, port):
                return port == DOOR_PORT
            case Packet("udp", self._stun, port, "stun"):
                return port == STUN_PORT
            case Packet("udp", self._bridge, _, "stun" | "dtls"):
                return True
            case Packet("icmp", to):
                # Its system tells a bridge whose packet came late that nobody is there any more.
                return to in (self._bridge, self._stun, self._door)
            case _:
                return False

    def left(self, phase: str) -> set[Packet]:
        """What has left since the phase before. Fails for each packet that must not."""
        packets = self._sniffer.so_far()
        now, self._seen = packets[self._seen :], len(packets)
        assert [packet for packet in now if not self.is_allowed(packet)] == [], phase
        return set(now)

    def skip(self) -> None:
        """What has left so far is of no concern."""
        self._seen = len(self._sniffer.so_far())

    def apps(self, proxy: str = PROXY) -> dict[str, str]:
        """What the programs get."""
        return self._far.apps(APPS_S, proxy)


def start_reader(far: Abroad) -> Command:
    reader = far.start(READER, "connect", far.invite, "--listen", PROXY, module="tests.support.hasty")
    reader.line("ready ")
    return reader


def is_clear(outcome: str) -> bool:
    """A page of the proxy's own that says why, or an error of its protocol."""
    return outcome.startswith(("page 503: Unwalled: ", "refused ", "curl 97"))


def is_failure(outcome: str) -> bool:
    """Any of these, silence, or a connection that was cut while nobody knew yet that the far end had gone."""
    return is_clear(outcome) or outcome in (SILENCE, CUT, "page 504: Unwalled: The site did not answer in time.")


@needs_namespaces
def test_nothing_leaves_but_for_doors_stun_servers_and_bridges(tmp_path: Path) -> None:
    with Internet() as net, Sniffer(net, WIRED[READER]) as sniffer, abroad(net, tmp_path) as far:
        watched = Watched(far, sniffer)
        reader = start_reader(far)

        def all_fail(phase: str, is_right: Callable[[str], bool], proxy: str = PROXY) -> None:
            outcomes = watched.apps(proxy)
            assert len(outcomes) == 8
            assert {way: outcome for way, outcome in outcomes.items() if not is_right(outcome)} == {}, phase
            watched.left(phase)

        all_fail("before a bridge is there", is_clear)

        far.start_bridge()
        reader.line("connected")
        assert set(watched.apps().values()) == {READ}
        kinds = {(packet.kind, packet.to, packet.detail) for packet in watched.left("with a bridge")}
        door, bridge, stun = net.address(OPERATOR), net.address(BRIDGE), net.address(OPERATOR, STUN)
        assert {("tcp", door, ""), ("udp", bridge, "dtls"), ("udp", bridge, "stun"), ("udp", stun, "stun")} <= kinds

        other = far.start(READER, "--listen", OTHER_PROXY, far.invite, module="tests.support.reader_program")
        other.line("connected")
        other.process.send_signal(signal.SIGUSR1)
        other.line("off")
        all_fail("it was switched off", is_clear, OTHER_PROXY)
        kill(other)
        all_fail("it was killed while it was off", lambda outcome: outcome == NO_PROXY, OTHER_PROXY)

        kill(far.bridges.pop())
        all_fail("the bridge was killed", is_failure)
        far.start_bridge()
        lines = len(reader.out)
        reader.line("connected", after=lines - 1)

        reader.process.send_signal(signal.SIGSTOP)
        all_fail("the reader stands still", lambda outcome: outcome == SILENCE)
        reader.process.send_signal(signal.SIGCONT)

        kill(far.operators.pop())
        all_fail("the operator was killed", is_failure)

        kill(reader)
        all_fail("the reader was killed", lambda outcome: outcome == NO_PROXY)


@needs_namespaces
@pytest.mark.parametrize(
    ("sends", "kind"),
    [
        ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{site}', 7))", "udp"),
        ("import socket; s = socket.socket(); s.settimeout(1); s.connect(('{site}', 80))", "tcp"),
        ("import socket\ntry: socket.getaddrinfo('{name}', 80)\nexcept OSError: pass", "udp"),
    ],
)
def test_the_watch_sees_what_leaves_bare(tmp_path: Path, sends: str, kind: str) -> None:
    with Internet() as net, Sniffer(net, WIRED[READER]) as sniffer, abroad(net, tmp_path, has_stun=False) as far:
        watched = Watched(far, sniffer)
        site = net.address(OPERATOR, SITE)
        far.read(sys.executable, "-c", sends.format(site=site, name=SITE_NAME))
        to = {packet.to for packet in sniffer.so_far() if not watched.is_allowed(packet) and packet.kind == kind}
        assert to == {net.address(OPERATOR, RESOLVER) if "getaddrinfo" in sends else site}


@needs_namespaces
def test_a_listed_name_is_neither_looked_up_nor_dialled_where_others_are(tmp_path: Path) -> None:
    home = Home(tmp_path / "reader")
    home.write("rules.txt", SITE_NAME.encode())
    save_preferences(home, Preferences(rules=RuleMode.BLOCKED))
    with Internet() as net, Sniffer(net, WIRED[READER]) as sniffer, abroad(net, tmp_path, has_stun=False) as far:
        far.start_bridge()
        reader = far.undo.enter_context(
            Command(
                *("connect", far.invite, "--listen", PROXY, "--no-panel"),
                module="tests.support.hasty",
                within=net.command(READER),
                environment={VARIABLE: str(home.folder)},
            )
        )
        reader.line("connected")
        resolver = net.address(OPERATOR, RESOLVER)

        def fetch(name: str) -> str:
            return far.read("curl", "-q", "-s", "--max-time", "30", "--proxy", f"http://{PROXY}", f"http://{name}/")

        def is_tried() -> bool:
            """The rules begin a little after the reader's start; what is on no list is looked up here from then on."""
            fetch("new.example")
            time.sleep(0.3)
            return any(packet.to == resolver for packet in sniffer.so_far())

        assert any(is_tried() for _ in range(60))
        watched = Watched(far, sniffer)
        watched.skip()
        for _ in range(3):
            assert fetch(SITE_NAME) == BODY
        watched.left("a listed name")
        # Nothing of this network can be reached, whatever a page asks for.
        for host in ("127.0.0.1", net.address(READER), "localhost", "router"):
            assert "your own computer or network" in fetch(host)
        watched.left("names and addresses of this network")
