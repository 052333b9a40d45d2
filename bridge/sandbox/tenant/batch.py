"""`POST /$batch`: up to twenty requests in one, each of them let in and answered for itself.

    payload ─ well-formed? ─> order ─> each: weather ─ graph.py's own door ─> its answer

Requests without dependencies are carried out and answered in an order of ours, not in that of the
payload: clients have to tell the answers apart by `id`. Nothing runs at the same time.

Sources: learn.microsoft.com graph/json-batching; the texts of refusals as others were given them:
msgraph-sdk-java issue 559, pnp/pnpcore TeamChannel, microsoftgraph-postman-collections issue 9. The
shapes of `dependsOn` are those that Microsoft's JavaScript client lets through (none, a row, all on
one).
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import (
    JSON_TYPE,
    GraphError,
    Json,
    bad_request,
    graph_error,
    unwell,
)
from bridge.sandbox.tenant.routes import Route, route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.tokens import Bearer
from bridge.sandbox.tenant.weather import Fault, FaultKind

REQUESTS_MAX = 20
ID_MAX = 256
"""Characters of an id; our own bound."""
QUERY_FIELDS_MAX = 100
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
_WRITES = frozenset({"POST", "PATCH", "PUT"})
_STEP = frozenset({"id", "method", "url", "headers", "body", "dependsOn"})
_FIRST_ERROR = 400
_GONE = 504
"""What a batch says of a request whose connection broke behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of a batch."""

    id: str
    method: str
    path: str
    """Below `/v1.0`, still percent-encoded."""
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    depends_on: tuple[str, ...]


Door = Callable[[Tenant, Bearer, Step], Awaitable[Reply]]
"""Where every request to Graph is let in; raises GraphError."""


@dataclass(slots=True)
class _Done:
    """The answers so far, by id in lower case."""

    answers: dict[str, Json] = field(default_factory=dict)

    def failed(self, key: str) -> bool:
        status = self.answers[key.casefold()]["status"]
        return isinstance(status, int) and status >= _FIRST_ERROR


class Batches:
    """Batches of one server; `door` is what a request by itself has to pass, too."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[Route]:
        return [route("POST /$batch", None, self.answer)]

    async def answer(self, call: Call) -> Reply:
        """Carry out a batch.

        Raises:
            GraphError: 400, it is malformed as a whole.
        """
        steps = read(call.body())
        done = _Done()
        for step in _in_order(steps):
            if any(done.failed(other) for other in step.depends_on):
                answer = _refused(call, step, _failed_dependency())
            else:
                answer = await self._carry_out(call, step)
            done.answers[step.id.casefold()] = answer
        return Reply(body={"responses": list(done.answers.values())})

    async def _carry_out(self, call: Call, step: Step) -> Json:
        """One request with the weather that it meets."""
        fault = call.tenant.weather.strike(step.method, f"/v1.0{step.path}")
        if fault is None or fault.kind is FaultKind.SLOW:
            answer = await self._let_in(call, step)
        else:
            if fault.kind in (FaultKind.DROP_AFTER, FaultKind.ANSWER_AFTER):
                await self._let_in(call, step)
            answer = _refused(call, step, _weather(fault))
        call.tenant.requests.append(
            {
                "method": step.method,
                "path": f"/v1.0{step.path}",
                "status": answer["status"],
                "fault": None if fault is None else fault.kind.value,
            }
        )
        return answer

    async def _let_in(self, call: Call, step: Step) -> Json:
        try:
            if step.path.strip("/").casefold() in ("$batch", "%24batch"):
                raise bad_request("A batch request cannot contain another batch request.")
            return _answered(step, await self._door(call.tenant, call.bearer, step))
        except GraphError as error:
            return _refused(call, step, error)


def read(body: Json) -> list[Step]:
    """The requests of a batch.

    Raises:
        GraphError: 400, this is no batch.
    """
    requests = body.get("requests")
    if not isinstance(requests, list) or not requests:
        raise bad_request("Invalid batch payload format.")
    if len(requests) > REQUESTS_MAX:
        raise bad_request("Number of requests inside batch exceed the limit.")
    steps = [_step(item) for item in requests]
    seen: set[str] = set()
    for step in steps:
        if step.id.casefold() in seen:
            msg = f"Request Id {step.id} has to be unique in a batch."
            raise bad_request(msg)
        seen.add(step.id.casefold())
    _check_dependencies(steps, seen)
    return steps


