"""What needs no parser must be read as nh3 reads it, and all else must be left to a parser."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given, strategies as st

from bridge.convert import matrix_tags, teams_tags
from bridge.convert.markup import Sanitizer, Token, tokens, unescape
from bridge.convert.matrix import render_matrix
from bridge.convert.plainly import DEPTH_MAX, TAGS_MAX, plain_tokens
from bridge.convert.teams import render_teams
from bridge.domain.content import STRETCH_CHARS_MAX, Body, normalise
from tests.unit.convert.bodies import MARKUP, MATRIX_BODIES, TEAMS_BODIES

ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
VOID = ("br", "hr", "img")
FLOW = ("p", "div", "blockquote", "b", "span", "a", "at", "ul", "table", "h1", "pre", *VOID)
WORDS = ("b", "i", "span", "a", "code", "font", "attachment", "customemoji", "br", "img")
INSIDE = {
    "p": WORDS,
    "h1": WORDS,
    "pre": WORDS,
    "ul": ("li",),
    "table": ("tbody", "thead"),
    "tbody": ("tr",),
    "thead": ("tr",),
    "tr": ("td", "th"),
    **dict.fromkeys(WORDS, WORDS),
}
TEXTS = (
    "a", "b ", " ", "\n", "x &amp; y", "&lt;p&gt;", "&nbsp;", "\u00a0", "é", ">", "  ", '"', "'",
    "\n\n", "&quot;", "\t", "🙂", "&copy;", "&", "<", "\r", "</p>", "<!-- x -->", "<svg>",
)  # fmt: skip
ATTRIBUTES = (
    "", "", ' style="color:red"', ' href="https://a.b/?x=1&amp;y=2"', ' href="javascript:x"',
    ' href="JavaScript:x"', ' id="0"', ' class="language-x"', ' start="3" type="a"', " id=1",
    ' src="mxc://a/b" alt="x &lt; y"', ' href="/rel"', ' id="1" id="2"', ' src="data:x,y"', ' id="\n"',
)  # fmt: skip


@st.composite
def markup(draw: st.DrawFn, tag: str = "", depth: int = 0) -> str:
    """Markup that is mostly as it should be: elements where they may stand, in seven of eight cases."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.integers(0, 7))
        if kind < 3 or depth > 6:
            found.append(draw(st.sampled_from(TEXTS)))
            continue
        inside = draw(st.sampled_from(FLOW if kind == 7 else INSIDE.get(tag, FLOW)))
        start = f"<{inside}{draw(st.sampled_from(ATTRIBUTES))}"
        if inside in VOID:
            found.append(start + draw(st.sampled_from((">", "/>", " />"))))
        else:
            found.append(f"{start}>{draw(markup(inside, depth + 1))}</{inside}>")
    return "".join(found)


def meant(found: list[Token], sanitizer: Sanitizer) -> list[tuple[str, str, dict[str, str], str]]:
    """Tokens without the ways in which they may be spelt; nh3 keeps a `title` that nobody reads."""
    said = []
    for slash, tag, attributes, text in found:
        values: dict[str, str] = {}
        for name, value in ATTRIBUTE.findall(attributes):
            if name in sanitizer.attributes.get(tag, ()):
                values.setdefault(name, unescape(value))
        said.append((slash, tag, values, unescape(text)))
    return said


def assert_alike(html: str, sanitizer: Sanitizer) -> None:
    plain = plain_tokens(html, sanitizer)
    assume(plain is not None)
    browsers = tokens(sanitizer.clean(html))
    assert meant(list(plain or ()), sanitizer) == meant(browsers, sanitizer)


@given(html=markup(), sanitizer=st.sampled_from((teams_tags.SANITIZER, matrix_tags.SANITIZER)))
@example(html="<pre>\nx</pre>", sanitizer=teams_tags.SANITIZER)
@example(html='<a href="x"><b><a href="y">z</a></b></a>', sanitizer=teams_tags.SANITIZER)
@example(html="<p><b><p>x</p></b></p>", sanitizer=teams_tags.SANITIZER)
def test_what_is_plain_is_read_as_browsers_read_it(html: str, sanitizer: Sanitizer) -> None:
    assert_alike(html, sanitizer)


@given(html=MARKUP)
def test_so_is_any_markup_that_happens_to_be(html: str) -> None:
    assert_alike(html, teams_tags.SANITIZER)


@given(body=TEAMS_BODIES)
def test_what_we_write_for_teams_is_plain(body: Body) -> None:
    html = render_teams(normalise(body))
    assume("'" not in html)

    assert_alike(html, teams_tags.SANITIZER)


@given(body=MATRIX_BODIES)
def test_what_we_write_for_matrix_is_plain(body: Body) -> None:
    _, html = render_matrix(normalise(body))

    assert_alike(html or "", matrix_tags.SANITIZER)


@pytest.mark.parametrize(
    "html",
    [
        "<p>one<p>two",
        "<b><i>x</b></i>",
        "<p><div>x</div></p>",
        "<table><tr><td>x</td></tr></table>",
        "<table>x<tbody></tbody></table>",
        "<li>x</li>",
        "<b/>x",
        "<B>x</B>",
        "<b class=x>x</b>",
        "<script>x</script>",
        "<mx-reply>x</mx-reply>",
        "<section>x</section>",
        "</b>",
        "1 < 2",
        "&copy;",
        "&#39;",
        "a\rb",
        "a\x00b",
        "\ud800",
        "<!-- x -->x",
        '<a href="x"><span><a href="y">z</a></span></a>',
        "<div>" * (DEPTH_MAX + 2) + "</div>" * (DEPTH_MAX + 2),
        "<br>" * (TAGS_MAX + 1),
        "x" * (STRETCH_CHARS_MAX + 1),
    ],
)
def test_what_is_not_is_left_to_a_parser(html: str) -> None:
    assert plain_tokens(html, teams_tags.SANITIZER) is None


def test_only_what_means_something_is_kept_of_an_element() -> None:
    html = '<p class="x" style="color:red">a<img onerror="x()" src="javascript:y" alt="z" /></p>'

    assert plain_tokens(html, teams_tags.SANITIZER) == [
        ("", "p", ' style="color:red"', ""),
        ("", "", "", "a"),
        ("", "img", ' alt="z"', ""),
        ("/", "p", "", ""),
    ]
