"""A room shows what its conversation is: its name, who it is with, what is pinned, whether it is read
only; and follows when that changes in Teams."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant.client_kinds import change_pins
from tests.kit.e2e_world import ARRIVAL, World, eventually

Json = dict[str, Any]


async def state_of(reader: MatrixPerson, room: str, kind: str, key: str = "") -> Json:
    """Return what a state event of a room says, as somebody in it sees it."""
    events: Any = await reader.call("GET", f"rooms/{quote(room)}/state")
    found = (e["content"] for e in events if e["type"] == kind and e["state_key"] == key)
    return next(found, {})


async def shows(reader: MatrixPerson, room: str, kind: str, **wanted: object) -> None:
    """Wait until a state event says what is wanted."""

    async def is_shown() -> bool:
        content = await state_of(reader, room, kind)
        return all(content.get(name) == value for name, value in wanted.items())

    await eventually(is_shown, f"{kind} to say {wanted}")


async def test_a_chat_of_two_is_opened_by_the_other_and_called_after_nobody_but_them(
    world: World,
) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, bob.id])

    room = await world.opened(chat, bob, reader)

    assert room not in reader.names
    servants = await state_of(reader, room, "io.element.functional_members")
    assert servants["service_members"] == sorted([world.bot, world.slot.ghost(maria.id)])
    invitations: Any = await reader.call("GET", f"rooms/{quote(room)}/members")
    mine = [e for e in invitations["chunk"] if e["state_key"] == reader.user]
    invitation = mine[0]["unsigned"].get("replaces_state")
    assert invitation is not None
    event = await reader.call("GET", f"rooms/{quote(room)}/event/{quote(invitation)}")
    assert event["sender"] == world.slot.ghost(bob.id)
    assert event["content"]["is_direct"] is True


async def test_a_chat_of_two_may_have_a_name(quiet_world: World) -> None:
    world = quiet_world
    world.reconfigure(name_direct_chats=True)
    await world.start()
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, bob.id])
    room = await world.opened(chat, bob, reader)
    await shows(reader, room, "m.room.name", name="Maria Rossi, Bob Roth")
    await world.stop()


async def test_a_room_follows_the_name_of_its_chat_and_nobody_elses(world: World) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)
    await shows(reader, room, "m.room.name", name="Budget")

    await world.tenant.change_chat(chat, topic="Budget 2027")

    await shows(reader, room, "m.room.name", name="Budget 2027")
    await shows(reader, room, "m.room.topic", topic="Group chat in Microsoft Teams")


async def test_what_happened_to_a_chat_is_told_though_graph_notifies_nobody_of_it(
    world: World,
) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)
    await world.listens_to_everything()
    await world.looked_at()

    await world.tenant.change_chat(chat, topic="Budget 2027", by=bob.id)

    def is_told() -> bool:
        return any("Budget 2027" in said.body for said in reader.rooms[room])

    await reader.wait_for(is_told, ARRIVAL, "the renaming to be told")
    await world.at_rest()


async def test_a_meeting_says_where_it_is_joined(world: World) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("meeting", [maria.id, bob.id], topic="Weekly")
    room = await world.opened(chat, bob, reader)
    topic = (await state_of(reader, room, "m.room.topic"))["topic"]
    assert topic.startswith("Meeting chat in Microsoft Teams. Join: https://")


async def test_what_is_pinned_in_a_chat_is_pinned_in_its_room(world: World) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)
    refs = {}
    for text in ("the first", "the second"):
        refs[text] = await world.say(chat, bob, text)
    events = {text: (await world.read(reader, text))[1].id for text in refs}

    # Graph tells nobody of pins who subscribes to all chats: they are seen at the next look.
    await change_pins(world.tenant, chat, pin=list(refs.values()))
    await world.tenant.change_chat(chat, topic="Budget 2027")
    await shows(reader, room, "m.room.pinned_events", pinned=list(events.values()))

    await change_pins(world.tenant, chat, unpin=[refs["the first"]])
    await world.tenant.change_chat(chat, topic="Budget 2028")
    await shows(reader, room, "m.room.pinned_events", pinned=[events["the second"]])


async def test_every_room_says_which_bridge_it_belongs_to(world: World) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")
    room = await world.opened(chat, bob, reader)
    key = f"msteams://{world.tenant.id}/{quote(chat, safe='')}"
    info = await state_of(reader, room, "m.bridge", key)
    assert info == await state_of(reader, room, "uk.half-shot.bridge", key)
    assert info["protocol"] == {"id": "msteams", "displayname": "Microsoft Teams"}
    assert info["channel"]["displayname"] == "Budget"
    assert info["channel"]["external_url"].startswith("https://teams.microsoft.com/")
    assert info["com.beeper.room_type.v2"] == "group_dm"
