"""Cards that stand for something that lies elsewhere: Loop, a meeting, a tab; and announcements.

Sources: learn.microsoft.com graph/teams-messaging-overview (samples of all but the announcement),
graph/api/chatmessage-post (the sample of an announcement with its picture).
"""

from __future__ import annotations

import orjson

from bridge.convert import losses
from bridge.convert.cards.blocks import fact, image, images, is_link, link, paragraph, words_of
from bridge.convert.cards.sheet import Json, Sheet
from bridge.convert.cards.simple import heading, plain
from bridge.domain.content import Block, Paragraph

ANNOUNCEMENT_LEVEL = 2


def loop(sheet: Sheet, content: Json, name: str, page: str) -> list[Block]:
    """A Loop component: what it shows lives in a file that only Loop can show."""
    sheet.lose(losses.LOOP_LIVE_CONTENT)
    address = sheet.first(content, "componentUrl") or page
    title = name or "Loop component"
    return [Paragraph(content=(*words_of("🔁 "), *link(address, title)))]


def meeting(sheet: Sheet, content: Json, name: str, page: str) -> list[Block]:
    """A meeting of a channel; the organizer's name must be looked up, and is added later."""
    address = sheet.first(content, "meetingJoinUrl", "joinUrl", "joinWebUrl") or page
    title = name or sheet.first(content, "subject", "title") or "Meeting"
    return [Paragraph(content=(*words_of("📅 "), *link(address, title)))]


def tab(sheet: Sheet, content: Json, name: str, page: str) -> list[Block]:
    """A tab that was added."""
    title = name or sheet.first(content, "name", "displayName") or "tab"
    address = page or sheet.first(content, "websiteUrl", "contentUrl")
    return [Paragraph(content=fact("Tab", link(address, title)))]


def announcement(sheet: Sheet, content: Json) -> list[Block]:
    """Title, subtitle, picture."""
    named = {key.lower(): value for key, value in content.items()}
    picture = _picture(sheet, named.get("cardimagedetails"))
    return [
        *heading(plain(sheet, named.get("title")), ANNOUNCEMENT_LEVEL),
        *paragraph(plain(sheet, named.get("subtitle"))),
        *(images([image(sheet, picture, "announcement")]) if is_link(picture) else []),
    ]


def _picture(sheet: Sheet, details: object) -> str:
    """The address of the picture as it was cut to size; the details may be JSON within JSON."""
    if isinstance(details, str):
        try:
            details = orjson.loads(details)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return ""
    uploaded = _below(details, "uploadedImageDetail")
    for name in ("croppedImage", "originalImage"):
        found = _below(uploaded, name)
        if isinstance(found, dict) and (address := sheet.words(found.get("source"))):
            return address
    return ""


def _below(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
