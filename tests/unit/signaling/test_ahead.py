"""A connection that is begun early: it is one connection, it is handed over once, and nothing of it is left."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unwalled.signaling import ahead as ahead_module
from unwalled.signaling.ahead import AddressInfo, EarlyConnection, address_of
from unwalled.signaling.doors import DoorFailed, HttpDoor

PATIENCE_S = 10.0
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)
        yield listening


@pytest.fixture
def look_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], list[AddressInfo]]], None]:
    """Has names found by a function of the test, in early connections only."""

    def use(find: Callable[[], list[AddressInfo]]) -> None:
        class Sockets:
            SOCK_STREAM = socket.SOCK_STREAM
            socket = socket.socket

            @staticmethod
            def getaddrinfo(*_: Any, **__: Any) -> list[AddressInfo]:
                return find()

        monkeypatch.setattr(ahead_module, "socket", Sockets)

    return use


def url_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def info_of(server: socket.socket) -> AddressInfo:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", server.getsockname())


def closed_port() -> AddressInfo:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return info_of(gone)


def over(early: EarlyConnection) -> EarlyConnection:
    event = threading.Event()
    early.when_over(event.set)
    assert event.wait(PATIENCE_S)
    return early


def posted(early: EarlyConnection, server: socket.socket, url: str) -> bytes:
    """The reply to a request through a door that has the connection; exactly one connection brings it."""

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(PATIENCE_S)
            assert connection.recv(65536).startswith(b"POST /v1/match HTTP/1.1\r\n")
            connection.sendall(REPLY)
            assert connection.recv(1) == b""

    async def ask() -> bytes:
        answering = asyncio.create_task(asyncio.to_thread(answer))
        door = HttpDoor(url, ahead=early)
        try:
            door.knock()
            return await door.post(b"sealed")
        finally:
            await door.aclose()
            await answering

    reply = asyncio.run(ask())
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.accept()
    return reply


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://door.example", ("door.example", 443)),
        ("http://door.example/path", ("door.example", 80)),
        ("https://[::1]:8443", ("::1", 8443)),
    ],
)
def test_where_a_door_is(url: str, address: tuple[str, int]) -> None:
    assert address_of(url) == address


def test_a_door_uses_the_connection_that_was_begun(server: socket.socket) -> None:
    early = EarlyConnection(url_of(server))
    early.begin()
    assert posted(over(early), server, url_of(server)) == b"ok"


def test_a_connection_that_is_still_under_way_is_used_too(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = EarlyConnection(url_of(server))
    early.begin()
    monkeypatch.setattr(early, "connected", lambda: None)
    assert posted(over(early), server, url_of(server)) == b"ok"


def test_a_name_is_looked_up_once_and_a_door_waits_for_it(
    server: socket.socket,
    look_up: Callable[[Callable[[], list[AddressInfo]]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = threading.Event()

    def find() -> list[AddressInfo]:
        assert known.wait(PATIENCE_S)
        return [info_of(server)]

    look_up(find)
    early = EarlyConnection("http://door.invalid")
    early.begin()
    when_over = early.when_over

    def tell_and_find(told: Callable[[], None]) -> None:
        when_over(told)
        known.set()

    monkeypatch.setattr(early, "when_over", tell_and_find)
    assert posted(early, server, "http://door.invalid") == b"ok"


def test_the_next_address_is_tried_when_the_first_refuses(
    server: socket.socket, look_up: Callable[[Callable[[], list[AddressInfo]]], None]
) -> None:
    look_up(lambda: [closed_port(), info_of(server)])
    early = EarlyConnection("http://door.invalid")
    early.begin()
    assert posted(over(early), server, "http://door.invalid") == b"ok"


def no_such_name() -> list[AddressInfo]:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


def no_name_at_all() -> list[AddressInfo]:
    raise UnicodeError("label empty or too long")


@pytest.mark.parametrize(
    ("find", "word"),
    [
        (no_such_name, "its name was not found"),
        (no_name_at_all, "no connection"),
        (lambda: [closed_port()], "no connection"),
        (lambda: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 9))], "no connection"),
    ],
)
def test_what_goes_wrong_is_told_by_the_door(
    find: Callable[[], list[AddressInfo]], word: str, look_up: Callable[[Callable[[], list[AddressInfo]]], None]
) -> None:
    look_up(find)
    early = EarlyConnection("http://door.invalid")
    early.begin()

    async def ask() -> None:
        door = HttpDoor("http://door.invalid", ahead=early)
        door.knock()
        with pytest.raises(DoorFailed, match=word):
            await door.post(b"sealed")
        await door.aclose()

    asyncio.run(ask())


@pytest.mark.parametrize("is_knocked", [False, True])
def test_a_door_that_is_closed_leaves_nothing(server: socket.socket, is_knocked: bool) -> None:
    early = over_begun(url_of(server))

    async def leave() -> None:
        door = HttpDoor(url_of(server), ahead=early)
        if is_knocked:
            door.knock()
            await asyncio.sleep(0)
        await door.aclose()

    asyncio.run(leave())
    connection, _ = server.accept()
    with connection:
        connection.settimeout(PATIENCE_S)
        assert ended(connection)


def over_begun(url: str) -> EarlyConnection:
    early = EarlyConnection(url)
    early.begin()
    return over(early)


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_name_that_is_found_after_the_end_is_not_connected_to(
    server: socket.socket, look_up: Callable[[Callable[[], list[AddressInfo]]], None]
) -> None:
    known = threading.Event()

    def find() -> list[AddressInfo]:
        assert known.wait(PATIENCE_S)
        return [info_of(server)]

    look_up(find)
    early = EarlyConnection("http://door.invalid")
    early.begin()

    async def leave() -> None:
        door = HttpDoor("http://door.invalid", ahead=early)
        door.knock()
        await asyncio.sleep(0)
        await door.aclose()

    asyncio.run(leave())
    known.set()
    over(early)
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.accept()


def test_it_shows_no_address() -> None:
    assert repr(EarlyConnection("https://door.example")) == "EarlyConnection(…)"
