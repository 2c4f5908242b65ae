"""The order of addresses, the codes, and the race over loopback."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Iterator

import pytest

from unwalled.errors import OpenFailed
from unwalled.network import dialler
from unwalled.network.addresses import IPAddress
from unwalled.network.dialler import code_of, dial, interleave
from unwalled.settings import GATEWAY
from unwalled.wire.codes import Code


def addresses(*hosts: str) -> list[IPAddress]:
    return [ipaddress.ip_address(host) for host in hosts]


def test_families_take_turns_beginning_with_the_first() -> None:
    mixed = addresses("2600::1", "2600::2", "2600::3", "8.8.8.8", "9.9.9.9")
    assert interleave(mixed) == addresses("2600::1", "8.8.8.8", "2600::2", "9.9.9.9", "2600::3")
    assert interleave(list(reversed(mixed)))[0].version == 4
    assert interleave([]) == []
    assert len(interleave(addresses(*(f"8.8.8.{n}" for n in range(99))))) == GATEWAY.addresses_per_name


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ECONNREFUSED, Code.CONNECTION_REFUSED),
        (errno.ENETUNREACH, Code.NETWORK_UNREACHABLE),
        (errno.EHOSTUNREACH, Code.HOST_UNREACHABLE),
        (errno.ETIMEDOUT, Code.TIMED_OUT),
        (errno.ECONNRESET, Code.CONNECTION_RESET),
        (errno.EPIPE, Code.CONNECTION_RESET),
        (errno.EMFILE, Code.LIMIT_REACHED),
        (errno.ENOBUFS, Code.LIMIT_REACHED),
        (errno.EACCES, Code.GENERAL),
    ],
)
def test_errors_become_codes(number: int, code: Code) -> None:
    assert code_of(OSError(number, "x")) is code


def test_errors_without_a_number_become_codes() -> None:
    assert code_of(TimeoutError()) is Code.TIMED_OUT
    assert code_of(OSError("x")) is Code.GENERAL


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A site on 127.0.0.2."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        yield server


def test_a_refused_address_makes_way_for_the_next_at_once(listener: socket.socket) -> None:
    async def main() -> None:
        port = listener.getsockname()[1]
        # With a delay of an hour only the failure of the first can have started the second.
        with await dial(addresses("127.0.0.3", "127.0.0.2"), port, delay_s=3600) as sock:
            assert sock.getpeername()[0] == "127.0.0.2"
            assert not sock.getblocking()
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    asyncio.run(main())


class Stalling:
    """Makes connects to some hosts hang, as a black hole does, and counts those that were given up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
        self.begun = 0
        self.all_begun = asyncio.Event()
        self.given_up = 0
        loop = asyncio.get_running_loop()
        real = dialler._connect

        async def connect(sock: socket.socket, host: str, port: int) -> None:
            if host not in hosts:
                await real(sock, host, port)
                return
            self.begun += 1
            if self.begun == len(hosts):
                self.all_begun.set()
            try:
                await loop.create_future()
            finally:
                self.given_up += 1

        monkeypatch.setattr(dialler, "_connect", connect)


def test_a_silent_address_is_raced_and_then_given_up(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        stalling = Stalling(monkeypatch, "127.0.0.9", "127.0.0.8")
        port = listener.getsockname()[1]
        with await dial(addresses("127.0.0.9", "127.0.0.8", "127.0.0.2"), port, delay_s=0) as sock:
            assert sock.getpeername()[0] == "127.0.0.2"
        assert stalling.begun == stalling.given_up

    asyncio.run(main())


def test_a_cancelled_dial_gives_up_every_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        stalling = Stalling(monkeypatch, "127.0.0.9", "127.0.0.8")
        task = asyncio.create_task(dial(addresses("127.0.0.9", "127.0.0.8"), 9, delay_s=0))
        await stalling.all_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stalling.given_up == 2

    asyncio.run(main())


def test_the_most_telling_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        numbers = iter((errno.ENETUNREACH, errno.ECONNREFUSED, errno.EHOSTUNREACH))

        async def fail(*_: object) -> None:
            raise OSError(next(numbers), "x")

        monkeypatch.setattr(dialler, "_connect", fail)
        with pytest.raises(OpenFailed) as raised:
            await dial(addresses("127.0.0.4", "127.0.0.5", "127.0.0.6"), 9)
        assert raised.value.code is Code.CONNECTION_REFUSED
        with pytest.raises(OpenFailed) as raised:
            await dial([], 9)
        assert raised.value.code is Code.GENERAL

    asyncio.run(main())


def test_no_descriptor_left_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        def full(*_: object) -> None:
            raise OSError(errno.EMFILE, "x")

        monkeypatch.setattr(socket, "socket", full)
        with pytest.raises(OpenFailed) as raised:
            await dial(addresses("127.0.0.4"), 9)
        assert raised.value.code is Code.LIMIT_REACHED

    asyncio.run(main())
