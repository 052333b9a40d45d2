"""Cutting a body that is too large for a network into parts that are not.

    body ──measure──▶ fits? ──▶ one part
                       └─ no ─▶ search the largest beginning that fits, step back to where a block,
                                else a line, else a word, else a character ends, cut, go on with the rest

Positions are counted in *units*: a character of text is one, and so is whatever cannot be cut (a
mention, an image, an attachment, a line break, a rule).
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace

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
from bridge.domain.content.normal import normalise
from bridge.domain.content.text import bare_text, children, lines
from bridge.errors import Unconvertible

FILL_ENOUGH = 0.9
"""A part that uses this share of the permitted size is large enough to stop searching."""

FILL_LEAST = 0.5
"""A nicer place to cut may shorten a part to this share of what would have fitted."""

BEGINNING_FILL = 2
"""Units that are looked at for one part, as a multiple of its size: more seldom fit, as a unit is a
byte at least."""

SEARCH_TURNS_MAX = 64
"""Sizes measured at most to find where to cut; every other halves what is left."""

GRAPHEME_CHARS_MAX = 32
"""How far back the beginning of a character made of several code points is looked for."""

_ATOM = "\ufffc"
_JOINER = "\u200d"
_REGIONAL = range(0x1F1E6, 0x1F200)
_MODIFIERS = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)

Measure = Callable[[Body], int]


def split(body: Body, *, size_max: int, measure: Measure) -> tuple[Body, ...]:
    """Cut a body into parts of at most `size_max` as told by `measure`, in order, nothing lost.

    White space at a cut, and the number of an item cut in two (it is repeated), are all that
    differs between the parts and the whole.

    Raises:
        Unconvertible: Not even a single character of it fits.
    """
    rest = normalise(body).blocks
    parts: list[Body] = []
    while rest:
        head, after, size = _beginning(rest, size_max, measure)
        if size <= size_max:
            parts.append(Body(blocks=head))
            rest = after
            continue
        at = _cut_at(Body(blocks=head), size, size_max, measure)
        if at == 0:
            rest = (*_simplified(Body(blocks=head)).blocks, *after)
            continue
        left, right = _cut_blocks(head, at)
        parts.append(normalise(Body(blocks=left)))
        rest = (*normalise(Body(blocks=right)).blocks, *after)
    return tuple(part for part in parts if part.blocks) or (Body(),)


def _beginning(
    blocks: tuple[Block, ...], size_max: int, measure: Measure
) -> tuple[tuple[Block, ...], tuple[Block, ...], int]:
    """Enough whole blocks to be too large for one part, what follows them, and their size.

    All that remains is measured only where it is little: a body of a hundred parts would be measured
    a hundred times, and more.
    """
    count, units, wanted = 0, 0, max(BEGINNING_FILL * size_max, 1)
    while True:
        while count < len(blocks) and units < wanted:
            units += _units(blocks[count : count + 1])
            count += 1
        head = blocks[:count]
        size = measure(Body(blocks=head))
        if size > size_max or count == len(blocks):
            return head, blocks[count:], size
        wanted *= 2


def _simplified(body: Body) -> Body:
    """The first block as bare text: what could not be cut, can be now."""
    first, *others = body.blocks
    bare = Paragraph(content=lines(bare_text(first)))
    if first == bare and all(isinstance(node, Text | LineBreak) for node in bare.content):
        msg = "a part of a message cannot be made small enough"
        raise Unconvertible(msg)
    return normalise(Body(blocks=(bare, *others)))


def _cut_at(body: Body, size: int, size_max: int, measure: Measure) -> int:
    """The best position at which the beginning of the body still fits; 0 if there is none."""

    def fits(at: int) -> bool:
        return measure(normalise(Body(blocks=_cut_blocks(body.blocks, at)[0]))) <= size_max

    flat, ends = _flat(body)
    fitting = _fitting(body, (len(flat), size), size_max, measure)
    at = _boundary(flat, ends, fitting)
    # A measure may grow with a shorter text (a style that falls apart); what fitted is known.
    return at if at == fitting or fits(at) else fitting


def _fitting(body: Body, whole: tuple[int, int], size_max: int, measure: Measure) -> int:
    """Search by interpolation, since sizes grow about evenly, halving every other time to be sure."""
    low, low_size = 0, 0
    high, high_size = whole
    for turn in range(1, SEARCH_TURNS_MAX):
        if high - low <= 1 or low_size >= FILL_ENOUGH * size_max:
            break
        share = (size_max - low_size) / max(high_size - low_size, 1) if turn % 2 else 0.5
        at = min(max(low + int((high - low) * share * 0.98), low + 1), high - 1)
        size = measure(normalise(Body(blocks=_cut_blocks(body.blocks, at)[0])))
        if size <= size_max:
            low, low_size = at, size
        else:
            high, high_size = at, size
    return low


def _boundary(flat: str, ends: list[int], at: int) -> int:
    """Step back from `at` to the end of a block, a line, a word, a character."""
    least = max(int(at * FILL_LEAST), 1)
    found = bisect_right(ends, at)
    if found and ends[found - 1] >= least:
        return ends[found - 1]
    for mark in ("\n", " "):
        after = flat.rfind(mark, least - 1, at) + 1
        if after:
            return after
    return _character_end(flat, at)


def _character_end(flat: str, at: int) -> int:
    for back in range(min(GRAPHEME_CHARS_MAX, at - 1)):
        if not _joined(flat, at - back):
            return at - back
    return at


def _joined(flat: str, at: int) -> bool:
    """Whether the code points around a position belong to one character."""
    if at >= len(flat):
        return False
    before, after = flat[at - 1], flat[at]
    if _JOINER in {before, after} or unicodedata.category(after).startswith("M"):
        return True
    if ord(after) in _MODIFIERS or ord(after) in _TAGS:
        return True
    if ord(after) in _REGIONAL and ord(before) in _REGIONAL:
        run = at
        while run and ord(flat[run - 1]) in _REGIONAL:
            run -= 1
        return (at - run) % 2 == 1
    return False


def _flat(body: Body) -> tuple[str, list[int]]:
    """One character per unit, and the positions after which a block ends."""
    texts: list[str] = []
    ends: list[int] = []
    length = 0
    waiting: list[Node | Body | None] = [body]
    while waiting:
        node = waiting.pop()
        if node is None:
            ends.append(length)
            continue
        if isinstance(node, Block | Cell):
            waiting.append(None)
        text = _unit_text(node)
        texts.append(text)
        length += len(text)
        waiting.extend(reversed(children(node)))
    return "".join(texts), ends


def _unit_text(node: Node | Body) -> str:
    match node:
        case Text() | Code() | CodeBlock():
            return node.text
        case LineBreak():
            return "\n"
        case Mention() | Image() | Attachment() | Rule():
            return _ATOM
        case _:
            return ""


def _units(nodes: Iterable[Node]) -> int:
    total = 0
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        total += len(_unit_text(node))
        waiting.extend(children(node))
    return total


def _cut_blocks(blocks: tuple[Block, ...], at: int) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    for index, block in enumerate(blocks):
        units = _units((block,))
        if at < units:
            if at <= 0:
                return blocks[:index], blocks[index:]
            left, right = _cut_block(block, at)
            return (*blocks[:index], left), (right, *blocks[index + 1 :])
        at -= units
    return blocks, ()


def _cut_block(  # noqa: PLR0911 -- one for each kind of block
    block: Block, at: int
) -> tuple[Block, Block]:
    match block:
        case Paragraph():
            left, right = _cut_inlines(block.content, at)
            return Paragraph(content=left), Paragraph(content=right)
        case Heading():
            left, right = _cut_inlines(block.content, at)
            return Heading(level=block.level, content=left), Heading(
                level=block.level, content=right
            )
        case Quote():
            above, below = _cut_blocks(block.blocks, at)
            return Quote(blocks=above), Quote(blocks=below)
        case Card():
            above, below = _cut_blocks(block.blocks, at)
            return replace(block, blocks=above), replace(block, blocks=below, raw="")
        case CodeBlock():
            return (
                CodeBlock(text=block.text[:at], language=block.language),
                CodeBlock(text=block.text[at:], language=block.language),
            )
        case List():
            return _cut_list(block, at)
        case Table():
            return _cut_table(block, at)
        case _:
            return block, Paragraph(content=())


def _cut_list(block: List, at: int) -> tuple[List, List]:
    for index, item in enumerate(block.items):
        units = _units(item)
        if at < units:
            above, below = _cut_blocks(item, at)
            first = (*block.items[:index], above) if above else block.items[:index]
            second = (below, *block.items[index + 1 :])
            return (
                List(items=first, ordered=block.ordered, start=block.start),
                List(items=second, ordered=block.ordered, start=block.start + index),
            )
        at -= units
    return block, List(items=())


def _cut_table(block: Table, at: int) -> tuple[Table, Table]:
    for index, row in enumerate(block.rows):
        units = _units(row)
        if at < units:
            above, below = _cut_row(row, at)
            return (
                Table(rows=(*block.rows[:index], above)),
                Table(rows=(below, *block.rows[index + 1 :])),
            )
        at -= units
    return block, Table(rows=())


def _cut_row(row: tuple[Cell, ...], at: int) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """The rest of a row keeps its columns: those already said are empty."""
    for index, cell in enumerate(row):
        units = _units((cell,))
        if at < units:
            above, below = _cut_blocks(cell.blocks, at)
            said = tuple(Cell(blocks=(), header=c.header) for c in row[:index])
            return (
                (*row[:index], Cell(blocks=above, header=cell.header)),
                (*said, Cell(blocks=below, header=cell.header), *row[index + 1 :]),
            )
        at -= units
    return row, ()


def _cut_inlines(
    content: tuple[Inline, ...], at: int
) -> tuple[tuple[Inline, ...], tuple[Inline, ...]]:
    for index, node in enumerate(content):
        units = _units((node,))
        if at < units:
            if at <= 0:
                return content[:index], content[index:]
            left, right = _cut_inline(node, at)
            return (*content[:index], left), (right, *content[index + 1 :])
        at -= units
    return content, ()


def _cut_inline(node: Inline, at: int) -> tuple[Inline, Inline]:
    match node:
        case Text():
            return Text(text=node.text[:at]), Text(text=node.text[at:])
        case Code():
            return Code(text=node.text[:at]), Code(text=node.text[at:])
        case Link():
            left, right = _cut_inlines(node.content, at)
            return _linked(node.href, left), _linked(node.href, right)
        case Styled():
            left, right = _cut_inlines(node.content, at)
            return replace(node, content=left), replace(node, content=right)
        case _:
            return node, Text(text="")


def _linked(href: str, content: tuple[Inline, ...]) -> Inline:
    """Half a link; one without words would show its address instead, which nobody has written."""
    link = Link(href=href, content=content)
    return link if bare_text(link).strip() else Text(text=" ")
