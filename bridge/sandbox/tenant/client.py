"""Driving a simulated tenant from a test or a demo, in this process or another.

async with TenantControl(base, ssl=context) as control:
    tenant = await control.create_tenant()
    alice, bob = await tenant.add_users("Alice Liddell", "Bob Builder")
    chat = await tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await tenant.type(chat, alice.id, "<p>hello</p>")
"""

from __future__ import annotations

import ssl as tls
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from bridge.sandbox.tenant.errors import Json

ANSWER_TIMEOUT = 90.0
"""Seconds; longer than the longest long poll."""


class ControlError(Exception):
    """The tenant did not understand a control request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the tenant."""

    id: str
    upn: str
    display_name: str


class TenantControl:
    """The control interface of a server; use it as an async context manager."""

    def __init__(self, base: str, *, ssl: tls.SSLContext | None = None) -> None:
        self.base = base.rstrip("/")
        self._ssl = ssl
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=True if self._ssl is None else self._ssl)
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def create_tenant(
        self, *, tenant_id: str | None = None, name: str = "Contoso"
    ) -> ControlledTenant:
        """An empty tenant that shares nothing with any other."""
        made = await self.call("POST", "/tenants", {"id": tenant_id, "name": name})
        return self.tenant(str(made["id"]))

    def tenant(self, tenant_id: str) -> ControlledTenant:
        """A tenant that exists already."""
        return ControlledTenant(self, tenant_id)

    async def call(
        self, method: str, path: str, body: Json | None = None, query: Mapping[str, str] = {}
    ) -> Json:
        """One control request; `path` is percent-encoded already.

        Raises:
            ControlError: It was refused.
            aiohttp.ClientError: The server could not be reached.
        """
        if self._session is None:
            raise ControlError("use TenantControl as an async context manager")
        url = URL(f"{self.base}/_control{path}", encoded=True).update_query(query)
        raw = None if body is None else orjson.dumps(body)
        async with self._session.request(method, url, data=raw) as answer:
            text = await answer.read()
            if answer.status >= 400:  # noqa: PLR2004 - any refusal
                msg = f"{method} {path}: {answer.status} {text.decode(errors='replace')}"
                raise ControlError(msg)
            found: Json = orjson.loads(text) if text else {}
            return found


