"""What a room is called."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.ids import ConversationId, Place, TeamId, TeamsUserId, TenantId
from bridge.domain.portal import (
    Conversation,
    ConversationKind,
    Member,
    Team,
    room_name,
    room_topic,
)

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


def test_a_channel_is_named_with_its_team() -> None:
    channel = replace(
        conversation("Ada", topic="General"),
        kind=ConversationKind.CHANNEL,
        team=Team(id=TeamId("t"), name="Marketing"),
    )
    assert room_name(channel) == "General (Marketing)"
    assert room_name(replace(channel, team=None)) == "General"


def test_below_the_name_stands_what_people_say_of_it_or_what_it_is() -> None:
    group = conversation("Ada", topic="Budget")
    assert room_topic(group) == "Group chat in Microsoft Teams"
    assert room_topic(replace(group, description="Who pays")) == "Who pays"
    meeting = replace(group, kind=ConversationKind.MEETING, meeting="https://teams.test/join")
    assert room_topic(meeting) == ("Meeting chat in Microsoft Teams. Join: https://teams.test/join")
