"""The Matrix side on a real Synapse: what a delivery leaves there, and what survives its crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from typing_extensions import override
from yarl import URL

from bridge.config import Config
from bridge.domain.content import Body, Quote, from_text
from bridge.domain.events import (
    Asked,
    Event,
    Invited,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    PersonKind,
    ReactionAdded,
    ReactionRemoved,
    Unheard,
)
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    EntryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.likeness import Likeness, Standing
from bridge.domain.permission import Permissions
from bridge.domain.portal import Conversation, ConversationKind, Member, Portal, Team
from bridge.errors import (
    ConfigError,
    NotOurs,
    Refused,
    RemoteError,
    Unauthorized,
    Unavailable,
    Uncertain,
)
from bridge.http1 import Pool, Ready
from bridge.matrix.appservice import Reader
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client, NewRoom
from bridge.matrix.commands import Registry
from bridge.matrix.commands.account import AccountCommands
from bridge.matrix.connection import Connection, open_connections
from bridge.matrix.desk import BotDesk, Duties
from bridge.matrix.endpoint import MatrixEndpoint
from bridge.matrix.ghosts import DEVICE, Devices, Ghosts
from bridge.matrix.media import Copier
from bridge.matrix.names import Names
from bridge.matrix.paths import Method, Path as ApiPath
from bridge.matrix.profiles import PROFILE
from bridge.matrix.registration import registration_yaml
from bridge.matrix.rooms import Rooms, portal_room
from bridge.matrix.saying import MARKER
from bridge.matrix.sender import Redaction, Sender
from bridge.matrix.start import announce, check
from bridge.matrix.uploading import Uploader
from bridge.ports import (
    ORGANISATION,
    Delivery,
    Entry,
    Far,
    FarPart,
    Ghost,
    NewEntry,
)
from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.processes import reserve_port
from bridge.telemetry import Watch
from tests.kit.fake_media import FakeMediaBook, FakeSource, Losses
from tests.kit.world import MatrixUser, Slot
from tests.unit.matrix.books import CONFIG, NOW, Accounts, Books, StillClock, Tenant

MEDIA_SIZE_MAX = 32 * 1024 * 1024
TENANT = TenantId("tenant")
ANNA = Person(id="a1b2c3d4-0000-4000-8000-000000000001", name="Anna Zhou")
PLACE = Place(tenant=TENANT, conversation=ConversationId("19:abc@thread.v2"))
PORTAL = Portal(id=PortalId(1), place=PLACE, room=None)


@dataclass
class World:
    """The Matrix side, complete, with memories that the test can look into."""

    config: Config
    clock: StillClock
    watch: Watch
    books: Books
    accounts: Accounts
    tenant: Tenant
    client: Client
    sender: Sender
    ghosts: Ghosts
    rooms: Rooms
    bot: Bot
    desk: BotDesk
    endpoint: MatrixEndpoint
    source: FakeSource
    copies: FakeMediaBook
    losses: Losses

    @property
    def names(self) -> Names:
        return self.ghosts.names

    async def say(self, delivery: Delivery) -> MessageRef:
        return await self.endpoint.deliver(delivery, confirm=agreed)

    async def messages(self, room: RoomId, user: str) -> list[dict[str, Any]]:
        return [dict(event) for event in await self.client.messages_of(room, UserId(user))]


@asynccontextmanager
async def world_of(config: Config, books: Books | None = None) -> AsyncIterator[World]:
    """The Matrix side as a process would build it; `books` are what an earlier one left."""
    watch, clock, accounts, tenant = Watch(), StillClock(), Accounts(), Tenant()
    books = books or Books()
    names = Names.of(config)
    tenant.conversations[PLACE] = Conversation(
        place=PLACE,
        kind=ConversationKind.GROUP,
        topic="Lunch",
        members=(Member(id=TeamsUserId(ANNA.id), name=ANNA.name),),
    )
    async with open_connections(config, watch) as connections:
        client, sender = Client(connections.asking, bot=names.bot), Sender(connections.sending)
        devices = Devices(client)
        ghosts = Ghosts(client, books, names, devices=devices)
        rooms = Rooms(client, names, portals=books, accounts=accounts, directory=tenant)
        bot = Bot(client, sender, names, name=config.appservice.bot_name, devices=devices)
        commands = Registry(AccountCommands(accounts).commands(), prefix="!teams")
        duties = Duties(
            commands=commands,
            permissions=Permissions.default(config.homeserver.domain),
            portal_in=books.portal_in,
        )
        desk = BotDesk(bot, client, rooms=rooms, book=books, duties=duties, clock=clock)
        uploader = Uploader(
            connections, address=config.homeserver.address, clock=clock, watch=watch
        )
        losses, source, copies = Losses(), FakeSource(), FakeMediaBook()
        copier = Copier(
            source, uploader, copies, size_max=MEDIA_SIZE_MAX, journal=losses.as_journal()
        )
        endpoint = MatrixEndpoint(
            sender, client, ghosts=ghosts, rooms=rooms, media=copier, clock=clock
        )
        yield World(
            config, clock, watch, books, accounts, tenant, client, sender,
            ghosts, rooms, bot, desk, endpoint, source, copies, losses,
        )  # fmt: skip


def config_of(slot: Slot) -> Config:
    appservice = replace(
        CONFIG.appservice,
        id=slot.id,
        address=f"http://127.0.0.1:{slot.port}",
        as_token=slot.as_token,
        hs_token=slot.hs_token,
        bot_localpart=slot.bot_localpart,
        ghost_localpart=slot.ghost_prefix + "{user}",
        alias_localpart=slot.alias_prefix + "{chat}",
    )
    return at(
        slot.homeserver.url, slot.homeserver.server_name, replace(CONFIG, appservice=appservice)
    )


def at(address: str, domain: str, config: Config = CONFIG) -> Config:
    return replace(config, homeserver=replace(config.homeserver, address=address, domain=domain))


@pytest.fixture
async def world(slot: Slot) -> AsyncIterator[World]:
    async with world_of(config_of(slot)) as made:
        await made.bot.prepare()
        yield made


@pytest.fixture
async def alice(slot: Slot) -> AsyncIterator[Human]:
    async with Human.of(slot.homeserver, slot.register("alice")) as human:
        yield human


class Human:
    """A person with a Matrix client."""

    def __init__(self, session: aiohttp.ClientSession, address: str, user: MatrixUser) -> None:
        self.session = session
        self.base = f"{address}/_matrix/client/v3"
        self.id = UserId(user.id)
        self.headers = {"Authorization": f"Bearer {user.access_token}"}

    @classmethod
    @asynccontextmanager
    async def of(cls, homeserver: Homeserver, user: MatrixUser) -> AsyncIterator[Human]:
        async with aiohttp.ClientSession() as session:
            yield cls(session, homeserver.url, user)

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        async with self.session.request(
            method, f"{self.base}{path}", json=body, headers=self.headers
        ) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer

    async def room_with(self, *users: str) -> RoomId:
        body = {"invite": users, "is_direct": True, "preset": "private_chat"}
        return RoomId((await self.call("POST", "/createRoom", body))["room_id"])

    async def invited_to(self) -> set[str]:
        answer = await self.call("GET", "/sync?timeout=0")
        return set(answer["rooms"].get("invite", {}))

    async def timeline(self, room: RoomId) -> list[dict[str, Any]]:
        answer = await self.call("GET", f"/rooms/{room}/messages?dir=b&limit=100")
        return [e for e in reversed(answer["chunk"]) if e["type"] == "m.room.message"]


async def agreed() -> None:
    """Confirm: the delivery is still ours."""


def asked(room: RoomId, who: Human, ref: str, text: str, *, sent_at: datetime = NOW) -> Asked:
    return Asked(room=room, sender=who.id, ref=MessageRef(ref), text=text, sent_at=sent_at)


def delivery(
    text: str,
    *,
    source: str = "1700000000001",
    author: Person = ANNA,
    portal: Portal = PORTAL,
    part: int = 0,
) -> Delivery:
    event = MessageSent(
        author=author,
        version=Version("1"),
        sent_at=NOW - timedelta(minutes=1),
        body=from_text(text),
        part=part,
    )
    return Delivery(
        id=DeliveryId(1),
        portal=portal,
        target=Side.MATRIX,
        source=MessageRef(source),
        speaker=author.id,
        event=event,
        attempts=1,
        resumed=False,
        created_at=NOW,
    )


# --- delivering -----------------------------------------------------------------------------------


async def test_a_message_of_a_new_person_is_said_by_their_ghost_at_its_own_time(
    world: World,
) -> None:
    ref = await world.say(delivery("Lunch?"))

    room = world.books.rooms[PORTAL.id]
    ghost = world.names.ghost(ANNA.id)
    [event] = await world.messages(room, ghost)
    assert event["event_id"] == ref
    assert event["sender"] == ghost
    assert event["origin_server_ts"] == int((NOW - timedelta(minutes=1)).timestamp() * 1000)
    assert event["content"]["body"] == "Lunch?"
    assert event["content"]["m.mentions"] == {}
    assert event["content"][MARKER] == {
        "tenant": TENANT,
        "conversation": PLACE.conversation,
        "message": "1700000000001",
        "version": "1",
        "part": 0,
    }
    assert await world.client.display_name(ghost) == "Anna Zhou (Teams)"
    assert await world.client.whoami(ghost, DEVICE) == DEVICE


async def test_the_same_delivery_twice_is_one_event(world: World) -> None:
    first = await world.say(delivery("once"))
    second = await world.say(delivery("once"))

    assert first == second
    room = world.books.rooms[PORTAL.id]
    assert len(await world.messages(room, world.names.ghost(ANNA.id))) == 1


async def test_two_messages_of_equal_text_and_time_are_two_events(world: World) -> None:
    await world.say(delivery("first of all"))

    refs = await asyncio.gather(
        *(world.say(delivery("ok", source=str(number))) for number in range(8))
    )

    assert len(set(refs)) == 8


async def test_the_parts_of_a_long_message_are_events_of_their_own(world: World) -> None:
    long = delivery("word " * 30_000)

    parts = world.endpoint.fit(long.event)
    refs = [await world.say(replace(long, event=part)) for part in parts]

    assert len(parts) == len(set(refs)) > 1


async def test_a_ghost_that_was_shown_out_comes_back_to_speak(world: World) -> None:
    await world.say(delivery("in"))
    room, ghost = world.books.rooms[PORTAL.id], world.names.ghost(ANNA.id)
    await world.client.call(Method.POST, ApiPath.v3.rooms[room].kick, {"user_id": ghost})

    await world.say(delivery("again", source="2"))

    assert [e["content"]["body"] for e in await world.messages(room, ghost)] == ["again", "in"]


async def test_a_ghost_that_the_homeserver_has_forgotten_is_made_anew(world: World) -> None:
    await world.rooms.ensure(PORTAL)
    name = "Anna Zhou (Teams)"
    forgotten = Ghost(tenant=TENANT, person=ANNA.id, name=name, has_device=True)
    await world.books.remember_ghost(forgotten)

    await world.say(delivery("here I am"))

    ghost = world.names.ghost(ANNA.id)
    assert len(await world.messages(world.books.rooms[PORTAL.id], ghost)) == 1


async def test_a_ghost_whose_device_was_deleted_gets_it_back(world: World) -> None:
    await world.say(delivery("with it"))
    ghost = world.names.ghost(ANNA.id)
    await world.client.call(Method.DELETE, ApiPath.v3.devices[DEVICE], user=ghost)

    await world.say(delivery("still with it", source="2"))

    assert await world.client.whoami(ghost, DEVICE) == DEVICE


async def test_a_ghost_is_renamed_when_its_person_was_and_keeps_its_name_when_none_is_given(
    world: World,
) -> None:
    ghost = world.names.ghost(ANNA.id)
    await world.say(delivery("1"))
    renamed = Person(id=ANNA.id, name="Anna Maier")

    await world.say(delivery("2", source="2", author=renamed))
    await world.say(delivery("3", source="3", author=Person(id=ANNA.id)))

    assert await world.client.display_name(ghost) == "Anna Maier (Teams)"


async def test_ghosts_are_called_with_who_they_are(world: World) -> None:
    kinds = {
        Person(id="alex", name="Alex", kind=PersonKind.GUEST): "Alex (Teams, guest)",
        Person(id="+4930123456", kind=PersonKind.PHONE): "Unknown user (Teams, phone)",
        Person(id="app:1", name="Deploy", kind=PersonKind.BOT): "Deploy (Teams, bot)",
        Person(
            id="ben", name="Ben (Teams)", kind=PersonKind.FEDERATED, organisation="fabrikam.example"
        ): "Ben [Teams] (Teams, fabrikam.example)",
    }
    for number, author in enumerate(kinds):
        await world.say(delivery("hello", source=str(number), author=author))

    for author, shown in kinds.items():
        assert await world.client.display_name(world.names.ghost(author.id)) == shown


async def test_several_webhooks_of_one_application_speak_each_under_its_own_name(
    world: World,
) -> None:
    alerts = Person(id="app:1", name="Alerts", kind=PersonKind.WEBHOOK)
    builds = replace(alerts, name="Builds")
    for number, author in enumerate((alerts, builds, alerts)):
        await world.say(delivery("done", source=str(number), author=author))

    ghost = world.names.ghost(alerts.id)
    assert await world.client.display_name(ghost) == "Alerts (Teams, webhook)"
    said = await world.messages(world.books.rooms[PORTAL.id], ghost)
    assert [event["content"]["body"] for event in reversed(said)] == [
        "done",
        "Builds (Teams, webhook): done",
        "done",
    ]
    profiles = [event["content"].get(PROFILE) for event in reversed(said)]
    assert [profile and profile["displayname"] for profile in profiles] == [
        None,
        "Builds (Teams, webhook)",
        None,
    ]


async def test_what_the_directory_said_is_not_overwritten_by_an_old_message(world: World) -> None:
    """Another process has looked at the person meanwhile; what we remember is out of date."""
    await world.say(delivery("1"))
    ghost = await world.books.ghost(TENANT, ANNA.id)
    assert ghost is not None
    likeness = Likeness(name="Anna Maier", standing=Standing.ACTIVE)
    looked = replace(ghost, name="Anna Maier (Teams)", likeness=likeness, looked_at=NOW)
    world.books.ghosts[TENANT, ANNA.id] = looked

    await world.say(delivery("2", source="2", author=replace(ANNA, name="Anna Old")))

    assert world.books.ghosts[TENANT, ANNA.id] == looked


async def test_what_was_set_up_is_not_set_up_again_by_the_next_process(world: World) -> None:
    await world.say(delivery("first process"))
    async with world_of(world.config, world.books) as later:
        exchanges = counted(later)
        await later.say(delivery("second process", source="2"))

    assert exchanges == ["send"]


# --- looking back ---------------------------------------------------------------------------------


async def test_a_young_attempt_is_not_looked_for_because_repeating_it_is_harmless(
    world: World,
) -> None:
    await world.say(delivery("here"))

    assert await world.endpoint.find(replace(delivery("here"), resumed=True)) is None


async def test_an_old_attempt_is_found_by_the_marker_it_left(world: World) -> None:
    ref = await world.say(delivery("here"))
    await world.say(delivery("here", source="2"))
    old = NOW - timedelta(hours=21)

    assert await world.endpoint.find(replace(delivery("here"), created_at=old)) == ref
    assert await world.endpoint.find(replace(delivery("x", source="3"), created_at=old)) is None


async def test_without_a_device_even_a_young_attempt_is_looked_for(world: World) -> None:
    ref = await world.say(delivery("here"))
    ghost = world.books.ghosts[TENANT, ANNA.id]
    world.books.ghosts[TENANT, ANNA.id] = replace(ghost, has_device=False)
    async with world_of(world.config, world.books) as later:
        assert await later.endpoint.find(delivery("here")) == ref


# --- changes --------------------------------------------------------------------------------------


def changing(event: Event, far: Far = Far(), *, source: str = "1") -> Delivery:  # noqa: B008
    return replace(delivery("x", source=source), event=event, far=far)


def edited(text: str, *, version: str = "2", part: int = 0, parts: int = 1) -> MessageEdited:
    return MessageEdited(
        target=MessageRef("1"),
        author=ANNA,
        version=Version(version),
        sent_at=NOW,
        body=from_text(text),
        part=part,
        parts=parts,
    )


def deleted() -> MessageDeleted:
    return MessageDeleted(target=MessageRef("1"), author=ANNA, version=Version("9"), sent_at=NOW)


def added(key: str = "👍", *, version: str = "2") -> ReactionAdded:
    return ReactionAdded(
        target=MessageRef("1"), author=ANNA, key=key, version=Version(version), sent_at=NOW
    )


def removed(key: str = "👍") -> ReactionRemoved:
    return ReactionRemoved(
        target=MessageRef("1"), author=ANNA, key=key, version=Version("8"), sent_at=NOW
    )


def far_of(ref: str, origin: Side = Side.TEAMS, *, reaction: MessageRef | None = None) -> Far:
    part = FarPart(part=0, ref=MessageRef(ref), origin=origin, author="x")
    return Far(parts=(part,), reaction=reaction)


async def joined(world: World, human: Human) -> RoomId:
    """The portal's room, with a person in it."""
    room = await world.rooms.ensure(PORTAL)
    await world.rooms.invite(human.id, room)
    await human.call("POST", f"/rooms/{room}/join", {})
    return room


