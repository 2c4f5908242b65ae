"""What applications hear through the whole chain when a site or the bridges are not there: exact and distinct."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import unwalled.gateway.egress
import unwalled.reader.client
from tests.support.chain import Chain, chain
from tests.support.gateway_sites import bounds, run
from tests.support.proxy_bench import HELLO5
from unwalled.gateway.policy import EgressPolicy
from unwalled.settings import READER

NAMES: dict[str, list[list[str]]] = {
    "down.test": [["127.0.0.1"]],
    "silent.test": [[]],
    "six.test": [["2001:db8::1"]],
    "inside.test": [["10.1.2.3"]],
}


Heard = tuple[int, int, tuple[str, str]]


async def socks5_code(c: Chain, name: str, port: int) -> int:
    reader, writer = await c.dial()
    host = name.encode()
    writer.write(HELLO5 + b"\x05\x01\0\x03" + bytes((len(host),)) + host + port.to_bytes(2, "big"))
    answer = await reader.read()
    assert answer[:3] == b"\x05\0\x05"
    assert len(answer) == 12
    writer.close()
    return answer[3]


async def socks4a_code(c: Chain, name: str, port: int) -> int:
    answer = await c.say(b"\x04\x01" + port.to_bytes(2, "big") + b"\0\0\0\x01\0" + name.encode() + b"\0")
    assert (answer[0], len(answer)) == (0, 8)
    return answer[1]


async def http_answers(c: Chain, name: str, port: int) -> tuple[str, str]:
    """Status and Proxy-Status error of an absolute-form request, which those of CONNECT must equal."""
    answers = []
    for head in (f"GET http://{name}:{port}/ HTTP/1.1", f"CONNECT {name}:{port} HTTP/1.1"):
        lines = (await c.say(f"{head}\r\nHost: {name}\r\n\r\n".encode())).decode().split("\r\n")
        proxy_status = next(line for line in lines if line.startswith("Proxy-Status:"))
        answers.append((lines[0].split()[1], proxy_status.partition("error=")[2]))
    assert answers[0] == answers[1]
    return answers[0]


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port that answers no connection: its queue is full, so the system drops what comes."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for filler in fillers:
                filler.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return int(unused.getsockname()[1])


def test_each_failure_of_a_site_has_an_answer_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds(monkeypatch, unwalled.gateway.egress, connect_timeout_s=1.0)

    async def main() -> None:
        source = ipaddress.ip_address("127.0.0.1")
        async with chain(tmp_path / "data", names=NAMES, sources=[source]) as c:
            with deaf_port() as deaf:
                heard: dict[str, Heard] = {}
                for name, port in (
                    ("down.test", deaf),
                    ("unknown.test", 80),
                    ("silent.test", 80),
                    ("site.test", closed_port()),
                    ("six.test", 80),
                    ("site.test", 25),
                ):
                    socks5, socks4a, http = await asyncio.gather(
                        socks5_code(c, name, port), socks4a_code(c, name, port), http_answers(c, name, port)
                    )
                    heard[f"{name} {port}" if port == 25 else name] = (socks5, socks4a, http)
            assert heard == {
                "down.test": (0x06, 0x5B, ("504", "connection_timeout")),
                "unknown.test": (0x04, 0x5B, ("502", 'dns_error; rcode="NXDOMAIN"')),
                "silent.test": (0x04, 0x5B, ("502", 'dns_error; rcode="SERVFAIL"')),
                "site.test": (0x05, 0x5B, ("502", "connection_refused")),
                "six.test": (0x03, 0x5B, ("502", 'destination_ip_unroutable; details="network unreachable"')),
                "site.test 25": (0x02, 0x5B, ("403", "http_request_denied")),
            }
            # None of it harmed the session.
            assert (await c.say(get(c))).startswith(b"HTTP/1.1 200 ")

    run(main, fast=True)


def get(c: Chain, host: str = "site.test") -> bytes:
    return b"GET http://%b:%d/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (host.encode(), c.port)


def test_nobody_reaches_the_gateways_own_network(tmp_path: Path) -> None:
    async def main() -> None:
        async with chain(tmp_path / "data", names=NAMES) as c:
            # Bridges and readers are on this machine, so the operator had to allow that; its policy does not.
            c.operator._gateway.egress.policy = EgressPolicy()
            for name in ("127.0.0.1", "site.test", "inside.test", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]"):
                assert await http_answers(c, name, c.port) == ("403", "http_request_denied"), name
            assert await socks5_code(c, "site.test", c.port) == 0x02
            for host in (b"\x01\x7f\0\0\x01", b"\x04" + bytes(15) + b"\x01"):
                answer = await c.say(HELLO5 + b"\x05\x01\0" + host + c.port.to_bytes(2, "big"))
                assert answer[:4] == b"\x05\0\x05\x02"

    run(main, fast=True)


def test_without_a_bridge_applications_hear_so_and_with_the_first_one_all_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwalled.reader.client, "READER", dataclasses.replace(READER, open_wait_s=0.3))

    async def main() -> None:
        async with chain(tmp_path / "data", bridges=0) as c:
            socks, socks4, http, datagrams, page = await asyncio.gather(
                socks5_code(c, "site.test", c.port),
                socks4a_code(c, "site.test", c.port),
                http_answers(c, "site.test", c.port),
                c.say(HELLO5 + b"\x05\x03\0\x01" + bytes(6)),
                c.say(get(c)),
            )
            assert (socks, socks4, http) == (0x03, 0x5B, ("503", 'destination_unavailable; details="no bridge"'))
            assert datagrams[:4] == b"\x05\0\x05\x03"
            assert b"\r\nRetry-After: 5\r\n" in page
            await c.add_bridge()
            await asyncio.wait_for(c.reader.client.connected(), 20)
            assert (await c.say(get(c))).startswith(b"HTTP/1.1 200 ")

    run(main, fast=True)


def test_an_application_that_waits_gets_the_first_bridge(tmp_path: Path) -> None:
    async def main() -> None:
        async with chain(tmp_path / "data", bridges=0) as c:
            asking = asyncio.create_task(c.say(get(c)))
            await c.add_bridge()
            assert (await asking).startswith(b"HTTP/1.1 200 ")
            # The last bridge leaves, and who asks meanwhile waits for the next one.
            await c.bridges[0].stop()
            asking = asyncio.create_task(c.say(get(c)))
            await c.add_bridge()
            assert (await asking).startswith(b"HTTP/1.1 200 ")

    run(main, fast=True)
