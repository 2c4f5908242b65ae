"""One session of a reader over the lanes that are there: the bridge of each lane, and what becomes of it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from unwalled.crypto.handshake import Random, Status, WhyFull
from unwalled.lanes.base import Lane
from unwalled.reader.status import LaneFacts
from unwalled.session.events import LeaveReason
from unwalled.session.notes import TraceSink
from unwalled.session.reader import ReaderSession
from unwalled.session.trace import SessionTrace
from unwalled.tunnel.pump import Pump
from unwalled.tunnel.streams import TunnelFlow, TunnelStream
from unwalled.wire.codes import Code


class LiveUser(Protocol):
    """Whoever keeps a live session. All calls come from the event loop and must not block or raise."""

    def number_of(self, bridge: str, /) -> int:
        """A bridge's number in the trace."""

    def established(self) -> None:
        """The handshake is done."""

    def resumed(self) -> None:
        """The gateway has spoken again after all lanes had gone."""

    def lane_fell_silent(self) -> None:
        """A bridge may have gone without a word."""

    def lanes_limited(self) -> None:
        """Lanes hold the session up."""

    def lane_left(self, bridge: str, reason: LeaveReason, lived_s: float, /) -> None:
        """A lane is over."""

    def session_closed(self, live: LiveSession, code: Code, /) -> None:
        """The session is over, and all its lanes."""


class LiveSession:
    """One session and its lanes; tells its client what happens to them."""

    def __init__(
        self, user: LiveUser, gateway_key: bytes, token: bytes, random_bytes: Random, sink: TraceSink | None
    ) -> None:
        self._user = user
        now = asyncio.get_running_loop().time()
        self._trace = None if sink is None else SessionTrace(sink, True, now)
        self._session = ReaderSession(gateway_key, token, random_bytes, now, self._trace)
        self.pump = Pump(self._session, self._session.core, self)
        self._bridges: dict[int, tuple[str, float]] = {}
        """Of each lane: its bridge, and when it opened."""

    @property
    def refused(self) -> Status | None:
        """The gateway's authentic no, if it gave one."""
        return self._session.refused

    @property
    def is_share_used(self) -> bool:
        """Whether the invite has used up its share, when the gateway said that it is full."""
        return self._session.why_full is WhyFull.SHARE

    @property
    def is_established(self) -> bool:
        """Whether the handshake is done."""
        return self._session.is_established

    @property
    def is_connected(self) -> bool:
        """Whether the gateway is known to be at the other end of a lane."""
        return self._session.is_carried

    def add(self, lane: Lane, bridge: str) -> None:
        """A lane has opened."""
        key = self._session.lane_opened(self.pump.now())
        if self._trace is not None:
            self._trace.lane_through(key, self._user.number_of(bridge), self.pump.now())
        self._bridges[key] = (bridge, self.pump.now())
        lane.start(self.pump.attach(key, lane))

    def lanes(self) -> list[LaneFacts]:
        """How each lane is, in the order in which they opened."""
        facts = []
        for key, (bridge, _) in self._bridges.items():
            wire = self._session.wire_lane(key)
            lane = None if wire is None else self._session.core.lanes.get(wire)
            number = self._user.number_of(bridge)
            if lane is None:
                facts.append(LaneFacts(key, number, None, 0, 0, False))
                continue
            silent = lane.silent_since is not None
            facts.append(LaneFacts(key, number, lane.estimator.srtt_s, lane.sent_bytes, lane.received_bytes, silent))
        return facts

    def drop_spare(self, count: int) -> None:
        """Gives lanes back: silent ones first, then the newest of the bridge that has most, so that each keeps some.

        The newest of all may be those of the only bridge that could carry on if another one went.
        """
        kept: dict[str, set[int]] = {}
        silent = set()
        for key, (bridge, _) in self._bridges.items():
            heard = self._session.heard_of(key)
            if heard is not None and heard[1] is not None:
                silent.add(key)
            else:
                kept.setdefault(bridge, set()).add(key)
        spare = sorted(silent, reverse=True)[:count]
        while len(spare) < count:
            most = max(kept.values(), key=lambda keys: (len(keys), max(keys)))
            spare.append(max(most))
            most.remove(max(most))
            kept = {bridge: keys for bridge, keys in kept.items() if keys}
        for key in spare:
            self._session.drop_lane(key, self.pump.now())
        if count:
            self.pump.wake()

    def ask_lanes(self) -> None:
        """Asks every lane whether it lives; those that do not answer fall silent."""
        self._session.core.ask_lanes()
        self.pump.wake()

    def silences_s(self) -> dict[str, float]:
        """Of each bridge with a lane that owes an ack for too long: for how long none of its lanes has said anything.

        What such a lane owed was sent again over others, so that lanes of a bridge that is there have cause to speak.
        """
        now = self.pump.now()
        heard_at: dict[str, float] = {}
        doubted_at: dict[str, float] = {}
        for key, (bridge, opened_at) in self._bridges.items():
            heard, doubted = self._session.heard_of(key) or (opened_at, None)
            heard_at[bridge] = max(heard, heard_at.get(bridge, heard))
            if doubted is not None:
                doubted_at[bridge] = min(doubted, doubted_at.get(bridge, doubted))
        return {bridge: now - max(heard_at[bridge], doubted) for bridge, doubted in doubted_at.items()}

    def lane_fell_silent(self) -> None:
        """See PumpUser."""
        self._user.lane_fell_silent()

    def drop_bridge(self, bridge: str) -> None:
        """Leaves all lanes of a bridge."""
        for key, (other, _) in list(self._bridges.items()):
            if other == bridge:
                self._session.drop_lane(key, self.pump.now())
        self.pump.wake()

    def lanes_limited(self) -> None:
        """See PumpUser."""
        self._user.lanes_limited()

    def established(self) -> None:
        """See PumpUser."""
        self._user.established()

    def resumed(self) -> None:
        """See PumpUser."""
        self._user.resumed()

    def stream_opened(self, stream: TunnelStream) -> None:
        """See PumpUser; a gateway opens none."""

    def flow_opened(self, flow: TunnelFlow) -> None:
        """See PumpUser; a gateway opens none."""

    def lane_left(self, lane: int, reason: LeaveReason) -> None:
        """See PumpUser."""
        bridge, since = self._bridges.pop(lane)
        self._user.lane_left(bridge, reason, self.pump.now() - since)

    def session_closed(self, code: Code) -> None:
        """See PumpUser."""
        self._user.session_closed(self, code)