async def shown(world: World, ref: str) -> dict[str, Any]:
    event = await world.client.event(world.books.rooms[PORTAL.id], MessageRef(ref))
    assert event is not None
    return dict(event)


async def every_change(world: World) -> list[Delivery]:
    """Deliveries of every kind, in an order in which they can be carried out."""
    first = await world.say(delivery("original", source="1"))
    liked = await world.say(changing(added("❤"), far_of(first)))
    back = MessageSent(
        author=ANNA, version=Version("3"), sent_at=NOW, body=from_text("back"), again=True
    )
    return [
        delivery("another", source="2"),
        changing(back, source="3"),
        changing(edited("edited"), far_of(first)),
        changing(added(), far_of(first)),
        changing(removed("❤"), far_of(first, reaction=liked)),
        changing(deleted(), far_of(first)),
    ]


async def test_whatever_is_carried_out_twice_has_one_name_even_after_a_crash_of_the_homeserver(
    tmp_path: Path,
) -> None:
    file = tmp_path / "registration.yaml"
    file.write_text(registration_yaml(at("http://not.known.yet", "crash.test")))
    with Homeserver() as homeserver:
        url = await asyncio.to_thread(
            homeserver.start, tmp_path / "hs", server_name="crash.test", registrations=[file]
        )
        async with world_of(at(url, "crash.test")) as world:
            await world.bot.prepare()
            deliveries = await every_change(world)
            room, ghost = world.books.rooms[PORTAL.id], world.names.ghost(ANNA.id)
            target = await world.say(delivery("to be redacted", source="7"))
            redaction = Redaction(
                room=room, sender=ghost, device=DEVICE, transaction="gone", target=target
            )
            first = [await world.say(one) for one in deliveries]
            first.append(await world.sender.redact(redaction))
            assert first == [
                *[await world.say(one) for one in deliveries],
                await world.sender.redact(redaction),
            ]
            await asyncio.to_thread(homeserver.kill)
            await asyncio.to_thread(homeserver.restart)
        async with world_of(at(url, "crash.test"), world.books) as later:
            again = [await later.say(one) for one in deliveries]
            again.append(await later.sender.redact(redaction))

    assert first == again
    assert len(set(first)) == len(first)


