"""What is kept of the latest, and one flight per key."""

from __future__ import annotations

import asyncio

import pytest

from bridge.matrix.memory import Flights, Recent


def test_what_was_used_longest_ago_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1

    recent.put("c", 3)

    assert (recent.get("a"), recent.get("b"), recent.get("c"), len(recent)) == (1, None, 3, 2)


def test_what_is_forgotten_is_gone() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)

    recent.forget("a")
    recent.forget("b")

    assert recent.get("a") is None


async def test_one_at_a_time_is_at_a_key_and_nothing_is_kept_of_it() -> None:
    flights: Flights[str] = Flights()
    inside: list[str] = []

    async def fly(key: str) -> None:
        async with flights.alone(key):
            assert key not in inside
            inside.append(key)
            await asyncio.sleep(0)  # noqa: TID251 -- lets the others try
            inside.remove(key)

    async with asyncio.TaskGroup() as tasks:
        for key in "aabab":
            tasks.create_task(fly(key))

    assert len(flights) == 0


async def test_a_flight_that_fails_lets_the_next_one_in() -> None:
    flights: Flights[str] = Flights()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with flights.alone("a"):
                _ = 1 / 0

    assert len(flights) == 0
