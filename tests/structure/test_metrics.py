"""The dashboard, the alert rules and the page of metrics name only what an operator really tells."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from scripts.metrics import PAGE, exposed_name, families, labels_of, page
from tests.structure.source import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "unwalled.json").read_text(encoding="utf-8"))
RULES = (ROOT / "deploy" / "prometheus" / "unwalled.rules.yml").read_text(encoding="utf-8")
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
# Of every target; Prometheus itself adds them.
TARGET_LABELS = {"job", "instance"}
PROCESS = {
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
WORDS = {"sum", "rate", "increase", "max", "min", "by", "histogram_quantile", "time", "and", "or", "le", "label_values"}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def known() -> dict[str, set[str]]:
    """Every series that there is, with its labels."""
    found: dict[str, set[str]] = {name: set() for name in (*PROCESS, "up")}
    for family in families():
        if family.type == "histogram":
            found |= {f"{family.name}_bucket": {"le"}, f"{family.name}_sum": set(), f"{family.name}_count": set()}
        else:
            found[exposed_name(family)] = set(labels_of(family))
    return found


def wrong_in(expression: str) -> list[str]:
    """What an expression of PromQL names that does not exist."""
    series = known()
    bare = re.sub(r"\[[^\]]*\]", "", expression)
    used: set[str] = set()
    wrong = []
    for match in re.finditer(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{([^}]*)\})?", re.sub(r"\bby\s*\([^)]*\)", "", bare)):
        name, selector = match[1], match[2]
        if name in WORDS:
            continue
        if name not in series:
            wrong.append(name)
            continue
        used.add(name)
        for label in re.findall(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)", selector or ""):
            if label not in series[name] | TARGET_LABELS:
                wrong.append(f"{name}{{{label}}}")
    allowed = TARGET_LABELS.union(*(series[name] for name in used))
    for group in re.findall(r"\bby\s*\(([^)]*)\)", bare):
        wrong += [f"by {label}" for label in _NAME.findall(group) if label not in allowed]
    return wrong if used else [*wrong, "nothing"]


def expressions() -> list[str]:
    """All of them: of panels, annotations, and rules."""
    found = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]
    found += [one["expr"] for one in DASHBOARD["annotations"]["list"]]
    folded = re.sub(r"expr: >-\n((?:\s{10}.*\n)+)", lambda m: "expr: " + " ".join(m[1].split()) + "\n", RULES)
    found += re.findall(r"^\s*expr: (.+)$", folded, re.MULTILINE)
    return found


@pytest.mark.parametrize("expression", expressions())
def test_every_expression_names_what_there_is(expression: str) -> None:
    assert wrong_in(expression) == []


def test_the_check_finds_what_is_wrong() -> None:
    assert wrong_in("sum(rate(unwalled_nothing_total[5m]))") == ["unwalled_nothing_total", "nothing"]
    assert wrong_in('sum by (kind) (unwalled_broker_bridges{job="a", colour="b"})') == [
        "unwalled_broker_bridges{colour}"
    ]
    assert wrong_in("sum by (colour) (unwalled_broker_bridges)") == ["by colour"]
    assert wrong_in("histogram_quantile(0.5, sum by (le) (rate(unwalled_broker_lanes_total[5m])))") == ["by le"]


def test_each_number_of_an_operator_is_in_the_dashboard_or_left_out_on_purpose() -> None:
    told = " ".join(expressions())
    missing = {
        family.name.removeprefix("unwalled_") for family in families() if not re.search(rf"\b{family.name}", told)
    }
    assert missing == {
        "broker_requests",
        "broker_stray_answers",
        "gateway_sessions_opened",
        "gateway_lanes_taken",
        "gateway_lanes_joined",
        "egress_flows",
        "egress_flows_opened",
        "egress_streams_opened",
        "egress_streams_cut",
        "widget_old_loads",
    }


def test_ids_are_unique_and_panels_do_not_overlap() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(
        at["x"] >= 0 and at["x"] + at["w"] <= 24 and at["h"] > 0 for at in (panel["gridPos"] for panel in PANELS)
    )


def test_every_panel_asks_the_chosen_data_source() -> None:
    (source,) = [one for one in DASHBOARD["templating"]["list"] if one["type"] == "datasource"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == wanted
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFG"[: len(panel["targets"])])
        assert all(target["datasource"] == wanted for target in panel["targets"])
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 36
    assert "__inputs" not in DASHBOARD


def test_variables_are_asked_of_series_that_there_are_and_each_is_used() -> None:
    for one in DASHBOARD["templating"]["list"]:
        if one["type"] == "query":
            series = re.fullmatch(r"label_values\((\w+), (\w+)\)", one["query"]["query"])
            assert series is not None
            assert series[1] in known()
            assert series[2] in TARGET_LABELS
        assert f"${{{one['name']}}}" in json.dumps(DASHBOARD) or f"${one['name']}" in json.dumps(PANELS)


def test_each_alert_says_what_to_do() -> None:
    alerts = RULES.split("- alert: ")[1:]
    assert len(alerts) >= 7
    for alert in alerts:
        for part in ("expr:", "for:", "severity:", "summary:", "remedy:"):
            assert part in alert, alert


def test_the_page_of_metrics_is_what_the_operator_tells() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "Run `make docs-metrics`."
