"""The card of an Office 365 connector or an incoming webhook: a MessageCard with its sections.

Source: learn.microsoft.com outlook/actionable-messages/message-card-reference. Its texts are
Markdown, and HTML as well (microsoftteams/platform/task-modules-and-cards/cards/cards-format).
"""

from __future__ import annotations

import re

from bridge.convert.cards import actions, markdown
from bridge.convert.cards.blocks import TITLE_LEVEL, fact, image, images, rows
from bridge.convert.cards.sheet import Json, Sheet
from bridge.convert.cards.simple import rich
from bridge.domain.content import Block, Bold, Heading, Inline, Rule

_HTML = re.compile(r"<(?:/?[a-zA-Z][^<>]{0,500})>")


def read(sheet: Sheet, card: Json) -> list[Block]:
    """The card's title and text, its sections, its buttons."""
    found = _title(sheet, card.get("title"), TITLE_LEVEL) + _text(sheet, card.get("text"))
    for section in sheet.objects(card.get("sections")):
        read_section = _section(sheet, section)
        if found and read_section and section.get("startGroup") is True:
            found.append(Rule())
        found += read_section
    found += actions.of_connector(sheet, card.get("potentialAction"))
    return found or _text(sheet, card.get("summary"))


def _section(sheet: Sheet, section: Json) -> list[Block]:
    return [
        *_title(sheet, section.get("title"), TITLE_LEVEL + 1),
        *_activity(sheet, section),
        *_pictures(sheet, section.get("heroImage")),
        *_text(sheet, section.get("text")),
        *rows(_fact(sheet, item) for item in sheet.objects(section.get("facts"))),
        *_pictures(sheet, section.get("images")),
        *actions.of_connector(sheet, section.get("potentialAction")),
    ]


def _title(sheet: Sheet, value: object, level: int) -> list[Block]:
    content = _line(sheet, value)
    return [Heading(level=level, content=content)] if content else []


def _line(sheet: Sheet, value: object) -> tuple[Inline, ...]:
    return markdown.inlines(sheet, sheet.words(value), full=True)


def _text(sheet: Sheet, value: object) -> list[Block]:
    text = sheet.words(value)
    if _HTML.search(text):
        return rich(sheet, text)
    return markdown.blocks(sheet, text, full=True)


def _activity(sheet: Sheet, section: Json) -> list[Block]:
    """Who did what: a picture, a bold line, a small one, a text."""
    picture = _pictures(sheet, section.get("activityImage"))
    title = _line(sheet, section.get("activityTitle"))
    lines = [(Bold(content=title),) if title else (), _line(sheet, section.get("activitySubtitle"))]
    return [*picture, *rows(lines), *_text(sheet, section.get("activityText"))]


def _fact(sheet: Sheet, item: Json) -> tuple[Inline, ...]:
    return fact(sheet.words(item.get("name")), _line(sheet, item.get("value")))


def _pictures(sheet: Sheet, value: object) -> list[Block]:
    found = sheet.objects_or_texts(value, "image")
    return images(
        image(sheet, sheet.words(item.get("image")), sheet.words(item.get("title")))
        for item in found
    )
