"""aiohttp over the tunnel: a connector that opens its connections through bridges."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

from unwalled.errors import OpenFailed
from unwalled.wire.codes import Code

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.tracing import Trace

    from unwalled.app.library import Reader


class TunnelConnector(aiohttp.BaseConnector):
    """See `unwalled.Reader.connector`. It asks no resolver: names go to the gateway."""

    def __init__(self, reader: Reader, *, limit: int, limit_per_host: int) -> None:
        super().__init__(limit=limit, limit_per_host=limit_per_host)
        self._reader = reader

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        if req.proxy is not None:
            raise aiohttp.ClientConnectionError("A reader's connector takes no proxy: it is the way out itself.")
        try:
            async with asyncio.timeout(timeout.sock_connect):
                _, protocol = await self._reader.create_connection(
                    self._factory,
                    req.url.raw_host or "",
                    req.port or 0,
                    ssl=_context(req),
                    server_hostname=req.server_hostname or req.url.raw_host,
                )
        except OpenFailed as failed:
            raise _refused(req, failed) from failed
        except ssl.SSLCertVerificationError as error:
            raise aiohttp.ClientConnectorCertificateError(req.connection_key, error) from error
        except ssl.SSLError as error:
            raise aiohttp.ClientConnectorSSLError(req.connection_key, error) from error
        except ConnectionError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol


def _context(req: ClientRequest) -> ssl.SSLContext | bool:
    if not req.is_ssl():
        return False
    wanted = req.ssl
    if isinstance(wanted, ssl.SSLContext):
        return wanted
    if wanted is True:
        return True
    # To check a fingerprint is nothing that a connector of ours is asked for; not to check at all is no way to read.
    raise aiohttp.ClientConnectionError("A reader's connector takes ssl=True or an SSLContext.")


def _refused(req: ClientRequest, failed: OpenFailed) -> aiohttp.ClientConnectorError:
    number = errno.ECONNREFUSED if failed.code is Code.CONNECTION_REFUSED else errno.EHOSTUNREACH
    return aiohttp.ClientConnectorError(req.connection_key, OSError(number, str(failed)))
