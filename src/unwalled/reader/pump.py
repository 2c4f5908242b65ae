"""Copies between an app and a stream until both directions have ended."""

from __future__ import annotations

import asyncio

from unwalled.errors import StreamReset
from unwalled.reader.sockets import AppGone, AppSocket
from unwalled.tunnel.api import Stream
from unwalled.wire.codes import Code


async def relay(app: AppSocket, stream: Stream) -> None:
    """Copies both ways. An end of file passes on as such, a reset as a reset; whoever is slow slows down the other.

    Returns when both directions have ended or one side was cut; the app's connection is then closed or reset, and the
    stream is over. Cancelling it resets the stream.
    """
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_up(app, stream), name="proxy up")
            await _down(app, stream)
    except* StreamReset:
        app.reset()
    except* AppGone:
        pass
    finally:
        stream.reset(Code.CANCELLED)
    app.close()


async def _up(app: AppSocket, stream: Stream) -> None:
    while data := await app.read():
        await stream.write(data)
    await stream.finish()


async def _down(app: AppSocket, stream: Stream) -> None:
    while data := await stream.read():
        await app.write(data)
    await app.finish()
