"""Which requests the panel's server answers at all. Pure.

A panel's server is open to every program of the computer, and to every web page that is open in its browser. So it says
nothing, not even that it is there, to anybody who does not come from the panel's own page. Whoever is not answered sees
the connection end without a word: to a web page that tries ports, this is a port on which no web server listens.

::

    http://127.0.0.1:PORT/DOOR/            the page: DOOR is random and no secret of great weight; it may be opened from
                                           anywhere as a page of its own, since it does nothing without the token
    http://127.0.0.1:PORT/DOOR/panel.js    its parts: only for that page
    http://127.0.0.1:PORT/DOOR/api/…       the state and the verbs: only for that page, and with the token in a header
    http://127.0.0.1:PORT/pac/NAME.pac     the rules for browsers: NAME is random
    http://127.0.0.1:PORT/DOOR/#TOKEN      what a person opens: the token is in the part that no browser sends

``Sec-Fetch-*``: https://www.w3.org/TR/fetch-metadata/. Browsers from before 2023 do not send it; then only the secrets
and ``Origin`` hold.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import Enum

_OWN_SITES = frozenset({"", "none", "same-origin"})
_DOCUMENT = frozenset({"", "document"})


class Place(Enum):
    """Where a request goes."""

    NOWHERE = "nowhere"
    PAGE = "page"
    INSIDE = "inside"
    PAC = "pac"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the panel is. The repr shows nothing of it."""

    port: int
    door: str = field(repr=False)
    token: str = field(repr=False)
    pac_name: str = field(repr=False)

    @property
    def host(self) -> str:
        """What the Host header has to be. No name: a name can be made to point here (DNS rebinding)."""
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        """What Origin has to be, where it is sent."""
        return f"http://{self.host}"

    @property
    def url(self) -> str:
        """What a person opens. Secret."""
        return f"{self.origin}/{self.door}/#{self.token}"

    @property
    def pac_url(self) -> str:
        """For a browser that a person sets by hand. Secret: what it leads to names the rules."""
        return f"{self.origin}/pac/{self.pac_name}.pac"

    def place(self, path: str) -> Place:
        """Where a path leads. Takes as long for a good guess as for a bad one."""
        first, slash, rest = path.removeprefix("/").partition("/")
        if slash and is_same(first, self.door):
            return Place.INSIDE if rest else Place.PAGE
        if first == "pac" and is_same(rest, f"{self.pac_name}.pac"):
            return Place.PAC
        return Place.NOWHERE


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as it tells who asks. Headers that are not there are ""."""

    method: str
    path: str
    """As it was sent."""
    hosts: tuple[str, ...]
    origin: str = ""
    fetch_site: str = ""
    fetch_mode: str = ""
    fetch_dest: str = ""


def is_answered(asked: Asked, address: Address) -> bool:
    """Whether this request gets any answer."""
    if asked.hosts != (address.host,) or asked.origin not in ("", address.origin):
        return False
    match address.place(asked.path):
        case Place.NOWHERE:
            return False
        case Place.PAGE:
            # From a file of this computer, from a mail program: such a way in counts as another site's.
            is_own = asked.fetch_site in _OWN_SITES
            is_opened = (asked.method, asked.fetch_mode, asked.fetch_dest) == ("GET", "navigate", "document")
            return is_opened or (is_own and asked.fetch_dest in _DOCUMENT)
        case _:
            # Inside, and the PAC file.
            return asked.fetch_site in _OWN_SITES


def has_token(authorization: str, address: Address) -> bool:
    """Whether an Authorization header has the token (RFC 6750's form)."""
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() == "bearer" and is_same(token, address.token)


def is_same(given: str, secret: str) -> bool:
    """Compares without telling by its time how much was right."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode())
