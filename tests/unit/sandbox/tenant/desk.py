"""A tenant without TLS, whose app holds whatever permissions a request of the test shall have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import orjson
from yarl import URL

from bridge.sandbox.tenant.client import ControlledTenant, TenantControl
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.tokens import Keyring
from bridge.sandbox.tenant.world import App, User
from tests.kit.witness import Witness
from tests.unit.sandbox.tenant.place import Answer


@dataclass
class Desk:
    """Makes requests with tokens that were never asked for: the tenant's own keys sign them."""

    tenant: Tenant
    app: App
    session: aiohttp.ClientSession
    control: ControlledTenant

    def token(self, user: User | None, permissions: AbstractSet[str]) -> str:
        """For a user, or for the app by itself."""
        issuer = self.tenant.issuer
        if user is None:
            return issuer.for_app(replace(self.app, roles=set(permissions)))[0]
        return issuer.for_user(self.app, user, set(permissions))[0]

    async def ask(self, token: str, method: str, target: str, body: bytes | None = None) -> Answer:
        """`target` is path and query below `/v1.0`, percent-encoded."""
        url = URL(f"{self.tenant.site.base}/v1.0{target}", encoded=True)
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.request(
            method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            found = orjson.loads(raw) if is_json else None
            return Answer(answer.status, found, answer.headers, raw)


@asynccontextmanager
async def open_desk(keyring: Keyring, witness: Witness) -> AsyncIterator[Desk]:
    async with (
        TenantServer(keyring=keyring, observer=witness) as server,
        aiohttp.ClientSession() as session,
    ):
        await server.start()
        async with TenantControl(server.base) as control:
            tenant = server.realm.create()
            tenant.settings.throttling = False
            app = tenant.register_app(name="bridge")
            yield Desk(tenant, app, session, control.tenant(tenant.id))
