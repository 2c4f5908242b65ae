"""Puts the rules to work: the reader's connections take the way that the book of rules says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from unwalled.app.home import Home, Stamp
from unwalled.app.listfetch import ListFetcher
from unwalled.app.preferences import PREFERENCES_FILE, load_preferences
from unwalled.app.rulesbook import RulesBook
from unwalled.app.service import ReaderService
from unwalled.network.resolver import Resolver, SystemResolver
from unwalled.reader.chooser import ChoosingTunnel
from unwalled.reader.direct import DirectWay
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.modes import RuleMode


@asynccontextmanager
async def with_rules(
    service: ReaderService, home: Home | None, *, resolver: Resolver | None = None, limits: RulesLimits = RULES
) -> AsyncIterator[RulesBook]:
    """The book of rules of a service that runs, which follows its preferences for as long as the block runs.

    With "everything" the proxy's connections have nothing to do with rules at all. When that is chosen, connections
    that went directly are cut. A mode that another program puts into the preferences' file is taken within seconds.
    ``resolver``: instead of the system's.
    """
    names = resolver if resolver is not None else SystemResolver()
    book = RulesBook(
        home,
        service.preferences.rules,
        proxy=lambda: service.snapshot().proxy,
        fetch=ListFetcher(service.tunnel, limits),
        changed=service.announce,
        limits=limits,
    )
    chooser = ChoosingTunnel(service.tunnel, DirectWay(names), book, limits)
    used: RuleMode | None = None

    def follow() -> None:
        nonlocal used
        mode = service.preferences.rules
        if mode is used:
            return
        used = mode
        book.use_mode(mode)
        if mode is RuleMode.EVERYTHING:
            service.use_rules(service.tunnel, lambda: chooser.went_direct)
            chooser.cut_direct()
        else:
            service.use_rules(chooser, lambda: chooser.went_direct)

    await book.load()
    undo = service.subscribe(follow)
    try:
        follow()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(book.run(), name="rules")]
            if home is not None:
                tasks.append(
                    group.create_task(_take_mode(service, home, limits.rules_look_s), name="mode of the rules")
                )
            try:
                yield book
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        undo()
        service.use_rules(service.tunnel, lambda: chooser.went_direct)
        chooser.cut_direct()
        if isinstance(names, SystemResolver):
            names.close()


async def _take_mode(service: ReaderService, home: Home, look_s: float) -> None:
    """Takes the mode that another program has set (`unwalled rules mode`); only when the file is another one, so that
    a mode that the disk did not take stays."""
    known: Stamp | None = None
    while True:
        if (stamp := home.stamp(PREFERENCES_FILE)) != known:
            known = stamp
            mode = load_preferences(home).rules
            if mode is not service.preferences.rules:
                await service.set_preferences(replace(service.preferences, rules=mode))
        await asyncio.sleep(look_s)
