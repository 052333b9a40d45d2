"""People as themselves on a real Synapse and a real Postgres: proven, brought in, repeated, left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from typing_extensions import override
from yarl import URL

from bridge.config import Config
from bridge.domain.events import MessageDeleted, MessageEdited
from bridge.domain.ids import MessageRef, RoomId, Side, TeamsUserId, UserId, Version
from bridge.domain.pairing import Attributes, Rules, Why
from bridge.domain.shape import NOT_A_MEMBER
from bridge.domain.viewpoints import Reads
from bridge.errors import ConfigError, Rejected
from bridge.matrix.appservice import ECHO, Reader
from bridge.matrix.as_people import AsPeople
from bridge.matrix.client import Client
from bridge.matrix.connection import Connection, open_connections
from bridge.matrix.endpoint import MatrixEndpoint
from bridge.matrix.ghosts import DEVICE
from bridge.matrix.puppets import CHECKED_FOR, TRIED_FOR, OwnAccounts
from bridge.matrix.registration import double_puppets_yaml, registration_yaml
from bridge.matrix.sender import Sender
from bridge.matrix.start import check
from bridge.matrix.states import States
from bridge.matrix.viewing import Viewer
from bridge.ports import Delivery, Far, FarPart
from bridge.ports.pairing import Directory
from bridge.sandbox.homeserver import Homeserver
from bridge.settings.puppets import DoublePuppets
from bridge.store.pairings import PairingBook
from bridge.telemetry import Watch
from tests.contract.test_endpoint_matrix import (
    ANNA,
    PORTAL,
    TENANT,
    Human,
    World,
    agreed,
    at,
    config_of,
    delivery,
    pushed,
    world_of,
)
from tests.integration.stores import opened
from tests.kit.world import PASSWORD, SERVER_NAME, MatrixUser, Slot, Slots
from tests.unit.matrix.books import CONFIG

Json = dict[str, Any]
PERSON = TeamsUserId(ANNA.id)


class Told(Directory):
    """What the directory says."""

    def __init__(self) -> None:
        self.people: dict[TeamsUserId, Attributes] = {}
        self.asked = 0

    @override
    async def attributes_of(
        self, people: Sequence[TeamsUserId]
    ) -> Mapping[TeamsUserId, Attributes]:
        self.asked += 1
        return {person: self.people[person] for person in people if person in self.people}

    def name(self, person: TeamsUserId, user: str) -> None:
        number = user[1:].partition(":")[0]
        self.people[person] = Attributes(others={"employee_id": number})


@dataclass
class Stage:
    """The Matrix side with a second registration."""

    world: World
    directory: Told
    book: PairingBook
    puppets: OwnAccounts
    sending: Connection

    async def say(self, text: str, *, source: str = "1700000000001") -> Json:
        """Have Anna say something; return the event."""
        ref = await self.deliver(delivery(text, source=source))
        return await self.event(ref)

    async def deliver(self, one: Delivery) -> MessageRef:
        return await self.world.endpoint.deliver(one, confirm=agreed)

    async def event(self, ref: MessageRef) -> Json:
        found = await self.world.client.event(self.room, ref)
        assert found is not None
        return dict(found)

    @property
    def room(self) -> RoomId:
        return self.world.books.rooms[PORTAL.id]

    @property
    def ghost(self) -> UserId:
        return self.world.names.ghost(ANNA.id)

    async def why(self) -> Why | None:
        pairing = (await self.book.standing(TENANT, PERSON)).pairing
        assert pairing is not None
        return pairing.why


@pytest.fixture
def slot(slots_with_people: Slots) -> Iterator[Slot]:
    with slots_with_people.take() as taken:
        yield taken


@asynccontextmanager
async def administrator(slot: Slot) -> AsyncIterator[Callable[[str, str, object], Awaitable[None]]]:
    """Somebody who may change accounts of others, by Synapse's own interface."""
    name = f"boss-{slot.id}"
    token = slot.homeserver.register_user(name, PASSWORD, admin=True)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(slot.homeserver.url, headers=headers) as session:

        async def call(method: str, path: str, body: object) -> None:
            url = URL(f"/_synapse/admin/{quote(path, safe='/')}", encoded=True)
            async with session.request(method, url, json=body) as answer:
                assert answer.status in {200, 201}, await answer.text()

        yield call


