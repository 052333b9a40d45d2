"""What the homeserver is asked, as whom, and what becomes of answers that make no sense."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson
import pytest

from bridge.domain.ids import RoomId, UserId
from bridge.errors import Uncertain
from bridge.matrix.client import Client, NewRoom
from bridge.matrix.connection import Connection

BOT, ROOM = UserId("@bot:example.org"), RoomId("!room:example.org")
ROOT = "/_matrix/client"
AS_BOT = "user_id=%40bot%3Aexample.org"


class Homeserver:
    """Answers what it is told; `asked` is method, target and body of every request."""

    def __init__(self, answer: object) -> None:
        self.raw = orjson.dumps(answer)
        self.asked: list[tuple[str, str, Any]] = []

    async def exchange(self, method: str, target: str, body: bytes | None, **_: object) -> bytes:
        self.asked.append((str(method), target, None if body is None else orjson.loads(body)))
        return self.raw


def client_of(answer: object) -> tuple[Client, Homeserver]:
    homeserver = Homeserver(answer)
    return Client(cast("Connection", homeserver), bot=BOT), homeserver


async def test_a_room_is_asked_for_with_what_was_said_about_it() -> None:
    client, homeserver = client_of({"room_id": ROOM})
    room = NewRoom(alias="teams_1", name="Team", invite=(UserId("@maria:example.org"),))

    assert await client.create_room(room) == ROOM

    [(method, target, body)] = homeserver.asked
    assert (method, target) == ("POST", f"{ROOT}/v3/createRoom?{AS_BOT}")
    assert body == {
        "visibility": "private",
        "preset": "private_chat",
        "is_direct": False,
        "room_alias_name": "teams_1",
        "name": "Team",
        "invite": ["@maria:example.org"],
        "initial_state": [{"type": "m.room.canonical_alias", "state_key": "", "content": {}}],
    }


async def test_the_service_speaks_for_itself_and_for_others() -> None:
    client, homeserver = client_of({"user_id": BOT, "device_id": "TEAMS", "versions": ["v1.11"]})

    assert await client.versions() == ("v1.11",)
    await client.prove_token()
    assert await client.whoami(BOT, "TEAMS") == "TEAMS"

    assert [target for _, target, _ in homeserver.asked] == [
        f"{ROOT}/versions?",
        f"{ROOT}/v3/account/whoami?",
        f"{ROOT}/v3/account/whoami?{AS_BOT}&device_id=TEAMS",
    ]


async def test_what_changes_something_says_what() -> None:
    client, homeserver = client_of({"room_id": ROOM})

    await client.put_device(BOT, "TEAMS", "Bridge")
    await client.set_display_name(BOT, "Bot")
    await client.drop_alias("teams_1")
    await client.invite(ROOM, UserId("@maria:example.org"))
    await client.join(ROOM)
    await client.leave(ROOM)

    room = f"{ROOT}/v3/rooms/%21room%3Aexample.org"
    assert homeserver.asked == [
        ("PUT", f"{ROOT}/v3/devices/TEAMS?{AS_BOT}", {"display_name": "Bridge"}),
        (
            "PUT",
            f"{ROOT}/v3/profile/%40bot%3Aexample.org/displayname?{AS_BOT}",
            {"displayname": "Bot"},
        ),
        ("DELETE", f"{ROOT}/v3/directory/room/%23teams_1%3Aexample.org?{AS_BOT}", {}),
        ("POST", f"{room}/invite?{AS_BOT}", {"user_id": "@maria:example.org"}),
        ("POST", f"{room}/join?{AS_BOT}", {}),
        ("POST", f"{room}/leave?{AS_BOT}", {}),
    ]


Question = Callable[[Client], Awaitable[object]]
QUESTIONS: tuple[Question, ...] = (
    Client.versions,
    Client.prove_token,
    Client.joined_rooms,
    lambda client: client.create_room(NewRoom(alias="a", name=None)),
    lambda client: client.resolve("#a:example.org"),
    lambda client: client.join(ROOM),
    lambda client: client.members(ROOM),
)


@pytest.mark.parametrize("answer", [{}, [], None, "yes"])
@pytest.mark.parametrize("ask", QUESTIONS)
async def test_an_answer_that_makes_no_sense_is_uncertain(ask: Question, answer: object) -> None:
    client, _ = client_of(answer)
    with pytest.raises(Uncertain):
        await ask(client)


async def test_an_answer_that_is_no_json_is_uncertain() -> None:
    client, homeserver = client_of({})
    homeserver.raw = b"<html>"
    with pytest.raises(Uncertain, match="no JSON"):
        await client.members(ROOM)


async def test_lists_are_read() -> None:
    client, _ = client_of({"joined": {BOT: {}}, "joined_rooms": [ROOM], "room_id": ROOM})

    assert await client.members(ROOM) == {BOT}
    assert await client.joined_rooms() == (ROOM,)
    assert await client.resolve("#a:example.org") == ROOM


async def test_who_joins_while_their_picture_changes_is_shown_with_it_there_too() -> None:
    client, homeserver = client_of({"room_id": ROOM})
    maria, inside, go_on = UserId("@maria:example.org"), asyncio.Event(), asyncio.Event()
    answer = homeserver.exchange

    async def slow_to_join(method: str, target: str, body: bytes | None, **how: object) -> bytes:
        found = await answer(method, target, body, **how)
        if "/join" in target:
            inside.set()
            await go_on.wait()
        return found

    homeserver.exchange = slow_to_join  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.join(ROOM, maria))
        await inside.wait()
        tasks.create_task(client.set_avatar(maria, "mxc://example.org/face"))
        while len(homeserver.asked) < 2:
            await asyncio.tasks.sleep(0)
        go_on.set()
    pictures = [body for _, target, body in homeserver.asked if "avatar_url" in target]
    assert pictures == [{"avatar_url": "mxc://example.org/face"}] * 2
