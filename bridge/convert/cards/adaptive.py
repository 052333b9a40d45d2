"""Adaptive Cards to blocks: schema 1.6, and what Teams knows beyond it.

    body ──▶ element ─ its type ─┬─ known ────▶ blocks
                                 ├─ fallback ─▶ that, or nothing where it says "drop"
                                 └─ neither ──▶ the texts that are found in it
    actions ──▶ links, names of buttons, the cards that buttons show

What lies side by side in a card lies below each other here, unless it is one line anyway. What is
hidden until somebody clicks is shown as a quotation.
Sources: adaptivecards.io/explorer, learn.microsoft.com adaptive-cards/schema-explorer,
learn.microsoft.com microsoftteams/platform/task-modules-and-cards/cards/cards-format (mentions).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from bridge.convert import losses
from bridge.convert.cards import actions, extras, inputs, markdown
from bridge.convert.cards.blocks import (
    TITLE_LEVEL,
    fact,
    found_in,
    image,
    images,
    is_link,
    joined,
    link_to,
    paragraph,
    rows,
)
from bridge.convert.cards.sheet import DEPTH_MAX, Json, Sheet, child, kind_of
from bridge.domain.content import (
    Block,
    Bold,
    Cell,
    Code,
    Heading,
    Image,
    Inline,
    Italic,
    LineBreak,
    Link,
    Mention,
    Paragraph,
    Quote,
    Strike,
    Table,
    Target,
    TargetKind,
    Text,
    Underline,
)

_USER_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>]{0,500}>")
_LARGE = frozenset({"large", "extralarge"})
_COLUMN_MARK = " · "

Element = Callable[[Json, int], list[Block]]


def read(sheet: Sheet, card: Json) -> list[Block]:
    """Everything of a card that can be read; nothing where it says nothing."""
    found = _Card(sheet, _mentions(sheet, card)).read(card)
    if child(card, "refresh").get("action"):
        sheet.lose(losses.CARD_REFRESH)
    return found or _aloud(sheet, card)


def _aloud(sheet: Sheet, card: Json) -> list[Block]:
    """What is said in place of a card that cannot be shown; speech may be marked up."""
    words = sheet.first(card, "fallbackText", "speak")
    return paragraph(" ".join(_MARKUP.sub(" ", words).split()))


def _mentions(sheet: Sheet, card: Json) -> dict[str, Inline]:
    """Who is meant by an `<at>` of the card's texts; ids of bots mean nothing beyond Teams."""
    found: dict[str, Inline] = {}
    entities = child(card, "msteams").get("entities")
    for entity in sheet.objects(entities if isinstance(entities, list) else []):
        text, who = sheet.words(entity.get("text")), child(entity, "mentioned")
        name, key = sheet.words(who.get("name")) or text[4:-5], sheet.words(who.get("id"))
        if kind_of(entity) != "mention" or not name:
            continue
        target = Target(kind=TargetKind.TEAMS_USER, id=key)
        is_person = _USER_ID.fullmatch(key) is not None
        found[text] = Mention(target=target, text=name) if is_person else Text(text=name)
    return found


