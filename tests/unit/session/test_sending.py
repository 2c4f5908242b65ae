"""What one end has still to send on a stream, by itself."""

from __future__ import annotations

from unwalled.session.sending import Sending


def test_the_beginning_may_be_looked_at_until_a_byte_of_it_was_sent() -> None:
    sending = Sending()
    for piece in (b"first ", b"second"):
        sending.pending.append(memoryview(piece))
        sending.pending_bytes += len(piece)
    assert sending.beginning(3) == b"fir"
    assert sending.beginning(100) == b"first second"
    assert bytes(sending.take(2)) == b"fi"
    assert sending.beginning(100) == b""
    assert bytes(sending.take(10)) == b"rst second"
