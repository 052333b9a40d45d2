"""One table of what messages look like on one side and on the other, and why."""

from __future__ import annotations

import re
from time import perf_counter
from typing import NamedTuple

import pytest

from bridge.convert.markup import HTML_CHARS_MAX
from bridge.convert.matrix import parse_matrix, render_matrix
from bridge.convert.teams import find_trace, parse_teams, render_teams, teams_mentions
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Paragraph,
    Quote,
    Target,
    TargetKind,
    Text,
    bare_text,
)
from bridge.errors import InvariantBroken

ADA = Target(kind=TargetKind.TEAMS_USER, id="5d8a-ada")
BOB = Target(kind=TargetKind.TEAMS_USER, id="77c1-bob")
HOSTILE_SECONDS_MAX = 5.0
"""A hostile message may keep the bridge busy so long on the slowest machine; usually it is 0.1 s."""


class Shown(NamedTuple):
    source: str
    html: str | None
    plain: str
    why: str


TEAMS_TO_MATRIX = [
    Shown("hello", None, "hello", "a word needs no markup"),
    Shown("<p>hello</p>", None, "hello", "nor does a line"),
    Shown("", None, "", "an empty message says nothing"),
    Shown("<p>&nbsp;</p>", None, "", "nor does an empty line"),
    Shown("a &amp; b &lt;c&gt; \u20ac &#128512;", None, "a & b <c> \u20ac \U0001f600", "entities"),
    Shown("a &bogus; &amp b", None, "a &bogus; & b", "broken entities are read as browsers do"),
    Shown("<p>a</p>\r\n<p>b</p>", None, "a\nb", "in Teams a p is a line"),
    Shown("<p>a</p><p>&nbsp;</p><p>b</p>", None, "a\n\nb", "and an empty one parts paragraphs"),
    Shown("<div><div>a</div><div>b<br></div></div>", None, "a\nb", "so is a div"),
    Shown("<p>a<br><br><br>b</p>", None, "a\n\nb", "line breaks in a row part paragraphs"),
    Shown(
        "a \n\t b&nbsp; &nbsp;c", None, "a b   c", "white space collapses, no-break spaces count"
    ),
    Shown(
        "<p><b>a</b> <strong>b</strong><em> c</em></p>",
        "<strong>a</strong> <strong>b</strong><em> c</em>",
        "a b c",
        "styles and the spaces between them",
    ),
    Shown(
        "<u>u</u><s>s</s><strike>t</strike><sup>2</sup><sub>i</sub>",
        "<u>u</u><del>s</del><del>t</del><sup>2</sup><sub>i</sub>",
        "ust2i",
        "every style both sides know",
    ),
    Shown(
        '<span style="color:red">red</span><font size=7>big</font><mark>m</mark>',
        None,
        "redbigm",
        "colours and sizes are dropped, words are not",
    ),
    Shown(
        "<b>one<div>two</div></b>",
        "<strong>one<br>two</strong>",
        "one\ntwo",
        "a line within a style",
    ),
    Shown(
        "<b>x<blockquote>y</blockquote></b>",
        "<strong>x</strong><blockquote><strong>y</strong></blockquote>",
        "x\n\n> y",
        "a style around a block goes into it",
    ),
    Shown("<b><i>x</b></i>", "<strong><em>x</em></strong>", "x", "crossed tags"),
    Shown("<b>never closed", "<strong>never closed</strong>", "never closed", "an open tag"),
    Shown("a < b > c <3", None, "a < b > c <3", "not every < is a tag"),
    Shown(
        '<a href="https://e.com/?a=1&amp;b=2">there</a>',
        '<a href="https://e.com/?a=1&amp;b=2">there</a>',
        "there (https://e.com/?a=1&b=2)",
        "a link, of which the plain text says the address",
    ),
    Shown(
        '<a href="https://evil.org">https://bank.com</a>',
        '<a href="https://evil.org">https://bank.com</a>',
        "https://bank.com (https://evil.org)",
        "a link that lies is unmasked in plain text",
    ),
    Shown('<a href="javascript:alert(1)">x</a>', None, "x", "an unsafe link is text"),
    Shown('<a href="JaVa&#9;script:alert(1)">x</a>', None, "x", "however it is spelt"),
    Shown('<a href="data:text/html;base64,xx">x</a>', None, "x", "data is no place to go"),
    Shown('<a href="/l/meetup">x</a>', None, "x", "a relative link leads nowhere"),
    Shown('<a href="tel:+4912">call</a>', None, "call (tel:+4912)", "a number is worth showing"),
    Shown(
        '<a href="https://e.com"></a>',
        '<a href="https://e.com">https://e.com</a>',
        "https://e.com",
        "a link without words shows its address",
    ),
    Shown(
        '<at id="0">Ada</at> hi', None, "Ada hi", "a mention of a Teams user is a name in Matrix"
    ),
    Shown('<at id="9">Nobody</at> hi', None, "Nobody hi", "nobody known is a name too"),
    Shown('<emoji id="1f440_eyes" alt="👀" title="Eyes"></emoji>', None, "👀", "emoji"),
    Shown('<customemoji id="x" alt="party"></customemoji>', None, ":party:", "custom emoji"),
    Shown(
        '<span><img itemtype="http://schema.skype.com/Emoji" alt="🙂" src="https://x/y"></span>',
        None,
        "🙂",
        "emoji of older clients",
    ),
    Shown(
        '<img src="https://graph.microsoft.com/v1.0/x/$value" alt="a cat">ok',
        None,
        "[image: a cat]ok",
        "an image is announced",
    ),
    Shown('<img src="x">', None, "[image]", "even without a name"),
    Shown(
        '<p>see</p><attachment id="f1"></attachment>',
        'see<p><a href="https://sp.example/a.docx">[attachment: a.docx]</a></p>',
        "see\n\n[attachment: a.docx] (https://sp.example/a.docx)",
        "a file is announced, with its address",
    ),
    Shown(
        '<attachment id="no"></attachment>x',
        "<p>[attachment]</p>x",
        "[attachment]\n\nx",
        "so is what we do not know",
    ),
    Shown(
        '<attachment id="q1"></attachment>yes',
        "<blockquote>shall we?</blockquote>yes",
        "> shall we?\n\nyes",
        "what an attachment stands for is placed where it stands",
    ),
    Shown("<systemEventMessage/>", None, "", "an event says nothing in words"),
    Shown(
        "<ul><li>a<ul><li>b</li></ul></li></ul>",
        "<ul><li>a<ul><li>b</li></ul></li></ul>",
        "• a\n  • b",
        "lists nest",
    ),
    Shown(
        '<ol start="3">\n<li>a</li>\n<li><p>b</p><p>c</p></li>\n</ol>',
        '<ol start="3"><li>a</li><li>b<br>c</li></ol>',
        "3. a\n4. b\n   c",
        "numbering goes on where it was",
    ),
    Shown(
        "<ul><li>a</li><ul><li>b</li></ul></ul>",
        "<ul><li>a<ul><li>b</li></ul></li></ul>",
        "• a\n  • b",
        "a list outside any item",
    ),
    Shown("<li>a</li><li>b</li>", None, "• a\n• b", "items outside any list"),
    Shown(
        '<ol start="99999999999999999999"><li>a</li></ol>',
        "<ol><li>a</li></ol>",
        "1. a",
        "a number beyond all bounds",
    ),
    Shown(
        "<table><tbody><tr><th>a</th><td><p>b</p></td></tr><tr><td>c</td></tr></tbody></table>",
        "<table><tbody><tr><th>a</th><td>b</td></tr><tr><td>c</td></tr></tbody></table>",
        "a | b\nc",
        "a table",
    ),
    Shown(
        "<table><caption>t</caption>stray<tr><td>a</td></tr></table>",
        "<p>stray</p><p>t</p><table><tbody><tr><td>a</td></tr></tbody></table>",
        "stray\n\nt\n\na",
        "nothing in a table is lost",
    ),
    Shown("<code>a  &lt;b</code>", "<code>a &lt;b</code>", "a <b", "code within a line"),
    Shown(
        '<codeblock class="Python"><code>if x:<br>&nbsp;&nbsp;y()</code></codeblock>',
        '<pre><code class="language-python">if x:\n  y()</code></pre>',
        "if x:\n  y()",
        "a block of code keeps lines, indentation and language",
    ),
    Shown(
        '<p itemtype="http://schema.skype.com/CodeBlockEditor">\r\n&nbsp;</p>'
        '<pre class="language-json skipProofing"><code>{<span class="hljs-string">"a"</span>}</code></pre>',
        '<pre><code class="language-json">{"a"}</code></pre>',
        '{"a"}',
        "the older form of a block of code",
    ),
    Shown("<pre>a\n  b\tc</pre>", "<pre><code>a\n  b\tc</code></pre>", "a\n  b\tc", "preformatted"),
    Shown(
        "<h1>T</h1><p>x</p><hr><h3>U</h3>",
        "<h1>T</h1>x<hr><h3>U</h3>",
        "T\n\nx\n\n---\n\nU",
        "headings and rules",
    ),
    Shown(
        "<blockquote><p>a</p><blockquote>b</blockquote></blockquote>c",
        "<blockquote>a<blockquote>b</blockquote></blockquote>c",
        "> a\n> > b\n\nc",
        "quotes nest",
    ),
    Shown("<video src='x'></video>", None, "[video]", "a video is announced"),
    Shown("<script>alert(1)</script><style>p{}</style>x", None, "x", "no script, no style"),
    Shown("<img src=x onerror=alert(1)>", None, "[image]", "no event handler"),
    Shown(
        "<svg><script>alert(1)</script></svg><math><mi>x</mi></math>y",
        None,
        "y",
        "no foreign element",
    ),
    Shown("<!-- c --><![CDATA[d]]><?php e ?>f", None, "f", "no comment"),
    Shown("a\x00b\x01c\x7f&#0;", None, "abc\ufffd", "no NUL, no control character"),
    Shown("a\u202egnp.exe", None, "agnp.exe", "nothing written backwards"),
    Shown(
        "\u05d0\u200f\u05d1", None, "\u05d0\u200f\u05d1", "but what is truly written that way stays"
    ),
    Shown("a\ud800b&#xD800;", None, "a\ufffdb\ufffd", "half a character becomes a mark"),
    Shown("<textarea><b>x</b></textarea>", None, "<b>x</b>", "raw text is text"),
    Shown(
        '<a href="https://e.com" onclick="x" style="position:fixed">y</a>',
        '<a href="https://e.com">y</a>',
        "y (https://e.com)",
        "no other attribute",
    ),
    Shown('<p data-x="<script>">x</p>', None, "x", "markup within attributes is none"),
]

