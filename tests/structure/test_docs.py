"""Everything public is described, every error stands in the drawn tree, every link leads somewhere."""

from __future__ import annotations

import ast
import builtins
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.structure.source import ROOT, Module, modules

DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def undocumented(module: Module) -> Iterator[str]:
    """Public things without a docstring. What implements a Protocol still says what differs, or 'See NAME'."""
    if module.text.strip() and not ast.get_docstring(module.tree):
        yield f"{module.path}: the module"

    def walk(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
        for node in parent.body:
            if not isinstance(node, DOCUMENTED) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(d).rpartition(".")[2] for d in node.decorator_list}
            if not ast.get_docstring(node) and not decorators & {"overload", "setter", "override"}:
                yield f"{module.path}:{node.lineno} {prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from walk(node, f"{prefix}{node.name}.")

    yield from walk(module.tree, "")


def test_everything_public_has_a_docstring() -> None:
    assert [line for module in modules() for line in undocumented(module)] == []


def test_every_error_stands_in_the_drawn_tree_under_its_parent() -> None:
    (errors,) = [m for m in modules() if m.name == "unwalled.errors"]
    parents: dict[str, str] = {}
    trail: list[tuple[int, str]] = []
    for line in (ast.get_docstring(errors.tree) or "").splitlines():
        match = re.match(r"^([ │├└─]*)([A-Z]\w+)(?:  |$)", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        trail = [(d, n) for d, n in trail if d < depth]
        parents[name] = trail[-1][1] if trail else "Exception"
        trail.append((depth, name))
    classes = {n.name: ast.unparse(n.bases[0]) for n in errors.tree.body if isinstance(n, ast.ClassDef)}
    assert parents == classes


def test_all_errors_grow_from_the_one_root() -> None:
    bases: dict[str, set[str]] = {}
    places: dict[str, str] = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases[node.name] = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                places[node.name] = f"{module.path}:{node.lineno} {node.name}"

    def grows_from(name: str, roots: tuple[type[BaseException], ...] | str) -> bool:
        if isinstance(roots, str) and name == roots:
            return True
        builtin = getattr(builtins, name, None)
        if not isinstance(roots, str) and isinstance(builtin, type) and issubclass(builtin, roots):
            return True
        return any(grows_from(base, roots) for base in bases.get(name, ()))

    errors = [name for name in bases if grows_from(name, (BaseException,))]
    assert "UnwalledError" in errors
    assert [places[name] for name in errors if not grows_from(name, "UnwalledError")] == []


def markdown_files() -> list[Path]:
    """The pages of this project: what git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = [name.decode() for name in listing.stdout.split(b"\0") if name]
        return [ROOT / name for name in names if (ROOT / name).exists()]
    skipped = {"node_modules", ".venv", "build"}
    return [f for f in ROOT.rglob("*.md") if not skipped & set(f.relative_to(ROOT).parts)]


def anchors(page: Path) -> set[str]:
    """The fragment of each heading of a page, as forges make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", page.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        found.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return found


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    pages = markdown_files()
    assert ROOT / "README.md" in pages
    for page in pages:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        links = re.findall(r"\]\(([^)\s]+)[^)]*\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)
        for link in links:
            if re.match(r"^[a-z]+:", link):
                continue
            target, _, fragment = link.partition("#")
            file = (page.parent / target).resolve() if target else page
            if not file.exists() or (fragment and file.suffix == ".md" and fragment not in anchors(file)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []


def test_every_page_of_the_docs_can_be_found_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    listed = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in re.findall(r"\]\(([^)\s]+)\)", index)}
    # Pages of the protocol are listed by that folder's own index.
    listed |= {page.resolve() for page in (ROOT / "docs" / "protocol").glob("*.md")}
    pages = {p.resolve() for p in markdown_files() if p.is_relative_to(ROOT / "docs")} - {ROOT / "docs" / "README.md"}
    assert sorted(p.relative_to(ROOT).as_posix() for p in pages - listed) == []


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## Unreleased$", text, re.MULTILINE)
