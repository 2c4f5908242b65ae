"""Any bytes, at every door of a session: a typed error or a lane that is left, never anything else.

``make fuzz`` runs these for long.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.puppet import TARGET, WINDOW, Puppet, opened
from tests.support.session_pair import GATEWAY_KEY, TOKEN
from unwalled.crypto.handshake import ReaderHandshake, Terms, open_hello, welcome
from unwalled.crypto.hpke import seal_post_quantum
from unwalled.errors import CryptoError, FrameError, MessageError
from unwalled.session.core import Session
from unwalled.session.events import LaneLeft, LeaveReason
from unwalled.session.reader import ReaderSession
from unwalled.wire.codes import Code
from unwalled.wire.frames import Data, Fin, Frame, LaneClose, Open, OpenFlow, Ping, Reset, Window, decode_frames
from unwalled.wire.messages import Hello, Join, decode_message, encode_hello, join_header

numbers = st.one_of(st.integers(0, 5), st.integers(0, (1 << 62) - 1))
sids = st.one_of(st.integers(1, 5), st.integers(1, (1 << 62) - 1))
frames = st.one_of(
    st.builds(Ping, numbers),
    st.builds(Open, sids, st.just(TARGET), numbers),
    st.builds(Data, sids, numbers, st.binary(min_size=1, max_size=30)),
    st.builds(Fin, sids, numbers),
    st.builds(Reset, sids, st.sampled_from(list(Code)), numbers),
    st.builds(Window, st.one_of(st.just(0), sids), numbers),
    st.builds(OpenFlow, sids),
    st.builds(LaneClose, st.integers(0, (1 << 32) - 1), st.integers(0, 2)),
)
any_message = st.one_of(
    st.binary(max_size=100),
    st.builds(
        lambda head, tail: head + tail,
        st.sampled_from([b"\x01\x01", b"\x02", b"\x03", b"\x05", b"\x10"]),
        st.binary(max_size=1400),
    ),
)


@given(any_message)
def test_any_bytes_are_a_message_or_an_error(message: bytes) -> None:
    try:
        decode_message(message)
    except MessageError:
        pass


@given(any_message)
def test_any_bytes_on_a_lane_cost_that_lane(message: bytes) -> None:
    puppet = opened()
    puppet.session.receive(0, message, 0.0)
    assert puppet.events() == [LaneLeft(0, LeaveReason.MISBEHAVED)]
    assert not puppet.session.is_closed


@given(any_message)
def test_any_bytes_instead_of_a_welcome_cost_that_lane(message: bytes) -> None:
    session = ReaderSession(GATEWAY_KEY.public, TOKEN, lambda length: bytes(length), 0.0)
    key = session.lane_opened(0.0)
    session.receive(key, message, 0.0)
    event = session.next_event()
    assert isinstance(event, LaneLeft)
    assert event.lane == key
    assert event.reason in {LeaveReason.MISBEHAVED, LeaveReason.REFUSED}
    assert session.next_event() is None
    assert not session.is_established


@given(st.binary(max_size=2800))
def test_any_bytes_inside_a_hello_are_an_error_or_a_session(plaintext: bytes) -> None:
    message = decode_message(encode_hello(seal_post_quantum(plaintext, GATEWAY_KEY.public, b"unwalled/1 hello")))
    assert isinstance(message, Hello)
    session = Session(False, 0.0)
    try:
        hello = open_hello(message, GATEWAY_KEY)
        welcome(hello, Terms(1 << 20, 1 << 14, 60), lambda length: bytes(length))
        session.receive_early(hello.early)
    except (MessageError, CryptoError, FrameError):
        pass


@given(st.binary(max_size=1100))
def test_any_early_data_is_an_error_or_opens(early: bytes) -> None:
    handshake = ReaderHandshake(GATEWAY_KEY.public, TOKEN, early, lambda length: bytes(length))
    message = decode_message(handshake.message)
    assert isinstance(message, Hello)
    session = Session(False, 0.0)
    try:
        session.receive_early(open_hello(message, GATEWAY_KEY).early)
    except FrameError:
        return
    assert all(isinstance(frame, Open) for frame in decode_frames(early))


@given(st.binary(min_size=16, max_size=60), st.integers(0, (1 << 32) - 1))
def test_any_bytes_in_a_join_change_nothing(body: bytes, lane: int) -> None:
    puppet = Puppet(is_reader=False)
    join = decode_message(join_header(bytes(range(16)), lane) + body)
    assert isinstance(join, Join)
    try:
        puppet.session.join(join, 0.0)
    except (MessageError, CryptoError):
        pass
    assert list(puppet.session.lanes) == [0]
    assert puppet.events() == []


@given(st.booleans(), st.lists(st.lists(frames, max_size=6), max_size=8), st.binary(max_size=12))
def test_any_frames_from_an_authentic_peer_are_taken_or_end_the_session(
    is_reader: bool, records: list[list[Frame]], garbage: bytes
) -> None:
    puppet = Puppet(is_reader=is_reader)
    if is_reader:
        puppet.session.open_stream(TARGET)
        puppet.session.open_flow()
    for number, record in enumerate([*records, []]):
        puppet.now = 0.1 * number
        plaintext = b"".join(frame.encode() for frame in record) or garbage
        if 0 in puppet.session.lanes:
            puppet.send_raw(plaintext)
            puppet.said_on_lanes()
        puppet.session.handle_timer(puppet.now)
        puppet.said_on_lanes()
        assert puppet.session.next_timer() > puppet.now
        assert puppet.session.buffered_bytes <= 5 * WINDOW
