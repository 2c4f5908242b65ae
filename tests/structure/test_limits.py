"""Every bound is described in docs/reference/limits.md and held by some code."""

from __future__ import annotations

import ast

from scripts.limits import PAGE, SOURCES, parse, render
from tests.structure.source import ROOT, modules


def test_the_page_of_limits_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: make docs-limits"


def test_every_bound_says_why_it_is_there() -> None:
    assert [f"{group.name}.{bound.name}" for group in parse() for bound in group.bounds if not bound.text] == []


def test_every_bound_is_held_by_some_code() -> None:
    used: set[str] = set()
    for module in modules():
        if ROOT / module.path not in SOURCES:
            used |= {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    assert [f"{group.name}.{bound.name}" for group in parse() for bound in group.bounds if bound.name not in used] == []


def test_the_page_names_every_bound() -> None:
    page = (ROOT / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
    assert [bound.name for group in parse() for bound in group.bounds if f"`{bound.name}`" not in page] == []
