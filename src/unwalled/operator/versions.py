"""The versions of the widget that this operator has served, kept in its data folder.

A site that pins the widget names one version and its hash. When the operator upgrades, that version goes on being
served from here, so the site's switch does not stop. To withdraw a version, delete its file and start again.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import msgspec

from unwalled.datafolder import make_private_folder, read_private, replace_private
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR, OperatorLimits
from unwalled.web.pages import Page, version_pages, widget_files, widget_version

FOLDER = "widgets"
_SUFFIX = ".msgpack"
_NAME = re.compile(r"widget(?:-[A-Za-z0-9-]{1,64})?\.js")

_log = logging.getLogger(__name__)


def keep_versions(data: Path, limits: OperatorLimits = OPERATOR) -> list[Page]:
    """Adds the version of this program to those in the data folder, and gives the pages of the others.

    Only the versions that were in use last are kept, ``limits.kept_widgets`` of them. A damaged one is not served.
    Raises ConfigurationError when the folder cannot be used.
    """
    folder = data / FOLDER
    make_private_folder(folder)
    current = folder / f"{widget_version()}{_SUFFIX}"
    # Also where it is: that mends a damaged one, and who goes back to an older program shall not lose that one first.
    replace_private(current, msgspec.msgpack.encode(widget_files()))
    found = [file for file in folder.glob(f"*{_SUFFIX}") if file.is_file()]
    files = sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[limits.kept_widgets :]:
        file.unlink(missing_ok=True)
    others = [file for file in files[: limits.kept_widgets] if file != current]
    return [page for file in others for page in _read(file, limits)]


def _read(file: Path, limits: OperatorLimits) -> list[Page]:
    version = file.name.removesuffix(_SUFFIX)
    try:
        content = read_private(file, limits.max_widget_bytes) or b""
        bodies = msgspec.msgpack.decode(content, type=dict[str, bytes])
    except (ConfigurationError, msgspec.MsgspecError):
        # No reason not to start: browsers would refuse it anyway.
        bodies = {}
    # The script's hash is the version's name, and it holds the hashes of its parts.
    is_whole = widget_version(bodies.get("widget.js", b"")) == version and all(map(_NAME.fullmatch, bodies))
    if not is_whole:
        _log.warning("A version of the widget in the data folder is damaged and is not served.")
        return []
    return version_pages(version, bodies)
