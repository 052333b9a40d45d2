"""What happens to a message after it was said: edited, taken back, reacted to, answered; both ways."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant.client import Person
from tests.kit.e2e_world import World, eventually

Json = dict[str, Any]


async def test_what_happens_to_a_message_in_teams_happens_in_matrix(world: World) -> None:
    maria, tom, person, chat, room = await _people(world)
    said = await world.say(chat, tom, "first words")
    await world.read(person, "first words")
    event = next(s.id for s in await person.history(room) if s.body == "first words")

    await world.tenant.edit(chat, said, "other words")
    await world.tenant.react(chat, said, maria.id, "👍")
    await eventually(lambda: _shows(person, room, event, "m.replace"), "the edit")
    await eventually(lambda: _shows(person, room, event, "m.annotation"), "the reaction")

    await world.tenant.delete(chat, said)
    await eventually(lambda: _is_redacted(person, room, event), "the deletion")
    await world.at_rest()


async def test_what_happens_to_a_message_in_matrix_happens_in_teams(world: World) -> None:
    _, _, person, chat, room = await _people(world)
    event = await person.say(room, "first words")
    await world.read_in_teams(chat, "first words")

    new = {"msgtype": "m.text", "body": "other words"}
    relation = {"rel_type": "m.replace", "event_id": event}
    await person.say(room, "* other words", **{"m.new_content": new, "m.relates_to": relation})
    [changed] = await world.read_in_teams(chat, "other words")
    assert changed["lastEditedDateTime"] is not None

    annotation = {"rel_type": "m.annotation", "event_id": event, "key": "👍"}
    path = f"rooms/{quote(room)}/send/m.reaction/reaction"
    await person.call("PUT", path, {"m.relates_to": annotation})
    await eventually(lambda: _has(world, chat, changed["id"], "reactions"), "the reaction")

    await person.call("PUT", f"rooms/{quote(room)}/redact/{quote(event)}/redaction", {})
    await eventually(lambda: _has(world, chat, changed["id"], "deletedDateTime"), "the deletion")
    await world.at_rest()
    assert len([m for m in await world.messages(chat) if m["id"] == changed["id"]]) == 1


async def test_an_answer_answers_the_same_message_on_the_other_side(world: World) -> None:
    _, _, person, chat, room = await _people(world)
    event = await person.say(room, "a question")
    [question] = await world.read_in_teams(chat, "a question")

    await person.say(room, "an answer", **{"m.relates_to": {"m.in_reply_to": {"event_id": event}}})

    async def is_answered() -> bool:
        return any(
            attachment.get("id") == question["id"]
            for message in await world.messages(chat)
            for attachment in message["attachments"]
        )

    await eventually(is_answered, "the answer to quote the question")


async def _people(world: World) -> tuple[Person, Person, MatrixPerson, str, str]:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Changes")
    room = await world.opened(chat, tom, person)
    return maria, tom, person, chat, room


async def _shows(person: MatrixPerson, room: str, event: str, relation: str) -> bool:
    path = f"rooms/{quote(room)}/context/{quote(event)}?limit=50"
    around = await person.call("GET", path)
    relations = [e["content"].get("m.relates_to", {}) for e in around["events_after"]]
    return any((r.get("rel_type"), r.get("event_id")) == (relation, event) for r in relations)


async def _is_redacted(person: MatrixPerson, room: str, event: str) -> bool:
    found = await person.call("GET", f"rooms/{quote(room)}/event/{quote(event)}")
    return "redacted_because" in found.get("unsigned", {})


async def _has(world: World, chat: str, message: str, what: str) -> bool:
    found: list[Json] = await world.messages(chat)
    return any(bool(m[what]) for m in found if m["id"] == message)
