"""A tenant on loopback with its own certificate, an app, people, and a subscriber's endpoint."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from bridge.sandbox.tenant.client import TenantControl
from bridge.sandbox.tenant.clock import TenantClock
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tenant.tokens import Keyring
from tests.kit.witness import Witness, watched
from tests.unit.sandbox.tenant.place import Papers, Place, Subscriber, furnish, make_papers


@pytest.fixture(autouse=True)
def no_proxy_and_no_foreign_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests`, which msal uses, prefers these variables to what its session was given."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    return Keyring(TenantClock().now)


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Holds every answer of the tenant against Graph's own description."""
    with watched() as witness:
        yield witness


@pytest.fixture
async def server(papers: Papers, keyring: Keyring, witness: Witness) -> AsyncIterator[TenantServer]:
    async with TenantServer(
        callback_ssl=papers.client(), keyring=keyring, observer=witness
    ) as server:
        await server.start(ssl_context=papers.server())
        yield server


@pytest.fixture
async def place(server: TenantServer, papers: Papers) -> AsyncIterator[Place]:
    connector = aiohttp.TCPConnector(ssl=papers.client())
    async with (
        TenantControl(server.base, ssl=papers.client()) as control,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        yield await furnish(server, control, session, papers)


@pytest.fixture
async def subscriber(papers: Papers, witness: Witness) -> AsyncIterator[Subscriber]:
    async with Subscriber(papers) as subscriber:
        yield subscriber
    witness.read_notifications(subscriber.posts)


@pytest.fixture
def trust(papers: Papers) -> ssl.SSLContext:
    return papers.client()
