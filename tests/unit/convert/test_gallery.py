"""One table of what messages look like on one side and on the other, and why."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bridge.convert import losses
from bridge.convert.matrix import parse_matrix, read_matrix, render_matrix
from bridge.convert.teams import (
    find_trace,
    parse_teams,
    read_teams,
    render_teams,
    teams_mentions,
)
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Paragraph,
    Quote,
    Target,
    TargetKind,
    Text,
    mentions,
    plain_text,
)
from bridge.errors import InvariantBroken

VEIL = '<span style="color: #808080; background-color: #808080">'
ADA = Target(kind=TargetKind.TEAMS_USER, id="5d8a-ada")
BOB = Target(kind=TargetKind.TEAMS_USER, id="77c1-bob")


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
        "u~~s~~~~t~~²_i",
        "every style both sides know",
    ),
    Shown(
        '<span style="color:red">red</span><font size=7>big</font><mark>m</mark>',
        '<span data-mx-color="#ff0000">red</span>bigm',
        "redbigm",
        "colours cross, sizes are dropped, words are not",
    ),
    Shown(
        '<span style="font-size:14px; Background-Color: RGB(255, 255, 0) !important">x</span>',
        '<span data-mx-bg-color="#ffff00">x</span>',
        "x",
        "a highlight",
    ),
    Shown(
        '<font color="#0a0">x</font><span style="color:#c00c">y</span><b style="color:teal">z</b>',
        '<span data-mx-color="#00aa00">x</span><span data-mx-color="#cc0000">y</span>'
        '<strong><span data-mx-color="#008080">z</span></strong>',
        "xyz",
        "colours in every spelling, of any element",
    ),
    Shown(
        '<p style="color:rgb(36, 36, 36); background-color:white"><span style="color:#fff">x</span></p>'
        '<span style="color:windowtext">y</span><span style="color:rgba(255,0,0,0)">z</span>',
        None,
        "x\nyz",
        "the colours of a theme are no colours, nor is what cannot be seen",
    ),
    Shown(
        '<span style="background:yellow;color:black">x</span>',
        '<span data-mx-color="#000000" data-mx-bg-color="#ffff00">x</span>',
        "x",
        "but black on yellow is meant",
    ),
    Shown(
        '<span style="color:red; background:url(https://evil.org/x.png)">x</span>',
        '<span data-mx-color="#ff0000">x</span>',
        "x",
        "a background is a colour or nothing",
    ),
    Shown(
        '<div style="color:red">a<div>b</div></div>',
        '<span data-mx-color="#ff0000">a<br>b</span>',
        "a\nb",
        "lines of one colour",
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
        '<a href="https://evil.org">https://bank.com (evil.org)</a>',
        "https://bank.com (evil.org) (https://evil.org)",
        "a link that lies says where it leads",
    ),
    Shown(
        '<a href="https://evil.org/bank.com">bank.com/login</a>',
        '<a href="https://evil.org/bank.com">bank.com/login (evil.org)</a>',
        "bank.com/login (evil.org) (https://evil.org/bank.com)",
        "in whatever form it lies",
    ),
    Shown(
        '<a href="https://www.bank.com/?a=1">bank.com</a>',
        '<a href="https://www.bank.com/?a=1">bank.com</a>',
        "bank.com (https://www.bank.com/?a=1)",
        "one that says the truth in short does not",
    ),
    Shown(
        '<a href="https://evil.org/?u=x">\u202e\u2067moc.knab\u2069\u200f</a>',
        '<a href="https://evil.org/?u=x">moc.knab</a>',
        "moc.knab (https://evil.org/?u=x)",
        "nothing in a link is written backwards",
    ),
    Shown(
        '<a href="mailto:ada@example.com">ada@example.com</a>',
        '<a href="mailto:ada@example.com">ada@example.com</a>',
        "ada@example.com",
        "an address of its own words is not said twice",
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
    Shown(
        '<at id="1">Everyone</at> hi',
        "<strong>@Everyone</strong> hi",
        "@Everyone hi",
        "everyone is the room",
    ),
    Shown(
        '<at id="2">General</at> and <at id="3">Sales</at>',
        "<strong>@General</strong> and <strong>@Sales</strong>",
        "@General and @Sales",
        "so is a channel, or a team",
    ),
    Shown(
        '<at id="4">Shift leads</at>, <at id="5">Helper</at>',
        None,
        "@Shift leads, @Helper",
        "a tag and a bot are names that were called",
    ),
    Shown('<emoji id="1f440_eyes" alt="👀" title="Eyes"></emoji>', None, "👀", "emoji"),
    Shown(
        '<customemoji id="x" alt="party" source="https://graph.microsoft.com/v1.0/x"></customemoji>',
        None,
        ":party:",
        "custom emoji go by their name, until their image is in Matrix",
    ),
    Shown(
        '<customemoji id="x" alt="party" source="mxc://h.org/abc"></customemoji>',
        '<img data-mx-emoticon="" src="mxc://h.org/abc" alt=":party:" title=":party:" height="32">',
        ":party:",
        "and are shown then",
    ),
    Shown('<customemoji id="x" alt="party"></customemoji>', None, ":party:", "or have none"),
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
        'a<img src="mxc://h.org/x" alt="a &quot;cat&quot;" width="67" style="height:63.4px">b',
        'a<img src="mxc://h.org/x" alt="a &quot;cat&quot;" width="67" height="63">b',
        'a[image: a "cat"]b',
        "one that is in Matrix is shown, as large as it was",
    ),
    Shown(
        '<img src="mxc://h.org/x&quot; onerror=alert(1)" alt=y width=9999999 height=50%>',
        None,
        "[image: y]",
        "nothing but an address of Matrix is one",
    ),
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
        "<table><caption>t</caption><thead><tr><td>a</td><td>b</td></tr></thead>"
        "<tr><td colspan=2><p>c</p><p>d</p></td></tr></table>",
        "t<table><tbody><tr><th>a</th><th>b</th></tr><tr><td>c<br>d</td></tr></tbody></table>",
        "t\n\na | b\n--- | ---\nc / d",
        "with a title and a head",
    ),
    Shown(
        "<table><tr><td><table><tr><td>a</td></tr></table></td><td><ul><li>b</li></ul></td></tr></table>",
        "<table><tbody><tr><td><table><tbody><tr><td>a</td></tr></tbody></table></td>"
        "<td><ul><li>b</li></ul></td></tr></tbody></table>",
        "a | • b",
        "a table in a table",
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
        "```python\nif x:\n  y()\n```",
        "a block of code keeps lines, indentation and language",
    ),
    Shown(
        '<p itemtype="http://schema.skype.com/CodeBlockEditor">\r\n&nbsp;</p>'
        '<pre class="language-json skipProofing"><code>{<span class="hljs-string">"a"</span>}</code></pre>',
        '<pre><code class="language-json">{"a"}</code></pre>',
        '```json\n{"a"}\n```',
        "the older form of a block of code",
    ),
    Shown(
        "<pre>a\n  b\tc</pre>",
        "<pre><code>a\n  b\tc</code></pre>",
        "```\na\n  b\tc\n```",
        "preformatted",
    ),
    Shown(
        "<pre>``` `</pre>",
        "<pre><code>``` `</code></pre>",
        "````\n``` `\n````",
        "a fence is longer than any in the code",
    ),
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
    Shown("<video src='x'></video>", "<p>[video]</p>", "[video]", "a video is announced"),
    Shown(
        '<img itemtype="http://schema.skype.com/AMSVideo" src="https://graph.microsoft.com/v" alt="v">',
        '<p><a href="https://graph.microsoft.com/v">[video: v]</a></p>',
        "[video: v] (https://graph.microsoft.com/v)",
        "however it is written",
    ),
    Shown(
        "a<audio src=x title=t></audio>b", "a<p>[audio: t]</p>b", "a\n\n[audio: t]\n\nb", "audio"
    ),
    Shown(
        '<readonly itemtype="http://schema.skype.com/InputExtension"><p>a</p></readonly>',
        None,
        "a",
        "what is read only is read",
    ),
    Shown("<script>alert(1)</script><style>p{}</style>x", None, "x", "no script, no style"),
    Shown("<img src=x onerror=alert(1)>", None, "[image]", "no event handler"),
    Shown(
        "<svg><script>alert(1)</script></svg><math><mi>x</mi></math>y",
        None,
        "y",
        "no foreign element",
    ),
    Shown("<!-- c --><![CDATA[d]]><?php e ?>f", None, "f", "no comment"),
    Shown(
        "10<sup>6</sup> m<sup>n+1</sup> 1<sup>st</sup> H<sub>2</sub>O x<sub>max</sub>",
        "10<sup>6</sup> m<sup>n+1</sup> 1<sup>st</sup> H<sub>2</sub>O x<sub>max</sub>",
        "10⁶ mⁿ⁺¹ 1st H₂O x_max",
        "raised and lowered",
    ),
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

MENTIONS = {
    0: ADA,
    1: Target(kind=TargetKind.EVERYONE, id="19:x@thread.v2"),
    2: Target(kind=TargetKind.CHANNEL, id="19:y@thread.tacv2"),
    3: Target(kind=TargetKind.TEAM, id="t"),
    4: Target(kind=TargetKind.TEAMS_TAG, id="tag"),
    5: Target(kind=TargetKind.TEAMS_APP, id="app"),
}
ATTACHMENTS: dict[str, Block] = {
    "f1": Attachment(name="a.docx", url="https://sp.example/a.docx"),
    "q1": Quote(blocks=(Paragraph(content=(Text(text="shall we?"),)),)),
}


@pytest.mark.parametrize("row", TEAMS_TO_MATRIX, ids=lambda row: row.why)
def test_a_message_from_teams_is_shown_in_matrix(row: Shown) -> None:
    placed = {id_: block for id_, block in ATTACHMENTS.items() if f'id="{id_}"' in row.source}
    body = parse_teams(row.source, mentions=MENTIONS, attachments=placed)

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
    (
        "<span data-mx-spoiler>secret</span>",
        f"[spoiler] {VEIL}secret</span>",
        "a spoiler is in the colour of its ground",
    ),
    (
        '<span data-mx-spoiler="film">the <b>end</b></span>',
        f"[spoiler: film] {VEIL}the <strong>end</strong></span>",
        "after a warning, with its reason",
    ),
    (
        '<span data-mx-spoiler><a href="https://e.com">a</a> <code>b</code></span>',
        f'[spoiler] {VEIL}<a href="https://e.com">{VEIL}a</span></a> b</span>',
        "nothing in it shows in a colour of its own",
    ),
    (
        "<span data-mx-spoiler>a<p>b</p></span>",
        f"<p>[spoiler] {VEIL}a</span></p><p>&nbsp;</p><p>{VEIL}b</span></p>",
        "of all its paragraphs",
    ),
    (
        "<span data-mx-spoiler>a <span data-mx-spoiler>b</span></span>",
        f"[spoiler] {VEIL}a [spoiler] {VEIL}b</span></span>",
        "and one within another",
    ),
    (
        "<pre>a <span data-mx-spoiler>b</span></pre>",
        '<codeblock class="plaintext"><code>a [spoiler] b</code></codeblock>',
        "code has no colours, but takes the warning",
    ),
    (
        '<span data-mx-color="#ff0000">x</span><font color="red">y</font>',
        '<span style="color: #ff0000">x</span><span style="color: #ff0000">y</span>',
        "colours cross",
    ),
    (
        '<span data-mx-color="#ffffff" data-mx-bg-color="#cc0000">x</span>'
        '<font data-mx-color="#0000ff">y</font><span data-mx-color="#111111">z</span>',
        '<span style="color: #ffffff; background-color: #cc0000">x</span>'
        '<span style="color: #0000ff">y</span>z',
        "but for those of a theme",
    ),
    (
        '<span data-mx-color="red;background:url(https://evil.org)">x</span>',
        "x",
        "a colour is nothing else",
    ),
    ('<span data-mx-maths="x^2">x²</span>', "x²", "a formula is its plain form"),
    ('<span data-mx-maths="x^2"></span>', "x^2", "or its LaTeX"),
    (
        'a<div data-mx-maths="x^2"></div>b',
        "a<br>x^2<br>b",
        "on a line of its own, if it is so meant",
    ),
    (
        '<a href="https://evil.org">www.bank.com</a>',
        '<a href="https://evil.org">www.bank.com (evil.org)</a>',
        "a link that lies says where it leads",
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
        {"msgtype": "m.text", "body": "@room come", "m.mentions": {"room": True}},
        "@Everyone come",
        "the whole room is everyone",
    ),
    ({"msgtype": "m.text", "body": "@room come"}, "@room come", "unless nobody meant it"),
    (
        {"msgtype": "m.text", "body": "@room come", "m.mentions": {"room": "yes", "user_ids": 5}},
        "@room come",
        "or said so as it is said",
    ),
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
        "[video: a.mp4]",
        "a name is no caption",
    ),
    (
        {"msgtype": "m.location", "body": "Big Ben", "geo_uri": "geo:51.5,0.1"},
        "📍 Big Ben\n51.5, 0.1 (https://www.openstreetmap.org/?mlat=51.5&mlon=0.1#map=16/51.5/0.1)",
        "a place",
    ),
    (
        {
            "msgtype": "m.location",
            "body": "Location geo:-1.5,2;u=35.2 at 2021-11-02",
            "geo_uri": "geo:-1.5,2;u=35.2",
            "org.matrix.msc3488.asset": {"type": "m.self"},
        },
        "📍 Where I am\n-1.5, 2 (https://www.openstreetmap.org/?mlat=-1.5&mlon=2#map=16/-1.5/2) (± 35 m)",
        "where somebody is, as Element sends it",
    ),
    (
        {
            "msgtype": "m.location",
            "body": "x",
            "org.matrix.msc3488.location": {"uri": "geo:1,2", "description": "Home"},
        },
        "📍 Home\n1, 2 (https://www.openstreetmap.org/?mlat=1&mlon=2#map=16/1/2)",
        "a place as MSC3488 says it",
    ),
    (
        {"msgtype": "m.location", "body": "there", "geo_uri": "geo:91,0"},
        "📍 there\ngeo:91,0",
        "a place that is not on earth",
    ),
    ({"msgtype": "m.location"}, "📍 Location", "a place that says nothing"),
    ({"msgtype": "org.example.poll", "body": "Which?"}, "Which?", "an unknown type has a fallback"),
    ({"msgtype": "org.example.poll"}, "[unsupported message: org.example.poll]", "or is named"),
]


@pytest.mark.parametrize(("content", "plain", "why"), CONTENTS, ids=[why for *_, why in CONTENTS])
def test_every_kind_of_matrix_message_says_something(
    content: dict[str, object], plain: str, why: str
) -> None:
    assert render_matrix(parse_matrix(content, sender_name="Ada"))[0] == plain


PILL = '<a href="https://matrix.to/#/@ada:h.org">Ada</a>'


@pytest.mark.parametrize(
    ("called", "is_called"),
    [
        ({}, True),
        ({"m.mentions": {"user_ids": ["@ada:h.org"]}}, True),
        ({"m.mentions": {"user_ids": ["@bob:h.org", 7]}}, False),
        ({"m.mentions": {}}, False),
        ({"m.mentions": "nonsense"}, True),
    ],
)
def test_a_link_to_a_user_calls_them_unless_the_message_calls_others(
    called: dict[str, object], is_called: bool
) -> None:
    body = parse_matrix({**html(PILL), **called})

    assert bool(mentions(body)) is is_called
    assert plain_text(body) == "Ada"


def test_everyone_is_called_once_and_within_any_style() -> None:
    content = {**html("a <b>to @room</b>, @room"), "m.mentions": {"room": True}}
    body = parse_matrix(content)

    assert [(m.target, m.text) for m in mentions(body)] == [
        (Target(kind=TargetKind.EVERYONE, id=""), "Everyone")
    ]
    assert render_teams(body, mentions=teams_mentions(body)) == (
        'a <strong>to <at id="0">Everyone</at></strong>, @room'
    )


SPLIT_NAMES = [
    (
        '<at id="0">Miguel</at>&nbsp;<at id="1">De</at>&nbsp;<at id="2">La</at> <at id="3">Cruz</at>',
        ["Miguel De La Cruz"],
        "a name of four words",
    ),
    ('<at id="0">Ada</at> &nbsp;\n<at id="1">Lovelace</at>', ["Ada Lovelace"], "any space between"),
    ('<at id="0">Ada</at> and <at id="1">Ada</at>', ["Ada", "Ada"], "words between part them"),
    ('<at id="0">Ada</at> <at id="1">Ada</at>', ["Ada", "Ada"], "called twice is twice"),
    ('<at id="0">Ada</at> <at id="9">Bob</at>', ["Ada", "Bob"], "two people are two"),
    ('<at id="0">Ada</at><br><at id="1">Lovelace</at>', ["Ada", "Lovelace"], "so are two lines"),
    ('<at id="0"><b>Ada</b> L.</at>', ["Ada L."], "a name has no style of its own"),
]


@pytest.mark.parametrize(("source", "names", "why"), SPLIT_NAMES, ids=[w for *_, w in SPLIT_NAMES])
def test_the_words_of_a_name_are_one_mention(source: str, names: list[str], why: str) -> None:
    body = parse_teams(source, mentions={**dict.fromkeys(range(4), ADA), 9: BOB})

    assert [mention.text for mention in mentions(body)] == names


LOSSES = [
    ('<span style="font-size:24px">x</span>', {losses.FONT_SIZE}),
    ('<font size="5">x</font>', {losses.FONT_SIZE}),
    ('<span style="font-size:14px">x</span><font size=3>y</font>', set()),
    ('<p style="text-align:center">x</p>', {losses.ALIGNMENT}),
    ('<p style="text-align:left; margin:0; font-family:Arial">x</p>', set()),
    ('<table><tr><td colspan="2">x</td></tr></table>', {losses.CELL_SPANS}),
    ('<table><tr><td colspan="1" rowspan="1">x</td></tr></table>', set()),
    ('<ol type="a"><li>x</li></ol>', {losses.LIST_STYLE}),
    ('<ol reversed><li>x</li></ol>', {losses.LIST_STYLE}),
    ('<ol start="4" type="1"><li>x</li></ol>', set()),
    ('x<iframe src="https://e.com"></iframe>', {losses.EMBEDDED_CONTENT}),
    ('x<svg><circle/></svg>', {losses.EMBEDDED_CONTENT}),
    ('<at id="99">x</at>', {losses.UNKNOWN_MENTION}),
    ('<at id="0">x</at><at id="1">y</at><at id="2">z</at>', set()),
    ('<at id="4">x</at>', {losses.TAG_MENTION}),
    ('<at id="5">x</at>', {losses.APP_MENTION}),
    ('<attachment id="none"></attachment>', {losses.MISSING_ATTACHMENT}),
    ('<attachment id="f1"></attachment>', set()),
    ("<p>plain</p><b>bold</b><ul><li>x</li></ul>", set()),
]  # fmt: skip


@pytest.mark.parametrize(("source", "losses"), LOSSES)
def test_what_of_a_message_of_teams_is_lost_is_said(source: str, losses: set[str]) -> None:
    read = read_teams(source, mentions=MENTIONS, attachments=ATTACHMENTS)

    assert set(read.losses) == losses
    assert read.losses == tuple(sorted(losses))


@pytest.mark.parametrize(
    ("source", "losses"),
    [
        ("<span data-mx-spoiler>x</span>", {losses.SPOILER}),
        ("<details><summary>a</summary>b</details>", {losses.FOLDING}),
        ('<div data-mx-maths="x">x</div>', {losses.FORMULA}),
        ('<span data-mx-maths="x">x</span>', {losses.FORMULA}),
        ('<img data-mx-emoticon src="mxc://h/x" alt=":x:">', set()),
        ('<img data-mx-emoticon src="https://h/x" alt=":x:">', {losses.EMOTICON}),
        ("<b>x</b>", set()),
    ],
)
def test_what_of_a_message_of_matrix_is_lost_is_said(source: str, losses: set[str]) -> None:
    assert set(read_matrix(html(source)).losses) == losses


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
