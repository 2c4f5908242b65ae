"""What a trace says: each lane's life, the session's rates, and the moments at which something changed. Pure.

Times are seconds from the trace's first note, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from unwalled.session.notes import (
    Decision,
    LaneBound,
    LaneEnded,
    LaneJoined,
    LaneSample,
    LanesHeldUp,
    LaneSilent,
    LaneSpoke,
    LaneThrough,
    Sample,
    SentAgain,
    SessionBegan,
    SessionEnded,
    SessionEstablished,
    StoodStill,
    StreamBegan,
    StreamEnded,
    TraceFull,
    Waiting,
    WhyLeft,
)
from unwalled.settings import TRACE
from unwalled.trace.reading import Trace
from unwalled.wire.codes import Code

Direction = Literal["received", "sent"]
Role = Literal["reader", "gateway"]


@dataclass(slots=True)
class LaneLife:
    """One lane from its joining to its end, or to the end of the trace."""

    session: int
    lane: int
    began: float
    ended: float
    bridge: int = 0
    """0 when it was not told."""
    why_left: WhyLeft | None = None
    """None: it was still in use."""
    silences: list[tuple[float, float]] = field(default_factory=list)
    samples: list[tuple[float, LaneSample]] = field(default_factory=list)
    moved: list[tuple[float, float, int, int]] = field(default_factory=list)
    """From, to, bytes received, bytes sent."""
    received: int = 0
    sent: int = 0
    again: int = 0
    """What it owed and others had to send again."""

    def median_round_trip_s(self) -> float | None:
        """Of its smoothed round trips."""
        known = [sample.round_trip_s for _, sample in self.samples if sample.round_trip_s is not None]
        return median(known) if known else None

    def carried(self, direction: Direction) -> int:
        """Bytes in one direction."""
        return self.received if direction == "received" else self.sent

    def median_rate(self, direction: Direction) -> float | None:
        """Bytes per second, while it carried anything to speak of in that direction."""
        rates = []
        for began, ended, received, sent in self.moved:
            size = received if direction == "received" else sent
            if size >= _BUSY_BYTES and ended > began:
                rates.append(size / (ended - began))
        return median(rates) if rates else None


_BUSY_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that a person would want to know the time of."""

    at: float
    text: str


@dataclass(slots=True)
class Story:
    """All that was traced."""

    role: Role
    duration_s: float
    end: Literal["whole", "torn", "full"]
    sessions: int = 0
    lanes: list[LaneLife] = field(default_factory=list)
    levels: list[tuple[float, int, int, int]] = field(default_factory=list)
    """At each sample: windows and bytes in flight of all lanes together, and the backlog."""
    waits: list[tuple[float, Waiting]] = field(default_factory=list)
    """At each sample: what the backlog waited for."""
    moments: list[Moment] = field(default_factory=list)
    held_up: list[float] = field(default_factory=list)
    stand_stills: list[tuple[float, float]] = field(default_factory=list)
    """From, to."""
    streams: int = 0
    streams_cut: int = 0
    payload_sent: int = 0
    payload_received: int = 0
    repeated: int = 0
    longest_wait_s: float = 0.0
    again_left: int = 0
    again_silent: int = 0

    @property
    def bridges(self) -> list[int]:
        """The numbers of the bridges that had lanes."""
        return sorted({lane.bridge for lane in self.lanes})

    def bridge_name(self, bridge: int) -> str:
        """What a person calls it. A gateway knows matches: two of them may be with the same bridge."""
        return bridge_name(bridge, self.role)

    def carried(self, direction: Direction) -> int:
        """Bytes in one direction over all lanes, with what is around the payload."""
        return sum(lane.carried(direction) for lane in self.lanes)

    def busy_s(self, direction: Direction) -> float:
        """How long anything to speak of was carried: the time between the first and the last such moment."""
        spans = [
            (began, ended)
            for lane in self.lanes
            for began, ended, received, sent in lane.moved
            if (received if direction == "received" else sent) >= _BUSY_BYTES
        ]
        return max(ended for _, ended in spans) - min(began for began, _ in spans) if spans else 0.0


