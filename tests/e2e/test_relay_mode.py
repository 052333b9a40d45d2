"""Relay mode: who cannot sign in is heard in Teams through the service account."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from cryptography.fernet import Fernet

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_files import FilesClient
from tests.e2e.test_files_to_teams import put
from tests.e2e.test_pictures_and_files import PDF, picture
from tests.e2e.test_sign_in_lost import LOST, all_wait, is_told, told
from tests.kit.e2e_changes import edit, react
from tests.kit.e2e_channels import people_in
from tests.kit.e2e_world import ARRIVAL, World, eventually

Json = dict[str, Any]
_LONG_AGO = "UPDATE deliveries SET created_at = created_at - interval '1 minute'"
_NOT_YET = (
    "Your message has not reached Teams yet: the account that speaks for you in Teams may not write"
    " there. It will be tried again."
)


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
    await _with_service(world, service)
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


async def test_files_pictures_and_threads_of_a_channel_are_said_for_somebody(
    quiet_world: World,
) -> None:
    world = quiet_world
    [service] = await world.tenant.add_users("Relay")
    scene = await people_in(world, members=[service.id], is_owner=True)
    await _with_service(world, service)
    await scene.begin()
    guest = await bring_in(world, scene.person, "anna", scene.room)
    name = guest.user.split(":")[0][1:]
    post = await scene.type("who has seen the roses?")
    root = (await scene.find("who has seen the roses?")).id
    shown, file = await put(guest, picture(80, 60), "image/png"), await put(guest, PDF, "text/pdf")
    relation = {"rel_type": "m.thread", "event_id": root, "is_falling_back": True}
    below: Json = {"m.relates_to": relation}

    said = await guest.say(scene.room, "I have", **below)
    await guest.say(scene.room, "roses.png", msgtype="m.image", url=shown, **below)
    await guest.say(
        scene.room, "all of them", msgtype="m.file", url=file, filename="roses.pdf", **below
    )
    await react(guest, scene.room, said, "👍")

    texts = [f"{name}: I have", f"{name}:", f"{name}: all of them", f"{name}: reacted with 👍"]
    found = [await scene.find_in_teams(text) for text in texts]
    assert {one["from"]["user"]["id"] for one in found} == {service.id}
    assert {one["replyToId"] for one in found} == {post}
    assert 'alt="roses.png"' in found[1]["body"]["content"]
    assert [one["name"] for one in found[2]["attachments"]] == ["roses.pdf"]
    (kept,) = await FilesClient(world.tenant).kept()
    assert kept.path.split("/")[0] == "General"
    assert kept.readers == {scene.maria.id, scene.tom.id, service.id}
    await world.at_rest()
    assert len(await scene.in_teams()) == 6, "nothing came back as an echo"
    await world.stop()
    world.check_log()


async def test_what_others_write_waits_for_the_service_account_to_sign_in_again(
    quiet_world: World,
) -> None:
    world = quiet_world
    maria, tom, service = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Relay")
    speaker, desk = await _with_service(world, service)
    host = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id, service.id], topic="All")
    room = await world.opened(chat, tom, host)
    guest = await bring_in(world, host, "anna", room)
    name = guest.user.split(":")[0][1:]
    file = await put(guest, PDF, "application/pdf")
    await guest.say(room, "the plan", msgtype="m.file", url=file, filename="plan.pdf")
    await world.read_in_teams(chat, f"{name}: the plan")
    kept = [(one.readers, one.writers) for one in await FilesClient(world.tenant).kept()]
    assert kept == [(frozenset({maria.id, tom.id, service.id}), frozenset({service.id}))]

    await world.tenant.revoke_sessions(service.id, access_tokens=True)
    first = await guest.say(room, "waiting")
    await all_wait(world, 1)
    await edit(guest, room, first, "waiting no more")
    await react(host, room, first, "👍")
    await guest.say(room, "after it")
    await all_wait(world, 4)
    await host.say(room, "as myself")
    await world.read_in_teams(chat, "as myself")
    assert "sign-ins were revoked" in await is_told(speaker, LOST)
    async with world.store() as store:
        await store.execute(_LONG_AGO)
    await world.read(guest, _NOT_YET)

    await world.follow(await world.link_for(speaker, desk), service)
    await world.read_in_teams(chat, f"{name}: after it")
    await world.at_rest()
    texts = await world.texts_in_teams(chat)
    assert texts[2:] == ["as myself", f"{name}: waiting no more", f"{name}: after it"]
    [waited] = [m for m in await world.messages(chat) if "no more" in text_of(m)]
    assert [one["user"]["user"]["id"] for one in waited["reactions"]] == [maria.id]
    assert (len(told(speaker, LOST)), told(guest, LOST)) == (1, [])
    assert not world.said("parked")
    await world.stop()
    world.check_log()


async def _with_service(world: World, service: Person) -> tuple[MatrixPerson, str]:
    """Start with a service account that speaks for others; return who it is in Matrix, and its desk."""
    speaker = await world.person("relay")
    world.reconfigure(relay_account=speaker.user, relay_by_default=True)
    await world.start()
    desk = await world.desk(speaker)
    await world.follow(await world.link_for(speaker, desk), service)
    return speaker, desk


async def _until_said(world: World, chat: str, words: str) -> None:
    """Wait until a message of a chat holds words."""

    async def is_there() -> bool:
        return any(words in text_of(m) for m in await world.messages(chat))

    await eventually(is_there, repr(words))


async def _is_deleted(world: World, chat: str, message: str) -> bool:
    found = [m for m in await world.tenant.messages(chat) if m["id"] == message]
    return bool(found) and found[0]["deletedDateTime"] is not None
