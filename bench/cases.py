"""What is measured over the whole chain. Each case gives figures by name; its ceilings run beside it, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import datagrams, page
from bench.ceiling.run import LARGE, Ceiling, measure, plain, start, tcp
from bench.chain import BridgeKind, Chain, flow_of, result_of
from bench.flow import Flow, expected_hash, percentile
from bench.network import FAR, FAR_LOSSY, NARROW, NO_DELAY, VERY_FAR, Link, Network
from bench.processes import BenchError, Processes

Figures = dict[str, float]
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Setting:
    """What one run of a case gets."""

    processes: Processes
    namespaces: bool
    seed: int
    quick: bool
    gigabytes: float
    """What the case `memory` carries through one connection."""
    link: Link

    def seconds(self, usual: float) -> float:
        """How long a transfer takes."""
        return min(usual, 6.0) if self.quick else usual

    def network(self) -> Network:
        """The network of this run."""
        return Network(self.link, self.processes, namespaces=self.namespaces, seed=self.seed)

    @contextmanager
    def chain(self, *bridges: BridgeKind, reader: bool = True) -> Iterator[Chain]:
        """A chain with these bridges, and a reader that has loaded a page and had a moment to open all its lanes."""
        with self.network() as network, Chain(network, self.processes) as chain:
            for kind in bridges:
                chain.add_bridge(kind)
            if reader:
                chain.start_reader()
                chain.connected()
                time.sleep(1 + 4 * self.link.round_trip_s)
            yield chain


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach."""

    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether it does."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement. ``targets`` are those of the project, by figure. A share is of the ceiling of the same
    direction: with a link in between that of about as many lanes, else the best one (a processor limits it then)."""

    name: str
    about: str
    run: Callable[[Setting], Figures]
    link: Link = NO_DELAY
    ceilings: tuple[Ceiling, ...] = ()
    tcp: bool = False
    beside: Callable[[Setting], Figures] | None = None
    """What the way itself does in such a case, where that is no rate."""
    targets: tuple[tuple[str, Target], ...] = ()

    @property
    def needs_namespaces(self) -> bool:
        """Whether it runs with ``--net`` only."""
        return self.link is not NO_DELAY


def _transfer(chain: Chain, direction: str, seconds: float, skip_s: float) -> tuple[Flow, Figures]:
    """One transfer, checked: its rate after the ramp and over all, the longest gap, the CPU of each part."""
    before = chain.costs()
    result = chain.run(f"{direction}load", str(seconds), timeout_s=seconds + 90)
    after = chain.costs()
    flow = flow_of(result)
    _check(result, flow)
    figures = {
        f"{direction}, Mbit/s": flow.mbit_s(skip_s, seconds),
        f"{direction} with its ramp, Mbit/s": flow.mbit_s(0, seconds),
        f"{direction}, longest gap, s": flow.longest_gap_s(skip_s),
    }
    if (lanes := chain.lanes()) is not None:
        # A reader adds lanes while they help: without their number no ceiling can be chosen.
        figures[f"{direction}, lanes at its end"] = lanes
    for part in ("reader", "bridge", "gateway"):
        if flow.size and part in before:
            used = after[part].since(before[part]) * GIB / flow.size
            figures[f"{direction}, CPU of the {part}, s/GiB"] = used
    return flow, figures


def _check(result: dict[str, object], flow: Flow) -> None:
    if "sha256" in result and result["sha256"] != expected_hash(flow.size):
        raise BenchError("the bytes that arrived are not those that were sent")
    if result.get("ended"):
        raise BenchError("the download ended by itself")


def both_ways(*bridges: BridgeKind, usual_s: float = 8.0, skip_s: float = 2.0) -> Callable[[Setting], Figures]:
    """Download, upload, small round trips and new connections over one chain."""

    def run(setting: Setting) -> Figures:
        seconds = setting.seconds(usual_s)
        skip = min(skip_s, seconds / 2)
        with setting.chain(*bridges) as chain:
            _, figures = _transfer(chain, "down", seconds, skip)
            figures |= _transfer(chain, "up", seconds, skip)[1]
            count = 20 if setting.quick else 50
            trips = chain.run("echo", str(count), "0.02", "100")["round_trips_s"]
            figures["100 B there and back, p50, ms"] = percentile(trips, 0.5) * 1000
            figures["100 B there and back, p95, ms"] = percentile(trips, 0.95) * 1000
            pages = chain.run("page", "5" if setting.quick else "10")["first_byte_s"]
            figures["new connection to first byte, p50, ms"] = percentile(pages, 0.5) * 1000
        return figures

    return run


def download_only(*bridges: BridgeKind, usual_s: float, skip_s: float) -> Callable[[Setting], Figures]:
    """A long download."""

    def run(setting: Setting) -> Figures:
        seconds = setting.seconds(usual_s)
        with setting.chain(*bridges) as chain:
            return _transfer(chain, "down", seconds, min(skip_s, seconds / 2))[1]

    return run


def narrow(setting: Setting) -> Figures:
    """A link that fills: its share, plain TCP beside it, and small round trips idle and during a download."""
    seconds = setting.seconds(20.0)
    with setting.chain("chromium") as chain:
        count = 20 if setting.quick else 50
        idle = chain.run("echo", str(count), "0.05", "100")["round_trips_s"]
        download = chain.client("download", str(seconds))
        time.sleep(seconds / 4)
        rounds = int((seconds / 2) / 0.25)
        busy = chain.run("echo", str(rounds), "0.05", "100")["round_trips_s"]
        result = chain.result(download)
        flow = flow_of(result)
        _check(result, flow)
    with setting.network() as network:
        plain = tcp(network, setting.processes, "down", seconds)
    rate = flow.mbit_s(seconds / 4, seconds)
    return {
        "down, Mbit/s": rate,
        "down, share of the link": rate / setting.link.rate_mbit,
        "plain TCP (CUBIC) over the same link, Mbit/s": plain.mbit_s(seconds / 4, seconds),
        "100 B there and back, idle, p50, ms": percentile(idle, 0.5) * 1000,
        "100 B there and back, idle, p95, ms": percentile(idle, 0.95) * 1000,
        "100 B there and back, in a download, p50, ms": percentile(busy, 0.5) * 1000,
        "100 B there and back, in a download, p95, ms": percentile(busy, 0.95) * 1000,
        "p95 above 1.5 × idle, ms": (percentile(busy, 0.95) - 1.5 * percentile(idle, 0.5)) * 1000,
    }


def cold(kind: BridgeKind) -> Callable[[Setting], Figures]:
    """A reader starts from nothing and loads a page; then new connections."""

    def run(setting: Setting) -> Figures:
        with setting.chain(kind, reader=False) as chain:
            # A bridge or an application that is just being started would take the processor from the reader.
            client = chain.waiting_client()
            time.sleep(3)
            client.tell(str(chain.start_reader()))
            result = chain.result(client)
            time.sleep(1 + 4 * setting.link.round_trip_s)
            pages = chain.run("page", "5" if setting.quick else "10")["first_byte_s"]
        first, listening = result["first_byte_s"], result["listening_s"]
        return {
            "start to first byte, s": first,
            "start to the proxy's listening, s": listening,
            "proxy's listening to first byte, s": first - listening,
            "new connection to first byte, p50, ms": percentile(pages, 0.5) * 1000,
            "the same above one round trip, ms": (percentile(pages, 0.5) - setting.link.round_trip_s) * 1000,
        }

    return run


def bare_start(kind: BridgeKind) -> Callable[[Setting], Figures]:
    """The smallest program that starts from nothing and reads a byte: with one lane, and with a reader's eight."""

    def run(setting: Setting) -> Figures:
        figures: Figures = {}
        for lanes in (1, 8):
            with setting.network() as network:
                result = start(kind, lanes, 0, network, setting.processes)
            figures[f"bare program, start to first byte, {lanes} lane{'s' * (lanes > 1)}, s"] = result.first_byte_s
        return figures

    return run


