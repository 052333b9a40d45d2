"""What becomes of a chatMessage: read, compared with what is known, and said, as the bridge does it.

    Case ─▶ entry ─▶ relay.intake ─▶ deliveries ─▶ relay.worker ─▶ what a homeserver would be sent
             └ teams.endpoint, Graph scripted      └ matrix.endpoint, homeserver scripted

Everything between the two networks is the bridge's own, the journal a fake one; bytes are not fetched.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from bridge.domain.content import Attachment, Body, Image, MediaKind
from bridge.domain.events import Seen
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    MediaUri,
    MessageRef,
    Place,
    RoomId,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
    channel_place,
)
from bridge.domain.portal import Account, Portal
from bridge.matrix.client import Client
from bridge.matrix.endpoint import MatrixEndpoint
from bridge.matrix.former import FormerRooms
from bridge.matrix.ghosts import DEVICE, Devices, Ghosts
from bridge.matrix.media import Copier
from bridge.matrix.names import Names
from bridge.matrix.puppets import NOBODY
from bridge.matrix.rooms import Rooms
from bridge.matrix.sender import Outgoing, Redaction, Sender, milliseconds
from bridge.matrix.showing import Media, wanted_of
from bridge.ports import Copy, Delivery
from bridge.relay.intake import Intake
from bridge.relay.items import Says
from bridge.relay.worker import Worker
from bridge.teams.found import entry_of_read
from tests.docs.gallery.building import CEM, CHANNEL, CHAT, NAMES, TEAM, TENANT, Case, Json
from tests.docs.gallery.graph import teams_endpoint
from tests.kit.fake_journal import FakeClock, FakeJournal, FakeStore
from tests.kit.relay_world import FakeDesk
from tests.unit.matrix.books import CONFIG, Accounts, Books

MatrixEvent = dict[str, Any]

ROOM = RoomId("!tea:example.org")
NOON = datetime(2025, 11, 21, 12, tzinfo=UTC)
STEPS_MAX = 50
SIZE = 48_321
"""Bytes of whatever is copied."""
WIDTH, HEIGHT = 320, 200
"""Pixels of pictures that do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A case, the Matrix events that it becomes after those of what was said before it, and losses.

    `people` are the members of the room that speak or are spoken of, as a client knows them.
    """

    case: Case
    people: tuple[MatrixEvent, ...]
    before: tuple[MatrixEvent, ...]
    events: tuple[MatrixEvent, ...]
    losses: tuple[str, ...]


async def show(cases: Sequence[Case]) -> list[Shown]:
    """Carry every case over, each in a room of its own."""
    return [await _show(case) for case in cases]


async def _show(case: Case) -> Shown:
    world = _World(case)
    for message in case.before:
        await world.carry(message)
    before = tuple(world.events)
    await world.carry(case.message)
    return Shown(
        case=case,
        people=tuple(world.people.values()),
        before=before,
        events=tuple(world.events[len(before) :]),
        losses=tuple(sorted({loss.name for loss in world.store.losses})),
    )


def _place(message: Json) -> Place:
    tenant = TenantId(TENANT)
    if message["chatId"] is None:
        channel = Channel(team=TeamId(TEAM), channel=ChannelId(CHANNEL))
        return channel_place(tenant, channel)
    return Place(tenant=tenant, conversation=ConversationId(CHAT))


@dataclass
class _World:
    """A homeserver that takes everything, and the bridge before it."""

    case: Case
    store: FakeStore = field(default_factory=FakeStore)
    events: list[MatrixEvent] = field(default_factory=list)
    people: dict[str, MatrixEvent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = FakeClock(NOON)
        names = Names.of(CONFIG)
        self.know(names.bot, CONFIG.appservice.bot_name)
        self.know("@cem:example.org", "cem")
        self.journal = FakeJournal(self.store, self.clock, owner="gallery")
        client = cast(Client, _Homeserver(self))
        sender, books = cast(Sender, _Homeserver(self)), Books()
        ghosts = Ghosts(client, books, names, devices=Devices(client))
        matrix = MatrixEndpoint(
            sender,
            client,
            ghosts=ghosts,
            rooms=cast(Rooms, OneRoom(client)),
            media=cast(Copier, _Copies()),
            clock=self.clock,
        )
        teams = teams_endpoint(self.case, self.clock, self.journal)
        self.intake = Intake(
            teams, matrix, self.journal, self.clock, speaker=_author, desk=FakeDesk()
        )
        self.worker = Worker(matrix, self.journal, self.clock)

    def know(self, user: str, name: str) -> None:
        """Let the room know what a member is called."""
        self.people[user] = {
            "type": "m.room.member",
            "event_id": f"$member of {user}",
            "state_key": user,
            "sender": user,
            "origin_server_ts": milliseconds(NOON),
            "content": {"membership": "join", "displayname": name},
        }

    async def carry(self, message: Json) -> None:
        """Let the bridge read a message, and do what follows from it."""
        entry = entry_of_read(_place(message), message, now=self.clock.now())
        await self.journal.append_entries([entry])
        for _ in range(STEPS_MAX):
            if not any([await self.intake.step(), await self.worker.step()]):
                break
        parked = [stored.error for stored in self.store.inbox.values()]
        parked += [stored.error for stored in self.store.deliveries.values()]
        assert parked == [], f"{self.case.name}: {parked}"


class OneRoom:
    """Every portal's room; Cem has an account of his own."""

    def __init__(self, client: Client) -> None:
        self.former = FormerRooms(client)
        self.puppets = NOBODY
        self.accounts = Accounts()
        cem = Account(
            user=UserId("@cem:example.org"),
            tenant=TenantId(TENANT),
            teams_user=TeamsUserId(CEM),
            name=NAMES[CEM],
        )
        self.accounts.accounts[cem.user] = cem

    async def ensure(self, _portal: Portal) -> RoomId:
        return ROOM

    async def known(self, _portal: Portal) -> RoomId:
        return ROOM


