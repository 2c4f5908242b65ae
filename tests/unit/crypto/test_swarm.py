from __future__ import annotations

import json
from pathlib import Path

from unwalled.crypto.swarm import SECRET_BYTES, swarm_invite_id, swarm_tag
from unwalled.wire.invite import Invite

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "invites.json").read_text(encoding="utf-8"))


def test_vectors() -> None:
    (case,) = VECTORS["swarms"]
    secret = bytes.fromhex(case["secret"])
    assert len(secret) == SECRET_BYTES
    assert swarm_tag(secret) == case["tag"]
    assert swarm_invite_id(case["tag"]).hex() == case["invite_id"]
    given, link = Invite.parse(case["given"], 0.0), Invite.parse(case["text"], 0.0)
    assert (given.swarm, link.swarm) == (b"", secret)
    assert link.text == case["text"]


def test_a_tag_gives_nothing_away_that_another_secret_would_share() -> None:
    first, second = swarm_tag(bytes(16)), swarm_tag(bytes(15) + b"\x01")
    assert first != second
    assert swarm_invite_id(first) != swarm_invite_id(second)
