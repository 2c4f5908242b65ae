"""A connection that went directly at first, and goes on through bridges when that shows that the site is blocked.

The application does not notice. Until the first byte of an answer, what it sent is kept, as long as a site may get it
twice: nothing yet, a TLS hello, one request without effect. When the direct way is cut, silent, or answers what no such
site answers, the same is sent through bridges. After that first byte, or something that must not be repeated, the
connection stays where it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from unwalled.errors import OpenFailed, StreamReset
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.memory import Sign
from unwalled.rules.signs import Asked, HandshakeWatch, asked, judge_answer
from unwalled.tunnel.api import Stream
from unwalled.wire.codes import Code

Reopen = Callable[[], Awaitable[Stream]]
"""Opens the same target through bridges. Raises OpenFailed."""


class ConfirmedStream:
    """A stream through bridges, in the place of a direct one that failed. Its first answer proves the site blocked."""

    def __init__(self, stream: Stream, learn: Callable[[], None]) -> None:
        self._stream = stream
        self._learn: Callable[[], None] | None = learn

    async def read(self) -> bytes:
        """See Stream."""
        data = await self._stream.read()
        if data and self._learn is not None:
            self._learn()
            self._learn = None
        return data

    async def write(self, data: bytes) -> None:
        """See Stream."""
        await self._stream.write(data)

    async def finish(self) -> None:
        """See Stream."""
        await self._stream.finish()

    def reset(self, code: Code) -> None:
        """See Stream."""
        self._stream.reset(code)


class TriedStream:
    """A direct stream with the way back open.

    ``learn`` is called with what showed that the site is blocked, once bridges have brought an answer; ``doubt`` when
    the application refused what it may have taken for a wrong certificate, or was cut where nothing can be repeated.
    """

    def __init__(
        self,
        direct: Stream,
        reopen: Reopen,
        learn: Callable[[Sign], None],
        doubt: Callable[[Sign], None],
        limits: RulesLimits = RULES,
    ) -> None:
        self._stream = direct
        self._reopen = reopen
        self._learn = learn
        self._doubt = doubt
        self._limits = limits
        self._sent: bytearray | None = bytearray()
        """All that was sent while it may still be sent again; None once the connection stays where it is."""
        self._asked = Asked.NOTHING
        self._silent_at: float | None = None
        """When the site will have been silent for too long, in the event loop's time."""
        self._patience: asyncio.Timeout | None = None
        self._watch: HandshakeWatch | None = HandshakeWatch()
        self._is_finished = False
        self._code: Code | None = None
        self._turn = asyncio.Lock()
        """Held while the connection moves, so that nothing is written in between."""

    def __repr__(self) -> str:
        return "TriedStream(…)"

    # What the application sends.

    async def write(self, data: bytes) -> None:
        """See Stream."""
        if self._sent is None:
            self._look_at(data)
            await self._stream.write(data)
            return
        async with self._turn:
            self._keep(data)
            try:
                await self._stream.write(data)
            except StreamReset:
                # Reading notices it too, and goes on through bridges.
                if self._sent is None or self._code is not None:
                    raise

    def _keep(self, data: bytes) -> None:
        self._look_at(data)
        if self._sent is None:
            return
        self._sent += data
        self._asked = asked(bytes(self._sent))
        if not self._asked.is_repeatable:
            self._stay()
            return
        self._silent_at = asyncio.get_running_loop().time() + self._limits.direct_answer_s
        self._wait_until(self._silent_at)

    def _wait_until(self, when: float | None) -> None:
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(when)

    def _look_at(self, data: bytes) -> None:
        if self._watch is None:
            return
        self._watch.receive(data)
        if self._watch.is_over:
            if self._watch.is_refused:
                self._doubt(Sign.CERTIFICATE)
            self._watch = None

    async def finish(self) -> None:
        """See Stream."""
        async with self._turn:
            self._is_finished = True
            try:
                await self._stream.finish()
            except StreamReset:
                if self._sent is None or self._code is not None:
                    raise

    def reset(self, code: Code) -> None:
        """See Stream."""
        if self._code is None:
            self._code = code
        self._stream.reset(code)

    def _stay(self) -> None:
        """Whatever comes now, the connection stays where it is."""
        self._sent = None
        self._silent_at = None
        self._wait_until(None)

    # What the site answers.

    async def read(self) -> bytes:
        """See Stream. Cancelling it loses nothing; a move through bridges that was under way begins anew then."""
        if self._sent is None:
            return await self._stream.read()
        try:
            data = await self._first_answer()
        except TimeoutError:
            return await self._after_silence()
        except StreamReset as error:
            return await self._after(error)
        return await self._judged(data)

    async def _first_answer(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._silent_at) as self._patience:
                return await self._stream.read()
        finally:
            self._patience = None

    async def _judged(self, data: bytes) -> bytes:
        """The first answer, or what comes instead of it through bridges."""
        if self._sent is None:
            return data
        if not data:
            if self._asked is Asked.NOTHING:
                self._stay()
                return data
            return await self._moved(Sign.RESET, data)
        sign = judge_answer(self._asked, data)
        if sign is not None:
            return await self._moved(sign, data)
        self._stay()
        return data

    async def _after(self, error: StreamReset) -> bytes:
        if self._code is not None:
            raise StreamReset(self._code)
        if error.code is Code.CANCELLED:
            # Cut on this computer, since the rules have changed.
            raise error
        if self._sent is None:
            self._doubt(Sign.RESET)
            raise error
        return await self._moved(Sign.RESET, None)

    async def _after_silence(self) -> bytes:
        """Waits for both ways: whichever gives something first. A site that is only slow is not lost."""
        answer: list[bytes] = []
        cut: list[StreamReset] = []
        opened: list[Stream] = []

        async def wait_longer() -> None:
            try:
                answer.append(await self._stream.read())
            except StreamReset as error:
                cut.append(error)
            else:
                opening.cancel()

        async def open_again() -> None:
            try:
                opened.append(await self._reopen())
            except OpenFailed:
                # The direct way is all that is left.
                self._silent_at = None
                return
            waiting.cancel()

        try:
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(wait_longer(), name="direct answer")
                opening = group.create_task(open_again(), name="way through bridges")
            if self._code is not None:
                raise StreamReset(self._code)
            if answer:
                return await self._judged(answer[0])
            if opened and await self._move(opened[0], Sign.SILENCE):
                opened.clear()
            elif cut:
                self._stay()
                raise cut[0]
        finally:
            for stream in opened:
                stream.reset(Code.CANCELLED)
        return await self.read()

    async def _moved(self, sign: Sign, instead: bytes | None) -> bytes:
        """What bridges answer. Where they lead nowhere, ``instead``; without that, the direct way's reset."""
        try:
            stream = await self._reopen()
        except OpenFailed as failed:
            if self._sent is not None:
                self._stay()
            if instead is None:
                raise StreamReset(failed.code) from None
            return instead
        try:
            is_moved = await self._move(stream, sign)
        except BaseException:
            stream.reset(Code.CANCELLED)
            raise
        if is_moved:
            return await self.read()
        stream.reset(Code.CANCELLED)
        if instead is None:
            raise StreamReset(Code.CONNECTION_RESET)
        return instead

    async def _move(self, stream: Stream, sign: Sign) -> bool:
        """Sends everything again, through bridges; False when something was sent meanwhile that cannot be repeated."""
        async with self._turn:
            if self._code is not None:
                raise StreamReset(self._code)
            if self._sent is None:
                return False
            sent = bytes(self._sent)
            if sent:
                await stream.write(sent)
            if self._is_finished:
                await stream.finish()
            self._stream.reset(Code.CANCELLED)
            self._stream = ConfirmedStream(stream, lambda: self._learn(sign))
            self._watch = None
            self._stay()
            return True
