"""``unwalled connect``: the reader with its local proxy, and what is around it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from unwalled.app.instance import Instance
from unwalled.app.start import started
from unwalled.cli.output import Status, StatusLine, note, say, warn
from unwalled.cli.places import check_places
from unwalled.cli.running import run
from unwalled.clock import SystemClock
from unwalled.errors import ConfigurationError
from unwalled.operator.options import ListenAddress

if TYPE_CHECKING:
    from unwalled.app.service import ReaderService
    from unwalled.cli.plain import ConnectOptions
    from unwalled.reader.listener import ProxyAddress
    from unwalled.signaling.ahead import EarlyConnection

_ALSO = ("unwalled.cli.reading", "unwalled.cli.around")


def run_reader(options: ConnectOptions, claim: Instance | None = None, ahead: EarlyConnection | None = None) -> int:
    """Runs the proxy until stopped. Raises ConfigurationError when it cannot listen.

    ``claim``: to the folder, if it was taken already. ``ahead``: a connection to the invite's first door.
    """
    if options.home is not None:
        claim = claim if claim is not None else Instance.take(options.home)
        if claim is None:
            return _second_start(options)
    try:
        if ahead is None:
            check_places(options.listen, options.trace, allow_remote=options.allow_remote)
        return run(lambda: _serve(options, claim, ahead))
    finally:
        if claim is not None:
            claim.release()


async def _serve(options: ConnectOptions, claim: Instance | None, ahead: EarlyConnection | None) -> int:
    starting = started(
        options.invite,
        options.home,
        label=options.label,
        is_given=options.is_given,
        is_exact=options.is_exact,
        trace=options.trace,
        ahead=ahead,
        also_load=_ALSO,
    )
    async with starting as service:
        address = await _listen(service, options)
        clock = SystemClock()

        def now() -> Status:
            from unwalled.cli.reading import describe_service

            return describe_service(service.snapshot(), service.reader_status)

        line = StatusLine(now, clock)
        undo = service.subscribe(line.changed)
        from unwalled.cli.around import surrounded

        try:
            for notice in service.take_notices():
                warn(notice)
            say(f"ready proxy={address}")
            async with surrounded(service, options.home, has_panel=options.has_panel):
                await line.run()
        finally:
            undo()
    return 0


async def _listen(service: ReaderService, options: ConnectOptions) -> ProxyAddress:
    from unwalled.app.preferences import DEFAULT_LISTEN

    if options.listen is not None:
        if not options.listen.is_loopback:
            warn("Whoever reaches this proxy over the network can read through it, without a password.")
        listen = options.listen
        return await service.listen(listen.host, listen.port, allow_remote=options.allow_remote)
    try:
        listen = ListenAddress.parse(service.preferences.listen)
    except ConfigurationError:
        listen = ListenAddress.parse(DEFAULT_LISTEN)
    address = await service.listen(listen.host, listen.port, may_move=True)
    if listen.port not in (0, address.port):
        warn(f"Another program has port {listen.port}, so the proxy is at {address} this time.")
    return address


def _second_start(options: ConnectOptions) -> int:
    """Another program has the folder: says so, shows its panel, and remembers for it what was given."""
    from unwalled.app.home import NotRemembered
    from unwalled.app.invites import InviteBook
    from unwalled.panel.opening import open_panel, read_opener

    assert options.home is not None
    if options.invite is not None and options.is_given:
        book = InviteBook(options.home)
        book.add(options.invite, options.label, os.urandom)
        book.save()
        if not book.could_save:
            raise NotRemembered
        note("The invite is remembered. Unwalled runs already, and uses it when it needs it.")
    else:
        note("Unwalled runs already.")
    if (url := read_opener(options.home.folder)) is not None:
        say(f"running panel={url}")
        if options.has_panel:
            open_panel(options.home.folder)
    return 0
