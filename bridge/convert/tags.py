"""What a tag means to the `Reader`, as far as both dialects agree on it.

An opener is called at the start tag and says with the reader's methods what begins; the closer it
returns is called at the matching end tag. A tag without an opener is as if it were not there.
`dressed` adds to an opener what the element's look means: colours, and what is lost of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bridge.convert import losses
from bridge.convert.markup import LINE_TAGS, SCHEMES, attribute
from bridge.convert.reading import Closer, Frame, Opener, Reader
from bridge.convert.styles import STYLE_CHARS_MAX, Look, look_of
from bridge.domain.content import (
    Block,
    Bold,
    Cell,
    Colour,
    Heading,
    Inline,
    Italic,
    LineBreak,
    Link,
    List,
    Paragraph,
    Quote,
    Rule,
    Strike,
    Subscript,
    Superscript,
    Table,
    Text,
    Underline,
    bare_text,
    safe_href,
    unmasked,
)

_BREAK = LineBreak()
_NUMBER = re.compile(r"[0-9]{1,9}")
_WORTH_SHOWING = SCHEMES - {"http", "https"}
"""Schemes of addresses that say something even where they cannot be followed."""


def style(make: type[Bold | Italic | Underline | Strike | Superscript | Subscript]) -> Opener:
    """An opener for an element that is a style."""

    def styled(content: tuple[Inline, ...]) -> Inline:
        return make(content=content)

    def opened(reader: Reader, _: str) -> Closer | None:
        return None if reader.verbatim else reader.open_span(styled)

    return opened


def coloured(ink: str, paper: str) -> Opener:
    """An opener for an element of these colours, each `#rrggbb` or nothing."""

    def opened(reader: Reader, _: str) -> Closer | None:
        if reader.verbatim or not (ink or paper):
            return None
        return reader.open_span(lambda content: Colour(content=content, ink=ink, paper=paper))

    return opened


def dressed(opener: Opener) -> Opener:
    """An opener that heeds the element's `style` as well."""

    def opened(reader: Reader, attributes: str) -> Closer | None:
        closer = opener(reader, attributes)
        look = worn(attributes) if attributes else None
        if look is None:
            return closer
        for lost in look.losses:
            reader.lose(lost)
        return both(coloured(look.ink, look.paper)(reader, ""), closer)

    return opened


def worn(attributes: str) -> Look | None:
    """How an element looks that says so itself."""
    style = attribute(attributes, "style") if ' style="' in attributes else ""
    return look_of(style[:STYLE_CHARS_MAX]) if style else None


def both(inner: Closer | None, outer: Closer | None) -> Closer | None:
    """A closer for what two openers have opened, the inner one last."""
    if inner is None or outer is None:
        return inner or outer

    def close(reader: Reader) -> None:
        inner(reader)
        outer(reader)

    return close


def plain(_: Reader, __: str) -> None:
    """An element that means nothing but how it looks."""


def link(reader: Reader, attributes: str) -> Closer | None:
    """An address that may be followed becomes a link, another one is shown beside its text."""
    raw = attribute(attributes, "href")
    if not raw or reader.verbatim:
        return None
    href = safe_href(raw)
    if href is not None:
        reader.open_span(lambda content: Link(href=href, content=content))
        return lambda reader: _close_link(reader, href)
    shown = raw if _is_worth_showing(raw) else ""
    return lambda reader: reader.say(f" ({shown})" if shown else "")


def _is_worth_showing(address: str) -> bool:
    scheme, colon, _ = address.partition(":")
    return bool(colon) and scheme.lower() in _WORTH_SHOWING


def _close_link(reader: Reader, href: str) -> None:
    """A link without words shows its address, one whose words lie about it shows where it leads."""
    if reader.silent:
        reader.say(href)
    elif goal := unmasked(href, _said(reader)):
        reader.say(f" ({goal})")
    reader.close_span()


def _said(reader: Reader) -> str:
    match reader.spoken():
        case [Text() as words]:
            return words.text
        case words:
            return bare_text(Paragraph(content=tuple(words)))


def line(reader: Reader, _: str) -> Closer:
    """An element on lines of its own."""
    reader.end_line()
    return Reader.end_line


def paragraph(reader: Reader, attributes: str) -> Closer:
    """An element set apart by empty lines."""
    if reader.verbatim:
        return line(reader, attributes)
    reader.flush()
    return Reader.flush


def language_of(attributes: str) -> str:
    """The language that a class of the form language-… names."""
    for name in attribute(attributes, "class").split():
        # Teams adds language-was-manually-selected beside the language.
        if name.startswith("language-") and not name.startswith("language-was-"):
            return name.removeprefix("language-")
    return ""


def code(reader: Reader, attributes: str) -> Closer | None:
    """Code within a line; within a block of code it may name the language."""
    return None if reader.name_language(language_of(attributes)) else reader.open_code()


def verbatim(reader: Reader, attributes: str) -> Closer | None:
    """A block of code."""
    return reader.open_verbatim(language_of(attributes))


def _quote(reader: Reader, _: str) -> Closer | None:
    if reader.verbatim:
        return None
    reader.open_frame("blockquote")
    return _close_quote


def _close_quote(reader: Reader) -> None:
    frame = reader.close_frame()
    reader.frame.blocks.append(Quote(blocks=tuple(frame.blocks)))


