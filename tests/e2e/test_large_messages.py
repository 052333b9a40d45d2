"""A message that is too large for the other side crosses in parts."""

from __future__ import annotations

from tests.kit.e2e_world import World

LARGE_BYTES = 60_000


def paragraphs(name: str, count: int) -> list[str]:
    return [f"{name} {n}: " + "all work and no play " * 9 for n in range(count)]


async def test_a_large_message_from_teams_is_said_in_parts(world: World) -> None:
    await world.tenant.change_settings(body_bytes_max=256 * 1024)
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Novel")
    room = await world.opened(chat, tom, reader)
    lines = paragraphs("chapter", 300)
    html = "".join(f"<p>{line.strip()}</p>" for line in lines)
    assert len(html) > LARGE_BYTES

    await world.say(chat, tom, "", html)
    await world.say(chat, tom, "the end")

    await world.read(reader, "the end")
    await world.at_rest()
    parts = (await world.texts_in_matrix(reader, room))[1:-1]
    assert len(parts) > 1
    assert "\n".join(parts).split("\n") == [line.strip() for line in lines]


async def test_a_large_message_from_matrix_is_said_in_parts(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    writer = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Novel")
    room = await world.opened(chat, tom, writer)
    lines = [line.strip() for line in paragraphs("chapter", 290)]
    text = "\n".join(lines)
    assert len(text) > LARGE_BYTES - 6_000  # An event of Matrix has at most 65,536 bytes.

    await writer.say(room, text)
    await writer.say(room, "the end")

    await world.read_in_teams(chat, "the end")
    await world.at_rest()
    said = [m["body"]["content"] for m in (await world.messages(chat))[1:-1]]
    assert len(said) > 1
    everything = "".join(said)
    places = [everything.find(f"chapter {n}: ") for n in range(len(lines))]
    assert -1 not in places
    assert places == sorted(places)
    assert everything.count("chapter ") == len(lines)
    # Its parts come back as notifications, and none of them is taken for a message of Teams.
    assert len(await writer.history(room)) == 3
