"""chatMessageAttachment -> a block of a body. Every kind, known or not, becomes at least a notice.

Kinds: learn.microsoft.com graph/api resources/chatmessageattachment, chatmessage-replywithquote,
chatmessage-get example 6. Hostile content never raises: what cannot be read is a notice.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from bridge.convert.teams import parse_teams
from bridge.domain.content import Attachment, Block, Body, Bold, Paragraph, Quote, Text, from_text
from bridge.errors import Unconvertible

Json = Mapping[str, object]

ATTACHMENTS_MAX = 50
"""Of one message; what is beyond is not looked at (Teams itself allows 10 files)."""
CONTENT_CHARS_MAX = 256 * 1024
TEXT_CHARS_MAX = 4096
"""Of a name or an address; the converter cuts names shorter."""

_REFERENCE = "reference"
_QUOTE = "messagereference"
_FORWARD = "forwardedmessagereference"
_SNIPPET = "application/vnd.microsoft.card.codesnippet"
_CARD = "application/vnd.microsoft.card."


def attachment(item: Json) -> Block:
    """Say what stands for an attachment."""
    kind = _text(item, "contentType").lower()
    if kind == _QUOTE:
        return _quoted(item, text="messagePreview", who="messageSender")
    if kind == _FORWARD:
        return _quoted(item, text="originalMessageContent", who="originalMessageSender")
    name = _text(item, "name")
    if kind == _REFERENCE:
        return Attachment(name=name or "file", url=_text(item, "contentUrl"))
    return Attachment(name=name or _label(kind))


def quoted_message(item: Json) -> str | None:
    """Return the id of the message that an attachment quotes; None where it quotes none."""
    if _text(item, "contentType").lower() != _QUOTE:
        return None
    return _text(_content(item), "messageId") or _text(item, "id") or None


def _label(kind: str) -> str:
    if kind == _SNIPPET:
        return "code snippet"
    if kind.startswith(_CARD):
        return f"{kind.removeprefix(_CARD)} card"
    return "attachment"


def _quoted(item: Json, *, text: str, who: str) -> Block:
    content = _content(item)
    said = content.get(text)
    body = _parsed(said if isinstance(said, str) else "")
    name = _speaker(content.get(who))
    blocks = (Paragraph(content=(Bold(content=(Text(text=name),)),)), *body.blocks)
    return Quote(blocks=blocks if name else body.blocks or from_text("…").blocks)


def _parsed(html: str) -> Body:
    try:
        return parse_teams(html[:CONTENT_CHARS_MAX])
    except Unconvertible:
        return Body()


def _content(item: Json) -> Json:
    """The attachment's own JSON, which comes as text."""
    raw = item.get("content")
    if not isinstance(raw, str) or len(raw) > CONTENT_CHARS_MAX:
        return {}
    try:
        found = orjson.loads(raw)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _speaker(identity: object) -> str:
    if not isinstance(identity, dict):
        return ""
    for kind in ("user", "application"):
        who = identity.get(kind)
        name = _text(who, "displayName") if isinstance(who, dict) else ""
        if name:
            return " ".join(name.split())
    return ""


def _text(item: Json, name: str) -> str:
    found = item.get(name)
    return found[:TEXT_CHARS_MAX] if isinstance(found, str) else ""
