"""Finds the operation of a request in Graph's OpenAPI description and judges what went over the wire.

    exchange ── method, path ──> operation ── schemas ──> problems, in words

The description itself is not part of this project; `GRAPH_OPENAPI` names a copy of it. What the
service does and the description does not say is in `openapi_beyond.py`, with its source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import orjson

from bridge.sandbox.tenant.exchange import DROPPED, Exchange
from tests.kit import openapi_beyond as beyond
from tests.kit.odata import Check, Json, Schemas, run

VARIABLE = "GRAPH_OPENAPI"
ABSENT = f"no copy of Graph's OpenAPI description; name one in {VARIABLE}"
ERROR = "microsoft.graph.ODataErrors.ODataError"
JSON_TYPE = "application/json"
REFUSALS = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 415, 416, 422, 423, 424, 429}
    | {500, 501, 502, 503, 504, 507, 509}
)
"""learn.microsoft.com graph/errors."""
OPAQUE = frozenset({"$skiptoken", "$deltatoken", "$skip", "$top"})
"""Query options that stand in links which Graph itself has made."""

_KEY = re.compile(r"([A-Za-z]+)\('(.*)'\)", re.DOTALL)
_ARGUMENTS = re.compile(r"\([^)]*\)$")


@dataclass
class Operation:
    """One operation with its schemas, compiled."""

    place: str
    query: frozenset[str]
    request: Check | None
    response: Check | None
    """Of a success with JSON; None where there is none."""
    binary: bool
    """A success is bytes."""
    statuses: frozenset[int]


@dataclass
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    key: _Node | None = None
    operations: dict[str, Json] = field(default_factory=dict)
    path: str = ""


class Description:
    """Graph's OpenAPI description, ready to judge."""

    def __init__(self, document: Json) -> None:
        self.schemas = Schemas(document["components"]["schemas"] | beyond.SCHEMAS)
        self._root = _Node()
        self._compiled: dict[str, Operation] = {}
        self._items: dict[str, Json] = {}
        for path, item in [*document["paths"].items(), *beyond.PATHS.items()]:
            self._plant(path, item)

    def find(self, method: str, path: str) -> Operation | None:
        """The operation of a percent-encoded path below `/v1.0`, or of a route with `{ids}`."""
        names = list(segments(path))
        ways = [names]
        if names and names[0] == "me":
            ways.append(["users", "{me}", *names[1:]])
        for way in ways:
            for node in _walk(self._root, way):
                found = node.operations.get(method.lower())
                if found is not None:
                    return self._operation(method, node.path, found)
        return None

    def request_names(self, method: str, path: str) -> list[str]:
        """The properties that a request to this operation may have, at any depth up to three."""
        operation = self.find(method, path)
        if operation is None:
            return []
        item = self._items[operation.place]
        content = item.get("requestBody", {}).get("content", {}).get(JSON_TYPE, {})
        return sorted(self.schemas.names(content.get("schema", {}), depth=3))

    def problems(self, exchange: Exchange) -> list[str]:
        """What is wrong with an answer."""
        if exchange.status == DROPPED:
            return []
        path, _, _ = exchange.target.partition("?")
        found = [f"{exchange.method} {path}: {problem}" for problem in self._answer(exchange, path)]
        if path == "/$batch" and not found:
            for part in beyond.parts(exchange):
                found += [f"in a batch, {problem}" for problem in self.problems(part)]
        return found

    def request_problems(self, exchange: Exchange) -> list[str]:
        """What is wrong with a request."""
        path, _, query = exchange.target.partition("?")
        operation = self.find(exchange.method, path)
        if operation is None:
            return [f"{exchange.method} {path}: Graph has no such operation"]
        found = [
            f"the query option {name} is not documented"
            for name, _ in parse_qsl(query)
            if name not in operation.query | OPAQUE
        ]
        if operation.request is not None and exchange.request:
            told = _in_json(operation.request, exchange.request)
            found += [problem for problem in told if not problem.endswith(beyond.REQUESTS_MAY)]
        elif exchange.request and not operation.binary and exchange.request != b"{}":
            found.append("has a body, and the operation takes none")
        return [f"{exchange.method} {path}: {problem}" for problem in found]

    def _answer(self, exchange: Exchange, path: str) -> Iterable[str]:
        kind = exchange.headers.get("content-type", "")
        if exchange.status >= 400:
            if exchange.status not in REFUSALS:
                return [f"status {exchange.status} is not one of Graph's"]
            if JSON_TYPE not in kind:
                return [f"status {exchange.status} with {kind or 'no'} content instead of an error"]
            return _in_json(
                self.schemas.compile({"$ref": f"#/components/schemas/{ERROR}"}), exchange.response
            )
        operation = self.find(exchange.method, path)
        if operation is None:
            return ["Graph has no such operation"]
        if exchange.status not in operation.statuses:
            expected = ", ".join(map(str, sorted(operation.statuses)))
            return [f"status {exchange.status} instead of {expected}"]
        return _success(operation, exchange, kind)

    def _plant(self, path: str, item: Json) -> None:
        node = self._root
        for name in segments(path):
            if name.startswith("{"):
                node.key = node.key or _Node()
                node = node.key
            else:
                node = node.literal.setdefault(name.casefold(), _Node())
        node.path = path
        node.operations |= item

    def _operation(self, method: str, path: str, item: Json) -> Operation:
        place = f"{method} {path}"
        if place not in self._compiled:
            self._items[place] = item
            given = item.get("requestBody", {}).get("content", {})
            success = next(r for status, r in item["responses"].items() if status[0] == "2")
            content = success.get("content", {})
            self._compiled[place] = Operation(
                place=place,
                query=frozenset(
                    p["name"] for p in item.get("parameters", ()) if p["in"] == "query"
                ),
                request=self._body(given),
                response=self._body(content),
                binary="application/octet-stream" in {*given, *content},
                statuses=beyond.statuses(method, path, item),
            )
        return self._compiled[place]

    def _body(self, content: Json) -> Check | None:
        return self.schemas.compile(content[JSON_TYPE]["schema"]) if JSON_TYPE in content else None


