"""Invites to hand out, one for each friend: a table, and a page to print with a code for each. Pure.

What is made here lets whoever reads it in: write it to files of the owner's only.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

import segno

from unwalled.operator.invites.book import MadeInvite

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STYLE = """
body { font: 12pt/1.4 system-ui, sans-serif; margin: 1cm; color: #000; background: #fff }
.card { display: flex; gap: 1cm; align-items: center; border: 1px dashed #777; padding: .6cm; margin: 0 0 .5cm;
  break-inside: avoid }
.card svg { width: 5.5cm; height: 5.5cm; flex: none }
.card div { min-width: 0 }
h2 { font-size: 14pt; margin: 0 0 .2cm; overflow-wrap: anywhere }
p { margin: .1cm 0; overflow-wrap: anywhere }
.link { font: 8pt/1.3 ui-monospace, monospace }
@media screen and (max-width: 40rem) { .card { flex-direction: column; align-items: start } body { margin: .5cm } }
"""


def as_csv(made: Sequence[MadeInvite], base_url: str) -> str:
    """A table with the columns label, id, link. A label that a table program would take for a formula is quoted."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(("label", "id", "link"))
    for one in made:
        label = one.entry.label
        table.writerow((f"'{label}" if label.startswith(_FORMULA) else label, one.entry.id, one.invite.link(base_url)))
    return out.getvalue()


def as_page(made: Sequence[MadeInvite], base_url: str) -> str:
    """A page to print and to cut up: a code, the label and the link of each. It asks nobody for anything."""
    cards = "".join(_card(one, base_url) for one in made)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">'
        f"<title>Invites</title><style>{_STYLE}</style></head><body>\n{cards}</body></html>\n"
    )


def as_svg(one: MadeInvite, base_url: str) -> bytes:
    """The code of one invite as a picture."""
    out = io.BytesIO()
    _code(one, base_url).save(out, kind="svg", scale=4, border=4)
    return out.getvalue()


def as_png(one: MadeInvite, base_url: str) -> bytes:
    """The same in dots."""
    out = io.BytesIO()
    _code(one, base_url).save(out, kind="png", scale=6, border=4)
    return out.getvalue()


def file_name(one: MadeInvite, number: int) -> str:
    """Of a picture, without its ending: in the order in which they were made; the label stays out of file names."""
    return f"invite-{number:03}-{one.entry.id}"


def _card(one: MadeInvite, base_url: str) -> str:
    label, link = html.escape(one.entry.label), html.escape(one.invite.link(base_url))
    return (
        f'<section class="card">{_code(one, base_url).svg_inline(border=4, omitsize=True)}<div><h2>{label}</h2>'
        f"<p>Scan this, or type the link. Whoever has it can read: give it to one person.</p>"
        f'<p class="link">{link}</p></div></section>\n'
    )


def _code(one: MadeInvite, base_url: str) -> segno.QRCode:
    return segno.make(one.invite.link(base_url), error="l", micro=False)
