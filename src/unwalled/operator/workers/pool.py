"""The operator's side of its gateway workers: starts them, feeds them lanes, adds up their counts, renews them.

    a bridge's WebSocket ─► ticket known? ─► its tag names the worker ─► the connection itself goes there

A worker that ends without being told to is started again; the sessions that it held are lost, and their readers make
new ones, with another worker. ``renew`` puts new processes in the place of the old ones, one after the other, and lets
each old one finish what its readers are doing.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from unwalled.broker.directory import Directory
from unwalled.broker.gateways import GatewayPlace, tag_of
from unwalled.errors import ConfigurationError
from unwalled.gateway.counters import EgressCounters
from unwalled.gateway.endpoint import is_ticket, no_room
from unwalled.gateway.sessions import SessionCounters, SessionHub
from unwalled.lanes.handover import detach
from unwalled.operator.announcing import Announcer, new_gateway_id
from unwalled.operator.draining import Carried, until_quiet
from unwalled.operator.numbers.tally import Tally, put_sums, tally_of
from unwalled.operator.options import OperatorOptions
from unwalled.operator.workers.bounds import WORKERS
from unwalled.operator.workers.channel import Channel
from unwalled.operator.workers.messages import (
    PROTOCOL,
    BadWorkerMessage,
    Begin,
    Failed,
    Ready,
    Reports,
    Status,
    Stop,
    TakeLane,
    read_from_worker,
)
from unwalled.tasks import TaskOwner
from unwalled.wire.lanereport import LaneReport

_log = logging.getLogger(__name__)


class WorkerHub(SessionHub):
    """Stands for the hubs of all workers, where the operator counts sessions. It takes no lanes itself."""

    totals = Tally()

    @property
    def session_count(self) -> int:
        """See SessionHub."""
        return self.totals.sessions

    @property
    def lane_count(self) -> int:
        """See SessionHub."""
        return self.totals.lanes

    @property
    def task_count(self) -> int:
        """See SessionHub."""
        return self.totals.tasks


class _WorkerProcess:
    """One process, from its start to its end."""

    def __init__(self, pool: WorkerPool, tag: str, process: asyncio.subprocess.Process, end: socket.socket) -> None:
        self._pool = pool
        self.tag = tag
        self.id = new_gateway_id()
        self.process = process
        self.tally = Tally()
        self.handed = 0
        """Lanes that it was given since it told its counts."""
        self.is_draining = False
        self.is_told_to_end = False
        self.began_at = asyncio.get_running_loop().time()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_said_all = asyncio.Event()
        self.channel = Channel(end, self._told, self._end)

    def carried(self) -> Carried:
        """What it is doing."""
        egress = self.tally.egress
        moved = (egress.get(name, 0) for name in ("bytes_up", "bytes_down", "datagrams_down"))
        return Carried(self.tally.tasks, int(sum(moved)))

    def place(self, url: str) -> GatewayPlace:
        """Its entry in the directory."""
        return GatewayPlace(self.id, url, self.tag, self.tally.sessions, self.is_draining)

    async def end(self) -> None:
        """Tells it to end, and sees to it that it does."""
        self.is_told_to_end = True
        self.channel.send(Stop())
        try:
            async with asyncio.timeout(WORKERS.end_s):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()

    def kill(self) -> None:
        """Ends it at once, if it still runs."""
        if self.process.returncode is None:
            self.process.kill()

    def _told(self, packet: bytes, descriptor: socket.socket | None) -> None:
        if descriptor is not None:
            descriptor.close()
        try:
            message = read_from_worker(packet)
        except BadWorkerMessage as bad:
            self._fail(ConfigurationError(bad.cause, bad.remedy))
            self.kill()
            return
        match message:
            case Ready():
                if not self.ready.done():
                    self.ready.set_result(None)
            case Failed(cause, remedy):
                self._fail(ConfigurationError(cause, remedy))
            case Status(tally):
                self.tally = tally
                self.handed = 0
                self._pool.add_up()
            case Reports(lanes):
                for word in lanes:
                    self._pool.report(word)

    def _end(self) -> None:
        self.has_said_all.set()
        self._pool.lost(self)
        # It has its end of the channel until it ends itself.
        asyncio.get_running_loop().call_later(WORKERS.end_s, self.kill)
        self._fail(ConfigurationError("A gateway worker ended while it started.", "The lines above may say why."))

    def _fail(self, error: ConfigurationError) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)


class WorkerPool:
    """All workers of one operator, and the route by which lanes reach them. ``start`` it; ``close`` it in the end."""

    def __init__(
        self,
        begin: Begin,
        count: int,
        directory: Directory,
        lanes_at: str,
        knows_ticket: Callable[[str], Awaitable[bool]],
        report: Callable[[LaneReport], None],
    ) -> None:
        """``lanes_at``: the URL at which bridges open lanes. ``report`` hears how they did."""
        self._begin = begin
        self._count = count
        self._lanes_at = lanes_at
        self._knows_ticket = knows_ticket
        self.report = report
        self._workers: dict[str, _WorkerProcess] = {}
        """By tag: those that take lanes, also while they drain."""
        self._past = Tally()
        """What workers have counted that are no more."""
        self._numbers = itertools.count(1)
        self._announcer = Announcer(directory, self.places)
        self._tasks = TaskOwner()
        self._renewing = asyncio.Lock()
        self._is_closing = False
        self._pause_s = 0.0
        """Before the next worker takes the place of one that has ended by itself."""
        self._counters = SessionCounters()
        self._egress = EgressCounters()
        self._hub: WorkerHub | None = None
        # Nobody writes to it. Its other end ends when this process does, however that happens.
        self._life, self._life_held = os.pipe()

    def count_into(self, hub: SessionHub, egress: EgressCounters) -> None:
        """Where the sums of all workers go; ``hub`` is a WorkerHub."""
        assert isinstance(hub, WorkerHub)
        self._hub, self._counters, self._egress = hub, hub.counters, egress

    @property
    def open_sockets(self) -> int:
        """Lanes' WebSockets that workers hold, as far as they have told."""
        return sum(worker.tally.open_sockets + worker.handed for worker in self._workers.values())

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that run, in the order of their start."""
        return [worker.process.pid for worker in self._workers.values()]

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [web.get("/v1/lane/{ticket}", self._lane)]

    async def start(self) -> None:
        """Starts the workers. Raises ConfigurationError when one cannot; none is left running then."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._count):
                    group.create_task(self._start_one(), name="start a worker")
        except* ConfigurationError as errors:
            await self.close()
            raise _first(errors) from None
        await self._announcer.announce()
        self._tasks.start(self._announcer.run(), "announce the workers")

    async def renew(self, drain_s: float) -> None:
        """Puts a new process in the place of each worker, one after the other. Cancelling leaves what has been done.

        An old one goes on for at most ``drain_s``, until its readers are done. Raises ConfigurationError when a new one
        cannot start: then the old ones go on.
        """
        async with self._renewing:
            for old in list(self._workers.values()):
                await self._start_one()
                old.is_draining = True
                await self._announcer.announce()
                if old.tag in self._workers:
                    await until_quiet(old.carried, drain_s)
                await old.end()

    async def drain(self, drain_s: float) -> None:
        """No worker takes new readers; waits until those of before are done."""
        for worker in self._workers.values():
            worker.is_draining = True
        await self._announcer.announce()
        await until_quiet(self._carried, drain_s)

    async def close(self) -> None:
        """Ends all workers, which tell their readers. Safe to call again."""
        if self._is_closing:
            return
        self._is_closing = True
        await self._announcer.leave()
        await asyncio.gather(*(worker.end() for worker in list(self._workers.values())))
        await self._tasks.close()
        os.close(self._life)
        os.close(self._life_held)

    def lost(self, worker: _WorkerProcess) -> None:
        """A worker has ended. Nobody may be sent there any more, and those whose lanes broke just now ask at once."""
        if self._workers.pop(worker.tag, None) is not None:
            self._past = _folded([self._past, worker.tally.ended()])
            self.add_up()
            if not self._is_closing:
                self._tasks.start(self._announcer.announce(), "announce the workers")

    def add_up(self) -> None:
        """A worker has told its counts."""
        now = [worker.tally for worker in self._workers.values()]
        put_sums([self._past, *now], self._counters, self._egress)
        if self._hub is not None:
            self._hub.totals = Tally(
                sum(one.sessions for one in now), sum(one.lanes for one in now), 0, sum(one.tasks for one in now)
            )

    async def _lane(self, request: web.Request) -> web.StreamResponse:
        ticket = request.match_info["ticket"]
        worker = self._workers.get(tag_of(ticket))
        if worker is None or not is_ticket(ticket) or not await self._knows_ticket(ticket):
            raise web.HTTPNotFound
        if self._is_closing:
            raise no_room()
        detached, response = detach(request)
        worker.handed += 1
        # Where it does not take it, the connection is closed, and the bridge ends the lane.
        worker.channel.send(TakeLane(ticket, detached.answer, detached.early), detached.connection)
        return response

    def places(self) -> list[GatewayPlace]:
        """The gateways that it has."""
        return [worker.place(self._lanes_at) for worker in self._workers.values()]

    def _carried(self) -> Carried:
        each = [worker.carried() for worker in self._workers.values()]
        return Carried(sum(one.streams for one in each), sum(one.carried_bytes for one in each))

    async def _start_one(self) -> _WorkerProcess:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "unwalled.operator.workers.process", str(theirs.fileno()), str(self._life)),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), self._life),
                )
        except OSError as error:
            ours.close()
            raise ConfigurationError(
                f"A gateway worker cannot be started ({error.strerror}).", "Look at the limits of processes and memory."
            ) from None
        worker = _WorkerProcess(self, f"w{next(self._numbers)}", process, ours)
        try:
            worker.channel.send(self._begin)
            async with asyncio.timeout(WORKERS.start_s):
                await worker.ready
        except BaseException as error:
            worker.kill()
            await process.wait()
            worker.channel.close()
            if isinstance(error, TimeoutError):
                late = ConfigurationError("A gateway worker did not start in time.", "Is the machine too busy?")
                raise late from None
            raise
        self._workers[worker.tag] = worker
        self._tasks.start(self._watch(worker), "watch a worker")
        return worker

    async def _watch(self, worker: _WorkerProcess) -> None:
        """Waits for the end of a worker, and starts another one if nobody told it to end."""
        code = await worker.process.wait()
        try:
            async with asyncio.timeout(WORKERS.end_s):
                await worker.has_said_all.wait()
        except TimeoutError:
            pass
        worker.channel.close()
        self.lost(worker)
        if worker.is_told_to_end or self._is_closing:
            return
        reason = _ending(code)
        _log.warning(
            "A gateway worker ended by itself (%s), and another one takes its place. Readers whose sessions it held "
            "make new ones; what they were loading was cut.",
            reason,
        )
        if worker.is_draining:
            return
        if asyncio.get_running_loop().time() - worker.began_at >= WORKERS.stable_s:
            self._pause_s = 0.0
        while not self._is_closing:
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(max(2.0 * self._pause_s, WORKERS.first_pause_s), WORKERS.longest_pause_s)
            try:
                await self._start_one()
            except ConfigurationError as error:
                reason = str(error)
                _log.warning("%s", reason)
            else:
                await self._announcer.announce()
                return


def begin_of(options: OperatorOptions) -> Begin:
    """What a worker of this version has to know."""
    return Begin(
        PROTOCOL,
        str(options.data),
        None if options.policy is None else str(options.policy),
        list(options.only_my_sites),
        options.allow_private,
        [str(source) for source in options.sources],
        None if options.trace is None else str(options.trace),
        options.private_swarms,
    )


def _folded(tallies: list[Tally]) -> Tally:
    """One tally with the sums of several."""
    counters, egress = SessionCounters(), EgressCounters()
    put_sums(tallies, counters, egress)
    return tally_of(0, 0, 0, 0, counters, egress).ended()


def _ending(code: int) -> str:
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _first(errors: BaseExceptionGroup[ConfigurationError]) -> ConfigurationError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an empty group of errors")
