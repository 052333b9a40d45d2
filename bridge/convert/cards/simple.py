"""The simple cards of the Bot Framework: hero, thumbnail, sign-in, recordings, list, receipt.

Their texts may be HTML. Sources: learn.microsoft.com microsoftteams/platform/task-modules-and-cards/
cards/cards-reference (hero, list, receipt, sign-in, thumbnail), cards-format (HTML in them),
azure/bot-service/rest-api/bot-framework-rest-connector-api-reference (animation, audio, video and
OAuth cards).
"""

from __future__ import annotations

from bridge.convert import losses
from bridge.convert.cards import actions
from bridge.convert.cards.blocks import (
    TITLE_LEVEL,
    fact,
    image,
    images,
    is_link,
    joined,
    link,
    paragraph,
    rows,
    words_of,
)
from bridge.convert.cards.extras import recording
from bridge.convert.cards.sheet import Json, Sheet, child, kind_of
from bridge.convert.teams import parse_teams
from bridge.domain.content import (
    Block,
    Body,
    Bold,
    Cell,
    Heading,
    Inline,
    List,
    Paragraph,
    Table,
    bare_text,
)

_PLAYED = {"audio": "audio", "video": "video", "animation": "video"}


def rich(sheet: Sheet, value: object) -> list[Block]:
    """A text that may be HTML."""
    text = sheet.words(value)
    if "<" not in text and "&" not in text:
        return paragraph(text)
    return list(parse_teams(sheet.html(text)).blocks)


def plain(sheet: Sheet, value: object) -> str:
    """The words of a text that may be HTML, but should not."""
    text = sheet.words(value)
    if "<" not in text and "&" not in text:
        return text
    blocks = parse_teams(sheet.html(text)).blocks
    return " ".join(bare_text(Body(blocks=(block,))) for block in blocks)


def hero(sheet: Sheet, card: Json) -> list[Block]:
    """Title, subtitle, text, pictures, buttons: what all simple cards have."""
    return [
        *heading(plain(sheet, card.get("title"))),
        *paragraph(plain(sheet, card.get("subtitle"))),
        *_pictures(sheet, card),
        *rich(sheet, card.get("text")),
        *actions.simple(sheet, card.get("buttons")),
        *_tap(sheet, card),
    ]


def heading(title: str, level: int = TITLE_LEVEL) -> list[Block]:
    """The title of a card."""
    return [Heading(level=level, content=words_of(title))] if title else []


def _pictures(sheet: Sheet, card: Json) -> list[Block]:
    """A list of pictures, or the one that a recording has."""
    shown: list[tuple[Inline, ...]] = []
    for name in ("images", "image"):
        for item in sheet.objects_or_texts(card.get(name), "url"):
            address = actions.tapped(sheet, item.get("tap"))
            found = image(sheet, sheet.words(item.get("url")), sheet.words(item.get("alt")))
            shown.append((*found, *words_of(" "), *link(address, address)) if address else found)
    return images(shown)


def _tap(sheet: Sheet, card: Json) -> list[Block]:
    """What a tap on the whole card does, if it leads somewhere."""
    address = actions.tapped(sheet, card.get("tap"))
    title = sheet.words(child(card, "tap").get("title"))
    return [Paragraph(content=link(address, title))] if address else []


def played(sheet: Sheet, card: Json, kind: str) -> list[Block]:
    """An animation, an audio or a video card: `media` are addresses of the same recording."""
    name = plain(sheet, card.get("title"))
    for item in sheet.objects_or_texts(card.get("media"), "url"):
        if is_link(address := sheet.words(item.get("url"))):
            profile = sheet.words(item.get("profile"))
            file = recording(profile or name, address, "", _PLAYED[kind])
            return [*hero(sheet, card), file]
    sheet.lose(losses.CARD_MEDIA)
    return hero(sheet, card)


def sign_in(sheet: Sheet, card: Json) -> list[Block]:
    """A sign-in or an OAuth card."""
    return [*rich(sheet, card.get("text")), *actions.simple(sheet, card.get("buttons"))]


def listed(sheet: Sheet, card: Json) -> list[Block]:
    """A list card: items that are results, files or people, in sections."""
    found = heading(plain(sheet, card.get("title")))
    items: list[tuple[Block, ...]] = []
    for item in sheet.objects_or_texts(card.get("items"), "title"):
        if kind_of(item) == "section":
            found += [List(items=tuple(items))] if items else []
            found += heading(plain(sheet, item.get("title")), TITLE_LEVEL + 1)
            items = []
        elif line := _item(sheet, item):
            items.append(tuple(rows(line)))
    found += [List(items=tuple(items))] if items else []
    return found + actions.simple(sheet, card.get("buttons"))


def _item(sheet: Sheet, item: Json) -> list[tuple[Inline, ...]]:
    """Title and subtitle; the id of a file is its address (cards-reference § list card)."""
    title, subtitle = plain(sheet, item.get("title")), plain(sheet, item.get("subtitle"))
    address = actions.tapped(sheet, item.get("tap"))
    if kind_of(item) == "file" and not address:
        address = sheet.words(item.get("id"))
    return [line for line in (link(address, title), words_of(subtitle)) if line]


def receipt(sheet: Sheet, card: Json) -> list[Block]:
    """A receipt: what was bought as a table, then what was paid."""
    return [
        *heading(plain(sheet, card.get("title"))),
        *rows(_fact(sheet, item) for item in sheet.objects(card.get("facts"))),
        *_bought(sheet, card.get("items")),
        *rows(_sums(sheet, card)),
        *actions.simple(sheet, card.get("buttons")),
        *_tap(sheet, card),
    ]


def _fact(sheet: Sheet, item: Json) -> tuple[Inline, ...]:
    return fact(sheet.words(item.get("key")), words_of(sheet.words(item.get("value"))))


def _bought(sheet: Sheet, value: object) -> list[Block]:
    head = tuple(
        Cell(blocks=tuple(paragraph(n)), header=True) for n in ("Item", "Quantity", "Price")
    )
    lines: list[tuple[Cell, ...]] = []
    for item in sheet.objects_or_texts(value, "title"):
        address = actions.tapped(sheet, item.get("tap"))
        words = [link(address, plain(sheet, item.get("title")))]
        words += [words_of(plain(sheet, item.get(name))) for name in ("subtitle", "text")]
        cells = (rows(words), *(paragraph(sheet.words(item.get(n))) for n in ("quantity", "price")))
        lines.append(tuple(Cell(blocks=tuple(cell)) for cell in cells))
    return [Table(rows=(head, *lines))] if lines else []


def _sums(sheet: Sheet, card: Json) -> list[tuple[Inline, ...]]:
    sums = [
        fact(title, words_of(value))
        for title, name in (("Tax", "tax"), ("VAT", "vat"))
        if (value := sheet.words(card.get(name)))
    ]
    total = sheet.words(card.get("total"))
    return [*sums, (Bold(content=joined([words_of("Total: " + total)], "")),)] if total else sums