ATTACHMENTS: dict[str, Block] = {
    "f1": Attachment(name="a.docx", url="https://sp.example/a.docx"),
    "q1": Quote(blocks=(Paragraph(content=(Text(text="shall we?"),)),)),
}


@pytest.mark.parametrize("row", TEAMS_TO_MATRIX, ids=lambda row: row.why)
def test_a_message_from_teams_is_shown_in_matrix(row: Shown) -> None:
    placed = {id_: block for id_, block in ATTACHMENTS.items() if f'id="{id_}"' in row.source}
    body = parse_teams(row.source, mentions={0: ADA}, attachments=placed)

    assert render_matrix(body) == (row.plain, row.html)


MATRIX_TO_TEAMS = [
    ("a<br>b", "a<br>b", "a line break"),
    (
        "<p>a</p>\n<p>b</p>",
        "<p>a</p><p>&nbsp;</p><p>b</p>",
        "paragraphs are parted by an empty line",
    ),
    ("<div>a</div><div>b</div>", "a<br>b", "a div is a line"),
    (
        "<mx-reply><blockquote>old</blockquote></mx-reply>new",
        "new",
        "the old reply fallback is not for reading",
    ),
    ("<del>x</del><s>y</s>", "<s>x</s><s>y</s>", "Teams shows s and not del"),
    (
        '<a href="https://matrix.to/#/@ada:example.org">Ada</a>: hi',
        "Ada: hi",
        "a mention of a Matrix user is a name in Teams",
    ),
    ('<a href="matrix:u/ada:example.org">Ada</a>', "Ada", "so is one by URI"),
    (
        '<a href="https://matrix.to/#/%23room:x">room</a>',
        '<a href="https://matrix.to/#/%23room:x">room</a>',
        "a room is a link",
    ),
    ("<span data-mx-spoiler>secret</span>", "[spoiler] secret", "Teams cannot hide"),
    ('<span data-mx-spoiler="film">end</span>', "[spoiler: film] end", "but it can warn"),
    (
        '<span data-mx-color="#ff0000">x</span><font color="red">y</font>',
        "xy",
        "colours are dropped",
    ),
    ('<img data-mx-emoticon src="mxc://x/y" alt=":blob:">', ":blob:", "a custom emoji is its name"),
    ('<img src="mxc://x/y" alt="cat">', "[image: cat]", "an image is announced"),
    (
        '<pre><code class="language-python">if x:\n  y()\n</code></pre>',
        '<codeblock class="python"><code>if x:<br>&nbsp;&nbsp;y()</code></codeblock>',
        "a block of code",
    ),
    (
        "<pre><code>a</code></pre>",
        '<codeblock class="plaintext"><code>a</code></codeblock>',
        "of no known language",
    ),
    ("<details><summary>more</summary>text</details>", "more<br>text", "details are open"),
    (
        "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>",
        "<table><tbody><tr><th>a</th></tr><tr><td>b</td></tr></tbody></table>",
        "a table",
    ),
    ("<h6>x</h6>", "<h6>x</h6>", "a heading"),
    (
        'x<at id="0">Ada</at><attachment id="1"></attachment>',
        "xAda",
        "Teams' own tags mean nothing in Matrix",
    ),
    ("&lt;at id=0&gt;", "&lt;at id=0&gt;", "and cannot be smuggled"),
    (
        "<code>a</code> <code>b<br>c</code>",
        "<code>a</code> <code>b<br>c</code>",
        "code within a line",
    ),
    (
        "<code><a href='https://e.com'>x</a></code>",
        '<a href="https://e.com"><code>x</code></a>',
        "a link within code",
    ),
]


