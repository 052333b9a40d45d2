"""`/chats/{id}/messages`: list, read, send, edit, delete, react.

Sources: learn.microsoft.com graph/api chat-list-messages, chatmessage-get, chat-post-messages,
chatmessage-update, chatmessage-softdelete, chatmessage-setreaction, chats-getallmessages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bridge.sandbox.tenant import compose, conversation, permissions, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import milliseconds
from bridge.sandbox.tenant.errors import (
    GraphError,
    Json,
    bad_request,
    forbidden,
    not_application_only,
    not_found,
)
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Channel, Chat, Message

EXPORT_PAGE_MAX = 50
REACTION_MAX = 32
"""Characters of a reaction type; an emoji may be a long sequence."""
LEGACY_REACTIONS = frozenset({"like", "angry", "sad", "laugh", "heart", "surprised"})
_MODIFIED = "lastModifiedDateTime"
_CREATED = "createdDateTime"
_CLAUSE = re.compile(r"(lastModifiedDateTime|createdDateTime)\s+(gt|lt)\s+(\S+)", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Which messages are asked for: those strictly between two instants, in milliseconds."""

    after: int = -1
    before: int = 1 << 62

    def holds(self, value: int) -> bool:
        return self.after < value < self.before


async def list_messages(call: Call) -> Reply:
    chat = call.chat()
    size = wire.page_size(call.query)
    order = _order(call.query.get("$orderby"))
    window = _window(call.query.get("$filter"), order)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 2)
    version: Callable[[Message], int] = _etag if order == _MODIFIED else _id
    found = [m for m in visible(call, chat) if window.holds(version(m))]
    found.sort(key=lambda m: (version(m), m.id), reverse=True)
    if after is not None:
        found = [m for m in found if [version(m), m.id] < after]
    page = found[:size]
    body: Json = {
        "@odata.context": call.context(f"{chat.place}/messages"),
        "@odata.count": len(page),
        "value": [call.show(message) for message in page],
    }
    if len(found) > size:
        body["@odata.nextLink"] = call.next_link([version(page[-1]), page[-1].id])
    return Reply(body=body)


async def get_message(call: Call) -> Reply:
    place = call.conversation()
    message = call.message(place)
    if message not in visible(call, place, only=message):
        raise not_found()
    return Reply(body=entity(call, place, message))


async def send_message(call: Call) -> Reply:
    if call.user is None:
        raise _import_only()
    permissions.check(permissions.SEND_MESSAGE, call.bearer)
    place = call.conversation()
    draft = compose.read(call.tenant, call.body())
    number = conversation.next_id(call.tenant, place)
    content, hosted = compose.finish(call.tenant, draft, place.path_of(number))
    spot = conversation.Spot(number=number)
    message = conversation.post(call.tenant, place, call.user, content, hosted, spot)
    return created(call, place, message)


async def update_message(call: Call) -> Reply:
    if call.user is None:
        raise not_application_only()
    place = call.conversation()
    message = _own(call, place)
    body = call.body()
    draft = compose.read(call.tenant, body)
    if draft.kind == "html" and not {"attachments", "mentions", "reactions"} <= body.keys():
        raise bad_request(
            "Rich html messages require details of attachments, mentions and reactions."
        )
    if message.deleted is not None:
        raise bad_request("A deleted message cannot be updated.")
    path = place.path_of(message.id, message.reply_to)
    content, hosted = compose.finish(call.tenant, draft, path)
    message.hosted |= {item.id: item for item in hosted}
    conversation.edit(call.tenant, place, message, content)
    return Reply(status=204)


async def delete_message(call: Call) -> Reply:
    place = call.conversation()
    conversation.delete(call.tenant, place, _own(call, place))
    return Reply(status=204)


async def undelete_message(call: Call) -> Reply:
    place = call.conversation()
    conversation.undelete(call.tenant, place, _own(call, place))
    return Reply(status=204)


async def refuse_delete(call: Call) -> Reply:
    """The short form is in the metadata, but the service refuses it."""
    raise GraphError(405, "MethodNotAllowed", f"Method not allowed: {call.path}")


async def set_reaction(call: Call) -> Reply:
    place = call.conversation()
    message = call.message(place)
    kind = _reaction(call.body())
    conversation.react(call.tenant, place, message, call.signed_in(), kind)
    return Reply(status=204)


async def unset_reaction(call: Call) -> Reply:
    place = call.conversation()
    message = call.message(place)
    kind = _reaction(call.body())
    conversation.unreact(call.tenant, place, message, call.signed_in(), kind)
    return Reply(status=204)


async def export_messages(call: Call) -> Reply:
    """All messages of all chats of a user, oldest change first."""
    owner = call.owner()
    size = wire.page_size(call.query, most=EXPORT_PAGE_MAX)
    window = _window(call.query.get("$filter"), _MODIFIED)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 3)
    # Two chats may hold messages of the same id and time: the chat's number is part of a place.
    chats = list(call.tenant.chats.values())
    found = sorted(
        (m.etag, m.id, i)
        for i, c in enumerate(chats)
        if owner is not None and owner.id in c.members
        for m in c.messages.values()
        if window.holds(m.etag)
    )
    if after is not None:
        found = [place for place in found if list(place) > after]
    page = found[:size]
    body: Json = {
        "@odata.context": call.context("Collection(chatMessage)"),
        "@odata.count": len(page),
        "value": [call.show(chats[i].messages[str(number)]) for _, number, i in page],
    }
    if len(found) > size:
        body["@odata.nextLink"] = call.next_link(list(page[-1]))
    return Reply(body=body)


