"""Gets lists through the bridges, over HTTPS: a censor sees none of it, and nobody on the way can change it."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urljoin

import aiohttp
from aiohttp import hdrs

from unwalled.app.rulesbook import Fetched
from unwalled.errors import RuleError, UnwalledError
from unwalled.reader.listener import ProxyListener
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.updates import check_url
from unwalled.tunnel.api import Tunnel

_CHUNK_BYTES = 64 * 1024
_MAX_ETAG_CHARS = 200
_HEADERS = {
    # Neither tells the server who asks, nor asks for a form that would have to be unpacked.
    hdrs.USER_AGENT: "Mozilla/5.0",
    hdrs.ACCEPT: "*/*",
    hdrs.ACCEPT_ENCODING: "identity",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ListNotFetched(UnwalledError):
    """A list did not arrive."""


class ListFetcher:
    """Asks for lists by way of ``bridges``, and no other way. Several at once are safe.

    A proxy of its own on a free port of this machine is open while a list is fetched.
    """

    def __init__(self, bridges: Tunnel, limits: RulesLimits = RULES, *, trust: ssl.SSLContext | None = None) -> None:
        """``trust``: instead of the authorities that the system trusts."""
        self._bridges = bridges
        self._limits = limits
        self._trust = trust

    async def __call__(self, url: str, etag: str, /) -> Fetched:
        """See Fetch. Raises ListNotFetched or RuleError."""
        proxy = ProxyListener(self._bridges, "127.0.0.1", 0)
        try:
            address = await proxy.start()
            async with asyncio.timeout(self._limits.update_timeout_s):
                return await self._get(url, etag, f"http://{address}")
        except TimeoutError:
            raise ListNotFetched("The list did not arrive in time.", "It is tried again later.") from None
        except aiohttp.ClientConnectorCertificateError:
            raise ListNotFetched(
                "The certificate of the list's site is not right: somebody may be in between.",
                "The list as it was stays.",
            ) from None
        except (aiohttp.ClientError, OSError, ValueError):
            # ValueError: a redirect to what is no address at all.
            raise ListNotFetched("The list's site could not be reached.", "It is tried again later.") from None
        finally:
            await proxy.close()

    async def _get(self, url: str, etag: str, proxy: str) -> Fetched:
        headers = dict(_HEADERS)
        if etag:
            headers[hdrs.IF_NONE_MATCH] = etag
        async with aiohttp.ClientSession(
            headers=headers, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session:
            for _ in range(self._limits.update_redirects + 1):
                # Redirects are followed here, so that none leads away from https.
                asking = session.get(check_url(url), proxy=proxy, ssl=self._trust or True, allow_redirects=False)
                async with asking as response:
                    if response.status in _REDIRECTS:
                        url = urljoin(url, response.headers.get(hdrs.LOCATION, ""))
                        continue
                    return await self._read(response)
        raise ListNotFetched("The list's site redirects without end.", "Give another address.")

    async def _read(self, response: aiohttp.ClientResponse) -> Fetched:
        found = response.headers.get(hdrs.ETAG, "")
        etag = found if len(found) <= _MAX_ETAG_CHARS and found.isprintable() else ""
        if response.status == 304:
            return Fetched(None, etag)
        if response.status != 200:
            raise ListNotFetched(
                f"The list's site answered {response.status}.", "Check its address, or try again later."
            )
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            content += chunk
            if len(content) > self._limits.list_bytes:
                raise RuleError(f"The list is larger than {self._limits.list_bytes >> 20} MiB.", "Take a shorter one.")
        return Fetched(bytes(content), etag)
