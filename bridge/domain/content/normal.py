"""The normal form of a body: one tree for everything that looks the same.

In a normal body
  * no node is empty, but for cells and the items of ordered lists, which keep their place;
  * no two `Text`s and no two `Code`s are neighbours, and none of them is only white space inside
    a style;
  * texts hold no line feeds, tabs, no-break spaces or control characters; code may hold line feeds,
    but does not begin or end with one;
  * no line ends in spaces, no paragraph begins or ends with a `LineBreak` or has two in a row:
    that is where it becomes two paragraphs;
  * addresses are absolute and of a scheme that both networks accept, and links do not nest;
  * nothing is nested deeper than `DEPTH_MAX` HTML elements: what was, has become text.

`normalise` is idempotent; reading what was rendered gives the normal form of what was written.
The functions here call themselves once per level, and the level is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import repeat

from bridge.domain.content.nodes import (
    DEPTH_MAX,
    URL_CHARS_MAX,
    Attachment,
    Block,
    Body,
    Card,
    Cell,
    Code,
    CodeBlock,
    Colour,
    Heading,
    Image,
    Inline,
    LineBreak,
    Link,
    List,
    Mention,
    Paragraph,
    Quote,
    Styled,
    Table,
    Text,
)
from bridge.domain.content.text import bare_text, clean, clean_name, clean_words, lines, safe_href

LIST_START_MAX = 999_999_999
"""The largest number a list may begin with (CommonMark 0.31 § list items: nine digits)."""

LEVEL_MAX = 6
_BREAK = LineBreak()
_SILENT_CARD = (Paragraph(content=(Text(text="[card]"),)),)
"""What stands for a card of which nothing can be read."""
LANGUAGE = re.compile(r"[a-z0-9+#._-]{1,32}")
MIMETYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
"""RFC 6838 § 4.2, in lower case."""
COLOUR = re.compile(r"#[0-9a-f]{6}")
PIXELS_MAX = 65_535
"""Of one side of a picture; more is a lie."""


def safe_language(language: str) -> str:
    """The name of a programming language in lower case, or nothing."""
    language = language.strip().lower()
    return language if LANGUAGE.fullmatch(language) and language != "plaintext" else ""


def normalise(body: Body) -> Body:
    """The normal form of a body."""
    return Body(blocks=_blocks(body.blocks, depth=0))


def _blocks(blocks: Iterable[Block], depth: int) -> tuple[Block, ...]:
    found: list[Block] = []
    for block in blocks:
        if depth >= DEPTH_MAX:
            _add_paragraphs(found, _inlines(lines(clean_words(bare_text(block))), depth))
        elif isinstance(block, Paragraph):
            _add_paragraphs(found, _inlines(block.content, depth + 1))
        else:
            _add_block(found, block, depth)
    return tuple(found)


def _add_block(found: list[Block], block: Block, depth: int) -> None:
    match block:
        case List():
            _add_list(found, block, depth)
        case Quote():
            if blocks := _blocks(block.blocks, depth + 1):
                found.append(Quote(blocks=blocks))
        case Heading():
            if content := _trimmed(_inlines(block.content, depth + 1)):
                level = min(max(block.level, 1), LEVEL_MAX)
                found.append(Heading(level=level, content=tuple(content)))
        case CodeBlock():
            text = clean(block.text).strip("\n")
            if text.strip():
                found.append(CodeBlock(text=text, language=safe_language(block.language)))
        case Table():
            _add_table(found, block, depth)
        case Card():
            blocks = _blocks(block.blocks, depth + 1) or _SILENT_CARD
            found.append(replace(block, blocks=blocks, raw=clean(block.raw)))
        case _:
            found.append(_attachment(block) if isinstance(block, Attachment) else block)


def _attachment(block: Attachment) -> Attachment:
    return replace(
        block,
        name=clean_name(block.name),
        url=_url(block.url),
        page=_url(block.page),
        mimetype=block.mimetype if MIMETYPE.fullmatch(block.mimetype) else "",
        size=None if block.size is None else max(block.size, 0),
        width=_pixels(block.width),
        height=_pixels(block.height),
        duration_ms=max(block.duration_ms, 0),
    )


def _pixels(number: int) -> int:
    return number if 0 < number <= PIXELS_MAX else 0


def _add_list(found: list[Block], block: List, depth: int) -> None:
    items = tuple(_blocks(item, depth + 2) for item in block.items)
    if not any(items):
        return
    if block.ordered:
        start = min(max(block.start, 0), LIST_START_MAX)
        found.append(List(items=items, ordered=True, start=start))
    else:
        found.append(List(items=tuple(filter(None, items))))


def _add_table(found: list[Block], block: Table, depth: int) -> None:
    rows = tuple(
        tuple(Cell(header=cell.header, blocks=_blocks(cell.blocks, depth + 4)) for cell in row)
        for row in block.rows
        if row
    )
    if any(cell.blocks for row in rows for cell in row):
        found.append(Table(rows=rows))


def _add_paragraphs(found: list[Block], inlines: list[Inline]) -> None:
    """Cut where a line is empty."""
    start = 0
    for at in range(1, len(inlines)):
        if isinstance(inlines[at], LineBreak) and isinstance(inlines[at - 1], LineBreak):
            if piece := _trimmed(inlines[start:at]):
                found.append(Paragraph(content=tuple(piece)))
            start = at
    if piece := _trimmed(inlines[start:] if start else inlines):
        found.append(Paragraph(content=tuple(piece)))


def _trimmed(inlines: list[Inline]) -> list[Inline]:
    """Without line breaks at either end, and without spaces at the end."""
    first = 0
    while first < len(inlines) and isinstance(inlines[first], LineBreak):
        first += 1
    if first:
        del inlines[:first]
    _trim_end(inlines)
    return inlines


def _trim_end(inlines: list[Inline]) -> None:
    while inlines:
        last = inlines[-1]
        kept = None if isinstance(last, LineBreak) else _without_trailing_space(last)
        if kept is last:
            return
        if kept is not None:
            inlines[-1] = kept
            return
        inlines.pop()


def _without_trailing_space(node: Inline) -> Inline | None:
    if isinstance(node, Text):
        text = node.text.rstrip(" ")
        if text == node.text:
            return node
        return Text(text=text) if text else None
    if isinstance(node, Styled | Link):
        inner = list(node.content)
        _trim_end(inner)
        if len(inner) == len(node.content) and inner[-1] is node.content[-1]:
            return node
        return _with_content(node, inner) if inner else None
    return node


def _with_content(node: Inline, content: list[Inline]) -> Inline:
    if isinstance(node, Link):
        return Link(href=node.href, content=tuple(content))
    assert isinstance(node, Styled)  # noqa: S101 -- only these two have content
    return replace(node, content=tuple(content))


def _inlines(content: Iterable[Inline], depth: int, *, linked: bool = False) -> list[Inline]:
    found: list[Inline] = []
    code = ""
    for node in content:
        if isinstance(node, Code):
            code += clean_words(node.text)
            continue
        if code:
            _join_code(found, code)
            code = ""
        if isinstance(node, Text):
            text = clean_words(node.text)
            if text is not node.text or "\n" in text:
                _join_all(found, lines(text))
            elif text:
                _join_text(found, node)
        elif isinstance(node, LineBreak):
            _join_break(found, node)
        else:
            _join_all(found, _inline(node, depth, linked))
    if code:
        _join_code(found, code)
    return found


def _inline(node: Inline, depth: int, linked: bool) -> Iterable[Inline]:
    if isinstance(node, Mention):
        return _mention(node, linked)
    if isinstance(node, Image):
        return (_image(node),)
    if depth >= DEPTH_MAX:
        return lines(clean_words(bare_text(node)))
    if isinstance(node, Link):
        return _link(node, depth, linked)
    assert isinstance(node, Styled)  # noqa: S101 -- the other leaves are handled by `_inlines`
    inner = _inlines(node.content, depth + 1, linked=linked)
    if isinstance(node, Colour):
        return _coloured(node, inner)
    return (type(node)(content=tuple(inner)),) if _visible(inner) else inner


def _coloured(node: Colour, inner: list[Inline]) -> Iterable[Inline]:
    ink, paper = (c if COLOUR.fullmatch(c) else "" for c in (node.ink, node.paper))
    if not (ink or paper) or not _visible(inner):
        return inner
    return (Colour(content=tuple(inner), ink=ink, paper=paper),)


def _image(node: Image) -> Image:
    return Image(
        alt=clean_name(node.alt),
        url=_url(node.url),
        width=_pixels(node.width),
        height=_pixels(node.height),
        is_emoticon=node.is_emoticon,
    )


def _mention(node: Mention, linked: bool) -> Iterable[Inline]:
    text = clean_name(node.text) or clean_name(node.target.id)
    if linked or not text:
        return lines(text)
    return (Mention(target=node.target, text=text),)


def _link(node: Link, depth: int, linked: bool) -> Iterable[Inline]:
    href = safe_href(node.href)
    inner = _inlines(node.content, depth + 1, linked=linked or href is not None)
    if linked or href is None:
        return inner
    return (Link(href=href, content=tuple(inner) if _visible(inner) else (Text(text=href),)),)


def _visible(inlines: Iterable[Inline]) -> bool:
    return any(
        not node.text.isspace() if isinstance(node, Text) else not isinstance(node, LineBreak)
        for node in inlines
    )


def _join_all(found: list[Inline], nodes: Iterable[Inline]) -> None:
    """Append normal nodes; equal neighbours melt."""
    for node in nodes:
        if isinstance(node, Text):
            _join_text(found, node)
        elif isinstance(node, LineBreak):
            _join_break(found, node)
        elif isinstance(node, Code):
            _join_code(found, node.text)
        else:
            found.append(node)


def _join_text(found: list[Inline], node: Text) -> None:
    last = found[-1] if found else None
    if isinstance(last, Text):
        found[-1] = Text(text=last.text + node.text)
    else:
        found.append(node)


def _join_code(found: list[Inline], text: str) -> None:
    """Line feeds at either end of code are line breaks beside it."""
    last = found[-1] if found else None
    if isinstance(last, Code):
        found.pop()
        text = last.text + text
    core = text.strip("\n")
    if not core.strip():
        _join_all(found, lines(text))
        return
    before = len(text) - len(text.lstrip("\n"))
    for _ in range(before):
        _join_break(found, _BREAK)
    found.append(Code(text=core))
    found.extend(repeat(_BREAK, len(text) - len(core) - before))


def _join_break(found: list[Inline], node: LineBreak) -> None:
    """A line does not end in spaces."""
    last = found[-1] if found else None
    if isinstance(last, Text):
        text = last.text.rstrip(" ")
        if text:
            found[-1] = Text(text=text)
        else:
            found.pop()
    found.append(node)


def _url(url: str) -> str:
    """Where bytes lie; not for following, so any scheme will do."""
    url = "".join(clean(url).split())
    return url if len(url) <= URL_CHARS_MAX else ""
