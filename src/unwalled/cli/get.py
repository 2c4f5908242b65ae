"""``unwalled get``: one URL through the bridges, by way of a proxy of its own on a free port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from aiohttp import hdrs
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from unwalled.app.start import started
from unwalled.cli.output import OutputClosed
from unwalled.cli.running import INTERRUPTED, run
from unwalled.errors import SignalingFailed, UnwalledError, UsageError
from unwalled.reader.answers import answer_for
from unwalled.settings import PROGRAM
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

if TYPE_CHECKING:
    from unwalled.app.service import ReaderService

_CHUNK_BYTES = 256 * 1024
_HEADERS = {
    # Neither tells the site how it is read, nor asks for a form that would have to be unpacked.
    hdrs.USER_AGENT: "Mozilla/5.0",
    hdrs.ACCEPT: "*/*",
    hdrs.ACCEPT_ENCODING: "identity",
}
_PROXY_ANSWERS = {answer_for(code).proxy_error: answer_for(code) for code in Code}
_PROXY_STATUS = "Proxy-Status"
_OURS = "unwalled; error="


class FetchFailed(UnwalledError):
    """The URL could not be fetched: by the site's fault, or on the way."""


def check_url(text: str) -> str:
    """An http(s) URL with a host. Raises UsageError."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError("That is not a URL that can be fetched.", "It looks like https://example.org/page.")
    return text


def run_get(invite: Invite, url: str, output: Path | None, trace: Path | None = None) -> int:
    """Fetches ``url`` to ``output`` or standard output. Raises FetchFailed, SignalingFailed or UsageError.

    ``trace``: see `started`.
    """

    async def fetch() -> int:
        with _destination(output) as descriptor, _Bar() as bar:
            # What became of the connection is told to a person here, so it is waited for.
            async with started(invite, None, is_exact=True, trace=trace) as service:
                address = await service.listen("127.0.0.1", 0)
                await _wait_for_bridge(service, bar)
                try:
                    await _fetch(f"http://{address}", url, descriptor, bar)
                except FetchFailed:
                    if service.is_stopped:
                        raise SignalingFailed(service.reader_status.detail) from None
                    raise
        return 0

    return run(fetch, stopped=INTERRUPTED)


async def _wait_for_bridge(service: ReaderService, bar: _Bar) -> None:
    bar.describe("looking for a bridge")
    try:
        async with asyncio.timeout(PROGRAM.get_connect_s):
            await service.found()
    except TimeoutError:
        detail = service.reader_status.detail or "No bridge is connected yet."
        raise SignalingFailed(detail, "Try again in a while.") from None


async def _fetch(proxy: str, url: str, output: int, bar: _Bar) -> None:
    bar.describe("opening the site")
    # Only silence ends a download, however long it takes.
    timeout = aiohttp.ClientTimeout(total=None, connect=PROGRAM.get_connect_s, sock_read=PROGRAM.get_silence_s)
    async with aiohttp.ClientSession(timeout=timeout, headers=_HEADERS, trust_env=False) as session:
        try:
            async with session.get(url, proxy=proxy, max_redirects=PROGRAM.get_redirects) as response:
                await _check_answer(response)
                bar.start(response.content_length)
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    await asyncio.to_thread(_write, output, chunk)
                    bar.advance(len(chunk))
        except aiohttp.ClientHttpProxyError as error:
            raise _from_proxy(error.headers.get(_PROXY_STATUS, "") if error.headers else "") from None
        except aiohttp.ClientConnectorCertificateError:
            raise FetchFailed(
                "The site's certificate is not right: somebody may be in between.", "Do not trust this site now."
            ) from None
        except aiohttp.TooManyRedirects:
            raise FetchFailed("The site redirects without end.", "Try another address.") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise FetchFailed("The site redirects to an address that is none.", "Try another address.") from None
        except aiohttp.ClientSSLError:
            raise FetchFailed("The site does not speak TLS as it must.", "Try again, or try http://.") from None
        except TimeoutError:
            raise FetchFailed("The site said nothing for too long.", "Try again.") from None
        except (aiohttp.ClientError, ConnectionError):
            raise FetchFailed("The connection broke before all had arrived.", "Try again.") from None


async def _check_answer(response: aiohttp.ClientResponse) -> None:
    ours = response.headers.get(_PROXY_STATUS, "")
    if ours.startswith(_OURS):
        raise _from_proxy(ours)
    if response.status >= 400:
        reason = "".join(char for char in response.reason or "" if char.isprintable())[:60]
        raise FetchFailed(f"The site answered {response.status} {reason}".rstrip() + ".", "Check the address.")


def _from_proxy(proxy_status: str) -> FetchFailed:
    answer = _PROXY_ANSWERS.get(proxy_status.removeprefix(_OURS), answer_for(Code.GENERAL))
    return FetchFailed(answer.cause, answer.remedy)


@contextlib.contextmanager
def _destination(output: Path | None) -> Iterator[int]:
    """The descriptor where bytes go. A file appears only once it is whole. Raises UsageError when it cannot be made."""
    if output is None:
        yield sys.stdout.fileno()
        return
    if output.is_dir():
        raise UsageError("The output is a folder.", "Give a file with -o.")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as error:
        raise UsageError(f"The output file cannot be made ({error.strerror}).", "Give another one with -o.") from None
    part = Path(name)
    try:
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _write(descriptor: int, data: bytes) -> None:
    """Writes all of it. Raises OutputClosed or FetchFailed.

    Past Python's own buffers: what they could not write once they would try to write again at the end.
    """
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as error:
        raise FetchFailed(f"The output cannot be written ({error.strerror}).", "Is the disk full?") from None


class _Bar:
    """A progress bar on standard error where that is a terminal, else nothing."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def describe(self, words: str) -> None:
        """What is going on."""
        self._progress.update(self._task, description=words)

    def start(self, total: int | None) -> None:
        """The body begins; ``total`` bytes, or None when the site does not say."""
        self._progress.update(self._task, description="reading", total=total)

    def advance(self, count: int) -> None:
        """More bytes have come."""
        self._progress.advance(self._task, count)
