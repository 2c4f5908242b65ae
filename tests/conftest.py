"""What all tests share: marks set by folder, Hypothesis profiles, and where the browser is.

Fixtures: ``chromium_path`` (skips without a Chromium, fails instead when UNWALLED_REQUIRE_BROWSER=1).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent

# No deadlines: a loaded machine is no failure. CI repeats the same examples, so that a red run can be repeated at home.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.register_profile(
    "fuzz", deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("UNWALLED_HYPOTHESIS") or ("ci" if os.environ.get("CI") else "default"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks tests by their folder; those with real sockets run one after another in one worker."""
    try:
        folder = item.path.relative_to(TESTS).parts[0]
    except ValueError:
        return
    if folder in {"integration", "browser"}:
        item.add_marker(folder)
        item.add_marker(pytest.mark.xdist_group("real"))


def _find_chromium() -> str | None:
    named = os.environ.get("UNWALLED_CHROMIUM")
    if named:
        return named
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    return None


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium or Chrome of this machine, or the one that UNWALLED_CHROMIUM names."""
    found = _find_chromium()
    if found is None:
        message = "There is no Chromium on this machine. Install it (Debian: apt install chromium)."
        if os.environ.get("UNWALLED_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found
