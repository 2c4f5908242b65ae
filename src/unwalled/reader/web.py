"""Serves one app that speaks HTTP: CONNECT, and requests for http:// addresses one after another, to any sites.

A stream is used again for the next request to the same site when that request has neither effect nor body; should the
site have closed it meanwhile, the request is sent once more on a new stream. All other requests get a fresh one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from unwalled.errors import OpenFailed, StreamReset
from unwalled.reader.answers import ESTABLISHED, LOOP, TIMED_OUT, answer_for
from unwalled.reader.http import (
    BodyReceived,
    HttpDialogue,
    HttpError,
    HttpExchange,
    Informed,
    MessageEnded,
    RequestEvent,
    RequestStarted,
    ResponseStarted,
    SiteError,
    Switched,
    TunnelAsked,
)
from unwalled.reader.pump import relay
from unwalled.reader.sockets import AppGone, AppSocket
from unwalled.settings import READER, ReaderLimits
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import Stream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class Open(Protocol):
    """Opens streams: `unwalled.tunnel.api.Tunnel.open`. Raises OpenFailed or LoopFound."""

    def __call__(self, target: Target, at_once: bool = False, /) -> Awaitable[Stream]:
        """A stream; with ``at_once`` a failure may come later, as a StreamReset."""


class LoopFound(OpenFailed):
    """The target is the proxy itself."""

    def __init__(self) -> None:
        super().__init__(Code.NOT_ALLOWED)


class _StreamStale(StreamReset):
    """A stream that was used before ended before any byte of an answer."""


class WebConnection:
    """One app's connection."""

    def __init__(self, app: AppSocket, open_stream: Open, limits: ReaderLimits = READER) -> None:
        self._app = app
        self._open = open_stream
        self._limits = limits
        self._dialogue = HttpDialogue(limits.request_head_bytes)
        self._tasks = TaskOwner()
        self._idle: tuple[Target, Stream] | None = None
        self._body_error: HttpError | None = None

    async def run(self) -> None:
        """Serves it until the app leaves or an answer demands a close. Raises AppGone. Cancelling it is safe."""
        try:
            while await self._serve_next():
                pass
        except HttpError as error:
            await self._app.write(error.answer.render(self._dialogue.is_head_request))
            await self._app.linger()
        finally:
            self._drop_idle()
            await self._tasks.close()

    async def _serve_next(self) -> bool:
        """Serves one request; False when the connection has been used up."""
        match await self._next_request():
            case TunnelAsked(target):
                stream = await self._opened(target)
                await self._hand_over(stream, ESTABLISHED)
                return False
            case RequestStarted() as asked:
                if (idle := await self._take_idle(asked)) is not None:
                    try:
                        return await self._exchange(asked, idle, is_reused=True)
                    except _StreamStale:
                        pass
                # The app hears the same when the request itself fails, so it need not wait for the connection.
                stream = await self._opened(asked.target, at_once=True)
                return await self._exchange(asked, stream, is_reused=False)
            case _:
                await self._app.linger()
                return False

    async def _next_request(self) -> RequestEvent | None:
        """The next request; None when the app has closed, or stayed silent, between two of them. Raises HttpError."""
        event = self._dialogue.next_event()
        if event is None and self._dialogue.is_idle:
            try:
                async with asyncio.timeout(self._limits.keep_alive_s):
                    self._dialogue.receive(await self._app.read())
            except TimeoutError:
                return None
        try:
            async with asyncio.timeout(self._limits.head_timeout_s):
                while event is None and (event := self._dialogue.next_event()) is None:
                    if not (data := await self._app.read()):
                        return None
                    self._dialogue.receive(data)
        except TimeoutError:
            raise HttpError(TIMED_OUT) from None
        return event

    async def _opened(self, target: Target, at_once: bool = False) -> Stream:
        try:
            return await self._open(target, at_once)
        except LoopFound:
            raise HttpError(LOOP) from None
        except OpenFailed as failed:
            raise HttpError(answer_for(failed.code)) from None

    async def _hand_over(self, stream: Stream, head: bytes) -> None:
        """The connection carries bytes of another protocol from here on."""
        try:
            await self._app.write(head)
        except BaseException:
            stream.reset(Code.CANCELLED)
            raise
        self._app.unread(self._dialogue.take_rest())
        await relay(self._app, stream)

    # Streams that stay open between requests.

    async def _take_idle(self, asked: RequestStarted) -> Stream | None:
        if self._idle is None:
            return None
        target, stream = self._idle
        if asked.is_repeatable and target == asked.target and await _is_quiet(stream):
            self._idle = None
            return stream
        self._drop_idle()
        return None

    def _drop_idle(self) -> None:
        if self._idle is not None:
            self._idle[1].reset(Code.CANCELLED)
            self._idle = None

    # One request and its response.

    async def _exchange(self, asked: RequestStarted, stream: Stream, is_reused: bool) -> bool:
        exchange = HttpExchange(asked.request, self._limits.request_head_bytes)
        response = _Response(self._app, self._dialogue, exchange)
        is_kept = False
        try:
            switched = await self._run(asked, stream, exchange, response)
            is_kept = switched is not None or exchange.is_reusable
        except (SiteError, StreamReset) as error:
            return self._exchange_failed(error, response, is_reused)
        finally:
            if not is_kept:
                stream.reset(Code.CANCELLED)
        if switched is not None:
            await self._hand_over(stream, switched)
            return False
        if is_kept:
            self._idle = asked.target, stream
        if self._dialogue.next_request():
            return True
        await self._app.linger()
        return False

    async def _run(
        self, asked: RequestStarted, stream: Stream, exchange: HttpExchange, response: _Response
    ) -> bytes | None:
        if not asked.has_body:
            self._dialogue.next_event()
            await stream.write(exchange.start() + exchange.end_request())
            return await response.run(stream)
        await stream.write(exchange.start())
        sender = self._tasks.start(self._send_body(exchange, stream), "proxy request body")
        try:
            return await response.run(stream)
        finally:
            sender.cancel()
            await asyncio.wait((sender,))

    def _exchange_failed(self, error: SiteError | StreamReset, response: _Response, is_reused: bool) -> bool:
        if response.has_begun:
            # The app must not take what it has for the whole.
            self._app.reset()
            return False
        if self._body_error is not None:
            raise self._body_error
        if is_reused and not response.has_received:
            raise _StreamStale(Code.CONNECTION_RESET)
        if isinstance(error, SiteError):
            raise HttpError(error.answer)
        raise HttpError(answer_for(error.code))

    async def _send_body(self, exchange: HttpExchange, stream: Stream) -> None:
        """Passes on a request's body. When it cannot go on it resets the stream, which ends the exchange."""
        try:
            while True:
                match self._dialogue.next_event():
                    case BodyReceived(data):
                        await stream.write(exchange.send_body(data))
                    case MessageEnded():
                        if end := exchange.end_request():
                            await stream.write(end)
                        return
                    case _:
                        self._dialogue.receive(await self._app.read())
        except HttpError as error:
            self._body_error = error
            stream.reset(Code.CANCELLED)
        except (AppGone, StreamReset):
            stream.reset(Code.CANCELLED)


