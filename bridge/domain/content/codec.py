"""Bodies as JSON, for the journal: compact, versioned, and strict on the way back.

    [1, block, …]     block  = ["p", inline…] ["h", level, inline…] ["q", block…] ["pre", language, text]
                               ["ul", [block…]…] ["ol", start, [block…]…] ["table", [[header, block…]…]…]
                               ["hr"] ["file", name, url, fields] ["card", kind, raw, block…]
                      inline = "text" ["b", inline…] … ["code", text] ["a", href, inline…]
                               ["at", kind, id, text] ["img", alt, url, fields] ["br"]
                               ["colour", ink, paper, inline…]
                      fields = {name: value} of what is not as it is by default; may be missing

`from_json(to_json(body)) == body` for every normal body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from bridge.domain.content.nodes import (
    DEPTH_MAX,
    Attachment,
    Block,
    Body,
    Bold,
    Card,
    Cell,
    Code,
    CodeBlock,
    Colour,
    Heading,
    Image,
    Inline,
    Italic,
    LineBreak,
    Link,
    List,
    MediaKind,
    Mention,
    Paragraph,
    Quote,
    Rule,
    Strike,
    Styled,
    Subscript,
    Superscript,
    Table,
    Target,
    TargetKind,
    Text,
    Underline,
)
from bridge.errors import Unconvertible

VERSION = 1
JSON_DEPTH_MAX = 2 * DEPTH_MAX
"""Nested nodes that `from_json` will follow; a normal body has at most `DEPTH_MAX`."""

_STYLES: dict[str, type[Bold | Italic | Underline | Strike | Superscript | Subscript]] = {
    "b": Bold,
    "i": Italic,
    "u": Underline,
    "s": Strike,
    "sup": Superscript,
    "sub": Subscript,
}
_STYLE_NAMES: dict[type[Styled], str] = {style: name for name, style in _STYLES.items()}
_T = TypeVar("_T", str, int, bool)


def to_json(body: Body) -> list[object]:
    """A body as lists, strings and numbers."""
    return [VERSION, *(_block(block) for block in body.blocks)]


def _block(block: Block) -> list[object]:  # noqa: PLR0911 -- one for each kind of block
    match block:
        case Paragraph():
            return ["p", *map(_inline, block.content)]
        case Heading():
            return ["h", block.level, *map(_inline, block.content)]
        case Quote():
            return ["q", *map(_block, block.blocks)]
        case CodeBlock():
            return ["pre", block.language, block.text]
        case List():
            items = [list(map(_block, item)) for item in block.items]
            return ["ol", block.start, *items] if block.ordered else ["ul", *items]
        case Table():
            return ["table", *([_cell(cell) for cell in row] for row in block.rows)]
        case Rule():
            return ["hr"]
        case Attachment():
            return ["file", block.name, block.url, *_fields(block, _FILE_FIELDS)]
        case Card():
            return ["card", block.kind, block.raw, *map(_block, block.blocks)]


def _cell(cell: Cell) -> list[object]:
    return [cell.header, *map(_block, cell.blocks)]


def _inline(node: Inline) -> object:  # noqa: PLR0911 -- one for each kind of node
    match node:
        case Text():
            return node.text
        case Code():
            return ["code", node.text]
        case Link():
            return ["a", node.href, *map(_inline, node.content)]
        case Mention():
            return ["at", node.target.kind.value, node.target.id, node.text]
        case Image():
            return ["img", node.alt, node.url, *_fields(node, _IMAGE_FIELDS)]
        case Colour():
            return ["colour", node.ink, node.paper, *map(_inline, node.content)]
        case LineBreak():
            return ["br"]
        case _:
            return [_STYLE_NAMES[type(node)], *map(_inline, node.content)]


_FILE_FIELDS: Mapping[str, type] = {
    "kind": str, "page": str, "mimetype": str, "size": int, "width": int, "height": int,
    "duration_ms": int,
}  # fmt: skip
_IMAGE_FIELDS: Mapping[str, type] = {"width": int, "height": int, "is_emoticon": bool}


def _fields(node: Attachment | Image, names: Mapping[str, type]) -> list[object]:
    """What is not as it is by default; a message without such is as short as it ever was."""
    found = {name: value for name in names if (value := getattr(node, name))}
    return [found] if found and found != {"kind": MediaKind.FILE} else []


def _read_fields(rest: list[object], names: Mapping[str, type]) -> dict[str, Any]:
    """What `_fields` wrote; fields that a newer version added are stepped over."""
    match rest:
        case []:
            return {}
        case [dict() as given]:
            return {name: _leaf(given[name], names[name]) for name in names if name in given}
        case _:
            return _refuse("more fields than there should be")


def from_json(value: object) -> Body:
    """The body that `to_json` has written.

    Raises:
        Unconvertible: This is not what `to_json` writes.
    """
    version, *blocks = _list(value, least=1)
    if version != VERSION or isinstance(version, bool):
        msg = f"a stored body has version {version!r:.20}, we know {VERSION}"
        raise Unconvertible(msg)
    return Body(blocks=_read_blocks(blocks, 1))


def _refuse(what: str) -> NoReturn:
    msg = f"a stored body makes no sense: {what}"
    raise Unconvertible(msg)


def _list(value: object, *, least: int = 0, most: int | None = None) -> list[object]:
    if not isinstance(value, list) or len(value) < least:
        _refuse(f"expected a list, not {type(value).__name__}")
    if most is not None and len(value) > most:
        _refuse(f"{len(value)} fields instead of {most}")
    return value


def _leaf(value: object, kind: type[_T]) -> _T:
    # `type` and not `isinstance`: True is an int.
    if type(value) is not kind:
        _refuse(f"expected {kind.__name__}, not {type(value).__name__}")
    return value


def _read_blocks(values: list[object], depth: int) -> tuple[Block, ...]:
    if depth > JSON_DEPTH_MAX:
        _refuse(f"deeper than {JSON_DEPTH_MAX} levels")
    return tuple(_read_block(value, depth) for value in values)


def _read_inlines(values: list[object], depth: int) -> tuple[Inline, ...]:
    if depth > JSON_DEPTH_MAX:
        _refuse(f"deeper than {JSON_DEPTH_MAX} levels")
    return tuple(_read_inline(value, depth) for value in values)


def _read_block(value: object, depth: int) -> Block:
    name, *fields = _list(value, least=1)
    read = _BLOCK_READERS.get(name) if isinstance(name, str) else None
    if read is None:
        _refuse(f"no block is called {name!r:.20}")
    return read(fields, depth + 1)


def _read_inline(value: object, depth: int) -> Inline:
    if isinstance(value, str):
        return Text(text=value)
    name, *fields = _list(value, least=1)
    if isinstance(name, str) and name in _STYLES:
        return _STYLES[name](content=_read_inlines(fields, depth + 1))
    read = _INLINE_READERS.get(name) if isinstance(name, str) else None
    if read is None:
        _refuse(f"nothing within a line is called {name!r:.20}")
    return read(fields, depth + 1)


def _read_heading(fields: list[object], depth: int) -> Block:
    level, *content = _list(fields, least=1)
    return Heading(level=_leaf(level, int), content=_read_inlines(content, depth))


def _read_code_block(fields: list[object], _: int) -> Block:
    language, text = _list(fields, least=2, most=2)
    return CodeBlock(language=_leaf(language, str), text=_leaf(text, str))


def _read_items(values: list[object], depth: int) -> tuple[tuple[Block, ...], ...]:
    return tuple(_read_blocks(_list(item), depth) for item in values)


def _read_ordered(fields: list[object], depth: int) -> Block:
    start, *items = _list(fields, least=1)
    return List(items=_read_items(items, depth), ordered=True, start=_leaf(start, int))


def _read_cell(value: object, depth: int) -> Cell:
    header, *blocks = _list(value, least=1)
    return Cell(header=_leaf(header, bool), blocks=_read_blocks(blocks, depth))


def _read_table(rows: list[object], depth: int) -> Block:
    return Table(rows=tuple(tuple(_read_cell(c, depth) for c in _list(row)) for row in rows))


def _read_attachment(fields: list[object], _: int) -> Block:
    name, url, *rest = _list(fields, least=2, most=3)
    more = _read_fields(rest, _FILE_FIELDS)
    try:
        kind = MediaKind(more.pop("kind", MediaKind.FILE))
    except ValueError as error:
        _refuse(str(error))
    return Attachment(name=_leaf(name, str), url=_leaf(url, str), kind=kind, **more)


def _read_card(fields: list[object], depth: int) -> Block:
    kind, raw, *blocks = _list(fields, least=2)
    return Card(kind=_leaf(kind, str), raw=_leaf(raw, str), blocks=_read_blocks(blocks, depth))


def _read_rule(fields: list[object], _: int) -> Block:
    _list(fields, most=0)
    return Rule()


def _read_code(fields: list[object], _: int) -> Inline:
    (text,) = _list(fields, least=1, most=1)
    return Code(text=_leaf(text, str))


def _read_link(fields: list[object], depth: int) -> Inline:
    href, *content = _list(fields, least=1)
    return Link(href=_leaf(href, str), content=_read_inlines(content, depth))


def _read_mention(fields: list[object], _: int) -> Inline:
    kind, id_, text = _list(fields, least=3, most=3)
    try:
        target = Target(kind=TargetKind(_leaf(kind, str)), id=_leaf(id_, str))
    except ValueError as error:
        _refuse(str(error))
    return Mention(target=target, text=_leaf(text, str))


def _read_image(fields: list[object], _: int) -> Inline:
    alt, url, *rest = _list(fields, least=2, most=3)
    return Image(alt=_leaf(alt, str), url=_leaf(url, str), **_read_fields(rest, _IMAGE_FIELDS))


def _read_colour(fields: list[object], depth: int) -> Inline:
    ink, paper, *content = _list(fields, least=2)
    return Colour(
        ink=_leaf(ink, str), paper=_leaf(paper, str), content=_read_inlines(content, depth)
    )


def _read_break(fields: list[object], _: int) -> Inline:
    _list(fields, most=0)
    return LineBreak()


_BLOCK_READERS: dict[str, Callable[[list[object], int], Block]] = {
    "p": lambda fields, depth: Paragraph(content=_read_inlines(fields, depth)),
    "h": _read_heading,
    "q": lambda fields, depth: Quote(blocks=_read_blocks(fields, depth)),
    "pre": _read_code_block,
    "ul": lambda fields, depth: List(items=_read_items(fields, depth)),
    "ol": _read_ordered,
    "table": _read_table,
    "hr": _read_rule,
    "file": _read_attachment,
    "card": _read_card,
}
_INLINE_READERS: dict[str, Callable[[list[object], int], Inline]] = {
    "code": _read_code,
    "a": _read_link,
    "at": _read_mention,
    "img": _read_image,
    "colour": _read_colour,
    "br": _read_break,
}