def _success(operation: Operation, exchange: Exchange, kind: str) -> Iterable[str]:
    if not exchange.response:
        method, _, path = operation.place.partition(" ")
        silent = operation.response is None or beyond.may_be_silent(method, path, exchange.status)
        # api/chat-post-members: 201 with the address of the member and nothing else
        may = silent or "location" in exchange.headers
        return () if may else [f"status {exchange.status} without a body"]
    if exchange.status == 204 or (operation.response is None and not operation.binary):
        return [f"status {exchange.status} has a body, and the operation gives none"]
    if operation.response is None:
        return ()
    if JSON_TYPE not in kind:
        return [f"answers {kind or 'without a type'} instead of JSON"]
    missing = b'"@odata.context"' not in exchange.response and "$batch" not in operation.place
    told = ["has no @odata.context"] if missing else []
    return told + _in_json(operation.response, exchange.response)


def _in_json(check: Check, raw: bytes) -> list[str]:
    try:
        return run(check, orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        return [f"is no JSON: {error}"]


def segments(path: str) -> Iterator[str]:
    """`/chats('19:x')/messages/delta()` as chats, 19:x, messages, delta.

    The path of a file is one: `root:/a/b:/content` as root, :, a/b, content.
    """
    file: list[str] | None = None
    for raw in path.strip("/").split("/"):
        text = unquote(raw)
        if file is not None:
            file.append(text.removesuffix(":"))
            if not raw.endswith(":"):
                continue
            yield "/".join(file)
            file = None
            continue
        if raw.endswith(":"):
            yield from (text.removesuffix(":"), ":")
            file = []
            continue
        keyed = _KEY.fullmatch(text)
        if keyed is not None:
            yield keyed[1]
            yield keyed[2].replace("''", "'")
        else:
            yield text if text.startswith("{") else _ARGUMENTS.sub("", text)
    if file is not None:
        yield "/".join(file)


def _walk(node: _Node, names: list[str]) -> Iterator[_Node]:
    if not names:
        yield node
        return
    below = node.literal.get(names[0].casefold())
    if below is not None:
        yield from _walk(below, names[1:])
    if node.key is not None:
        yield from _walk(node.key, names[1:])


def find_openapi() -> Path | None:
    """The copy of the description that `GRAPH_OPENAPI` names, or one beside this project."""
    given = os.environ.get(VARIABLE)
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "graph" / "openapi.json"
    place = Path(given) if given else beside
    return place if place.is_file() else None


@cache
def description() -> Description | None:
    """The description, if there is a copy of it."""
    place = find_openapi()
    return None if place is None else Description(orjson.loads(place.read_bytes()))
