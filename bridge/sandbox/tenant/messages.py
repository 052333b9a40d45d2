"""`/chats/{id}/messages`: list, read, send, edit, delete, react.

Sources: learn.microsoft.com graph/api chat-list-messages, chatmessage-get, chat-post-messages,
chatmessage-update, chatmessage-softdelete, chatmessage-setreaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice

from bridge.sandbox.tenant import compose, conversation, migration, permissions, policy, wire
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
from bridge.sandbox.tenant.timeline import Span
from bridge.sandbox.tenant.world import Channel, Chat, HostedContent, Message

REACTION_MAX = 32
"""Characters of a reaction type; an emoji may be a long sequence."""
LEGACY_REACTIONS = frozenset({"like", "angry", "sad", "laugh", "heart", "surprised"})
_MODIFIED = "lastModifiedDateTime"
_CREATED = "createdDateTime"
_CLAUSE = re.compile(r"(lastModifiedDateTime|createdDateTime)\s+(gt|lt)\s+(\S+)", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


async def list_messages(call: Call) -> Reply:
    chat = call.chat()
    size = wire.page_size(call.query)
    order = _order(call.query.get("$orderby"))
    window = _window(call.query.get("$filter"), order)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 2)
    version: Callable[[Message], int] = _etag if order == _MODIFIED else _id
    since = shown_since(call, chat)
    newest = chat.messages.newest_first(
        by_change=order == _MODIFIED,
        # Nothing that was written later has changed earlier.
        span=Span(after=max(window.after, since - 1), before=window.before),
        below=None if after is None else (after[0], after[1]),
    )
    found = list(islice((m for m in newest if m.id >= since), size + 1))
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
        return created(call, *migration.import_message(call, import_only()))
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
        return _set_policy_violation(call)
    place = call.conversation()
    message = _own(call, place)
    body = call.body()
    if body.get("policyViolation") is not None:
        raise forbidden("The policyViolation can be set in application-only context only.")
    draft = compose.read(call.tenant, body)
    if draft.kind == "html" and not {"attachments", "mentions", "reactions"} <= body.keys():
        raise bad_request(
            "Rich html messages require details of attachments, mentions and reactions."
        )
    if message.deleted is not None:
        raise bad_request("A deleted message cannot be updated.")
    if draft.images and not call.tenant.settings.edit_takes_images:
        raise bad_request("Hosted contents cannot be added to an existing message.")
    path = place.path_of(message.id, message.reply_to)
    content, hosted = compose.finish(call.tenant, draft, path)
    message.hosted |= {item.id: item for item in hosted}
    conversation.edit(call.tenant, place, message, content)
    return Reply(status=204)


def _set_policy_violation(call: Call) -> Reply:
    """All that an app by itself may change of a message."""
    body = call.body()
    if set(body) != {"policyViolation"}:
        raise not_application_only()
    place = call.conversation()
    message = call.message(place)
    policy.check_licence(call.tenant)
    violation = policy.read(body["policyViolation"])
    policy.apply(call.tenant, place, message, violation)
    return Reply(status=200)


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


async def list_hosted(call: Call) -> Reply:
    """Ids only: what the contents are can be written, not read."""
    place = call.conversation()
    message = _readable(call, place)
    fragment = f"{place.place_of(message)}/hostedContents"
    items = [_hosted(item) for item in message.hosted]
    return Reply(body={"@odata.context": call.context(fragment), "value": items})


async def get_hosted_entity(call: Call) -> Reply:
    place = call.conversation()
    message = _readable(call, place)
    found = _hosted(_find_hosted(call, message).id)
    fragment = f"{place.place_of(message)}/hostedContents/$entity"
    return Reply(body={"@odata.context": call.context(fragment), **found})


async def get_hosted(call: Call) -> Reply:
    message = _readable(call, call.conversation())
    item = _find_hosted(call, message)
    return Reply(raw=item.data, content_type=item.content_type)


def _readable(call: Call, place: Chat | Channel) -> Message:
    """The message in the path, if the caller may see it and it still says something."""
    message = call.message(place)
    if message not in visible(call, place, only=message) or message.deleted is not None:
        raise not_found()
    return message


def _hosted(key: str) -> Json:
    return {"id": key, "contentBytes": None, "contentType": None}


def _find_hosted(call: Call, message: Message) -> HostedContent:
    item = message.hosted.get(call.ids["hosted"])
    if item is None:
        raise not_found()
    return item


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
    since = shown_since(call, place)
    return [m for m in every if m.id >= since]


def shown_since(call: Call, place: Chat | Channel) -> int:
    """The millisecond from which on the caller sees messages; 0 where it sees them all."""
    since = None if call.user is None else place.people[call.user.id].visible_from
    return 0 if since is None else milliseconds(since)


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


def _window(text: str | None, order: str) -> Span:
    """The window of a `$filter`; one on another property than the order's is ignored silently."""
    if text is None:
        return Span()
    clauses = [_CLAUSE.fullmatch(part) for part in _AND.split(text.strip())]
    found = [clause.groups() for clause in clauses if clause is not None]
    if len(found) != len(clauses):
        raise bad_request("Filter condition is not supported.")
    window = {"gt": -1, "lt": 1 << 62}
    for name, operator, value in found:
        instant = milliseconds(wire.parse_instant(value, name))
        if name.casefold() != order.casefold():
            return Span()
        if order == _CREATED and operator.casefold() == "gt":
            raise bad_request("Filter condition on createdDateTime supports lt only.")
        window[operator.casefold()] = instant
    return Span(after=window["gt"], before=window["lt"])


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


def import_only() -> GraphError:
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
]
for _root, _get in (
    (_MESSAGE, permissions.GET_MESSAGE),
    (_OWN_MESSAGE, permissions.GET_MESSAGE_OF_USER),
):
    ROUTES += [
        route(f"GET {_root.rpartition('/')[0]}", permissions.LIST_MESSAGES, list_messages),
        route(f"GET {_root}", _get, get_message),
        route(f"POST {_root}/setReaction", permissions.REACT, set_reaction),
        route(f"POST {_root}/unsetReaction", permissions.REACT, unset_reaction),
        route(f"GET {_root}/hostedContents", permissions.GET_HOSTED_CONTENT, list_hosted),
        route(
            f"GET {_root}/hostedContents/{{hosted}}",
            permissions.GET_HOSTED_CONTENT,
            get_hosted_entity,
        ),
        route(
            f"GET {_root}/hostedContents/{{hosted}}/$value",
            permissions.GET_HOSTED_CONTENT,
            get_hosted,
        ),
    ]
