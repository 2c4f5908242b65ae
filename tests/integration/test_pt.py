"""``unwalled pt`` as tor would use it: its SOCKS port, the relay's ports, and the program with its lines."""

from __future__ import annotations

import asyncio
import dataclasses
import hmac
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.chain import became
from tests.support.fake_streams import FakeStream
from tests.support.fake_tunnel import FakeTunnel
from tests.support.gateway_sites import echo, run, site
from tests.support.programs import Command, failed
from unwalled.clock import SystemClock
from unwalled.errors import OpenFailed
from unwalled.gateway.server import GatewayServer
from unwalled.operator.tor import BRIDGE_LINE_FILE
from unwalled.privacy import Hidden
from unwalled.pt.bounds import TOR, TorLimits
from unwalled.pt.client import TransportClient
from unwalled.pt.egress import Relay, RelayEgress
from unwalled.pt.environment import Endpoint
from unwalled.pt.readers import Readers
from unwalled.tunnel.api import Tunnel
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

SECRET = bytes(range(32))
PLACE = "2001:db8::1"


def invite(number: int = 1, expires_s: int = 0) -> Invite:
    token = bytes((number,)) * 8 + expires_s.to_bytes(4, "big") + bytes(16)
    return Invite(b"i" * 32, b"b" * 32, token, ("https://news.example",), ())


class FakeReader:
    """A reader whose way out is this machine."""

    def __init__(self, tunnel: FakeTunnel) -> None:
        self._tunnel = tunnel
        self.is_running = False
        self.fail = asyncio.Event()

    @property
    def tunnel(self) -> Tunnel:
        """See Reader."""
        return self._tunnel

    async def run(self) -> None:
        """See Reader."""
        self.is_running = True
        try:
            await self.fail.wait()
        finally:
            self.is_running = False


