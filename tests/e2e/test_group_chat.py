"""A group chat in Teams, and its room in Matrix."""

from __future__ import annotations

from tests.kit.e2e_world import World


async def test_every_author_of_a_group_has_a_ghost_of_their_own(world: World) -> None:
    people = await world.tenant.add_users("Maria Rossi", "Jonas Berg", "Aïcha Benali")
    reader = await world.signed_in("maria", people[0])
    chat = await world.tenant.create_chat("group", [p.id for p in people], topic="Budget 2027")

    for who in people:
        await world.say(chat, who, f"Good morning from {who.display_name}")

    room = ""
    for who in people:
        room, said = await world.read(reader, f"Good morning from {who.display_name}")
        assert said.sender == world.slot.ghost(who.id)
    assert reader.names[room] == "Budget 2027"
    assert await world.texts_in_matrix(reader, room) == await world.texts_in_teams(chat)


async def test_two_matrix_users_of_a_group_speak_each_with_their_own_account(world: World) -> None:
    maria, jonas, tom = await world.tenant.add_users("Maria Rossi", "Jonas Berg", "Tom Novák")
    writers = [await world.signed_in("maria", maria), await world.signed_in("jonas", jonas)]
    chat = await world.tenant.create_chat("group", [maria.id, jonas.id, tom.id], topic="Budget")
    room = await world.opened(chat, tom, writers[0])
    await world.read(writers[1], f"the first message of {chat}")

    for writer, name in zip(writers, ("Maria", "Jonas"), strict=True):
        await writer.say(room, f"{name} was here")

    messages = await world.read_in_teams(chat, "Maria was here", "Jonas was here")
    assert [m["from"]["user"]["id"] for m in messages] == [maria.id, jonas.id]
    # What one of them says reaches the other in Matrix itself, and does not come back from Teams.
    await world.at_rest()
    assert len(await writers[1].history(room)) == 3
