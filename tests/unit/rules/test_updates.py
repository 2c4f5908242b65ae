"""New versions of lists: which are taken, and when they are asked for."""

from __future__ import annotations

import pytest

from unwalled.errors import RuleError
from unwalled.rules.bounds import RULES
from unwalled.rules.formats import parse_list
from unwalled.rules.updates import check_new, check_url, next_update_at


def lines(count: int) -> bytes:
    """A list."""
    return "".join(f"{number}.example\n" for number in range(count)).encode()


def test_a_list_that_grows_or_shrinks_a_little_is_taken() -> None:
    for known, count in ((0, 1), (10, 5), (10, 500)):
        check_new(known, parse_list(lines(count)))


@pytest.mark.parametrize(
    ("known", "content", "words"),
    [
        (10, lines(4), "may be an attack"),
        (10, b"", "no pattern"),
        (0, b"# nothing\n", "no pattern"),
        (0, b"a.example\n?\n?\n", "Most lines"),
    ],
)
def test_what_would_uncover_sites_is_not(known: int, content: bytes, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        check_new(known, parse_list(content))
    assert words in caught.value.cause
    assert "as it was stays" in caught.value.remedy


LISTED = b"""! A list
||a.example^
||b.example^
||*c.example^
@@||open.example^
192.0.2.0/24
|http://d.example/
||news-*.e.example^
||f.example^
||open.example^
@@||www.open.example^
"""


def test_a_version_that_hides_the_same_is_taken_however_it_says_it() -> None:
    known = parse_list(LISTED)
    wider = LISTED.replace(b"192.0.2.0/24", b"192.0.0.0/16").replace(b"news-*.e.example", b"e.example")
    for content in (LISTED, wider, LISTED.replace(b"@@||open.example^\n", b"")):
        check_new(known.entries, parse_list(content), known)


@pytest.mark.parametrize(
    "exceptions",
    [
        b"@@||a.example^\n@@||b.example^\n@@||d.example^\n@@||f.example^\n@@192.0.2.7\n@@||e.example^\n",
        b"@@||www.a.example^\n@@||www.b.example^\n@@||www.f.example^\n@@||e.example^\n@@||d.example^\n",
        b"@@||d.example^\n@@||e.example^\n@@192.0.2.255\n@@||f.example^\n@@||www.a.example^\n",
    ],
)
def test_exceptions_do_not_make_up_for_what_they_uncover(exceptions: bytes) -> None:
    known, new = parse_list(LISTED), parse_list(LISTED + exceptions)
    assert new.entries == known.entries
    with pytest.raises(RuleError, match="may be an attack"):
        check_new(known.entries, new, known)


def test_other_names_do_not_make_up_for_those_that_are_gone() -> None:
    known, others = parse_list(lines(100)), b"".join(b"other%d.example\n" % number for number in range(100))
    with pytest.raises(RuleError, match="Of 100 patterns the new version keeps 49"):
        check_new(known.entries, parse_list(lines(49) + others), known)
    check_new(known.entries, parse_list(lines(50) + others), known)


def test_readers_do_not_ask_all_at_once() -> None:
    assert next_update_at(100, False, 0) == pytest.approx(100 + 0.9 * RULES.update_every_s)
    assert next_update_at(100, False, 1) == pytest.approx(100 + 1.1 * RULES.update_every_s)
    assert next_update_at(100, True, 0.5) == pytest.approx(100 + RULES.update_retry_s)


@pytest.mark.parametrize(
    "url", ["https://lists.example/a.txt", "https://lists.example:8443/a?b=c", "https://bücher.example/"]
)
def test_addresses(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://lists.example/a.txt",
        "ftp://lists.example/a.txt",
        "lists.example",
        "https://",
        "https://user:word@lists.example/",
        "https://user@lists.example/",
        "https://lists.example:port/",
        "https://[::1/",
        "https://lists.example/" + "a" * 600,
        "https://lists.example/\n",
        "https://127.0.0.1/list",
        "https://[::1]/list",
    ],
)
def test_what_is_no_address_of_a_list(url: str) -> None:
    with pytest.raises(RuleError) as caught:
        check_url(url)
    assert caught.value.remedy
