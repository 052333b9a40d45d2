"""The laws of the conversion: total, faithful, idempotent, and as small as asked."""

from __future__ import annotations

import json
import re

import nh3
from hypothesis import given, strategies as st

from bridge.convert.matrix import (
    PILL_BYTES,
    measure_matrix,
    parse_matrix,
    read_matrix,
    render_matrix,
)
from bridge.convert.matrix_tags import user_of
from bridge.convert.teams import (
    find_trace,
    measure_teams,
    parse_teams,
    read_teams,
    render_teams,
    teams_mentions,
)
from bridge.domain.content import (
    LINK_SCHEMES,
    Body,
    Target,
    TargetKind,
    bare_text,
    from_text,
    mentions,
    normalise,
    normalised,
    plain_text,
    split,
    to_json,
)
from tests.unit.convert.bodies import (
    ANY_BODIES,
    BOTH_BODIES,
    MARKUP,
    MATRIX_BODIES,
    TEAMS_BODIES,
)

ADA = Target(kind=TargetKind.TEAMS_USER, id="ada")
EVERYONE = Target(kind=TargetKind.EVERYONE, id="")
FOREIGN = re.compile(
    r"<(?!/?(?:a|at|b|blockquote|br|code|codeblock|div|em|h[1-6]|hr|img|li|ol|p|s|span|"
    r"strong|sub|sup|table|tbody|td|th|tr|u|ul)[ >])|<img(?! src=\"\.\./hostedContents/)"
    r"|<[^>]*\s(?:on\w+|srcset|formaction)\s*="
)
"""Markup that we never write for Teams."""

# Written anew from Matrix spec v1.19, client-server § m.room.message msgtypes.
SPEC_TAGS = set(
    re.findall(
        r"\w+",
        "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table "
        "thead tbody tr th td caption pre span img details summary",
    )
)
SPEC_ATTRIBUTES = {
    "a": {"target", "href"},
    "code": {"class"},
    "img": {"width", "height", "alt", "title", "src", "data-mx-emoticon"},
    "ol": {"start"},
    "span": {"data-mx-bg-color", "data-mx-color", "data-mx-spoiler", "data-mx-maths"},
    "div": {"data-mx-maths"},
}


_HEX = re.compile(r"#[0-9a-f]{6}")
_VALUES = {
    ("img", "src"): re.compile(r"mxc://[^/\s\"<>]+/[A-Za-z0-9._~-]+"),
    ("img", "width"): re.compile(r"[0-9]+"),
    ("img", "height"): re.compile(r"[0-9]+"),
    ("code", "class"): re.compile(r"language-[^\s\"<>]+"),
    ("ol", "start"): re.compile(r"[0-9]+"),
    ("span", "data-mx-color"): _HEX,
    ("span", "data-mx-bg-color"): _HEX,
}


def _allowed(tag: str, name: str, value: str) -> str | None:
    rule = _VALUES.get((tag, name))
    return value if rule is None or rule.fullmatch(value) else None


def spec_clean(html: str) -> str:
    """As strict as a client may be: what the specification does not name is gone."""
    return nh3.clean(
        html,
        tags=SPEC_TAGS,
        attributes=SPEC_ATTRIBUTES,
        attribute_filter=_allowed,
        link_rel=None,
        url_schemes={"https", "http", "ftp", "mailto", "magnet", "mxc"},
    )


def matrix_content(body: Body) -> dict[str, object]:
    plain, formatted = render_matrix(body)
    content: dict[str, object] = {"msgtype": "m.text", "body": plain}
    if formatted is not None:
        content |= {"format": "org.matrix.custom.html", "formatted_body": formatted}
    return content


def html_content(html: str) -> dict[str, object]:
    return {
        "msgtype": "m.text",
        "body": "",
        "format": "org.matrix.custom.html",
        "formatted_body": html,
    }


@given(body=TEAMS_BODIES)
def test_what_is_written_for_teams_is_read_back(body: Body) -> None:
    body = normalise(body)
    named = teams_mentions(body)
    html = render_teams(body, mentions=named)

    read = parse_teams(html, mentions={id_: m.target for id_, m in enumerate(named)})

    assert read == body, html


@given(body=MATRIX_BODIES)
def test_what_is_written_for_matrix_is_read_back(body: Body) -> None:
    body = normalise(body)
    content = matrix_content(body)

    assert parse_matrix(content) == body, content


@given(body=BOTH_BODIES)
def test_what_both_networks_can_express_crosses_both_and_comes_back(body: Body) -> None:
    body = normalise(body)

    there = parse_teams(render_teams(body))
    back = parse_matrix(matrix_content(there))

    assert there == body
    assert back == body
    assert parse_teams(render_teams(back)) == body


@given(body=ANY_BODIES)
def test_what_is_written_for_matrix_is_within_the_specification(body: Body) -> None:
    _, formatted = render_matrix(normalise(body))

    assert formatted is None or spec_clean(formatted) == formatted


@given(html=MARKUP)
def test_any_markup_becomes_what_a_strict_client_shows_unchanged(html: str) -> None:
    for body in (parse_teams(html), parse_matrix(html_content(html))):
        _, formatted = render_matrix(body)
        assert formatted is None or spec_clean(formatted) == formatted
        assert not FOREIGN.search(render_teams(body))