async def test_without_devices_every_kind_is_found_by_what_it_left(slot: Slot) -> None:
    config = config_of(slot)
    domain = config.homeserver.domain
    async with (
        without_devices(config.homeserver.address) as address,
        world_of(at(address, domain, config)) as world,
    ):
        await world.bot.prepare()
        for one in await every_change(world):
            assert await world.endpoint.find(one) is None
            ref = await world.say(one)
            assert await world.endpoint.find(one) == ref


async def test_without_devices_nothing_is_sent_that_another_process_has_taken_over(
    slot: Slot,
) -> None:
    """Such a homeserver may have forgotten the transaction, and would take it twice."""
    config = config_of(slot)

    async def refuse() -> None:
        raise NotOurs("taken over")

    async with (
        without_devices(config.homeserver.address) as address,
        world_of(at(address, config.homeserver.domain, config)) as world,
    ):
        await world.bot.prepare()
        await world.say(delivery("before", source="0"))
        one = delivery("taken over")
        with pytest.raises(NotOurs):
            await world.endpoint.deliver(one, confirm=refuse)
        assert await world.endpoint.find(one) is None


async def test_after_a_restored_backup_old_events_are_looked_for_though_deliveries_are_new(
    world: World,
) -> None:
    said = delivery("said yesterday")
    old = replace(said, event=replace(said.event, sent_at=NOW - timedelta(hours=21)))
    ref = await world.say(old)

    assert await world.endpoint.find(old) == ref


