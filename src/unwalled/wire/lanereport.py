"""What a gateway tells the broker of a lane, once it has ended and from time to time before. Pure.

Within one process it is handed over as it is; between processes it travels as JSON. It says how a bridge did, and
nothing of what was carried: no reader, no site, no address.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from unwalled.errors import SignallingError
from unwalled.wire.signalling import Verdict

_Amount = Annotated[float, msgspec.Meta(ge=0.0, le=1e15)]


class LaneReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one lane did since the gateway's last report about it."""

    ticket: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """Names the match that the lane came of, and so the bridge, to the broker alone."""
    verdict: Verdict
    """``good``: it carried what it was given. ``dead``: it closed or fell silent before anything authentic came, or
    fell silent later. ``bad``: it changed, dropped or repeated what it carried."""
    carried_bytes: Annotated[int, msgspec.Meta(ge=0, le=1 << 60)] = 0
    """Both ways."""
    ended: bool = True
    """False for a lane that goes on."""
    closed_early: bool = False
    """Its transport went away soon after it had joined, with hardly anything carried, while its session went on."""
    rate_bytes_s: _Amount = 0.0
    """Goodput towards the reader while nothing but this lane was the limit; 0.0 when it never was."""
    limited_s: _Amount = 0.0
    """For how long it was."""
    peers_bytes_s: _Amount = 0.0
    """The median goodput, in the same time, of the session's lanes through other bridges; 0.0 when there is none."""
    round_trip_s: _Amount = 0.0
    """Gateway to reader and back, smoothed; 0.0 when it was not measured."""
    lifetime_s: _Amount = 0.0
    """Since the lane joined."""

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> LaneReport:
        """Raises SignallingError for anything else than ``encode`` gives."""
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError:
            raise SignallingError("This is no report of a lane.") from None