@given(html=MARKUP)
def test_links_of_strangers_lead_only_where_both_networks_let_them(html: str) -> None:
    for body in (parse_teams(html), parse_matrix(html_content(html))):
        shown = render_teams(body)
        schemes = [href.partition(":")[0].lower() for href in re.findall(r'href="([^"]*)"', shown)]
        assert set(schemes) <= LINK_SCHEMES
        assert not re.search("[\u202d\u202e]", shown)
        for words in re.findall(r"<a [^>]*>(.*?)</a>", shown):
            assert not re.search("[\u2066-\u2069\u200e\u200f]", words)


@given(body=BOTH_BODIES, trailing=BOTH_BODIES)
def test_what_comes_back_through_all_three_is_what_went(body: Body, trailing: Body) -> None:
    """Matrix, Teams and Matrix again, and the same the other way round, side by side."""
    whole = normalise(Body(blocks=(*body.blocks, *trailing.blocks)))
    there = parse_teams(render_teams(parse_matrix(matrix_content(whole))))

    assert matrix_content(there) == matrix_content(whole)
    assert render_teams(parse_matrix(matrix_content(there))) == render_teams(whole)


@given(html=MARKUP)
def test_the_same_markup_is_read_the_same_again(html: str) -> None:
    assert read_teams(html) == read_teams(html)
    assert read_matrix(html_content(html)) == read_matrix(html_content(html))


@given(html=MARKUP)
def test_any_markup_from_teams_becomes_a_normal_body(html: str) -> None:
    body = parse_teams(html, mentions={0: ADA, 1: EVERYONE})

    assert normalise(body) == body
    json.dumps(to_json(body)).encode()
    plain_text(body).encode()


@given(html=MARKUP)
def test_any_markup_from_matrix_becomes_a_normal_body(html: str) -> None:
    body = parse_matrix(html_content(html))

    assert normalise(body) == body
    plain_text(body).encode()


@given(html=MARKUP)
def test_crossing_twice_changes_nothing_more(html: str) -> None:
    body = parse_teams(html)
    once = parse_matrix(matrix_content(body))
    there = parse_teams(render_teams(once))
    again = parse_matrix(matrix_content(there))

    assert normalised(bare_text(again)) == normalised(bare_text(once))
    assert matrix_content(parse_teams(render_teams(again))) == matrix_content(again)


@given(text=st.text())
def test_plain_text_survives_both_networks(text: str) -> None:
    body = parse_teams(text, content_type="text")

    assert body == from_text(text)
    assert normalised(plain_text(body)) == normalised(text)
    assert parse_matrix({"msgtype": "m.text", "body": text}) == body
    assert parse_teams(render_teams(body)) == body


@given(body=ANY_BODIES, trace=st.text("abcXYZ019_.:-", min_size=1, max_size=64))
def test_a_trace_is_found_and_changes_nothing(body: Body, trace: str) -> None:
    body = normalise(body)
    html = render_teams(body, trace=trace)

    assert find_trace(html) == trace
    assert parse_teams(html) == parse_teams(render_teams(body))


@given(body=ANY_BODIES)
def test_our_own_message_is_recognised_after_teams_has_rewritten_it(body: Body) -> None:
    body = normalise(body)
    html = render_teams(body).replace("</p>", "</p>\r\n").replace("<li>", "<LI\tvalue=1>\n")
    mangled = f"<div>\r\n<div style='x'>{html}</div>\n</div>"

    assert normalised(plain_text(parse_teams(mangled))) == normalised(
        plain_text(parse_teams(render_teams(body)))
    )


@given(body=ANY_BODIES, size_max=st.integers(700, 1500))
def test_parts_for_teams_fit_and_lose_nothing(body: Body, size_max: int) -> None:
    parts = split(normalise(body), size_max=size_max, measure=measure_teams)

    assert all(measure_teams(part) <= size_max for part in parts)
    assert squeezed(parts) == squeezed([normalise(body)])


@given(body=ANY_BODIES, size_max=st.integers(200, 400))
def test_parts_for_matrix_fit_and_lose_nothing(body: Body, size_max: int) -> None:
    parts = split(normalise(body), size_max=size_max, measure=measure_matrix)

    assert all(measure_matrix(part) <= size_max for part in parts)
    assert squeezed(parts) == squeezed([normalise(body)])


def squeezed(parts: list[Body] | tuple[Body, ...]) -> str:
    return "".join("".join(bare_text(part) for part in parts).split())


@given(body=ANY_BODIES)
def test_a_measure_is_the_bytes_within_json(body: Body) -> None:
    body = normalise(body)
    plain, formatted = render_matrix(body)
    people = sum(node.target.kind is TargetKind.TEAMS_USER for node in mentions(body))
    dumped = json.dumps([plain, formatted or ""], ensure_ascii=False).encode()

    size = measure_matrix(body) - people * PILL_BYTES
    bytes_ = len(dumped) - len('["", ""]')
    # Who they are in Matrix takes markup.
    assert size > bytes_ if people and formatted is None else size == bytes_


@given(href=st.text())
def test_any_address_names_a_user_or_nobody(href: str) -> None:
    assert user_of("https://matrix.to/#/@" + href) is None or href
