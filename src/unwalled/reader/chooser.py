"""The reader's tunnel where not everything goes through bridges: each connection takes the way that the rules say.

With "everything" it is not used at all; the proxy's tunnel is the bridges' own then.
"""

from __future__ import annotations

import asyncio
from weakref import WeakSet

from unwalled.errors import OpenFailed
from unwalled.reader.datagrams import ChoosingFlow
from unwalled.reader.direct import Direct
from unwalled.reader.guide import Guide
from unwalled.reader.tried import ConfirmedStream, TriedStream
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.decisions import Decision
from unwalled.rules.memory import Sign
from unwalled.rules.modes import Reason, Way
from unwalled.tunnel.api import DatagramFlow, Stream, Tunnel
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

_DIRECT_WAYS = (Way.DIRECT, Way.DIRECT_FIRST)


class ChoosingTunnel:
    """A Tunnel over two ways. ``went_direct`` counts connections that were opened directly."""

    def __init__(self, bridges: Tunnel, direct: Direct, guide: Guide, limits: RulesLimits = RULES) -> None:
        self._bridges = bridges
        self._direct = direct
        self._guide = guide
        self._limits = limits
        self._streams: WeakSet[Stream] = WeakSet()
        self._flows: WeakSet[ChoosingFlow] = WeakSet()
        self.went_direct = 0

    async def open(self, target: Target, *, at_once: bool = False) -> Stream:
        """See Tunnel. Raises OpenFailed with OWN_NETWORK for what the rules refuse."""
        match self._guide.decide(target).way:
            case Way.BRIDGES:
                return await self._bridges.open(target, at_once=at_once)
            case Way.DIRECT:
                return await self._open_direct(target, at_once)
            case Way.DIRECT_FIRST:
                return await self._try_direct(target, at_once)
            case Way.REFUSED:
                raise OpenFailed(Code.OWN_NETWORK)

    def cut_direct(self) -> None:
        """Cuts all connections that went directly and are open still, and has the rules asked anew for datagrams."""
        for stream in list(self._streams):
            stream.reset(Code.CANCELLED)
        for flow in list(self._flows):
            flow.cut_direct()

    async def _open_direct(self, target: Target, at_once: bool) -> Stream:
        try:
            async with asyncio.timeout(self._limits.direct_patience_s):
                found = await self._dialled(target)
        except TimeoutError:
            raise OpenFailed(Code.TIMED_OUT) from None
        if isinstance(found, Decision):
            return await self._instead(target, found, at_once)
        return found

    async def _dialled(self, target: Target) -> Stream | Decision:
        """A direct stream, or the way that the addresses lead to instead. Raises OpenFailed."""
        addresses = await self._direct.look_up(target)
        # The rules may have changed during each step.
        if (now := self._guide.decide(target)).way not in _DIRECT_WAYS:
            return now
        judged = self._guide.judge(now, addresses)
        if judged.way not in _DIRECT_WAYS:
            return judged
        stream = await self._direct.dial(addresses, target.port)
        if (now := self._guide.decide(target)).way not in _DIRECT_WAYS:
            stream.reset(Code.CANCELLED)
            return now
        self._streams.add(stream)
        self.went_direct += 1
        if judged.way is Way.DIRECT_FIRST:
            return self._tried(target, stream)
        return stream

    async def _instead(self, target: Target, decision: Decision, at_once: bool) -> Stream:
        if decision.way is Way.REFUSED:
            raise OpenFailed(Code.OWN_NETWORK)
        stream = await self._bridges.open(target, at_once=at_once)
        if decision.reason is Reason.FORGED:
            return ConfirmedStream(stream, lambda: self._guide.learn(target.host, Sign.FORGED_NAME))
        return stream

    async def _try_direct(self, target: Target, at_once: bool) -> Stream:
        try:
            async with asyncio.timeout(self._limits.direct_connect_s):
                found = await self._dialled(target)
        except TimeoutError:
            sign = Sign.NO_CONNECTION
        except OpenFailed as failed:
            sign = _sign_of(failed.code)
        else:
            return await self._instead(target, found, at_once) if isinstance(found, Decision) else found
        stream = await self._bridges.open(target, at_once=at_once)
        return ConfirmedStream(stream, lambda: self._guide.learn(target.host, sign))

    def _tried(self, target: Target, stream: Stream) -> Stream:
        async def reopen() -> Stream:
            return await self._bridges.open(target)

        def learn(sign: Sign) -> None:
            self._guide.learn(target.host, sign)

        def doubt(sign: Sign) -> None:
            self._guide.doubt(target.host, sign)

        return TriedStream(stream, reopen, learn, doubt, self._limits)

    async def open_datagrams(self) -> DatagramFlow:
        """See Tunnel."""
        flow = ChoosingFlow(self._bridges, self._direct, self._guide, self._limits)
        self._flows.add(flow)
        return flow


def _sign_of(code: Code) -> Sign:
    match code:
        case Code.NAME_UNKNOWN | Code.NAME_FAILED:
            return Sign.NO_NAME
        case Code.CONNECTION_RESET:
            return Sign.RESET
        case _:
            return Sign.NO_CONNECTION
