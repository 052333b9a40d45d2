"""One suite for both: what waits for a sign-in in Postgres waits so in the simulation's store, too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from typing_extensions import override

from bridge.domain.content import from_text
from bridge.domain.events import (
    Event,
    MessageEdited,
    MessageSent,
    Person,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, Side, TeamsUserId, TenantId, UserId, Version
from bridge.domain.portal import Account
from bridge.ports import Awaiting, Delivery, Journal, NewDelivery, Room, Run, Turn
from bridge.store import refusals
from bridge.store.accounts import AccountBook
from bridge.store.secrets import Vault
from tests.contract.test_journal import FakeWorld, World, make_portal, place
from tests.integration.stores import opened, world_on
from tests.kit.fake_journal import FakeJournal
from tests.kit.fake_sign_ins import FakeAwaiting, mend, sign_in

TEAMS = Side.TEAMS
SECOND = timedelta(seconds=1)
TENANT: TenantId = place("chat").tenant
RELAY = UserId("relay")
Reaction: TypeAlias = ReactionAdded | ReactionRemoved
_ROOM = Room(runs=10, fresh=10, behind=10)


class Stage(ABC):
    """Anna, Bo and the service account are signed in; `m1`, `m2` … are said in Matrix."""

    journal: Journal
    awaiting: Awaiting

    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    async def sign_in(self, user: str, *, teams_user: str = "") -> None: ...

    @abstractmethod
    async def sign_in_of(self, teams_user: str) -> int | None:
        """Return the number of the sign-in by which they speak now."""

    @abstractmethod
    async def mend(self, teams_user: str) -> None:
        """Let what was refused be good again."""

    async def begin(self) -> None:
        self.portal = await make_portal(self.journal)
        for user in ("anna", "bo", RELAY):
            await self.sign_in(user)

    async def append(self, source: str, event: Event, speaker: str) -> None:
        new = NewDelivery(
            portal=self.portal.id,
            target=TEAMS,
            source=MessageRef(source),
            speaker=speaker,
            event=event,
        )
        async with self.journal.unit() as unit:
            await unit.append([new])

    async def says(self, user: str, source: str, *, speaker: str = "") -> None:
        event = MessageSent(
            author=Person(id=user),
            version=Version(""),
            sent_at=self.world.clock.now(),
            body=from_text(source),
        )
        await self.append(source, event, speaker or f"{user} at Teams")

    async def edits(self, user: str, source: str) -> None:
        event = MessageEdited(
            target=MessageRef(source),
            author=Person(id=user),
            version=Version("2"),
            sent_at=self.world.clock.now(),
            body=from_text("other words"),
        )
        await self.append(source, event, f"{user} at Teams")

    async def reacts(
        self, user: str, source: str, *, to: str, kind: type[Reaction] = ReactionAdded
    ) -> None:
        event = kind(
            target=MessageRef(to),
            author=Person(id=user),
            key="👍",
            version=Version("3" if kind is ReactionAdded else "4"),
            sent_at=self.world.clock.now(),
        )
        await self.append(source, event, f"{user} at Teams")

    async def takes_back(self, user: str, source: str, *, to: str) -> None:
        await self.reacts(user, source, to=to, kind=ReactionRemoved)

    async def claimed(self) -> Run | None:
        """Take in hand what is due, and everything with it."""
        runs = await self.journal.claim_runs(TEAMS, room=_ROOM, length_max=10)
        return runs[0] if runs else None

    async def due(self) -> list[str]:
        """Name what would be said now."""
        run = await self.claimed()
        if run is None:
            return []
        await self.journal.release(run)
        return [one.source for one in run.deliveries]

    async def wait(self, delivery: Delivery) -> bool:
        sign_in = await self.sign_in_of(delivery.speaker)
        return await self.waits(delivery, refused=sign_in)

    async def waits(self, delivery: Delivery, *, refused: int | None) -> bool:
        return await self.awaiting.wait(delivery, reason="revoked: sign in again", sign_in=refused)

    async def wait_after_own(self, delivery: Delivery) -> bool:
        return await self.awaiting.wait_after_own(delivery, reason="what they did before waits")

    async def wait_behind(self, delivery: Delivery) -> bool:
        return await self.awaiting.wait_behind(delivery, reason="what it refers to is not there")

    async def refuses_the_first(self) -> list[bool]:
        """Attempt all that is due: the first for want of a sign-in, the others refer to it."""
        run = await self.claimed()
        assert run is not None
        first, *others = run.deliveries
        done = [await self.wait(first), *[await self.wait_behind(one) for one in others]]
        await self.journal.release(run)
        return done


class FakeStage(Stage):
    def __init__(self, world: FakeWorld) -> None:
        super().__init__(world)
        self.fake = FakeJournal(world.store, world.clock)
        self.journal = self.fake
        self.awaiting = FakeAwaiting(self.fake)

    @override
    async def sign_in(self, user: str, *, teams_user: str = "") -> None:
        self.world.clock.advance(SECOND)
        who = teams_user or f"{user} at Teams"
        await sign_in(self.fake, user, who, relay_account=RELAY)

    @override
    async def sign_in_of(self, teams_user: str) -> int | None:
        account = self.fake.store.accounts.get(teams_user)
        return None if account is None else account.number

    @override
    async def mend(self, teams_user: str) -> None:
        assert await mend(self.fake, teams_user, relay_account=RELAY)


class PostgresStage(Stage):
    accounts: AccountBook
    refusals: refusals.RefusalBook

    @override
    async def sign_in(self, user: str, *, teams_user: str = "") -> None:
        self.world.clock.advance(SECOND)
        who = TeamsUserId(teams_user or f"{user} at Teams")
        for holder in await self.accounts.accounts_among(TENANT, [who]):
            if holder.user != user:
                await self.accounts.sign_out(holder.user)
        account = Account(user=UserId(user), tenant=TENANT, teams_user=who, name=user)
        assert await self.accounts.sign_in(account, "tokens") is None

    @override
    async def sign_in_of(self, teams_user: str) -> int | None:
        kept = await self.accounts.kept(TENANT, TeamsUserId(teams_user))
        return None if kept is None else kept.number

    @override
    async def mend(self, teams_user: str) -> None:
        (refused,) = [
            one
            for one in await self.refusals.untold(limit=9)
            if one.account.teams_user == teams_user
        ]
        assert await self.refusals.mend(refused) is not None


@pytest.fixture(params=["fake", "postgres"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    if request.param == "fake":
        fake = FakeStage(FakeWorld())
        await fake.begin()
        yield fake
        return
    dsn = request.getfixturevalue("database")
    async with opened(dsn, connections_max=6) as database, world_on(database) as world:
        stage = PostgresStage(world)
        journal = world.process()
        owner: UUID = journal._deliveries._owner
        stage.journal = journal
        stage.awaiting = refusals.Awaiting(database, world.clock, owner=owner)
        stage.accounts = AccountBook(database, world.clock, Vault([Fernet.generate_key().decode()]))
        stage.refusals = refusals.RefusalBook(database, world.clock)
        stage.accounts.relay_account = stage.refusals.relay_account = RELAY
        await stage.begin()
        yield stage


async def test_what_waits_goes_on_in_its_place_with_the_next_sign_in(stage: Stage) -> None:
    await stage.says("anna", "m1")
    assert await stage.refuses_the_first() == [True]
    await stage.says("bo", "m2")
    assert await stage.due() == ["m2"]

    await stage.sign_in("bo")
    assert await stage.due() == ["m2"]
    await stage.sign_in("anna")
    assert await stage.due() == ["m1", "m2"]


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=10), timedelta(seconds=-10)])
async def test_who_has_signed_in_since_the_attempt_waits_for_nothing(
    stage: Stage, ahead: timedelta
) -> None:
    """Whatever time it is at the process where they did: of two, each has a clock of its own."""
    await stage.says("anna", "m1")
    run = await stage.claimed()
    assert run is not None
    (first,) = run.deliveries
    refused = await stage.sign_in_of(first.speaker)
    stage.world.clock.advance(ahead)
    await stage.sign_in("anna")
    stage.world.clock.advance(-ahead)

    assert not await stage.waits(first, refused=refused)

    await stage.journal.release(run)
    assert await stage.due() == ["m1"]


async def test_whose_sign_in_is_good_again_since_the_attempt_waits_for_nothing(
    stage: Stage,
) -> None:
    await stage.says("anna", "m1")
    await stage.says("anna", "m2")
    run = await stage.claimed()
    assert run is not None
    first, second = run.deliveries
    refused = await stage.sign_in_of(first.speaker)
    assert await stage.waits(first, refused=refused)
    await stage.mend(first.speaker)

    assert not await stage.waits(second, refused=refused)

    await stage.journal.release(run)
    assert await stage.due() == ["m1", "m2"]


async def test_who_had_no_sign_in_waits_for_one_unless_it_is_there(stage: Stage) -> None:
    await stage.says("clara", "m1")
    run = await stage.claimed()
    assert run is not None
    (first,) = run.deliveries
    assert await stage.waits(first, refused=None)
    await stage.journal.release(run)
    assert await stage.due() == []

    await stage.sign_in("clara")
    run = await stage.claimed()
    assert run is not None
    assert not await stage.waits(run.deliveries[0], refused=None), "they came in the same moment"


async def test_what_refers_to_what_waits_waits_behind_it_whoever_did_it(stage: Stage) -> None:
    await stage.says("anna", "m1")
    await stage.edits("anna", "m1")
    await stage.reacts("bo", "r1", to="m1")
    assert await stage.refuses_the_first() == [True, True, True]
    assert await stage.due() == []

    await stage.sign_in("anna")
    assert await stage.due() == ["m1", "m1", "r1"]


async def test_nobody_overtakes_themselves_whatever_waits(stage: Stage) -> None:
    """As where another process still has a token for them."""
    await stage.says("anna", "m1")
    await stage.says("anna", "m2")
    await stage.says("bo", "m3", speaker="anna at Teams")
    run = await stage.claimed()
    assert run is not None
    first, second, third = run.deliveries
    assert await stage.journal.turn(second) is Turn.OURS
    assert not await stage.wait_after_own(second), "nothing of theirs waits"

    assert await stage.wait(first)
    turns = [await stage.journal.turn(one) for one in (second, third)]
    assert turns == [Turn.HELD_BACK, Turn.OURS], "only what they wrote themselves is theirs"
    assert await stage.wait_after_own(second)
    assert await stage.journal.turn(second) is Turn.NOT_OURS
    await stage.journal.release(run)
    assert await stage.due() == ["m3"]

    await stage.sign_in("anna")
    assert await stage.due() == ["m1", "m2", "m3"]
    again = await stage.claimed()
    assert again is not None
    assert await stage.journal.turn(again.deliveries[1]) is Turn.OURS


async def test_what_waits_behind_a_message_of_somebody_else_is_in_nobodys_way(
    stage: Stage,
) -> None:
    await stage.says("anna", "m1")
    await stage.reacts("bo", "r1", to="m1")
    await stage.says("bo", "m2")
    run = await stage.claimed()
    assert run is not None
    message, reaction, other = run.deliveries
    assert await stage.wait(message)
    assert await stage.wait_behind(reaction)

    assert await stage.journal.turn(other) is Turn.OURS
    assert not await stage.wait_after_own(other)


async def test_a_reaction_is_taken_back_after_it_was_given(stage: Stage) -> None:
    await stage.reacts("bo", "r1", to="m1")
    await stage.takes_back("bo", "redaction", to="m1")
    run = await stage.claimed()
    assert run is not None
    given, back = run.deliveries
    assert await stage.wait(given)
    assert await stage.journal.turn(back) is Turn.HELD_BACK
    assert await stage.wait_after_own(back)
    await stage.journal.release(run)

    await stage.sign_in("bo")
    assert await stage.due() == ["r1", "redaction"]


async def test_who_comes_late_sets_nothing_aside(stage: Stage) -> None:
    await stage.says("anna", "m1")
    await stage.says("anna", "m2")
    run = await stage.claimed()
    assert run is not None
    first, second = run.deliveries
    assert await stage.wait(first)
    await stage.journal.park(second, reason="by another")

    await stage.wait_after_own(second)
    await stage.sign_in("anna")

    await stage.journal.release(run)
    assert await stage.due() == ["m1"]


async def test_what_refers_to_something_else_does_not_wait(stage: Stage) -> None:
    await stage.says("anna", "m1")
    await stage.reacts("bo", "r1", to="m0")

    assert await stage.refuses_the_first() == [True, False]

    assert await stage.due() == ["r1"]


async def test_nothing_is_said_for_who_has_somebody_elses_account_next(stage: Stage) -> None:
    await stage.says("anna", "m1")
    await stage.reacts("bo", "r1", to="m1")
    assert await stage.refuses_the_first() == [True, True]
    await stage.sign_in("heir", teams_user="bo at Teams")

    await stage.sign_in("anna")
    assert await stage.due() == ["m1"]


async def test_what_others_wrote_goes_on_with_the_account_that_speaks_for_them(
    stage: Stage,
) -> None:
    await stage.says("guest", "m1", speaker="relay at Teams")
    await stage.reacts("bo", "r1", to="m1")
    assert await stage.refuses_the_first() == [True, True]

    await stage.sign_in(RELAY)

    assert await stage.due() == ["m1", "r1"]
