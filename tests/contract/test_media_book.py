"""What is remembered of copies, by Postgres and by the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.domain.ids import MediaUri
from bridge.ports import Copy, MediaBook, Thumbnail
from bridge.store.media import MediaBook as PostgresMediaBook
from tests.integration.stores import opened
from tests.kit.fake_media import FakeMediaBook
from tests.kit.fake_store import FakeClock

PLAIN = Copy(uri=MediaUri("mxc://example.org/tea"), mimetype="text/plain", size=3)
PICTURE = Copy(
    uri=MediaUri("mxc://example.org/picture"),
    mimetype="image/png",
    size=1 << 40,
    name="tée\u202e.png",
    width=1_600,
    height=1_200,
    duration_ms=700,
    animated=True,
    thumbnail=Thumbnail(
        uri=MediaUri("mxc://example.org/small"),
        mimetype="image/jpeg",
        size=99,
        width=800,
        height=600,
    ),
)


@pytest.fixture(params=["fake", "postgres"])
async def book(request: pytest.FixtureRequest) -> AsyncIterator[MediaBook]:
    if request.param == "fake":
        yield FakeMediaBook()
        return
    async with opened(request.getfixturevalue("database")) as store:
        yield PostgresMediaBook(store, FakeClock())


async def test_a_copy_is_known_by_each_of_its_names(book: MediaBook) -> None:
    await book.remember_copy(PICTURE, "said", "version", "said")

    assert await book.copy_of("said") == PICTURE
    assert await book.copy_of("version") == PICTURE
    assert await book.copy_of("another") is None


async def test_a_name_is_of_the_copy_that_was_made_last(book: MediaBook) -> None:
    await book.remember_copy(PLAIN, "version", "first")
    await book.remember_copy(PICTURE, "version")

    assert await book.copy_of("version") == PICTURE
    assert await book.copy_of("first") == PLAIN
