"""Bounds of an operator that has gateway workers."""

from __future__ import annotations

from dataclasses import dataclass

from unwalled.settings import KIB, MIB


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class WorkerLimits:
    """How an operator runs the processes that hold its sessions."""

    most: int = 64
    """Gateway workers; more than the machine has cores bring nothing."""
    start_s: float = 30.0
    """For a worker to be ready, on a busy machine."""
    end_s: float = 3.0
    """For a worker to tell its readers and end; then it is killed."""
    message_bytes: int = 64 * KIB
    """The largest message between operator and worker."""
    waiting_messages: int = 4096
    """Messages that a worker has not taken yet, lanes among them; a further lane is turned away."""
    read_batch: int = 64
    """Messages that are read before others have their turn."""
    reports: int = 128
    """Reports of lanes in one message."""
    report_s: float = 0.2
    """How long reports are gathered."""
    status_s: float = 0.5
    """How often a worker tells its counts; so old are the numbers of a process with workers at most."""
    stable_s: float = 60.0
    """A worker that lived so long is started again at once; others wait, each time for twice as long."""
    first_pause_s: float = 0.2
    """The first such wait."""
    longest_pause_s: float = 30.0
    """The longest."""
    invites_check_s: float = 2.0
    """How often the invite book is told to, or heard from, the operator's other processes on other machines."""
    invites_bytes: int = 8 * MIB
    """The largest book that is."""


WORKERS = WorkerLimits()
