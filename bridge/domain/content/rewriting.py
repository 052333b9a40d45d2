"""Changing single leaves of a body, wherever they stand.

The walk calls itself once per level, and the depth of a normal body is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bridge.domain.content.nodes import (
    Attachment,
    Block,
    Body,
    Card,
    Cell,
    Heading,
    Image,
    Inline,
    Link,
    List,
    Paragraph,
    Quote,
    Styled,
    Table,
)
from bridge.domain.content.normal import normalise

OfLeaf = Callable[[Inline], Iterable[Inline]]
"""What takes the place of a node within a line that has no others in it."""
OfImage = Callable[[Image], Inline]
OfAttachment = Callable[[Attachment], Block]


def replaced(body: Body, change: OfLeaf) -> Body:
    """Return a normal body in which every leaf within a line is what `change` makes of it."""
    return normalise(Body(blocks=_blocks(body.blocks, change, _as_it_is)))


def with_media(body: Body, *, image: OfImage, attachment: OfAttachment) -> Body:
    """Return a normal body in which every image and attachment is what these make of it."""
    return normalise(Body(blocks=blocks_with_media(body.blocks, image, attachment)))


def blocks_with_media(
    blocks: Iterable[Block], image: OfImage, attachment: OfAttachment
) -> tuple[Block, ...]:
    """The same for blocks, which need not be normal afterwards."""

    def change(node: Inline) -> Iterable[Inline]:
        return (image(node) if isinstance(node, Image) else node,)

    return _blocks(blocks, change, attachment)


def _as_it_is(file: Attachment) -> Block:
    return file


def _blocks(blocks: Iterable[Block], leaf: OfLeaf, file: OfAttachment) -> tuple[Block, ...]:
    return tuple(_block(block, leaf, file) for block in blocks)


def _block(block: Block, leaf: OfLeaf, file: OfAttachment) -> Block:
    def inside(blocks: Iterable[Block]) -> tuple[Block, ...]:
        return _blocks(blocks, leaf, file)

    match block:
        case Paragraph() | Heading():
            return replace(block, content=_inlines(block.content, leaf))
        case Quote() | Card():
            return replace(block, blocks=inside(block.blocks))
        case List():
            return replace(block, items=tuple(map(inside, block.items)))
        case Table():
            rows = tuple(
                tuple(Cell(blocks=inside(cell.blocks), header=cell.header) for cell in row)
                for row in block.rows
            )
            return Table(rows=rows)
        case Attachment():
            return file(block)
        case _:
            return block


def _inlines(content: Iterable[Inline], leaf: OfLeaf) -> tuple[Inline, ...]:
    return tuple(made for node in content for made in _inline(node, leaf))


def _inline(node: Inline, leaf: OfLeaf) -> Iterable[Inline]:
    if isinstance(node, Styled | Link):
        return (replace(node, content=_inlines(node.content, leaf)),)
    return leaf(node)
