"""Why a lane is left, as events tell it and as a ``lane close`` frame says it."""

from __future__ import annotations

from unwalled.session.events import LeaveReason
from unwalled.wire.frames import LANE_MISBEHAVED, LANE_SILENT, LANE_UNNEEDED

CLOSE_REASONS = {
    LeaveReason.MISBEHAVED: LANE_MISBEHAVED,
    LeaveReason.SILENT: LANE_SILENT,
    LeaveReason.UNNEEDED: LANE_UNNEEDED,
}
"""What the other end is told."""
BLAMES = {LANE_MISBEHAVED: LeaveReason.MISBEHAVED, LANE_SILENT: LeaveReason.SILENT}
"""What a reader believes of its gateway; for all other reasons the lane just closed."""
