"""What is logged is a fixed text with values that cannot name a person, a site or a key."""

from __future__ import annotations

import ast

from tests.structure.source import Module, modules

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
# Names of values that may stand in a log line: counts, codes, fixed words, and names that the broker made up.
ALLOWED_WORDS = {
    "attempt",
    "attempts",
    "bridges",
    "capacity",
    "code",
    "count",
    "delay_s",
    "duration_s",
    "error_name",
    "failures",
    "kind",
    "lane",
    "lanes",
    "length",
    "limit",
    "port",
    "reason",
    "retry_after_s",
    "seconds",
    "sessions",
    "signal",
    "size",
    "state",
    "status",
    "streams",
    "total",
    "verdict",
    "version",
}


def is_harmless(node: ast.expr) -> bool:
    """A constant, a number made on the spot, a type's name, or a value whose name stands in the list."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in ALLOWED_WORDS:
            return True
        case ast.Attribute(value=ast.Call(func=ast.Name(id="type")), attr="__name__"):
            return True
        case ast.Attribute(value=ast.Attribute(attr="code") | ast.Name(id="code"), attr="name" | "text"):
            return True
        case ast.Call(func=ast.Name(id="len")):
            return True
        case ast.Call(func=ast.Name(id="round" | "int" | "float"), args=[inner, *_]):
            return is_harmless(inner)
        case ast.BinOp(left=left, right=right):
            return is_harmless(left) and is_harmless(right)
        case _:
            return False


def log_calls(module: Module) -> list[ast.Call]:
    """Calls of a logger's methods: ``logger.info``, ``_log.warning``, ``logging.error`` …"""
    return [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and ast.unparse(node.func.value).rpartition(".")[2].lower().strip("_") in {"log", "logger", "logging"}
    ]


def leaks(module: Module) -> list[str]:
    """Log calls with a text that is not fixed, or with a value that is not on the list."""
    wrong = []
    for call in log_calls(module):
        place = f"{module.path}:{call.lineno}"
        assert isinstance(call.func, ast.Attribute)
        arguments = call.args[1:] if call.func.attr == "log" else call.args
        if not arguments or not (isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str)):
            wrong.append(f"{place}: the text is not a constant")
            continue
        wrong += [f"{place}: logs {ast.unparse(value)}" for value in arguments[1:] if not is_harmless(value)]
        if call.func.attr == "exception" or any(keyword.arg == "exc_info" for keyword in call.keywords):
            wrong.append(f"{place}: logs a traceback, whose message may hold an address")
    return wrong


def test_logs_hold_fixed_texts_and_harmless_values() -> None:
    assert [line for module in modules() for line in leaks(module)] == []


def test_the_check_sees_a_leak() -> None:
    lines = ['log.info("to %s", host)', 'log.info(f"to {host}")', 'log.exception("failed")', 'log.info("%d", lanes)']
    bad = "\n".join(lines)
    module = Module("unwalled.x", "x.py", bad, ast.parse(bad))
    assert [line.split(":")[1] for line in leaks(module)] == ["1", "2", "3"]
