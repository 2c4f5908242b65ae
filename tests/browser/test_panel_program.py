"""The panel of a running `unwalled connect`, with a real operator and bridge behind it, in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.integration.test_cli import BODY, fetched, serving
from tests.support.programs import Command, words

PATIENCE_MS = 30_000


def test_a_person_pastes_a_link_reads_and_sees_it_in_the_panel(browser: Browser, tmp_path: Path) -> None:
    data = str(tmp_path / "operator")
    # Something opens browsers here; the test opens its own.
    home = {"UNWALLED_HOME": str(tmp_path / "home"), "DISPLAY": ":99", "BROWSER": "true"}
    operate = Command("operate", "--listen", "127.0.0.1:0", "--data", data, "--allow-private")
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    with serving() as site, operate as operator:
        url = words(operator.line("ready "))["url"]
        with Command("invite", "--data", data, "--link") as invite:
            assert invite.ended() == 0
            link = invite.out[0]
        with (
            Command("bridge", url) as bridge,
            Command("connect", "--listen", "127.0.0.1:0", environment=home) as reader,
        ):
            bridge.line("ready ")
            page.goto(reader.line("panel file://").removeprefix("panel "))
            form = page.locator(".now form")
            form.get_by_label("Paste an invite").fill(link)
            form.get_by_label("A name for it").fill("spring")
            form.get_by_role("button", name="Add the invite").click()
            expect(page.locator(".status")).to_have_text("Connected. You read freely.", timeout=PATIENCE_MS)
            expect(page.locator(".way .summary")).to_contain_text("1 bridge,")
            proxy = page.get_by_role("group", name="Address of the proxy").locator("code").inner_text()
            assert fetched(f"socks5h://{proxy}", site).stdout == BODY
            expect(page.locator(".facts").nth(1)).to_contain_text("Through bridges so far1", timeout=PATIENCE_MS)

            switch = page.get_by_role("switch", name="Read freely")
            switch.click()
            expect(page.locator(".status")).to_contain_text("Off.")
            assert fetched(f"socks5h://{proxy}", site).returncode != 0
            switch.click()
            expect(page.locator(".status")).to_have_text("Connected. You read freely.", timeout=PATIENCE_MS)

            page.get_by_label("Only my own list").check()
            page.get_by_label("Add a site").fill("news.example")
            page.get_by_label("Add a site").press("Enter")
            expect(page.locator(".sites")).to_contain_text("news.example")
            page.get_by_role("button", name="Write a report").click()
            written = page.get_by_label("The report, in English")
            expect(written).to_have_value(re.compile("State: connected"))
            report = written.input_value()
            for secret in (proxy, "127.0.0.1", "spring", "news.example", url.removeprefix("http://")):
                assert secret not in report
            assert reader.stopped() == 0
            expect(page.get_by_role("alert")).to_contain_text("The program has ended", timeout=PATIENCE_MS)
        # What was chosen is there at the next start.
        with Command("rules", "show", environment=home) as rules:
            assert rules.ended() == 0
            assert any("news.example" in line for line in rules.out)
    context.close()
