"""chatMessages as Graph shows them: what is common to all, with the fields that a case is about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Json = dict[str, object]

ADA = "11111111-1111-4111-8111-111111111111"
BEN = "22222222-2222-4222-8222-222222222222"
CEM = "33333333-3333-4333-8333-333333333333"
BOT = "44444444-4444-4444-8444-444444444444"
TENANT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
TEAM = "55555555-5555-4555-8555-555555555555"
CHANNEL = "19:6f8a1c@thread.tacv2"
CHAT = "19:c0ffee@thread.v2"
NAMES = {ADA: "Ada Lovelace", BEN: "Ben", CEM: "Cem"}
NUMBER = 1_763_719_200_000
"""The message's id and time: 2025-11-21T10:00:00Z."""
GRAPH = "https://graph.microsoft.com/v1.0"
HOSTED = f"{GRAPH}/chats/{CHAT}/messages/{NUMBER}/hostedContents"
CARD = "application/vnd.microsoft.card."


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of message: `message` is the chatMessage, `before` what was said before it."""

    name: str
    title: str
    message: Json
    before: tuple[Json, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    """Texts that lie elsewhere, by address: code snippets."""


def who(person: str | None, **facts: object) -> Json | None:
    """Return a chatMessageFromIdentitySet."""
    if person is None:
        return None
    if person == BOT:
        shown: Json = {"id": BOT, "displayName": "Deploy", "applicationIdentityType": "bot"}
        return {"application": shown | facts, "device": None, "user": None}
    user = {"id": person, "displayName": NAMES.get(person), "userIdentityType": "aadUser"}
    return {"application": None, "device": None, "user": user | facts}


def said(
    html: str = "",
    *,
    by: str | None = ADA,
    number: int = NUMBER,
    text: bool = False,
    **facts: object,
) -> Json:
    """Return a chatMessage."""
    return {
        "id": str(number),
        "etag": str(number),
        "messageType": "message",
        "createdDateTime": "2025-11-21T10:00:00.000Z",
        "lastModifiedDateTime": "2025-11-21T10:00:00.000Z",
        "lastEditedDateTime": None,
        "deletedDateTime": None,
        "subject": None,
        "importance": "normal",
        "chatId": CHAT,
        "from": who(by),
        "body": {"contentType": "text" if text else "html", "content": html},
        "attachments": [],
        "mentions": [],
        "reactions": [],
    } | facts


def attached(kind: str, key: str = "a1", content: object = None, **facts: object) -> Json:
    """Return a chatMessageAttachment; its content is JSON within JSON."""
    raw = None if content is None else json.dumps(content, ensure_ascii=False)
    empty = {"contentUrl": None, "content": raw, "name": None, "thumbnailUrl": None}
    return {"id": key, "contentType": kind} | empty | facts


def card(kind: str, content: object, **facts: object) -> Json:
    """Return a message that is one card."""
    found = attached(kind if "/" in kind else CARD + kind, "c1", content, **facts)
    return said('<attachment id="c1"></attachment>', attachments=[found], by=BOT)


def event(kind: str, *, initiator: str | None = ADA, **details: object) -> Json:
    """Return a system message."""
    detail: Json = {
        "@odata.type": f"#microsoft.graph.{kind}EventMessageDetail",
        "initiator": who(initiator),
    }
    return said(
        "<systemEventMessage/>",
        by=None,
        messageType="systemEventMessage",
        eventDetail=detail | details,
    )


def mention(number: int, text: str, **mentioned: object) -> Json:
    """Return a chatMessageMention."""
    nobody = {"user": None, "application": None, "device": None, "conversation": None}
    return {"id": number, "mentionText": text, "mentioned": nobody | mentioned}


def user(person: str) -> Json:
    """Return a user as a mention names them."""
    return {"id": person, "displayName": NAMES[person], "userIdentityType": "aadUser"}
