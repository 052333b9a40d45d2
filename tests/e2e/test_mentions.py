"""Who is called on one side is called on the other: people, everyone, a bot; and hears it."""

from __future__ import annotations

from typing import Any

from bridge.sandbox.people import MatrixPerson, Said
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import Person
from tests.kit.e2e_world import World, eventually

Json = dict[str, Any]


async def test_who_is_called_in_teams_is_called_in_matrix(world: World) -> None:
    maria, tom, miguel, person, chat, room = await _people(world)
    ghost = world.slot.ghost(miguel.id)

    await kinds.say(world.tenant, chat, "mention_user", user=tom.id, mentioned=maria.id)
    await kinds.say(world.tenant, chat, "mention_split", user=tom.id, mentioned=miguel.id)
    await kinds.say(world.tenant, chat, "mention_everyone", user=tom.id)
    await kinds.say(world.tenant, chat, "mention_tag", user=tom.id)
    await kinds.say(world.tenant, chat, "mention_bot", user=tom.id)
    await world.say(chat, tom, "the end")
    await world.read(person, "the end")

    hers, his, all_, tag, bot, _ = (await person.history(room))[1:]
    assert hers.content["m.mentions"] == {"user_ids": [person.user]}
    assert hers.html == f'<a href="https://matrix.to/#/{person.user}">Maria Rossi</a> hello'
    assert his.content["m.mentions"] == {"user_ids": [ghost]}
    assert his.html == f'<a href="https://matrix.to/#/{ghost}">Miguel De La Cruz</a> hello'
    assert all_.content["m.mentions"] == {"room": True}
    assert all_.body == "@Everyone hello"
    assert (tag.content["m.mentions"], tag.body) == ({}, "@Shift leads hello")
    [helper] = bot.content["m.mentions"]["user_ids"]
    assert world.slot.ghost_prefix in helper
    assert await _highlighted(person) == {hers.id, all_.id}
    for what in ("tag_mention", "app_mention"):
        assert world.bridge.metric("teams_bridge_losses_total", side="teams", what=what) == 1


async def test_who_is_called_in_matrix_is_called_in_teams(world: World) -> None:
    maria, tom, miguel, person, chat, room = await _people(world)
    other = await world.signed_in("tom", tom)
    names = {
        tom.id: _pill(other.user, "Tom"),
        miguel.id: _pill(world.slot.ghost(miguel.id), "Miguel De La Cruz (Teams)"),
    }
    users = [other.user, world.slot.ghost(miguel.id)]
    await person.say(
        room,
        "Tom, Miguel, @room: tea",
        format="org.matrix.custom.html",
        formatted_body=f"{', '.join(names.values())}, @room: tea",
        **{"m.mentions": {"user_ids": users, "room": True}},
    )
    await person.say(room, "the end")
    await world.read_in_teams(chat, "the end")

    said = next(m for m in await world.messages(chat) if "tea" in m["body"]["content"])
    assert [_called(m) for m in said["mentions"]] == [
        ("Tom", tom.id),
        ("Miguel De La Cruz", miguel.id),
        ("Everyone", chat),
    ]
    assert maria.id not in str(said["mentions"])


async def test_an_edit_calls_whom_it_adds(world: World) -> None:
    maria, tom, _, person, chat, room = await _people(world)
    said = await world.say(chat, tom, "hello")
    await world.read(person, "hello")

    at = '<p><at id="0">Maria Rossi</at> hello</p>'
    user = {"id": maria.id, "displayName": "Maria Rossi", "userIdentityType": "aadUser"}
    mentions = [{"id": 0, "mentionText": "Maria Rossi", "mentioned": {"user": user}}]
    await world.tenant.edit(chat, said, at, mentions=mentions)
    first = await _edits(person, room, 1)
    assert first[0].content["m.mentions"] == {"user_ids": [person.user]}

    await world.tenant.edit(chat, said, at.replace("hello", "hello again"), mentions=mentions)
    _, second = await _edits(person, room, 2)
    assert second.content["m.mentions"] == {}
    assert second.content["m.new_content"]["m.mentions"] == {"user_ids": [person.user]}


async def _people(world: World) -> tuple[Person, Person, Person, MatrixPerson, str, str]:
    maria, tom, miguel = await world.tenant.add_users(
        "Maria Rossi", "Tom Novák", "Miguel De La Cruz"
    )
    person = await world.signed_in("maria", maria)
    ids = [maria.id, tom.id, miguel.id]
    chat = await world.tenant.create_chat("group", ids, topic="Calls")
    room = await world.opened(chat, tom, person)
    return maria, tom, miguel, person, chat, room


async def _edits(person: MatrixPerson, room: str, count: int) -> list[Said]:
    found: list[Said] = []

    async def are_there() -> bool:
        found[:] = [s for s in await person.history(room) if "m.new_content" in s.content]
        return len(found) >= count

    await eventually(are_there, f"{count} edits")
    return found


async def _highlighted(person: MatrixPerson) -> set[str]:
    found = await person.call("GET", "notifications?only=highlight&limit=50")
    return {str(one["event"]["event_id"]) for one in found["notifications"]}


def _pill(user: str, name: str) -> str:
    return f'<a href="https://matrix.to/#/{user}">{name}</a>'


def _called(mention: Json) -> tuple[str, str]:
    mentioned = mention["mentioned"]
    return mention["mentionText"], (mentioned["user"] or mentioned["conversation"])["id"]
