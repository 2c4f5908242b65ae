"""The HTTP proxy's own answers: errors for an app, in words and in Proxy-Status (RFC 9209). Pure.

They are the only answers that name the proxy, and only the app on this machine sees them.
"""

from __future__ import annotations

from dataclasses import dataclass

from unwalled.settings import READER
from unwalled.wire.codes import Code

_REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An error: status, RFC 9209 parameters, cause and remedy as sentences, when to try again (s, 0 = unsaid)."""

    status: int
    proxy_error: str
    cause: str
    remedy: str = ""
    retry_after_s: int = 0

    def render(self, head_only: bool = False) -> bytes:
        """The whole response, after which the connection is to be closed."""
        body = f"Unwalled: {self.cause}\n{self.remedy}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ]
        if self.proxy_error:
            lines.append(f"Proxy-Status: unwalled; error={self.proxy_error}")
        if self.retry_after_s:
            lines.append(f"Retry-After: {self.retry_after_s}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        return head.encode("ascii") + (b"" if head_only else body)


ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

USAGE = Answer(
    400,
    "",
    "This is a proxy, not a web page.",
    "Set this address as HTTP proxy or SOCKS5 proxy in your browser or system, and then open the site that you want.",
)
LOOP = Answer(
    403,
    "proxy_loop_detected",
    "The request leads back to this proxy.",
    "Open another address.",
)
TIMED_OUT = Answer(408, "", "The request did not come in time.", "Try again.")
RESPONSE_MALFORMED = Answer(
    502, "http_protocol_error", "The site's answer is not proper HTTP.", "Try the site over https://."
)
RESPONSE_CUT = Answer(502, "http_response_incomplete", "The site ended the connection without an answer.", "Try again.")

_TRY_AGAIN = "Try again in a while."
_BY_CODE = {
    Code.NOT_ALLOWED: (403, "http_request_denied", "Only the operator of this service can allow it.", 0),
    Code.NETWORK_UNREACHABLE: (502, 'destination_ip_unroutable; details="network unreachable"', _TRY_AGAIN, 0),
    Code.HOST_UNREACHABLE: (502, 'destination_ip_unroutable; details="host unreachable"', _TRY_AGAIN, 0),
    Code.CONNECTION_REFUSED: (502, "connection_refused", "Check the address and the port, or try again in a while.", 0),
    Code.TIMED_OUT: (504, "connection_timeout", _TRY_AGAIN, 0),
    Code.NAME_UNKNOWN: (502, 'dns_error; rcode="NXDOMAIN"', "Check how the name is written.", 0),
    Code.NAME_FAILED: (502, 'dns_error; rcode="SERVFAIL"', _TRY_AGAIN, 0),
    Code.CONNECTION_RESET: (502, "connection_terminated", "Try again.", 0),
    Code.LIMIT_REACHED: (503, "connection_limit_reached", "Close what you do not need, or try again.", 0),
    Code.USED_UP: (
        503,
        'connection_limit_reached; details="traffic used up"',
        "It comes back by itself, at the latest when the operator's month begins anew. Use another invite until then.",
        READER.retry_after_s,
    ),
    Code.NO_BRIDGE: (
        503,
        'destination_unavailable; details="no bridge"',
        "Unwalled keeps looking for one. Look at the window in which it runs, and try again in a while.",
        READER.retry_after_s,
    ),
    Code.SESSION_LOST: (502, 'connection_terminated; details="session lost"', "Try again.", 0),
    Code.SWITCHED_OFF: (
        503,
        'destination_unavailable; details="switched off"',
        "Nothing leaves this computer through it meanwhile. Switch it on in its panel, and try again.",
        0,
    ),
    Code.OWN_NETWORK: (
        403,
        'http_request_denied; details="own network"',
        "Web pages must not reach it through a proxy. If you want to, add it to your own rules, for the direct way.",
        0,
    ),
}
_OTHER = (502, "proxy_internal_error", _TRY_AGAIN, 0)


def answer_for(code: Code) -> Answer:
    """The answer to a request whose stream could not be opened, or was cut before the site answered."""
    status, proxy_error, remedy, retry_after_s = _BY_CODE.get(code, _OTHER)
    return Answer(status, proxy_error, f"{code.text[0].upper()}{code.text[1:]}.", remedy, retry_after_s)


def malformed(cause: str, status: int = 400) -> Answer:
    """The answer to a request that breaks HTTP, or asks for what a proxy cannot do."""
    return Answer(status, "http_request_error", cause, "This is a fault of the program that sent the request.")
