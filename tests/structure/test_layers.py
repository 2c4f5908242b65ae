"""Imports go one way (docs/explanation/architecture.md), and modules stay of a size that one can read."""

from __future__ import annotations

import pytest

import unwalled
from tests.structure.source import ROOT, Module, imports, modules

# Each layer may import from itself and from those above it in this list.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"settings", "errors", "privacy", "clock", "datafolder", "randomness"}),
    frozenset({"wire", "crypto", "network"}),
    frozenset({"session", "rules"}),
    frozenset({"lanes", "tunnel", "signaling", "tasks", "datafolder", "trace"}),
    frozenset({"reader", "bridge", "broker", "gateway"}),
    frozenset({"app", "desktop", "pt"}),
    frozenset({"operator", "panel", "demo", "cli", "web"}),
)
ROLES = LAYERS[4]
# The tree of errors shows the protocol's codes, which import nothing themselves.
EXCEPTIONS = {("errors", "unwalled.wire.codes")}
MAX_LINES = 700


def area(name: str) -> str:
    """``unwalled.wire.frames`` → ``wire``; the package itself → an empty string."""
    return name.split(".")[1] if "." in name else ""


def layer(part: str) -> int:
    """The number of the layer in which a part stands."""
    base = "cli" if part.startswith("cli") else part
    for number, names in enumerate(LAYERS):
        if base in names:
            return number
    pytest.fail(f"unwalled.{part} stands in no layer: add it to LAYERS in {__file__} and to DESIGN's tree.")


def uphill(module: Module) -> list[str]:
    """What a module imports from a later layer, or as a role from another role."""
    own = area(module.name)
    wrong = []
    for target, line in imports(module.tree):
        if not target.startswith("unwalled.") or (not own):
            continue
        other = area(target)
        if other == own or any(own == a and target.startswith(b) for a, b in EXCEPTIONS):
            continue
        if other == "__version__":
            continue
        if layer(other) > layer(own):
            wrong.append(f"{module.path}:{line} imports {target} from a later layer")
        elif own in ROLES and other in ROLES:
            wrong.append(f"{module.path}:{line} imports {target}: roles do not know each other")
    return wrong


def test_imports_go_one_way() -> None:
    assert [line for module in modules() for line in uphill(module)] == []


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    (package,) = [m for m in modules() if m.name == "unwalled"]
    eager = [target for target, _ in imports(package.tree, typing_too=False) if target.startswith("unwalled")]
    assert eager == []


def test_the_package_offers_what_it_says() -> None:
    assert set(unwalled.__all__) == {name for names in unwalled._PLACES.values() for name in names}
    assert all(getattr(unwalled, name).__name__ == name for name in unwalled.__all__)
    assert dir(unwalled) == unwalled.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        unwalled.nothing  # noqa: B018


def test_there_are_no_cycles_between_modules() -> None:
    names = {m.name for m in modules()}
    graph = {
        m.name: {owner for target, _ in imports(m.tree, typing_too=False) if (owner := owner_of(target, names))}
        - {m.name}
        for m in modules()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "modules import each other: " + " → ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def owner_of(target: str, names: set[str]) -> str | None:
    """The module in which an imported name stands."""
    if target in names:
        return target
    parent = target.rpartition(".")[0]
    return parent if parent in names else None


def test_modules_can_be_read_in_one_go() -> None:
    folders = ("src", "tests", "bench", "scripts")
    files = [f for folder in folders for f in (ROOT / folder).rglob("*.py")]
    files += [f for f in (ROOT / "widget").rglob("*.ts") if "node_modules" not in f.parts]
    long = {
        f.relative_to(ROOT).as_posix(): n for f in files if (n := len(f.read_text("utf-8").splitlines())) > MAX_LINES
    }
    assert long == {}, "split these modules by subject"
