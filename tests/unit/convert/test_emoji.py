"""Reactions there and back."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.convert.emoji import LEGACY, key_of, reaction_of


@pytest.mark.parametrize(
    ("reaction", "key"),
    [
        ("like", "👍"),
        ("heart", "❤"),
        ("surprised", "😮"),
        ("❤️", "❤"),
        ("❤️‍🔥", "❤‍🔥"),
        ("1️⃣", "1⃣"),
        ("👍🏽", "👍🏽"),
        ("liked", "liked"),
        ("", ""),
    ],
)
def test_what_teams_calls_a_reaction_has_one_key(reaction: str, key: str) -> None:
    assert key_of(reaction) == key


@pytest.mark.parametrize(
    ("key", "reaction"),
    [
        ("👍", "👍"),
        ("❤", "❤️"),
        ("❤‍🔥", "❤️‍🔥"),
        ("1⃣", "1️⃣"),
        ("1", "1"),
        ("☝🏽", "☝🏽"),
        ("👁‍🗨", "👁️‍🗨️"),
        ("🏳‍🌈", "🏳️‍🌈"),
        ("⌚", "⌚"),
        ("ℹ", "ℹ️"),  # noqa: RUF001
    ],
)
def test_what_would_be_text_asks_to_be_a_picture(key: str, reaction: str) -> None:
    assert reaction_of(key) == reaction


@pytest.mark.parametrize("name", LEGACY)
def test_an_old_name_is_an_emoji_that_comes_back(name: str) -> None:
    assert key_of(reaction_of(key_of(name))) == key_of(name)


@given(st.text(max_size=20))
def test_a_key_goes_there_and_comes_back(text: str) -> None:
    key = key_of(text)
    assert key_of(reaction_of(key)) == key_of(key)
    assert "\ufe0f" not in key
