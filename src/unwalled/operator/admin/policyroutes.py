"""The admin's view of the policy: what it is, what it says about a host, blocks, and what it refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from unwalled.clock import Clock
from unwalled.errors import ConfigurationError, FrameError, UsageError
from unwalled.gateway.bounds import POLICY
from unwalled.gateway.egress import Egress
from unwalled.gateway.policy import Decision, Reason
from unwalled.gateway.refused import RefusedReport
from unwalled.operator.admin.problems import Problem
from unwalled.operator.admin.routes import Call, Route
from unwalled.operator.policykeeper import PolicyKeeper
from unwalled.wire.address import Target

_TARGET = r"[0-9A-Za-z*=_.:\[\]/-]{1,262}"

BlockEntry = Annotated[
    str, msgspec.Meta(pattern=f"^{_TARGET}$", description="A host, an address or a network, with :PORT or without.")
]
HostName = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern="^[0-9A-Za-z._:-]+$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class CategoryView(msgspec.Struct, frozen=True):
    """Lists of one kind of site that is refused."""

    name: str
    entries: int
    bad_lines: int
    """Lines that could not be read."""
    skipped_lines: int
    """Lines that say nothing about a host."""
    memory_bytes: int


class TrafficView(msgspec.Struct, frozen=True):
    """What was exchanged with sites, both directions together; 0 as a limit = none."""

    day: str
    day_bytes: int
    day_limit_bytes: int
    month: str
    """The day on which the month began."""
    month_bytes: int
    month_limit_bytes: int
    is_used_up: bool
    """Readers are told so, and nothing more is carried until the next day or month."""


class PolicyView(msgspec.Struct, frozen=True):
    """Where readers may go. The lists themselves are in the policy file."""

    is_publisher: bool
    """Only listed sites."""
    allowed_ports: list[tuple[int, int]]
    denied_ports: list[tuple[int, int]]
    datagrams: bool
    categories: list[CategoryView]
    blocks: int
    traffic: TrafficView
    trouble: str
    """Why what stands on the disk now was not taken; empty = it was."""


class BlockList(msgspec.Struct, frozen=True):
    """What is blocked by hand."""

    blocks: list[str]


class NewBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to block."""

    target: BlockEntry


class CheckQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """About which host."""

    host: HostName
    port: Port = 443


class Verdict(msgspec.Struct, frozen=True):
    """What is decided before a name is looked up."""

    is_allowed: bool
    reason: Reason
    category: str
    """Which one, with the reason ``category``."""


class NewReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long refused hosts are counted."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=POLICY.refused_minutes)]


class RefusedHost(msgspec.Struct, frozen=True):
    """One that readers asked for and that was refused."""

    host: str
    port: int
    reason: Reason
    count: int


class RefusedView(msgspec.Struct, frozen=True):
    """What was refused since the report began. In memory only."""

    is_running: bool
    ends_in_s: int
    hosts: list[RefusedHost]
    others: int
    """Refusals of hosts for which there was no room."""


