"""When an address is slow, when it is given up for a while, and how it gets well again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.sandbox.tenant.health import Answer, Health, State
from bridge.sandbox.tenant.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
QUICK, SLOW, MUCH_TOO_SLOW = (0.1, False), (3.0, False), (10.0, True)
IN_TEN_MINUTES = timedelta(minutes=10)


def noted(health: Health, *answers: tuple[float, bool], after: float = 0) -> None:
    for seconds, repeated in answers:
        at = START + timedelta(minutes=after)
        health.note(Answer(at=at, seconds=seconds, repeated=repeated))


def state(health: Health) -> State:
    return health.state


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([SLOW] * 99, State.NORMAL),
        ([QUICK] * 90 + [SLOW] * 10, State.NORMAL),
        ([QUICK] * 89 + [SLOW] * 11, State.SLOW),
        ([QUICK] * 85 + [(10.0, False)] * 15, State.SLOW),
        ([QUICK] * 85 + [MUCH_TOO_SLOW] * 14 + [QUICK], State.SLOW),
        ([MUCH_TOO_SLOW] * 100, State.DROP),
    ],
)
def test_an_address_is_judged_by_a_hundred_answers_of_ten_minutes(
    answers: list[tuple[float, bool]], state: State
) -> None:
    health = Health(Settings())

    noted(health, *answers)

    assert health.state is state


def test_what_is_older_than_ten_minutes_does_not_count() -> None:
    health = Health(Settings(endpoint_answers_min=10))
    noted(health, *[SLOW] * 9)
    noted(health, *[QUICK] * 9, after=10.1)
    assert state(health) is State.NORMAL
    noted(health, SLOW, SLOW, after=10.2)
    assert state(health) is State.SLOW


def test_a_slow_address_gets_everything_ten_minutes_late_until_it_answers_quickly() -> None:
    health = Health(Settings(endpoint_answers_min=2))
    noted(health, SLOW, SLOW)
    assert health.admit(at(1)) == IN_TEN_MINUTES

    noted(health, QUICK, after=9)
    early = health.state
    noted(health, SLOW, after=11)
    again = (health.state, health.until)
    noted(health, QUICK, after=21)

    assert early is State.SLOW
    assert again == (State.SLOW, at(21))
    assert health.state is State.NORMAL
    assert health.admit(at(22)) == timedelta(0)
    assert (health.tally.delayed, health.tally.slow) == (1, 3)


def test_a_much_too_slow_address_gets_nothing_and_then_a_few() -> None:
    health = Health(Settings(endpoint_answers_min=2, endpoint_probes=2))
    noted(health, MUCH_TOO_SLOW, MUCH_TOO_SLOW)
    dropped = health.admit(at(9))
    probes = [health.admit(at(11)) for _ in range(3)]
    noted(health, (3.0, False), after=11)
    undecided = health.state
    noted(health, MUCH_TOO_SLOW, after=12)
    again = (health.state, health.until, health.admit(at(13)))
    noted(health, (5.0, True), after=23)

    assert dropped is None
    assert probes == [timedelta(0), timedelta(0), None]
    assert undecided is State.DROP
    assert again == (State.DROP, at(22), None)
    assert health.state is State.NORMAL
    assert health.tally.dropped == 3


def test_from_slow_it_can_become_worse() -> None:
    health = Health(Settings(endpoint_answers_min=3))
    noted(health, SLOW, SLOW, SLOW)
    noted(health, *[MUCH_TOO_SLOW] * 3, after=2)

    assert health.state is State.DROP
