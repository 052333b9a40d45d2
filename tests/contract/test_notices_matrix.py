"""What nobody said, on a real Synapse: told by whoever did it, or by the bot."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bridge.domain.content import Body, Card, from_text
from bridge.domain.events import MessageDeleted, MessageEdited, MessageSent, Person
from bridge.domain.ids import MessageRef, Side, Version
from bridge.matrix.ghosts import DEVICE
from bridge.matrix.paths import Method, Path as ApiPath
from bridge.matrix.saying import CARD
from bridge.ports import Delivery, Far, FarPart
from tests.contract import test_endpoint_matrix as on_synapse
from tests.contract.test_endpoint_matrix import ANNA, PORTAL, World, delivery

world = on_synapse.world
NOBODY = Person(id="")


def notice(text: str, author: Person = NOBODY) -> Delivery:
    said = delivery(text, author=author)
    assert isinstance(said.event, MessageSent)
    return replace(said, event=replace(said.event, is_notice=True))


async def seen(world: World, ref: MessageRef) -> dict[str, Any]:
    event = await world.client.event(world.books.rooms[PORTAL.id], ref)
    assert event is not None
    return dict(event)


async def test_what_nobody_did_is_told_by_the_bot(world: World) -> None:
    ref = await world.say(notice("The call ended"))
    event = await seen(world, ref)
    assert event["sender"] == world.names.bot
    assert (event["content"]["msgtype"], event["content"]["body"]) == ("m.notice", "The call ended")
    assert await world.say(notice("The call ended")) == ref


async def test_what_somebody_did_is_told_by_their_ghost(world: World) -> None:
    event = await seen(world, await world.say(notice("Anna added Ben", ANNA)))
    assert event["sender"] == world.names.ghost(ANNA.id)
    assert event["content"]["msgtype"] == "m.notice"


async def test_a_notice_of_long_ago_is_found_by_what_it_left(world: World) -> None:
    said = notice("The call ended")
    ref = await world.say(said)
    world.clock.instant += timedelta(days=3)
    assert await world.endpoint.find(said) == ref
    assert await world.endpoint.find(replace(said, source=MessageRef("other"))) is None


async def test_a_notice_is_edited_and_taken_back(world: World) -> None:
    ref = await world.say(notice("The recording started"))
    far = Far(parts=(FarPart(part=0, ref=ref, origin=Side.TEAMS, author=""),))
    about: dict[str, Any] = {
        "target": MessageRef("1700000000001"),
        "author": NOBODY,
        "version": Version("2"),
        "sent_at": notice("").event.sent_at,
    }
    event = MessageEdited(**about, body=from_text("The recording is there"), is_notice=True)
    edited = await seen(world, await world.say(replace(notice(""), event=event, far=far)))
    assert edited["sender"] == world.names.bot
    assert edited["content"]["m.new_content"]["msgtype"] == "m.notice"

    await world.say(replace(notice(""), event=MessageDeleted(**about), far=far))
    assert "redacted_because" in (await seen(world, ref))["unsigned"]


async def test_a_bot_whose_device_was_deleted_gets_it_back(world: World) -> None:
    await world.say(notice("with it"))
    await world.client.call(Method.DELETE, ApiPath.v3.devices[DEVICE])
    ref = await world.say(replace(notice("again"), source=MessageRef("2")))
    assert (await seen(world, ref))["content"]["body"] == "again"


async def test_a_card_is_kept_with_its_numbers_which_no_event_may_hold(world: World) -> None:
    raw = '{"type":"AdaptiveCard","version":1.5,"minHeight":1e400}'
    said = delivery("")
    assert isinstance(said.event, MessageSent)
    card = Card(blocks=from_text("Approve?").blocks, kind="adaptive", raw=raw)
    event = replace(said.event, body=Body(blocks=(card,)))
    found = await seen(world, await world.say(replace(said, event=event)))
    assert found["content"][CARD] == [{"type": "adaptive", "json": raw}]
