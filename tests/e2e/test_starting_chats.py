"""Chats with people in Teams, started by somebody at a Matrix client."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_kinds import bring_stranger
from tests.kit.e2e_world import ARRIVAL, World, eventually

ENCRYPTION = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}


async def make_room(who: MatrixPerson, *ghosts: str, direct: bool = True, **more: Any) -> str:
    """Make a room as a client does for a direct conversation; return its id."""
    wish = {"preset": "trusted_private_chat", "is_direct": direct, "invite": list(ghosts)} | more
    return str((await who.call("POST", "createRoom", wish))["room_id"])


async def state_of(who: MatrixPerson, room: str, kind: str) -> dict[str, Any]:
    return await who.call("GET", f"rooms/{quote(room)}/state/{kind}/")


async def chats_made(world: World) -> list[dict[str, Any]]:
    """Return what the bridge has asked Graph to make."""
    asked = await world.tenant.requests()
    return [dict(one) for one in asked if (one["method"], one["path"]) == ("POST", "/v1.0/chats")]


async def pair_chat(world: World, one: Person, other: Person) -> str:
    """Return the chat that two people have; Graph makes no second one."""
    return await world.tenant.create_chat("oneOnOne", [one.id, other.id])


@pytest.mark.parametrize("version", ["11", "12"])
async def test_who_invites_a_ghost_directly_talks_with_the_person_in_teams(
    world: World, version: str
) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    writer = await world.signed_in("maria", maria)

    room = await make_room(writer, world.slot.ghost(jonas.id), room_version=version)
    await writer.say(room, "Hello Jonas, it is me.")  # Before anybody has come.

    chat = await pair_chat(world, maria, jonas)
    (message,) = await world.read_in_teams(chat, "Hello Jonas, it is me.")
    assert message["from"]["user"]["id"] == maria.id
    await world.say(chat, jonas, "Hello Maria!")
    assert (await world.read(writer, "Hello Maria!"))[0] == room
    await world.looked_at()
    await writer.sync()
    assert writer.members[room] == {writer.user, world.bot, world.slot.ghost(jonas.id)}
    assert room not in writer.names
    assert len(await chats_made(world)) == 1
    world.check_log()


async def test_several_ghosts_invited_directly_become_a_group(world: World) -> None:
    maria, jonas, aicha = await world.tenant.add_users("Maria Rossi", "Jonas Meier", "Aïcha Benali")
    writer = await world.signed_in("maria", maria)
    ghosts = [world.slot.ghost(person.id) for person in (jonas, aicha)]
    await world.listens_to_everything()
    # Teams tells of the group at once: that must not make a room of its own.
    await world.tenant.change_settings(announce_creation=True)

    room = await make_room(writer, *ghosts, name="Lunch: where?")
    await writer.say(room, "Where do we eat?")

    await eventually(lambda: bool(world.said("chat made")), "the group")
    (made,) = world.said("chat made")
    chat = made["conversation"]
    (message,) = await world.read_in_teams(chat, "Where do we eat?")
    assert message["from"]["user"]["id"] == maria.id
    await world.say(chat, aicha, "At the lake.")
    assert (await world.read(writer, "At the lake."))[0] == room
    await world.at_rest()
    await world.looked_at()
    await writer.sync()
    # Her own ghost tells what Teams says that she did.
    assert writer.members[room] - {world.slot.ghost(maria.id)} == {
        writer.user,
        world.bot,
        *ghosts,
    }
    assert [r for r, who in writer.members.items() if who & set(ghosts)] == [room]
    assert writer.names[room] == "Lunch - where?"
    assert len(await chats_made(world)) == 1
    world.check_log()


async def test_a_room_without_rights_for_us_gets_another_beside_it(world: World) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    writer = await world.signed_in("maria", maria)

    room = await make_room(writer, world.slot.ghost(jonas.id), preset="private_chat")

    await writer.wait_for(lambda: bool(writer.rooms.get(room)), ARRIVAL, "to be led on")
    (notice,) = writer.rooms[room]
    assert "rights" in notice.body
    ghost = world.slot.ghost(jonas.id)

    def other() -> list[str]:
        return [r for r, who in writer.members.items() if r != room and ghost in who]

    await writer.wait_for(lambda: bool(other()), ARRIVAL, "another room")
    assert other()[0] in notice.body
    world.check_log()


async def test_a_chat_that_has_a_room_already_is_led_to(world: World) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    writer = await world.signed_in("maria", maria)
    chat = await pair_chat(world, maria, jonas)
    first = await world.opened(chat, jonas, writer)
    await writer.call("POST", f"rooms/{quote(first)}/leave", {})

    second = await make_room(writer, world.slot.ghost(jonas.id))

    await writer.wait_for(lambda: bool(writer.rooms.get(second)), ARRIVAL, "to be led on")
    (notice,) = writer.rooms[second]
    assert first in notice.body
    await writer.wait_for(lambda: writer.user in writer.members[first], ARRIVAL, "the invitation")
    await writer.wait_for(lambda: writer.members[second] == {writer.user}, ARRIVAL, "all to leave")
    tombstone = await state_of(writer, second, "m.room.tombstone")
    assert tombstone["replacement_room"] == first
    await writer.say(first, "Here I am again.")
    await world.read_in_teams(chat, "Here I am again.")
    world.check_log()


async def test_an_encrypted_room_gets_another_beside_it(world: World) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    writer = await world.signed_in("maria", maria)

    room = await make_room(writer, world.slot.ghost(jonas.id), initial_state=[ENCRYPTION])

    await writer.wait_for(lambda: bool(writer.rooms.get(room)), ARRIVAL, "to be led on")
    (notice,) = writer.rooms[room]
    assert "encrypted" in notice.body
    ghost = world.slot.ghost(jonas.id)

    def other() -> list[str]:
        return [r for r, who in writer.members.items() if r != room and ghost in who]

    await writer.wait_for(lambda: bool(other()), ARRIVAL, "another room")
    await writer.say(other()[0], "Can you read this?")
    await world.read_in_teams(await pair_chat(world, maria, jonas), "Can you read this?")
    world.check_log()


async def test_who_has_not_signed_in_is_told_how(world: World) -> None:
    (jonas,) = await world.tenant.add_users("Jonas Meier")
    stranger = await world.person("maria")
    desk = await world.desk(stranger)

    room = await make_room(stranger, world.slot.ghost(jonas.id))

    def told() -> list[str]:
        return [said.body for said in stranger.rooms[desk] if "sign in first" in said.body]

    await stranger.wait_for(lambda: bool(told()), ARRIVAL, "to be told")
    assert "/signin/" in told()[0]
    assert await chats_made(world) == []
    await world.at_rest()
    await stranger.sync()
    assert stranger.members[room] == {stranger.user}
    world.check_log()


async def test_a_ghost_of_nobody_is_refused(world: World) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    writer = await world.signed_in("maria", maria)
    desk = await world.desk(writer)

    nobody = world.slot.ghost("8ea0e38b-efb3-4757-924a-5f94061cf8c2")
    await make_room(writer, nobody)

    def told() -> list[str]:
        return [said.body for said in writer.rooms[desk] if nobody in said.body]

    await writer.wait_for(lambda: bool(told()), ARRIVAL, "to be told")
    assert "nobody of your organisation" in told()[0]
    assert await chats_made(world) == []
    world.check_log()


async def test_a_group_is_made_of_who_is_in_a_room_when_that_is_asked_for(world: World) -> None:
    maria, jonas, aicha = await world.tenant.add_users("Maria Rossi", "Jonas Meier", "Aïcha Benali")
    writer = await world.signed_in("maria", maria)
    ghosts = [world.slot.ghost(person.id) for person in (jonas, aicha)]
    room = await make_room(writer, *ghosts, direct=False, name="Harvest")
    await writer.wait_for(lambda: bool(writer.rooms.get(room)), ARRIVAL, "the bot to ask")
    assert "create-group" in writer.rooms[room][0].body
    await writer.say(room, "Nobody in Teams hears this.")
    assert await chats_made(world) == []

    answer = await writer.ask(room, '!teams create-group "Grapes"', ARRIVAL)

    assert "This room is that of your group" in answer.body
    (made,) = world.said("chat made")
    await writer.say(room, "But this they hear.")
    await world.read_in_teams(made["conversation"], "But this they hear.")
    assert await world.texts_in_teams(made["conversation"]) == ["But this they hear."]
    await world.looked_at()
    await writer.sync()
    assert writer.names[room] == "Grapes"
    assert len(await chats_made(world)) == 1
    world.check_log()


async def test_a_group_is_made_once_though_the_answer_is_lost_and_the_bridge_killed(
    world: World,
) -> None:
    maria, jonas, _ = await world.tenant.add_users("Maria Rossi", "Jonas Meier", "Aïcha Benali")
    writer = await world.signed_in("maria", maria)
    desk = await world.desk(writer)
    await world.tenant.add_fault("/chats$", method="POST", kind="drop_after", times=1)

    await writer.say(desk, f'create-group "Lunch" {jonas.upn}, Aïcha Benali')
    await eventually(lambda: made_at_graph(world), "the group to be there")
    await world.kill()
    await world.let_leases_run_out()
    await world.start()

    def answered() -> list[str]:
        return [said.body for said in writer.rooms[desk] if "Your group" in said.body]

    await writer.wait_for(lambda: bool(answered()), ARRIVAL, "the answer")
    room = answered()[0].rpartition("/#/")[2].partition("?")[0]
    await writer.wait_for(lambda: room in writer.members, ARRIVAL, "the invitation")
    await writer.say(room, "Where do we eat?")
    await world.at_rest()
    assert len(await chats_made(world)) == 1


async def made_at_graph(world: World) -> bool:
    return bool(await chats_made(world))


async def test_who_is_of_another_organisation_and_was_met_is_written_to(world: World) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    writer = await world.signed_in("maria", maria)
    ines = await bring_stranger(world.tenant, "federatedUser", "Ines Lopes")
    project = await world.tenant.create_chat("group", [maria.id, jonas.id, ines])
    await world.opened(project, jonas, writer)  # She has said nothing; she is a member.
    await world.looked_at()

    room = await make_room(writer, world.slot.ghost(ines))
    await writer.say(room, "Ines, do you have a minute?")

    await eventually(lambda: bool(world.said("chat made")), "the chat")
    chat = world.said("chat made")[0]["conversation"]
    await world.read_in_teams(chat, "Ines, do you have a minute?")
    assert set(chat.removeprefix("19:").partition("@")[0].split("_")) == {maria.id, ines}
    await writer.sync()
    assert world.slot.ghost(ines) in writer.members[room]
    world.check_log()
