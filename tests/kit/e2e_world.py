"""A bridge as an operator runs it, and people on both sides of it: what an end-to-end test is given.

    test ── World ─┬─ tenant: its own, on the tenant server of this test process (https)
                   ├─ front:  ends TLS before the bridge's port, as a reverse proxy does
                   ├─ bridge: `teams-bridge run`, a process
                   └─ people: at a Matrix client, at a browser

Nothing here waits for time to pass: everything waits for a condition, with a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.app.clock import SystemClock
from bridge.sandbox.installation import (
    APPLICATION_PERMISSIONS,
    DELEGATED_PERMISSIONS,
    Bridge,
    Wiring,
)
from bridge.sandbox.people import MatrixPerson, Said, link_in, sign_in
from bridge.sandbox.processes import Command, Process, reserve_port, spawn
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant.client import ControlledTenant, Person, TenantControl
from bridge.sandbox.tls import Certificates, TlsForwarder
from bridge.store.database import Database
from bridge.teams.resources import resources
from bridge.telemetry import Watch
from tests.kit.witness import Recorded, watched_file
from tests.kit.world import Slot

ARRIVAL = timedelta(seconds=40)
"""Within this a message has crossed, however busy the machine is."""
CHAT_MESSAGES = "/chats/getAllMessages"
RESOURCES = {one.path for one in resources(channels=True)}
LOOK_AGAIN = timedelta(milliseconds=40)
LONG_POLL = timedelta(seconds=5)
START_LIMIT = timedelta(seconds=60)
STOP_LIMIT = timedelta(seconds=20)
SECRET = "a client secret of the tests"  # noqa: S105 -- of a tenant that lives for one test

_OPEN_WORK = """
SELECT (SELECT count(*) FROM inbox WHERE state <> 'parked')
     + (SELECT count(*) FROM deliveries WHERE state <> 'parked') AS open
"""

_LOOKS_DUE = """
SELECT count(*) AS due FROM (
    SELECT shape, shape_due_at, shape_lease FROM portals WHERE room_id IS NOT NULL
    UNION ALL
    SELECT shape, shape_due_at, shape_lease FROM spaces
) look
WHERE shape IS NULL OR shape_lease IS NOT NULL OR shape_due_at <= now()
"""

_MARKED = "SELECT count(*) AS count FROM cursors WHERE scope IN ('listening', 'listening channels')"

_LEASES_RUN_OUT = """
UPDATE inbox SET lease_until = now() WHERE owner IS NOT NULL;
UPDATE streams SET due_at = now() WHERE owner IS NOT NULL
"""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the worlds of one test process share."""

    tenants: str
    certificates: Certificates
    recorded: Recorded
    """What was asked of Graph and what it answered."""
    launch: Callable[[Command], Process] = spawn
    """How bridges are started."""


@contextmanager
def tenant_server(folder: Path, certificates: Certificates) -> Iterator[Ground]:
    """Run the simulated tenant as a process of its own."""
    folder.mkdir()
    log, exchanges = folder / "tenant.log", folder / "exchanges"
    files = {
        "--cert": certificates.server,
        "--key": certificates.server_key,
        "--ca": certificates.authority,
        "--exchanges": exchanges,
    }
    argv = [str(word) for pair in files.items() for word in pair]
    process = spawn(
        Command(
            name="the tenant server",
            argv=(sys.executable, "-m", "bridge.sandbox.tenant", *argv),
            log=log,
        )
    )
    try:
        process.wait_until(lambda: log.read_text().endswith("}\n"), START_LIMIT)
        base = str(json.loads(log.read_text().splitlines()[-1])["base"])
        yield Ground(tenants=base, certificates=certificates, recorded=Recorded(exchanges))
    finally:
        process.stop(STOP_LIMIT)


