"""The operator's numbers for Prometheus: read from the parts' plain counts when somebody asks, and from nowhere else.

Every label is one of a few fixed words. No address, name, invite or ticket can get here: the counts do not hold any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from unwalled.broker.metrics import BrokerMetrics
from unwalled.gateway.counters import DIAL_BOUNDS_S, EgressCounters
from unwalled.gateway.sessions import SessionHub
from unwalled.operator.numbers.counts import Counts, fold, named
from unwalled.operator.numbers.live import FLOOR
from unwalled.operator.stun import StunCounters

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Numbers(Collector):
    """Shows the counts of all parts. ``bridges_with_room`` is set by whoever asks, before it asks."""

    def __init__(self, broker: BrokerMetrics, hub: SessionHub, egress: EgressCounters, stun: StunCounters) -> None:
        self._broker = broker
        self._hub = hub
        self._egress = egress
        self._stun = stun
        self.bridges_with_room = 0
        self.alarms: Callable[[], Mapping[str, tuple[str, bool]]] = dict
        """By code: the level, and whether it is raised now."""
        self.disk_free_bytes: Callable[[], int | None] = lambda: None
        self.certificate_ends_s: Callable[[], float | None] = lambda: None
        self.connections_full: Callable[[], int] = lambda: 0
        """Connections for which there was no place."""
        self.old_widgets = 0
        """How often a version of the widget was loaded that is not the newest."""

    def count_old_widget(self) -> None:
        """An older version of the widget was loaded."""
        self.old_widgets += 1

    def counts(self) -> Counts:
        """The same numbers under short names, for the live view and the history."""
        broker, hub, egress = self._broker, self._hub, self._egress
        grown = {
            **named("matches.", broker.matches),
            **named("refused.", broker.refused),
            **named("offers_refused.", broker.offers_refused),
            **named("asked_from.", broker.asked_from),
            **{f"connect.{index}": count for index, count in enumerate(broker.match_seconds.counts)},
            "bridges.came": broker.bridges_came,
            "bridges.went": broker.bridges_went,
            "lanes.answered": broker.lanes,
            "lanes.refused": hub.counters.lanes_refused,
            "lanes.misbehaved": hub.counters.lanes_misbehaved,
            "sessions.opened": hub.counters.sessions_opened,
            "sessions.refused": hub.counters.sessions_refused,
            "sessions.full": hub.counters.sessions_full,
            "connections.full": self.connections_full(),
            "streams.opened": egress.streams_opened,
            **{f"egress_refused.{code.name.lower()}": count for code, count in egress.streams_refused.items()},
            "bytes.up": egress.bytes_up,
            "bytes.down": egress.bytes_down,
            "widgets.old": self.old_widgets,
            **named("stun.", self._stun.requests),
        }
        held = {
            **named("bridges.kind.", broker.bridges),
            **named("bridges.nat.", broker.bridge_nats),
            **named("bridges.country.", broker.bridge_countries),
            "room": self.bridges_with_room,
            "requests": broker.requests_now,
            "sessions": hub.session_count,
            "lanes": hub.lane_count,
            "streams": egress.open_streams,
        }
        return Counts(grown, held)

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client's Collector."""
        yield from self._collect_broker()
        yield from self._collect_sessions()
        yield from self._collect_egress()
        yield from self._collect_state()
        yield _counters("stun_requests", "STUN requests by what became of them.", "outcome", self._stun.requests)

    def _collect_state(self) -> Iterator[Metric]:
        alarms = GaugeMetricFamily(
            "unwalled_alarm",
            "1 while an alarm is raised (/admin tells cause and remedy), else 0.",
            labels=["code", "level"],
        )
        for code, (level, is_raised) in sorted(self.alarms().items()):
            alarms.add_metric([code, level], float(is_raised))
        yield alarms
        yield _counter("widget_old_loads", "Loads of a version of the widget that is not the newest.", self.old_widgets)
        if (free_bytes := self.disk_free_bytes()) is not None:
            yield _gauge("disk_free_bytes", "Room on the disk with the data folder.", free_bytes)
        if (ends_s := self.certificate_ends_s()) is not None:
            yield _gauge("certificate_ends_timestamp_seconds", "When the own certificate ends (Unix time).", ends_s)

    def _collect_broker(self) -> Iterator[Metric]:
        numbers = self._broker
        yield _gauges("broker_bridges", "Bridges that are connected, by kind.", "kind", numbers.bridges)
        yield _gauges("broker_bridges_by_nat", "The same by what they say of their NAT.", "nat", numbers.bridge_nats)
        yield _gauges(
            "broker_bridges_by_country",
            "The same by country (--countries), from five on; the others together.",
            "country",
            fold({word: count for word, count in numbers.bridge_countries.items() if count}, FLOOR),
        )
        yield _counter("broker_bridges_came", "Bridges that connected.", numbers.bridges_came)
        yield _counter("broker_bridges_went", "Bridges that left.", numbers.bridges_went)
        yield _gauge("broker_bridges_with_room", "Bridges that could take a reader now.", self.bridges_with_room)
        yield _gauge("broker_requests", "Readers' requests in progress.", numbers.requests_now)
        yield _counters("broker_matches", "Readers' requests by what became of them.", "outcome", numbers.matches)
        yield _counter("broker_lanes", "Lanes that bridges answered.", numbers.lanes)
        yield _counters("broker_refused", "Requests and bridges turned away, by reason.", "reason", numbers.refused)
        yield _counters(
            "broker_offers_refused", "Offers that bridges did not answer, by reason.", "reason", numbers.offers_refused
        )
        yield _counter("broker_stray_answers", "Answers of bridges that nobody waited for.", numbers.stray_answers)
        yield _histogram(
            "broker_match_seconds",
            "From a request to its reply, for those that got lanes.",
            numbers.match_seconds.bounds,
            numbers.match_seconds.counts,
            numbers.match_seconds.total,
        )

    def _collect_sessions(self) -> Iterator[Metric]:
        hub, counts = self._hub, self._hub.counters
        yield _gauge("gateway_sessions", "Sessions that are alive.", hub.session_count)
        yield _gauge("gateway_lanes", "Lanes that belong to sessions.", hub.lane_count)
        yield _counter("gateway_sessions_opened", "Sessions opened.", counts.sessions_opened)
        yield _counter(
            "gateway_sessions_refused",
            "Hellos with an invite that is over or not ours, or too many.",
            counts.sessions_refused,
        )
        yield _counter("gateway_lanes_taken", "Lanes that bridges opened.", counts.lanes_taken)
        yield _counter("gateway_lanes_joined", "Lanes that joined a session after its first one.", counts.lanes_joined)
        yield _counter("gateway_lanes_refused", "Lanes turned away.", counts.lanes_refused)
        yield _counter("gateway_lanes_misbehaved", "Lanes whose bridge tampered.", counts.lanes_misbehaved)

    def _collect_egress(self) -> Iterator[Metric]:
        counts = self._egress
        yield _gauge("egress_streams", "Connections to sites being dialled or carried.", counts.open_streams)
        yield _gauge("egress_flows", "Datagram flows that are open.", counts.open_flows)
        yield _counter("egress_streams_opened", "Connections whose site answered.", counts.streams_opened)
        yield _counters(
            "egress_streams_refused",
            "Connections that were not opened, by code.",
            "code",
            {code.name.lower(): count for code, count in counts.streams_refused.items()},
        )
        yield _counters(
            "egress_streams_cut",
            "Open connections that ended with a code.",
            "code",
            {code.name.lower(): count for code, count in counts.streams_cut.items()},
        )
        carried = {"up": counts.bytes_up, "down": counts.bytes_down}
        yield _counters("egress_bytes", "Payload to (up) and from (down) sites.", "direction", carried)
        yield _counter("egress_flows_opened", "Datagram flows opened.", counts.flows_opened)
        sent = {"up": counts.datagrams_up, "down": counts.datagrams_down, "dropped": counts.datagrams_dropped}
        yield _counters("egress_datagrams", "Datagrams carried or dropped.", "fate", sent)
        yield _histogram(
            "egress_dial_seconds",
            "From a reader's wish to a connected site, look-up included.",
            DIAL_BOUNDS_S,
            counts.dial_buckets,
            counts.dial_seconds,
        )


def new_registry(numbers: Numbers) -> CollectorRegistry:
    """A registry of its own, with these numbers and what the system knows of this process."""
    registry = CollectorRegistry()
    registry.register(numbers)
    ProcessCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """The text that Prometheus reads; its type is CONTENT_TYPE."""
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"unwalled_{name}", text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"unwalled_{name}", text, labels=[label])
    for word, value in sorted(values.items()):
        family.add_metric([word], value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"unwalled_{name}", text, value=value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"unwalled_{name}", text, labels=[label])
    for word, value in sorted(values.items()):
        family.add_metric([word], value)
    return family


def _histogram(name: str, text: str, bounds: Iterable[float], counts: Iterable[int], total: float) -> Metric:
    """``counts`` are not cumulated, and one longer than ``bounds``."""
    family = HistogramMetricFamily(f"unwalled_{name}", text)
    edges = (*map(str, bounds), "+Inf")
    family.add_metric([], list(zip(edges, map(float, accumulate(counts)), strict=True)), sum_value=total)
    return family