async def test_an_edit_is_a_replacement_by_the_same_ghost(world: World) -> None:
    ref = await world.say(delivery("before"))

    edit = await world.say(changing(edited("after"), far_of(ref)))

    event = await shown(world, edit)
    assert event["sender"] == world.names.ghost(ANNA.id)
    assert event["content"]["m.relates_to"] == {"rel_type": "m.replace", "event_id": ref}
    assert event["content"]["body"] == "* after"
    assert event["content"]["m.new_content"]["body"] == "after"
    [replaced] = [
        e for e in await world.messages(event["room_id"], event["sender"]) if e["event_id"] == ref
    ]
    assert replaced["unsigned"]["m.relations"]["m.replace"]["event_id"] == edit


async def test_an_edit_as_long_as_it_may_be_is_taken(world: World) -> None:
    ref = await world.say(delivery("before"))
    parts = world.endpoint.fit(edited("wörd " * 30_000))

    refs = [await world.say(changing(part, far_of(ref))) for part in parts]

    assert len(parts) == len(set(refs)) > 2


async def test_a_quotation_that_somebody_wrote_stays_where_they_answer(world: World) -> None:
    """What is answered is not in the body: Teams shows it apart, and so does Matrix."""
    asked_ = await world.say(delivery("what?", source="0"))
    quote = Quote(blocks=from_text("as they say").blocks)
    body = Body(blocks=(quote, *from_text("this").blocks))
    sent = MessageSent(
        author=ANNA, version=Version("1"), sent_at=NOW, body=body, reply_to=MessageRef("0")
    )

    known = await world.say(changing(sent, far_of(asked_), source="5"))
    unknown = await world.say(changing(sent, source="6"))

    contents = [(await shown(world, ref))["content"] for ref in (known, unknown)]
    assert contents[0]["m.relates_to"] == {"m.in_reply_to": {"event_id": asked_}}
    assert "m.relates_to" not in contents[1]
    assert [one["body"] for one in contents] == ["> as they say\n\nthis"] * 2


