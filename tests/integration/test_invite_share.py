"""An invite with a share of a day: what is moved counts, and who has used it up is told so."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.support.chain import RunningBridge, became, running_operator, running_reader
from tests.support.gateway_sites import run
from tests.support.proxy_bench import MIB, ProxyUser, local_site
from unwalled.crypto.identity import OperatorKeys
from unwalled.lanes.webrtc import ReactorStack
from unwalled.operator.invites.book import InviteBook, Quota, make_invites
from unwalled.reader.status import Cause

SHARE = 4 * MIB


def test_a_session_ends_when_its_invites_bytes_are_used_up_and_the_reader_hears_why(tmp_path: Path) -> None:
    async def main() -> None:
        data = tmp_path / "data"
        async with local_site() as (port, told), running_operator(data) as (operator, _):
            keys = OperatorKeys.load(data)
            assert keys is not None
            (made,) = make_invites(
                keys,
                InviteBook(data),
                doors=[operator.url.text],
                stun=[],
                labels=["for one day"],
                now_wall_s=time.time(),
                expires_s=0,
                random_bytes=os.urandom,
                quota=Quota(bytes_day=SHARE),
            )
            bridge = RunningBridge(operator.url.text, ReactorStack)
            try:
                await bridge.ready()
                async with running_reader(made.invite) as (reader, at):
                    user = ProxyUser(at, port, told)
                    url = f"http://127.0.0.1:{port}/down?mib=64&length"
                    head = f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                    got = b""
                    app, writer = await user.dial()
                    writer.write(head.encode())
                    try:
                        while part := await app.read(MIB):
                            got += part
                    except ConnectionError:
                        pass
                    assert got.startswith(b"HTTP/1.1 200 ")
                    assert len(got) < 64 * MIB
                    await became(lambda: reader.client.status.cause is Cause.SHARE, "the reader hears why")
                    assert "share" in reader.client.status.detail
                    writer.close()
            finally:
                await bridge.stop()

    run(main)
