"""What the person wants to go through bridges, and which way a connection goes. Pure."""

from __future__ import annotations

from enum import StrEnum


class RuleMode(StrEnum):
    """What goes through bridges."""

    EVERYTHING = "everything"
    """All of it, always; no rule and no list changes that."""
    BLOCKED = "blocked"
    """What is on a list or was learned to be blocked; everything else direct."""
    LISTED = "listed"
    """Only the reader's own patterns and lists; nothing is tried, nothing is learned."""


class ListRole(StrEnum):
    """What a list is for. The person says so; no list can say it of itself."""

    BLOCKED = "blocked"
    """What is on it goes through bridges."""
    DIRECT = "direct"
    """What is on it goes directly, unless something says that it is blocked: a country's own sites."""


class Way(StrEnum):
    """Where a connection goes."""

    BRIDGES = "bridges"
    DIRECT = "direct"
    """Directly, and nowhere else if that fails."""
    DIRECT_FIRST = "direct-first"
    """Directly; through bridges when the direct way shows that it is blocked."""
    REFUSED = "refused"
    """Nowhere: it leads into this computer or its own network, where no web page should reach through a proxy."""


class Reason(StrEnum):
    """Why it goes there."""

    EVERYTHING = "everything"
    OWN = "own"
    """A pattern that the person wrote."""
    LIST = "list"
    LEARNED = "learned"
    """The direct way was found to be blocked."""
    HIDDEN = "hidden"
    """A name that no resolver of the Internet may see, such as those of onion services (RFC 7686)."""
    LOCAL = "local"
    """A name or an address of this computer or its network."""
    FORGED = "forged"
    """The look-up gave an address that is no site's: somebody answered in the name server's place."""
    UNLISTED = "unlisted"
