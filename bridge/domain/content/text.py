"""Bodies and plain text: a text becomes a body, a body is read aloud.

`plain_text` is the canonical plain form of a body: two bodies whose plain forms are equal under
`normalised` were, for the purpose of finding our own message again, the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bridge.domain.content.cleaning import clean_words
from bridge.domain.content.nodes import (
    Attachment,
    Block,
    Body,
    Card,
    Cell,
    Code,
    CodeBlock,
    Heading,
    Image,
    Inline,
    LineBreak,
    Link,
    List,
    MediaKind,
    Mention,
    Node,
    Paragraph,
    Quote,
    Rule,
    Styled,
    Table,
    Text,
)

_BLANK_LINES = re.compile(r"\n[ \n]*\n")
_BLANK_START = re.compile(r"\A(?: *\n)+")
_LEAVES = frozenset({Text, Code, Mention, Image, LineBreak, CodeBlock, Rule, Attachment})
"""What has nothing below it."""

STRETCH_CHARS_MAX = 131_072
"""Characters that are one block at most; more than either network carries in a message (Teams about
100 KB per learn.microsoft.com limits-specifications-teams, a Matrix event 65,535 bytes)."""

LINES_MAX = 50_000
"""Lines of one message that become nodes of their own: each takes some 200 bytes of memory."""

QUOTE_MARKS_MAX = 8
"""Marks of nested quotations before a line of plain text; deeper ones add none, or hundreds of lines
within a hundred quotations would become megabytes."""


def lines(text: str) -> tuple[Inline, ...]:
    """Text in which line feeds have become `LineBreak`s; `text` is clean."""
    if "\n" not in text:
        return (Text(text=text),) if text else ()
    *before, last = text.split("\n")
    found: list[Inline] = []
    for line in before:
        if line := line.rstrip(" "):
            found.append(Text(text=line))
        found.append(LineBreak())
    if last:
        found.append(Text(text=last))
    return tuple(found)


def from_text(text: str) -> Body:
    """The normal body of a plain text: an empty line parts two paragraphs.

    What is longer than a message is read stretch by stretch; of more lines than anybody reads, the
    later ones become blocks of code, which hold their lines as they are.
    """
    text = clean_words(text)
    if len(text) <= STRETCH_CHARS_MAX:
        return Body(blocks=_paragraphs(text))
    blocks: list[Block] = []
    line_count = 0
    for stretch in stretches(text):
        line_count += stretch.count("\n")
        blocks += _paragraphs(stretch) if line_count <= LINES_MAX else verbatim(stretch)
    return Body(blocks=tuple(blocks))


def _paragraphs(text: str) -> tuple[Block, ...]:
    if "\n" not in text:
        text = text.rstrip(" ")
        return (Paragraph(content=(Text(text=text),)),) if text else ()
    text = _BLANK_START.sub("", text.rstrip(" \n"))
    pieces = _BLANK_LINES.split(text)
    return tuple(Paragraph(content=lines(piece)) for piece in pieces if piece)


def verbatim(text: str) -> tuple[Block, ...]:
    """A clean text as blocks of code, none longer than a stretch."""
    pieces = (piece.strip("\n") for piece in stretches(text))
    return tuple(CodeBlock(text=piece) for piece in pieces if piece.strip())


def stretches(text: str) -> Iterator[str]:
    """A text in pieces of bounded length, cut where a line ends, or at least a word."""
    start = 0
    while len(text) - start > STRETCH_CHARS_MAX:
        last = start + STRETCH_CHARS_MAX
        at = text.rfind("\n", start, last) + 1 or text.rfind(" ", start, last) + 1 or last
        yield text[start:at]
        start = at
    yield text[start:]


def label(node: Image | Attachment) -> str:
    """The notice that stands for something which is not text."""
    if isinstance(node, Image) and node.is_emoticon and node.alt:
        return node.alt
    kind, name = ("image", node.alt) if isinstance(node, Image) else (_kind(node), node.name)
    return f"[{kind}: {name}]" if name else f"[{kind}]"


def _kind(file: Attachment) -> str:
    match file.kind:
        case MediaKind.FILE:
            return "attachment"
        case MediaKind.VOICE:
            return "voice message"
        case kind:
            return kind.value


def children(node: Node | Body) -> tuple[Node, ...]:
    """The nodes directly below a node, in reading order."""
    match node:
        case Body() | Quote() | Cell() | Card():
            return node.blocks
        case List():
            return tuple(block for item in node.items for block in item)
        case Table():
            return tuple(cell for row in node.rows for cell in row)
        case Styled() | Link() | Paragraph() | Heading():
            return node.content
        case _:
            return ()


def walk(node: Node | Body) -> list[Node | Body]:
    """A node and everything below it, in reading order; no tree is too deep for it."""
    # Each message is walked half a dozen times: a list at once costs a third of a generator.
    found: list[Node | Body] = []
    waiting: list[Node | Body] = [node]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if node.__class__ not in _LEAVES:
            waiting.extend(reversed(children(node)))
    return found


def leaf_text(node: Node) -> str | None:
    """The text a leaf shows, or None if the node is no leaf."""
    match node:
        case Text() | Code() | CodeBlock() | Mention():
            return node.text
        case Image() | Attachment():
            return label(node)
        case LineBreak():
            return "\n"
        case Rule():
            return ""
        case _:
            return None


def bare_text(node: Node | Body) -> str:
    """The text of all leaves, without the marks and separators that `plain_text` adds."""
    return "".join(
        text for below in walk(node) if not isinstance(below, Body) and (text := leaf_text(below))
    )


def mentions(body: Body) -> tuple[Mention, ...]:
    """Everybody a body mentions, in reading order, once per mention."""
    return tuple(node for node in walk(body) if isinstance(node, Mention))


def plain_text(body: Body) -> str:
    """The canonical plain form of a body; addresses and most marks are left out."""
    return _read_blocks(body.blocks, gap="\n\n")


def _read_blocks(blocks: Iterable[Block], gap: str = "\n") -> str:
    return gap.join(text for block in blocks if (text := _read_block(block)))


def _read_block(block: Block) -> str:  # noqa: PLR0911 -- one for each kind of block
    match block:
        case Paragraph() | Heading():
            return _read_words(block.content)
        case Quote():
            return _read_quote(block)
        case Card():
            return _read_blocks(block.blocks)
        case CodeBlock():
            return block.text
        case List():
            return _read_list(block)
        case Table():
            return "\n".join(" | ".join(_read_blocks(c.blocks) for c in row) for row in block.rows)
        case Rule():
            return "---"
        case Attachment():
            return label(block)


def _read_quote(block: Quote) -> str:
    text = _read_blocks(block.blocks)
    return text if text.startswith("> " * QUOTE_MARKS_MAX) else "> " + text.replace("\n", "\n> ")


def _read_list(block: List) -> str:
    read = []
    for number, item in enumerate(block.items, block.start):
        mark = f"{number}. " if block.ordered else "• "
        read.append(mark + _read_blocks(item).replace("\n", "\n" + " " * len(mark)))
    return "\n".join(read)


def _read_words(content: Iterable[Inline]) -> str:
    return "".join(_read_word(node) for node in content)


def _read_word(node: Inline) -> str:
    match node:
        case Text() | Code() | Mention():
            return node.text
        case LineBreak():
            return "\n"
        case Image():
            return label(node)
        case _:
            return _read_words(node.content)
