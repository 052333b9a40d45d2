"""How many messages a second the simulated tenant creates, and how many it tells a subscriber.

    python -m tests.bench.tenant [--rate 1000] [--seconds 5] [--rich] [--chats 5000]

    this process: TenantServer, an imagined organisation, its traffic
    another one:  plain aiohttp that counts what arrives, and nothing else

Prints one line of JSON. `created` is the traffic's own rate, `notified` what the subscriber got
between the first message and the last notification; `cpu` is the tenant's share of one core.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.tenant.client import ControlledTenant, TenantControl
from bridge.sandbox.tenant.crowd.client import imagine, start_traffic, traffic
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tls import Certificates, issue
from tests.bench.processes import cpu_ms

LIMIT_S = 120.0
SECRET = "a secret of the benchmark's own tenant"  # noqa: S105 - on the loopback, for a minute


class Counter:
    """The subscriber: counts notifications, and remembers when the last one came."""

    def __init__(self) -> None:
        self.items = self.posts = 0
        self.last = 0.0

    async def take(self, request: web.Request) -> web.Response:
        token = request.query.get("validationToken")
        if token is not None:
            return web.Response(text=token)
        self.items += len(orjson.loads(await request.read())["value"])
        self.posts += 1
        self.last = time.monotonic()
        return web.Response(status=202)

    async def tell(self, _: web.Request) -> web.Response:
        return web.json_response({"items": self.items, "posts": self.posts, "last": self.last})


async def subscribe_forever(certificates: Certificates) -> None:
    """The other process: listen, say the port, count until killed."""
    counter = Counter()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/", counter.take)
    app.router.add_get("/", counter.tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.server_context())
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def recipient(now: datetime) -> str:
    """A certificate to encrypt for, as base64."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "benchmark")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


async def subscribe(
    tenant: ControlledTenant, session: aiohttp.ClientSession, url: str, *, rich: bool
) -> None:
    """One subscription to every chat."""
    now = datetime.now(UTC)
    app = await tenant.register_app(secret=SECRET, application_permissions=["Chat.Read.All"])
    form = {
        "grant_type": "client_credentials",
        "client_id": app,
        "client_secret": SECRET,
        "scope": f"{tenant.graph}/.default",
    }
    async with session.post(f"{tenant.authority}/oauth2/v2.0/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    wish: dict[str, Any] = {
        "resource": "/chats/getAllMessages",
        "changeType": "created,updated,deleted",
        "notificationUrl": url,
        "expirationDateTime": (now + timedelta(minutes=50)).isoformat(),
    }
    if rich:
        wish |= {
            "includeResourceData": True,
            "encryptionCertificate": recipient(now),
            "encryptionCertificateId": "benchmark",
        }
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(
        f"{tenant.graph}/v1.0/subscriptions", json=wish, headers=headers
    ) as answer:
        assert answer.status == 201, await answer.text()


async def measure(options: argparse.Namespace, folder: Path, port: int) -> dict[str, Any]:
    """Let the tenant talk, and wait until all of it has arrived."""
    certificates = Certificates(
        authority=folder / "authority.pem",
        server=folder / "server.pem",
        server_key=folder / "server.key",
    )
    trust = certificates.client_context()
    url = f"https://127.0.0.1:{port}/"
    async with (
        TenantServer(callback_ssl=trust) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
    ):
        base = await server.start(ssl_context=certificates.server_context())
        async with TenantControl(base, ssl=trust) as control:
            tenant = await control.create_tenant()
            await tenant.change_settings(
                throttling=False,
                notifications_per_post_max=options.batch,
                posts_in_flight_max=options.in_flight,
            )
            made = await imagine(
                tenant, users=max(2, options.chats // 3), chats=options.chats, history=20
            )
            await subscribe(tenant, session, url, rich=options.rich)
            wanted = int(options.rate * options.seconds)
            cpu, started = cpu_ms(os.getpid()), time.monotonic()
            await start_traffic(tenant, options.rate, messages=wanted, seed=1)
            done = await arrived(session, url, wanted)
            elapsed = done["last"] - started
            talked = await traffic(tenant)
            return {
                "benchmark": "simulated tenant",
                "asked": options.rate,
                "rich": options.rich,
                "imagining": made["seconds"],
                "created": talked["achieved"],
                "skipped": talked["skipped"],
                "notified": round(done["items"] / elapsed, 1),
                "items": done["items"],
                "posts": done["posts"],
                "seconds": round(elapsed, 2),
                "cpu": round((cpu_ms(os.getpid()) - cpu) / 1000 / elapsed, 2),
            }


async def arrived(session: aiohttp.ClientSession, url: str, wanted: int) -> dict[str, Any]:
    """What the subscriber has counted, once it has everything or nothing more comes."""
    clock = asyncio.get_running_loop()
    deadline, found = clock.time() + LIMIT_S, dict[str, Any]()
    while clock.time() < deadline:
        async with session.get(url) as answer:
            found = await answer.json()
        if found["items"] >= wanted:
            break
        await asyncio.sleep(0.1)
    return found


async def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    issue(folder, now=datetime.now(UTC))
    command = (sys.executable, "-m", "tests.bench.tenant", "--subscriber", str(folder))
    other = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert other.stdout is not None
        port = int(await other.stdout.readline())
        return await measure(options, folder, port)
    finally:
        other.kill()
        await other.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tenant")
    parser.add_argument("--rate", type=float, default=1000.0, help="messages per second")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--chats", type=int, default=5000)
    parser.add_argument("--rich", action="store_true", help="with encrypted content")
    parser.add_argument("--batch", type=int, default=100, help="notifications per POST")
    parser.add_argument("--in-flight", type=int, default=2, help="POSTs at a time")
    parser.add_argument("--subscriber", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subscriber is not None:
        folder = options.subscriber
        names = ("authority.pem", "server.pem", "server.key")
        authority, server, key = (folder / name for name in names)
        certificates = Certificates(authority=authority, server=server, server_key=key)
        asyncio.run(subscribe_forever(certificates))
        return 0
    with tempfile.TemporaryDirectory(prefix="teams-tenant-bench-") as folder_name:
        sys.stdout.write(json.dumps(asyncio.run(run(options, Path(folder_name)))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
