"""One rate, shared fairly."""

from __future__ import annotations

from collections.abc import Callable

from unwalled.bridge.throttle import Throttle, TokenBucket


class Time:
    """A clock that stands still, and its timers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now + delay_s, callback))

    def run_until(self, end: float) -> None:
        while due := sorted((timer for timer in self.timers if timer[0] <= end), key=lambda timer: timer[0]):
            self.timers.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1]()
        self.now = end


def test_a_bucket_goes_into_debt_for_one_message_and_then_waits_it_off() -> None:
    bucket = TokenBucket(1000.0, 100.0, 0.0)
    assert bucket.take(600, 0.0)
    assert not bucket.take(1, 0.4)
    assert bucket.wait_s(0.4) > 0.1
    assert bucket.take(1, 0.4 + bucket.wait_s(0.4))


def test_a_bucket_saves_no_more_than_its_burst_and_ignores_a_clock_that_goes_back() -> None:
    bucket = TokenBucket(1000.0, 100.0, 0.0)
    assert bucket.take(100, 50.0)
    assert not bucket.take(1, 50.0)
    assert not bucket.take(1, 40.0)
    assert bucket.wait_s(51.0) == 0.0


def sender(log: list[str], name: str, messages: int, size: int) -> Callable[[], int]:
    left = [messages]

    def send_one() -> int:
        if not left[0]:
            return 0
        left[0] -= 1
        log.append(name)
        return size

    return send_one


def test_those_who_wait_take_turns_at_the_rate() -> None:
    time = Time()
    throttle = Throttle(80_000, lambda: time.now, time.call_later)  # 10,000 bytes a second, 1,000 at once
    assert throttle.take(1000)
    assert not throttle.take(1)
    log: list[str] = []
    throttle.wait(sender(log, "a", 20, 1000))
    throttle.wait(sender(log, "b", 20, 1000))
    assert not throttle.take(1), "nobody overtakes those who wait"
    time.run_until(1.0)
    assert 9 <= len(log) <= 11
    assert abs(log.count("a") - log.count("b")) <= 1
    time.run_until(10.0)
    assert (log.count("a"), log.count("b")) == (20, 20)
    assert throttle.take(1000)
    assert time.timers == []


def test_one_who_has_nothing_left_costs_nothing() -> None:
    time = Time()
    throttle = Throttle(80_000, lambda: time.now, time.call_later)
    throttle.wait(lambda: 0)
    time.run_until(0.0)
    assert throttle.take(1000)
