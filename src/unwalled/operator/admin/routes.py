"""What a route of the admin's API is, and how a request finds its route. Pure but for the handlers' type.

A route says everything about itself that the OpenAPI document needs, so that the document and what is checked are one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from unwalled.operator.admin.problems import Problem


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose parts are what the route says."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None


Handle = Callable[[Call], Awaitable[Any]]
"""Gives what the route's ``result`` says. Raises Problem."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """Below the API's base: ``/invites/{id}``."""
    name: str
    """Unique; programs call it so."""
    text: str
    """For the document: one sentence."""
    handle: Handle
    result: type | None = None
    """What the body of the answer is; None = there is none, and the status is 204."""
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    """A pattern for each name in the path. What does not fit leads nowhere: 404."""
    status: int = 200
    problems: tuple[int, ...] = ()
    """Statuses beyond those that every route has."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path has to be."""
        parts = re.split(r"\{(\w+)\}", self.path)
        text = "".join(
            f"(?P<{part}>{self.parameters[part]})" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
        return re.compile(text)


class RouteTable:
    """Finds routes. Raises Problem for what is none."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: Sequence[Route] = tuple(routes)
        self._patterns = [(route.pattern, route) for route in self.routes]

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route, and the values in the path. HEAD is answered as GET. Raises Problem (404, 405)."""
        wanted = "GET" if method == "HEAD" else method
        allowed = []
        for pattern, route in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == wanted:
                return route, match.groupdict()
            allowed.append(route.method)
        if not allowed:
            raise Problem(404, "There is nothing of that name.", "openapi.json says what there is.")
        if "GET" in allowed:
            allowed.append("HEAD")
        raise Problem(405, f"{method[:16]} is not possible here.", headers={"Allow": ", ".join(sorted(allowed))})


def read_query(kind: type[msgspec.Struct] | None, given: Sequence[tuple[str, str]]) -> Any:
    """The query as its struct; None for a route without one. Raises Problem (400) for what is not in it, or twice."""
    names = [name for name, _ in given]
    if kind is None:
        if names:
            raise Problem(400, "Nothing may be asked after the ? here.", "Leave it out.")
        return None
    if len(set(names)) < len(names):
        raise Problem(400, "A value after the ? comes twice.", "Give it once.")
    try:
        return msgspec.convert(dict(given), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(400, f"What is asked after the ? cannot be: {error}.", "openapi.json says what can.") from None


def read_json(kind: type[msgspec.Struct], body: bytes) -> Any:
    """The body as its struct. Raises Problem (400)."""
    try:
        return msgspec.convert(_with_integers(msgspec.json.decode(body)), kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        cause = str(error) if isinstance(error, msgspec.ValidationError) else "It is not JSON"
        raise Problem(400, f"The body cannot be read: {cause}.", "openapi.json says what it has to be.") from None


def _with_integers(value: Any) -> Any:
    """To JSON Schema, and to some programs, 1.0 is an integer."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_with_integers(item) for item in value]
        case dict():
            return {name: _with_integers(item) for name, item in value.items()}
        case _:
            return value