def bare_echo(kind: BridgeKind) -> Callable[[Setting], Figures]:
    """Round trips of 100 B through a bare relay."""

    def run(setting: Setting) -> Figures:
        with setting.network() as network:
            result = start(kind, 1, 20 if setting.quick else 50, network, setting.processes)
        return {"bare relay, 100 B there and back, p50, ms": percentile(result.round_trips_s, 0.5) * 1000}

    return run


def failover(kind: BridgeKind, how: str) -> Callable[[Setting], Figures]:
    """Two bridges, of which one goes in the middle of a download. ``how``: ``kill``, ``freeze`` or ``tab``."""

    def run(setting: Setting) -> Figures:
        seconds = setting.seconds(10.0)
        with setting.chain(kind, kind) as chain:
            download = chain.client("download", str(seconds))
            time.sleep(seconds / 2)
            victim = chain.bridges[setting.seed % 2]
            moment = time.monotonic()
            if how == "kill":
                victim.kill()
            elif how == "freeze":
                victim.freeze()
            else:
                victim.close_tab()
            result = chain.result(download)
        flow = flow_of(result)
        _check(result, flow)
        return {
            "longest gap after it, s": flow.gap_around_s(moment),
            "longest gap before it, s": max((g for at, g in flow.gaps if at < moment), default=0.0),
            "down before it, Mbit/s": flow.mbit_s(1, moment - flow.first_at),
            "down after it, Mbit/s": flow.mbit_s(moment - flow.first_at, seconds),
        }

    return run