@pytest.fixture
async def stage(slot: Slot, database: str) -> AsyncIterator[Stage]:
    config = replace(config_of(slot), double_puppets=DoublePuppets(as_token=slot.people_token))
    async with (
        world_of(config) as world,
        opened(database) as store,
        open_connections(config, Watch()) as connections,
    ):
        await world.bot.prepare()
        sending, asking = connections.sending_as_people, connections.asking_as_people
        assert sending is not None
        assert asking is not None
        directory, book = Told(), PairingBook(store)
        puppets = OwnAccounts(
            AsPeople(Client(asking, bot=world.names.bot), Sender(sending)),
            world.names,
            book,
            directory,
            rules=Rules(rule=f"@{{employee_id}}:{SERVER_NAME}"),
            clock=world.clock,
        )
        world.rooms.puppets = puppets
        world.endpoint = MatrixEndpoint(
            world.sender,
            world.client,
            ghosts=world.ghosts,
            rooms=world.rooms,
            media=world.endpoint._media,
            clock=world.clock,
        )
        yield Stage(world, directory, book, puppets, sending)


@pytest.fixture
async def anna(slot: Slot, stage: Stage) -> AsyncIterator[Human]:
    """Anna at her Matrix client; the rule names her account."""
    async with Human.of(slot.homeserver, slot.register("anna")) as human:
        stage.directory.name(PERSON, human.id)
        yield human


async def test_a_person_speaks_by_their_own_account_at_the_time_of_teams(
    stage: Stage, anna: Human
) -> None:
    event = await stage.say("hello")

    assert event["sender"] == anna.id
    assert await stage.why() is None
    again = await stage.say("again", source="1700000000002")
    assert again["sender"] == anna.id
    assert stage.directory.asked == 1, "what was decided is remembered"


async def test_what_is_sent_as_a_person_comes_back_as_an_echo(
    stage: Stage, anna: Human, slot: Slot
) -> None:
    async with pushed(slot) as bodies:
        said = await stage.deliver(delivery("hello"))
        deleted = MessageDeleted(
            target=MessageRef("1700000000001"),
            author=ANNA,
            version=Version("2"),
            sent_at=stage.world.clock.now(),
        )
        far = Far(parts=(FarPart(part=0, ref=said, origin=Side.TEAMS, author=ANNA.id),))
        await stage.deliver(replace(delivery("hello"), event=deleted, far=far))

        reader, echoes = Reader(stage.world.names), 0
        redaction: Json = {}
        async with asyncio.timeout(20):
            while not redaction:
                body = await bodies.get()
                found, ignored, refused = reader.entries_of(body, stage.world.clock.now())
                echoes += ignored[ECHO]
                assert found == []
                assert not refused
                shown = await stage.event(said)
                redaction = shown.get("unsigned", {}).get("redacted_because", {})
    assert redaction["sender"] == anna.id
    assert echoes >= 1


async def test_a_repeated_attempt_is_the_same_event(stage: Stage, anna: Human) -> None:
    one = delivery("once")

    first = await stage.deliver(one)
    assert await stage.deliver(one) == first
    messages = [e for e in await anna.timeline(stage.room) if e["content"].get("body") == "once"]
    assert len(messages) == 1


async def test_an_attempt_from_before_a_pairing_is_looked_for_by_both_users(
    stage: Stage, slot: Slot
) -> None:
    one = delivery("by my ghost")
    by_ghost = await stage.deliver(one)
    async with Human.of(slot.homeserver, slot.register("anna")) as anna:
        stage.directory.name(PERSON, anna.id)
        stage.world.clock.instant += timedelta(days=1)

        assert (await stage.event(by_ghost))["sender"] == stage.ghost
        later = replace(one, portal=replace(one.portal, room=stage.room), resumed=True)
        assert await stage.world.endpoint.find(later) == by_ghost
        assert (await stage.say("as myself", source="1700000000009"))["sender"] == anna.id


async def test_who_left_the_room_by_themselves_is_heard_by_their_ghost(
    stage: Stage, anna: Human
) -> None:
    await stage.say("here")
    await anna.call("POST", f"/rooms/{quote(stage.room)}/leave", {})

    event = await stage.say("gone", source="1700000000002")

    assert event["sender"] == stage.ghost


async def test_who_was_shown_out_and_is_a_member_again_comes_back_as_themselves(
    stage: Stage, anna: Human
) -> None:
    await stage.say("here")
    await States(stage.world.client).remove(stage.room, anna.id, NOT_A_MEMBER)

    event = await stage.say("back", source="1700000000002")

    assert event["sender"] == anna.id


async def test_a_device_that_was_signed_out_is_made_again(stage: Stage, anna: Human) -> None:
    await stage.say("here")
    await _drop_device(anna)

    event = await stage.say("still here", source="1700000000002")

    assert event["sender"] == anna.id


