"""The admin's page: three files that its build put into the package, the same for everybody and without a number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files

from aiohttp import web

from unwalled.operator.admin.front import PREFIX

_FILES = {
    PREFIX: ("admin.html", "text/html"),
    f"{PREFIX}/admin.css": ("admin.css", "text/css"),
    f"{PREFIX}/admin.js": ("admin.js", "text/javascript"),
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_FEATURES = ("camera", "microphone", "geolocation", "payment", "usb", "serial", "hid", "display-capture")
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _FEATURES),
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def admin_pages() -> Mapping[str, Handler]:
    """What answers GET and HEAD, by path."""
    folder = files("unwalled.web").joinpath("admin")
    return {
        path: _serve(folder.joinpath(name).read_bytes(), content_type) for path, (name, content_type) in _FILES.items()
    }


def _serve(body: bytes, content_type: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=_HEADERS)

    return answer
