"""What was learned is remembered for a while, and never by name."""

from __future__ import annotations

import pytest

from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.memory import KEY_BYTES, Learned, Memory, Sign

KEY = bytes(range(KEY_BYTES))
NOW = 1_800_000_000.0
HOUR_S, DAY_S = 3600.0, 86_400.0


def test_a_site_counts_as_blocked_until_that_has_expired() -> None:
    memory = Memory(KEY)
    memory.add("WWW.Example.org.", Sign.RESET, NOW)
    assert memory.has("www.example.org", NOW)
    assert memory.get("www.example.org", NOW) == Learned(NOW, NOW + DAY_S, Sign.RESET)
    assert memory.has("www.example.org", NOW + DAY_S - 1)
    assert not memory.has("www.example.org", NOW + DAY_S)
    assert memory.get("www.example.org", NOW + DAY_S) is None
    assert not memory.has("example.org", NOW)
    assert memory.get("example.org", NOW) is None


@pytest.mark.parametrize(
    ("sign", "lasts_s"),
    [
        (Sign.FORGED_NAME, DAY_S),
        (Sign.RESET, DAY_S),
        (Sign.OTHER_ANSWER, DAY_S),
        (Sign.NO_NAME, HOUR_S),
        (Sign.NO_CONNECTION, HOUR_S),
        (Sign.SILENCE, HOUR_S),
        (Sign.CERTIFICATE, HOUR_S),
    ],
)
def test_what_may_have_been_a_bad_network_is_not_held_against_a_site_for_long(sign: Sign, lasts_s: float) -> None:
    memory = Memory(KEY)
    memory.add("a.example", sign, NOW)
    assert memory.has("a.example", NOW + lasts_s - 1)
    assert not memory.has("a.example", NOW + lasts_s)


def test_what_is_found_again_counts_longer_each_time_within_a_bound() -> None:
    memory = Memory(KEY)
    now = NOW
    lasted: list[float] = []
    for _ in range(12):
        memory.add("a.example", Sign.SILENCE, now)
        found = memory.get("a.example", now)
        assert found is not None
        lasted.append(found.until - found.since)
        now = found.until
    assert lasted[:3] == [HOUR_S, 2 * HOUR_S, 4 * HOUR_S]
    assert lasted[-1] == RULES.learned_most_s
    memory.add("a.example", Sign.RESET, now)
    assert memory.counts(now) == {Sign.RESET: 1}


def test_one_broken_handshake_is_none_two_are_a_sign() -> None:
    memory = Memory(KEY)
    assert not memory.doubt("a.example", Sign.CERTIFICATE, NOW)
    assert not memory.has("a.example", NOW)
    assert memory.doubt("a.example", Sign.CERTIFICATE, NOW + 60)
    assert memory.counts(NOW + 60) == {Sign.CERTIFICATE: 1}


def test_old_doubts_do_not_count() -> None:
    memory = Memory(KEY)
    memory.doubt("a.example", Sign.CERTIFICATE, NOW)
    assert not memory.doubt("a.example", Sign.CERTIFICATE, NOW + RULES.doubt_s)
    # Nor do those from a future that the clock has come back from.
    memory.doubt("b.example", Sign.CERTIFICATE, NOW + 1_000_000)
    assert not memory.doubt("b.example", Sign.CERTIFICATE, NOW)


def test_forgetting() -> None:
    memory = Memory(KEY)
    memory.add("a.example", Sign.RESET, NOW)
    memory.doubt("b.example", Sign.CERTIFICATE, NOW)
    assert memory.forget("A.example")
    assert not memory.forget("a.example")
    assert not memory.has("a.example", NOW)
    assert memory.forget("b.example")
    assert not memory.doubt("b.example", Sign.CERTIFICATE, NOW)
    memory.add("a.example", Sign.RESET, NOW)
    memory.forget_all()
    assert memory.counts(NOW) == {}


def test_bounds() -> None:
    memory = Memory(KEY, RulesLimits(learned_sites=2))
    for number in range(3):
        memory.add(f"{number}.example", Sign.RESET, NOW + number)
        memory.doubt(f"doubted-{number}.example", Sign.CERTIFICATE, NOW)
    assert memory.counts(NOW + 3) == {Sign.RESET: 2}
    assert not memory.has("0.example", NOW + 3)
    assert not memory.doubt("doubted-0.example", Sign.CERTIFICATE, NOW)
    assert memory.doubt("doubted-2.example", Sign.CERTIFICATE, NOW)


def test_a_clock_that_was_put_back_makes_nothing_last_for_years() -> None:
    memory = Memory(KEY)
    memory.add("a.example", Sign.RESET, NOW)
    assert memory.has("a.example", NOW - 60)
    assert not memory.has("a.example", NOW - 3 * DAY_S)


def test_no_name_is_kept() -> None:
    memory = Memory(KEY)
    memory.add("secret.example", Sign.RESET, NOW)
    memory.doubt("secret.example", Sign.CERTIFICATE, NOW)
    rows = memory.rows(NOW)
    assert b"secret" not in repr((rows, vars(memory), memory)).encode()
    assert len(rows[0][0]) == 16
    assert Memory(bytes(KEY_BYTES)).rows(NOW) == []


def test_over_a_restart() -> None:
    memory = Memory(KEY)
    memory.add("a.example", Sign.RESET, NOW)
    memory.add("old.example", Sign.RESET, NOW - 2 * DAY_S)
    again = Memory(memory.key)
    again.restore(memory.rows(NOW), NOW)
    assert again.has("a.example", NOW)
    assert again.counts(NOW) == {Sign.RESET: 1}
    other = Memory(bytes(KEY_BYTES))
    other.restore(memory.rows(NOW), NOW)
    assert not other.has("a.example", NOW)


def test_a_file_that_was_tampered_with_gives_nothing_that_lasts() -> None:
    memory = Memory(KEY, RulesLimits(learned_sites=1))
    name = bytes(16)
    memory.restore(
        [
            (b"short", Learned(NOW, NOW + 1, Sign.RESET)),
            (name, Learned(NOW, NOW + 10 * 365 * DAY_S, Sign.RESET)),
            (name, Learned(NOW, NOW - 1, Sign.RESET)),
            (name, Learned(NOW + DAY_S, NOW + 2 * DAY_S, Sign.RESET)),
        ],
        NOW,
    )
    assert memory.counts(NOW) == {}
    rows = [(bytes([number]) * 16, Learned(NOW + number, NOW + 100, Sign.RESET)) for number in range(3)]
    memory.restore(rows, NOW)
    assert memory.rows(NOW + 5) == rows[2:]
