"""What Teams tells of itself: notices in the room, by whoever did it, whichever way they came to be seen."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson, Said
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import Person
from tests.kit.e2e_channels import scene_of
from tests.kit.e2e_world import World, eventually

Json = dict[str, Any]

TOLD = {
    "callStarted": "Maria Rossi started a call",
    "callEnded": "The call ended after 59 s; participants: Maria Rossi and Tom Novák",
    "callRecording": "The recording is there: Meeting Recording.mp4",
    "callTranscript": "The transcript of Maria Rossi's meeting is there, in Teams",
    "chatRenamed": "Maria Rossi renamed the chat to “Events”",
    "meetingPolicyUpdated": "Maria Rossi allowed the meeting chat",
    "membersAdded": "Maria Rossi added Tom Novák and shared all chat history",
    "membersDeleted": "Maria Rossi removed Tom Novák",
    "membersJoined": "Tom Novák joined",
    "membersLeft": "Tom Novák left",
    "messagePinned": "Maria Rossi pinned a message",
    "messageUnpinned": "Maria Rossi unpinned a message",
    "tabUpdated": "Maria Rossi changed a tab",
    "teamsAppInstalled": "Maria Rossi added the app “Flipgrid”",
    "teamsAppRemoved": "Maria Rossi removed the app “Flipgrid”",
    "teamsAppUpgraded": "Maria Rossi updated the app “Flipgrid”",
}
"""How the events of a chat begin that Maria caused and that are about Tom."""
TOLD_OF_TEAMS = {
    "channelAdded": "Maria Rossi created the channel “",
    "channelDeleted": "Maria Rossi deleted the channel “",
    "channelDescriptionUpdated": "Maria Rossi removed the description of the channel",
    "channelRenamed": "Maria Rossi renamed the channel to “",
    "channelSetAsFavoriteByDefault": "Maria Rossi has the channel shown to everybody",
    "channelUnsetAsFavoriteByDefault": "Maria Rossi no longer has the channel shown to everybody",
    "conversationMemberRoleUpdated": "Maria Rossi made Tom Novák an owner",
    "membersAdded": "Maria Rossi added Tom Novák",
    "teamArchived": "Maria Rossi archived the team",
    "teamCreated": "Maria Rossi created the team “",
    "teamDescriptionUpdated": "Maria Rossi ",
    "teamJoiningDisabled": "Maria Rossi no longer lets people join the team",
    "teamJoiningEnabled": "Maria Rossi lets people join the team",
    "teamRenamed": "Maria Rossi renamed the team to “",
    "teamUnarchived": "Maria Rossi restored the team",
}
"""The same of a team and its channels."""


async def test_every_event_of_a_chat_is_a_notice_in_its_room(world: World) -> None:
    await world.tenant.change_settings(system_events_everywhere=True)
    maria, tom, person, chat, room = await _people(world)
    assert {*TOLD, *TOLD_OF_TEAMS} == set(await kinds.all_events(world.tenant))
    for kind in TOLD:
        await kinds.play_event(
            world.tenant, chat, kind, by=maria.id, people=_about(kind, maria, tom)
        )
    await eventually(lambda: _are_told(person, room, len(TOLD)), "every event to be told")
    await world.at_rest()

    notices = await _notices(person, room)
    for (kind, words), notice in zip(TOLD.items(), notices, strict=True):
        assert notice.body.startswith(words), (kind, notice.body)
    assert {one.sender for one in notices} == {_ghost(world, maria), world.bot}
    by_bot = [one.body for one in notices if one.sender == world.bot]
    assert by_bot == [TOLD["callTranscript"]]
    assert "https://contoso.sharepoint.example/" in notices[2].body


async def test_who_renames_a_chat_is_told_although_no_event_is_notified(world: World) -> None:
    """Graph tells that the chat has changed, and so it is read."""
    _, tom, person, chat, room = await _people(world)
    await world.tenant.change_chat(chat, topic="Other events", by=tom.id)
    await eventually(lambda: _are_told(person, room, 1), "the event to be told")
    [notice] = await _notices(person, room)
    assert notice.sender == _ghost(world, tom)
    assert notice.body == "Tom Novák renamed the chat to “Other events”"
    await world.at_rest()


async def test_every_event_of_a_team_is_a_notice_in_the_room_of_its_channel(world: World) -> None:
    await world.tenant.change_settings(system_events_everywhere=True)
    scene = await scene_of(world)
    where = (scene.at.team, scene.at.channel)
    for kind in TOLD_OF_TEAMS:
        await kinds.play_event(world.tenant, where, kind, by=scene.maria.id, people=[scene.tom.id])
    count = len(TOLD_OF_TEAMS)
    await eventually(lambda: _are_told(scene.person, scene.room, count), "every event to be told")
    await world.at_rest()
    told = [one.body for one in await _notices(scene.person, scene.room)]
    for (kind, words), body in zip(TOLD_OF_TEAMS.items(), told, strict=True):
        assert body.startswith(words), (kind, body)


async def test_what_nobody_did_and_what_nobody_knows_is_told_by_the_bot(world: World) -> None:
    await world.tenant.change_settings(system_events_everywhere=True)
    _, tom, person, chat, room = await _people(world)
    await kinds.play_event(world.tenant, chat, "membersAdded", people=[tom.id])
    await eventually(lambda: _are_told(person, room, 1), "the event to be told")
    [notice] = await _notices(person, room)
    assert (notice.sender, notice.body) == (world.bot, "Tom Novák was added, with all chat history")


async def test_people_react_to_a_notice_and_answer_it(world: World) -> None:
    await world.tenant.change_settings(system_events_everywhere=True)
    maria, _, person, chat, room = await _people(world)
    event = await kinds.play_event(world.tenant, chat, "callStarted", by=maria.id)
    assert event is not None
    await eventually(lambda: _are_told(person, room, 1), "the event to be told")
    [notice] = await _notices(person, room)

    await world.tenant.react(chat, event, maria.id, "👍")
    await eventually(lambda: _has_reaction(person, room, notice.id), "the reaction")
    relation = {"m.in_reply_to": {"event_id": notice.id}}
    await person.say(room, "I am coming", **{"m.relates_to": relation})
    await world.read_in_teams(chat, "I am coming")
    await world.at_rest()


async def test_what_was_not_notified_is_told_once_the_chat_is_read(world: World) -> None:
    """As with Microsoft: whoever subscribes to all chats is told of no event by a notification."""
    maria, tom, person, chat, room = await _people(world)
    await kinds.play_event(world.tenant, chat, "callEnded", by=maria.id, callDuration="PT5M")
    await world.say(chat, tom, "and then?")
    await world.read(person, "and then?")

    for subscription in await world.subscriptions():
        await world.tenant.kill_subscription(str(subscription["id"]))
    await eventually(lambda: _are_told(person, room, 1), "the chat to be read back")
    await world.at_rest()
    [notice] = await _notices(person, room)
    assert notice.body.startswith("The call ended after 5 min")


def _about(kind: str, maria: Person, tom: Person) -> list[str]:
    return [maria.id, tom.id] if kind == "callEnded" else [tom.id]


def _ghost(world: World, who: Person) -> str:
    return f"@{world.slot.ghost_prefix}{who.id}:{world.slot.homeserver.server_name}"


async def _people(world: World) -> tuple[Person, Person, MatrixPerson, str, str]:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Events")
    room = await world.opened(chat, tom, person)
    return maria, tom, person, chat, room


async def _notices(person: MatrixPerson, room: str) -> list[Said]:
    said = await person.history(room)
    return [one for one in said if one.content["msgtype"] == "m.notice"]


async def _are_told(person: MatrixPerson, room: str, count: int) -> bool:
    return len(await _notices(person, room)) >= count


async def _has_reaction(person: MatrixPerson, room: str, event: str) -> bool:
    around = await person.call("GET", f"rooms/{quote(room)}/context/{quote(event)}?limit=50")
    relations = [e["content"].get("m.relates_to", {}) for e in around["events_after"]]
    return any((r.get("rel_type"), r.get("event_id")) == ("m.annotation", event) for r in relations)
