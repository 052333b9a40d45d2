"""Who is in a conversation is in its room, and nobody else: they join and leave as they do in Teams."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.domain.shape import NOT_A_MEMBER
from bridge.sandbox.people import MatrixPerson
from tests.kit.e2e_world import ARRIVAL, World, eventually


async def members_of(reader: MatrixPerson, room: str) -> set[str]:
    found: Any = await reader.call("GET", f"rooms/{quote(room)}/joined_members")
    return set(found["joined"])


async def test_members_are_there_before_they_say_anything(world: World) -> None:
    people = await world.tenant.add_users("Maria Rossi", "Bob Roth", "Aïcha Benali")
    maria, bob, aicha = people
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [p.id for p in people], topic="Budget")
    room = await world.opened(chat, bob, reader)
    wanted = {world.bot, reader.user, world.slot.ghost(bob.id), world.slot.ghost(aicha.id)}

    async def all_there() -> bool:
        return await members_of(reader, room) == wanted

    await eventually(all_there, "everybody to be there")
    profile = await reader.call("GET", f"profile/{quote(world.slot.ghost(aicha.id))}")
    assert profile["displayname"] == "Aïcha Benali (Teams)"


async def test_who_is_added_joins_and_who_is_removed_leaves(world: World) -> None:
    people = await world.tenant.add_users("Maria Rossi", "Bob Roth", "Aïcha Benali")
    maria, bob, aicha = people
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)
    ghost = world.slot.ghost(aicha.id)

    await world.tenant.change_chat(chat, add=[aicha.id], by=bob.id)
    await eventually(lambda: is_in(reader, room, ghost, there=True), "her to join")
    await world.tenant.change_chat(chat, remove=[aicha.id], by=bob.id)
    await eventually(lambda: is_in(reader, room, ghost, there=False), "her to leave")


async def test_an_account_comes_and_goes_with_its_person_and_is_told_why(world: World) -> None:
    people = await world.tenant.add_users("Maria Rossi", "Bob Roth", "Aïcha Benali")
    maria, bob, aicha = people
    reader = await world.signed_in("maria", maria)
    other = await world.signed_in("aicha", aicha)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)

    await world.tenant.change_chat(chat, add=[aicha.id], by=bob.id)

    async def came() -> bool:
        await other.sync()
        return other.user in await members_of(reader, room)

    await eventually(came, "her to be invited")
    await world.tenant.change_chat(chat, remove=[aicha.id], by=bob.id)
    await eventually(lambda: is_in(reader, room, other.user, there=False), "her to be shown out")
    events: Any = await reader.call("GET", f"rooms/{quote(room)}/state")
    (mine,) = [e for e in events if e["state_key"] == other.user and e["type"] == "m.room.member"]
    assert mine["content"]["membership"] == "leave"
    assert mine["content"]["reason"] == NOT_A_MEMBER
    assert mine["sender"] == world.bot


async def test_who_left_by_themselves_in_matrix_is_not_called_back(world: World) -> None:
    maria, bob, aicha = await world.tenant.add_users("Maria Rossi", "Bob Roth", "Aïcha Benali")
    reader = await world.signed_in("maria", maria)
    other = await world.signed_in("aicha", aicha)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id, aicha.id], topic="Budget")
    room = await world.opened(chat, bob, reader)

    async def came() -> bool:
        await other.sync()
        return other.user in await members_of(reader, room)

    await eventually(came, "her to come")
    await other.call("POST", f"rooms/{quote(room)}/leave", {})
    await world.tenant.change_chat(chat, topic="Another name")
    await reader.wait_for(
        lambda: reader.names.get(room) == "Another name", ARRIVAL, "the room to be looked at"
    )
    await other.sync()
    assert other.user not in await members_of(reader, room)


async def test_in_a_large_chat_people_appear_when_they_speak(world: World) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    crowd = await world.tenant.add_users(*(f"Person {number}" for number in range(60)))
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat(
        "group", [p.id for p in (maria, bob, *crowd)], topic="Everybody"
    )
    room = await world.opened(chat, bob, reader)
    await world.say(chat, crowd[7], "I am here, too")
    await world.read(reader, "I am here, too")
    await world.looked_at()
    assert await members_of(reader, room) == {
        world.bot, reader.user, world.slot.ghost(bob.id), world.slot.ghost(crowd[7].id),
    }  # fmt: skip


async def is_in(reader: MatrixPerson, room: str, user: str, *, there: bool) -> bool:
    return (user in await members_of(reader, room)) is there
