"""Quoting messages: the reference that a quote is, and `replyWithQuote`.

Sources: learn.microsoft.com graph/api chatmessage-replywithquote (its sample has the exact form
of `content` and where the markers stand), resources/chatmessageattachment.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace

import orjson

from bridge.sandbox.tenant import compose, conversation, identities, messages, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, bad_request, not_found
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Chat, Message

QUOTED_MAX = 10
"""Messages that one reply may quote."""
PREVIEW_MAX = 200
"""Characters of a quoted message that its reference shows; Microsoft names no number."""
REPLY_WITH_QUOTE = Needs(delegated=("ChatMessage.Send",))
_TAG = re.compile(r"<[^>]*>")


async def reply_with_quote(call: Call) -> Reply:
    place = call.chat()
    body = call.body()
    wire.only_known(body, {"messageIds", "replyMessage"}, "chatMessage")
    quoted = _quoted(call, place, body)
    draft = compose.read(call.tenant, wire.as_object(body.get("replyMessage"), "replyMessage"))
    references = [attachment(message, call.tenant.id) for message in quoted]
    said = draft.text if draft.kind == "html" else as_html(draft.text)
    whole = replace(
        draft,
        kind="html",
        text=f"<p></p>\n{markers(references)}\n{said}\n<p></p>",
        attachments=[*references, *draft.attachments],
    )
    number = conversation.next_id(call.tenant, place)
    content, hosted = compose.finish(call.tenant, whole, place.path_of(number))
    spot = conversation.Spot(number=number)
    made = conversation.post(call.tenant, place, call.signed_in(), content, hosted, spot)
    return messages.created(call, place, made)


def attachment(quoted: Message, tenant_id: str) -> Json:
    """The messageReference that stands for a quoted message."""
    content: Json = {
        "messageId": str(quoted.id),
        "messagePreview": plain(quoted.content.text)[:PREVIEW_MAX],
        "messageSender": sender(quoted, tenant_id),
    }
    return of_kind("messageReference", str(quoted.id), content)


def of_kind(kind: str, key: str, content: Json | None = None, **more: str | None) -> Json:
    """A chatMessageAttachment; `content` becomes the JSON text that Graph has in its place."""
    text = None if content is None else orjson.dumps(content).decode()
    empty: Json = dict.fromkeys(("contentUrl", "name", "thumbnailUrl", "teamsAppId"))
    return {"id": key, "contentType": kind, "content": text} | empty | more


def sender(quoted: Message, tenant_id: str) -> Json:
    """Who said it, as references name them: without types."""
    shown = identities.identity_set(quoted.sender, tenant_id)
    return {kind: _bare(identity) for kind, identity in shown.items()}


def markers(attachments: list[Json]) -> str:
    """The places in the body that attachments stand for."""
    return "".join(f'<attachment id="{item["id"]}"></attachment>' for item in attachments)


def plain(text: str) -> str:
    """HTML as a reader would see it, on one line."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def as_html(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>")


def _bare(identity: object) -> object:
    if not isinstance(identity, dict):
        return None
    return {name: value for name, value in identity.items() if name != "@odata.type"}


def _quoted(call: Call, place: Chat, body: Json) -> list[Message]:
    given = wire.as_list(body.get("messageIds"), "messageIds")
    keys = [wire.as_text(item, "messageIds") for item in given]
    if not 1 <= len(keys) <= QUOTED_MAX or len(set(keys)) != len(keys):
        msg = f"Between 1 and {QUOTED_MAX} different messages can be quoted."
        raise bad_request(msg)
    found = [call.tenant.message(place, key) for key in keys]
    for message in found:
        if message not in messages.visible(call, place, only=message):
            raise not_found()
        if message.event_detail is not None or message.deleted is not None:
            raise bad_request("This message cannot be quoted.")
    return found


ROUTES = [route("POST /chats/{chat}/messages/replyWithQuote", REPLY_WITH_QUOTE, reply_with_quote)]
