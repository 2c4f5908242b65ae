"""The examples of the library's page, run as they stand there; only example.org is a site of this machine."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_library import BODY, answer, run, server_context, serving
from tests.support.certificate import self_signed
from tests.support.chain import RunningBridge, running_operator
from tests.support.gateway_sites import FakeResolver
from unwalled.lanes.webrtc import ReactorStack

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "library.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class Upper(asyncio.DatagramProtocol):
    """Answers datagrams."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data.upper(), addr)


def main_of(example: str, ports: dict[str, int]) -> Any:
    """The example's ``main``, with the ports of this machine in the place of the usual ones."""
    for usual, port in ports.items():
        example = re.sub(re.escape(usual) + r"\b", f'"example.org", {port}', example)
    scope: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), scope)
    return scope["main"]


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("example", EXAMPLES, ids=["streams", "aiohttp", "httpx", "datagrams", "errors"])
def test_an_example_does_what_it_says(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "httpx" in example:
        pytest.importorskip("httpx")
    certificate = self_signed(tmp_path, name="example.org")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        datagrams, _ = await loop.create_datagram_endpoint(Upper, local_addr=("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as unused:
            nobody = unused.getsockname()[1]
        async with (
            serving(answer, server_context(certificate)) as web,
            running_operator(tmp_path / "data") as (operator, invite),
        ):
            operator._gateway.egress._resolver = FakeResolver({"example.org": [["127.0.0.1"]]})
            bridge = RunningBridge(operator.url.text, ReactorStack)
            try:
                await bridge.ready()
                ports = {
                    '"example.org", 443': web,
                    '"example.org", 7': datagrams.get_extra_info("sockname")[1],
                    '"example.org", 1': nobody,
                }
                example_here = example.replace("https://example.org/", f"https://example.org:{web}/")
                said = await main_of(example_here, ports)(invite.text)
            finally:
                await bridge.stop()
        datagrams.close()
        if isinstance(said, str):
            assert said == "refused"
        else:
            assert said == b"HELLO" or said.endswith(BODY)

    run(main)


PROGRAM = """
import asyncio, sys, unwalled

async def main():
    async with unwalled.Reader(sys.argv[1]) as reader:
        stream, writer = await reader.open_connection("127.0.0.1", int(sys.argv[2]))
        writer.write(b"GET / HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n")
        print(len(await stream.read()))
        writer.close()

asyncio.run(main())
"""


def test_a_program_that_has_used_it_ends_as_it_should(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(answer) as web, running_operator(tmp_path / "data") as (operator, invite):
            bridge = RunningBridge(operator.url.text, ReactorStack)
            try:
                await bridge.ready()
                program = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-W", "error", "-c", PROGRAM, invite.text, str(web)),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env={**os.environ, "UNWALLED_HOME": str(tmp_path / "home")},
                )
                out, err = await program.communicate()
            finally:
                await bridge.stop()
        assert (program.returncode, err) == (0, b"")
        assert int(out) > len(BODY)

    run(main)
    assert not (tmp_path / "home").exists()
