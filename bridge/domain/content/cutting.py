"""Cutting a tree in two after so many units, in one walk that looks at nothing behind the cut.

    cut_blocks(blocks, at) ─▶ blocks before, blocks behind
      each node: (its first half, its second half, units left)
                 all of it before the cut: (itself, None, units left); all behind it: (None, itself, 0)

A *unit* is a character of text, or whatever cannot be cut: a mention, an image, an attachment, a line
break, a rule. A function here calls itself once per level, and the level is bounded by `DEPTH_MAX`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

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
    Mention,
    Node,
    Paragraph,
    Quote,
    Rule,
    Styled,
    Table,
    Text,
)
from bridge.domain.content.text import bare_text, walk

ATOM = "\ufffc"
"""Stands for what cannot be cut."""

_Node = TypeVar("_Node")
_Part = TypeVar("_Part")
_Words = TypeVar("_Words", Text, Code, CodeBlock)
_Cut = tuple[_Node | None, _Node | None, int]
_Blocks = tuple[Block, ...]
_Row = tuple[Cell, ...]


def unit_text(node: Node | Body) -> str:
    """One character for each unit of a leaf; nothing for what merely holds others."""
    match node:
        case Text() | Code() | CodeBlock():
            return node.text
        case LineBreak():
            return "\n"
        case Mention() | Image() | Attachment() | Rule():
            return ATOM
        case _:
            return ""


def units_in(body: Body) -> int:
    """How many units a body has."""
    return sum(len(unit_text(node)) for node in walk(body))


def cut_blocks(blocks: _Blocks, at: int) -> tuple[_Blocks, _Blocks]:
    """The blocks of the first `at` units, and those of all others."""
    before, behind, _ = _cut_all(blocks, at, _cut_block)
    return before, behind


def _cut_all(
    nodes: tuple[_Node, ...], at: int, cut: Callable[[_Node, int], _Cut[_Node]]
) -> tuple[tuple[_Node, ...], tuple[_Node, ...], int]:
    for index, node in enumerate(nodes):
        before, behind, at = cut(node, at)
        if behind is not None:
            first = nodes[:index] if before is None else (*nodes[:index], before)
            return first, (behind, *nodes[index + 1 :]), 0
    return nodes, (), at


def _halves(
    node: _Node,
    parts: tuple[tuple[_Part, ...], tuple[_Part, ...], int],
    make: Callable[[tuple[_Part, ...]], _Node],
    make_second: Callable[[tuple[_Part, ...]], _Node] | None = None,
) -> _Cut[_Node]:
    """A node cut where its parts are."""
    before, behind, left = parts
    if not behind:
        return node, None, left
    if not before:
        return None, node, 0
    return make(before), (make_second or make)(behind), 0


def _cut_block(block: Block, at: int) -> _Cut[Block]:
    match block:
        case Paragraph() | Heading():
            cut = _cut_all(block.content, at, _cut_inline)
            return _halves(block, cut, lambda half: replace(block, content=half))
        case Quote() | Card():
            return _cut_holder(block, at)
        case CodeBlock():
            return _cut_text(block, at)
        case List():
            return _cut_list(block, at)
        case Table():
            cut_rows = _cut_all(block.rows, at, _cut_row)
            return _halves(block, cut_rows, lambda half: Table(rows=half))
        case _:
            return _whole(block, at, 1)


def _whole(node: _Node, at: int, units: int) -> _Cut[_Node]:
    """What is not cut itself, as it cannot be, or has its end or its beginning there."""
    return (node, None, at - units) if units <= at else (None, node, 0)


def _cut_text(node: _Words, at: int) -> _Cut[_Words]:
    if not 0 < at < len(node.text):
        return _whole(node, at, len(node.text))
    return replace(node, text=node.text[:at]), replace(node, text=node.text[at:]), 0


def _cut_holder(block: Quote | Card, at: int) -> _Cut[Block]:
    def second(half: _Blocks) -> Block:
        return replace(block, blocks=half, raw="") if isinstance(block, Card) else make(half)

    def make(half: _Blocks) -> Block:
        return replace(block, blocks=half)

    return _halves(block, _cut_all(block.blocks, at, _cut_block), make, second)


def _cut_list(block: List, at: int) -> _Cut[Block]:
    def second(half: tuple[_Blocks, ...]) -> Block:
        return replace(block, items=half, start=block.start + len(block.items) - len(half))

    cut = _cut_all(block.items, at, _cut_item)
    return _halves(block, cut, lambda half: replace(block, items=half), second)


def _cut_item(item: _Blocks, at: int) -> _Cut[_Blocks]:
    return _halves(item, _cut_all(item, at, _cut_block), lambda half: half)


def _cut_row(row: _Row, at: int) -> _Cut[_Row]:
    """Both halves keep the columns: what was said already is empty, as is what comes next."""
    before, behind, left = _cut_all(row, at, _cut_cell)
    if not behind:
        return row, None, left
    if not at:  # Empty fields alone are no beginning of a row.
        return None, row, 0
    said = (_emptied(cell) for cell in row[: len(row) - len(behind)])
    is_between = len(before) + len(behind) == len(row)
    first = (*before, _emptied(row[len(before)])) if is_between else before
    return first, (*said, *behind), 0


def _emptied(cell: Cell) -> Cell:
    return Cell(blocks=(), header=cell.header)


def _cut_cell(cell: Cell, at: int) -> _Cut[Cell]:
    cut = _cut_all(cell.blocks, at, _cut_block)
    return _halves(cell, cut, lambda half: replace(cell, blocks=half))


def _cut_inline(node: Inline, at: int) -> _Cut[Inline]:
    match node:
        case Text():
            return _cut_text(node, at)
        case Code():
            return _cut_text(node, at)
        case Link():
            cut = _cut_all(node.content, at, _cut_inline)
            return _halves(node, cut, lambda half: _linked(node.href, half))
        case Styled():
            cut = _cut_all(node.content, at, _cut_inline)
            return _halves(node, cut, lambda half: replace(node, content=half))
        case _:
            return _whole(node, at, 1)


def _linked(href: str, content: tuple[Inline, ...]) -> Inline:
    """Half a link; one without words would show its address instead, which nobody has written."""
    has_words = any(bare_text(node).strip() for node in content)
    return Link(href=href, content=content) if has_words else Text(text=" ")
