"""The policy file: what it means, and what an operator reads when it is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from unwalled.errors import ConfigurationError
from unwalled.gateway.bounds import POLICY, PolicyLimits
from unwalled.gateway.categories import load_category
from unwalled.gateway.policy import Decision, EgressPolicy, GatewayCeiling, Reason
from unwalled.gateway.policyfile import parse_policy, read_policy
from unwalled.settings import GATEWAY
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

FULL = """\
[sites]
mode = "publisher"
allow = [
    "example.org",
    "*.example.net",
]
deny = ["secret.example.org"]

[ports]
allow = [80, 443, "8000-8100"]
deny = [8080]
udp = false

[addresses]
allow = ["10.0.5.7"]
own = ["198.51.100.7"]

[categories]
malware = ["lists/malware.txt", "more.hosts"]

[gateway]
bytes_per_second = 7
bytes_per_day = 8
bytes_per_month = 9
month_begins = 24
connections = 10

[limits]
streams = 10
bytes_per_second = 1000
total_bytes = 5000
idle_seconds = 60
connects_per_minute = 0
"""


def test_a_full_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(FULL)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "malware.txt").write_text("bad.example.org\n")
    (tmp_path / "more.hosts").write_text("0.0.0.0 worse.example.org\n")
    read = read_policy(file)
    tables = {name: load_category([tmp_path / one for one in files]) for name, files in read.categories.items()}
    policy = replace(read.policy, categories=tables)
    assert policy.decide(Target.parse("bad.example.org", 443)) == Decision(Reason.CATEGORY, "malware")
    assert policy.decide(Target.parse("worse.example.org", 443)) == Decision(Reason.CATEGORY, "malware")
    assert policy.ceiling == GatewayCeiling(7, 8, 9, 24, 10)
    assert read.has_ports
    assert policy.publisher
    assert not policy.datagrams
    assert policy.check_target(Target.parse("www.example.org", 8099)) is None
    assert policy.check_target(Target.parse("www.example.org", 8080)) is Code.NOT_ALLOWED
    assert policy.check_target(Target.parse("secret.example.org", 443)) is Code.NOT_ALLOWED
    assert policy.check_target(Target.parse("example.net", 443)) is Code.NOT_ALLOWED
    limits = policy.limits
    assert (limits.streams, limits.bytes_per_second, limits.total_bytes) == (10, 1000, 5000)
    assert (limits.idle_seconds, limits.connects_per_minute) == (60, 0)


def test_an_empty_file_is_the_default() -> None:
    policy = parse_policy("")
    default = EgressPolicy()
    assert (policy.publisher, policy.denied_ports, policy.limits) == (False, default.denied_ports, default.limits)
    assert parse_policy("", allow_private=True).allow_private


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[site]\n", 1, "[site] is not a section"),
        ("[gateway]\nbytes_per_day = -1\n", 2, "bytes_per_day in [gateway] must be a whole number"),
        ("[gateway]\nbytes_per_day = true\n", 2, "bytes_per_day in [gateway] must be a whole number"),
        ("[gateway]\nmonth_begins = 29\n", 2, "month_begins in [gateway] must be a day from 1 to 28"),
        ("[gateway]\nmonths = 1\n", 2, "months in [gateway] is unknown"),
        ("[categories]\nMalware = ['x']\n", 2, "is no name of a category"),
        ("[categories]\nmalware = 'x'\n", 2, "malware in [categories] must be a list of files"),
        ("[categories]\nmalware = ['']\n", 2, "must be a list of files"),
        ("\nsites = 3\n", 2, "[sites] must be a section"),
        ("[sites]\nmode = 'closed'\n", 2, "mode in [sites] is wrong"),
        ("[sites]\nmode = 3\n", 2, "mode in [sites] is wrong"),
        ("# x\n[sites]\nmod = 'open'\n", 3, "mod in [sites] is unknown"),
        ("[sites]\nallow = ['a.org']\n", 2, "has no effect while mode is open"),
        ("[sites]\nmode = 'publisher'\nallow = 'a.org'\n", 3, "must be a list"),
        ("[sites]\ndeny = [3]\n", 2, "must hold only strings"),
        ("[sites]\ndeny = [\n 'a.org',\n 'b org',\n]\n", 4, "'b org' is neither"),
        ("[sites]\ndeny = ['10.1.1.1/8']\n", 2, "'10.0.0.0/8'"),
        ("[ports]\nudp = 1\n", 2, "udp in [ports] is wrong"),
        ("[ports]\nallow = [0]\n", 2, "wrong entry 0"),
        ("[ports]\nallow = [true]\n", 2, "wrong entry True"),
        ("[ports]\ndeny = ['90-80']\n", 2, "wrong entry '90-80'"),
        ("[ports]\ndeny = ['80-70000']\n", 2, "wrong entry"),
        ("[ports]\ndeny = ['http']\n", 2, "wrong entry 'http'"),
        ("[addresses]\nallow = ['intern.example']\n", 2, "only addresses and networks"),
        ("[limits]\nstreams = -1\n", 2, "streams in [limits] is wrong"),
        ("[limits]\nstreams = 1.5\n", 2, "streams in [limits] is wrong"),
        ("[limits]\nstreams = true\n", 2, "streams in [limits] is wrong"),
        ("limits.idle_seconds = nan\n", 1, "idle_seconds in [limits] is wrong"),
        ("[sites]\n\n[ports]\n[limits]\nx = 1\n", 5, "x in [limits] is unknown"),
        ("[ports]\nudp = true\n\n[sites]\nudp = true\n", 5, "udp in [sites] is unknown"),
    ],
)
def test_an_error_names_file_line_cause_and_remedy(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_policy(text, "policy.toml")
    assert raised.value.cause.startswith(f"The policy file policy.toml, line {line}: ")
    assert words in str(raised.value)
    assert str(raised.value).endswith((".", '".'))


def test_an_error_without_a_findable_line_has_none() -> None:
    with pytest.raises(ConfigurationError, match=r"The policy file policy: x in \[limits\] is unknown"):
        parse_policy('"limits" = { streams = 1, "x" = 1 }\n')


@pytest.mark.parametrize("text", ["[sites\n", "a = \n", "a = " + "[" * 100_000, "[sites]\nmode='open'\nmode='open'\n"])
def test_what_is_not_toml_is_an_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="The policy file"):
        parse_policy(text)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: .*\. Check the path"):
        read_policy(tmp_path / "missing.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_policy(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"# one\n# \xff\n")
    with pytest.raises(ConfigurationError, match="line 2, is not UTF-8"):
        read_policy(bad)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (GATEWAY.policy_file_bytes + 1))
    with pytest.raises(ConfigurationError, match="larger than"):
        read_policy(large)


def test_a_list_that_cannot_be_taken_is_named_with_its_cause(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[categories]\nadult = ["list.txt"]\n')
    for content, cause in (
        (None, "cannot be read"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"<!DOCTYPE html>", "is a web page"),
        (b"<html lang='en'>", "is a web page"),
    ):
        if content is not None:
            (tmp_path / "list.txt").write_bytes(content)
        with pytest.raises(ConfigurationError, match=cause) as caught:
            load_category([tmp_path / read_policy(file).categories["adult"][0]])
        assert "list.txt" in caught.value.cause


def test_there_are_bounds_for_categories(tmp_path: Path) -> None:
    too_many = "[categories]\n" + "".join(f"c{number} = ['x']\n" for number in range(POLICY.categories + 1))
    with pytest.raises(ConfigurationError, match="more than 32 categories"):
        parse_policy(too_many)
    with pytest.raises(ConfigurationError, match="more than 32 files"):
        parse_policy(f"[categories]\nc = {['x'] * (POLICY.category_files + 1)}\n")
    (tmp_path / "long.txt").write_bytes(b"bad.example\n" * 10)
    with pytest.raises(ConfigurationError, match="larger than 0 MiB"):
        load_category([tmp_path / "long.txt"], PolicyLimits(category_bytes=100))
