"""Each command as a real process: its ready line, its errors, its end; and the whole chain of them."""

from __future__ import annotations

import hashlib
import http.server
import os
import pty
import re
import shlex
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.certificate import self_signed
from tests.support.programs import PATIENCE_S, Command, failed, words
from unwalled.cli.app import run_command
from unwalled.crypto.identity import OperatorKeys
from unwalled.operator.invites.book import InviteBook, make_invite
from unwalled.wire.invite import Invite

_PYTHON = [sys.executable, "-m", "unwalled.cli"]
BODY = os.urandom(300_000)


class _Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[:1000])
            self.close_connection = True
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A reader that goes away is no error of the test."""


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[str]:
    """A site on a free port; with a certificate it speaks TLS."""
    server = _Server(("127.0.0.1", 0), _Site)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running operator that allows loopback: ``url``, ``invite``, ``data``."""
    data = tmp_path_factory.mktemp("operator") / "data"
    with Command("operate", "--listen", "127.0.0.1:0", "--data", str(data), "--allow-private") as command:
        ready = words(command.line("ready "))
        assert command.warned("--allow-private")
        yield {**ready, "data": str(data)}
        assert command.stopped() == 0


@pytest.fixture(scope="module")
def bridge(operator: dict[str, str]) -> Iterator[Command]:
    with Command("bridge", operator["url"], "--max-readers", "8", "--rate", "200mbit") as command:
        command.line("ready ")
        yield command
        assert command.stopped() == 0


def fetched(proxy: str, url: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["curl", "-sS", "--max-time", "30", "-x", proxy, url], capture_output=True, check=False, timeout=60
    )


def test_the_chain_of_commands_reads_a_site_unchanged(operator: dict[str, str], bridge: Command, site: str) -> None:
    with Command("connect", "-", "--listen", "127.0.0.1:0", stdin=operator["invite"] + "\n") as reader:
        proxy = words(reader.line("ready "))["proxy"]
        rates = r"down \S+ [kM]bit/s, up \S+ [kM]bit/s"
        assert re.fullmatch(rf"connected · 1 bridge, \d+ lanes? · {rates}", reader.line("connected"))
        for scheme in ("http", "socks5h", "socks4a"):
            answer = fetched(f"{scheme}://{proxy}", site)
            assert hashlib.sha256(answer.stdout).digest() == hashlib.sha256(BODY).digest(), answer.stderr
        assert re.match(rf"helping · 1 reader, \d+ lanes? · {rates} · \S+ (.?B|bytes) so far$", bridge.line("helping"))
        assert reader.stopped() == 0
        assert reader.err == []


def test_get_writes_a_page_to_standard_output_and_to_a_file(
    operator: dict[str, str], bridge: Command, site: str, tmp_path: Path
) -> None:
    target = tmp_path / "page"
    with Command("get", operator["invite"], site + "/moved", "-o", str(target)) as command:
        assert command.ended() == 0
        assert command.out == []
    assert target.read_bytes() == BODY
    environment = {**os.environ, "UNWALLED_INVITE": operator["invite"]}
    arguments = [*_PYTHON, "get", site]
    plain = subprocess.run(arguments, capture_output=True, check=False, timeout=60, env=environment)
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, BODY, b"")