class _Copies:
    """Copies everything, without looking at it."""

    async def gathered(self, _delivery: Delivery, body: Body) -> Media:
        return {
            node.url: _copy(node, number) for number, node in enumerate(wanted_of(body), start=1)
        }


def _copy(node: Attachment | Image, number: int) -> Copy:
    name = node.alt if isinstance(node, Image) else node.name
    is_picture = isinstance(node, Image) or node.kind is MediaKind.IMAGE
    guessed = "image/png" if is_picture else mimetypes.guess_type(name)[0]
    return Copy(
        uri=MediaUri(f"mxc://example.org/bytes{number}"),
        mimetype=guessed or "application/octet-stream",
        size=SIZE,
        name=name,
        width=node.width or (WIDTH if is_picture else 0),
        height=node.height or (HEIGHT if is_picture else 0),
    )


@dataclass
class _Homeserver:
    """Keeps what it is sent, and names it by its number."""

    world: _World

    async def send(self, outgoing: Outgoing, *, ready: object = None) -> MessageRef:
        del ready
        at = milliseconds(outgoing.sent_at or NOON)
        return self._keep(outgoing.kind, outgoing.sender, orjson.loads(outgoing.content), at=at)

    async def redact(self, redaction: Redaction) -> MessageRef:
        content: Json = {"redacts": redaction.target}
        at = milliseconds(NOON)
        return self._keep("m.room.redaction", redaction.sender, content, at=at)

    def _keep(self, kind: str, sender: UserId, content: Json, *, at: int) -> MessageRef:
        ref = f"$event{len(self.world.events) + 1}"
        self.world.events.append(
            {
                "type": kind,
                "event_id": ref,
                "sender": sender,
                "origin_server_ts": at,
                "content": content,
            }
        )
        return MessageRef(ref)

    async def event(self, _room: RoomId, ref: MessageRef) -> MatrixEvent | None:
        return next((one for one in self.world.events if one["event_id"] == ref), None)

    async def messages_of(self, _room: RoomId, user: UserId) -> list[MatrixEvent]:
        return [one for one in self.world.events if one["sender"] == user]

    async def register(self, _localpart: str) -> None:
        return None

    async def put_device(self, _user: UserId, _device: str, _name: str) -> None:
        return None

    async def whoami(self, _user: UserId, _device: str) -> str:
        return DEVICE

    async def set_display_name(self, user: UserId, name: str) -> None:
        self.world.know(user, name)


async def _author(seen: Sequence[Seen]) -> Mapping[str, Says]:
    return {one.author.id: one.author.id for one in seen}
