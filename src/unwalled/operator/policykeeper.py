"""Keeps a gateway's policy as it stands on the disk: the file, the lists that it names, and what is blocked by hand.

    policy.toml ─┐
    its lists ───┼─ changed? ─► read again, beside the event loop ─► Egress.set_policy: for new and open streams at once
    blocks.json ─┘                     │ wrong? the old one holds, and the error is told

The traffic of day and month is kept here as well, if there is a limit: ``traffic.json`` (0600), two dates, two counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.clock import Clock
from unwalled.datafolder import NO_FILE, Stamp, read_private, replace_private, stamp_of
from unwalled.errors import ConfigurationError
from unwalled.gateway.allowance import Used
from unwalled.gateway.bounds import POLICY
from unwalled.gateway.categories import load_category
from unwalled.gateway.egress import Egress
from unwalled.gateway.hosttable import HostTable
from unwalled.gateway.policy import EgressPolicy, only_these, site_list
from unwalled.gateway.policyfile import PolicyFile, read_policy
from unwalled.operator.blocks import BlockBook
from unwalled.operator.options import OperatorOptions

TRAFFIC_FILE = "traffic.json"


@dataclass(frozen=True, slots=True)
class _Loaded:
    policy: EgressPolicy
    stamps: Mapping[Path, Stamp]
    """Of all that it was read from."""
    tables: Mapping[tuple[Path, ...], HostTable]
    """The lists by their files, so that those that did not change need not be read again."""


class _Traffic(msgspec.Struct, frozen=True):
    day: Annotated[str, msgspec.Meta(max_length=10)]
    day_bytes: Annotated[int, msgspec.Meta(ge=0)]
    month: Annotated[str, msgspec.Meta(max_length=10)]
    month_bytes: Annotated[int, msgspec.Meta(ge=0)]


class PolicyKeeper:
    """Loads the policy at the start, and ``watch`` keeps it fresh."""

    def __init__(self, options: OperatorOptions, *, keeps_traffic: bool = True) -> None:
        """Blocking. Raises ConfigurationError. ``keeps_traffic``: the counts of day and month outlive this process."""
        self._keeps_traffic = keeps_traffic
        self._options = options
        self.blocks = BlockBook(options.data)
        self._loaded = _load(options, self.blocks, None)
        self._egress: Egress | None = None
        self._reading = asyncio.Lock()
        self._saved = Used()
        self.trouble: ConfigurationError | None = None
        """Why what stands on the disk now was not taken."""

    @property
    def policy(self) -> EgressPolicy:
        """What was read last."""
        return self._loaded.policy

    @property
    def categories(self) -> Mapping[str, HostTable]:
        """The lists of each category, as they are read."""
        return {name: table for name, table in self.policy.categories.items() if isinstance(table, HostTable)}

    def used(self) -> Used:
        """What was used before this start, as far as it was written down. A damaged file counts as nothing."""
        try:
            content = read_private(self._options.data / TRAFFIC_FILE, POLICY.traffic_file_bytes)
            held = msgspec.json.decode(content or b"", type=_Traffic)
        except (ConfigurationError, msgspec.MsgspecError, UnicodeDecodeError):
            return Used()
        self._saved = Used(held.day, held.day_bytes, held.month, held.month_bytes)
        return self._saved

    async def watch(self, egress: Egress, clock: Clock) -> None:
        """Until cancelled. What cannot be read changes nothing, and is in ``trouble``."""
        self._egress = egress
        saved_at = clock.monotonic()
        while True:
            await asyncio.sleep(POLICY.look_s)
            if any(stamp_of(path) != stamp for path, stamp in self._loaded.stamps.items()):
                try:
                    await self.refresh()
                except ConfigurationError:
                    pass
            if clock.monotonic() - saved_at >= POLICY.traffic_save_s:
                saved_at = clock.monotonic()
                await self.save_traffic(clock)

    async def refresh(self) -> None:
        """Reads what has changed, now. Raises ConfigurationError; the old policy holds then."""
        async with self._reading:
            before = self._loaded
            try:
                # A million names take seconds, and nobody's stream shall stand still meanwhile.
                self._loaded = await asyncio.to_thread(_load, self._options, self.blocks, before)
            except ConfigurationError as error:
                self.trouble = error
                # It is not tried again until something changes.
                stamps = {path: stamp_of(path) for path in before.stamps}
                self._loaded = replace(before, stamps=stamps)
                raise
            self.trouble = None
            if self._egress is not None:
                self._egress.set_policy(self._loaded.policy)

    async def save_traffic(self, clock: Clock) -> None:
        """Writes the counts down if there is a limit for them and they have changed. A full disk is nobody's end."""
        egress = self._egress
        if egress is None or not self._keeps_traffic:
            return
        allowance = egress.gateway_share.allowance
        if not (allowance.ceiling.bytes_per_day or allowance.ceiling.bytes_per_month):
            return
        used = allowance.used(clock.wall())
        if used == self._saved:
            return
        body = msgspec.json.encode(_Traffic(used.day, used.day_bytes, used.month, used.month_bytes))
        try:
            # It waits for the disk, and nobody's stream shall.
            await asyncio.to_thread(replace_private, self._options.data / TRAFFIC_FILE, body)
        except ConfigurationError:
            return
        self._saved = used


def load_operator_policy(options: OperatorOptions) -> EgressPolicy:
    """The policy of an operator with these options, blocks included. Blocking. Raises ConfigurationError."""
    return _load(options, BlockBook(options.data), None).policy


def _load(options: OperatorOptions, blocks: BlockBook, before: _Loaded | None) -> _Loaded:
    paths = [blocks.path, *([options.policy] if options.policy is not None else [])]
    # Taken before the reading: what changes meanwhile is read once more.
    stamps = {path: stamp_of(path) for path in paths}
    if options.policy is None:
        file = PolicyFile(EgressPolicy(allow_private=options.allow_private), {}, False)
        folder = Path()
    else:
        file = read_policy(options.policy, allow_private=options.allow_private)
        folder = options.policy.parent
    policy = _with_only_my_sites(file, options)
    tables: dict[tuple[Path, ...], HostTable] = {}
    categories: dict[str, HostTable] = {}
    for name, files in file.categories.items():
        of_category = tuple(folder / one for one in files)
        stamps.update((path, stamp_of(path)) for path in of_category)
        held = None if before is None else _held(before, of_category, stamps)
        categories[name] = tables[of_category] = held if held is not None else load_category(of_category)
    return _Loaded(replace(policy, categories=categories, blocks=blocks.blocks()), stamps, tables)


def _held(before: _Loaded, paths: tuple[Path, ...], stamps: Mapping[Path, Stamp]) -> HostTable | None:
    is_same = all(before.stamps.get(path) == stamps[path] != NO_FILE for path in paths)
    return before.tables.get(paths) if is_same else None


def _with_only_my_sites(file: PolicyFile, options: OperatorOptions) -> EgressPolicy:
    if not options.only_my_sites:
        return file.policy
    if file.policy.publisher:
        raise ConfigurationError(
            "The policy file lists the only sites already, and so does only-my-sites.",
            'Leave one out: only-my-sites, or mode = "publisher" in [sites].',
        )
    return only_these(file.policy, site_list(options.only_my_sites), has_ports=file.has_ports)
