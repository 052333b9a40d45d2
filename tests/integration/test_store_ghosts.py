"""Ghosts whose people are to be looked at: leased to one process, rung for by news, put back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.ids import TeamsUserId, TenantId
from bridge.domain.likeness import Likeness, Standing
from bridge.ports import Ghost, PersonNews
from bridge.store import news
from bridge.store.database import Database
from bridge.store.gauges import Gauges
from bridge.store.ghosts import GhostBook
from bridge.telemetry import LOOKS_DUE
from tests.integration.stores import opened
from tests.kit.fake_store import FakeClock

TENANT = TenantId("tenant")
MINUTE = timedelta(minutes=1)
LOOKED = Likeness(name="Anna Maier", standing=Standing.ACTIVE)


def ghost(person: str, **more: object) -> Ghost:
    values: dict[str, object] = {"name": "A (Teams)", "has_device": True}
    return Ghost(tenant=TENANT, person=person, **(values | more))  # type: ignore[arg-type]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def book(store: Database, clock: FakeClock) -> GhostBook:
    made = GhostBook(store, clock)
    for number in range(4):
        assert await made.remember_ghost(ghost(f"{number}"))
    return made


async def claimed(book: GhostBook, clock: FakeClock, limit: int = 10) -> list[str]:
    due = await book.claim(limit=limit, until=clock.now() + MINUTE)
    return [one.ghost.person for one in due]


async def test_nobody_is_due_who_was_not_rung_for(book: GhostBook, clock: FakeClock) -> None:
    assert await claimed(book, clock) == []


async def test_who_was_rung_for_is_claimed_once(book: GhostBook, clock: FakeClock) -> None:
    await book.ring([(TENANT, "1"), (TENANT, "2"), (TENANT, "stranger")])

    assert sorted(await claimed(book, clock)) == ["1", "2"]
    assert await claimed(book, clock) == []


async def test_what_a_process_did_not_come_back_to_is_due_again(
    book: GhostBook, clock: FakeClock
) -> None:
    await book.ring([(TENANT, "1")])
    await claimed(book, clock)

    clock.advance(MINUTE)

    assert await claimed(book, clock) == ["1"]


async def test_who_waited_longest_comes_first(book: GhostBook, clock: FakeClock) -> None:
    for person in ("2", "0", "1"):
        await book.ring([(TENANT, person)])
        clock.advance(MINUTE)
    await book.ring([(TENANT, "2")])

    assert [(await claimed(book, clock, limit=1))[0] for _ in range(3)] == ["2", "0", "1"]


async def test_how_many_are_due_is_shown(
    book: GhostBook, store: Database, clock: FakeClock
) -> None:
    await book.ring([(TENANT, "1"), (TENANT, "2")])
    await Gauges(store, clock).refresh()
    assert LOOKS_DUE.labels("person")._value.get() == 2

    await claimed(book, clock)
    await Gauges(store, clock).refresh()
    assert LOOKS_DUE.labels("person")._value.get() == 0


async def test_two_processes_share_the_ghosts(book: GhostBook, clock: FakeClock) -> None:
    await book.ring([(TENANT, str(number)) for number in range(4)])

    found = await asyncio.gather(*[claimed(book, clock, limit=2) for _ in range(4)])

    assert sorted(person for some in found for person in some) == ["0", "1", "2", "3"]


async def test_what_was_seen_is_remembered_and_nobody_is_due(
    book: GhostBook, store: Database, clock: FakeClock
) -> None:
    await book.ring([(TENANT, "1")])
    (due,) = await book.claim(limit=1, until=clock.now() + MINUTE)
    looked = replace(due.ghost, name="Anna Maier (Teams)", likeness=LOOKED, looked_at=clock.now())

    await book.settle(due, looked)

    clock.advance(2 * MINUTE)
    assert await claimed(book, clock) == []
    for reader in (book, GhostBook(store, clock)):
        assert await reader.ghost(TENANT, "1") == looked


async def test_news_that_came_during_the_look_are_looked_at_once_more(
    book: GhostBook, store: Database, clock: FakeClock
) -> None:
    await book.ring([(TENANT, "1")])
    (due,) = await book.claim(limit=1, until=clock.now() + MINUTE)

    async with store.transaction() as session:
        told = PersonNews(tenant=TENANT, person=TeamsUserId("1"))
        await news.note(session, [told], clock.now())
    await book.settle(due, replace(due.ghost, looked_at=clock.now()))

    assert await claimed(book, clock) == ["1"]


async def test_who_could_not_be_looked_at_is_due_later(book: GhostBook, clock: FakeClock) -> None:
    await book.ring([(TENANT, "1"), (TENANT, "2")])
    due = await book.claim(limit=2, until=clock.now() + MINUTE)

    await book.put_back(
        [one for one in due if one.ghost.person == "1"], at=clock.now() + 3 * MINUTE
    )

    clock.advance(2 * MINUTE)
    assert await claimed(book, clock) == ["2"]
    clock.advance(2 * MINUTE)
    assert sorted(await claimed(book, clock)) == ["1", "2"]


async def test_whoever_writes_without_having_heard_of_a_look_is_told_so(
    book: GhostBook, store: Database, clock: FakeClock
) -> None:
    other = GhostBook(store, clock)
    before = await other.ghost(TENANT, "1")
    assert before is not None
    await book.ring([(TENANT, "1")])
    (due,) = await book.claim(limit=1, until=clock.now() + MINUTE)
    looked = replace(due.ghost, likeness=LOOKED, looked_at=clock.now())
    await book.settle(due, looked)

    assert not await other.remember_ghost(replace(before, name="An old name"))

    assert await other.ghost(TENANT, "1") == looked
    assert await other.remember_ghost(replace(looked, has_device=False))
