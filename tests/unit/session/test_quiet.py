"""The lane that is kept free of bulk: which it is, and what it shows of the queue that all lanes share."""

from __future__ import annotations

from tests.support.puppet import TARGET, WINDOW, Puppet, opened
from unwalled.crypto.keys import LaneCipher
from unwalled.session.events import LanesLimited
from unwalled.session.lane import LaneState
from unwalled.session.quiet import QuietLanes
from unwalled.settings import KIB, MIB, SESSION
from unwalled.wire.codes import Code
from unwalled.wire.frames import Ack, Data, Datagram, Open, Opened, Window

RTT_S = 0.1


def lanes(count: int, rtt_s: float = RTT_S, rate: float = 0.0, first: int = 0) -> list[LaneState]:
    """Lanes that were measured at 0 s."""
    made = []
    for number in range(first, first + count):
        cipher = LaneCipher(b"m" * 32, "r2g", number)
        state = LaneState(number, cipher, cipher, b"", 0.0)
        state.estimator.rtt_measured(rtt_s, 0.0)
        if rate:
            state.estimator._add_rate(rate, 0.0)
        made.append(state)
    return made


class Watch:
    """Quiet lanes among eight, in bulk; the lead's round trips are told by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lanes = lanes(8)
        self.quiet = QuietLanes()
        self.asked = 0

    def round_trips(self, rtt_s: float, count: int) -> None:
        """So many round trips of this length."""
        for _ in range(count):
            self.now += RTT_S
            self.quiet.update(self.lanes, self.now)
            assert self.quiet.lead is not None
            self.quiet.lead.estimator.rtt_measured(rtt_s, self.now)
            for lane in self.lanes:
                lane.estimator.rtt_measured(rtt_s, self.now)
            self.asked += self.quiet.watch(self.lanes, self.now) is not None


def test_one_of_many_lanes_is_kept_free_and_stays_the_one() -> None:
    quiet = QuietLanes()
    assert quiet.lead is None
    few, many = lanes(7), lanes(8)
    quiet.update(few, 0.1)
    assert quiet.lead is None
    quiet.update(many, 0.1)
    lead = quiet.lead
    quiet.update(many, 0.2)
    assert lead is not None
    assert quiet.lead is lead
    lead.abandon()
    quiet.update([lane for lane in many if lane is not lead] + lanes(1, first=8), 0.3)
    assert quiet.lead not in (None, lead)


def test_a_lane_that_does_more_than_the_others_or_is_nearer_is_not_taken_from_bulk() -> None:
    quiet = QuietLanes()
    quiet.update([*lanes(3, rtt_s=0.02), *lanes(3, rtt_s=0.5, first=3), *lanes(3, rtt_s=2.0, first=6)], 0.1)
    assert quiet.lead is None
    quiet = QuietLanes()
    strong, weak = lanes(1, rate=1e6), lanes(7, rate=1e4, first=1)
    quiet.update([*strong, *weak], 0.1)
    assert quiet.lead in weak


def test_a_lead_that_falters_is_replaced() -> None:
    quiet, many = QuietLanes(), lanes(9)
    quiet.update(many, 0.1)
    first = quiet.lead
    assert first is not None
    first._owed_since = 0.1
    quiet.update(many, 1.0)
    second = quiet.lead
    assert second not in (None, first), "it owes an ack for too long"
    for _ in range(40):
        second.estimator.rtt_measured(1.0, 1.0)
    quiet.update(many, 1.1)
    assert quiet.lead not in (None, second), "others are much nearer now"
    many[0].silent_since = 1.0
    for lane in many[1:]:
        lane.silent_since = 1.0
    quiet.update(many, 1.2)
    assert quiet.lead is None


def test_a_standing_queue_makes_all_windows_smaller_and_they_grow_again() -> None:
    watch = Watch()
    watch.round_trips(RTT_S, 4)
    assert (watch.quiet.is_shared, watch.quiet.scale) == (False, 1.0)
    assert watch.asked >= 3
    watch.round_trips(RTT_S + 3 * SESSION.shared_queue_target_s, 8)
    assert watch.quiet.is_shared
    shrunk = watch.quiet.scale
    assert SESSION.least_window_scale <= shrunk < 0.8
    bulk = next(lane for lane in watch.lanes if lane is not watch.quiet.lead)
    assert bulk.estimator.scale == shrunk
    bulk.estimator.in_flight_bytes = int(bulk.estimator.window_bytes * shrunk) + 1
    assert not bulk.has_room
    bulk.estimator.in_flight_bytes = 0
    watch.round_trips(RTT_S, 80)
    assert (watch.quiet.is_shared, watch.quiet.scale) == (False, 1.0)
    # A queue that is there in one round trip only is none.
    watch.round_trips(RTT_S + 0.1, 1)
    assert not watch.quiet.is_shared


def test_nothing_is_judged_by_a_lane_that_has_its_own_queue_or_says_nothing() -> None:
    watch = Watch()
    watch.round_trips(RTT_S, 4)
    lead = watch.quiet.lead
    assert lead is not None
    lead.estimator.in_flight_bytes = SESSION.first_burst_bytes + 1
    watch.round_trips(RTT_S + 0.1, 10)
    assert not watch.quiet.is_shared
    lead.estimator.in_flight_bytes = 0
    for _ in range(10):
        watch.now += 1.0
        watch.quiet.watch(watch.lanes, watch.now)
    assert not watch.quiet.is_shared, "old samples say nothing"
    watch.quiet.update(watch.lanes[:2], watch.now)
    assert watch.quiet.watch(watch.lanes[:2], watch.now) is None


def busy_gateway() -> tuple[Puppet, set[int]]:
    """Eight lanes full of a download; gives the lanes that carry none of it."""
    puppet = opened()
    for number in range(1, 8):
        puppet.session.join(puppet.join(number), 0.0)
    puppet.now = 0.05
    puppet.said()
    puppet.session.accept_stream(1)
    puppet.send(Window(1, 8 * MIB))
    for _ in range(8):
        puppet.session.write(1, bytes(1 * MIB))
    carried = dict.fromkeys(range(8), 0)
    for lane, frame in puppet.said_on_lanes():
        carried[lane] += len(frame.payload) if isinstance(frame, Data) else 0
    return puppet, {lane for lane, size in carried.items() if size < SESSION.first_burst_bytes}


def test_a_click_beside_a_download_takes_the_lane_that_is_free() -> None:
    puppet, free = busy_gateway()
    (lead,) = free
    puppet.now += RTT_S
    puppet.ack_all(lead)
    puppet.send(Open(2, TARGET, WINDOW))
    puppet.session.accept_stream(2)
    puppet.session.write(2, b"page")
    went = [lane for lane, frame in puppet.said_on_lanes() if isinstance(frame, Data) and frame.sid == 2]
    assert went[0] == lead
    assert len(went) == 2, "a few bytes go twice"


def test_a_queue_that_further_lanes_would_share_is_no_reason_for_more() -> None:
    puppet = Puppet(is_reader=True)
    for _ in range(7):
        puppet.add(puppet.session.add_lane(0.0))
    sid = puppet.session.open_stream(TARGET)
    puppet.said()
    puppet.send(Opened(sid, 8 * MIB))
    puppet.session.write(sid, bytes(8 * MIB))
    puppet.session._sender.quiet.queue_s = 2 * SESSION.shared_queue_s
    for now in (0.1, 0.6, 1.2, 1.8):
        puppet.now = now
        puppet.said()
        assert not any(isinstance(event, LanesLimited) for event in puppet.events())
    puppet.session._sender.quiet.queue_s = 0.0
    heard = []
    for now in (2.0, 2.6, 3.2):
        puppet.now = now
        puppet.said()
        heard += puppet.events()
    assert LanesLimited() in heard


def test_an_ack_may_come_on_another_lane() -> None:
    puppet = opened()
    puppet.session.join(puppet.join(1), 0.0)
    puppet.session.accept_stream(1)
    puppet.session.write(1, bytes(1 * KIB))
    carried = {lane for lane, frame in puppet.said_on_lanes() if isinstance(frame, Data)}
    assert carried == {0, 1}
    for lane in (0, 1):
        puppet.send(Ack(lane, puppet.session.lanes[lane].sent_count, 0), lane=1 - lane)
    assert all(lane.estimator.in_flight_bytes == 0 for lane in puppet.session.lanes.values())


def test_a_datagram_that_no_record_holds_is_dropped() -> None:
    puppet = Puppet(is_reader=True)
    flow = puppet.session.open_flow()
    puppet.said()
    puppet.session.send_datagram(flow, TARGET, bytes(60_000), 0.0)
    assert not any(isinstance(frame, Datagram) for frame in puppet.said())
    puppet.session.close_flow(flow, Code.CANCELLED)
