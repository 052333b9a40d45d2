"""What a room's state events say of it, whoever has written them, and what is written back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, strategies as st

from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    RoomId,
    TeamId,
    TenantId,
    UserId,
    channel_place,
)
from bridge.domain.portal import Conversation, ConversationKind, Membership, Team
from bridge.domain.shape import (
    Rights,
    SetMark,
    SetName,
    SetPicture,
    SetPins,
    SetRights,
    SetTopic,
    Shape,
    changes,
)
from bridge.matrix.marks import ORDER_CHARS_MAX, room_marks, space_marks
from bridge.matrix.names import Names
from bridge.matrix.shaping import Look, RoomState, may_speak, named_in, shown_of, state_event
from bridge.ports import ChildRoom
from tests.unit.matrix.books import CONFIG

NAMES = Names.of(CONFIG)
BOT = NAMES.bot
GHOST = NAMES.ghost("a1b2c3d4-0000-4000-8000-000000000001")
ROBOT = NAMES.ghost("app:a1b2c3d4-0000-4000-8000-000000000001")
ANNA, EVE = UserId("@anna:example.org"), UserId("@eve:example.org")
TENANT = TenantId("tenant")
PLACE = Place(tenant=TENANT, conversation=ConversationId("19:a@thread.v2"))
TALK = Conversation(place=PLACE, kind=ConversationKind.GROUP, topic="Tea", members=())


def event(kind: str, content: object, key: str = "", sender: str = BOT) -> dict[str, Any]:
    return {"type": kind, "state_key": key, "sender": sender, "content": content}


def member(user: str, membership: str) -> dict[str, Any]:
    return event("m.room.member", {"membership": membership}, user, user)


def state(*events: dict[str, Any], version: str = "11") -> RoomState:
    return RoomState.of([event("m.room.create", {"room_version": version}), *events])


def test_a_room_shows_what_its_events_say() -> None:
    shown = shown_of(
        state(
            event("m.room.name", {"name": "Tea"}),
            event("m.room.topic", {"topic": "Cups", "m.topic": {}}),
            event("m.room.avatar", {"url": "mxc://a/b"}),
            event("m.room.pinned_events", {"pinned": ["$1", 2, "$3"]}),
            event("m.room.power_levels", {"users": {BOT: 100, GHOST: 50, EVE: 0}, "invite": 50}),
            event("m.room.join_rules", {"join_rule": "public"}, sender=EVE),
            event("m.bridge", {"a": 1}, "ours"),
            event("m.bridge", {"a": 1}, "theirs", sender=EVE),
            member(BOT, "join"),
            member(GHOST, "join"),
            member(ROBOT, "join"),
            member(ANNA, "invite"),
            member(EVE, "leave"),
        ),
        NAMES,
        accounts={ANNA, UserId("@nobody:example.org")},
    )
    assert (shown.name, shown.topic, shown.picture) == ("Tea", "Cups", "mxc://a/b")
    assert shown.pins == ("$1", "$3")
    assert shown.rights == Rights(speak=0, invite=50, levels={GHOST: 50})
    assert shown.marks == {
        ("m.bridge", "ours"): {"a": 1},
        ("m.room.join_rules", ""): {"join_rule": "public"},
    }
    assert shown.joined == shown.ghosts == frozenset({GHOST})
    assert shown.invited == shown.accounts == frozenset({ANNA})


def test_whoever_is_concerned_and_none_of_ours_is_named() -> None:
    levels = event("m.room.power_levels", {"users": {EVE: 50, BOT: 100}})
    found = named_in(state(levels, member(ANNA, "join"), member(GHOST, "join")), NAMES)
    assert found == {ANNA, EVE}


def test_what_is_taken_back_is_an_event_that_says_nothing() -> None:
    room = state()
    assert state_event(SetName(name=None), room, NAMES) == (("m.room.name", ""), {})
    assert state_event(SetPicture(picture=None), room, NAMES) == (("m.room.avatar", ""), {})
    assert state_event(SetPins(pins=()), room, NAMES) == (
        ("m.room.pinned_events", ""), {"pinned": []},
    )  # fmt: skip


def test_rights_leave_what_else_the_levels_say() -> None:
    levels = {
        "users": {BOT: 100, ROBOT: 60, EVE: 10}, "events": {"m.room.avatar": 70}, "ban": 75,
    }  # fmt: skip
    room = state(event("m.room.power_levels", levels))
    rights = Rights(speak=60, remove=30, name=25, levels={EVE: 10})
    _, content = state_event(SetRights(rights=rights), room, NAMES)
    assert content == {
        "users": {BOT: 100, ROBOT: 60, EVE: 10},
        "events": {"m.room.avatar": 70, "m.room.name": 25, "m.room.topic": 50},
        "ban": 75,
        "events_default": 60,
        "invite": 100,
        "kick": 30,
    }


def test_from_version_12_on_whoever_made_the_room_is_not_listed() -> None:
    for version, listed in (("1", True), ("11", True), ("12", False), ("13", False), ("x", True)):
        _, content = state_event(SetRights(rights=Rights()), state(version=version), NAMES)
        assert (content["users"] == {BOT: 100}) is listed


def test_who_may_speak_is_as_the_levels_say() -> None:
    assert may_speak(GHOST, {})
    assert not may_speak(GHOST, {"events_default": 60})
    assert may_speak(GHOST, {"events_default": 60, "users": {GHOST: 60}})
    assert may_speak(GHOST, {"events_default": 60, "users_default": 60})
    assert not may_speak(GHOST, {"events_default": 60, "users": {GHOST: True}})


# --- whatever strangers write ---

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(
    [
        "m.room.create", "m.room.name", "m.room.topic", "m.room.avatar", "m.room.pinned_events",
        "m.room.power_levels", "m.room.member", "m.bridge", "m.space.parent", "m.room.join_rules",
    ]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["name", "topic", "url", "pinned", "users", "membership", "events_default", "room_version"]
)
CONTENTS = ANYTHING | st.dictionaries(FIELDS, ANYTHING | st.dictionaries(st.just(EVE), ANYTHING))
EVENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | ANYTHING,
            "state_key": st.sampled_from(["", EVE, GHOST]) | st.integers(),
            "sender": st.sampled_from([BOT, EVE]) | ANYTHING,
            "content": CONTENTS,
        },
    ),
    max_size=8,
)


@given(EVENTS)
def test_whatever_a_room_says_can_be_read_and_set_right(events: list[dict[str, Any]]) -> None:
    room = RoomState.of(events)
    named_in(room, NAMES)
    may_speak(GHOST, room.content("m.room.power_levels"))
    shown = shown_of(room, NAMES, accounts={EVE})
    for action in changes(shown, Shape(name="Tea", topic="Cups")).actions:
        if isinstance(action, SetName | SetTopic | SetPicture | SetPins | SetRights | SetMark):
            look: Look = action
            (kind, key), content = state_event(look, room, NAMES)
            assert isinstance(kind, str)
            assert isinstance(key, str)
            room = RoomState.of([*room.events.values(), event(kind, dict(content), key)])
    after = shown_of(room, NAMES, accounts={EVE})
    assert (after.name, after.topic, after.rights) == ("Tea", "Cups", Rights())


# --- marks ---


def test_a_standard_channel_is_open_to_its_space_and_others_are_not() -> None:
    team = Team(id=TeamId("t"), name="Garden")
    place = channel_place(TENANT, Channel(team=team.id, channel=ChannelId("c")))
    channel = replace(TALK, place=place, kind=ConversationKind.CHANNEL, team=team)
    space = RoomId("!space:example.org")

    def rule(conversation: Conversation) -> object:
        marks = room_marks(conversation, NAMES, name="Tea", space=space)
        return marks["m.room.join_rules", ""]["join_rule"]

    assert rule(channel) == "restricted"
    assert rule(replace(channel, membership=Membership.PRIVATE)) == "invite"
    assert rule(replace(channel, membership=Membership.SHARED)) == "invite"
    assert rule(TALK) == "invite"


@given(st.lists(st.text(max_size=60), max_size=5))
def test_the_order_of_a_channel_is_one_that_matrix_knows(names: list[str]) -> None:
    team = Team(id=TeamId("t"), name="Garden", general=ChannelId("0"))
    children = [
        ChildRoom(key=str(number), room=RoomId(f"!{number}"), name=name)
        for number, name in enumerate(names)
    ]
    marks = space_marks(TENANT, team, NAMES, name="Garden", children=children)
    orders = {
        key: str(content["order"]) for (kind, key), content in marks.items() if "order" in content
    }
    for order in orders.values():
        assert len(order) <= ORDER_CHARS_MAX
        assert all(" " <= character <= "~" for character in order)
    assert not names or orders["!0"] == min(orders.values())
