"""What a trace holds: one note for each thing that happened, in numbers and fixed words.

The types are the promise to readers: a note has no place for a name, an address, a key or a byte of content. Bridges
are numbered in the order in which they appeared, streams and lanes as the session numbers them. Times (``at``) are
seconds of one clock whose beginning means nothing; sizes are bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 62) - 1)]

WhyLeft = Literal["closed", "misbehaved", "silent", "refused", "unneeded"]
"""See LeaveReason."""
Waiting = Literal["", "lane", "window"]
DecisionKind = Literal["more", "fewer", "asked", "matched", "unmatched", "failed"]
DecisionCause = Literal["", "limited", "no gain", "quiet"]


class _Note(msgspec.Struct, tag_field="note"):
    at: Seconds


class SessionBegan(_Note, tag="session"):
    """A session begins at this end; lanes are numbered anew."""

    role: Literal["reader", "gateway"]


class SessionEstablished(_Note, tag="established"):
    """The keys are agreed."""


class SessionEnded(_Note, tag="session_ended"):
    """The session is over. ``code``: see ``unwalled.wire.codes``."""

    code: Number


class LaneThrough(_Note, tag="through"):
    """The lane that the user of the session knows as ``key`` goes through this bridge."""

    key: Number
    bridge: Number


class LaneBound(_Note, tag="bound"):
    """The reader's key of a lane, and its number in the session."""

    key: Number
    lane: Number


class LaneJoined(_Note, tag="joined"):
    """A lane is used from now on."""

    lane: Number


class LaneEnded(_Note, tag="left"):
    """A lane is not used any more, with all that it carried and with what it owed acks for."""

    lane: Number
    why: WhyLeft
    sent: Size
    received: Size
    owed: Size


class LaneSilent(_Note, tag="silent"):
    """A lane has owed acks for ``owed`` bytes for too long (``limit_s``): it gets nothing new."""

    lane: Number
    owed: Size
    limit_s: Seconds


class LaneSpoke(_Note, tag="spoke"):
    """A silent lane has acked something."""

    lane: Number


class LaneSample(msgspec.Struct, array_like=True):
    """One lane at one moment; sent and received count from its beginning, records and what is around them included."""

    lane: Number
    round_trip_s: Seconds | None
    """Smoothed."""
    least_round_trip_s: Seconds | None
    rate: Size
    """Bytes per second that it delivers, as far as this end knows."""
    window: Size
    in_flight: Size
    sent: Size
    received: Size
    records_sent: Number


class Sample(_Note, tag="sample"):
    """The session at one moment. A lane of which nothing has changed is left out."""

    backlog: Size
    """Bytes that wait to be sent for the first time."""
    waits_for: Waiting
    """What the backlog waited for just then: a ``lane`` that takes it, or room in the other end's ``window``."""
    repeated: Size
    """Bytes of streams that came more than once, since the beginning."""
    lanes: list[LaneSample]


class SentAgain(_Note, tag="again"):
    """Bytes that a lane owed were queued for the others."""

    lane: Number
    size: Size
    why: Literal["left", "silent"]


class LanesHeldUp(_Note, tag="limited"):
    """For a while there was data and no lane with room (see `Limited` in the protocol)."""


class StreamBegan(_Note, tag="stream"):
    """A stream was asked for."""

    stream: Number


class StoodStill(_Note, tag="stood_still"):
    """A stream in the midst of a transfer went on after having got nothing for ``seconds``."""

    stream: Number
    seconds: Seconds


class StreamEnded(_Note, tag="stream_ended"):
    """A stream is over, with its payload in both directions."""

    stream: Number
    sent: Size
    received: Size
    longest_wait_s: Seconds
    """The longest time in which nothing came in the midst of a transfer; 0 when there was none."""
    cut: bool
    """By a reset or the session's end, instead of ends in both directions."""


class Decision(_Note, tag="decision"):
    """What the reader decided about its lanes and bridges.

    ``more``, ``fewer``: lanes wanted or given back. ``asked``: the broker, for so many lanes over at most so many
    bridges. ``matched``: its answer. ``unmatched``: it had none, or could not be reached. ``failed``: a lane did not
    open.
    """

    what: DecisionKind
    lanes: Size
    bridges: Size = 0
    """How many; for ``failed`` which one."""
    rate: Size = 0
    """What the session carried then, bytes per second."""
    why: DecisionCause = ""


class TraceFull(_Note, tag="full"):
    """The file has reached its bound: nothing was written after this."""


Note = (
    SessionBegan
    | SessionEstablished
    | SessionEnded
    | LaneThrough
    | LaneBound
    | LaneJoined
    | LaneEnded
    | LaneSilent
    | LaneSpoke
    | Sample
    | SentAgain
    | LanesHeldUp
    | StreamBegan
    | StoodStill
    | StreamEnded
    | Decision
    | TraceFull
)


class TraceSink(Protocol):
    """Where notes go. Called from within the session, so it must neither raise nor wait."""

    def note(self, note: Note, /) -> None:
        """Takes one note, and may keep it."""

    def close(self) -> None:
        """Nothing more will come. Safe to call again."""


class Numbering:
    """Gives things numbers from 1 in the order in which they appear, so that their names stay out of a trace.

    Remembers ``bound`` names: one that comes back after so many others gets a new number.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._numbers: dict[str, int] = {}
        self._last = 0

    def number(self, name: str) -> int:
        """The number of a name."""
        number = self._numbers.pop(name, None)
        if number is None:
            self._last += 1
            number = self._last
        self._numbers[name] = number
        if len(self._numbers) > self._bound:
            del self._numbers[next(iter(self._numbers))]
        return number
