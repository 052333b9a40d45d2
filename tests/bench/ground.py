"""A bridge against a homeserver that costs nothing: what is measured then is the bridge alone.

    Ground         Postgres (durable), simulated tenant server, stub homeserver, a session
    Installation   a tenant, a database, a bridge as a process, portals that are known already

The portals are written into a fresh database by SQL, as if the bridge had made them long ago; the
first of them are in use: their chats and authors exist in the tenant.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import aiohttp

from bridge.sandbox.installation import (
    APPLICATION_PERMISSIONS,
    DELEGATED_PERMISSIONS,
    Bridge,
    Wiring,
)
from bridge.sandbox.postgres import EmbeddedPostgres
from bridge.sandbox.processes import reserve_port
from bridge.sandbox.scene import CLIENT_SECRET, SERVER_NAME
from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.client import TenantControl
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import ChatKind
from bridge.sandbox.tls import Certificates, TlsForwarder, issue
from tests.bench.mailer import Mailer
from tests.bench.processes import tree_cpu_ms
from tests.bench.rig import UNLIMITED_PERCENT, Portal
from tests.bench.stub import Stub, open_stub

GHOSTS_PER_PORTAL = 3
ACTIVE_DEFAULT = 50
_KNOW = """
INSERT INTO portals (tenant_id, conversation_id, room_id, room_name, created_at, read_until)
SELECT '{tenant}', '19:bench' || lpad(n::text, 7, '0') || '@thread.v2', '!bench' || n || ':stub',
    'B ' || n, now(), now()
FROM generate_series(1, {known}) n;
INSERT INTO ghosts (tenant_id, person_id, name, has_device)
SELECT '{tenant}', md5('ghost ' || n || '/' || k)::uuid::text, 'Author ' || n || ' (Teams)', true
FROM generate_series(1, {known}) n, generate_series(1, {ghosts}) k;
ANALYZE portals;
ANALYZE ghosts;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all installations share."""

    folder: Path
    postgres: EmbeddedPostgres
    server: TenantServer
    control: TenantControl
    certificates: Certificates
    stub: Stub
    session: aiohttp.ClientSession

    def postgres_cpu_ms(self) -> float:
        """CPU time of the database server and its sessions so far."""
        process = self.postgres._process
        return tree_cpu_ms(process.pid) if process is not None else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One bridge and the tenant it serves; `portals` are those in use."""

    ground: Ground
    tenant: Tenant
    bridge: Bridge
    mailer: Mailer
    portals: Sequence[Portal]


