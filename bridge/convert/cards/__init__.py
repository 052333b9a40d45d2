"""Cards of Teams to what can be read of them.

    attachment: content type, JSON ──▶ read_card ─┬─ adaptive ──── adaptive.py (inputs, actions, extras)
                                                 ├─ hero, list … simple.py
                                                 ├─ connector ─── connector.py
                                                 ├─ Loop, meeting, tab, announcement ─ references.py
                                                 └─ unknown ───── the texts that are found in it
                    Sheet: limits, losses        ▼
                                                Card: blocks, the JSON itself

Whatever JSON comes in: a card that says something comes out, in bounded time. Polls, tasks, praise
and approvals are adaptive cards of their apps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from bridge.convert import losses
from bridge.convert.cards import adaptive, connector, references, simple
from bridge.convert.cards.blocks import bold, found_in, image, images, link, paragraph
from bridge.convert.cards.sheet import RAW_BYTES_MAX, Json, Sheet
from bridge.domain.content import Block, Body, Card, Node, Paragraph, walk
from bridge.domain.content.text import leaf_text
from bridge.domain.values import dataclass

_CUT = "[there is more in this card]"
_BYTES_OF_ESCAPE = 6
_PREFIXES = (
    "application/vnd.microsoft.teams.card.",
    "application/vnd.microsoft.card.",
    "application/vnd.microsoft.teams.",
    "application/vnd.microsoft.",
    "application/",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A card as it came: its content type, its JSON as text and as value, its name, its address."""

    kind: str
    raw: str
    content: object
    name: str = ""
    page: str = ""
    picture: str = ""


def read_card(sheet: Sheet, given: Given) -> Card:
    """What can be read of a card, never nothing; what is lost is noted on the sheet."""
    blocks = _blocks(sheet, given) if sheet.takes() else []
    if losses.CARD_TEXT in sheet.losses:
        blocks += paragraph(_CUT)
    if not any(_shows(node) for block in blocks for node in walk(block)):
        blocks = paragraph(f"[{given.name or label(given.kind)}]")
    return Card(blocks=tuple(blocks), kind=given.kind, raw=_kept(sheet, given.raw))


def _shows(node: Node | Body) -> bool:
    text = None if isinstance(node, Body) else leaf_text(node)
    return bool(text and text.strip())


def label(kind: str) -> str:
    """What a kind of card is called."""
    name = short(kind)
    return f"{name} card" if kind.startswith("application/vnd.microsoft.") else name or "attachment"


def short(kind: str) -> str:
    """A content type without what they all begin with, in lower case."""
    kind = kind.lower()
    return next((kind.removeprefix(p) for p in _PREFIXES if kind.startswith(p)), kind)


def _kept(sheet: Sheet, raw: str) -> str:
    size = _bytes_of(raw)
    if size > sheet.raw_bytes_left:
        sheet.lose(losses.CARD_JSON)
        return ""
    sheet.raw_bytes_left -= size
    return raw


def _bytes_of(text: str) -> int:
    """Bytes of a text within JSON."""
    try:
        return len(orjson.dumps(text))
    except TypeError:  # Lone surrogates.
        return len(text) * _BYTES_OF_ESCAPE


def _blocks(sheet: Sheet, given: Given) -> list[Block]:
    kind, content = short(given.kind), given.content
    if not isinstance(content, dict):
        if kind in _ELSEWHERE:
            return _ELSEWHERE[kind](sheet, {}, given.name, given.page)
        sheet.lose(losses.UNREADABLE_CARD)
        is_broken = isinstance(content, str) and content.lstrip().startswith(("{", "["))
        return _named(sheet, given) + ([] if is_broken else found_in(sheet, content))
    if kind in _ELSEWHERE:
        return _ELSEWHERE[kind](sheet, content, given.name, given.page)
    if kind in _CARDS:
        return _CARDS[kind](sheet, content)
    sheet.lose(losses.UNKNOWN_CARD)
    return _named(sheet, given) + found_in(sheet, content)


def _named(sheet: Sheet, given: Given) -> list[Block]:
    """What is known of a card without its JSON."""
    name = given.name or label(given.kind)
    shown = [Paragraph(content=link(given.page, name))] if given.page else bold(name)
    return [*shown, *images([image(sheet, given.picture, "")])]


_CARDS: Mapping[str, Callable[[Sheet, Json], list[Block]]] = {
    "adaptive": adaptive.read,
    "hero": simple.hero,
    "thumbnail": simple.hero,
    "audio": lambda sheet, card: simple.played(sheet, card, "audio"),
    "video": lambda sheet, card: simple.played(sheet, card, "video"),
    "animation": lambda sheet, card: simple.played(sheet, card, "animation"),
    "signin": simple.sign_in,
    "oauth": simple.sign_in,
    "list": simple.listed,
    "receipt": simple.receipt,
    "o365connector": connector.read,
    "announcement": references.announcement,
    "messaging-announcementbanner": references.announcement,
}
_ELSEWHERE: Mapping[str, Callable[[Sheet, Json, str, str], list[Block]]] = {
    "fluidembedcard": references.loop,
    "fluid": references.loop,
    "meetingreference": references.meeting,
    "tabreference": references.tab,
}

__all__ = ["RAW_BYTES_MAX", "Given", "Sheet", "label", "read_card", "short"]
