"""Whatever JSON Graph, or someone who plays Graph, sends: a value or Unconvertible."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.domain.content import (
    Body,
    Quote,
    Target,
    TargetKind,
    plain_text,
)
from bridge.domain.events import Person
from bridge.domain.ids import ConversationId, Place, TenantId
from bridge.domain.portal import ConversationKind, Member
from bridge.errors import Unconvertible
from bridge.teams import outgoing, payloads
from bridge.teams.payloads import Json
from bridge.teams.trace import body_of

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
        "lastModifiedDateTime", "@odata.nextLink", "reactions", "reactionType", "lastEditedDateTime",
        "messageId", "lastMessagePreview", "eventDetail", "@odata.type", "initiator", "policyViolation",
        "dlpAction", "subject", "importance", "codeSnippetUrl", "teamsAppId",
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
         "forwardedMessageReference", "application/vnd.microsoft.card.adaptive", "meetingReference",
         "application/vnd.microsoft.card.codesnippet", '{"type": "AdaptiveCard", "body": "x"}',
         "#microsoft.graph.membersAddedEventMessageDetail", "blockAccess", "urgent", "2021-03-29T03:53:52.035Z", "0001-01-01T00:00:00Z",
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
        body_of(message)
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
        list(payloads.last_said(value, TenantId("t")))
        list(payloads.people(value))
        list(payloads.raw_messages(value))
        payloads.changed_at(value)
        payloads.reaction_types(value, "alice")
        outgoing.replacement("", (), value, PLACE)
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


@pytest.mark.parametrize("sender", [None, {}, "Anna", {"user": {"id": ""}}])
def test_a_message_may_be_of_nobody(sender: object) -> None:
    assert payloads.chat_message({**MESSAGE, "from": sender}).author is None


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


QUOTED = {
    "id": "1616990000000",
    "contentType": "messageReference",
    "content": '{"messageId":"1616990000000","messagePreview":"I said so","messageSender":{}}',
}


@pytest.mark.parametrize(
    ("items", "reply_to", "quote"),
    [
        ([], None, ""),
        ([QUOTED], "1616990000000", "1616990000000"),
        ([{"id": "g", "contentType": "reference"}, QUOTED, {**QUOTED, "id": "2"}],
         "1616990000000", "1616990000000"),
        ([{**QUOTED, "content": "{"}], "1616990000000", "1616990000000"),
        ([{**QUOTED, "content": '{"messageId":7}'}], "1616990000000", "1616990000000"),
        ([{**QUOTED, "id": "g"}], "1616990000000", "g"),
        ([{**QUOTED, "id": None, "content": None}], None, ""),
        ([{**QUOTED, "contentType": "forwardedMessageReference"}], None, ""),
    ],
)  # fmt: skip
def test_the_first_quotation_is_what_a_message_answers(
    items: list[Json], reply_to: str | None, quote: str
) -> None:
    message = payloads.chat_message({**MESSAGE, "attachments": items})
    assert (message.reply_to, message.quote) == (reply_to, quote)


def reaction(kind: object, who: object = "alice", **more: object) -> Json:
    return {"reactionType": kind, "user": {"user": {"id": who}}, **more}


@pytest.mark.parametrize(
    ("items", "keys"),
    [
        ([reaction("like"), reaction("❤️"), reaction("heart", "bob")],
         [("alice", "👍"), ("alice", "❤"), ("bob", "❤")]),
        ([reaction("❤"), reaction("❤️"), reaction("heart")], [("alice", "❤")]),
        ([reaction("custom", displayName="party parrot")], [("alice", ":party parrot:")]),
        ([reaction("custom")], [("alice", ":emoji:")]),
        ([reaction("👩🏽‍🚀")], [("alice", "👩🏽‍🚀")]),
        ([reaction("💘", None), reaction(None), reaction(""), reaction(3), "x"], []),
        ([{"reactionType": "like", "user": {"application": {"id": "bot"}}}], [("app:bot", "👍")]),
    ],
)  # fmt: skip
def test_reactions_are_whose_and_which(items: list[Json], keys: list[tuple[str, str]]) -> None:
    message = payloads.chat_message({**MESSAGE, "reactions": items})
    assert [(one.person.id, one.key) for one in message.reactions] == keys


def test_the_time_of_an_edit_tells_one_wording_from_another() -> None:
    assert payloads.chat_message(MESSAGE).edited == ""
    edited = {**MESSAGE, "lastEditedDateTime": "2021-03-29T04:00:00Z"}
    assert payloads.chat_message(edited).edited == "2021-03-29T04:00:00Z"


@pytest.mark.parametrize(
    ("etag", "changed", "version"),
    [
        ("7", "2021-03-29T03:53:52.035Z", "7"),
        (None, "2021-03-29T03:53:52.035Z", "1616990032035"),
        (None, None, ""),
    ],
)
def test_a_version_is_a_number_of_milliseconds(
    etag: str | None, changed: str | None, version: str
) -> None:
    message = {**MESSAGE, "etag": etag, "lastModifiedDateTime": changed}
    assert payloads.chat_message(message).version == version


def test_chats_are_listed_with_when_something_was_said() -> None:
    page = {
        "value": [
            {"id": "a", "lastMessagePreview": {"createdDateTime": "2021-03-29T03:53:52Z"}},
            {"id": "b", "lastMessagePreview": None},
            {"lastMessagePreview": {"createdDateTime": "2021-03-29T03:53:52Z"}},
        ]
    }
    listed = list(payloads.last_said(page, TenantId("t")))
    assert [(one.place.conversation, one.at) for one in listed] == [
        ("a", datetime(2021, 3, 29, 3, 53, 52, tzinfo=UTC)),
        ("b", None),
    ]


def test_the_reactions_of_one_person_go_by_graphs_names() -> None:
    message = {
        "reactions": [
            reaction("like"),
            reaction("❤️", "ALICE"),
            reaction("like", "bob"),
            reaction(1),
        ]
    }
    assert payloads.reaction_types(message, "alice") == ("like", "❤️")


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
