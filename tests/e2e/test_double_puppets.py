"""People as themselves in Matrix as well: what they do in Teams appears under their own account."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from bridge.matrix.echo import MARK
from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_people import PeopleClient
from tests.kit.e2e_world import ARRIVAL, Ground, World, eventually, open_world
from tests.kit.world import PASSWORD, SERVER_NAME, Slot, Slots

Json = dict[str, Any]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def slot(slots_with_people: Slots) -> Iterator[Slot]:
    with slots_with_people.take() as taken:
        yield taken


@pytest.fixture
async def world(tmp_path: Path, ground: Ground, slot: Slot, database: str) -> AsyncIterator[World]:
    """A bridge that may act as people, and pairs them by the number of the employee."""
    puppets = {"as_token": slot.people_token, "rule": f"@{{employee_id}}:{SERVER_NAME}"}
    folder = tmp_path / "bridge"
    async with open_world(folder, ground, slot, database, double_puppets=puppets) as world:
        await world.start()
        yield world
        await world.stop()
        world.check_log()


async def test_what_a_person_does_in_teams_appears_under_their_own_account(world: World) -> None:
    maria, tom, person, chat = await _paired(world)

    said = await world.say(chat, maria, "first words")
    room, event = await _own(person, "first words")
    await world.tenant.edit(chat, said, "other words")
    await eventually(lambda: _is_related(person, room, event, "m.replace"), "the edit")
    answer = await world.say(chat, tom, "an answer")
    await world.read(person, "an answer")
    theirs = next(s.id for s in await person.history(room) if s.body == "an answer")
    await world.tenant.react(chat, answer, maria.id, "👍")
    await eventually(lambda: _is_related(person, room, theirs, "m.annotation"), "the reaction")
    await world.tenant.react(chat, answer, maria.id, "👍", remove=True)
    await eventually(lambda: _are_redacted_by_themselves(person, room, 1), "that it is gone")
    await world.tenant.delete(chat, said)
    await eventually(lambda: _is_redacted_by_themselves(person, room, event), "the deletion")

    await world.at_rest()
    assert len(await world.messages(chat)) == 2, "nothing came back to Teams"
    assert world.bridge.metric("teams_bridge_parked_total", side="matrix", what="delivery") == 0
    assert world.bridge.metric("teams_bridge_ignored_total", side="matrix", reason="echo") >= 6
    events = await _events(person, room)
    senders = {e["sender"] for e in events if MARK in e["content"]}
    assert senders == {person.user}


async def test_who_has_signed_in_is_heard_as_themselves_on_both_sides(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Both")
    room = await world.opened(chat, tom, person)
    event = await person.say(room, "from matrix")
    [in_teams] = await world.read_in_teams(chat, "from matrix")

    await world.say(chat, maria, "from teams")
    assert (await _own(person, "from teams"))[0] == room
    await world.tenant.edit(chat, in_teams["id"], "from matrix, mended in teams")
    await eventually(lambda: _is_related(person, room, event, "m.replace"), "a true edit")
    await world.tenant.delete(chat, in_teams["id"])
    await eventually(lambda: _is_redacted_by_themselves(person, room, event), "the deletion")

    await world.at_rest()
    bodies = await world.texts_in_matrix(person, room)
    assert not any("✎" in body for body in bodies), "nothing is said anew"
    assert len(await world.messages(chat)) == 3


async def test_what_a_person_wrote_in_teams_they_edit_and_take_back_in_matrix(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Mending")
    room = await world.opened(chat, tom, person)
    said = await world.say(chat, maria, "tpyo")
    _, event = await _own(person, "tpyo")
    picture = {"user": maria.id, "data": base64.b64encode(PNG).decode()}
    shown = await kinds.say(world.tenant, chat, "inline_image", text="<p>a cpu</p>", **picture)
    _, caption = await _own(person, "a cpu")

    await _edit(person, room, event, "typo")
    await _edit(person, room, caption, "a cup")
    [mended] = await world.read_in_teams(chat, "typo")
    assert mended["id"] == said

    async def is_shown() -> bool:
        return "a cup" in await _content(world, chat, shown)

    await eventually(is_shown, "the words above the picture")
    await world.at_rest()
    assert "<img" in await _content(world, chat, shown)
    edits = [e for e in await _events(person, room) if _replaces(e) and e["sender"] == person.user]
    assert len(edits) == 2, "what comes back from Teams is not said anew"

    await world.tenant.edit(chat, said, "typo, and more")
    await eventually(lambda: _is_edited_to(person, room, "typo, and more"), "an edit in Teams")

    await _redact(person, room, caption)
    await eventually(lambda: _any(person, room, _says_it_stays), "that the message stays")
    assert "<img" in await _content(world, chat, shown)
    [picture] = [e["event_id"] for e in await _events(person, room) if _is_picture(e)]
    await _redact(person, room, picture)
    await eventually(lambda: _is_deleted(world, chat, shown), "the whole message taken back")


async def test_what_somebody_reads_and_hides_in_teams_shows_in_their_own_account(
    world: World,
) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Both")
    room = await world.opened(chat, tom, person)
    await world.say(chat, tom, "the first")
    first = (await world.read(person, "the first"))[1].id
    await eventually(lambda: _is_watched(world, maria), "a subscription for her")

    await world.tenant.see(chat, maria.id, read=True)
    await eventually(lambda: _has_read(person, room, first), "the first to be read")
    await world.say(chat, tom, "the second")
    second = (await world.read(person, "the second"))[1].id
    assert await _has_read(person, room, first), "nobody has read the second"
    await world.tenant.see(chat, maria.id, read=True)
    await eventually(lambda: _has_read(person, room, second), "the second to be read")

    await world.say(chat, tom, "the third")
    third = (await world.read(person, "the third"))[1].id
    await person.call("POST", f"rooms/{quote(room)}/receipt/m.read/{quote(third)}", {})
    await eventually(lambda: _results(world, "views", "echo") > 0, "its own mark to be known")
    await eventually(lambda: _results(world, "read_marks", "echo") > 0, "receipts to be known")
    assert [one["status"] for one in await _marks(world)] == [204], "reads of Teams are not marked"

    await world.tenant.see(chat, maria.id, hidden=True)
    await eventually(lambda: _has_tag(person, room), "the tag")
    await world.tenant.see(chat, maria.id, hidden=False)
    await eventually(lambda: _lacks_tag(person, room), "no tag")
    path = f"user/{quote(person.user)}/rooms/{quote(room)}/tags/m.lowpriority"
    await person.call("PUT", path, {"order": 0.5})  # By hand.
    await world.tenant.see(chat, maria.id, hidden=True)
    await eventually(lambda: _results(world, "views", "left") == 1, "what is there to be left")
    await world.tenant.see(chat, maria.id, hidden=False)
    await eventually(lambda: _results(world, "views", "left") == 2, "what is not ours to be left")
    assert await _has_tag(person, room)

    await person.say(await world.desk(person), "logout")
    await eventually(lambda: _is_not_watched(world, maria), "the subscription to be given up")


async def test_a_chat_of_two_is_one_for_whoever_is_brought_in(world: World) -> None:
    maria, tom, person, _ = await _paired(world)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])

    await world.say(chat, tom, "just us")
    room, said = await world.read(person, "just us")
    await world.looked_at()  # Only now there is a room to be looked at.

    path = f"user/{quote(person.user)}/account_data/m.direct"
    assert await person.call("GET", path) == {said.sender: [room]}


async def test_two_people_whom_the_rule_gives_one_account_have_their_ghosts(world: World) -> None:
    maria, tom, person, chat = await _paired(world)
    await world.say(chat, maria, "alone")
    room, _ = await _own(person, "alone")
    number = person.user[1:].partition(":")[0]
    await PeopleClient(world.tenant).set_profile(tom.id, employeeId=number.upper())
    await world.stop()
    await world.forget_pairings()
    await world.start()

    await world.say(chat, tom, "also me?")
    await world.read(person, "also me?")
    await world.say(chat, maria, "no longer sure")
    _, said = await world.read(person, "no longer sure")

    assert said.sender == world.slot.ghost(maria.id)
    assert {line["reason"] for line in world.said("heard by their ghost")} == {"ambiguous"}
    assert await world.texts_in_matrix(person, room)


async def test_whose_account_was_deactivated_is_heard_by_their_ghost(world: World) -> None:
    maria, tom, person, chat = await _paired(world)
    reader = await world.signed_in("reader", tom)
    await world.say(chat, maria, "still here")
    await world.read(reader, "still here")
    auth = {"type": "m.login.password", "password": PASSWORD}
    auth |= {"identifier": {"type": "m.id.user", "user": person.user}}  # type: ignore[dict-item]
    await person.call("POST", "account/deactivate", {"auth": auth})

    await world.say(chat, maria, "only in Teams now")
    _, said = await world.read(reader, "only in Teams now")

    assert said.sender == world.slot.ghost(maria.id)


async def _paired(world: World) -> tuple[Person, Person, MatrixPerson, str]:
    """Somebody of Teams whose account the rule names, somebody without, and their chat."""
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.person("maria")
    number = person.user[1:].partition(":")[0]
    await PeopleClient(world.tenant).set_profile(maria.id, employeeId=number)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Changes")
    return maria, tom, person, chat


async def _own(person: MatrixPerson, text: str) -> tuple[str, str]:
    """Wait until a person sees a message of their own; return its room and the message."""

    def found() -> list[tuple[str, str]]:
        return [
            (room, said.id)
            for room, messages in person.rooms.items()
            for said in messages
            if said.body == text and said.sender == person.user
        ]

    await person.wait_for(lambda: bool(found()), ARRIVAL, repr(text))
    return found()[0]


async def _events(person: MatrixPerson, room: str) -> list[Json]:
    found: list[Json] = (await person.call("GET", f"rooms/{quote(room)}/messages?dir=b&limit=200"))[
        "chunk"
    ]
    return found


async def _any(person: MatrixPerson, room: str, what: Callable[[Json], bool]) -> bool:
    return any(what(event) for event in await _events(person, room))


async def _is_related(person: MatrixPerson, room: str, event: str, kind: str) -> bool:
    def relates(one: Json) -> bool:
        relation = one["content"].get("m.relates_to", {})
        is_theirs = one["sender"] == person.user
        return is_theirs and (relation.get("rel_type"), relation.get("event_id")) == (kind, event)

    return await _any(person, room, relates)


async def _are_redacted_by_themselves(person: MatrixPerson, room: str, count: int) -> bool:
    events = await _events(person, room)
    redactions = [e for e in events if e["type"] == "m.room.redaction"]
    return [e["sender"] for e in redactions] == [person.user] * count


async def _is_redacted_by_themselves(person: MatrixPerson, room: str, event: str) -> bool:
    found = await person.call("GET", f"rooms/{quote(room)}/event/{quote(event)}")
    because = found.get("unsigned", {}).get("redacted_because", {})
    return bool(because.get("sender") == person.user)


async def _edit(person: MatrixPerson, room: str, event: str, text: str) -> None:
    new = {"msgtype": "m.text", "body": text}
    relation = {"rel_type": "m.replace", "event_id": event}
    await person.say(room, f"* {text}", **{"m.new_content": new, "m.relates_to": relation})


async def _redact(person: MatrixPerson, room: str, event: str) -> None:
    await person.call("PUT", f"rooms/{quote(room)}/redact/{quote(event)}/{uuid4()}", {})


def _says_it_stays(event: Json) -> bool:
    return "stays whole" in event["content"].get("body", "")


def _is_picture(event: Json) -> bool:
    return bool(event["content"].get("msgtype") == "m.image")


async def _is_deleted(world: World, chat: str, ref: str) -> bool:
    found = next(one for one in await world.messages(chat) if one["id"] == ref)
    return found.get("deletedDateTime") is not None


def _replaces(event: Json) -> bool:
    relation = event["content"].get("m.relates_to", {})
    return bool(relation.get("rel_type") == "m.replace")


async def _is_edited_to(person: MatrixPerson, room: str, text: str) -> bool:
    return await _any(
        person, room, lambda e: _replaces(e) and e["content"]["m.new_content"]["body"] == text
    )


async def _content(world: World, chat: str, ref: str) -> str:
    found = next(one for one in await world.messages(chat) if one["id"] == ref)
    return str(found["body"]["content"])


async def _watches(world: World, person: Person) -> list[Json]:
    found = await world.tenant.subscriptions()
    return [one for one in found if f"/users/{person.id}/chats?" in str(one["resource"])]


async def _is_watched(world: World, person: Person) -> bool:
    return len(await _watches(world, person)) == 1


async def _is_not_watched(world: World, person: Person) -> bool:
    return await _watches(world, person) == []


async def _has_read(person: MatrixPerson, room: str, event: str) -> bool:
    path = f"user/{quote(person.user)}/rooms/{quote(room)}/account_data/m.fully_read"
    try:
        return bool((await person.call("GET", path))["event_id"] == event)
    except PersonError:  # Nothing is marked yet.
        return False


async def _has_tag(person: MatrixPerson, room: str) -> bool:
    found = await person.call("GET", f"user/{quote(person.user)}/rooms/{quote(room)}/tags")
    return "m.lowpriority" in found["tags"]


async def _lacks_tag(person: MatrixPerson, room: str) -> bool:
    return not await _has_tag(person, room)


async def _marks(world: World) -> list[Json]:
    asked = await world.tenant.requests()
    return [one for one in asked if str(one["path"]).endswith("/markChatReadForUser")]


def _results(world: World, what: str, result: str) -> float:
    return world.bridge.metric(f"teams_bridge_{what}_total", result=result)