class ControlledTenant:
    """One tenant, seen from the control interface."""

    def __init__(self, control: TenantControl, tenant_id: str) -> None:
        self.id = tenant_id
        self._control = control

    @property
    def authority(self) -> str:
        """The sign-in authority of this tenant, as msal wants it."""
        return f"{self._control.base}/{self.id}"

    @property
    def graph(self) -> str:
        """The resource that tokens are for; Graph itself is at `/v1.0` below it."""
        return self._control.base

    async def call(
        self, method: str, path: str, body: Json | None = None, query: Mapping[str, str] = {}
    ) -> Json:
        """A control request below this tenant."""
        return await self._control.call(method, f"/tenants/{self.id}{path}", body, query)

    async def register_app(self, **properties: object) -> str:
        """Register an app and return its client id.

        Properties: `name`, `client_id`, `secret`, `certificate` (PEM), `redirect_uris`,
        `application_permissions`, `delegated_scopes` (with admin consent).
        """
        return str((await self.call("POST", "/apps", dict(properties)))["client_id"])

    async def change_app(self, client_id: str, **properties: object) -> None:
        await self.call("PATCH", f"/apps/{client_id}", dict(properties))

    async def expire_secret(self, client_id: str, secret: str | None = None) -> None:
        await self.call("POST", f"/apps/{client_id}/expire-secret", {"secret": secret})

    async def add_user(
        self, display_name: str, *, upn: str | None = None, user_id: str | None = None
    ) -> Person:
        body: Json = {"display_name": display_name, "upn": upn, "id": user_id}
        return _people(await self.call("POST", "/users", body))[0]

    async def add_users(self, *display_names: str) -> list[Person]:
        many = [{"display_name": name} for name in display_names]
        return _people(await self.call("POST", "/users", {"users": many}))

    async def users(self) -> list[Person]:
        return _people(await self.call("GET", "/users"))

    async def revoke_sessions(self, user_id: str, *, access_tokens: bool = False) -> None:
        await self.call("POST", f"/users/{user_id}/revoke", {"access_tokens": access_tokens})

    async def change_user(self, user_id: str, **properties: object) -> None:
        """Set `display_name` or `enabled`."""
        await self.call("PATCH", f"/users/{user_id}", dict(properties))

    async def create_chat(
        self,
        kind: str,
        members: Sequence[str],
        *,
        topic: str | None = None,
        chat_id: str | None = None,
    ) -> str:
        """`kind` is oneOnOne, group or meeting; returns the chat's id."""
        body: Json = {"kind": kind, "members": list(members), "topic": topic, "id": chat_id}
        return str((await self.call("POST", "/chats", body))["id"])

    async def change_chat(self, chat: str, **properties: object) -> None:
        """Set `topic`, `add` and `remove` members by id."""
        await self.call("PATCH", _chat(chat), dict(properties))

    async def see(self, chat: str, user_id: str, **view: bool) -> None:
        """Somebody has opened a chat, and `read` it until now; or it is `hidden` from now on, or not."""
        await self.call("POST", f"{_chat(chat)}/views", {"user": user_id, **view})

    async def type(
        self, chat: str, user_id: str, content: str, *, content_type: str = "html", **more: object
    ) -> str:
        """Say something as if typed in the Teams client; returns the message's id."""
        body: Json = {"user": user_id, "content": content, "content_type": content_type, **more}
        return (await self.type_many(chat, [body]))[0]

    async def type_many(self, chat: str, messages: Sequence[Mapping[str, object]]) -> list[str]:
        """A burst: each message as `{user, content, content_type, mentions, attachments}`."""
        answer = await self.call("POST", f"{_chat(chat)}/messages", {"messages": list(messages)})
        return _texts(answer["ids"])

    async def messages(self, chat: str) -> list[Json]:
        """All messages of a chat as Graph shows them, oldest first."""
        return _objects((await self.call("GET", f"{_chat(chat)}/messages"))["messages"])

    async def edit(
        self,
        chat: str,
        message: str,
        content: str,
        *,
        content_type: str = "html",
        mentions: Sequence[Json] = (),
    ) -> None:
        body: Json = {"content": content, "content_type": content_type, "mentions": list(mentions)}
        await self.call("PATCH", f"{_chat(chat)}/messages/{message}", body)

    async def delete(self, chat: str, message: str) -> None:
        await self.call("DELETE", f"{_chat(chat)}/messages/{message}")

    async def undelete(self, chat: str, message: str) -> None:
        await self.call("POST", f"{_chat(chat)}/messages/{message}/undelete")

    async def react(
        self, chat: str, message: str, user_id: str, kind: str, *, remove: bool = False
    ) -> None:
        body: Json = {"user": user_id, "kind": kind, "remove": remove}
        await self.call("POST", f"{_chat(chat)}/messages/{message}/reactions", body)

    async def events(
        self, chat: str, *, since: int = 0, patience: timedelta = timedelta(0)
    ) -> list[Json]:
        """What happened after number `since`, as `{n, kind, message}`; may wait for it."""
        query = {"since": str(since), "patience": str(patience.total_seconds())}
        return _objects((await self.call("GET", f"{_chat(chat)}/events", None, query))["events"])

    async def subscriptions(self) -> list[Json]:
        """Graph's view of every subscription, with `counts` of its deliveries."""
        return _objects((await self.call("GET", "/subscriptions"))["subscriptions"])

    async def pending(self) -> int:
        """Notifications that were neither acknowledged nor given up."""
        return int(str((await self.call("GET", "/subscriptions"))["pending"]))

    async def kill_subscription(self, subscription: str, *, lifecycle: bool = True) -> None:
        query = {"lifecycle": "true"} if lifecycle else {}
        await self.call("DELETE", f"/subscriptions/{subscription}", None, query)

    async def challenge(self, subscription: str) -> None:
        """Send a `reauthorizationRequired` now."""
        await self.call("POST", f"/subscriptions/{subscription}/challenge")

    async def advance_clock(self, by: timedelta) -> None:
        await self.call("POST", "/clock", {"advance_seconds": by.total_seconds()})

    async def set_clock(self, instant: datetime) -> None:
        await self.call("POST", "/clock", {"set": instant.isoformat()})

    async def set_weather(self, **conditions: object) -> None:
        """Set what goes wrong with notifications.

        `lose`, `double`, `reorder` (0 to 1), `reorder_within_seconds`, `delay_seconds`,
        `delay_spread_seconds`, `seed`; and `away` (no, drop, unavailable) for everything.
        """
        await self.call("POST", "/weather", dict(conditions))

    async def clear_weather(self) -> None:
        await self.call("DELETE", "/weather")

    async def add_fault(self, path: str, **rule: object) -> None:
        """Spoil the next `times` requests whose path matches the expression `path`.

        Further: `kind` (answer, drop_before, drop_after, answer_after), `method`, `status`,
        `retry_after_seconds`.
        """
        await self.call("POST", "/faults", {"path": path, **rule})

    async def change_settings(self, **settings: object) -> None:
        """Set fields of `bridge.sandbox.tenant.world.Settings`."""
        await self.call("PATCH", "/settings", dict(settings))

    async def rotate_keys(self, *, forget: bool = False) -> None:
        await self.call("POST", "/keys", {"forget": forget})

    async def requests(self) -> list[Json]:
        """The last requests as `{method, path, status, fault}`, oldest first."""
        return _objects((await self.call("GET", "/requests"))["requests"])

    async def remove(self) -> None:
        """Remove this tenant with everything in it."""
        await self.call("DELETE", "")


def _chat(chat: str) -> str:
    return f"/chats/{quote(chat, safe='')}"


def _objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _people(answer: Json) -> list[Person]:
    return [
        Person(id=str(item["id"]), upn=str(item["upn"]), display_name=str(item["display_name"]))
        for item in _objects(answer["users"])
    ]
