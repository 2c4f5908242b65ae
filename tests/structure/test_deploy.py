"""What deploy/ ships: units that systemd takes and calls safe, a container and a web server that fit the operator."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.structure.source import ROOT
from unwalled.operator.bounds import DRAIN, OPERATOR
from unwalled.operator.configuration import build, read_config
from unwalled.operator.options import DEFAULT_LISTEN, DEFAULT_STUN_PORTS

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
PROGRAM = "/opt/unwalled/bin/unwalled"
MOST_EXPOSED = 20
"""In tenths, as systemd counts: what has no sandbox at all has 96."""
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_each_unit(unit: Path, tmp_path: Path) -> None:
    for one in UNITS:
        (tmp_path / one.name).write_text(one.read_text().replace(PROGRAM, sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    # It says what it does not know and ignores, and ends with 0 all the same.
    assert (told.returncode, [line for line in told.stderr.splitlines() if "unwalled" in line]) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", [one for one in UNITS if one.suffix == ".service"], ids=lambda unit: unit.name)
def test_systemd_calls_each_service_safe(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout[-200:]


def test_no_unit_lets_an_invite_into_a_log() -> None:
    assert "StandardOutput=null" in (DEPLOY / "systemd" / "unwalled.service").read_text()
    for word, shown in (("operate", ""), ("invite", "invite --data x\n")):
        command = [str(DEPLOY / "container" / "quiet"), "/bin/echo", word, "--data", "x"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == shown


def test_there_are_descriptors_for_every_connection() -> None:
    unit = (DEPLOY / "systemd" / "unwalled.service").read_text()
    compose = (DEPLOY / "compose.yaml").read_text()
    for pattern, text in ((r"LimitNOFILE=(\d+)", unit), (r"nofile: (\d+)", compose)):
        found = re.search(pattern, text)
        assert found is not None
        assert int(found[1]) > 2 * OPERATOR.max_connections


def test_the_example_of_a_configuration_is_good_and_fits_what_stands_before_it() -> None:
    file = read_config(DEPLOY / "unwalled.toml")
    assert file.errors == ()
    options = build(file.given)
    assert str(options.listen) == DEFAULT_LISTEN
    assert f"{{$UNWALLED_BEHIND:{DEFAULT_LISTEN}}}" in (DEPLOY / "Caddyfile").read_text()
    container = (DEPLOY / "Containerfile").read_text()
    assert f"http://{DEFAULT_LISTEN}/healthz" in container
    assert re.findall(r"(\d+)/udp", container) == [str(port) for port in DEFAULT_STUN_PORTS]


def test_the_container_holds_what_the_lock_file_says_and_runs_as_nobody() -> None:
    container = (DEPLOY / "Containerfile").read_text()
    # Of the build, too: its backend is in the same lock file.
    assert len(re.findall(r"pip install .*--requirement", container)) == container.count("--require-hashes") == 1
    user = re.search(r"^USER (\d+):(\d+)$", container, re.MULTILINE)
    assert user is not None
    assert "0" not in user.groups()
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", container, re.MULTILINE)
    copied = {word for line in lines for word in line.split()}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    for version in re.findall(r"python:(3\.\d+)-slim", container):
        assert f"Programming Language :: Python :: {version}" in python


def test_both_services_of_the_compose_file_are_shut_in() -> None:
    services = (DEPLOY / "compose.yaml").read_text().partition("services:\n")[2].partition("\nvolumes:")[0]
    parts = [part for part in re.split(r"^  (?=\w+:$)", services, flags=re.MULTILINE) if part.strip()]
    assert [part.partition(":")[0] for part in parts] == ["unwalled", "caddy"]
    wanted = ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]', "network_mode: host")
    for part in parts:
        assert [line for line in wanted if f"    {line}\n" not in part] == []
        assert "privileged: true" not in part


def test_whoever_stops_a_gateway_waits_longer_than_it_drains() -> None:
    unit = (DEPLOY / "systemd" / "unwalled-gateway@.service").read_text()
    compose = (DEPLOY / "compose.gateways.yaml").read_text()
    for pattern, text in ((r"TimeoutStopSec=(\d+)", unit), (r"stop_grace_period: (\d+)s", compose)):
        found = re.search(pattern, text)
        assert found is not None
        assert int(found[1]) > DRAIN.drain_s
    # The first signal is for the one process that knows what to do then.
    assert "KillMode=mixed" in unit
