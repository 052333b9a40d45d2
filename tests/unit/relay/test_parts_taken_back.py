"""A message of Teams that became several matrix events, which its author takes back one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from bridge.domain.events import MessageDeleted, MessageSent, PartTakenBack, Person, Redacted
from bridge.domain.ids import MessageRef, Side, UserId
from bridge.ports import NewDelivery, Reading
from bridge.relay.plan import NOT_THE_AUTHOR, OTHER_PARTS_STAY
from bridge.telemetry import IGNORED
from tests.kit.fake_endpoint import TEXT_CHARS_MAX
from tests.kit.relay_world import ROOM, RelayWorld

ADA = UserId("@ada:here")


@pytest.fixture
async def world() -> RelayWorld:
    """Ada has said something in Teams that became three matrix events."""
    world = RelayWorld()
    await world.open_portal()
    world.accounts[ADA] = "ada"
    await world.say_in_teams(1, "word " * (TEXT_CHARS_MAX // 2))
    await world.settle()
    assert len(parts(world)) == 3
    return world


def parts(world: RelayWorld) -> list[MessageRef]:
    return [link.matrix_event for link in world.store.links if link.message == "1"]


async def push(world: RelayWorld, target: str, *, author: str = ADA, time: int = 1) -> None:
    gone = Redacted(
        origin=ROOM,
        ref=MessageRef(f"$redaction {time} of {target} by {author}"),
        target=MessageRef(target),
        author=Person(id=author),
        sent_at=world.clock.now(),
    )
    await world.push(Side.MATRIX, gone.ref, Reading(sightings=(gone,)), position=time)


async def redact(world: RelayWorld, target: str, *, author: str = ADA, time: int = 1) -> None:
    await push(world, target, author=author, time=time)
    await world.settle()


def deleted(world: RelayWorld) -> list[MessageRef]:
    """Return the messages of Teams that were deleted there."""
    deletions = [d for d in world.teams.delivered if isinstance(d.event, MessageDeleted)]
    return [part.ref for delivery in deletions for part in delivery.far.parts]


def ignored(reason: str) -> float:
    value: float = IGNORED.labels(Side.MATRIX, reason)._value.get()
    return value


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_message_goes_with_the_last_of_its_events(
    world: RelayWorld, order: tuple[int, ...]
) -> None:
    before = ignored(OTHER_PARTS_STAY)
    events = [parts(world)[n] for n in order]

    for event in events[:-1]:
        await redact(world, event)
        await redact(world, event, time=2)  # Twice is once.
        world.restart()
        assert deleted(world) == []
    assert ignored(OTHER_PARTS_STAY) - before == 2
    told = PartTakenBack(room=ROOM, sender=ADA, message=MessageRef("1"))
    assert world.desk.served == [told, told]
    assert not any(entry.parked for entry in world.store.inbox.values())

    await redact(world, events[-1])
    await redact(world, events[-1], time=2)
    assert deleted(world) == ["1"]
    assert len(world.desk.served) == 2


@pytest.mark.parametrize("count", [2, 3])
async def test_of_several_that_are_read_at_once_the_last_decides(
    world: RelayWorld, count: int
) -> None:
    for event in parts(world)[:count]:
        await push(world, event)
    await world.settle()

    assert deleted(world) == (["1"] if count == 3 else [])


async def test_what_is_still_on_its_way_to_the_room_counts(world: RelayWorld) -> None:
    said = world.matrix.delivered[-1]
    assert isinstance(said.event, MessageSent)
    late = NewDelivery(
        portal=said.portal.id,
        target=said.target,
        source=said.source,
        speaker=said.speaker,
        event=replace(said.event, part=3, again=True),
    )
    async with world.journal.unit() as unit:
        await unit.append([late])
    for event in parts(world):
        await push(world, event)
    await world.intakes[Side.MATRIX].step()
    await world.settle()
    assert deleted(world) == []

    await redact(world, parts(world)[3])
    assert deleted(world) == ["1"]


async def test_what_somebody_else_redacts_deletes_nothing_but_is_gone(world: RelayWorld) -> None:
    """A moderator, and the author before they have signed in."""
    world.accounts["@bob:here"] = "bob"
    first, second, third = parts(world)
    before = ignored(NOT_THE_AUTHOR)

    await redact(world, first, author="@bob:here")
    del world.accounts[ADA]
    await redact(world, second)
    assert (deleted(world), world.desk.served) == ([], [])
    assert ignored(NOT_THE_AUTHOR) - before == 1

    world.accounts[ADA] = "ada"
    await redact(world, third)
    assert deleted(world) == ["1"]


async def test_the_last_event_redacted_by_somebody_else_leaves_the_message(
    world: RelayWorld,
) -> None:
    world.accounts["@bob:here"] = "bob"
    *own, last = parts(world)

    for event in own:
        await redact(world, event)
    await redact(world, last, author="@bob:here")

    assert deleted(world) == []


async def test_a_message_that_is_one_event_goes_at_once(world: RelayWorld) -> None:
    await world.say_in_teams(2, "short")
    await world.settle()
    [event] = [link.matrix_event for link in world.store.links if link.message == "2"]

    await redact(world, event)

    assert (deleted(world), world.desk.served) == (["2"], [])
