"""The admin's page in a real Chromium, with a real operator behind it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.admin_scene import a_past
from tests.support.programs import Command, words

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


def test_an_admin_logs_in_sees_how_it_is_and_gives_an_invite(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    a_past(data, time.time())
    with Command("operate", "--listen", "127.0.0.1:0", "--data", str(data), "--allow-private") as operator:
        url = words(operator.line("ready "))["url"]
        with Command("admin", "token", "--data", str(data)) as made:
            assert made.ended() == 0
            token = next(line for line in made.out if line.startswith("uwadmin1."))
        context = browser.new_context(viewport={"width": 320, "height": 800}, color_scheme="dark", timezone_id="UTC")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.extend([] if request.url.startswith(url) else [request.url]))
        page.goto(f"{url}/admin")
        expect(page.locator("small code")).to_have_text("unwalled admin token")
        _log_in(page, "uwadmin1.wrong")
        expect(page.get_by_text("The token is wrong.")).to_be_visible()
        _log_in(page, token)
        expect(page.get_by_role("status").first).to_have_text(re.compile("^All is well, and no bridge"))
        expect(page.locator(".plot svg").first).to_have_attribute(
            "aria-label", re.compile("Bridges at once. .* on average")
        )
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        page.get_by_label("Year").check()
        expect(page.get_by_role("heading", name="Different readers each day")).to_be_visible()
        page.get_by_text("As a table").first.click()
        expect(page.locator("figure tbody tr").first).to_be_visible()

        with Command("bridge", url) as bridge:
            bridge.line("ready ")
            expect(page.get_by_role("status").first).to_have_text(
                "All is well: one bridge is ready to help readers.", timeout=PATIENCE_MS
            )
            expect(page.locator(".bridges")).to_contain_text("Programs (unwalled bridge)1")

        page.get_by_label("A note for you").fill("choir")
        page.get_by_role("button", name="Make an invite").click()
        link = page.get_by_label("The invite’s link")
        expect(link).to_have_value(re.compile(rf"^{re.escape(url)}/read#"))
        page.get_by_role("button", name="Withdraw choir").click()
        # By key: the page may be laid out anew just now, since the bridge has gone, and a click would miss.
        page.get_by_role("button", name="Withdraw choir for ever?").press("Enter")
        expect(page.locator(".row", has_text="choir")).to_contain_text("withdrawn")
        with Command("invite", "--data", str(data), "--list") as listed:
            assert listed.ended() == 0
            assert any("revoked" in line and "choir" in line for line in listed.out)

        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Admin token")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Admin token")).to_be_visible()
        assert errors == []
        context.close()


def _log_in(page: Page, token: str) -> None:
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_nothing_sticks_out_at_any_width(browser: Browser, tmp_path: Path, direction: str) -> None:
    """The page with what it has when an operator is new, read from either side."""
    with Command("operate", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--allow-private") as operator:
        url = words(operator.line("ready "))["url"]
        with Command("admin", "token", "--data", str(tmp_path / "data")) as made:
            assert made.ended() == 0
            token = next(line for line in made.out if line.startswith("uwadmin1."))
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}/admin")
        page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
        _log_in(page, token)
        expect(page.get_by_role("heading", name="History")).to_be_visible(timeout=PATIENCE_MS)
        for width in (320, 480, 720, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()
