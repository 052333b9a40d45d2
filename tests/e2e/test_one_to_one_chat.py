"""A chat of two in Teams, and its room in Matrix."""

from __future__ import annotations

from datetime import datetime

from tests.kit.e2e_world import World


async def test_a_message_from_teams_is_said_by_a_ghost_of_its_author(world: World) -> None:
    maria, aicha = await world.tenant.add_users("Maria Rossi", "Aïcha Benali")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, aicha.id])

    await world.say(chat, aicha, "Hello Maria, are you on Matrix already?")

    room, said = await world.read(reader, "Hello Maria, are you on Matrix already?")
    assert said.sender == world.slot.ghost(aicha.id)
    profile = await reader.call("GET", f"profile/{said.sender}")
    assert profile["displayname"] == "Aïcha Benali (Teams)"
    original = (await world.messages(chat))[0]["createdDateTime"]
    assert said.at_ms == round(datetime.fromisoformat(original).timestamp() * 1000)
    assert room not in reader.names  # Clients call it after the other person.
    assert reader.members[room] == {reader.user, world.bot, said.sender}


async def test_a_message_from_matrix_is_said_by_its_author_in_teams(world: World) -> None:
    maria, aicha = await world.tenant.add_users("Maria Rossi", "Aïcha Benali")
    writer = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, aicha.id])
    room = await world.opened(chat, aicha, writer)

    await writer.say(room, "Yes, since this morning.")

    (message,) = await world.read_in_teams(chat, "Yes, since this morning.")
    assert message["from"]["user"]["id"] == maria.id
    await world.at_rest()
    assert len(await world.texts_in_teams(chat)) == 2
    assert len(await writer.history(room)) == 2
