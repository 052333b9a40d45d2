"""A message under another name: what MSC4144 demands, and that it can be taken off again."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bridge.config import GHOST_WORDS
from bridge.convert.matrix import parse_matrix
from bridge.domain.content import plain_text
from bridge.domain.events import PersonKind
from bridge.matrix.guises import Guises
from bridge.matrix.profiles import MADE_BYTES_MAX, PROFILE, under

NAME = "Builds & Co (Teams, webhook)"
ESCAPED = "Builds &amp; Co (Teams, webhook)"
FALLBACK = re.compile(r'<strong\s+data-mx-profile-fallback(?:="")?\s*>([^<]+): </strong\s*>')
"""How the proposal takes the fallback off."""
GUISES = Guises(template="{name} (Teams{kind})", words=dict(GHOST_WORDS), bot_name="Teams bridge")


def said(body: str, formatted: str | None = None, **more: object) -> dict[str, object]:
    content: dict[str, object] = {"msgtype": "m.text", "body": body, "m.mentions": {}} | more
    return content if formatted is None else content | {"formatted_body": formatted}


def test_the_name_stands_before_the_words_in_both_forms() -> None:
    shown = under(NAME, said("disk full", "<em>disk full</em>", format="org.matrix.custom.html"))

    assert shown["body"] == f"{NAME}: disk full"
    assert shown["formatted_body"] == (
        f"<strong data-mx-profile-fallback>{ESCAPED}: </strong><em>disk full</em>"
    )
    profile = shown[PROFILE]
    assert isinstance(profile, dict)
    assert profile | {"id": ""} == {"id": "", "displayname": NAME, "has_fallback": True}
    assert shown["m.mentions"] == {}


def test_in_a_paragraph_the_name_is_part_of_it() -> None:
    shown = under(NAME, said("a\n\nb", "<p>a</p><p>b</p>"))

    assert shown["formatted_body"] == (
        f"<p><strong data-mx-profile-fallback>{ESCAPED}: </strong>a</p><p>b</p>"
    )


def test_plain_words_are_given_a_formatted_form_unless_they_are_many() -> None:
    shown = under(NAME, said("1 < 2\nyes"))
    assert shown["formatted_body"] == (
        f"<strong data-mx-profile-fallback>{ESCAPED}: </strong>1 &lt; 2<br>yes"
    )
    assert shown["format"] == "org.matrix.custom.html"

    long = under(NAME, said("x" * (MADE_BYTES_MAX + 1)))
    assert "formatted_body" not in long
    assert str(long["body"]).startswith(f"{NAME}: xxx")


def test_one_name_is_one_profile_and_another_name_another() -> None:
    ids = [under(name, said("x"))[PROFILE]["id"] for name in (NAME, NAME, "Other")]  # type: ignore[index]

    assert ids[0] == ids[1] != ids[2]


def test_an_edit_says_it_in_both_of_its_forms() -> None:
    edit = said("* new") | {"m.new_content": said("new"), "m.relates_to": {"event_id": "$1"}}

    shown = under(NAME, edit)

    assert shown["body"] == f"{NAME}: * new"
    new = shown["m.new_content"]
    assert isinstance(new, dict)
    assert new["body"] == f"{NAME}: new"
    assert new[PROFILE] == shown[PROFILE]
    assert shown["m.relates_to"] == {"event_id": "$1"}


@pytest.mark.parametrize(
    ("given_body", "filename", "caption"),
    [("a.png", None, ""), ("a.png", "a.png", ""), ("look", "a.png", "look")],
)
def test_the_name_of_a_file_stays_its_name(
    given_body: str, filename: str | None, caption: str
) -> None:
    content = said(given_body, msgtype="m.image", url="mxc://x/y")
    if filename is not None:
        content["filename"] = filename

    shown = under(NAME, content)

    assert shown["filename"] == "a.png"
    assert shown["body"] == f"{NAME}: {caption}"
    assert "formatted_body" not in shown


def test_what_was_given_is_not_changed() -> None:
    content, before = (said("x") | {"m.new_content": said("y")} for _ in range(2))

    under(NAME, content)

    assert content == before


@given(
    name=st.text(min_size=1, max_size=200),
    words=st.text(max_size=50),
    kind=st.sampled_from([PersonKind.BOT, PersonKind.WEBHOOK]),
)
def test_a_client_can_take_the_name_off_again(name: str, words: str, kind: PersonKind) -> None:
    said_as = GUISES.said_as(name, kind)
    formatted = html.escape(words, quote=False)
    shown = under(said_as, said(words, formatted))

    assert str(shown["body"]).removeprefix(f"{said_as}: ") == words
    assert FALLBACK.sub("", str(shown["formatted_body"]), count=1) == formatted
    found = FALLBACK.match(str(shown["formatted_body"]))
    assert found is not None
    assert html.unescape(found[1]) == said_as
    assert len(said_as.encode()) <= 255
    assert said_as.endswith((", bot)", ", webhook)"))


@given(name=st.text(max_size=300), template=st.sampled_from(["{name}", "{name} (Teams{kind})"]))
def test_whatever_the_name_it_fits(name: str, template: str) -> None:
    said_as = replace(GUISES, template=template).said_as(name, PersonKind.WEBHOOK)

    assert 0 < len(said_as.encode()) <= 255
    assert "\0" not in said_as


def test_our_own_words_read_back_are_what_people_see() -> None:
    shown = under("Builds", said("disk full", "<p>disk full</p>", format="org.matrix.custom.html"))

    assert plain_text(parse_matrix(shown)) == "Builds: disk full"
