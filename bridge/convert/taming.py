"""Any markup whatsoever as tokens, in linear time and bounded memory.

    html ──plainly spelt? ──▶ its pieces are the tokens
            └─ no: is it calm? ──▶ nh3 ──▶ tokens: exactly as a browser
                    └─ no ──▶ Tamer ──▶ tokens: one pass, a stack, and no more of anything than is
                              bounded here

The `Tamer` gives the tokens that nh3 would for markup whose elements are in each other as they should
be; for all other it guesses as browsers do, more simply. No word is lost: tags are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape as entity
from html.entities import html5
from itertools import islice

from bridge.convert.calm import is_calm
from bridge.convert.markup import (
    HIDDEN,
    LINES,
    SURROGATE,
    Markup,
    Sanitizer,
    Token,
    may_stay,
    names,
    tokens,
)
from bridge.convert.plainly import plain_tokens
from bridge.domain.content import STRETCH_CHARS_MAX, stretches

TOKENS_ENOUGH = 10_000
"""Of one document that has to be tamed; the words of what is beyond the line stay, as a block of code.
Each takes some 5 µs until it is in a body: this is what keeps the worst of 100 kB below 50 ms."""
TOKENS_MAX = 11_000
"""The same where no line ends."""
DEPTH_MAX = 100
"""Elements in each other, as of a body."""
ATTRIBUTES_MAX = 32
"""Of one element."""
STRETCH_ENOUGH = STRETCH_CHARS_MAX * 3 // 4
"""Characters after which a stretch ends where a line does."""
AGAIN_MAX = 8
"""Styles that are opened again when what is around them is closed."""


def markup_of(html: str, sanitizer: Sanitizer) -> Markup:
    """The tokens of any document, in linear time."""
    plain = plain_tokens(html, sanitizer)
    if plain is not None:
        return Markup(stretches=(plain,))
    if is_calm(html):
        return Markup(stretches=(tokens(sanitizer.clean(html)),))
    return Tamer(sanitizer).read(SURROGATE.sub("\ufffd", html))


# As HTML's own tokenizer (html.spec.whatwg.org § 13.2.5), from the data state: a tag ends at the first
# ">" outside a quoted value.
_PIECE = re.compile(
    r"<(/?)([a-zA-Z][^ \t\n\f\r/>]*+)"
    r"((?:[ \t\n\f\r/]++|[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+"
    r"(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:\"[^\"]*+\"|'[^']*+'|[^ \t\n\f\r>\"'][^ \t\n\f\r>]*+|(?=>)))?+)*+)>"
    r"|((?:[^<]++|<(?![a-zA-Z/!?]))++)"
    r"|<!--(?:-?>|[\s\S]*?(?:--!?>|\Z))"
    r"|<[!?/][^>]*+>?"
    r"|<[\s\S]*+"
)
_ATTRIBUTE = re.compile(
    r"([^ \t\n\f\r/>=][^ \t\n\f\r/>=]*+)"
    r"(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^ \t\n\f\r>\"'][^ \t\n\f\r>]*+)))?+"
)
_ENTITY = re.compile(
    r"&(?:([a-zA-Z][a-zA-Z0-9]{1,31});|#[0-9]{1,8};?|#[xX][0-9a-fA-F]{1,7};?"
    r"|(?:amp|lt|gt|quot|nbsp)(?![a-zA-Z0-9=]))"
)
"""Without a semicolon these five alone: the others stand in addresses, `?a=1&copy=2`."""
_REPLY = "mx-reply"
_RAW = names("textarea title xmp iframe noembed noframes plaintext script style")
"""Elements whose content is text, whatever it looks like."""
_VOID = names("area base br col embed hr img input link meta source track wbr")
_FORMATTING = names("b big code em font i nobr s small strike strong tt u")
_BLOCKS = names(
    "address article aside blockquote center details dialog div dl fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr li main menu nav ol p pre section summary table ul"
)
"""Elements that end a paragraph."""
_ENDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol"})),
    "dd": (frozenset({"dd", "dt"}), frozenset({"dl"})),
    "dt": (frozenset({"dd", "dt"}), frozenset({"dl"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr"}), frozenset({"tbody", "thead", "tfoot", "table"})),
    "tbody": (frozenset({"tbody", "thead", "tfoot"}), frozenset({"table"})),
    "thead": (frozenset({"tbody", "thead", "tfoot"}), frozenset({"table"})),
    "tfoot": (frozenset({"tbody", "thead", "tfoot"}), frozenset({"table"})),
}
"""What an element ends that is open around it, and where looking for that stops."""
_LINES = re.compile(
    r"(?:</?(?:address|article|blockquote|center|div|h[1-6]|hr|li|ol|p|pre|section|table|tr|ul)\b"
    r"[^>]*+>?[ \t\n\f\r]*+)++|<br\b[^>]*+>?",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    r"<(script|style)\b[\s\S]*?(?:</\1\b[^>]*+>?|\Z)|<!--[\s\S]*?(?:-->|\Z)", re.IGNORECASE
)
_ANY_TAG = re.compile(r"<[a-zA-Z/!?][^>]*+>?")
_EMPTY_LINES = re.compile(r"\n[ \t\f\r\n]*\n")


class Tamer:
    """Reads one document; made anew for each. Every element that it opens, it closes."""

    def __init__(self, sanitizer: Sanitizer) -> None:
        self._allowed = sanitizer.tags
        self._attributes = sanitizer.attributes
        self._stretch: list[Token] = []
        self._stretches: list[list[Token]] = [self._stretch]
        self._count = 0
        self._chars = 0
        self._open: list[tuple[str, str]] = []
        # How many of a name are open: within the innermost table, as nothing in it closes what is
        # around it, and one such count for each table around that.
        self._here: dict[str, int] = {}
        self._around: list[dict[str, int]] = []
        self._hidden = 0

    def read(self, html: str) -> Markup:
        """The tokens of a whole document."""
        at = 0
        while at < len(html) and self._count <= TOKENS_MAX:
            piece = _PIECE.match(html, at)
            if piece is None:  # Every "<" begins something, and everything else is text.
                break
            slash, name, attributes, text = piece.groups()
            if self._count > TOKENS_ENOUGH and name and not slash and name.lower() in LINES:
                break
            at = piece.end()
            if text is not None:
                self._say(text)
            elif name is not None:
                at = self._tag(slash, name.lower(), attributes, html, at)
        rest = "" if self._hidden else words_of(html[at:])
        while self._open:
            self._pop()
        return Markup(stretches=self._stretches, rest=rest)

    def _tag(self, slash: str, tag: str, attributes: str, html: str, at: int) -> int:
        """Carry out a tag; return where to go on."""
        if tag in _RAW:
            return at if slash else self._raw(tag, html, at)
        if slash and tag != "br":
            self._close(tag)
        elif tag in self._allowed or tag == _REPLY:
            self._start(tag, attributes)
        return at

    def _raw(self, tag: str, html: str, at: int) -> int:
        end = re.compile(rf"</{tag}(?=[ \t\n\f\r/>])", re.IGNORECASE).search(html, at)
        stop = len(html) if end is None else end.start()
        if tag not in HIDDEN:
            self._say(html[at:stop])
        return stop

    # --- tokens ---

    def _emit(self, token: Token, size: int) -> None:
        if self._hidden:
            return
        slash, tag, *_ = token
        begins_line = tag in LINES and not slash
        if self._chars >= (STRETCH_ENOUGH if begins_line else STRETCH_CHARS_MAX):
            self._chars = 0
            self._stretch = []
            self._stretches.append(self._stretch)
        self._count += 1
        self._chars += size
        self._stretch.append(token)

    def _say(self, text: str) -> None:
        for piece in stretches(text):
            words = decoded(piece).replace("&", "&amp;").replace("\u00a0", "&nbsp;")
            if words:
                self._emit(("", "", "", words), len(words))

    # --- elements ---

    def _start(self, tag: str, attributes: str) -> None:
        spelt = self._spelt(tag, attributes) if attributes else ""
        if tag in _BLOCKS:
            self._close("p")
        elif tag == "a":
            self._close("a")
        if tag in _VOID:
            self._emit(("", tag, spelt, ""), len(tag) + len(spelt))
        elif len(self._open) < DEPTH_MAX:
            self._end_before(tag)
            self._push(tag, spelt)

    def _spelt(self, tag: str, attributes: str) -> str:
        """The attributes that this element may have, as nh3 spells them."""
        allowed = self._attributes.get(tag)
        if not allowed:
            return ""
        found: dict[str, str] = {}
        for attribute in islice(_ATTRIBUTE.finditer(attributes), ATTRIBUTES_MAX):
            name, *values = attribute.groups(default="")
            if name.lower() in allowed:
                found.setdefault(name.lower(), decoded("".join(values)))
        kept = ((name, value) for name, value in found.items() if may_stay(name, value))
        return "".join(f' {name}="{_quoted(value)}"' for name, value in kept)

    def _push(self, tag: str, spelt: str) -> None:
        self._emit(("", tag, spelt, ""), len(tag) + len(spelt))
        self._open.append((tag, spelt))
        if tag == "table":
            self._around.append(self._here)
            self._here = {}
        elif tag == _REPLY:
            self._hidden += 1
        self._here[tag] = self._here.get(tag, 0) + 1

    def _pop(self) -> tuple[str, str]:
        tag, spelt = self._open.pop()
        if tag == "table":
            self._here = self._around.pop()
        else:
            self._here[tag] -= 1
        if tag == _REPLY:
            self._hidden -= 1
        self._emit(("/", tag, "", ""), len(tag))
        return tag, spelt

    def _close(self, tag: str) -> None:
        """End the innermost element of that name, and what is in it; styles go on behind it."""
        if not self._here.get(tag):
            return
        again: list[tuple[str, str]] = []
        while True:
            name, spelt = self._pop()
            if name == tag:
                break
            if name in _FORMATTING and len(again) < AGAIN_MAX:
                again.append((name, spelt))
        for name, spelt in reversed(again):
            self._push(name, spelt)

    def _end_before(self, tag: str) -> None:
        """End the item, cell or row that nobody has closed before the next one."""
        ends, stops = _ENDS.get(tag, (frozenset(), frozenset()))
        if not any(self._here.get(name) for name in ends):
            return
        for name, _ in reversed(self._open):
            if name in ends:
                self._close(name)
                return
            if name in stops:
                return


def decoded(text: str) -> str:
    """A text of HTML without its entities."""
    return _ENTITY.sub(_decoded, text) if "&" in text else text


def _decoded(found: re.Match[str]) -> str:
    name = found[1]
    return html5.get(f"{name};", found[0]) if name else entity(found[0])


def words_of(markup: str) -> str:
    """The words of a document and the lines that they stand on, and nothing else of it."""
    words = _ANY_TAG.sub("", _LINES.sub("\n", _UNSEEN.sub("", markup)))
    return _EMPTY_LINES.sub("\n\n", decoded(words).replace("\u00a0", " ")).strip()


def _quoted(value: str) -> str:
    value = value.replace("&", "&amp;").replace('"', "&quot;").replace("\u00a0", "&nbsp;")
    return value.replace("<", "&lt;").replace(">", "&gt;")
