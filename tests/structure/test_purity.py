"""The core has no clock, no randomness, no sockets, no tasks; and nobody starts tasks that no one awaits."""

from __future__ import annotations

import ast

import pytest

from tests.structure.source import ROOT, Module, imports, modules, pure_modules, pure_patterns

BANNED = {"asyncio", "time", "random", "secrets", "socket", "ssl", "threading", "select", "selectors"}
BANNED |= {"subprocess", "uuid", "aiohttp", "uvloop", "reactor_webrtc", "logging"}
BANNED_NAMES = {"os.urandom", "os.getrandom"}
# A generator of random numbers may come in as a parameter, so its type may be named; making one is another matter.
ALLOWED_NAMES = {"random.Random"}
BANNED_CALLS = {"open", "print", "input", "os.urandom", "Random", "random.Random"}
BANNED_METHODS = {"now", "utcnow", "today"}
# The one place, beside a TaskGroup, that may start a task: it keeps a reference and reports what fails.
TASK_OWNERS = {"src/unwalled/tasks.py"}


def impure_imports(module: Module) -> list[str]:
    """Banned imports of a sans-IO module."""
    return [
        f"{module.path}:{line} imports {target}"
        for target, line in imports(module.tree, typing_too=False)
        if (target.split(".")[0] in BANNED and target not in ALLOWED_NAMES) or target in BANNED_NAMES
    ]


def test_the_core_imports_nothing_that_waits_or_draws_lots() -> None:
    assert [line for module in pure_modules() for line in impure_imports(module)] == []


def test_the_core_does_not_open_files_or_ask_the_system() -> None:
    wrong = []
    for module in pure_modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and (
                ast.unparse(node.func) in BANNED_CALLS
                or (isinstance(node.func, ast.Attribute) and node.func.attr in BANNED_METHODS)
            ):
                wrong.append(f"{module.path}:{node.lineno} calls {ast.unparse(node.func)}")
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                wrong.append(f"{module.path}:{node.lineno} is asynchronous")
    assert wrong == []


@pytest.mark.parametrize("pattern", pure_patterns())
def test_each_entry_of_the_coverage_gate_names_a_module(pattern: str) -> None:
    assert list(ROOT.glob(pattern)), "pyproject.toml names a file that is not there: rename or remove the entry"


def stray_tasks(module: Module) -> list[str]:
    """Calls that start a task outside of a TaskGroup."""
    if module.path in TASK_OWNERS:
        return []
    wrong = []
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = ast.unparse(node.func.value)
        if node.func.attr == "ensure_future" or (
            node.func.attr == "create_task" and (owner == "asyncio" or "loop" in owner.lower())
        ):
            wrong.append(f"{module.path}:{node.lineno} starts a task with {owner}.{node.func.attr}")
    return wrong


def test_tasks_are_started_by_an_owner_only() -> None:
    assert [line for module in modules() for line in stray_tasks(module)] == []
