"""A program with one lane of a reader: says its offer, reads its answer, says "open", and waits to be ended."""

from __future__ import annotations

import asyncio
import json
import sys

from unwalled.lanes.webrtc import ReactorStack
from unwalled.wire.description import LaneDescription


class _Nobody:
    def messages_received(self, messages: list[bytes]) -> None:
        """What comes is not looked at."""

    def lane_closed(self, reason: str) -> None:
        """Whoever has started this program ends it."""


async def main() -> None:
    """Runs until it is killed."""
    stack = ReactorStack()
    offered = await stack.offer()
    print(json.dumps(offered.description.to_dict()), flush=True)
    answer = json.loads(await asyncio.to_thread(sys.stdin.readline))
    lane = await offered.accept(LaneDescription.from_dict(answer))
    lane.start(_Nobody())
    print("open", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