async def test_an_account_that_was_deactivated_is_noticed_by_the_next_message(
    stage: Stage, anna: Human
) -> None:
    await stage.say("here")
    await _deactivate(anna)

    event = await stage.say("only in Teams", source="1700000000002")

    assert event["sender"] == stage.ghost
    assert await stage.why() is Why.NO_ACCOUNT


async def test_an_account_that_was_locked_is_noticed_within_an_hour_and_used_when_it_is_open_again(
    slot: Slot, stage: Stage, anna: Human
) -> None:
    await stage.say("here")
    async with administrator(slot) as boss:
        await boss("PUT", f"v2/users/{anna.id}", {"locked": True})
        stage.world.clock.instant += TRIED_FOR
        event = await stage.say("only in Teams", source="1700000000002")
        assert event["sender"] == stage.ghost
        assert await stage.why() is Why.LOCKED

        await boss("PUT", f"v2/users/{anna.id}", {"locked": False})
        stage.world.clock.instant += TRIED_FOR
        event = await stage.say("and here again", source="1700000000003")
        assert event["sender"] == anna.id


@pytest.mark.parametrize("is_there", [True, False])
async def test_who_is_suspended_is_heard_by_their_ghost_in_the_room_or_not(
    slot: Slot, stage: Stage, anna: Human, is_there: bool
) -> None:
    if is_there:
        await stage.say("here")
    async with administrator(slot) as boss:
        await boss("PUT", f"v1/suspend/{anna.id}", {"suspend": True})
        event = await stage.say("only in Teams", source="1700000000002")
        assert event["sender"] == stage.ghost

        await boss("PUT", f"v1/suspend/{anna.id}", {"suspend": False})
        event = await stage.say("and here again", source="1700000000003")
        assert event["sender"] == anna.id


async def test_a_rule_that_names_an_account_which_is_not_there_makes_none(stage: Stage) -> None:
    stage.directory.name(PERSON, "@nobody-of-this-name:x")

    event = await stage.say("hello")

    assert event["sender"] == stage.ghost
    assert await stage.why() is Why.NO_ACCOUNT


async def test_an_edit_of_words_written_in_matrix_is_one_of_the_same_event(
    stage: Stage, anna: Human
) -> None:
    await stage.say("hello")
    content = {"msgtype": "m.text", "body": "from matrix"}
    path = f"/rooms/{quote(stage.room)}/send/m.room.message/own"
    own = MessageRef((await anna.call("PUT", path, content))["event_id"])
    edited = MessageEdited(
        target=MessageRef("1700000000005"),
        author=ANNA,
        version=Version("2"),
        sent_at=stage.world.clock.now(),
        body=delivery("mended").event.body,  # type: ignore[union-attr]
    )
    far = Far(parts=(FarPart(part=0, ref=own, origin=Side.MATRIX, author=anna.id),))

    ref = await stage.deliver(replace(delivery("", source="x"), event=edited, far=far))

    event = await stage.event(ref)
    assert event["sender"] == anna.id
    assert event["content"]["m.relates_to"] == {"rel_type": "m.replace", "event_id": own}


async def test_what_was_decided_is_looked_at_again_after_a_while(stage: Stage, anna: Human) -> None:
    other = TeamsUserId("a1b2c3d4-0000-4000-8000-000000000002")
    await stage.say("mine")
    stage.directory.name(other, anna.id)
    stage.world.clock.instant += CHECKED_FOR

    await stage.puppets.acquaint(TENANT, [other])
    event = await stage.say("whose?", source="1700000000002")

    assert event["sender"] == stage.ghost
    assert await stage.why() is Why.AMBIGUOUS


async def test_other_rules_are_gone_by_as_soon_as_they_are_taken(stage: Stage, anna: Human) -> None:
    stage.puppets.take(Rules())
    assert (await stage.say("nobody says whose"))["sender"] == stage.ghost

    stage.puppets.take(Rules(pairs={PERSON: UserId(anna.id)}))

    assert (await stage.say("mine", source="1700000000002"))["sender"] == anna.id


async def test_the_files_that_the_bridge_writes_are_what_a_homeserver_takes(
    tmp_path: Path,
) -> None:
    """One that leaves sign-in to another service is asked for the account's status (MSC3720)."""
    puppets = DoublePuppets(as_token="p" * 40)
    config = replace(CONFIG, double_puppets=puppets)
    first, second = tmp_path / "one.yaml", tmp_path / "two.yaml"
    with Homeserver() as homeserver:
        domain = config.homeserver.domain
        first.write_text(registration_yaml(config))
        # As Synapse does by itself where MSC3861 is on.
        second.write_text(double_puppets_yaml(config) + "\nio.element.msc4190: true\n")
        await asyncio.to_thread(
            homeserver.start,
            tmp_path / "synapse",
            server_name=domain,
            registrations=[first, second],
            settings={"experimental_features": {"msc3720_enabled": True}},
        )
        await _proves_by_status(at(homeserver.url, domain, config), homeserver)


