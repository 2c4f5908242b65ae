from __future__ import annotations

from unwalled.operator.bounds import QuotaLimits
from unwalled.operator.invites.shares import DayShares
from unwalled.settings import MIB

MINA, REZA = b"minamina", b"rezareza"


def shares(counted: int = 10, most_readers: int = 100) -> DayShares:
    return DayShares(1, b"k" * 32, QuotaLimits(counted_invites=counted, most_readers=most_readers))


def test_bytes_are_counted_for_each_invite() -> None:
    today = shares()
    assert [today.use(MINA, 5), today.use(MINA, 6), today.use(REZA, 1)] == [5, 11, 1]
    assert (today.used(MINA), today.used(b"nobody..")) == (11, 0)


def test_an_invite_without_a_place_in_the_table_has_nothing_left() -> None:
    today = shares(counted=1)
    assert today.use(MINA, 1) == 1
    assert today.use(REZA, 1) == QuotaLimits().uncounted_bytes
    today.take_over({REZA: 3, MINA: 3})
    assert (today.used(REZA), today.used(MINA)) == (0, 3 * MIB + 1)


def test_whole_mebibytes_are_written_and_the_rest_with_the_last_ones() -> None:
    today = shares()
    today.use(MINA, 2 * MIB + 7)
    today.use(REZA, 9)
    assert today.to_save(is_last=False) == {MINA: 2}
    assert today.to_save(is_last=False) == {}
    assert today.to_save(is_last=True) == {MINA: 1, REZA: 1}
    assert today.to_save(is_last=True) == {}


def test_what_others_have_written_counts_beside_ones_own() -> None:
    today = shares()
    today.use(MINA, MIB + 5)
    assert today.to_save(is_last=False) == {MINA: 1}
    today.take_over({MINA: 4})
    assert today.used(MINA) == 4 * MIB + 5
    today.take_over({MINA: 1})
    assert today.used(MINA) == 4 * MIB + 5, "what was known once is not forgotten"


def test_readers_are_told_apart_up_to_their_number() -> None:
    today = shares()
    came = (b"a", b"b", b"a", b"c", b"b")
    assert [today.admit(MINA, reader, 2) for reader in came] == [True, True, True, False, True]
    assert (today.readers(MINA), today.readers(REZA)) == (2, 0)
    assert today.admit(REZA, b"c", 2)


def test_a_reader_who_does_not_say_counts_as_another_each_time() -> None:
    today = shares()
    assert [today.admit(MINA, b"", 2) for _ in range(3)] == [True, True, False]


def test_readers_are_bounded_whatever_an_invite_allows() -> None:
    today = shares(counted=1, most_readers=1)
    assert [today.admit(MINA, reader, 9) for reader in (b"a", b"b")] == [True, False]
    assert not today.admit(REZA, b"a", 9)


def test_nothing_that_a_reader_sent_is_kept() -> None:
    today = shares()
    today.admit(MINA, b"reader of mina..", 5)
    assert b"reader of mina.." not in repr(today._readers).encode()


def test_private_swarms_leave_half_of_the_table_to_the_operators_invites() -> None:
    today = shares(counted=2)
    assert today.use(b"swarm-1.", 1, is_swarm=True) == 1
    assert today.use(b"swarm-2.", 1, is_swarm=True) == QuotaLimits().uncounted_bytes
    assert today.use(b"swarm-1.", 1, is_swarm=True) == 2
    assert today.use(MINA, 1) == 1
