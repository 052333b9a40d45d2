"""What a room is called."""

from __future__ import annotations

from bridge.domain.ids import ConversationId, Place, TeamsUserId, TenantId
from bridge.domain.portal import Conversation, ConversationKind, Member, room_name

PLACE = Place(tenant=TenantId("t"), conversation=ConversationId("c"))


def conversation(*names: str | None, topic: str | None = None) -> Conversation:
    members = tuple(Member(id=TeamsUserId(str(i)), name=name) for i, name in enumerate(names))
    return Conversation(place=PLACE, kind=ConversationKind.GROUP, topic=topic, members=members)


def test_a_topic_is_the_name() -> None:
    assert room_name(conversation("Ada", topic="Budget")) == "Budget"


def test_without_a_topic_the_people_are_the_name() -> None:
    assert room_name(conversation("Ada", None, "Grace")) == "Ada, Grace"


def test_a_crowd_is_shortened() -> None:
    assert room_name(conversation("A", "B", "C", "D", "E", "F")) == "A, B, C, D and 2 more"


def test_a_chat_of_nameless_people_has_a_name_all_the_same() -> None:
    assert room_name(conversation(None, None)) == "Teams chat"