class PolicyRoutes:
    """The routes, over one gateway."""

    def __init__(self, egress: Egress, keeper: PolicyKeeper | None, clock: Clock) -> None:
        """``keeper``: None for a way out whose policy nothing can change."""
        self._egress = egress
        self._keeper = keeper
        self._clock = clock
        self._report: RefusedReport | None = None

    def routes(self) -> list[Route]:
        """What to add to the API."""
        target = {"target": _TARGET}
        return [
            Route("GET", "/policy", "get_policy", "Where readers may go, and how much is used.", self._get, PolicyView),
            Route(
                "POST",
                "/policy/refresh",
                "refresh_policy",
                "Read the policy and its lists anew from the disk, now. Nothing is fetched.",
                self._refresh,
                PolicyView,
                problems=(409,),
            ),
            Route(
                "GET",
                "/policy/check",
                "check_policy",
                "What is decided about a host.",
                self._check,
                Verdict,
                CheckQuery,
            ),
            Route("GET", "/policy/blocks", "list_blocks", "What is blocked by hand.", self._blocks, BlockList),
            Route(
                "POST",
                "/policy/blocks",
                "block_target",
                "Block a target at once: new connections are refused, open ones are cut.",
                self._block,
                BlockList,
                body=NewBlock,
                status=201,
                problems=(409,),
            ),
            Route(
                "DELETE",
                "/policy/blocks/{target}",
                "unblock_target",
                "Open a target again.",
                self._unblock,
                parameters=target,
                problems=(409,),
            ),
            Route(
                "GET",
                "/policy/refused",
                "get_refused",
                "Hosts that were refused, while that is counted.",
                self._refused,
                RefusedView,
            ),
            Route(
                "POST",
                "/policy/refused",
                "count_refused",
                "Count refused hosts for some minutes. It shows you names that readers ask for: use it for tests.",
                self._count_refused,
                RefusedView,
                body=NewReport,
                status=201,
            ),
            Route("DELETE", "/policy/refused", "end_refused", "End that, and forget it.", self._end_refused),
        ]

    async def _get(self, call: Call) -> PolicyView:
        return self._view()

    async def _refresh(self, call: Call) -> PolicyView:
        if self._keeper is not None:
            try:
                await self._keeper.refresh()
            except ConfigurationError as error:
                raise Problem(409, error.cause, error.remedy) from None
        return self._view()

    async def _check(self, call: Call) -> Verdict:
        query: CheckQuery = call.query
        try:
            target = Target.parse(query.host, query.port)
        except FrameError:
            raise Problem(404, "There can be no host of that name.", "Write it without https:// and path.") from None
        decision = self._egress.policy.decide(target)
        return Verdict(decision.is_allowed, decision.reason, decision.category)

    async def _blocks(self, call: Call) -> BlockList:
        try:
            return BlockList(self._need_keeper().blocks.entries())
        except ConfigurationError as error:
            raise Problem(503, error.cause, error.remedy) from None

    async def _block(self, call: Call) -> BlockList:
        wanted: NewBlock = call.body
        keeper = self._need_keeper()
        await self._change(lambda: keeper.blocks.add(wanted.target))
        return BlockList(keeper.blocks.entries())

    async def _unblock(self, call: Call) -> None:
        keeper = self._need_keeper()
        if not await self._change(lambda: keeper.blocks.remove(call.path["target"])):
            raise Problem(404, "This is not blocked by hand.", "GET /policy/blocks lists what is.")

    async def _change(self, change: Callable[[], bool]) -> bool:
        keeper = self._need_keeper()
        try:
            has_changed = change()
            await keeper.refresh()
        except ConfigurationError as error:
            raise Problem(503, error.cause, error.remedy) from None
        except UsageError as error:
            raise Problem(409, error.cause, error.remedy) from None
        return has_changed

    async def _refused(self, call: Call) -> RefusedView:
        return self._refused_view()

    async def _count_refused(self, call: Call) -> RefusedView:
        wanted: NewReport = call.body
        report = self._report = RefusedReport(self._clock.monotonic() + 60.0 * wanted.minutes)

        def note(target: Target, decision: Decision) -> None:
            report.note(target, decision, self._clock.monotonic())

        self._egress.on_refused = note
        return self._refused_view()

    async def _end_refused(self, call: Call) -> None:
        self._end_report()

    def _end_report(self) -> None:
        self._report = None
        self._egress.on_refused = None

    def _refused_view(self) -> RefusedView:
        now = self._clock.monotonic()
        if self._report is not None and now >= self._report.until:
            self._end_report()
        if self._report is None:
            return RefusedView(False, 0, [], 0)
        hosts = [RefusedHost(*counted) for counted in self._report.counts(now)]
        return RefusedView(True, int(self._report.until - now), hosts, self._report.others)

    def _need_keeper(self) -> PolicyKeeper:
        if self._keeper is None:
            raise Problem(404, "This gateway leads to one place only, and nothing can be blocked.")
        return self._keeper

    def _view(self) -> PolicyView:
        policy, keeper = self._egress.policy, self._keeper
        allowance = self._egress.gateway_share.allowance
        now = self._clock.wall()
        used = allowance.used(now)
        categories = {} if keeper is None else keeper.categories
        return PolicyView(
            is_publisher=policy.publisher,
            allowed_ports=list(policy.allowed_ports),
            denied_ports=list(policy.denied_ports),
            datagrams=policy.datagrams,
            categories=[
                CategoryView(name, len(table), table.bad_lines, table.skipped_lines, table.size_bytes)
                for name, table in categories.items()
            ],
            blocks=len(policy.blocks),
            traffic=TrafficView(
                used.day,
                used.day_bytes,
                allowance.ceiling.bytes_per_day,
                used.month,
                used.month_bytes,
                allowance.ceiling.bytes_per_month,
                allowance.is_used_up(now),
            ),
            trouble="" if keeper is None or keeper.trouble is None else keeper.trouble.cause,
        )
