"""Every bound of the program, in one place. docs/reference/limits.md lists them with their reasons. Those that only an
operator needs, and no reader has to load, are in operator/bounds.py.

Sizes are bytes, times are seconds, unless the name says otherwise. Nobody prints or compares these classes, and to make
methods for that would take longer than the rest of the module, in every program's start.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LaneLimits:
    """Bounds that every lane keeps, whoever runs it."""

    max_message_bytes: int = 64 * KIB
    """One WebSocket message = one data-channel message, binary."""
    default_message_bytes: int = 16 * KIB
    """The size of a record unless both ends want larger ones: so small that a page need not wait behind a download."""
    least_message_bytes: int = 4 * KIB
    """A gateway that allows less than this is not one."""
    open_timeout_s: float = 20.0
    """From the offer to an open data channel."""
    receive_queue_bytes: int = 8 * MIB
    """Messages that have arrived from the transport and were not handled yet; past it the lane is closed."""
    send_queue_bytes: int = 8 * MIB
    """Bytes given to ``send`` that have not left this program; past it the lane is closed. libwebrtc itself
    closes a data channel at 16 MiB."""
    delivery_bytes: int = 1 * MIB
    """What one call of ``messages_received`` carries at most, so that one busy lane does not hold up the others."""
    gather_timeout_s: float = 3.0
    """How long an offer or answer waits for the machine's own addresses as STUN servers see them."""
    gather_settle_s: float = 1.0
    """The same, once one such address is known: a dead second STUN server costs no more than this."""
    gather_own_s: float = 0.01
    """The same, where no STUN server is asked: this machine's own addresses come at once."""
    close_timeout_s: float = 0.5
    """How long a closing lane waits for the other end to agree before it is dropped."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SessionLimits:
    """Bounds of one session, the same names at both ends."""

    stream_window_bytes: int = 256 * KIB
    """What a new stream may send before the other end has read any of it."""
    max_stream_window_bytes: int = 8 * MIB
    """How far a stream's window grows while its reader keeps up."""
    session_window_bytes: int = 32 * MIB
    """What all streams together may have in flight or unread, in one direction. A gateway names it in its welcome."""
    max_session_window_bytes: int = 256 * MIB
    """A reader does not agree to hold more than this, whatever the gateway names."""
    send_buffer_bytes: int = 1 * MIB
    """What a stream holds for an application beyond what is in flight; then ``write`` waits."""
    send_buffers_bytes: int = 32 * MIB
    """The same for all streams together; past it a stream that still holds something gets no more."""
    max_streams: int = 1024
    """Streams that may be open at once."""
    max_lanes: int = 192
    """Lanes that may be joined at once; a further join is refused. A reader with 64 lanes whose network changes twice
    has so many for a while, since those that are gone without a word are given up only after ``lane_dead_s``."""
    lane_id_gap: int = 1024
    """How far apart in number joins may arrive, so that the gateway's memory of used lanes is bounded."""
    urgent_bytes: int = 64 * KIB
    """What a lane may owe beyond its window for control frames and datagrams, which do not wait for data. And by how
    much more datagrams than data may be sent while data waits."""
    control_frames: int = 16_384
    """Control frames that may wait for a lane. A peer that asks for more answers without taking any is broken."""
    initial_lane_window_bytes: int = 64 * KIB
    """What a lane may owe acks for, before its rate is known."""
    min_lane_window_bytes: int = 8 * KIB
    """The window of a lane never shrinks below this, so that a slow lane still shows its rate."""
    max_lane_window_bytes: int = 8 * MIB
    """The window of a lane never grows beyond this, which is also what a bridge may have to hold for it."""
    queue_delay_target_s: float = 0.05
    """How much waiting a lane's sender allows in the queues below it."""
    assumed_rtt_s: float = 0.1
    """For a lane that was not measured yet."""
    min_rtt_s: float = 30.0
    """How long a lane's least round trip is believed; a standing queue is drained when it is measured anew."""
    record_time_s: float = 0.01
    """How much of its lane's time a record may take, between 4 and 64 KiB."""
    small_silence_floor_s: float = 0.1
    """The least silence of a lane that owes only a short record, which costs little to send twice."""
    first_burst_bytes: int = 4600
    """What a lane sends at once after a rest: four packets, in libwebrtc."""
    twice_bytes: int = 1200
    """Records up to this size, which is one packet, go over two lanes at once."""
    twice_least_rtt_s: float = 0.01
    """Not over lanes with a shorter round trip, on which little is lost, and a copy costs more than it saves."""
    hurry_idle_s: float = 0.05
    """While lanes have nothing else to do: data that is nearer than this is not sent again."""
    hurry_busy_s: float = 0.5
    """The same while they have."""
    hurry_every_s: float = 0.05
    """How often busy lanes look for such data."""
    hurried_streams: int = 8
    """Of so many streams the oldest data is looked at, by turns."""
    hurried_items: int = 16
    """So much of it is sent again at a time, if it is on slow lanes."""
    hurried_copies: int = 3
    """More lanes than this do not carry the same data."""
    limited_s: float = 1.0
    """How long data must have found no lane with room before the reader hears that lanes hold the session up."""
    limited_every_s: float = 1.0
    """At most so often is the reader told."""
    pongs_per_lane: int = 8
    """Answers to pings that may wait for a lane; the oldest is dropped then."""
    own_frames_bytes: int = 128
    """Room that every record keeps for the acks, pongs and pings of its lane."""
    refusals_before_restart: int = 2
    """Lanes that gateways refused, while none works, before a reader takes its session for lost."""
    waiting_lanes: int = 16
    """Lanes that a reader may have open before the handshake is done."""
    early_data_bytes: int = 4 * KIB
    """Frames that a hello may carry."""
    quantum_bytes: int = 16 * KIB
    """What one stream sends before it is the next one's turn."""
    handshake_timeout_s: float = 5.0
    """From a hello or join to its answer; then the lane is left and another one is tried."""
    stopped_ping_s: float = 0.3
    """A lane that brought data and then nothing for so long is asked once whether it lives."""
    idle_ping_s: float = 15.0
    """A lane that was quiet for so long is asked whether it lives, which also keeps NAT bindings open."""
    ack_delay_s: float = 0.01
    """How long an ack may wait for company."""
    ack_every_records: int = 4
    """After so many records an ack does not wait any longer."""
    unmeasured_silence_s: float = 1.0
    """The silence of a lane whose round trip is not known yet (as RFC 6298 section 2 starts)."""
    silence_floor_s: float = 0.2
    """The least silence of a lane that owes acks before its records are sent again elsewhere."""
    silence_round_trips: float = 4.0
    """The longest silence of a lane, in its least round trips; and in addition:"""
    silence_slack_s: float = 0.4
    """see ``silence_round_trips``."""
    lane_dead_s: float = 20.0
    """A lane that is silent for so long, though it was asked, is closed."""
    useless_rtt_s: float = 2.0
    """A lane with a longer round trip is of no use beside one whose round trip is a tenth of it."""
    useless_times: float = 10.0
    """What "a tenth" is in ``useless_rtt_s``."""
    useless_s: float = 5.0
    """How long a lane must have been of no use before it is left as a silent one."""
    orphan_lifetime_s: float = 120.0
    """How long a session without any lane is kept for its reader to come back."""
    unconfirmed_lifetime_s: float = 15.0
    """The same, before the reader has proved that it holds the keys."""
    records_per_key: int = 1 << 20
    """A lane takes its next key after so many records, long before the limits of the cipher."""
    max_datagram_bytes: int = 65_507
    """The largest payload of UDP over IPv4."""
    datagram_queue_bytes: int = 256 * KIB
    """Datagrams that wait to be sent, over all flows, or to be received, for each; then the oldest are dropped."""
    datagram_wait_s: float = 0.5
    """How long a datagram may wait for a lane; what is older is of no use to a call, and others ask again."""
    datagram_numbers: int = 1024
    """Numbers of a flow's latest datagrams that are remembered, to drop the second copy of one."""
    quiet_s: float = 1.0
    """For so long after a datagram more lanes are kept free of bulk data."""
    quiet_from_lanes: int = 4
    """With twice as many lanes one is kept free of bulk data. While datagrams flow: with so many lanes one, with twice
    as many two, with 24 and more one of eight."""
    quiet_share: float = 1.25
    """A lane that carries more than this times the mean is not kept free but for datagrams."""
    near_times: float = 1.5
    """Lanes whose round trips differ by no more than this factor are as near as each other."""
    near_slack_s: float = 0.01
    """The same, in addition: short round trips vary."""
    least_watch_s: float = 0.05
    """How often at most, each round trip otherwise, the queue is looked at that all lanes share."""
    shared_queue_s: float = 0.015
    """From so long a shared queue on further lanes would not help, but wait in it."""
    shared_queue_target_s: float = 0.03
    """How much waiting the windows of all lanes together may cause in a queue that they share."""
    least_window_scale: float = 0.25
    """The part of its own window that a lane keeps, however long the shared queue is."""
    window_scale_growth: float = 1.05
    """By how much that part grows in a round trip while the shared queue is short."""
    slow_datagram_s: float = 0.03
    """When the best lane makes datagrams wait for longer than this, further lanes may help."""
    same_delay_s: float = 0.005
    """Lanes whose expected delays differ by less than this are as good as each other for a datagram."""
    datagram_flows: int = 64
    """UDP associations that may be open at once."""
    reassembly_slack_bytes: int = 64 * KIB
    """What a stream's reassembly may hold above its window, for pieces that overlap."""
    reassembly_pieces: int = 65_536
    """Pieces of all streams of a session that wait for what comes before them; each costs memory beyond its bytes."""
    id_gaps: int = 4096
    """Gaps in the row of finished stream numbers before the other end counts as broken."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BridgeLimits:
    """What a bridge holds and allows."""

    max_lane_buffer_bytes: int = 8 * MIB
    """Held or unsent bytes of a lane in one direction; past it the lane is closed."""
    max_lanes: int = 64
    """Lanes at once, over all readers."""
    max_readers: int = 8
    """Readers at once."""
    reconnect_min_s: float = 1.0
    """The first wait before the broker is tried again; it grows, with jitter."""
    reconnect_max_s: float = 60.0
    """The longest wait before the broker is tried again."""
    connect_timeout_s: float = 10.0
    """For the operator's configuration, and for the broker's first word."""
    broker_silence_s: float = 60.0
    """The broker pings every 20 s; without a sign of it for so long the bridge connects anew."""
    max_config_bytes: int = 64 * KIB
    """The largest answer to the request for the operator's configuration."""
    lanes_per_reader: int = 8
    """How many lanes a bridge offers to the broker for each reader that it would take."""
    resume_check_s: float = 0.02
    """How often a bridge that has stopped reading looks whether enough has left."""
    pause_at_bytes: int = 1 * MIB
    """With so much held for a reader, a bridge stops reading from the gateway until half of it has left."""
    stable_after_s: float = 10.0
    """A connection to the broker that lasted so long resets the backoff."""
    max_rate_burst_bytes: int = 256 * KIB
    """What a bridge with a rate limit may pass on at once after a pause."""
    status_every_s: float = 5.0
    """How often the line about what is carried is printed."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SignallingLimits:
    """Bounds of the hop between readers, broker and bridges."""

    max_request_bytes: int = 64 * KIB
    """A reader's sealed request."""
    max_reply_bytes: int = 256 * KIB
    """The broker's sealed reply."""
    max_bridge_message_bytes: int = 128 * KIB
    """One message between bridge and broker."""
    max_offers: int = 16
    """Lanes that one request may ask for."""
    max_candidates: int = 24
    """Addresses in one description; each costs the other side checks."""
    max_sdp_bytes: int = 16 * KIB
    """The SDP that comes from a WebRTC stack of our own."""
    max_doors: int = 8
    """In one invite; each costs characters in a link that people type and scan."""
    max_stun_urls: int = 8
    """In an invite, a key bundle or a bridge's configuration."""
    max_url_chars: int = 512
    """Of a door, a STUN server, a gateway or a bridge socket."""
    max_invite_chars: int = 16 * KIB
    """A pasted text that is longer is no invite, whatever it holds."""
    max_avoid: int = 64
    """Bridges that a reader asks not to get again."""
    max_reports: int = 64
    """Bridges that a reader reports on in one request."""
    max_lane_count: int = 4096
    """The largest capacity (in lanes or readers) that a bridge may claim."""
    pad_bytes: int = 1 * KIB
    """Requests and replies are padded to a multiple, so that their size tells little."""
    door_timeout_s: float = 40.0
    """The longest answer that is waited for: the broker's own waits (match, answers, one retry) and the network."""
    door_fallback_s: float = 3.0
    """After so long without an answer from a door that was never proved, the next one is tried beside it."""
    proved_door_fallback_s: float = 12.0
    """The same for a door that has worked before: the broker is probably waiting for a bridge."""
    door_connect_timeout_s: float = 10.0
    """For TCP and TLS to a door; past it the door counts as unreachable."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BrokerLimits:
    """What the broker holds and allows."""

    match_wait_s: float = 10.0
    """How long a reader's request may wait for a bridge to appear."""
    answer_timeout_s: float = 10.0
    """How long a bridge may take to answer before it counts as failed."""
    answer_grace_s: float = 2.0
    """Once one bridge has answered, how much longer the others may hold the reader up."""
    max_bridges: int = 20_000
    """Waiting bridges; one more is told that the broker is full."""
    max_claimed_lanes: int = 256
    """A bridge that claims more capacity counts as this much, so that no claim draws all readers to one bridge."""
    max_claimed_readers: int = 64
    """The same for readers at once."""
    supply_poll_s: float = 1.0
    """How often a waiting request looks again without news: bridges that were put aside come back silently."""
    max_reports_under_way: int = 10_000
    """Words of the gateway that the store has not taken yet; past it the oldest is dropped."""
    max_requests: int = 2_000
    """Readers' requests in progress, waiting ones included; past it a request gets 503."""
    body_timeout_s: float = 10.0
    """For a request's body to arrive whole, and for a bridge's hello."""
    bridge_send_bytes: int = 64 * KIB
    """What is written to a bridge's socket before it must have taken what was there."""
    send_timeout_s: float = 10.0
    """For a bridge to take a message off its socket; past it the bridge is dropped."""
    goodbye_s: float = 1.0
    """For a bridge to answer the closing of its socket; a stop must not hang on one that does not."""
    ping_s: float = 20.0
    """Between pings on a bridge's socket: below the 30 s or more of idle timers in NATs and proxies."""
    bridge_silence_s: float = 40.0
    """A bridge that sent nothing, not even a pong, for so long is dropped."""
    bridge_messages_per_s: float = 20.0
    """Messages of one bridge on average; past the burst it is dropped."""
    bridge_message_burst: float = 200.0
    """Messages of one bridge at once."""
    default_spread: int = 4
    """Bridges for a reader who leaves the choice to the broker."""
    candidates: int = 32
    """Bridges of one NAT class that are compared for a match; of more, so many are drawn."""
    aside_first_s: float = 10.0
    """How long a bridge is put aside after its first failure; doubles with each further one."""
    aside_max_s: float = 1800.0
    """The longest time that a bridge is put aside, and how much longer its network is remembered."""
    aside_busy_s: float = 2.0
    """How long a bridge that said "busy" is left alone, unless it tells its capacity before."""
    remembered_networks: int = 10_000
    """Networks whose bridges failed and left; a bridge that comes back from there stays put aside."""
    reports_per_invite: int = 32
    """Bridges that the holders of one invite may cast doubt on within ``report_window_s``."""
    report_window_s: float = 600.0
    """After it an invite may cast as many doubts again."""
    doubters: int = 8
    """Invites whose doubt about one bridge is remembered."""
    served_invites: int = 64
    """The latest invites that a bridge was matched with; only they may report on it."""
    pending_per_bridge: int = 32
    """Matches that a bridge may owe an answer to."""
    max_reservations: int = 40_000
    """Matches under way, over all bridges."""
    replay_s: float = 600.0
    """How long a request is remembered, so that a copy of it gets 409."""
    max_replays: int = 200_000
    """Requests remembered against replay. When full, new requests get 503 rather than the oldest be forgotten."""
    ticket_s: float = 86_400.0
    """How long a gateway's word about a lane still finds its bridge."""
    max_tickets: int = 200_000
    """Tickets remembered; the oldest are forgotten first."""
    limiter_entries: int = 65_536
    """Address prefixes or invites that a limiter remembers; the longest unused are forgotten first."""
    matches_per_s: float = 5.0
    """For each /24 or /48; burst below. A mobile operator may put thousands of readers behind one."""
    match_burst: float = 100.0
    """Requests at once for each /24 or /48."""
    wide_matches_per_s: float = 50.0
    """For each /16 or /32."""
    wide_match_burst: float = 1000.0
    """Requests at once for each /16 or /32."""
    invite_matches_per_s: float = 10.0
    """Requests for each invite, which a community may share."""
    invite_match_burst: float = 200.0
    """Requests at once for each invite."""
    joins_per_s: float = 5.0
    """Bridges' connections for each /24 or /48."""
    join_burst: float = 200.0
    """Bridges' connections at once for each /24 or /48: a school may stand behind one."""
    wide_joins_per_s: float = 50.0
    """Bridges' connections for each /16 or /32."""
    wide_join_burst: float = 2000.0
    """The same at once."""
    country_networks: int = 5
    """Networks (/24, /48) of a country from which readers must have asked lately before bridges hear of the country."""
    country_window_s: float = 86_400.0
    """How long such a network counts: from one to two of these."""
    max_country_ranges: int = 2_000_000
    """Lines of a table of countries."""
    bridges_per_prefix: int = 1_000
    """Bridges that are connected for each /24 or /48, however slowly they came."""
    wide_bridges: int = 5_000
    """The same for each /16 or /32: a quarter of ``max_bridges``, so that one provider's addresses do not fill it."""
    retry_no_bridge_s: float = 5.0
    """When a reader is told to ask again after ``no_bridge``."""
    max_invites: int = 10_000
    """Invites in the operator's book that have not expired."""
    max_label_chars: int = 100
    """Of an invite's label in the operator's book."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class GatewayLimits:
    """What the gateway holds and allows."""

    connect_timeout_s: float = 15.0
    """For a site to accept the connection, all its addresses together."""
    max_sessions: int = 10_000
    """Sessions at once; a further hello gets "full"."""
    sessions_per_invite: int = 2_500
    """The same for the holders of one invite, so that one that leaked does not keep out the others."""
    max_lanes: int = 40_000
    """Lanes of all sessions together, each with a WebSocket of its own."""
    lanes_per_invite: int = 10_000
    """The same for all sessions of one invite; a further one does not join."""
    lanes_per_ticket: int = 16
    """Lanes at once with one ticket: a match has as many offers at most, and its ticket is for them."""
    max_waiting_lanes: int = 8192
    """Lanes that have not said yet to which session they belong. More than one invite's matches can open in the time
    that a lane has (``invite_match_burst`` and 20 s of ``invite_matches_per_s``, 16 lanes each: 6,400)."""
    remembered_hellos: int = 65_536
    """Hashes of hellos that are kept to drop repeated ones."""
    streams_per_session: int = 1024
    """Connections to sites that one session may have at once."""
    idle_stream_s: float = 3600.0
    """A connection over which nothing passes for so long is cut."""
    connects_per_minute: int = 10_000
    """New streams and datagram destinations of one session, when the policy file does not say otherwise. High enough
    for a page of hundreds of parts many times a minute, low enough that nobody scans networks from here."""
    max_sockets: int = 30_000
    """Connections and datagram sockets to sites, over all sessions. Leaves descriptors for lanes."""
    sockets_per_invite: int = 10_000
    """The same for all sessions of one invite."""
    copy_chunk_bytes: int = 256 * KIB
    """The most that is read from a site at once, and so held for a stream while its reader is slow."""
    session_chunks_bytes: int = 32 * MIB
    """What all streams of a session may read at once; with more than 128 of them each reads less."""
    attempt_delay_s: float = 0.25
    """Happy Eyeballs (RFC 8305 section 5): how long one address has before the next is tried beside it."""
    addresses_per_name: int = 8
    """How many addresses of a name are tried."""
    resolve_timeout_s: float = 10.0
    """Less than ``connect_timeout_s``, which covers look-up and connection together."""
    resolver_threads: int = 128
    """Names that are looked up at once; further ones wait."""
    resolver_waiting: int = 4096
    """Look-ups of different names that may be under way or wait for a thread; past it they fail at once."""
    lookups_per_session: int = 8
    """Look-ups of one session at the same time; more wait, so that slow names of one reader do not hold up others."""
    lookups_per_invite: int = 32
    """The same for all sessions of one invite: a quarter of the threads."""
    resolver_cache_names: int = 10_000
    """Names whose answers are kept."""
    resolver_cache_s: float = 30.0
    """How long an answer is kept; short, since a site may move."""
    resolver_unknown_s: float = 5.0
    """How long a name stays unknown before it is looked up again."""
    idle_flow_s: float = 120.0
    """A datagram flow that moves nothing for so long is closed (RFC 4787 section 4.3 asks for at least 120 s)."""
    flow_destinations: int = 256
    """Addresses that a datagram flow has sent to and may get answers from; past it the oldest is forgotten."""
    flow_waiting_names: int = 16
    """Names that a flow may have in look-up at once; datagrams to others are dropped meanwhile."""
    flow_waiting_datagrams: int = 8
    """Datagrams that wait for the look-up of one name; the oldest is dropped."""
    policy_file_bytes: int = 4 * MIB
    """The largest policy file that is read."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ProgramLimits:
    """What the programs on the command line keep to."""

    end_s: float = 1.9
    """From Ctrl-C to the end of the program, whatever hangs."""
    plain_status_s: float = 10.0
    """Between status lines where the output is no terminal."""
    live_status_s: float = 0.5
    """Between updates of the status line on a terminal."""
    get_redirects: int = 10
    """Redirects that ``unwalled get`` follows."""
    get_connect_s: float = 60.0
    """How long ``unwalled get`` waits for a bridge, the site and its first word."""
    get_silence_s: float = 60.0
    """How long a download may stand still."""
    demo_step_s: float = 40.0
    """For one step of the demo, on a slow machine."""
    demo_stop_s: float = 1.2
    """For the demo's programs to end by themselves; then they are killed."""
    demo_download_bytes: int = 20_000_000
    """What the demo reads through the bridge to show a rate."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ReaderLimits:
    """What the reader's program holds and allows."""

    max_connections: int = 2048
    """Applications' connections at once; a further one gets its proxy protocol's error."""
    refusals: int = 64
    """Connections past ``max_connections`` that are being told so; further ones are cut without a word."""
    request_head_bytes: int = 64 * KIB
    """The head of an HTTP request or response, all its lines together."""
    head_timeout_s: float = 30.0
    """For an application to say whole what it wants from the proxy."""
    keep_alive_s: float = 120.0
    """How long an HTTP connection of an application may stay open between two requests."""
    linger_s: float = 2.0
    """How long after an error what the application still sends is thrown away, so that it can read the error first."""
    read_buffer_bytes: int = 256 * KIB
    """What has come from an application and waits for the tunnel; then nothing more is read from its socket."""
    write_buffer_bytes: int = 256 * KIB
    """What has come from the tunnel and waits for an application; then nothing more is read from the stream."""
    retry_after_s: int = 5
    """When an application may try again after it heard that there is no bridge."""
    open_wait_s: float = 20.0
    """How long an application's connection waits for a bridge before it gets the proxy protocol's error."""
    answer_wait_s: float = 45.0
    """How long a connection waits for the gateway's answer while bridges are there."""
    reached_targets: int = 1024
    """Targets that the gateway has connected to lately, and whose new connections do not wait for its answer."""
    reached_s: float = 300.0
    """How long a target counts as reached lately: about as long as one reads on a site."""
    bridges: int = 2
    """Bridges over which lanes are spread, so that one may leave unnoticed."""
    lanes_per_bridge: int = 4
    """To begin with; one association alone is slow over distance and loss."""
    base_lanes: int = 8
    """Lanes that a reader keeps when nothing asks for more."""
    max_lanes: int = 64
    """Lanes that a reader takes while more of them help."""
    lanes_through_bridge: int = 32
    """The same through one bridge, so that others find room there."""
    growth_bridges: int = 4
    """Bridges over which further lanes are spread."""
    growth_least_rtt_s: float = 0.01
    """With a shorter round trip one lane can fill the way, and what holds it up is a processor: more would not help."""
    growth_rate_s: float = 2.0
    """Over how long the session's rate is averaged."""
    growth_judge_s: float = 4.0
    """When further lanes must have helped: they need some round trips to get going."""
    growth_gain: float = 1.15
    """By how much twice the lanes must raise the rate to be worth their cost to volunteers."""
    growth_hold_s: float = 60.0
    """How long nothing is tried again after it did not help, and when unused lanes are given back."""
    retry_min_s: float = 1.0
    """The first wait between requests to the broker while there is no lane; it doubles from there."""
    retry_max_s: float = 30.0
    """Between requests to the broker while there is no lane, or the broker cannot be reached."""
    bridge_silence_s: float = 0.7
    """A bridge with a lane that owes an ack for too long, and of which nothing came for so long, counts as gone when
    further ones are asked for: it may still wake, but a session over it alone stands still meanwhile."""
    spread_retry_s: float = 15.0
    """Between requests for a further bridge while one carries the session."""
    bad_bridge_rest_s: float = 3600.0
    """How long a bridge that tampered is not wanted again."""
    short_life_s: float = 10.0
    """A lane that its bridge closed before it was so old has been of no use."""
    short_lives: int = 8
    """So many such lanes in a row, not all cut at once, and the bridge counts as dead: else it would be asked again and
    again."""
    dead_bridge_rest_s: float = 60.0
    """How long a bridge that fell silent, or did not open a lane, is not wanted again."""
    unreached_bridges: int = 2
    """After so many bridges to which no lane opened, in a row, it is the network that is named and not the bridges;
    after one, if no STUN server answers either."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PanelLimits:
    """What the server of the reader's panel holds and allows, whatever a page or a program of this computer does."""

    max_connections: int = 64
    """Connections to the panel at once; a further one is closed at once."""
    max_requests: int = 32
    """Requests in progress, open streams among them."""
    first_request_s: float = 10.0
    """For a new connection to send its first whole request head."""
    keep_alive_s: float = 30.0
    """How long a connection may rest between requests."""
    close_timeout_s: float = 0.5
    """For open requests to end once the program stops, and for the rest of a refused one to come."""
    max_streams: int = 8
    """Panels that are open at once and hear how things are; a further one is told so."""
    stream_rest_s: float = 0.1
    """The least between two lines of a stream, however much happens."""
    stream_every_s: float = 1.0
    """Between two looks at the numbers."""
    stream_silence_s: float = 10.0
    """A stream says at least so often that it lives."""
    write_timeout_s: float = 10.0
    """A page that takes nothing for so long is cut off."""
    body_timeout_s: float = 10.0
    """For a request's body to come whole."""
    body_bytes: int = 64 * KIB
    """The largest body of a request, but for a list."""
    list_bytes: int = 16 * MIB
    """The largest body with a list of rules: ten times the longest list that is in use."""
    own_shown: int = 1000
    """Own patterns that the panel shows; further ones are only counted."""
    problems_shown: int = 50
    """Lines of a list that could not be understood and are shown."""
    report_changes: int = 64
    """Latest changes of the state that a report for help tells."""
    secret_bytes: int = 24
    """Of randomness in each secret of the panel's addresses."""
    browser_ask_s: float = 5.0
    """For the desktop to tell which browser is the person's."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AppLimits:
    """What the reader's program around the proxy holds and keeps to."""

    max_invites: int = 32
    """Invites that are remembered; the one that was of use longest ago makes room."""
    max_label_chars: int = 100
    """Of the name that a person gives an invite."""
    max_state_file_bytes: int = 512 * KIB
    """The largest file of the reader's folder that is read; a larger one is put aside as damaged."""
    operator_patience_s: float = 20.0
    """How long an operator that cannot be reached is asked before the next invite is tried; doubles with each round."""
    bridge_patience_s: float = 60.0
    """The same for an operator that answers but has no bridge, or is full."""
    max_patience_s: float = 600.0
    """To which both grow."""
    look_again_s: float = 10.0
    """How often the folder is looked at for what another program has changed."""
    save_again_s: float = 60.0
    """When what could not be written is tried again."""
    first_save_s: float = 2.0
    """What a reader's start has to remember is written so much later, since the start is waited for."""
    meter_s: float = 0.5
    """Rates are measured over this or longer."""
    other_ports: int = 9
    """Ports that are tried behind the usual one when that is taken; after them any free one."""
    transport_buffer_bytes: int = 64 * KIB
    """What a program may write to a connection of the library before it is told to wait."""
    transport_linger_s: float = 30.0
    """How long a connection that the program has closed waits for its other end to finish."""
    tls_handshake_s: float = 60.0
    """For TLS over a connection of the library."""
    start_s: float = 5.0
    """How long what is around the reader waits for its start to be over."""
    after_start_s: float = 2.0
    """And so much longer, since the first page is waited for, too."""
    run_end_s: float = 5.0
    """How long switching off waits for lanes to be closed."""
    clock_forgiven_s: float = 3600.0
    """A clock that is wrong by less is nobody's concern: fresh certificates are dated back by about so much."""
    network_look_s: float = 2.0
    """How often the computer's own addresses are looked at: so long may another Wi-Fi go unnoticed."""
    sleep_s: float = 10.0
    """When the program was not run for so long, the computer slept: what was connected before counts as lost."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TraceLimits:
    """What a trace holds, for whoever asked for one."""

    max_file_bytes: int = 64 * MIB
    """A file ends there: some ten minutes of a busy session of 32 lanes. Longer ones are no trace of ours."""
    max_line_bytes: int = 64 * KIB
    """One note; a sample of all lanes that a session may have is a tenth of it."""
    max_notes: int = 2_000_000
    """What is read of a file."""
    max_files: int = 100
    """Sessions that an operator's folder takes; further ones are not traced."""
    max_bridges: int = 1024
    """Bridges whose numbers are remembered; one that comes back after so many others counts as another."""
    flush_bytes: int = 64 * KIB
    """Notes that are kept together until they are written."""
    flush_s: float = 1.0
    """The same, and how much of its end the trace of a killed program may lack."""
    sample_s: float = 0.05
    """At most so often are a session's lanes noted."""
    transfer_bytes: int = 64 * KIB
    """A stream that has got less is none whose pauses would be of interest."""
    stand_still_s: float = 0.2
    """A pause of a transfer that is worth a note of its own."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DesktopLimits:
    """What the reader's desktop is touched with: browsers that we start, and settings of the system."""

    bridge_wait_s: float = 10.0
    """How long ``unwalled browse`` waits for a bridge before it opens the browser all the same."""
    browser_stop_s: float = 0.8
    """For a browser to end by itself when we are told to stop; then it is killed."""
    browser_words_bytes: int = 16 * KIB
    """The end of what a browser says, of which we look for a known cause when it has failed."""
    removal_tries: int = 10
    """How often a temporary profile is removed until it is gone: processes of the browser may still write."""
    removal_pause_s: float = 0.05
    """Between these tries."""
    call_s: float = 10.0
    """For a program of the desktop that reads or changes a setting."""
    journal_bytes: int = 256 * KIB
    """The note of how the system's proxy was set before: some values for each network service."""
    journal_wishes: int = 4
    """So many of our own last settings count as ours when the setting is put back."""


LANE = LaneLimits()
SESSION = SessionLimits()
BRIDGE = BridgeLimits()
SIGNALLING = SignallingLimits()
BROKER = BrokerLimits()
GATEWAY = GatewayLimits()
PROGRAM = ProgramLimits()
READER = ReaderLimits()
PANEL = PanelLimits()
APP = AppLimits()
TRACE = TraceLimits()
DESKTOP = DesktopLimits()
