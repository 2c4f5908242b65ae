"""Lanes over WebRTC data channels, by libwebrtc (the stack of Chrome) through ``reactor_webrtc``.

What decides how this is written (reactor_webrtc 0.24; measured on loopback with two cores that others used too, so
rates are single runs and differ by a third):

- The library's connection has no close. It ends when its last reference goes, and that takes 2 to 16 ms, so it
  happens in a thread of its own. A channel that is closed first told the other end each time; of connections that
  were just dropped under load, some told it nothing.
- ``send`` beyond 16 MiB closes the channel, hence a bound of our own.
- A far end that died without a word showed as *disconnected* after 8 s and as *failed* after 15 to 18 s.
- Callbacks on the network thread moved 16 KiB messages at 530 to 780 Mbit/s, by way of the signalling thread at 460
  to 550. They were chosen for the other reason: a busy interpreter then slows the sender down instead of filling the
  library's queue, which has no bound. Such callbacks may touch the mailbox only.
- A callback that comes while the interpreter ends aborts the process, hence the ``atexit`` hook.
- ``with_sctp_tuning(low_latency=True)`` halved the rate on loopback. Over distance and loss it was not measured, so
  the library's own windows stay.
- SCTP's parameters in the description save round trips (two, says the library) and show to nobody on the wire. DTLS
  inside STUN saves one more, but looks unlike a browser's handshake, so it is off unless asked for.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import reactor_webrtc

from unwalled.errors import DescriptionError, LaneClosed
from unwalled.lanes.base import Lane, LaneReceiver
from unwalled.lanes.mailbox import Mailbox
from unwalled.settings import BRIDGE, LANE
from unwalled.tasks import TaskOwner
from unwalled.wire.description import LaneDescription, Role, build_sdp, parse_sdp

CHANNEL_LABEL = "data"
_REFRESH_S = 0.001
_ASK_FROM_BYTES = min(LANE.send_queue_bytes, BRIDGE.pause_at_bytes) // 4


class OfferedLane(Protocol):
    """A lane that was offered and waits for its answer."""

    @property
    def description(self) -> LaneDescription:
        """The offer for the other end."""

    async def accept(self, answer: LaneDescription) -> Lane:
        """Opens the lane. Raises DescriptionError for an answer that cannot be one, and LaneClosed when it does not
        open within ``LANE.open_timeout_s``. When cancelled or failed, the lane is closed. Call it once."""

    def close(self) -> None:
        """Gives the offer up. Does nothing once ``accept`` has given the lane."""


class BegunLane(Protocol):
    """A lane that was offered, and may begin to open before whoever wants it is there."""

    @property
    def description(self) -> LaneDescription:
        """The offer for the other end."""

    async def begin(self, answer: LaneDescription) -> None:
        """Begins to open the lane. What goes wrong is told by ``accept``, which must get the same answer."""


class AnsweredLane(Protocol):
    """A lane whose answer is on its way to the other end."""

    @property
    def description(self) -> LaneDescription:
        """The answer for the other end."""

    async def opened(self) -> Lane:
        """Waits until the lane is open. Raises LaneClosed when it does not open within ``LANE.open_timeout_s``.
        When cancelled or failed, the lane is closed. Call it once."""

    def close(self) -> None:
        """Gives the answer up. Does nothing once ``opened`` has given the lane."""


class WebRtcStack(Protocol):
    """Makes WebRTC lanes. One serves a whole program."""

    async def offer(self) -> OfferedLane:
        """A new offer, with the addresses that were found within ``LANE.gather_timeout_s``. Cancelling is safe."""

    async def answer(self, offer: LaneDescription) -> AnsweredLane:
        """Answers an offer. Raises DescriptionError when the stack does not take it. Cancelling is safe."""

    async def aclose(self) -> None:
        """Closes every lane, within ``LANE.close_timeout_s`` and a little."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How libwebrtc is set up. The defaults were chosen by measurement (see the module)."""

    sctp_in_description: bool = True
    dtls_in_stun: bool = False
    network_thread_callbacks: bool = True


