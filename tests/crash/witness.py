"""What both sides hold, as they say it themselves: the tenant's list, the homeserver's /messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.script import text_of
from tests.crash.plan import Phase
from tests.crash.stage import Chat
from tests.crash.verdict import Crossing, Direction, Seen
from tests.crash.voices import Voice
from tests.kit.e2e_world import World

PAGE = 500
REORDERED_WITHIN = timedelta(seconds=1)
"""By how much a notification may be later than its neighbours while the tenant reorders."""


async def crossings(world: World, phase: Phase, voices: Sequence[Voice]) -> list[Crossing]:
    """Read every chat on both sides; one crossing for each voice.

    Raises:
        PersonError: The homeserver refused.
        aiohttp.ClientError: A side could not be reached.
    """
    sides = {voice.chat.name: await _both_sides(world, voice.chat) for voice in voices}
    made = []
    for voice in voices:
        teams, matrix = sides[voice.chat.name]
        outward = voice.direction is Direction.TEAMS_TO_MATRIX
        reordered = phase.reordering and outward
        made.append(
            Crossing(
                chat=voice.chat.name,
                direction=voice.direction,
                sent=tuple(voice.sent),
                origin=teams if outward else matrix,
                target=matrix if outward else teams,
                reordered_within=REORDERED_WITHIN if reordered else timedelta(0),
            )
        )
    return made


async def _both_sides(world: World, chat: Chat) -> tuple[list[Seen], list[Seen]]:
    teams = [
        Seen(
            text=text_of(message),
            author=str(message["from"]["user"]["id"]),
            id=str(message["id"]),
            at_ms=_milliseconds(str(message["createdDateTime"])),
        )
        for message in await world.messages(chat.id)
    ]
    return teams, await in_room(chat.matrix_people[0], chat.room)


async def in_room(reader: MatrixPerson, room: str) -> list[Seen]:
    """Every message of a room, oldest first, however many pages they are."""
    found: list[Seen] = []
    start: str | None = ""
    while start is not None:
        since = f"&from={quote(start)}" if start else ""
        page = await reader.call("GET", f"rooms/{quote(room)}/messages?dir=f&limit={PAGE}{since}")
        found += [
            Seen(
                text=str(event["content"]["body"]),
                author=event["sender"],
                id=event["event_id"],
                at_ms=event["origin_server_ts"],
            )
            for event in page["chunk"]
            if event["type"] == "m.room.message" and "body" in event["content"]
        ]
        start = page.get("end")
    return found


def _milliseconds(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)
