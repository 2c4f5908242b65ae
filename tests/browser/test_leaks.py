"""Chromium and Firefox as `unwalled browse` starts them: all their packets are seen, and none goes past the proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.browsers import Installed
from tests.support.leaky_page import SERVICE_PORT, SITE
from tests.support.sealed_room import NAMESERVER, OWN, in_room, need_room

MODULE = "tests.support.leaky_page"


@pytest.fixture(params=["chromium", "firefox"], scope="module")
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What was seen of a browser that was started as a reader's."""
    need_room()
    path = request.getfixturevalue(f"{request.param}_path")
    return in_room(MODULE, request.param, path, str(tmp_path_factory.mktemp(request.param)))


def test_the_meter_sees_names_and_datagrams(seen: Any) -> None:
    outside, inside = seen["meter_sees"]
    assert sorted(outside) == sorted(["udp 203.0.113.99:3478", f"udp {NAMESERVER}:53"])
    assert inside == ["udp 127.0.0.1:3478"]


def test_no_packet_leaves_by_itself(seen: Any) -> None:
    assert seen["outside"] == []


def test_no_packet_leaves_when_the_reader_has_stopped(seen: Any) -> None:
    assert seen["outside_afterwards"] == []


def test_on_this_computer_it_talks_to_the_proxy_only(seen: Any) -> None:
    # The site itself is reached by the tunnel.
    assert set(seen["inside"]) == {seen["proxy"], f"tcp {SITE}:80"}


def test_a_page_does_not_reach_services_of_this_computer(seen: Any) -> None:
    assert seen["attacks"] == 0
    assert set(seen["told"]["reached"]) - {"/later"} == {"/here"}
    # It was the proxy that was asked, and that refused.
    assert {f"127.0.0.1:{SERVICE_PORT}", f"localhost:{SERVICE_PORT}", f"{OWN}:{SERVICE_PORT}"} <= set(seen["asked"])


def test_webrtc_tells_no_address(seen: Any) -> None:
    assert seen["told"]["candidates"] == []


def test_the_page_itself_works(seen: Any) -> None:
    assert {"/", "/here", "/clip", "/told"} <= set(seen["paths"])


def test_the_browser_asks_for_nothing_that_the_page_did_not(seen: Any) -> None:
    known = ("leak.test:", "203.0.113.", "2001:db8::", "site.test:", f":{SERVICE_PORT}")
    assert [target for target in seen["asked"] if not any(part in target for part in known)] == []


def test_nothing_is_left_of_it(seen: Any) -> None:
    assert seen["left"] == ["lock"]


@pytest.mark.long
def test_an_ordinary_browser_does_leak(bridge_browser: Installed, tmp_path: Path) -> None:
    need_room()
    seen = in_room(MODULE, bridge_browser.name, bridge_browser.path, str(tmp_path), "--unguarded")
    assert f"udp {NAMESERVER}:53" in seen["outside"]
    assert "udp 203.0.113.15:3478" in seen["outside"]
    assert seen["attacks"] > 0
