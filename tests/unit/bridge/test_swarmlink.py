from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from unwalled.bridge.operator import OperatorUrl
from unwalled.bridge.swarmlink import SWARMS_FILE, forget_secret, readers_link, remember_link, remembered_secret
from unwalled.errors import ConfigurationError, SignallingError, UsageError
from unwalled.wire.invite import Invite

NEWS, OTHER = OperatorUrl.parse("https://news.example/"), OperatorUrl.parse("https://other.example")
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "invites.json").read_text(encoding="utf-8"))


def test_the_secret_of_an_operator_stays_until_it_is_forgotten(tmp_path: Path) -> None:
    secret = remembered_secret(tmp_path, NEWS, os.urandom)
    assert remembered_secret(tmp_path, NEWS, os.urandom) == secret
    assert remembered_secret(tmp_path, OTHER, os.urandom) != secret
    assert (tmp_path / SWARMS_FILE).stat().st_mode & 0o777 == 0o600
    assert forget_secret(tmp_path, NEWS)
    assert not forget_secret(tmp_path, NEWS)
    assert not forget_secret(tmp_path / "nothing", NEWS)
    assert remembered_secret(tmp_path, NEWS, os.urandom) != secret


def test_the_link_is_that_of_the_vectors_and_another_helper_can_join_it(tmp_path: Path) -> None:
    (case,) = VECTORS["swarms"]
    secret = bytes.fromhex(case["secret"])
    link = readers_link(case["given"], secret, NEWS, 0.0)
    assert link == f"https://news.example/read#{case['text']}"
    assert Invite.parse(link, 0.0).swarm == secret
    assert remember_link(tmp_path, NEWS, link) == secret
    assert remembered_secret(tmp_path, NEWS, os.urandom) == secret
    with pytest.raises(UsageError, match="not the link of a private swarm"):
        remember_link(tmp_path, NEWS, case["given"])


def test_an_operator_that_gives_no_invite_is_told() -> None:
    with pytest.raises(SignallingError):
        readers_link("", bytes(16), NEWS, 0.0)


def test_swarms_are_bounded(tmp_path: Path) -> None:
    for number in range(64):
        remembered_secret(tmp_path, OperatorUrl.parse(f"https://news{number}.example"), os.urandom)
    with pytest.raises(UsageError, match="too many"):
        remembered_secret(tmp_path, NEWS, os.urandom)


@pytest.mark.parametrize(("content", "words"), [("oops", "damaged"), ('{"v":2}', "newer"), ('{"v":1}', "damaged")])
def test_a_file_that_cannot_be_understood_is_left_as_it_is(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / SWARMS_FILE).write_text(content)
    (tmp_path / SWARMS_FILE).chmod(0o600)
    with pytest.raises(ConfigurationError, match=words):
        remembered_secret(tmp_path, NEWS, os.urandom)
    assert (tmp_path / SWARMS_FILE).read_text() == content
