"""Own addresses: by asking the kernel, and by its tables where asking says nothing."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

import pytest

from unwalled.gateway import own_addresses
from unwalled.gateway.own_addresses import OwnAddresses, can_bind, listed_addresses
from unwalled.network.addresses import IPAddress

LOOPBACK = ipaddress.ip_address("127.0.0.1")
FOREIGN = ipaddress.ip_address("8.8.8.8")


class FakeClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def test_this_machine_knows_itself() -> None:
    own = OwnAddresses()
    assert LOOPBACK in own
    assert FOREIGN not in own
    assert ipaddress.ip_address("2606:4700::1111") not in own
    assert "127.0.0.1" not in own


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's tables")
def test_each_address_in_the_tables_can_be_bound() -> None:
    listed = listed_addresses()
    assert LOOPBACK in listed
    # Link-local addresses need a zone to be bound; the policy refuses them anyway.
    assert [address for address in listed if not address.is_link_local and not can_bind(address)] == []


def test_tables_are_read_where_foreign_addresses_can_be_bound_and_again_each_minute() -> None:
    clock = FakeClock()
    tables: list[frozenset[IPAddress]] = [frozenset({LOOPBACK})]
    own = OwnAddresses(clock, lambda address: True, lambda: tables[-1])
    assert LOOPBACK in own
    assert FOREIGN not in own
    tables.append(frozenset({FOREIGN}))
    clock.now += 59
    assert FOREIGN not in own
    clock.now += 1
    assert FOREIGN in own
    assert LOOPBACK not in own


def test_where_binding_tells_the_tables_are_not_read() -> None:
    def never() -> frozenset[IPAddress]:
        raise AssertionError

    own = OwnAddresses(FakeClock(), lambda address: address == FOREIGN, never)
    assert FOREIGN in own
    assert LOOPBACK not in own


FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 203.0.113.0/24 2 0 2
        |-- 203.0.113.0
           /24 link UNICAST
        |-- 203.0.113.7
           /32 host LOCAL
        |-- 203.0.113.255
           /32 link BROADCAST
"""


def test_the_tables_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trie, inet6 = tmp_path / "fib_trie", tmp_path / "if_inet6"
    monkeypatch.setattr(own_addresses, "_FIB_TRIE", trie)
    monkeypatch.setattr(own_addresses, "_IF_INET6", inet6)
    assert listed_addresses() == frozenset()
    trie.write_text(FIB_TRIE)
    inet6.write_text("20010db8000000000000000000000005 02 40 00 80     eth0\n")
    wanted = {"203.0.113.7", "203.0.113.255", "2001:db8::5"}
    assert {str(address) for address in listed_addresses()} == wanted
