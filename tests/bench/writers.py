"""The way out: people who write in Matrix as themselves, and what Teams shows of it.

    ten Matrix users ─ login, every page ─▶ signed in ─ invited by the bridge, joined ─▶ Writer
    tenant ─ every new message, with its time ─▶ TeamsWatch

While `notified` is open the simulated Graph tells the bridge of every message itself, the bridge's
own echoes included; outside of it only the mailer posts.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject
from tests.bench.raw import IN_FLIGHT_MAX
from tests.bench.rig import Portal, Rig, Tell, Writer

WRITERS = 10
PASSWORD = "teams-bridge-bench"  # noqa: S105 - of a homeserver on the loopback that lives for minutes
JOIN_PATIENCE = timedelta(seconds=60)
OK = 200
TEXT = re.compile(r"[0-9a-f]{8} \d+ \d{4}")
"""What `measures.load` begins a message with; Teams wraps it in HTML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsArrival:
    """One message as Teams got it; `at` is time.perf_counter()."""

    at: float
    chat: str
    key: str


class TeamsWatch:
    """Listens to the tenant; remembers new messages by the key that they begin with."""

    def __init__(self) -> None:
        self.arrivals: list[TeamsArrival] = []
        self.by_key: dict[str, list[TeamsArrival]] = {}
        self._news = asyncio.Event()

    def take(self, change: Change) -> None:
        if change.subject is not Subject.MESSAGE or change.kind is not ChangeKind.CREATED:
            return
        found = TEXT.search(orjson.dumps(change.seen.get("body")).decode())
        if found is None or change.conversation is None:
            return
        arrival = TeamsArrival(at=time.perf_counter(), chat=change.conversation.id, key=found[0])
        self.arrivals.append(arrival)
        self.by_key.setdefault(arrival.key, []).append(arrival)
        self._news.set()

    async def wait_for(self, keys: set[str], limit_s: float) -> set[str]:
        """Return when all have come, or the time is over; gives those that have not."""
        deadline = time.perf_counter() + limit_s
        while (missing := keys - self.by_key.keys()) and time.perf_counter() < deadline:
            self._news.clear()
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + 1):
                    await self._news.wait()
            except TimeoutError:
                continue
        return missing


def key_of(text: str) -> str:
    """What `TeamsWatch` knows a text of `measures.load` by."""
    return text.partition(":")[0]


@contextmanager
def notified(rig: Rig, *, echoes: bool = True) -> Iterator[TeamsWatch]:
    """Let Graph notify, and watch what arrives; without `echoes` only watch."""
    watch, before = TeamsWatch(), list(rig.tenant.listeners)
    notifier = rig.scene.server._notifiers[rig.tenant.id]
    rig.tenant.listeners[:] = [*before, watch.take, *([notifier.take] if echoes else [])]
    try:
        yield watch
    finally:
        rig.tenant.listeners[:] = before


async def writers_of(rig: Rig, tell: Tell) -> Sequence[Writer]:
    """Return ten people who share the portals between them, signed in and joined; made once."""
    if not rig.writers:
        tell(f"  {WRITERS} people sign in")
        rig.tenant.settings.system_messages = False
        async with asyncio.TaskGroup() as making:
            made = [making.create_task(_make(rig, number)) for number in range(WRITERS)]
        rig.writers.extend(task.result() for task in made)
    return rig.writers


async def _make(rig: Rig, number: int) -> Writer:
    name = f"writer{number}"
    portals = rig.portals[number::WRITERS]
    teams = rig.tenant.add_user(f"Writer {number}")
    for portal in portals:
        chat = rig.tenant.chat(portal.chat)
        conversation.add_member(rig.tenant, chat, teams, ["owner"], None)
    homeserver = rig.scene.homeserver
    token = await asyncio.to_thread(homeserver.register_user, name, PASSWORD)
    user = f"@{name}:{homeserver.server_name}"
    person = await rig.stack.enter_async_context(MatrixPerson(homeserver.url, user, token))
    as_person = Person(id=teams.id, upn=teams.upn, display_name=teams.display_name)
    await rig.scene.sign_in(person, as_person)
    rooms = {portal.room for portal in portals}
    await person.wait_for(lambda: rooms <= person.members.keys(), JOIN_PATIENCE, "its rooms")
    return Writer(person=person, teams=teams, portals=portals)


class Pens:
    """Writes as the writers, each with their own access token; bare aiohttp, 32 in flight."""

    def __init__(self, homeserver: str, tokens: Mapping[str, str]) -> None:
        """`tokens`: of whoever writes in a room."""
        self._homeserver = homeserver
        self._tokens = tokens
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT_MAX))

    async def close(self) -> None:
        await self._session.close()

    async def say(self, room: str, text: str) -> None:
        """Write one message into a room.

        Raises:
            RuntimeError: The homeserver refused.
        """
        url = URL(
            f"{self._homeserver}/_matrix/client/v3/rooms/{quote(room, safe='')}/send/"
            f"m.room.message/{secrets.token_hex(12)}",
            encoded=True,
        )
        headers = {"Authorization": f"Bearer {self._tokens[room]}"}
        body = orjson.dumps({"msgtype": "m.text", "body": text})
        async with self._session.put(url, data=body, headers=headers) as answer:
            await answer.read()
            if answer.status != OK:
                problem = f"the homeserver answered {answer.status}"
                raise RuntimeError(problem)

    async def say_ordered(self, texts: Mapping[str, Sequence[str]]) -> None:
        """Write texts by room, one in flight per room and 32 altogether."""
        turn = asyncio.Semaphore(IN_FLIGHT_MAX)

        async def one(room: str) -> None:
            async with turn:
                for text in texts[room]:
                    await self.say(room, text)

        async with asyncio.TaskGroup() as writing:
            for room in texts:
                writing.create_task(one(room))


@asynccontextmanager
async def open_pens(rig: Rig, tell: Tell) -> AsyncIterator[tuple[Pens, Sequence[Writer]]]:
    """Give the writers their pens while inside."""
    writers = await writers_of(rig, tell)
    tokens = {p.room: writer.person.access_token for writer in writers for p in writer.portals}
    pens = Pens(rig.scene.homeserver.url, tokens)
    try:
        yield pens, writers
    finally:
        await pens.close()


def portals_of(writers: Sequence[Writer]) -> tuple[Portal, ...]:
    """All their portals."""
    return tuple(portal for writer in writers for portal in writer.portals)
