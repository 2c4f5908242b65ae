"""Whether a reader can have the places that a person gave it, told before anything leaves this computer.

Who watches the network sees that a door was knocked at; a mistake in an option should not cost that. This stands in the
way of the first packet, so it loads next to nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from unwalled.errors import ConfigurationError
from unwalled.network.listening import check_place, try_place

if TYPE_CHECKING:
    from unwalled.operator.options import ListenAddress

_PRIVATE = 0o600


def check_places(listen: ListenAddress | None, trace: Path | None, *, allow_remote: bool) -> None:
    """Raises ConfigurationError, in the words of who would take these places later."""
    if listen is not None:
        host = "127.0.0.1" if listen.host == "localhost" else listen.host
        check_place(host, listen.port, allow_remote=allow_remote)
        try_place(host, listen.port)
    if trace is not None:
        try:
            os.close(os.open(trace, os.O_WRONLY | os.O_CREAT, _PRIVATE))
        except OSError as error:
            raise ConfigurationError(
                f"The trace cannot be written ({error.strerror}).", "Give a place that you may write to with --trace."
            ) from None
