"""Rooms and spaces are made to show what they are to show, on a real Synapse: whatever their version,
whatever was done to them by hand, wherever the last look has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bridge.domain.events import Person
from bridge.domain.ids import (
    Channel,
    ChannelId,
    RoomId,
    TeamId,
    TeamsUserId,
    UserId,
    channel_place,
)
from bridge.domain.portal import (
    Conversation,
    ConversationKind,
    Member,
    Role,
    Team,
)
from bridge.domain.shape import INVITE, MODERATE, NOT_A_MEMBER, SPEAK_NOBODY, Memory
from bridge.errors import Unavailable
from bridge.matrix.connection import open_connections
from bridge.matrix.keeping import RoomKeeper
from bridge.matrix.paths import Method, Path
from bridge.matrix.pictures import Pictures
from bridge.matrix.rooms import SEEN_TO_WITHIN, portal_room
from bridge.matrix.shaping import RoomState
from bridge.matrix.spaces import Spaces
from bridge.matrix.states import States
from bridge.matrix.uploading import Uploader
from bridge.ports import (
    ORGANISATION,
    ChildRoom,
    DueRoom,
    DueSpace,
    Ghost,
    Kept,
    KnownSpace,
    Picture,
    RoomLook,
    SpaceLook,
)
from bridge.store.database import Database
from bridge.store.shapes import ShapeBook
from tests.contract import test_endpoint_matrix as on_synapse
from tests.contract.test_endpoint_matrix import ANNA, PLACE, PORTAL, TENANT, Human, World
from tests.integration.stores import opened
from tests.kit.fake_store import FakeClock
from tests.kit.world import Slot
from tests.unit.matrix.books import NOW

world, alice = on_synapse.world, on_synapse.alice
BEN = "b1b2c3d4-0000-4000-8000-000000000002"
CLEO = "c1b2c3d4-0000-4000-8000-000000000003"
ROBOT = "app:d1b2c3d4-0000-4000-8000-000000000004"
CHANNEL = Channel(team=TeamId("a-team"), channel=ChannelId("19:a@thread.tacv2"))


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@dataclass
class Scene:
    """One room, and looks at it."""

    world: World
    keeper: RoomKeeper
    states: States
    room: RoomId = field(default=RoomId(""))
    memory: Memory = field(default_factory=Memory)

    def conversation(self, **changes: Any) -> Conversation:
        found = replace(self.world.tenant.conversations[PLACE], **changes)
        self.world.tenant.conversations[found.place] = found
        return found

    async def look(self, conversation: Conversation | None, **more: Any) -> Kept:
        gone_at = more.pop("gone_at", None)
        portal = replace(PORTAL, room=self.room)
        if conversation is not None:
            portal = replace(portal, place=conversation.place)
        due = DueRoom(
            portal=portal, name=None, memory=self.memory,
            due_at=NOW, lease=NOW, read_until=NOW, gone_at=gone_at,
        )  # fmt: skip
        kept = await self.keeper.keep_room(due, RoomLook(conversation=conversation, **more))
        self.memory = kept.memory
        return kept

    async def state(self) -> RoomState:
        return RoomState.of(await self.states.of(self.room))

    async def content(self, kind: str, key: str = "") -> dict[str, Any]:
        return dict((await self.state()).content(kind, key))

    async def there(self) -> set[UserId]:
        """Return who is in the room beside the bot."""
        return set((await self.state()).members("join")) - {self.world.bot.user}

    def ghost(self, person: str) -> UserId:
        return self.world.names.ghost(person)


@pytest.fixture
async def blank(world: World, store: Database) -> AsyncIterator[Scene]:
    """A scene without a room."""
    states, clock = States(world.client), world.clock
    async with open_connections(world.config, world.watch) as connections:
        uploader = Uploader(
            connections, address=world.config.homeserver.address, clock=clock, watch=world.watch
        )
        spaces = Spaces(
            world.rooms,
            ShapeBook(store, FakeClock()),
            pictures=Pictures(uploader),
            name="Our organisation",
        )
        keeper = RoomKeeper(
            states,
            world.bot,
            rooms=world.rooms,
            ghosts=world.ghosts,
            accounts=world.accounts,
            spaces=spaces,
        )
        yield Scene(world, keeper, states)


@pytest.fixture
async def scene(blank: Scene) -> Scene:
    blank.room = await blank.world.rooms.ensure(PORTAL)
    return blank


def member(person: str, name: str, role: Role = Role.MEMBER) -> Member:
    return Member(id=TeamsUserId(person), name=name, role=role)


ALL = (member(ANNA.id, "Anna Zhou"), member(BEN, "Ben Roth"))


# --- members ---


async def test_a_look_brings_in_who_is_missing_and_the_next_finds_nothing_to_do(
    scene: Scene,
) -> None:
    conversation = scene.conversation(members=ALL, topic="Supper")
    kept = await scene.look(conversation)
    assert await scene.there() == {scene.ghost(ANNA.id), scene.ghost(BEN)}
    assert (kept.name, kept.is_all, kept.refused, kept.strangers) == ("Supper", True, 0, 0)
    assert await scene.content("m.room.name") == {"name": "Supper"}
    shown = await scene.world.client.display_name(scene.ghost(BEN))
    assert shown == "Ben Roth (Teams)"

    before = {mark: event["event_id"] for mark, event in (await scene.state()).events.items()}
    await scene.look(conversation)
    after = {mark: event["event_id"] for mark, event in (await scene.state()).events.items()}
    assert before == after


async def test_ghosts_leave_and_accounts_are_told_why_and_robots_stay(
    scene: Scene, alice: Human
) -> None:
    account = scene.world.accounts.add(alice.id, CLEO)
    three = (*ALL, member(CLEO, "Cleo"))
    await scene.look(scene.conversation(members=three))
    await alice.call("POST", f"/rooms/{scene.room}/join", {})
    robot = Person(id=ROBOT, name="A robot")
    await scene.world.say(on_synapse.delivery("beep", author=robot, source="1700000000009"))
    assert alice.id in await scene.there()

    await scene.look(scene.conversation(members=ALL[:1]))

    assert await scene.there() == {scene.ghost(ANNA.id), scene.ghost(ROBOT)}
    left = await scene.content("m.room.member", alice.id)
    assert (left["membership"], left["reason"]) == ("leave", NOT_A_MEMBER)
    assert account.user not in scene.memory.let_in


async def test_a_stranger_is_counted_and_left_alone(scene: Scene, alice: Human, slot: Slot) -> None:
    await scene.look(scene.conversation(members=ALL))
    await scene.world.client.invite(scene.room, alice.id)
    await alice.call("POST", f"/rooms/{scene.room}/join", {})
    kept = await scene.look(scene.conversation(members=ALL))
    assert kept.strangers == 1
    assert alice.id in await scene.there()


async def test_whoever_has_signed_out_is_still_known_to_belong_and_then_not(
    scene: Scene, alice: Human
) -> None:
    scene.world.accounts.add(alice.id, CLEO)
    three = (*ALL, member(CLEO, "Cleo"))
    await scene.look(scene.conversation(members=three))
    await alice.call("POST", f"/rooms/{scene.room}/join", {})
    await scene.world.accounts.sign_out(alice.id)

    assert (await scene.look(scene.conversation(members=three))).strangers == 0
    assert alice.id in await scene.there()
    await scene.look(scene.conversation(members=ALL))
    assert alice.id not in await scene.there()


async def test_a_ghost_that_the_homeserver_has_forgotten_is_made_anew_and_comes(
    scene: Scene, slot: Slot
) -> None:
    await scene.world.books.remember_ghost(
        Ghost(tenant=TENANT, person=BEN, name="Ben Roth (Teams)", has_device=True)
    )
    await scene.look(scene.conversation(members=ALL))
    assert scene.ghost(BEN) in await scene.there()


async def test_one_who_accepts_no_invitations_keeps_nobody_else_out(
    scene: Scene, alice: Human
) -> None:
    scene.world.accounts.add(f"@nobody:{scene.world.names.domain}:0:broken", BEN)
    scene.world.accounts.add(alice.id, CLEO)
    kept = await scene.look(scene.conversation(members=(*ALL, member(CLEO, "Cleo"))))
    assert kept.refused == 1
    assert await alice.invited_to() == {scene.room}
    assert set(scene.memory.let_in) == {alice.id}


async def test_a_look_that_was_interrupted_is_begun_anew_and_finds_done_what_was_done(
    scene: Scene,
) -> None:
    conversation = scene.conversation(members=ALL, topic="Supper")
    put, calls = scene.states.put, 0

    async def breaks(*args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Unavailable("away")
        await put(*args, **kwargs)

    scene.states.put = breaks  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await scene.look(conversation)
    assert await scene.content("m.room.name") == {"name": "Supper"}
    scene.states.put = put  # type: ignore[method-assign]
    await scene.look(conversation)
    assert await scene.there() == {scene.ghost(ANNA.id), scene.ghost(BEN)}


# --- a chat of two ---


async def test_in_a_chat_of_two_the_other_invites(blank: Scene, alice: Human) -> None:
    scene, world = blank, blank.world
    world.accounts.add(alice.id, BEN)
    direct = scene.conversation(kind=ConversationKind.ONE_ON_ONE, topic=None, members=ALL)
    scene.room = await world.rooms.ensure(PORTAL)
    assert await scene.content("m.room.name") == {}
    await scene.look(direct)
    invitation = (await scene.state()).events["m.room.member", alice.id]
    assert invitation["sender"] == scene.ghost(ANNA.id)
    assert (await scene.content("m.room.member", alice.id))["is_direct"] is True
    servants = await scene.content("io.element.functional_members")
    assert servants == {"service_members": sorted([world.bot.user, scene.ghost(BEN)])}
    assert await scene.there() == {scene.ghost(ANNA.id)}


# --- rights, in every version of a room ---


@pytest.mark.parametrize("version", ["9", "11", "12"])
async def test_rights_are_kept_up_in_every_version_of_a_room(
    blank: Scene, alice: Human, version: str
) -> None:
    scene, world = blank, blank.world
    scene.room = await room_of_version(world, version)
    world.accounts.add(alice.id, CLEO)
    place = channel_place(TENANT, CHANNEL)
    team = Team(id=CHANNEL.team, name="Garden")
    channel = scene.conversation(
        place=place,
        kind=ConversationKind.CHANNEL,
        team=team,
        members=(*ALL, member(CLEO, "Cleo", Role.OWNER)),
    )
    kept = await scene.look(channel)
    assert kept.refused == 0
    creator = {world.bot.user: 100} if version != "12" else {}
    owners = {alice.id: MODERATE, scene.ghost(CLEO): MODERATE}
    assert (await scene.content("m.room.power_levels"))["users"] == creator | owners

    archived = replace(channel, is_archived=True)
    await scene.look(archived)
    levels = await scene.content("m.room.power_levels")
    assert (levels["events_default"], levels["invite"]) == (SPEAK_NOBODY, INVITE)
    assert levels["users"] == creator | owners
    assert (await scene.look(channel)).refused == 0
    assert (await scene.content("m.room.power_levels"))["events_default"] == 0


async def room_of_version(world: World, version: str) -> RoomId:
    wanted = portal_room(world.tenant.conversations[PLACE], world.names)
    body = {
        "room_version": version,
        "preset": "private_chat",
        "power_level_content_override": dict(wanted.power_levels),
        "initial_state": [dict(event) for event in wanted.state],
    }
    answer: Any = await world.client.call(Method.POST, Path.v3.createRoom, body)
    return RoomId(answer["room_id"])


async def test_a_ghost_that_comes_late_may_speak_in_an_archive_and_stays_able_to(
    scene: Scene,
) -> None:
    archived = scene.conversation(members=ALL[:1], is_archived=True)
    await scene.look(archived)
    portal = replace(PORTAL, room=scene.room)

    first = await scene.world.say(on_synapse.delivery("late", portal=portal))
    await scene.look(archived)
    ben = Person(id=BEN, name="Ben Roth")
    other = on_synapse.delivery("later", author=ben, source="1700000000002", portal=portal)
    second = await scene.world.say(other)

    for ref in (first, second):
        assert await scene.world.client.event(scene.room, ref) is not None
    levels = await scene.content("m.room.power_levels")
    assert levels["users"][scene.ghost(ANNA.id)] == SPEAK_NOBODY
    assert scene.world.books.later == {scene.room: SEEN_TO_WITHIN}
    await scene.look(replace(archived, is_archived=False))
    users = (await scene.content("m.room.power_levels")).get("users", {})
    assert scene.ghost(ANNA.id) not in users


async def test_what_was_set_by_hand_is_set_back_but_for_what_is_no_business_of_ours(
    scene: Scene, alice: Human
) -> None:
    await scene.look(scene.conversation(members=ALL))
    admin = alice.id
    await scene.world.client.invite(scene.room, admin)
    await alice.call("POST", f"/rooms/{scene.room}/join", {})
    levels = await scene.content("m.room.power_levels")
    by_hand = {**levels, "users": {**levels.get("users", {}), admin: 90}, "redact": 75}
    await scene.states.put(scene.room, "m.room.power_levels", "", by_hand)
    path = f"/rooms/{scene.room}/state"
    await alice.call("PUT", f"{path}/m.room.name", {"name": "My name for it"})
    await alice.call("PUT", f"{path}/m.room.pinned_events", {"pinned": ["$mine", 7]})
    await alice.call("PUT", f"{path}/m.room.join_rules", {"join_rule": "public"})
    elsewhere = {"via": ["elsewhere.test"]}
    await alice.call("PUT", f"{path}/m.space.parent/!elsewhere", elsewhere)

    await scene.look(scene.conversation(members=ALL), pins=())

    assert await scene.content("m.room.name") == {"name": "Lunch"}
    assert await scene.content("m.room.pinned_events") == {"pinned": []}
    assert await scene.content("m.room.join_rules") == {"join_rule": "invite"}
    assert await scene.content("m.space.parent", "!elsewhere") == elsewhere
    levels = await scene.content("m.room.power_levels")
    assert (levels["users"][admin], levels["redact"]) == (90, 75)


# --- what is gone ---


async def test_a_conversation_that_is_gone_is_kept_to_be_read_and_said_once(
    scene: Scene,
) -> None:
    conversation = scene.conversation(members=ALL)
    space = KnownSpace(room=RoomId("!space:matrix.test"))
    await scene.look(conversation, space=space)
    for gone_at in (None, NOW):
        await scene.look(None, gone_at=gone_at)
    assert (await scene.content("m.room.power_levels"))["events_default"] == SPEAK_NOBODY
    assert await scene.content("m.space.parent", "!space:matrix.test") == {}
    assert await scene.there() == {scene.ghost(ANNA.id), scene.ghost(BEN)}
    (notice,) = await scene.world.messages(scene.room, scene.world.bot.user)
    assert "no more in Microsoft Teams" in notice["content"]["body"]
    await scene.look(conversation, space=space)
    assert (await scene.content("m.room.power_levels"))["events_default"] == 0
    assert await scene.content("m.space.parent", "!space:matrix.test") != {}


# --- spaces ---


async def test_a_space_is_made_once_and_holds_accounts_alone(
    scene: Scene, alice: Human, store: Database
) -> None:
    scene.world.accounts.add(alice.id, CLEO)
    people = (*ALL, member(CLEO, "Cleo", Role.OWNER))
    team = Team(id=CHANNEL.team, name="Garden", general=CHANNEL.channel, members=people)
    rooms = [
        ChildRoom(key="19:z@thread.tacv2", room=RoomId("!b:matrix.test"), name="Ärger"),
        ChildRoom(key=CHANNEL.channel, room=RoomId("!z:matrix.test"), name="General"),
        ChildRoom(key="19:y@thread.tacv2", room=RoomId("!a:matrix.test"), name="Bäume"),
    ]
    look = SpaceLook(team=team, children=tuple(rooms), parent=RoomId("!all:matrix.test"))
    await ShapeBook(store, FakeClock()).want_spaces(TENANT, team.id, anew=False)
    due = due_space(team.id)
    kept = await scene.keeper.keep_space(due, look)
    scene.room = (await ShapeBook(store, FakeClock()).space_of(TENANT, team.id)).room or scene.room

    assert await scene.content("m.room.create") | {"type": "m.space"} == await scene.content(
        "m.room.create"
    )
    assert await scene.there() == set()
    assert await alice.invited_to() == {scene.room}
    state = await scene.state()
    children = {
        key: state.content(kind, key) for kind, key in state.events if kind == "m.space.child"
    }
    assert sorted(children, key=lambda room: str(children[RoomId(room)]["order"])) == [
        "!z:matrix.test", "!b:matrix.test", "!a:matrix.test",
    ]  # fmt: skip
    assert [children[key]["suggested"] for key in sorted(children)] == [False, False, True]
    assert state.levels()[alice.id] == MODERATE
    again = await scene.keeper.keep_space(due, look)  # We died before it was remembered.
    assert again.memory.let_in == kept.memory.let_in == {alice.id: CLEO}

    fewer = replace(look, team=replace(team, members=ALL), children=look.children[:1])
    await scene.keeper.keep_space(replace(due, room=scene.room, memory=kept.memory), fewer)
    assert (await scene.content("m.room.member", alice.id))["membership"] == "leave"
    assert await scene.content("m.space.child", "!z:matrix.test") == {}


async def test_everybody_who_is_signed_in_is_in_the_space_of_the_organisation(
    scene: Scene, alice: Human, store: Database
) -> None:
    book = ShapeBook(store, FakeClock())
    await book.want_spaces(TENANT, CHANNEL.team, anew=False)
    await store.execute(
        "INSERT INTO accounts (user_id, tenant_id, teams_user_id, token_cache_sealed, signed_in_at)"
        " VALUES ($1, $2, $3, '', $4)",
        alice.id, TENANT, CLEO, NOW,
    )  # fmt: skip
    child = ChildRoom(key="a-team", room=RoomId("!team:matrix.test"), name="Garden")
    kept = await scene.keeper.keep_space(
        due_space(ORGANISATION), SpaceLook(team=None, children=(child,))
    )
    scene.room = (await book.space_of(TENANT, ORGANISATION)).room or scene.room
    assert kept.name == "Our organisation"
    assert await alice.invited_to() == {scene.room}
    assert "via" in await scene.content("m.space.child", "!team:matrix.test")
    info = await scene.content("m.bridge", "msteams://tenant")
    assert info["com.beeper.room_type.v2"] == "space"


async def test_a_picture_that_is_none_is_not_put_there(scene: Scene) -> None:
    assert await scene.keeper.put_picture(Picture(tag="1", content=b"<svg>")) is None
    png = b"\x89PNG\r\n\x1a\n" + bytes(64)
    uri = await scene.keeper.put_picture(Picture(tag="2", content=png))
    assert uri is not None
    assert uri.startswith("mxc://")


def due_space(team: TeamId) -> DueSpace:
    return DueSpace(
        tenant=TENANT, team=team, room=None, name=None, memory=Memory(), due_at=NOW, lease=NOW
    )
