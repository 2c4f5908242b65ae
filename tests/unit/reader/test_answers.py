"""The proxy's own HTTP answers, as an app sees them."""

from __future__ import annotations

import pytest

from unwalled.reader.answers import USAGE, answer_for, malformed
from unwalled.wire.codes import Code


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        (Code.CONNECTION_REFUSED, 502, "connection_refused"),
        (Code.NAME_UNKNOWN, 502, 'dns_error; rcode="NXDOMAIN"'),
        (Code.NAME_FAILED, 502, 'dns_error; rcode="SERVFAIL"'),
        (Code.NOT_ALLOWED, 403, "http_request_denied"),
        (Code.TIMED_OUT, 504, "connection_timeout"),
        (Code.HOST_UNREACHABLE, 502, 'destination_ip_unroutable; details="host unreachable"'),
        (Code.NETWORK_UNREACHABLE, 502, 'destination_ip_unroutable; details="network unreachable"'),
        (Code.CONNECTION_RESET, 502, "connection_terminated"),
        (Code.LIMIT_REACHED, 503, "connection_limit_reached"),
        (Code.NO_BRIDGE, 503, 'destination_unavailable; details="no bridge"'),
        (Code.SESSION_LOST, 502, 'connection_terminated; details="session lost"'),
        (Code.GENERAL, 502, "proxy_internal_error"),
    ],
)
def test_each_failure_has_its_answer(code: Code, status: int, error: str) -> None:
    rendered = answer_for(code).render()
    head, _, body = rendered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert f"\r\nProxy-Status: unwalled; error={error}" in head.decode()
    assert (b"\r\nRetry-After: 5" in head) is (code is Code.NO_BRIDGE)
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert code.text[1:] in body.decode()


def test_all_failures_differ() -> None:
    public = [c for c in Code if c not in (Code.GENERAL, Code.CANCELLED, Code.PROTOCOL)]
    assert len({answer_for(code).render() for code in public}) == len(public)


def test_an_answer_to_head_has_no_body_but_its_length() -> None:
    assert USAGE.render().startswith(USAGE.render(head_only=True))
    assert USAGE.render(head_only=True).endswith(b"\r\n\r\n")


def test_a_page_that_asks_the_proxy_itself_learns_only_a_fixed_text() -> None:
    head = USAGE.render(head_only=True).decode().lower()
    assert "access-control" not in head
    assert "x-content-type-options: nosniff" in head
    assert "proxy-status" not in head


def test_a_malformed_request_says_why() -> None:
    assert b"too long" in malformed("The head is too long.", 431).render()
