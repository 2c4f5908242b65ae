"""Tries the one-file program: its size and start, and the whole chain with nothing else (`make program`).

python scripts/try_program.py dist/unwalled
"""

from __future__ import annotations

import contextlib
import http.server
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

BODY = b"read freely\n" * 10_000
STARTS = 5
PATIENCE_S = 60.0


class _Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def site() -> Iterator[str]:
    """A site on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def service(program: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """A command that runs until it is told to stop; what its ready line says."""
    with subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True) as process:
        killer = threading.Timer(PATIENCE_S, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if line.startswith("ready ")), "")
            if not line:
                raise SystemExit(f"`{arguments[0]}` did not start.")
            yield dict(word.split("=", 1) for word in line.split()[1:])
        finally:
            killer.cancel()
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def said(program: Path, *arguments: str) -> bytes:
    """What a command prints. Ends this program when it fails."""
    done = subprocess.run([program, *arguments], capture_output=True, check=False, timeout=PATIENCE_S)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(arguments[:1])}` failed: {done.stderr.decode(errors='replace')}")
    return done.stdout


def main() -> int:
    """See the module."""
    program = Path(sys.argv[1]).resolve()
    # Away from the sources: only what is in the file may be found.
    with tempfile.TemporaryDirectory() as folder, site() as url:
        os.chdir(folder)
        os.environ |= {"UNWALLED_HOME": f"{folder}/home", "TMPDIR": folder}
        times = []
        for _ in range(STARTS):
            begin = time.perf_counter()
            version = said(program, "--version").decode().strip()
            times.append(time.perf_counter() - begin)
        assert b"--keep-profile" in said(program, "browse", "--help")
        said(program, "browse", "--list")
        operate = service(program, "operate", "--listen", "127.0.0.1:0", "--data", f"{folder}/data", "--allow-private")
        with operate as operator, service(program, "bridge", operator["url"]):
            assert said(program, "get", operator["invite"], url) == BODY
            # What we start must find the system's libraries, not those in the file.
            browser = Path(folder, "firefox-stand-in")
            browser.write_text('#!/bin/sh\nenv >"$0.environment"\n')
            browser.chmod(0o755)
            said(program, "browse", operator["invite"], "--browser", str(browser))
            environment = Path(folder, "firefox-stand-in.environment").read_text()
            assert not any("PATH=" in line and "_MEI" in line for line in environment.splitlines()), environment
            with service(program, "connect", operator["invite"], "--listen", "127.0.0.1:0", "--no-panel") as reader:
                curl = ["curl", "-sS", "--max-time", "30", "-x", f"http://{reader['proxy']}", url]
                assert subprocess.run(curl, capture_output=True, check=True).stdout == BODY
        left = sorted(path.name for path in Path(folder).glob("_MEI*"))
        os.chdir("/")
    size_mb = program.stat().st_size / 1e6
    start_s = statistics.median(times)
    print(f"{version}: {size_mb:.1f} MB, starts in {start_s:.2f} s, reads through a bridge of its own.")
    if left:
        raise SystemExit(f"It has left {len(left)} folders of temporary files.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
