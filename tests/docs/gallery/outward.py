"""What becomes of a matrix event: read, and said in Teams, as the bridge does it.

    Saying ─▶ entry ─▶ relay.intake ─▶ deliveries ─▶ relay.worker ─▶ what Graph would be asked
               └ matrix.endpoint, homeserver scripted └ teams.endpoint, Graph scripted

Everything between the two networks is the bridge's own, the journal a fake one; files are put nowhere.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

import orjson
from typing_extensions import override

from bridge.domain.events import Seen
from bridge.domain.ids import ConversationId, MessageRef, Place, RoomId, Side, TenantId
from bridge.matrix.client import Client
from bridge.matrix.endpoint import MatrixEndpoint
from bridge.matrix.ghosts import Devices, Ghosts
from bridge.matrix.media import Copier
from bridge.matrix.names import Names
from bridge.matrix.naming import file_name
from bridge.matrix.rooms import Rooms
from bridge.matrix.sender import Sender, milliseconds
from bridge.ports import Delivery, Fetched, NewEntry
from bridge.relay.intake import Intake
from bridge.relay.items import Says
from bridge.relay.worker import Worker
from bridge.teams.drives import Drives
from bridge.teams.enclosing import Encloser
from bridge.teams.file_names import marked
from bridge.teams.graph import Graph
from bridge.teams.items import Stored
from tests.docs.gallery.building import CEM, CHAT, NUMBER, TENANT, Json
from tests.docs.gallery.graph import endpoint_on
from tests.docs.gallery.outward_cases import CEM_USER, SAYINGS, Saying
from tests.docs.gallery.showing import OneRoom
from tests.kit.fake_journal import FakeClock, FakeJournal, FakeStore
from tests.kit.fake_media import FakeRoomMedia, RoomFile
from tests.kit.relay_world import FakeDesk
from tests.unit.matrix.books import CONFIG, Books

ROOM = RoomId("!tea:example.org")
PLACE = Place(tenant=TenantId(TENANT), conversation=ConversationId(CHAT))
NOON = datetime(2025, 11, 21, 12, tzinfo=UTC)
STEPS_MAX = 50
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SHARED = "https://contoso-my.sharepoint.com/personal/cem/Documents/Microsoft%20Teams%20Chat%20Files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A saying, and what Graph is asked for it after what was said before; losses by name."""

    saying: Saying
    asked: tuple[Json, ...]
    losses: tuple[str, ...]


async def say_all() -> list[Said]:
    """Carry every saying over, each in a room of its own."""
    return [await _said(saying) for saying in SAYINGS]


async def _said(saying: Saying) -> Said:
    world = _World(saying)
    await world.open()
    for before in saying.before:
        await world.carry(before)
    world.graph.asked.clear()
    await world.carry(saying)
    return Said(
        saying=saying,
        asked=tuple(world.graph.asked),
        losses=tuple(sorted({loss.name for loss in world.store.losses})),
    )


@dataclass
class _Graph:
    """Takes everything, and keeps what it was asked and what there is since."""

    asked: list[Json] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        guard: Callable[[], Awaitable[None]] | None = None,
        **_more: object,
    ) -> Json:
        if method == "GET":
            return next(one for one in self.messages if path.endswith(str(one["id"])))
        if guard is not None:
            await guard()
        self.asked.append({"method": method, "path": path, **({"body": body} if body else {})})
        if method != "POST" or not path.endswith(("/messages", "/replyWithQuote")):
            return {}
        wish = cast(Json, (body or {}).get("replyMessage", body))
        ref = str(NUMBER + len(self.messages))
        made = {**wish, "id": ref, "etag": ref, "createdDateTime": "2025-11-21T12:00:00Z"}
        self.messages.append(made)
        return made


@dataclass
class _Drives:
    """Puts files nowhere; every one has an address all the same."""

    async def put(self, _delivery: Delivery, file: Fetched, mark: str) -> tuple[Stored, bool]:
        guid = "0b1c2d3e-0000-4000-8000-00000000f11e"
        address = f"{SHARED}/{quote(marked(file.name, mark))}"
        return Stored(drive="d", id="i", guid=guid, address=address, name=file.name), True


