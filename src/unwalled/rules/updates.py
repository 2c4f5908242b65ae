"""Whether a new version of a list may take the old one's place, and when the next one is asked for. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from unwalled.errors import RuleError
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.formats import ParsedList
from unwalled.rules.names import comparable

_MAX_URL_CHARS = 512
_IF_RIGHT = "The list as it was stays. If the new one is right, remove the list and add it again."


def check_new(
    known_entries: int, new: ParsedList, known: ParsedList | None = None, limits: RulesLimits = RULES
) -> None:
    """Raises RuleError when what arrived should not replace a list that had ``known_entries`` patterns.

    Who can change a list (or the network on its way, were it not for TLS) could otherwise empty it, and with that have
    its sites looked up and dialled directly. One that shrinks little by little is not noticed. ``known``: that list, if
    it was read; then it counts how many of its patterns the new one still hides, so that neither others in their place
    nor exceptions make up for them. Takes about as long as reading both.
    """
    if not new.entries:
        raise RuleError(
            "What arrived holds no pattern that can be read.", "The list as it was stays. Check its address."
        )
    if new.bad_count > new.entries:
        raise RuleError(
            "Most lines of what arrived cannot be read.", "The list as it was stays. Check its address and format."
        )
    if new.entries < known_entries * limits.least_kept:
        raise RuleError(
            f"The new version holds {new.entries:,} patterns instead of {known_entries:,}, which may be an attack.",
            _IF_RIGHT,
        )
    hidden = [pattern for pattern in known.matches if known.hides(pattern)] if known is not None else []
    kept = sum(map(new.hides, hidden))
    if kept < len(hidden) * limits.least_kept:
        raise RuleError(
            f"Of {len(hidden):,} patterns the new version keeps {kept:,}, which may be an attack.", _IF_RIGHT
        )


def next_update_at(checked_at: float, has_failed: bool, chance: float, limits: RulesLimits = RULES) -> float:
    """When a list is asked for again, in Unix time. ``chance``: 0 to 1, so that readers do not ask all at once."""
    every_s = limits.update_retry_s if has_failed else limits.update_every_s
    return checked_at + every_s * (0.9 + 0.2 * chance)


def check_url(text: str) -> str:
    """The address of a list. Raises RuleError."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        is_plain = parts.username is None and parts.password is None
        _ = parts.port
    except ValueError:
        host, is_plain = "", False
        parts = urlsplit("")
    if parts.scheme != "https" or not host or not is_plain or len(text) > _MAX_URL_CHARS or not text.isprintable():
        raise RuleError(
            "This is no address of a list.", "It looks like https://example.org/list.txt; http:// is not safe enough."
        )
    # An address in place of a name has no certificate that anybody checks, and may be one of this network.
    comparable(host)
    return text
