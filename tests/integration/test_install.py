"""The wheel in an environment of its own: the program, its pages, its man page; and a shell's completion."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.structure.source import ROOT


def run(
    *command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("UNWALLED", "PYTHON"))}
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=cwd,
        env={**clean, **(environment or {})},
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it, as pipx and uv make one; what it depends on is lent by the tests' own."""
    folder = tmp_path_factory.mktemp("install")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--disable-pip-version-check",
        "install",
        "--quiet",
    ]
    done = run(*pip, "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    (lent,) = environment.glob("lib/python3*/site-packages")
    # Behind its own, and without the links of an editable project.
    (lent / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def test_the_program_says_what_it_is(installed: Path) -> None:
    program = installed / "bin" / "unwalled"
    version = run(program, "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("unwalled ")
    shown = run(program, "browse", "--help")
    assert shown.returncode == 0
    assert "--keep-profile" in shown.stdout


def test_it_is_the_wheel_that_runs_and_it_holds_its_pages(installed: Path) -> None:
    said = run(
        *(installed / "bin" / "python", "-c"),
        "import unwalled; from unwalled.panel.files import panel_files; print(unwalled.__file__, len(panel_files()))",
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(str(installed))
    assert int(said.stdout.split()[1]) > 0
    assert (installed / "share" / "man" / "man1" / "unwalled.1").is_file()


@pytest.mark.parametrize(
    ("line", "expected"), [("unwalled bro", {"browse"}), ("unwalled browse --k", {"--keep-profile"})]
)
def test_a_shell_completes_commands_and_options(line: str, expected: set[str]) -> None:
    asked = {"_UNWALLED_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = run(sys.executable, "-m", "unwalled.cli", environment=asked)
    assert set(done.stdout.split()) == expected, done.stderr
