"""What a destruction test is played on: everything its own, and a few chats in use.

    tenant ──https──▶ front ──▶ bridge 1 ┐
                                         ├─ one Postgres, on which Synapse has a database as well
    Synapse ───────────▶ bridge 1 or 2 ──┘

With two processes Graph reaches the one and the homeserver the other; both do all the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.installation import Bridge
from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.postgres import DURABLE, EmbeddedPostgres
from bridge.sandbox.processes import reserve_port
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tls import issue
from tests.kit.e2e_world import World, open_world, tenant_server
from tests.kit.world import SERVER_NAME, Slot, registration_of

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A chat in use: its room, and who speaks there on either side."""

    name: str
    id: str
    room: str
    teams_people: tuple[Person, ...]
    matrix_people: tuple[MatrixPerson, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What runs, and who is in it."""

    world: World
    folder: Path
    postgres: EmbeddedPostgres
    homeserver: Homeserver
    bridges: tuple[Bridge, ...]
    chats: tuple[Chat, ...]


@asynccontextmanager
async def open_stage(
    folder: Path, *, processes: int, chats: int, tell: Tell
) -> AsyncIterator[Stage]:
    """Start everything, put the chats to use, and stop everything at the end.

    Raises:
        ConfigError: A part did not start; with the end of its log.
    """
    async with AsyncExitStack() as stack:
        tell("Postgres, tenant, homeserver")
        postgres = EmbeddedPostgres()
        stack.push_async_callback(asyncio.to_thread, postgres.stop)
        await start_postgres(postgres, folder)
        dsn = await asyncio.to_thread(postgres.create_database, "bridge")
        homeserver = Homeserver()
        stack.push_async_callback(asyncio.to_thread, homeserver.stop)
        ports = [_reserved(stack) for _ in range(processes)]
        slot = _slot(folder, homeserver, ports[-1])
        await asyncio.to_thread(
            homeserver.start,
            folder / "homeserver",
            server_name=SERVER_NAME,
            registrations=[slot.registration],
            database=await asyncio.to_thread(postgres.create_database, "homeserver"),
        )
        now = datetime.now(UTC)  # noqa: TID251 -- certificates are checked against the real clock
        certificates = await asyncio.to_thread(issue, folder / "tls", now=now)
        ground = stack.enter_context(tenant_server(folder / "tenants", certificates))
        reached_by_graph = replace(slot, port=ports[0])
        world = await stack.enter_async_context(
            open_world(
                folder / "bridge-1",
                ground,
                reached_by_graph,
                dsn,
                encryption_key=Fernet.generate_key().decode(),
            )
        )
        tell("bridge")
        bridges = tuple(_bridges(folder, world.bridge, ports))
        for bridge in bridges:
            stack.push_async_callback(asyncio.to_thread, bridge.kill)
            await asyncio.to_thread(bridge.start)
        tell("people and chats")
        yield Stage(
            world=world,
            folder=folder,
            postgres=postgres,
            homeserver=homeserver,
            bridges=bridges,
            chats=(await _chats(world))[:chats],
        )


async def start_postgres(postgres: EmbeddedPostgres, folder: Path) -> None:
    """Start it so that it keeps what it has acknowledged, whenever it is killed.

    Raises:
        ConfigError: It did not start.
    """
    await asyncio.to_thread(postgres.start, folder / "postgres", tuning=DURABLE)


def _reserved(stack: AsyncExitStack) -> int:
    port: int = stack.enter_context(contextlib.closing(reserve_port())).getsockname()[1]
    return port


def _slot(folder: Path, homeserver: Homeserver, port: int) -> Slot:
    """The application service that the homeserver calls at this port."""
    slot = Slot(
        homeserver=homeserver,
        registration=folder / "registration.yaml",
        id="crash",
        as_token="as-token-of-crash-" + "a" * 32,
        hs_token="hs-token-of-crash-" + "h" * 32,
        sender_localpart="sender",
        bot_localpart="teamsbot",
        ghost_prefix="teams_",
        alias_prefix="teams_",
        port=port,
        people_token="",
    )
    slot.registration.write_text(json.dumps(registration_of(slot)))
    return slot


def _bridges(folder: Path, first: Bridge, ports: list[int]) -> list[Bridge]:
    others = [
        Bridge(folder / f"bridge-{number}", replace(first.wiring, listen_port=port))
        for number, port in enumerate(ports[1:], start=2)
    ]
    return [first, *others]


async def _chats(world: World) -> tuple[Chat, ...]:
    """Put chats to use; Maria and Jonas have signed in, Aïcha and Tom know Teams only."""
    maria, jonas, aicha, tom = await world.tenant.add_users(
        "Maria Rossi", "Jonas Berg", "Aïcha Benali", "Tom Novák"
    )
    accounts = {
        maria.id: await world.signed_in("maria", maria),
        jonas.id: await world.signed_in("jonas", jonas),
    }
    plans = (
        ("group", "Budget", (aicha, tom, maria, jonas)),
        ("oneOnOne", None, (aicha, maria)),
        ("meeting", "Weekly", (tom, maria, jonas)),
        ("group", "Archive", (aicha, tom, jonas)),
    )
    made = []
    for kind, topic, members in plans:
        chat = await world.tenant.create_chat(kind, [m.id for m in members], topic=topic)
        readers = tuple(accounts[m.id] for m in members if m.id in accounts)
        room = await world.opened(chat, members[0], readers[0])
        for reader in readers[1:]:
            await world.read(reader, f"the first message of {chat}")
        made.append(
            Chat(
                name=topic or kind,
                id=chat,
                room=room,
                teams_people=tuple(m for m in members if m.id not in accounts),
                matrix_people=readers,
            )
        )
    return tuple(made)
