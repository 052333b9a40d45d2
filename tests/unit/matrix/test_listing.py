"""The bot's list of rooms: pages, what is looked for, and names that are no markup."""

from __future__ import annotations

import pytest

from bridge.domain.ids import RoomId
from bridge.matrix.commands.listing import SHOWN_MAX, is_meant, page_of
from bridge.matrix.commands.registry import Misused
from bridge.ports import NamedRoom


def room(number: int, name: str | None = None) -> NamedRoom:
    return NamedRoom(room=RoomId(f"!{number}:example.org"), name=name or f"Room {number}")


def test_a_long_list_has_pages_that_lead_on() -> None:
    rooms = [room(number) for number in range(2 * SHOWN_MAX + 1)]

    first, second, third = (page_of(rooms, "ro", n, server="example.org") for n in (1, 2, 3))

    assert first.splitlines()[0] == "Room 0: https://matrix.to/#/!0:example.org?via=example.org"
    assert len(first.splitlines()) == SHOWN_MAX + 1
    assert first.splitlines()[-1] == f"There are {SHOWN_MAX + 1} more: `list ro page 2`"
    assert second.splitlines()[-1] == "There are 1 more: `list ro page 3`"
    assert third.splitlines() == [
        f"Room {2 * SHOWN_MAX}: https://matrix.to/#/!{2 * SHOWN_MAX}:example.org?via=example.org"
    ]
    with pytest.raises(Misused):
        page_of(rooms, "ro", 4, server="example.org")


def test_nothing_found_says_when_there_will_be_a_room() -> None:
    assert "one is made when something is said" in page_of([], "x", 1, server="example.org")


def test_names_are_looked_into_whatever_their_case_and_shown_without_marks() -> None:
    assert is_meant("PLAN", room(1, "The plans"))
    assert not is_meant("plan", room(1, "Budget"))
    assert is_meant("two", NamedRoom(room=RoomId("!1:example.org"), name=None))
    assert page_of([room(1, "a`b\nc")], "", 1, server="e.org").startswith("a'b c: ")
