"""One gateway worker: a process that holds sessions, started and fed by an operator.

It listens nowhere. The operator hands it the connections of lanes that are meant for it, and it tells the operator how
lanes did and what it has counted. It ends when it is told to, or when the operator has gone, however that happened.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from unwalled.clock import SystemClock
from unwalled.crypto.identity import OperatorKeys
from unwalled.errors import ConfigurationError
from unwalled.gateway.endpoint import LaneEndpoint
from unwalled.gateway.server import GatewayServer
from unwalled.gateway.sessions import SessionHub
from unwalled.lanes.handover import Detached
from unwalled.operator.gatewaywords import sinks_in
from unwalled.operator.invites.admission import Admission, takes_swarms
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.invites.quotas import Quotas
from unwalled.operator.livekeys import LiveKeys
from unwalled.operator.numbers.tally import tally_of
from unwalled.operator.options import ListenAddress, OperatorOptions
from unwalled.operator.policykeeper import PolicyKeeper
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
    read_to_worker,
)
from unwalled.tasks import TaskOwner
from unwalled.wire.lanereport import LaneReport


class Worker:
    """What runs in the worker's process. ``end`` is this end of the socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._over = asyncio.Event()
        self._gateway: GatewayServer | None = None
        self._hub: SessionHub | None = None
        self._quotas: Quotas | None = None
        self._lanes: LaneEndpoint | None = None
        self._reports: list[LaneReport] = []
        self._tasks = TaskOwner()
        self._channel = Channel(end, self._told, self._over.set)

    async def run(self) -> None:
        """Serves until it is told to stop or its operator has gone."""
        try:
            await self._over.wait()
        finally:
            if self._hub is not None and self._lanes is not None and self._gateway is not None:
                await self._hub.close()
                await self._lanes.close()
                self._gateway.close()
                self._say_reports()
                self._say_status()
            await self._tasks.close()
            if self._quotas is not None:
                await self._quotas.save(is_last=True)
            self._channel.close()

    def _told(self, packet: bytes, descriptor: socket.socket | None) -> None:
        try:
            message = read_to_worker(packet)
        except BadWorkerMessage:
            self._over.set()
            return
        match message:
            case Begin():
                self._begin(message)
            case TakeLane() if descriptor is not None and self._lanes is not None:
                detached = Detached(descriptor, message.answer, message.early)
                self._tasks.start(self._lanes.adopt(message.ticket, detached), "adopt a lane")
            case TakeLane():
                pass
            case Stop():
                self._over.set()

    def _begin(self, begin: Begin) -> None:
        try:
            if begin.protocol != PROTOCOL:
                raise ConfigurationError(
                    "Another version of Unwalled has been installed since the operator was started.",
                    "Start the operator again.",
                )
            self._open(begin)
        except ConfigurationError as error:
            self._channel.send(Failed(error.cause, error.remedy))
            self._over.set()
            return
        self._channel.send(Ready())
        self._tasks.start(self._report(), "tell about lanes")
        self._tasks.start(self._tell_status(), "tell the counts")

    def _open(self, begin: Begin) -> None:
        folder, clock = Path(begin.data), SystemClock()
        keys = OperatorKeys.load(folder)
        if keys is None:
            raise ConfigurationError("The data folder has lost its keys.", "Restore it from a backup.")
        keeper = PolicyKeeper(
            OperatorOptions(
                ListenAddress("", 0),
                None,
                folder,
                policy=None if begin.policy is None else Path(begin.policy),
                only_my_sites=tuple(begin.only_my_sites),
                allow_private=begin.allow_private,
            ),
            # Several processes have the one folder.
            keeps_traffic=False,
        )
        self._quotas = Quotas(folder, clock, os.urandom)
        swarms = takes_swarms(begin.private_swarms, keeper.policy)
        admission = Admission(keys, InviteBook(folder), self._quotas, clock, swarms=swarms)
        self._gateway = GatewayServer(keeper.policy, clock=clock, sources=[ip_address(text) for text in begin.sources])
        self._tasks.start(keeper.watch(self._gateway.egress, clock), "watch the policy")
        self._hub = SessionHub(
            keys.gateway_key(),
            admission.verdict,
            self._gateway.new_handler,
            os.urandom,
            self._reports.append,
            new_sink=sinks_in(None if begin.trace is None else Path(begin.trace)),
        )
        hub = self._hub
        hub.sessions_allowed = admission.sessions
        self._gateway.egress.meter = admission.meter
        admission.on_spent = lambda invite: self._later(lambda: hub.end_sessions(invite))

        def use(renewed: OperatorKeys) -> None:
            admission.keys = renewed
            hub.use_keys(renewed.gateway_keys(clock.wall()))

        self._tasks.start(LiveKeys(folder, keys, clock, use).watch(), "watch the keys")
        self._tasks.start(self._quotas.keep(), "keep what invites have used")
        self._lanes = LaneEndpoint(self._hub, _every_ticket)

    def _later(self, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(act)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(WORKERS.report_s)
            self._say_reports()

    def _say_reports(self) -> None:
        while self._reports:
            # In place: the hub holds on to this very list.
            told = self._reports[: WORKERS.reports]
            del self._reports[: WORKERS.reports]
            self._channel.send(Reports(told))

    async def _tell_status(self) -> None:
        while True:
            self._say_status()
            await asyncio.sleep(WORKERS.status_s)

    def _say_status(self) -> None:
        hub, lanes, gateway = self._hub, self._lanes, self._gateway
        if hub is not None and lanes is not None and gateway is not None:
            counts = (hub.session_count, hub.lane_count, lanes.open_sockets, hub.task_count)
            self._channel.send(Status(tally_of(*counts, hub.counters, gateway.counters)))


async def _every_ticket(ticket: str) -> bool:
    """The operator has asked already."""
    return True


def main(channel: int, life: int) -> None:
    """``channel``, ``life``: descriptors that the operator has given on; the second one ends with the operator."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # They are meant for the operator, and a terminal or a service manager sends them to all of a group.
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(life,), name="operator's life", daemon=True).start()
    end = socket.socket(fileno=channel)

    async def serve() -> None:
        await Worker(end).run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _end_with(life: int) -> None:
    """Nobody ever writes there: it is at its end when the operator is, also after SIGKILL. Works while a task hangs."""
    os.read(life, 1)
    # First of all it may end by itself: the channel has ended, too.
    threading.Event().wait(WORKERS.end_s)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