class World:
    """One bridge with everything around it."""

    def __init__(
        self,
        *,
        tenant: ControlledTenant,
        bridge: Bridge,
        slot: Slot,
        certificates: Certificates,
        stack: AsyncExitStack,
    ) -> None:
        self.tenant = tenant
        self.bridge = bridge
        self.slot = slot
        self.certificates = certificates
        self._stack = stack

    @property
    def bot(self) -> str:
        return self.slot.bot

    # --- the process ---

    async def start(self, *, wait: bool = True) -> None:
        await asyncio.to_thread(self.bridge.start, wait=wait)

    async def wait_until_ready(self) -> None:
        await asyncio.to_thread(self.bridge.wait_until_ready)

    async def stop(self) -> None:
        """Ask the bridge to end, and make sure that it ended well."""
        process = self.bridge.process
        await asyncio.to_thread(self.bridge.stop)
        assert process.exit_code == 0, self.bridge.log.read_text()[-2000:]

    async def kill(self) -> None:
        await asyncio.to_thread(self.bridge.kill)

    def reconfigure(self, **changes: object) -> None:
        """Write another config.yaml; the bridge is not running."""
        wiring = replace(self.bridge.wiring, **changes)  # type: ignore[arg-type]
        self.bridge = Bridge(self.bridge.folder, wiring, launch=self.bridge.launch)

    async def end_of_bridge(self) -> tuple[int, str]:
        """Wait until the bridge has ended by itself; return its exit code and what it said."""
        process = self.bridge.process
        await eventually(lambda: process.exit_code is not None, "the bridge to end")
        return cast("int", process.exit_code), self.bridge.log.read_text()

    def lines(self) -> list[Json]:
        """Return the bridge's log; a line that is no JSON is a fault of its own."""
        return [json.loads(line) for line in self.bridge.log.read_text().splitlines()]

    def said(self, event: str) -> list[Json]:
        """Return the lines of the log that say `event`."""
        return [line for line in self.lines() if line["event"] == event]

    def said_of_chats(self, event: str) -> list[Json]:
        """Return those lines that are about the subscription to the messages of all chats."""
        return [line for line in self.said(event) if line.get("resource") == CHAT_MESSAGES]

    async def subscriptions(self, resource: str = CHAT_MESSAGES) -> list[Json]:
        """Return what there is at Graph for a resource."""
        return [s for s in await self.tenant.subscriptions() if s["resource"] == resource]

    async def listens_to_everything(self) -> None:
        """Wait until the bridge has subscribed to all that it wants; it is ready before."""

        def has_it_all() -> bool:
            return {line["resource"] for line in self.said("subscribed")} >= RESOURCES

        await eventually(has_it_all, "all subscriptions")

    async def marks_that_it_listens(self) -> None:
        """Wait until the bridge has noted that it is told of everything: what it misses is from then."""
        async with self.store() as store:

            async def is_marked() -> bool:
                row = await store.fetchrow(_MARKED)
                return row is not None and row["count"] == 2

            await eventually(is_marked, "the mark")

    def check_log(self) -> None:
        """No traceback, nothing parked, nothing that is no event."""
        bad = [
            li for li in self.lines() if "exception" in li or li["level"] in {"error", "critical"}
        ]
        assert bad == []

    async def at_rest(self) -> None:
        """Wait until everything that was pushed to the bridge has been dealt with."""
        async with self.store() as store:
            await eventually(lambda: self.is_at_rest(store), "everything to be dealt with")

    async def is_at_rest(self, store: Database) -> bool:
        """Tell whether everything that was pushed to the bridge has been dealt with."""
        if await self.tenant.pending():
            return False
        row = await store.fetchrow(_OPEN_WORK)
        return row is not None and row["open"] == 0

    async def looked_at(self) -> None:
        """Wait until no room and no space is to be looked at any more."""
        async with self.store() as store:

            async def nothing_is_due() -> bool:
                row = await store.fetchrow(_LOOKS_DUE)
                return row is not None and row["due"] == 0

            await eventually(nothing_is_due, "every room to be looked at")

    async def forget_pairings(self) -> None:
        """Let the day pass after which the directory is asked anew whose account is whose."""
        async with self.store() as store:
            await store.execute("UPDATE pairings SET asked_at = asked_at - interval '2 days'")

    async def let_leases_run_out(self) -> None:
        """Let the minute pass after which what a dead bridge had claimed is anybody's."""
        async with self.store() as store:
            await store.execute(_LEASES_RUN_OUT)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Database]:
        """Look into the bridge's database."""
        dsn = self.bridge.wiring.database
        store = await Database.open(dsn, connections_max=1, watch=Watch())
        try:
            yield store
        finally:
            await store.close()

    # --- people ---

    async def person(self, name: str) -> MatrixPerson:
        """Return somebody at a Matrix client."""
        user = await asyncio.to_thread(self.slot.register, name)
        who = MatrixPerson(self.slot.homeserver.url, user.id, user.access_token)
        return await self._stack.enter_async_context(who)

    async def desk(self, person: MatrixPerson) -> str:
        """Return the room where the bot talks with a person."""
        return await person.talk_to(self.bot, ARRIVAL)

    async def link_for(self, person: MatrixPerson, desk: str) -> str:
        return link_in(await person.ask(desk, "login", ARRIVAL))

    async def follow(self, link: str, teams: Person) -> str:
        """Do what a person does who opens the link; return the last page."""
        return await sign_in(link, teams.id, trust=self.certificates.client_context())

    async def signed_in(self, name: str, teams: Person) -> MatrixPerson:
        """Return somebody at a Matrix client who has signed in to Teams."""
        person = await self.person(name)
        await self.follow(await self.link_for(person, await self.desk(person)), teams)
        return person

    # --- what is said ---

    async def say(self, chat: str, who: Person, text: str, html: str | None = None) -> str:
        """Type in Teams; return the message's id."""
        kind = "text" if html is None else "html"
        return await self.tenant.type(chat, who.id, html or text, content_type=kind)

    async def say_all(self, chat: str, who: Person, texts: Sequence[str]) -> None:
        """Type many messages in Teams, as fast as it goes."""
        await self.tenant.type_many(
            chat, [{"user": who.id, "content": text, "content_type": "text"} for text in texts]
        )

    async def opened(self, chat: str, who: Person, reader: MatrixPerson) -> str:
        """Have a first message said in a chat; return the room that it opens, joined by `reader`."""
        first = f"the first message of {chat}"
        await self.say(chat, who, first)
        return (await self.read(reader, first))[0]

    async def read(self, reader: MatrixPerson, text: str) -> tuple[str, Said]:
        """Wait until `reader` sees a message of another; return its room and the message."""

        def found() -> list[tuple[str, Said]]:
            return [
                (room, said)
                for room, messages in reader.rooms.items()
                for said in messages
                if said.body == text and said.sender != reader.user
            ]

        await reader.wait_for(lambda: bool(found()), ARRIVAL, repr(text[:80]))
        return found()[0]

    async def read_in_teams(self, chat: str, *texts: str) -> list[Json]:
        """Wait until all `texts` are in a chat; return their messages, in order."""
        wanted, since = set(texts), 0
        async with asyncio.timeout(ARRIVAL.total_seconds()):
            while True:
                found = [m for m in await self.messages(chat) if text_of(m) in wanted]
                if wanted <= {text_of(m) for m in found}:
                    return found
                news = await self.tenant.events(chat, since=since, patience=LONG_POLL)
                since = int(str(news[-1]["n"])) if news else since

    async def messages(self, chat: str) -> list[Json]:
        """Return what people have said in a chat, as Graph shows it."""
        found = cast("list[Json]", await self.tenant.messages(chat))
        return [m for m in found if m["messageType"] == "message"]

    async def texts_in_teams(self, chat: str) -> list[str]:
        return [text_of(m) for m in await self.messages(chat)]

    async def texts_in_matrix(self, reader: MatrixPerson, room: str) -> list[str]:
        return [said.body for said in await reader.history(room)]


