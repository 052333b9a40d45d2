"""The judge of the demo's conversation: what it calls lost, twice and out of order."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bridge.sandbox.script import SCRIPT, Step, Tally, faults, text_of

TEXTS = st.lists(st.text(max_size=5), max_size=8, unique=True)


def message(content: str | None, kind: str = "html") -> dict[str, object]:
    return {"body": {"contentType": kind, "content": content}}


def test_what_arrived_as_it_was_sent_has_no_fault() -> None:
    assert faults(["a", "b", "c"], ["a", "b", "c"]) == []
    assert faults([], []) == []


def test_what_did_not_arrive_is_lost() -> None:
    assert faults(["a", "b", "c"], ["a", "c"]) == ["lost: 'b'"]


def test_what_arrived_twice_is_told() -> None:
    assert faults(["a", "b"], ["a", "b", "a"]) == ["twice: 'a'"]


def test_what_overtook_is_out_of_order() -> None:
    assert faults(["a", "b"], ["b", "a"]) == ["out of order: ['b', 'a']"]


@given(sent=TEXTS, found=st.lists(st.text(max_size=5), max_size=8))
def test_only_the_very_same_is_without_a_fault(sent: list[str], found: list[str]) -> None:
    relevant = [text for text in found if text in set(sent)]

    assert (faults(sent, relevant) == []) == (sent == relevant)


def test_the_text_of_a_message_is_what_people_read() -> None:
    assert text_of(message("<p>1 &lt; 2 &amp; <b>3</b></p>")) == "1 < 2 & 3"
    assert text_of(message("<p>as typed</p>", "text")) == "<p>as typed</p>"
    assert text_of(message(None)) == ""


def test_every_text_of_the_script_is_said_once_so_that_it_can_be_recognised() -> None:
    texts = [step.text for step in SCRIPT]

    assert len(set(texts)) == len(texts)
    assert {step.chat for step in SCRIPT} == {0, 1, 2}
    assert {step.direction for step in SCRIPT} == {"teams_to_matrix", "matrix_to_teams"}


def test_a_room_is_opened_from_teams_before_anybody_writes_in_it() -> None:
    first: dict[int, Step] = {}
    for step in SCRIPT:
        first.setdefault(step.chat, step)

    assert {step.direction for step in first.values()} == {"teams_to_matrix"}


def test_the_figures_count_each_message_once() -> None:
    tally = Tally(sent=[(0, "a"), (0, "b")], took_ms=[10.0, 20.04], arrived=1)

    assert tally.summary() == {"sent": 2, "arrived": 1, "p50_ms": 15.0}
    assert Tally().summary() == {"sent": 0, "arrived": 0, "p50_ms": None}