async def test_what_a_person_wrote_is_said_anew_and_goes_with_it(
    world: World, alice: Human
) -> None:
    room = await joined(world, alice)
    content = {"msgtype": "m.text", "body": "mine"}
    path = f"/rooms/{room}/send/m.room.message/1"
    ref = (await alice.call("PUT", path, content))["event_id"]
    theirs = far_of(ref, Side.MATRIX)

    parts = [edited("better", parts=2), edited("and more", part=1, parts=2)]
    anew = [await world.say(changing(part, theirs)) for part in parts]
    first, second = [(await shown(world, one))["content"] for one in anew]
    assert first["body"] == "✎ better"
    assert first["m.relates_to"] == {"m.in_reply_to": {"event_id": ref}}
    assert second["body"] == "and more"

    gone = await world.say(changing(deleted(), theirs))

    assert [event["content"] for event in [await shown(world, one) for one in (ref, *anew)]] == (
        [{}, {}, {}]
    )
    assert (await shown(world, gone))["sender"] == world.bot.user
    assert (await shown(world, ref))["unsigned"]["redacted_because"]["event_id"] == gone


async def test_a_ghost_that_was_shown_out_has_its_words_taken_back_by_the_bot(
    world: World,
) -> None:
    ref = await world.say(delivery("oops"))
    room, ghost = world.books.rooms[PORTAL.id], world.names.ghost(ANNA.id)
    await world.client.call(Method.POST, ApiPath.v3.rooms[room].kick, {"user_id": ghost})

    gone = await world.say(changing(deleted(), far_of(ref)))

    assert (await shown(world, gone))["sender"] == world.bot.user
    assert (await shown(world, ref))["content"] == {}


async def test_the_bot_redacts_again_when_its_device_was_deleted(
    world: World, alice: Human
) -> None:
    room = await joined(world, alice)
    path = f"/rooms/{room}/send/m.room.message/1"
    ref = (await alice.call("PUT", path, {"msgtype": "m.text", "body": "x"}))["event_id"]
    devices = ApiPath.v3.devices[DEVICE]
    await world.client.call(Method.DELETE, devices)

    await world.say(changing(deleted(), far_of(ref, Side.MATRIX)))

    assert (await shown(world, ref))["content"] == {}
    assert await world.client.whoami(world.bot.user, DEVICE) == DEVICE


async def test_what_is_not_there_any_more_is_taken_back_already(world: World) -> None:
    await world.rooms.ensure(PORTAL)
    nothing = MessageRef("$nothing-like-it")

    assert await world.say(changing(deleted(), far_of(nothing))) == nothing
    assert await world.say(changing(removed(), far_of(nothing))) == nothing


async def test_a_reaction_that_is_there_is_the_reaction(world: World) -> None:
    ref = await world.say(delivery("nice"))

    one = await world.say(changing(added("❤"), far_of(ref)))
    two = await world.say(changing(added("❤", version="3"), far_of(ref)))
    other = await world.say(changing(added("👍"), far_of(ref)))

    assert one == two != other
    event = await shown(world, one)
    assert event["sender"] == world.names.ghost(ANNA.id)
    assert event["content"]["m.relates_to"]["key"] == "❤\ufe0f"
    assert event["content"][MARKER]["message"] == "1"


async def test_a_reaction_comes_back_after_it_was_taken_away(world: World) -> None:
    ref = await world.say(delivery("nice"))
    first = await world.say(changing(added(), far_of(ref)))
    await world.say(changing(removed(), far_of(ref, reaction=first)))

    second = await world.say(changing(added(version="9"), far_of(ref)))

    assert second != first
    assert (await shown(world, first))["content"] == {}
    assert (await shown(world, second))["content"]["m.relates_to"]["event_id"] == ref


# --- rooms ----------------------------------------------------------------------------------------


async def test_a_portal_gets_one_private_room_that_says_what_it_is(world: World) -> None:
    rooms = await asyncio.gather(*(world.rooms.ensure(PORTAL) for _ in range(4)))

    [room] = set(rooms)
    key = "msteams://tenant/19%3Aabc%40thread.v2"
    info = await world.client.state(room, "m.bridge", key)
    assert info == await world.client.state(room, "uk.half-shot.bridge", key)
    assert info is not None
    assert info["channel"] == {"id": PLACE.conversation, "displayname": "Lunch"}
    assert info["bridgebot"] == world.bot.user
    assert await world.client.state(room, "m.room.name", "") == {"name": "Lunch"}
    # Or a room without a name would be called by a digest.
    assert await world.client.state(room, "m.room.canonical_alias", "") == {}
    assert await world.client.state(room, "m.room.join_rules", "") == {"join_rule": "invite"}
    visibility = await world.client.state(room, "m.room.history_visibility", "")
    assert visibility == {"history_visibility": "shared"}
    assert world.books.names[PORTAL.id] == "Lunch"
    assert world.tenant.described == 1


async def test_dying_between_creating_a_room_and_remembering_it_makes_no_second_room(
    world: World,
) -> None:
    wanted = portal_room(world.tenant.conversations[PLACE], world.names)
    lost = await world.client.create_room(wanted)

    assert await world.rooms.ensure(PORTAL) == lost
    assert world.books.rooms[PORTAL.id] == lost


