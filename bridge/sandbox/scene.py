"""Everything at once, on one machine: tenant, homeserver, Postgres, TLS front, bridge, people.

    EmbeddedPostgres ──┬── bridge's database ── bridge (a process) ── Homeserver (a process)
                       └── homeserver's database                │
    TenantServer (here, https) ── notifications ──▶ TlsForwarder ┘        Graph and sign-in: https

Whoever opens a scene has people on both sides who can talk; whoever leaves it leaves nothing
behind, whatever happened inside.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.sandbox.furnishing import Rooms, furnish, talk
from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.installation import (
    APPLICATION_PERMISSIONS,
    DELEGATED_PERMISSIONS,
    Bridge,
    Wiring,
)
from bridge.sandbox.people import MatrixPerson, link_in, sign_in
from bridge.sandbox.postgres import DURABLE, EmbeddedPostgres, Tuning
from bridge.sandbox.processes import reserve_port
from bridge.sandbox.tenant.client import ControlledTenant, Person, TenantControl
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tls import Certificates, TlsForwarder, issue

SERVER_NAME = "demo.localhost"
PASSWORD = "teams-bridge-demo"  # noqa: S105 - of a homeserver on the loopback that lives for an hour
CLIENT_SECRET = "a secret of the demo's own tenant"  # noqa: S105 - likewise
PEOPLE_TOKEN = "demo-people-token-" + "p" * 32
BOT_PATIENCE = timedelta(seconds=30)
TEAMS_PEOPLE = ("Maria Rossi", "Jonas Berg", "Aïcha Benali", "Tom Novák")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A chat of the scene."""

    id: str
    kind: str
    name: str
    members: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What runs, and who is in it. `linked` says which Teams user a Matrix user speaks as."""

    tenant: ControlledTenant
    server: TenantServer
    homeserver: Homeserver
    bridge: Bridge
    certificates: Certificates
    teams_people: tuple[Person, ...]
    matrix_people: tuple[MatrixPerson, ...]
    chats: tuple[Chat, ...]
    rooms: Rooms
    linked: dict[str, Person]

    @property
    def bot(self) -> str:
        """The bridge's bot."""
        return f"@{self.bridge.wiring.bot_localpart}:{self.homeserver.server_name}"

    async def sign_in(self, person: MatrixPerson, teams: Person) -> None:
        """Sign a Matrix user in, as they would do it: through the bot, its link, every page."""
        room = await person.talk_to(self.bot, BOT_PATIENCE)
        link = link_in(await person.ask(room, "login", BOT_PATIENCE))
        await sign_in(link, teams.id, trust=self.certificates.client_context())
        self.linked[person.user] = teams


