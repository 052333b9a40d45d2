"""`/teams/{id}/channels/{id}/messages`: roots and replies; list, read, post, edit, delete, react.

A list of roots is sorted by the last change of the whole chain, newest first, and takes `$top`
and `$expand=replies` alone. What can be done with one message is done by `messages.py`.

Sources: learn.microsoft.com graph/api channel-list-messages, chatmessage-list-replies,
channel-post-messages, chatmessage-post-replies, chatmessage-get, chatmessage-update,
chatmessage-softdelete, chatmessage-setreaction; for the number of expanded replies the
documentation of October 2024.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bridge.sandbox.tenant import (
    compose,
    conversation,
    messages,
    migration,
    permissions,
    team_access,
    team_permissions as needs,
    team_query,
    wire,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, bad_request, forbidden
from bridge.sandbox.tenant.routes import Operation, route
from bridge.sandbox.tenant.world import Channel, Layout, Message

EXPANDED_MAX = 200
"""Replies of one root in a list with `$expand=replies`."""


async def list_roots(call: Call) -> Reply:
    team_query.only(call, "$top", "$expand")
    channel = call.channel()
    size = wire.page_size(call.query)
    expand = _expands(call)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 2)
    found = list(islice(_chains(call, channel, after), size + 1))
    page = [root for root, _ in found[:size]]
    shown = [call.show(root) for root in page]
    if expand:
        replies = _replies(call, channel, {root.id for root in page})
        pairs = zip(shown, page, strict=True)
        shown = [i | _expanded(call, channel, root, replies[root.id]) for i, root in pairs]
    body: Json = {
        "@odata.context": call.context(f"{channel.place}/messages"),
        "@odata.count": len(page),
        "value": shown,
    }
    if len(found) > size:
        body["@odata.nextLink"] = call.next_link(list(found[size - 1][1]))
    return Reply(body=body)


async def list_replies(call: Call) -> Reply:
    """The replies to one root, newest first."""
    team_query.only(call, "$top")
    channel = call.channel()
    root = call.message(channel)
    size = wire.page_size(call.query)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 1)
    found = _replies(call, channel, {root.id})[root.id]
    if after is not None:
        found = [reply for reply in found if reply.id < after[0]]
    page = found[:size]
    body: Json = {
        "@odata.context": call.context(f"{channel.place_of(root)}/replies"),
        "@odata.count": len(page),
        "value": [call.show(reply) for reply in page],
    }
    if len(found) > size:
        body["@odata.nextLink"] = call.next_link([page[-1].id])
    return Reply(body=body)


async def post(call: Call) -> Reply:
    """A root, or a reply where the path names a root; an app by itself only imports."""
    if call.user is None:
        if call.bearer.granted.isdisjoint(migration.MIGRATE.application):
            raise messages.import_only()
        return messages.created(call, *migration.import_message(call, messages.import_only()))
    permissions.check(needs.SEND_MESSAGE, call.bearer)
    channel = _writable(call)
    root = call.message(channel).id if "message" in call.ids else None
    draft = compose.read(call.tenant, call.body())
    number = conversation.next_id(call.tenant, channel)
    content, hosted = compose.finish(call.tenant, draft, channel.path_of(number, root))
    if channel.layout is Layout.CHAT:
        # A plain timeline knows no subject; that Graph drops it rather than refuses is a guess.
        content.subject = None
    spot = conversation.Spot(number=number, reply_to=root)
    message = conversation.post(call.tenant, channel, call.user, content, hosted, spot)
    return messages.created(call, channel, message)


async def edit(call: Call) -> Reply:
    _check_setting(call, "allowUserEditMessages")
    return await messages.update_message(call)


async def delete(call: Call) -> Reply:
    _check_setting(call, "allowUserDeleteMessages")
    return await messages.delete_message(call)


def _in_living(run: Operation) -> Operation:
    """The operation, refused in what is archived (graph/api team-archive, channel-archive)."""

    async def inside(call: Call) -> Reply:
        _writable(call)
        return await run(call)

    return inside


def _writable(call: Call) -> Channel:
    channel = call.channel()
    team_access.writable(channel)
    return channel


def _check_setting(call: Call, setting: str) -> None:
    settings = call.channel().team.settings["messagingSettings"]
    if call.user is not None and not settings.get(setting, True):
        raise forbidden("The settings of the team do not allow this.")


def _expands(call: Call) -> bool:
    text = call.query.get("$expand")
    if text is not None and text.strip().casefold() != "replies":
        msg = f"Parsing OData Select and Expand failed: '{text}'."
        raise bad_request(msg)
    return text is not None


def _chains(
    call: Call, channel: Channel, after: list[int] | None
) -> Iterator[tuple[Message, tuple[int, int]]]:
    """Roots with the version of what changed last in their chain, newest first.

    A chain is met first at its last change, so that only as much is looked at as is taken.
    """
    since = messages.shown_since(call, channel)
    met: set[int] = set()
    for message in channel.messages.newest_first(by_change=True):
        root_id = message.id if message.reply_to is None else message.reply_to
        if root_id in met or message.id < since:
            continue
        met.add(root_id)
        version = (message.etag, message.id)
        is_root = message.reply_to is None
        root = message if is_root else channel.messages.get(str(root_id))
        if root is not None and (after is None or list(version) < after):
            yield root, version


def _replies(call: Call, channel: Channel, roots: set[int]) -> dict[int, list[Message]]:
    """By root: its replies, newest first; what was imported may be older than its root."""
    since = messages.shown_since(call, channel)
    if channel.migration is None:
        since = max(since, min(roots, default=0))
    found: dict[int, list[Message]] = {root: [] for root in roots}
    for message in channel.messages.newest_first(by_change=False):
        if message.id < since:
            break
        if message.reply_to in roots:
            found[message.reply_to].append(message)
    return found


def _expanded(call: Call, channel: Channel, root: Message, replies: list[Message]) -> Json:
    """The newest replies within their root, and where the others are."""
    part = replies[:EXPANDED_MAX]
    shown: Json = {
        "replies@odata.context": call.context(f"{channel.place_of(root)}/replies"),
        "replies@odata.count": len(part),
        "replies": [call.show(reply) for reply in part],
    }
    if len(replies) > len(part):
        token = wire.skip_token([part[-1].id])
        place = f"{call.graph}{channel.path_of(root.id)}/replies"
        shown["replies@odata.nextLink"] = f"{place}?$skiptoken={token}"
    return shown


_MESSAGES = "/teams/{team}/channels/{channel}/messages"
_ROOT = f"{_MESSAGES}/{{message}}"
_REPLIES = f"{_ROOT}/replies"
ROUTES = [
    route(f"GET {_MESSAGES}", needs.READ_MESSAGES, list_roots),
    route(f"POST {_MESSAGES}", None, post),
    route(f"GET {_REPLIES}", needs.READ_MESSAGES, list_replies),
    route(f"POST {_REPLIES}", None, post),
]
for _one in (_ROOT, f"{_REPLIES}/{{reply}}"):
    _contents = f"{_one}/hostedContents"
    ROUTES += [
        route(f"GET {_one}", needs.READ_MESSAGES, messages.get_message),
        route(f"PATCH {_one}", needs.UPDATE_MESSAGE, _in_living(edit)),
        route(f"POST {_one}/softDelete", needs.DELETE_MESSAGE, _in_living(delete)),
        route(
            f"POST {_one}/undoSoftDelete",
            needs.DELETE_MESSAGE,
            _in_living(messages.undelete_message),
        ),
        route(f"POST {_one}/setReaction", needs.REACT, _in_living(messages.set_reaction)),
        route(f"POST {_one}/unsetReaction", needs.REACT, _in_living(messages.unset_reaction)),
        route(f"GET {_contents}", needs.READ_MESSAGES, messages.list_hosted),
        route(f"GET {_contents}/{{hosted}}", needs.READ_MESSAGES, messages.get_hosted_entity),
        route(f"GET {_contents}/{{hosted}}/$value", needs.READ_MESSAGES, messages.get_hosted),
    ]
