"""Whatever is sent to the operations of chats and to their controls, nothing breaks."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import strategies as st

from bridge.sandbox.tenant.kinds import MAKERS
from tests.unit.sandbox.tenant.place import APPLICATION, DELEGATED, Place, enc
from tests.unit.sandbox.tenant.test_fuzz import JSON, checked, examples

NAMES = st.sampled_from(
    [
        "messageIds",
        "replyMessage",
        "body",
        "content",
        "contentType",
        "user",
        "id",
        "tenantId",
        "lastMessageReadDateTime",
        "message@odata.bind",
        "values",
        "@odata.type",
        "user@odata.bind",
        "roles",
        "policyViolation",
        "policyTip",
        "dlpAction",
        "verdictDetails",
        "matchedConditionDescriptions",
    ]
)
NESTED = st.recursive(
    JSON | st.sampled_from(["html", "blockAccess", "https://[", "#microsoft.graph.x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
OPERATIONS = [
    ("POST", "/messages/replyWithQuote"),
    ("PATCH", "/messages/{m}"),
    ("POST", "/markChatReadForUser"),
    ("POST", "/markChatUnreadForUser"),
    ("POST", "/hideForUser"),
    ("POST", "/pinnedMessages"),
    ("POST", "/members/add"),
    ("POST", "/members/remove"),
    ("POST", "/removeAllAccessForUser"),
]
CONTROLS = [
    ("POST", "/chats/{c}/kinds"),
    ("POST", "/chats/{c}/system-events"),
    ("POST", "/chats/{c}/messages/{m}/violate"),
    ("POST", "/chats/{c}/messages/{m}/unfurl"),
    ("PATCH", "/chats/{c}/pins"),
    ("PATCH", "/chats/{c}"),
    ("POST", "/people"),
    ("POST", "/robots"),
    ("PATCH", "/people/{u}"),
]
WISHES = st.sampled_from(
    [
        "kind",
        "user",
        "text",
        "count",
        "data",
        "messages",
        "mentioned",
        "subject",
        "original",
        "content",
        "reply_to",
        "by",
        "people",
        "fields",
        "violation",
        "pin",
        "add",
        "null",
        "name_form",
    ]
)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_any_json_is_answered(place: Place, method: str, path: str) -> None:
    scopes = [*DELEGATED, "ChatMessage.Send", "Chat.ReadWrite.All"]
    roles = [*APPLICATION, "Chat.UpdatePolicyViolation.All", "Chat.ReadWrite.All"]
    await place.tenant.change_app(place.app, delegated_scopes=scopes, application_permissions=roles)
    message = await place.tenant.type(place.group, place.alice.id, "hi")
    target = f"/chats/{enc(place.group)}{path.format(m=message)}"
    for body in examples(st.dictionaries(NAMES, NESTED, max_size=4)):
        for who in (place.alice, None):
            checked(await place.graph(who, method, target, body))


async def test_any_filter_of_chats_is_answered(place: Place) -> None:
    words = st.sampled_from(
        ["topic", "eq", "'x'", "and", "or", "members/any(", "o:", "null", "gt", "createdDateTime"]
    )
    texts = st.lists(words | st.text(max_size=6), max_size=8).map(" ".join)
    for text in examples(texts):
        checked(await place.graph(place.alice, "GET", f"/me/chats?$filter={enc(text)}"))


@pytest.mark.parametrize(("method", "path"), CONTROLS)
async def test_any_control_is_answered(place: Place, method: str, path: str) -> None:
    message = await place.tenant.type(place.group, place.alice.id, "hi")
    where = path.format(c=enc(place.group), m=message, u=place.bob.id)
    kinds = st.sampled_from(sorted(MAKERS))
    bodies = st.dictionaries(WISHES, JSON | kinds, max_size=4)
    for body in examples(bodies):
        url = f"/_control/tenants/{place.tenant.id}{where}"
        answer = await place.http(method, url, data=orjson.dumps(body))
        assert answer.status < 500, (body, answer.raw)


async def test_any_option_of_any_kind_is_answered(place: Place) -> None:
    url = f"/_control/tenants/{place.tenant.id}/chats/{enc(place.group)}/kinds"
    options: list[Any] = examples(st.dictionaries(WISHES, JSON, max_size=3))
    for kind in sorted(MAKERS):
        for given in options[:6]:
            answer = await place.http("POST", url, data=orjson.dumps({**given, "kind": kind}))
            assert answer.status < 500, (kind, given, answer.raw)
