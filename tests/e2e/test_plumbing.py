"""A room that people made is bridged with a chat or channel by its link, and parted from it again."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.matrix.commands.plumbing import MOVE, NOT_SIGNED_IN, NOT_YOURS, YES
from bridge.matrix.features import NOTHING, ROOM_FEATURES
from bridge.matrix.joining import NO_RIGHT
from bridge.matrix.marks import BRIDGE_INFO
from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.tenant.client import Person
from tests.e2e.test_rooms import shows, state_of
from tests.kit.e2e_channels import people_in
from tests.kit.e2e_plumbing import (
    command,
    give_power,
    link_to,
    make_room,
    members_of,
    with_bot,
)
from tests.kit.e2e_world import ARRIVAL, World, eventually
from tests.kit.world import SERVER_NAME


async def a_chat(world: World) -> tuple[MatrixPerson, Person, str]:
    """Return Maria at her client, Bob in Teams, and the chat of both, in which nothing was said."""
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    return reader, bob, chat


async def test_a_room_is_bridged_used_and_left_as_it_was(world: World) -> None:
    maria, bob, chat = await a_chat(world)
    room = await with_bot(world, maria)
    levels = await state_of(maria, room, "m.room.power_levels")

    assert "bridged with “Budget”" in await command(maria, room, f"bridge {link_to(chat)}")

    await world.say(chat, bob, "said in Teams")
    assert (await world.read(maria, "said in Teams"))[0] == room
    await maria.say(room, "said in Matrix")
    [message] = await world.read_in_teams(chat, "said in Matrix")
    await world.looked_at()
    assert (await state_of(maria, room, "m.room.name"))["name"] == "By hand"
    assert await state_of(maria, room, "m.room.topic") == {}
    assert await state_of(maria, room, "m.room.power_levels") == levels
    assert (await state_of(maria, room, ROOM_FEATURES, world.bot))["reaction"] > 0
    assert message["from"]["user"]["displayName"] == "Maria Rossi"

    assert "bridged with nothing" in await command(maria, room, "unbridge")

    assert await members_of(maria, room) == {maria.user, world.bot}
    events: Any = await maria.call("GET", f"rooms/{room}/state")
    assert all(not e["content"] for e in events if e["type"] in {*BRIDGE_INFO, ROOM_FEATURES})
    assert await state_of(maria, room, "m.room.power_levels") == levels
    await world.say(chat, bob, "said later")
    assert (await world.read(maria, "said later"))[0] != room, "it has a room of its own again"
    await maria.say(room, "nobody hears that")
    await world.at_rest()
    assert "nobody hears that" not in await world.texts_in_teams(chat)


async def test_a_room_is_bridged_with_a_channel_by_its_link(world: World) -> None:
    scene = await people_in(world)
    await world.listens_to_everything()
    maria = await world.signed_in("maria", scene.maria)
    room = await with_bot(world, maria)
    link = (
        f"https://teams.microsoft.com/l/channel/{scene.at.channel}/General"
        f"?groupId={scene.team.id}&tenantId={world.tenant.id}"
    )

    assert "bridged with “General (Garden)”" in await command(maria, room, f"bridge {link}")

    post = await scene.type("a post of Tom's")
    found, said = await world.read(maria, "a post of Tom's")
    assert found == room
    relation = {"rel_type": "m.thread", "event_id": said.id}
    await maria.say(room, "an answer of Maria's", **{"m.relates_to": relation})
    assert (await scene.find_in_teams("an answer of Maria's"))["replyToId"] == post


async def test_who_may_not_is_told_what_is_missing(world: World) -> None:
    maria, bob, chat = await a_chat(world)
    stranger, other = await world.tenant.add_users("Eve Moss", "Tom Novák")
    foreign = await world.tenant.create_chat("group", [stranger.id, other.id], topic="Secret")
    anna = await world.person("anna")
    room = await make_room(maria, world.bot, anna.user)
    await maria.wait_for(lambda: bool(maria.rooms.get(room)), ARRIVAL, "the bot to greet")
    await anna.sync()

    assert await command(anna, room, f"bridge {link_to(chat)}") == NOT_SIGNED_IN
    assert "I cannot use that link" in await command(maria, room, "bridge https://example.org/")
    assert await command(maria, room, f"bridge {link_to(foreign)}") == NOT_YOURS
    assert await command(maria, room, f"bridge {link_to('19:abc@thread.v2')}") == NOT_YOURS
    assert "power level 50" in await command(maria, room, f"bridge {link_to(chat)}")
    await give_power(maria, room, world.bot, 50)
    question = await command(maria, room, f"bridge {link_to(chat)}")
    assert anna.user in question
    assert YES in question
    assert await command(anna, room, "unbridge") == NO_RIGHT
    assert "bridged with “Budget”" in await command(maria, room, f"bridge {link_to(chat)} {YES}")

    await world.say(chat, bob, "read by both")
    assert (await world.read(anna, "read by both"))[0] == room
    await world.looked_at()
    assert anna.user in await members_of(maria, room), "who is in it is for people to say"


async def test_a_conversation_has_one_room_and_moves_if_that_is_meant(world: World) -> None:
    maria, bob, chat = await a_chat(world)
    first = await world.opened(chat, bob, maria)
    before = await world.say(chat, bob, "said before")
    _, said = await world.read(maria, "said before")
    room = await with_bot(world, maria)

    assert first in await command(maria, room, f"bridge {link_to(chat)}")
    assert "bridged with" in await command(maria, room, f"bridge {link_to(chat)} {MOVE}")

    await world.say(chat, bob, "said after")
    assert (await world.read(maria, "said after"))[0] == room
    await maria.say(first, "said in the old room")
    await world.tenant.delete(chat, before)

    async def is_taken_back() -> bool:
        found = await maria.call("GET", f"rooms/{first}/event/{said.id}")
        return not found["content"]

    await eventually(is_taken_back, "what was said before the move to be taken back")
    await world.at_rest()
    assert "said in the old room" not in await world.texts_in_teams(chat)


@pytest.mark.parametrize("direction", ["to-matrix", "to-teams"])
async def test_a_portal_is_a_mirror_one_way_or_the_other(world: World, direction: str) -> None:
    maria, bob, chat = await a_chat(world)
    room = await with_bot(world, maria)
    await command(maria, room, f"bridge {link_to(chat)}")
    assert "`both`" in await command(maria, room, "direction")
    assert "three directions" in await command(maria, room, "direction sideways")

    assert f"`{direction}`" in await command(maria, room, f"direction {direction}")

    await world.say(chat, bob, "said in Teams")
    await maria.say(room, "said in Matrix")
    if direction == "to-matrix":
        assert (await world.read(maria, "said in Teams"))[0] == room

        def is_told() -> bool:
            return any("does not reach Teams" in said.body for said in maria.rooms[room])

        await maria.wait_for(is_told, ARRIVAL, "to be told")
        await world.looked_at()
        assert await state_of(maria, room, ROOM_FEATURES, world.bot) == NOTHING
    else:
        await world.read_in_teams(chat, "said in Matrix")
    await world.at_rest()
    in_teams = await world.texts_in_teams(chat)
    assert ("said in Matrix" in in_teams) is (direction == "to-teams")
    in_matrix = await world.texts_in_matrix(maria, room)
    assert ("said in Teams" in in_matrix) is (direction == "to-matrix")

    await command(maria, room, "direction both")
    await world.say(chat, bob, "heard again")
    await world.read(maria, "heard again")
    await maria.say(room, "heard as well")
    await world.read_in_teams(chat, "heard as well")


async def test_a_room_of_the_bridges_own_that_mirrors_teams_is_read_only(
    quiet_world: World,
) -> None:
    world = quiet_world
    maria, ada = await world.person("maria"), await world.person("ada")
    world.reconfigure(permissions={SERVER_NAME: "user", ada.user: "admin"})
    await world.start()
    in_teams = await world.tenant.add_users("Maria Rossi", "Ada King", "Bob Roth")
    for person, account in zip((maria, ada), in_teams, strict=False):
        await world.follow(await world.link_for(person, await world.desk(person)), account)
    chat = await world.tenant.create_chat("group", [one.id for one in in_teams], topic="Budget")
    room = await world.opened(chat, in_teams[2], maria)
    await ada.wait_for(lambda: bool(ada.rooms.get(room)), ARRIVAL, "the room")

    assert await command(maria, room, "direction to-matrix") == NO_RIGHT
    assert "I made this room" in await command(ada, room, "unbridge")
    assert "`to-matrix`" in await command(ada, room, "direction to-matrix")

    await shows(maria, room, "m.room.power_levels", events_default=60)
    with pytest.raises(PersonError, match="403"):
        await maria.say(room, "nobody hears that")
    await world.say(chat, in_teams[2], "still shown")
    await world.read(maria, "still shown")
    assert await state_of(maria, room, ROOM_FEATURES, world.bot) == NOTHING

    desk = await world.desk(ada)
    assert "`both`" in (await ada.ask(desk, f"direction both {room}", ARRIVAL)).body
    await shows(maria, room, "m.room.power_levels", events_default=0)
    await maria.say(room, "heard again")
    await world.read_in_teams(chat, "heard again")
    await world.stop()
