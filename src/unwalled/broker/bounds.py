"""Bounds that only a broker needs: as in settings.py, and listed on the same page."""

from __future__ import annotations

from dataclasses import dataclass

from unwalled.settings import KIB, MIB


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SwarmLimits:
    """Private swarms: bridges that help only the holders of their own link."""

    max_swarms: int = 1000
    """Swarms at once of which a bridge is there."""
    bridges_per_swarm: int = 16
    """Bridges of one swarm: the pages and programs of a family's helpers."""
    bridges_per_prefix: int = 32
    """Private bridges of each /24 or /48 that are connected to a broker: one asker with a swarm for each must not take
    all places."""
    wide_bridges: int = 128
    """The same for each /16 or /32."""


SWARM = SwarmLimits()


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class StandingLimits:
    """What is known of a bridge, and how it is forgotten."""

    half_life_s: float = 1800.0
    """After so long what was seen of a bridge weighs half."""
    voices: int = 16
    """Askers whose words about one bridge are told apart, so that one that repeats itself weighs less each time."""
    slow_share: float = 0.125
    """A lane with less than this part of what the session's lanes through other bridges deliver is slow."""
    trickle_bytes_s: float = 2.0 * KIB
    """A lane that held its session up and delivered less than this, too."""
    trickle_s: float = 5.0
    """For how long it must have been the limit for that."""
    early_weight: float = 0.5
    """What a lane that was closed early counts, beside one that died: honest pages close, too."""
    least_speed: float = 0.25
    """The least that a bridge's speed counts, as a part of the usual one."""
    most_speed: float = 4.0
    """The most that it counts."""
    promises: float = 8.0
    """Matches that a bridge may have answered in a row without a lane that carried anything, before it has to rest."""
    promises_at_most: float = 16.0
    """The same for a bridge that takes many readers at once."""
    rest_first_s: float = 5.0
    """How long it rests then; twice as long for each further one."""
    rest_max_s: float = 300.0
    """The longest rest. Not out: who only asks and never comes must not be able to keep a bridge out."""
    explore_share: float = 0.125
    """The part of matches in which a bridge of which nothing is known goes before all others."""
    most_candidates: int = 2048
    """Bridges of one NAT class that are looked at for a match at most when too few of those drawn first fit."""
    unproven_lanes: int = 16
    """A bridge that has not carried anything yet counts for so many lanes at most, whatever it claims."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class HarvestLimits:
    """How many bridges one asker is told of: docs/explanation/threat-model.md computes a day's number from these."""

    narrow_burst: float = 64.0
    """Bridges that a /24 or /48 was not given before, at once."""
    narrow_per_h: float = 8.0
    """The same on average in an hour."""
    narrow_earned_per_h: float = 128.0
    """How many more it may earn in an hour with what it carries."""
    wide_burst: float = 512.0
    """The same for each /16 or /32, at once."""
    wide_per_h: float = 64.0
    """The same on average in an hour."""
    wide_earned_per_h: float = 1024.0
    """How many more it may earn in an hour with what it carries."""
    invite_burst: float = 256.0
    """The same for all holders of one invite, at once."""
    invite_per_h: float = 32.0
    """The same on average in an hour."""
    invite_earned_per_h: float = 4096.0
    """How many more it may earn in an hour with what it carries."""
    bytes_per_bridge: float = 4.0 * MIB
    """What the gateway must have seen carried for an asker before it is told of one bridge more: a carrier's NAT full
    of readers earns what it needs, and who only collects has to carry."""
    known_bridges: int = 8192
    """Bridges that are remembered as given for each prefix or invite."""
    known_in_all: int = 1_000_000
    """The same over all of them; past it the longest unused prefix or invite is forgotten."""
    new_penalty: float = 0.25
    """By what part of its capacity a bridge that the asker was given before may be more used than a new one and still
    be preferred."""


STANDING = StandingLimits()
HARVEST = HarvestLimits()
