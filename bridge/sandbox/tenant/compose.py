"""From a client's JSON to what a message says, with every check that Graph makes on the way.

Sources: learn.microsoft.com graph/api chatmessage-post, resources/chatmessage; the size limit as
measured in microsoft-graph-docs issue 7218.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote
from uuid import uuid4

import orjson

from bridge.sandbox.tenant import markup, mentions, wire
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Content, HostedContent

ATTACHMENTS_MAX = 10
"""File attachments of one message (limits-specifications-teams)."""
SUBJECT_MAX = 250
_KNOWN = frozenset(
    [
        "id",
        "replyToId",
        "etag",
        "messageType",
        "createdDateTime",
        "lastModifiedDateTime",
        "lastEditedDateTime",
        "deletedDateTime",
        "subject",
        "summary",
        "chatId",
        "importance",
        "locale",
        "webUrl",
        "channelIdentity",
        "policyViolation",
        "eventDetail",
        "from",
        "body",
        "attachments",
        "mentions",
        "reactions",
        "messageHistory",
        "replies",
        "hostedContents",
    ]
)
_CARD = "application/vnd.microsoft.card."
_IMPORT_ONLY = ("from", "createdDateTime")
_ATTACHMENT = ("id", "contentType", "contentUrl", "content", "name", "thumbnailUrl", "teamsAppId")
_HOSTED = {"contentBytes", "contentType", "id"}
_IMPORTANCE = {"normal", "high", "urgent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a client wants to say, checked, before it has a place."""

    kind: Literal["text", "html"]
    text: str
    subject: str | None
    importance: str
    mentions: list[Json]
    attachments: list[Json]
    images: dict[str, tuple[str, bytes]]
    """By temporary id: media type and bytes."""


def read(tenant: Tenant, body: Json) -> Draft:
    """Check a message that a client sends.

    Raises:
        GraphError: 400 for anything malformed, 413 for too long a body.
    """
    wire.only_known(body, _KNOWN, "chatMessage")
    if body.get("messageType", "message") not in ("message", None):
        raise bad_request("Only messages of messageType 'message' can be sent.")
    if any(body.get(name) is not None for name in _IMPORT_ONLY):
        raise bad_request("'from' and 'createdDateTime' can be set in migration mode only.")
    kind, text = _body(tenant, body)
    return Draft(
        kind=kind,
        text=text,
        subject=_subject(body),
        importance=_importance(body),
        mentions=[mentions.read(tenant, item) for item in wire.objects(body, "mentions")],
        attachments=_attachments(body),
        images=_images(body),
    )


def finish(tenant: Tenant, draft: Draft, path: str) -> tuple[Content, list[HostedContent]]:
    """The content as it is stored, with its images in their place below the message's `path`.

    Raises:
        GraphError: 400, a mention or an attachment without its marker, or the other way round.
    """
    text, hosted = draft.text, []
    if draft.kind == "html":
        base = f"{tenant.site.base}/v1.0{path}"
        for temporary, (content_type, data) in draft.images.items():
            item = HostedContent(id=hosted_id(), content_type=content_type, data=data)
            hosted.append(item)
            text = text.replace(
                f"../hostedContents/{temporary}/$value", f"{base}/hostedContents/{item.id}/$value"
            )
        text = markup.clean(text, keep_unknown_attributes=tenant.settings.keep_unknown_attributes)
    _check_markers(draft, text)
    content = Content(
        kind=draft.kind,
        text=text,
        subject=draft.subject,
        importance=draft.importance,
        mentions=draft.mentions,
        attachments=draft.attachments,
    )
    return content, hosted


def _body(tenant: Tenant, body: Json) -> tuple[Literal["text", "html"], str]:
    inner = wire.as_object(body.get("body"), "body")
    wire.only_known(inner, {"content", "contentType"}, "itemBody")
    kind = (wire.optional_text(inner, "contentType") or "text").casefold()
    text = wire.as_text(inner.get("content"), "content")
    size = len(text.encode())
    if size > tenant.settings.body_bytes_max:
        raise GraphError(
            413, "RequestEntityTooLarge", f"The body of the message is too large: {size} bytes."
        )
    if not text and not body.get("attachments"):
        raise bad_request("Missing body content in request.")
    match kind:
        case "text":
            return "text", text
        case "html":
            return "html", text
        case _:
            msg = (
                f"Cannot convert the literal '{kind}' to the expected type "
                "'microsoft.graph.bodyType'."
            )
            raise bad_request(msg)


