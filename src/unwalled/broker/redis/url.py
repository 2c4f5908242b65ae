"""The URL of a shared store: where it may stand, and what it looks like. It may hold a password, so nothing tells it.

Loads nothing of Redis, so that a configuration can be checked without it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from unwalled.broker.redis.bounds import REDIS
from unwalled.errors import ConfigurationError

VARIABLE = "UNWALLED_REDIS_URL"
"""The variable of the environment that may hold it; a file that is named goes before."""
URL_REMEDY = (
    "Write it as redis://HOST:PORT, rediss://HOST:PORT for TLS, or unix:///PATH, with USER:PASSWORD@ before the host."
)
_SCHEMES = ("redis", "rediss", "unix")


def find_url(file: Path | None, environment: Mapping[str, str]) -> str:
    """The URL of the store that brokers share; "" when there is none. Raises ConfigurationError."""
    url = environment.get(VARIABLE, "") if file is None else _read(file)
    if url or file is not None:
        check_url(url)
    return url


def check_url(url: str) -> None:
    """Raises ConfigurationError, without telling the URL, when it is none of a Redis server."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in _SCHEMES and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        _ = parts.port
    except ValueError:
        is_good = False
    if not is_good:
        raise ConfigurationError("This is not the URL of a Redis server.", URL_REMEDY)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(REDIS.url_bytes + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read ({error.strerror}).", "Check the path and its permissions."
        ) from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o007:
        raise ConfigurationError(
            f"Every user of this machine may read {file}, which may hold a password.", f"Run: chmod 600 {file}."
        )
    if len(content) > REDIS.url_bytes:
        raise ConfigurationError(f"{file} is too large for one URL.", URL_REMEDY)
    return content.decode("utf-8", "replace").strip()
