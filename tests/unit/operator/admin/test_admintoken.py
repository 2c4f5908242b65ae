from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from unwalled.broker.limits import Prefixes
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.admin.admintoken import ADMIN_FILE, TOKEN_PREFIX, AdminToken, Logins, WrongTokens
from unwalled.operator.bounds import ADMIN, AdminLimits


def test_a_token_is_shown_once_and_kept_as_a_hash_for_its_owner_alone(tmp_path: Path) -> None:
    held = AdminToken(tmp_path)
    assert not held.is_set
    assert not held.is_right("")
    token = held.make(os.urandom)
    assert token.startswith(TOKEN_PREFIX)
    assert held.is_right(token)
    assert not held.is_right(token[:-1])
    assert not held.is_right("")
    assert not held.is_right("\udcff")
    file = tmp_path / ADMIN_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_text()
    assert token not in content
    assert token.removeprefix(TOKEN_PREFIX) not in content
    assert hashlib.sha256(token.encode()).hexdigest() not in content
    assert token not in repr(held)


def test_who_runs_already_sees_a_token_made_replaced_and_removed(tmp_path: Path) -> None:
    running, command = AdminToken(tmp_path), AdminToken(tmp_path)
    first = command.make(os.urandom)
    assert running.is_right(first)
    with pytest.raises(UsageError, match="There is an admin token already"):
        command.make(os.urandom)
    second = command.make(os.urandom, replace=True)
    assert not running.is_right(first)
    assert running.is_right(second)
    assert command.remove()
    assert not command.remove()
    assert not running.is_set
    assert not running.is_right(second)


def test_a_file_that_others_may_read_or_that_is_damaged_opens_nothing(tmp_path: Path) -> None:
    running = AdminToken(tmp_path)
    token = running.make(os.urandom)
    file = tmp_path / ADMIN_FILE
    assert running.is_right(token)
    file.chmod(0o644)
    assert not running.is_right(token)
    with pytest.raises(ConfigurationError, match="Other users"):
        AdminToken(tmp_path)
    file.chmod(0o600)
    assert running.is_right(token)
    for content, cause in (
        ("{}", "damaged"),
        ('{"v": 0, "hash": "' + "0" * 64 + '"}', "damaged"),
        ('{"v": 2}', "newer"),
    ):
        file.write_text(content)
        with pytest.raises(ConfigurationError, match=cause):
            AdminToken(tmp_path)
        assert not running.is_set


def test_only_so_many_wrong_tokens_are_looked_at_for_each_part_of_the_network() -> None:
    wrong = WrongTokens()
    here, there = Prefixes(b"here", b"wide"), Prefixes(b"there", b"wide")
    tried = 0
    while wrong.wait_s(here, 0.0) == 0.0:
        wrong.count(here, 0.0)
        tried += 1
    assert tried == ADMIN.wrong_tokens_burst
    assert wrong.wait_s(there, 0.0) == 0.0
    wait_s = wrong.wait_s(here, 0.0)
    assert wrong.wait_s(here, wait_s + 0.001) == 0.0


def test_a_login_ends_by_its_time_with_its_token_or_when_it_is_closed() -> None:
    logins = Logins(os.urandom, AdminLimits(logins=2))
    cookie = logins.open(b"hash", 0.0)
    assert logins.holds(cookie, b"hash", 0.0)
    assert not logins.holds("", b"hash", 0.0)
    assert logins.holds(cookie, b"hash", ADMIN.login_s - 1)
    assert not logins.holds(cookie, b"hash", ADMIN.login_s)
    for other in (b"other", b""):
        cookie = logins.open(b"hash", 0.0)
        assert not logins.holds(cookie, other, 0.0)
        # Whose token was replaced does not come back with it.
        assert not logins.holds(cookie, b"hash", 0.0)
    assert not logins.holds(logins.open(b"", 0.0), b"", 0.0)
    cookie = logins.open(b"hash", 0.0)
    logins.close(cookie)
    logins.close("unknown")
    assert not logins.holds(cookie, b"hash", 0.0)
    first, *others = (logins.open(b"hash", 0.0) for _ in range(3))
    assert [logins.holds(one, b"hash", 0.0) for one in (first, *others)] == [False, True, True]
