"""What applications do with streams in simulated sessions: write, read at their pace, finish, cut, and compare."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.support.session_pair import GatewayEnd, World
from unwalled.session.core import Session
from unwalled.session.events import (
    DatagramReceived,
    Event,
    FlowOpened,
    SessionClosed,
    StreamAccepted,
    StreamCut,
    StreamOpened,
    StreamReadable,
    StreamWritable,
)
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

TARGET = Target("example.org", 443)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stream carries. ``*_cut_at``: the sender resets the stream once it has written so much."""

    up_bytes: int
    down_bytes: int
    up_cut_at: int | None = None
    down_cut_at: int | None = None
    read_delay_s: float = 0.0
    refused: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether somebody means to cut the stream."""
        return self.refused or self.up_cut_at is not None or self.down_cut_at is not None


@dataclass(slots=True)
class Side:
    """One application's end of a stream."""

    outgoing: bytes
    incoming: bytes
    cut_at: int | None
    read_delay_s: float
    written: int = 0
    got: int = 0
    started: bool = False
    accepted: bool = False
    finished: bool = False
    ended: bool = False
    cut: bool = False
    reads_later: bool = False

    @property
    def is_over(self) -> bool:
        """Nothing more will happen here."""
        return self.cut or (self.ended and self.finished)


@dataclass(slots=True)
class Transfers:
    """All applications of a world. Streams at the gateway are told apart by session, since a hello may be repeated."""

    world: World
    seed: int
    plans: dict[int, Plan] = field(default_factory=dict)
    reader: dict[int, Side] = field(default_factory=dict)
    gateway: dict[tuple[int, int], Side] = field(default_factory=dict)
    datagrams_sent: int = 0
    datagrams_got: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.world.on_reader = self._reader_event
        self.world.on_gateway = self._gateway_event

    def _content(self, sid: int, direction: str, size: int) -> bytes:
        return random.Random(f"{self.seed} {sid} {direction}").randbytes(size)

    def start(self, plan: Plan) -> int:
        """Opens one more stream, and writes at once."""
        core = self.world.reader.core
        sid = core.open_stream(TARGET)
        self.plans[sid] = plan
        self.reader[sid] = Side(
            self._content(sid, "up", plan.up_bytes),
            self._content(sid, "down", plan.down_bytes),
            plan.up_cut_at,
            plan.read_delay_s,
            started=True,
        )
        self._write(core, sid, self.reader[sid])
        self.world.pump_reader()
        return sid

    def _write(self, session: Session, sid: int, side: Side) -> None:
        while side.started and not side.cut and not side.finished:
            if side.cut_at is not None and side.written >= side.cut_at:
                side.cut = True
                session.reset(sid, Code.CANCELLED)
            elif side.written == len(side.outgoing):
                side.finished = True
                session.finish(sid)
            else:
                room = min(session.send_room(sid), 40_000)
                if room == 0:
                    return
                session.write(sid, side.outgoing[side.written : side.written + room])
                side.written += min(room, len(side.outgoing) - side.written)

    def _readable(self, session: Session, sid: int, side: Side, end: GatewayEnd | None) -> None:
        if not side.read_delay_s:
            self._read(session, sid, side)
        elif not side.reads_later:
            side.reads_later = True

            def later() -> None:
                side.reads_later = False
                self._read(session, sid, side)
                if end is None:
                    self.world.pump_reader()
                else:
                    self.world.pump_gateway(end)

            self.world.at(self.world.now + side.read_delay_s, later)

    def _read(self, session: Session, sid: int, side: Side) -> None:
        while not side.cut and not side.ended:
            data, side.ended = session.read(sid, self.world.now)
            assert data == side.incoming[side.got : side.got + len(data)], "bytes are wrong, lost or out of order"
            side.got += len(data)
            if side.ended:
                assert side.got == len(side.incoming), "a stream ended early"
            if not data:
                return

    def _reader_event(self, event: Event) -> None:
        core = self.world.reader.core
        match event:
            case StreamAccepted(sid):
                assert not self.reader[sid].accepted
                self.reader[sid].accepted = True
            case StreamReadable(sid):
                self._readable(core, sid, self.reader[sid], None)
            case StreamWritable(sid):
                self._write(core, sid, self.reader[sid])
            case StreamCut(sid):
                assert not self.reader[sid].cut, "a stream was cut twice"
                self.reader[sid].cut = True
            case DatagramReceived(_, _, payload):
                assert payload not in self.datagrams_got, "a datagram came twice"
                self.datagrams_got.add(payload)
            case SessionClosed():
                assert all(side.is_over for side in self.reader.values()), "a stream outlived its session"
            case _:
                pass

    def _gateway_event(self, end: GatewayEnd, event: Event) -> None:
        session = end.session
        number = self.world.gateways.index(end) if end in self.world.gateways else -1
        match event:
            case StreamOpened(sid):
                assert (number, sid) not in self.gateway
                self.gateway[number, sid] = self._accept(end, sid, self.plans[sid])
            case StreamReadable(sid):
                self._readable(session, sid, self.gateway[number, sid], end)
            case StreamWritable(sid):
                self._write(session, sid, self.gateway[number, sid])
            case StreamCut(sid):
                assert not self.gateway[number, sid].cut, "a stream was cut twice"
                self.gateway[number, sid].cut = True
            case FlowOpened(sid):
                session.accept_flow(sid)
            case DatagramReceived(sid, target, payload):
                session.send_datagram(sid, target, payload, self.world.now)
            case _:
                pass

    def _accept(self, end: GatewayEnd, sid: int, plan: Plan) -> Side:
        side = Side(
            self._content(sid, "down", plan.down_bytes),
            self._content(sid, "up", plan.up_bytes),
            plan.down_cut_at,
            plan.read_delay_s,
        )

        def dialled() -> None:
            if side.cut:
                return
            if plan.refused:
                side.cut = True
                end.session.reset(sid, Code.CONNECTION_REFUSED)
            else:
                side.started = True
                end.session.accept_stream(sid)
                self._write(end.session, sid, side)
            self.world.pump_gateway(end)

        self.world.at(self.world.now + 0.01, dialled)
        return side

    def send_datagram(self, sid: int) -> None:
        """One datagram to a far end that echoes."""
        self.datagrams_sent += 1
        self.world.reader.core.send_datagram(sid, TARGET, self.datagrams_sent.to_bytes(8, "big") * 20, self.world.now)
        self.world.pump_reader()

    def all_over(self) -> bool:
        """Whether every application has its end."""
        return all(side.is_over for side in self.reader.values()) and all(s.is_over for s in self.gateway.values())

    def check_outcomes(self, session_lost: bool) -> None:
        """Every stream came through whole, or was cut at both ends; and cut only if somebody cut it."""
        for sid, side in self.reader.items():
            others = [other for (_, number), other in self.gateway.items() if number == sid]
            assert side.is_over, "a stream hangs at the reader"
            assert all(other.is_over for other in others), "a stream hangs at the gateway"
            if not session_lost and not self.plans[sid].is_cut:
                assert not side.cut, "a stream was cut without cause"
                assert any(not other.cut for other in others), "a stream was cut without cause"
