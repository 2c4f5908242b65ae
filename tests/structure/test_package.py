"""The wheel holds what the program needs to run; the lock files fit the project and name no server."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.structure.source import ROOT

RUNTIME = ROOT / "requirements" / "runtime.txt"
DEV = ROOT / "requirements" / "dev.txt"
PROGRAM = ROOT / "requirements" / "program.txt"


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the wheel that `make wheel` would build."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize(
    "name",
    ["py.typed", "web/widget.js", "web/html/index.html", "web/words/en.toml", "web/panel/panel.js", "cli/app.py"],
)
def test_the_wheel_holds(wheel_names: set[str], name: str) -> None:
    assert f"unwalled/{name}" in wheel_names


def test_the_wheel_holds_all_sources_and_nothing_else(wheel_names: set[str]) -> None:
    sources = {f.relative_to(ROOT / "src").as_posix() for f in (ROOT / "src" / "unwalled").rglob("*.py")}
    assert sources <= wheel_names
    web = ROOT / "src" / "unwalled" / "web"
    pages = {f"unwalled/web/{file.relative_to(web).as_posix()}" for file in web.rglob("*") if file.suffix != ".pyc"}
    pages = {page for page in pages if (ROOT / "src" / page).is_file()}
    assert pages <= wheel_names
    others = {name for name in wheel_names if not name.startswith("unwalled/") and ".dist-info/" not in name}
    assert {re.sub(r"^unwalled-[^/]*\.data/", "", name) for name in others} == {"data/share/man/man1/unwalled.1"}


def test_the_wheel_carries_the_licence(wheel_names: set[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel_names)


def pinned(file: Path) -> dict[str, str]:
    """Name → version of each line of a lock file."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def declared(extra: str | None) -> set[str]:
    """Names of the dependencies in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return {re.split(r"[^A-Za-z0-9._-]", row, maxsplit=1)[0].lower().replace("_", "-") for row in rows}


def test_the_locks_hold_every_declared_dependency() -> None:
    assert declared(None) <= set(pinned(RUNTIME)), "run: make lock"
    assert declared(None) | declared("dev") <= set(pinned(DEV)), "run: make lock"


def test_the_locks_agree() -> None:
    runtime, dev, program = pinned(RUNTIME), pinned(DEV), pinned(PROGRAM)
    assert {name: dev.get(name) for name in runtime} == runtime
    both = {**runtime, **dev}
    assert {name: both.get(name, version) for name, version in program.items()} == program
    assert declared("tray") <= set(program), "run: make lock"


@pytest.mark.parametrize("file", [RUNTIME, DEV, PROGRAM])
def test_every_pin_has_hashes_and_no_server_is_named(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "://" not in text
    for entry in re.split(r"\n(?=[A-Za-z])", text):
        if re.match(r"[A-Za-z0-9._-]+==", entry):
            assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_each_dependency_is_explained() -> None:
    page = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8").lower()
    assert [name for name in sorted(declared(None) | declared("dev")) if f"`{name}`" not in page] == []
