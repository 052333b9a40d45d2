"""A room that was replaced is followed by its conversation, if whoever replaced it might."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from bridge.matrix.upgrades import NO_PREDECESSOR, UNAUTHORISED
from bridge.sandbox.people import MatrixPerson
from tests.e2e.test_plumbing import a_chat
from tests.e2e.test_rooms import shows, state_of
from tests.kit.e2e_plumbing import (
    command,
    give_power,
    is_ignored,
    link_to,
    make_room,
    members_of,
    put_state,
    with_bot,
)
from tests.kit.e2e_world import ARRIVAL, World, eventually

VERSIONS = ["11", "12"]


async def upgrade(person: MatrixPerson, room: str, version: str) -> str:
    """Replace a room, as a client does it; return the new one."""
    path = f"rooms/{quote(room)}/upgrade"
    found = await person.call("POST", path, {"new_version": version})
    return str(found["replacement_room"])


async def invite(person: MatrixPerson, room: str, user: str) -> None:
    await person.call("POST", f"rooms/{quote(room)}/invite", {"user_id": user})


async def moved(world: World, room: str) -> None:
    """Wait until the conversation goes on in a room."""

    def is_said() -> bool:
        return any(line["room"] == room for line in world.said("portal moved"))

    await eventually(is_said, f"the conversation to move to {room}")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_room_made_by_hand_is_followed_once_the_bot_is_invited(
    world: World, version: str
) -> None:
    maria, bob, chat = await a_chat(world)
    old = await with_bot(world, maria, room_version="10")
    await command(maria, old, f"bridge {link_to(chat)}")
    said = await world.say(chat, bob, "said before")
    _, before = await world.read(maria, "said before")

    new = await upgrade(maria, old, version)

    def is_asked() -> bool:
        return any("Invite me" in one.body for one in maria.rooms[old])

    await maria.wait_for(is_asked, ARRIVAL, "the bot to ask to be invited")
    await invite(maria, new, world.bot)
    await moved(world, new)
    await world.say(chat, bob, "said after")
    assert (await world.read(maria, "said after"))[0] == new
    await maria.say(new, "an answer")
    await world.read_in_teams(chat, "an answer")

    await world.tenant.edit(chat, said, "changed after")
    room, anew = await _ends_with(maria, "changed after")
    assert room == new, "an edit of what was said in the old room is said anew"
    assert "m.relates_to" not in anew
    await world.tenant.delete(chat, said)

    async def is_taken_back() -> bool:
        event = await maria.call("GET", f"rooms/{quote(old)}/event/{quote(before.id)}")
        return not event["content"]

    await eventually(is_taken_back, "what was said in the old room to be taken back")
    await maria.say(old, "said in the old room")
    await world.at_rest()
    assert "said in the old room" not in await world.texts_in_teams(chat)


async def _ends_with(person: MatrixPerson, words: str) -> tuple[str, Any]:
    def found() -> list[tuple[str, Any]]:
        return [
            (room, said.content)
            for room, messages in person.rooms.items()
            for said in messages
            if said.body.endswith(words)
        ]

    await person.wait_for(lambda: bool(found()), ARRIVAL, words)
    return found()[0]


async def test_a_room_that_everybody_may_join_is_followed_at_once(world: World) -> None:
    maria, bob, chat = await a_chat(world)
    old = await with_bot(world, maria, preset="public_chat")
    await command(maria, old, f"bridge {link_to(chat)} --yes")

    new = await upgrade(maria, old, "11")

    await moved(world, new)
    await world.say(chat, bob, "said after")
    assert (await world.read(maria, "said after"))[0] == new


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_room_of_the_bridges_own_is_followed_with_all_that_it_shows(
    world: World, version: str
) -> None:
    maria, bob, chat = await a_chat(world)
    old = await world.opened(chat, bob, maria)
    await world.looked_at()
    levels = await state_of(maria, old, "m.room.power_levels")
    users = {**levels["users"], maria.user: 150}
    await as_bot(world, old, "m.room.power_levels", levels | {"users": users, "invite": 50})

    new = await upgrade(maria, old, version)
    await invite(maria, new, world.bot)

    await moved(world, new)
    await give_power(maria, new, world.bot, 100)
    await world.say(chat, bob, "said after")
    assert (await world.read(maria, "said after"))[0] == new
    await world.looked_at()
    await shows(maria, new, "m.room.name", name="Budget")
    assert await members_of(maria, new) == {maria.user, world.bot, world.slot.ghost(bob.id)}


async def as_bot(world: World, room: str, kind: str, content: object) -> None:
    """Set state as the bot, which alone has the power to in a room of its own."""
    url = f"{world.slot.homeserver.url}/_matrix/client/v3/rooms/{quote(room)}/state/{kind}"
    header = {"Authorization": f"Bearer {world.slot.as_token}"}
    async with (
        aiohttp.ClientSession(headers=header) as session,
        session.put(url, params={"user_id": world.bot}, json=content) as answer,
    ):
        assert answer.ok, await answer.text()


async def test_a_room_that_was_replaced_while_the_bridge_was_away_is_followed(
    quiet_world: World,
) -> None:
    world = quiet_world
    await world.start()
    maria, bob, chat = await a_chat(world)
    old = await with_bot(world, maria, preset="public_chat")
    await command(maria, old, f"bridge {link_to(chat)} --yes")
    await world.at_rest()
    await world.kill()

    new = await upgrade(maria, old, "11")
    await world.start()

    await moved(world, new)
    await world.say(chat, bob, "said after")
    assert (await world.read(maria, "said after"))[0] == new
    await world.stop()


async def test_a_replacement_that_names_another_room_is_not_followed(world: World) -> None:
    maria, bob, chat = await a_chat(world)
    old = await with_bot(world, maria)
    await command(maria, old, f"bridge {link_to(chat)}")
    elsewhere = await make_room(maria, preset="public_chat")

    await put_state(maria, old, "m.room.tombstone", {"replacement_room": elsewhere, "body": ""})

    await is_ignored(world, NO_PREDECESSOR)
    await world.say(chat, bob, "said after")
    assert (await world.read(maria, "said after"))[0] == old

    async def is_gone() -> bool:
        return world.bot not in await members_of(maria, elsewhere)

    await eventually(is_gone, "the bot to leave a room that it has no part in")


async def test_a_room_that_only_says_that_it_replaces_another_is_not_believed(
    world: World,
) -> None:
    maria, bob, chat = await a_chat(world)
    old = await with_bot(world, maria)
    await command(maria, old, f"bridge {link_to(chat)}")
    eve = await world.person("eve")
    forged = {"predecessor": {"room_id": old, "event_id": "$forged"}}

    await make_room(eve, world.bot, creation_content=forged)

    await is_ignored(world, UNAUTHORISED)
    await world.say(chat, bob, "said after")
    assert (await world.read(maria, "said after"))[0] == old
