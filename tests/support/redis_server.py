"""A Redis or Valkey server of a test's own: on a unix socket, without persistence, ended by its process."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.missing import go_without

PATIENCE_S = 20.0


class RedisProcess:
    """A server that can be killed, paused and started anew, empty."""

    def __init__(self, *options: str) -> None:
        """``options`` of its configuration, such as ``--requirepass``, ``secret``. Skips the test without a server."""
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            go_without("REDIS", "neither redis-server nor valkey-server is installed")
        # In a folder with a short name, since that of a unix socket has at most some hundred bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="unwalled-redis-"))
        self.path = self._folder / "socket"
        self.url = f"unix://{self.path}"
        fixed = ["--port", "0", "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._command = [program, *fixed, "--unixsocket", str(self.path), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self.path.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self.path))
                    return
                except OSError:
                    assert self._process.poll() is None, "the Redis server did not start"
                    assert time.monotonic() < deadline, "the Redis server does not listen"
            time.sleep(0.01)

    def kill(self) -> None:
        """Ends it without a word; what it held is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It does nothing any more, and its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After ``pause``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def say(self, *words: str) -> bytes:
        """Sends one command and gives the first 64 KiB of the raw answer."""
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(PATIENCE_S)
            plain.connect(str(self.path))
            plain.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            return plain.recv(65536)

    def close(self) -> None:
        """Ends it and removes its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
