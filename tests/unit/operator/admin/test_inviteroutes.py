"""What the admin's API says of invites when the book cannot be read."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from unwalled.clock import SystemClock
from unwalled.crypto.identity import OperatorKeys
from unwalled.operator.admin.inviteroutes import InviteQuery, InviteRoutes, NewInvite
from unwalled.operator.admin.problems import Problem
from unwalled.operator.admin.routes import Call, Route
from unwalled.operator.invites.book import BOOK_FILE, InviteBook
from unwalled.operator.options import PublicUrl

KEYS = OperatorKeys.make(os.urandom)
ID = {"id": "0123456789abcdef"}


async def answer(route: Route) -> None:
    await route.handle(Call(ID, InviteQuery(), NewInvite()))


def test_a_book_that_cannot_be_read_is_no_mistake_of_who_asks(tmp_path: Path) -> None:
    routes = InviteRoutes(
        lambda: KEYS, InviteBook(tmp_path), PublicUrl.parse("https://news.example"), (), SystemClock()
    ).routes()
    (tmp_path / BOOK_FILE).write_bytes(b"{")
    (tmp_path / BOOK_FILE).chmod(0o600)
    assert len(routes) == 4
    for route in routes:
        with pytest.raises(Problem) as raised:
            asyncio.run(answer(route))
        assert raised.value.status == 503, route.name
        assert "invites.json in the data folder is damaged." in str(raised.value)
