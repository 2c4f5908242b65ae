"""curl as an application of the proxy."""

from __future__ import annotations

import asyncio
import os
import shutil

import pytest

from unwalled.reader.listener import ProxyAddress


async def curl(*arguments: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "--max-time", "60", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out


def ways(at: ProxyAddress) -> dict[str, list[str]]:
    return {
        "absolute": ["--proxy", f"http://{at}"],
        "connect": ["--proxytunnel", "--proxy", f"http://{at}"],
        "socks5": ["--socks5-hostname", str(at)],
        "socks5 password": ["--socks5-hostname", str(at), "--proxy-user", "me:secret", "--socks5-basic"],
        "socks4a": ["--socks4a", str(at)],
        "socks4": ["--socks4", str(at)],
    }


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
