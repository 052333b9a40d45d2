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
from itertools import pairwise, repeat
from operator import is_
from typing import cast

from bridge.domain.content.addresses import safe_href
from bridge.domain.content.cleaning import clean, clean_name, clean_words, undirected
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
from bridge.domain.content.text import bare_text, lines

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
            bare = Paragraph(content=lines(clean_words(bare_text(block))))
            _add_paragraphs(found, bare, _inlines(bare.content, depth))
        elif isinstance(block, Paragraph):
            if _is_words(block.content):
                found.append(block)
            else:
                _add_paragraphs(found, block, _inlines(block.content, depth + 1))
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


def _is_words(content: tuple[Inline, ...]) -> bool:
    """Whether these are plain words on one line: most cells, items and lines are, and normal so."""
    if len(content) != 1 or type(content[0]) is not Text:
        return False
    text = content[0].text
    return text.isascii() and text.isprintable() and text[-1:] not in {"", " "}


def _add_paragraphs(found: list[Block], block: Paragraph, inlines: list[Inline]) -> None:
    """Cut where a line is empty; a paragraph that is normal stays the one it is."""
    start = 0
    breaks = [at for at, node in enumerate(inlines) if type(node) is LineBreak]
    if not breaks:
        _trim_end(inlines)
        if inlines:
            made = block if _is_same(inlines, block.content) else Paragraph(content=tuple(inlines))
            found.append(made)
        return
    for before, at in pairwise(breaks):
        if at == before + 1:
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
    line = _Line()
    code = ""
    for node in content:
        if isinstance(node, Code):
            code += clean_words(node.text)
            continue
        if code:
            line.code(code)
            code = ""
        if isinstance(node, Text):
            text = node.text
            if (
                text.isascii() and text.isprintable() and text
            ):  # Most are, and need no more looking.
                line.words.append(node)
            else:
                line.extend(lines(clean_words(undirected(text) if linked else text)))
        elif isinstance(node, LineBreak):
            line.end(node)
        elif isinstance(node, Styled):
            line.extend(_styled(node, depth, linked))
        else:
            line.extend(_inline(node, depth, linked))
    if code:
        line.code(code)
    return line.settled()


class _Line:
    """Normal nodes one after the other; equal neighbours melt, however many they are."""

    __slots__ = ("found", "words")

    def __init__(self) -> None:
        self.found: list[Inline] = []
        self.words: list[Text] = []
        """Texts that are one with those to come."""

    def extend(self, nodes: Iterable[Inline]) -> None:
        for node in nodes:
            if isinstance(node, Text):
                self.words.append(node)
            elif isinstance(node, LineBreak):
                self.end(node)
            elif isinstance(node, Code):
                self.code(node.text)
            else:
                self.settled().append(node)

    def settled(self) -> list[Inline]:
        """Everything so far; what comes next melts with none of it."""
        if self.words:
            if (said := self._said()) is not None:
                self.found.append(said)
            self.words = []
        return self.found

    def _said(self) -> Text | None:
        if len(self.words) <= 1:
            return self.words[0] if self.words and self.words[0].text else None
        text = "".join([word.text for word in self.words])
        return Text(text=text) if text else None

    def end(self, node: LineBreak) -> None:
        """A line does not end in spaces."""
        said = self._said()
        if said is not None and said.text.endswith(" "):
            text = said.text.rstrip(" ")
            said = Text(text=text) if text else None
        self.words = []
        if said is not None:
            self.found.append(said)
        self.found.append(node)

    def code(self, text: str) -> None:
        """Line feeds at either end of code are line breaks beside it."""
        last = self.found[-1] if self.found and not self.words else None
        if isinstance(last, Code):
            self.found.pop()
            text = last.text + text
        core = text.strip("\n")
        if not core.strip():
            self.extend(lines(text))
            return
        before = len(text) - len(text.lstrip("\n"))
        for _ in range(before):
            self.end(_BREAK)
        self.settled().append(Code(text=core))
        self.found.extend(repeat(_BREAK, len(text) - len(core) - before))


def _inline(node: Mention | Image | Link, depth: int, linked: bool) -> Iterable[Inline]:
    match node:
        case Mention():
            return _mention(node, linked)
        case Image():
            return (_image(node),)
        case Link():
            return _link(node, depth, linked)


def _styled(node: Styled, depth: int, linked: bool) -> Iterable[Inline]:
    if depth >= DEPTH_MAX:
        return lines(clean_words(bare_text(cast("Inline", node))))
    inner = _inlines(node.content, depth + 1, linked=linked)
    if isinstance(node, Colour):
        return _coloured(node, inner)
    if not _visible(inner):
        return inner
    # Made without `replace`, which takes five times as long; they have nothing but their content.
    made = node if _is_same(inner, node.content) else type(node)(content=tuple(inner))
    return (cast("Inline", made),)


def _is_same(inner: list[Inline], content: tuple[Inline, ...]) -> bool:
    """Whether nothing had to be changed: most messages are normal as they come."""
    return len(inner) == len(content) and all(map(is_, inner, content))


def _coloured(node: Colour, inner: list[Inline]) -> Iterable[Inline]:
    ink, paper = (c if COLOUR.fullmatch(c) else "" for c in (node.ink, node.paper))
    if not (ink or paper) or not _visible(inner):
        return inner
    return (replace(node, content=tuple(inner), ink=ink, paper=paper),)


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
    if depth >= DEPTH_MAX:
        return lines(clean_words(bare_text(node)))
    href = safe_href(node.href)
    inner = _inlines(node.content, depth + 1, linked=linked or href is not None)
    if linked or href is None:
        return inner
    if not _visible(inner):
        return (Link(href=href, content=(Text(text=href),)),)
    if href is node.href and _is_same(inner, node.content):
        return (node,)
    return (Link(href=href, content=tuple(inner)),)


def _visible(inlines: Iterable[Inline]) -> bool:
    return any(
        not node.text.isspace() if isinstance(node, Text) else not isinstance(node, LineBreak)
        for node in inlines
    )


def _url(url: str) -> str:
    """Where bytes lie; not for following, so any scheme will do."""
    url = "".join(clean(url).split())
    return url if len(url) <= URL_CHARS_MAX else ""
