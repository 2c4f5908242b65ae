"""Why no lanes came from the broker.

::

    SignalingFailed
    ├── NoBridge          nobody lends a bridge just now
    │   └── NoHelper      nobody of the private swarm does
    ├── ShareUsed         the invite has used up its share of today
    ├── TooManyRequests   this network or this invite asks too often
    ├── BrokerBusy        the broker has no room just now
    ├── InviteOver        the broker says that the invite has expired
    ├── InviteNotTaken    the invite is not this operator's, or was withdrawn
    └── DoorTrouble       no door led to the broker; what was seen there is its ``sign``
        ├── DoorsUnreachable  no door answered
        └── DoorNonsense      something answered that is not the broker, or not as it must

Trying again helps with all of them but InviteOver and InviteNotTaken.
"""

from __future__ import annotations

from enum import StrEnum

from unwalled.errors import SignalingFailed


class DoorSign(StrEnum):
    """What was seen at a door that did not lead to the broker."""

    SILENCE = "silence"
    """No connection, or no answer."""
    UNKNOWN_NAME = "unknown name"
    """Its name could not be looked up."""
    ERROR = "error"
    """The door's own server says that it cannot, or says what no broker would."""
    OUT_OF_DATE = "out of date"
    """What it brought has expired, by this computer's clock."""
    STRANGER = "stranger"
    """Something else answers in its place."""


class NoBridge(SignalingFailed):
    """The broker is there, but no bridge fitted or answered."""

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__("No bridge is free just now.", "Unwalled keeps trying.", retry_after_s)


class NoHelper(NoBridge):
    """The broker is there, but none of the helpers whom the invite is from."""

    def __init__(self, retry_after_s: float | None) -> None:
        SignalingFailed.__init__(
            self,
            "None of your helpers is there just now.",
            "Ask them to open their page or to start their program. Unwalled keeps trying.",
            retry_after_s,
        )


class ShareUsed(SignalingFailed):
    """The invite has used up its share of today."""

    CAUSE = "This invite has used up its share of today."
    REMEDY = "Ask whoever gave it to you for another one, or wait: Unwalled goes on by itself."

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__(self.CAUSE, self.REMEDY, retry_after_s)


class TooManyRequests(SignalingFailed):
    """The broker limits this network or this invite."""

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__(
            "Too many requests come from this network or with this invite.", "Wait a little.", retry_after_s
        )


class BrokerBusy(SignalingFailed):
    """The broker answers, but has no room."""

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__("The broker has too much to do just now.", "Unwalled keeps trying.", retry_after_s)


class InviteOver(SignalingFailed):
    """The invite has expired, by the broker's clock."""

    def __init__(self) -> None:
        super().__init__("The invite has expired.", "Ask whoever gave it to you for a new one.")


class InviteNotTaken(SignalingFailed):
    """The broker does not take the invite."""

    def __init__(self) -> None:
        super().__init__("The operator does not take this invite (any more).", "Ask for a new one.")


class DoorTrouble(SignalingFailed):
    """No door led to the broker."""

    sign: DoorSign


class DoorsUnreachable(DoorTrouble):
    """No door could be reached. ``detail`` is one of a few fixed words of the last door's failure."""

    def __init__(self, detail: str, sign: DoorSign = DoorSign.SILENCE) -> None:
        self.sign = sign
        super().__init__(
            f"The broker could not be reached ({detail}).",
            "Check this computer's connection. If only this fails, the way to the broker may be blocked: "
            "ask for an invite with other doors.",
        )


class DoorNonsense(DoorTrouble):
    """What answered at the door did not prove that it is the broker, or broke the protocol."""

    def __init__(self, detail: str, sign: DoorSign = DoorSign.ERROR) -> None:
        self.sign = sign
        super().__init__(
            f"What answered is not the broker of the invite: {detail}.",
            "A page of the network's owner may stand in between. Try another network, or ask for a new invite.",
        )
