from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from unwalled.operator.admin.openapi import document
from unwalled.operator.admin.problems import Problem
from unwalled.operator.admin.routes import Call, Route, RouteTable, read_json, read_query


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5


class Told(msgspec.Struct, frozen=True):
    word: str


class Counted(msgspec.Struct, frozen=True):
    count: int
    all: list[dict[str, int]]


async def handle(call: Call) -> Any:
    return None


ROUTES = (
    Route("GET", "/things", "list_things", "Things.", handle, Told, Asked),
    Route("POST", "/things", "make_thing", "Make one.", handle, Told, body=Told, status=201, problems=(409,)),
    Route("DELETE", "/things/{id}", "drop_thing", "Drop one.", handle, parameters={"id": "[a-f]{2}"}),
    Route("GET", "/self.json", "describe", "Itself.", handle, dict),
)


def test_a_request_finds_its_route_and_is_told_what_else_there_is() -> None:
    table = RouteTable(ROUTES)
    assert table.find("HEAD", "/things") == (ROUTES[0], {})
    assert table.find("DELETE", "/things/ab") == (ROUTES[2], {"id": "ab"})
    for method, path, status, allowed in (
        ("GET", "/things/xy", 404, None),
        ("GET", "/selfxjson", 404, None),
        ("GET", "/things/ab\n", 404, None),
        ("PUT", "/things", 405, "GET, HEAD, POST"),
        ("HEAD", "/things/ab", 405, "DELETE"),
    ):
        with pytest.raises(Problem) as caught:
            table.find(method, path)
        response = caught.value.response()
        assert (response.status, response.headers.get("Allow")) == (status, allowed)


def test_a_query_is_taken_whole_or_refused() -> None:
    assert read_query(Asked, [("limit", "7")]) == Asked(7)
    assert read_query(Asked, []) == Asked()
    assert read_query(None, []) is None
    for kind, given in (
        (Asked, [("limit", "11")]),
        (Asked, [("limit", "x")]),
        (Asked, [("other", "1")]),
        (Asked, [("limit", "1"), ("limit", "2")]),
        (None, [("x", "")]),
    ):
        with pytest.raises(Problem) as caught:
            read_query(kind, given)
        assert caught.value.status == 400


def test_a_body_is_read_as_what_it_has_to_be() -> None:
    assert read_json(Told, b'{"word": "w"}') == Told("w")
    assert read_json(Counted, b'{"count": 2.0, "all": [{"a": 1.0}]}') == Counted(2, [{"a": 1}])
    for body in (b"", b"{}", b'{"word": 1}', b"\xff", b'{"word": "\xff"}', b"[" * 100_000):
        with pytest.raises(Problem) as caught:
            read_json(Told, body)
        assert caught.value.status == 400


def test_the_document_says_of_each_route_what_it_takes_and_gives() -> None:
    told = document("/base", "1.0", ROUTES)
    paths = told["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == {
        (route.method.lower(), route.path) for route in ROUTES
    }
    (limit,) = paths["/things"]["get"]["parameters"]
    assert (limit["name"], limit["required"], limit["schema"]["maximum"]) == ("limit", False, 10)
    post = paths["/things"]["post"]
    assert set(post["responses"]) >= {"201", "409", "413", "415"}
    assert post["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Told"}
    drop = paths["/things/{id}"]["delete"]
    assert drop["parameters"][0]["schema"]["pattern"] == "^(?:[a-f]{2})$"
    assert "content" not in drop["responses"]["204"]
    assert paths["/self.json"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] == {"type": "object"}
    assert {"Told", "Asked", "ProblemBody"} <= set(told["components"]["schemas"])
    assert "type" in told["components"]["schemas"]["ProblemBody"]["properties"]