class ReactorStack:
    """The WebRtcStack over ``reactor_webrtc``. Make it in the event loop that uses it."""

    def __init__(
        self,
        stun: tuple[str, ...] = (),
        *,
        options: StackOptions = StackOptions(),
        gather_timeout_s: float = LANE.gather_timeout_s,
        gather_settle_s: float = LANE.gather_settle_s,
        failed_hint_s: float | None = None,
    ) -> None:
        """``stun``: URLs of STUN servers. ``failed_hint_s``: silence after which a lane counts as disconnected."""
        self.loop = asyncio.get_running_loop()
        self.gather_timeout_s = gather_timeout_s
        self.asks_stun = bool(stun)
        self.gather_settle_s = gather_settle_s if stun else LANE.gather_own_s
        self._factory = _factory(options)
        self._configuration = reactor_webrtc.RtcConfiguration(
            ice_servers=[reactor_webrtc.IceServer(urls=list(stun))] if stun else [],
            bundle_policy=reactor_webrtc.BundlePolicy.MaxBundle,
            frame_metadata=False,
            sctp_snap=options.sctp_in_description,
            dc_chunking=False,
            ice_connection_receiving_timeout_ms=int((failed_hint_s or 0) * 1000),
        )
        self._dropper = ThreadPoolExecutor(1, thread_name_prefix="webrtc-drop")
        self._live: set[_Connection] = set()
        self._none_live = asyncio.Event()
        self._none_live.set()
        self._closed = False
        self._prepared: list[_Prepared] = []
        self._tasks = TaskOwner()
        atexit.register(self._abandon)

    def prepare(self, count: int) -> None:
        """Begins to make offers, which the next calls of ``offer`` give. For a program's start: they do not keep."""
        for _ in range(count):
            prepared = _Prepared()
            self._prepared.append(prepared)
            self._tasks.start(prepared.make(self._new_offer), "prepare an offer")

    async def prepared(self) -> Sequence[BegunLane]:
        """All prepared offers, in the order in which ``offer`` gives them; without those that failed."""
        waiting = list(self._prepared)
        for prepared in waiting:
            await prepared.is_over.wait()
        return [prepared.offer for prepared in waiting if prepared.offer is not None]

    async def offer(self) -> OfferedLane:
        """See WebRtcStack."""
        if self._prepared:
            prepared = self._prepared.pop(0)
            try:
                await prepared.is_over.wait()
            except BaseException:
                self._prepared.append(prepared)
                raise
            if prepared.offer is not None:
                return prepared.offer
        return await self._new_offer()

    async def _new_offer(self) -> _Offered:
        connection = self._connect()
        try:
            return await _Offered.make(connection)
        except BaseException:
            connection.close("closed")
            raise

    async def answer(self, offer: LaneDescription) -> AnsweredLane:
        """See WebRtcStack."""
        sdp = build_sdp(offer, "offer")
        connection = self._connect()
        try:
            return await _Answered.make(connection, sdp)
        except BaseException:
            connection.close("closed")
            raise

    async def aclose(self) -> None:
        """See WebRtcStack."""
        self._closed = True
        self._prepared.clear()
        await self._tasks.close()
        for connection in tuple(self._live):
            connection.close("closed")
        await self._none_live.wait()
        self._dropper.shutdown(wait=False)
        atexit.unregister(self._abandon)

    def _connect(self) -> _Connection:
        if self._closed:
            raise LaneClosed("The WebRTC stack was closed.")
        connection = _Connection(self, self._factory, self._configuration)
        self._live.add(connection)
        self._none_live.clear()
        return connection

    def drop(self, connection: _Connection, handles: list[object]) -> None:
        """Frees the library's objects in the thread that is there for it."""

        def freed(_: Future[None]) -> None:
            self.post(functools.partial(self._freed, connection))

        self._dropper.submit(handles.clear).add_done_callback(freed)

    def post(self, callback: Callable[[], None]) -> None:
        """Runs ``callback`` in the loop's thread. From any thread; after the loop's end it is dropped."""
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:
            pass

    def _freed(self, connection: _Connection) -> None:
        self._live.discard(connection)
        if not self._live:
            self._none_live.set()

    def _abandon(self) -> None:
        for connection in tuple(self._live):
            connection.handles.clear()
        self._dropper.shutdown(wait=True)


