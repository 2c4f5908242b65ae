"""The keys of a running operator: renewed ones are taken without a restart, and those whose time is over are
forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from unwalled.clock import Clock
from unwalled.crypto.identity import KEYS_FILE, OperatorKeys
from unwalled.crypto.rotation import forgetful
from unwalled.datafolder import Stamp, locked, stamp_of
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import QUOTA, QuotaLimits

KEYS_LOCK = "keys.lock"
_log = logging.getLogger(__name__)


class LiveKeys:
    """Looks at the file of keys, and tells when there are others."""

    def __init__(
        self,
        folder: Path,
        keys: OperatorKeys,
        clock: Clock,
        apply: Callable[[OperatorKeys], None],
        limits: QuotaLimits = QUOTA,
    ) -> None:
        """``apply`` is called with the keys at once, and then with others whenever there are some."""
        self._folder = folder
        self._clock = clock
        self._apply = apply
        self._limits = limits
        self._stamp = self._look()
        self.now = keys
        apply(keys)

    async def watch(self) -> None:
        """Looks every ``keys_check_s``, until cancelled."""
        while True:
            await asyncio.sleep(self._limits.keys_check_s)
            self.check()

    def check(self) -> None:
        """Takes renewed keys, and forgets those whose time is over. A file that cannot be read changes nothing."""
        stamp = self._look()
        try:
            if stamp != self._stamp:
                self._stamp = stamp
                found = OperatorKeys.load(self._folder)
                if found is not None and found != self.now:
                    self.now = found
                    self._apply(found)
                    _log.info("There are new keys.")
            if forgetful(self.now, self._clock.wall()) is not self.now:
                self.now = forget_ended(self._folder, self._clock)
                self._stamp = self._look()
                self._apply(self.now)
                _log.info("An old key is over and forgotten.")
        except ConfigurationError as error:
            reason = error.cause
            _log.warning("The keys of before stay in use. %s", reason)

    def _look(self) -> Stamp:
        return stamp_of(self._folder / KEYS_FILE)


def forget_ended(folder: Path, clock: Clock) -> OperatorKeys:
    """Takes the secrets of keys that are over out of the file. Raises ConfigurationError."""
    with locked(folder / KEYS_LOCK):
        held = OperatorKeys.load(folder)
        if held is None:
            raise ConfigurationError("The keys are gone from the data folder.", "Put a backup in their place.")
        kept = forgetful(held, clock.wall())
        if kept is not held:
            kept.save(folder)
        return kept