class _Response:
    """Passes one response from a stream to the app."""

    def __init__(self, app: AppSocket, dialogue: HttpDialogue, exchange: HttpExchange) -> None:
        self._app = app
        self._dialogue = dialogue
        self._exchange = exchange
        self.has_begun = False
        self.has_received = False

    async def run(self, stream: Stream) -> bytes | None:
        """Returns when the response is complete; when the site switches to another protocol, the first bytes of that.

        Raises SiteError, StreamReset and AppGone.
        """
        while True:
            out: list[bytes] = []
            while (event := self._exchange.next_event()) is not None:
                match event:
                    case BodyReceived(data):
                        out.append(self._dialogue.send_body(data))
                    case ResponseStarted(response):
                        self.has_begun = True
                        out.append(self._dialogue.start_response(response))
                    case Informed(interim):
                        out.append(self._dialogue.inform(interim))
                    case Switched(response, rest):
                        return b"".join((*out, self._dialogue.switch(response), rest))
                    case MessageEnded():
                        await self._app.write(b"".join((*out, self._dialogue.end_response())))
                        return None
            await self._app.write(b"".join(out))
            data = await stream.read()
            self.has_received = self.has_received or bool(data)
            self._exchange.receive(data)


async def _is_quiet(stream: Stream) -> bool:
    """Whether a stream is open and silent, as it should be between two exchanges."""
    try:
        async with asyncio.timeout(0):
            await stream.read()
    except TimeoutError:
        return True
    except StreamReset:
        pass
    return False