def replaced(how: str) -> Callable[[Setting], Figures]:
    """The only bridge goes while another, which came later, waits at the broker. ``how``: ``kill`` or ``freeze``."""

    def run(setting: Setting) -> Figures:
        seconds = setting.seconds(10.0)
        with setting.chain("headless") as chain:
            download = chain.client("download", str(seconds))
            chain.add_bridge("headless")
            time.sleep(seconds / 4)
            moment = time.monotonic()
            if how == "kill":
                chain.bridges[0].kill()
            else:
                chain.bridges[0].freeze()
            result = chain.result(download)
        flow = flow_of(result)
        _check(result, flow)
        return {"longest gap, s": flow.gap_around_s(moment)}

    return run


def with_datagrams(setting: Setting) -> Figures:
    """A call, DNS-like questions and QUIC-like packets, alone and beside a download; then the same without Unwalled."""
    seconds = setting.seconds(10.0)
    round_trip_s = setting.link.round_trip_s
    with setting.chain("chromium") as chain:
        figures = datagrams.measure(chain.client, chain.result, round_trip_s, seconds)
    with setting.network() as network, plain(network, setting.processes) as client:
        bare = datagrams.measure(client, lambda client: result_of(client, setting.processes), round_trip_s, seconds)
    return figures | {f"plain UDP, {name}": value for name, value in bare.items()}


def changing_page(setting: Setting) -> Figures:
    """A page and a film in a real Chromium, first over two bridges that stay, then over two of which one is killed
    every few seconds, while another comes."""
    with setting.chain("headless", "headless") as chain:
        return page.measure(chain, setting.processes, setting.seconds(12.0), 3.0)


def outage(setting: Setting) -> Figures:
    """Nothing passes the link for three seconds, as when a laptop changes its network."""
    hole_s = 3.0
    with setting.network() as network, Chain(network, setting.processes) as chain:
        assert network.emulator is not None
        chain.add_bridge("headless")
        chain.start_reader()
        chain.connected()
        download = chain.client("download", "12")
        time.sleep(4)
        moment = time.monotonic()
        network.black_hole(True)
        time.sleep(hole_s)
        network.black_hole(False)
        result = chain.result(download)
    flow = flow_of(result)
    _check(result, flow)
    return {"gap beyond the hole of 3 s, s": flow.gap_around_s(moment) - hole_s}


def memory(setting: Setting) -> Figures:
    """Resident memory: reader idle and after downloads, gateway for each further idle session."""
    with setting.chain("headless") as chain:
        assert chain.reader is not None
        figures = {"reader idle, MB": chain.reader.cost().rss_bytes / 1e6}
        for lanes in (8, 24):
            figures[f"gateway, each idle session of {lanes} lanes, kB"] = _idle_session(setting, lanes) / 1e3
        chain.run("download", "5")
        before = chain.memory()
        size = int((0.1 if setting.quick else setting.gigabytes) * 1e9)
        result = chain.run("fetch", str(size), timeout_s=60 + size / 5e6)
        _check(result, flow_of(result))
        figures["through one connection, GB"] = flow_of(result).size / 1e9
        for part, after in chain.memory().items():
            figures[f"{part} before it, MB"] = before[part]
            figures[f"{part} after it, MB"] = after
    return figures


