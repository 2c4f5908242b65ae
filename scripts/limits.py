"""Writes docs/reference/limits.md from the docstrings of settings.py and each bounds.py (`make docs-limits`)."""

from __future__ import annotations

import ast
import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

from unwalled import settings
from unwalled.bridge import bounds as bridge_bounds
from unwalled.broker import bounds as broker_bounds
from unwalled.broker import gatewaybounds as broker_gatewaybounds
from unwalled.broker.redis import bounds as redis_bounds
from unwalled.gateway import bounds as gateway_bounds
from unwalled.lanes import bounds as lanes_bounds
from unwalled.operator import bounds as operator_bounds
from unwalled.operator.workers import bounds as operator_workerbounds
from unwalled.pt import bounds as pt_bounds
from unwalled.rules import bounds as rules_bounds

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {
    ROOT / "src" / "unwalled" / "settings.py": settings,
    ROOT / "src" / "unwalled" / "broker" / "bounds.py": broker_bounds,
    ROOT / "src" / "unwalled" / "broker" / "redis" / "bounds.py": redis_bounds,
    ROOT / "src" / "unwalled" / "bridge" / "bounds.py": bridge_bounds,
    ROOT / "src" / "unwalled" / "broker" / "gatewaybounds.py": broker_gatewaybounds,
    ROOT / "src" / "unwalled" / "gateway" / "bounds.py": gateway_bounds,
    ROOT / "src" / "unwalled" / "lanes" / "bounds.py": lanes_bounds,
    ROOT / "src" / "unwalled" / "operator" / "bounds.py": operator_bounds,
    ROOT / "src" / "unwalled" / "operator" / "workers" / "bounds.py": operator_workerbounds,
    ROOT / "src" / "unwalled" / "pt" / "bounds.py": pt_bounds,
    ROOT / "src" / "unwalled" / "rules" / "bounds.py": rules_bounds,
}
PAGE = ROOT / "docs" / "reference" / "limits.md"

HEAD = """\
# Limits

Every bound of the program. This page is written by `make docs-limits` from
[settings.py](../../src/unwalled/settings.py), [bridge/bounds.py](../../src/unwalled/bridge/bounds.py),
[broker/bounds.py](../../src/unwalled/broker/bounds.py),
[broker/gatewaybounds.py](../../src/unwalled/broker/gatewaybounds.py),
[broker/redis/bounds.py](../../src/unwalled/broker/redis/bounds.py),
[gateway/bounds.py](../../src/unwalled/gateway/bounds.py), [lanes/bounds.py](../../src/unwalled/lanes/bounds.py),
[operator/bounds.py](../../src/unwalled/operator/bounds.py),
[operator/workers/bounds.py](../../src/unwalled/operator/workers/bounds.py),
[pt/bounds.py](../../src/unwalled/pt/bounds.py) and
[rules/bounds.py](../../src/unwalled/rules/bounds.py); a test fails when it is not fresh.
"""


@dataclass(frozen=True)
class Bound:
    """One field of a settings dataclass."""

    name: str
    value: object
    text: str


@dataclass(frozen=True)
class Group:
    """One settings dataclass."""

    name: str
    text: str
    bounds: tuple[Bound, ...]


def parse() -> list[Group]:
    """The groups of bounds in the order in which the sources have them; a bound without docstring has an empty text."""
    groups = []
    nodes = [(node, module) for file, module in SOURCES.items() for node in ast.parse(file.read_text("utf-8")).body]
    for node, module in nodes:
        cls = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if not isinstance(node, ast.ClassDef) or cls is None or not dataclasses.is_dataclass(cls):
            continue
        values = {field.name: field.default for field in dataclasses.fields(cls)}
        bounds = []
        for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                bounds.append(Bound(statement.target.id, values[statement.target.id], _docstring(following)))
        groups.append(Group(node.name, ast.get_docstring(node) or "", tuple(bounds)))
    return groups


def _docstring(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return re.sub(r"\s+", " ", text.replace("``", "`")).strip()
        case _:
            return ""


def human(name: str, value: object) -> str:
    """A value with its unit, taken from the end of the bound's name."""
    if not isinstance(value, int | float):
        return str(value)
    if name.endswith("_bytes"):
        for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value >= size and value % size == 0:
                return f"{value // size} {unit}"
        return f"{value:,} bytes"
    if name.endswith("per_s"):
        return f"{value:,g} a second"
    if name.endswith("_s"):
        return f"{value * 1000:g} ms" if 0 < value < 1 else f"{value:g} s"
    return f"{value:,}"


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for group in parse():
        title = re.sub(r"Limits$", "", group.name) or group.name
        parts.append(f"\n## {title}\n\n{group.text}\n\n| bound | value | what it is |\n| --- | --- | --- |\n")
        for bound in group.bounds:
            text = bound.text.replace("|", "\\|")
            parts.append(f"| `{bound.name}` | {human(bound.name, bound.value)} | {text} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")
