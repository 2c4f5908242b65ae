"""The policy's verdicts."""

from __future__ import annotations

import ipaddress

import pytest

from unwalled.gateway.policy import EgressPolicy, SiteList, site_list
from unwalled.network.addresses import IPAddress
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

PUBLIC: IPAddress = ipaddress.ip_address("8.8.8.8")


def target(host: str, port: int = 443) -> Target:
    return Target.parse(host, port)


@pytest.mark.parametrize("port", [25, 135, 137, 139, 445, 593])
def test_abused_ports_are_refused_by_default(port: int) -> None:
    assert EgressPolicy().check_target(target("example.org", port)) is Code.NOT_ALLOWED


@pytest.mark.parametrize("port", [1, 22, 24, 26, 53, 80, 134, 140, 443, 465, 587, 993, 5222, 8443, 65535])
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
