"""Whatever JSON Graph, or someone who plays Graph, sends: a value or Unconvertible."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.convert.teams import parse_teams
from bridge.domain.content import (
    Attachment,
    Body,
    Mention,
    Quote,
    Target,
    TargetKind,
    plain_text,
)
from bridge.domain.events import Person
from bridge.domain.ids import ConversationId, Place, TenantId
from bridge.domain.portal import ConversationKind, Member
from bridge.errors import Unconvertible
from bridge.teams import payloads
from bridge.teams.payloads import Json

PLACE = Place(tenant=TenantId("t"), conversation=ConversationId("19:c@thread.v2"))

MESSAGE: Json = {
    "@odata.type": "#Microsoft.Graph.chatMessage",
    "id": "1616990032035",
    "replyToId": None,
    "etag": "1616990032999",
    "messageType": "message",
    "createdDateTime": "2021-03-29T03:53:52.035Z",
    "deletedDateTime": None,
    "from": {
        "application": None,
        "device": None,
        "user": {"id": "8ea0e38b-efb3-4757-924a-5f94061cf8c2", "displayName": None},
    },
    "body": {"contentType": "html", "content": '<p>Hello <at id="0">Jane</at></p>'},
    "attachments": [],
    "mentions": [
        {"id": 0, "mentionText": "Jane", "mentioned": {"user": {"id": "jane", "displayName": "J"}}}
    ],
    "reactions": [],
}

NAMES = st.sampled_from(
    [
        "id", "etag", "messageType", "createdDateTime", "deletedDateTime", "from", "user", "body",
        "application", "device", "displayName", "content", "contentType", "mentions", "mentioned",
        "attachments", "contentUrl", "name", "userId", "value", "members", "chatType", "topic",
        "resource", "expirationDateTime", "notificationUrl", "messagePreview", "messageSender",
        "lastModifiedDateTime", "@odata.nextLink",
    ]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**63),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(
        ["1616990032035", "9" * 18, "message", "html", "reference", "messageReference",
         "forwardedMessageReference", "2021-03-29T03:53:52.035Z", "0001-01-01T00:00:00Z",
         "9999-12-31T23:59:59-14:00", '{"messagePreview": 3}', "<p>&lt;</p>", "\ud800"]
    ),
)  # fmt: skip
HOSTILE = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=8)),
    max_leaves=30,
)


@given(HOSTILE)
def test_no_json_at_all_raises_anything_but_unconvertible(value: object) -> None:
    with suppress(Unconvertible):
        message = payloads.chat_message(value)
        parse_teams(
            message.content,
            content_type=message.content_type,
            mentions=message.mentions,
            attachments=message.attachments,
        )
    with suppress(Unconvertible):
        payloads.conversation(value, PLACE)
    with suppress(Unconvertible):
        payloads.remote_subscription(value)
    if isinstance(value, dict):
        with suppress(Unconvertible):
            list(payloads.chat_messages(value))
        with suppress(Unconvertible):
            list(payloads.remote_subscriptions(value))
        list(payloads.chat_places(value, TenantId("t")))
        payloads.user_name(value)
        payloads.message_ref(value)


@given(NAMES, HOSTILE)
def test_a_message_with_one_hostile_property_is_read_or_refused(name: str, value: object) -> None:
    with suppress(Unconvertible):
        payloads.chat_message({**MESSAGE, name: value})


def test_a_message_is_read() -> None:
    message = payloads.chat_message(MESSAGE)
    assert message.ref == "1616990032035"
    assert message.version == "1616990032999"
    assert message.kind == "message"
    assert message.author == Person(id="8ea0e38b-efb3-4757-924a-5f94061cf8c2", name=None)
    assert message.created_at == datetime(2021, 3, 29, 3, 53, 52, 35000, tzinfo=UTC)
    assert message.mentions == {0: Target(kind=TargetKind.TEAMS_USER, id="jane")}
    assert not message.deleted


def test_without_a_time_of_creation_the_id_tells_it() -> None:
    message = payloads.chat_message({**MESSAGE, "createdDateTime": None})
    assert message.created_at == datetime(2021, 3, 29, 3, 53, 52, 35000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sender", "author"),
    [
        (None, None),
        ({}, None),
        ({"user": {"id": ""}}, None),
        ({"user": {"displayName": "nobody"}}, None),
        ({"application": {"id": "a", "displayName": "Bot"}}, Person(id="app:a", name="Bot")),
        ({"device": {"id": "d"}}, Person(id="device:d")),
        ({"user": None, "application": {"id": "a"}, "device": None}, Person(id="app:a")),
    ],
)
def test_the_author_is_who_spoke_or_nobody(sender: object, author: Person | None) -> None:
    assert payloads.chat_message({**MESSAGE, "from": sender}).author == author


@pytest.mark.parametrize(
    ("kind", "read"), [("SystemEventMessage", payloads.SYSTEM), (None, "message")]
)
def test_kinds_are_read_in_any_case(kind: str | None, read: str) -> None:
    assert payloads.chat_message({**MESSAGE, "messageType": kind}).kind == read


def test_a_chat_is_described_with_whatever_members_it_has() -> None:
    chat = {
        "chatType": "group",
        "topic": None,
        "members": [
            {"userId": "u1", "displayName": "Alice"},
            {"phoneNumber": "+1", "displayName": "A phone"},
            {"userId": "u2", "displayName": None},
            "nonsense",
        ],
    }
    described = payloads.conversation(chat, PLACE)
    assert described.kind is ConversationKind.GROUP
    assert [(m.id, m.name) for m in described.members] == [
        ("u1", "Alice"), (None, "A phone"), ("u2", None)
    ]  # fmt: skip
    assert isinstance(described.members[0], Member)
    assert payloads.conversation({"chatType": "new"}, PLACE).kind is ConversationKind.UNKNOWN


def test_a_file_is_a_notice_with_its_address() -> None:
    item = {"id": "g", "contentType": "reference", "name": "x.docx", "contentUrl": "https://s/x"}
    message = payloads.chat_message({**MESSAGE, "attachments": [item]})
    assert message.attachments == {"g": Attachment(name="x.docx", url="https://s/x")}


def test_a_quotation_shows_who_said_what() -> None:
    content = {
        "messageId": "1",
        "messagePreview": "I said so",
        "messageSender": {"user": {"id": "u", "displayName": "Alice"}},
    }
    item = {
        "id": "1",
        "contentType": "messageReference",
        "content": orjson.dumps(content).decode(),
    }
    (block,) = payloads.chat_message({**MESSAGE, "attachments": [item]}).attachments.values()
    assert isinstance(block, Quote)
    assert plain_text(Body(blocks=(block,))).split() == ["Alice", ">", ">", "I", "said", "so"] or (
        "Alice" in plain_text(Body(blocks=(block,)))
        and "I said so" in plain_text(Body(blocks=(block,)))
    )


@pytest.mark.parametrize("kind", ["application/vnd.microsoft.card.adaptive", "unheardOf", ""])
def test_an_unknown_attachment_is_at_least_a_notice(kind: str) -> None:
    item = {"id": "1", "contentType": kind, "content": "{"}
    (block,) = payloads.chat_message({**MESSAGE, "attachments": [item]}).attachments.values()
    assert isinstance(block, Attachment)
    assert block.name


def test_a_message_is_written_with_its_mentions() -> None:
    mention = Mention(target=Target(kind=TargetKind.TEAMS_USER, id="u"), text="Bob")
    assert payloads.new_message("<p>x</p>", ()) == {
        "body": {"contentType": "html", "content": "<p>x</p>"}
    }
    written = payloads.new_message('<at id="0">Bob</at>', (mention,))
    assert written["mentions"] == [
        {
            "id": 0,
            "mentionText": "Bob",
            "mentioned": {"user": {"id": "u", "displayName": "Bob", "userIdentityType": "aadUser"}},
        }
    ]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2021-03-29T03:53:52.0351234Z", datetime(2021, 3, 29, 3, 53, 52, 35123, tzinfo=UTC)),
        ("2021-03-29T03:53:52", datetime(2021, 3, 29, 3, 53, 52, tzinfo=UTC)),
        ("2021-03-29T05:53:52+02:00", datetime(2021, 3, 29, 3, 53, 52, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_instants_are_read_as_graph_writes_them(text: str | None, read: datetime | None) -> None:
    assert payloads.instant(text) == read


def test_an_instant_is_written_as_it_is_read() -> None:
    moment = datetime(2021, 3, 29, 3, 53, 52, 35000, tzinfo=UTC)
    assert payloads.stamp(moment) == "2021-03-29T03:53:52.035Z"
    assert payloads.instant(payloads.stamp(moment)) == moment


@pytest.mark.parametrize(
    ("ref", "number"),
    [("1616990032035", 1616990032035), ("", None), ("-1", None), ("१", None), ("9" * 19, None)],
)
def test_a_message_id_is_milliseconds_or_not(ref: str, number: int | None) -> None:
    assert payloads.milliseconds(ref) == number
