"""What a body takes at most, as told quickly, is never less than what it takes."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bridge.convert.bounding import bound_matrix
from bridge.convert.matrix import MATRIX_BYTES_MAX, measure_matrix
from bridge.convert.teams import TEAMS_BYTES_MAX, fits_teams, measure_teams
from bridge.domain.content import Body, from_text, normalise, split
from tests.unit.convert.bodies import ANY_BODIES


@given(body=ANY_BODIES)
def test_nothing_is_larger_than_what_is_said_of_it(body: Body) -> None:
    normal = normalise(body)

    assert measure_matrix(normal) <= bound_matrix(normal)


@given(one=ANY_BODIES, other=ANY_BODIES)
def test_nor_are_several_blocks_larger_than_what_is_said_of_each(one: Body, other: Body) -> None:
    blocks = (*normalise(one).blocks, *normalise(other).blocks)
    each = sum(bound_matrix(Body(blocks=(block,))) for block in blocks)

    assert measure_matrix(Body(blocks=blocks)) <= each


def test_a_usual_message_needs_no_measuring() -> None:
    def measure(_: Body) -> int:
        raise AssertionError

    body = from_text("Good morning, is the tea ready? It is <four> o'clock.\n" * 50)

    assert split(body, size_max=MATRIX_BYTES_MAX, measure=measure, bound=bound_matrix) == (body,)


@given(
    words=st.text(alphabet='a  \n&<"\\\U0001f600', min_size=1, max_size=200),
    times=st.integers(1, 400),
)
def test_teams_takes_what_is_said_to_fit(words: str, times: int) -> None:
    body = from_text(words * times)

    assert fits_teams(body) is (measure_teams(body) <= TEAMS_BYTES_MAX)


@given(body=ANY_BODIES)
def test_teams_takes_any_body_that_is_said_to_fit(body: Body) -> None:
    normal = normalise(body)

    assert fits_teams(normal) is (measure_teams(normal) <= TEAMS_BYTES_MAX)
