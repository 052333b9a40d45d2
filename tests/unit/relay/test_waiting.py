"""What is written while its speaker is not let in: it waits, and with it whatever refers to it."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.events import (
    MessageEdited,
    MessageSent,
    Person,
    Reacted,
    ReactionAdded,
    ReactionRemoved,
    Redacted,
)
from bridge.domain.ids import MessageRef, Side, Version
from bridge.errors import Unauthorized
from bridge.ports import Reading
from tests.kit.fake_endpoint import refuse_all
from tests.kit.fake_sign_ins import FakeAwaiting, sign_in
from tests.kit.fake_store import StoredAccount
from tests.kit.relay_world import ROOM, RelayWorld

ANNA, BO = "@anna:here", "@bo:here"


async def a_world() -> RelayWorld:
    """Anna and Bo are signed in, and what they cannot say waits."""
    world = RelayWorld()
    await world.open_portal()
    world.accounts |= {ANNA: "anna", BO: "bo"}
    for user, account in world.accounts.items():
        number = world.store.next_id()
        world.store.accounts[account] = StoredAccount(user=user, number=number)
    world.workers[Side.TEAMS].awaiting = FakeAwaiting(world.journal)
    return world


def reacted(world: RelayWorld) -> Reacted:
    """Bo has reacted to Anna's message."""
    return Reacted(
        origin=ROOM,
        ref=MessageRef("$reaction"),
        target=MessageRef("$event1"),
        author=Person(id=BO),
        key="👍",
        sent_at=world.clock.now(),
    )


async def test_changes_of_a_message_that_waits_are_carried_out_after_it() -> None:
    world = await a_world()
    refused = Unauthorized("sign in again", sign_in=world.store.accounts["anna"].number)
    refuse_all(world.teams, refused, 1)

    await world.say_in_matrix(1, "hello", author=ANNA)
    await world.settle()
    edit = world.seen_in_matrix("$event1", "good morning", author=ANNA)
    edit = replace(edit, version=Version("5"), edited="5")
    await world.push(Side.MATRIX, "the edit", Reading(sightings=(edit,)))
    reaction = reacted(world)
    await world.push(Side.MATRIX, "the reaction", Reading(sightings=(reaction,)))
    await world.say_in_matrix(2, "nobody waits for others", author=BO)
    await world.settle()
    assert world.teams.said == ["nobody waits for others"]
    assert {d.awaits_sign_in for d in world.store.deliveries.values()} == {True}

    await sign_in(world.journal, ANNA, "anna")
    await world.settle()

    kinds = [type(delivery.event) for delivery in world.teams.delivered]
    assert kinds == [MessageSent, MessageSent, MessageEdited, ReactionAdded]
    assert world.teams.said[1:] == ["hello", "good morning"]
    assert world.store.deliveries == {}


async def test_a_reaction_that_waits_is_taken_back_after_it_was_given() -> None:
    """As where the process that takes it back still has a token for them."""
    world = await a_world()
    await world.say_in_matrix(1, "hello", author=ANNA)
    await world.settle()
    number = world.store.accounts["bo"].number
    refuse_all(world.teams, Unauthorized("sign in again", sign_in=number), 1)
    given = reacted(world)
    await world.push(Side.MATRIX, "given", Reading(sightings=(given,)))
    await world.settle()

    back = Redacted(
        origin=ROOM,
        ref=MessageRef("$redaction"),
        target=given.ref,
        author=given.author,
        sent_at=world.clock.now(),
    )
    await world.push(Side.MATRIX, "taken back", Reading(sightings=(back,)))
    await world.settle()
    assert [type(one.event) for one in world.teams.delivered] == [MessageSent]

    await sign_in(world.journal, BO, "bo")
    await world.settle()
    kinds = [type(delivery.event) for delivery in world.teams.delivered]
    assert kinds == [MessageSent, ReactionAdded, ReactionRemoved]
    assert world.store.deliveries == {}
