"""An authentic peer that says whatever the test wants, over a session's real lanes."""

from __future__ import annotations

from unwalled.crypto.handshake import Secrets, Terms
from unwalled.crypto.keys import LaneCipher
from unwalled.session.core import Session
from unwalled.session.events import Event, SessionClosed, StreamOpened
from unwalled.settings import KIB, MIB, SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import Ack, Close, Frame, Open, Ping, decode_frames
from unwalled.wire.messages import Join, Record, decode_message, join_header, record_header

TARGET = Target("example.org", 443)
WINDOW = SESSION.stream_window_bytes
SESSION_ID = bytes(range(16))
MASTER = b"m" * 32


class Puppet:
    """``session`` is the end under test; the other end is played by hand."""

    def __init__(self, is_reader: bool, window_bytes: int = 4 * MIB, max_message_bytes: int = 16 * KIB) -> None:
        self.session = Session(is_reader, 0.0)
        self.now = 0.0
        self.session.establish(Secrets(SESSION_ID, MASTER, Terms(window_bytes, max_message_bytes, 60)), 0.0)
        self._mine = "g2r" if is_reader else "r2g"
        self._theirs = "r2g" if is_reader else "g2r"
        self._sealers: dict[int, LaneCipher] = {}
        self._openers: dict[int, LaneCipher] = {}
        self.closed: Code | None = None
        self.add(self.session.add_first_lane(0.0))

    def add(self, lane: int) -> None:
        """Keys for a lane that the session has."""
        self._sealers[lane] = LaneCipher(MASTER, self._mine, lane)  # type: ignore[arg-type]
        self._openers[lane] = LaneCipher(MASTER, self._theirs, lane)  # type: ignore[arg-type]

    def join(self, lane: int, *frames: Frame) -> Join:
        """An authentic join (for a gateway's session)."""
        self.add(lane)
        message = self._sealers[lane].seal(b"".join(frame.encode() for frame in frames), join_header(SESSION_ID, lane))
        join = decode_message(message)
        assert isinstance(join, Join)
        return join

    def send(self, *frames: Frame, lane: int = 0) -> list[Event]:
        """One record; gives the events that follow."""
        return self.send_raw(b"".join(frame.encode() for frame in frames), lane)

    def send_raw(self, plaintext: bytes, lane: int = 0) -> list[Event]:
        """One record with any plaintext; gives the events that follow."""
        sealer = self._sealers[lane]
        self.session.receive(lane, sealer.seal(plaintext, record_header(sealer.number)), self.now)
        return self.events()

    def events(self) -> list[Event]:
        """All events that wait."""
        events: list[Event] = []
        while (event := self.session.next_event()) is not None:
            events.append(event)
            if isinstance(event, SessionClosed):
                self.closed = event.code
        return events

    def said(self) -> list[Frame]:
        """All frames that the session sends now, without acks and pings."""
        return [frame for _, frame in self.said_on_lanes() if not isinstance(frame, Ack | Ping)]

    def said_on_lanes(self) -> list[tuple[int, Frame]]:
        """All frames that the session sends now, each with its lane."""
        frames: list[tuple[int, Frame]] = []
        for lane, message in self.session.data_to_send(self.now):
            match decode_message(message):
                case Record(_, header, ciphertext) | Join(_, _, header, ciphertext):
                    plaintext = self._openers[lane].open(ciphertext, header)
                    frames += [(lane, frame) for frame in decode_frames(plaintext)]
                case other:
                    raise AssertionError(other)
        return frames

    def ack_all(self, lane: int = 0) -> list[Event]:
        """Acks every record that came on a lane."""
        return self.send(Ack(lane, self._openers[lane].number, 0), lane=lane)

    def is_broken_by(self, *frames: Frame) -> bool:
        """Whether the frames close the session as a protocol error, and the other end is told."""
        self.send(*frames)
        said = self.said()
        self.events()
        return self.closed is Code.PROTOCOL and said[-1:] == [Close(Code.PROTOCOL)] and self.session.is_closed


def opened(sid: int = 1) -> Puppet:
    """A gateway's session with one stream."""
    puppet = Puppet(is_reader=False)
    assert puppet.send(Open(sid, TARGET, WINDOW)) == [StreamOpened(sid, TARGET)]
    return puppet
