"""Relay mode: who cannot sign in is heard in Teams through the service account."""

from __future__ import annotations

from urllib.parse import quote

from cryptography.fernet import Fernet

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.script import text_of
from tests.kit.e2e_changes import edit, react
from tests.kit.e2e_world import ARRIVAL, World, eventually


async def bring_in(world: World, host: MatrixPerson, name: str, room: str) -> MatrixPerson:
    """Have somebody who never signs in come into a room."""
    await world.looked_at()  # The levels of the room let its people invite.
    guest = await world.person(name)
    await host.call("POST", f"rooms/{quote(room)}/invite", {"user_id": guest.user})
    await guest.wait_for(lambda: guest.user in guest.members.get(room, ()), ARRIVAL, "the room")
    return guest


async def test_who_cannot_sign_in_is_heard_and_may_change_what_they_said(
    quiet_world: World,
) -> None:
    world = quiet_world
    maria, tom, service = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Relay")
    speaker = await world.person("relay")
    host = await world.person("maria")
    world.reconfigure(relay_account=speaker.user, permissions={"*": "user", host.user: "admin"})
    await world.start()
    desk = await world.desk(speaker)
    await world.follow(await world.link_for(speaker, desk), service)
    await world.follow(await world.link_for(host, await world.desk(host)), maria)
    chat = await world.tenant.create_chat(
        "group", [maria.id, tom.id, service.id], topic="Works council"
    )
    room = await world.opened(chat, tom, host)
    assert (await host.ask(room, "!teams set-relay", ARRIVAL)).body.startswith("From now on")
    guest = await bring_in(world, host, "anna", room)
    name = guest.user.split(":")[0][1:]

    said = await guest.say(room, "hello")
    [message] = await world.read_in_teams(chat, f"{name}: hello")
    assert message["from"]["user"]["id"] == service.id
    assert f"<strong>{name}</strong>" in message["body"]["content"]
    await edit(guest, room, said, "good morning")
    await world.read_in_teams(chat, f"{name}: good morning")
    await react(guest, room, said, "👍")
    await _until_said(world, chat, "reacted with 👍")
    await world.tenant.react(chat, message["id"], tom.id, "😂")
    await guest.call("PUT", f"rooms/{quote(room)}/redact/{quote(said)}/r1", {})
    await eventually(lambda: _is_deleted(world, chat, message["id"]), "the deletion")

    refusal = await guest.ask(room, "!teams unset-relay", ARRIVAL)
    assert refusal.body.startswith("Only who may change this room")
    assert (await host.ask(room, "!teams unset-relay", ARRIVAL)).body.startswith("From now on")
    await guest.say(room, "anybody there?")
    hint = f"{guest.user}: your messages here do not reach Teams yet"

    def is_told() -> bool:
        return any(said.body.startswith(hint) for said in guest.rooms[room])

    await guest.wait_for(is_told, ARRIVAL, hint)
    await world.at_rest()
    assert not any("anybody" in text for text in await world.texts_in_teams(chat))
    heard = await world.texts_in_matrix(guest, room)
    assert [text for text in heard if text.startswith(f"{name}:")] == []
    await world.stop()
    world.check_log()


async def test_by_default_and_by_emote_and_across_a_restart(quiet_world: World) -> None:
    world = quiet_world
    maria, tom, service = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Relay")
    speaker = await world.person("relay")
    world.reconfigure(relay_account=speaker.user, relay_by_default=True)
    await world.start()
    desk = await world.desk(speaker)
    await world.follow(await world.link_for(speaker, desk), service)
    host = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id, service.id], topic="All")
    room = await world.opened(chat, tom, host)
    guest = await bring_in(world, host, "anna", room)
    name = guest.user.split(":")[0][1:]

    await guest.say(room, "first")
    await world.read_in_teams(chat, f"{name}: first")
    await host.say(room, "as myself")
    await world.read_in_teams(chat, "as myself")
    await world.kill()
    await guest.say(room, "while it was away")
    await world.let_leases_run_out()
    await world.start()
    await world.read_in_teams(chat, f"{name}: while it was away")
    await guest.call(
        "PUT",
        f"rooms/{quote(room)}/send/m.room.message/emote",
        {"msgtype": "m.emote", "body": "waves"},
    )
    await _until_said(world, chat, "waves")

    await world.at_rest()
    texts = await world.texts_in_teams(chat)
    assert texts.count(f"{name}: first") == 1
    assert texts.count(f"{name}: while it was away") == 1
    await world.stop()


async def test_a_service_account_that_is_not_in_the_chat_is_said_so(quiet_world: World) -> None:
    world = quiet_world
    maria, tom, service = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Relay")
    speaker = await world.person("relay")
    key = Fernet.generate_key().decode()
    world.reconfigure(relay_account=speaker.user, permissions={"*": "admin"}, encryption_key=key)
    await world.start()
    host = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Without it")
    room = await world.opened(chat, tom, host)

    answer = await host.ask(room, "!teams set-relay", ARRIVAL)
    assert "is not signed in to Teams" in answer.body
    await world.follow(await world.link_for(speaker, await world.desk(speaker)), service)
    answer = await host.ask(room, "!teams set-relay", ARRIVAL)
    assert answer.body.startswith(f"The account of {speaker.user} is not in this conversation")
    assert all("set-relay" not in text for text in await world.texts_in_teams(chat))

    await world.stop()
    world.reconfigure(relay_by_default=True)
    await world.start()
    guest = await bring_in(world, host, "anna", room)
    await guest.say(room, "hello?")
    await world.read(
        guest,
        "Your message did not reach Teams: the account that speaks for you in Teams"
        " may not write there. Ask the administrator of the bridge to let it sign in, or somebody"
        " in the chat to add it.",
    )
    await world.stop()


async def _until_said(world: World, chat: str, words: str) -> None:
    """Wait until a message of a chat holds words."""

    async def is_there() -> bool:
        return any(words in text_of(m) for m in await world.messages(chat))

    await eventually(is_there, repr(words))


async def _is_deleted(world: World, chat: str, message: str) -> bool:
    found = [m for m in await world.tenant.messages(chat) if m["id"] == message]
    return bool(found) and found[0]["deletedDateTime"] is not None
