"""The panel's own files, as its build put them into the package, and the headers of every answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_FEATURES = ("camera", "microphone", "geolocation", "payment", "usb", "serial", "hid", "display-capture")

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _FEATURES),
    # Neither the page nor what it shows is left behind in a browser's store.
    "Cache-Control": "no-store",
}
"""Of every answer, errors too."""

PAGE = "panel.html"


@dataclass(frozen=True, slots=True)
class File:
    """One file of the panel's page."""

    body: bytes
    content_type: str


@cache
def panel_files() -> dict[str, File]:
    """Everything that the page is made of, by name."""
    found = {}
    for file in files("unwalled.web").joinpath("panel").iterdir():
        _, dot, ending = file.name.rpartition(".")
        if (kind := _TYPES.get(dot + ending)) is not None:
            found[file.name] = File(file.read_bytes(), kind)
    return found
