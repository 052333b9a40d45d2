"""Blocks of a body, as cards need them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bridge.convert import losses
from bridge.convert.cards.sheet import Sheet
from bridge.domain.content import (
    Block,
    Bold,
    Image,
    Inline,
    LineBreak,
    Link,
    Paragraph,
    Text,
    bare_text,
    safe_href,
    unmasked,
)

TITLE_LEVEL = 4
"""Of the heading that a card's title is."""

_HOSTED = re.compile(r"/hostedContents/", re.IGNORECASE)
_TEXT_NAMES = {
    "title", "subtitle", "text", "name", "summary", "description", "displaytext", "alttext",
    "label", "value", "content", "caption", "heading", "body", "message", "subject",
}  # fmt: skip
_LINK_NAMES = {
    "url", "uri", "href", "link", "weburl", "contenturl", "componenturl", "joinurl",
}  # fmt: skip
_NAMES = _TEXT_NAMES | _LINK_NAMES
FOUND_MAX = 100
"""Texts and links that are looked for in JSON of an unknown form."""
_NODES_MAX = 5_000
"""Values of such JSON that are looked at."""


def words_of(text: str) -> tuple[Inline, ...]:
    """Plain words; line feeds in them become lines where the body is brought into its form."""
    return (Text(text=text),) if text else ()


def paragraph(text: str) -> list[Block]:
    """The paragraphs of a plain text, none for an empty one."""
    return [Paragraph(content=words_of(text))] if text else []


def bold(text: str) -> list[Block]:
    """A line in bold, none for an empty text."""
    return [Paragraph(content=(Bold(content=words_of(text)),))] if text else []


def rows(items: Iterable[Sequence[Inline]]) -> list[Block]:
    """One paragraph with a line for each item."""
    content: list[Inline] = []
    for item in items:
        if item:
            content += [LineBreak(), *item] if content else item
    return [Paragraph(content=tuple(content))] if content else []


def fact(name: str, value: Sequence[Inline]) -> tuple[Inline, ...]:
    """A line that says what something is."""
    if not name:
        return tuple(value)
    title = Bold(content=words_of(name.rstrip(": ") + ":"))
    return (title, Text(text=" "), *value) if value else (title,)


def joined(items: Iterable[Sequence[Inline]], mark: str) -> tuple[Inline, ...]:
    """Several things in one line."""
    content: list[Inline] = []
    for item in items:
        if item:
            content += [Text(text=mark), *item] if content else item
    return tuple(content)


def link(address: str, text: str) -> tuple[Inline, ...]:
    """Words that lead to an address; the words alone where nobody can follow it."""
    href = safe_href(address)
    words = words_of(text or (href or ""))
    return (link_to(href, words),) if href else words


def link_to(href: str, content: tuple[Inline, ...]) -> Link:
    """A link; whose words look like another address, says where it leads, as in any message."""
    goal = unmasked(href, bare_text(Paragraph(content=content)))
    return Link(href=href, content=(*content, Text(text=f" ({goal})")) if goal else content)


def is_link(address: str) -> bool:
    """Whether a reader can follow an address."""
    return safe_href(address) is not None


def image(sheet: Sheet, address: str, alt: str) -> tuple[Inline, ...]:
    """A picture, which leads to where it lies unless that is within Graph, for our token only."""
    address = address.strip()
    if address[:5].lower() == "data:":
        sheet.lose(losses.CARD_IMAGES)
        return (Image(alt=alt),)
    if not address:
        return ()
    shown = Image(alt=alt, url=address)
    href = safe_href(address)
    return (Link(href=href, content=(shown,)),) if href and not _HOSTED.search(href) else (shown,)


def images(pictures: Iterable[tuple[Inline, ...]]) -> list[Block]:
    """One paragraph of pictures."""
    content = joined(pictures, " ")
    return [Paragraph(content=content)] if content else []


def found_in(sheet: Sheet, value: object) -> list[Block]:
    """What can be read of JSON of an unknown form: texts and addresses, in their order."""
    found: list[Block] = []
    for name, text in _found(value):
        if len(found) >= FOUND_MAX or not sheet.takes():
            sheet.lose(losses.CARD_TEXT)
            break
        words = sheet.words(text)
        if name in _LINK_NAMES:
            found += [Paragraph(content=link(words, words))] if is_link(words) else []
        else:
            found += paragraph(words)
    return found


def _found(value: object) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, object]] = [("text", value)]
    for _ in range(_NODES_MAX):
        if not waiting:
            return
        name, node = waiting.pop()
        if isinstance(node, dict):
            below = (
                (key.lower() if isinstance(key, str) else "", sub) for key, sub in node.items()
            )
            waiting.extend(reversed(list(below)))
        elif isinstance(node, list):
            waiting.extend((name, item) for item in reversed(node))
        elif isinstance(node, str) and node.strip() and name in _NAMES:
            yield name, node
