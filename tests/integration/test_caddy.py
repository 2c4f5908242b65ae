"""The operator behind the Caddy of deploy/, with the Caddyfile as it is shipped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.structure.source import ROOT
from tests.support.missing import go_without
from tests.support.programs import PATIENCE_S, Command


def test_the_doctor_finds_all_well_behind_the_shipped_caddyfile(tmp_path: Path) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        go_without("CADDY", "There is no Caddy on this machine. Install it (Debian: apt install caddy).")
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        port, behind = free.getsockname()[1], other.getsockname()[1]
    url, data = f"https://localhost:{port}", str(tmp_path / "data")
    with Command(
        *("operate", "--listen", f"127.0.0.1:{behind}", "--public-url", url, "--trusted-proxy", "127.0.0.1"),
        *("--trusted-proxy", "::1", "--data", data, "--stun-listen", "off"),
    ) as operator:
        operator.line("ready")
        environment = {
            **os.environ,
            **{name: str(tmp_path / "caddy") for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")},
            "UNWALLED_DOMAIN": url,
            "UNWALLED_BEHIND": f"127.0.0.1:{behind}",
        }
        command = [caddy, "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
        with (tmp_path / "caddy.log").open("w+") as log:
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            try:
                authority = tmp_path / "caddy" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
                _until_there(authority, port, server)
                with Command("doctor", url, environment={"SSL_CERT_FILE": str(authority)}) as doctor:
                    assert doctor.ended() == 0, doctor.out
                good = {line.split()[1] for line in doctor.out if line.startswith("ok ")}
                # Its own authority's certificates last half a day, which the doctor doubts; in public it takes others.
                assert [line for line in doctor.out if line.startswith("doubt TLS ")]
                # Caddy passes WebSockets on, writes X-Forwarded-For anew, and so keeps the numbers from the public.
                assert {"operator", "addresses", "visitors", "numbers", "WebSocket"} <= good
            finally:
                server.terminate()
                server.wait(PATIENCE_S)
            log.seek(0)
            # Nobody who came stands in what it writes down.
            assert "remote_ip" not in log.read()


def _until_there(authority: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if authority.exists():
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail("Caddy did not start.")
