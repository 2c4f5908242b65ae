"""What the admin's API says when it cannot do what was asked: RFC 9457 (``application/problem+json``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from unwalled.errors import UnwalledError

CONTENT_TYPE = "application/problem+json"


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True, rename={"kind": "type"}):
    """One problem, for programs and persons. Its ``type`` is ``about:blank``: the status says what kind it is."""

    title: str
    """The status in words."""
    status: int
    detail: str
    """The cause, a whole sentence."""
    remedy: str = ""
    """What to do, a whole sentence."""
    kind: str = "about:blank"


class Problem(UnwalledError):
    """Ends a request of the API with a status, a cause and a remedy."""

    def __init__(
        self, status: int, cause: str, remedy: str = "", *, retry_after_s: float = 0.0, headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(cause, remedy)
        self.status = status
        self._headers = dict(headers)
        if retry_after_s > 0.0:
            self._headers["Retry-After"] = str(math.ceil(retry_after_s))

    def response(self) -> web.Response:
        """The answer."""
        body = ProblemBody(HTTPStatus(self.status).phrase, self.status, self.cause, self.remedy)
        return web.Response(
            status=self.status, body=msgspec.json.encode(body), content_type=CONTENT_TYPE, headers=self._headers
        )
