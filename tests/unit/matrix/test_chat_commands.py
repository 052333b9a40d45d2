"""What people write to start chats: whom they mean, which page, which topic."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.matrix.commands.chats import group_wish, paged
from bridge.matrix.commands.words import words_of
from bridge.matrix.words import begins_with, is_called


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("maria", ("maria", 1)),
        ("maria rossi page 2", ("maria rossi", 2)),
        ("maria PAGE 03", ("maria", 3)),
        ("page", ("page", 1)),
        ("page 2", ("", 2)),
        ("maria page 0", ("maria page 0", 1)),
        ("maria page two", ("maria page two", 1)),
        ("kim page 99999999", ("kim", 9999)),
        ("", ("", 1)),
    ],
)
def test_the_last_words_may_say_which_page(text: str, page: tuple[str, int]) -> None:
    assert paged(text.split()) == page


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ('"Lunch" maria@example.org, Jonas Meier', ("Lunch", ["maria@example.org", "Jonas Meier"])),
        ("„Lunch: now“ Jonas", ("Lunch - now", ["Jonas"])),
        ('"Lunch"', ("Lunch", [])),
        ("Jonas Meier,, Maria ,", (None, ["Jonas Meier", "Maria"])),
        ('""', (None, [])),
        ('"', (None, ['"'])),
        ("", (None, [])),
    ],
)
def test_a_topic_in_quotes_comes_before_the_people(
    text: str, wish: tuple[str | None, list[str]]
) -> None:
    assert group_wish(text) == wish


@given(st.text(max_size=200))
def test_whatever_is_written_means_something(text: str) -> None:
    topic, people = group_wish(text)
    words, page = paged(words_of(text))

    assert topic is None or ":" not in topic
    assert all(person == person.strip() for person in people)
    assert page >= 1
    assert words == words.strip() or words == text.strip()


def test_names_are_compared_whatever_their_case() -> None:
    assert is_called(" SALES ")("Sales")
    assert not is_called("Sal")("Sales")
    assert begins_with("sal")("Sales")
    assert begins_with("")("Sales")
