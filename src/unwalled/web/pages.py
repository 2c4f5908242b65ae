"""The pages and scripts that an operator serves: what is needed to answer a request for one, and no more.

All of them live under a strict Content-Security-Policy: scripts and styles only from the operator itself, no inline
code, no third party, connections only to the operator and to WebSockets over TLS. Pure but for reading the
package's own files once.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

_HTML = "text/html; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"

_FOLDER = files("unwalled.web")
# The widget's parts, which it loads when a visitor needs them. Their hashes are built into widget.js.
_PARTS = sorted(
    file.name for file in _FOLDER.iterdir() if file.name.startswith("widget-") and file.name.endswith(".js")
)
_FILES = {
    "/": ("index.html", _HTML),
    "/embed": ("embed.html", _HTML),
    "/read": ("read.html", _HTML),
    "/site.css": ("site.css", _CSS),
    "/widget.js": ("widget.js", _SCRIPT),
    "/read.js": ("read.js", _SCRIPT),
    **{f"/{name}": (name, _SCRIPT) for name in _PARTS},
}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to GET.

    ``path`` is absolute on the operator's site. ``headers`` holds everything but Content-Type and Content-Length,
    with the ETag among them; a server that knows If-None-Match may answer 304 with the same headers.
    """

    path: str
    body: bytes
    content_type: str
    headers: Mapping[str, str]


def pages(connect_sources: Sequence[str] = ()) -> dict[str, Page]:
    """All pages by path.

    ``connect_sources``: further CSP sources, such as ``ws://192.168.1.5:8080``, for an operator whose WebSockets
    are neither of the page's own origin nor ``wss:``. Raises ValueError for one that is no source.
    """
    for source in connect_sources:
        if not source or any(char in source for char in " ;,'\"\r\n\t"):
            raise ValueError("A source for connect-src has characters that a source cannot have.")
    return {path: _page(path, name, content_type, connect_sources) for path, (name, content_type) in _FILES.items()}


def widget_integrity() -> str:
    """The value of a script tag's ``integrity`` attribute for the widget of this version (SHA-384)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(_read("widget.js")).digest()).decode()


def _read(name: str) -> bytes:
    return _FOLDER.joinpath(name).read_bytes()


def _page(path: str, name: str, content_type: str, connect_sources: Sequence[str]) -> Page:
    body = _read(name)
    headers = {
        "ETag": f'"{base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")}"',
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    if content_type == _HTML:
        headers |= _document_headers(framed=path == "/embed", connect_sources=connect_sources)
    elif name == "widget.js" or name in _PARTS:
        # Other sites load it, also with an integrity attribute (needs CORS) or from a cross-origin isolated page.
        headers |= {
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
        }
    else:
        headers |= {"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-cache"}
    return Page(path, body, content_type, headers)


def _document_headers(*, framed: bool, connect_sources: Sequence[str]) -> dict[str, str]:
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "data:",
        "connect-src": " ".join(("'self'", "wss:", *connect_sources)),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "*" if framed else "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Resource-Policy": "cross-origin" if framed else "same-origin",
        "Cache-Control": "no-cache",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    return headers if framed else headers | {"Cross-Origin-Opener-Policy": "same-origin"}