@dataclasses.dataclass
class Bench:
    """A client's transport, seen from tor."""

    tunnel: FakeTunnel
    readers: Readers
    made: list[tuple[Invite, FakeReader]]
    complaints: list[str]
    at: Endpoint

    async def dial(
        self, arguments: str | None, port: int, host: str = "127.0.0.1"
    ) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects as tor does; the reply, or -1 when there is none."""
        reader, writer = await asyncio.open_connection(self.at.host, self.at.port)
        if arguments is None:
            writer.write(b"\x05\x01\x00")
            assert await reader.readexactly(2) == b"\x05\x00"
        else:
            writer.write(b"\x05\x02\x00\x02")
            assert await reader.readexactly(2) == b"\x05\x02"
            data = arguments.encode()
            name, password = data[:255], data[255:] or b"\0"
            writer.write(bytes((1, len(name))) + name + bytes((len(password),)) + password)
            assert await reader.readexactly(2) == b"\x01\x00"
        writer.write(b"\x05\x01\x00" + Target(host, port).encode())
        try:
            return (await reader.readexactly(10))[1], reader, writer
        except asyncio.IncompleteReadError:
            return -1, reader, writer


@asynccontextmanager
async def bench(limits: TorLimits = TOR, otherwise: str = "", tunnel: FakeTunnel | None = None) -> AsyncIterator[Bench]:
    way = tunnel or FakeTunnel()
    made: list[tuple[Invite, FakeReader]] = []
    complaints: list[str] = []

    def make(one: Invite) -> FakeReader:
        made.append((one, FakeReader(way)))
        return made[-1][1]

    readers = Readers(make, limits)
    client = TransportClient(readers, SystemClock(), complaints.append, Hidden(otherwise), limits)
    at = await client.start()
    try:
        yield Bench(way, readers, made, complaints, at)
    finally:
        await client.close()
        await readers.close()
        await way.closed()


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass


def test_a_bridge_lines_invite_opens_a_way_to_its_address() -> None:
    async def main() -> None:
        async with bench() as b, site(echo) as port:
            reply, reader, writer = await b.dial(f"invite={invite().text};other=1", port)
            assert reply == 0
            writer.write(b"cells")
            assert await reader.readexactly(5) == b"cells"
            writer.write_eof()
            assert await reader.read() == b""
            await close(writer)
            assert [one for one, _ in b.made] == [invite()]
            assert b.tunnel.asked == [Target("127.0.0.1", port)]

    run(main)


def test_bridge_lines_of_one_operator_share_a_reader_and_others_do_not() -> None:
    async def main() -> None:
        async with bench() as b, site(echo) as port:
            writers = [(await b.dial(f"invite={invite(number).text}", port))[2] for number in (1, 1, 2)]
            assert [one for one, _ in b.made] == [invite(1), invite(2)]
            assert all(reader.is_running for _, reader in b.made)
            for writer in writers:
                await close(writer)

    run(main)


def test_without_an_invite_of_its_own_a_bridge_line_takes_the_environments() -> None:
    async def main() -> None:
        async with bench(otherwise=invite(7).text) as b, site(echo) as port:
            for arguments in (None, "other=1"):
                reply, _, writer = await b.dial(arguments, port)
                assert reply == 0
                await close(writer)
            assert [one for one, _ in b.made] == [invite(7)]

    run(main)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (None, "A bridge line of unwalled has no invite. Write it as"),
        ("invite=nonsense", "This is not an invite."),
        (f"invite={invite().text[:-3]}", "The invite is damaged"),
        (f"invite={invite(expires_s=1).text}", "The invite expired on 1970-01-01"),
        ("invite", "An argument is not written as key=value."),
    ],
)
def test_what_is_wrong_with_a_bridge_line_is_told_and_nothing_is_opened(arguments: str | None, words: str) -> None:
    async def main() -> None:
        async with bench() as b:
            reply, reader, writer = await b.dial(arguments, 443)
            assert reply == 2
            assert await reader.read() == b""
            await close(writer)
            assert [words in complaint for complaint in b.complaints] == [True]
            assert (b.made, b.tunnel.asked) == ([], [])

    run(main)


def test_a_way_that_fails_is_told_by_its_reply() -> None:
    async def main() -> None:
        async with bench(tunnel=FakeTunnel({PLACE: Code.NO_BRIDGE})) as b:
            reply, _, writer = await b.dial(f"invite={invite().text}", 443, PLACE)
            assert reply == 3
            await close(writer)

    run(main)


ASSOCIATE = b"\x05\x01\x00\x05\x03\x00" + Target(PLACE, 1).encode()


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x04\x01", ASSOCIATE])
def test_nothing_but_socks5_connections_is_taken(sent: bytes) -> None:
    async def main() -> None:
        async with bench() as b:
            reader, writer = await asyncio.open_connection(b.at.host, b.at.port)
            writer.write(sent)
            writer.write_eof()
            # Nothing, or "no" in the words of SOCKS5.
            assert (await reader.read())[:1] in (b"", b"\x05")
            await close(writer)
            assert (b.made, b.tunnel.asked) == ([], [])

    run(main)


def test_a_reader_without_use_is_given_up_and_made_anew() -> None:
    async def main() -> None:
        async with bench(dataclasses.replace(TOR, idle_s=0.01)) as b, site(echo) as port:
            for count in (1, 2):
                _, _, writer = await b.dial(f"invite={invite().text}", port)
                assert (len(b.made), b.readers.count) == (count, 1)
                await close(writer)
                await became(lambda: b.readers.count == 0, "nobody needs the reader any more")
                await became(lambda: not b.made[-1][1].is_running, "it has ended")

    run(main)


def test_a_reader_in_use_again_is_not_given_up() -> None:
    async def main() -> None:
        async with bench(dataclasses.replace(TOR, idle_s=3600)) as b, site(echo) as port:
            for _ in range(2):
                _, _, writer = await b.dial(f"invite={invite().text}", port)
                await close(writer)
            assert len(b.made) == 1
            # That it comes back ends the wait for its end.
            _, _, writer = await b.dial(f"invite={invite().text}", port)
            (kept,) = b.readers._kept.values()
            assert kept.retirement is None
            await close(writer)

    run(main)


def test_a_further_operator_takes_the_place_of_one_without_use_and_of_no_other() -> None:
    async def main() -> None:
        async with bench(dataclasses.replace(TOR, max_invites=2)) as b, site(echo) as port:
            _, _, first = await b.dial(f"invite={invite(1).text}", port)
            _, _, second = await b.dial(f"invite={invite(2).text}", port)
            reply, _, refused = await b.dial(f"invite={invite(3).text}", port)
            assert reply == 1
            await close(refused)
            await close(second)
            await became(lambda: any(kept.retirement for kept in b.readers._kept.values()), "one is without use")
            reply, _, third = await b.dial(f"invite={invite(3).text}", port)
            assert reply == 0
            assert set(b.readers._kept) == {invite(1), invite(3)}
            for writer in (first, third):
                await close(writer)

    run(main)


def test_a_reader_that_fails_is_made_anew() -> None:
    async def main() -> None:
        async with bench() as b, site(echo) as port:
            _, _, writer = await b.dial(f"invite={invite().text}", port)
            b.made[0][1].fail.set()
            await became(lambda: b.readers.count == 0, "it is forgotten")
            await close(writer)
            reply, _, writer = await b.dial(f"invite={invite().text}", port)
            assert (reply, len(b.made)) == (0, 2)
            await close(writer)

    run(main)


def test_more_connections_than_allowed_are_cut() -> None:
    async def main() -> None:
        async with bench(dataclasses.replace(TOR, max_connections=1)) as b, site(echo) as port:
            _, _, first = await b.dial(f"invite={invite().text}", port)
            reader, writer = await asyncio.open_connection(b.at.host, b.at.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            await close(writer)
            await close(first)

    run(main)


# The bridge's side.


def extended_port(secret: bytes = SECRET, answer: bytes = b"\x10\x00\x00\x00") -> Callable[..., Awaitable[None]]:
    """Tor's extended ORPort, with an echo instead of a relay behind it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x01\x00")
        assert await reader.readexactly(1) == b"\x01"
        nonces = await reader.readexactly(32) + os.urandom(32)

        def proof(purpose: bytes) -> bytes:
            return hmac.digest(secret, b"ExtORPort authentication " + purpose + b" hash" + nonces, "sha256")

        writer.write(proof(b"server-to-client") + nonces[32:])
        assert await reader.readexactly(32) == proof(b"client-to-server")
        writer.write(b"\x01")
        assert await reader.readexactly(16) == b"\x00\x02\x00\x08unwalled\x00\x00\x00\x00"
        writer.write(answer)
        await echo(reader, writer)

    return serve