def idle_lanes(setting: Setting) -> Figures:
    """Resident memory of a reader that a download has brought to many lanes, and which is idle since."""
    with setting.chain("chromium") as chain:
        assert chain.reader is not None
        few = {"lanes at first": float(chain.lanes() or 0), "reader with them, MB": chain.reader.cost().rss_bytes / 1e6}
        chain.run("download", "12")
        time.sleep(3)
        return {
            **few,
            "lanes after a download": float(chain.lanes() or 0),
            "reader with these, idle, MB": chain.reader.cost().rss_bytes / 1e6,
        }


def _idle_session(setting: Setting, lanes: int) -> float:
    """Bytes that each further session takes at a gateway, with its lanes open and nothing on them."""
    first, more = 10, 20 if setting.quick else 100
    processes = setting.processes
    gateway = processes.python("gateway", "bench.sessions", "serve")
    port, key = gateway.line().split()
    holder = processes.python("sessions", "bench.sessions", "hold", port, key)
    before = 0
    # The first of them also pay for what Python only makes once.
    for count in (first, more):
        before = gateway.cost().rss_bytes
        holder.tell(f"{count} {lanes}")
        holder.line(60)
    used = (gateway.cost().rss_bytes - before) / more
    for process in (holder, gateway):
        processes.end(process)
    return used


def loopback(setting: Setting) -> Figures:
    """Plain TCP through nothing: what the two measuring programs can do."""
    with setting.network() as network:
        return {
            f"{direction}, Mbit/s": tcp(network, setting.processes, direction, 3).mbit_s(0.5)
            for direction in ("down", "up")
        }


def _bare(through: str, direction: str, *lanes: int, size: int = 16384, seconds: float = 8) -> tuple[Ceiling, ...]:
    return tuple(Ceiling(through, direction, count, size, seconds, seconds / 4) for count in lanes)


def run_ceiling(ceiling: Ceiling, setting: Setting) -> float:
    """Mbit/s of one ceiling."""
    seconds = setting.seconds(ceiling.seconds)
    shorter = Ceiling(ceiling.through, ceiling.direction, ceiling.lanes, ceiling.message_bytes, seconds, seconds / 4)
    with setting.network() as network:
        return measure(shorter, network, setting.processes).mbit_s(shorter.skip_s, seconds)


def _both(through: str, *lanes: int, seconds: float = 8) -> tuple[Ceiling, ...]:
    return _bare(through, "down", *lanes, seconds=seconds) + _bare(through, "up", *lanes, seconds=seconds)


_LOSSES: tuple[tuple[BridgeKind, str, str], ...] = (
    ("headless", "kill", "killed"),
    ("headless", "freeze", "frozen without a word"),
    ("chromium", "kill", "killed"),
    ("chromium", "freeze", "frozen without a word"),
    ("chromium", "tab", "closed by its visitor"),
)

_KINDS: tuple[tuple[BridgeKind, str], ...] = (("chromium", "Chromium"), ("headless", "headless"))

