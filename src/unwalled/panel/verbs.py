"""What the panel's page can ask for: each verb with its body, and what it does."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from unwalled.app.preferences import Preferences
from unwalled.clock import Clock
from unwalled.errors import UsageError
from unwalled.panel import messages as m
from unwalled.panel import qr, report
from unwalled.panel.ports import Desktop, Rules, Service
from unwalled.settings import PanelLimits


@dataclass(frozen=True, slots=True)
class Verb:
    """``run`` takes a ``body`` and gives the answer. Raises UnwalledError."""

    body: type[msgspec.Struct]
    run: Callable[[Any], Awaitable[msgspec.Struct]]
    most_bytes: int


class Verbs:
    """All verbs over one service. ``rules`` and ``desktop`` are None where there is none."""

    def __init__(
        self,
        service: Service,
        rules: Rules | None,
        desktop: Desktop | None,
        chronicle: report.Chronicle,
        clock: Clock,
        limits: PanelLimits,
    ) -> None:
        self._service = service
        self._rules = rules
        self._desktop = desktop
        self._chronicle = chronicle
        self._clock = clock
        small, large = limits.body_bytes, limits.list_bytes
        self.by_name = {
            "on": Verb(m.Nothing, self._on, small),
            "off": Verb(m.Nothing, self._off, small),
            "language": Verb(m.Language, self._language, small),
            "invites/add": Verb(m.NewInvite, self._add_invite, small),
            "invites/use": Verb(m.Named, self._use_invite, small),
            "invites/forget": Verb(m.Named, self._forget_invite, small),
            "invites/show": Verb(m.Named, self._show_invite, small),
            "rules/mode": Verb(m.Mode, self._mode, small),
            "rules/add": Verb(m.Patterns, self._add_patterns, small),
            "rules/remove": Verb(m.Patterns, self._remove_pattern, small),
            "rules/forget": Verb(m.Nothing, self._forget_learned, small),
            "lists/import": Verb(m.NewList, self._import_list, large),
            "lists/remove": Verb(m.Named, self._remove_list, small),
            "lists/update": Verb(m.Nothing, self._update_lists, small),
            "desktop/proxy": Verb(m.Switched, self._system_proxy, small),
            "desktop/login": Verb(m.Switched, self._start_at_login, small),
            "report": Verb(m.Nothing, self._report, small),
        }
        """Name, as in the address, → verb."""

    async def _on(self, _: m.Nothing) -> m.Nothing:
        await self._service.switch_on()
        return m.Nothing()

    async def _off(self, _: m.Nothing) -> m.Nothing:
        await self._service.switch_off()
        return m.Nothing()

    async def _language(self, body: m.Language) -> m.Nothing:
        return await self._prefer(replace(self._service.preferences, language=body.language))

    async def _mode(self, body: m.Mode) -> m.Nothing:
        return await self._prefer(replace(self._service.preferences, rules=body.mode))

    async def _prefer(self, preferences: Preferences) -> m.Nothing:
        await self._service.set_preferences(preferences)
        return m.Nothing()

    async def _add_invite(self, body: m.NewInvite) -> m.Named:
        return m.Named(self._service.add_invite(body.text, body.label.strip()).id)

    async def _use_invite(self, body: m.Named) -> m.Nothing:
        self._service.use_invite(body.id)
        return m.Nothing()

    async def _forget_invite(self, body: m.Named) -> m.Nothing:
        self._service.forget_invite(body.id)
        return m.Nothing()

    async def _show_invite(self, body: m.Named) -> m.ShownInvite:
        text = self._service.invite_text(body.id)
        try:
            size, path = qr.draw(text)
        except ValueError:
            # It can still be handed on as text.
            size, path = 0, ""
        return m.ShownInvite(text, size, path)

    async def _add_patterns(self, body: m.Patterns) -> m.Taken:
        return m.Taken.of(self._book.add(body.text))

    async def _remove_pattern(self, body: m.Patterns) -> m.Nothing:
        self._book.remove(body.text)
        return m.Nothing()

    async def _forget_learned(self, _: m.Nothing) -> m.Nothing:
        self._book.forget_learned()
        return m.Nothing()

    async def _import_list(self, body: m.NewList) -> m.Taken:
        return m.Taken.of(await self._book.import_list(body.title.strip(), body.text, body.is_direct))

    async def _remove_list(self, body: m.Named) -> m.Nothing:
        self._book.remove_list(body.id)
        return m.Nothing()

    async def _update_lists(self, _: m.Nothing) -> m.Nothing:
        await self._book.update_lists()
        return m.Nothing()

    async def _system_proxy(self, body: m.Switched) -> m.Nothing:
        if self._desktop is None or not self._desktop.can_set_proxy:
            raise UsageError(
                "This desktop's proxy settings are not ones that Unwalled can set.",
                "Set the proxy by hand in the system's settings.",
            )
        await self._desktop.set_system_proxy(body.on)
        return m.Nothing()

    async def _start_at_login(self, body: m.Switched) -> m.Nothing:
        if self._desktop is None or not self._desktop.can_start_at_login:
            raise UsageError(
                "This system has no place for programs that start at login that Unwalled knows.",
                "Start it by hand: unwalled connect.",
            )
        await self._desktop.set_start_at_login(body.on)
        return m.Nothing()

    async def _report(self, _: m.Nothing) -> m.Report:
        now = self._clock.monotonic()
        snapshot = self._service.snapshot()
        self._chronicle.note(snapshot, now)
        rules = None if self._rules is None else self._rules.view()
        system = {
            "Unwalled": program_version(),
            "System": f"{platform.system()} {platform.release()} {platform.machine()}",
            "Python": platform.python_version(),
        }
        return m.Report(
            report.write(snapshot, rules, self._chronicle.changes, system, now=now, now_wall_s=self._clock.wall())
        )

    @property
    def _book(self) -> Rules:
        if self._rules is None:
            raise UsageError("There are no rules here: everything goes through bridges.")
        return self._rules


@cache
def program_version() -> str:
    """The program's own version."""
    return version("unwalled")
