"""The resolver over a scripted look-up."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable

import pytest

from unwalled.errors import OpenFailed
from unwalled.network import resolver as resolver_module
from unwalled.network.addresses import IPAddress
from unwalled.network.resolver import SystemResolver, system_lookup
from unwalled.settings import GATEWAY
from unwalled.wire.codes import Code

ADDRESS = ipaddress.ip_address("8.8.8.8")


class FakeClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Script:
    """A look-up that counts, and may wait for ``gate``."""

    def __init__(self, answer: list[IPAddress] | BaseException) -> None:
        self.answer = answer
        self.names: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, name: str) -> list[IPAddress]:
        self.names.append(name)
        self.gate.wait(30)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def test_equal_look_ups_are_one_and_are_remembered_for_a_while() -> None:
    async def main() -> None:
        clock, script = FakeClock(), Script([ADDRESS])
        resolver = SystemResolver(clock, script)
        script.gate.clear()
        waiting = [asyncio.create_task(resolver.resolve(name)) for name in ("a.example", "A.example.", "a.EXAMPLE")]
        await asyncio.sleep(0)
        script.gate.set()
        assert [list(await each) for each in waiting] == [[ADDRESS]] * 3
        clock.now += GATEWAY.resolver_cache_s - 0.1
        assert list(await resolver.resolve("a.example")) == [ADDRESS]
        assert script.names == ["a.example"]
        clock.now += 0.2
        await resolver.resolve("a.example")
        assert script.names == ["a.example"] * 2
        resolver.close()

    asyncio.run(main())


def test_one_who_gives_up_does_not_disturb_the_others() -> None:
    async def main() -> None:
        script = Script([ADDRESS])
        resolver = SystemResolver(FakeClock(), script)
        script.gate.clear()
        impatient = asyncio.create_task(resolver.resolve("a.example"))
        patient = asyncio.create_task(resolver.resolve("a.example"))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        script.gate.set()
        assert list(await patient) == [ADDRESS]
        resolver.close()

    asyncio.run(main())


def test_an_unknown_name_is_remembered_shortly_and_a_failure_is_not() -> None:
    async def main() -> None:
        clock, script = FakeClock(), Script([])
        resolver = SystemResolver(clock, script)
        for _ in range(2):
            with pytest.raises(OpenFailed) as raised:
                await resolver.resolve("a.example")
            assert raised.value.code is Code.NAME_UNKNOWN
        assert len(script.names) == 1
        clock.now += GATEWAY.resolver_unknown_s + 0.1
        script.answer = OpenFailed(Code.NAME_FAILED)
        for _ in range(2):
            with pytest.raises(OpenFailed) as raised:
                await resolver.resolve("a.example")
            assert raised.value.code is Code.NAME_FAILED
        assert len(script.names) == 3
        script.answer = ValueError("a bug in the look-up")
        with pytest.raises(OpenFailed) as raised:
            await resolver.resolve("a.example")
        assert raised.value.code is Code.NAME_FAILED
        script.answer = [ADDRESS]
        assert list(await resolver.resolve("a.example")) == [ADDRESS]
        resolver.close()

    asyncio.run(main())


def limited(monkeypatch: pytest.MonkeyPatch, **bounds: float) -> None:
    """Other bounds for one test."""
    from dataclasses import replace

    monkeypatch.setattr(resolver_module, "GATEWAY", replace(GATEWAY, **bounds))  # type: ignore[arg-type]


def test_too_many_names_at_once_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, resolver_waiting=2, resolver_threads=1)

    async def main() -> None:
        script = Script([ADDRESS])
        resolver = SystemResolver(FakeClock(), script)
        script.gate.clear()
        waiting = [asyncio.create_task(resolver.resolve(name)) for name in ("a.example", "b.example")]
        await asyncio.sleep(0)
        with pytest.raises(OpenFailed) as raised:
            await resolver.resolve("c.example")
        assert raised.value.code is Code.NAME_FAILED
        script.gate.set()
        assert [list(await each) for each in waiting] == [[ADDRESS]] * 2
        resolver.close()

    asyncio.run(main())


def test_a_name_server_that_is_silent_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, resolve_timeout_s=0.01)

    async def main() -> None:
        script = Script([ADDRESS])
        resolver = SystemResolver(FakeClock(), script)
        script.gate.clear()
        with pytest.raises(OpenFailed) as raised:
            await resolver.resolve("a.example")
        assert raised.value.code is Code.NAME_FAILED
        script.gate.set()
        resolver.close()

    asyncio.run(main())


def test_the_memory_for_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, resolver_cache_names=2)

    async def main() -> None:
        script = Script([ADDRESS])
        resolver = SystemResolver(FakeClock(), script)
        for name in ("a.example", "b.example", "c.example", "a.example"):
            await resolver.resolve(name)
        assert script.names == ["a.example", "b.example", "c.example", "a.example"]
        resolver.close()

    asyncio.run(main())


def test_closing_fails_those_who_wait() -> None:
    async def main() -> None:
        script = Script([ADDRESS])
        resolver = SystemResolver(FakeClock(), script)
        script.gate.clear()
        waiting = asyncio.create_task(resolver.resolve("a.example"))
        await asyncio.sleep(0)
        resolver.close()
        with pytest.raises(OpenFailed):
            await waiting
        with pytest.raises(OpenFailed):
            await resolver.resolve("b.example")
        script.gate.set()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), Code.NAME_UNKNOWN),
        (socket.gaierror(socket.EAI_AGAIN, "x"), Code.NAME_FAILED),
        (socket.gaierror(socket.EAI_FAIL, "x"), Code.NAME_FAILED),
        (OSError(24, "too many files"), Code.NAME_FAILED),
    ],
)
def test_what_the_system_says_becomes_a_code(monkeypatch: pytest.MonkeyPatch, error: OSError, code: Code) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(OpenFailed) as raised:
        system_lookup("a.example")
    assert raised.value.code is code


def test_addresses_of_the_system_come_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("8.8.8.8", "9.9.9.9", "8.8.8.8")]
    give: Callable[..., object] = lambda *_, **__: entries  # noqa: E731
    monkeypatch.setattr(socket, "getaddrinfo", give)
    assert system_lookup("a.example") == [ADDRESS, ipaddress.ip_address("9.9.9.9")]


def test_localhost_is_known_to_the_system() -> None:
    assert all(address.is_loopback for address in system_lookup("localhost"))
