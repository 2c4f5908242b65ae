"""What all tests share: marks set by folder, Hypothesis profiles, what is left out, and where the browsers are.

Fixtures: ``chromium_path``, ``firefox_path`` (skip without the browser, fail instead when UNWALLED_REQUIRE_BROWSER=1),
and ``bridge_browser``, with which a test runs in both. Tests marked ``long`` run only with UNWALLED_LONG=1.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browsers import Installed
from tests.support.missing import go_without

TESTS = Path(__file__).parent

# No deadlines: a loaded machine is no failure. CI repeats the same examples, so that a red run can be repeated at home.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.register_profile(
    "fuzz", deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("UNWALLED_HYPOTHESIS") or ("ci" if os.environ.get("CI") else "default"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks tests by their folder.

    None has the machine for itself: each takes free ports, folders of its own and namespaces named after its process.
    """
    try:
        folder = item.path.relative_to(TESTS).parts[0]
    except ValueError:
        return
    is_real = folder in {"integration", "browser"}
    if is_real:
        item.add_marker(folder)
    if os.environ.get("CI") and (is_real or folder == "unit"):
        # On a machine that others use, too, one of thousands may stumble: a browser, or an event loop that had no turn
        # for long. What is broken fails again; what was run again is named at the end (-rR), in CI with why.
        item.add_marker(pytest.mark.flaky(reruns=2 if is_real else 1))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the long tests out, unless they are asked for."""
    if os.environ.get("UNWALLED_LONG") == "1":
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session", autouse=True)
def no_home_of_ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what whoever runs it has remembered as a reader."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNWALLED_HOME", str(tmp_path_factory.mktemp("home") / "reader"))
        yield


def _find(variable: str, names: tuple[str, ...], missing: str) -> str:
    found = os.environ.get(variable) or next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        go_without("BROWSER", missing)
    return found


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium or Chrome of this machine, or the one that UNWALLED_CHROMIUM names."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    missing = "There is no Chromium on this machine. Install it (Debian: apt install chromium)."
    return _find("UNWALLED_CHROMIUM", names, missing)


@pytest.fixture(scope="session")
def firefox_path() -> str:
    """The Firefox of this machine, or the one that UNWALLED_FIREFOX names."""
    missing = "There is no Firefox on this machine. Install it (Debian: apt install firefox-esr)."
    return _find("UNWALLED_FIREFOX", ("firefox-esr", "firefox"), missing)


@pytest.fixture(params=["chromium", "firefox"])
def bridge_browser(request: pytest.FixtureRequest) -> Installed:
    """Chromium, then Firefox."""
    return Installed(request.param, request.getfixturevalue(f"{request.param}_path"))
