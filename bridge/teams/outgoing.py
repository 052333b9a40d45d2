"""What we ask of Graph about messages, as JSON. Pure.

Sources: learn.microsoft.com graph/api chatmessage-post, chatmessage-update, chatmessage-replywithquote,
chatmessage-setreaction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape

from bridge.convert.emoji import reaction_of
from bridge.convert.markup import escape_attribute
from bridge.domain.content import Mention, TargetKind
from bridge.domain.ids import MessageRef, Place, channel_of
from bridge.teams.attachments import ATTACHMENTS_MAX, quoted_message
from bridge.teams.payloads import REACTIONS_MAX, Json, long_text, objects, text

Wish = dict[str, object]

CONTENT_CHARS_MAX = 400_000
"""Of a message that are looked at; Teams takes some 100 KB."""

_FILE = "reference"
_PICTURE = re.compile(
    r"<img\b[^<>]*?\bsrc=\"([^\"<>]{1,2048}/hostedContents/[^\"<>/]{1,1024}/\$value)\""
)
_KEPT = ("subject", "importance")
_ATTACHMENT = ("id", "contentType", "contentUrl", "content", "name", "thumbnailUrl", "teamsAppId")


def new_message(
    html: str,
    mentions: Sequence[Mention],
    place: Place,
    *,
    hosted: Sequence[Json] = (),
    attachments: Sequence[Json] = (),
) -> Wish:
    """Write a chatMessage to be sent; the position of a mention is the id of its `<at>`."""
    message: Wish = {"body": {"contentType": "html", "content": html}}
    if mentions:
        message["mentions"] = _mentions(mentions, place)
    if hosted:
        message["hostedContents"] = list(hosted)
    if attachments:
        message["attachments"] = list(attachments)
    return message


def answer_to(ref: MessageRef, message: Wish) -> Wish:
    """Write a message that quotes another one."""
    return {"messageIds": [ref], "replyMessage": message}


def replacement(html: str, mentions: Sequence[Mention], before: Json, place: Place) -> Wish:
    """Write what a message shall say instead; all else stays as it was `before`.

    Graph wants the whole of it: "Rich html messages require details of attachments, mentions and
    reactions" (microsoftgraph/microsoft-graph-docs#18867). What the message answers comes first, as
    Graph puts it, any other attachment last.
    """
    items = list(objects(before, "attachments", ATTACHMENTS_MAX))
    quotes = [item for item in items if quoted_message(item) is not None]
    others = [item for item in items if quoted_message(item) is None]
    kept = {name: before[name] for name in _KEPT if before.get(name) is not None}
    return {
        **kept,
        "body": {"contentType": "html", "content": _markers(quotes) + html + _markers(others)},
        "mentions": _mentions(mentions, place),
        "attachments": [{name: item.get(name) for name in _ATTACHMENT} for item in items],
        "reactions": list(objects(before, "reactions", REACTIONS_MAX)),
    }


def pictures_in(message: Json) -> list[str]:
    """Return the addresses of the pictures that a message has in its own text, in order."""
    body = message.get("body")
    content = long_text(body, "content") if isinstance(body, dict) else ""
    found = _PICTURE.findall(content[:CONTENT_CHARS_MAX])
    return [unescape(address) for address in found]


def files_in(message: Json) -> int:
    """Return how many files a message shows."""
    items = objects(message, "attachments", ATTACHMENTS_MAX)
    return sum(text(item, "contentType") == _FILE for item in items)


def reaction(key: str) -> Wish:
    """Write a reaction to be given, by its emoji."""
    return {"reactionType": reaction_of(key)}


def _markers(items: Sequence[Mapping[str, object]]) -> str:
    keys = (escape_attribute(text(item, "id") or "") for item in items)
    return "".join(f'<attachment id="{key}"></attachment>' for key in keys)


def _mentions(mentions: Sequence[Mention], place: Place) -> list[Wish]:
    return [
        {"id": number, "mentionText": found.text, "mentioned": _mentioned(found, place)}
        for number, found in enumerate(mentions)
    ]


def _mentioned(found: Mention, place: Place) -> Wish:
    """Everyone of a chat is the chat itself, everyone of a channel the channel."""
    if found.target.kind is not TargetKind.EVERYONE:
        user = {"id": found.target.id, "displayName": found.text, "userIdentityType": "aadUser"}
        return {"user": user}
    channel = channel_of(place)
    key, kind = (place.conversation, "chat") if channel is None else (channel.channel, "channel")
    named = {"id": key, "displayName": found.text, "conversationIdentityType": kind}
    return {"conversation": named}
