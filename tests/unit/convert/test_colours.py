"""Colours and other looks, however they are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from bridge.convert import losses
from bridge.convert.colours import colour, ink_and_paper, is_a_themes_own
from bridge.convert.styles import Look, look_of, pixels

RED = (255, 0, 0)


@pytest.mark.parametrize(
    ("written", "rgb"),
    [
        ("red", RED),
        (" RED ", RED),
        ("#f00", RED),
        ("#F00F", RED),
        ("#ff0000", RED),
        ("#ff0000cc", RED),
        ("rgb(255, 0, 0)", RED),
        ("rgb(255 0 0)", RED),
        ("rgba(255,0,0,.5)", RED),
        ("rgb(100% 0% 0% / 50%)", RED),
        ("rgb(999, 0, 0)", RED),
        ("RebeccaPurple", (0x66, 0x33, 0x99)),
        ("#ff000000", None),
        ("#f000", None),
        ("rgba(255, 0, 0, 0)", None),
        ("rgba(255, 0, 0, 0.0)", None),
        ("transparent", None),
        ("windowtext", None),
        ("inherit", None),
        ("var(--x)", None),
        ("rgb(1, 2)", None),
        ("rgb()", None),
        ("#ff", None),
        ("#gggggg", None),
        ("", None),
    ],
)
def test_a_colour_is_read_in_every_spelling(written: str, rgb: tuple[int, int, int] | None) -> None:
    assert colour(written) == rgb


@pytest.mark.parametrize(
    ("ink", "paper", "kept"),
    [
        ("rgb(36, 36, 36)", "", ("", "")),  # Teams, light
        ("rgb(255, 255, 255)", "rgb(41, 41, 41)", ("", "")),  # Teams, dark
        ("#252423", "#fff", ("", "")),  # Teams, older
        ("#d6d6d6", "", ("", "")),  # Teams, dark, beside what matters
        ("black", "yellow", ("#000000", "#ffff00")),
        ("white", "#c00", ("#ffffff", "#cc0000")),
        ("yellow", "black", ("#ffff00", "")),
        ("#1f3864", "", ("#1f3864", "")),  # A dark blue is blue.
        ("gray", "", ("#808080", "")),
        ("", "white", ("", "")),
        ("nonsense", "red", ("", "#ff0000")),
    ],
)
def test_the_colours_that_a_theme_shows_everything_in_are_none(
    ink: str, paper: str, kept: tuple[str, str]
) -> None:
    assert ink_and_paper(ink, paper) == kept


@pytest.mark.parametrize(
    ("style", "look"),
    [
        ("color:red", Look(ink="#ff0000")),
        ("COLOR : Red ; ", Look(ink="#ff0000")),
        ("color:red!important", Look(ink="#ff0000")),
        ("color:red !important;", Look(ink="#ff0000")),
        ("background: yellow", Look(paper="#ffff00")),
        ("background: url(x) yellow", Look()),
        ("background-color:yellow;background:red", Look(paper="#ffff00")),
        ("width:250px; height: 63.5px", Look(width=250, height=63)),
        ("width:50%; height:auto", Look()),
        ("text-align:center", Look(losses=frozenset({losses.ALIGNMENT}))),
        ("font-size:24px", Look(losses=frozenset({losses.FONT_SIZE}))),
        ("font-size:14px;text-align:start", Look()),
        ("border-color:red;text-decoration-color:red", Look()),
        ("color", Look()),
        (":;:;", Look()),
        ("", Look()),
    ],
)
def test_a_style_says_what_means_something(style: str, look: Look) -> None:
    assert look_of(style) == look


@pytest.mark.parametrize(
    ("written", "number"),
    [("67", 67), (" 67.9px ", 67), ("67PX", 67), ("67%", 0), ("-67", 0), ("6e9", 0), ("", 0)],
)
def test_a_length_is_in_pixels_or_none(written: str, number: int) -> None:
    assert pixels(written) == number


@given(st.one_of(st.text(), st.text("rgba(#0123456789,.% )-;:color/")))
def test_any_text_is_a_colour_or_none_and_any_style_a_look(text: str) -> None:
    rgb = colour(text)
    assert rgb is None or all(0 <= channel <= 255 for channel in rgb)
    for style in (text, f"color:{text}", f"background:{text};width:{text}"):
        look = look_of(style)
        for one in (look.ink, look.paper):
            assert one == "" or re.fullmatch("#[0-9a-f]{6}", one)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_what_is_kept_is_kept_again(rgb: tuple[int, int, int]) -> None:
    red, green, blue = rgb
    for paper in ("", "#ffff00"):
        once = ink_and_paper(f"rgb({red},{green},{blue})", paper)
        assert ink_and_paper(*once) == once
    assert is_a_themes_own(rgb) is (ink_and_paper(f"rgb({red} {green} {blue})", "") == ("", ""))
