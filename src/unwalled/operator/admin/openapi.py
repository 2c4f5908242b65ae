"""The OpenAPI 3.1 document of the admin's API, from its table of routes and its structs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from unwalled.operator.admin.problems import CONTENT_TYPE, ProblemBody
from unwalled.operator.admin.routes import Route

_EVERYWHERE = (401, 403, 404, 405, 429, 503)
"""Statuses that any route may answer with: nobody's, another site's, no admin, no such method, too often, too much."""
_WITH_BODY = (400, 408, 413, 415)
_JSON = "application/json"
_REF = "#/components/schemas/{name}"


def document(base: str, version: str, routes: Sequence[Route]) -> dict[str, Any]:
    """What describes the routes below ``base``; ``version``: of the program."""
    kinds = _kinds(routes)
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Unwalled: the admin of an operator",
            "version": version,
            "description": "What /admin can do. Nothing here names a reader, a visitor or what anybody reads.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "What `unwalled admin token` has shown.",
                }
            },
        },
    }


def _kinds(routes: Iterable[Route]) -> list[type]:
    found: dict[type, None] = {ProblemBody: None}
    for route in routes:
        for kind in (route.result, route.body, route.query):
            if kind is not None and kind is not dict:
                found[kind] = None
    return list(found)


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^(?:{pattern})$"}}
        for name, pattern in route.parameters.items()
    ]
    if route.query is not None:
        schema = schemas[route.query.__name__]
        parameters += [
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": value}
            for name, value in schema["properties"].items()
        ]
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.text}
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": _reference(route.body)}}}
    operation["responses"] = _responses(route)
    return operation


def _responses(route: Route) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    if route.result is None:
        answers["204"] = {"description": "Done."}
    else:
        schema = {"type": "object"} if route.result is dict else _reference(route.result)
        answers[str(route.status)] = {"description": "What was asked for.", "content": {_JSON: {"schema": schema}}}
    # A query that is not expected is refused everywhere.
    problems = {400, *_EVERYWHERE, *route.problems, *(_WITH_BODY if route.body is not None else ())}
    for status in sorted(problems):
        answers[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}.",
            "content": {CONTENT_TYPE: {"schema": _reference(ProblemBody)}},
        }
    return answers


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}