async def list_hosted(call: Call) -> Reply:
    message = call.message(call.conversation())
    items: list[Json] = [
        {"id": item, "contentBytes": None, "contentType": None} for item in message.hosted
    ]
    return Reply(body={"@odata.context": call.context("hostedContents"), "value": items})


async def get_hosted(call: Call) -> Reply:
    message = call.message(call.conversation())
    item = message.hosted.get(call.ids["hosted"])
    if item is None:
        raise not_found()
    return Reply(raw=item.data, content_type=item.content_type)


def created(call: Call, place: Chat | Channel, message: Message) -> Reply:
    """The answer to a message that was posted."""
    headers = {"Location": f"/{place.place_of(message)}"}
    return Reply(status=201, body=entity(call, place, message), headers=headers)


def entity(call: Call, place: Chat | Channel, message: Message) -> Json:
    fragment = f"{place.place_of(message).rpartition('(')[0]}/$entity"
    return {"@odata.context": call.context(fragment), **call.show(message)}


def visible(call: Call, place: Chat | Channel, *, only: Message | None = None) -> list[Message]:
    """The messages that the caller may see: a late-comer does not see what was before."""
    every: Iterable[Message] = place.messages.values() if only is None else (only,)
    since = None if call.user is None else place.people[call.user.id].visible_from
    return [m for m in every if since is None or m.id >= milliseconds(since)]


def _own(call: Call, place: Chat | Channel) -> Message:
    message = call.message(place)
    if message.sender is not call.user:
        raise forbidden("Only the sender of a message may change it.")
    return message


def _order(text: str | None) -> str:
    words = (text or f"{_MODIFIED} desc").split()
    names = {_MODIFIED.casefold(): _MODIFIED, _CREATED.casefold(): _CREATED}
    name = names.get(words[0].casefold()) if words else None
    if name is None or len(words) > 2:  # noqa: PLR2004 - a property and a direction
        msg = f"QueryOptions to order by '{text}' is not supported."
        raise bad_request(msg)
    if words[1:] != ["desc"]:
        msg = f"QueryOptions to order by '{name}' in 'Ascending' direction is not supported."
        raise bad_request(msg)
    return name


def _window(text: str | None, order: str) -> _Window:
    """The window of a `$filter`; one on another property than the order's is ignored silently."""
    if text is None:
        return _Window()
    clauses = [_CLAUSE.fullmatch(part) for part in _AND.split(text.strip())]
    found = [clause.groups() for clause in clauses if clause is not None]
    if len(found) != len(clauses):
        raise bad_request("Filter condition is not supported.")
    window = {"gt": -1, "lt": 1 << 62}
    for name, operator, value in found:
        instant = milliseconds(wire.parse_instant(value, name))
        if name.casefold() != order.casefold():
            return _Window()
        if order == _CREATED and operator.casefold() == "gt":
            raise bad_request("Filter condition on createdDateTime supports lt only.")
        window[operator.casefold()] = instant
    return _Window(after=window["gt"], before=window["lt"])


def _reaction(body: Json) -> str:
    wire.only_known(body, {"reactionType"}, "chatMessageReaction")
    kind = wire.required_text(body, "reactionType")
    if len(kind) > REACTION_MAX or (kind.isascii() and kind not in LEGACY_REACTIONS):
        msg = f"Invalid reaction type '{kind[:REACTION_MAX]}'."
        raise bad_request(msg)
    return kind


def _etag(message: Message) -> int:
    return message.etag


def _id(message: Message) -> int:
    return message.id


def _import_only() -> GraphError:
    """Text and code as published in msteams-docs issues 10318 and 12852."""
    return GraphError(
        401,
        "Unauthorized",
        "Message POST is allowed in application-only context only for import purposes. Refer to "
        "https://docs.microsoft.com/microsoftteams/platform/graph-api/import-messages/"
        "import-external-messages-to-teams for more details.",
    )


_MESSAGE = "/chats/{chat}/messages/{message}"
_OWN_MESSAGE = f"/users/{{user}}{_MESSAGE}"
ROUTES = [
    route("POST /chats/{chat}/messages", None, send_message),
    route(f"PATCH {_MESSAGE}", permissions.UPDATE_MESSAGE, update_message),
    route(f"POST {_MESSAGE}/softDelete", None, refuse_delete),
    route(f"POST {_MESSAGE}/undoSoftDelete", None, refuse_delete),
    route(f"POST {_OWN_MESSAGE}/softDelete", permissions.DELETE_MESSAGE, delete_message),
    route(f"POST {_OWN_MESSAGE}/undoSoftDelete", permissions.DELETE_MESSAGE, undelete_message),
    route("GET /users/{user}/chats/getAllMessages", permissions.EXPORT_MESSAGES, export_messages),
]
for _root in (_MESSAGE, _OWN_MESSAGE):
    ROUTES += [
        route(f"GET {_root.rpartition('/')[0]}", permissions.LIST_MESSAGES, list_messages),
        route(f"GET {_root}", permissions.GET_MESSAGE, get_message),
        route(f"POST {_root}/setReaction", permissions.REACT, set_reaction),
        route(f"POST {_root}/unsetReaction", permissions.REACT, unset_reaction),
        route(f"GET {_root}/hostedContents", permissions.GET_HOSTED_CONTENT, list_hosted),
        route(
            f"GET {_root}/hostedContents/{{hosted}}/$value",
            permissions.GET_HOSTED_CONTENT,
            get_hosted,
        ),
    ]
