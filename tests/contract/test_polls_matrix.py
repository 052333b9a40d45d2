"""Who may end a poll that another has begun, on a real Synapse."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from bridge.domain.ids import EntryId, RoomId, Side
from bridge.matrix.polls import IGNORED_FOREIGN_END
from bridge.matrix.shaping import LEVELS
from bridge.ports import Entry, Reading
from tests.contract import test_endpoint_matrix as on_synapse
from tests.contract.test_endpoint_matrix import Human, World
from tests.kit.world import Slot
from tests.unit.teams.memory import NOW

world, alice = on_synapse.world, on_synapse.alice
POLL = "org.matrix.msc3381.poll"
Json = dict[str, Any]


@pytest.fixture
async def bob(slot: Slot) -> AsyncIterator[Human]:
    async with Human.of(slot.homeserver, slot.register("bob")) as human:
        yield human


async def ended(world: World, by: Human, start: str, room: RoomId) -> Reading:
    """Read how somebody ends a poll."""
    content = {"m.relates_to": {"rel_type": "m.reference", "event_id": start}, f"{POLL}.end": {}}
    ref = await send(by, room, f"{POLL}.end", content | {"org.matrix.msc1767.text": "Ended."})
    event = await by.call("GET", f"/rooms/{quote(room)}/event/{quote(ref)}")
    entry = Entry(
        id=EntryId(1),
        side=Side.MATRIX,
        conversation=room,
        raw=json.dumps({**event, "room_id": room}).encode(),
        received_at=NOW,
        attempts=1,
    )
    return await world.endpoint.take_in(entry)


async def send(who: Human, room: RoomId, kind: str, content: Json) -> str:
    path = f"/rooms/{quote(room)}/send/{kind}/{kind[-3:]}"
    return str((await who.call("PUT", path, content))["event_id"])


async def asked(
    world: World, maker: Human, who: Human, guest: Human, version: str
) -> tuple[str, RoomId]:
    """Let somebody ask in a room that somebody has made; return the poll and the room."""
    body = {"room_version": version, "preset": "private_chat", "invite": [guest.id, world.bot.user]}
    room = RoomId((await maker.call("POST", "/createRoom", body))["room_id"])
    await guest.call("POST", f"/join/{quote(room)}", {})
    await world.client.join(room, world.bot.user)
    answers = [{"id": "p", "org.matrix.msc1767.text": "Pizza"}]
    question = {"question": {"org.matrix.msc1767.text": "Lunch?"}, "answers": answers}
    return await send(who, room, f"{POLL}.start", {f"{POLL}.start": question}), room


@pytest.mark.parametrize("version", ["11", "12"])
async def test_whoever_made_the_room_ends_what_another_asked(
    world: World, alice: Human, bob: Human, version: str
) -> None:
    poll, room = await asked(world, alice, bob, bob, version)
    levels = await world.client.state(room, LEVELS, "") or {}
    assert (alice.id in levels["users"]) is (version == "11")

    assert (await ended(world, alice, poll, room)).sightings


async def test_nobody_else_ends_it(world: World, alice: Human, bob: Human) -> None:
    poll, room = await asked(world, alice, alice, bob, "12")

    [ignored] = (await ended(world, bob, poll, room)).ignored

    assert ignored.reason == IGNORED_FOREIGN_END
