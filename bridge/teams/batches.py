"""Several small questions to Graph in one request.

    get_all ─ each: its turn by its own limit ─▶ POST /$batch, twenty at a time ─▶ by `id`: JSON | error

Graph counts and answers each by itself, in any order, and says of one that it must wait without the
others having to (learn.microsoft.com graph/json-batching). Only what may be repeated goes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import orjson

from bridge.errors import RemoteError, Unavailable
from bridge.http1 import Answer
from bridge.teams.answers import failure
from bridge.teams.fields import Json, child, objects, text
from bridge.teams.graph import Credential, Graph
from bridge.teams.quota import Priority
from bridge.teams.quota_table import toll_of

REQUESTS_MAX = 20
"""learn.microsoft.com graph/json-batching."""

Found = Json | RemoteError


async def get_all(
    graph: Graph, paths: Sequence[str], *, credential: Credential, priority: Priority
) -> list[Found]:
    """Ask for JSON at each of these paths; return what came of each, in their order.

    Raises:
        RemoteError: None could be asked.
    """
    found: list[Found] = []
    while len(found) < len(paths):
        some = paths[len(found) : len(found) + REQUESTS_MAX]
        try:
            found += await _ask(graph, some, credential, priority)
        except RemoteError as error:
            if not found:
                raise
            found += [error] * (len(paths) - len(found))
    return [item if isinstance(item, RemoteError) else child(item, "body") for item in found]


async def _ask(
    graph: Graph, paths: Sequence[str], credential: Credential, priority: Priority
) -> list[Found]:
    """Return what was answered to each, status and all."""
    for path in paths:
        await graph.wait_turn(toll_of("GET", path), priority)
    asked = [{"id": str(n), "method": "GET", "url": path} for n, path in enumerate(paths)]
    answer = await graph.request(
        "POST",
        "/$batch",
        credential=credential,
        body={"requests": asked},
        repeatable=True,
        priority=priority,
    )
    answers = dict(_answers(answer))
    return [
        _judged(graph, path, answers.get(str(n), {}), everyone=credential.everyone)
        for n, path in enumerate(paths)
    ]


def _answers(answer: Json) -> Iterator[tuple[str, Json]]:
    for item in objects(answer, "responses", REQUESTS_MAX):
        key = text(item, "id")
        if key is not None:
            yield key, item


def _judged(graph: Graph, path: str, item: Json, *, everyone: bool) -> Found:
    status = item.get("status")
    if not isinstance(status, int):
        problem = f"{_name(path)} was not answered"
        return Unavailable(problem)
    answer = Answer(status=status, headers=_headers(item), body=_error(item))
    error = failure(_name(path), answer, repeatable=True, everyone=everyone)
    if error is None:
        return item
    graph.heed(toll_of("GET", path), answer, error)
    return error


def _name(path: str) -> str:
    return f"GET {path.partition('?')[0]} in a batch"


def _headers(item: Json) -> Mapping[str, str]:
    given = child(item, "headers").items()
    return {name.title(): value for name, value in given if isinstance(value, str)}


def _error(item: Json) -> bytes:
    try:
        return orjson.dumps({"error": child(child(item, "body"), "error")})
    except TypeError:  # orjson reads 1,024 levels and writes 254.
        return b""
