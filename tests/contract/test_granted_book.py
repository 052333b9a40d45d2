"""What was done from Matrix, and which message of Teams tells of it: in memory and in Postgres alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.granted import TOLD_WITHIN, Did, Granted
from bridge.domain.ids import ConversationId, MessageRef, Place, TeamsUserId, TenantId
from bridge.ports.granted import GrantedBook
from bridge.store import granted as stored
from tests.integration.stores import opened
from tests.kit.fake_granted import FakeGrantedBook

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PLACE = Place(tenant=TenantId("tenant"), conversation=ConversationId("19:chat@thread.v2"))
NAMED = Granted(place=PLACE, by=TeamsUserId("ada"), did=Did.NAMED, value="Tea")
ADDED = Granted(place=PLACE, by=TeamsUserId("ada"), did=Did.ADDED, value="bob")
ONE, TWO = MessageRef("1"), MessageRef("2")


@pytest.fixture(params=["memory", "Postgres"])
async def book(request: pytest.FixtureRequest) -> AsyncIterator[GrantedBook]:
    if request.param == "memory":
        yield FakeGrantedBook()
        return
    async with opened(request.getfixturevalue("database")) as database:
        yield stored.GrantedBook(database)


async def test_one_message_tells_of_one_deed_however_often_it_is_read(book: GrantedBook) -> None:
    await book.note(NAMED, NOW - SECOND)
    await book.note(NAMED, NOW)

    assert await book.is_told(NAMED, ONE, NOW + SECOND)
    assert await book.is_told(NAMED, ONE, NOW + SECOND)
    assert not await book.is_told(NAMED, TWO, NOW + SECOND), "that was done in Teams"


@pytest.mark.parametrize(
    "other",
    [
        replace(NAMED, by=TeamsUserId("bob")),
        replace(NAMED, value="tea"),
        replace(NAMED, did=Did.DESCRIBED),
        replace(NAMED, place=replace(PLACE, conversation=ConversationId("19:x@thread.v2"))),
    ],
)
async def test_what_another_did_or_elsewhere_or_otherwise_is_no_word_of_it(
    book: GrantedBook, other: Granted
) -> None:
    await book.note(NAMED, NOW)
    assert not await book.is_told(other, ONE, NOW)


async def test_ids_of_people_are_the_same_in_either_case(book: GrantedBook) -> None:
    await book.note(ADDED, NOW)
    assert await book.is_told(replace(ADDED, by=TeamsUserId("ADA"), value="BOB"), ONE, NOW)


@pytest.mark.parametrize("at", [NOW - timedelta(minutes=1), NOW + TOLD_WITHIN + SECOND])
async def test_what_was_said_before_or_long_after_is_no_word_of_it(
    book: GrantedBook, at: datetime
) -> None:
    await book.note(NAMED, NOW)
    assert not await book.is_told(NAMED, ONE, at)


async def test_what_was_not_done_is_forgotten(book: GrantedBook) -> None:
    await book.note(NAMED, NOW)
    await book.withdraw(NAMED)
    assert not await book.is_told(NAMED, ONE, NOW)


async def test_what_is_old_is_pruned(database: str) -> None:
    async with opened(database) as store:
        book = stored.GrantedBook(store)
        await book.note(NAMED, NOW)
        await book.note(ADDED, NOW + SECOND)
        assert await stored.prune(store, NOW + SECOND) == 1
        assert await book.is_told(ADDED, ONE, NOW)
