"""Whatever strangers send: read in time that grows with its length, harmless, no word of it lost."""

from __future__ import annotations

import json
import re
from time import process_time
from typing import TypeGuard

import pytest

from bridge.convert import losses
from bridge.convert.calm import TAGS_MAX, is_calm
from bridge.convert.markup import SURROGATE, json_bytes
from bridge.convert.matrix import measure_matrix, parse_matrix, render_matrix
from bridge.convert.taming import Tamer
from bridge.convert.teams import (
    TEAMS_BYTES_MAX,
    measure_teams,
    parse_teams,
    read_teams,
    render_teams,
)
from bridge.convert.teams_tags import SANITIZER, Document
from bridge.domain.content import (
    STRETCH_CHARS_MAX,
    Body,
    CodeBlock,
    Text,
    bare_text,
    normalise,
    plain_text,
    split,
    to_json,
    walk,
)
from tests.unit.convert.hostile import HUGE, TRICKS
from tests.unit.convert.test_roundtrip import FOREIGN, html_content, spec_clean

LARGE = 10_000
HUGE_CHARS = 150_000
"""Characters; more than a stretch, so that nothing is read in one."""
SECONDS_MAX = 1.0
"""Of a large one, on the slowest machine; usually it is 0.01 s."""
CLIENT_CHARS = 100_000
"""Of a message that a client of Teams sends; through Graph it has 28 kB."""
CLIENT_SECONDS_MAX = 0.5
"""Until it is a body; usually it is 0.01 s, at worst 0.05."""
EVENT_CHARS = 60_000
"""An event of Matrix has at most 65,536 bytes."""
EVENT_SECONDS_MAX = 15.0
"""Until it is in parts, on the slowest machine; usually it is 0.1 s, at worst 1.5 s; before cuts were one walk it was 23."""
GROWTH_MAX = 4.0
"""Of the time per character from a large to a huge one: what is quadratic has 15."""


@pytest.mark.parametrize("name", HUGE)
def test_a_hostile_message_takes_time_that_grows_with_its_length(name: str) -> None:
    seconds = []
    for size in (LARGE, HUGE_CHARS):
        markup = HUGE[name](size)
        started = process_time()
        body = parse_teams(markup)
        seconds.append((process_time() - started) / len(markup))
        assert "x" not in markup or name == "nested replies" or bare_text(body)
        assert all(len(node.text) <= STRETCH_CHARS_MAX for node in walk(body) if is_long_leaf(node))

    fixed = 0.01 / LARGE  # What every message takes, and the clock's own step.
    assert seconds[0] * LARGE < SECONDS_MAX
    assert seconds[1] < GROWTH_MAX * (seconds[0] + fixed)


def is_long_leaf(node: object) -> TypeGuard[Text | CodeBlock]:
    return isinstance(node, Text | CodeBlock)


@pytest.mark.parametrize("name", HUGE)
def test_a_hostile_message_becomes_what_both_sides_take(name: str) -> None:
    markup = HUGE[name](3_000)
    body, other = parse_teams(markup), parse_matrix(html_content(markup))
    plain, formatted = render_matrix(body)

    assert normalise(body) == body
    assert normalise(other) == other
    assert formatted is None or spec_clean(formatted) == formatted
    assert not FOREIGN.search(render_teams(other))
    json.dumps([plain, to_json(body)]).encode()


@pytest.mark.parametrize("name", HUGE)
def test_a_hostile_message_of_matrix_becomes_parts_that_teams_takes_in_time(name: str) -> None:
    content = html_content(HUGE[name](EVENT_CHARS))
    started = process_time()
    body = parse_matrix(content)
    parts = split(body, size_max=TEAMS_BYTES_MAX, measure=measure_teams)
    rendered = [render_teams(part) for part in parts]

    assert process_time() - started < EVENT_SECONDS_MAX
    assert squeezed(*map(bare_text, parts)) == squeezed(bare_text(body))
    assert all(json_bytes(html) <= TEAMS_BYTES_MAX for html in rendered)


