"""What the reader's ways ask of whoever knows the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unwalled.network.addresses import IPAddress
from unwalled.rules.decisions import Decision
from unwalled.rules.memory import Sign
from unwalled.wire.address import Target


class Guide(Protocol):
    """Who knows the rules: `unwalled.app.rulesbook.RulesBook`."""

    def decide(self, target: Target) -> Decision:
        """Which way, before anything is looked up."""

    def judge(self, decision: Decision, addresses: Sequence[IPAddress]) -> Decision:
        """Which way, for a name that was to go directly and was looked up."""

    def learn(self, host: str, sign: Sign) -> None:
        """The direct way to this host is blocked, and bridges lead to it."""

    def doubt(self, host: str, sign: Sign) -> None:
        """A direct connection ended as if somebody were in between."""
