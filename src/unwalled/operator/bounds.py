"""Bounds that only an operator needs: as in settings.py, and listed on the same page."""

from __future__ import annotations

from dataclasses import dataclass

from unwalled.settings import KIB, MIB


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class OperatorLimits:
    """What the operator's one process holds and allows, whatever its parts do."""

    max_connections: int = 60_000
    """TCP connections to the server at once, bridges and lanes among them; a further one is closed at once."""
    max_requests: int = 4096
    """Plain HTTP requests in progress (no WebSockets); a further one gets 503."""
    first_request_s: float = 15.0
    """For a new connection to send its first whole request head."""
    lost_check_s: float = 1.0
    """At most so often are connections that closed before their first request counted out, once places run short."""
    keep_alive_s: float = 75.0
    """How long a connection may rest between requests."""
    linger_s: float = 10.0
    """How long the rest of a request is taken in after it was refused, so that its sender can read why."""
    listen_backlog: int = 1024
    """Connections that the system may hold while we are busy."""
    close_timeout_s: float = 1.0
    """For open requests to end once the operator was told to stop."""
    max_trusted_proxies: int = 64
    """Networks whose word about a visitor's address is believed."""
    state_file_bytes: int = 64 * KIB
    """The largest ``operator.json`` that is read."""
    kept_widgets: int = 24
    """Versions of the widget that are served on for sites that pinned them; the longest unused are forgotten first."""
    max_widget_bytes: int = 4 * MIB
    """The largest file of a version that is read."""
    backup_bytes: int = 128 * MIB
    """The largest backup: a folder with all its versions of the widget has a tenth of it."""
    config_file_bytes: int = 64 * KIB
    """The largest file of options that is read."""
    certificate_bytes: int = 256 * KIB
    """The largest file with a certificate, its chain or its key that is read."""
    certificate_check_s: float = 10.0
    """How often the files of the certificate are looked at for a change."""
    certificate_soon_s: float = 7 * 86_400.0
    """A certificate that ends within so long should have been renewed."""
    tls_handshake_s: float = 10.0
    """For the handshake of a connection whose TLS ends here; longer ones are cut."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class StunLimits:
    """What the operator's STUN server answers. A lane that lives asks each server every 10 s at both of its ends."""

    per_s: float = 10_000.0
    """Requests that are read in a second, over all who ask; the system drops further ones. One costs some 32 µs, so a
    flood takes a third of the process's time; 25,000 lanes ask so often when each has two ports to ask."""
    burst: float = 2_000.0
    """The same at once."""
    rest_s: float = 0.02
    """How long nothing is read once that is used up."""
    batch: int = 64
    """Requests that are read before others have their turn."""
    prefix_per_s: float = 200.0
    """Answers for each /24 or /48: 1,000 lanes behind one address, and what a forged sender can be sent at most."""
    prefix_burst: float = 2_000.0
    """The same at once: the first offers of many readers behind one address."""
    wide_per_s: float = 2_000.0
    """Answers for each /16 or /32."""
    wide_burst: float = 20_000.0
    """The same at once."""
    limiter_entries: int = 65_536
    """Address prefixes that are remembered; the longest unused are forgotten first."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DoctorLimits:
    """How long a look at an operator from outside may take."""

    answer_s: float = 10.0
    """For each connection and each answer."""
    body_bytes: int = 256 * KIB
    """What is read of an answer."""
    clock_s: float = 60.0
    """Clocks that differ by more than this are told."""
    chain_s: float = 40.0
    """For a reader to find a bridge, and for its page."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AdminLimits:
    """What is asked of the operator by its admin, and by who would like to be it."""

    token_file_bytes: int = 4 * KIB
    """The largest ``admin.json`` that is read."""
    wrong_tokens_per_s: float = 1 / 60
    """Wrong tokens for each /24 or /48, on average; no token from there is looked at until the wait is over."""
    wrong_tokens_burst: float = 5.0
    """The same at once."""
    wide_wrong_tokens_per_s: float = 1 / 6
    """Wrong tokens for each /16 or /32."""
    wide_wrong_tokens_burst: float = 50.0
    """The same at once."""
    limiter_entries: int = 4096
    """Address prefixes that are remembered for that; the longest unused are forgotten first."""
    logins: int = 16
    """Browsers that are logged in at once; the oldest login makes room."""
    login_s: float = 12 * 3600.0
    """How long a login holds. It ends earlier with the process, and when the token is replaced or removed."""
    networks: int = 64
    """Networks from which the admin's pages are answered at all, at most."""
    body_bytes: int = 16 * KIB
    """The largest body of a request."""
    body_timeout_s: float = 10.0
    """For the body to arrive."""
    requests: int = 16
    """Requests in progress; a further one gets 503."""
    requests_per_s: float = 20.0
    """Requests of all admins together, on average."""
    requests_burst: float = 200.0
    """The same at once."""
    page_entries: int = 500
    """Entries of a list in one answer, at most."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class NumbersLimits:
    """How often the operator looks at its own numbers, and how many of them it keeps."""

    tick_s: float = 10.0
    """Between two looks."""
    fresh_s: float = 0.9
    """Whoever asks for the live view gets numbers that are at most so old."""
    disk_check_s: float = 60.0
    """Between two looks at the room on the disk."""
    minute_rows: int = 2 * 24 * 60
    """Minutes that the history keeps."""
    hour_rows: int = 90 * 24
    """Hours that it keeps."""
    day_rows: int = 3660
    """Days that it keeps."""
    waiting_rows: int = 180
    """Minutes that wait in memory while the history cannot be written; the oldest are lost first."""
    history_bytes: int = 64 * MIB
    """The largest file of the history; it has about two of them."""
    totals_s: float = 600.0
    """For so long the totals that everybody may see are not asked for again."""
    close_s: float = 1.0
    """For the last minute to be kept at the end."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DrainLimits:
    """How a gateway goes away without cutting anybody off."""

    drain_s: float = 180.0
    """How long it waits for what is under way, if nothing else is said and others take its new readers meanwhile."""
    longest_drain_s: float = 86_400.0
    """The longest wait that can be asked for."""
    quiet_s: float = 10.0
    """Nothing was carried for so long: what is open is only kept open."""
    look_s: float = 0.25
    """How often that is looked at."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class QuotaLimits:
    """Shares of invites, and what private swarms may use of an operator whom they only ask for the way."""

    counted_invites: int = 20_000
    """Invites whose bytes or readers of today are counted at once; a further one with a share has none left."""
    uncounted_bytes: int = 1 << 62
    """What an invite counts as having used for which there is no room in the table."""
    most_readers: int = 100_000
    """Readers of one invite that are told apart in a day, whatever its share."""
    most_sessions: int = 2500
    """The largest bound of sessions at once that an invite can have of its own."""
    most_bytes_day: int = 1 << 50
    """The largest bound of bytes a day."""
    file_bytes: int = 2 * MIB
    """The largest ``usage.json`` that is read."""
    save_s: float = 10.0
    """How often the bytes of today are written down."""
    made_at_once: int = 1000
    """Invites that one command or request makes."""
    swarm_sessions: int = 16
    """Sessions at once of one private swarm."""
    swarm_bytes_day: int = 20 * 1024 * MIB
    """Bytes a day of one private swarm, both ways."""
    swarms_bytes_day: int = 200 * 1024 * MIB
    """Bytes a day of all private swarms together."""
    keys_check_s: float = 5.0
    """How often the file of keys is looked at for a change."""


OPERATOR = OperatorLimits()
ADMIN = AdminLimits()
DRAIN = DrainLimits()
QUOTA = QuotaLimits()
DOCTOR = DoctorLimits()
NUMBERS = NumbersLimits()
STUN = StunLimits()