@asynccontextmanager
async def open_scene(
    folder: Path,
    *,
    tell: Tell,
    tuning: Tuning = DURABLE,
    listeners: Sequence[Path] = (),
    homeserver_settings: Mapping[str, Any] | None = None,
    double_puppets: bool = False,
) -> AsyncIterator[Scene]:
    """Start everything, say each step through `tell`, and stop everything at the end.

    `listeners` are registration files of further application services; `homeserver_settings` are
    what homeserver.yaml says beside what it has to. `double_puppets`: whether people appear in Matrix
    under their own accounts; else everybody of Teams is a ghost.

    Raises:
        ConfigError: A part did not start; with the end of its log.
    """
    async with AsyncExitStack() as stack:
        tell("Postgres")
        postgres = EmbeddedPostgres()
        stack.push_async_callback(asyncio.to_thread, postgres.stop)
        await asyncio.to_thread(postgres.start, folder / "postgres", tuning=tuning)
        bridge_dsn = await asyncio.to_thread(postgres.create_database, "bridge")
        homeserver_dsn = await asyncio.to_thread(postgres.create_database, "homeserver")

        tell("Teams tenant (simulated)")
        now = datetime.now(UTC)  # noqa: TID251 - certificates are checked against the real clock
        certificates = await asyncio.to_thread(issue, folder / "tls", now=now)
        server = TenantServer(callback_ssl=certificates.client_context())
        stack.push_async_callback(server.stop)
        base = await server.start(ssl_context=certificates.server_context())
        control = await stack.enter_async_context(
            TenantControl(base, ssl=certificates.client_context())
        )
        tenant = await control.create_tenant(name="Contoso")

        reservation = stack.enter_context(contextlib.closing(reserve_port()))
        front = TlsForwarder(reservation.getsockname()[1], certificates.server_context())
        stack.push_async_callback(front.stop)
        webhook_url = f"https://127.0.0.1:{await front.start()}/teams"
        client_id = await tenant.register_app(
            name="Matrix bridge",
            secret=CLIENT_SECRET,
            redirect_uris=[f"{webhook_url}/signin/callback"],
            application_permissions=list(APPLICATION_PERMISSIONS),
            delegated_scopes=list(DELEGATED_PERMISSIONS),
        )
        people = tuple(await tenant.add_users(*TEAMS_PEOPLE))
        chats = await _chats(tenant, people)
        rooms = await furnish(tenant, people)

        tell("homeserver (Synapse)")
        wiring = Wiring(
            homeserver="http://127.0.0.1:1",  # Known once it runs; the registration needs no more.
            server_name=SERVER_NAME,
            listen_port=reservation.getsockname()[1],
            database=bridge_dsn,
            tenant_id=tenant.id,
            client_id=client_id,
            client_secret=CLIENT_SECRET,
            graph_url=base,
            login_url=base,
            webhook_url=webhook_url,
            authority=certificates.authority,
            as_token="demo-as-token-" + "a" * 32,
            hs_token="demo-hs-token-" + "h" * 32,
            double_puppets={"as_token": PEOPLE_TOKEN} if double_puppets else {},
        )
        registration = await asyncio.to_thread(Bridge(folder / "bridge", wiring).register)
        homeserver = Homeserver()
        stack.push_async_callback(asyncio.to_thread, homeserver.stop)
        await asyncio.to_thread(
            homeserver.start,
            folder / "homeserver",
            server_name=SERVER_NAME,
            registrations=[*_registrations(registration), *listeners],
            database=homeserver_dsn,
            settings=homeserver_settings,
        )

        tell("bridge")
        bridge = Bridge(folder / "bridge", replace(wiring, homeserver=homeserver.url))
        stack.push_async_callback(asyncio.to_thread, bridge.stop)
        await asyncio.to_thread(bridge.start)

        tell("people")
        matrix_people = [
            await stack.enter_async_context(await _matrix_person(homeserver, name))
            for name in ("maria", "jonas", "guest")
        ]
        scene = Scene(
            tenant=tenant,
            server=server,
            homeserver=homeserver,
            bridge=bridge,
            certificates=certificates,
            teams_people=people,
            matrix_people=tuple(matrix_people),
            chats=chats,
            rooms=rooms,
            linked={},
        )
        for person, teams in zip(matrix_people[:2], people[:2], strict=True):
            await scene.sign_in(person, teams)
        # Only now, so that a bridge which carries channels has seen it all happen.
        await talk(tenant, rooms, people)
        yield scene


def _registrations(first: Path) -> list[Path]:
    """Name the files that the bridge has written: a second one if it may act as people."""
    second = first.with_stem(f"{first.stem}-double-puppets")
    return [first, second] if second.exists() else [first]


async def _matrix_person(homeserver: Homeserver, name: str) -> MatrixPerson:
    token = await asyncio.to_thread(homeserver.register_user, name, PASSWORD)
    return MatrixPerson(homeserver.url, f"@{name}:{homeserver.server_name}", token)


async def _chats(tenant: ControlledTenant, people: tuple[Person, ...]) -> tuple[Chat, ...]:
    maria, jonas, aicha, tom = people
    plans = (
        ("oneOnOne", None, (maria, aicha)),
        ("group", "Budget 2027", (maria, jonas, aicha, tom)),
        ("meeting", "Weekly sync", (maria, jonas, tom)),
    )
    made = []
    for kind, topic, members in plans:
        chat = await tenant.create_chat(kind, [member.id for member in members], topic=topic)
        name = topic or " and ".join(member.display_name for member in members)
        made.append(Chat(id=chat, kind=kind, name=name, members=members))
    return tuple(made)
