"""Whether markup can be left to a parser that reads as browsers do, or would keep it busy for minutes.

What html5ever takes too long for (measured with nh3 0.3.8): elements in each other, quadratic in the
depth (50,000 <div>: 6.8 s); text in a table but in no cell, and end tags that match nothing, quadratic
in their number (0.6 s for 131 kB); attributes of one element, likewise (32,000: 0.2 s); styles with
attributes that are not closed, opened again in every following block (4,000 <b id=…> before 4,000 <p>:
24 s, 112 MB); and a large tree takes memory (8 MB of <p>: 0.8 GB). A document in which every element
that is opened is closed, as all clients write them, has none of that.

So what is closed as it should be is taken away, from within, until nothing more can be: what is left is
small in a calm document. An element is taken only if it is spelt so plainly that wherever a browser
sees its beginning, it sees its end as well; something remains in its place, so that what is left around
it does not become a tag that nobody wrote.
"""

from __future__ import annotations

import re

from bridge.domain.content import STRETCH_CHARS_MAX

SHORT_CHARS_MAX = 4_096
SHORT_TAGS_MAX = 64
"""Markup of so many characters and "<" cannot keep nh3 busy for more than 2 ms."""
LEFT_TAGS_MAX = 100
"""Of a calm document: tags that are left when all that is closed as it should be is taken away."""
LEFT_STYLES_MAX = 3
"""Of these, styles; each may be opened again in every block."""
ROUNDS_MAX = 24
"""Of taking away, each a level: nobody writes a deeper document."""
TAGS_MAX = 16_000
"""Of a calm document. A message has 28 kB if it was sent through Graph and some 100 kB from a client
(learn.microsoft.com limits-specifications-teams); a tag for each word fills that with 11,000 tags."""
AMPERSANDS_MAX = 5_000
"""Of a calm document; each that is no entity takes html5ever 2 µs."""
ATTRIBUTES_MAX = 32
"""Of an element that is plainly spelt."""
TAG_CHARS_MAX = 1_500
"""Of a tag in a calm document, attributes and all: some hundred attributes at most."""

_SPACE = r"[ \t\n\f\r]"
_ATTRIBUTES = (
    rf"(?:{_SPACE}++[a-zA-Z_:][\w:.-]{{0,63}}"
    rf"(?:=(?:\"[^\"<>\x00]*+\"|'[^'<>\x00]*+'|[^ \t\n\f\r\"'=<>`\x00]++))?+){{0,{ATTRIBUTES_MAX}}}+"
)


def _element(names: str, content: str) -> str:
    return rf"<({names})\b{_ATTRIBUTES}{_SPACE}*+>{content}</\1{_SPACE}*+>"


_PLAIN = (
    "a|at|attachment|b|blockquote|center|code|codeblock|customemoji|dd|del|details|div|dl|dt|em|emoji|"
    "figure|font|h[1-6]|i|ins|li|ol|p|pre|readonly|s|section|span|strike|strong|sub|summary|sup|"
    "systemeventmessage|u|ul"
)
_CLOSED = re.compile(
    _element(_PLAIN, "[^<]*+")
    + rf"|<(?:br|hr|img|wbr)\b{_ATTRIBUTES}{_SPACE}*+/?>|<!--[^<>-]*+-->",
    re.IGNORECASE,
)
_CELL = re.compile(
    _element("td|th|caption", "[^<]*+") + rf"|<col\b{_ATTRIBUTES}{_SPACE}*+/?>", re.IGNORECASE
)
_ROW = re.compile(_element("tr|colgroup", r"[ \t\n\f\r\x01]*+"), re.IGNORECASE)
_PART = re.compile(_element("tbody|thead|tfoot", r"[ \t\n\f\r\x01]*+"), re.IGNORECASE)
_TABLE = re.compile(_element("table", r"[ \t\n\f\r\x01]*+"), re.IGNORECASE)
_TAKEN, _TAKEN_OF_TABLE = "\x00", "\x01"
"""Stand for what was taken away, so that what is left does not become a tag that nobody wrote."""

# A tag that ends elsewhere than at the next ">", and one that is too long.
_CROOKED = re.compile(
    rf"<[a-zA-Z](?:[^<>]{{{TAG_CHARS_MAX}}}|[^<>]*+(?:<|\Z))"
    rf"|={_SPACE}*+(?:\"[^\"<>]*+[<>]|'[^'<>]*+[<>])"
)
_STYLE = re.compile(
    r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[ \t\n\f\r/>]", re.IGNORECASE
)
_OF_TABLE = re.compile(r"<(?:table|tbody|thead|tfoot|tr|td|th|caption|col)", re.IGNORECASE)


def is_calm(html: str) -> bool:
    """Whether nh3 reads this quickly, whatever its writer had in mind."""
    if len(html) <= SHORT_CHARS_MAX and html.count("<") <= SHORT_TAGS_MAX:
        return True
    if len(html) > STRETCH_CHARS_MAX or html.count("&") > AMPERSANDS_MAX:
        return False
    if html.count("<") > TAGS_MAX:
        return False
    if _left_at_least(html) > LEFT_TAGS_MAX:
        return False
    if _TAKEN in html or _TAKEN_OF_TABLE in html or _CROOKED.search(html):
        return False
    left = _left(html)
    return (
        left.count("<") <= LEFT_TAGS_MAX
        and len(_STYLE.findall(left)) <= LEFT_STYLES_MAX
        and _OF_TABLE.search(left) is None
    )


def _left_at_least(html: str) -> int:
    """How many tags nobody can take away: quickly said of what is one storm of them."""
    ends = html.count("</")
    alone = sum(map(html.count, _ALONE))
    begins = html.count("<") - ends - alone
    return abs(begins - ends)


_ALONE = ("<br", "<hr", "<img", "<wbr", "<col", "<!--")


def _left(html: str) -> str:
    """What is left when elements that are closed as they should be are taken away, from within."""
    for _ in range(ROUNDS_MAX):
        html, taken = _CLOSED.subn(_TAKEN, html)
        if _OF_TABLE.search(html):
            for part in (_CELL, _ROW, _PART):
                html, more = part.subn(_TAKEN_OF_TABLE, html)
                taken += more
            html, more = _TABLE.subn(_TAKEN, html)
            taken += more
        if not taken or "<" not in html:
            break
    return html
