"""The chat of a meeting in Teams, and its room in Matrix."""

from __future__ import annotations

from tests.kit.e2e_world import World


async def test_the_chat_of_a_meeting_is_bridged_both_ways(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("meeting", [maria.id, tom.id], topic="Weekly sync")

    await world.say(chat, tom, "The meeting starts.")

    room, said = await world.read(person, "The meeting starts.")
    assert said.sender == world.slot.ghost(tom.id)
    assert person.names[room] == "Weekly sync"
    topic = await person.call("GET", f"rooms/{room}/state/m.room.topic/")
    assert topic["topic"].startswith("Meeting chat in Microsoft Teams. Join: https://")

    await person.say(room, "I am there.")

    (message,) = await world.read_in_teams(chat, "I am there.")
    assert message["from"]["user"]["id"] == maria.id
