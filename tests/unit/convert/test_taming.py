"""Two readers of markup that must agree: nh3, and the one that nothing keeps busy."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given

from bridge.convert import matrix_tags, teams_tags
from bridge.convert.calm import is_calm
from bridge.convert.markup import SURROGATE, Markup, Sanitizer, tokens
from bridge.convert.matrix import render_matrix
from bridge.convert.taming import ATTRIBUTES_MAX, DEPTH_MAX, TOKENS_MAX, Tamer, markup_of, words_of
from bridge.convert.teams import render_teams
from bridge.domain.content import STRETCH_CHARS_MAX, Body, bare_text, normalise, normalised
from tests.unit.convert.bodies import MARKUP, MATRIX_BODIES, TEAMS_BODIES
from tests.unit.convert.hostile import HUGE

FOREIGN_TO_TEXT = re.compile(
    r"<(?:svg|math|textarea|select|option|script|style|!|\?)|&(?!amp;|lt;|gt;|quot;|nbsp;)|\x00",
    re.IGNORECASE,
)
"""Where the tokenizer's state depends on the tree: there both do as they like."""


def read_as_browsers_do(html: str, sanitizer: Sanitizer) -> Body:
    markup = Markup(stretches=[tokens(sanitizer.clean(html))])
    return teams_tags.Document({}, {}).reader.read(markup)


def read_tamed(html: str, sanitizer: Sanitizer) -> Body:
    return teams_tags.Document({}, {}).reader.read(Tamer(sanitizer).read(html))


@given(body=TEAMS_BODIES)
def test_both_read_what_is_well_formed_for_teams_alike(body: Body) -> None:
    html = render_teams(normalise(body))

    assert read_tamed(html, teams_tags.SANITIZER) == read_as_browsers_do(html, teams_tags.SANITIZER)


@given(body=MATRIX_BODIES)
def test_both_read_what_is_well_formed_for_matrix_alike(body: Body) -> None:
    _, html = render_matrix(normalise(body))
    assume(html)

    assert read_tamed(html or "", matrix_tags.SANITIZER) == read_as_browsers_do(
        html or "", matrix_tags.SANITIZER
    )


@given(html=MARKUP)
def test_both_find_the_same_words_in_any_markup(html: str) -> None:
    assume(not FOREIGN_TO_TEXT.search(html))
    # Links that are never closed, and items outside of lists, say more words in one than in the other.
    html = SURROGATE.sub("?", re.sub(r"<(?:a|li|attachment|img|customemoji)\b[^>]*>", "", html))
    one = read_tamed(html, teams_tags.SANITIZER)
    other = read_as_browsers_do(html, teams_tags.SANITIZER)

    assert sorted(squeezed(one)) == sorted(squeezed(other))


def squeezed(body: Body) -> str:
    return "".join(normalised(bare_text(body)).split())


CALM = {
    "empty": "",
    "one word": "x",
    "many lines": "<p>x &amp; <b>y</b></p>\n" * 4_000,
    "a table": "<table><tbody>"
    + "<tr><td><p>x</p></td><td>y</td></tr>" * 1_500
    + "</tbody></table>",
    "lists": "<ul>" + "<li>a<ol start=2><li>b</li></ol></li>" * 1_500 + "</ul>",
    "styles with attributes": '<p><b style="color:red">a<i class=x>b</i></b><br/></p>' * 2_000,
    "coloured code": "<pre>" + '<span class="hljs-string">"x"</span>\n' * 2_000 + "</pre>",
    "a quotation within a quotation": "<blockquote>" * 20 + "x" * 5_000 + "</blockquote>" * 20,
    "a few things left open": "<div><p>x<li>y<b>z" * 3 + "<p>x</p>" * 1_000,
}


@pytest.mark.parametrize("html", CALM.values(), ids=CALM)
def test_what_clients_write_is_left_to_the_parser_that_reads_as_they_do(html: str) -> None:
    assert is_calm(html)