async def through(relay: Relay, host: str, complaints: list[str]) -> bytes | Code:
    """What a stream to ``host`` gets back for what it sends, or the code with which it ends."""
    egress = RelayEgress(relay, SystemClock(), complaints.append)
    server = GatewayServer(egress.policy, egress=egress)
    stream = FakeStream(Target.parse(host, 443))
    task = asyncio.create_task(server.new_handler().handle_stream(stream))
    try:
        async with asyncio.timeout(20):
            try:
                await stream.reader.opened()
            except OpenFailed as failed:
                return failed.code
            await stream.reader.write(b"cells")
            stream.reader.finish()
            return await stream.reader.read_all()
    finally:
        await task
        server.close()


@pytest.mark.parametrize("host", [PLACE, "192.0.2.3", "127.0.0.1"])
@pytest.mark.parametrize("is_extended", [False, True])
def test_every_address_leads_to_the_relay(host: str, is_extended: bool) -> None:
    async def main() -> None:
        async with site(extended_port() if is_extended else echo) as port:
            relay = Relay(Endpoint("127.0.0.1", port), Hidden(SECRET) if is_extended else None)
            complaints: list[str] = []
            assert await through(relay, host, complaints) == b"cells"
            assert complaints == []

    run(main)


def test_no_name_leads_anywhere() -> None:
    async def main() -> None:
        async with site(echo) as port:
            relay = Relay(Endpoint("127.0.0.1", port))
            assert await through(relay, "news.example", []) is Code.NOT_ALLOWED

    run(main)


async def ends_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Somebody else's port."""
    writer.write(b"\x01\x00")
    await reader.readexactly(33)


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (extended_port(b"x" * 32), "does not know Tor's secret"),
        (extended_port(answer=b"\x10\x01\x00\x00"), "does not want a client"),
        (ends_early, "closed the connection"),
    ],
)
def test_a_port_that_does_not_take_us_is_told_to_tor(serve: Callable[..., Awaitable[None]], words: str) -> None:
    async def main() -> None:
        async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except asyncio.IncompleteReadError:
                pass

        async with site(quiet) as port:
            complaints: list[str] = []
            relay = Relay(Endpoint("127.0.0.1", port), Hidden(SECRET))
            assert await through(relay, PLACE, complaints) is Code.GENERAL
            assert [words in complaint for complaint in complaints] == [True]

    run(main)


def test_a_relay_that_is_gone() -> None:
    async def main() -> None:
        async with site(echo) as port:
            pass
        relay = Relay(Endpoint("127.0.0.1", port), Hidden(SECRET))
        assert await through(relay, PLACE, []) is Code.CONNECTION_REFUSED

    run(main)


# The program.


def common(folder: Path) -> dict[str, str]:
    return {
        "TOR_PT_MANAGED_TRANSPORT_VER": "1",
        "TOR_PT_STATE_LOCATION": str(folder / "pt_state"),
        "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
    }


def server(folder: Path, **more: str) -> dict[str, str]:
    return {
        **common(folder),
        "TOR_PT_SERVER_TRANSPORTS": "unwalled",
        "TOR_PT_SERVER_BINDADDR": "unwalled-127.0.0.1:0",
        "TOR_PT_ORPORT": "127.0.0.1:9",
        **more,
    }


def test_a_clients_program_until_tor_closes_its_input(tmp_path: Path) -> None:
    environment = {**common(tmp_path), "TOR_PT_CLIENT_TRANSPORTS": "obfs4,unwalled"}
    with Command("pt", environment=environment, is_stdin_kept=True) as command:
        command.line("CMETHODS DONE")
        assert command.out[0] == "VERSION 1"
        assert command.out[1].startswith("CMETHOD unwalled socks5 127.0.0.1:")
        assert command.out[2:] == ["CMETHODS DONE"]
        command.close_stdin()
        assert command.ended() == 0
        assert command.err == []


