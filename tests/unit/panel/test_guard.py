"""Who is answered by the panel's server, and who hears nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unwalled.panel.guard import Address, Asked, Place, has_token, is_answered

ADDRESS = Address(port=4711, door="door-door", token="token-token", pac_name="pac-pac")
OWN = "http://127.0.0.1:4711"
NAVIGATED = Asked("GET", "/door-door/", ("127.0.0.1:4711",), "", "cross-site", "navigate", "document")
INSIDE = Asked("GET", "/door-door/panel.js", ("127.0.0.1:4711",), "", "same-origin", "cors", "script")
VERB = Asked("POST", "/door-door/api/on", ("127.0.0.1:4711",), OWN, "same-origin", "cors", "empty")
PAC = Asked("GET", "/pac/pac-pac.pac", ("127.0.0.1:4711",))


@pytest.mark.parametrize("asked", [NAVIGATED, replace(NAVIGATED, fetch_site="none"), INSIDE, VERB, PAC])
def test_the_persons_browser_is_answered(asked: Asked) -> None:
    assert is_answered(asked, ADDRESS)


@pytest.mark.parametrize("asked", [NAVIGATED, INSIDE, VERB])
def test_a_browser_that_tells_nothing_of_a_request_is_answered(asked: Asked) -> None:
    assert is_answered(replace(asked, origin="", fetch_site="", fetch_mode="", fetch_dest=""), ADDRESS)


@pytest.mark.parametrize("asked", [NAVIGATED, INSIDE, VERB, PAC])
@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("evil.example:4711",),
        ("localhost:4711",),
        ("127.0.0.1",),
        ("127.0.0.1:4712",),
        ("127.0.0.1:4711.evil.example",),
        ("127.0.0.1:4711", "evil.example"),
    ],
)
def test_a_name_that_was_made_to_point_here_hears_nothing(asked: Asked, hosts: tuple[str, ...]) -> None:
    assert not is_answered(replace(asked, hosts=hosts), ADDRESS)


@pytest.mark.parametrize("asked", [NAVIGATED, INSIDE, VERB, PAC])
@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:4712", "http://localhost:4711"])
def test_a_page_of_another_origin_hears_nothing(asked: Asked, origin: str) -> None:
    assert not is_answered(replace(asked, origin=origin), ADDRESS)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
@pytest.mark.parametrize("asked", [INSIDE, replace(VERB, origin=""), PAC])
def test_what_another_site_includes_hears_nothing(asked: Asked, site: str) -> None:
    assert not is_answered(replace(asked, fetch_site=site), ADDRESS)


@pytest.mark.parametrize(
    ("method", "mode", "dest"),
    [("GET", "navigate", "iframe"), ("GET", "no-cors", "image"), ("POST", "navigate", "document"), ("GET", "", "")],
)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_can_only_open_the_page_as_a_page_of_its_own(site: str, method: str, mode: str, dest: str) -> None:
    asked = replace(NAVIGATED, fetch_site=site, method=method, fetch_mode=mode, fetch_dest=dest)
    assert not is_answered(asked, ADDRESS)


def test_the_page_is_not_framed_by_itself_either() -> None:
    assert not is_answered(replace(NAVIGATED, fetch_site="same-origin", fetch_dest="iframe"), ADDRESS)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/door-doo/", "/door-doorx/", "/panel.js", "/door-door", "//door-door/", "/pac/x.pac", "/pac/", "/é"],
)
def test_a_guess_hears_nothing(path: str) -> None:
    assert not is_answered(replace(NAVIGATED, path=path, fetch_site="none"), ADDRESS)
    assert ADDRESS.place(path) is Place.NOWHERE


def test_the_places() -> None:
    assert [ADDRESS.place(asked.path) for asked in (NAVIGATED, INSIDE, VERB, PAC)] == [
        Place.PAGE,
        Place.INSIDE,
        Place.INSIDE,
        Place.PAC,
    ]


@pytest.mark.parametrize(
    ("authorization", "good"),
    [
        ("Bearer token-token", True),
        ("bearer token-token", True),
        ("Bearer token-toke", False),
        ("Bearer token-token ", False),
        ("Basic token-token", False),
        ("token-token", False),
        ("Bearer \udcff", False),
        ("", False),
    ],
)
def test_the_token(authorization: str, good: bool) -> None:
    assert has_token(authorization, ADDRESS) is good


def test_the_addresses_are_what_a_person_and_a_system_open() -> None:
    assert ADDRESS.url == "http://127.0.0.1:4711/door-door/#token-token"
    assert ADDRESS.pac_url == "http://127.0.0.1:4711/pac/pac-pac.pac"
    assert ADDRESS.origin == OWN
    assert "door" not in repr(ADDRESS).replace("door=", "")
    assert "token-token" not in repr(ADDRESS)
