"""Messages that are new or changed since the last look: the delta queries of chats and channels.

    first request ─> pages (`@odata.nextLink`) ─> `@odata.deltaLink` ─> what changed since ─> …

A token carries the place in the tenant's one row of changes, the options of the first request and
its age; the tenant keeps nothing for it. Edited and deleted messages come again, in their present
state.

Sources: learn.microsoft.com graph/api chatmessage-delta, graph/delta-query-overview.
`/users/{id}/chats/getAllMessages/delta` is the documented one; those of a channel (documented until
2023) and of a chat (metadata only) are there as `Settings` say.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from bridge.sandbox.tenant import bookmark, messages, permissions, wire
from bridge.sandbox.tenant.bookmark import Value
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import from_milliseconds, milliseconds
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Channel, Chat, Message

PAGE_MAX = 50
REACH = timedelta(days=243)
"""Eight months: older messages are not in any delta."""
REPLIES_MAX = 1000
"""Replies that `$expand` brings with a root."""
_GROUPS = ("Group.Read.All", "Group.ReadWrite.All")
CHANNEL_DELTA = Needs(
    delegated=("ChannelMessage.Read.All", *_GROUPS),
    application=("ChannelMessage.Read.All", *_GROUPS),
)
_PURPOSE = "delta"
_SINCE = re.compile(r"lastModifiedDateTime\s+gt\s+(\S+)", re.IGNORECASE)
_TOKENS = ("$skiptoken", "$deltatoken")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A message, and when it or (in channels) its chain last changed."""

    message: Message
    turn: int
    etag: int
    replies: list[Message] = field(default_factory=list)

    @property
    def position(self) -> tuple[int, str, int]:
        return (self.turn, self.message.conversation, self.message.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Where a client stands, and what it asked for at first."""

    position: tuple[int, str, int] = (-1, "", 0)
    since: int = -1
    size: int = wire.PAGE_DEFAULT
    expands: bool = False

    def wants(self, entry: _Entry) -> bool:
        return entry.position > self.position and entry.etag > self.since


async def delta_of_user(call: Call) -> Reply:
    """All chats of which the user is a member."""
    owner = call.owner()
    chats = [] if owner is None else list(call.tenant.chats_of(owner))
    asked = _read(call, expandable=False)
    return _answer(call, asked, _of_chats(chats, asked, _oldest(call)))


async def delta_of_chat(call: Call) -> Reply:
    if not call.tenant.settings.chat_delta:
        raise _no_such_segment()
    chat = call.chat()
    asked = _read(call, expandable=False)
    oldest = max(_oldest(call), messages.shown_since(call, chat))
    return _answer(call, asked, _of_chats([chat], asked, oldest))


async def delta_of_channel(call: Call) -> Reply:
    """Roots only; a root comes again when a reply of its chain is new or changed."""
    if not call.tenant.settings.channel_delta:
        raise _no_such_segment()
    channel = call.channel()
    asked = _read(call, expandable=True)
    oldest = _oldest(call)
    chains = (chain for chain in _chains(channel) if chain.message.id >= oldest)
    found = sorted(filter(asked.wants, chains), key=lambda chain: chain.position)
    return _answer(call, asked, iter(found))


def _answer(call: Call, asked: _Round, entries: Iterator[_Entry]) -> Reply:
    """A page of what is after the client's position; the entries come in their order."""
    page = list(islice(entries, asked.size))
    more = next(entries, None) is not None
    token = _seal(call, asked, page[-1].position if page else asked.position)
    body: Json = {
        "@odata.context": call.context("Collection(chatMessage)"),
        "@odata.count": len(page),
        ("@odata.nextLink" if more else "@odata.deltaLink"): bookmark.link(
            call, {_TOKENS[0] if more else _TOKENS[1]: token}
        ),
        "value": [_show(call, entry, expands=asked.expands) for entry in page],
    }
    return Reply(body=body)


def _of_chats(chats: list[Chat], asked: _Round, oldest: int) -> Iterator[_Entry]:
    """First what never changed in this tenant's time, chat by chat; then change by change."""
    turn, place, number = asked.position
    if turn <= 0:
        for chat in sorted(chats, key=lambda chat: chat.id):
            reached = number if chat.id == place else -1
            if chat.id >= place:
                start = (max(oldest - 1, reached), 1 << 62)
                every = chat.messages.oldest_first(by_change=False, above=start)
                still = (_single(message) for message in every if message.turn == 0)
                yield from filter(asked.wants, still)
    # Everything of the turn reached comes along, for other chats may have a part in it.
    above = (max(turn, 1) - 1, 1 << 62)
    rows = [map(_single, chat.messages.by_turn(above)) for chat in chats]
    for entry in heapq.merge(*rows, key=lambda entry: entry.position):
        if entry.message.id >= oldest and asked.wants(entry):
            yield entry


def _oldest(call: Call) -> int:
    return milliseconds(call.tenant.clock.now() - REACH)


def _read(call: Call, *, expandable: bool) -> _Round:
    """What the request asks for: its token says everything, or it begins a round.

    Raises:
        GraphError: 400 for a flaw, 410 for a token that is too old.
    """
    options = {name.casefold(): value for name, value in call.query.items()}
    token = next((options[name] for name in _TOKENS if options.get(name)), None)
    if token is not None:
        return _unseal(call, token)
    expand = options.get("$expand")
    if expand is not None and not (expandable and expand.strip().casefold() == "replies"):
        msg = f"Parsing OData Select and Expand failed: '{expand}'."
        raise bad_request(msg)
    return _Round(
        since=_since(options.get("$filter")),
        size=wire.page_size(options, most=PAGE_MAX),
        expands=expand is not None,
    )


def _since(text: str | None) -> int:
    if text is None:
        return -1
    clause = _SINCE.fullmatch(text.strip())
    if clause is None:
        raise bad_request("Filter condition is not supported.")
    return milliseconds(wire.parse_instant(clause[1], "lastModifiedDateTime"))


def _seal(call: Call, asked: _Round, reached: tuple[int, str, int]) -> str:
    now = milliseconds(call.tenant.clock.now())
    values: list[Value] = [*reached, asked.since, asked.size, int(asked.expands), now]
    return bookmark.seal(call, _PURPOSE, values)


def _unseal(call: Call, token: str) -> _Round:
    like = [int, str, int, int, int, int, int]
    turn, place, number, since, size, expands, issued = bookmark.unseal(call, _PURPOSE, token, like)
    tenant = call.tenant
    made = from_milliseconds(int(issued))
    too_old = made + timedelta(days=tenant.settings.delta_token_days) <= tenant.clock.now()
    if too_old or (tenant.delta_reset is not None and made < tenant.delta_reset):
        raise _start_again(call)
    return _Round(
        position=(int(turn), str(place), int(number)),
        since=int(since),
        size=int(size),
        expands=bool(expands),
    )


def _show(call: Call, entry: _Entry, *, expands: bool) -> Json:
    shown = call.show(entry.message)
    if expands:
        newest = sorted(entry.replies, key=lambda reply: reply.id, reverse=True)
        shown["replies"] = [call.show(reply) for reply in newest[:REPLIES_MAX]]
    return shown


def _single(message: Message) -> _Entry:
    return _Entry(message=message, turn=message.turn, etag=message.etag)


def _chains(channel: Channel) -> Iterator[_Entry]:
    chains: dict[int, list[Message]] = {}
    for message in channel.messages.values():
        chains.setdefault(message.reply_to or message.id, []).append(message)
    for number, chain in chains.items():
        root = next((message for message in chain if message.id == number), None)
        if root is not None:
            yield _Entry(
                message=root,
                turn=max(message.turn for message in chain),
                etag=max(message.etag for message in chain),
                replies=[message for message in chain if message is not root],
            )


def _start_again(call: Call) -> GraphError:
    """Status and header as delta-query-overview says, the code as it says of expired tokens."""
    return GraphError(
        410,
        "syncStateNotFound",
        "The sync state is not found or is expired. A full synchronization is required.",
        {"Location": bookmark.link(call, {"$deltatoken": ""})},
    )


def _no_such_segment() -> GraphError:
    return bad_request("Resource not found for the segment 'delta'.")


ROUTES = [
    route(
        "GET /users/{user}/chats/getAllMessages/delta", permissions.EXPORT_MESSAGES, delta_of_user
    ),
    route("GET /teams/{team}/channels/{channel}/messages/delta", CHANNEL_DELTA, delta_of_channel),
    route("GET /chats/{chat}/messages/delta", permissions.LIST_MESSAGES, delta_of_chat),
    route(
        "GET /users/{user}/chats/{chat}/messages/delta", permissions.LIST_MESSAGES, delta_of_chat
    ),
]