async def _proves_by_status(config: Config, homeserver: Homeserver) -> None:
    user = UserId(f"@anna:{config.homeserver.domain}")
    async with world_of(config) as world, people_of(config) as (client, people):
        await check(
            config, world.client, world.bot, clock=world.clock, watch=Watch(), as_people=client
        )
        assert await people.prove(user) is Why.NO_ACCOUNT
        token = await asyncio.to_thread(homeserver.register_user, "anna", PASSWORD)
        assert await people.prove(user) is None
        assert await client.whoami(user, DEVICE) == DEVICE
        async with Human.of(homeserver, _user(user, token)) as anna:
            await _deactivate(anna)
        assert await people.prove(user) is Why.NO_ACCOUNT


async def test_a_second_token_that_the_homeserver_does_not_know_is_named(slot: Slot) -> None:
    config = replace(config_of(slot), double_puppets=DoublePuppets(as_token="q" * 40))
    async with world_of(config) as world, people_of(config) as (client, _):
        with pytest.raises(ConfigError, match=r"does not know double_puppets\.as_token"):
            await check(
                config, world.client, world.bot, clock=world.clock, watch=Watch(), as_people=client
            )


@asynccontextmanager
async def people_of(config: Config) -> AsyncIterator[tuple[Client, AsPeople]]:
    async with open_connections(config, Watch()) as connections:
        assert connections.asking_as_people is not None
        assert connections.sending_as_people is not None
        client = Client(connections.asking_as_people, bot=UserId("@bot:example.org"))
        yield client, AsPeople(client, Sender(connections.sending_as_people))


def _user(user: str, token: str) -> MatrixUser:
    return MatrixUser(id=user, access_token=token)


def _auth(human: Human) -> Json:
    identifier = {"type": "m.id.user", "user": human.id}
    return {"auth": {"type": "m.login.password", "password": PASSWORD, "identifier": identifier}}


async def _drop_device(human: Human) -> None:
    await human.call("DELETE", f"/devices/{DEVICE}", _auth(human))


async def _deactivate(human: Human) -> None:
    await human.call("POST", "/account/deactivate", _auth(human))


async def test_reads_are_shown_by_ones_own_account_and_never_move_back(
    stage: Stage, anna: Human
) -> None:
    viewers = {
        reads: Viewer(
            stage.puppets,
            stage.puppets._as_people,
            tenant=TENANT,
            reads=reads,
        )
        for reads in (Reads.PUBLIC, Reads.PRIVATE)
    }
    first = await stage.deliver(delivery("first"))
    second = await stage.deliver(delivery("second", source="1700000000002"))
    marker = f"/user/{quote(anna.id)}/rooms/{quote(stage.room)}/account_data/m.fully_read"
    viewer = viewers[Reads.PRIVATE]

    assert await viewer.is_own(TENANT, PERSON)
    assert await viewer.show_read(PERSON, stage.room, second)
    assert await viewers[Reads.PUBLIC].show_read(PERSON, stage.room, first)

    assert (await anna.call("GET", marker))["event_id"] == second
    nobody = TeamsUserId("5f3c1d1e-0000-4000-8000-0000000000ff")
    assert not await viewer.show_read(nobody, stage.room, second)
    assert not await viewer.show_hidden(nobody, stage.room, hidden=True)
    with pytest.raises(Rejected):
        await viewer.show_read(PERSON, RoomId("!elsewhere:matrix.test"), second)


async def test_only_our_own_tag_is_taken_away(stage: Stage, anna: Human) -> None:
    await stage.deliver(delivery("hello"))
    viewer = Viewer(stage.puppets, stage.puppets._as_people, tenant=TENANT, reads=Reads.PUBLIC)
    tags = f"/user/{quote(anna.id)}/rooms/{quote(stage.room)}/tags"

    assert await viewer.show_hidden(PERSON, stage.room, hidden=True)
    assert not await viewer.show_hidden(PERSON, stage.room, hidden=True)
    assert list((await anna.call("GET", tags))["tags"]) == ["m.lowpriority"]
    assert await viewer.show_hidden(PERSON, stage.room, hidden=False)
    await anna.call("PUT", f"{tags}/m.lowpriority", {"order": 0.5})
    assert not await viewer.show_hidden(PERSON, stage.room, hidden=True)
    assert not await viewer.show_hidden(PERSON, stage.room, hidden=False)
    assert (await anna.call("GET", tags))["tags"] == {"m.lowpriority": {"order": 0.5}}
