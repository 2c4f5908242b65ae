"""Frames inside records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.errors import FrameError
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import (
    LANE_SILENT,
    Ack,
    Close,
    Data,
    Datagram,
    Fin,
    Frame,
    LaneClose,
    Open,
    Opened,
    OpenedFlow,
    OpenFlow,
    Ping,
    Pong,
    Reset,
    Window,
    decode_frames,
)

NAME = Target("a.bc", 443)
FRAMES: list[tuple[Frame, str]] = [
    (Ping(5), "0105"),
    (Pong(300), "02412c"),
    (Ack(1, 70, 20_000), "03014046" + "80004e20"),
    (Open(1, NAME, 262_144), "1001" + "0304612e626301bb" + "80040000"),
    (Opened(1, 0), "110100"),
    (Data(2, 64, b"xyz"), "1202404003" + b"xyz".hex()),
    (Fin(2, 67), "13024043"),
    (Reset(2, Code.TIMED_OUT, 67), "1402064043"),
    (Window(0, 1 << 25), "150082000000"),
    (Datagram(3, 0, Target("192.0.2.1", 53), b"q"), "160300" + "01c0000201003501" + b"q".hex()),
    (Datagram(3, 300, Target("192.0.2.1", 53), b""), "1603412c" + "01c0000201003500"),
    (Close(Code.PROTOCOL), "170c"),
    (LaneClose(9, LANE_SILENT), "180902"),
    (OpenFlow(4), "1904"),
    (OpenedFlow(4), "1a04"),
]


@pytest.mark.parametrize(("frame", "encoded"), FRAMES)
def test_frames_and_their_bytes(frame: Frame, encoded: str) -> None:
    assert frame.encode().hex() == encoded
    assert decode_frames(bytes.fromhex(encoded)) == [frame]


def test_frames_stand_one_after_another_and_padding_ends_them() -> None:
    row = b"".join(frame.encode() for frame, _ in FRAMES)
    frames = [frame for frame, _ in FRAMES]
    assert decode_frames(row) == frames
    assert decode_frames(row + bytes(99)) == frames
    assert decode_frames(b"") == []
    assert decode_frames(bytes(5)) == []


@pytest.mark.parametrize(("frame", "encoded"), FRAMES)
def test_a_frame_that_is_cut_short_anywhere(frame: Frame, encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    for length in range(1, len(raw)):
        with pytest.raises(FrameError):
            decode_frames(raw[:length])


@pytest.mark.parametrize(
    "encoded",
    [
        "04",
        "ff",
        "0001",
        "12000001aa",
        "12010000",
        "120100ff" + "ff" * 7,
        "130000",
        "14000000",
        "110000",
        "1900",
        "1a00",
        "1000" + "0304612e626301bb" + "00",
        "1001" + "0304612e62630000" + "00",
        "160301c00002010035" + "8000ffe4" + "00" * 0xFFE4,
        "180903",
        "18c0000001000000" + "0000",
    ],
)
def test_fields_out_of_their_range(encoded: str) -> None:
    with pytest.raises(FrameError):
        decode_frames(bytes.fromhex(encoded))


def test_private_codes_are_never_sent() -> None:
    assert decode_frames(Reset(1, Code.SESSION_LOST, 0).encode()) == [Reset(1, Code.GENERAL, 0)]
    assert decode_frames(Close(Code.NO_BRIDGE).encode()) == [Close(Code.GENERAL)]


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_an_error(raw: bytes) -> None:
    try:
        frames = decode_frames(raw)
    except FrameError:
        return
    assert decode_frames(b"".join(frame.encode() for frame in frames)) == frames


@given(st.sampled_from(FRAMES), st.integers(0, 1 << 16))
def test_a_flipped_bit_gives_frames_or_an_error(case: tuple[Frame, str], bit: int) -> None:
    raw = bytearray.fromhex(case[1])
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    try:
        decode_frames(bytes(raw))
    except FrameError:
        return
