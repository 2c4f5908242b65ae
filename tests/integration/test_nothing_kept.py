"""A whole run of real programs, and then everything that any of them wrote or said is searched for all that was used.

The operator runs with all that could write something: debug output, an admin, history, metrics, limits of traffic,
blocks. A reader reads through a bridge; some of it works, some is refused, and bridge and operator are killed. Then no
file, no output, no number and no answer of the API may hold a name, address, path, body, invite or key, in whatever
form; but for PERMITTED, which docs/explanation/threat-model.md lists as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.processes import family
from tests.support.curl import needs_curl
from tests.support.leftovers import Find, forms_of, search, written_below
from tests.support.programs import Command, words
from unwalled.crypto.identity import OperatorKeys

SITE = "zqnewsroom.wxreadable.test"
REFUSED = "zqforbidden.wxrefused.test"
BLOCKED = "zqblocked.wxblocked.test"
SITE_ADDRESS = "127.77.88.99"
PATH = "/zqsecretarticle/of-november"
BODY = b"zqbody: what nobody shall keep"
VISITOR = "203.0.113.77"
VISITOR_6 = "2001:db8:7777:8888::99"
LABEL = "zqlabel for the choir"
WRONG_TOKEN = "uwadmin1.zqwrongtokenzqwrongtokenzqwrongtokenzqwro"

PERMITTED = {
    ("label", "operator/data/invites.json"),  # the operator's own list
    ("label", "answer of /admin/api/v1/invites"),
    ("invite", "output of unwalled invite"),  # that is what it was made for
    ("invite", "reader/home"),  # a reader remembers its invite, unless told not to
    ("link", "output of unwalled invite"),
    ("blocked host", "operator/data/blocks.json"),  # the operator wrote it there
    ("blocked host", "answer of /admin/api/v1/policy/blocks"),
    ("blocked host", "output of unwalled policy block"),
    ("admin token", "output of unwalled admin token"),  # shown once
    ("invite key", "operator/data/keys.msgpack"),
}
"""What may be where; a place is a beginning."""

_RESOLVER = f"""
import socket
_ask = socket.getaddrinfo
_NAMES = ({SITE!r}, {REFUSED!r}, {BLOCKED!r})
def getaddrinfo(host, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    return _ask({SITE_ADDRESS!r} if name in _NAMES else host, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def __init__(self, address: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), _Site)


@contextmanager
def site(address: str) -> Iterator[int]:
    """A site; its port, or 0 on a machine without such addresses."""
    try:
        server = _Server(address)
    except OSError:
        yield 0
        return
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fetched_by_proxy(proxy: str, url: str) -> tuple[int, bytes]:
    """Status and body; the proxy's own answer when the gateway refuses."""
    done = subprocess.run(
        ["curl", "-sS", "--globoff", "--max-time", "30", "-x", f"http://{proxy}", "-w", "\n%{http_code}", url],
        capture_output=True,
        check=False,
        timeout=60,
    )
    body, _, code = done.stdout.rpartition(b"\n")
    return int(code), body


def asked(url: str, headers: dict[str, str], body: bytes | None = None, method: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def is_permitted(find: Find) -> bool:
    return any(find.needle == needle and find.place.startswith(place) for needle, place in PERMITTED)


def said_by(command: Command) -> list[str]:
    """What a command that ends by itself and well has said."""
    assert command.ended() == 0, command.err
    return command.out


class Run:
    """The programs of one run, and all that they said."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: dict[str, bytes] = {}
        self._commands: list[tuple[str, Command]] = []
        self._undo = ExitStack()
        (root / "names").mkdir()
        (root / "names" / "sitecustomize.py").write_text(_RESOLVER)

    def start(self, role: str, *arguments: str, stdin: str | None = None) -> Command:
        home = self.root / role
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "UNWALLED_HOME": str(home / "home"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "share"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PYTHONPATH": str(self.root / "names") if role == "operator" else "",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = self._undo.enter_context(Command("--debug", *arguments, stdin=stdin, environment=environment))
        words_of = [word for word in arguments[:2] if not word.startswith("-") and word.isalpha()]
        self._commands.append((f"output of unwalled {' '.join(words_of)}", command))
        return command

    def note_command_lines(self) -> None:
        """What everybody on this machine can read of the programs that run now, and of those that they have started;
        nothing where there is no /proc."""
        if sys.platform != "linux":
            return
        for name, command in self._commands:
            for pid in family(command.process.pid):
                with contextlib.suppress(OSError):  # It has ended meanwhile.
                    self.said[f"command line of {name.removeprefix('output of ')} {pid}"] = Path(
                        f"/proc/{pid}/cmdline"
                    ).read_bytes()

    def close(self) -> dict[str, bytes]:
        """Ends what still runs, and gives all that was written and said."""
        self._undo.close()
        places = written_below(self.root / role for role in ("operator", "reader", "bridge"))
        for number, (name, command) in enumerate(self._commands):
            places[f"{name} #{number}"] = "\n".join([*command.out, *command.err]).encode()
        return {**places, **self.said}


@needs_curl
def test_nothing_that_was_used_in_a_run_is_kept_or_said_anywhere(tmp_path: Path) -> None:
    run = Run(tmp_path)
    data = tmp_path / "operator" / "data"
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[sites]\ndeny = ["{REFUSED}"]\n[gateway]\nbytes_per_month = 900_000_000_000\n')
    operate: tuple[str, ...] = (
        "operate",
        "--listen",
        "127.0.0.1:0",
        "--data",
        str(data),
        "--allow-private",
        "--policy",
        str(policy),
        "--trusted-proxy",
        "127.0.0.0/8",
    )
    with site(SITE_ADDRESS) as port, site("::1") as port_6:
        operator = run.start("operator", *operate)
        url = words(operator.line("ready "))["url"]
        # All at once, which takes less time than one after another.
        bridge = run.start("bridge", "bridge", url)
        making = run.start("operator", "admin", "token", "--data", str(data))
        inviting = run.start("operator", "invite", "--data", str(data), "--label", LABEL)
        blocking = run.start("operator", "policy", "block", BLOCKED, "--data", str(data))
        (token,), (invite, link), _ = (said_by(command) for command in (making, inviting, blocking))
        bridge.line("ready ")
        reader = run.start("reader", "connect", "-", "--listen", "127.0.0.1:0", "--no-panel", stdin=invite + "\n")
        proxy = words(reader.line("ready "))["proxy"]
        # The normal course, by name and by addresses of both kinds.
        assert fetched_by_proxy(proxy, f"http://{SITE}:{port}{PATH}") == (200, BODY)
        assert fetched_by_proxy(proxy, f"http://{SITE_ADDRESS}:{port}{PATH}") == (200, BODY)
        if port_6:
            assert fetched_by_proxy(proxy, f"http://[::1]:{port_6}{PATH}") == (200, BODY)
        # What does not work: refused, blocked, nobody there, a name that there is not.
        assert fetched_by_proxy(proxy, f"http://{REFUSED}:{port}{PATH}")[0] == 403
        # A running operator takes a block within two seconds.
        for _ in range(60):
            if (status := fetched_by_proxy(proxy, f"http://{BLOCKED}:{port}{PATH}")[0]) == 403:
                break
            time.sleep(0.5)
        assert status == 403
        assert fetched_by_proxy(proxy, f"http://{SITE}:1{PATH}")[0] == 502
        # Visitors by way of a web server, with things that fail.
        for address in (VISITOR, VISITOR_6):
            forwarded = {"X-Forwarded-For": address}
            assert asked(f"{url}/", forwarded)[0] == 200
            assert asked(f"{url}{PATH}?q={PATH}", forwarded)[0] == 404
            assert asked(f"{url}/v1/match", forwarded, b"no request")[0] == 400
            assert asked(f"{url}/v1/bridge", forwarded)[0] in (400, 426)
            wrong = {**forwarded, "Authorization": f"Bearer {WRONG_TOKEN}"}
            assert asked(f"{url}/admin/api/v1/invites", wrong)[0] == 401
        admin = {"Authorization": f"Bearer {token}"}
        description = json.loads(asked(f"{url}/admin/api/v1/openapi.json", admin)[1])
        for path, methods in description["paths"].items():
            if "get" in methods and "{" not in path and path != "/policy/check":
                status, answer = asked(f"{url}/admin/api/v1{path}", admin)
                assert status in (200, 503), path
                run.said[f"answer of /admin/api/v1{path}"] = answer
        run.said["answer of /metrics"] = asked(f"{url}/metrics", {})[1]
        assert b"unwalled_egress_streams_opened_total" in run.said["answer of /metrics"]
        run.note_command_lines()
        # The failing course: no word to anybody.
        bridge.process.send_signal(signal.SIGKILL)
        bridge.process.wait(30)
        operator.process.send_signal(signal.SIGABRT)
        operator.process.wait(30)
        # And a start after it, which ends as it should.
        again = run.start("operator", *operate)
        again.line("ready ")
        again.process.send_signal(signal.SIGTERM)
        assert again.ended() == 0
        keys = OperatorKeys.load(data)
        assert keys is not None
    places = run.close()
    needles: dict[str, str | bytes] = {
        "site": SITE,
        "site's domain": "wxreadable",
        "refused host": REFUSED,
        "blocked host": BLOCKED,
        "site's address": SITE_ADDRESS,
        "path": PATH,
        "path's word": "zqsecretarticle",
        "body": BODY,
        "visitor": VISITOR,
        "visitor by IPv6": VISITOR_6,
        "label": LABEL,
        "invite": invite,
        "link": link,
        "wrong token": WRONG_TOKEN,
        "admin token": token,
        "invite key": keys.invite_key,
    }
    if port_6:
        # The address alone would be found in any program; with the port it is this site's.
        needles |= {
            "IPv6 site": f"[::1]:{port_6}",
            "IPv6 site in a tuple": f"'::1', {port_6}",
            "IPv6 site in bytes": socket.inet_pton(socket.AF_INET6, "::1") + port_6.to_bytes(2, "big"),
        }
    of_all = "command line of unwalled"
    lines = [content for place, content in places.items() if place.startswith(of_all)]
    if sys.platform == "linux":
        assert {b"operate", b"bridge", b"connect"} <= {word for line in lines for word in line.split(b"\0")}
    assert [find for find in search(needles, places) if not is_permitted(find)] == []
    # The control: what is permitted is found, and so it is in every form where it is planted.
    found = {find.needle for find in search(needles, places)}
    assert {"label", "invite", "blocked host", "admin token", "invite key"} <= found
    with contextlib.closing(sqlite3.connect(tmp_path / "planted.db")) as database, database:
        database.execute("CREATE TABLE t (a TEXT)")
        database.execute("INSERT INTO t VALUES (?)", (f"it was {SITE}",))
    assert search({"site": SITE}, {"database": (tmp_path / "planted.db").read_bytes()})
    for name, secret in needles.items():
        for form, value in forms_of(secret).items():
            planted = {"planted": os.urandom(64) + value + os.urandom(64)}
            assert (name, form) in {(find.needle, find.form) for find in search({name: secret}, planted)}


@pytest.mark.parametrize("before", [b"", b"a", b"ab"])
def test_the_search_sees_through_base64(before: bytes) -> None:
    from base64 import b64encode

    assert search({"site": SITE}, {"file": b64encode(before + SITE.encode() + b" and more")})