async def test_a_room_whose_creation_the_homeserver_did_not_finish_is_not_used(
    world: World,
) -> None:
    alias = world.names.portal_alias(PLACE)
    broken = await world.client.create_room(NewRoom(alias=alias, name="half"))

    room = await world.rooms.ensure(PORTAL)

    assert room != broken
    assert await world.client.resolve(world.names.alias(alias)) == room


async def test_signed_in_members_are_invited_when_the_room_is_made(
    world: World, alice: Human, slot: Slot
) -> None:
    world.accounts.add(alice.id, ANNA.id)
    world.accounts.add(slot.register("stranger").id, "somebody else")

    room = await world.rooms.ensure(PORTAL)

    assert await alice.invited_to() == {room}


async def test_one_who_cannot_be_invited_keeps_nobody_else_out(world: World, alice: Human) -> None:
    world.accounts.add(f"@nobody:{world.names.domain}:0:broken", ANNA.id)
    world.accounts.add(alice.id, ANNA.id)

    room = await world.rooms.ensure(PORTAL)

    assert await alice.invited_to() == {room}


async def test_who_signs_in_later_has_their_rooms_and_spaces_looked_at(
    world: World, alice: Human
) -> None:
    team = Team(
        id=TeamId("a-team"), name="Tea", members=(Member(id=TeamsUserId(ANNA.id), name=None),)
    )
    world.tenant.teams[team.id] = team

    await world.rooms.welcome(world.accounts.add(alice.id, ANNA.id))

    assert world.books.looked_at == [PLACE, ORGANISATION, team.id]


async def test_whoever_is_in_a_portal_cannot_bring_in_others(
    world: World, alice: Human, slot: Slot
) -> None:
    world.accounts.add(alice.id, ANNA.id)
    room = await world.rooms.ensure(PORTAL)
    await alice.call("POST", f"/rooms/{room}/join", {})
    other = slot.register("other")

    with pytest.raises(AssertionError, match="M_FORBIDDEN"):
        await alice.call("POST", f"/rooms/{room}/invite", {"user_id": other.id})


# --- reading --------------------------------------------------------------------------------------


async def test_what_a_person_says_comes_as_an_entry_and_reads_as_they_said_it(
    world: World, alice: Human, slot: Slot
) -> None:
    async with pushed(slot) as bodies:
        await announce_once(world)
        world.accounts.add(alice.id, ANNA.id)
        await world.say(delivery("an echo"))
        room = world.books.rooms[PORTAL.id]
        await alice.call("POST", f"/rooms/{room}/join", {})
        content = {"msgtype": "m.text", "body": "a NUL: \u0000"}
        ref = (await alice.call("PUT", f"/rooms/{room}/send/m.room.message/1", content))["event_id"]
        entries: list[NewEntry] = []
        ignored = 0
        while not entries:
            found, left_out, refused = Reader(world.names).entries_of(await bodies.get(), NOW)
            entries += found
            ignored += left_out.total()
            assert not refused
        [entry] = entries
        reading = await world.endpoint.take_in(
            Entry(
                id=EntryId(1),
                side=Side.MATRIX,
                conversation=entry.conversation,
                raw=entry.raw,
                received_at=NOW,
                attempts=1,
            )
        )

    [sighting] = reading.sightings
    assert (entry.key, entry.conversation, ignored > 0) == (ref, room, True)
    assert (sighting.origin, sighting.ref, sighting.author.id) == (room, ref, alice.id)


# --- the desk -------------------------------------------------------------------------------------


async def test_an_invitation_becomes_a_desk_and_the_desk_answers(
    world: World, alice: Human
) -> None:
    room = await alice.room_with(world.bot.user)
    for _ in range(2):
        await world.desk.serve(Invited(room=room, sender=alice.id))
    await world.desk.serve(asked(room, alice, "$asked1", "login"))
    await world.desk.serve(asked(room, alice, "$asked2", "What?"))
    world.accounts.add(alice.id, ANNA.id, name="Anna")
    await world.desk.serve(asked(room, alice, "$asked3", "!teams Whoami"))
    await world.desk.serve(asked(room, alice, "$asked4", "logout"))
    await world.desk.serve(asked(room, alice, "$asked5", "logout"))

    said = [event["content"] for event in await alice.timeline(room)]
    assert world.books.desks[alice.id] == room
    assert {content["msgtype"] for content in said} == {"m.notice"}
    greeting, link, unknown, status, out, not_in = [content["body"] for content in said]
    assert "`login [device]`" in greeting
    assert "https://bridge.test/signin/" in link
    assert "I do not know `what`" in unknown
    assert status == "You are signed in to Teams as Anna."
    assert "You are signed out" in out
    assert not_in == "You were not signed in."


async def test_a_sign_in_link_is_never_shown_where_others_read(
    world: World, alice: Human, slot: Slot
) -> None:
    async with Human.of(slot.homeserver, slot.register("bob")) as bob:
        room = await alice.room_with(world.bot.user, bob.id)
        await bob.call("POST", f"/rooms/{room}/join", {})
        await world.client.join(room)
        await world.desk.serve(asked(room, alice, "$asked6", "login"))
        assert await alice.timeline(room) == []

        await world.desk.serve(Invited(room=room, sender=alice.id))

        [notice] = await alice.timeline(room)
        assert "direct chat" in notice["content"]["body"]
        assert (
            world.bot.user
            not in (await alice.call("GET", f"/rooms/{room}/joined_members"))["joined"]
        )


