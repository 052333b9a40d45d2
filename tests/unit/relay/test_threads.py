"""Replies in channels: below their post, which may have to be asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from bridge.convert.losses import QUOTE_IN_THREAD, THREAD_ROOT_MISSING
from bridge.domain.events import MessageSent, Sighting
from bridge.domain.ids import (
    Channel,
    ChannelId,
    MessageRef,
    Place,
    RoomId,
    Side,
    TeamId,
    TenantId,
    Version,
    channel_place,
    reply_ref,
)
from bridge.errors import Unavailable
from bridge.ports import Delivery, Loss, Reading
from bridge.relay.plan import TARGET_PATIENCE
from bridge.relay.roots import ASK_AGAIN_AFTER, FOUND_PATIENCE
from tests.kit.fake_endpoint import FakeEndpoint
from tests.kit.relay_world import RelayWorld

PLACE = channel_place(
    TenantId("tenant"), Channel(team=TeamId("team"), channel=ChannelId("19:c@thread.tacv2"))
)
ROOT = MessageRef("1")
ROOM_OF_CHANNEL = RoomId("!channel")


class Forgetful(FakeEndpoint):
    """A Teams that tells of some posts only when it is asked."""

    def __init__(self, world: Threads) -> None:
        super().__init__(Side.TEAMS)
        self.world = world
        self.untold: dict[MessageRef, Sighting] = {}
        self.recalled: list[MessageRef] = []
        self.trouble: list[Exception] = []

    @override
    async def recall(self, place: Place, ref: MessageRef) -> bool:
        self.recalled.append(ref)
        if self.trouble:
            raise self.trouble.pop(0)
        found = self.untold.get(ref)
        if found is not None:
            await self.world.see(found)
        return found is not None


class Threads(RelayWorld):
    """A relay with one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.teams = self.forgetful = Forgetful(self)
        self.restart()

    def post(self, number: int, text: str) -> Sighting:
        seen = self.seen_in_teams(number, text)
        return replace(seen, origin=PLACE, sent_at=self.clock.now() + timedelta(seconds=number))

    def reply(self, number: int, text: str, root: MessageRef = ROOT) -> Sighting:
        ref = reply_ref(root, MessageRef(str(number)))
        return replace(self.post(number, text), ref=ref, thread=root)

    async def see(self, *seen: Sighting) -> None:
        for one in seen:
            position = int(one.ref.rpartition("/")[2])
            reading = Reading(sightings=(one,))
            await self.push(Side.TEAMS, f"note {one.ref}", reading, position)

    @property
    def last(self) -> Delivery:
        return self.matrix.delivered[-1]


@pytest.fixture
def world() -> Threads:
    return Threads()


async def test_a_reply_is_carried_with_its_thread_and_what_was_said_last_in_it(
    world: Threads,
) -> None:
    await world.see(world.post(1, "post"), world.reply(2, "one"), world.reply(3, "two"))
    await world.settle()

    assert world.matrix.said == ["post", "one", "two"]
    far = [delivery.far.thread for delivery in world.matrix.delivered]
    assert [(f.root, f.last) if f else None for f in far] == [
        None,
        ("matrix-1", "matrix-1"),
        ("matrix-1", "matrix-2"),
    ]
    assert world.forgetful.recalled == []


async def test_a_reply_whose_post_nobody_told_us_of_waits_for_it(world: Threads) -> None:
    world.forgetful.untold[ROOT] = world.post(1, "an old post")
    await world.see(world.reply(2, "reply"))
    await world.settle()
    await world.pass_time(timedelta(seconds=1))

    assert world.matrix.said == ["an old post", "reply"]
    assert world.last.far.thread is not None
    assert world.forgetful.recalled == [ROOT], "asked for once"
    assert world.store.losses == set()


async def test_a_reply_to_a_post_that_is_gone_goes_without_it_and_that_is_counted(
    world: Threads,
) -> None:
    await world.see(world.reply(2, "reply"))
    await world.settle()
    await world.pass_time(timedelta(seconds=1))

    assert world.matrix.said == ["reply"]
    assert world.last.far.thread is None
    assert {loss.name for loss in world.store.losses} == {THREAD_ROOT_MISSING}
    await world.see(world.reply(3, "another"))
    await world.settle()
    assert world.matrix.said == ["reply", "another"]
    assert world.forgetful.recalled == [ROOT], "it is not asked for again and again"


