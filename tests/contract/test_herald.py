"""What a person sees, on a real Synapse, of a message that has not arrived, and then has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.ids import MessageRef, RoomId, Side
from bridge.errors import Rejected
from bridge.matrix.ghosts import DEVICE
from bridge.matrix.herald import STATUS, RoomAnnouncer
from bridge.matrix.paths import Method, Path as ApiPath
from bridge.ports import Deed, Reason, Subject, Tidings, Told
from bridge.relay.heralding import Herald
from tests.contract.test_endpoint_matrix import Human, World, config_of, delivery, world_of
from tests.kit.world import Slot


@pytest.fixture
async def world(slot: Slot) -> AsyncIterator[World]:
    async with world_of(config_of(slot)) as made:
        await made.bot.prepare()
        yield made


@pytest.fixture
async def alice(slot: Slot) -> AsyncIterator[Human]:
    async with Human.of(slot.homeserver, slot.register("alice")) as human:
        yield human


@pytest.fixture
async def room(world: World, alice: Human) -> RoomId:
    """A portal, with Alice in it."""
    room = await world.rooms.ensure(delivery("x").portal)
    await world.rooms.invite(alice.id, room)
    await alice.call("POST", f"/rooms/{room}/join", {})
    return room


@pytest.fixture
def announcer(world: World) -> RoomAnnouncer:
    return another(world)


def another(world: World) -> RoomAnnouncer:
    """As a process would make it that has just started."""
    return RoomAnnouncer(
        world.sender._connection,
        world.sender,
        world.client,
        names=world.names,
        devices=world.ghosts.devices,
    )


async def said(alice: Human, room: RoomId, text: str = "hello") -> Subject:
    """Alice says something."""
    path = f"/rooms/{room}/send/m.room.message/{text}"
    answer = await alice.call("PUT", path, {"msgtype": "m.text", "body": text})
    source = MessageRef(answer["event_id"])
    return Subject(
        room=room, source=source, slot="", deed=Deed.MESSAGE, sender=alice.id, shown=source
    )


def waiting(subject: Subject) -> Tidings:
    return Tidings(subject=subject, told=Told.WAITING, reason=Reason.AWAY)


def parked(subject: Subject) -> Tidings:
    return Tidings(subject=subject, told=Told.PARKED, reason=Reason.SIGN_IN)


async def seen(alice: Human, room: RoomId, kind: str) -> list[dict[str, Any]]:
    """What the bot has sent, oldest first, as Alice's client gets it."""
    answer = await alice.call("GET", f"/rooms/{room}/messages?dir=b&limit=100")
    return [e for e in reversed(answer["chunk"]) if e["type"] == kind and e["sender"] != alice.id]


async def test_a_person_is_told_in_both_ways_and_once(
    world: World, alice: Human, room: RoomId, announcer: RoomAnnouncer
) -> None:
    subject = await said(alice, room)

    for process in (announcer, announcer, another(world)):
        await process.tell(waiting(subject))
        await process.tell(parked(subject))

    statuses = [e["content"] for e in await seen(alice, room, STATUS)]
    assert [s["status"] for s in statuses] == ["PENDING", "FAIL_PERMANENT"]
    assert [s["reason"] for s in statuses] == ["m.foreign_network_error", "m.no_permission"]
    assert {s["m.relates_to"]["event_id"] for s in statuses} == {subject.source}
    first, second = await seen(alice, room, "m.room.message")
    assert first["sender"] == world.names.bot
    assert first["content"]["body"].endswith("It will be tried again.")
    assert world.names.bot in second["content"]["body"]
    assert second["content"]["m.mentions"] == {"user_ids": [alice.id]}
    assert second["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == subject.source


async def test_what_arrives_after_all_is_told_where_it_was_said_that_it_had_not(
    world: World, alice: Human, room: RoomId, announcer: RoomAnnouncer
) -> None:
    subject, other = await said(alice, room), await said(alice, room, "lost")
    await announcer.tell(waiting(subject))
    await announcer.tell(parked(subject))
    await announcer.tell(parked(other))

    for process in (another(world), announcer):
        await process.correct(subject)

    assert [e["content"]["status"] for e in await seen(alice, room, STATUS)][-1] == "SUCCESS"
    events = await seen(alice, room, "m.room.message")
    edits = [e for e in events if "m.new_content" in e["content"]]
    originals = [e for e in events if "m.new_content" not in e["content"]]
    edited = {e["content"]["m.relates_to"]["event_id"] for e in edits}
    assert len(edits) == 2
    assert edited == {e["event_id"] for e in originals[:2]}
    assert {e["content"]["m.new_content"]["body"] for e in edits} == {
        "Your message has arrived in Teams after all."
    }


async def test_a_bot_whose_device_was_deleted_gets_it_back(
    world: World, alice: Human, room: RoomId, announcer: RoomAnnouncer
) -> None:
    await announcer.tell(waiting(await said(alice, room)))
    await world.client.call(Method.DELETE, ApiPath.v3.devices[DEVICE])

    await announcer.tell(parked(await said(alice, room, "more")))

    assert len(await seen(alice, room, "m.room.message")) == 2
    assert await world.client.whoami(world.names.bot, DEVICE) == DEVICE


async def test_who_showed_the_bot_out_cannot_be_told(
    world: World, alice: Human, room: RoomId, announcer: RoomAnnouncer
) -> None:
    subject = await said(alice, room)
    await world.client.leave(room)

    with pytest.raises(Rejected):
        await announcer.tell(parked(subject))


async def test_the_sender_sees_up_to_where_it_has_arrived(
    world: World, alice: Human, room: RoomId, announcer: RoomAnnouncer
) -> None:
    first, second = await said(alice, room, "1"), await said(alice, room, "2")
    herald = Herald(None, announcer, world.clock)  # type: ignore[arg-type]
    portal = replace(delivery("x").portal, room=room)
    for subject in (first, second):
        one = replace(delivery("x", portal=portal), target=Side.TEAMS, source=subject.source)
        herald.arrived(one)

    await herald.receipts.step()

    answer = await alice.call("GET", "/sync?timeout=0")
    (receipts,) = [
        e["content"]
        for e in answer["rooms"]["join"][room]["ephemeral"]["events"]
        if e["type"] == "m.receipt"
    ]
    assert world.names.bot in receipts[second.source]["m.read"]
    assert first.source not in receipts
