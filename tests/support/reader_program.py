"""A reader's program whose state a test can read: ``python -m tests.support.reader_program [OPTION…] INVITE``.

It prints ``ready``, then a line for each change of its snapshot: state, trouble and the clock's error in whole days,
as ``connected none 0``. SIGUSR1 switches it off. ``--listen HOST:PORT``: of its proxy.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

from tests.support.hasty import hurry

hurry(20.0)

from unwalled.app.service import ReaderService  # noqa: E402
from unwalled.app.snapshot import AppSnapshot  # noqa: E402
from unwalled.wire.invite import Invite  # noqa: E402

_DAY_S = 86_400


def line_of(shown: AppSnapshot) -> str:
    """What is printed."""
    return f"{shown.state} {shown.trouble} {round(shown.clock_error_s / _DAY_S)}"


async def main(invite: Invite, host: str, port: int) -> None:
    """Runs until it is killed."""
    service = ReaderService(None, invite=invite)
    off = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, off.set)
    async with service.running():
        await service.listen(host, port)
        print("ready", flush=True)
        told = ""
        while True:
            if off.is_set():
                await service.switch_off()
            # Some of what it shows depends on nothing but time.
            if (line := line_of(service.snapshot())) != told:
                told = line
                print(line, flush=True)
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:1080")
    parser.add_argument("invite")
    given = parser.parse_args()
    given_host, _, given_port = given.listen.rpartition(":")
    asyncio.run(main(Invite.parse(given.invite, 0.0), given_host, int(given_port)))
