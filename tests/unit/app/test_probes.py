"""What the computer's routes say, with sockets that send nothing."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from unwalled.app.probes import own_address, own_addresses


class Routes:
    """A system's routes: what ``connect`` on a socket of UDP would say, and what else was done with sockets."""

    def __init__(self, ways: dict[str, str | int]) -> None:
        self.ways = ways
        self.asked: list[str] = []

    def socket(self, family: int, kind: int) -> RouteSocket:
        assert kind == socket.SOCK_DGRAM
        return RouteSocket(self)


class RouteSocket:
    """It has no method by which anything could be sent."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._own = ""

    def __enter__(self) -> RouteSocket:
        return self

    def __exit__(self, *_: Any) -> None: ...

    def connect(self, to: tuple[str, int]) -> None:
        self._routes.asked.append(to[0])
        way = self._routes.ways.get(to[0], errno.ENETUNREACH)
        if isinstance(way, int):
            raise OSError(way, "")
        self._own = way

    def getsockname(self) -> tuple[str, int]:
        return self._own, 40_000


def with_routes(monkeypatch: pytest.MonkeyPatch, ways: dict[str, str | int]) -> Routes:
    routes = Routes(ways)
    monkeypatch.setattr("unwalled.app.probes.socket.socket", routes.socket)
    return routes


def test_the_address_is_that_of_the_way_to_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with_routes(monkeypatch, {"192.0.2.1": "10.0.0.5", "2001:db8::1": "2001:db8:7::5"})
    assert own_addresses(["https://door.example"]) == ("10.0.0.5", "2001:db8:7::5")


def test_a_network_of_ipv6_alone_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with_routes(monkeypatch, {"2001:db8::1": "2001:db8:7::5"})
    assert own_addresses([]) == ("2001:db8:7::5",)


def test_without_routes_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with_routes(monkeypatch, {})
    assert not own_addresses(["https://door.example", "http://198.51.100.7:8080"])


def test_a_door_that_is_an_address_may_be_where_no_other_way_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    with_routes(monkeypatch, {"127.0.0.1": "127.0.0.1"})
    assert own_addresses(["http://127.0.0.1:8080"])


def test_names_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = with_routes(monkeypatch, {})
    assert own_address("door.example") is None
    assert not own_addresses(["https://door.example"])
    assert set(routes.asked) == {"192.0.2.1", "2001:db8::1"}


@pytest.mark.parametrize("error", [errno.EACCES, errno.EMFILE])
def test_what_is_no_answer_about_routes_does_not_say_that_there_are_none(
    monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    with_routes(monkeypatch, {"192.0.2.1": error})
    assert own_addresses([])


def test_this_computer_knows_itself() -> None:
    assert own_address("127.0.0.1") == "127.0.0.1"
