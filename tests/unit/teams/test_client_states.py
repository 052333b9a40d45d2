"""Client states of people's subscriptions."""

from __future__ import annotations

import pytest

from bridge.domain.ids import TeamsUserId
from bridge.teams.client_states import ClientStates

MARIA = TeamsUserId("5f3c1d1e-0000-4000-8000-0000000000aa")
TOM = TeamsUserId("5f3c1d1e-0000-4000-8000-0000000000bb")
STATES = ClientStates("a secret")


def test_a_state_names_its_person_and_every_process_knows_it() -> None:
    state = STATES.of(MARIA)
    assert len(state) <= 128
    assert ClientStates("a secret").person_of(state) == MARIA


@pytest.mark.parametrize(
    "state",
    [
        None,
        7,
        "",
        ".",
        "an older state",
        MARIA,
        f"{MARIA}.",
        f"{MARIA}.é\ud800",
        f"{MARIA}.{STATES.of(TOM).partition('.')[2]}",
        ClientStates("another secret").of(MARIA),
        STATES.of(MARIA) + "x",
    ],
)
def test_what_was_not_made_with_the_secret_is_nobodys(state: object) -> None:
    assert STATES.person_of(state) is None


def test_without_a_secret_there_are_none() -> None:
    assert ClientStates().person_of(ClientStates().of(MARIA)) is None
