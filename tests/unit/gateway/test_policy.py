"""The policy's verdicts."""

from __future__ import annotations

import ipaddress

import pytest

from unwalled.gateway.hosttable import HostReader
from unwalled.gateway.policy import (
    ONLY_MY_SITES_PORTS,
    Blocks,
    EgressPolicy,
    Reason,
    SiteList,
    block_list,
    only_these,
    site_list,
    split_block,
)
from unwalled.network.addresses import IPAddress
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

PUBLIC: IPAddress = ipaddress.ip_address("8.8.8.8")


def target(host: str, port: int = 443) -> Target:
    return Target.parse(host, port)


@pytest.mark.parametrize("port", [25, 135, 137, 139, 445, 465, 587, 593, 2525])
def test_abused_ports_are_refused_by_default(port: int) -> None:
    assert EgressPolicy().check_target(target("example.org", port)) is Code.NOT_ALLOWED


@pytest.mark.parametrize("port", [1, 22, 24, 26, 53, 80, 134, 140, 143, 443, 993, 995, 5222, 8443, 65535])
def test_other_ports_are_allowed_by_default(port: int) -> None:
    assert EgressPolicy().check_target(target("example.org", port)) is None


def test_a_list_of_ports_allows_only_those_and_not_the_denied() -> None:
    policy = EgressPolicy(allowed_ports=((80, 80), (440, 450)))
    assert policy.check_target(target("example.org", 80)) is None
    assert policy.check_target(target("example.org", 443)) is None
    assert policy.check_target(target("example.org", 445)) is Code.NOT_ALLOWED
    assert policy.check_target(target("example.org", 22)) is Code.NOT_ALLOWED


@pytest.mark.parametrize(
    ("pattern", "listed", "not_listed"),
    [
        (
            "example.org",
            ["example.org", "EXAMPLE.org.", "a.b.example.org"],
            ["notexample.org", "org", "example.org.evil.net"],
        ),
        ("*.example.org", ["www.example.org", "a.b.example.org"], ["example.org", "xexample.org"]),
        ("=example.org", ["example.org", "Example.ORG"], ["www.example.org"]),
        ("bücher.example", ["xn--bcher-kva.example", "www.xn--bcher-kva.example"], ["bucher.example"]),
    ],
)
def test_patterns_of_names(pattern: str, listed: list[str], not_listed: list[str]) -> None:
    policy = EgressPolicy(publisher=True, allow=site_list([pattern]))
    assert [host for host in listed if policy.check_target(target(host)) is not None] == []
    assert [host for host in not_listed if policy.check_target(target(host)) is not Code.NOT_ALLOWED] == []
    open_policy = EgressPolicy(deny=site_list([pattern]))
    assert [host for host in listed if open_policy.check_target(target(host)) is not Code.NOT_ALLOWED] == []
    assert [host for host in not_listed if open_policy.check_target(target(host)) is not None] == []


def test_a_publisher_lists_addresses_by_network() -> None:
    policy = EgressPolicy(publisher=True, allow=site_list(["8.8.8.0/24", "2606:4700::1111"]))
    assert policy.check_target(target("8.8.8.8")) is None
    assert policy.check_target(target("::ffff:8.8.8.8")) is None
    assert policy.check_target(target("2606:4700::1111")) is None
    assert policy.check_target(target("9.9.9.9")) is Code.NOT_ALLOWED
    assert policy.check_target(target("example.org")) is Code.NOT_ALLOWED


def test_a_denied_network_holds_for_names_too() -> None:
    policy = EgressPolicy(deny=site_list(["8.8.8.0/24"]))
    assert policy.check_target(target("dns.example")) is None
    assert policy.check_address(PUBLIC) is Code.NOT_ALLOWED
    assert policy.check_address(ipaddress.ip_address("64:ff9b::8.8.8.8")) is Code.NOT_ALLOWED
    assert policy.check_address(ipaddress.ip_address("8.8.4.4")) is None


def test_own_addresses_are_refused_in_any_clothes() -> None:
    policy = EgressPolicy()
    own = {PUBLIC}
    assert policy.check_address(PUBLIC) is None
    assert policy.check_address(PUBLIC, own) is Code.NOT_ALLOWED
    assert policy.check_address(ipaddress.ip_address("::ffff:8.8.8.8"), own) is Code.NOT_ALLOWED
    behind_nat = EgressPolicy(own=site_list(["8.8.8.8"]))
    assert behind_nat.check_address(PUBLIC) is Code.NOT_ALLOWED


def test_an_exception_allows_a_private_site_but_not_what_is_denied() -> None:
    policy = EgressPolicy(exceptions=site_list(["10.0.5.0/24", "8.8.8.8"]), deny=site_list(["10.0.5.9"]))
    assert policy.check_address(ipaddress.ip_address("10.0.5.7")) is None
    assert policy.check_address(PUBLIC, {PUBLIC}) is None
    assert policy.check_address(ipaddress.ip_address("10.0.5.9")) is Code.NOT_ALLOWED
    assert policy.check_address(ipaddress.ip_address("10.0.6.7")) is Code.NOT_ALLOWED


def test_allow_private_allows_all_but_what_is_denied_and_warns() -> None:
    policy = EgressPolicy(allow_private=True, deny=site_list(["10.0.0.0/8"]))
    loopback = ipaddress.ip_address("127.0.0.1")
    assert policy.check_address(loopback, {loopback}) is None
    assert policy.check_address(ipaddress.ip_address("10.0.0.1")) is Code.NOT_ALLOWED
    assert ["allow-private" in warning for warning in policy.warnings()] == [True]


