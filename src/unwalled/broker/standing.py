"""What is known of one bridge: whether it delivers, how fast, and whether it is put aside. Pure; ``now`` comes in.

Three sources, and how far each is believed:

* **The broker's own eyes** (a bridge that is silent, refuses what it offered, or answers what it was not asked): fully.
* **The gateway's reports.** The gateway sees records change, lanes die and trickle, but a hostile reader at the other
  end can make an honest bridge look like that. So the first such word of an asker (its invite and network) weighs
  fully and puts the bridge aside at once, and each further word of the same asker within ``half_life_s`` weighs half
  of the one before. Who would keep a bridge out must come from many places with many invites, and learn the bridge's
  address in each (broker/harvest.py); with the address a censor could block it anyway.
* **Silence.** Lanes that were answered and of which the gateway never spoke: anybody could make them up by asking and
  not coming. They move a bridge back in the order, and past some of them in a row it rests between matches,
  for ``rest_max_s`` at most; the first lane that carries something ends that. The words of readers only move it back.

What was seen weighs half after ``half_life_s``, good and bad alike, so that a bridge gets its second chance; a good
report ends a time aside, except after records were changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from unwalled.broker.bounds import STANDING, StandingLimits
from unwalled.broker.limits import Asker
from unwalled.settings import BROKER, BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Verdict

_BAD_WEIGHT = 4.0
_POOR_BELOW = 0.2
_DOUBTFUL_BELOW = 0.4
_UNTRIED_BELOW = 0.5
_PROMISE_WEIGHT = 0.125
_MOST_PROMISES = 16.0
_SPEED_GAIN = 0.3


class Grade(IntEnum):
    """How a bridge is expected to do; the least comes first."""

    FIT = 0
    """It delivers, or nothing is known of it."""
    DOUBTFUL = 1
    POOR = 2


@dataclass(slots=True)
class Standing:
    """One bridge's record."""

    limits: BrokerLimits = field(default=BROKER, repr=False)
    learning: StandingLimits = field(default=STANDING, repr=False)
    most_promises: float = STANDING.promises
    good: float = 0.0
    bad: float = 0.0
    speed: float = 1.0
    """Its goodput beside that of others; 1.0 = as usual."""
    failures: float = 0.0
    failed_at: float = 0.0
    aside_until: float = 0.0
    is_tampering: bool = False
    """Whether it is aside because records were changed."""
    promises: float = 0.0
    """Matches that it answered and of which no lane has carried anything since."""
    rests_until: float = 0.0
    judged_at: float = 0.0
    voices: dict[tuple[bytes, bytes, bool], tuple[int, float]] = field(default_factory=dict, repr=False)
    """The one heard longest ago first."""

    def grade(self, now: float) -> Grade:
        """What to expect of it now."""
        self._forget(now)
        trust = (self.good + 1.0) / (self.good + self.bad + 2.0)
        if trust < _POOR_BELOW:
            return Grade.POOR
        return Grade.DOUBTFUL if trust < _DOUBTFUL_BELOW else Grade.FIT

    @property
    def is_untried(self) -> bool:
        """Whether hardly anything is known of it."""
        return self.good + self.bad < _UNTRIED_BELOW and self.promises < _UNTRIED_BELOW

    @property
    def is_proven(self) -> bool:
        """Whether it has carried something lately."""
        return self.good >= _UNTRIED_BELOW

    @property
    def burden(self) -> float:
        """What counts against it in the order, as a part of its capacity."""
        return _PROMISE_WEIGHT * min(self.promises, _MOST_PROMISES)

    @property
    def is_worth_remembering(self) -> bool:
        """Whether it should not be washed off by leaving and coming back."""
        return self.failures > 0.0 or self.bad >= _UNTRIED_BELOW

    def is_aside(self, now: float) -> bool:
        """Whether nobody gets it now."""
        return now < self.aside_until or now < self.rests_until

    def again(self) -> Standing:
        """For a bridge that comes from where this one left: what was held against it, and none of the good."""
        return replace(self, good=0.0, speed=1.0, promises=0.0, voices=dict(self.voices))

    def promised(self, now: float) -> None:
        """It answered a match; its lanes should carry something soon."""
        self._forget(now)
        self.promises += 1.0
        past = self.promises - self.most_promises
        if past > 0.0:
            length_s = self.learning.rest_first_s * 2.0 ** min(past, 30.0)
            self.rests_until = now + min(self.learning.rest_max_s, length_s)

    def failed(self, now: float) -> None:
        """The broker itself saw it fail a match."""
        self._put_aside(1.0, 1.0, now)

    def heard(self, report: LaneReport, asker: Asker, typical_bytes_s: float, now: float) -> bool:
        """The gateway's word about a lane of it; True when it speaks for the bridge.

        ``typical_bytes_s``: what lanes deliver as a rule, 0.0 = not known.
        """
        self._forget(now)
        if report.verdict is Verdict.GOOD:
            return self._carried(report, asker, typical_bytes_s, now)
        weight = self._weight(asker, False, now)
        base = _BAD_WEIGHT if report.verdict is Verdict.BAD else 1.0
        self._put_aside(base, weight, now)
        self.is_tampering |= report.verdict is Verdict.BAD
        return False

    def _carried(self, report: LaneReport, asker: Asker, typical_bytes_s: float, now: float) -> bool:
        self.promises = 0.0
        self.rests_until = 0.0
        is_slow = self._is_slow(report)
        weight = self._weight(asker, not (report.closed_early or is_slow), now)
        if report.closed_early:
            self._disappointed(self.learning.early_weight, weight, now)
            return False
        usual = report.peers_bytes_s or typical_bytes_s
        if report.rate_bytes_s and usual:
            share = min(max(report.rate_bytes_s / usual, self.learning.least_speed), self.learning.most_speed)
            self.speed *= (share / self.speed) ** (_SPEED_GAIN * weight)
        if is_slow:
            self._disappointed(1.0, weight, now)
            return False
        self.good += weight
        if not (self.is_tampering and now < self.aside_until):
            self.failures = max(0.0, self.failures - 1.0)
            self.aside_until = 0.0
            self.is_tampering = False
        return True

    def _disappointed(self, base: float, weight: float, now: float) -> None:
        """It did no harm that could be seen at once; by and by it is put aside, too."""
        self.bad += base * weight
        if self.grade(now) is Grade.POOR:
            self._put_aside(base, weight, now)

    def _is_slow(self, report: LaneReport) -> bool:
        limits = self.learning
        if not report.rate_bytes_s:
            return False
        if report.rate_bytes_s < limits.slow_share * report.peers_bytes_s:
            return True
        return report.limited_s >= limits.trickle_s and report.rate_bytes_s < limits.trickle_bytes_s

    def _put_aside(self, base: float, weight: float, now: float) -> None:
        if now < self.aside_until:
            # Several lanes of one match die together; that is one failure.
            return
        self._forget(now)
        self.bad += base * weight
        if now >= self.failed_at + 2.0 * self.limits.aside_max_s:
            self.failures = 0.0
        self.failures += base * weight
        self.failed_at = now
        # Past this the doubling has long reached its bound, and a float would overflow.
        exponent = min(max(self.failures - 1.0, 0.0), 30.0)
        length_s = min(self.limits.aside_max_s, self.limits.aside_first_s * 2.0**exponent)
        self.aside_until = now + weight * length_s
        self.is_tampering = False

    def _weight(self, asker: Asker, is_good: bool, now: float) -> float:
        voice = (asker.invite, asker.narrow, is_good)
        count, last = self.voices.pop(voice, (0, now))
        if now - last >= self.learning.half_life_s:
            count = 0
        self.voices[voice] = (count + 1, now)
        if len(self.voices) > self.learning.voices:
            del self.voices[next(iter(self.voices))]
        return 0.5 ** min(count, 30)

    def _forget(self, now: float) -> None:
        elapsed_s = now - self.judged_at
        if elapsed_s > 0.0:
            kept = 0.5 ** (elapsed_s / self.learning.half_life_s)
            self.good *= kept
            self.bad *= kept
            self.promises *= kept
            self.judged_at = now
