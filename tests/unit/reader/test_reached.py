"""The memory of targets that were reached lately."""

from __future__ import annotations

from dataclasses import replace

from unwalled.reader.reached import ReachedTargets
from unwalled.settings import READER
from unwalled.wire.address import Target

LIMITS = replace(READER, reached_s=300.0, reached_targets=2)
SITE, OTHER, THIRD = (Target.parse(f"{name}.example", 443) for name in ("site", "other", "third"))


def test_a_target_is_known_for_a_while_after_it_was_reached() -> None:
    reached = ReachedTargets(LIMITS)
    assert not reached.has(SITE, 0.0)
    reached.add(SITE, 10.0)
    assert reached.has(SITE, 309.0)
    assert not reached.has(SITE, 310.0)
    assert not reached.has(Target.parse("site.example", 80), 20.0)


def test_reaching_it_again_prolongs_that() -> None:
    reached = ReachedTargets(LIMITS)
    reached.add(SITE, 0.0)
    reached.add(SITE, 200.0)
    assert reached.has(SITE, 499.0)


def test_a_failure_is_believed_at_once_and_may_come_twice() -> None:
    reached = ReachedTargets(LIMITS)
    reached.add(SITE, 0.0)
    reached.remove(SITE)
    reached.remove(SITE)
    assert not reached.has(SITE, 1.0)


def test_past_the_bound_the_one_that_was_reached_longest_ago_is_forgotten() -> None:
    reached = ReachedTargets(LIMITS)
    reached.add(SITE, 0.0)
    reached.add(OTHER, 1.0)
    reached.add(SITE, 2.0)
    reached.add(THIRD, 3.0)
    assert [reached.has(target, 4.0) for target in (SITE, OTHER, THIRD)] == [True, False, True]


def test_it_tells_nobody_what_it_holds() -> None:
    reached = ReachedTargets(LIMITS)
    reached.add(SITE, 0.0)
    assert repr(reached) == "ReachedTargets(1)"
