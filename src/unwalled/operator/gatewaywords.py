"""What the operator's parts are called where its gateway asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unwalled.crypto.tokens import TokenError, TokenExpired
from unwalled.gateway.sessions import TokenVerdict
from unwalled.operator.invites import CheckToken
from unwalled.session.notes import TraceSink
from unwalled.trace.file import TraceFolder


def in_gateways_words(check_token: CheckToken) -> Callable[[bytes], TokenVerdict]:
    """The check of tokens as the gateway wants it."""

    def judge(token: bytes) -> TokenVerdict:
        try:
            check_token(token)
        except TokenExpired:
            return TokenVerdict.EXPIRED
        except TokenError:
            return TokenVerdict.REFUSED
        return TokenVerdict.GOOD

    return judge


def sinks_in(folder: Path | None) -> Callable[[], TraceSink | None]:
    """Where each session's trace goes, if there is a folder for them."""
    return (lambda: None) if folder is None else TraceFolder(folder).new_sink