@pytest.mark.parametrize("name", ["one letter a line", "one long word", "code"])
def test_what_is_huge_is_cut_into_parts_that_are_measured_seldom(name: str) -> None:
    body = parse_teams(HUGE[name](250_000))
    measured = 0

    def measure(part: Body) -> int:
        nonlocal measured
        size = measure_matrix(part)
        measured += size
        return size

    parts = split(body, size_max=30_000, measure=measure)

    assert len(parts) > 1
    assert measured < 20 * measure_matrix(body)
    assert squeezed(*map(plain_text, parts)) == squeezed(plain_text(body))


def squeezed(*texts: str) -> str:
    return "".join("".join(texts).split())


WORDS = "".join(f"<p>line {n} of <b>many</b> &amp; <i>more</i></p>\n" for n in range(20_000))


@pytest.mark.parametrize("name", HUGE)
def test_a_message_as_large_as_clients_send_takes_no_long_time(name: str) -> None:
    markup = HUGE[name](CLIENT_CHARS)
    seconds = []
    for _ in range(3):
        started = process_time()
        parse_teams(markup)
        seconds.append(process_time() - started)

    assert min(seconds) < CLIENT_SECONDS_MAX


def test_what_is_beyond_all_measure_is_words_and_said_so() -> None:
    markup = "<b>a</b> <i>b</i><br>" * 5_000
    read = read_teams(markup)

    assert markup.count("<") > TAGS_MAX
    assert read.losses == (losses.STRUCTURE,)
    assert squeezed(bare_text(read.body)) == "ab" * 5_000


def test_nothing_is_cut_however_long_it_is() -> None:
    read = read_teams(WORDS)
    text = plain_text(read.body)

    assert len(WORDS) > 800_000
    assert read.losses == (losses.STRUCTURE,)
    assert [line for line in text.split("\n") if line] == [
        f"line {n} of many & more" for n in range(20_000)
    ]


def test_a_long_message_that_is_well_formed_keeps_its_structure() -> None:
    rows = "".join(f"<tr><td>{n}</td><td><b>{'x' * 140}</b></td></tr>" for n in range(700))
    items = "".join(f"<li>{n}</li>" for n in range(700))
    markup = f'<table><tbody>{rows}</tbody></table><ol start="5">{items}</ol>'
    read = read_teams(markup)

    assert len(markup) > STRETCH_CHARS_MAX
    assert not is_calm(markup)
    assert read.losses == ()
    assert render_teams(read.body) == markup.replace("<b>", "<strong>").replace("</b>", "</strong>")


@pytest.mark.parametrize("content_type", ["text", "html"])
def test_a_long_text_is_whole(content_type: str) -> None:
    text = "\n".join(f"{n} words" for n in range(100_000))
    body = parse_teams(text, content_type="text" if content_type == "text" else "html")

    assert plain_text(body).split() == text.split()
    if content_type == "text":
        assert [line for line in plain_text(body).split("\n") if line] == text.split("\n")
        assert parse_matrix({"msgtype": "m.text", "body": text}) == body


@pytest.mark.parametrize("markup", TRICKS)
def test_a_trick_fools_nobody(markup: str) -> None:
    for body in (parse_teams(markup), tamed(markup), parse_matrix(html_content(markup))):
        plain, formatted = render_matrix(body)
        json.dumps([plain, to_json(body)]).encode()
        assert formatted is None or spec_clean(formatted) == formatted
        teams = render_teams(body)
        assert not FOREIGN.search(teams)
        assert not re.search(r"(?:src|style)=\"[^\"]*evil", teams)
        assert "\u202e" not in plain
        assert parse_teams(teams) == parse_teams(render_teams(parse_teams(teams)))


def tamed(markup: str) -> Body:
    """As if it were not calm."""
    return Document({}, {}).reader.read(Tamer(SANITIZER).read(SURROGATE.sub("?", markup)))
