"""What the panel asks of the others: the reader's service, its rules, and the desktop around it.

The panel knows them only by these protocols, so that its tests bring doubles. Everything here is called in the event
loop's own thread. What fails for a cause that a person can mend raises an ``UnwalledError``; the page shows its cause
and remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from unwalled.app.preferences import Preferences
from unwalled.app.rulesview import Imported as Imported
from unwalled.app.rulesview import ListView as ListView
from unwalled.app.rulesview import Problem as Problem
from unwalled.app.rulesview import RulesView as RulesView
from unwalled.app.snapshot import AppSnapshot, InviteView


class Service(Protocol):
    """The reader's service: ``unwalled.app.service.ReaderService``."""

    @property
    def preferences(self) -> Preferences:
        """What the person has chosen."""

    async def set_preferences(self, preferences: Preferences, /) -> None:
        """Takes what is like ``preferences`` but for what was changed; remembers it and keeps to it."""

    def snapshot(self) -> AppSnapshot:
        """How things are now. Cheap: it is asked for about once a second for each open panel."""

    def subscribe(self, callback: Callable[[], None], /) -> Callable[[], None]:
        """Calls back at each change other than of numbers; gives what undoes it."""

    async def switch_on(self) -> None:
        """Begins, or does nothing when it is on."""

    async def switch_off(self) -> None:
        """Ends, or does nothing when it is off."""

    def add_invite(self, text: str, label: str = "", /) -> InviteView:
        """Remembers an invite, as text or link. Raises the InviteErrors."""

    def use_invite(self, invite_id: str, /) -> None:
        """Puts this one first. Raises UsageError when there is no such invite."""

    def forget_invite(self, invite_id: str, /) -> None:
        """Raises UsageError when there is no such invite."""

    def invite_text(self, invite_id: str, /) -> str:
        """The line ``uw1.…``, to be handed on. Raises UsageError when there is no such invite."""


class Rules(Protocol):
    """The reader's book of rules."""

    def view(self) -> RulesView:
        """Cheap: it is asked for with each snapshot, and compared with the last one."""

    def add(self, text: str, /) -> Imported:
        """Adds own patterns, one a line, and remembers those that can be understood."""

    def remove(self, pattern: str, /) -> None:
        """Takes one of ``RulesView.own`` away; nothing happens when it is not there."""

    async def import_list(self, title: str, text: str, is_direct: bool, /) -> Imported:
        """Adds a list, or puts it in the place of the one with this title, in any of the formats that people have.

        ``text`` may be an address alone, from which it is fetched through the bridges. Raises UnwalledError when
        nothing of it can be understood, or it cannot be fetched.
        """

    def remove_list(self, list_id: str, /) -> None:
        """Nothing happens when it is not there."""

    async def update_lists(self) -> None:
        """Renews those lists that have an address, through the bridges. Raises UnwalledError when none could be."""

    def forget_learned(self) -> None:
        """Forgets what was found to be blocked."""

    def pac(self) -> str:
        """The same rules as a PAC file for the proxy that listens now."""


class Desktop(Protocol):
    """The system's settings around the reader. What is done here is also remembered in the preferences."""

    @property
    def can_set_proxy(self) -> bool:
        """Whether this desktop's proxy settings are ones that we know to set and to put back."""

    @property
    def can_start_at_login(self) -> bool:
        """Whether this system has a place for programs that start with it."""

    async def set_system_proxy(self, on: bool, /) -> None:
        """Points the system's settings at the reader's proxy, or puts back what was there."""

    async def set_start_at_login(self, on: bool, /) -> None:
        """Has the program started when its owner logs in, or no longer."""
