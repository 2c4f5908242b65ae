"""The sources as the structural tests see them: files, module names, syntax trees, imports."""

from __future__ import annotations

import ast
import fnmatch
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


@dataclass(frozen=True)
class Module:
    """One source file. ``path`` is relative to the project's folder, with forward slashes."""

    name: str
    path: str
    text: str
    tree: ast.Module


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the package, sorted by path."""
    found = []
    for file in sorted((SRC / "unwalled").rglob("*.py")):
        parts = file.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = file.read_text(encoding="utf-8")
        found.append(Module(name, file.relative_to(ROOT).as_posix(), text, ast.parse(text)))
    return tuple(found)


@cache
def pure_patterns() -> tuple[str, ...]:
    """The list of sans-IO modules, which stands in pyproject.toml for the coverage gate."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return tuple(settings["tool"]["coverage"]["run"]["include"])


def pure_modules() -> list[Module]:
    """The sans-IO modules."""
    return [m for m in modules() if any(fnmatch.fnmatch(m.path, pattern) for pattern in pure_patterns())]


def imports(tree: ast.AST, *, typing_too: bool = True) -> Iterator[tuple[str, int]]:
    """Full names of imported modules (and of what is taken from them) with their line numbers."""
    for node in _walk(tree, typing_too):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def _walk(tree: ast.AST, typing_too: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not typing_too and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from _walk(node, typing_too)
