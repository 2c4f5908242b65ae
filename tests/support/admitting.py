"""Who may in, as an operator judges it: for tests that need no whole operator."""

from __future__ import annotations

import os
from pathlib import Path

from unwalled.clock import Clock, SystemClock
from unwalled.crypto.identity import OperatorKeys
from unwalled.operator.bounds import QUOTA, QuotaLimits
from unwalled.operator.invites.admission import Admission
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.invites.quotas import Quotas


def admission(
    keys: OperatorKeys,
    folder: Path,
    clock: Clock | None = None,
    *,
    swarms: bool = False,
    limits: QuotaLimits = QUOTA,
    book: InviteBook | None = None,
) -> Admission:
    """Over a data folder, with the system's clock if no other is given."""
    clock = clock or SystemClock()
    book = book or InviteBook(folder)
    return Admission(keys, book, Quotas(folder, clock, os.urandom, limits), clock, swarms=swarms, limits=limits)
