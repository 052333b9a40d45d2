"""What the tests of the simulated tenant stand on.

The subscriber here decrypts and verifies notifications by itself, from Microsoft's description,
and uses nothing of the tenant's own code for it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import ipaddress
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from yarl import URL

from bridge.sandbox.tenant.client import ControlledTenant, Person, TenantControl
from bridge.sandbox.tenant.server import TenantServer

SECRET = "s3cret~value"  # noqa: S105
REDIRECT = "https://bridge.example/signin/callback"
APPLICATION = [
    "Chat.Read.All",
    "Chat.ReadBasic.All",
    "User.Read.All",
    "Chat.Create",
    "ChatMember.ReadWrite.All",
]
DELEGATED = ["Chat.ReadWrite", "User.Read", "User.ReadBasic.All", "ChatMember.ReadWrite"]
PATIENCE = 10.0
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Papers:
    """A certificate for 127.0.0.1 with its key, which is also what is trusted."""

    ca: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))


def make_papers(folder: Path) -> Papers:
    key, certificate = certify("127.0.0.1")
    papers = Papers(ca=folder / "ca.pem", key=folder / "key.pem")
    papers.ca.write_bytes(certificate.public_bytes(Encoding.PEM))
    papers.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return papers


@cache
def certify(name: str, *, bits: int = 2048) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_EPOCH)
        .not_valid_after(_EPOCH + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if name == "127.0.0.1":
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
        builder = builder.add_extension(names, critical=False)
    return key, builder.sign(key, hashes.SHA256())


@dataclass
class Answer:
    """What an HTTP call gave."""

    status: int
    body: Any
    headers: Any
    raw: bytes = b""

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


@dataclass
class Place:
    """A tenant with one app, two people and their chat."""

    server: TenantServer
    control: TenantControl
    tenant: ControlledTenant
    session: aiohttp.ClientSession
    papers: Papers
    app: str
    alice: Person
    bob: Person
    carol: Person
    chat: str
    group: str
    _tokens: dict[str, str] = field(default_factory=dict)

    async def http(self, method: str, url: str, **options: Any) -> Answer:
        if url.startswith("/"):
            url = self.server.base + url
        async with self.session.request(method, url, allow_redirects=False, **options) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            return Answer(
                answer.status, orjson.loads(raw) if is_json else None, answer.headers, raw
            )

    async def token(self, **fields: str) -> Answer:
        form = {"client_id": self.app, "client_secret": SECRET, **fields}
        return await self.http("POST", f"/{self.tenant.id}/oauth2/v2.0/token", data=form)

    async def app_token(self) -> str:
        if "app" not in self._tokens:
            answer = await self.token(
                grant_type="client_credentials", scope=f"{self.server.base}/.default"
            )
            self._tokens["app"] = answer.body["access_token"]
        return self._tokens["app"]

    async def user_token(self, person: Person) -> str:
        if person.id not in self._tokens:
            code = await self.code(person)
            answer = await self.token(
                grant_type="authorization_code", code=code, redirect_uri=REDIRECT
            )
            self._tokens[person.id] = answer.body["access_token"]
        return self._tokens[person.id]

    async def code(self, person: Person, **more: str) -> str:
        answer = await self.authorize(user=person.id, **more)
        location = answer.headers["Location"]
        return str(URL(location).query["code"])

    async def authorize(self, **fields: str) -> Answer:
        form = {
            "client_id": self.app,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid offline_access Chat.ReadWrite",
            "state": "xyz",
            **fields,
        }
        return await self.http("POST", f"/{self.tenant.id}/oauth2/v2.0/authorize", data=form)

    async def graph(
        self,
        who: Person | None,
        method: str,
        path: str,
        body: Any = None,
        **options: Any,
    ) -> Answer:
        """A Graph call by the app itself (None) or on behalf of a person."""
        token = await (self.app_token() if who is None else self.user_token(who))
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        if body is not None:
            options["data"] = io.BytesIO(body if isinstance(body, bytes) else orjson.dumps(body))
            headers["Content-Type"] = "application/json"
        url = URL(f"{self.server.base}/v1.0{path}", encoded=True)
        async with self.session.request(method, url, headers=headers, **options) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            return Answer(
                answer.status, orjson.loads(raw) if is_json else None, answer.headers, raw
            )

    async def say(self, who: Person, chat: str, text: str, **more: Any) -> Answer:
        body = {"body": {"contentType": "html", "content": text}, **more}
        return await self.graph(who, "POST", f"/chats/{enc(chat)}/messages", body)


def later(minutes: float) -> str:
    """So long from now, which is the tenant's time unless its clock was moved."""
    at = datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: TID251 - the tenant's own time
    return at.isoformat()


