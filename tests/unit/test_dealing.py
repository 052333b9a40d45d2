"""The order of the tests: nothing is lost, and what is long is begun first by each worker."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tests.kit.dealing import dealt

TESTS = st.lists(st.text("sL", min_size=1, max_size=1), max_size=40)
"""Short and long ones."""


def deal(tests: str, workers: int) -> str:
    homes = list(enumerate(tests))
    made = dealt(homes, workers=workers, is_long=lambda one: one[1] == "L", home=lambda one: one[0])
    return "".join(kind for _, kind in made)


def test_each_worker_begins_with_a_long_one() -> None:
    assert deal("ssLsssLsLsss", 3) == "LsssLsssLsss"


def test_who_is_alone_begins_with_all_of_them() -> None:
    assert deal("sLsL", 1) == "LLss"


def test_what_shares_a_home_stays_together() -> None:
    made = dealt(
        ["a1", "b1", "s", "b2", "b3", "s"],
        workers=2,
        is_long=lambda name: name != "s",
        home=lambda name: name[0],
    )
    assert made == ["a1", "s", "s", "b1", "b2", "b3"]


@given(TESTS, st.integers(1, 5))
def test_every_test_is_dealt_once_and_the_short_ones_keep_their_order(
    kinds: list[str], workers: int
) -> None:
    tests = list(enumerate(kinds))
    made = dealt(
        tests, workers=workers, is_long=lambda one: one[1] == "L", home=lambda one: one[0] // 3
    )
    assert sorted(made) == tests
    assert [one for one in made if one[1] == "s"] == [one for one in tests if one[1] == "s"]