@pytest.mark.parametrize(
    ("matrix", "teams", "why"), MATRIX_TO_TEAMS, ids=[why for *_, why in MATRIX_TO_TEAMS]
)
def test_a_message_from_matrix_is_shown_in_teams(matrix: str, teams: str, why: str) -> None:
    assert render_teams(parse_matrix(html(matrix))) == teams


def html(formatted: str, body: str = "fallback") -> dict[str, object]:
    return {
        "msgtype": "m.text",
        "body": body,
        "format": "org.matrix.custom.html",
        "formatted_body": formatted,
    }


REPLY = {"m.in_reply_to": {"event_id": "$x"}}
CONTENTS: list[tuple[dict[str, object], str, str]] = [
    ({"msgtype": "m.text", "body": "a\n\nb  c"}, "a\n\nb  c", "plain text keeps its spaces"),
    ({"msgtype": "m.notice", "body": "a"}, "a", "a notice is a text"),
    ({"msgtype": "m.emote", "body": "waves"}, "* Ada waves", "an emote says who"),
    (
        {"msgtype": "m.text", "body": "> <@a:b> x\n> y\n\nz", "m.relates_to": REPLY},
        "z",
        "a reply's fallback goes",
    ),
    ({"msgtype": "m.text", "body": "> x\n\nz"}, "> x\n\nz", "what only looks like it stays"),
    (
        {"msgtype": "m.text", "body": "> x\n\n", "m.relates_to": REPLY},
        "> x",
        "a reply of nothing but a quote stays",
    ),
    (
        html("<script>x</script>", "safe"),
        "safe",
        "markup without words gives way to the plain text",
    ),
    (
        {"msgtype": "m.text", "body": "a", "formatted_body": "<b>c</b>"},
        "a",
        "unless its format is named",
    ),
    (
        {"msgtype": "m.text", "body": 5, "formatted_body": [], "format": {}},
        "",
        "fields of wrong types are none",
    ),
    ({"msgtype": ["m.text"], "body": "a"}, "a", "so is a wrong type"),
    ({}, "", "nothing is nothing"),
    (
        {"msgtype": "m.file", "body": "a.pdf", "url": "mxc://x/y"},
        "[attachment: a.pdf]",
        "a file is announced",
    ),
    ({"msgtype": "m.image", "body": "cat.png"}, "[image: cat.png]", "an image is announced"),
    (
        {"msgtype": "m.file", "filename": "a.pdf", "body": "read this"},
        "[attachment: a.pdf]\n\nread this",
        "with its caption",
    ),
    (
        {"msgtype": "m.video", "filename": "a.mp4", "body": "a.mp4"},
        "[attachment: a.mp4]",
        "a name is no caption",
    ),
    (
        {"msgtype": "m.location", "body": "Big Ben", "geo_uri": "geo:51.5,0.1"},
        "Big Ben\n\ngeo:51.5,0.1",
        "a place",
    ),
    ({"msgtype": "org.example.poll", "body": "Which?"}, "Which?", "an unknown type has a fallback"),
    ({"msgtype": "org.example.poll"}, "[unsupported message: org.example.poll]", "or is named"),
]


