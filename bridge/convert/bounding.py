"""How large a body becomes in Matrix at most: said in one quick walk, without writing it.

Nearly every message is far smaller than an event may be. To learn that from `measure_matrix`, it is
written twice before it is written to be sent. Here each text counts as what it would take if it had to
be spelt in the longest way, unless there is nothing in it that has to be; each mark and tag counts, even
where it is left out. A test holds that nothing is larger than what is said of it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bridge.domain.content import (
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
    Rule,
    Subscript,
    Superscript,
    Table,
    Text,
)

_SPELT = re.compile('[&<>"\\\\\n\t]|^ |  ')
"""What a text may hold that is spelt longer in HTML or in JSON."""
_UTF8_MAX = 4
"""Bytes of a character."""
_ESCAPED = {"&": 4, "<": 3, ">": 3, '"': 7, "\\": 2, "\n": 5, "\t": 2, "`": 2}
"""What a character takes more than twice itself, where it is spelt in the longest way; of code, the fences
that must be longer than what looks like one."""
_HIDDEN = 5
"""The same of a space, where a browser would not show it."""

_GAP, _LINE = 4, 2
"""An empty line, and the end of one."""
_BREAK = 7
"""`<br>`, and the end of a line, or what parts lines within a field."""
_STYLE, _COLOUR, _LINK, _CODE, _PRE, _LANGUAGE = 21, 48, 23, 13, 38, 22
_P, _QUOTE, _TITLE, _LIST, _COUNTED, _ITEM = 7, 27, 9, 9, 29, 11
_TABLE, _ROW, _CELL, _LINED_CELL, _DASHES = 30, 11, 12, 6, 6
"""What tags, marks and quotation marks around one take, as text and as HTML together."""
_SHIFTED, _SHIFT = 3, 4
"""Bytes of a raised digit, and of the mark of what cannot be raised, with brackets."""
_MENTION, _QUOTED = 700, 12
"""Who is meant, and a character of their id within an address."""
_IMAGE = 400
"""The address it will have on the homeserver included."""
_FILE, _ADDRESS = 150, 4
"""A space in an address becomes `%20`."""
_BULLET, _DOT = 4, 2
"""What stands before a line of a list; the latter behind a number."""


def bound_matrix(body: Body) -> int:
    """Bytes that `measure_matrix` tells of a normal body at most; of several, the sum."""
    return sum([_GAP + _P + _block(block, 0) for block in body.blocks])


def _text(text: str) -> int:
    size = len(text) if text.isascii() else _UTF8_MAX * len(text)
    return _spelt(text, size) if _SPELT.search(text) else 2 * size


def _spelt(text: str, size: int) -> int:
    escaped = sum([more * text.count(letter) for letter, more in _ESCAPED.items()])
    hidden = _HIDDEN * text.count(" ") if "  " in text else _HIDDEN
    return 2 * size + escaped + hidden


def _blocks(blocks: tuple[Block, ...], indent: int) -> int:
    """`indent`: bytes that stand before each line."""
    if len(blocks) == 1:
        return _block(blocks[0], indent)
    return sum([_LINE + indent + _P + _block(block, indent) for block in blocks])


def _block(block: Block, indent: int) -> int:  # noqa: PLR0911 -- one for each kind of block
    match block:
        case Paragraph():
            return _inlines(block.content, indent)
        case List():
            inner = indent + (_number(block) if block.ordered else _BULLET)
            return (_COUNTED if block.ordered else _LIST) + sum(
                [_ITEM + inner + _blocks(item, inner) for item in block.items]
            )
        case Table():
            line = _ROW + indent + _DASHES * max([len(row) for row in block.rows[:1]], default=0)
            return _TABLE + line + sum([_row(row, indent) for row in block.rows])
        case Quote() | Card():
            return _QUOTE + _blocks(block.blocks, indent + 2)
        case Heading():
            return _TITLE + _inlines(block.content, indent)
        case CodeBlock():
            named = _LANGUAGE + 2 * len(block.language) if block.language else 0
            return _PRE + named + 2 * indent + _code(block.text, indent)
        case Rule():
            return _GAP
        case Attachment():
            addresses = _text(block.page) + _text(block.url)
            return _FILE + 2 * _text(block.name) + _ADDRESS * addresses


def _number(block: List) -> int:
    """What stands before a line."""
    return _DOT + len(str(block.start + len(block.items)))


def _row(row: tuple[Cell, ...], indent: int) -> int:
    """The lines of a field are one, parted by what is longer than a line's end."""
    cells = [_CELL + _blocks(cell.blocks, _LINED_CELL) if cell.blocks else _CELL for cell in row]
    return _ROW + indent + sum(cells)


def _code(text: str, indent: int) -> int:
    size = len(text) if text.isascii() else _UTF8_MAX * len(text)
    return _spelt(text, size) + text.count("\n") * indent


def _inlines(content: Iterable[Inline], indent: int) -> int:
    size = 0
    for node in content:
        size += _text(node.text) if type(node) is Text else _inline(node, indent)
    return size


def _inline(node: Inline, indent: int) -> int:  # noqa: PLR0911 -- one for each kind of node
    match node:
        case Text():
            return _text(node.text)
        case LineBreak():
            return _BREAK + indent
        case Link():
            return _LINK + _text(node.href) + _inlines(node.content, indent)
        case Code():
            return _CODE + _code(node.text, indent)
        case Mention():
            return _MENTION + _QUOTED * len(node.target.id) + _text(node.text)
        case Image():
            return _IMAGE + 3 * _text(node.alt) + _text(node.url)
        case Superscript() | Subscript():
            return _STYLE + _SHIFT + _SHIFTED * _inlines(node.content, indent)
        case Colour():
            return _COLOUR * (2 if node.ink and node.paper else 1) + _inlines(node.content, indent)
        case _:
            return _STYLE + _inlines(node.content, indent)
