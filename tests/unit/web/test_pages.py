"""What the operator's pages promise: the files are there, and the headers keep everything else out."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

import pytest

from unwalled.web.pages import pages, widget_integrity, widget_version

DOCUMENTS = ("/", "/add", "/embed", "/impact", "/read", "/totals", "/window")
PAGE_SCRIPTS = ("add", "embed", "impact", "read", "totals", "window")
PARTS = [path for path in pages() if path.startswith("/widget-")]


def policy(path: str) -> dict[str, str]:
    header = pages()[path].headers["Content-Security-Policy"]
    return dict(part.split(" ", 1) for part in header.split("; "))


def test_all_pages_are_there_with_their_types() -> None:
    found = {path: page.content_type.split(";")[0] for path, page in pages().items() if path not in PARTS}
    scripts = ("/widget.js", *(f"/{name}.js" for name in PAGE_SCRIPTS))
    versions = tuple(f"/widget/{widget_version()}{path}" for path in ("/widget.js", *PARTS))
    assert found == {
        **dict.fromkeys(DOCUMENTS, "text/html"),
        "/site.css": "text/css",
        **dict.fromkeys((*scripts, *versions), "text/javascript"),
    }
    assert all(page.path == path and page.body for path, page in pages().items())


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_allow_only_what_is_the_operators(path: str) -> None:
    allowed = policy(path)
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == "'self'"
    assert allowed["connect-src"] == "'self' wss:"
    assert allowed["base-uri"] == allowed["form-action"] == allowed["trusted-types"] == "'none'"
    assert allowed["frame-ancestors"] == ("*" if path == "/embed" else "'none'")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_load_nothing_from_elsewhere_and_hold_no_inline_code(path: str) -> None:
    text = pages()[path].body.decode()
    links = set(re.findall(r'(?:src|href)="([^"]*)"', text)) - {"data:,", "./", "totals.json"}
    assert {f"/{link}" for link in links if not link.startswith("?lang=")} <= pages().keys()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("name", ["/site.css", "/widget.js", *PARTS, *(f"/{name}.js" for name in PAGE_SCRIPTS)])
def test_scripts_and_styles_name_no_other_place(name: str) -> None:
    # The name of a namespace is no place: nobody is asked for it.
    text = pages()[name].body.decode().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|wss?://|innerHTML|eval\(|@import|url\(", text)


def test_the_small_window_knows_who_has_opened_it_and_the_other_pages_do_not() -> None:
    openers = {path: pages()[path].headers.get("Cross-Origin-Opener-Policy") for path in DOCUMENTS}
    shut = dict.fromkeys(DOCUMENTS, "same-origin-allow-popups")
    assert openers == shut | {"/embed": None, "/window": None}


def test_the_widget_may_be_loaded_by_every_site_and_is_small() -> None:
    widget = pages()["/widget.js"]
    assert widget.headers["Access-Control-Allow-Origin"] == "*"
    assert widget.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert len(gzip.compress(widget.body, 9)) <= 15 * 1024


def test_the_widget_knows_the_hash_of_each_of_its_parts() -> None:
    widget = pages()["/widget.js"].body
    assert "/widget-words-de.js" in PARTS
    for path in PARTS:
        part = pages()[path]
        assert part.content_type == pages()["/widget.js"].content_type
        assert base64.b64encode(hashlib.sha384(part.body).digest()) in widget, path


@pytest.mark.parametrize("path", PARTS)
def test_a_part_of_the_widget_is_served_as_the_widget_itself_and_is_small(path: str) -> None:
    part, widget = pages()[path].headers, pages()["/widget.js"].headers
    assert {**part, "ETag": ""} == {**widget, "ETag": ""}
    most = 6 if path.startswith("/widget-words-") else 15
    assert len(gzip.compress(pages()[path].body, 9)) <= most * 1024


def test_every_answer_has_a_validator_of_its_own_and_is_not_sniffed() -> None:
    found = {path: page for path, page in pages().items() if not path.startswith("/widget/")}
    tags = {page.headers["ETag"] for page in found.values()}
    assert len(tags) == len(found)
    assert all(re.fullmatch(r'"[A-Za-z0-9_-]{43}"', tag) for tag in tags)
    assert all(page.headers["X-Content-Type-Options"] == "nosniff" for page in found.values())
    assert all(page.headers["Referrer-Policy"] == "no-referrer" for page in found.values())


def test_integrity_is_that_of_the_widget() -> None:
    digest = hashlib.sha384(pages()["/widget.js"].body).digest()
    assert widget_integrity() == f"sha384-{base64.b64encode(digest).decode()}"


def test_a_version_stays_where_it_is_for_ever() -> None:
    found = pages()
    for path in ("/widget.js", *PARTS):
        newest, version = found[path], found[f"/widget/{widget_version()}{path}"]
        assert version.body == newest.body
        assert version.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert {**version.headers, "Cache-Control": ""} == {**newest.headers, "Cache-Control": ""}


def test_the_page_for_sites_tells_version_and_hash_as_data() -> None:
    text = pages()["/add"].body.decode()
    assert f'data-integrity="{widget_integrity()}"' in text
    assert f'data-version="{widget_version()}"' in text


def test_a_page_that_opens_or_frames_ours_keeps_its_handle_to_it_where_it_must() -> None:
    isolated = {path for path in DOCUMENTS if "Cross-Origin-Opener-Policy" in pages()[path].headers}
    assert isolated == {"/", "/add", "/impact", "/read", "/totals"}


def test_further_sources_stand_in_connect_src_only() -> None:
    header = pages(["ws://10.0.0.1:8080"])["/"].headers["Content-Security-Policy"]
    assert "connect-src 'self' wss: ws://10.0.0.1:8080;" in header


@pytest.mark.parametrize("source", ["", "a b", "a;script-src", "'unsafe-inline'", "a\r\nX: y", "a,b"])
def test_a_source_that_could_change_the_policy_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="connect-src"):
        pages([source])
