from __future__ import annotations

from unwalled.app.meter import Counts, Meter


def test_rates_are_measured_over_the_time_between_two_looks() -> None:
    meter: Meter[str] = Meter(0.5)
    assert meter.measure(lambda: {"a": (100, 0)}, 10.0) == {}
    assert meter.measure(lambda: {"a": (200, 1000), "b": (7, 7)}, 12.0) == {"a": (400.0, 4000.0)}


def test_who_asks_often_gets_the_same_answer_and_costs_nothing() -> None:
    meter: Meter[str] = Meter(0.5)
    looks = 0

    def count() -> dict[str, Counts]:
        nonlocal looks
        looks += 1
        return {"a": (looks * 100, 0)}

    meter.measure(count, 0.0)
    first = meter.measure(count, 0.5)
    assert meter.measure(count, 0.9) == first == {"a": (1600.0, 0.0)}
    assert looks == 2
    assert meter.measure(count, 1.0) == {"a": (1600.0, 0.0)}
    assert looks == 3


def test_what_begins_anew_is_not_negative_and_what_goes_is_forgotten() -> None:
    meter: Meter[str] = Meter(0.5)
    meter.measure(lambda: {"a": (100, 100)}, 0.0)
    assert meter.measure(lambda: {"a": (50, 200)}, 1.0) == {"a": (0.0, 800.0)}
    assert meter.measure(dict, 2.0) == {}
