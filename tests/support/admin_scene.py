"""An operator with numbers as a newsroom has them after some weeks, for the pages that show them."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from unwalled.broker.metrics import BrokerMetrics
from unwalled.operator.numbers.history import History
from unwalled.operator.numbers.rows import DAY_S, HOUR_S, MINUTE_S, Row, kept


def a_past(folder: Path, now_s: float, days: int = 40) -> None:
    """A history of that many days, with waves of a day and one bad night."""
    history = History(folder)
    now, today = int(now_s), int(now_s) // DAY_S * DAY_S
    whole: dict[int, range] = {
        DAY_S: range(today - days * DAY_S, today, DAY_S),
        HOUR_S: range(now // HOUR_S * HOUR_S - 31 * DAY_S, now - HOUR_S, HOUR_S),
        MINUTE_S: range(now // MINUTE_S * MINUTE_S - DAY_S, now - MINUTE_S, MINUTE_S),
    }
    rows = [
        (span_s, at_s, msgspec.json.encode(kept(_row(at_s, span_s), span_s)).decode())
        for span_s, begins in whole.items()
        for at_s in begins
    ]

    history._open().executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)
    history._close()


def _row(at_s: int, span_s: int) -> Row:
    wave = 0.5 + 0.5 * math.sin(2 * math.pi * (at_s % DAY_S) / DAY_S) if span_s < DAY_S else 0.5
    noise = ((at_s // 60 * 7919) % 97) / 97
    minutes = span_s / 60
    ok = int(minutes * (14 + 30 * wave + 6 * noise))
    bridges = 60 + 120 * wave + 20 * noise
    return Row(
        at_s,
        up_s=float(span_s),
        bridges=bridges,
        bridges_least=int(bridges * 0.8),
        bridges_most=int(bridges * 1.15),
        room=bridges / 2,
        came=int(minutes * 2),
        went=int(minutes * 2),
        ok=ok,
        none=int(ok * (0.02 + 0.1 * noise * (1 - wave))),
        failed=int(ok * 0.03 * (1 + noise)),
        connect=[ok * share for share in (0.05, 0.15, 0.4, 0.2 + 0.1 * wave, 0.15, 0.05, 0.0, 0.0, 0.0, 0.0)],
        sessions=80 * wave + 20,
        sessions_most=int(90 * wave + 30),
        up_bytes=int(minutes * 1.2e8 * (0.3 + wave)),
        down_bytes=int(minutes * 1.1e9 * (0.3 + wave)),
        peak_bps=int(4e8 * (0.3 + wave)),
        memory_most=180_000_000,
        descriptors_most=900,
        people=int(900 + 300 * noise + (at_s // DAY_S) % 7 * 60),
    )


def busy(metrics: BrokerMetrics) -> None:
    """Counts as if many had been here."""
    metrics.bridges.update({"page": 118, "headless": 4})
    metrics.bridge_nats.update({"restricted": 71, "unrestricted": 19, "unknown": 32})
    metrics.bridge_countries.update({"DE": 52, "FR": 28, "US": 17, "GB": 9, "CH": 3, "other": 13})
    metrics.bridges_came, metrics.bridges_went = 260, 138
    metrics.matches.update({"ok": 1840, "none": 21, "failed": 47, "gone": 33})
    metrics.refused.update({"limited": 12, "expired": 40})
    metrics.offers_refused.update({"busy": 210, "failed": 64, "silent": 31})
    metrics.asked_from.update({"IR": 1120, "RU": 480, "MM": 214, "BY": 60, "other": 67})
    metrics.match_seconds.counts = [60, 240, 760, 430, 260, 70, 20, 0, 0, 0]
