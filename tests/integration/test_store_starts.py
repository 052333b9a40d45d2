"""Chats that somebody wants to have: written down once, found again, forgotten in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.ids import ConversationId, Place, RoomId, TeamsUserId, TenantId
from bridge.ports.starting import Start
from bridge.store.database import Database
from bridge.store.starts import StartBook, prune
from tests.integration.stores import opened
from tests.kit.fake_store import FakeClock

TENANT = TenantId("tenant")
ADA, BOB, EVE = (TeamsUserId(name) for name in ("ada", "bob", "eve"))
ROOM = RoomId("!room")
PLACE = Place(tenant=TENANT, conversation=ConversationId("19:chat@thread.v2"))
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def book(store: Database, clock: FakeClock) -> StartBook:
    return StartBook(store, clock)


def start(clock: FakeClock, key: str = "one") -> Start:
    return Start(
        key=key,
        tenant=TENANT,
        person=ADA,
        members=(ADA, BOB, EVE),
        is_group=True,
        topic="Lunch",
        room=ROOM,
        begun_at=clock.now(),
    )


async def test_a_wish_is_written_down_once_and_remembers_its_chat(
    book: StartBook, clock: FakeClock
) -> None:
    wish = start(clock)
    assert await book.begin(wish) is None
    assert await book.begin(replace(wish, topic="Tea")) == wish

    await book.made(wish.key, PLACE)

    assert await book.begin(wish) == replace(wish, place=PLACE)
    await book.forget(wish.key)
    assert await book.begin(wish) is None


async def test_a_room_waits_for_its_chat_until_it_is_given_up(
    book: StartBook, clock: FakeClock
) -> None:
    wish = start(clock)
    await book.begin(wish)
    before, after = clock.now() - MINUTE, clock.now() + MINUTE

    async def waits(*members: TeamsUserId, tenant: TenantId = TENANT) -> bool:
        return await book.is_being_made(tenant, members, since=before)

    assert await waits(EVE, BOB, ADA)
    assert not await waits(BOB, ADA)
    assert not await waits(EVE, BOB, ADA, tenant=TenantId("other"))
    assert not await book.is_being_made(TENANT, wish.members, since=after)
    await book.give_up_room(wish.key)
    assert not await waits(EVE, BOB, ADA)


async def test_a_conversation_has_one_portal(book: StartBook) -> None:
    first = await book.portal_of(PLACE)

    assert await book.portal_of(PLACE) == first
    assert (first.place, first.room) == (PLACE, None)


async def test_old_wishes_are_forgotten(book: StartBook, store: Database, clock: FakeClock) -> None:
    await book.begin(start(clock, "old"))
    clock.advance(MINUTE)
    await book.begin(start(clock, "young"))

    assert await prune(store, clock.now()) == 1
    assert await book.begin(start(clock, "young")) is not None
    assert await book.begin(start(clock, "old")) is None
