"""Rooms that people made themselves, and the bot in them: for the tests of what is bridged with what."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from tests.kit.e2e_world import ARRIVAL, World, eventually

Json = dict[str, Any]
PREFIX = "!teams"


def link_to(chat: str, tenant: str = "") -> str:
    """Return the link to a chat, as Teams gives it."""
    end = f"?tenantId={tenant}" if tenant else ""
    return f"https://teams.microsoft.com/l/chat/{quote(chat, safe='')}/0{end}"


async def make_room(person: MatrixPerson, *others: str, **wish: object) -> str:
    """Have somebody make a private room, with whom they want."""
    settings: Json = {"preset": "private_chat", "name": "By hand", "invite": list(others)}
    return str((await person.call("POST", "createRoom", settings | wish))["room_id"])


async def with_bot(world: World, person: MatrixPerson, *others: str, **wish: object) -> str:
    """Have somebody make a room, invite the bot, and give it the rights it needs."""
    room = await make_room(person, world.bot, *others, **wish)
    await person.wait_for(lambda: bool(person.rooms.get(room)), ARRIVAL, "the bot to greet")
    await give_power(person, room, world.bot, 50)
    return room


async def give_power(person: MatrixPerson, room: str, user: str, level: int) -> None:
    path = f"rooms/{quote(room)}/state/m.room.power_levels"
    levels = await person.call("GET", path)
    await person.call("PUT", path, levels | {"users": {**levels["users"], user: level}})


async def command(person: MatrixPerson, room: str, words: str) -> str:
    """Write a command in a room with others; return the answer."""
    return (await person.ask(room, f"{PREFIX} {words}", ARRIVAL)).body


async def members_of(person: MatrixPerson, room: str) -> set[str]:
    """Return who is in a room now."""
    found = await person.call("GET", f"rooms/{quote(room)}/joined_members")
    return set(found["joined"])


async def put_state(person: MatrixPerson, room: str, kind: str, content: Json) -> str:
    """Set a state event; return its id."""
    path = f"rooms/{quote(room)}/state/{kind}"
    return str((await person.call("PUT", path, content))["event_id"])


async def redact(person: MatrixPerson, room: str, event: str) -> None:
    path = f"rooms/{quote(room)}/redact/{quote(event)}/{secrets.token_hex(8)}"
    await person.call("PUT", path, {})


async def is_ignored(world: World, reason: str) -> None:
    """Wait until the bridge has said that it does not follow a room, and why."""

    def is_said() -> bool:
        return any(line["reason"] == reason for line in world.said("room not followed"))

    await eventually(is_said, f"the log to say {reason}")