@asynccontextmanager
async def open_ground(folder: Path) -> AsyncIterator[Ground]:
    """Start what installations share, and stop it at the end."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        postgres = EmbeddedPostgres()
        stack.push_async_callback(asyncio.to_thread, postgres.stop)
        await asyncio.to_thread(postgres.start, folder / "postgres")
        now = datetime.now(UTC)
        certificates = await asyncio.to_thread(issue, folder / "tls", now=now)
        trust = certificates.client_context()
        server = TenantServer(callback_ssl=trust)
        stack.push_async_callback(server.stop)
        base = await server.start(ssl_context=certificates.server_context())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Ground(
            folder=folder,
            postgres=postgres,
            server=server,
            control=await stack.enter_async_context(TenantControl(base, ssl=trust)),
            certificates=certificates,
            stub=await stack.enter_async_context(open_stub(session)),
            session=session,
        )


@asynccontextmanager
async def install(
    ground: Ground,
    name: str,
    *,
    known: int = ACTIVE_DEFAULT,
    active: int = ACTIVE_DEFAULT,
    limits_percent: int = UNLIMITED_PERCENT,
) -> AsyncIterator[Installation]:
    """Set a bridge up that knows so many portals, of which some are in use; it runs when ready."""
    async with AsyncExitStack() as stack:
        made = await ground.control.create_tenant(name=name)
        tenant = ground.server.realm.tenants[made.id]
        tenant.settings.throttling = False
        reservation = stack.enter_context(closing(reserve_port()))
        port = reservation.getsockname()[1]
        front = TlsForwarder(port, ground.certificates.server_context())
        stack.push_async_callback(front.stop)
        webhook_url = f"https://127.0.0.1:{await front.start()}/teams"
        client_id = await made.register_app(
            name="Matrix bridge",
            secret=CLIENT_SECRET,
            redirect_uris=[f"{webhook_url}/signin/callback"],
            application_permissions=list(APPLICATION_PERMISSIONS),
            delegated_scopes=list(DELEGATED_PERMISSIONS),
        )
        wiring = Wiring(
            homeserver=ground.stub.url,
            server_name=SERVER_NAME,
            listen_port=port,
            database=await asyncio.to_thread(ground.postgres.create_database, name),
            tenant_id=tenant.id,
            client_id=client_id,
            client_secret=CLIENT_SECRET,
            graph_url=ground.server.base,
            login_url=ground.server.base,
            webhook_url=webhook_url,
            authority=ground.certificates.authority,
            limits_percent=limits_percent,
        )
        bridge = Bridge(ground.folder / name, wiring)
        stack.push_async_callback(asyncio.to_thread, bridge.stop)
        await asyncio.to_thread(bridge.command, "db", "upgrade", "-c", str(bridge.config))
        script = _KNOW.format(tenant=tenant.id, known=known, ghosts=GHOSTS_PER_PORTAL)
        await asyncio.to_thread(ground.postgres.run_script, name, script)
        portals = _put_to_use(tenant, active)
        await asyncio.to_thread(bridge.start)
        yield Installation(
            ground=ground,
            tenant=tenant,
            bridge=bridge,
            mailer=Mailer(tenant, notifications_url(bridge), ground.session),
            portals=portals,
        )


def _put_to_use(tenant: Tenant, active: int) -> tuple[Portal, ...]:
    """Make the chats and authors in the tenant that the database knows already."""
    reader = tenant.add_user("Reader of everything")
    portals = []
    for n in range(1, active + 1):
        author = tenant.add_user(f"Author {n}", user_id=ghost_id(n, 1))
        chat = conversation.create_chat(
            tenant,
            ChatKind.GROUP,
            [author, reader],
            topic=f"B {n}",
            chat_id=f"19:bench{n:07}@thread.v2",
        )
        ghost = f"@teams_{author.id}:{SERVER_NAME}"
        portals.append(Portal(chat=chat.id, author=author, room=f"!bench{n}:stub", ghost=ghost))
    return tuple(portals)


def ghost_id(portal: int, ghost: int) -> str:
    """The Teams user of a row that `_KNOW` writes."""
    text = f"ghost {portal}/{ghost}".encode()
    return str(UUID(hashlib.md5(text, usedforsecurity=False).hexdigest()))


def notifications_url(bridge: Bridge) -> str:
    """Where a bridge takes notifications, without the TLS in front of it."""
    return f"http://127.0.0.1:{bridge.wiring.listen_port}/teams/notifications"


@asynccontextmanager
async def beside(first: Bridge, folder: Path) -> AsyncIterator[Bridge]:
    """A further process of the same bridge: same database, same keys, another port; not started."""
    with closing(reserve_port()) as reservation:
        port = reservation.getsockname()[1]
        bridge = Bridge(folder, replace(first.wiring, listen_port=port))
        reconfigure(bridge, first, listen=f"127.0.0.1:{port}")
        try:
            yield bridge
        finally:
            await asyncio.to_thread(bridge.stop)


def reconfigure(bridge: Bridge, like: Bridge, *, listen: str) -> None:
    """Give a bridge the configuration of another one, its keys among it, and its own listener."""
    document = json.loads(like.config.read_text())
    document["appservice"]["listen"] = listen
    bridge.config.write_text(json.dumps(document))