class _Media(FakeRoomMedia):
    """Has one file, and calls it as the bridge does."""

    @override
    @asynccontextmanager
    async def open(self, uri: str, name: str) -> AsyncIterator[Fetched]:
        async with super().open(uri, name) as file:
            yield replace(self.files[uri], called=file_name(name, file.mimetype))


@dataclass
class _Homeserver:
    """Has the events that were sent; nobody but Cem was there."""

    events: list[dict[str, Any]] = field(default_factory=list)

    async def event(self, _room: RoomId, ref: MessageRef) -> dict[str, Any] | None:
        return next((one for one in self.events if one["event_id"] == ref), None)

    async def references(self, _room: RoomId, ref: MessageRef) -> list[dict[str, Any]]:
        def refers(event: dict[str, Any]) -> bool:
            return bool(event["content"].get("m.relates_to", {}).get("event_id") == ref)

        return [one for one in reversed(self.events) if refers(one)]


@dataclass
class _World:
    """A room of Cem's, the bridge, and Graph behind it."""

    saying: Saying
    store: FakeStore = field(default_factory=FakeStore)
    homeserver: _Homeserver = field(default_factory=_Homeserver)
    graph: _Graph = field(default_factory=_Graph)

    def __post_init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.journal = FakeJournal(self.store, self.clock, owner="gallery")
        client, names = cast(Client, self.homeserver), Names.of(CONFIG)
        matrix = MatrixEndpoint(
            cast(Sender, None),
            client,
            ghosts=Ghosts(client, Books(), names, devices=Devices(client)),
            rooms=cast(Rooms, OneRoom(client)),
            media=cast(Copier, None),
            clock=self.clock,
        )
        info = cast(Json, self.saying.content.get("info", {}))
        kind = str(info.get("mimetype", ""))
        media = _Media(**{"mxc://example.org/1": RoomFile(data=PNG, kind=kind)})
        encloser = Encloser(media=media, drives=cast(Drives, _Drives()), journal=self.journal)
        teams = endpoint_on(cast(Graph, self.graph), self.clock, self.journal, encloser=encloser)
        desk = FakeDesk()
        self.intake = Intake(matrix, teams, self.journal, self.clock, speaker=_signed_in, desk=desk)
        self.worker = Worker(teams, self.journal, self.clock, run_length_max=1)

    async def open(self) -> None:
        """Give the chat its room."""
        async with self.journal.unit() as unit:
            portal = (await unit.portals([PLACE]))[PLACE]
        self.store.set_room(portal.id, ROOM)

    async def carry(self, saying: Saying) -> None:
        """Let the bridge read an event, and do what follows from it."""
        self.clock.advance(timedelta(seconds=1))
        now, ref = self.clock.now(), f"$said{len(self.homeserver.events) + 1}"
        event = event_of(saying, ref=ref, at=now)
        self.homeserver.events.append(event)
        entry = NewEntry(
            side=Side.MATRIX,
            key=ref,
            conversation=ROOM,
            position=milliseconds(now),
            raw=orjson.dumps(event),
            received_at=now,
            due_at=now,
        )
        await self.journal.append_entries([entry])
        for _ in range(STEPS_MAX):
            if not any([await self.intake.step(), await self.worker.step()]):
                break
        parked = [stored.error for stored in self.store.inbox.values()]
        parked += [stored.error for stored in self.store.deliveries.values()]
        assert parked == [], f"{saying.title}: {parked}"


def event_of(saying: Saying, *, ref: str, at: datetime) -> dict[str, Any]:
    """Return the event as the homeserver pushes it."""
    return {
        "type": saying.kind,
        "event_id": ref,
        "room_id": ROOM,
        "sender": CEM_USER,
        "origin_server_ts": milliseconds(at),
        "content": saying.content,
        **(saying.facts or {}),
    }


async def _signed_in(seen: Sequence[Seen]) -> Mapping[str, Says]:
    return {one.author.id: CEM for one in seen}