class _Card:
    """Reads one card; `depth` is how many containers are around an element."""

    def __init__(self, sheet: Sheet, mentions: markdown.Mentions) -> None:
        self._sheet = sheet
        self._mentions = mentions
        self._elements: dict[str, Element] = {
            "textblock": self._text_block,
            "richtextblock": self._rich_text,
            "textrun": lambda item, _: rows([tuple(self._run(item))]),
            "image": lambda item, _: images([self._image(item)]),
            "imageset": self._image_set,
            "media": lambda item, _: extras.media(sheet, item),
            "factset": self._fact_set,
            "container": self._container,
            "column": self._container,
            "columnset": self._column_set,
            "carousel": lambda item, depth: self._nested(item.get("pages"), depth),
            "carouselpage": self._container,
            "table": self._table,
            "tablerow": lambda item, depth: self._table({"rows": [item]}, depth),
            "tablecell": self._container,
            "actionset": lambda item, depth: self._actions(item.get("actions"), depth),
            "adaptivecard": self._nested_card,
        }

    def read(self, card: Json, depth: int = 0) -> list[Block]:
        """Body, actions, and what asks the reader to sign in."""
        found = self._all(card.get("body"), depth)
        found += self._selected(card, depth)
        found += self._actions(card.get("actions"), depth)
        signing_in = child(card, "authentication")
        if signing_in:
            found += paragraph(self._sheet.words(signing_in.get("text")))
            found += actions.simple(self._sheet, signing_in.get("buttons") or [])
        return found

    def _all(self, value: object, depth: int) -> list[Block]:
        found: list[Block] = []
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            if not self._sheet.takes():
                break
            found += self._element(item, depth)
        return found

    def _element(self, item: object, depth: int) -> list[Block]:
        if not isinstance(item, dict):
            nested = isinstance(item, list)
            return self._nested(item, depth) if nested else paragraph(self._sheet.words(item))
        if depth > DEPTH_MAX:
            return found_in(self._sheet, item)
        kind = kind_of(item)
        known = self._elements.get(kind)
        if known is not None:
            found = known(item, depth)
        elif kind.startswith("input."):
            found = self._input(item, depth)
        elif kind.startswith("action."):
            found = self._actions([item], depth)
        else:
            found = extras.read(self._sheet, item) or self._unknown(item, depth)
        if item.get("isVisible") is False and found:
            self._sheet.lose(losses.CARD_TOGGLE)
            return [Quote(blocks=tuple(found))]
        return found

    def _unknown(self, item: Json, depth: int) -> list[Block]:
        fallback = item.get("fallback")
        if isinstance(fallback, dict):
            return self._nested(fallback, depth)
        if isinstance(fallback, str) and fallback.lower() == "drop":
            return []
        below = [item[name] for name in ("items", "body", "columns") if item.get(name)]
        if kind_of(item):
            self._sheet.lose(losses.CARD_ELEMENTS)
        return self._nested(below, depth) if below else found_in(self._sheet, item)

    def _nested(self, value: object, depth: int) -> list[Block]:
        if depth >= DEPTH_MAX:
            return found_in(self._sheet, value)
        return self._all(value, depth + 1)

    def _nested_card(self, item: object, depth: int) -> list[Block]:
        if depth >= DEPTH_MAX or not isinstance(item, dict):
            return self._nested(item, depth)
        return self.read(item, depth + 1)

    # --- texts ---

    def _text_block(self, item: Json, _: int) -> list[Block]:
        text = self._sheet.words(item.get("text"))
        if kind_of(item, "fontType") == "monospace":
            return [Paragraph(content=(Code(text=text),))] if text else []
        found = markdown.blocks(self._sheet, text, mentions=self._mentions)
        size = kind_of(item, "size")
        match found:
            case [Paragraph() as only] if kind_of(item, "style") == "heading" or size in _LARGE:
                level = TITLE_LEVEL - 1 if size == "extralarge" else TITLE_LEVEL
                return [Heading(level=level, content=only.content)]
            case [Paragraph() as only] if kind_of(item, "weight") == "bolder":
                return [Paragraph(content=(Bold(content=only.content),))]
            case _:
                return found

    def _rich_text(self, item: Json, _: int) -> list[Block]:
        content: list[Inline] = []
        for run in self._sheet.objects_or_texts(item.get("inlines"), "text"):
            content += self._run(run)
        return [Paragraph(content=tuple(content))] if content else []

    def _run(self, run: Json) -> Iterable[Inline]:
        if kind_of(run) == "imagerun":
            return self._image(run)
        text = self._sheet.words_as_they_are(run.get("text"))
        if not text:
            return ()
        content: tuple[Inline, ...] = (Text(text=text),)
        if kind_of(run, "fontType") == "monospace":
            content = (Code(text=text),)
        for style in _styles(run):
            content = (style(content=content),)
        address = self._address_of(run)
        return (link_to(address, content),) if address else content

    def _fact_set(self, item: Json, _: int) -> list[Block]:
        facts = self._sheet.objects_or_texts(item.get("facts"), "value")
        return rows(self._fact(found) for found in facts)

    def _fact(self, item: Json) -> tuple[Inline, ...]:
        title = self._sheet.words(item.get("title"))
        value = self._sheet.words(item.get("value"))
        return fact(title, markdown.inlines(self._sheet, value, mentions=self._mentions))

    # --- pictures ---

    def _image(self, item: Json) -> tuple[Inline, ...]:
        alt = self._sheet.words(item.get("altText"))
        shown = image(self._sheet, self._sheet.words(item.get("url")), alt)
        address = self._address_of(item)
        bare = [node.content if isinstance(node, Link) else (node,) for node in shown]
        return tuple(Link(href=address, content=one) for one in bare) if address else shown

    def _image_set(self, item: Json, _: int) -> list[Block]:
        found = self._sheet.objects_or_texts(item.get("images"), "url")
        return images(self._image(one) for one in found)

    # --- containers ---

    def _container(self, item: Json, depth: int) -> list[Block]:
        return self._nested(item.get("items"), depth) + self._selected(item, depth)

    def _column_set(self, item: Json, depth: int) -> list[Block]:
        given = self._sheet.objects(item.get("columns"))
        read = (self._element({"type": "Column", **column}, depth + 1) for column in given)
        columns = [column for column in read if column]
        side_by_side = _one_line(columns)
        found = side_by_side or [block for column in columns for block in column]
        return found + self._selected(item, depth)

    def _table(self, item: Json, depth: int) -> list[Block]:
        is_headed = item.get("firstRowAsHeader", item.get("firstRowAsHeaders", True)) is True
        found: list[tuple[Cell, ...]] = []
        for row in self._sheet.objects(item.get("rows")):
            header = is_headed and not found
            cells = self._sheet.objects_or_texts(row.get("cells"), "items")
            blocks = (self._container(cell, depth) for cell in cells)
            found.append(tuple(Cell(blocks=tuple(cell), header=header) for cell in blocks))
        return [Table(rows=tuple(found))] if any(found) else []

    # --- what can be clicked ---

    def _input(self, item: Json, depth: int) -> list[Block]:
        return inputs.read(self._sheet, item) + self._actions(item.get("inlineAction"), depth)

    def _actions(self, value: object, depth: int) -> list[Block]:
        if value is None:
            return []
        return actions.adaptive(self._sheet, value, lambda shown: self._nested_card(shown, depth))

    def _selected(self, item: Json, depth: int) -> list[Block]:
        """What a click on a whole container does."""
        return self._actions(item.get("selectAction"), depth)

    def _address_of(self, item: Json) -> str:
        """Where a click on something within a line leads to."""
        action = child(item, "selectAction")
        address = self._sheet.words(action.get("url"))
        if is_link(address):
            return address
        if kind_of(action) == "action.togglevisibility":
            self._sheet.lose(losses.CARD_TOGGLE)
        elif action:
            self._sheet.lose(losses.ACTION_BUTTONS)
        return ""


