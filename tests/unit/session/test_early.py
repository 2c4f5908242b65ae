"""What travels with a hello: opens, and the beginnings of streams that a site may get twice."""

from __future__ import annotations

import random

import pytest

from tests.support.puppet import Puppet
from tests.support.session_pair import GATEWAY_KEY, TOKEN, LaneShape, World
from unwalled.crypto.handshake import open_hello
from unwalled.errors import FrameError
from unwalled.session.core import Session
from unwalled.session.early import repeatable
from unwalled.session.events import Event, LaneLeft, LeaveReason, StreamOpened, StreamReadable
from unwalled.session.reader import ReaderSession
from unwalled.settings import SESSION
from unwalled.wire.address import Target
from unwalled.wire.frames import Data, Frame, Open, Ping, decode_frames
from unwalled.wire.messages import Hello, Refusal, decode_message, encode_refuse

TARGET = Target("example.org", 443)
GET = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"
CLIENT_HELLO = b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (GET, GET),
        (b"HEAD" + GET[3:], b"HEAD" + GET[3:]),
        (GET + b"POST / HTTP/1.1\r\n\r\n", GET),
        (GET[:-1], b""),
        (b"POST" + GET[3:], b""),
        (b"GETAWAY" + GET[3:], b""),
        (b"", b""),
        (CLIENT_HELLO, CLIENT_HELLO),
        (CLIENT_HELLO + b"\x17\x03\x03\x00\x01x", CLIENT_HELLO),
        (CLIENT_HELLO[:-1], b""),
        (CLIENT_HELLO[:5], b""),
        (CLIENT_HELLO[:5] + b"\x02" + CLIENT_HELLO[6:], b""),
        (b"\x17" + CLIENT_HELLO[1:], b""),
    ],
)
def test_only_what_a_site_may_get_twice_goes_ahead(beginning: bytes, expected: bytes) -> None:
    assert repeatable(beginning) == expected


def frames_of(early: bytes) -> list[Frame]:
    return list(decode_frames(early))


def test_opens_come_first_and_then_what_was_written_whole_or_not_at_all() -> None:
    session = Session(True, 0.0)
    session.write(session.open_stream(TARGET), b"POST" + GET[3:])
    large, whole, unwritten = (session.open_stream(TARGET) for _ in range(3))
    session.write(large, GET[:-4] + b"\r\nCookie: " + b"x" * SESSION.early_data_bytes + b"\r\n\r\n")
    for piece in (GET[:10], GET[10:]):
        session.write(whole, memoryview(piece))
    *opens, data = frames_of(session.early_frames())
    assert [frame.sid for frame in opens if isinstance(frame, Open)] == [1, large, whole, unwritten]
    assert data == Data(whole, 0, GET)
    assert frames_of(session.early_frames(with_data=False)) == opens


def test_what_fits_goes_even_when_something_before_it_does_not() -> None:
    session = Session(True, 0.0)
    for size in (SESSION.early_data_bytes - 180, 100):
        session.write(session.open_stream(TARGET), GET[:-4] + b"\r\nA: " + b"x" * size + b"\r\n\r\n")
    fitting = [frame.sid for frame in frames_of(session.early_frames()) if isinstance(frame, Data)]
    assert fitting == [1]
    session.write(session.open_stream(TARGET), GET)
    fitting = [frame.sid for frame in frames_of(session.early_frames()) if isinstance(frame, Data)]
    assert fitting == [1, 3]


def test_a_gateway_reads_early_data_and_drops_its_repetition() -> None:
    session = Session(True, 0.0)
    sid = session.open_stream(TARGET)
    session.write(sid, GET)
    gateway = Puppet(is_reader=False)
    gateway.session.receive_early(session.early_frames())
    assert gateway.events() == [StreamOpened(sid, TARGET), StreamReadable(sid)]
    gateway.send(Open(sid, TARGET, 1 << 18), Data(sid, 0, GET + b"more"))
    assert gateway.session.read(sid, 0.0)[0] == GET + b"more"


@pytest.mark.parametrize(
    "early",
    [
        Data(1, 0, b"x").encode(),
        Data(1, 0, b"x").encode() + Open(1, TARGET, 1 << 18).encode(),
        Open(1, TARGET, 1 << 18).encode() + Data(2, 0, b"x").encode(),
        Open(1, TARGET, 1 << 18).encode() + Data(1, 1 << 18, b"x").encode(),
        Ping(1).encode(),
        b"\xff",
    ],
)
def test_early_data_holds_nothing_else(early: bytes) -> None:
    gateway = Puppet(is_reader=False)
    with pytest.raises(FrameError):
        gateway.session.receive_early(early)


def test_a_request_reaches_the_gateway_with_the_hello() -> None:
    world = World(3)
    sid = world.reader.core.open_stream(TARGET)
    world.reader.core.write(sid, GET)
    world.open_lane(LaneShape(latency_s=1.0))
    world.run(1.1)
    # One way is over, and no answer has come yet.
    assert world.gateways[0].session.read(sid, 1.1)[0] == GET
    assert not world.reader.is_established


def early_of(session: ReaderSession) -> list[Frame]:
    """What the hello that goes out now brings."""
    ((_, message),) = session.data_to_send(0.0)
    hello = decode_message(message)
    assert isinstance(hello, Hello)
    return frames_of(open_hello(hello, GATEWAY_KEY).early)


def test_after_a_refusal_the_next_hello_brings_opens_only() -> None:
    session = ReaderSession(GATEWAY_KEY.public, TOKEN, random.Random(4).randbytes, 0.0)
    session.core.write(session.core.open_stream(TARGET), GET)
    first, second = session.lane_opened(0.0), session.lane_opened(0.0)
    assert [type(frame) for frame in early_of(session)] == [Open, Data]
    session.receive(first, encode_refuse(Refusal.MALFORMED), 0.0)
    assert [type(frame) for frame in early_of(session)] == [Open]
    left: list[Event] = []
    while (event := session.next_event()) is not None:
        left.append(event)
    assert left == [LaneLeft(first, LeaveReason.REFUSED)]
    session.lane_lost(second, 0.0)