def tell(trace: Trace) -> Story:
    """The story of a trace."""
    teller = _Teller(trace)
    for note in trace.notes:
        teller.take(note)
    return teller.finish()


class _Teller:
    def __init__(self, trace: Trace) -> None:
        self.story = Story("reader", trace.notes[-1].at, trace.end)
        self._open: dict[int, LaneLife] = {}
        self._bridges: dict[int, int] = {}
        self._keys: dict[int, int] = {}
        self._silent_since: dict[int, float] = {}
        self._sampled_at = 0.0
        self._repeated = 0
        self._ends: list[tuple[LaneLife, LaneEnded]] = []

    def take(self, note: object) -> None:
        story = self.story
        match note:
            case SessionBegan(at, role):
                self._end_session(at)
                story.role = role
                story.sessions += 1
                story.moments.append(Moment(at, "a session begins"))
                self._sampled_at = at
            case SessionEstablished(at):
                story.moments.append(Moment(at, "the keys are agreed"))
            case SessionEnded(at, code):
                self._end_session(at)
                story.moments.append(Moment(at, f"the session ends: {_code_words(code)}"))
            case Sample():
                self._take_sample(note)
            case LanesHeldUp(at):
                story.held_up.append(at)
            case Decision():
                if (text := _decided(note)) != "":
                    story.moments.append(Moment(note.at, text))
            case StreamBegan():
                story.streams += 1
            case StoodStill(at, _, seconds):
                began = max(at - seconds, 0.0)
                story.stand_stills.append((began, at))
                story.moments.append(Moment(began, f"a transfer stands still for {seconds:.2f} s"))
            case StreamEnded():
                story.payload_sent += note.sent
                story.payload_received += note.received
                story.longest_wait_s = max(story.longest_wait_s, note.longest_wait_s)
                story.streams_cut += note.cut
            case TraceFull(at):
                story.moments.append(Moment(at, "the file is full: nothing was noted after this"))
            case _:
                self._take_of_lane(note)

    def _take_of_lane(self, note: object) -> None:
        match note:
            case LaneThrough(_, key, bridge):
                self._bridges[key] = bridge
            case LaneBound(_, key, lane):
                self._keys[lane] = key
            case LaneJoined(at, lane):
                if lane not in self._open:
                    life = LaneLife(self.story.sessions, lane, at, self.story.duration_s)
                    self._open[lane] = life
                    self.story.lanes.append(life)
            case LaneEnded(at, lane) if lane in self._open:
                self._speaks(lane, at)
                life = self._open.pop(lane)
                self._name_bridge(life)
                life.ended, life.why_left = at, note.why
                self._move(life, note.received, note.sent, at)
                self._ends.append((life, note))
            case LaneSilent(at, lane) if lane in self._open:
                self._silent_since.setdefault(lane, at)
            case LaneSpoke(at, lane):
                self._speaks(lane, at)
            case SentAgain(_, lane, size, why):
                if why == "left":
                    self.story.again_left += size
                else:
                    self.story.again_silent += size
                for life in reversed(self.story.lanes):
                    if life.lane == lane:
                        life.again += size
                        break
            case _:
                # A note of a lane that the trace does not know: it is left out.
                pass

    def _take_sample(self, note: Sample) -> None:
        self.story.repeated += max(note.repeated - self._repeated, 0)
        self._repeated = note.repeated
        for sample in note.lanes:
            life = self._open.get(sample.lane)
            if life is not None:
                self._move(life, sample.received, sample.sent, note.at)
                life.samples.append((note.at, sample))
        self._sampled_at = note.at
        latest = [life.samples[-1][1] for life in self._open.values() if life.samples]
        windows, in_flight = sum(one.window for one in latest), sum(one.in_flight for one in latest)
        self.story.levels.append((note.at, windows, in_flight, note.backlog))
        self.story.waits.append((note.at, note.waits_for))

    def _move(self, life: LaneLife, received: int, sent: int, at: float) -> None:
        """Bytes that came since the lane was sampled last: not in the quiet time before, but just now."""
        more_received, more_sent = max(received - life.received, 0), max(sent - life.sent, 0)
        if more_received or more_sent:
            began = min(max(self._sampled_at, life.began, at - 2 * TRACE.sample_s), at - 1e-3)
            life.moved.append((began, at, more_received, more_sent))
        life.received += more_received
        life.sent += more_sent

    def _speaks(self, lane: int, at: float) -> None:
        since = self._silent_since.pop(lane, None)
        if since is not None:
            self._open[lane].silences.append((since, at))

    def _name_bridge(self, life: LaneLife) -> None:
        life.bridge = self._bridges.get(self._keys.get(life.lane, life.lane), 0)

    def _end_session(self, at: float) -> None:
        for lane, life in list(self._open.items()):
            self._speaks(lane, at)
            self._name_bridge(life)
            life.ended = at
        self._open.clear()
        self._bridges.clear()
        self._keys.clear()
        self._repeated = 0

    def finish(self) -> Story:
        """The story, with what belongs together told once."""
        self._end_session(self.story.duration_s)
        self.story.moments += _departures(self._ends, self.story.role)
        self.story.moments.sort(key=lambda moment: moment.at)
        self.story.lanes.sort(key=lambda life: (life.session, life.bridge, life.lane))
        return self.story


