"""What somebody has read in Matrix is read in Teams, if they have read all of it; and the reverse."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant.client import Person
from tests.kit.e2e_channels import scene_of
from tests.kit.e2e_world import World, eventually

Json = dict[str, Any]
MARK = "/markChatReadForUser"


async def reads(person: MatrixPerson, room: str, event: str, kind: str = "m.read") -> None:
    await person.call("POST", f"rooms/{quote(room)}/receipt/{kind}/{quote(event)}", {})


async def marks(world: World, chat: str | None = None) -> list[Json]:
    """Return the calls that marked a chat read, or any."""
    asked = await world.tenant.requests()
    found = [one for one in asked if str(one["path"]).endswith(MARK)]
    return [one for one in found if chat is None or chat in str(one["path"])]


async def is_marked(world: World, chat: str, times: int) -> None:
    async def is_so() -> bool:
        return len(await marks(world, chat)) >= times

    await eventually(is_so, f"the chat to be marked read {times} times")
    found = await marks(world, chat)
    assert [one["status"] for one in found] == [204] * times


async def chat_of(world: World) -> tuple[Person, Person, MatrixPerson, str, str]:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)
    return maria, bob, reader, chat, room


async def hears(world: World, chat: str, bob: Person, reader: MatrixPerson, text: str) -> str:
    """Return the event of something that Bob says."""
    await world.say(chat, bob, text)
    return (await world.read(reader, text))[1].id


async def test_what_was_read_in_matrix_is_read_in_teams(world: World) -> None:
    _, bob, reader, chat, room = await chat_of(world)
    first = await hears(world, chat, bob, reader, "the first")
    second = await hears(world, chat, bob, reader, "the second")

    await reads(reader, room, first)
    await reads(reader, room, second)
    await is_marked(world, chat, 1)

    third = await hears(world, chat, bob, reader, "the third")
    await reads(reader, room, third)
    await is_marked(world, chat, 2)
    assert world.said("unknown transaction") == []


async def test_what_was_not_read_to_the_end_or_privately_or_answered_is_not_marked(
    world: World,
) -> None:
    _, bob, reader, chat, room = await chat_of(world)
    first = await hears(world, chat, bob, reader, "the first")
    second = await hears(world, chat, bob, reader, "the second")

    await reads(reader, room, first)  # There is a second.
    other = await world.tenant.create_chat("group", [bob.id, *await teams_ids(world)], topic="B")
    room_of_other = await world.opened(other, bob, reader)
    await reads(reader, room, second, kind="m.read.private")
    in_other = await hears(world, other, bob, reader, "read and answered")
    await reads(reader, room_of_other, in_other)
    await reader.say(room_of_other, "an answer")
    await world.read_in_teams(other, "an answer")
    last = await world.tenant.create_chat("group", [bob.id, *await teams_ids(world)], topic="C")
    room_of_last = await world.opened(last, bob, reader)
    in_last = await hears(world, last, bob, reader, "read to the end")
    await reads(reader, room_of_last, in_last)

    await is_marked(world, last, 1)
    assert await marks(world, chat) == []
    assert await marks(world, other) == []


async def teams_ids(world: World) -> list[str]:
    """Return the id of Maria, who reads."""
    return [one.id for one in await world.tenant.users() if one.display_name == "Maria Rossi"]


async def test_channels_have_no_read_markers_in_graph(world: World) -> None:
    scene = await scene_of(world)
    await scene.type("something to read")
    room, said = await world.read(scene.person, "something to read")
    await reads(scene.person, room, said.id)
    chat = await world.tenant.create_chat("group", [scene.maria.id, scene.tom.id], topic="B")
    room = await world.opened(chat, scene.tom, scene.person)
    event = await hears(world, chat, scene.tom, scene.person, "read in a chat")
    await reads(scene.person, room, event)
    await is_marked(world, chat, 1)
    assert len(await marks(world)) == 1