@pytest.mark.parametrize(("content", "plain", "why"), CONTENTS, ids=[why for *_, why in CONTENTS])
def test_every_kind_of_matrix_message_says_something(
    content: dict[str, object], plain: str, why: str
) -> None:
    assert render_matrix(parse_matrix(content, sender_name="Ada"))[0] == plain


def test_mentions_of_teams_users_get_their_numbers() -> None:
    body = parse_teams(
        '<at id="3">Bob</at>, <at id="0">Ada</at>&nbsp;<at id="1">Lovelace</at>, <at id="3">Bob</at>',
        mentions={0: ADA, 1: ADA, 3: BOB},
    )
    named = teams_mentions(body)

    assert [(mention.target, mention.text) for mention in named] == [
        (BOB, "Bob"),
        (ADA, "Ada Lovelace"),
    ]
    assert render_teams(body, mentions=named) == (
        '<at id="0">Bob</at>, <at id="1">Ada Lovelace</at>, <at id="0">Bob</at>'
    )
    assert render_teams(body) == "Bob, Ada Lovelace, Bob"


def test_attachments_without_a_place_follow_at_the_end() -> None:
    body = parse_teams("hello", content_type="text", attachments=ATTACHMENTS)

    assert render_matrix(body)[0] == (
        "hello\n\n[attachment: a.docx] (https://sp.example/a.docx)\n\n> shall we?"
    )


