"""PAC files in a real Chromium: which sites it sends to the proxy, which it opens itself, which names it looks up."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browsers import CHROMIUM_ARGS
from unwalled.rules.decisions import ListRules, Rules
from unwalled.rules.modes import ListRole, RuleMode, Way
from unwalled.rules.names import is_hidden
from unwalled.rules.own import parse_own
from unwalled.rules.pac import render_pac
from unwalled.rules.patterns import parse_pattern
from unwalled.rules.tables import PatternSet
from unwalled.wire.address import Target


class Server:
    """A site and a proxy in one, each on its port. ``direct`` and ``proxied``: which hosts were asked for there."""

    def __init__(self) -> None:
        self.direct: list[str] = []
        self.proxied: list[str] = []
        self.pac = ""
        self._site = self._serve(self.direct)
        self._proxy = self._serve(self.proxied)

    def _serve(self, asked: list[str]) -> ThreadingHTTPServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_pac = self.path == "/rules.pac"
                if not is_pac:
                    asked.append(urlsplit(self.path).hostname or self.headers["Host"].partition(":")[0])
                body = outer.pac.encode() if is_pac else b"<title>here</title>"
                self.send_response(200)
                self.send_header("Content-Type", "application/x-ns-proxy-autoconfig" if is_pac else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    @property
    def site(self) -> str:
        """HOST:PORT of the site."""
        return f"127.0.0.1:{self._site.server_port}"

    @property
    def proxy(self) -> str:
        """HOST:PORT of the proxy."""
        return f"127.0.0.1:{self._proxy.server_port}"

    def close(self) -> None:
        """Ends both."""
        for server in (self._site, self._proxy):
            server.shutdown()
            server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@contextmanager
def browsing(executable: str, server: Server, log: Path) -> Iterator[Browser]:
    """A Chromium with the PAC file of the server; what it looks up is in ``log``. All names lead to the site."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[
                *CHROMIUM_ARGS,
                f"--proxy-pac-url=http://{server.site}/rules.pac",
                f"--host-resolver-rules=MAP * {server.site}, EXCLUDE 127.0.0.1",
                f"--log-net-log={log}",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


def looked_up(log: Path) -> set[str]:
    """The hosts that Chromium noted to have looked up."""
    noted = json.loads(log.read_text(encoding="utf-8", errors="replace"))
    kinds = {number for name, number in noted["constants"]["logEventTypes"].items() if name.startswith("HOST_RESOLVER")}
    asked = [event.get("params", {}).get("host", "") for event in noted["events"] if event["type"] in kinds]
    return {host.rpartition("//")[2].rpartition(":")[0] or host for host in asked if host}


def a_list(role: ListRole, matches: str, exceptions: str = "") -> ListRules:
    """A list of patterns, one for each word."""
    return ListRules(
        "x", role, PatternSet(map(parse_pattern, matches.split())), PatternSet(map(parse_pattern, exceptions.split()))
    )


BLOCKED = a_list(ListRole.BLOCKED, "blocked.example news-*.example.org =exact.example bücher.example both.ir")
DOMESTIC = a_list(ListRole.DIRECT, "ir xn--fiqs8s", "abroad.ir")
OWN = parse_own("mine.example\ndirect: bank.example\n")

# Which of the two a page at this host is opened by.
BY_MODE = {
    RuleMode.EVERYTHING: {
        "proxied": ["blocked.example", "new.example", "bank.example", "bank.ir", "bücher.example", "198.41.0.4"],
        "direct": [],
    },
    RuleMode.BLOCKED: {
        "proxied": [
            *("blocked.example", "www.blocked.example", "news-1.example.org", "exact.example", "a.exact.example"),
            *("mine.example", "new.example", "bücher.example", "www.bücher.example", "both.ir", "abroad.ir"),
            *("198.41.0.4", "blocked.example."),
        ],
        "direct": ["bank.example", "www.bank.example", "bank.ir", "site.中国", "router", "printer.local"],
    },
    RuleMode.LISTED: {
        "proxied": ["blocked.example", "bücher.example", "mine.example", "198.41.0.4"],
        "direct": ["new.example", "bank.example", "bank.ir", "straße.example", "router"],
    },
}


