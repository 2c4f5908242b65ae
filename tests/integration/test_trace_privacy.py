"""A trace of a whole chain holds nothing by which a person, a site or a bridge could be found."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import get_args

from tests.support.chain import Chain, became, chain
from tests.support.gateway_sites import run
from unwalled.session import notes
from unwalled.settings import MIB
from unwalled.trace.reading import HEAD, read_trace
from unwalled.trace.story import tell

FIXED = (notes.WhyLeft, notes.Waiting, notes.DecisionKind, notes.DecisionCause)
WORDS = {word for part in FIXED for word in get_args(part)}
WORDS |= {"reader", "gateway", "left", "silent"}
WORDS |= {kind.__struct_config__.tag for kind in get_args(notes.Note)}


def strings(value: object) -> set[str]:
    """All texts in a JSON value that are not names of fields."""
    match value:
        case str():
            return {value}
        case dict():
            return {text for inner in value.values() for text in strings(inner)}
        case list():
            return {text for inner in value for text in strings(inner)}
        case _:
            return set()


def secrets_of(c: Chain) -> set[str]:
    """Whatever in this chain names somebody or something."""
    client, hub = c.reader.client, c.operator._hub
    found = {"site.test", "127.0.0.1", "localhost", socket.gethostname(), c.operator.url.text}
    found |= {bridge.name for bridge in c.bridges} | set(client._book._known)
    found |= {meter.ticket for session in hub._sessions.values() for meter in session._meters.values()}
    found |= {session._id.hex() for session in hub._sessions.values()}
    found |= {c.invite.text, c.invite.token.hex()}
    return found


def test_no_address_name_or_bridge_stands_in_a_trace(tmp_path: Path) -> None:
    secrets: set[str] = set()
    traces = tmp_path / "traces"
    traces.mkdir()

    async def main() -> None:
        async with asyncio.timeout(100), chain(tmp_path / "data", bridges=2, traces=traces) as c:
            await became(lambda: c.reader.client.status.bridges == 2, "both bridges carry lanes")
            reader, writer = await c.dial()
            writer.write(b"GET %b/down HTTP/1.1\r\nHost: site.test\r\n\r\n" % c.site.encode())
            got = 0
            while got < 5 * MIB and (piece := await reader.read(1 << 16)):
                got += len(piece)
            secrets.update(secrets_of(c))
            await c.bridges[0].stop()
            await became(lambda: c.reader.client.status.bridges == 1, "one bridge is gone")
            secrets.update(secrets_of(c))

    run(main, fast=True)
    files = [traces / "reader.jsonl", *sorted((traces / "gateway").iterdir())]
    assert len(files) == 2
    assert len({secret for secret in secrets if secret}) > 8
    for file in files:
        content = file.read_bytes()
        assert content.startswith(HEAD)
        lower = content.decode().lower()
        assert [secret for secret in secrets if secret and secret.lower() in lower] == []
        lines = [json.loads(line) for line in content.splitlines()]
        assert strings(lines) <= WORDS
        story = tell(read_trace(content))
        assert {1, 2} <= set(story.bridges)
        assert 0 not in story.bridges
        assert story.carried("received" if story.role == "reader" else "sent") > 100_000
        assert any(lane.why_left == "closed" for lane in story.lanes)
