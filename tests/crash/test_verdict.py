"""The checker itself: it sees what is wrong in observations that were doctored, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.crash import report
from tests.crash.plan import Part, Wish, plan
from tests.crash.run import Outcome
from tests.crash.verdict import (
    Crossing,
    Direction,
    Findings,
    Seen,
    Sent,
    judge,
    missing,
    total,
)

STEP_MS = 400
TEXTS = ("one", "two", "three", "four", "five")
REORDERED = timedelta(seconds=1)


def original(number: int, author: str = "tom") -> Seen:
    return Seen(
        text=TEXTS[number], author=author, id=f"t{number}", at_ms=1_000_000 + number * STEP_MS
    )


def copy(number: int, **changes: object) -> Seen:
    made = replace(original(number, author="ghost of tom"), id=f"$m{number}")
    return replace(made, **changes)  # type: ignore[arg-type]


def crossing(
    target: Sequence[Seen], *, direction: Direction = Direction.TEAMS_TO_MATRIX, **changes: object
) -> Crossing:
    made = Crossing(
        chat="Budget",
        direction=direction,
        sent=[Sent(text=text, author="tom", id=f"t{n}") for n, text in enumerate(TEXTS)],
        origin=[original(n) for n in range(len(TEXTS))],
        target=target,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def copies(*numbers: int) -> list[Seen]:
    return [copy(number) for number in numbers]


def figures(findings: Findings) -> tuple[int, ...]:
    kinds = (findings.lost, findings.twice, findings.out_of_order, findings.late, findings.source)
    return findings.sent, findings.arrived, *map(len, kinds)


@pytest.mark.parametrize("direction", Direction)
def test_what_arrived_once_and_in_order_is_well(direction: Direction) -> None:
    found = judge(crossing(copies(0, 1, 2, 3, 4), direction=direction))

    assert figures(found) == (5, 5, 0, 0, 0, 0, 0)
    assert found.all_well


def test_what_else_is_on_the_other_side_does_not_matter() -> None:
    stranger = Seen(text="the first message", author="tom", id="$x", at_ms=0)
    between = [*copies(0, 1), stranger, *copies(2, 3, 4)]

    assert figures(judge(crossing(between))) == (5, 5, 0, 0, 0, 0, 0)


def test_a_lost_message_is_found_and_named() -> None:
    found = judge(crossing(copies(0, 1, 3, 4)))

    assert figures(found) == (5, 4, 1, 0, 0, 0, 0)
    assert not found.all_well
    assert found.lost[0].text == "three"
    assert "t2 at 1000800 ms" in found.lost[0].facts
    assert missing(crossing(copies(0, 1, 3, 4))) == 1


def test_a_doubled_message_is_found_and_named() -> None:
    found = judge(crossing([*copies(0, 1, 2, 3), copy(1, id="$again"), *copies(4)]))

    assert figures(found) == (5, 5, 0, 1, 0, 0, 0)
    assert not found.all_well
    assert found.twice[0].text == "two"
    assert "$m1 at" in found.twice[0].facts
    assert "$again at" in found.twice[0].facts


def test_every_copy_that_is_too_many_counts() -> None:
    assert figures(judge(crossing(copies(0, 0, 0, 1, 2, 3, 4)))) == (5, 5, 0, 2, 0, 0, 0)


def test_a_message_that_came_back_to_its_own_side_is_there_twice() -> None:
    echo = replace(original(1), author="maria", id="echo")
    origin = [*(original(n) for n in range(5)), echo]

    found = judge(crossing(copies(0, 1, 2, 3, 4), origin=origin))

    assert figures(found) == (5, 5, 0, 1, 0, 0, 0)
    assert "echo at" in found.twice[0].facts


@pytest.mark.parametrize("direction", Direction)
def test_two_swapped_messages_are_out_of_order(direction: Direction) -> None:
    found = judge(crossing(copies(0, 2, 1, 3, 4), direction=direction))

    assert figures(found) == (5, 5, 0, 0, 1, 0, 0)
    assert not found.all_well
    assert found.out_of_order[0].text == "two"
    assert "behind 'three', said as t2" in found.out_of_order[0].facts


def test_a_doubled_message_is_placed_by_its_first_copy() -> None:
    assert figures(judge(crossing(copies(0, 1, 2, 0, 3, 4)))) == (5, 5, 0, 1, 0, 0, 0)


def test_each_message_that_a_later_one_has_overtaken_counts() -> None:
    assert figures(judge(crossing(copies(4, 0, 1, 2, 3)))) == (5, 5, 0, 0, 4, 0, 0)


def test_a_swap_is_late_where_the_tenant_may_have_told_of_the_later_one_first() -> None:
    found = judge(crossing(copies(0, 2, 1, 3, 4), reordered_within=REORDERED))

    assert figures(found) == (5, 5, 0, 0, 0, 1, 0)
    assert found.all_well


def test_a_swap_over_more_than_the_reordering_is_out_of_order() -> None:
    # "five" was said 1.2 s after "two": no notification is that late.
    found = judge(crossing(copies(0, 2, 4, 1, 3), reordered_within=REORDERED))

    assert [offence.text for offence in found.out_of_order] == ["two"]
    assert [offence.text for offence in found.late] == ["four"]


def test_a_late_message_that_lost_its_time_is_out_of_order() -> None:
    target = [*copies(0, 2), copy(1, at_ms=2_000_000), *copies(3, 4)]

    assert figures(judge(crossing(target, reordered_within=REORDERED))) == (5, 5, 0, 0, 1, 0, 0)


def test_what_was_never_acknowledged_may_be_missing_but_not_doubled() -> None:
    sent = [Sent(text=text, author="tom", id=None) for text in TEXTS]

    gone = judge(crossing([], sent=sent, origin=[]))
    doubled = judge(crossing(copies(0, 0), sent=sent))

    assert figures(gone) == (0, 0, 0, 0, 0, 0, 0)
    assert figures(doubled) == (0, 0, 0, 1, 0, 0, 0)


def test_what_its_own_side_forgot_is_no_proof_of_anything() -> None:
    origin = [original(n) for n in (0, 1, 2, 3)]

    found = judge(crossing(copies(0, 1, 2, 3, 4), origin=origin))

    assert figures(found) == (5, 5, 0, 0, 0, 0, 1)
    assert not found.all_well


def test_what_its_own_side_doubled_may_arrive_as_often() -> None:
    origin = [*(original(n) for n in range(5)), replace(original(4), id="t4 again")]

    found = judge(crossing(copies(0, 1, 2, 3, 4, 4), origin=origin))

    assert figures(found) == (5, 5, 0, 0, 0, 0, 1)


def outcome(found: Findings, *ended: str) -> Outcome:
    (phase,) = plan(Wish(kills=7, length=timedelta(seconds=70), seed=3, reorder=False))
    return Outcome(
        phase=phase,
        struck=Counter({Part.BRIDGE: 7, Part.POSTGRES: 1}),
        findings={Direction.TEAMS_TO_MATRIX: found, Direction.MATRIX_TO_TEAMS: Findings()},
        ended=ended,
    )


def test_a_report_says_what_was_found_and_lists_it() -> None:
    lost, doubled = crossing(copies(0, 1, 3, 4)), crossing(copies(0, 1, 1, 2, 3, 4))
    outcomes = [outcome(total([judge(lost), judge(doubled)]))]

    said = json.loads(report.line(outcomes, 3))

    assert not said["ok"]
    assert (said["seed"], said["killed"]["bridge"]) == (3, 7)
    assert said["phases"][0]["teams_to_matrix"] == {
        "sent": 10, "arrived": 9, "lost": 1, "twice": 1, "out_of_order": 0, "late": 0, "source": 0,
    }  # fmt: skip
    kinds = [text.split(":")[0] for text in report.offences(outcomes)]
    assert kinds == ["lost", "twice"]
    row = report.table(outcomes).splitlines()[1].split()
    assert row[-7:] == ["7", "10", "9", "1", "1", "0", "0"]


def test_a_report_of_zeros_is_well_and_one_of_a_bridge_that_ended_by_itself_is_not() -> None:
    fine = total([judge(crossing(copies(0, 1, 2, 3, 4)))])

    assert report.all_well([outcome(fine)])
    assert not report.all_well([outcome(fine), outcome(fine, "process 1 ended by itself")])


def test_a_report_does_not_drown_in_offences() -> None:
    many = total(judge(crossing([])) for _ in range(report.OFFENCES_SHOWN))

    listed = report.offences([outcome(many)])

    assert len(listed) == report.OFFENCES_SHOWN + 1
    assert listed[-1].endswith("and 800 more")
