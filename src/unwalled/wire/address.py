"""Where a stream or datagram goes: a name or an address, and a port.

Byte layout (big-endian)::

    kind    1   0x01 IPv4, 0x03 name, 0x04 IPv6 (the values of SOCKS5, RFC 1928 section 5)
    host    4 | 1 + n | 16   a name is one length byte and n ASCII bytes, 1 <= n <= 253
    port    2

Names travel as they were given (IDNA A-labels); nobody but the gateway resolves them.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from unwalled.errors import FrameError

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_MAX_NAME_BYTES = 253

KIND_IPV4 = 0x01
KIND_NAME = 0x03
KIND_IPV6 = 0x04


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A destination. ``host`` is an IPv4 or IPv6 literal in canonical form, or a DNS name.

    Its repr hides host and port, so that no log line can name what is read.
    """

    host: str
    port: int

    def __repr__(self) -> str:
        return "Target(…)"

    @classmethod
    def parse(cls, host: str, port: int) -> Target:
        """Checks and normalises. Raises FrameError when host or port cannot be one."""
        if not 0 < port < 65536:
            raise FrameError("A port must be between 1 and 65535.")
        if "%" in host:
            # The ipaddress module takes any text as a scope, and a scope means nothing on another machine.
            raise FrameError("An address cannot name a network interface.")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        try:
            return cls(str(ipaddress.ip_address(bare)), port)
        except ValueError:
            pass
        try:
            name = host.encode("ascii").decode() if host.isascii() else host.encode("idna").decode()
        except UnicodeError:
            raise FrameError("A host name cannot be written in ASCII.") from None
        if len(name) > _MAX_NAME_BYTES or not _NAME.fullmatch(name):
            raise FrameError("A host name has characters or a length that names cannot have.")
        return cls(name, port)

    @property
    def literal(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address if the host is one, else None."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    def encode(self) -> bytes:
        """The layout above."""
        literal = self.literal
        port = self.port.to_bytes(2, "big")
        if literal is None:
            name = self.host.encode("ascii")
            return bytes((KIND_NAME, len(name))) + name + port
        kind = KIND_IPV4 if literal.version == 4 else KIND_IPV6
        return bytes((kind,)) + literal.packed + port

    @classmethod
    def decode(cls, data: bytes | memoryview, at: int = 0) -> tuple[Target, int]:
        """Reads one target at ``at``; gives it and the position behind it. Raises FrameError."""
        if len(data) < at + 2:
            raise FrameError("An address is cut short.")
        kind = data[at]
        if kind == KIND_NAME:
            start, length = at + 2, data[at + 1]
        elif kind in (KIND_IPV4, KIND_IPV6):
            start, length = at + 1, 4 if kind == KIND_IPV4 else 16
        else:
            raise FrameError("An address is of an unknown kind.")
        end = start + length
        if len(data) < end + 2:
            raise FrameError("An address is cut short.")
        raw = bytes(data[start:end])
        port = int.from_bytes(data[end : end + 2], "big")
        if kind != KIND_NAME:
            if port == 0:
                raise FrameError("A port must be between 1 and 65535.")
            return cls(str(ipaddress.ip_address(raw)), port), end + 2
        try:
            return cls.parse(raw.decode("ascii"), port), end + 2
        except UnicodeDecodeError:
            raise FrameError("A host name has characters or a length that names cannot have.") from None
