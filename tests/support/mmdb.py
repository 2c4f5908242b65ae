"""Writes small MMDB files of IPv4 networks for tests (https://maxmind.github.io/MaxMind-DB/)."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

_MARK = b"\xab\xcd\xefMaxMind.com"


def uint16(number: int) -> bytes:
    """Readers want each number of the description in its own type."""
    return bytes([5 << 5 | 2]) + struct.pack(">H", number)


def encode(value: Any) -> bytes:
    """A value of the data section: text, bytes (an encoded number), list or map."""
    match value:
        case str():
            data = value.encode()
            return bytes([2 << 5 | len(data)]) + data
        case bytes():
            return value
        case list():
            return bytes([len(value), 4]) + b"".join(map(encode, value))
        case _:
            pairs = [encode(key) + encode(item) for key, item in value.items()]
            return bytes([7 << 5 | len(pairs)]) + b"".join(pairs)


def mmdb(records: dict[str, Any]) -> bytes:
    """The file for records by network, such as ``{"192.0.2.0/24": {"country": {"iso_code": "DE"}}}``."""
    nodes: list[list[int | bytes | None]] = [[None, None]]
    for text, record in records.items():
        network = ipaddress.IPv4Network(text)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        place = 0
        for bit in bits[:-1]:
            following = nodes[place][int(bit)]
            if following is None:
                nodes.append([None, None])
                following = nodes[place][int(bit)] = len(nodes) - 1
            assert isinstance(following, int)
            place = following
        nodes[place][int(bits[-1])] = encode(record)
    tree, data = b"", b""
    for node in nodes:
        for entry in node:
            number = entry if isinstance(entry, int) else len(nodes)
            if isinstance(entry, bytes):
                number += 16 + len(data)
                data += entry
            tree += number.to_bytes(3, "big")
    about = {
        "binary_format_major_version": uint16(2),
        "binary_format_minor_version": uint16(0),
        "build_epoch": bytes([8, 2]) + struct.pack(">Q", 1),
        "database_type": "Test",
        "description": {"en": "made by a test"},
        "ip_version": uint16(4),
        "languages": ["en"],
        "node_count": bytes([6 << 5 | 4]) + struct.pack(">I", len(nodes)),
        "record_size": uint16(24),
    }
    return tree + bytes(16) + data + _MARK + encode(about)