async def test_while_teams_cannot_be_asked_the_reply_waits_and_others_do_not(
    world: Threads,
) -> None:
    world.forgetful.trouble = [Unavailable("away")] * 2
    world.forgetful.untold[ROOT] = world.post(1, "an old post")
    await world.see(world.reply(3, "reply"))
    await world.settle()
    await world.pass_time(timedelta(seconds=4))
    await world.see(world.post(2, "another post"))
    await world.settle()
    assert world.matrix.said == ["another post"]
    for _ in range(4):
        await world.pass_time(ASK_AGAIN_AFTER + timedelta(seconds=1))
    assert sorted(world.matrix.said) == ["an old post", "another post", "reply"]
    assert world.last.far.thread is not None
    assert world.forgetful.recalled == [ROOT] * 3


async def test_patience_with_a_teams_that_never_answers_ends(world: Threads) -> None:
    world.forgetful.trouble = [Unavailable("away")] * 1_000
    await world.see(world.reply(2, "reply"))
    await world.settle()
    await world.pass_time(TARGET_PATIENCE)

    assert world.matrix.said == ["reply"]


async def test_a_post_that_says_nothing_that_can_cross_is_waited_for_a_while_only(
    world: Threads,
) -> None:
    world.forgetful.untold[ROOT] = replace(world.post(1, "x"), deleted=True)
    await world.see(world.reply(2, "reply"))
    await world.settle()
    assert world.matrix.said == []
    await world.pass_time(FOUND_PATIENCE + timedelta(seconds=10))

    assert world.matrix.said == ["reply"]
    assert len(world.store.losses) == 1


async def test_what_happens_to_a_reply_needs_no_post(world: Threads) -> None:
    await world.see(world.post(1, "post"), world.reply(2, "reply"))
    await world.settle()
    edited = replace(world.reply(2, "edited"), edited="2", version=Version("10"))
    await world.push(Side.TEAMS, "edit", Reading(sightings=(edited,)), 2)
    await world.settle()

    assert world.matrix.said == ["post", "reply", "edited"]
    assert world.forgetful.recalled == []


async def test_who_says_something_in_a_thread_of_a_channel_says_it_below_the_post(
    world: Threads,
) -> None:
    async with world.journal.unit() as unit:
        portal = (await unit.portals([PLACE]))[PLACE]
    world.store.set_room(portal.id, ROOM_OF_CHANNEL)
    world.accounts["@ada:here"] = "ada"
    await world.see(world.post(1, "post"))
    await world.settle()
    said = replace(
        world.seen_in_matrix("$1", "below"), origin=ROOM_OF_CHANNEL, thread=MessageRef("matrix-1")
    )
    lost = replace(said, ref=MessageRef("$2"), thread=MessageRef("$unknown"))
    for one in (said, lost):
        await world.push(Side.MATRIX, one.ref, Reading(sightings=(one,)))
    await world.settle()

    below, alone = world.teams.delivered
    assert below.far.thread is not None
    assert below.far.thread.root == "1"
    assert isinstance(alone.event, MessageSent)
    assert alone.event.thread is None
    assert world.store.losses == {
        Loss(portal=portal.id, ref=MessageRef("$2"), name=THREAD_ROOT_MISSING)
    }


@pytest.mark.parametrize(("answered", "lost"), [("$other", True), ("matrix-1", False)])
async def test_what_somebody_quotes_in_a_thread_teams_does_not_show(
    world: Threads, answered: str, lost: bool
) -> None:
    async with world.journal.unit() as unit:
        portal = (await unit.portals([PLACE]))[PLACE]
    world.store.set_room(portal.id, ROOM_OF_CHANNEL)
    world.accounts["@ada:here"] = "ada"
    await world.see(world.post(1, "post"))
    await world.settle()
    said = replace(
        world.seen_in_matrix("$1", "below"),
        origin=ROOM_OF_CHANNEL,
        thread=MessageRef("matrix-1"),
        reply_to=MessageRef(answered),
    )
    await world.push(Side.MATRIX, said.ref, Reading(sightings=(said,)))
    await world.settle()

    assert [delivery.far.thread is not None for delivery in world.teams.delivered] == [True]
    assert [loss.name for loss in world.store.losses] == [QUOTE_IN_THREAD] * lost


async def test_a_chat_has_no_threads_to_lose(world: Threads) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    said = replace(world.seen_in_matrix("$1", "in a thread"), thread=MessageRef("$unknown"))
    await world.push(Side.MATRIX, "$1", Reading(sightings=(said,)))
    await world.settle()

    assert world.teams.said == ["in a thread"]
    assert world.store.losses == set()