def _subject(body: Json) -> str | None:
    subject = wire.optional_text(body, "subject")
    if subject is not None and len(subject) > SUBJECT_MAX:
        msg = f"The subject is longer than {SUBJECT_MAX} characters."
        raise bad_request(msg)
    return subject


def _importance(body: Json) -> str:
    importance = wire.optional_text(body, "importance") or "normal"
    if importance not in _IMPORTANCE:
        msg = (
            f"Cannot convert the literal '{importance}' to the expected type "
            "'microsoft.graph.chatMessageImportance'."
        )
        raise bad_request(msg)
    return importance


def _attachments(body: Json) -> list[Json]:
    items = wire.objects(body, "attachments")
    if len(items) > ATTACHMENTS_MAX:
        msg = f"A message takes at most {ATTACHMENTS_MAX} attachments."
        raise bad_request(msg)
    for item in items:
        wire.only_known(item, _ATTACHMENT, "chatMessageAttachment")
        wire.required_text(item, "id")
        _check_attachment(item, wire.required_text(item, "contentType"))
    return [{name: wire.optional_text(item, name) for name in _ATTACHMENT} for item in items]


def _check_attachment(item: Json, kind: str) -> None:
    """A card is JSON; a file's address ends like its name (Office files put `file=` last)."""
    content = wire.optional_text(item, "content")
    if kind.startswith(_CARD) and content is not None and not _is_json(content):
        raise bad_request("The content of the attachment is no valid JSON.")
    if kind != "reference":
        return
    name, url = wire.optional_text(item, "name"), wire.optional_text(item, "contentUrl")
    extension = PurePosixPath(name or "").suffix.casefold()
    if url is not None and extension and not unquote(url).casefold().endswith(extension):
        raise bad_request("contentUrl extension and name extension do not match")


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _images(body: Json) -> dict[str, tuple[str, bytes]]:
    images: dict[str, tuple[str, bytes]] = {}
    for item in wire.objects(body, "hostedContents"):
        temporary = item.get("@microsoft.graph.temporaryId")
        if temporary is None:
            continue
        wire.only_known(item, _HOSTED, "chatMessageHostedContent")
        content_type = wire.required_text(item, "contentType")
        if not content_type.startswith("image/"):
            raise bad_request("Only images can be hosted contents of a message.")
        data = wire.decode_base64(wire.required_text(item, "contentBytes"), "contentBytes")
        images[wire.as_text(temporary, "temporaryId")] = (content_type, data)
    return images


def _check_markers(draft: Draft, text: str) -> None:
    rich = draft.kind == "html"
    marked = markup.mention_ids(text) if rich else set()
    in_cards = {n for item in draft.attachments for n in markup.mention_ids(_card_text(item))}
    given = {int(str(item["id"])) for item in draft.mentions}
    for number in sorted(given - marked - in_cards):
        msg = (
            "Neither Body nor adaptive card content contains marker for mention "
            f"with Id '{number}'."
        )
        raise bad_request(msg)
    for number in sorted(marked - given):
        msg = f"Mention with Id '{number}' in the body has no matching mention."
        raise bad_request(msg)
    places = markup.attachment_ids(text) if rich else set()
    if {str(item["id"]) for item in draft.attachments} != places:
        raise bad_request(
            "The ids of the attachments and of the attachment markers in the body do not match."
        )


def _card_text(item: Json) -> str:
    """An adaptive card's content, where mentions may stand too."""
    content = item["content"] if str(item["contentType"]).startswith(_CARD) else None
    return content.replace('\\"', '"') if isinstance(content, str) else ""


def hosted_id() -> str:
    """Opaque to clients; Graph's is the base64 of these parts."""
    raw = f"id=x_0-{uuid4().hex},type=1,url=https://as-api.example/v1/objects/0-{uuid4().hex}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")
