"""A body as plain text for people: what stands in `body` beside `formatted_body`, as good as that.

Not for comparing bodies: that is `content.plain_text`, which leaves the marks out. Marked is what would
mean something else without its mark:

    lists      • a         1. a        nested ones indented
    quotes     > said      > > said by another
    code       ``` python, a line each, ```   (within a line: as it is)
    tables     a | b  over  --- | ---  over  1 | 2   (lines within a field parted by " / ")
    links      words (address), or the address alone where the words are it
    struck out ~~not this~~      raised and lowered   10⁶, x^(n+1), H₂O, x_max
    mentions   of a person by name, of others with an @ before it

Bold, italic, underlined, coloured and headings are as they are: in a notification their marks are noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.domain.content import (
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
    Paragraph,
    Quote,
    Rule,
    Strike,
    Subscript,
    Superscript,
    Table,
    TargetKind,
    Text,
    label,
    safe_href,
)

LEVELS_MAX = 8
"""Of lists and quotations in each other that are indented, or marked; deeper ones add nothing, or
hundreds of lines within a hundred of them would become megabytes."""

_RAISED = str.maketrans("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_PEOPLE = frozenset({TargetKind.TEAMS_USER, TargetKind.MATRIX_USER})


def readable(body: Body) -> str:
    """A normal body as text; one of plain words and line breaks is nothing but these."""
    return _blocks(body.blocks, LEVELS_MAX, gap="\n\n")


def shown_name(node: Mention) -> str:
    """How somebody is called: people by name, others so that it is seen that they were called."""
    if node.target.kind in _PEOPLE or node.text.startswith("@"):
        return node.text
    return f"@{node.text}"


def _blocks(blocks: Iterable[Block], levels: int, gap: str = "\n") -> str:
    return gap.join(text for block in blocks if (text := _block(block, levels)))


def _block(block: Block, levels: int) -> str:  # noqa: PLR0911 -- one for each kind of block
    match block:
        case Paragraph() | Heading():
            return _words(block.content)
        case Quote():
            return _behind("> ", "> ", _blocks(block.blocks, levels - 1), levels)
        case Card():
            return _blocks(block.blocks, levels)
        case CodeBlock():
            fence = _fence(block.text)
            return f"{fence}{block.language}\n{block.text}\n{fence}"
        case List():
            return _list(block, levels)
        case Table():
            return _table(block, levels)
        case Rule():
            return "---"
        case Attachment():
            href = safe_href(block.page or block.url)
            return f"{label(block)} ({href})" if href else label(block)


def _behind(first: str, others: str, text: str, levels: int) -> str:
    """Lines behind a mark."""
    return first + text.replace("\n", f"\n{others}") if levels > 0 else text


def _fence(code: str) -> str:
    """Longer than any in the code itself."""
    fence = "```"
    while fence in code:
        fence += "`"
    return fence


def _list(block: List, levels: int) -> str:
    read = []
    for number, item in enumerate(block.items, block.start):
        mark = f"{number}. " if block.ordered else "• "
        text = _blocks(item, levels - 1)
        read.append(_behind(mark, " " * len(mark), text, levels) if levels > 0 else mark + text)
    return "\n".join(read)


def _table(block: Table, levels: int) -> str:
    rows = [" | ".join(_cell(cell, levels) for cell in row) for row in block.rows]
    first = block.rows[0] if block.rows else ()
    if first and all(cell.header for cell in first) and len(rows) > 1:
        rows.insert(1, " | ".join("---" for _ in first))
    return "\n".join(rows)


def _cell(cell: Cell, levels: int) -> str:
    return _blocks(cell.blocks, levels - 1).replace("\n", " / ")


def _words(content: Iterable[Inline]) -> str:
    return "".join([_word(node) for node in content])


def _word(node: Inline) -> str:  # noqa: PLR0911 -- one for each kind of node
    match node:
        case Text() | Code():
            return node.text
        case LineBreak():
            return "\n"
        case Mention():
            return shown_name(node)
        case Link():
            return _link(_words(node.content), node.href)
        case Image():
            return label(node)
        case Strike():
            return f"~~{_words(node.content)}~~"
        case Superscript():
            return _shifted(_words(node.content), _RAISED, "^")
        case Subscript():
            return _shifted(_words(node.content), _LOWERED, "_")
        case _:
            return _words(node.content)


def _link(words: str, href: str) -> str:
    return words if href in {words, f"mailto:{words}"} else f"{words} ({href})"


def _shifted(words: str, letters: Mapping[int, int], mark: str) -> str:
    """10⁶ is not 106; of words (1st, ™ as TM) only what is below the line can be mistaken."""
    if all(ord(letter) in letters for letter in words):
        return words.translate(letters)
    if words.isalpha():
        return words if mark == "^" and len(words) > 1 else f"{mark}{words}"
    return f"{mark}({words})"
