"""The key pairs of notifications: read from the book, and parsed once."""

from __future__ import annotations

from bridge.teams.certificates import Keyring, make_certificate
from tests.unit.teams.memory import OwnClock, Subscriptions


async def test_a_key_that_is_known_is_not_parsed_again() -> None:
    book, clock = Subscriptions(), OwnClock()
    ring = Keyring(book)
    first = await ring.newest(clock)
    parsed = ring.keys[first.id]

    assert await ring.newest(clock) == first
    await ring.load()

    assert ring.keys[first.id] is parsed


async def test_a_key_that_is_no_longer_in_the_book_is_forgotten_and_a_new_one_known() -> None:
    book, clock = Subscriptions(), OwnClock()
    ring = Keyring(book)
    first = await ring.newest(clock)
    second = make_certificate(clock.now())
    book.kept[:] = [second]

    await ring.load()

    assert first.id not in ring.keys
    assert set(ring.keys) == {second.id}
