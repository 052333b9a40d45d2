"""Nothing of what the tenant answers has a property that Graph's own schema does not know."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.unit.sandbox.tenant.place import Place, Subscriber, enc

VARIABLE = "GRAPH_OPENAPI"
PREFIX = "#/components/schemas/"


def find_openapi() -> Path | None:
    given = os.environ.get(VARIABLE)
    root = Path(__file__).resolve().parents[4]
    places = [Path(given)] if given else [root.parent / "shared" / "graph" / "openapi.json"]
    return next((place for place in places if place.is_file()), None)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    path = find_openapi()
    if path is None:
        pytest.skip(f"no copy of Graph's OpenAPI description; name one in {VARIABLE}")
    found: dict[str, Any] = orjson.loads(path.read_bytes())["components"]["schemas"]
    return found


class Checker:
    """Walks a value and its schema side by side."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def check(self, name: str, value: dict[str, Any], path: str = "$") -> None:
        derived = str(value.get("@odata.type", "")).removeprefix("#")
        known = self._properties({"$ref": f"{PREFIX}{derived or name}"})
        for key, item in value.items():
            if key.startswith("@") or "@odata" in key:
                continue
            if key not in known and self._is_open(derived or name):
                continue
            assert key in known, f"{path}.{key} is not in {derived or name}"
            self._check_value(known[key], item, f"{path}.{key}")

    def _check_value(self, schema: dict[str, Any], value: Any, path: str) -> None:
        if isinstance(value, list):
            for item in value:
                self._check_value(schema["items"], item, path)
        elif isinstance(value, dict):
            reference = self._reference(schema)
            assert reference is not None, f"{path} is no object in the schema"
            self.check(reference, value, path)
        elif isinstance(value, str) and (values := self._enum(schema)):
            assert value in values, f"{path} = {value!r} is none of {values}"

    def _reference(self, schema: dict[str, Any]) -> str | None:
        options = [schema, *schema.get("anyOf", []), *schema.get("allOf", [])]
        found = [o["$ref"].removeprefix(PREFIX) for o in options if "$ref" in o]
        return found[0] if found else None

    def _enum(self, schema: dict[str, Any]) -> list[str]:
        reference = self._reference(schema)
        found: list[str] = self._schemas[reference].get("enum", []) if reference else []
        return found

    def _is_open(self, name: str) -> bool:
        """An open type: Graph's answers do carry more, such as `tenantId` of a user identity."""
        schema = self._schemas[name]
        parts = [schema, *schema.get("allOf", [])]
        return any(part.get("additionalProperties") is True for part in parts)

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return self._properties(self._schemas[schema["$ref"].removeprefix(PREFIX)])
        known: dict[str, Any] = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            known |= self._properties(part)
        return known


async def test_every_answer_fits_the_schema(
    place: Place, subscriber: Subscriber, schemas: dict[str, Any]
) -> None:
    checker = Checker(schemas)
    mention = {"id": 0, "mentionText": "Bob", "mentioned": {"user": {"id": place.bob.id}}}
    sent = await place.say(
        place.alice, place.group, '<p><at id="0">Bob</at> hi</p>', mentions=[mention]
    )
    path = f"/chats/{enc(place.group)}/messages/{sent.body['id']}"
    await place.graph(place.bob, "POST", f"{path}/setReaction", {"reactionType": "👍"})
    seen = (await place.graph(None, "GET", path)).body
    assert seen["reactions"]
    assert seen["mentions"]
    meeting = await place.tenant.create_chat("meeting", [place.alice.id, place.bob.id])

    checker.check("microsoft.graph.chatMessage", sent.body)
    checker.check("microsoft.graph.chatMessage", seen)
    for chat in (place.chat, place.group, meeting):
        found = (await place.graph(place.alice, "GET", f"/chats/{enc(chat)}")).body
        checker.check("microsoft.graph.chat", found)
    listed = await place.graph(place.alice, "GET", "/me/chats?$expand=members,lastMessagePreview")
    for found in listed.body["value"]:
        checker.check("microsoft.graph.chat", found)
    members = await place.graph(None, "GET", f"/chats/{enc(place.group)}/members")
    for found in members.body["value"]:
        checker.check("microsoft.graph.aadUserConversationMember", found)
    user = await place.graph(None, "GET", f"/users/{place.bob.id}")
    checker.check("microsoft.graph.user", user.body)
    made = await place.graph(None, "POST", "/subscriptions", subscriber.wish())
    checker.check("microsoft.graph.subscription", made.body)
    await place.say(place.alice, place.group, "told")
    item = (await subscriber.arrived(1))[0]
    checker.check("microsoft.graph.changeNotification", item | {"resourceData": None})
    checker.check("microsoft.graph.chatMessage", subscriber.open(item["encryptedContent"]))


async def test_every_property_of_a_message_is_there(place: Place, schemas: dict[str, Any]) -> None:
    sent = (await place.say(place.alice, place.chat, "hi")).body
    known = schemas["microsoft.graph.chatMessage"]["allOf"][1]["properties"]
    navigation = {name for name, item in known.items() if item.get("x-ms-navigationProperty")}

    assert set(known) - navigation - {"@odata.type"} <= set(sent)
