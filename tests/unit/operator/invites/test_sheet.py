from __future__ import annotations

import csv
import io
import re

from tests.unit.operator.invites.test_book import KEYS, NOW
from unwalled.crypto.tokens import mint_token
from unwalled.operator.invites.book import InviteEntry, MadeInvite
from unwalled.operator.invites.sheet import as_csv, as_page, as_png, as_svg, file_name
from unwalled.wire.invite import Invite

BASE = "https://news.example"


def made(label: str, number: int = 1) -> MadeInvite:
    name = bytes((number,)) * 8
    token = mint_token(KEYS.invite_key, name, 0)
    invite = Invite.make(KEYS.identity, KEYS.broker_key().public, token, [BASE], [])
    return MadeInvite(InviteEntry(name.hex(), label, int(NOW), 0), invite)


def test_the_table_has_each_link_and_no_formula() -> None:
    both = [made('Aunt "Mina", Kabul', 1), made("=HYPERLINK(1)", 2)]
    rows = list(csv.reader(io.StringIO(as_csv(both, BASE))))
    assert rows[0] == ["label", "id", "link"]
    assert rows[1] == ['Aunt "Mina", Kabul', "01" * 8, both[0].invite.link(BASE)]
    assert rows[2][0] == "'=HYPERLINK(1)"


def test_the_page_holds_what_was_written_as_text_and_asks_nobody() -> None:
    page = as_page([made("<b>Reza</b>")], BASE)
    assert "&lt;b&gt;Reza" in page
    assert "<b>" not in page
    assert "<script" not in page
    assert made("").invite.link(BASE) in page
    assert page.count("<svg") == 1


def test_the_whole_code_fits_into_its_place_on_the_page() -> None:
    drawn = re.search(r"<svg[^>]*>", as_page([made("Reza")], BASE))
    assert drawn
    # Without its own measures as a view box, what is larger than the place would be cut off.
    assert re.search(r' viewBox="0 0 (\d+) \1"', drawn[0])
    assert " width=" not in drawn[0]


def test_pictures_and_their_names() -> None:
    one = made("Reza", 7)
    assert as_svg(one, BASE).startswith(b"<?xml")
    assert as_png(one, BASE).startswith(b"\x89PNG")
    assert file_name(one, 3) == "invite-003-" + "07" * 8
    assert "Reza" not in file_name(one, 3)
    assert "uw1" not in repr(one)


def test_on_a_small_screen_the_code_stands_above_its_words() -> None:
    assert re.search(r"@media screen and \(max-width: \d+rem\) \{ \.card \{ flex-direction: column", as_page([], BASE))