@pytest.mark.parametrize("mode", list(RuleMode))
def test_each_site_is_opened_as_the_rules_say(
    chromium_path: str, server: Server, tmp_path: Path, mode: RuleMode
) -> None:
    server.pac = render_pac(Rules(mode, OWN, (BLOCKED, DOMESTIC)), server.proxy)
    log = tmp_path / "net.json"
    expected = BY_MODE[mode]
    with browsing(chromium_path, server, log) as browser:
        page = browser.new_page()
        for host in (*expected["proxied"], *expected["direct"]):
            page.goto(f"http://{host}/", wait_until="commit")
    for way, asked in (("proxied", server.proxied), ("direct", server.direct)):
        found = {name.rstrip(".") for name in asked}
        missing = {Target.parse(host.rstrip("."), 80).host for host in expected[way]} - found
        # Our own parser writes ß as ss, the browser as it is.
        assert missing <= {"strasse.example"}, way
        other = "direct" if way == "proxied" else "proxied"
        assert not found & {Target.parse(host.rstrip("."), 80).host for host in expected[other]}, way
    # Nothing that goes to the proxy was looked up here, in whatever way it is written.
    names = looked_up(log)
    for host in expected["proxied"]:
        assert Target.parse(host, 80).host not in names, host


def test_nothing_goes_directly_when_the_proxy_is_away(chromium_path: str, server: Server, tmp_path: Path) -> None:
    server.pac = render_pac(Rules(RuleMode.BLOCKED, OWN, (BLOCKED, DOMESTIC)), "127.0.0.1:1")
    with browsing(chromium_path, server, tmp_path / "net.json") as browser:
        page = browser.new_page()
        page.goto("http://bank.ir/", wait_until="commit")
        for host in ("blocked.example", "new.example"):
            with pytest.raises(Exception, match="ERR_PROXY_CONNECTION_FAILED"):
                page.goto(f"http://{host}/", wait_until="commit")
    assert set(server.direct) == {"bank.ir"}


def test_the_file_says_direct_only_where_the_rules_do(browser: Browser) -> None:
    """Thousands of names and rules, judged by both: in a browser's own engine, and by the rules themselves."""
    chance = random.Random(5)
    labels = ["a", "b", "news-1", "example", "org", "ir", "com", "xn--a", "ab"]
    page = browser.new_page()
    compared = 0

    def word() -> str:
        text = ".".join(chance.choice(labels) for _ in range(chance.randint(1, 3)))
        return chance.choice(["", "", "=", "*."]) + text if chance.random() < 0.8 else "ab*" + text

    def words(count: int) -> str:
        return " ".join(word() for _ in range(count))

    for _ in range(40):
        ranges = chance.choice(["", "", "10.0.0.0/8", "198.41.0.0/24"])
        own = parse_own("\n".join(words(2).split() + ["direct: " + word for word in words(3).split()] + [ranges]))
        lists = (
            a_list(ListRole.BLOCKED, words(4), words(1)),
            a_list(ListRole.DIRECT, words(4), words(1)),
        )
        hosts = [".".join(chance.choice(labels) for _ in range(chance.randint(1, 4))) for _ in range(60)]
        hosts += ["10.0.0.1", "192.168.1.1", "198.41.0.4", "172.20.0.1", "172.32.0.1", "::1", "2600::1", "a.onion"]
        for mode in RuleMode:
            rules = Rules(mode, own, lists)
            mentioned = [own.through, lists[0].matches, lists[1].exceptions]
            said = page.evaluate(
                "([text, hosts]) => { const find = new Function(text + 'return FindProxyForURL')();"
                " return hosts.map((host) => find('http://' + host + '/', host)) }",
                [render_pac(rules, "127.0.0.1:1080"), hosts],
            )
            for host, answer in zip(hosts, said, strict=True):
                way = rules.decide(Target(host, 80)).way
                assert answer in ("DIRECT", "PROXY 127.0.0.1:1080")
                if answer == "DIRECT":
                    # A browser may open what is local by itself, with its own precautions.
                    assert way in (Way.DIRECT, Way.REFUSED), (mode, host)
                elif mode is RuleMode.LISTED and not ranges and not any(one.has_name(host) for one in mentioned):
                    # And where nothing is said of a name, it says so.
                    assert ":" in host or host[0].isdigit() or is_hidden(host), (mode, host)
                compared += 1
    page.close()
    assert compared > 5000
