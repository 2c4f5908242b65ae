"""Doors: the ways to the broker. A door is untrusted; what goes through it is sealed.

A door does one thing, ``post``. Its failures are DoorFailed, with a status when something answered.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol

import aiohttp

from unwalled.errors import UnwalledError
from unwalled.settings import SIGNALLING, SignallingLimits
from unwalled.wire.invite import is_private_url

_MATCH_PATH = "/v1/match"
_MAX_RETRY_S = 86_400.0


class DoorFailed(UnwalledError):
    """A door brought no reply. ``word``: a few fixed words for a person; ``status``: of HTTP, 0 = nothing answered."""

    def __init__(self, word: str, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(f"A door failed: {word}.")
        self.word = word
        self.status = status
        self.retry_after_s = retry_after_s


class Door(Protocol):
    """One way to the broker."""

    @property
    def is_private(self) -> bool:
        """Whether the door itself is on a private address, so that private addresses in answers are meant."""

    async def post(self, body: bytes) -> bytes:
        """Brings a sealed request to the broker and its sealed reply back. Raises DoorFailed.

        When cancelled, the connection is closed, so that the broker sees that nobody waits any more.
        """


class HttpDoor:
    """A door that is the broker's own URL, or a host that passes everything on to it. Keeps its connection."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession, limits: SignallingLimits = SIGNALLING) -> None:
        self._url = base_url.rstrip("/") + _MATCH_PATH
        self._session = session
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=limits.door_timeout_s, sock_connect=limits.door_connect_timeout_s, connect=limits.door_timeout_s
        )

    def __repr__(self) -> str:
        return "HttpDoor(…)"

    @property
    def is_private(self) -> bool:
        """See Door."""
        return is_private_url(self._url)

    async def post(self, body: bytes) -> bytes:
        """See Door."""
        try:
            async with self._session.post(
                self._url,
                data=body,
                headers={"Content-Type": "application/octet-stream"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise DoorFailed(_word(response.status), response.status, _retry_after_s(response))
                return await self._read(response)
        except (ssl.SSLError, aiohttp.ClientSSLError):
            raise DoorFailed("its certificate is not right") from None
        except aiohttp.ClientConnectorDNSError:
            raise DoorFailed("its name was not found") from None
        except aiohttp.ConnectionTimeoutError:
            raise DoorFailed("no answer") from None
        except aiohttp.ClientConnectorError:
            raise DoorFailed("no connection") from None
        except (TimeoutError, asyncio.IncompleteReadError):
            raise DoorFailed("no answer") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise DoorFailed("the connection broke") from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._limits.max_reply_bytes:
                raise DoorFailed("its answer is too large", response.status)
        return bytes(body)


def _word(status: int) -> str:
    return "it sent us elsewhere" if 300 <= status < 400 else "it answered with an error"


def _retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _MAX_RETRY_S) if text.isascii() and text.isdigit() and len(text) < 9 else None
