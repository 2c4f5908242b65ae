"""The way of messages from a transport's thread into the loop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unwalled.lanes.mailbox import Mailbox
from unwalled.settings import LANE


class Scene:
    """A mailbox whose wake-ups run when the test says so."""

    def __init__(self, **bounds: int) -> None:
        self.wakes: list[Callable[[], None]] = []
        self.batches: list[list[bytes]] = []
        self.faults: list[str] = []
        self.mailbox = Mailbox(self.wakes.append, **bounds)

    def start(self) -> None:
        self.mailbox.start(self.batches.append, self.faults.append)

    def run(self) -> None:
        while self.wakes:
            self.wakes.pop(0)()


def test_many_messages_cost_one_wake_up() -> None:
    scene = Scene()
    scene.start()
    scene.run()
    for text in (b"a", b"b", b"c"):
        scene.mailbox.put(text, True)
    assert len(scene.wakes) == 1
    scene.run()
    assert scene.batches == [[b"a", b"b", b"c"]]
    scene.mailbox.put(b"d", True)
    scene.run()
    assert scene.batches[1:] == [[b"d"]]


def test_what_came_before_the_start_is_kept() -> None:
    scene = Scene()
    scene.mailbox.put(b"a", True)
    scene.run()
    assert not scene.mailbox.started
    scene.start()
    assert scene.mailbox.started
    scene.run()
    assert scene.batches == [[b"a"]]


def test_a_large_backlog_comes_in_several_turns() -> None:
    scene = Scene(delivery_bytes=4)
    for text in (b"aa", b"bb", b"cc"):
        scene.mailbox.put(text, True)
    scene.start()
    scene.run()
    assert scene.batches == [[b"aa", b"bb"], [b"cc"]]


@pytest.mark.parametrize(("data", "binary"), [(b"text", False), (b"", True), (bytes(LANE.max_message_bytes + 1), True)])
def test_a_message_that_may_not_be_is_a_fault_after_those_before_it(data: bytes, binary: bool) -> None:
    scene = Scene(delivery_bytes=1)
    scene.mailbox.put(b"a", True)
    scene.mailbox.put(b"b", True)
    scene.mailbox.put(data, binary)
    scene.mailbox.put(b"too late", True)
    scene.start()
    scene.run()
    assert (scene.batches, scene.faults) == ([[b"a"], [b"b"]], ["protocol"])


def test_the_largest_message_passes() -> None:
    scene = Scene()
    scene.mailbox.put(bytes(LANE.max_message_bytes), True)
    scene.start()
    scene.run()
    assert scene.faults == []


def test_more_than_the_bound_is_a_fault_and_what_was_taken_counts_no_more() -> None:
    scene = Scene(capacity_bytes=4)
    scene.start()
    scene.mailbox.put(b"aaaa", True)
    scene.run()
    scene.mailbox.put(b"bbbb", True)
    scene.mailbox.put(b"c", True)
    scene.run()
    assert (scene.batches, scene.faults) == ([[b"aaaa"], [b"bbbb"]], ["overflow"])


def test_the_end_comes_after_the_last_message_and_not_after_a_fault() -> None:
    scene = Scene()
    scene.mailbox.put(b"a", True)
    scene.mailbox.finish("closed")
    scene.start()
    scene.run()
    scene.mailbox.finish("closed")
    scene.run()
    assert (scene.batches, scene.faults) == ([[b"a"]], ["closed"])
    faulty = Scene()
    faulty.mailbox.put(b"", True)
    faulty.mailbox.finish("closed")
    faulty.start()
    faulty.run()
    assert faulty.faults == ["protocol"]


def test_nothing_comes_after_close() -> None:
    scene = Scene()
    scene.start()
    scene.mailbox.put(b"a", True)
    scene.mailbox.close()
    scene.mailbox.put(b"b", True)
    scene.run()
    assert (scene.batches, scene.faults) == ([], [])


def test_a_close_from_inside_a_delivery_is_the_end() -> None:
    scene = Scene()
    scene.mailbox.put(b"a", True)
    scene.mailbox.put(b"", True)
    scene.mailbox.start(lambda _: scene.mailbox.close(), scene.faults.append)
    scene.run()
    assert scene.faults == []
