"""Polls of Matrix, for those who cannot vote in them: any content, and what MSC3381 says of counting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.convert import losses
from bridge.convert.polls import (
    ANSWERS_MAX,
    UNSTABLE,
    Poll,
    Vote,
    answered,
    count,
    poll_in,
    read_end,
    read_poll,
    selected,
)
from bridge.domain.content import normalise, plain_text
from tests.unit.matrix.test_appservice import JSON

LUNCH = Poll(question="Lunch?", answers={"p": "Pizza 🍕", "s": "Salad"}, selections_max=1)


def stable(**fields: object) -> dict[str, Any]:
    """As MSC3381 says."""
    poll = {
        "kind": "m.disclosed",
        "question": {"m.text": [{"body": "Lunch?"}]},
        "answers": [
            {"m.id": "p", "m.text": [{"mimetype": "text/html", "body": "x"}, {"body": "Pizza 🍕"}]},
            {"m.id": "s", "m.text": [{"mimetype": "text/plain", "body": "Salad"}]},
        ],
    }
    return {"m.text": [{"body": "Lunch?\n1. Pizza 🍕\n2. Salad"}], "m.poll": poll | fields}


def unstable() -> dict[str, Any]:
    """As clients send it."""
    poll = {
        "kind": f"{UNSTABLE}.disclosed",
        "max_selections": 1,
        "question": {"org.matrix.msc1767.text": "Lunch?", "body": "Lunch?", "msgtype": "m.text"},
        "answers": [
            {"id": "p", "org.matrix.msc1767.text": "Pizza 🍕"},
            {"id": "s", "org.matrix.msc1767.text": "Salad"},
        ],
    }
    return {f"{UNSTABLE}.start": poll, "org.matrix.msc1767.text": "Lunch?\n1. Pizza 🍕\n2. Salad"}


@pytest.mark.parametrize("content", [stable(), unstable()], ids=["stable", "unstable"])
def test_a_poll_says_what_it_asks_and_what_can_be_answered(content: dict[str, Any]) -> None:
    read = read_poll(content)

    assert poll_in(content) == LUNCH
    assert plain_text(read.body) == (
        "📊 Poll: Lunch?\n\n1. Pizza 🍕\n2. Salad\n\nVotes are cast in Matrix."
    )
    assert read.losses == (losses.POLL,)


def test_it_says_that_one_may_choose_several() -> None:
    assert "Up to 2 answers each." in plain_text(read_poll(stable(max_selections=99)).body)


def test_more_answers_than_a_poll_has_are_none() -> None:
    many = [{"m.id": str(n), "m.text": f"answer {n}"} for n in range(ANSWERS_MAX + 5)]
    poll = poll_in(stable(answers=many))

    assert poll is not None
    assert len(poll.answers) == ANSWERS_MAX


@pytest.mark.parametrize(
    "broken",
    [stable(question={}), stable(answers=[]), stable(answers=[{"m.id": "p"}]), stable(answers=7)],
)
def test_a_poll_that_makes_no_sense_is_its_text(broken: dict[str, Any]) -> None:
    assert poll_in(broken) is None
    assert plain_text(read_poll(broken).body) == "Lunch?\n1. Pizza 🍕\n2. Salad"


def test_a_poll_that_says_nothing_is_nothing() -> None:
    assert read_poll({}).body.blocks == ()
    assert plain_text(read_end({}).body) == "The poll has ended."


def vote(voter: str, at: int, *chosen: str) -> Vote:
    return Vote(voter=voter, at=at, chosen=chosen)


def test_of_each_voter_the_last_vote_until_the_end_counts() -> None:
    votes = [vote("a", 3, "s"), vote("a", 1, "p"), vote("b", 2, "p"), vote("c", 9, "p")]
    result = count(LUNCH, votes, until=5)

    assert (result.votes, result.voters) == ({"p": 1, "s": 1}, 2)


def test_an_unknown_answer_spoils_a_vote_and_what_is_over_is_cut() -> None:
    votes = [
        vote("a", 1, "p", "no such answer"),
        vote("b", 1, "no such answer", "p"),
        vote("c", 1, "p"),
        vote("c", 2),
    ]

    assert count(LUNCH, votes, until=5).votes == {"p": 1, "s": 0}


def test_whoever_chooses_one_answer_twice_has_one_vote() -> None:
    both = Poll(question="x", answers=LUNCH.answers, selections_max=2)

    assert count(both, [vote("a", 1, "p", "p")], until=5).votes == {"p": 1, "s": 0}


def test_the_result_names_votes_and_voters() -> None:
    result = count(LUNCH, [vote("a", 1, "s"), vote("b", 1, "s")], until=5)

    assert plain_text(answered(LUNCH, result)) == (
        "📊 Poll ended: Lunch?\n\n1. Pizza 🍕: 0 votes\n2. Salad: 2 votes\n\n2 people voted."
    )
    nobody = count(LUNCH, [], until=5)
    assert plain_text(answered(LUNCH, nobody)).endswith("Nobody voted.")
    partly = count(LUNCH, [vote("a", 1, "s")], until=5, is_whole=False)
    assert plain_text(answered(LUNCH, partly)).endswith(
        "Only the last votes were counted: 1 person voted."
    )


def test_a_response_is_read_in_both_forms() -> None:
    assert selected({"m.selections": ["a", "b", 7]}) == ("a", "b", "")
    assert selected({f"{UNSTABLE}.response": {"answers": ["a"]}}) == ("a",)


NAMES = st.sampled_from(
    f"m.poll {UNSTABLE}.start {UNSTABLE}.response question answers m.id id m.text body m.selections "
    "org.matrix.msc1767.text max_selections mimetype".split()
)
ANY = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5)
)


@given(content=st.dictionaries(NAMES, ANY), votes=st.lists(st.text(max_size=2)))
def test_any_content_is_some_poll_or_none(content: dict[str, Any], votes: list[str]) -> None:
    for read in (read_poll(content), read_end(content)):
        assert normalise(read.body) == read.body
    poll = poll_in(content)
    selected(content)
    if poll is not None:
        result = count(poll, [Vote(voter="a", at=1, chosen=tuple(votes))], until=1)
        body = answered(poll, result)
        assert normalise(body) == body
