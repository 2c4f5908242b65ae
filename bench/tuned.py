"""``unwalled`` with other settings: python -m bench.tuned JSON ARGUMENT ….

The JSON object may hold ``settings`` (``{"LANE.max_message_bytes": 32768}``), ``sctp`` (arguments of the WebRTC
library's ``with_sctp_tuning``), ``one_frame`` (true: no second frame of data in a record) and ``socket_bytes`` (send
and receive buffers of every TCP socket that listens, which those that it accepts inherit).
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import reactor_webrtc

from unwalled import settings


def apply(changes: dict[str, Any]) -> None:
    """Changes this process; call it before any other module of the program is loaded, since some copy their bounds."""
    for name, value in changes.get("settings", {}).items():
        group, field = name.split(".")
        limits = getattr(settings, group)
        if type(getattr(limits, field)) is not type(value):
            raise ValueError(f"{name} has another type")
        object.__setattr__(limits, field, value)
    if sctp := changes.get("sctp"):
        _tune_sctp(sctp)
    if size := changes.get("socket_bytes"):
        _size_sockets(size)
    if changes.get("one_frame"):
        _end_batching()


def _tune_sctp(arguments: dict[str, Any]) -> None:
    made = reactor_webrtc.PeerConnectionFactoryBuilder

    def builder() -> reactor_webrtc.PeerConnectionFactoryBuilder:
        tuned = made()
        tuned.with_sctp_tuning(**arguments)
        return tuned

    setattr(reactor_webrtc, "PeerConnectionFactoryBuilder", builder)  # noqa: B010


def _size_sockets(size: int) -> None:
    bind = socket.socket.bind

    def sized(sock: socket.socket, address: Any) -> None:
        if sock.type == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        bind(sock, address)

    setattr(socket.socket, "bind", sized)  # noqa: B010


def _end_batching() -> None:
    from unwalled.session.sender import Sender

    fill = Sender._fill

    def one(sender: Sender, room: int, take: Any) -> Any:
        found = sender._next(room, take) if not sender._control else None
        return fill(sender, room, take) if sender._control else [] if found is None else [found]

    setattr(Sender, "_fill", one)  # noqa: B010


if __name__ == "__main__":
    apply(json.loads(sys.argv[1]))
    from unwalled.cli.app import run_command

    run_command(sys.argv[2:])