class _Prepared:
    """An offer that is made before somebody wants it."""

    def __init__(self) -> None:
        self.offer: _Offered | None = None
        self.is_over = asyncio.Event()

    async def make(self, new_offer: Callable[[], Awaitable[_Offered]]) -> None:
        """Makes it; when that fails, whoever wants an offer tries anew and hears the reason."""
        try:
            self.offer = await new_offer()
        except (LaneClosed, DescriptionError):
            pass
        finally:
            self.is_over.set()


@functools.cache
def _factory(options: StackOptions) -> reactor_webrtc.PeerConnectionFactory:
    """One for each set of options in a process: a factory costs 26 MB and three threads."""
    builder = reactor_webrtc.PeerConnectionFactoryBuilder()
    builder.with_metadata(False)
    builder.with_dtls_in_stun(options.dtls_in_stun)
    builder.with_dc_callbacks_on_network_thread(options.network_thread_callbacks)
    return builder.build()


class _Connection:
    """One peer connection and its one data channel: the library's objects and the events of its threads."""

    def __init__(
        self,
        stack: ReactorStack,
        factory: reactor_webrtc.PeerConnectionFactory,
        configuration: reactor_webrtc.RtcConfiguration,
    ) -> None:
        self.stack = stack
        self.mailbox = Mailbox(stack.post)
        self.open = False
        self.closed = False
        self.settled = asyncio.Event()
        self.connected = True
        self.channel: reactor_webrtc.DataChannel | None = None
        self.on_closed: Callable[[str], None] | None = None
        self.on_connected: Callable[[bool], None] | None = None
        self._gathered = asyncio.Event()
        self._settling: asyncio.TimerHandle | None = None
        self._candidates: list[str] = []
        self._channel_gone = False
        self._dropped = False
        self._drop_timer: asyncio.TimerHandle | None = None
        observer = reactor_webrtc.PeerConnectionObserver()
        observer.on_ice_candidate = self._candidate_found
        observer.on_ice_gathering_change = self._gathering_changed
        observer.on_connection_state_change = self._state_changed
        observer.on_data_channel = self.attach
        self.peer: reactor_webrtc.PeerConnection | None = factory.create_peer_connection(configuration, observer)
        # The only lasting references to the library's objects are in this list, so that clearing it frees them.
        self.handles: list[object] = [self.peer, observer]

    # Called by the library's threads. ------------------------------------------------------------------------------

    def attach(self, channel: reactor_webrtc.DataChannel) -> None:
        """Takes the data channel: the one that this end made, or the first that the other end brought."""
        if self.channel is not None:
            channel.close()
            self.stack.post(functools.partial(self.close, "protocol"))
            return
        self.channel = channel
        self.handles.append(channel)
        channel.on_message(self.mailbox.put)
        channel.on_close(lambda: self.stack.post(self._channel_closed))
        channel.on_open(lambda: self.stack.post(self._channel_opened))
        if channel.state() == reactor_webrtc.DataChannelState.Open:
            self.stack.post(self._channel_opened)

    def _candidate_found(self, candidate: reactor_webrtc.IceCandidate) -> None:
        self._candidates.append(candidate.candidate)
        if " typ srflx" in candidate.candidate or not self.stack.asks_stun:
            self.stack.post(self._mapped)

    def _gathering_changed(self, state: reactor_webrtc.IceGatheringState) -> None:
        if state == reactor_webrtc.IceGatheringState.Complete:
            self.stack.post(self._gathered.set)

    def _state_changed(self, state: reactor_webrtc.PeerConnectionState) -> None:
        states = reactor_webrtc.PeerConnectionState
        if state == states.Failed:
            self.stack.post(functools.partial(self.close, "failed"))
        elif state == states.Connected or state == states.Disconnected:
            self.stack.post(functools.partial(self._connectivity, state == states.Connected))

    # Called in the event loop. -------------------------------------------------------------------------------------

    def held_peer(self) -> reactor_webrtc.PeerConnection:
        """The library's connection. Raises LaneClosed when it was given up.

        Delete the reference before any exception leaves the function that took it: the frames of a cancelled task live
        until the next collection, perhaps until the interpreter's end, and callbacks that come then abort the process.
        """
        if self.peer is None:
            raise LaneClosed("The connection was given up.")
        return self.peer

    async def gather(self, sdp: str) -> LaneDescription:
        """The description of this end, once its addresses are known or the time is over."""
        try:
            async with asyncio.timeout(self.stack.gather_timeout_s):
                await self._gathered.wait()
        except TimeoutError:
            pass
        lines = "".join(f"a={candidate}\r\n" for candidate in tuple(self._candidates))
        return parse_sdp(sdp + lines)

    def _mapped(self) -> None:
        # One address as the outside sees it is enough to be reached: dead STUN servers may only cost a little more.
        # The machine's own addresses come all at once, but the library takes 0.1 s to say that these were all.
        if self._settling is None:
            self._settling = self.stack.loop.call_later(self.stack.gather_settle_s, self._gathered.set)

    async def wait_open(self) -> Lane:
        """The open lane. Raises LaneClosed; closes the connection then, and when cancelled."""
        try:
            async with asyncio.timeout(LANE.open_timeout_s):
                await self.settled.wait()
            channel = self.channel
            if self.closed or channel is None:
                raise LaneClosed("The lane closed before it was open.")
            if channel.label() != CHANNEL_LABEL or not channel.ordered() or not channel.reliable():
                raise LaneClosed("The other end made a channel of the wrong kind.")
            return WebRtcLane(self, channel)
        except TimeoutError:
            self.close("unopened")
            raise LaneClosed("The lane did not open in time.") from None
        except BaseException:
            self.close("unopened")
            raise

    def close(self, reason: str) -> None:
        """Starts the end: tells the other end, waits a little for its word, frees everything. Any number of times."""
        if self.closed:
            return
        self.closed = True
        self.settled.set()
        self.mailbox.close()
        if self.on_closed is not None:
            self.stack.loop.call_soon(self.on_closed, reason)
        if self.channel is not None and self.open and not self._channel_gone and reason != "failed":
            self.channel.close()
            self._drop_timer = self.stack.loop.call_later(LANE.close_timeout_s, self._drop)
        else:
            self._drop()

    def _drop(self) -> None:
        if self._dropped:
            return
        self._dropped = True
        for timer in (self._drop_timer, self._settling):
            if timer is not None:
                timer.cancel()
        self.peer = self.channel = None
        self.on_closed = self.on_connected = None
        self.stack.drop(self, self.handles)

    def _channel_opened(self) -> None:
        self.open = True
        self.settled.set()

    def _channel_closed(self) -> None:
        self._channel_gone = True
        if self.closed:
            self._drop()
        else:
            # Messages that came before the close are still in the mailbox, and they go first.
            self.mailbox.finish("closed")
            if not self.mailbox.started:
                self.close("closed")

    def _connectivity(self, connected: bool) -> None:
        if self.connected != connected and not self.closed:
            self.connected = connected
            if self.on_connected is not None:
                self.on_connected(connected)