async def test_a_command_of_yesterday_is_not_obeyed(world: World, alice: Human) -> None:
    room = await alice.room_with(world.bot.user)
    await world.desk.serve(Invited(room=room, sender=alice.id))
    world.accounts.add(alice.id, ANNA.id)
    yesterday = NOW - timedelta(days=1)

    with capture_logs() as lines:
        await world.desk.serve(asked(room, alice, "$old", "logout", sent_at=yesterday))

    [line] = [line for line in lines if line["event"] == "not answered"]
    assert line["reason"] == "too_old"
    assert alice.id in world.accounts.accounts
    assert len(await alice.timeline(room)) == 1


async def test_an_invitation_that_was_taken_back_disturbs_nobody(
    world: World, alice: Human
) -> None:
    room = await alice.room_with()

    await world.desk.serve(Invited(room=room, sender=alice.id))

    assert world.books.desks == {}


async def test_telling_opens_one_room_and_finds_it_again_after_a_crash(
    world: World, alice: Human
) -> None:
    await world.desk.tell(alice.id, "You are signed in now.")
    [room] = await alice.invited_to()
    world.books.desks.clear()
    await alice.call("POST", f"/rooms/{room}/join", {})
    await alice.call("POST", f"/rooms/{room}/leave", {})

    await world.desk.tell(alice.id, "Really.")

    assert await alice.invited_to() == {room}
    await alice.call("POST", f"/rooms/{room}/join", {})
    said = [event["content"]["body"] for event in await alice.timeline(RoomId(room))]
    assert said == ["You are signed in now.", "Really."]


async def test_the_bot_gets_its_device_back_when_it_was_deleted(world: World, alice: Human) -> None:
    room = await alice.room_with(world.bot.user)
    await world.client.join(room)
    devices = ApiPath.v3.devices[DEVICE]
    await world.client.call(Method.DELETE, devices)

    await world.desk.notice(room, "still here", key="k")

    assert len(await alice.timeline(room)) == 1


async def test_one_who_is_not_heard_is_told_so_once_a_day(world: World, alice: Human) -> None:
    world.accounts.add(alice.id, ANNA.id)
    room = await world.rooms.ensure(PORTAL)
    await alice.call("POST", f"/rooms/{room}/join", {})
    unheard = Unheard(room=room, sender=alice.id)

    await world.desk.serve(unheard)
    async with world_of(world.config, world.books) as later:
        await later.bot.prepare()
        await later.desk.serve(unheard)
        await later.desk.serve(unheard)

    [notice] = await alice.timeline(room)
    assert alice.id in notice["content"]["body"]
    assert notice["content"]["m.mentions"] == {"user_ids": [alice.id]}


# --- the homeserver itself ------------------------------------------------------------------------


async def test_starting_finds_the_homeserver_and_brings_the_bot_there(slot: Slot) -> None:
    async with world_of(config_of(slot)) as world, pushed(slot) as bodies:
        await check(world.config, world.client, world.bot, clock=world.clock, watch=world.watch)
        await announce_once(world)

        assert await world.client.display_name(world.bot.user) == "Teams bridge"
        assert world.clock.slept == []
        assert bodies.empty()


async def test_the_bot_shows_the_picture_that_is_configured(slot: Slot) -> None:
    config = config_of(slot)
    picture = f"mxc://{slot.homeserver.server_name}/abc"
    shown = replace(config, appservice=replace(config.appservice, bot_avatar=picture))
    for one in (shown, shown, config):  # Without a picture it keeps what it has.
        async with world_of(one) as world:
            await world.bot.prepare()
            path = ApiPath.v3.profile[world.bot.user]
            found: Any = await world.client.call(Method.GET, path, user=world.bot.user)
            assert found["avatar_url"] == picture


async def test_a_homeserver_that_does_not_know_our_token_says_what_to_do(slot: Slot) -> None:
    config = config_of(slot)
    wrong = replace(config, appservice=replace(config.appservice, as_token="x" * 32))
    async with world_of(wrong) as world:
        with pytest.raises(ConfigError, match="app_service_config_files"):
            await check(wrong, world.client, world.bot, clock=world.clock, watch=world.watch)
        with pytest.raises(Unauthorized, match="registration file"):
            await world.say(delivery("nobody hears"))


async def test_a_homeserver_of_another_name_says_what_to_do(slot: Slot) -> None:
    config = config_of(slot)
    wrong = replace(config, homeserver=replace(config.homeserver, domain="elsewhere.test"))
    async with world_of(wrong) as world:
        with pytest.raises(ConfigError, match=r"homeserver\.domain"):
            await check(wrong, world.client, world.bot, clock=world.clock, watch=world.watch)


async def test_an_application_service_of_another_id_says_what_to_do(slot: Slot) -> None:
    config = config_of(slot)
    wrong = replace(config, appservice=replace(config.appservice, id="another"))
    async with world_of(wrong) as world:
        with pytest.raises(ConfigError, match="id: another"):
            await announce_once(world)


async def test_a_homeserver_that_cannot_reach_us_is_asked_until_it_can(slot: Slot) -> None:
    async with world_of(config_of(slot)) as world, asyncio.TaskGroup() as tasks:
        waited = asyncio.Event()

        class Clock(StillClock):
            @override
            async def sleep(self, duration: timedelta) -> None:
                waited.set()
                await listening.wait()

        listening = asyncio.Event()
        world.clock = Clock()
        with capture_logs() as lines:
            asking = tasks.create_task(announce_once(world))
            await waited.wait()
            async with pushed(slot):
                listening.set()
                await asking

    assert [line["event"] for line in lines] == [
        "transactions away, will try again",
        "transactions back",
    ]


