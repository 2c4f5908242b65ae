"""Bounds of the gateway's watch over lanes, and of its policy: as in settings.py, and listed on the same page. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from unwalled.settings import KIB, MIB


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class WatchLimits:
    """When the gateway tells the broker how bridges do."""

    first_report_s: float = 3.0
    """After a session's start: its bridges have shown by then whether they carry anything at all."""
    report_every_s: float = 60.0
    """Between further reports of a session's lanes: a bridge may turn bad in its second hour."""
    tick_s: float = 1.0
    """Between looks at whose reports are due."""
    least_limited_s: float = 0.2
    """A lane that was the limit for less long has no goodput that could be compared."""
    early_s: float = 10.0
    """A lane that its transport loses sooner than this, with next to nothing carried, was closed early."""
    early_bytes: int = 16 * KIB
    """What counts as next to nothing: the messages that set a lane up, and some pings."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PolicyLimits:
    """What an operator's rules for readers may hold."""

    categories: int = 32
    """Categories of sites that are refused, such as malware."""
    category_files: int = 32
    """Files of one category."""
    category_bytes: int = 128 * MIB
    """The largest file of a category; a larger one is refused whole, since half a list would hide what is missing."""
    category_names: int = 4_000_000
    """Names of a category: eight bytes each."""
    category_others: int = 100_000
    """Networks, addresses and patterns with a * within of a category."""
    line_bytes: int = 2048
    """A longer line of a category's file is skipped and counted."""
    blocks: int = 10_000
    """Targets that are blocked by hand."""
    blocks_file_bytes: int = 4 * MIB
    """The largest ``blocks.json`` that is read."""
    look_s: float = 2.0
    """How often it is looked whether the policy, its lists or the blocks have changed on the disk."""
    refused_hosts: int = 1000
    """Hosts that a report of refused ones counts; further ones are counted together."""
    refused_minutes: int = 60
    """How long such a report may run."""
    traffic_file_bytes: int = 4096
    """The largest ``traffic.json`` that is read."""
    traffic_save_s: float = 60.0
    """How often the traffic of day and month is written down, so that a restart does not forget more than that."""


POLICY = PolicyLimits()
WATCH = WatchLimits()
