"""What was missed: marks, gaps, windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import ConversationId
from bridge.teams.gaps import (
    MILLISECOND,
    OVERLAP,
    STALE_AFTER,
    Gap,
    Window,
    gap_from_text,
    gap_to_text,
    mark_from_text,
    missed_since,
    widened,
)
from tests.unit.teams.memory import NOW

MINUTE = timedelta(minutes=1)
GAP = Gap(since=NOW - MINUTE, until=NOW)
CHATS = (ConversationId("19:a@thread.v2"), ConversationId("19:b@thread.v2"))


@pytest.mark.parametrize(
    ("ago", "started", "missed"),
    [
        (None, True, False),
        (None, False, False),
        (timedelta(0), True, True),
        (timedelta(0), False, False),
        (STALE_AFTER, False, False),
        (STALE_AFTER + MINUTE, False, True),
    ],
)
def test_something_is_missed_while_nobody_listens(
    ago: timedelta | None, started: bool, missed: bool
) -> None:
    mark = None if ago is None else NOW - ago
    found = missed_since(mark, now=NOW, started=started)
    assert found == (mark - OVERLAP if missed and mark else None)


def test_a_wider_gap_goes_through_everything_again_from_where_it_was() -> None:
    under_way = replace(GAP, after=7).having_left(CHATS)
    later = widened(under_way, NOW, now=NOW + MINUTE)
    assert later == Gap(since=GAP.since, until=NOW + MINUTE, first=7, after=7, left=CHATS)
    at_the_end = replace(under_way, portals_read=True)
    assert widened(at_the_end, NOW, now=NOW).first == 0
    assert widened(under_way, NOW - 9 * MINUTE, now=NOW).since == NOW - 9 * MINUTE
    assert widened(None, NOW, now=NOW) == Gap(since=NOW, until=NOW)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 5))
def test_every_portal_is_gone_through_once_wherever_it_begins(
    portals: int, begin: int, batch: int
) -> None:
    gap, read = Gap(since=NOW, until=NOW, first=begin, after=begin), list[int]()
    while not gap.portals_read:
        last = portals if gap.last is None else min(gap.last, portals)
        found = list(range(gap.after + 1, last + 1))[:batch]
        read += found
        gap = replace(gap, after=found[-1]) if found else gap.at_the_end()
    assert sorted(read) == list(range(1, portals + 1))
    assert read[:1] == [begin % portals + 1 if begin < portals else 1] * bool(portals)


def test_a_gap_is_over_when_all_of_it_was_read() -> None:
    assert not GAP.is_over
    assert not replace(GAP, portals_read=True).only_left
    read = replace(GAP, portals_read=True, strangers_read=True)
    assert read.is_over
    assert not read.having_left(CHATS).is_over
    assert read.having_left(CHATS).only_left


def test_what_could_not_be_read_is_noted_once() -> None:
    assert GAP.having_left(CHATS).having_left(CHATS[:1]).left == CHATS


@given(
    st.integers(min_value=0),
    st.booleans(),
    st.booleans(),
    st.lists(st.text(max_size=9).filter(lambda text: text.isprintable()), max_size=3),
)
def test_a_gap_is_read_as_it_was_written(
    after: int, portals: bool, strangers: bool, left: list[str]
) -> None:
    gap = Gap(
        since=NOW,
        until=NOW + MINUTE,
        first=after % 7,
        after=after % 2**62,
        wrapped=strangers,
        portals_read=portals,
        strangers_read=strangers,
        left=tuple(ConversationId(one) for one in left),
    )
    assert gap_from_text(gap_to_text(gap)) == gap


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"since": "yesterday"}', "1"])
def test_what_is_no_gap_is_none(text: str | None) -> None:
    assert gap_from_text(text) is None
    assert gap_to_text(None) == ""


def test_a_mark_is_an_instant() -> None:
    assert mark_from_text(NOW.isoformat()) == NOW
    assert mark_from_text("2026-11-20T12:00:00") == NOW
    for text in (None, "", "never"):
        assert mark_from_text(text) is None


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=60), st.integers(1, 8))
def test_windows_hold_every_message_once_whatever_they_are_cut_to(
    changes: list[int], most: int
) -> None:
    """Read as `history` does: the newest change first, no more than `most` at once."""
    times = sorted((NOW + number * MILLISECOND for number in changes), reverse=True)
    windows, read, reads = [Window(after=NOW - MILLISECOND)], list[datetime](), 0
    while windows:
        reads += 1
        assert reads <= 4 * len(times) + 4
        window = windows.pop()
        end = window.before or NOW + timedelta(days=1)
        held = [time for time in times if window.after < time < end]
        if len(held) > most and not window.whole:
            older, newer = window.cut(held[most - 1])
            windows += (newer, older)
        else:
            read += sorted(held)
    assert read == sorted(times)
