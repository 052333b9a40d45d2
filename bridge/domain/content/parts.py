"""Cutting a body that is too large for a network into parts that are not.

    body ──bound, measure──▶ fits? ──▶ one part
                       └─ no ─▶ do its first blocks fill a part well? ──▶ take these, go on with the rest
                                └─ no ─▶ search the largest beginning that fits, step back to where a
                                         block, else a line, else a word, else a character ends, cut,
                                         go on with the rest

Positions are counted in *units*: what they are is said in `cutting`.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, takewhile

from bridge.domain.content.cutting import cut_blocks, unit_text, units_in
from bridge.domain.content.nodes import (
    Block,
    Body,
    Cell,
    LineBreak,
    Node,
    Paragraph,
    Text,
)
from bridge.domain.content.normal import normalise
from bridge.domain.content.text import bare_text, children, lines
from bridge.errors import Unconvertible

FILL_ENOUGH = 0.9
"""A part that uses this share of the permitted size is large enough to stop searching."""

FILL_AIM = 0.97
"""What a part is filled to whose blocks are taken by how large such blocks have been."""

FILL_LEAST = 0.5
"""A nicer place to cut may shorten a part to this share of what would have fitted."""

BEGINNING_FILL = 1.25
"""Units that are looked at for one part, as a multiple of those that the one before had, or that a part
has on average."""

SEARCH_TURNS_MAX = 64
"""Sizes measured at most to find where to cut; every other halves what is left."""

GRAPHEME_CHARS_MAX = 32
"""How far back the beginning of a character made of several code points is looked for."""

_JOINER = "\u200d"
_REGIONAL = range(0x1F1E6, 0x1F200)
_MODIFIERS = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)

Measure = Callable[[Body], int]


def split(
    body: Body, *, size_max: int, measure: Measure, bound: Measure | None = None
) -> tuple[Body, ...]:
    """Cut a normal body into parts of at most `size_max` as told by `measure`, nothing lost.

    White space at a cut, and the number of an item cut in two (it is repeated), are all that
    differs between the parts and the whole.

    Args:
        body: A normal body.
        size_max: What a part may measure.
        measure: The size of a body.
        bound: What a body, or several blocks one by one, measure together at most; told quickly.

    Raises:
        Unconvertible: Not even a single character of it fits.
    """
    total = 0 if bound is None else bound(body)
    if bound is not None and total <= size_max:
        return (body,)
    size = measure(body)
    if size <= size_max:
        return (body,)
    rest, units = body.blocks, units_in(body) * size_max // size
    room = int(FILL_AIM * size_max * total / size)
    parts: list[Body] = []
    while rest:
        filling = _filling(rest, room, size_max, measure, bound) if bound else ()
        if filling:
            parts.append(_tidy(filling))
            rest = rest[len(filling) :]
            continue
        head, normal, size = _beginning(rest, units, size_max, measure)
        if size <= size_max:
            parts.append(normal)
            break
        at, part = _cut_at(head, size, size_max, measure)
        if at == 0:
            rest = (*_simplified(rest[0]), *rest[1:])
            continue
        units = at
        _, rest = cut_blocks(rest, at)
        parts.append(part)
    return tuple(part for part in parts if part.blocks) or (Body(),)


def _tidy(blocks: tuple[Block, ...]) -> Body:
    """The normal body of blocks of which the first and the last alone may have been cut."""
    if len(blocks) <= 2:  # noqa: PLR2004 -- a first and a last one
        return normalise(Body(blocks=blocks))
    first, last = (normalise(Body(blocks=(block,))).blocks for block in (blocks[0], blocks[-1]))
    return Body(blocks=(*first, *blocks[1:-1], *last))


def _filling(
    blocks: tuple[Block, ...], room: int, size_max: int, measure: Measure, bound: Measure
) -> tuple[Block, ...]:
    """The whole blocks that fill a part well, as told by how large such blocks are; or none."""
    used = accumulate(bound(Body(blocks=(block,))) for block in blocks)
    found = blocks[: sum(1 for _ in takewhile(lambda size: size <= room, used))]
    fills = found and FILL_ENOUGH * size_max <= measure(_tidy(found)) <= size_max
    return found if fills else ()


def _beginning(
    blocks: tuple[Block, ...], units: int, size_max: int, measure: Measure
) -> tuple[Body, Body, int]:
    """All there is, if it fits, else more than fits; the same in its normal form, and its size.

    All that remains is looked at only where it is little: a body of a hundred parts would be measured
    a hundred times, and more. `units` is what one part probably holds.
    """
    wanted = max(int(BEGINNING_FILL * units), 1)
    while True:
        first, after = cut_blocks(blocks, wanted)
        normal = _tidy(first)
        size = measure(normal)
        if size > size_max or not after:
            return Body(blocks=first), normal, size
        wanted *= 2


def _simplified(block: Block) -> tuple[Block, ...]:
    """A block as bare text: what could not be cut, can be now."""
    bare = Paragraph(content=lines(bare_text(block)))
    if block == bare and all(isinstance(node, Text | LineBreak) for node in bare.content):
        msg = "a part of a message cannot be made small enough"
        raise Unconvertible(msg)
    return normalise(Body(blocks=(bare,))).blocks


def _cut_at(body: Body, size: int, size_max: int, measure: Measure) -> tuple[int, Body]:
    """The best position at which the beginning of the body still fits, and it; 0 if there is none."""
    flat, ends = _flat(body)
    fitting = _fitting(body, (len(flat), size), size_max, measure)
    at = _boundary(flat, ends, fitting) if fitting else 0
    part = _until(body, at)
    # A measure may grow with a shorter text (a style that falls apart); what fitted is known.
    if at == fitting or measure(part) <= size_max:
        return at, part
    return fitting, _until(body, fitting)


def _until(body: Body, at: int) -> Body:
    return _tidy(cut_blocks(body.blocks, at)[0])


def _fitting(body: Body, whole: tuple[int, int], size_max: int, measure: Measure) -> int:
    """Search by interpolation, since sizes grow about evenly, halving every other time to be sure."""
    low, low_size = 0, 0
    high, high_size = whole
    for turn in range(1, SEARCH_TURNS_MAX):
        if high - low <= 1 or low_size >= FILL_ENOUGH * size_max:
            break
        share = (size_max - low_size) / max(high_size - low_size, 1) if turn % 2 else 0.5
        at = min(max(low + int((high - low) * share * 0.98), low + 1), high - 1)
        size = measure(_until(body, at))
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
        text = unit_text(node)
        texts.append(text)
        length += len(text)
        waiting.extend(reversed(children(node)))
    return "".join(texts), ends
