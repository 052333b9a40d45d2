"""The two real networks to play on: a simulated tenant over HTTPS, and a Synapse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from html import escape

import orjson
from typing_extensions import override

from bridge.domain.events import Event, MessageEdited, Person
from bridge.domain.ids import (
    MessageRef,
    PortalId,
    RoomId,
    Side,
    TenantId,
    own_id,
    reply_ref,
    root_of,
)
from bridge.domain.portal import Portal
from bridge.errors import Unavailable, Uncertain
from bridge.http1 import Ready
from bridge.matrix.appservice import Reader
from bridge.ports import NewEntry
from bridge.sandbox.tenant.client_teams import Place, TeamsClient
from bridge.sandbox.tls import Certificates
from bridge.teams.addresses import channel
from bridge.teams.resources import Covers
from tests.contract import test_endpoint_matrix as on_synapse, test_endpoint_teams as on_tenant
from tests.contract.endpoint_stages import Stage
from tests.kit import fake_matrix, fake_teams
from tests.kit.fake_network import Shown
from tests.kit.world import Slot


class TeamsStage(Stage):
    """The simulated tenant."""

    side = Side.TEAMS
    chat: str

    def __init__(self, world: on_tenant.World) -> None:
        super().__init__()
        self.world = world
        self.links = world.links
        self.endpoint = world.side.endpoint
        self.author = Person(id="@alice:example.org")

    @classmethod
    @asynccontextmanager
    async def open(cls, certificates: Certificates) -> AsyncIterator[TeamsStage]:
        async with on_tenant.make_world(certificates) as world, on_tenant.kept(world):
            stage = cls(world)
            alice, bob = await world.tenant.add_users("Alice", "Bob")
            stage.chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
            stage.local, stage.speaker = bob.id, alice.id
            stage.origin = world.place(stage.chat)
            stage.portal = Portal(id=PortalId(1), place=stage.origin, room=None)
            await world.sign_in(alice)
            yield stage

    @override
    def now(self) -> datetime:
        return self.world.clock.now()

    @override
    async def say(self, text: str, *, reply_to: MessageRef | None = None) -> MessageRef:
        tenant = self.world.tenant
        if reply_to is None:
            return MessageRef(await tenant.type(self.chat, self.local, f"<p>{escape(text)}</p>"))
        html = f'<attachment id="{reply_to}"></attachment><p>{escape(text)}</p>'
        quoted = next(m for m in await tenant.messages(self.chat) if m["id"] == reply_to)
        reference = _reference(quoted)
        said = await tenant.type(self.chat, self.local, html, attachments=[reference])
        return MessageRef(said)

    @override
    async def edit(self, ref: MessageRef, text: str) -> None:
        await self.world.tenant.edit(self.chat, ref, f"<p>{escape(text)}</p>")

    @override
    async def delete(self, ref: MessageRef) -> None:
        await self.world.tenant.delete(self.chat, ref)

    @override
    async def react(self, ref: MessageRef, key: str) -> MessageRef:
        await self.world.tenant.react(self.chat, ref, self.local, key)
        return ref

    @override
    async def unreact(self, ref: MessageRef, key: str, reaction: MessageRef) -> None:
        await self.world.tenant.react(self.chat, ref, self.local, key, remove=True)

    @override
    async def view(self) -> list[Shown]:
        messages = await self.world.tenant.messages(self.chat)
        return fake_teams.view_of([m for m in messages if m["messageType"] == "message"])

    @override
    async def next_entry(self) -> NewEntry:
        return await self.links.entries.get()

    @override
    async def lose_answer(self, event: Event) -> None:
        await self._spoil(event, kind="drop_after")

    @override
    async def refuse(self, event: Event) -> None:
        await self._spoil(event, status=503)

    async def _spoil(self, event: Event, **how: object) -> None:
        method = "PATCH" if isinstance(event, MessageEdited) else "POST"
        await self.world.tenant.add_fault("/messages", method=method, **how)


def _reference(quoted: dict[str, object]) -> dict[str, object]:
    """What the Teams client leaves where somebody answers a message."""
    sender = quoted["from"]
    content = {"messageId": quoted["id"], "messagePreview": "…", "messageSender": sender}
    text = orjson.dumps(content).decode()
    return {"id": quoted["id"], "contentType": "messageReference", "content": text}


class ChannelStage(TeamsStage):
    """A channel of the simulated tenant."""

    in_channel = True
    teams: TeamsClient
    at: Place

    @classmethod
    @asynccontextmanager
    @override
    async def open(cls, certificates: Certificates) -> AsyncIterator[ChannelStage]:
        async with on_tenant.make_world(certificates) as world, on_tenant.kept(world):
            keepers = world.side.keepers
            await on_tenant.until(world, lambda: keepers.listens_to(Covers.CHANNEL_MESSAGES))
            stage = cls(world)
            alice, bob = await world.tenant.add_users("Alice", "Bob")
            stage.teams = TeamsClient(world.tenant)
            team = await stage.teams.create_team("Tea", owners=[alice.id], members=[bob.id])
            stage.at = team.general
            stage.local, stage.speaker = bob.id, alice.id
            tenant = TenantId(world.teams.tenant_id)
            stage.origin = channel(tenant, stage.at.team, stage.at.channel)
            stage.portal = Portal(id=PortalId(1), place=stage.origin, room=None)
            await world.sign_in(alice)
            yield stage

    @override
    async def say(self, text: str, *, reply_to: MessageRef | None = None) -> MessageRef:
        html = f"<p>{escape(text)}</p>"
        if reply_to is None:
            return MessageRef(await self.teams.type(self.at, self.local, html))
        root = root_of(reply_to) or reply_to
        ref = await self.teams.type(self.at, self.local, html, reply_to=root)
        return reply_ref(root, MessageRef(ref))

    @override
    async def edit(self, ref: MessageRef, text: str) -> None:
        await self.teams.edit(self.at, own_id(ref), f"<p>{escape(text)}</p>")

    @override
    async def delete(self, ref: MessageRef) -> None:
        await self.teams.delete(self.at, own_id(ref))

    @override
    async def react(self, ref: MessageRef, key: str) -> MessageRef:
        await self.teams.react(self.at, own_id(ref), self.local, key)
        return ref

    @override
    async def unreact(self, ref: MessageRef, key: str, reaction: MessageRef) -> None:
        await self.teams.react(self.at, own_id(ref), self.local, key, remove=True)

    @override
    async def view(self) -> list[Shown]:
        messages = await self.teams.messages(self.at)
        return fake_teams.view_of([m for m in messages if m["messageType"] == "message"])


class MatrixStage(Stage):
    """A real Synapse; the bridge's own HTTP is where answers are lost."""

    side = Side.MATRIX
    room: RoomId

    def __init__(self, world: on_synapse.World, human: on_synapse.Human) -> None:
        super().__init__()
        self.world = world
        self.human = human
        self.endpoint = world.endpoint
        self.portal = on_synapse.PORTAL
        self.local, self.author = human.id, on_synapse.ANNA
        self.speaker = self.author.id
        self.bodies: asyncio.Queue[bytes] = asyncio.Queue()
        self._entries: list[NewEntry] = []
        self._transactions = 0
        self._before: list[Exception] = []
        self._after: list[Exception] = []
        self._exchange = world.sender._connection.exchange
        world.sender._connection.exchange = self._spoilt  # type: ignore[method-assign]

    @classmethod
    @asynccontextmanager
    async def open(cls, slot: Slot) -> AsyncIterator[MatrixStage]:
        async with (
            on_synapse.pushed(slot) as bodies,
            on_synapse.world_of(on_synapse.config_of(slot)) as world,
            on_synapse.Human.of(slot.homeserver, slot.register("bob")) as human,
        ):
            await world.bot.prepare()
            world.clock.instant = datetime.now(UTC)  # noqa: TID251 -- Synapse goes by it
            stage = cls(world, human)
            stage.bodies = bodies
            world.accounts.add(human.id, "somebody of the chat")
            stage.room = stage.origin = await world.rooms.ensure(stage.portal)
            await world.rooms.invite(human.id, stage.room)
            await human.call("POST", f"/rooms/{stage.room}/join", {})
            stage.portal = replace(stage.portal, room=stage.room)
            yield stage

    @override
    def now(self) -> datetime:
        return self.world.clock.now()

    @override
    async def say(self, text: str, *, reply_to: MessageRef | None = None) -> MessageRef:
        content = fake_matrix.said(text)
        if reply_to is not None:
            content |= fake_matrix.relation_of(reply_to=reply_to)
        return await self._put(f"send/{fake_matrix.MESSAGE}", content)

    @override
    async def say_below(self, root: MessageRef, text: str) -> MessageRef:
        content = fake_matrix.said(text) | fake_matrix.relation_of(thread=root)
        return await self._put(f"send/{fake_matrix.MESSAGE}", content)

    @override
    async def edit(self, ref: MessageRef, text: str) -> None:
        content = fake_matrix.edited(fake_matrix.said(text), ref)
        await self._put(f"send/{fake_matrix.MESSAGE}", content)

    @override
    async def delete(self, ref: MessageRef) -> None:
        await self._put(f"redact/{ref}", {})

    @override
    async def react(self, ref: MessageRef, key: str) -> MessageRef:
        return await self._put(f"send/{fake_matrix.REACTION}", fake_matrix.annotation(ref, key))

    @override
    async def unreact(self, ref: MessageRef, key: str, reaction: MessageRef) -> None:
        await self._put(f"redact/{reaction}", {})

    @override
    async def view(self) -> list[Shown]:
        answer = await self.human.call("GET", f"/rooms/{self.room}/messages?dir=b&limit=200")
        ghost = self.world.names.ghost(self.speaker)
        return fake_matrix.view_of(
            answer["chunk"][::-1], lambda user: self.speaker if user == ghost else user
        )

    @override
    async def next_entry(self) -> NewEntry:
        while not self._entries:
            body = await self.bodies.get()
            reader = Reader(self.world.names)
            self._entries, _, _ = reader.entries_of(body, self.now())
        return self._entries.pop(0)

    @override
    async def lose_answer(self, event: Event) -> None:
        self._after.append(Uncertain("the answer was lost"))

    @override
    async def refuse(self, event: Event) -> None:
        self._before.append(Unavailable("not now"))

    async def _put(self, what: str, content: object) -> MessageRef:
        self._transactions += 1
        path = f"/rooms/{self.room}/{what}/{self._transactions}"
        return MessageRef((await self.human.call("PUT", path, content))["event_id"])

    async def _spoilt(
        self,
        method: str,
        target: str,
        body: bytes | None,
        *,
        what: str,
        ready: Ready | None = None,
    ) -> bytes:
        has_effect = "/send/" in target or "/redact/" in target
        if has_effect and self._before:
            raise self._before.pop(0)
        answer = await self._exchange(method, target, body, what=what, ready=ready)
        if has_effect and self._after:
            raise self._after.pop(0)
        return answer
