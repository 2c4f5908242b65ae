"""What happens to a laptop in a day: sleep, another Wi-Fi, a hotel. Each has its word, and none needs a new start."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.abroad import PROXY, Abroad, abroad, kill
from tests.support.far_side import BODY
from tests.support.namespaces import OTHER_WIFI, READER, WIRED, Internet, needs_namespaces
from tests.support.near_apps import READ
from tests.support.programs import Command

APPS_S = 10.0
CONNECTED = "connected none 0"


class Laptop:
    """A reader's program in the reader's place, with the state that it tells."""

    def __init__(self, far: Abroad) -> None:
        self._far = far
        self._program: Command = far.start(READER, "--listen", PROXY, far.invite, module="tests.support.reader_program")
        self._program.line("ready")
        self._read = 1

    def becomes(self, state: str) -> None:
        """Waits until it tells this, from what it told last on."""
        line = self._program.line(lambda line: line.startswith(state), after=self._read)
        self._read = self._program.out.index(line, self._read) + 1

    def reads(self) -> None:
        """Every program on it reads, in every way that the proxy has."""
        assert set(self._far.apps(APPS_S).values()) == {READ}

    def stands_still(self) -> None:
        self._program.process.send_signal(signal.SIGSTOP)

    def goes_on(self) -> None:
        self._program.process.send_signal(signal.SIGCONT)


@contextmanager
def laptop(net: Internet, folder: Path, *, is_connected: bool = True) -> Iterator[tuple[Abroad, Laptop]]:
    with abroad(net, folder) as far:
        far.start_bridge()
        made = Laptop(far)
        if is_connected:
            made.becomes(CONNECTED)
        yield far, made


@needs_namespaces
def test_another_wifi_carries_on_what_was_open(tmp_path: Path) -> None:
    with Internet() as net, laptop(net, tmp_path) as (far, computer):
        with far.open_request() as request:
            net.unplug(WIRED[READER])
            computer.becomes("waiting offline")
            net.plug(READER, OTHER_WIFI)
            computer.becomes(CONNECTED)
            assert request.finish() == BODY
        computer.reads()


@needs_namespaces
def test_a_computer_wakes_up_where_nothing_is_as_it_was(tmp_path: Path) -> None:
    with Internet() as net, laptop(net, tmp_path) as (far, computer):
        computer.stands_still()
        net.unplug(WIRED[READER])
        kill(far.bridges.pop())
        kill(far.operators.pop())
        far.start_operator()
        far.start_bridge()
        net.plug(READER, OTHER_WIFI)
        computer.goes_on()
        computer.becomes(CONNECTED)
        computer.reads()


@needs_namespaces
def test_a_hotel_wants_a_log_in_first(tmp_path: Path) -> None:
    with Internet() as net, abroad(net, tmp_path) as far:
        far.start_bridge()
        portal = far.start_portal()
        computer = Laptop(far)
        computer.becomes("waiting captive-portal")
        net.capture(far.door_host, False)
        kill(portal)
        computer.becomes(CONNECTED)
        computer.reads()


@needs_namespaces
def test_a_network_of_ipv6_alone_is_enough(tmp_path: Path) -> None:
    with Internet(four=False, six=True) as net, laptop(net, tmp_path) as (_, computer):
        computer.reads()


@needs_namespaces
def test_a_network_without_udp_is_named_and_its_return_noticed(tmp_path: Path) -> None:
    with Internet() as net:
        net.block_udp(True)
        with laptop(net, tmp_path, is_connected=False) as (_, computer):
            computer.becomes("waiting udp-blocked")
            net.block_udp(False)
            computer.becomes(CONNECTED)
            computer.reads()
