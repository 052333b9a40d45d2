"""What people do to a room is asked of Teams, or undone, on a real Synapse; Teams is an organiser that
notes what it is asked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from typing_extensions import override

from bridge.domain.events import Person
from bridge.domain.ids import MessageRef, Place, RoomId, TeamsUserId, UserId
from bridge.domain.permission import Permission
from bridge.domain.portal import Direction, Portal
from bridge.domain.rights import INVITE, ORGANISE
from bridge.domain.wishes import Adding, Leaving, Naming, Removing, Wish, Wished
from bridge.errors import Rejected, Unauthorized, Unavailable
from bridge.matrix.commands import Call, Misused, Where
from bridge.matrix.commands.members import MemberCommands
from bridge.matrix.granting import (
    GRANTED_WITHIN,
    LEFT_ALONE,
    LOOKED_AT_AFTER,
    NOT_LET_IN,
    Granting,
)
from bridge.matrix.shaping import LEVELS, RoomState
from bridge.matrix.states import States
from bridge.ports import Organiser
from bridge.sandbox.homeserver import Homeserver
from bridge.telemetry import WISHES
from tests.contract import test_endpoint_matrix as on_synapse
from tests.contract.test_endpoint_matrix import PORTAL, Human, World
from tests.unit.matrix.books import Accounts

world, alice = on_synapse.world, on_synapse.alice
ME, BEN = "a1b2c3d4-0000-4000-8000-00000000000a", "b1b2c3d4-0000-4000-8000-000000000002"


class Asked(Organiser):
    """Notes what is wanted of it; raises what it is told to."""

    def __init__(self) -> None:
        self.wanted: list[tuple[str, ...]] = []
        self.error: Exception | None = None

    def _note(self, *what: str) -> None:
        self.wanted.append(what)
        if self.error is not None:
            raise self.error

    @override
    async def rename(self, by: TeamsUserId, place: Place, name: str) -> None:
        self._note("rename", by, name)

    @override
    async def describe(self, by: TeamsUserId, place: Place, text: str) -> None:
        self._note("describe", by, text)

    @override
    async def add(self, by: TeamsUserId, place: Place, person: TeamsUserId) -> None:
        self._note("add", by, person)

    @override
    async def remove(self, by: TeamsUserId, place: Place, person: TeamsUserId) -> None:
        self._note("remove", by, person)


@dataclass
class Scene:
    """Alice, who is signed in and may organise, in the room of a portal."""

    world: World
    alice: Human
    organiser: Asked
    granting: Granting
    room: RoomId
    portal: Portal
    told: list[str] = field(default_factory=list)

    async def power(self, level: int) -> None:
        levels = dict(await self.world.client.state(self.room, LEVELS, "") or {})
        levels["users"] = {**levels["users"], self.alice.id: level}
        levels |= {"invite": ORGANISE, "kick": ORGANISE, "ban": ORGANISE}
        levels["events"] = {**levels.get("events", {}), "m.room.name": ORGANISE}
        await States(self.world.client).put(self.room, LEVELS, "", levels)

    async def names(self, name: str) -> MessageRef:
        done = await self.alice.call(
            "PUT", f"/rooms/{quote(self.room)}/state/m.room.name", {"name": name}
        )
        return MessageRef(done["event_id"])

    async def does(self, what: str, user: str) -> None:
        await self.alice.call("POST", f"/rooms/{quote(self.room)}/{what}", {"user_id": user})

    async def serve(self, wish: Wish, *, ref: str = "$wish", **more: Any) -> None:
        wished = Wished(
            room=self.room,
            sender=self.alice.id,
            ref=MessageRef(ref),
            wish=wish,
            sent_at=self.world.clock.now(),
        )
        await self.granting.serve(replace(wished, **more))

    async def membership(self, user: str) -> str | None:
        state = RoomState.of(await States(self.world.client).of(self.room))
        found = state.content("m.room.member", user).get("membership")
        return found if isinstance(found, str) else None

    async def notices(self) -> list[str]:
        said = await self.world.messages(self.room, self.world.bot.user)
        return [one["content"]["body"] for one in said]


@pytest.fixture
async def scene(world: World, alice: Human) -> Scene:
    world.accounts.add(alice.id, ME)
    room = await world.rooms.ensure(PORTAL)
    await world.client.invite(room, alice.id)
    await alice.call("POST", f"/join/{quote(room)}", {})
    organiser = Asked()
    granting = Granting(
        organiser,
        world.client,
        world.bot,
        rooms=world.rooms,
        portals=world.books,
        clock=world.clock,
    )
    made = Scene(world, alice, organiser, granting, room, replace(PORTAL, room=room))

    async def portal_in(asked: RoomId) -> Portal | None:
        return made.portal if asked == room else None

    async def tell(_user: UserId, text: str) -> None:
        made.told.append(text)

    granting.portal_in, granting.tell = portal_in, tell
    await made.power(ORGANISE)
    return made


async def test_a_name_is_asked_for_and_the_room_looked_at_later(scene: Scene) -> None:
    ref = await scene.names("Coffee")
    await scene.serve(Naming(name="Coffee"), ref=ref)
    assert scene.organiser.wanted == [("rename", ME, "Coffee")]
    assert scene.world.books.later[scene.room] == LOOKED_AT_AFTER
    assert await scene.notices() == []


async def test_a_name_that_somebody_has_replaced_is_not_asked_for(scene: Scene) -> None:
    first, second = await scene.names("Coffee"), await scene.names("Cocoa")
    await scene.serve(Naming(name="Coffee"), ref=first)
    await scene.serve(Naming(name="Cocoa"), ref=second)
    assert scene.organiser.wanted == [("rename", ME, "Cocoa")]


async def test_a_name_that_was_set_back_meanwhile_is_asked_for_all_the_same(scene: Scene) -> None:
    ref = await scene.names("Coffee")
    await States(scene.world.client).put(scene.room, "m.room.name", "", {"name": "Tea"})
    await scene.serve(Naming(name="Coffee"), ref=ref)
    assert scene.organiser.wanted == [("rename", ME, "Coffee")]


async def test_what_is_refused_is_said_once_and_the_room_looked_at_now(scene: Scene) -> None:
    scene.organiser.error = Rejected("Teams allows no colon in the name of a chat")
    ref = await scene.names("Tea: hot")
    for _ in range(2):
        await scene.serve(Naming(name="Tea: hot"), ref=ref)
    assert await scene.notices() == [
        f"{scene.alice.id}: the new name was not taken over in Teams: Teams allows no colon in"
        " the name of a chat. The room keeps the name it has there."
    ]
    assert scene.world.books.later[scene.room] == timedelta(0)


async def test_what_waits_for_a_sign_in_is_said_once_and_done_days_later(scene: Scene) -> None:
    scene.organiser.error = Unauthorized("the password was changed: sign in again")
    await States(scene.world.client).put(scene.room, "m.room.name", "", {"name": "Tea"})
    ref, long_ago = await scene.names("Coffee"), scene.world.clock.now() - timedelta(days=6)
    with pytest.raises(Unauthorized):
        await scene.serve(Naming(name="Coffee"), ref=ref)
    with pytest.raises(Unauthorized):
        await scene.serve(Naming(name="Coffee"), ref=ref, has_waited=True)
    assert await scene.notices() == [
        f"{scene.alice.id}: the new name waits until you have signed in to Teams again."
    ]
    assert scene.world.books.later[scene.room] == timedelta(0), "the room shows what Teams does"

    scene.organiser.error = None
    await States(scene.world.client).put(scene.room, "m.room.name", "", {"name": "Tea"})
    scene.organiser.wanted.clear()
    await scene.serve(Naming(name="Coffee"), ref=ref, sent_at=long_ago, has_waited=True)
    assert scene.organiser.wanted == [("rename", ME, "Coffee")]


async def test_what_was_changed_in_teams_while_a_wish_waited_stays(scene: Scene) -> None:
    await States(scene.world.client).put(scene.room, "m.room.name", "", {"name": "Tea"})
    ref = await scene.names("Coffee")
    await States(scene.world.client).put(scene.room, "m.room.name", "", {"name": "Cocoa"})
    await scene.serve(Naming(name="Coffee"), ref=ref, has_waited=True)
    assert scene.organiser.wanted == []


async def test_what_has_waited_for_longer_than_a_week_is_not_done(scene: Scene) -> None:
    ref, long_ago = await scene.names("Coffee"), scene.world.clock.now() - timedelta(days=8)
    await scene.serve(Naming(name="Coffee"), ref=ref, sent_at=long_ago, has_waited=True)
    assert scene.organiser.wanted == []
    assert "it came too late" in (await scene.notices())[0]


@pytest.mark.parametrize(
    "error", [Unavailable("Graph is away"), Unauthorized("a wrong secret", everyone=True)]
)
async def test_what_cannot_be_asked_now_is_asked_again(scene: Scene, error: Exception) -> None:
    scene.organiser.error = error
    ref = await scene.names("Coffee")
    with pytest.raises(type(error)):
        await scene.serve(Naming(name="Coffee"), ref=ref)
    assert await scene.notices() == []


async def test_what_comes_too_late_is_not_done(scene: Scene) -> None:
    ref, long_ago = await scene.names("Coffee"), scene.world.clock.now() - 2 * GRANTED_WITHIN
    await scene.serve(Naming(name="Coffee"), ref=ref, sent_at=long_ago)
    assert scene.organiser.wanted == []
    assert "it came too late" in (await scene.notices())[0]


async def test_who_is_not_signed_in_is_told_how(scene: Scene) -> None:
    scene.world.accounts.accounts.clear()
    ref = await scene.names("Coffee")
    await scene.serve(Naming(name="Coffee"), ref=ref)
    assert scene.organiser.wanted == []
    assert "write `login` to me" in (await scene.notices())[0]


async def test_a_room_that_shows_teams_alone_asks_for_nothing(scene: Scene) -> None:
    scene.portal = replace(scene.portal, direction=Direction.TO_MATRIX)
    ref = await scene.names("Coffee")
    await scene.serve(Naming(name="Coffee"), ref=ref)
    assert scene.organiser.wanted == []
    assert "nothing that is done here reaches it" in (await scene.notices())[0]


async def test_a_room_that_people_made_is_theirs_but_ghosts_are_called_there(scene: Scene) -> None:
    scene.portal = replace(scene.portal, plumbed=True)
    ghost = scene.world.names.ghost(BEN)
    await scene.serve(Naming(name="Coffee"), ref=await scene.names("Coffee"))
    await scene.does("invite", ghost)
    await scene.serve(Adding(user=ghost))
    assert scene.organiser.wanted == [("add", ME, BEN)]


async def test_a_ghost_that_is_called_in_or_shown_out_is_a_person(scene: Scene) -> None:
    ghost = scene.world.names.ghost(BEN)
    await scene.does("invite", ghost)
    await scene.serve(Adding(user=ghost))
    await scene.does("kick", ghost)
    await scene.serve(Adding(user=ghost))  # Late: she is out again.
    await scene.serve(Removing(user=ghost))
    assert scene.organiser.wanted == [("add", ME, BEN), ("remove", ME, BEN)]


async def test_ones_own_ghost_is_nobody_else(scene: Scene) -> None:
    ghost = scene.world.names.ghost(ME)
    await scene.does("invite", ghost)
    await scene.does("ban", ghost)
    await scene.serve(Removing(user=ghost, banned=True))
    assert scene.organiser.wanted == []
    assert await scene.membership(ghost) == "leave"


@pytest.mark.parametrize("error", [None, Rejected("no")])
async def test_a_ban_is_lifted_whatever_teams_says(scene: Scene, error: Exception | None) -> None:
    ghost = scene.world.names.ghost(BEN)
    await scene.does("ban", ghost)
    scene.organiser.error = error
    await scene.serve(Removing(user=ghost, banned=True))
    assert await scene.membership(ghost) == "leave"


async def test_a_stranger_is_let_in_by_an_administrator_alone(scene: Scene) -> None:
    stranger = "@nobody:" + scene.alice.id.partition(":")[2]
    await scene.does("invite", stranger)
    before = WISHES.labels("adding", LEFT_ALONE)._value.get()
    await scene.power(INVITE)
    await scene.serve(Adding(user=UserId(stranger)))
    assert WISHES.labels("adding", LEFT_ALONE)._value.get() == before + 1
    assert await scene.membership(stranger) == "invite"


async def test_a_stranger_whom_a_member_invites_does_not_come_in(scene: Scene) -> None:
    stranger = "@nobody:" + scene.alice.id.partition(":")[2]
    await scene.does("invite", stranger)
    for _ in range(2):
        await scene.serve(Adding(user=UserId(stranger)))
    assert await scene.membership(stranger) == "leave"
    state = RoomState.of(await States(scene.world.client).of(scene.room))
    assert state.content("m.room.member", stranger)["reason"] == NOT_LET_IN
    assert len(await scene.notices()) == 1


async def test_who_is_heard_through_the_service_account_may_be_invited(scene: Scene) -> None:
    stranger = UserId("@nobody:" + scene.alice.id.partition(":")[2])
    scene.granting.is_relayed = lambda portal: portal == scene.portal
    await scene.does("invite", stranger)
    await scene.serve(Adding(user=stranger))
    assert await scene.membership(stranger) == "invite"
    assert (scene.organiser.wanted, await scene.notices()) == ([], [])


async def test_leaving_is_carried_only_where_that_is_wanted_and_not_a_refusal(
    scene: Scene,
) -> None:
    await scene.alice.call("POST", f"/rooms/{quote(scene.room)}/leave", {})
    await scene.serve(Leaving(was_in=True))
    scene.granting.carries_leaving = True
    await scene.serve(Leaving(was_in=False))
    assert scene.organiser.wanted == []

    state = RoomState.of(await States(scene.world.client).of(scene.room))
    ref = str(state.events["m.room.member", scene.alice.id]["event_id"])
    await scene.serve(Leaving(was_in=None), ref=ref)
    assert scene.organiser.wanted == [("remove", ME, ME)]
    scene.organiser.error = Rejected("the last owner stays")
    await scene.serve(Leaving(was_in=True))
    assert scene.told == [
        "You have left a room, but not the conversation in Teams: the last owner stays."
    ]


async def test_whoever_has_left_is_known_to_a_homeserver_that_remembers_nothing(
    scene: Scene, homeserver: Homeserver
) -> None:
    await scene.alice.call("POST", f"/rooms/{quote(scene.room)}/leave", {})
    scene.granting.carries_leaving = True
    state = RoomState.of(await States(scene.world.client).of(scene.room))
    ref = str(state.events["m.room.member", scene.alice.id]["event_id"])
    await asyncio.to_thread(homeserver.restart)

    await scene.serve(Leaving(was_in=None), ref=ref)

    assert scene.organiser.wanted == [("remove", ME, ME)]


async def test_what_happens_in_other_rooms_is_nobodys(scene: Scene) -> None:
    await scene.serve(Naming(name="Coffee"), room=RoomId("!other:example.org"))
    assert scene.organiser.wanted == []


async def test_who_may_nothing_at_the_bridge_may_not_do_this_either(scene: Scene) -> None:
    scene.granting.is_user = lambda _: False
    ref = await scene.names("Coffee")
    await scene.serve(Naming(name="Coffee"), ref=ref)
    assert scene.organiser.wanted == []
    assert "the bridge does not let you" in (await scene.notices())[0]


async def test_who_is_known_to_be_somebody_in_teams_must_sign_in_all_the_same(
    scene: Scene,
) -> None:
    scene.granting.signed_in = Accounts()
    ref = await scene.names("Coffee")
    await scene.serve(Naming(name="Coffee"), ref=ref)
    assert scene.organiser.wanted == []
    assert "write `login` to me" in (await scene.notices())[0]


# --- the command ---


def call(scene: Scene, rest: str) -> Call:
    return Call(
        user=scene.alice.id,
        room=scene.room,
        ref=MessageRef("$asked"),
        name="remove",
        words=tuple(rest.split()),
        rest=rest,
        permission=Permission.USER,
        where=Where.PORTAL,
        portal=scene.portal,
    )


async def obeyed(scene: Scene, rest: str) -> str:
    (command,) = MemberCommands(
        scene.organiser,
        States(scene.world.client),
        names=scene.world.names,
        signed_in=scene.world.accounts,
        people=scene.world.accounts,
        portals=scene.world.books,
    ).commands()
    return await command.run(call(scene, rest))


async def test_somebody_is_removed_by_their_address_or_as_clients_show_them(scene: Scene) -> None:
    ghost = scene.world.names.ghost(BEN)
    await scene.world.ghosts.ensure(PORTAL.place.tenant, Person(id=BEN, name="Ben Hur"))
    await scene.does("invite", ghost)
    state = RoomState.of(await States(scene.world.client).of(scene.room))
    shown = str(state.content("m.room.member", ghost)["displayname"])

    assert "no longer in this conversation" in await obeyed(scene, ghost)
    assert "no longer in this conversation" in await obeyed(scene, shown)
    assert scene.organiser.wanted == [("remove", ME, BEN)] * 2
    assert scene.world.books.later[scene.room] == LOOKED_AT_AFTER


async def test_what_a_removal_lacks_is_said(scene: Scene) -> None:
    stranger = "@nobody:" + scene.alice.id.partition(":")[2]
    with pytest.raises(Misused, match="say whom"):
        await obeyed(scene, "")
    with pytest.raises(Misused, match="nobody in this room"):
        await obeyed(scene, "Somebody Else")
    assert "not in Teams" in await obeyed(scene, stranger)
    scene.organiser.error = Rejected("Teams does not let you do that here")
    assert await obeyed(scene, scene.world.names.ghost(BEN)) == (
        "That was not done: Teams does not let you do that here."
    )
    scene.organiser.error = Unavailable("Graph is away")
    with pytest.raises(Unavailable):
        await obeyed(scene, scene.world.names.ghost(BEN))
    scene.portal = replace(scene.portal, direction=Direction.TO_MATRIX)
    assert "nothing that is done here" in await obeyed(scene, stranger)
    scene.portal = replace(scene.portal, direction=Direction.BOTH)
    scene.world.accounts.accounts.clear()
    assert "not signed in" in await obeyed(scene, stranger)
