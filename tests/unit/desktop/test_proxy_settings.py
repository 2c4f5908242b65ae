from __future__ import annotations

import pytest

from tests.support.proxy_settings import FakeSettings
from unwalled.desktop.proxy_settings import ProxyWish, Value, Values, in_order, put_back

BEFORE: Values = {"host": "firm", "port": 3128, "pac": None, "ignore": "lan", "mode": "none"}
OURS = FakeSettings().wanted(ProxyWish("127.0.0.1", 1080))
EARLIER = FakeSettings().wanted(ProxyWish("127.0.0.1", 1090))


def after(**changes: Value) -> tuple[Values, bool]:
    """The setting in the end, when it was ours and a person has changed some of it."""
    settings = FakeSettings(**{**OURS, **changes})
    writes, is_theirs = put_back(settings, settings.read(), BEFORE, [EARLIER, OURS])
    settings.write(writes)
    return settings.read(), is_theirs


def test_what_is_all_ours_goes_back() -> None:
    assert after() == (BEFORE, False)
    assert after(**EARLIER) == (BEFORE, False)


def test_what_was_written_in_part_goes_back() -> None:
    assert after(mode="none", port=3128) == (BEFORE, False)
    assert after(port=EARLIER["port"], mode="none") == (BEFORE, False)


def test_what_is_as_before_is_not_written_again() -> None:
    settings = FakeSettings(**BEFORE)
    assert put_back(settings, settings.read(), BEFORE, [OURS]) == ({}, False)


def test_another_proxy_of_a_person_stays_and_is_used() -> None:
    assert after(host="theirs", port=8080) == ({**BEFORE, "host": "theirs", "port": 8080, "mode": "manual"}, True)
    # The same computer, another port: the two belong together.
    assert after(port=8118) == ({**BEFORE, "host": "127.0.0.1", "port": 8118, "mode": "manual"}, True)


def test_another_list_of_exceptions_stays_and_nothing_else() -> None:
    assert after(ignore="lan, printer") == ({**BEFORE, "ignore": "lan, printer"}, True)


def test_another_mode_stays() -> None:
    assert after(mode="auto", pac="http://firm/x.pac") == (
        {**BEFORE, "pac": "http://firm/x.pac", "mode": "auto"},
        True,
    )


def test_values_that_lock_others_are_written_last() -> None:
    assert [key for key, _ in in_order(FakeSettings(), {"mode": "x", "host": "y", "ignore": "z", "port": 1})] == [
        *("host", "port", "mode", "ignore")
    ]


@pytest.mark.parametrize("missing", ["host", "mode"])
def test_a_value_that_is_gone_is_a_persons_doing(missing: str) -> None:
    settings = FakeSettings(**{**OURS, missing: None})
    writes, is_theirs = put_back(settings, settings.read(), BEFORE, [OURS])
    assert is_theirs
    assert missing not in writes