_LEFT_WORDS: dict[WhyLeft, str] = {
    "closed": "closed",
    "misbehaved": "left: the bridge tampered",
    "silent": "left: silent for too long",
    "refused": "refused by the gateway",
    "unneeded": "given back",
}
_TOGETHER_S = 0.5


def _departures(ends: Sequence[tuple[LaneLife, LaneEnded]], role: Role) -> Iterable[Moment]:
    """Lanes that a bridge's leaving closes together are one moment."""
    groups: list[tuple[LaneLife, LaneEnded, int]] = []
    latest: dict[tuple[int, WhyLeft], int] = {}
    for life, note in ends:
        index = latest.get((life.bridge, note.why))
        if index is not None and note.at - groups[index][1].at <= _TOGETHER_S:
            first, began, count = groups[index]
            groups[index] = (first, began, count + 1)
        else:
            latest[life.bridge, note.why] = len(groups)
            groups.append((life, note, 1))
    for life, note, count in groups:
        lanes = "1 lane" if count == 1 else f"{count} lanes"
        yield Moment(note.at, f"{lanes} of {bridge_name(life.bridge, role)} {_LEFT_WORDS[note.why]}")


def bridge_name(bridge: int, role: Role) -> str:
    """See Story.bridge_name."""
    if not bridge:
        return "bridge ?"
    return f"bridge {bridge}" if role == "reader" else f"match {bridge}"


_WHY_WORDS = {
    "limited": "lanes hold the session up",
    "no gain": "they did not help",
    "quiet": "nothing needs them",
    "": "",
}


def _decided(note: Decision) -> str:
    why = f": {_WHY_WORDS[note.why]}" if note.why else ""
    at_rate = f" (at {note.rate * 8 / 1e6:.1f} Mbit/s)" if note.rate else ""
    lanes = "1 lane" if note.lanes == 1 else f"{note.lanes} lanes"
    over = "1 bridge" if note.bridges == 1 else f"{note.bridges} bridges"
    match note.what:
        case "more":
            return f"{lanes} more are wanted{why}{at_rate}"
        case "fewer":
            return f"{lanes} are given back{why}{at_rate}"
        case "asked":
            return ""
        case "matched":
            return f"the broker finds {lanes} over {over}"
        case "unmatched":
            return f"the broker finds no bridge for {lanes}"
        case _:
            return f"a lane through bridge {note.bridges} does not open"


def _code_words(code: int) -> str:
    return Code(code).text if code in list(Code) else f"code {code}"


def rates(lane: LaneLife, direction: Direction, bin_s: float, bins: int) -> list[float]:
    """Bytes per second that a lane carried in each bin of the time."""
    amounts = [0.0] * bins
    for began, ended, received, sent in lane.moved:
        size = received if direction == "received" else sent
        if not size:
            continue
        first, last = int(began / bin_s), min(int(ended / bin_s), bins - 1)
        for index in range(first, last + 1):
            overlap = min(ended, (index + 1) * bin_s) - max(began, index * bin_s)
            if overlap > 0:
                amounts[index] += size * overlap / (ended - began)
    return [amount / bin_s for amount in amounts]