@pytest.mark.parametrize(
    ("found", "trace"),
    [
        ('<div data-bridge-trace="a.1">x</div>', "a.1"),
        ("<DIV><p STYLE='x' Data-Bridge-Trace = 'a.1'>x</p></DIV>", "a.1"),
        ('x<div data-bridge-trace="a.1">x</div>', None),
        ('<blockquote><div data-bridge-trace="a.1">x</div></blockquote>', None),
        ('<div data-bridge-trace="a b">x</div>', None),
        ("<" * 100_000, None),
        ("", None),
    ],
)
def test_a_trace_is_found_only_around_a_whole_message(found: str, trace: str | None) -> None:
    assert find_trace(found) == trace


def test_a_trace_of_another_alphabet_is_a_bug_of_ours() -> None:
    with pytest.raises(InvariantBroken):
        render_teams(Body(), trace='"><script>')


HOSTILE = {
    "100,000 nested tags": "<div>" * 100_000 + "x",
    "100,000 nested styles": "<b>" * 100_000 + "x",
    "50,000 attributes": "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">x",
    "styles opened again in every paragraph": (
        "<p>" + "".join(f"<b id={n}>" for n in range(4000)) + "</p>" + "<p>x</p>" * 8000
    ),
    "the same, hidden from a simple scan": (
        "<x a='>'><p>"
        + "".join(f"<b/id={n} a='>'>" for n in range(3000))
        + "</p>"
        + "<p>x</p>" * 5000
    ),
    "nested tables": "<table><tr><td>" * 8000 + "x",
    "crossed tags": "<b><p></b>" * 13_000 + "x",
    "nested links": "<a href=https://e.com/>" * 5000 + "x",
    "nested quotes with lines": "<blockquote>" * 90 + "x<br>" * 20_000,
    "nested lists": "<ul><li>" * 16_000 + "x",
    "many line breaks": "<br>" * 30_000 + "x",
    "unfinished tags": "x" + "<a " * 40_000,
    "lone angles": "<" * 131_000 + "x",
    "ampersands": "&" * 131_000,
    "spaces": "x" + " " * 131_000 + "\n" * 1000,
    "empty lines": "x" + "\n \n" * 40_000,
    "unfinished comments": "x" + "<!--" * 30_000,
    "alternating styles": "<b>a</b><i>b</i>" * 8000,
}


@pytest.mark.parametrize("markup", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_message_is_read_in_bounded_time_and_keeps_its_words(markup: str) -> None:
    started = perf_counter()
    body = parse_teams(markup)
    there = render_matrix(parse_matrix(html(markup, markup)))
    render_teams(body)

    assert perf_counter() - started < HOSTILE_SECONDS_MAX
    assert bare_text(body)
    assert there[0]


def test_what_is_longer_than_any_message_is_cut_and_says_so() -> None:
    text = "word " * (HTML_CHARS_MAX // 5 + 100)

    for body in (
        parse_teams(text),
        parse_teams(text, content_type="text"),
        parse_teams("<b>x</b>" + text),
        parse_matrix({"msgtype": "m.text", "body": text}),
        parse_matrix(html(text)),
    ):
        assert re.search(r"\[\d+ more characters were not bridged\]$", render_matrix(body)[0])
