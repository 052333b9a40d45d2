"""Nothing of what the tenant answers has a property that Graph's own schema does not know.

Every test of the tenant is watched (the fixture `witness`); here is what those tests do not reach,
and proof that the watching sees what it should.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.sandbox.tenant.exchange import DROPPED, Exchange
from bridge.sandbox.tenant.routes import Route
from tests.kit import openapi
from tests.kit.odata import Schemas
from tests.kit.openapi import Description
from tests.kit.openapi_beyond import SCHEMAS
from tests.kit.tenant_table import path as path_of, place as place_of, routes
from tests.kit.witness import Witness
from tests.unit.sandbox.tenant.place import Place, Subscriber, enc

JSON = {"content-type": "application/json;odata.metadata=minimal"}
ERROR = {"error": {"code": "BadRequest", "message": "No.", "innerError": {"date": "2026-09-01"}}}
CONTEXT = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x"}
MESSAGE = {"id": "1", "importance": "normal", "createdDateTime": "2026-09-01T10:00:00.123Z"}


def find_openapi() -> Path | None:
    return openapi.find_openapi()


@pytest.fixture(scope="module")
def known() -> Description:
    found = openapi.description()
    if found is None:
        pytest.skip(openapi.ABSENT)
    return found


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    path = find_openapi()
    if path is None:
        pytest.skip(openapi.ABSENT)
    found: dict[str, Any] = orjson.loads(path.read_bytes())["components"]["schemas"]
    return found


class Checker:
    """Walks a value and its schema side by side."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = Schemas(schemas | SCHEMAS)

    def check(self, name: str, value: dict[str, Any]) -> None:
        assert self._schemas.problems(name, value) == []


def exchange(
    place: str, status: int, answer: Any = None, *, body: Any = None, **headers: str
) -> Exchange:
    method, _, target = place.partition(" ")
    whole = CONTEXT | answer if answer is not None and status < 400 else answer
    return Exchange(
        method=method,
        target=target,
        request=b"" if body is None else orjson.dumps(body),
        status=status,
        headers=({} if answer is None else JSON) | headers,
        response=b"" if whole is None else orjson.dumps(whole),
    )


@pytest.mark.parametrize("route", routes(), ids=place_of)
def test_every_operation_of_the_tenant_is_one_of_graph(route: Route, known: Description) -> None:
    assert known.find(route.method, path_of(route)) is not None


