"""What a test does without on a machine that lacks something it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def go_without(what: str, why: str) -> NoReturn:
    """Skips the test; with UNWALLED_REQUIRE_<what>=1, as in CI, it fails. ``why``: a sentence for a person."""
    if os.environ.get(f"UNWALLED_REQUIRE_{what}") == "1":
        pytest.fail(why)
    pytest.skip(why)