def test_warnings_name_what_is_dangerous() -> None:
    assert EgressPolicy().warnings() == []
    wide = EgressPolicy(publisher=True, exceptions=site_list(["0.0.0.0/0"])).warnings()
    assert ["loopback" in wide[0], "metadata" in wide[1], "publisher" in wide[2]] == [True] * 3
    assert EgressPolicy(publisher=True, allow=site_list(["8.8.8.8"])).warnings() == []


@pytest.mark.parametrize(
    "pattern", ["", "*", "*.", "=", "a b", "*.*.org", "*.8.8.8.8", "=::1", "-a.org", "127.1", "a.1"]
)
def test_a_pattern_that_can_match_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError):
        site_list([pattern])


def test_host_bits_are_an_error_with_the_right_network() -> None:
    with pytest.raises(ValueError, match=r"write '10\.0\.0\.0/8'"):
        site_list(["10.1.2.3/8"])


def test_a_list_does_not_show_its_sites() -> None:
    sites = site_list(["secret.example", "8.8.8.8"])
    assert "secret" not in repr(EgressPolicy(allow=sites))
    assert "secret" not in repr(sites)
    assert not SiteList().has_name("secret.example")


def test_a_decision_says_why() -> None:
    reader = HostReader(bytes(16))
    reader.read([b"bad.example", b"203.0.113.0/24", b"9.9.9.9"], is_adblock=False)
    policy = EgressPolicy(
        publisher=True,
        allow=site_list(["example", "8.8.8.8"]),
        deny=site_list(["denied.example", "8.8.4.4"]),
        categories={"malware": reader.table()},
        blocks=block_list(["blocked.example", "some.example:22", "1.1.1.1:80"]),
    )
    for host, port, reason, category in (
        ("www.example", 443, Reason.ALLOWED, ""),
        ("8.8.8.8", 443, Reason.ALLOWED, ""),
        ("www.example", 25, Reason.PORT, ""),
        ("x.blocked.EXAMPLE.", 25, Reason.BLOCKED, ""),
        ("some.example", 22, Reason.BLOCKED, ""),
        ("some.example", 443, Reason.ALLOWED, ""),
        ("1.1.1.1", 80, Reason.BLOCKED, ""),
        ("1.1.1.1", 443, Reason.NOT_LISTED, ""),
        ("denied.example", 443, Reason.DENIED, ""),
        ("8.8.4.4", 443, Reason.DENIED, ""),
        ("www.bad.example", 443, Reason.CATEGORY, "malware"),
        ("9.9.9.9", 443, Reason.CATEGORY, "malware"),
        ("other.test", 443, Reason.NOT_LISTED, ""),
    ):
        decision = policy.decide(target(host, port))
        assert (decision.reason, decision.category) == (reason, category), host
        assert decision.is_allowed is (reason is Reason.ALLOWED)
        assert policy.check_target(target(host, port)) is (None if decision.is_allowed else Code.NOT_ALLOWED)


def test_what_a_name_leads_to_is_judged_by_blocks_and_categories_too() -> None:
    reader = HostReader(bytes(16))
    reader.read([b"9.9.9.9"], is_adblock=False)
    policy = EgressPolicy(categories={"abuse": reader.table()}, blocks=block_list(["1.1.1.1:80", "8.8.4.4"]))
    assert policy.check_address(ipaddress.ip_address("9.9.9.9")) is Code.NOT_ALLOWED
    assert policy.check_address(ipaddress.ip_address("1.1.1.1"), port=80) is Code.NOT_ALLOWED
    assert policy.check_address(ipaddress.ip_address("1.1.1.1"), port=443) is None
    assert policy.check_address(ipaddress.ip_address("8.8.4.4"), port=443) is Code.NOT_ALLOWED
    assert policy.check_address(PUBLIC, port=443) is None


def test_only_my_sites_are_those_and_what_is_below_them_on_the_ports_of_pages() -> None:
    mine = only_these(EgressPolicy(), site_list(["news.example"]), has_ports=False)
    assert mine.allowed_ports == ONLY_MY_SITES_PORTS
    assert mine.check_target(target("www.news.example", 443)) is None
    assert mine.check_target(target("www.news.example", 22)) is Code.NOT_ALLOWED
    assert mine.check_target(target("other.example", 443)) is Code.NOT_ALLOWED
    own_ports = only_these(EgressPolicy(allowed_ports=((22, 22),)), site_list(["news.example"]), has_ports=True)
    assert own_ports.check_target(target("news.example", 22)) is None


def test_a_block_has_a_port_or_none() -> None:
    assert split_block(" a.example:22 ") == ("a.example", 22)
    assert split_block("a.example") == ("a.example", 0)
    assert split_block("[2001:db8::1]:443") == ("2001:db8::1", 443)
    assert split_block("2001:db8::1") == ("2001:db8::1", 0)
    assert split_block("192.0.2.0/24:25") == ("192.0.2.0/24", 25)
    assert len(block_list(["a.example", "b.example:1"])) == 2
    assert len(Blocks()) == 0
    for wrong in ("a.example:0", "a.example:70000", "https://a.example/", "", "a b"):
        with pytest.raises(ValueError):
            split_block(wrong)
