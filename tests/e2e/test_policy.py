"""What a policy blocks after it was said is hidden in Matrix too, until the block is lifted."""

from __future__ import annotations

from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant import client_kinds as kinds
from tests.kit.e2e_world import World, eventually


async def test_a_blocked_message_is_hidden_and_comes_back_when_it_is_allowed(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Secrets")
    room = await world.opened(chat, tom, person)
    said = await world.say(chat, tom, "card 4111 1111 1111 1111")
    await world.read(person, "card 4111 1111 1111 1111")
    event = await _event_of(person, room, "card 4111 1111 1111 1111")

    await kinds.violate(world.tenant, chat, said, dlpAction="notifySender")
    await world.at_rest()
    assert not await _is_redacted(person, room, event)

    await kinds.violate(world.tenant, chat, said)
    await eventually(lambda: _is_redacted(person, room, event), "the message to be hidden")
    await world.at_rest()

    await kinds.lift_violation(world.tenant, chat, said)
    await eventually(lambda: _is_there(person, room, said="card 4111"), "the message to be back")
    await world.at_rest()
    assert await world.texts_in_matrix(person, room) == [
        f"the first message of {chat}", "card 4111 1111 1111 1111",
    ]  # fmt: skip


async def test_what_a_matrix_user_said_is_hidden_as_well(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Secrets")
    room = await world.opened(chat, tom, person)
    event = await person.say(room, "my password is tea")
    [said] = await world.read_in_teams(chat, "my password is tea")
    await world.at_rest()

    await kinds.violate(world.tenant, chat, said["id"])
    await eventually(lambda: _is_redacted(person, room, event), "the message to be hidden")
    await world.at_rest()
    assert len(await world.messages(chat)) == 2


async def _event_of(person: MatrixPerson, room: str, text: str) -> str:
    return next(one.id for one in await person.history(room) if one.body == text)


async def _is_there(person: MatrixPerson, room: str, said: str) -> bool:
    return any(one.body.startswith(said) for one in await person.history(room))


async def _is_redacted(person: MatrixPerson, room: str, event: str) -> bool:
    found = await person.call("GET", f"rooms/{quote(room)}/event/{quote(event)}")
    return "redacted_because" in found.get("unsigned", {})
