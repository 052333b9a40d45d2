"""System messages: told by what causes them, and playable where nothing does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bridge.sandbox.tenant import client_kinds as kinds, conversation
from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.event_details import KINDS, Where
from tests.unit.sandbox.tenant.place import APPLICATION, Place, enc

ALL = {"Prefer": "include-unknown-enum-members"}
IN_CHATS = sorted(name for name, kind in KINDS.items() if Where.CHAT in kind.where)
ELSEWHERE = sorted(KINDS.keys() - set(IN_CHATS))


async def events(place: Place, chat: str | None = None) -> list[Any]:
    path = f"/chats/{enc(chat or place.group)}/messages?$orderby=createdDateTime%20desc&$top=50"
    listed = (await place.graph(None, "GET", path, headers=ALL)).body["value"]
    return [m for m in reversed(listed) if m["messageType"] == "systemEventMessage"]


async def details(place: Place, chat: str | None = None) -> list[Any]:
    return [message["eventDetail"] for message in await events(place, chat)]


def name(detail: Any) -> str:
    kind = str(detail["@odata.type"])
    return kind.removeprefix("#microsoft.graph.").removesuffix("EventMessageDetail")


def people(detail: Any) -> list[str]:
    return [member["id"] for member in detail["members"]]


def initiator(detail: Any) -> str:
    return str(detail["initiator"]["user"]["id"])


def bound(place: Place, user: str) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": ["owner"],
        "user@odata.bind": f"{place.server.base}/v1.0/users('{user}')",
    }


async def grant(place: Place, *roles: str) -> None:
    await place.tenant.change_app(place.app, application_permissions=[*APPLICATION, *roles])
    place._tokens.clear()


async def test_there_are_thirty_kinds(place: Place) -> None:
    found = await kinds.all_events(place.tenant)

    assert len(found) == 30
    assert found["callStarted"] == ["callEventType", "callId", "initiator"]


@pytest.mark.parametrize("kind", IN_CHATS)
async def test_every_kind_of_a_chat_has_all_its_fields(place: Place, kind: str) -> None:
    made = await kinds.play_event(
        place.tenant, place.group, kind, by=place.alice.id, people=[place.bob.id]
    )
    path = f"/chats/{enc(place.group)}/messages/{made}"
    message = (await place.graph(None, "GET", path, headers=ALL)).body
    plain = (await place.graph(None, "GET", path)).body

    assert message["messageType"] == "systemEventMessage"
    assert plain["messageType"] == "unknownFutureValue"
    assert message["from"] is None
    assert message["body"] == {"contentType": "html", "content": "<systemEventMessage/>"}
    detail = message["eventDetail"]
    assert name(detail) == kind
    assert detail.keys() - {"@odata.type"} == set(KINDS[kind].fields)
    if "initiator" in detail:
        assert initiator(detail) == place.alice.id
        assert detail["initiator"]["user"]["displayName"] is None
    if "members" in detail:
        assert people(detail) == [place.bob.id]


@pytest.mark.parametrize("kind", ELSEWHERE)
async def test_what_belongs_to_a_channel_is_not_said_in_a_chat(place: Place, kind: str) -> None:
    with pytest.raises(ControlError, match="400"):
        await kinds.play_event(place.tenant, place.group, kind)


async def test_fields_can_be_given_and_only_those_of_the_kind(place: Place) -> None:
    await kinds.play_event(
        place.tenant, place.group, "callEnded", callDuration="PT5M", initiator=None
    )
    [detail] = await details(place)

    assert (detail["callDuration"], detail["initiator"]) == ("PT5M", None)
    assert len(detail["callParticipants"]) == 2
    for kind, fields in (("callEnded", {"tabId": "x"}), ("birthday", {})):
        with pytest.raises(ControlError, match="400"):
            await kinds.play_event(place.tenant, place.group, kind, **fields)


async def test_who_is_added_and_taken_out_is_told(place: Place) -> None:
    path = f"/chats/{enc(place.group)}/members"
    await place.graph(place.alice, "POST", path, bound(place, place.carol.id))
    members = (await place.graph(None, "GET", path)).body["value"]
    await place.graph(None, "DELETE", f"{path}/{enc(members[-1]['id'])}")
    added, removed = await details(place)

    assert (name(added), people(added), initiator(added)) == (
        "membersAdded",
        [place.carol.id],
        place.alice.id,
    )
    assert added["visibleHistoryStartDateTime"] == members[-1]["visibleHistoryStartDateTime"]
    assert (name(removed), people(removed)) == ("membersDeleted", [place.carol.id])
    by = removed["initiator"]["application"]
    assert (by["id"], by["applicationIdentityType"]) == (place.app, "aadApplication")
    assert removed["initiator"]["user"] is None


async def test_who_comes_or_goes_alone_has_joined_or_left(place: Place) -> None:
    guest = await kinds.bring_stranger(place.tenant, "anonymousGuest", "Alex (Guest)")
    chat = await place.tenant.create_chat("meeting", [place.alice.id, place.bob.id])
    await place.tenant.change_chat(chat, add=[guest], by=guest)
    await place.tenant.change_chat(chat, remove=[guest], by=guest)
    joined, left = await details(place, chat)

    assert [name(joined), name(left)] == ["membersJoined", "membersLeft"]
    member = left["members"][0]
    assert (member["id"], member["displayName"]) == (guest, "Alex (Guest)")
    assert member["userIdentityType"] == "anonymousGuest"
    assert initiator(joined) == guest


async def test_a_new_topic_is_told(place: Place) -> None:
    path = f"/chats/{enc(place.group)}"
    await place.graph(place.alice, "PATCH", path, {"topic": "Cake"})
    await place.tenant.change_chat(place.group, topic="Tea", by=place.bob.id)
    first, second = await details(place)

    assert (name(first), first["chatDisplayName"], first["chatId"]) == (
        "chatRenamed",
        "Cake",
        place.group,
    )
    assert (second["chatDisplayName"], initiator(second)) == ("Tea", place.bob.id)


async def test_pins_are_told(place: Place) -> None:
    message = await place.tenant.type(place.group, place.bob.id, "keep this")
    await kinds.change_pins(place.tenant, place.group, pin=[message], by=place.bob.id)
    await kinds.change_pins(place.tenant, place.group, unpin=[message])
    pinned, unpinned = await details(place)

    assert [name(pinned), name(unpinned)] == ["messagePinned", "messageUnpinned"]
    assert initiator(pinned) == place.bob.id
    assert pinned["eventDateTime"].endswith("Z")


async def test_a_tenant_may_have_none(place: Place) -> None:
    await place.tenant.change_settings(system_messages=False)
    await place.tenant.change_chat(place.group, topic="Quiet")

    assert await events(place) == []
    assert await kinds.play_event(place.tenant, place.group, "callStarted") is None


async def test_a_new_group_begins_with_them_if_so_set(place: Place) -> None:
    await place.tenant.change_settings(announce_creation=True)
    people_here = [place.alice.id, place.bob.id]
    group = await place.tenant.create_chat("group", people_here, topic="New")
    unnamed = await place.tenant.create_chat("group", people_here)
    pair = await place.tenant.create_chat("oneOnOne", [place.alice.id, place.carol.id])

    assert [name(d) for d in await details(place, group)] == ["membersAdded", "chatRenamed"]
    assert [name(d) for d in await details(place, unnamed)] == ["membersAdded"]
    assert await details(place, pair) == []


async def test_the_list_of_chats_shows_an_event_as_the_last_message(place: Place) -> None:
    await place.tenant.call("POST", "/clock", {"advance_seconds": 1})
    await place.tenant.change_chat(place.group, topic="Cake")
    for headers, kind in ((ALL, "systemEventMessage"), ({}, "unknownFutureValue")):
        path = "/me/chats?$expand=lastMessagePreview"
        listed = (await place.graph(place.alice, "GET", path, headers=headers)).body["value"]

        assert listed[0]["id"] == place.group
        assert listed[0]["lastMessagePreview"]["messageType"] == kind
        assert listed[0]["lastMessagePreview"]["eventDetail"]["chatDisplayName"] == "Cake"


async def test_nobody_edits_reacts_to_or_quotes_an_event(place: Place) -> None:
    await place.tenant.change_app(
        place.app, delegated_scopes=["Chat.ReadWrite", "ChatMessage.Send"]
    )
    await place.tenant.change_chat(place.group, topic="Cake")
    [event] = await events(place)
    path = f"/chats/{enc(place.group)}/messages"
    body = {"body": {"content": "mine"}}
    edited = await place.graph(place.alice, "PATCH", f"{path}/{event['id']}", body)
    wish = {"messageIds": [event["id"]], "replyMessage": body}
    quoted = await place.graph(place.alice, "POST", f"{path}/replyWithQuote", wish)

    assert (edited.status, quoted.status) == (403, 400)


async def test_changes_of_chats_and_members_are_announced_once_each(place: Place) -> None:
    tenant = place.server.realm.tenants[place.tenant.id]
    told: list[Any] = []
    tenant.listeners.append(told.append)
    chat = tenant.chats[place.group]
    carol = tenant.users[place.carol.id]
    member = conversation.add_member(tenant, chat, carol, ["owner"], None, carol)
    tenant.clock.advance(timedelta(seconds=1))
    conversation.remove_member(tenant, chat, member, carol)

    found = [(c.subject.value, c.kind.value) for c in told]
    assert found == [
        ("conversationMember", "created"),
        ("chat", "updated"),
        ("chatMessage", "created"),
        ("conversationMember", "deleted"),
        ("chat", "updated"),
        ("chatMessage", "created"),
    ]
    assert told[0].place == f"chats('{place.group}')/members('{member.id}')"
    assert told[0].user is carol
