"""Commands to the bot: help by sections, a prefix in rooms, permissions."""

from __future__ import annotations

import re
from urllib.parse import unquote

from cryptography.fernet import Fernet

from bridge.sandbox.tenant.client_teams import TeamsClient
from tests.kit.e2e_world import ARRIVAL, World


async def test_commands_are_obeyed_in_a_room_with_the_prefix_and_never_relayed(
    world: World,
) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Plans")
    room = await world.opened(chat, tom, person)

    shown = (await person.ask(room, "!teams help", ARRIVAL)).body
    assert shown.index("General:") < shown.index("Your Teams account:\n`login")
    assert "For administrators" not in shown
    answer = await person.ask(room, "!teams whoami", ARRIVAL)
    assert answer.body == "I have answered you in our direct chat."
    await world.read(person, "You are signed in to Teams as Maria Rossi.")
    answer = await person.ask(room, "!teams dance", ARRIVAL)
    assert answer.body.startswith("I do not know `dance`.")
    await person.say(room, "!teamsters are people too")

    await world.read_in_teams(chat, "!teamsters are people too")
    await world.at_rest()
    assert [t for t in await world.texts_in_teams(chat) if t.startswith("!teams ")] == []


async def test_the_list_names_the_rooms_of_ones_own_conversations(world: World) -> None:
    maria, tom, anna = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Anna Berg")
    person = await world.signed_in("maria", maria)
    other = await world.signed_in("anna", anna)
    pair = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    plans = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Plans")
    secret = await world.tenant.create_chat("group", [anna.id, tom.id], topic="Secret")
    await world.tenant.create_chat("group", [maria.id, tom.id], topic="Nothing said")
    teams = TeamsClient(world.tenant)
    team = await teams.create_team("Garden", owners=[tom.id], members=[maria.id])
    rooms = [await world.opened(chat, tom, person) for chat in (pair, plans)]
    await world.opened(secret, tom, other)
    await teams.type(team.general, tom.id, "roses", content_type="text")
    rooms.append((await world.read(person, "roses"))[0])
    desk = await world.desk(person)

    listed = (await person.ask(desk, "list", ARRIVAL)).body
    assert sorted(re.findall(r"![^?]+", unquote(listed))) == sorted(rooms)
    assert [line.split(":")[0] for line in listed.splitlines()] == [
        "General (Garden)",
        "Maria Rossi, Tom Novák",
        "Plans",
    ]
    assert (await person.ask(desk, "rooms plan", ARRIVAL)).body.startswith("Plans: ")
    none = await person.ask(desk, "list secret", ARRIVAL)
    assert none.body.startswith("None of your conversations has such a room yet")


async def test_who_is_no_longer_permitted_is_not_heard_and_told(quiet_world: World) -> None:
    world = quiet_world
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    key = Fernet.generate_key().decode()
    world.reconfigure(encryption_key=key)
    await world.start()
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Plans")
    room = await world.opened(chat, tom, person)
    desk = next(r for r, members in person.members.items() if members == {person.user, world.bot})
    await world.stop()
    world.reconfigure(permissions={"*": "relay"})
    await world.start()

    await person.say(room, "not with that sign-in")
    await world.read(
        person,
        "The administrator of this bridge no longer lets you use it:"
        " I have forgotten your sign-in to Teams.",
    )
    answer = await person.ask(desk, "login", ARRIVAL)
    assert answer.body.startswith("`login` needs the permission `user` and you have `relay`.")
    await world.at_rest()
    assert "not with that sign-in" not in await world.texts_in_teams(chat)
    await world.stop()
