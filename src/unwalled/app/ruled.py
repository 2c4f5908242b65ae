"""Puts the rules to work: the reader's connections take the way that the book of rules says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from unwalled.app.home import Home
from unwalled.app.listfetch import ListFetcher
from unwalled.app.rulesbook import RulesBook
from unwalled.app.service import ReaderService
from unwalled.network.resolver import Resolver, SystemResolver
from unwalled.reader.chooser import ChoosingTunnel
from unwalled.reader.direct import DirectWay
from unwalled.rules.modes import RuleMode


@asynccontextmanager
async def with_rules(
    service: ReaderService, home: Home | None, *, resolver: Resolver | None = None
) -> AsyncIterator[RulesBook]:
    """The book of rules of a service that runs, which follows its preferences for as long as the block runs.

    With "everything" the proxy's connections have nothing to do with rules at all. When that is chosen, connections
    that went directly are cut. ``resolver``: instead of the system's.
    """
    names = resolver if resolver is not None else SystemResolver()
    book = RulesBook(
        home,
        service.preferences.rules,
        proxy=lambda: service.snapshot().proxy,
        fetch=ListFetcher(service.tunnel),
        changed=service.announce,
    )
    chooser = ChoosingTunnel(service.tunnel, DirectWay(names), book)
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
            running = group.create_task(book.run(), name="rules")
            try:
                yield book
            finally:
                running.cancel()
    finally:
        undo()
        service.use_rules(service.tunnel, lambda: chooser.went_direct)
        chooser.cut_direct()
        if isinstance(names, SystemResolver):
            names.close()
