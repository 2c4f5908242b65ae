"""A Tor network of this machine's own: a directory authority, an exit, and whoever a test adds. All on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.missing import go_without

PATIENCE_S = 120.0
"""A first list of relays takes some seconds, and a client some more to learn of it."""
PLUGIN = f"unwalled exec {sys.executable} -m unwalled.cli pt"

_COMMON = """\
TestingTorNetwork 1
DataDirectory {folder}
Log notice file {folder}/notices.log
Log notice stderr
SafeLogging 0
ShutdownWaitLength 0
AvoidDiskWrites 1
SocksPort {socks}
AssumeReachable 1
"""
_AUTHORITY = """\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
Nickname authority
ContactInfo nobody@example.org
Address 127.0.0.1
ORPort 127.0.0.1:{orport} IPv4Only
DirPort 127.0.0.1:{dirport} IPv4Only
ExitRelay 0
TestingV3AuthInitialVotingInterval 5
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 10
V3AuthVoteDelay 2
V3AuthDistDelay 2
TestingDirAuthVoteExit *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
"""
_EXIT = """\
Nickname exit
Address 127.0.0.1
ORPort 127.0.0.1:{orport} IPv4Only
ExitRelay 1
ExitPolicyRejectPrivate 0
ExitPolicy accept *:*
"""


def needs_tor() -> None:
    """Skips a test where tor is not installed, or lets it fail where it must be."""
    if not (shutil.which("tor") and shutil.which("tor-gencert")):
        go_without("TOR", "There is no tor on this machine. Install it (Debian: apt install tor).")


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Tor:
    """One running tor."""

    folder: Path
    process: asyncio.subprocess.Process

    def log(self) -> str:
        """What it has said so far."""
        file = self.folder / "notices.log"
        return file.read_text() if file.exists() else ""

    async def says(self, words: str, within_s: float = PATIENCE_S) -> None:
        """Waits until it has said some words."""
        try:
            async with asyncio.timeout(within_s):
                while words not in self.log():  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"tor never said {words!r}:\n{self.log()}") from None

    def fingerprint(self) -> str:
        """The name of a relay."""
        return (self.folder / "fingerprint").read_text().split()[-1]


@dataclass(frozen=True, slots=True)
class TorNetwork:
    """The network. Give ``add`` more lines for a torrc, and it starts one more tor."""

    folder: Path
    directory: str
    _undo: AsyncExitStack

    async def add(self, name: str, lines: Iterable[str], socks: int = 0) -> Tor:
        """Starts a tor that knows this network only. ``socks``: the port where it takes applications, 0 for none."""
        all_lines = "\n".join((self.directory, *lines))
        return await self._undo.enter_async_context(_running(self.folder / name, all_lines, socks))


@asynccontextmanager
async def tor_network(folder: Path) -> AsyncIterator[TorNetwork]:
    """An authority and an exit, which agree on a first list of relays while the block runs. At its end all are gone."""
    orport, dirport = free_port(), free_port()
    place = folder / "authority"
    torrc = _AUTHORITY.format(orport=orport, dirport=dirport)
    v3 = await asyncio.to_thread(_make_authority, place, dirport)
    fingerprint = await asyncio.to_thread(_fingerprint_of, place)
    directory = f"DirAuthority authority orport={orport} v3ident={v3} 127.0.0.1:{dirport} {fingerprint}"
    async with AsyncExitStack() as undo:
        network = TorNetwork(folder, directory, undo)
        await network.add("authority", [torrc])
        await network.add("exit", [_EXIT.format(orport=free_port())])
        yield network


@asynccontextmanager
async def _running(folder: Path, lines: str, socks: int) -> AsyncIterator[Tor]:
    torrc = _prepare(folder, lines, socks)
    with (folder / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *_tor_alone(folder)[:3],
            *("-f", str(torrc), "--hush"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield Tor(folder, process)
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    finally:
        # With what it has started, unless that is gone already, as it should be.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await process.wait()


def _prepare(folder: Path, lines: str, socks: int) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    torrc = folder / "torrc"
    torrc.write_text(_COMMON.format(folder=folder, socks=socks) + lines + "\n")
    return torrc


def _make_authority(folder: Path, dirport: int) -> str:
    """Makes an authority's keys; gives their name."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True)
    folder.chmod(0o700)
    subprocess.run(
        ["tor-gencert", "--create-identity-key", "--passphrase-fd", "0", "-m", "3", "-a", f"127.0.0.1:{dirport}"],
        cwd=keys,
        input=b"secret\n",
        capture_output=True,
        check=True,
    )
    found = re.search(r"^fingerprint ([0-9A-F]{40})$", (keys / "authority_certificate").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def _fingerprint_of(folder: Path) -> str:
    """Makes a relay's keys; gives its name."""
    told = subprocess.run(
        [
            *_tor_alone(folder),
            *("--hush", "--list-fingerprint", "--DataDirectory", str(folder), "--Nickname", "authority"),
            *("--ORPort", "1", "--ExitRelay", "0", "--Address", "127.0.0.1", "--TestingTorNetwork", "1"),
            *("--DirAuthority", f"authority 127.0.0.1:1 {'f' * 40}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip().splitlines()[-1].partition(" ")[2].replace(" ", "")


def _tor_alone(folder: Path) -> list[str]:
    """The command that starts a tor which reads no configuration of this machine's."""
    nothing = folder / "no-torrc"
    nothing.touch()
    return ["tor", "--defaults-torrc", str(nothing), "-f", str(nothing)]
