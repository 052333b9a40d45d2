"""The throw-away authority and the reverse proxy in front of a plain listener."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web

from bridge.sandbox.tls import Certificates, TlsForwarder

MEBIBYTE = 1024 * 1024


@dataclass
class Proxied:
    """A listener that repeats what it hears, behind a forwarder."""

    forwarder: TlsForwarder
    port: int
    plain_port: int


@pytest.fixture
async def proxied(certificates: Certificates) -> AsyncIterator[Proxied]:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application(client_max_size=64 * MEBIBYTE)
    app.router.add_post("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    plain_port = runner.addresses[0][1]
    forwarder = TlsForwarder(plain_port, certificates.server_context())
    yield Proxied(forwarder, await forwarder.start(), plain_port)
    await forwarder.stop()
    await runner.cleanup()


@pytest.fixture
async def client(certificates: Certificates) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=certificates.client_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_request_passes_and_its_answer_comes_back(
    host: str, proxied: Proxied, client: aiohttp.ClientSession
) -> None:
    body = bytes(range(256)) * 16 * 1024

    url = f"https://{host}:{proxied.port}/"
    async with client.post(url, data=io.BytesIO(body)) as response:
        assert await response.read() == body


async def test_many_requests_pass_at_once(proxied: Proxied, client: aiohttp.ClientSession) -> None:
    async def ask(number: int) -> bytes:
        url = f"https://localhost:{proxied.port}/"
        async with client.post(url, data=str(number)) as response:
            return await response.read()

    answers = await asyncio.gather(*(ask(n) for n in range(50)))

    assert answers == [str(n).encode() for n in range(50)]


async def test_a_stranger_to_the_authority_does_not_trust_it(proxied: Proxied) -> None:
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.post(f"https://localhost:{proxied.port}/")


async def test_the_certificate_is_good_for_its_names_only(
    proxied: Proxied, certificates: Certificates
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1",
            proxied.port,
            ssl=certificates.client_context(),
            server_hostname="elsewhere.test",
        )


async def test_a_target_that_is_not_there_closes_the_connection(
    certificates: Certificates, client: aiohttp.ClientSession, unused_port: int
) -> None:
    forwarder = TlsForwarder(unused_port, certificates.server_context())
    port = await forwarder.start()

    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(f"https://localhost:{port}/", data=b"x")

    await forwarder.stop()
    await forwarder.stop()


async def test_stopping_cuts_who_is_still_connected(
    proxied: Proxied, certificates: Certificates
) -> None:
    reader, writer = await asyncio.open_connection(
        "localhost", proxied.port, ssl=certificates.client_context()
    )
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
    await writer.drain()

    await proxied.forwarder.stop()

    writer.close()
    assert await end_of(reader) == b""


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """What still comes; a connection that is cut instead of closed brings nothing."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""
