"""What clients are told that can be said in a room."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.ids import ConversationId, Place, TenantId
from bridge.domain.portal import Conversation, ConversationKind, Direction, Membership
from bridge.matrix.features import NOTHING, Offer, Support, room_features

PLACE = Place(tenant=TenantId("t"), conversation=ConversationId("c"))
LEVELS = {int(level) for level in Support}


def features(
    kind: ConversationKind = ConversationKind.GROUP,
    direction: Direction = Direction.BOTH,
    *,
    archived: bool = False,
    membership: Membership = Membership.STANDARD,
    **more: Any,
) -> Any:
    conversation = Conversation(
        place=PLACE,
        kind=kind,
        topic=None,
        members=(),
        is_archived=archived,
        membership=membership,
    )
    return room_features(conversation, direction, **more)


def levels_in(found: Any) -> list[int]:
    if isinstance(found, dict):
        return [level for value in found.values() for level in levels_in(value)]
    return [] if isinstance(found, bool) else [found]


@pytest.mark.parametrize("kind", list(ConversationKind))
@pytest.mark.parametrize("direction", list(Direction))
def test_every_level_is_one_that_clients_know(kind: ConversationKind, direction: Direction) -> None:
    assert set(levels_in(features(kind, direction))) <= LEVELS


def test_a_channel_has_threads_and_a_chat_has_quotes() -> None:
    chat, channel = features(), features(ConversationKind.CHANNEL)

    assert (chat["thread"], chat["reply"]) == (Support.PARTLY, Support.FULLY)
    assert (channel["thread"], channel["reply"]) == (Support.FULLY, Support.PARTLY)


def test_what_was_read_is_marked_in_chats_alone() -> None:
    assert features()["read_receipts"] is True
    assert features(ConversationKind.CHANNEL)["read_receipts"] is False
    assert NOTHING["read_receipts"] is False


@pytest.mark.parametrize("direction", list(Direction))
def test_nothing_can_be_said_in_an_archive(direction: Direction) -> None:
    assert features(direction=direction, archived=True) == NOTHING


def test_nothing_can_be_said_where_teams_is_mirrored_and_all_where_matrix_is() -> None:
    assert features(direction=Direction.TO_MATRIX) == NOTHING
    assert features(direction=Direction.TO_TEAMS) == features()


def test_where_nothing_can_be_said_every_level_says_so() -> None:
    assert set(levels_in(NOTHING)) == {Support.REJECTED}


FULLY, PARTLY, REJECTED = int(Support.FULLY), int(Support.PARTLY), int(Support.REJECTED)


def test_what_may_be_changed_of_a_room_is_what_teams_lets_be_changed() -> None:
    def changed(kind: ConversationKind, **more: Any) -> tuple[set[str], Any]:
        found = features(kind, **more)
        return set(found["state"]), found["member_actions"]

    everything = {"invite": FULLY, "kick": FULLY, "revoke_invite": FULLY, "ban": PARTLY, "leave": 0}
    assert changed(ConversationKind.GROUP) == ({"m.room.name"}, everything)
    assert changed(ConversationKind.MEETING) == (set(), everything)
    assert changed(ConversationKind.ONE_ON_ONE) == (set(), {})
    names = {"m.room.name", "m.room.topic"}
    out_by_the_team = dict.fromkeys(("kick", "revoke_invite", "ban"), REJECTED)
    assert changed(ConversationKind.CHANNEL) == (names, {**everything, **out_by_the_team})
    private = changed(ConversationKind.CHANNEL, membership=Membership.PRIVATE)
    assert private == (names, everything)
    assert changed(ConversationKind.GROUP, plumbed=True) == (set(), {"invite": PARTLY})
    assert (NOTHING["state"], NOTHING["member_actions"]) == ({}, {})


def test_what_depends_on_the_configuration_is_told() -> None:
    offer = Offer(file_size_max=7, carries_leaving=True)
    found = features(offer=offer)

    assert {file["max_size"] for file in found["file"].values()} == {7}
    assert found["member_actions"]["leave"] == FULLY
    assert features(ConversationKind.CHANNEL, offer=offer)["member_actions"]["leave"] == 0
    assert "max_size" not in features()["file"]["m.file"]