def _styles(run: Json) -> Iterable[type[Bold | Italic | Strike | Underline]]:
    if kind_of(run, "weight") == "bolder":
        yield Bold
    if run.get("italic") is True:
        yield Italic
    if run.get("strikethrough") is True:
        yield Strike
    if run.get("underline") is True:
        yield Underline


def _one_line(columns: list[list[Block]]) -> list[Block]:
    """Columns that are a line each, in one; nothing where one of them is more than that."""
    contents: list[tuple[Inline, ...]] = []
    for column in columns:
        match column:
            case [Paragraph() as only] if not _is_broken(only):
                contents.append(only.content)
            case _:
                return []
    if len(contents) < 2:  # noqa: PLR2004 -- side by side
        return []
    mark = " " if _is_picture(contents[0]) else _COLUMN_MARK
    rest = joined(contents[1:], _COLUMN_MARK)
    return [Paragraph(content=joined((contents[0], rest), mark))]


def _is_broken(line: Paragraph) -> bool:
    return any(
        isinstance(node, LineBreak) or (isinstance(node, Text) and "\n" in node.text)
        for node in line.content
    )


def _is_picture(content: tuple[Inline, ...]) -> bool:
    bare = [node for one in content for node in (one.content if isinstance(one, Link) else (one,))]
    return all(isinstance(node, Image) for node in bare)
