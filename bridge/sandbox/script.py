"""The fixed conversation of `make demo ARGS=--script`, and what became of it.

Each step is said on one side and waited for on the other; then both sides are read once more, as
the tenant and the homeserver have them, and compared: everything exactly once, and in order.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any, Literal, cast

from bridge.sandbox.people import MatrixPerson, PersonError, Said
from bridge.sandbox.scene import Chat, Scene

ARRIVAL_LIMIT = timedelta(seconds=30)
Direction = Literal["teams_to_matrix", "matrix_to_teams"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message: in which chat (by number), from whom (by number on their side)."""

    direction: Direction
    chat: int
    who: int
    text: str
    html: str | None = None


def _teams(chat: int, who: int, text: str, html: str | None = None) -> Step:
    return Step(direction="teams_to_matrix", chat=chat, who=who, text=text, html=html)


def _matrix(chat: int, who: int, text: str, html: str | None = None) -> Step:
    return Step(direction="matrix_to_teams", chat=chat, who=who, text=text, html=html)


SCRIPT: tuple[Step, ...] = (
    _teams(0, 2, "Hello Maria, are you on Matrix already?"),
    _matrix(0, 0, "Yes, since this morning. You read me in Teams as always."),
    _teams(1, 3, "The draft is ready.", "<p>The <strong>draft</strong> is <em>ready</em>.</p>"),
    _matrix(1, 1, "Thank you Tom, I read it now.", "Thank you <b>Tom</b>, I read it now."),
    _teams(1, 2, "Numbers < 5 & > 3 need a check: 2 + 2 = 4 ✅"),
    _matrix(1, 0, "Both sides agree: 1 < 2 & 3 > 2 🎉"),
    _teams(2, 3, "The meeting starts."),
    _matrix(2, 1, "I am there."),
    _teams(0, 2, "Perfect."),
    _matrix(0, 0, "See you tomorrow."),
)
BURST = 5


