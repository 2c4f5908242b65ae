"""The one error tree of Unwalled.

::

    UnwalledError                 everything that we raise on purpose
    ├── UsageError                a person gave us something that cannot work
    │   ├── InviteError           a damaged, foreign or expired invite
    │   ├── ConfigurationError    a bad option, policy file or data folder
    │   └── RuleError             a pattern or list that says nothing about where connections go
    ├── WireError                 bytes from a peer that are not what the protocol allows
    │   ├── MessageError          a lane message (hello, welcome, join, record) that cannot be read
    │   ├── FrameError            a frame inside a record
    │   ├── SignallingError       a message to or from the broker
    │   ├── DescriptionError      an SDP or a lane description
    │   └── StunError             a STUN message that cannot be read, or that is an error
    ├── CryptoError               something did not open, verify or derive
    ├── SignalingFailed           the broker could not be reached, or it said no
    ├── LaneClosed                a send on a lane that is gone
    ├── OpenFailed                the gateway (or the lack of a bridge) refused a stream; has a Code
    └── StreamReset               a stream ended with a Code instead of an end of file

To a person an error says its cause, then its remedy. To a peer only a code is sent.
"""

from __future__ import annotations

from unwalled.wire.codes import Code


class UnwalledError(Exception):
    """Root of all errors of this package. ``cause`` and ``remedy`` are whole sentences for a person."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause} {remedy}".rstrip())
        self.cause = cause
        self.remedy = remedy


class UsageError(UnwalledError):
    """A person gave a value that cannot work."""


class InviteError(UsageError):
    """The invite is damaged, made for another version, or expired."""


class ConfigurationError(UsageError):
    """An option, a policy file or the data folder is wrong."""


class RuleError(UsageError):
    """A pattern, or a whole list of them, cannot be read."""


class WireError(UnwalledError):
    """A peer sent bytes that the protocol does not allow."""


class MessageError(WireError):
    """A lane message is malformed."""


class FrameError(WireError):
    """A frame inside an authentic record is malformed."""


class SignallingError(WireError):
    """A signalling message is malformed."""


class DescriptionError(WireError):
    """An SDP or a lane description is malformed or not allowed."""


class StunError(WireError):
    """A STUN message is malformed, answers another request, or says that something did not work."""


class CryptoError(UnwalledError):
    """A ciphertext did not open or a signature did not verify. Says nothing about why."""


class SignalingFailed(UnwalledError):
    """The broker could not be reached, or declined. ``retry_after_s`` is its wish, or None."""

    def __init__(self, cause: str, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(cause, remedy)
        self.retry_after_s = retry_after_s


class LaneClosed(UnwalledError):
    """A message was given to a lane that has closed."""


class OpenFailed(UnwalledError):
    """A stream could not be opened; ``code`` says why in the protocol's terms."""

    def __init__(self, code: Code) -> None:
        super().__init__(f"The connection could not be opened: {code.text}.")
        self.code = code


class StreamReset(UnwalledError):
    """The stream was cut, by the other end or by the loss of the session; ``code`` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(f"The connection was cut: {code.text}.")
        self.code = code