class _Described:
    """What an offered and an answered lane share."""

    def __init__(self, connection: _Connection, description: LaneDescription) -> None:
        self._connection = connection
        self._description = description
        self._given = False

    @property
    def description(self) -> LaneDescription:
        """The own end's description."""
        return self._description

    def close(self) -> None:
        """See OfferedLane and AnsweredLane."""
        if not self._given:
            self._connection.close("closed")


class _Offered(_Described):
    def __init__(self, connection: _Connection, description: LaneDescription) -> None:
        super().__init__(connection, description)
        self._begun: asyncio.Event | None = None
        self._failed: DescriptionError | LaneClosed | None = None

    @classmethod
    async def make(cls, connection: _Connection) -> _Offered:
        peer = connection.held_peer()
        try:
            connection.attach(peer.create_data_channel(CHANNEL_LABEL))
            offer = await peer.create_offer()
            await peer.set_local_description(offer)
        finally:
            del peer
        return cls(connection, await connection.gather(offer.sdp))

    async def begin(self, answer: LaneDescription) -> None:
        """See BegunLane."""
        if self._begun is not None:
            return
        self._begun = asyncio.Event()
        try:
            await self._answered(answer)
        except (DescriptionError, LaneClosed) as failed:
            self._failed = failed
        except BaseException:
            self._failed = LaneClosed("The lane was given up.")
            raise
        finally:
            self._begun.set()

    async def _answered(self, answer: LaneDescription) -> None:
        await _set_remote(self._connection, build_sdp(answer, "answer"), "answer")

    async def accept(self, answer: LaneDescription) -> Lane:
        try:
            if self._begun is None:
                await self._answered(answer)
            else:
                await self._begun.wait()
                failed, self._failed = self._failed, None
                if failed is not None:
                    raise failed
        except BaseException:
            self._connection.close("unopened")
            raise
        lane = await self._connection.wait_open()
        self._given = True
        return lane


