"""Wishes of people whose sign-in was lost: they wait as messages do, and in nobody's way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.domain.ids import MessageRef, Side, UserId
from bridge.domain.wishes import Adding, Naming, Removing, Wish, Wished
from bridge.errors import Unauthorized, Unavailable
from bridge.ports import AWAITED_FOR, Reading
from tests.kit.relay_world import ROOM, RelayWorld

ADA, BEN, GHOST = (UserId(f"@{name}:here") for name in ("ada", "ben", "teams_cem"))
LOST = Unauthorized("the password was changed: sign in again")


@pytest.fixture
def world() -> RelayWorld:
    return RelayWorld()


def wished(wish: Wish, ref: str, *, sender: UserId = ADA) -> Wished:
    sent_at = RelayWorld().clock.now()
    return Wished(room=ROOM, sender=sender, ref=MessageRef(ref), wish=wish, sent_at=sent_at)


async def wants(world: RelayWorld, *wishes: Wished) -> None:
    for number, one in enumerate(wishes):
        reading = Reading(requests=(one,))
        await world.push(Side.MATRIX, one.ref, reading, number, conversation=f"{ROOM}/wishes")


async def test_a_wish_waits_for_a_sign_in_and_others_do_not_wait_for_it(world: RelayWorld) -> None:
    first, other = wished(Naming(name="Tea"), "$1"), wished(Naming(name="Tea"), "$2", sender=BEN)
    world.desk.failures.append(LOST)
    await wants(world, first, other)
    await world.settle()
    await world.pass_time(timedelta(days=1))
    assert world.desk.served == [other]

    world.store.sign_in(ADA, world.clock.now())
    await world.settle()

    assert world.desk.served == [other, first]
    assert not world.store.inbox


async def test_of_what_waits_only_the_last_of_a_kind_is_left(world: RelayWorld) -> None:
    wishes = [
        wished(Naming(name="Tea"), "$1"),
        wished(Adding(user=GHOST), "$2"),
        wished(Naming(name="Coffee"), "$3"),
        wished(Removing(user=GHOST), "$4"),
    ]
    for one in wishes:
        world.desk.failures.append(LOST)
        await wants(world, one)
        await world.settle()
    assert world.desk.served == []

    world.store.sign_in(ADA, world.clock.now())
    await world.settle()

    assert world.desk.served == wishes[2:]
    assert not world.store.inbox


async def test_nothing_waits_for_ever(world: RelayWorld) -> None:
    world.desk.failures.append(LOST)
    await wants(world, wished(Naming(name="Tea"), "$1"))
    await world.settle()
    await world.pass_time(AWAITED_FOR)
    assert len(world.desk.served) == 1, "whoever grants wishes says that it is too late"


@pytest.mark.parametrize(
    "error", [Unavailable("away"), Unauthorized("a wrong secret", everyone=True)]
)
async def test_what_is_no_ones_sign_in_is_tried_again_soon(
    world: RelayWorld, error: Exception
) -> None:
    world.desk.failures.append(error)
    await wants(world, wished(Naming(name="Tea"), "$1"))
    await world.settle()
    await world.pass_time(timedelta(minutes=1))
    assert len(world.desk.served) == 1
