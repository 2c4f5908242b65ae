"""Sees every packet that leaves a computer, at the router's end of its cable, and says of each what it is.

As a program (``python -m tests.support.sniffer DEVICE``, in the router's namespace) it prints ``ready``, then one line
for each packet, and for each line that it reads one ``so far LOST`` once it has told of all packets before.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import TracebackType

from tests.support.namespaces import ROUTER, Internet

PATIENCE_S = 20.0
_ALL = 0x0003
_OUTGOING = 4
_PACKET_STATISTICS = 6
_PACKET = 263
_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_HOP_BY_HOP, _ICMPV6 = 0, 58
_NEIGHBOURS = range(133, 137)
"""ICMPv6 types of RFC 4861: how a computer finds its router and is found."""
_GROUPS = (131, 132, 143)
"""ICMPv6 types of RFC 2710 and 3810: which multicast groups it listens to."""
_BUFFER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: what it is, and where it was to go."""

    kind: str
    """``tcp``, ``udp``, ``icmp``, ``link`` (how a computer finds its router; goes no further), or a number."""
    to: str = ""
    port: int = 0
    detail: str = ""
    """``stun``, ``dtls`` or ``dns`` for UDP, if it looks so."""


def read_packet(frame: bytes) -> Packet:
    """What an Ethernet frame is."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    rest = frame[14:]
    if kind == _ARP:
        return Packet("link", str(ipaddress.IPv4Address(rest[24:28])))
    if kind == _IPV4:
        header = (rest[0] & 15) * 4
        return _read_transport(rest[9], str(ipaddress.IPv4Address(rest[16:20])), rest[header:])
    if kind == _IPV6:
        protocol, payload = rest[6], rest[40:]
        if protocol == _HOP_BY_HOP:
            protocol, payload = payload[0], payload[(payload[1] + 1) * 8 :]
        to = str(ipaddress.IPv6Address(rest[24:40]))
        if protocol == _ICMPV6 and (payload[0] in _NEIGHBOURS or payload[0] in _GROUPS):
            return Packet("link", to)
        return _read_transport(protocol, to, payload)
    return Packet(f"ethernet {kind:#06x}")


def _read_transport(protocol: int, to: str, payload: bytes) -> Packet:
    if protocol not in (6, 17):
        return Packet("icmp" if protocol in (1, _ICMPV6) else f"protocol {protocol}", to)
    (port,) = struct.unpack_from("!H", payload, 2)
    if protocol == 6:
        return Packet("tcp", to, port)
    data = payload[8:]
    detail = ""
    if data[4:8] == b"\x21\x12\xa4\x42" and data[0] < 4:
        detail = "stun"
    elif data[:1] and 20 <= data[0] < 64:
        detail = "dtls"
    elif port == 53:
        detail = "dns"
    return Packet("udp", to, port, detail)


class Sniffer:
    """The program, run beside a test. ``packets``: what has left so far, in order."""

    def __init__(self, internet: Internet, number: int) -> None:
        """``number``: of the cable at whose end it looks."""
        command = internet.command(ROUTER, sys.executable, "-m", "tests.support.sniffer", f"to{number}")
        self.packets: list[Packet] = []
        self._asked = 0
        self._told = 0
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Sniffer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._reading.join(PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def so_far(self) -> list[Packet]:
        """All packets until now. Fails when one was missed."""
        assert self._process.stdin is not None
        self._asked += 1
        self._process.stdin.write("\n")
        with self._news:
            assert self._news.wait_for(lambda: self._told >= self._asked, PATIENCE_S), "the sniffer is silent"
            return list(self.packets)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = line.rstrip("\n").split("\t")
            with self._news:
                if words[0] == "so far":
                    self._told += 1 if words[1] == "0" else -1_000_000
                else:
                    self.packets.append(Packet(words[0], words[1], int(words[2]), words[3]))
                self._news.notify_all()


def main(device: str) -> None:
    """Runs until it is killed."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        sock.bind((device, _ALL))
        # What waits was caught before it was bound to the device, on any.
        sock.setblocking(False)
        try:
            while True:
                sock.recv(1)
        except BlockingIOError:
            pass
        lost = 0
        lock = threading.Lock()

        def tell_waiting() -> None:
            with lock:
                while True:
                    try:
                        frame, address = sock.recvfrom(65_536)
                    except BlockingIOError:
                        return
                    if address[2] != _OUTGOING:
                        packet = read_packet(frame)
                        print(packet.kind, packet.to, packet.port, packet.detail, sep="\t")

        def answer() -> None:
            nonlocal lost
            for _ in sys.stdin:
                tell_waiting()
                # Reading these numbers sets them to zero (packet(7)).
                lost += struct.unpack("II", sock.getsockopt(_PACKET, _PACKET_STATISTICS, 8))[1]
                print("so far", lost, sep="\t", flush=True)

        print("ready", flush=True)
        threading.Thread(target=answer, daemon=True).start()
        while True:
            select.select([sock], [], [])
            tell_waiting()


if __name__ == "__main__":
    main(sys.argv[1])
