"""Who talks while everything is being killed: on either side of each chat one at a time.

A voice says bursts and rests. It takes turns among the people of its side, and says nothing new
before the last message was taken: so the order in which its side took them is beyond doubt. A Matrix
client repeats its PUT under the same transaction id until it is answered; a message of Teams is sent
when the tenant took it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from urllib.parse import quote

import aiohttp

from bridge.app.clock import SystemClock
from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.tenant.client import ControlledTenant
from tests.crash.plan import Phase
from tests.crash.stage import Chat
from tests.crash.verdict import Direction, Sent

BURST_MAX = 6
REST_MAX = timedelta(seconds=6)
ANSWER_LIMIT = timedelta(seconds=10)
"""After this a client hangs up and repeats."""
REPEAT_AFTER = timedelta(milliseconds=500)
REPEAT_FOR = timedelta(minutes=2)
"""After this a client shows the message as not sent."""
WORDS = ("budget", "draft", "meeting", "number", "question", "answer", "list", "reason")


@dataclass(slots=True, kw_only=True)
class Voice:
    """One side of one chat. `say` returns the message's id, or None if it was never taken."""

    chat: Chat
    direction: Direction
    say: Callable[[str, int, Random], Awaitable[Sent]]
    draw: Random
    sent: list[Sent] = field(default_factory=list)

    async def speak(self, phase: Phase, over: asyncio.Event) -> None:
        """Say bursts until it is over; what was begun is brought to its end."""
        while not over.is_set():
            for _ in range(self.draw.randint(1, BURST_MAX)):
                number = len(self.sent) + 1
                word = self.draw.choice(WORDS)
                text = f"phase {phase.number} {self.direction} {self.chat.name} {number:05} {word}"
                self.sent.append(await self.say(text, number, self.draw))
            rest = REST_MAX * self.draw.uniform(0, 1)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest.total_seconds()):
                    await over.wait()


def voices(chats: tuple[Chat, ...], tenant: ControlledTenant, phase: Phase) -> list[Voice]:
    """Two for each chat."""
    made = []
    for chat in chats:
        for direction in Direction:
            seed = f"{phase.seed}/{chat.name}/{direction}"
            made.append(
                Voice(
                    chat=chat,
                    direction=direction,
                    say=_sayer(chat, direction, tenant),
                    draw=Random(seed),  # noqa: S311 -- a run must be replayable
                )
            )
    return made


def _sayer(
    chat: Chat, direction: Direction, tenant: ControlledTenant
) -> Callable[[str, int, Random], Awaitable[Sent]]:
    async def in_teams(text: str, _number: int, draw: Random) -> Sent:
        who = draw.choice(chat.teams_people)
        taken = await tenant.type(chat.id, who.id, text, content_type="text")
        return Sent(text=text, author=who.id, id=taken)

    async def in_matrix(text: str, number: int, draw: Random) -> Sent:
        who = draw.choice(chat.matrix_people)
        transaction = f"{number}-{draw.getrandbits(64):016x}"
        taken = await put_until_answered(who, chat.room, text, transaction)
        return Sent(text=text, author=who.user, id=taken)

    return in_teams if direction is Direction.TEAMS_TO_MATRIX else in_matrix


async def put_until_answered(
    who: MatrixPerson, room: str, text: str, transaction: str
) -> str | None:
    """Repeat the same request until the homeserver has taken it; return the event's id."""
    path = f"rooms/{quote(room)}/send/m.room.message/{transaction}"
    content = {"msgtype": "m.text", "body": text}
    clock = SystemClock()
    give_up_at = clock.now() + REPEAT_FOR
    while clock.now() < give_up_at:
        try:
            async with asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                return str((await who.call("PUT", path, content))["event_id"])
        except (PersonError, aiohttp.ClientError, ConnectionError, TimeoutError):
            await clock.sleep(REPEAT_AFTER)
    return None
