"""Bounds of the reader's rules: as in settings.py, and listed on the same page. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from unwalled.settings import KIB, MIB


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RulesLimits:
    """What the reader's rules hold, and how long the direct way is tried."""

    list_bytes: int = 16 * MIB
    """The largest list that is read; a larger one is refused whole, since half a list would hide what is missing."""
    list_lines: int = 1_000_000
    """Lines of a list; past it the list is refused whole."""
    list_entries: int = 500_000
    """Patterns of a list; past it the list is refused whole."""
    line_bytes: int = 2048
    """A longer line of a list is skipped and counted."""
    bad_lines: int = 100
    """Lines with errors that are told one by one; further ones are only counted."""
    wildcards: int = 1000
    """Patterns of a list with a * in the middle of a name: each name is compared with those that could fit it."""
    wildcard_stars: int = 8
    """So often a * may stand in one of them: each costs a step of that comparison."""
    max_lists: int = 32
    """Lists that a reader may have."""
    own_patterns: int = 5000
    """Patterns that a person wrote."""
    learned_sites: int = 4096
    """Sites that were found to be blocked; those found longest ago are forgotten first."""
    learned_surely_s: float = 86_400.0
    """How long a site counts as blocked after a sign that only a censor gives: a forged address, a reset before the
    first byte of an answer, an answer that is not TLS."""
    learned_perhaps_s: float = 3600.0
    """The same after silence, which may also have been a bad network."""
    learned_most_s: float = 14 * 86_400.0
    """What is found again counts twice as long as the last time, up to this: each direct try shows the site's name."""
    doubts: int = 2
    """So many connections to a site must end as if its certificate were wrong before it counts as blocked."""
    doubt_s: float = 600.0
    """Within this time."""
    direct_connect_s: float = 5.0
    """For a site to accept a direct connection, its look-up included, before bridges are taken."""
    direct_answer_s: float = 6.0
    """For the first byte of its answer to what may be asked twice."""
    repeatable_bytes: int = 16 * KIB
    """What an application may have sent, at most, for it to be sent again through bridges."""
    direct_patience_s: float = 30.0
    """For a site that goes directly only to accept a connection."""
    direct_datagram_hosts: int = 256
    """Names that a program's datagrams may lead to directly, for each association."""
    datagrams_waiting: int = 64
    """Datagrams that wait for a look-up, or for the application to take them; then the oldest are dropped."""
    pac_bytes: int = 1 * MIB
    """The largest PAC file: browsers read it again and again. With more patterns everything goes to the proxy, which
    knows them all."""
    update_every_s: float = 86_400.0
    """Between updates of a list; a bit more or less each time."""
    update_retry_s: float = 3600.0
    """After an update that failed."""
    update_timeout_s: float = 120.0
    """For a list to arrive."""
    update_redirects: int = 5
    """Redirects that an update follows, to https:// only."""
    least_kept: float = 0.5
    """A new version that hides less than this part of what the old one hid is not taken by itself: whoever can change
    a list could uncover its sites."""
    rules_look_s: float = 5.0
    """How often it is looked whether another program has changed the rules on the disk, or a list is due."""
    read_again: int = 3
    """How often files that change while they are read are read once more at once."""


RULES = RulesLimits()
