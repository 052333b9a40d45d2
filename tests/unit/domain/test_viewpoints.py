"""What is shown of how somebody sees a chat in Teams, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.ids import MessageRef
from bridge.domain.viewpoints import (
    MARKING_MAX,
    SKEW,
    Hiding,
    Reading,
    Shown,
    Viewpoint,
    hiding_of,
    reading_of,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VIEW = Viewpoint(read_at=NOW, is_hidden=False)
LAST = MessageRef("1700000000002")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("shown", "last", "reading"),
    [
        (Shown(), LAST, Reading.SHOW),
        (Shown(), None, Reading.NOTHING),
        (Shown(through=MessageRef("1700000000001")), LAST, Reading.SHOW),
        (Shown(through=LAST), LAST, Reading.KNOWN),
        (Shown(through=MessageRef("1700000000003")), LAST, Reading.KNOWN),
        (Shown(marking_since=NOW - SECOND), LAST, Reading.WAIT),
        (Shown(marking_since=NOW - MARKING_MAX), LAST, Reading.SHOW),
        (Shown(marked_at=NOW - SECOND), LAST, Reading.ECHO),
        (Shown(marked_at=NOW - SKEW - SECOND), LAST, Reading.SHOW),
        (Shown(marked_at=NOW + SECOND), LAST, Reading.ECHO),
    ],
)
def test_what_was_read_is_shown_once_unless_it_was_read_here(
    shown: Shown, last: MessageRef | None, reading: Reading
) -> None:
    assert reading_of(VIEW, shown, last=last, under_way=False, now=NOW) is reading


def test_what_is_still_to_cross_is_waited_for_and_an_echo_is_not() -> None:
    assert reading_of(VIEW, Shown(), last=LAST, under_way=True, now=NOW) is Reading.WAIT
    marked = Shown(marked_at=NOW)
    assert reading_of(VIEW, marked, last=LAST, under_way=True, now=NOW) is Reading.ECHO


def test_who_has_read_nothing_shows_nothing() -> None:
    view = replace(VIEW, read_at=None)
    assert reading_of(view, Shown(), last=None, under_way=False, now=NOW) is Reading.NOTHING


@pytest.mark.parametrize(
    ("hidden", "before", "hiding"),
    [
        (True, False, Hiding.SET),
        (False, True, Hiding.TAKE_AWAY),
        (True, True, Hiding.LEAVE),
        (False, False, Hiding.LEAVE),
    ],
)
def test_only_a_change_in_teams_changes_a_tag(hidden: bool, before: bool, hiding: Hiding) -> None:
    view = replace(VIEW, is_hidden=hidden)
    assert hiding_of(view, Shown(hidden=before)) is hiding
