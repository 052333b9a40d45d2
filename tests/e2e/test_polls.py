"""Polls of Matrix: asked in Teams, their results said there, and places that somebody shows."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.script import text_of
from tests.kit.e2e_world import World

POLL = "org.matrix.msc3381.poll"
ANSWERS = {"p": "Pizza 🍕", "s": "Salad"}


async def send(who: MatrixPerson, room: str, kind: str, content: dict[str, Any]) -> str:
    path = f"rooms/{quote(room)}/send/{kind}/{secrets.token_hex(8)}"
    return str((await who.call("PUT", path, content))["event_id"])


def start(question: str) -> dict[str, Any]:
    """As Element sends it."""
    answers = [{"id": id_, "org.matrix.msc1767.text": text} for id_, text in ANSWERS.items()]
    asked = {"question": {"org.matrix.msc1767.text": question}, "answers": answers}
    return {f"{POLL}.start": {**asked, "max_selections": 1}, "org.matrix.msc1767.text": question}


def about(poll: str, **more: object) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.reference", "event_id": poll}, **more}


async def vote(who: MatrixPerson, room: str, poll: str, answer: str) -> None:
    await send(
        who, room, f"{POLL}.response", about(poll, **{f"{POLL}.response": {"answers": [answer]}})
    )


async def end(who: MatrixPerson, room: str, poll: str) -> str:
    content = about(poll, **{f"{POLL}.end": {}, "org.matrix.msc1767.text": "It has ended."})
    return await send(who, room, f"{POLL}.end", content)


async def test_a_poll_is_asked_in_teams_and_its_result_said_as_an_answer(world: World) -> None:
    maria, tom, eva = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Eva Lang")
    writer = await world.signed_in("maria", maria)
    other = await world.signed_in("eva", eva)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id, eva.id], topic="Lunch")
    room = await world.opened(chat, tom, writer)
    await world.read(other, f"the first message of {chat}")

    poll = await send(writer, room, f"{POLL}.start", start("Lunch?"))
    await vote(other, room, poll, "p")
    await vote(other, room, poll, "s")
    await vote(writer, room, poll, "s")
    await end(other, room, poll)  # Whoever did not begin it cannot end it.
    await end(writer, room, poll)
    await end(writer, room, poll)
    await vote(other, room, poll, "p")
    await writer.say(room, "the end")

    await world.read_in_teams(chat, "the end")
    asked, result, last = (await world.messages(chat))[1:]
    content = asked["body"]["content"]
    assert "Poll: <strong>Lunch?</strong><ol><li>Pizza 🍕</li><li>Salad</li></ol>" in content
    assert "Votes are cast in Matrix." in content
    answered = result["body"]["content"]
    assert "Poll ended: <strong>Lunch?</strong>" in answered
    assert "<li>Pizza 🍕: 0 votes</li><li><strong>Salad: 2 votes</strong></li>" in answered
    assert "2 people voted." in answered
    [quoted] = result["attachments"]
    assert (quoted["contentType"], quoted["id"]) == ("messageReference", asked["id"])
    assert text_of(last) == "the end"


async def test_a_place_is_a_link_to_a_map_in_teams(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    writer = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Where")
    room = await world.opened(chat, tom, writer)

    await writer.say(room, "Café Hawelka", msgtype="m.location", geo_uri="geo:48.2077,16.3691")
    await writer.say(room, "waves", msgtype="m.emote")
    await writer.say(room, "who did it", **hidden("<span data-mx-spoiler='film'>the butler</span>"))
    await writer.say(room, "the end")

    await world.read_in_teams(chat, "the end")
    place, emote, spoiler = (m["body"]["content"] for m in (await world.messages(chat))[1:-1])
    assert "📍 Café Hawelka" in place
    assert 'href="https://www.openstreetmap.org/?mlat=48.2077&amp;mlon=16.3691#map=' in place
    assert "waves</em>" in emote
    assert "[spoiler: film] <span" in spoiler
    assert "the butler" in spoiler


def hidden(html: str) -> dict[str, str]:
    return {"format": "org.matrix.custom.html", "formatted_body": html}
