"""What the tests with Playwright share: one Chromium for each module, and an operator that is played by the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.operator_double import OperatorDouble
from tests.support.browsers import CHROMIUM_ARGS


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def operator() -> Iterator[OperatorDouble]:
    with OperatorDouble() as operator:
        yield operator
