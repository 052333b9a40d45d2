"""People are told once that they must sign in, and what works again goes on by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pytest
from typing_extensions import override

from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.errors import Rejected, RemoteError, Unauthorized, Unavailable
from bridge.matrix.signing_in import words_of_mending, words_of_refusal
from bridge.ports import Refusal, RefusalBook
from bridge.relay.reminding import LOOK_EVERY, WAIT_MAX, Means, Reminder
from bridge.teams.refusals import refusal as refusal_of
from tests.kit.fake_store import FakeClock

MARIA = Account(
    user=UserId("@maria:example.org"),
    tenant=TenantId("tenant"),
    teams_user=TeamsUserId("maria"),
    name="Maria Rossi",
)


@dataclass
class Book(RefusalBook):
    """Accounts that are refused, as a test says."""

    news: list[Refusal] = field(default_factory=list)
    waiting: list[Refusal] = field(default_factory=list)
    later: list[datetime] = field(default_factory=list)
    given_up: list[datetime] = field(default_factory=list)

    @override
    async def untold(self, *, limit: int) -> tuple[Refusal, ...]:
        return tuple(self.news[:limit])

    @override
    async def mark_told(self, refusal: Refusal) -> None:
        self.news.remove(refusal)

    @override
    async def due(self, *, limit: int) -> tuple[Refusal, ...]:
        return tuple(self.waiting[:limit])

    @override
    async def look_later(self, refusal: Refusal, *, at: datetime) -> None:
        self.later.append(at)

    @override
    async def mend(self, refusal: Refusal) -> int | None:
        self.waiting.remove(refusal)
        return 2

    @override
    async def give_up(self, *, before: datetime, limit: int) -> int:
        self.given_up.append(before)
        return 0


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    book: Book = field(default_factory=Book)
    told: list[str] = field(default_factory=list)
    trouble: RemoteError | None = None
    refusal: RemoteError | None = None

    def reminder(self) -> Reminder:
        means = Means(try_again=self.try_again, refused=self.refused, mended=self.mended)
        made = Reminder(self.book, self.clock, means=means)
        made.stop()  # It does not rest then.
        return made

    async def try_again(self, _person: TeamsUserId) -> None:
        if self.refusal:
            raise self.refusal

    async def refused(self, refusal: Refusal) -> None:
        if self.trouble:
            raise self.trouble
        self.told.append(words_of_refusal(refusal))

    async def mended(self, refusal: Refusal, count: int) -> None:
        self.told.append(words_of_mending(refusal, count))


def refused(world: World, code: int = 50173) -> Refusal:
    error = refusal_of({"error": "invalid_grant", "error_codes": [code]}, everyone=False)
    return Refusal(account=MARIA, reason=str(error), refused_at=world.clock.now())


async def test_a_person_is_told_once_what_to_do() -> None:
    world = World()
    world.book.news = [refused(world)]
    await world.reminder().step()
    await world.reminder().step()

    (text,) = world.told
    assert text.startswith(
        "I can no longer speak for you in Teams as Maria Rossi: the password was"
    )
    assert text.endswith("once you have signed in again: write `login`.")


async def test_where_an_administrator_must_act_the_person_is_told_whom_to_ask() -> None:
    world = World()
    world.book.news = [refused(world, 65001)]
    await world.reminder().step()

    assert "Tell the administrator of your organisation" in world.told[0]
    assert "AADSTS65001" in world.told[0]


@pytest.mark.parametrize(("trouble", "left"), [(Unavailable("away"), 1), (Rejected("gone"), 0)])
async def test_who_cannot_be_told_now_is_told_later_and_who_never_can_is_let_be(
    trouble: RemoteError, left: int
) -> None:
    world = World(trouble=trouble)
    world.book.news = [refused(world)]

    await world.reminder().step()

    assert len(world.book.news) == left


async def test_what_works_again_goes_on_and_is_said() -> None:
    world = World()
    world.book.waiting = [refused(world)]

    await world.reminder().step()

    assert world.book.waiting == []
    assert world.told == [
        "I can speak for you in Teams as Maria Rossi again. What waited is on its way."
    ]


async def test_who_is_refused_again_is_looked_at_in_an_hour() -> None:
    world = World(refusal=Unauthorized("still"))
    world.book.waiting = [refused(world)]

    await world.reminder().step()

    assert world.book.later == [world.clock.now() + LOOK_EVERY]
    assert world.told == []


@pytest.mark.parametrize("refusal", [Unavailable("away"), Unauthorized("no app", everyone=True)])
async def test_while_microsoft_answers_nobody_nothing_is_decided(refusal: RemoteError) -> None:
    world = World(refusal=refusal)
    world.book.waiting = [refused(world)]

    await world.reminder().step()

    assert (len(world.book.waiting), world.book.later) == (1, [])


async def test_nothing_waits_for_more_than_a_week() -> None:
    world = World()
    await world.reminder().step()
    assert world.book.given_up == [world.clock.now() - WAIT_MAX]
