"""What waits for a sign-in, on a real Postgres: set aside, in order again, never said for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from bridge.domain.ids import Side, TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.ports import Delivery, Room
from bridge.ports.operating import State
from bridge.store import queue
from bridge.store.accounts import AccountBook
from bridge.store.journal import PostgresJournal
from bridge.store.refusals import LOCK, LOOK_EVERY, Awaiting, RefusalBook
from bridge.store.secrets import Vault
from tests.contract.test_journal import (
    PostgresWorld,
    append,
    claim_one,
    entry,
    make_portal,
    new,
    place,
    sources,
)
from tests.integration.stores import opened, world_on
from tests.integration.test_store_concurrency import blocked_by_lock

TEAMS = Side.TEAMS
SECOND = timedelta(seconds=1)
ANNA, HEIR = UserId("anna"), UserId("heir")
TENANT: TenantId = place("chat").tenant
_ROOM = Room(runs=10, fresh=10, behind=10)


class Scene:
    """Anna is signed in, and has said something."""

    def __init__(self, world: PostgresWorld) -> None:
        self.world = world
        self.journal: PostgresJournal = world.process()
        owner = self.journal._deliveries._owner
        self.awaiting = Awaiting(world.database, world.clock, owner=owner)
        self.refusals = RefusalBook(world.database, world.clock)
        vault = Vault([Fernet.generate_key().decode()])
        self.accounts = AccountBook(world.database, world.clock, vault)

    async def sign_in(self, user: UserId = ANNA) -> UserId | None:
        self.world.clock.advance(SECOND)
        teams_user = TeamsUserId("anna at Teams")
        account = Account(user=user, tenant=TENANT, teams_user=teams_user, name="Anna")
        return await self.accounts.sign_in(account, "tokens")

    async def says(self, *texts: str) -> None:
        portal = await make_portal(self.journal)
        facts = {"target": TEAMS, "speaker": "anna at Teams"}
        await append(self.journal, *[new(self.world, portal, text, **facts) for text in texts])  # type: ignore[arg-type]

    async def fails(self, *, count: int, reason: str = "revoked: sign in again") -> list[bool]:
        """Attempt so many, each refused."""
        run = await claim_one(self.journal, TEAMS)
        assert len(run.deliveries) == count
        number = await self.number()
        done = [await self.wait(one, reason=reason, sign_in=number) for one in run.deliveries]
        await self.journal.release(run)
        return done

    async def wait(self, delivery: Delivery, *, reason: str, sign_in: int | None) -> bool:
        return await self.awaiting.wait(delivery, reason=reason, sign_in=sign_in)

    async def number(self) -> int | None:
        """Return that of the sign-in by which Anna speaks now."""
        kept = await self.accounts.kept(TENANT, TeamsUserId("anna at Teams"))
        return None if kept is None else kept.number

    async def claimed(self) -> list[str]:
        runs = await self.journal.claim_runs(TEAMS, room=_ROOM, length_max=10)
        return [one.source for run in runs for one in run.deliveries]


@pytest.fixture
async def scene(database: str) -> AsyncIterator[Scene]:
    async with opened(database, connections_max=6) as store, world_on(store) as world:
        made = Scene(world)
        await made.sign_in()
        yield made


async def test_what_waits_goes_on_in_order_with_the_next_sign_in(scene: Scene) -> None:
    await scene.says("one", "two")
    assert await scene.fails(count=2) == [True, True]
    assert await scene.claimed() == []

    await scene.sign_in()
    await scene.says("three")

    assert await scene.claimed() == ["one", "two", "three"]
    assert await scene.refusals.untold(limit=9) == ()


async def test_its_person_is_told_once_and_it_is_tried_again_by_itself(scene: Scene) -> None:
    await scene.says("one", "two")
    await scene.fails(count=2)

    (refusal,) = await scene.refusals.untold(limit=9)
    assert (refusal.account.user, refusal.reason) == (ANNA, "revoked: sign in again")
    await scene.refusals.mark_told(refusal)
    await scene.says("three")
    await scene.fails(count=1)
    assert await scene.refusals.untold(limit=9) == ()
    account = await scene.accounts.account_of(ANNA)
    assert account is not None
    assert account.refusal == refusal.reason

    assert await scene.refusals.due(limit=9) == ()
    scene.world.clock.advance(LOOK_EVERY)
    (due,) = await scene.refusals.due(limit=9)
    await scene.refusals.look_later(due, at=scene.world.clock.now() + LOOK_EVERY)
    assert await scene.refusals.due(limit=9) == ()
    assert await scene.refusals.mend(due) == 3
    assert await scene.refusals.mend(due) is None
    assert await scene.claimed() == ["one", "two", "three"]


async def test_who_has_signed_in_during_the_attempt_waits_for_nothing(scene: Scene) -> None:
    await scene.says("one")
    run = await claim_one(scene.journal, TEAMS)
    number = await scene.number()
    await scene.sign_in()

    assert not await scene.wait(run.deliveries[0], reason="revoked", sign_in=number)
    await scene.journal.release(run)

    assert await scene.claimed() == ["one"]
    assert await scene.refusals.untold(limit=9) == ()


async def test_of_signing_in_and_setting_aside_at_once_nothing_is_left_lying(scene: Scene) -> None:
    for number in range(5):
        await scene.says(f"text {number}")
        run = await claim_one(scene.journal, TEAMS)
        refused = await scene.number()
        await asyncio.gather(
            scene.wait(run.deliveries[0], reason="revoked", sign_in=refused), scene.sign_in()
        )
        await scene.journal.release(run)

        again = await claim_one(scene.journal, TEAMS)
        assert sources([again]) == [[f"text {number}"]]
        await scene.journal.park(again.deliveries[0], reason="done with")
        await scene.journal.release(again)


async def test_who_sets_aside_for_nobody_waits_for_who_is_just_signing_in(scene: Scene) -> None:
    """There is no row of an account to lock yet."""
    await scene.says("one")
    await scene.accounts.sign_out(ANNA)
    run = await claim_one(scene.journal, TEAMS)
    async with asyncio.TaskGroup() as tasks, scene.world.database.transaction() as session:
        await session.execute(LOCK, TENANT, "anna at Teams")  # As a sign-in does.
        waits = tasks.create_task(scene.wait(run.deliveries[0], reason="none", sign_in=None))
        await blocked_by_lock(scene.world, 1)
        assert not waits.done()

    assert waits.result(), "they did not sign in after all"


async def test_what_waits_is_not_said_for_who_takes_the_account_next(scene: Scene) -> None:
    await scene.says("anna's")
    await scene.fails(count=1)
    assert await scene.accounts.sign_out(ANNA)

    assert await scene.sign_in(HEIR) is None

    assert await scene.claimed() == []
    await scene.accounts.sign_out(HEIR)
    await scene.sign_in(ANNA)
    assert await scene.claimed() == ["anna's"]


async def test_a_worker_that_comes_late_sets_nothing_aside(scene: Scene) -> None:
    await scene.says("one")
    run = await claim_one(scene.journal, TEAMS)
    await scene.journal.park(run.deliveries[0], reason="by another")

    await scene.wait(run.deliveries[0], reason="revoked", sign_in=await scene.number())

    assert await scene.refusals.give_up(before=scene.world.clock.now() + SECOND, limit=9) == 0


async def test_what_waits_for_too_long_is_left_to_an_operator(scene: Scene) -> None:
    await scene.says("one")
    await scene.fails(count=1)
    now = scene.world.clock.now()
    assert await scene.refusals.give_up(before=now - SECOND, limit=9) == 0
    assert await scene.refusals.give_up(before=now + SECOND, limit=9) == 1

    await scene.sign_in()

    assert await scene.claimed() == []


async def test_what_somebody_wants_waits_and_is_due_with_their_next_sign_in(scene: Scene) -> None:
    world, journal = scene.world, scene.journal
    await journal.append_entries([entry(world, name, side=Side.MATRIX) for name in ("a", "b")])
    began = await scene.number()
    first, second = await journal.claim_entries(Side.MATRIX, limit=9)
    async with journal.unit() as unit:
        for one in (first, second):
            await unit.await_sign_in(one, ANNA, reason="revoked", sign_in=began)
    assert await journal.claim_entries(Side.MATRIX, limit=9) == ()
    (refusal,) = await scene.refusals.untold(limit=9)
    assert refusal.account.user == ANNA
    queued = await queue.find(
        world.database, side=None, states_=[State.AWAITING], limit=9, now=world.clock.now()
    )
    assert [one.state for one in queued] == [State.AWAITING] * 2

    await scene.sign_in()

    again = await journal.claim_entries(Side.MATRIX, limit=9)
    assert [one.raw for one in again] == [b"a", b"b"]
    async with journal.unit() as unit:
        await unit.settle([again[0]])
        await unit.await_sign_in(again[1], ANNA, reason="revoked", sign_in=began)
    (last,) = await journal.claim_entries(Side.MATRIX, limit=9)
    assert last.raw == b"b", "they have signed in since the attempt began"
    async with journal.unit() as unit:
        await unit.await_sign_in(last, ANNA, reason="revoked", sign_in=await scene.number())
    (refusal,) = await scene.refusals.untold(limit=9)
    assert await scene.refusals.mend(refusal) == 1
    assert len(await journal.claim_entries(Side.MATRIX, limit=9)) == 1
