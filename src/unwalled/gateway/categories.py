"""Categories of sites from files on this machine: read whole, into little memory. Blocking; a million names take some
seconds. Nothing is ever fetched: how the files get here is the operator's choice."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from unwalled.errors import ConfigurationError, RuleError
from unwalled.gateway.bounds import POLICY, PolicyLimits
from unwalled.gateway.hosttable import HostReader, HostTable
from unwalled.rules.adblock import looks_like_adblock

_KEY_BYTES = 16
_HEAD_BYTES = 65_536
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


def load_category(paths: Sequence[Path], limits: PolicyLimits = POLICY) -> HostTable:
    """One table from several files. Raises ConfigurationError, with the file."""
    reader = HostReader(os.urandom(_KEY_BYTES), limits)
    for path in paths:
        try:
            _read(path, reader, limits)
        except OSError as error:
            raise ConfigurationError(
                f"The list {path} cannot be read: {error.strerror}.", "Check the path and its permissions."
            ) from None
        except RuleError as error:
            raise ConfigurationError(f"The list {path} cannot be taken. {error.cause}", error.remedy) from None
    return reader.table()


def _read(path: Path, reader: HostReader, limits: PolicyLimits) -> None:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > limits.category_bytes:
            raise RuleError(f"It is larger than {limits.category_bytes >> 20} MiB.", "Take a shorter one.")
        head = file.read(_HEAD_BYTES)
        if head.startswith(_PACKED):
            raise RuleError("It is compressed.", "Unpack it first.")
        if head.lstrip()[:9].lower() in (b"<!doctype", b"<html>") or head.lstrip()[:5].lower() == b"<html":
            raise RuleError("It is a web page, not a list.", "Look for the address of the raw file.")
        file.seek(0)
        # A line without an end must not be held whole.
        lines = iter(functools.partial(file.readline, 4 * limits.line_bytes), b"")
        reader.read(lines, is_adblock=looks_like_adblock(head))
