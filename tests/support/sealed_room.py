"""A network namespace of its own in which every packet is seen: what leaves it, and who talks to whom inside.

Its only way out is a TUN device that nobody answers at; each packet sent there is noted. On the loopback device the
beginnings of TCP connections and all datagrams are noted. Names would be asked for at an address outside. ::

    test ── unshare --net --mount ── python -m MODULE … ── prints JSON at its end

Needs root and Linux. The namespace goes with its last process.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.missing import go_without
from tests.support.namespaces import run

OWN = "10.9.0.1"
"""The room's own address at its way out."""
OWN6 = "fd09::1"
NAMESERVER = "203.0.113.53"
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_ETH_P_ALL = 0x0003
_ICMP6 = 58
_NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", _ICMP6: "icmp6"}
# Neighbours, routers and groups: what a system says by itself when a device comes up.
_SYSTEMS_OWN = {133, 134, 135, 136, 143}


@functools.cache
def _obstacle() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces need Linux and root"
    if not (shutil.which("unshare") and shutil.which("ip") and Path("/dev/net/tun").exists()):
        return "unshare, ip or /dev/net/tun is missing"
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False, timeout=20)
    return "" if tried.returncode == 0 else "this system gives no namespaces"


def need_room() -> None:
    """Skips the test where there can be no such room; with UNWALLED_REQUIRE_NAMESPACES=1 that is a failure."""
    if obstacle := _obstacle():
        go_without("NAMESPACES", obstacle)


def in_room(module: str, *arguments: str, timeout_s: float = 100) -> Any:
    """Runs ``python -m MODULE ARGUMENTS`` in a fresh room; what it has printed, read as JSON."""
    command = ["unshare", "--net", "--mount", "--propagation", "private", "--", sys.executable, "-m", module]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@dataclass
class Meter:
    """What was seen, as ``udp 203.0.113.53:53``; filled while the room is open."""

    outside: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Meter]:
    """Furnishes the namespace in which this process is. ``folder``: for a file or two."""
    way_out = _furnished(folder)
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
    ear.bind(("lo", _ETH_P_ALL))
    ear.setblocking(False)
    meter = Meter()
    loop = asyncio.get_running_loop()

    def leaving() -> None:
        note(meter.outside, os.read(way_out, 65_536))

    def passing() -> None:
        data, where = ear.recvfrom(65_536)
        # Each packet is seen when it is sent and when it comes.
        if where[2] == socket.PACKET_OUTGOING:
            note(meter.inside, data, beginnings=True)

    loop.add_reader(way_out, leaving)
    loop.add_reader(ear, passing)
    try:
        yield meter
    finally:
        loop.remove_reader(way_out)
        loop.remove_reader(ear)
        os.close(way_out)
        ear.close()


def _furnished(folder: Path) -> int:
    """Sets the devices up; gives the descriptor at which packets leave."""
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {NAMESERVER}\noptions timeout:1 attempts:1\n")
    run("mount", "--bind", str(resolver), "/etc/resolv.conf")
    run("ip", "link", "set", "lo", "up")
    way_out = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(way_out, _TUNSETIFF, struct.pack("16sH22x", b"out0", _IFF_TUN | _IFF_NO_PI))
    for setting, value in (("addr_gen_mode", "1"), ("router_solicitations", "0"), ("accept_ra", "0")):
        Path(f"/proc/sys/net/ipv6/conf/out0/{setting}").write_text(value)
    run("ip", "addr", "add", f"{OWN}/24", "dev", "out0")
    run("ip", "-6", "addr", "add", f"{OWN6}/64", "dev", "out0", "nodad")
    run("ip", "link", "set", "out0", "up")
    run("ip", "route", "add", "default", "via", "10.9.0.2")
    run("ip", "-6", "route", "add", "default", "via", "fd09::2", "dev", "out0")
    return way_out


def note(notes: list[str], packet: bytes, *, beginnings: bool = False) -> None:
    """Writes down one IP packet. ``beginnings``: of TCP only the first packet of a connection."""
    if packet[0] >> 4 == 4:
        length, kind, far = (packet[0] & 15) * 4, packet[9], socket.inet_ntop(socket.AF_INET, packet[16:20])
    else:
        length, kind, far = 40, packet[6], socket.inet_ntop(socket.AF_INET6, packet[24:40])
        if kind == 0:
            # Options hop by hop stand before a report about groups.
            kind, length = packet[40], 48
    rest = packet[length:]
    if kind == _ICMP6 and rest and rest[0] in _SYSTEMS_OWN:
        return
    if kind == 6 and beginnings and rest[13] & 0x12 != 0x02:
        return
    if kind in (1, _ICMP6) and beginnings:
        # That nobody listens at a port; whoever sent there is noted already.
        return
    port = f":{struct.unpack('!H', rest[2:4])[0]}" if kind in (6, 17) else ""
    notes.append(f"{_NAMES.get(kind, kind)} {far}{port}")