def _heading(level: int) -> Opener:
    def close(reader: Reader) -> None:
        blocks = reader.close_frame().blocks
        if all(isinstance(block, Paragraph) for block in blocks):
            blocks = [Paragraph(content=tuple(_one_after_another(blocks)))]
        reader.frame.blocks.extend(_titled(block, level) for block in blocks)

    def opened(reader: Reader, attributes: str) -> Closer | None:
        if reader.verbatim:
            return line(reader, attributes)
        reader.open_frame("h")
        return close

    return opened


def _titled(block: Block, level: int) -> Block:
    return Heading(level=level, content=block.content) if isinstance(block, Paragraph) else block


def _one_after_another(blocks: Iterable[Block]) -> Iterable[Inline]:
    for number, block in enumerate(blocks):
        if number:
            yield _BREAK
        if isinstance(block, Paragraph):
            yield from block.content


def _list(*, ordered: bool) -> Opener:
    def opened(reader: Reader, attributes: str) -> Closer | None:
        if reader.verbatim:
            return line(reader, attributes)
        reader.open_frame("list")
        digits = attribute(attributes, "start")
        start = int(digits) if ordered and _NUMBER.fullmatch(digits) else 1
        if ordered and (' reversed="' in attributes or _counts_otherwise(attributes)):
            reader.lose(losses.LIST_STYLE)
        return lambda reader: _close_list(reader, ordered=ordered, start=start)

    return opened


def _counts_otherwise(attributes: str) -> bool:
    return attribute(attributes, "type") not in {"", "1"}


def _close_list(reader: Reader, *, ordered: bool, start: int) -> None:
    frame = reader.close_frame()
    _adopt_strays(frame)
    reader.frame.blocks.append(List(items=tuple(frame.items), ordered=ordered, start=start))


def _adopt_strays(frame: Frame) -> None:
    """What stands in a list outside its items belongs to the item before it."""
    if frame.blocks:
        before = frame.items.pop() if frame.items else ()
        frame.items.append((*before, *frame.blocks))
        frame.blocks = []


def _item(reader: Reader, attributes: str) -> Closer | None:
    if reader.verbatim:
        return line(reader, attributes)
    if reader.frame.tag != "list":
        reader.end_line()
        reader.say("• ")
        return Reader.end_line
    reader.flush()
    _adopt_strays(reader.frame)
    reader.open_frame("li")
    return _close_item


def _close_item(reader: Reader) -> None:
    blocks = reader.close_frame().blocks
    reader.frame.items.append(tuple(blocks))


def _table(reader: Reader, attributes: str) -> Closer | None:
    if reader.verbatim:
        return line(reader, attributes)
    reader.open_frame("table")
    return _close_table


def _close_table(reader: Reader) -> None:
    frame = reader.close_frame()
    reader.frame.blocks.extend(frame.blocks)
    reader.frame.blocks.append(Table(rows=tuple(frame.rows)))


def _head(reader: Reader, _: str) -> Closer | None:
    """Whatever is in the head of a table is a heading of its column."""
    if reader.verbatim or reader.frame.tag != "table":
        return None
    reader.frame.in_head = True
    return _close_head


def _close_head(reader: Reader) -> None:
    reader.frame.in_head = False


def _row(reader: Reader, attributes: str) -> Closer | None:
    if reader.verbatim or reader.frame.tag != "table":
        return line(reader, attributes)
    in_head = reader.frame.in_head
    reader.open_frame("tr")
    reader.frame.in_head = in_head
    return _close_row


def _close_row(reader: Reader) -> None:
    frame = reader.close_frame()
    reader.frame.blocks.extend(frame.blocks)
    reader.frame.rows.append(tuple(frame.cells))


def _cell(*, header: bool) -> Opener:
    def close(reader: Reader) -> None:
        blocks = reader.close_frame().blocks
        is_header = header or reader.frame.in_head
        reader.frame.cells.append(Cell(blocks=tuple(blocks), header=is_header))

    def opened(reader: Reader, attributes: str) -> Closer | None:
        if reader.verbatim or reader.frame.tag != "tr":
            return line(reader, attributes)
        if attributes and _spans(attributes):
            reader.lose(losses.CELL_SPANS)
        reader.open_frame("td")
        return close

    return opened


def _spans(attributes: str) -> bool:
    spans = (attribute(attributes, name) for name in ("colspan", "rowspan"))
    return any(span not in {"", "0", "1"} for span in spans)


def _rule(reader: Reader, _: str) -> None:
    reader.put_block(Rule())


COMMON_OPENERS: Mapping[str, Opener] = {
    **dict.fromkeys(LINE_TAGS, line),
    **dict.fromkeys(("b", "strong"), style(Bold)),
    **dict.fromkeys(("i", "em"), style(Italic)),
    **dict.fromkeys(("u", "ins"), style(Underline)),
    **dict.fromkeys(("s", "strike", "del"), style(Strike)),
    **{f"h{level}": _heading(level) for level in range(1, 7)},
    "sup": style(Superscript),
    "sub": style(Subscript),
    "a": link,
    "p": paragraph,
    "caption": paragraph,
    "code": code,
    "pre": verbatim,
    "blockquote": _quote,
    "ul": _list(ordered=False),
    "ol": _list(ordered=True),
    "li": _item,
    "table": _table,
    "thead": _head,
    "tr": _row,
    "th": _cell(header=True),
    "td": _cell(header=False),
    "hr": _rule,
}
"""What a tag means in both dialects."""
