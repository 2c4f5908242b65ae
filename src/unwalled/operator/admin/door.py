"""Who may use ``/admin``: whoever shows the token in a header, or a browser that has logged in with it.

    nobody has made a token, or the asker comes from elsewhere than allowed ─► 404, as any path that is not there
    Authorization: Bearer TOKEN   ─► in; a wrong one is counted for its part of the network, and soon not looked at
    cookie of a login             ─► in, if the request comes from this very site, and a change has HEADER

No other site's page can use an admin's browser: its requests show ``Sec-Fetch-Site`` or ``Origin``, the cookie is not
sent with them (``SameSite=Strict``), and they cannot have HEADER without asking first, which nobody allows.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from unwalled.broker.limits import prefixes_of
from unwalled.clock import Clock
from unwalled.crypto.identity import RandomBytes
from unwalled.operator.admin.admintoken import AdminToken, Logins, WrongTokens
from unwalled.operator.admin.askers import AskerSources
from unwalled.operator.admin.problems import Problem
from unwalled.operator.bounds import ADMIN
from unwalled.operator.options import PublicUrl

HEADER = "X-Unwalled-Admin"
"""A page of ours sends it (any value) with what changes something."""
_COOKIE = "unwalled-admin"
_READING = frozenset({"GET", "HEAD"})
_OWN_SITES = frozenset({"", "none", "same-origin"})
_HASH_KEY_BYTES = 32


class AdminDoor:
    """Lets requests in, or raises. Belongs to the event loop's thread."""

    def __init__(
        self,
        token: AdminToken,
        url: PublicUrl,
        sources: AskerSources,
        address_of: Callable[[web.Request], str],
        clock: Clock,
        random_bytes: RandomBytes,
    ) -> None:
        """``address_of``: who really asks, behind trusted proxies."""
        self._token = token
        self._url = url
        self._sources = sources
        self._address_of = address_of
        self._clock = clock
        self._wrong = WrongTokens()
        self._logins = Logins(random_bytes)
        self._hash_key = random_bytes(_HASH_KEY_BYTES)

    def is_there(self, request: web.Request) -> bool:
        """Whether ``/admin`` exists, for whoever asks this."""
        return self._token.is_set and self._sources.have(request, self._address_of(request))

    def check(self, request: web.Request) -> None:
        """Returns when the request is the admin's. Raises Problem (401, 403, 429)."""
        self._check_site(request)
        if hdrs.AUTHORIZATION in request.headers:
            scheme, _, token = request.headers[hdrs.AUTHORIZATION].partition(" ")
            self._check_token(request, token.strip() if scheme.lower() == "bearer" else "")
            return
        if not self._logins.holds(self._cookie_of(request), self._token.hash, self._clock.monotonic()):
            raise _unauthorized("Nobody is logged in.")
        if request.method not in _READING and HEADER not in request.headers:
            raise Problem(403, f"A change needs the header {HEADER}.", "Send it, with any value.")

    def log_in(self, request: web.Request, token: str) -> Callable[[web.StreamResponse], None]:
        """Gives what puts the cookie of a new login into an answer. Raises Problem (401, 403, 429)."""
        self._check_site(request)
        self._check_token(request, token)
        cookie = self._logins.open(self._token.hash, self._clock.monotonic())

        def put(response: web.StreamResponse) -> None:
            is_encrypted = self._is_encrypted(request)
            response.set_cookie(
                f"__Host-{_COOKIE}" if is_encrypted else _COOKIE,
                cookie,
                path="/",
                max_age=int(ADMIN.login_s),
                secure=is_encrypted,
                httponly=True,
                samesite="Strict",
            )

        return put

    def log_out(self, request: web.Request) -> None:
        """Ends the login of whoever asks. Raises Problem when it is nobody's."""
        self.check(request)
        self._logins.close(self._cookie_of(request))

    def _check_token(self, request: web.Request, token: str) -> None:
        now = self._clock.monotonic()
        prefixes = prefixes_of(self._address_of(request), self._hash_key)
        if (wait_s := self._wrong.wait_s(prefixes, now)) > 0.0:
            raise Problem(
                429,
                "Too many wrong tokens came from this part of the network.",
                "Wait, then use the token that `unwalled admin token` has shown.",
                retry_after_s=wait_s,
            )
        if not self._token.is_right(token):
            self._wrong.count(prefixes, now)
            raise _unauthorized("The token is wrong.")

    def _check_site(self, request: web.Request) -> None:
        origins = request.headers.getall(hdrs.ORIGIN, [])
        site = request.headers.get("Sec-Fetch-Site", "")
        if site not in _OWN_SITES or not all(self._is_own(origin, request) for origin in origins):
            raise Problem(403, "The request comes from another site's page.", "Use the pages of this operator.")

    def _is_own(self, origin: str, request: web.Request) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return False
        return parts.netloc == request.headers.get(hdrs.HOST, "") or origin == self._own_origin()

    def _own_origin(self) -> str:
        parts = urlsplit(self._url.text)
        return f"{parts.scheme}://{parts.netloc}"

    def _is_encrypted(self, request: web.Request) -> bool:
        """Whether the browser came by https; it tells its origin with a login. The admin may come by a tunnel."""
        origin = request.headers.get(hdrs.ORIGIN, "")
        return origin.startswith("https:") if origin else self._url.is_encrypted

    def _cookie_of(self, request: web.Request) -> str:
        cookies = request.cookies
        return cookies.get(f"__Host-{_COOKIE}", "") or cookies.get(_COOKIE, "")


def _unauthorized(cause: str) -> Problem:
    return Problem(
        401,
        cause,
        "Send `Authorization: Bearer TOKEN` with what `unwalled admin token` has shown, or log in at /admin.",
        headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
    )