def test_get_shows_on_a_terminal_how_far_it_is(
    operator: dict[str, str], bridge: Command, site: str, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    with (tmp_path / "page").open("wb") as page:
        getting = subprocess.Popen(
            [*_PYTHON, "get", operator["invite"], site], stdout=page, stderr=theirs, env={**os.environ, "TERM": "xterm"}
        )
    os.close(theirs)
    shown = bytearray()
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # what a terminal of Linux says when the program at its other end has gone
    finally:
        os.close(ours)
    assert getting.wait(PATIENCE_S) == 0
    assert (tmp_path / "page").read_bytes() == BODY
    assert b"reading" in shown
    assert b"300.0/300.0 kB" in shown


def getting_into(command: str, operator: dict[str, str], site: str) -> subprocess.CompletedProcess[bytes]:
    """Runs ``get`` in a shell that does something with its output; its status is on the last line."""
    quoted = shlex.join([*_PYTHON, "get", operator["invite"], site])
    return subprocess.run(
        ["bash", "-c", command.replace("GET", quoted)], capture_output=True, check=False, timeout=PATIENCE_S * 2
    )


def test_get_ends_silently_when_its_output_is_not_read_to_the_end(
    operator: dict[str, str], bridge: Command, site: str
) -> None:
    ended = getting_into("GET | head -c 5; echo ${PIPESTATUS[0]}", operator, site)
    assert (ended.stdout, ended.stderr) == (BODY[:5] + b"1\n", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_get_tells_when_its_output_cannot_be_written(operator: dict[str, str], bridge: Command, site: str) -> None:
    ended = getting_into("GET > /dev/full", operator, site)
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == [
        "unwalled: The output cannot be written (No space left on device).",
        "Is the disk full?",
    ]


def test_closed_standard_streams_are_taken_for_ones_that_lead_nowhere(
    operator: dict[str, str], bridge: Command, site: str
) -> None:
    ended = getting_into("GET <&- >&-; echo $?", operator, site)
    assert (ended.stdout, ended.stderr) == (b"0\n", b"")
    assert getting_into("GET <&- >&- 2>&-", operator, site + "/missing").returncode == 1


@pytest.mark.parametrize(
    ("path", "cause"),
    [("/missing", "The site answered 404"), ("/cut", "The connection broke before all had arrived.")],
)
def test_get_tells_what_the_site_did_wrong_and_leaves_no_file(
    operator: dict[str, str], bridge: Command, site: str, tmp_path: Path, path: str, cause: str
) -> None:
    code, errors = failed("get", operator["invite"], site + path, "-o", str(tmp_path / "page"))
    assert code == 1
    assert cause in errors[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_get_tells_a_refused_connection_from_other_failures(
    operator: dict[str, str], bridge: Command, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    code, errors = failed("get", operator["invite"], f"{scheme}://127.0.0.1:{port}/")
    assert (code, errors[0]) == (1, "unwalled: The site refused the connection.")


def test_get_trusts_only_sites_whose_certificate_is_right(
    operator: dict[str, str], bridge: Command, tmp_path: Path
) -> None:
    file = self_signed(tmp_path)
    with serving(certificate=file) as url:
        code, errors = failed("get", operator["invite"], url)
        assert (code, errors[0]) == (
            1,
            "unwalled: The site's certificate is not right: somebody may be in between.",
        )
        target = tmp_path / "page"
        trusting = {"SSL_CERT_FILE": str(file)}
        code, errors = failed("get", operator["invite"], url, "-o", str(target), environment=trusting)
        assert (code, errors) == (0, [])
        assert target.read_bytes() == BODY


def test_a_reader_without_a_bridge_says_so_and_goes_on(tmp_path: Path) -> None:
    with Command("operate", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "d"), "--allow-private") as operator:
        invite = words(operator.line("ready "))["invite"]
        with Command("connect", "-", "--listen", "127.0.0.1:0", stdin=invite) as reader:
            reader.line("no bridge just now")
            assert reader.stopped(signal.SIGTERM) == 0
        assert operator.stopped() == 0


def test_get_that_is_stopped_before_it_is_done_says_so_by_its_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        invite = Invite.make(bytes(32), bytes(31) + b"1", bytes(28), [f"http://127.0.0.1:{door.getsockname()[1]}"], [])
        with Command("get", "-", "http://127.0.0.1:9/", stdin=invite.text) as getting:
            door.settimeout(PATIENCE_S)
            connection, _ = door.accept()
            with connection:
                assert getting.stopped() == 130
            assert (getting.out, getting.err) == ([], [])


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_operator_that_comes_back_is_found_again_by_reader_and_bridge(
    tmp_path: Path, site: str, end: signal.Signals
) -> None:
    data = str(tmp_path / "data")
    with Command("operate", "--listen", "127.0.0.1:0", "--data", data, "--allow-private") as first:
        ready = words(first.line("ready "))
        port = ready["url"].rpartition(":")[2]
        with (
            Command("bridge", ready["url"]) as bridge,
            Command("connect", "-", "--listen", "127.0.0.1:0", stdin=ready["invite"]) as reader,
        ):
            proxy = words(reader.line("ready "))["proxy"]
            reader.line("connected")
            assert fetched(f"http://{proxy}", site).stdout == BODY
            seen_by_reader, seen_by_bridge = len(reader.out), len(bridge.out)
            assert first.stopped(end) == (0 if end is signal.SIGTERM else -signal.SIGKILL)
            # Both have noticed it, and have failed at least once to come back.
            bridge.line("The operator cannot be reached.", after=seen_by_bridge)
            reader.line("the operator cannot be reached", after=seen_by_reader)
            with Command("operate", "--listen", f"127.0.0.1:{port}", "--data", data, "--allow-private") as second:
                assert words(second.line("ready ")) == ready
                bridge.line("waiting for readers", after=seen_by_bridge)
                reader.line("connected", after=seen_by_reader)
                assert fetched(f"http://{proxy}", site).stdout == BODY
                assert [command.stopped() for command in (reader, bridge, second)] == [0, 0, 0]


def test_secrets_are_for_the_owner_only_and_kept(operator: dict[str, str]) -> None:
    folder = Path(operator["data"])
    inside = list(folder.rglob("*"))
    assert {"keys.msgpack", "invites.json", "operator.json"} <= {path.name for path in inside}
    for path in inside:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path.name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_invites_are_made_listed_and_withdrawn_while_the_operator_runs(
    operator: dict[str, str], bridge: Command
) -> None:
    data = operator["data"]
    with Command("invite", "--data", data, "--label", "for the choir", "--expires", "30d", "--qr") as command:
        assert command.ended() == 0
        line, link, *drawing = command.out
    invite = Invite.parse(line, time.time())
    assert Invite.parse(link, time.time()) == invite
    assert link.startswith(operator["url"] + "/read#uw1.")
    assert 29 * 86_400 < invite.expires_s - time.time() <= 30 * 86_400
    assert len(drawing) > 20
    name = invite.token[:8].hex()
    with Command("invite", "--data", data, "--list") as command:
        assert command.ended() == 0
        assert any(one.startswith(f"{name}  valid") and one.endswith("for the choir") for one in command.out)
        assert not any(line[4:40] in one for one in command.out)
    with Command("invite", "--data", data, "--revoke", name) as command:
        assert command.ended() == 0
    code, errors = failed("get", line, "http://127.0.0.1:9/")
    assert code == 1
    assert "does not take this invite" in errors[0]


def foreign_invite(operator: dict[str, str], tmp_path: Path) -> str:
    """An invite of other keys for this operator's door."""
    keys = OperatorKeys.make(os.urandom)
    return make_invite(
        keys,
        InviteBook(tmp_path / "other"),
        doors=[operator["url"]],
        stun=[],
        label="",
        now_wall_s=time.time(),
        expires_s=0,
        random_bytes=os.urandom,
    ).text


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda text: text[:-6], "The invite is damaged"),
        (lambda text: text[:20] + ("A" if text[20] != "A" else "B") + text[21:], "The invite is damaged"),
        (lambda text: "uw7." + text[4:], "for a newer version"),
        (lambda text: "hello", "This is not an invite."),
        (lambda text: "", "This is not an invite."),
        # Of other programs: a bridge line, a proxy's URL, a link.
        (lambda text: "snowflake 192.0.2.3:80 2B280B23E1107BB62ABFC40DDCC8824814F80A72", "This is not an invite."),
        (lambda text: "ss://Y2hhY2hhMjA6eA@192.0.2.3:8388#" + text[4:], "This is not an invite."),
        (lambda text: "https://example.org/read#welcome", "This is not an invite."),
    ],
)
@pytest.mark.parametrize("command", ["connect", "get"])
def test_a_damaged_or_foreign_invite_is_refused_before_any_packet(
    command: str, change: Callable[[str], str], cause: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        good = Invite.make(bytes(32), bytes(32), bytes(28), [f"http://127.0.0.1:{door.getsockname()[1]}"], []).text
        rest = ["http://127.0.0.1:9/"] if command == "get" else ["--listen", "127.0.0.1:0"]
        code, errors = failed(command, "-", *rest, stdin=change(good))
        assert_nobody_came(door)
    assert code == 2
    assert cause in errors[0]
    assert len(errors) == 2


def test_an_expired_invite_is_refused_by_the_reader_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        token = bytes(8) + (1).to_bytes(4, "big") + bytes(16)
        invite = Invite.make(bytes(32), bytes(32), token, [f"http://127.0.0.1:{door.getsockname()[1]}"], [])
        code, errors = failed("connect", invite.text, "--listen", "127.0.0.1:0")
        assert_nobody_came(door)
    assert (code, len(errors)) == (2, 2)
    assert errors[0].startswith("unwalled: The invite expired on 1970-01-01")


def assert_nobody_came(door: socket.socket) -> None:
    """The program has ended, so a connection of its would wait to be taken."""
    door.setblocking(False)
    with pytest.raises(BlockingIOError):
        door.accept()


def test_another_operators_invite_is_refused_by_the_broker(
    operator: dict[str, str], bridge: Command, tmp_path: Path
) -> None:
    with Command("connect", "-", "--listen", "127.0.0.1:0", stdin=foreign_invite(operator, tmp_path)) as reader:
        reader.line(lambda line: "is not the broker of the invite" in line)
        assert reader.stopped() == 0


def test_wrong_input_gets_a_cause_a_remedy_and_status_2(
    operator: dict[str, str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UNWALLED_INVITE", raising=False)
    homes = tmp_path_factory.mktemp("homes")
    port = operator["url"].rpartition(":")[2]
    data, invite = str(tmp_path / "data"), operator["invite"]
    (tmp_path / "file").write_text("")
    policy = tmp_path / "policy.toml"
    policy.write_text('[sites]\nmode = "publisher"\nalow = []\n')
    broken = tmp_path / "broken"
    broken.mkdir(mode=0o700)
    (broken / "keys.msgpack").write_bytes(b"?")
    (broken / "keys.msgpack").chmod(0o600)
    any_port = ["operate", "--listen", "127.0.0.1:0", "--data"]
    cases: list[tuple[list[str], str]] = [
        (["operate", "--listen", f"127.0.0.1:{port}", "--data", data], "Another program listens"),
        (["operate", "--listen", "8080", "--data", data], "is not an address to listen on"),
        (["operate", "--listen", "192.0.2.7:0", "--data", data], "is not an address of this machine"),
        (["operate", "--listen", "0.0.0.0:0", "--data", data], "nobody can know"),
        ([*any_port, data, "--public-url", "ftp://x"], "The public URL"),
        ([*any_port, str(tmp_path / "file")], "The data folder is a file."),
        ([*any_port, str(broken)], "keys.msgpack in the data folder is damaged."),
        ([*any_port, data, "--policy", str(policy)], "alow in [sites] is unknown"),
        ([*any_port, data, "--policy", str(tmp_path / "none")], "cannot be read"),
        ([*any_port, data, "--stun", "example.org"], "is not a STUN URL"),
        ([*any_port, data, "--trusted-proxy", "proxy"], "neither an address nor a network"),
        ([*any_port, data, "--egress-bind", "192.0.2.7"], "Sites cannot be dialled from"),
        (["invite", "--data", data], "There is no operator's data folder"),
        (["invite", "--data", str(tmp_path)], "No operator has run with this data folder"),
        (["invite", "--data", operator["data"], "--expires", "soon"], "is not a time to expire"),
        (["invite", "--data", operator["data"], "--expires", "2001-01-01"], "The invite's last day is over"),
        (["invite", "--data", operator["data"], "--revoke", "nobody"], "There is no invite of that name."),
        (["bridge", "example.org"], "That is not an operator's address."),
        (["bridge", operator["url"], "--rate", "fast"], "That is not a rate."),
        (["bridge", operator["url"], "--max-readers", "0"], "max-readers"),
        (["connect"], "There is no invite."),
        (["connect", invite, "--listen", "0.0.0.0:0"], "Other machines could use the proxy"),
        (["connect", invite, "--listen", f"127.0.0.1:{port}"], "Another program listens"),
        (["get", invite, "gopher://example.org"], "That is not a URL"),
        (["get", invite, "http://127.0.0.1/", "-o", str(tmp_path)], "The output is a folder."),
        (["get", "http://127.0.0.1/"], "There is no invite."),
        (["get", "a", "b", "http://127.0.0.1/"], "There are too many arguments."),
        (["frobnicate"], "No such command"),
    ]
    for number, (arguments, cause) in enumerate(cases):
        # What one of them remembers is none of the others'.
        monkeypatch.setenv("UNWALLED_HOME", str(homes / str(number)))
        code = run_command(arguments)
        out, err = capsys.readouterr()
        shown = [line for line in err.splitlines() if not line.startswith("warning: ")]
        assert (code, out, len(shown)) == (2, "", 2), (arguments, err)
        assert shown[0].startswith("unwalled: "), arguments
        assert cause in shown[0], (arguments, err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "file", "policy.toml"]


def test_an_error_of_a_real_process_is_two_lines_and_no_traceback(operator: dict[str, str], tmp_path: Path) -> None:
    port = operator["url"].rpartition(":")[2]
    code, errors = failed("operate", "--listen", f"127.0.0.1:{port}", "--data", str(tmp_path / "data"))
    assert code == 2
    assert errors == [
        f"unwalled: Another program listens on 127.0.0.1:{port} already.",
        "Stop it, or choose another port with --listen.",
    ]


def test_a_configuration_is_checked_and_started_with_and_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "unwalled.toml"
    file.write_text('listen = "0.0.0.0:1"\ndata = "data"\nstun-lisen = ["off"]\npolicy = "policy.toml"\n')
    code, err = failed("config", "check", str(file))
    assert code == 2
    assert err == [
        f"unwalled: {file}, line 3: stun-lisen is unknown.",
        "Did you mean stun-listen?",
        f"unwalled: {file}, line 1: listen: With --listen on all addresses nobody can know at which one to reach this "
        "server.",
        "Say it with --public-url, such as --public-url https://bridge.example.org.",
    ]
    assert failed("operate", "--config", str(file))[0] == 2
    file.write_text('listen = "127.0.0.1:1"\ndata = "data"\npolicy = "policy.toml"\n')
    (tmp_path / "policy.toml").write_text("[sites]\nmode = 1\n")
    code, err = failed("config", "check", str(file))
    assert code == 2
    assert f"policy file {tmp_path}/policy.toml, line 2" in err[0]
    assert not (tmp_path / "data").exists()
    (tmp_path / "policy.toml").write_text('[sites]\nmode = "open"\n')
    with Command("config", "check", str(file)) as command:
        assert (command.ended(), command.out) == (0, [f"{file} is good."])
    with Command("operate", "--config", str(file), "--listen", "127.0.0.1:0") as command:
        port = int(words(command.line("ready"))["url"].rpartition(":")[2])
        assert port > 1
        assert (tmp_path / "data" / "keys.msgpack").exists()
        assert command.stopped() == 0


def test_keys_and_invites_move_to_another_machine(tmp_path: Path) -> None:
    old, new, file = str(tmp_path / "old"), str(tmp_path / "new"), str(tmp_path / "unwalled.backup")
    url = ("--public-url", "http://127.0.0.1:9")
    with Command("operate", "--listen", "127.0.0.1:0", "--data", old, *url) as operator:
        invite = words(operator.line("ready"))["invite"]
        with Command("backup", file, "--data", old) as backup:
            assert backup.ended() == 0
            assert backup.out == [f"written {file}: keep it secret, who has it can be you"]
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
        assert failed("backup", file, "--data", old)[0] == 2
        piped = subprocess.run([*_PYTHON, "backup", "-", "--data", old], capture_output=True, check=True).stdout
        assert piped.startswith(b"unwalled backup 1\n")
    restored = subprocess.run([*_PYTHON, "restore", "-", "--data", new], input=piped, capture_output=True, check=True)
    assert b"restored 4 files of " in restored.stdout
    code, err = failed("restore", file, "--data", new)
    assert (code, err[0]) == (2, "unwalled: The data folder is in use already.")
    with Command("restore", file, "--data", new, "--replace") as again:
        assert again.ended() == 0
        assert again.warned("Delete it when all is well")
    code, err = failed("restore", str(tmp_path), "--data", new)
    assert (code, "cannot be read" in err[0]) == (2, True)
    with Command("operate", "--listen", "127.0.0.1:0", "--data", new, *url) as operator:
        assert words(operator.line("ready"))["invite"] == invite
