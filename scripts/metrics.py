"""Writes docs/reference/metrics.md from what `GET /metrics` says of itself (`make docs-metrics`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prometheus_client.metrics_core import Metric

from unwalled.broker.metrics import BrokerMetrics
from unwalled.gateway.counters import EgressCounters
from unwalled.gateway.sessions import SessionCounters
from unwalled.operator.numbers.alarmrules import RULES
from unwalled.operator.numbers.metrics import Numbers
from unwalled.operator.stun import StunCounters

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "metrics.md"
_HEAD = """\
# Metrics

What `GET /metrics` of an operator tells Prometheus. It answers its own machine and private networks only, and nothing
that came through a web server. Names stay as they are; every label has few values. No number names a reader, a visitor,
an invite or a site. `deploy/grafana/unwalled.json` is a dashboard of them, `deploy/prometheus/` has alert rules
([how to](../how-to/operate.md#5-watch-it)).

| name | kind | labels | what it is |
| --- | --- | --- | --- |
"""
_PROCESS = """
Beside them stand those of the process that every Prometheus client has: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`, `process_max_fds`,
`process_start_time_seconds`.

## Alarms

`unwalled_alarm` has each of these codes, with 1 while it is raised. `/admin` and `unwalled top` tell the cause and the
remedy.

| code | level |
| --- | --- |
"""


def families() -> Iterable[Metric]:
    """What an operator tells of itself, of every kind that there can be."""
    hub: Any = SimpleNamespace(session_count=0, lane_count=0, counters=SessionCounters())
    numbers = Numbers(BrokerMetrics(), hub, EgressCounters(), StunCounters())
    numbers.disk_free_bytes = lambda: 0
    numbers.certificate_ends_s = lambda: 0.0
    return numbers.collect()


def labels_of(family: Metric) -> tuple[str, ...]:
    """The names of its labels, also while it has no values; ``le`` of a histogram is not among them."""
    return tuple(getattr(family, "_labelnames", ()))


def exposed_name(family: Metric) -> str:
    """As Prometheus sees it; a histogram has ``_bucket``, ``_sum`` and ``_count`` behind it."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def page() -> str:
    """The whole page."""
    rows = [
        f"| `{exposed_name(family)}` | {family.type} | {', '.join(f'`{label}`' for label in labels_of(family))} "
        f"| {family.documentation} |\n"
        for family in families()
    ]
    alarms = [f"| `{rule.code}` | {rule.level} |\n" for rule in RULES]
    return _HEAD + "".join(rows) + _PROCESS + "".join(alarms)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
