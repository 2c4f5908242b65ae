"""The pages and scripts that an operator serves: what is needed to answer a request for one, and no more.

All of them live under a strict Content-Security-Policy: scripts and styles only from the operator itself, no inline
code, no third party, connections only to the operator and to WebSockets over TLS. Pure but for reading the
package's own files once.

The widget and its parts are served twice. Under ``/widget.js`` there is always the newest. Under
``/widget/VERSION/widget.js`` there is that version alone, which never changes: what a site pins with ``integrity``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from unwalled.web.render import ENGLISH, render

_HTML = "text/html; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"
_VERSION_CHARS = 16
_YEAR_S = 31_536_000

_DOCUMENTS = {
    "/": "index",
    "/add": "add",
    "/embed": "embed",
    "/impact": "impact",
    "/read": "read",
    "/totals": "totals",
    "/window": "window",
}
FRAMED = "/embed"


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

    @property
    def is_document(self) -> bool:
        """Whether it has words, and so differs by language."""
        return self.content_type == _HTML


def pages(connect_sources: Sequence[str] = ()) -> dict[str, Page]:
    """All pages by path, documents in English."""
    found = [_own(f"/{name}") for name in _names() if not _is_widget(name)]
    found += [_shared(f"/{name}", body, max_age_s=3600) for name, body in widget_files().items()]
    found += version_pages(widget_version(), widget_files())
    return documents(connect_sources) | {page.path: page for page in found}


def documents(
    connect_sources: Sequence[str] = (), language: str = ENGLISH, *, is_asked: bool = False
) -> dict[str, Page]:
    """The pages that have words, by path, in one language.

    ``connect_sources``: further CSP sources, such as ``ws://192.168.1.5:8080``, for an operator whose WebSockets
    are neither of the page's own origin nor ``wss:``. Raises ValueError for one that is no source.
    ``is_asked``: the language was asked for in the address, so links keep it there.
    """
    for source in connect_sources:
        if not source or any(char in source for char in " ;,'\"\r\n\t"):
            raise ValueError("A source for connect-src has characters that a source cannot have.")
    values = {"integrity": widget_integrity(), "version": widget_version()}
    return {
        path: _document(path, render(name, language, is_asked=is_asked, values=values), language, connect_sources)
        for path, name in _DOCUMENTS.items()
    }


def version_pages(version: str, bodies: Mapping[str, bytes]) -> list[Page]:
    """One version of the widget and its parts, by their names, where that version stays."""
    return [_shared(f"/widget/{version}/{name}", body, max_age_s=None) for name, body in bodies.items()]


def widget_files() -> dict[str, bytes]:
    """The widget's script and its parts, by name."""
    return {name: _read(name) for name in _names() if _is_widget(name)}


def widget_integrity() -> str:
    """The value of a script tag's ``integrity`` attribute for the widget of this version (SHA-384)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(_read("widget.js")).digest()).decode()


def widget_version(script: bytes | None = None) -> str:
    """The name of a version: how its script's SHA-256 begins. The script holds its parts' hashes, so it names all."""
    return hashlib.sha256(_read("widget.js") if script is None else script).hexdigest()[:_VERSION_CHARS]


@cache
def _names() -> tuple[str, ...]:
    folder = files("unwalled.web")
    return tuple(sorted(file.name for file in folder.iterdir() if file.name.endswith((".js", ".css"))))


@cache
def _read(name: str) -> bytes:
    return files("unwalled.web").joinpath(name).read_bytes()


def _is_widget(name: str) -> bool:
    return name == "widget.js" or name.startswith("widget-")


def _own(path: str) -> Page:
    """A script or style sheet of the operator's own pages."""
    body = _read(path.removeprefix("/"))
    headers = {**_common(body), "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-cache"}
    return Page(path, body, _CSS if path.endswith(".css") else _SCRIPT, headers)


def _shared(path: str, body: bytes, *, max_age_s: int | None) -> Page:
    """What other sites load, also with an integrity attribute (needs CORS) or from a cross-origin isolated page.

    ``max_age_s`` None: it never changes.
    """
    kept = (
        f"max-age={_YEAR_S}, immutable" if max_age_s is None else f"max-age={max_age_s}, stale-while-revalidate=86400"
    )
    headers = {
        **_common(body),
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": f"public, {kept}",
    }
    return Page(path, body, _SCRIPT, headers)


def _document(path: str, body: bytes, language: str, connect_sources: Sequence[str]) -> Page:
    framed = path == FRAMED
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
        **_common(body),
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Content-Language": language,
        "Cross-Origin-Resource-Policy": "cross-origin" if framed else "same-origin",
        "Cache-Control": "no-cache",
        "Vary": "Accept-Language",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    # The small window is opened by pages of other sites, which keep a handle to it: it must not be cut off from them.
    if not framed and path != "/window":
        headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    return Page(path, body, _HTML, headers)


def _common(body: bytes) -> dict[str, str]:
    return {
        "ETag": f'"{base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")}"',
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