@pytest.mark.parametrize(
    "good",
    [
        exchange("GET /me/chats?$top=5", 200, {"value": []}),
        exchange("GET /chats('19:x')/messages/1", 200, MESSAGE),
        exchange("GET /users/a/chats/getAllMessages()", 200, {"value": [MESSAGE]}),
        exchange("POST /chats/a/messages/1/setReaction", 204),
        exchange("POST /chats/a/members", 201, location="https://x/members/1"),
        exchange("PATCH /chats/a/messages/1", 204),
        exchange("GET /chats/a", 404, ERROR),
        exchange("POST /chats", DROPPED),
    ],
    ids=lambda given: f"{given.method} {given.target}",
)
def test_a_good_answer_passes(known: Description, good: Exchange) -> None:
    assert known.problems(good) == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (exchange("GET /chats/a", 200, {"nickname": "x"}), "nickname is not in microsoft"),
        (exchange("GET /chats/a", 200, {"chatType": "trio"}), "none of group, meeting"),
        (exchange("GET /chats/a", 200, {"chatType": None}), "none of group, meeting"),
        (exchange("GET /chats/a", 200, {"topic": 5}), "not a string"),
        (exchange("GET /chats/a", 200, {"members": {}}), "not a list"),
        (exchange("GET /chats/a", 200, {"createdDateTime": "yesterday"}), "not a date-time"),
        (exchange("GET /chats/a", 200, {"viewpoint": {"isHidden": 1}}), "not a boolean"),
        (exchange("GET /chats/a/members/b", 200, {"id": "b"}), "is abstract"),
        (
            exchange("GET /chats/a/members/b", 200, {"@odata.type": "#microsoft.graph.chat"}),
            "is no microsoft.graph.conversationMember",
        ),
        (exchange("GET /chats/a/members/b", 200, {"@odata.type": "#x.y"}), "no such type"),
        (
            exchange("GET /chats/a/messages/1", 200, {"from": {"user": {"id": "u", "age": 7}}}),
            "$.from.user.age is not in microsoft.graph.identity",
        ),
        (
            exchange("GET /chats/a/messages/1", 200, {"mentions": [{"id": 1 << 40}]}),
            "too large for int32",
        ),
        (replace(exchange("GET /chats/a", 200, {}), response=b"{}"), "no @odata.context"),
        (exchange("GET /chats/a", 200), "without a body"),
        (exchange("GET /chats/a", 201, {"id": "a"}), "status 201 instead of 200"),
        (exchange("POST /chats/a/messages", 200, MESSAGE), "status 200 instead of 201"),
        (exchange("DELETE /chats/a/members/b", 204, {"id": "b"}), "has a body"),
        (exchange("GET /chats/a/nonsense/b", 200, {}), "no such operation"),
        (exchange("GET /chats/a", 418, ERROR), "not one of Graph's"),
        (exchange("GET /chats/a", 404), "instead of an error"),
        (exchange("GET /chats/a", 404, {"error": {"code": 5, "message": ""}}), "not a string"),
        (exchange("GET /chats/a", 404, {"detail": "x"}), "detail is not in"),
    ],
)
def test_a_bad_answer_is_told(known: Description, bad: Exchange, problem: str) -> None:
    assert any(problem in found for found in known.problems(bad)), known.problems(bad)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (exchange("GET /chats?$page=2", 200), "query option $page"),
        (exchange("GET /chats/getEverything", 200, body={"a": 1}), "takes none"),
        (exchange("GET /nowhere", 404), "no such operation"),
        (exchange("POST /chats/a/messages", 201, body={"text": "hi"}), "text is not in"),
        (
            exchange("POST /chats/a/messages", 201, body={"body": {"contentType": "md"}}),
            "none of html, text",
        ),
        (
            exchange("POST /chats/a/messages/1/setReaction", 204, body={"emoji": "x"}),
            "emoji is not in",
        ),
    ],
)
def test_a_bad_request_is_told(known: Description, bad: Exchange, problem: str) -> None:
    found = known.request_problems(bad)
    assert any(problem in one for one in found), found


def test_the_parts_of_a_batch_are_judged_one_by_one(known: Description) -> None:
    body = CONTEXT | {"nickname": "x"}
    asked = {"requests": [{"id": "1", "method": "GET", "url": "/chats/a"}]}
    given = {"responses": [{"id": "1", "status": 200, "headers": JSON, "body": body}]}
    found = known.problems(exchange("POST /$batch", 200, given, body=asked))

    assert found == ["in a batch, GET /chats/a: $.nickname is not in microsoft.graph.chat"]


async def test_every_answer_of_a_tenant_is_watched(place: Place, witness: Witness) -> None:
    before = witness.seen
    await place.graph(place.alice, "GET", "/me/chats")
    await place.graph(None, "GET", "/chats/nowhere")

    assert witness.seen == before + 2
    assert witness.problems() == []


async def test_what_is_sealed_in_a_notification_fits_the_schema(
    place: Place, subscriber: Subscriber, schemas: dict[str, Any]
) -> None:
    checker = Checker(schemas)
    await place.graph(None, "POST", "/subscriptions", subscriber.wish())
    mention = {"id": 0, "mentionText": "Bob", "mentioned": {"user": {"id": place.bob.id}}}
    sent = await place.say(
        place.alice, place.group, '<p><at id="0">Bob</at> hi</p>', mentions=[mention]
    )
    path = f"/chats/{enc(place.group)}/messages/{sent.body['id']}"
    await place.graph(place.bob, "POST", f"{path}/setReaction", {"reactionType": "👍"})
    for item in await subscriber.arrived(2):
        checker.check("microsoft.graph.chatMessage", subscriber.open(item["encryptedContent"]))


async def test_every_property_of_a_message_is_there(place: Place, schemas: dict[str, Any]) -> None:
    sent = (await place.say(place.alice, place.chat, "hi")).body
    declared = schemas["microsoft.graph.chatMessage"]["allOf"][1]["properties"]
    navigation = {name for name, item in declared.items() if item.get("x-ms-navigationProperty")}

    assert set(declared) - navigation - {"@odata.type"} <= set(sent)