def instant(text: str) -> datetime:
    """An instant of Graph's; as text they cannot be compared, for they end in no zeros."""
    return datetime.fromisoformat(text)


def enc(text: str) -> str:
    return quote(text, safe="")


async def furnish(
    server: TenantServer, control: TenantControl, session: aiohttp.ClientSession, papers: Papers
) -> Place:
    tenant = await control.create_tenant()
    await tenant.change_settings(throttling=False)
    app = await tenant.register_app(
        name="bridge",
        secret=SECRET,
        redirect_uris=[REDIRECT],
        application_permissions=APPLICATION,
        delegated_scopes=DELEGATED,
    )
    alice, bob, carol = await tenant.add_users("Alice Liddell", "Bob Builder", "Carol Danvers")
    chat = await tenant.create_chat("oneOnOne", [alice.id, bob.id])
    group = await tenant.create_chat("group", [alice.id, bob.id], topic="Tea party")
    return Place(
        server=server,
        control=control,
        tenant=tenant,
        session=session,
        papers=papers,
        app=app,
        alice=alice,
        bob=bob,
        carol=carol,
        chat=chat,
        group=group,
    )


class Subscriber:
    """An endpoint for notifications that answers as it is told and keeps what it gets."""

    def __init__(self, papers: Papers) -> None:
        self._papers = papers
        self.key, self.certificate = certify("subscriber")
        self.statuses: list[int] = []
        """Answers still to be given; then 202."""
        self.broken: set[str] = set()
        """Paths that answer 500."""
        self.hangs = 0
        """So many POSTs are still to be left without an answer."""
        self.handshake = "echo"
        self.posts: list[dict[str, Any]] = []
        self.handshakes: list[str] = []
        self._news = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._on_post)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._papers.server())
        await site.start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _on_post(self, request: web.Request) -> web.Response:
        token = request.query.get("validationToken")
        if token is not None:
            self.handshakes.append(request.path)
            if self.handshake == "never":
                await asyncio.Event().wait()
            return self._shake(token)
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        post = orjson.loads(await request.read())
        status = self.statuses.pop(0) if self.statuses else 202
        status = 500 if request.path in self.broken else status
        self.posts.append({**post, "path": request.path, "answered": status})
        self._news.set()
        return web.Response(status=status)

    def _shake(self, token: str) -> web.Response:
        match self.handshake:
            case "echo":
                return web.Response(text=token)
            case "escaped":
                return web.Response(text=token.replace("<", "&lt;").replace("&", "&amp;"))
            case "json":
                return web.json_response(token)
            case "created":
                return web.Response(status=202, text=token)
            case _:
                return web.Response(status=403)

    async def arrived(self, count: int) -> list[dict[str, Any]]:
        """The first `count` acknowledged items, in order of arrival."""
        async with asyncio.timeout(PATIENCE):
            while len(self.items()) < count:
                self._news.clear()
                await self._news.wait()
        return self.items()

    async def posted(self, count: int) -> list[dict[str, Any]]:
        """The first `count` POSTs, acknowledged or not."""
        async with asyncio.timeout(PATIENCE):
            while len(self.posts) < count:
                self._news.clear()
                await self._news.wait()
        return self.posts

    def items(self) -> list[dict[str, Any]]:
        return [i for post in self.posts if post["answered"] < 300 for i in post["value"]]

    def wish(self, resource: str = "/chats/getAllMessages", **more: Any) -> dict[str, Any]:
        """A subscription that asks for content."""
        der = self.certificate.public_bytes(Encoding.DER)
        return {
            "resource": resource,
            "changeType": "created,updated,deleted",
            "notificationUrl": f"{self.url}/notify",
            "lifecycleNotificationUrl": f"{self.url}/lifecycle",
            "expirationDateTime": instant(later(50)).strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
            "clientState": "state-1",
            "includeResourceData": True,
            "encryptionCertificate": base64.b64encode(der).decode(),
            "encryptionCertificateId": "cert-1",
            **more,
        }

    def open(self, sealed: dict[str, str]) -> dict[str, Any]:
        """Verify and decrypt an `encryptedContent`."""
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303
        secret = self.key.decrypt(base64.b64decode(sealed["dataKey"]), oaep)
        data = base64.b64decode(sealed["data"])
        mac = hmac.new(secret, data, hashlib.sha256).digest()
        assert mac == base64.b64decode(sealed["dataSignature"])
        decryptor = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).decryptor()
        padded = decryptor.update(data) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        found: dict[str, Any] = orjson.loads(unpadder.update(padded) + unpadder.finalize())
        return found
