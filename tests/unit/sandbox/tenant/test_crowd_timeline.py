"""A conversation's messages: a dict by id that knows both of its orders."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from bridge.sandbox.tenant.timeline import Source, Span, Timeline
from bridge.sandbox.tenant.world import Content, Message


def message(number: int, etag: int | None = None, turn: int = 0) -> Message:
    return Message(
        id=number,
        conversation="19:x@thread.v2",
        sender=None,
        content=Content(text=str(number)),
        etag=number if etag is None else etag,
        turn=turn,
    )


class Tens:
    """Imagined messages 10, 20, 30 … each of them changed by 3."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def number(self, index: int) -> int:
        return 10 * (index + 1)

    def changed(self, index: int) -> int:
        return self.number(index) + 3

    def turn(self, index: int) -> int:
        return 0

    def make(self, index: int) -> Message:
        return message(self.number(index), self.changed(index))


def timeline(source: Source | None = None, *numbers: int) -> Timeline:
    made = Timeline(source)
    for number in numbers:
        made[str(number)] = message(number)
    return made


def ids(found: object) -> list[int]:
    return [item.id for item in found]  # type: ignore[attr-defined]


def test_what_is_kept_comes_by_id_whenever_it_was_put_there() -> None:
    found = timeline(None, 5, 1, 9, 3)
    assert list(found) == ["1", "3", "5", "9"]
    assert ids(found.values()) == [1, 3, 5, 9]
    assert ids(reversed(found.values())) == [9, 5, 3, 1]
    assert [key for key, _ in found.items()] == list(found)
    assert list(reversed(found)) == ["9", "5", "3", "1"]
    assert len(found) == 4


def test_a_message_that_is_put_back_has_changed() -> None:
    found = timeline(None, 1, 2, 3)
    found["1"].etag = 50
    found["1"] = found["1"]
    assert ids(found.newest_first(by_change=True)) == [1, 3, 2]
    assert ids(found.oldest_first(by_change=True)) == [2, 3, 1]
    assert ids(found.values()) == [1, 2, 3]


def test_imagined_messages_are_there_but_not_kept() -> None:
    found = timeline(Tens(5))
    assert len(found) == 5
    assert "30" in found
    assert "35" not in found
    assert "x" not in found
    assert ids(found.values()) == [10, 20, 30, 40, 50]
    assert found.kept() == []


def test_what_is_asked_for_by_its_id_is_kept_in_its_place() -> None:
    found = timeline(Tens(5))
    assert found["30"] is found["30"]
    assert found.get("35") is None
    assert ids(found.kept()) == [30]
    assert ids(found.values()) == [10, 20, 30, 40, 50]
    assert len(found) == 5
    with pytest.raises(KeyError):
        found["35"]


def test_what_is_gone_is_not_imagined_again() -> None:
    found = timeline(Tens(3), 25)
    del found["20"]
    assert found.pop("25") is not None
    assert found.pop("25") is None
    assert list(found) == ["10", "30"]
    assert found.get("20") is None
    with pytest.raises(KeyError):
        del found["20"]


def test_kept_and_imagined_messages_are_merged() -> None:
    found = timeline(Tens(3), 5, 15, 45)
    assert ids(found.newest_first(by_change=False)) == [45, 30, 20, 15, 10, 5]
    found["10"].etag = 99
    found["10"] = found["10"]
    assert ids(found.newest_first(by_change=True)) == [10, 45, 30, 20, 15, 5]


@pytest.mark.parametrize("by_change", [True, False])
def test_pages_and_windows_cut_the_same_row(*, by_change: bool) -> None:
    found = timeline(Tens(30), *range(1, 300, 7))
    chance = random.Random(3)  # noqa: S311 - a test must be replayable
    for number in chance.sample(list(found), 20):
        found[number].etag += 1000 + chance.randrange(50)
        found[number] = found[number]

    def version(item: Message) -> tuple[int, int]:
        return (item.etag if by_change else item.id, item.id)

    every = sorted(found.values(), key=version)
    assert ids(found.oldest_first(by_change=by_change)) == ids(every)
    assert ids(found.newest_first(by_change=by_change)) == ids(every[::-1])
    for cut in range(0, len(every), 9):
        edge = version(every[cut])
        later = found.oldest_first(by_change=by_change, above=edge)
        assert ids(later) == ids(every[cut + 1 :])
        earlier = found.newest_first(by_change=by_change, below=edge)
        assert ids(earlier) == ids(every[:cut][::-1])
    span = Span(after=50, before=250)
    inside = [item for item in every if span.holds(version(item)[0])]
    assert ids(found.oldest_first(by_change=by_change, span=span)) == ids(inside)
    assert ids(found.newest_first(by_change=by_change, span=span)) == ids(inside[::-1])


def test_many_changes_of_few_messages_do_not_pile_up() -> None:
    found = timeline(None, 1, 2)
    for etag in range(10, 2000):
        found["1"].etag = etag
        found["1"] = found["1"]
    assert len(found._by_change) < 200
    assert ids(found.newest_first(by_change=True)) == [1, 2]


def test_messages_come_in_the_turn_of_their_changes() -> None:
    found = timeline(Tens(3))
    for number, turn in ((45, 7), (41, 9), (43, 8)):
        found[str(number)] = message(number, turn=turn)
    assert ids(found.by_turn((-1, 0))) == [10, 20, 30, 45, 43, 41]
    assert ids(found.by_turn((7, 45))) == [43, 41]
    assert ids(found.by_turn((0, 20))) == [30, 45, 43, 41]


def test_a_long_row_is_read_page_by_page() -> None:
    found = timeline(Tens(1_000_000))
    newest = found.newest_first(by_change=True, below=(5_000_003, 5_000_000))
    page = [next(newest).id for _ in range(3)]
    assert page == [4_999_990, 4_999_980, 4_999_970]
    assert all(earlier > later for earlier, later in pairwise(page))