RESTLESS = {
    "too long": "x" * (STRETCH_CHARS_MAX + 1),
    "an angle in a value": '<p title="a > b">x</p>' * 300,
    "a style that is never closed": "<p><b id=1><b id=2><b id=3><b id=4></p>" + "<p>x</p>" * 600,
    "a table that is never closed": "<table>" + "x<b></b>" * 600,
    "text in a table": "<table>" + "x<b></b>" * 600 + "</table>",
    "an end in a comment": "<div><!--</div>-->" * 600,
    "an end in an attribute": "<div a='</div>'>" * 600,
    "a tag made of two": "<di<b>x</b>v>y</div>" * 600,
    "a long tag": "<p " + "a " * 1_000 + ">" + "x" * 4_000,
}


@pytest.mark.parametrize("html", RESTLESS.values(), ids=RESTLESS)
def test_what_could_keep_it_busy_is_not(html: str) -> None:
    assert not is_calm(html)


@pytest.mark.parametrize("name", HUGE)
def test_what_is_tamed_is_closed_as_it_should_be_and_bounded(name: str) -> None:
    markup = Tamer(teams_tags.SANITIZER).read(SURROGATE.sub("?", HUGE[name](30_000)))
    open_: list[str] = []
    for slash, tag, attributes, text in (t for stretch in markup.stretches for t in stretch):
        assert len(re.findall('="', attributes)) <= ATTRIBUTES_MAX
        if not text and not slash and tag not in {"br", "hr", "img"}:
            open_.append(tag)
        elif slash:
            assert open_.pop() == tag
        assert len(open_) <= DEPTH_MAX
    assert open_ == []
    assert sum(map(len, markup.stretches)) <= TOKENS_MAX + DEPTH_MAX


@pytest.mark.parametrize(
    ("html", "spelt"),
    [
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ("<b>x<i>y</b>z</i>w", "<b>x<i>y</i></b><i>z</i>w"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
        (
            "<table><tr><td>a<td>b<tr><td><p>c</table>d",
            "<table><tr><td>a</td><td>b</td></tr><tr><td><p>c</p></td></tr></table>d",
        ),
        ("<div><table><tr><td>a</div>b", "<div><table><tr><td>ab</td></tr></table></div>"),
        ('<a href="javascript:x">q</a>', "<a>q</a>"),
        ("<a href='java\tscript:x'>q</a>", "<a>q</a>"),
        (
            "<a href=https://e.com/?a=1&copy=2&amp;b>x</a>",
            '<a href="https://e.com/?a=1&amp;copy=2&amp;b">x</a>',
        ),
        ("<a href=https://a.b>x<a href=https://c.d>y", '<a href="https://a.b">x</a><a href="https://c.d">y</a>'),
        ('<p title=">" STYLE=\'a"b\' style=c>x', '<p style="a&quot;b">x</p>'),
        ("x<mx-reply><b>no</b></mx-reply>y", "x<mx-reply></mx-reply>y"),
        ("<script>a<b></script>z<textarea><b>&amp;</textarea>", "z<b>&amp;"),
        ("1<2 <3 &lt;&#65;&nbsp;\u00a0<br/>x</br>y", "1<2 <3 <A&nbsp;&nbsp;<br>x<br>y"),
        ("<!-- a --><?x?><!d>y</>z<!--", "yz"),
        ("a<b unterminated", "a"),
        ("a</b unterminated", "a"),
        ("&notit; &hearts; &bogus; &#xD800; &#1114112;", "&amp;notit; \u2665 &amp;bogus; \ufffd \ufffd"),
    ],
)  # fmt: skip
def test_tags_are_spelt_as_browsers_would_mean_them(html: str, spelt: str) -> None:
    read = Tamer(teams_tags.SANITIZER).read(html)

    assert "".join(t[3] or f"<{t[0]}{t[1]}{t[2]}>" for s in read.stretches for t in s) == spelt
    assert read.rest == ""


def test_the_words_of_a_document_stand_on_their_lines() -> None:
    html = "<p>a</p>\n<p>b&amp;<b>c</b></p><script>x</script><!--z-->d<br>e<p>&nbsp;</p>f <a unterm"

    assert words_of(html) == "a\nb&c\nd\ne\n\nf"


def test_a_stretch_ends_where_a_line_does() -> None:
    line = "<p>" + ("word " * 20 + "<b>word</b> ") * 40 + "</p>"
    markup = markup_of(line * 60, teams_tags.SANITIZER)

    first, second, *_ = markup.stretches
    assert (first[-1][:2], second[0][:2]) == (("/", "p"), ("", "p"))
