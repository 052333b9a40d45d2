"""Buttons of cards: what leads to an address is a link, what asks the card's app is named and lost.

Sources: adaptivecards.io/explorer (Action.*), learn.microsoft.com
microsoftteams/platform/task-modules-and-cards/cards/cards-actions (the buttons of simple cards, and
`data.msteams` of adaptive ones), outlook/actionable-messages/message-card-reference (those of
connectors).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.convert import losses
from bridge.convert.cards.blocks import is_link, joined, link, words_of
from bridge.convert.cards.sheet import Json, Sheet, child, kind_of
from bridge.domain.content import Block, Bold, Inline, Paragraph, Quote

_LINKING = frozenset(
    {"openurl", "signin", "downloadfile", "playaudio", "playvideo", "showimage", "openuri"}
)
"""Types of simple cards and of connectors whose value is an address."""
_TITLE_CHARS_MAX = 200
MARK = " · "


@dataclass(slots=True)
class Buttons:
    """The buttons of one place of a card, as they are read."""

    sheet: Sheet
    links: list[tuple[Inline, ...]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    below: list[Block] = field(default_factory=list)
    """What buttons show when they are pressed."""

    def link(self, address: str, title: str) -> None:
        """Note a button that leads to an address; one that nobody can follow is only named."""
        if is_link(address):
            self.links.append(link(address, title[:_TITLE_CHARS_MAX]))
        else:
            self.press(title)

    def press(self, title: str, loss: str = losses.ACTION_BUTTONS) -> None:
        """Note a button that does something in Teams only."""
        self.sheet.lose(loss)
        if title:
            self.names.append(title[:_TITLE_CHARS_MAX])

    def blocks(self) -> list[Block]:
        """What is shown of them."""
        named = [words_of(f"[{name}]") for name in self.names]
        lines = (joined(self.links, MARK), joined(named, " "))
        return [*(Paragraph(content=line) for line in lines if line), *self.below]


def simple(sheet: Sheet, value: object) -> list[Block]:
    """Buttons of a simple card, or what a tap on it does."""
    buttons = Buttons(sheet)
    for item in sheet.objects(value):
        title = sheet.first(item, "title", "text", "displayText")
        address = sheet.words(item.get("value"))
        if kind_of(item) in _LINKING or (not kind_of(item) and is_link(address)):
            buttons.link(address, title)
        else:
            buttons.press(title)
    return buttons.blocks()


def tapped(sheet: Sheet, value: object) -> str:
    """The address that a tap on something in a simple card leads to; empty where it leads nowhere."""
    if not isinstance(value, dict) or not sheet.takes():
        return ""
    address = sheet.words(value.get("value"))
    if is_link(address):
        return address
    if kind_of(value):
        sheet.lose(losses.ACTION_BUTTONS)
    return ""


def of_connector(sheet: Sheet, value: object) -> list[Block]:
    """Buttons of a connector's card: `potentialAction`."""
    buttons = Buttons(sheet)
    for item in sheet.objects(value):
        title = sheet.words(item.get("name"))
        kind = kind_of(item, "@type")
        if kind in {"openuri", "viewaction"}:
            buttons.link(_target(sheet, item), title)
        elif kind == "actioncard":
            sheet.lose(losses.CARD_INPUTS)
            buttons.press(title)
        else:
            buttons.press(title)
    return buttons.blocks()


def _target(sheet: Sheet, item: Json) -> str:
    """`targets: [{os, uri}]` of an OpenUri, `target: [address]` of an older ViewAction."""
    for found in sheet.objects(item.get("targets")):
        if address := sheet.words(found.get("uri")):
            return address
    target = item.get("target")
    return sheet.words(target[0] if isinstance(target, list) and target else target)


def adaptive(sheet: Sheet, value: object, read: Callable[[object], list[Block]]) -> list[Block]:
    """Actions of an adaptive card; `read` reads the card or the content that one of them shows."""
    buttons = Buttons(sheet)
    for item in sheet.objects(value):
        _adaptive(buttons, item, read)
    return buttons.blocks()


def _adaptive(buttons: Buttons, item: Json, read: Callable[[object], list[Block]]) -> None:
    sheet = buttons.sheet
    title = sheet.first(item, "title", "tooltip")
    match kind_of(item):
        case "action.openurl" | "action.openurldialog":
            buttons.link(sheet.words(item.get("url")), title)
        case "action.showcard" | "action.popover":
            shown = read(item.get("card") or item.get("content"))
            if title:
                buttons.below.append(Paragraph(content=(Bold(content=words_of(title)),)))
            if shown:
                buttons.below.append(Quote(blocks=tuple(shown)))
        case "action.togglevisibility":
            buttons.press(title, losses.CARD_TOGGLE)
        case "action.resetinputs":
            buttons.press(title, losses.CARD_INPUTS)
        case _:
            asked = child(child(item, "data"), "msteams")
            address = sheet.words(asked.get("value"))
            if kind_of(asked) in _LINKING and is_link(address):
                buttons.link(address, title)
            else:
                buttons.press(title)
