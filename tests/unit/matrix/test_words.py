"""What people write as commands, however they write it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.matrix.commands.words import WORDS_MAX, parted, without_prefix, words_of


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("login", "login", ""),
        ("  Login.", "login", ""),
        ("!login", "login", ""),
        ("`status`", "status", ""),
        ("help me please", "help", "me please"),
        ("send\nall of\nthis", "send", "all of\nthis"),
        ("", "", ""),
    ],
)
def test_a_command_is_the_first_word_however_it_is_written(text: str, name: str, rest: str) -> None:
    assert parted(text) == (name, rest)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b  c", ("a", "b", "c")),
        ('"Anna Muster" x', ("Anna Muster", "x")),
        ("“Anna Muster” „Bo Li“", ("Anna Muster", "Bo Li")),
        ("Sean O'Brien", ("Sean", "O'Brien")),
        ('"never closed', ('"never', "closed")),
        ('""', ("",)),
    ],
)
def test_what_stands_in_quotes_is_one_word(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("!teams", ""),
        ("!teams help", "help"),
        ("  !Teams\nhelp", "help"),
        ("!teamsters unite", None),
        ("say !teams", None),
        ("", None),
    ],
)
def test_a_prefix_is_a_word_of_its_own_at_the_beginning(text: str, command: str | None) -> None:
    assert without_prefix(text, "!teams") == command


@given(st.text())
def test_any_text_has_words(text: str) -> None:
    name, rest = parted(text)

    assert " " not in name
    assert len(words_of(rest)) <= WORDS_MAX
    without_prefix(text, "!teams")
