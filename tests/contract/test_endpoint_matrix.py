"""The Matrix side on a real Synapse: what a delivery leaves there, and what survives its crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from mautrix.api import Method, Path as ApiPath
from mautrix.types import RoomID as MautrixRoomID, UserID as Mxid
from structlog.testing import capture_logs
from typing_extensions import override
from yarl import URL

from bridge.config import Config
from bridge.domain.content import from_text
from bridge.domain.events import Asked, Invited, MessageSent, Person, Unheard
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    EntryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TeamsUserId,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.portal import Conversation, ConversationKind, Member, Portal
from bridge.errors import ConfigError, Refused, RemoteError, Unauthorized, Unavailable, Uncertain
from bridge.matrix.appservice import Reader
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client, NewRoom
from bridge.matrix.commands import BotDesk
from bridge.matrix.connection import Connection, open_connection
from bridge.matrix.endpoint import MARKER, MatrixEndpoint
from bridge.matrix.ghosts import DEVICE, Devices, Ghosts
from bridge.matrix.http import Pool
from bridge.matrix.names import Names
from bridge.matrix.registration import registration_yaml
from bridge.matrix.rooms import Rooms, portal_room
from bridge.matrix.sender import Sender
from bridge.matrix.start import announce, check
from bridge.ports import Delivery, Entry, Ghost, NewEntry
from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.processes import reserve_port
from bridge.telemetry import Watch
from tests.kit.world import MatrixUser, Slot
from tests.unit.matrix.books import CONFIG, NOW, Accounts, Books, StillClock, Tenant

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

    @property
    def names(self) -> Names:
        return self.ghosts.names

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
    async with open_connection(config, watch) as connection:
        client, sender = Client(connection, bot=names.bot), Sender(connection)
        devices = Devices(client)
        ghosts = Ghosts(client, books, names, devices=devices)
        rooms = Rooms(client, names, portals=books, accounts=accounts, directory=tenant)
        bot = Bot(client, sender, names, name=config.appservice.bot_name, devices=devices)
        desk = BotDesk(bot, client, rooms=rooms, book=books, sign_ins=accounts, clock=clock)
        endpoint = MatrixEndpoint(sender, client, ghosts=ghosts, rooms=rooms, clock=clock)
        yield World(
            config, clock, watch, books, accounts, tenant, client, sender,
            ghosts, rooms, bot, desk, endpoint,
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
    ref = await world.endpoint.deliver(delivery("Lunch?"))

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
    first = await world.endpoint.deliver(delivery("once"))
    second = await world.endpoint.deliver(delivery("once"))

    assert first == second
    room = world.books.rooms[PORTAL.id]
    assert len(await world.messages(room, world.names.ghost(ANNA.id))) == 1


async def test_two_messages_of_equal_text_and_time_are_two_events(world: World) -> None:
    await world.endpoint.deliver(delivery("first of all"))

    refs = await asyncio.gather(
        *(world.endpoint.deliver(delivery("ok", source=str(number))) for number in range(8))
    )

    assert len(set(refs)) == 8


async def test_the_parts_of_a_long_message_are_events_of_their_own(world: World) -> None:
    long = delivery("word " * 30_000)

    parts = world.endpoint.fit(long.event)
    refs = [await world.endpoint.deliver(replace(long, event=part)) for part in parts]

    assert len(parts) == len(set(refs)) > 1


async def test_a_ghost_that_was_shown_out_comes_back_to_speak(world: World) -> None:
    await world.endpoint.deliver(delivery("in"))
    room, ghost = world.books.rooms[PORTAL.id], world.names.ghost(ANNA.id)
    await world.client._as().kick_user(MautrixRoomID(room), Mxid(ghost))

    await world.endpoint.deliver(delivery("again", source="2"))

    assert [e["content"]["body"] for e in await world.messages(room, ghost)] == ["again", "in"]


async def test_a_ghost_that_the_homeserver_has_forgotten_is_made_anew(world: World) -> None:
    await world.rooms.ensure(PORTAL)
    name = world.names.display_name("Anna Zhou")
    forgotten = Ghost(tenant=TENANT, person=ANNA.id, name=name, has_device=True)
    await world.books.remember_ghost(forgotten)

    await world.endpoint.deliver(delivery("here I am"))

    ghost = world.names.ghost(ANNA.id)
    assert len(await world.messages(world.books.rooms[PORTAL.id], ghost)) == 1


async def test_a_ghost_whose_device_was_deleted_gets_it_back(world: World) -> None:
    await world.endpoint.deliver(delivery("with it"))
    ghost = world.names.ghost(ANNA.id)
    await world.client._as(ghost).api.request(Method.DELETE, ApiPath.v3.devices[DEVICE])

    await world.endpoint.deliver(delivery("still with it", source="2"))

    assert await world.client.whoami(ghost, DEVICE) == DEVICE


async def test_a_ghost_is_renamed_when_its_person_was_and_keeps_its_name_when_none_is_given(
    world: World,
) -> None:
    ghost = world.names.ghost(ANNA.id)
    await world.endpoint.deliver(delivery("1"))
    renamed = Person(id=ANNA.id, name="Anna Maier")

    await world.endpoint.deliver(delivery("2", source="2", author=renamed))
    await world.endpoint.deliver(delivery("3", source="3", author=Person(id=ANNA.id)))

    assert await world.client.display_name(ghost) == "Anna Maier (Teams)"


async def test_what_was_set_up_is_not_set_up_again_by_the_next_process(world: World) -> None:
    await world.endpoint.deliver(delivery("first process"))
    async with world_of(world.config, world.books) as later:
        exchanges = counted(later)
        await later.endpoint.deliver(delivery("second process", source="2"))

    assert exchanges == ["send"]


# --- looking back ---------------------------------------------------------------------------------


async def test_a_young_attempt_is_not_looked_for_because_repeating_it_is_harmless(
    world: World,
) -> None:
    await world.endpoint.deliver(delivery("here"))

    assert await world.endpoint.find(replace(delivery("here"), resumed=True)) is None


async def test_an_old_attempt_is_found_by_the_marker_it_left(world: World) -> None:
    ref = await world.endpoint.deliver(delivery("here"))
    await world.endpoint.deliver(delivery("here", source="2"))
    old = NOW - timedelta(hours=21)

    assert await world.endpoint.find(replace(delivery("here"), created_at=old)) == ref
    assert await world.endpoint.find(replace(delivery("x", source="3"), created_at=old)) is None


async def test_without_a_device_even_a_young_attempt_is_looked_for(world: World) -> None:
    ref = await world.endpoint.deliver(delivery("here"))
    ghost = world.books.ghosts[TENANT, ANNA.id]
    world.books.ghosts[TENANT, ANNA.id] = replace(ghost, has_device=False)
    async with world_of(world.config, world.books) as later:
        assert await later.endpoint.find(delivery("here")) == ref


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


async def test_who_signs_in_later_is_welcomed_into_the_rooms_of_their_chats(
    world: World, alice: Human
) -> None:
    room = await world.rooms.ensure(PORTAL)
    account = world.accounts.add(alice.id, ANNA.id)

    await world.rooms.welcome(account)
    await world.rooms.welcome(account)

    assert await alice.invited_to() == {room}


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
        await world.endpoint.deliver(delivery("an echo"))
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
    await world.desk.serve(
        Asked(room=room, sender=alice.id, ref=MessageRef("$asked1"), text="login")
    )
    await world.desk.serve(
        Asked(room=room, sender=alice.id, ref=MessageRef("$asked2"), text="What?")
    )
    world.accounts.add(alice.id, ANNA.id, name="Anna")
    await world.desk.serve(
        Asked(room=room, sender=alice.id, ref=MessageRef("$asked3"), text="!teams Status")
    )
    await world.desk.serve(
        Asked(room=room, sender=alice.id, ref=MessageRef("$asked4"), text="logout")
    )
    await world.desk.serve(
        Asked(room=room, sender=alice.id, ref=MessageRef("$asked5"), text="logout")
    )

    said = [event["content"] for event in await alice.timeline(room)]
    assert world.books.desks[alice.id] == room
    assert {content["msgtype"] for content in said} == {"m.notice"}
    greeting, link, unknown, status, out, not_in = [content["body"] for content in said]
    assert "`login`" in greeting
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
        await world.desk.serve(
            Asked(room=room, sender=alice.id, ref=MessageRef("$asked6"), text="login")
        )
        assert await alice.timeline(room) == []

        await world.desk.serve(Invited(room=room, sender=alice.id))

        [notice] = await alice.timeline(room)
        assert "direct chat" in notice["content"]["body"]
        assert (
            world.bot.user
            not in (await alice.call("GET", f"/rooms/{room}/joined_members"))["joined"]
        )


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
    await world.client._as(world.bot.user).api.request(Method.DELETE, devices)

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


async def test_a_homeserver_that_does_not_know_our_token_says_what_to_do(slot: Slot) -> None:
    config = config_of(slot)
    wrong = replace(config, appservice=replace(config.appservice, as_token="x" * 32))
    async with world_of(wrong) as world:
        with pytest.raises(ConfigError, match="app_service_config_files"):
            await check(wrong, world.client, world.bot, clock=world.clock, watch=world.watch)
        with pytest.raises(Unauthorized, match="registration file"):
            await world.endpoint.deliver(delivery("nobody hears"))


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
                    await world.endpoint.deliver(delivery("later"))
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
            first = await world.endpoint.deliver(delivery("once"))
            with capture_logs() as lines:
                await asyncio.to_thread(homeserver.kill)
                for _ in range(2):
                    with pytest.raises(RemoteError):
                        await world.endpoint.deliver(delivery("once"))
                with pytest.raises(Refused):
                    await world.endpoint.deliver(delivery("once"))
                await asyncio.to_thread(homeserver.restart)
                second = await world.endpoint.deliver(delivery("once"))
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
            first = await world.endpoint.deliver(delivery("once"))
        exchanges = counted(world)
        second = await world.endpoint.deliver(delivery("once"))

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
        async with open_connection(replace(CONFIG, homeserver=homeserver), Watch()):
            pass


# --- what the tests lean on -----------------------------------------------------------------------


def counted(world: World) -> list[str]:
    """The names of the calls that a world makes from now on."""
    calls: list[str] = []
    connection = world.sender._connection
    exchange = connection.exchange

    async def counting(method: str, target: str, body: bytes | None, *, what: str) -> bytes:
        calls.append(what)
        return await exchange(method, target, body, what=what)

    connection.exchange = counting  # type: ignore[method-assign]
    return calls


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
