"""The export of messages: all of a user's chats, all of a team's channels, deleted ones included.

    places ─ their messages, merged ─> in the range? after the bookmark? kept? ─> first `$top`

The order is that of the last change, as in Microsoft's examples; a message that is changed while
somebody reads moves to the end, so that it may come twice and is never left out.

Sources: learn.microsoft.com graph/api chats-getallmessages, channel-getallmessages,
chat-getallretainedmessages, channel-getallretainedmessages, deletedteam-getallmessages;
microsoftteams/export-teams-content. `model` chose a price until August 2025 and means nothing.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from bridge.sandbox.tenant import bookmark, permissions, wire
from bridge.sandbox.tenant.bookmark import Value
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import milliseconds
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, not_found
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.timeline import Span
from bridge.sandbox.tenant.world import Conversation, Message

PAGE_MAX = 50
EXPORT_CHANNELS = Needs(application=("ChannelMessage.Read.All",))
_CLAUSE = re.compile(r"lastModifiedDateTime\s+(gt|lt)\s+(\S+)", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_PURPOSE = "export"
_POSITION = [int, int, str]
_Show = Callable[[Message], Message | None]


async def export_chats(call: Call) -> Reply:
    """`/users/{id}/chats/getAllMessages`."""
    return _page(call, _chats(call), _shown(call))


async def export_retained_chats(call: Call) -> Reply:
    """`/users/{id}/chats/getAllRetainedMessages`."""
    return _page(call, _chats(call), _retained(call))


async def export_channels(call: Call) -> Reply:
    """`/teams/{id}/channels/getAllMessages`: roots and replies of every channel."""
    return _page(call, call.tenant.team(call.ids["team"]).channels.values(), _shown(call))


async def export_retained_channels(call: Call) -> Reply:
    """`/teams/{id}/channels/getAllRetainedMessages`."""
    return _page(call, call.tenant.team(call.ids["team"]).channels.values(), _retained(call))


async def export_deleted_team(call: Call) -> Reply:
    """`/teamwork/deletedTeams/{id}/channels/getAllMessages`."""
    team = call.tenant.deleted_teams.get(call.ids["team"])
    if team is None:
        raise not_found()
    return _page(call, team.channels.values(), _shown(call))


async def refuse(call: Call) -> Reply:
    """In the metadata, as a resource to subscribe to; there is nothing to read."""
    raise GraphError(405, "MethodNotAllowed", f"Method not allowed: {call.path}")


def read_span(text: str | None) -> Span:
    """The range of a `$filter` on `lastModifiedDateTime`.

    Raises:
        GraphError: 400, it filters by anything else.
    """
    if text is None:
        return Span()
    edges: dict[str, int] = {}
    for part in _AND.split(text.strip()):
        clause = _CLAUSE.fullmatch(part)
        if clause is None or clause[1].casefold() in edges:
            raise bad_request("Filter condition is not supported.")
        instant = wire.parse_instant(clause[2], "lastModifiedDateTime")
        edges[clause[1].casefold()] = milliseconds(instant)
    every = Span()
    return Span(after=edges.get("gt", every.after), before=edges.get("lt", every.before))


def _chats(call: Call) -> list[Conversation]:
    owner = call.owner()
    return [] if owner is None else list(call.tenant.chats_of(owner))


def _shown(call: Call) -> _Show:
    """Messages as they are; deleted ones for three weeks, without what they said."""
    settings = call.tenant.settings
    oldest = call.tenant.clock.now() - timedelta(days=settings.deleted_kept_days)

    def show(message: Message) -> Message | None:
        gone = message.deleted
        kept = gone is None or (settings.export_shows_deleted and gone > oldest)
        return message if kept else None

    return show


def _retained(call: Call) -> _Show:
    """Messages as a retention policy keeps them: deleted ones with what they said."""
    policy = call.tenant.settings.retention_policy

    def show(message: Message) -> Message | None:
        if not policy:
            return None
        return message if message.kept is None else replace(message, content=message.kept)

    return show


def _page(call: Call, places: Iterable[Conversation], show: _Show) -> Reply:
    size = wire.page_size(call.query, most=PAGE_MAX)
    token = call.query.get("$skiptoken")
    after = None if token is None else bookmark.unseal(call, _PURPOSE, token, _POSITION)
    span = read_span(call.query.get("$filter"))
    wanted = (m for m in _since(places, span, after) if show(m) is not None)
    page = list(islice(wanted, size + 1))
    body: Json = {
        "@odata.context": call.context("Collection(chatMessage)"),
        "@odata.count": len(page[:size]),
        "value": [call.show(show(message) or message) for message in page[:size]],
    }
    if len(page) > size:
        token = bookmark.seal(call, _PURPOSE, _position(page[size - 1]))
        others = {name: value for name, value in call.query.items() if name != "$skiptoken"}
        body["@odata.nextLink"] = bookmark.link(call, {**others, "$skiptoken": token})
    return Reply(body=body)


def _since(
    places: Iterable[Conversation], span: Span, after: list[Value] | None
) -> Iterator[Message]:
    """The messages of all places in one row, those after a position if there is one."""
    # Of the place where the position stands nothing older follows; of another, its like may.
    above = None if after is None else (int(after[0]), int(after[1]) - 1)
    rows = [place.messages.oldest_first(by_change=True, span=span, above=above) for place in places]
    for message in heapq.merge(*rows, key=_position):
        if after is None or _position(message) > after:
            yield message


def _position(message: Message) -> list[Value]:
    return [message.etag, message.id, message.conversation]


ROUTES = [
    route("GET /users/{user}/chats/getAllMessages", permissions.EXPORT_MESSAGES, export_chats),
    route(
        "GET /users/{user}/chats/getAllRetainedMessages",
        permissions.EXPORT_MESSAGES,
        export_retained_chats,
    ),
    route("GET /teams/{team}/channels/getAllMessages", EXPORT_CHANNELS, export_channels),
    route(
        "GET /teams/{team}/channels/getAllRetainedMessages",
        EXPORT_CHANNELS,
        export_retained_channels,
    ),
    route(
        "GET /teamwork/deletedTeams/{team}/channels/getAllMessages",
        EXPORT_CHANNELS,
        export_deleted_team,
    ),
    route("GET /chats/getAllMessages", None, refuse),
    route("GET /chats/getAllRetainedMessages", None, refuse),
    route("GET /teams/getAllMessages", None, refuse),
]