def _step(item: object) -> Step:
    if not isinstance(item, dict) or not item.keys() <= _STEP:
        raise bad_request("Invalid batch payload format.")
    number = wire.required_text(item, "id")
    method = wire.required_text(item, "method").upper()
    if len(number) > ID_MAX or method not in _METHODS:
        raise bad_request("Invalid batch payload format.")
    headers = _headers(item)
    writes = method in _WRITES or item.get("body") is not None
    if writes and ("content-type" not in headers or "body" not in item):
        msg = f"Write request id : {number} does not contain Content-Type header or body."
        raise bad_request(msg)
    path, query = _target(wire.required_text(item, "url"), number)
    return Step(
        id=number,
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=_body(item.get("body"), number),
        depends_on=_depends_on(item),
    )


def _headers(item: Json) -> dict[str, str]:
    given = item.get("headers")
    found = {} if given is None else wire.as_object(given, "headers")
    return {name.casefold(): wire.as_text(value, name) for name, value in found.items()}


def _target(url: str, number: str) -> tuple[str, dict[str, str]]:
    """Path and options of a relative address; the version is the batch's own."""
    path, _, query = url.partition("?")
    if "://" in path or path.startswith("//") or "#" in path:
        msg = f"Invalid request URL of request id : {number}. A relative URL is expected."
        raise bad_request(msg)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise bad_request("The query of a request has too many fields.") from None
    return f"/{path.lstrip('/')}", dict(pairs)


def _body(value: object, number: str) -> bytes:
    """A JSON object as it stands, or bytes as base64, in either alphabet."""
    if value is None:
        return b""
    if not isinstance(value, str):
        return orjson.dumps(wire.as_object(value, "body"))
    text = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        msg = f"The body of request id : {number} is neither a JSON object nor base64."
        raise bad_request(msg) from None


def _depends_on(item: Json) -> tuple[str, ...]:
    given = item.get("dependsOn")
    listed = [] if given is None else wire.as_list(given, "dependsOn")
    return tuple(wire.as_text(value, "dependsOn") for value in listed)


def _check_dependencies(steps: list[Step], known: set[str]) -> None:
    for step in steps:
        for other in step.depends_on:
            if other.casefold() not in known:
                msg = f"Request id : {step.id} depends on {other}, which is not in the batch."
                raise bad_request(msg)
    if not (_is_row(steps) or _is_fan(steps)):
        raise bad_request("A batch has to be either fully sequential or fully parallel.")


def _is_row(steps: list[Step]) -> bool:
    """Every request waits for the one before it."""
    before = [(), *((step.id.casefold(),) for step in steps[:-1])]
    return all(
        tuple(other.casefold() for other in step.depends_on) == expected
        for step, expected in zip(steps, before, strict=True)
    )


def _is_fan(steps: list[Step]) -> bool:
    """No request waits, or all that do wait for the same one, which does not."""
    waits = {tuple(o.casefold() for o in step.depends_on) for step in steps if step.depends_on}
    if len(waits) > 1 or any(len(others) > 1 for others in waits):
        return False
    first = {other for others in waits for other in others}
    return all(not step.depends_on for step in steps if step.id.casefold() in first)


def _in_order(steps: list[Step]) -> list[Step]:
    """A row as it is; anything else shuffled, the same way every time, what is waited for first."""
    if len(steps) > 1 and _is_row(steps):
        return steps
    waited_for = {other.casefold() for step in steps for other in step.depends_on}
    shuffled = list(steps)
    # Not the weather's generator: a batch must not change what is drawn for notifications.
    random.Random(" ".join(step.id for step in steps)).shuffle(shuffled)  # noqa: S311 - replay
    return sorted(shuffled, key=lambda step: step.id.casefold() not in waited_for)


def _answered(step: Step, reply: Reply) -> Json:
    headers = {"Cache-Control": "no-cache", **reply.headers}
    answer: Json = {"id": step.id, "status": reply.status, "headers": headers}
    if reply.raw is not None:
        headers["Content-Type"] = reply.content_type
        answer["body"] = base64.b64encode(reply.raw).decode()
    elif reply.body is not None:
        headers["OData-Version"] = "4.0"
        headers["Content-Type"] = JSON_TYPE
        answer["body"] = reply.body
    return answer


def _refused(call: Call, step: Step, error: GraphError) -> Json:
    client_id = step.headers.get("client-request-id", "")
    headers = {"Cache-Control": "no-cache", "Content-Type": "application/json", **error.headers}
    shown = graph_error(error, call.tenant.clock.now(), client_id)
    return {"id": step.id, "status": error.status, "headers": headers, "body": shown}


def _weather(fault: Fault) -> GraphError:
    """What the weather makes of one request: a broken connection behind a batch is a 504."""
    drops = fault.kind in (FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER)
    return unwell(_GONE if drops else fault.status, fault.retry_after)


def _failed_dependency() -> GraphError:
    return GraphError(
        424, "FailedDependency", "The request depends on another request, which failed."
    )