CASES = (
    Case("loopback", "Plain TCP through nothing, no delay", loopback),
    Case(
        "chromium",
        "One Chromium bridge, no delay",
        both_ways("chromium"),
        ceilings=_both("chromium", 1, 8),
        beside=bare_echo("chromium"),
        targets=(
            ("down, share of the ceiling", Target(least=0.85)),
            ("100 B there and back, p50, ms", Target(most=1.5)),
            ("down, CPU of the reader, s/GiB", Target(most=25)),
            ("down, CPU of the gateway, s/GiB", Target(most=7)),
        ),
    ),
    Case(
        "headless",
        "One headless bridge, no delay",
        both_ways("headless"),
        ceilings=_both("headless", 1, 8) + _bare("headless", "down", 1, size=LARGE),
        beside=bare_echo("headless"),
        targets=(
            ("down, Mbit/s", Target(least=300)),
            ("up, Mbit/s", Target(least=300)),
            ("100 B there and back, p50, ms", Target(most=1.5)),
            ("down, CPU of the reader, s/GiB", Target(most=25)),
            ("down, CPU of the gateway, s/GiB", Target(most=7)),
        ),
    ),
    Case(
        "memory",
        "Memory, one headless bridge, no delay",
        memory,
        targets=(
            ("reader idle, MB", Target(most=120)),
            ("gateway, each idle session of 8 lanes, kB", Target(most=200)),
        ),
    ),
    *(
        Case(
            f"failover-{kind}-{how}",
            f"Two {kind} bridges, no delay, one {words}",
            failover(kind, how),
            targets=(("longest gap after it, s", Target(most=0.5)),),
        )
        for kind, how, words in _LOSSES
    ),
    Case(
        "replaced",
        "The only headless bridge killed, another waiting",
        replaced("kill"),
        targets=(("longest gap, s", Target(most=2)),),
    ),
    Case(
        "replaced-freeze",
        "The only headless bridge frozen without a word, another waiting",
        replaced("freeze"),
        targets=(("longest gap, s", Target(most=2)),),
    ),
    Case(
        "page",
        "A page of 200 objects and a film in Chromium, two headless bridges, one killed every 3 s",
        changing_page,
        targets=(
            ("changing, objects of 200 that did not come right, over all loads", Target(most=0)),
            ("changing, film, stalls", Target(most=0)),
        ),
    ),
    Case("cold", "A reader's start, one headless bridge, no delay", cold("headless")),
    *(
        Case(
            f"far-cold-{kind}" if kind == "headless" else "far-cold",
            f"A reader's start, one {words} bridge, RTT 100 ms",
            cold(kind),
            FAR,
            beside=bare_start(kind),
            targets=(
                ("start to first byte, s", Target(most=0.65)),
                ("the same above one round trip, ms", Target(most=20)),
            ),
        )
        for kind, words in _KINDS
    ),
    Case(
        "far",
        "One Chromium bridge, RTT 100 ms",
        both_ways("chromium", usual_s=20, skip_s=8),
        FAR,
        ceilings=_both("chromium", 8, 32, seconds=20),
        targets=(("down, Mbit/s", Target(least=80)), ("up, Mbit/s", Target(least=40))),
    ),
    Case(
        "lossy",
        "One Chromium bridge, RTT 100 ms, 1 % loss each way",
        both_ways("chromium", usual_s=20, skip_s=5),
        FAR_LOSSY,
        ceilings=_both("chromium", 8, 32, seconds=20),
        tcp=True,
        targets=(
            ("down, Mbit/s", Target(least=14)),
            ("up, Mbit/s", Target(least=7)),
            ("down, longest gap, s", Target(most=1)),
        ),
    ),
    Case(
        "lossy-three",
        "Three Chromium bridges, RTT 100 ms, 1 % loss each way",
        download_only("chromium", "chromium", "chromium", usual_s=25, skip_s=10),
        FAR_LOSSY,
        ceilings=_bare("chromium", "down", 32, seconds=25),
        targets=(("down, Mbit/s", Target(least=25)),),
    ),
    Case(
        "very-far",
        "Three Chromium bridges, RTT 300 ms, 3 % loss each way",
        download_only("chromium", "chromium", "chromium", usual_s=30, skip_s=12),
        VERY_FAR,
        ceilings=_bare("chromium", "down", 32, seconds=30),
        tcp=True,
        targets=(("down, Mbit/s", Target(least=5)),),
    ),
    Case(
        "narrow",
        "One Chromium bridge, 20 Mbit/s, RTT 100 ms, 0.1 % loss, queue 100 ms",
        narrow,
        NARROW,
        targets=(("down, share of the link", Target(least=0.85)), ("p95 above 1.5 × idle, ms", Target(most=50))),
    ),
    *(
        Case(
            f"far-failover-{how}",
            f"Two headless bridges, RTT 100 ms, one {words}",
            failover("headless", how),
            FAR,
            targets=(("longest gap after it, s", Target(most=0.5)),),
        )
        for how, words in (("kill", "killed"), ("freeze", "frozen without a word"))
    ),
    Case(
        "far-idle-lanes",
        "Memory with many lanes, one Chromium bridge, RTT 100 ms",
        idle_lanes,
        FAR,
        targets=(("reader with these, idle, MB", Target(most=120)),),
    ),
    *(
        Case(f"{name}-datagrams", f"Datagrams, one Chromium bridge, {link.name}", with_datagrams, link)
        for name, link in (("far", FAR), ("lossy", FAR_LOSSY), ("narrow", NARROW))
    ),
    Case("outage", "One headless bridge, RTT 100 ms, the link dead for 3 s", outage, FAR),
)