@dataclass(slots=True, kw_only=True)
class Tally:
    """One direction's messages: what was sent, per chat in order, and how long each took."""

    sent: list[tuple[int, str]] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    arrived: int = 0
    faults: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures; `p50_ms` is from sending to being seen."""
        median = round(statistics.median(self.took_ms), 1) if self.took_ms else None
        return {"sent": len(self.sent), "arrived": self.arrived, "p50_ms": median}


class Play:
    """One performance of the script."""

    def __init__(self, scene: Scene, tell: Callable[[str], None]) -> None:
        self.scene = scene
        self.tell = tell
        self.rooms: dict[int, str] = {}
        self.tallies: dict[Direction, Tally] = {
            "teams_to_matrix": Tally(),
            "matrix_to_teams": Tally(),
        }

    async def perform(self) -> bool:
        """Play everything; return whether all arrived exactly once and in order."""
        steps = [*SCRIPT, *self._burst()]
        try:
            for number, step in enumerate(steps, start=1):
                self.tell(f"\n{number:2}/{len(steps)}  {self.scene.chats[step.chat].name}")
                await self._play(step)
            await self._play_at_once()
        except PersonError as error:
            self.tell(f"      NOT ARRIVED: {error}")
        await self._compare()
        self.tell("")
        self.tell(json.dumps({k: tally.summary() for k, tally in self.tallies.items()}))
        return all(
            not tally.faults and tally.arrived == len(tally.sent) for tally in self.tallies.values()
        )

    def _burst(self) -> list[Step]:
        return [
            step
            for n in range(1, BURST + 1)
            for step in (
                _teams(1, n % 4, f"Point {n} of the list"),
                _matrix(2, n % 2, f"Answer {n} of the list"),
            )
        ]

    async def _play(self, step: Step) -> None:
        if step.direction == "teams_to_matrix":
            await self._from_teams(step)
        else:
            await self._from_matrix(step)

    async def _from_teams(self, step: Step) -> None:
        chat = self.scene.chats[step.chat]
        author = self.scene.teams_people[step.who]
        tally = self.tallies["teams_to_matrix"]
        self.tell(f"       Teams   {author.display_name}: {step.text}")
        content, kind = (step.html, "html") if step.html else (step.text, "text")
        tally.sent.append((step.chat, step.text))
        started = time.perf_counter()
        await self.scene.tenant.type(chat.id, author.id, content, content_type=kind)
        said = await self._seen_in_matrix(step)
        tally.took_ms.append((time.perf_counter() - started) * 1000)
        self.tell(f"       Matrix  {said.sender}: {said.body}")

    async def _seen_in_matrix(self, step: Step) -> Said:
        reader = self._reader
        # With double puppets what she has said in Teams is her own in Matrix, too.
        is_own = bool(self.scene.bridge.wiring.double_puppets)

        def found() -> Said | None:
            rooms = [self.rooms[step.chat]] if step.chat in self.rooms else list(reader.rooms)
            for room in rooms:
                for said in reader.rooms.get(room, []):
                    if said.body == step.text and (is_own or said.sender != reader.user):
                        self.rooms[step.chat] = room
                        return said
            return None

        await reader.wait_for(lambda: found() is not None, ARRIVAL_LIMIT, repr(step.text))
        said = found()
        if said is None:
            raise PersonError(f"{step.text!r} vanished")  # noqa: EM102 - names the message
        return said

    async def _from_matrix(self, step: Step) -> None:
        writer = self.scene.matrix_people[step.who]
        chat = self.scene.chats[step.chat]
        room = self.rooms[step.chat]
        await writer.wait_for(
            lambda: writer.user in writer.members.get(room, set()), ARRIVAL_LIMIT, "an invitation"
        )
        tally = self.tallies["matrix_to_teams"]
        self.tell(f"       Matrix  {writer.user}: {step.text}")
        more = {"format": "org.matrix.custom.html", "formatted_body": step.html}
        tally.sent.append((step.chat, step.text))
        started = time.perf_counter()
        await writer.say(room, step.text, **(more if step.html else {}))
        message = await self._seen_in_teams(chat, step)
        tally.took_ms.append((time.perf_counter() - started) * 1000)
        self.tell(f"       Teams   {_author(message)}: {text_of(message)}")
        expected = self.scene.linked[writer.user].id
        if message["from"]["user"]["id"] != expected:
            tally.faults.append(f"{step.text!r} was not said by {expected}")

    async def _seen_in_teams(self, chat: Chat, step: Step) -> dict[str, Any]:
        seen = 0
        try:
            async with asyncio.timeout(ARRIVAL_LIMIT.total_seconds()):
                while True:
                    events = await self.scene.tenant.events(
                        chat.id, since=seen, patience=timedelta(seconds=10)
                    )
                    for event in cast("list[dict[str, Any]]", events):
                        seen = max(seen, int(event["n"]))
                        message: dict[str, Any] = event["message"]
                        if text_of(message) == step.text:
                            return message
        except TimeoutError as error:
            msg = f"Teams waited in vain for {step.text!r}"
            raise PersonError(msg) from error

    async def _play_at_once(self) -> None:
        """A burst both ways at once: order within each conversation must hold."""
        self.tell("\n       a burst of messages, both ways at once")
        group, meeting = self.scene.chats[1], self.scene.chats[2]
        writer = self.scene.matrix_people[1]
        lines = [f"Burst {n} from Teams" for n in range(1, BURST * 2 + 1)]
        answers = [f"Burst {n} from Matrix" for n in range(1, BURST * 2 + 1)]
        self.tallies["teams_to_matrix"].sent += [(1, line) for line in lines]
        self.tallies["matrix_to_teams"].sent += [(2, answer) for answer in answers]
        people = self.scene.teams_people
        await self.scene.tenant.type_many(
            group.id,
            [
                {"user": people[n % 4].id, "content": line, "content_type": "text"}
                for n, line in enumerate(lines)
            ],
        )
        for answer in answers:
            await writer.say(self.rooms[2], answer)
        await self._seen_in_matrix(_teams(1, 0, lines[-1]))
        await self._seen_in_teams(meeting, _matrix(2, 1, answers[-1]))

    async def _compare(self) -> None:
        """Read both sides as they are and hold them against what was sent."""
        for number, chat in enumerate(self.scene.chats):
            in_teams = [text_of(m) for m in await self.scene.tenant.messages(chat.id)]
            in_matrix: list[str] = []
            if number in self.rooms:
                reader = self._reader
                in_matrix = [said.body for said in await reader.history(self.rooms[number])]
            for direction, there in (("teams_to_matrix", in_matrix), ("matrix_to_teams", in_teams)):
                tally = self.tallies[direction]  # type: ignore[index]
                sent = [text for where, text in tally.sent if where == number]
                found = [text for text in there if text in set(sent)]
                tally.arrived += len(set(found))
                for fault in faults(sent, found):
                    tally.faults.append(fault)
                    self.tell(f"      {chat.name}, {direction}: {fault}")

    @property
    def _reader(self) -> MatrixPerson:
        """Maria, who is in every chat."""
        return self.scene.matrix_people[0]


def faults(sent: Sequence[str], found: Sequence[str]) -> list[str]:
    """Say what is wrong with `found`, which should be `sent`."""
    problems = [f"lost: {text!r}" for text in sent if text not in found]
    problems += [f"twice: {text!r}" for text in set(found) if found.count(text) > 1]
    if not problems and list(sent) != list(found):
        problems.append(f"out of order: {list(found)!r}")
    return problems


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a chatMessage, as Graph shows it, without its markup."""
    content = message["body"]["content"] or ""
    if message["body"]["contentType"] != "html":
        return str(content)
    return unescape(re.sub(r"<[^>]+>", "", content)).strip()


def _author(message: dict[str, Any]) -> str:
    user = message["from"]["user"]
    return str(user.get("displayName") or user["id"])