class _Answered(_Described):
    @classmethod
    async def make(cls, connection: _Connection, sdp: str) -> _Answered:
        await _set_remote(connection, sdp, "offer")
        peer = connection.held_peer()
        try:
            answer = await peer.create_answer()
            await peer.set_local_description(answer)
        finally:
            del peer
        return cls(connection, await connection.gather(answer.sdp))

    async def opened(self) -> Lane:
        lane = await self._connection.wait_open()
        self._given = True
        return lane


async def _set_remote(connection: _Connection, sdp: str, role: Role) -> None:
    peer = connection.held_peer()
    try:
        await peer.set_remote_description(reactor_webrtc.SessionDescription(role, sdp))
    except (RuntimeError, ValueError):
        # The library's own text may quote the SDP, which has addresses.
        raise DescriptionError(f"WebRTC did not take the {role}.") from None
    finally:
        del peer


class WebRtcLane:
    """An open data channel as a Lane. ``lane_closed`` reasons: ``closed`` (either end), ``failed`` (the network or
    the other end went silent), ``protocol`` (a text, empty or oversized message), ``overflow`` (a queue's bound)."""

    def __init__(self, connection: _Connection, channel: reactor_webrtc.DataChannel) -> None:
        self._connection = connection
        self._channel: reactor_webrtc.DataChannel | None = channel
        self._receiver: LaneReceiver | None = None
        self._buffered_bytes = 0
        self._buffered_at = 0.0
        self._ended: str | None = None
        connection.on_closed = self._closed

    @property
    def connected(self) -> bool:
        """False while ICE hears nothing from the other end. Only a hint: it may come back."""
        return self._connection.connected

    def watch(self, callback: Callable[[bool], None]) -> None:
        """Calls ``callback(connected)`` in the loop's thread at each change of ``connected``."""
        self._connection.on_connected = callback

    @property
    def buffered_bytes(self) -> int:
        """See Lane. Never too low, and at most ``_ASK_FROM_BYTES`` too high or a millisecond old.

        To ask the library means to wait for its thread: as long as all that was sent since the last answer could not
        matter to anybody, it is not asked.
        """
        channel = self._channel
        if channel is None:
            return 0
        if self._buffered_bytes > _ASK_FROM_BYTES:
            now = self._connection.stack.loop.time()
            if now - self._buffered_at >= _REFRESH_S:
                self._buffered_bytes = channel.buffered_amount()
                self._buffered_at = now
        return self._buffered_bytes

    def start(self, receiver: LaneReceiver) -> None:
        """See Lane."""
        self._receiver = receiver
        if self._ended is not None:
            self._connection.stack.loop.call_soon(receiver.lane_closed, self._ended)
        else:
            self._connection.mailbox.start(receiver.messages_received, self._connection.close)

    def send(self, message: bytes) -> None:
        """See Lane. Raises ValueError for an empty or oversized message. Past ``LANE.send_queue_bytes`` the lane is
        closed and LaneClosed raised."""
        if not 0 < len(message) <= LANE.max_message_bytes:
            raise ValueError("A lane's message has 1 byte to 64 KiB.")
        channel = self._channel
        if channel is None:
            raise LaneClosed("The lane is closed.")
        if self.buffered_bytes + len(message) > LANE.send_queue_bytes:
            self._shut("overflow")
            raise LaneClosed("The lane's send queue was full.")
        try:
            channel.send(message)
        except RuntimeError:
            self._shut("closed")
            raise LaneClosed("The lane closed under a send.") from None
        self._buffered_bytes += len(message)

    def close(self) -> None:
        """See Lane."""
        self._shut("closed")

    def _shut(self, reason: str) -> None:
        self._channel = None
        self._connection.close(reason)

    def _closed(self, reason: str) -> None:
        self._channel = None
        self._ended = reason
        if self._receiver is not None:
            self._receiver.lane_closed(reason)
