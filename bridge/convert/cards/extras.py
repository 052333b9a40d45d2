"""Elements of adaptive cards that are neither text nor container: recordings, and Teams' own.

Sources: adaptivecards.io/explorer (Media), learn.microsoft.com
microsoftteams/platform/task-modules-and-cards/cards/ (adaptive-card-extended-capabilities: badge,
code block, icon, rating, progress; charts-in-adaptive-cards; cards-format: people icon).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.convert import losses
from bridge.convert.cards.blocks import (
    bold,
    fact,
    image,
    images,
    is_link,
    paragraph,
    rows,
    words_of,
)
from bridge.convert.cards.sheet import Json, Sheet, child, kind_of
from bridge.domain.content import Attachment, Block, CodeBlock, Inline, MediaKind

_MEDIA: Mapping[str, MediaKind] = {
    "audio": MediaKind.AUDIO,
    "video": MediaKind.VIDEO,
    "image": MediaKind.IMAGE,
}


def media(sheet: Sheet, item: Json) -> list[Block]:
    """A recording: the first of its sources that can be followed, and its picture."""
    poster = images([image(sheet, sheet.words(item.get("poster")), "")])
    name = sheet.first(item, "altText", "title")
    for source in sheet.objects(item.get("sources")):
        address, mimetype = sheet.words(source.get("url")), sheet.words(source.get("mimeType"))
        if is_link(address):
            return [*poster, recording(name, address, mimetype.lower())]
    sheet.lose(losses.CARD_MEDIA)
    return [*poster, *paragraph(f"[{name or 'recording'}]")]


def recording(name: str, address: str, mimetype: str, kind: str = "video") -> Attachment:
    """A file that is to be played."""
    found = _MEDIA.get(mimetype.partition("/")[0]) or _MEDIA[kind]
    shown = name or found.value
    return Attachment(name=shown, url=address, page=address, kind=found, mimetype=mimetype)


def read(sheet: Sheet, item: Json) -> list[Block]:
    """An element that Teams alone knows; nothing where it is none of them."""
    kind = kind_of(item)
    if kind.startswith("chart."):
        return _chart(sheet, item)
    known = _READERS.get(kind)
    return [] if known is None else known(sheet, item) or paragraph("…")


def _chart(sheet: Sheet, item: Json) -> list[Block]:
    """Title and numbers; a series of points has them under `values`."""
    sheet.lose(losses.CARD_CHARTS)
    found = bold(sheet.first(item, "title"))
    lines: list[tuple[Inline, ...]] = []
    for point in sheet.objects(item.get("data") or item.get("segments")):
        lines.append(_point(sheet, point))
        if isinstance(values := point.get("values"), list):
            lines += [_point(sheet, value) for value in sheet.objects(values)]
    if value := sheet.words(item.get("value")):
        lines.append(fact(sheet.words(item.get("subLabel")), words_of(value)))
    return [*found, *rows(lines)] or paragraph("[chart]")


def _point(sheet: Sheet, point: Json) -> tuple[Inline, ...]:
    name = sheet.first(point, "legend", "x", "label")
    return fact(name, words_of(sheet.first(point, "value", "y", "size")))


def _badge(sheet: Sheet, item: Json) -> list[Block]:
    return paragraph(sheet.first(item, "text", "tooltip"))


def _icon(sheet: Sheet, item: Json) -> list[Block]:
    """An ornament, unless somebody is told what it means."""
    return paragraph(sheet.first(item, "altText", "tooltip", "name"))


def _code(sheet: Sheet, item: Json) -> list[Block]:
    code = sheet.words_as_they_are(item.get("codeSnippet"))
    return [CodeBlock(text=code, language=kind_of(item, "language"))] if code.strip() else []


def _compound_button(sheet: Sheet, item: Json) -> list[Block]:
    sheet.lose(losses.ACTION_BUTTONS)
    title = bold(sheet.first(item, "title"))
    return [*title, *paragraph(sheet.first(item, "description"))]


def _progress(sheet: Sheet, item: Json) -> list[Block]:
    label = sheet.first(item, "label")
    value, most = sheet.words(item.get("value")), sheet.words(item.get("max")) or "100"
    return rows([fact(label, words_of(f"{value} of {most}" if value else "…"))])


def _rating(sheet: Sheet, item: Json) -> list[Block]:
    value, most = sheet.words(item.get("value")) or "0", sheet.words(item.get("max")) or "5"
    count = sheet.words(item.get("count"))
    return paragraph(f"★ {value} of {most}" + (f" ({count})" if count else ""))


def _component(sheet: Sheet, item: Json) -> list[Block]:
    """People, files and events, as Graph would show them: by name."""
    properties = child(item, "properties")
    names = [sheet.first(properties, "displayName", "title", "fileName", "userPrincipalName")]
    users = sheet.objects(properties.get("users") or [])
    names += [sheet.first(user, "displayName", "userPrincipalName") for user in users]
    return paragraph(", ".join(name for name in names if name))


_READERS: Mapping[str, Callable[[Sheet, Json], list[Block]]] = {
    "badge": _badge,
    "icon": _icon,
    "codeblock": _code,
    "compoundbutton": _compound_button,
    "progressbar": _progress,
    "progressring": _progress,
    "rating": _rating,
    "component": _component,
}
