"""``unwalled pt``: what tor starts, as a client's way to bridges or as a bridge's way to clients."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from unwalled.cli.ending import show_traceback
from unwalled.cli.invited import VARIABLE
from unwalled.cli.output import say
from unwalled.cli.reading import describe
from unwalled.cli.running import run
from unwalled.clock import SystemClock
from unwalled.errors import UnwalledError
from unwalled.privacy import Hidden
from unwalled.pt import lines
from unwalled.pt.environment import ClientSide, NotForUs, ServerSide, read_side, read_version
from unwalled.pt.lines import Severity
from unwalled.reader.status import Phase, ReaderStatus

_FAILED = 1


def run_pt() -> int:
    """Serves tor until it is gone or says stop. Errors of its set-up go to tor, and then to a person."""
    try:
        say(lines.version(read_version(os.environ)))
        side = read_side(os.environ)
    except NotForUs as error:
        say(error.line)
        raise
    return run(lambda: _until_stopped(side))


async def _until_stopped(side: ClientSide | ServerSide) -> int:
    stopped = asyncio.Event()
    if side.ends_with_stdin:
        _watch_stdin(stopped)
    match side:
        case ClientSide():
            return await _client(side, _Talk(stopped), stopped)
        case ServerSide():
            return await _server(side, _Talk(stopped), stopped)


def _watch_stdin(closed: asyncio.Event) -> None:
    """Sets ``closed`` when standard input ends. A thread, since an event loop cannot wait for every kind of file."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        try:
            while os.read(sys.stdin.fileno(), 1024):
                pass
        except OSError:
            pass
        try:
            loop.call_soon_threadsafe(closed.set)
        except RuntimeError:
            pass  # The program has ended in another way meanwhile.

    threading.Thread(target=wait, name="standard input", daemon=True).start()


class _Talk:
    """Says things to tor, each state only once in a row. Whoever reads no more has ended."""

    def __init__(self, stopped: asyncio.Event) -> None:
        self._stopped = stopped
        self._last = ""

    def say(self, line: str) -> None:
        try:
            say(line)
        except OSError:
            self._stopped.set()

    def complain(self, sentence: str) -> None:
        self.say(lines.log(Severity.WARNING, sentence))

    def tell_status(self, status: ReaderStatus) -> None:
        state = describe(status, 0, 0).state
        if state == self._last:
            return
        self._last = state
        is_bad = status.phase in (Phase.REFUSED, Phase.NO_BROKER, Phase.NO_BRIDGE)
        self.say(lines.log(Severity.WARNING if is_bad else Severity.NOTICE, f"unwalled: {state}"))
        if is_bad:
            self.say(lines.not_connected(state))
        elif status.phase is Phase.CONNECTED:
            self.say(lines.connected())


async def _client(side: ClientSide, talk: _Talk, stopped: asyncio.Event) -> int:
    from unwalled.pt.client import TransportClient
    from unwalled.pt.readers import BridgedReader, Readers

    readers = Readers(lambda invite: BridgedReader(invite, talk.tell_status))
    otherwise = Hidden(os.environ.get(VARIABLE, ""))
    client = TransportClient(readers, SystemClock(), talk.complain, otherwise)
    try:
        if side.is_wanted:
            try:
                talk.say(lines.client_method(await client.start()))
            except OSError as error:
                talk.say(lines.client_failed(f"It cannot listen on 127.0.0.1 ({error.strerror})."))
        talk.say(lines.CLIENT_DONE)
        await stopped.wait()
        return 0
    finally:
        await client.close()
        await readers.close()


async def _server(side: ServerSide, talk: _Talk, stopped: asyncio.Event) -> int:
    from unwalled.operator.tor import TorBridge

    bridge: TorBridge | None = None
    try:
        if side.is_wanted:
            try:
                bridge = await TorBridge.start(side, talk.complain)
            except UnwalledError as error:
                show_traceback(error)
                talk.say(lines.server_failed(str(error)))
            else:
                for sentence in bridge.warnings:
                    talk.complain(sentence)
                talk.say(lines.server_method(bridge.listening, bridge.arguments))
        talk.say(lines.SERVER_DONE)
        if bridge is not None:
            talk.say(lines.log(Severity.NOTICE, f"unwalled: the line for clients is in {bridge.line_file}"))
        await stopped.wait()
        return 0
    finally:
        if bridge is not None:
            await bridge.close()