@asynccontextmanager
async def open_world(
    folder: Path, ground: Ground, slot: Slot, dsn: str, **wiring: object
) -> AsyncIterator[World]:
    """Set everything up but start no bridge; end whatever was started.

    What the bridge has asked of Graph must have made sense to it, and what it was told as well.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(watched_file(ground.recorded))
        trust = ground.certificates.client_context()
        control = await stack.enter_async_context(TenantControl(ground.tenants, ssl=trust))
        tenant = await control.create_tenant()
        await tenant.change_settings(throttling=False)
        stack.push_async_callback(tenant.remove)
        front = TlsForwarder(slot.port, ground.certificates.server_context())
        stack.push_async_callback(front.stop)
        webhook_url = f"https://127.0.0.1:{await front.start()}/teams"
        client_id = await tenant.register_app(
            name="Matrix bridge",
            secret=SECRET,
            redirect_uris=[f"{webhook_url}/signin/callback"],
            application_permissions=list(APPLICATION_PERMISSIONS),
            delegated_scopes=list(DELEGATED_PERMISSIONS),
        )
        wired = Wiring(
            homeserver=slot.homeserver.url,
            server_name=slot.homeserver.server_name,
            listen_port=slot.port,
            database=dsn,
            tenant_id=tenant.id,
            client_id=client_id,
            client_secret=SECRET,
            graph_url=ground.tenants,
            login_url=ground.tenants,
            webhook_url=webhook_url,
            authority=ground.certificates.authority,
            limits_percent=100_000,
            appservice_id=slot.id,
            bot_localpart=slot.bot_localpart,
            prefix=slot.ghost_prefix,
            as_token=slot.as_token,
            hs_token=slot.hs_token,
        )
        wiring_ = replace(wired, **wiring)  # type: ignore[arg-type]
        bridge = Bridge(folder, wiring_, launch=ground.launch)
        world = World(
            tenant=tenant,
            bridge=bridge,
            slot=slot,
            certificates=ground.certificates,
            stack=stack,
        )
        stack.push_async_callback(world.kill)
        yield world


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], what: str, limit: timedelta = ARRIVAL
) -> None:
    """Return once `condition` is true; fail the test if it does not become so in time."""
    clock = SystemClock()
    try:
        async with asyncio.timeout(limit.total_seconds()):
            while not await _is_true(condition):
                await clock.sleep(LOOK_AGAIN)
    except TimeoutError:
        pytest.fail(f"waited {limit.total_seconds():.0f} s in vain for {what}")


async def _is_true(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    answer = condition()
    return answer if isinstance(answer, bool) else await answer


@contextmanager
def free_port() -> Iterator[int]:
    """A port of the loopback where nobody listens."""
    with contextlib.closing(reserve_port()) as reservation:
        yield reservation.getsockname()[1]
