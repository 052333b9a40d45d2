"""What a room is called, and what it is about, is said in Teams by whoever says it in Matrix; what Teams
does not take is set back, and the person is told why."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.tenant.client import Person
from tests.e2e.test_rooms import shows, state_of
from tests.kit.e2e_channels import Scene, scene_of
from tests.kit.e2e_world import ARRIVAL, World, eventually

Json = dict[str, Any]


async def set_state(person: MatrixPerson, room: str, kind: str, content: Json) -> str:
    done = await person.call("PUT", f"rooms/{quote(room)}/state/{kind}", content)
    return str(done["event_id"])


async def may(person: MatrixPerson, room: str, name: str, level: int) -> None:
    """Wait until somebody has the power that they are to have."""

    async def has_it() -> bool:
        levels = await state_of(person, room, "m.room.power_levels")
        return bool(levels.get("users", {}).get(person.user) == level)

    await eventually(has_it, f"the power for {name}")


async def told(person: MatrixPerson, room: str, words: str) -> str:
    """Wait until the bot has told somebody something; return the whole notice."""

    def found() -> list[str]:
        return [
            said.body
            for said in person.rooms[room]
            if words in said.body and person.user in said.content["m.mentions"].get("user_ids", [])
        ]

    await person.wait_for(lambda: bool(found()), ARRIVAL, f"to be told {words!r}")
    (notice,) = found()
    return notice


async def group_of(world: World) -> tuple[Person, Person, MatrixPerson, str, str]:
    """Return Maria, who is signed in, Bob, her client, their chat and its room."""
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)
    await may(reader, room, "naming", 25)
    return maria, bob, reader, chat, room


async def renamings(world: World, chat: str) -> list[Json]:
    """Return what Teams tells of the names of a chat."""
    found = [m.get("eventDetail") for m in await world.tenant.messages(chat)]
    return [one for one in found if isinstance(one, dict) and "chatRenamed" in one["@odata.type"]]


async def test_a_group_chat_is_renamed_by_whoever_renames_its_room(world: World) -> None:
    maria, _, reader, chat, room = await group_of(world)

    await set_state(reader, room, "m.room.name", {"name": "Budget 2027"})

    async def is_renamed() -> bool:
        return [one["chatDisplayName"] for one in await renamings(world, chat)] == ["Budget 2027"]

    await eventually(is_renamed, "the chat to be renamed")
    (renaming,) = await renamings(world, chat)
    assert renaming["initiator"]["user"]["id"] == maria.id
    await world.looked_at()
    await world.at_rest()
    await shows(reader, room, "m.room.name", name="Budget 2027")
    assert len(await renamings(world, chat)) == 1
    await known(world)
    assert await notices(reader, room) == [], "the room shows already who has renamed it"


async def known(world: World) -> None:
    """Wait until Teams has told of something that was done from Matrix."""

    async def is_so() -> bool:
        facts = {"side": "teams", "reason": "done_in_matrix"}
        return world.bridge.metric("teams_bridge_ignored_total", **facts) >= 1

    await eventually(is_so, "what was done from Matrix to be known")


async def notices(person: MatrixPerson, room: str) -> list[str]:
    """Return what was told in a room."""
    said = await person.history(room)
    return [one.body for one in said if one.content.get("msgtype") == "m.notice"]


async def test_what_teams_does_not_take_is_set_back_and_said_once(world: World) -> None:
    _, _, reader, chat, room = await group_of(world)

    await set_state(reader, room, "m.room.name", {"name": "Budget: 2027"})

    notice = await told(reader, room, "no colon")
    assert "The room keeps the name it has there." in notice
    await shows(reader, room, "m.room.name", name="Budget")
    await world.looked_at()
    assert await renamings(world, chat) == []


async def test_who_has_no_right_in_teams_has_no_power_in_matrix(world: World) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, bob.id])
    room = await world.opened(chat, bob, reader)
    await world.looked_at()
    with pytest.raises(PersonError, match="M_FORBIDDEN"):
        await set_state(reader, room, "m.room.name", {"name": "Bob and me"})


async def test_an_owner_names_and_describes_a_channel(world: World) -> None:
    scene = await scene_of(world)
    await scene.teams.change_team(scene.team.id, promote=[scene.maria.id])
    person, room = scene.person, scene.room
    await may(person, room, "naming", 50)

    await set_state(person, room, "m.room.topic", {"topic": "What grows here"})
    await set_state(person, room, "m.room.name", {"name": "Flowers"})

    await shows(person, room, "m.room.name", name="Flowers (Garden)")
    await shows(person, room, "m.room.topic", topic="What grows here")
    assert await events_of(scene) == {"channelRenamed", "channelDescriptionUpdated"}


async def events_of(scene: Scene) -> set[str]:
    found = [one.get("eventDetail") for one in await scene.teams.messages(scene.at)]
    kinds = ("channelRenamed", "channelDescriptionUpdated")
    return {
        kind
        for one in found
        if isinstance(one, dict)
        for kind in kinds
        if kind in str(one["@odata.type"])
    }


async def test_what_was_wanted_while_the_bridge_was_away_is_done_when_it_is_back(
    world: World,
) -> None:
    _, _, reader, chat, room = await group_of(world)
    await world.at_rest()
    await world.kill()
    await set_state(reader, room, "m.room.name", {"name": "Budget 2027"})
    await world.start()

    async def is_renamed() -> bool:
        return [one["chatDisplayName"] for one in await renamings(world, chat)] == ["Budget 2027"]

    await eventually(is_renamed, "the chat to be renamed")
    await shows(reader, room, "m.room.name", name="Budget 2027")