def test_an_end_of_input_is_no_sign_unless_tor_says_so(tmp_path: Path) -> None:
    environment = {**common(tmp_path), "TOR_PT_CLIENT_TRANSPORTS": "unwalled", "TOR_PT_EXIT_ON_STDIN_CLOSE": "0"}
    with Command("pt", environment=environment) as command:
        command.line("CMETHODS DONE")
        assert command.process.poll() is None
        assert command.stopped(signal.SIGTERM) == 0


def test_a_transport_that_is_not_wanted_opens_nothing(tmp_path: Path) -> None:
    environment = {**common(tmp_path), "TOR_PT_CLIENT_TRANSPORTS": "obfs4"}
    with Command("pt", environment=environment, is_stdin_kept=True) as command:
        command.line("CMETHODS DONE")
        assert command.out == ["VERSION 1", "CMETHODS DONE"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"TOR_PT_MANAGED_TRANSPORT_VER": "2"}, "VERSION-ERROR no-version"),
        ({"TOR_PT_PROXY": "socks5://127.0.0.1:9"}, "PROXY-ERROR unwalled reaches its bridges by WebRTC"),
        ({"TOR_PT_STATE_LOCATION": "here"}, "ENV-ERROR TOR_PT_STATE_LOCATION"),
    ],
)
def test_what_cannot_work_is_told_to_tor_and_ends_it(tmp_path: Path, change: dict[str, str], line: str) -> None:
    environment = {**common(tmp_path), "TOR_PT_CLIENT_TRANSPORTS": "unwalled", **change}
    with Command("pt", environment=environment, is_stdin_kept=True) as command:
        command.line(line)
        assert command.ended() == 2


def test_a_person_who_starts_it_hears_what_it_is_for() -> None:
    code, told = failed("pt")
    assert code == 2
    assert told == [
        "unwalled: TOR_PT_MANAGED_TRANSPORT_VER is not set.",
        "Let tor start this program: ClientTransportPlugin or ServerTransportPlugin in its torrc.",
    ]


def test_a_bridges_program_tells_where_it_is_and_writes_a_line_for_clients(tmp_path: Path) -> None:
    cookie = tmp_path / "cookie"
    cookie.write_bytes(b"! Extended ORPort Auth Cookie !\n" + SECRET)
    environment = server(tmp_path, TOR_PT_EXTENDED_SERVER_PORT="127.0.0.1:9", TOR_PT_AUTH_COOKIE_FILE=str(cookie))
    with Command("pt", environment=environment, is_stdin_kept=True) as command:
        told = command.line("SMETHOD unwalled 127.0.0.1:")
        command.line("SMETHODS DONE")
        line = (tmp_path / "pt_state" / "unwalled" / BRIDGE_LINE_FILE).read_text().splitlines()[-1]
        arguments = told.partition(" ARGS:")[2].replace("\\", "")
        assert line.startswith("Bridge unwalled [2001:db8:")
        assert line.endswith(f"]:443 <FINGERPRINT> {arguments}")
        Invite.parse(arguments.removeprefix("invite="), 0)
        command.close_stdin()
        assert command.ended() == 0
        assert command.err == []
    # After a restart it still holds for those who have it, though port 0 is another one now.
    with Command("pt", environment=environment, is_stdin_kept=True) as command:
        again = command.line("SMETHOD unwalled 127.0.0.1:").partition(" ARGS:")[2].replace("\\", "")
        first, second = (Invite.parse(text.removeprefix("invite="), 0) for text in (arguments, again))
        assert (first.identity, first.token) == (second.identity, second.token)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"TOR_PT_SERVER_TRANSPORT_OPTIONS": "unwalled:url=x"}, "has an option 'url', which there is not"),
        ({"TOR_PT_SERVER_BINDADDR": "unwalled-0.0.0.0:0"}, "ServerTransportOptions unwalled public-url=https://HOST"),
        (
            {"TOR_PT_EXTENDED_SERVER_PORT": "127.0.0.1:9", "TOR_PT_AUTH_COOKIE_FILE": "/nowhere"},
            "The secret of tor's extended ORPort cannot be read",
        ),
    ],
)
def test_why_a_bridge_cannot_serve_is_told_to_tor(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with Command("pt", environment=server(tmp_path, **change), is_stdin_kept=True) as command:
        told = command.line("SMETHOD")
        assert told.startswith("SMETHOD-ERROR unwalled ")
        assert words in told
        command.line("SMETHODS DONE")
