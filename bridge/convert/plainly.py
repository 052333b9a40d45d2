"""Markup that needs no parser: spelt as clients spell it, every element closed where it should be.

    html ──▶ pieces ──▶ is each a text, or a tag that may stand where it stands? ──▶ tokens
                         └─ no: None, and a parser reads it (`taming`)

A parser is there for what is crooked: what closes what, what may not stand in what. Most of what clients
write has none of that, and its pieces are the very tokens that nh3 gives, at a third of the time (a test
compares them). So this says no whenever it is in doubt: of tags in capitals, of entities but the five
that nh3 writes, of a list within a paragraph, of words in a table but in no cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set as AbstractSet

from bridge.convert.markup import SURROGATE, Sanitizer, Token, may_stay, names
from bridge.domain.content import STRETCH_CHARS_MAX

TAGS_MAX = 16_000
"""Of a document, as in `calm`: a tag for each word fills the largest message with 11,000."""
DEPTH_MAX = 100
"""Elements in each other, as of a body."""

_PIECE = re.compile(
    r"<(/?)([a-z][a-z0-9]*+)((?: [a-z-]++=\"[^\"<>]*+\")*+ ?/?)>|([^<]++|<)",
)
_ATTRIBUTE = re.compile(r" ([a-z-]+)=\"([^\"]*)\"")
_ENTITIES = ("&amp;", "&lt;", "&gt;", "&quot;", "&nbsp;")
_STRANGE = re.compile(r"[\r\x00]")

_VOID = names("br hr img")
_WORDS = names(
    "a at attachment b br code customemoji del em emoji font i img ins s span strike strong sub sup u"
)
_HEADINGS = names("h1 h2 h3 h4 h5 h6")
_FLOW = _WORDS | _HEADINGS | names("blockquote codeblock div hr ol p pre table ul")
_CONTENT: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_WORDS | _HEADINGS | {"p", "pre", "codeblock"}, _WORDS),
    **dict.fromkeys(("", "blockquote", "div", "li", "td", "th"), _FLOW),
    **dict.fromkeys(("ul", "ol"), names("li")),
    "table": names("tbody thead tfoot"),
    **dict.fromkeys(("tbody", "thead", "tfoot"), names("tr")),
    "tr": names("td th"),
}
"""What an element may hold; "" is a whole document. Every other is for a parser."""
_SHY = names("pre table tbody thead tfoot tr")
"""Where not all words are shown."""


def plain_tokens(html: str, sanitizer: Sanitizer) -> Sequence[Token] | None:
    """The tokens of a document; None of one that is for a parser."""
    if len(html) > STRETCH_CHARS_MAX or html.count("<") > TAGS_MAX or _STRANGE.search(html):
        return None
    if not html.isascii():
        if SURROGATE.search(html):
            return None
        html = html.replace("\u00a0", "&nbsp;")
    if "&" in html and html.count("&") != sum(map(html.count, _ENTITIES)):
        return None
    pieces: list[Token] = _PIECE.findall(html)
    return pieces if _are_in_place(pieces, sanitizer) else None


def _are_in_place(pieces: list[Token], sanitizer: Sanitizer) -> bool:
    """Whether each piece may be where it is; the attributes that mean nothing are taken away."""
    allowed = sanitizer.tags
    around: list[str] = []
    tag, content = "", _CONTENT[""]
    for at, (slash, name, attributes, text) in enumerate(pieces):
        if text:
            if text[0] == "<" or (tag in _SHY and _is_lost(text, tag, pieces[at - 1])):
                return False
        elif slash:
            if name != tag or attributes:
                return False
            tag = around.pop()
            content = _CONTENT[tag]
        else:
            if name not in content or name not in allowed or len(around) > DEPTH_MAX:
                return False
            if attributes:
                pieces[at] = ("", name, _kept(sanitizer.attributes.get(name), attributes), "")
            if name not in _VOID:
                if attributes[-1:] == "/" or (name == "a" and "a" in (tag, *around)):
                    return False
                around.append(tag)
                tag, content = name, _CONTENT[name]
    return not tag


def _is_lost(text: str, tag: str, before: Token) -> bool:
    """Whether a browser would not show these words where they are."""
    if tag == "pre":
        return text[0] == "\n" and before[1] == "pre"
    return bool(text.strip(" \t\n\f"))


def _kept(allowed: AbstractSet[str] | None, attributes: str) -> str:
    """The attributes that this element may have."""
    if not allowed:
        return ""
    return "".join(
        f' {name}="{value}"'
        for name, value in _ATTRIBUTE.findall(attributes)
        if name in allowed and may_stay(name, value)
    )