async def test_a_homeserver_that_is_away_is_unavailable_and_said_so_once(slot: Slot) -> None:
    config = config_of(slot)
    books = Books()
    books.rooms[PORTAL.id] = RoomId("!room")
    with reserve_port() as reserved:
        nobody = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        away = at(nobody, config.homeserver.domain, config)
    async with world_of(away, books) as world:
        with capture_logs() as lines:
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await world.say(delivery("later"))
    [line] = lines
    assert line["event"] == "homeserver away, will try again"
    assert nobody in line["hint"]


async def test_a_delivery_survives_the_crash_of_the_homeserver_as_one_event(tmp_path: Path) -> None:
    file = tmp_path / "registration.yaml"
    file.write_text(registration_yaml(at("http://not.known.yet", "crash.test")))
    with Homeserver() as homeserver:
        url = await asyncio.to_thread(
            homeserver.start, tmp_path / "hs", server_name="crash.test", registrations=[file]
        )
        async with world_of(at(url, "crash.test")) as world:
            await world.bot.prepare()
            first = await world.say(delivery("once"))
            with capture_logs() as lines:
                await asyncio.to_thread(homeserver.kill)
                for _ in range(2):
                    with pytest.raises(RemoteError):
                        await world.say(delivery("once"))
                with pytest.raises(Refused):
                    await world.say(delivery("once"))
                await asyncio.to_thread(homeserver.restart)
                second = await world.say(delivery("once"))
            room = world.books.rooms[PORTAL.id]
            said = await world.messages(room, world.names.ghost(ANNA.id))

    assert first == second
    assert len(said) == 1
    assert [line["event"] for line in lines] == [
        "homeserver away, will try again",
        "homeserver back",
    ]


async def test_a_homeserver_without_devices_still_hears_everybody(slot: Slot) -> None:
    config = config_of(slot)
    domain = config.homeserver.domain
    async with (
        without_devices(config.homeserver.address) as address,
        world_of(at(address, domain, config)) as world,
    ):
        with capture_logs() as lines:
            await world.bot.prepare()
            first = await world.say(delivery("once"))
        exchanges = counted(world)
        second = await world.say(delivery("once"))

        assert first == second
        assert exchanges == ["send"]
        assert await world.endpoint.find(delivery("once")) == first
        warnings = [line["event"] for line in lines if line["log_level"] == "warning"]
        assert warnings == ["no devices for ghosts"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n"])
async def test_an_answer_that_does_not_come_or_says_nothing_leaves_us_uncertain(
    answer: bytes,
) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, world_of(at(f"http://127.0.0.1:{port}", "half.test")) as world:
        with pytest.raises(Uncertain):
            await world.bot.notice(RoomId("!room"), "x", key="k")


async def test_a_homeserver_that_hangs_leaves_us_uncertain_and_is_waited_for_only_so_long() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    hung_up = asyncio.Event()
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    config = at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "hang.test")
    limit = timedelta(milliseconds=50)
    address = config.homeserver.address
    async with server:
        with closing(Pool(address, connections_max=1, answer_limit=limit, headers={})) as pool:
            connection = Connection(pool, address=address, watch=Watch())
            with pytest.raises(Uncertain, match="no answer"):
                await Client(connection, bot=UserId("@bot:hang.test")).versions()
        await hung_up.wait()


async def test_a_ca_file_that_is_none_is_a_mistake_of_the_operator(tmp_path: Path) -> None:
    homeserver = replace(CONFIG.homeserver, ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"homeserver\.ca_file"):
        async with open_connections(replace(CONFIG, homeserver=homeserver), Watch()):
            pass


# --- what the tests lean on -----------------------------------------------------------------------


def counted(world: World) -> list[str]:
    """The names of the calls that a world makes from now on."""
    calls: list[str] = []
    for connection in (world.sender._connection, world.client._connection):
        _count(connection, calls)
    return calls


def _count(connection: Connection, calls: list[str]) -> None:
    exchange = connection.exchange

    async def counting(
        method: str,
        target: str,
        body: bytes | None,
        *,
        what: str,
        ready: Ready | None = None,
    ) -> bytes:
        calls.append(what)
        return await exchange(method, target, body, what=what, ready=ready)

    connection.exchange = counting  # type: ignore[method-assign]


@asynccontextmanager
async def pushed(slot: Slot) -> AsyncIterator[asyncio.Queue[bytes]]:
    """What the homeserver pushes to the slot's bridge; pings are answered and not shown."""
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {slot.hs_token}"
        if request.method == "PUT":
            bodies.put_nowait(await request.read())
        return web.json_response({})

    server = web.Application()
    server.add_routes(
        [
            web.put("/_matrix/app/v1/transactions/{id}", take),
            web.post("/_matrix/app/v1/ping", take),
        ]
    )
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", slot.port).start()
        yield bodies
    finally:
        await runner.cleanup()


@asynccontextmanager
async def without_devices(address: str) -> AsyncIterator[str]:
    """The same homeserver, as it was before it knew devices of application services."""

    async def forward(request: web.Request) -> web.Response:
        if request.path.startswith("/_matrix/client/v3/devices/"):
            return web.json_response({"errcode": "M_NOT_FOUND", "error": "No device"}, status=404)
        assert "device_id" not in request.query
        async with session.request(
            request.method,
            URL(f"{address}{request.raw_path}", encoded=True),
            data=await request.read(),
            headers={"Authorization": request.headers["Authorization"]},
        ) as answer:
            return web.json_response(await answer.json(), status=answer.status)

    server = web.Application()
    server.add_routes([web.route("*", "/{path:.*}", forward)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    async with aiohttp.ClientSession() as session:
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


async def announce_once(world: World) -> None:
    await announce(
        world.config, world.client, transaction="ping", clock=world.clock, watch=world.watch
    )
