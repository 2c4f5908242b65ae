"""Where the URL of the shared store is read, and that what is wrong with it is told without telling it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.broker.redis.url import VARIABLE, check_url, find_url
from unwalled.errors import ConfigurationError


@pytest.mark.parametrize("url", ["", "http://a", "redis://", "redis://a:b", "unix://", "redis://user:secret@[::1", "a"])
def test_what_is_no_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_url(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["redis://a", "rediss://u:p@a:6379/1", "unix:///run/redis.sock?db=2", "redis://[::1]:1"]
)
def test_urls_of_every_kind_are_taken(url: str) -> None:
    check_url(url)


def test_the_file_goes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("redis://a\n")
    file.chmod(0o640)
    assert find_url(None, {}) == ""
    assert find_url(None, {VARIABLE: "redis://b"}) == "redis://b"
    assert find_url(file, {VARIABLE: "redis://b"}) == "redis://a"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (b"redis://:secret@a", 0o644, "Every user"),
        (b"redis://:secret@a" + b"x" * 5000, 0o600, "too large"),
        (b"", 0o600, "not the URL"),
        (b"\xff\xfe secret", 0o600, "not the URL"),
    ],
)
def test_a_file_that_cannot_be_is_told_with_a_remedy(tmp_path: Path, content: bytes, mode: int, says: str) -> None:
    file = tmp_path / "url"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match=says) as raised:
        find_url(file, {})
    assert "secret" not in str(raised.value)
    assert raised.value.remedy


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find_url(tmp_path / "none", {})
    with pytest.raises(ConfigurationError, match="not the URL"):
        find_url(None, {VARIABLE: "mysql://a"})
