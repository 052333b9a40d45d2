"""Fields of an adaptive card that are to be filled in: shown with what stands in them.

Source: adaptivecards.io/explorer (Input.*), learn.microsoft.com
microsoftteams/platform/task-modules-and-cards/cards/people-picker, …/input-rating.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.convert import losses
from bridge.convert.cards.blocks import bold, fact, rows, words_of
from bridge.convert.cards.sheet import Json, Sheet, kind_of
from bridge.domain.content import Block, Inline, Italic, List, Paragraph, Text

_CHOSEN, _OPEN = "☑ ", "☐ "
_PICKED, _FREE = "◉ ", "○ "


def read(sheet: Sheet, item: Json) -> list[Block]:
    """A field with its label, its choices and its value."""
    sheet.lose(losses.CARD_INPUTS)
    match kind_of(item):
        case "input.toggle":
            return _toggle(sheet, item)
        case "input.choiceset":
            return _choices(sheet, item)
        case _:
            return rows([_field(sheet, item)])


def _field(sheet: Sheet, item: Json) -> tuple[Inline, ...]:
    label = sheet.first(item, "label", "id")
    value = words_of(sheet.words(item.get("value")))
    hint = sheet.words(item.get("placeholder"))
    shown = value or ((Italic(content=words_of(hint)),) if hint else (Text(text="…"),))
    return fact(label, shown)


def _toggle(sheet: Sheet, item: Json) -> list[Block]:
    value = sheet.words(item.get("value"))
    is_on = bool(value) and value == (sheet.words(item.get("valueOn")) or "true")
    title = sheet.first(item, "title", "label", "id")
    line = words_of((_CHOSEN if is_on else _OPEN) + title)
    label = sheet.words(item.get("label")) if item.get("title") else ""
    return rows([words_of(label), line])


def _choices(sheet: Sheet, item: Json) -> list[Block]:
    several = item.get("isMultiSelect") is True
    chosen = set(sheet.words(item.get("value")).split(","))
    marks = (_CHOSEN, _OPEN) if several else (_PICKED, _FREE)
    items = tuple(
        (Paragraph(content=words_of(marks[value not in chosen] + title)),)
        for title, value in _titles(sheet, item)
    )
    label = bold(sheet.first(item, "label", "placeholder"))
    return [*label, List(items=items)] if items else label or rows([_field(sheet, item)])


def _titles(sheet: Sheet, item: Json) -> Iterable[tuple[str, str]]:
    for choice in sheet.objects_or_texts(item.get("choices"), "title"):
        value = sheet.words(choice.get("value"))
        yield sheet.words(choice.get("title")) or value, value
