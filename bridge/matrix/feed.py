"""What the homeserver did not push: asked for with the bot's own /sync.

    GET /sync?since=… (timeout 0) ─▶ News ─┬─ rooms: their newest events, oldest first
                                           │     └─ gap: GET /messages forwards, from `since` to them
                                           └─ invitations of the bot

A homeserver holds what it has not pushed yet in its memory only (Synapse 1.163.2,
appservice/scheduler.py): when it dies, nobody is told any more. It is never asked to wait for news:
a permanent /sync with timelines halves what Synapse can send (measured, 77 to 33 messages a second).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from bridge.domain.ids import RoomId, digest
from bridge.domain.values import dataclass
from bridge.errors import Rejected, Uncertain
from bridge.matrix.answers import UNKNOWN_DEVICE, RejectedByHomeserver
from bridge.matrix.appservice import CROSSING, STATE, is_invite
from bridge.matrix.client import Client, Filter
from bridge.matrix.echo import is_marked
from bridge.matrix.ghosts import DEVICE, Devices
from bridge.matrix.names import Names
from bridge.matrix.sender import milliseconds
from bridge.matrix.wishes import WISHING
from bridge.telemetry import log

TIMELINE_EVENTS_MAX = 100
"""Synapse gives no more for a room, whatever it is asked for (`filter_timeline_limit`)."""
PAGES_MAX = 1_000
"""Of a room, read at one time: 100,000 events. What lies beyond is named in the log."""

Json = Mapping[str, Any]
Events = Sequence[Json]

_NOTHING = {"not_types": ["*"]}
_NO_ROOMS: Filter = {"room": {"rooms": []}, "presence": _NOTHING, "account_data": _NOTHING}


class TokenForgotten(Rejected):
    """The homeserver no longer knows how far we had read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The newest events of a room; `gap_until` is where they begin, if there are more before them."""

    room: RoomId
    events: tuple[Json, ...]
    gap_until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is new since a token; `token` is where to go on."""

    token: str
    timelines: tuple[Timeline, ...] = ()
    invitations: tuple[Json, ...] = ()


class Feed:
    """Reads as the bot; remembers nothing.

    Every method raises `RemoteError`, and may be repeated.
    """

    def __init__(self, client: Client, devices: Devices, names: Names) -> None:
        self._client = client
        self._devices = devices
        self._names = names
        self._wanted: Filter = {
            "types": sorted(CROSSING | WISHING | STATE),
            "not_senders": [names.bot],
        }

    async def token(self) -> str:
        """Return where news begin that come from now on."""
        return news_of(await self._sync(_NO_ROOMS, None), bot=self._names.bot, since="").token

    async def news(self, since: str, *, events_max: int = TIMELINE_EVENTS_MAX) -> News:
        """Return what is new since a token, of each room at most so many events.

        Raises:
            TokenForgotten: The homeserver does not know the token.
        """
        try:
            answer = await self._sync(self._filter(events_max), since)
        except RejectedByHomeserver as error:
            if error.status == HTTPStatus.BAD_REQUEST:
                raise TokenForgotten(str(error)) from error
            raise
        return news_of(answer, bot=self._names.bot, since=since)

    async def between(self, room: RoomId, since: str, until: str) -> AsyncIterator[Events]:
        """Yield the events of a room between two tokens, oldest first."""
        at: str | None = since
        for _ in range(PAGES_MAX):
            page = await self._client.page(room, self._wanted, since=at, until=until, forwards=True)
            yield [_placed(event, room) for event in page.events]
            at = page.end
            if at is None:
                return
        log.error("not caught up with all of a room", room=room, limit=PAGES_MAX)

    async def since(self, room: RoomId, begin: datetime) -> Events:
        """Return the events of a room back to an instant, oldest first."""
        found: list[Json] = []
        at: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._client.page(room, self._wanted, since=at)
            # What ghosts and people's own accounts say shows when it was said in Teams.
            theirs = [e for e in page.events if not self._is_ours(_placed(e, room))]
            young = [event for event in theirs if not _is_older(event, begin)]
            found += [_placed(event, room) for event in young]
            at = page.end
            if at is None or len(young) < len(theirs):
                return found[::-1]
        log.error("not caught up with all of a room", room=room, limit=PAGES_MAX)
        return found[::-1]

    def _is_ours(self, event: Json) -> bool:
        return self._names.is_ours(str(event.get("sender"))) or is_marked(event)

    async def rooms(self) -> Sequence[RoomId]:
        """Return the rooms that there may be news of."""
        return await self._client.joined_rooms()

    async def _sync(self, wanted: Filter, since: str | None) -> Json:
        try:
            return await self._client.sync(wanted, since=since, device=self._device)
        except RejectedByHomeserver as error:
            if error.errcode != UNKNOWN_DEVICE:
                raise
        await self._devices.put(self._names.bot)  # The homeserver has forgotten it.
        return await self._client.sync(wanted, since=since, device=self._device)

    @property
    def _device(self) -> str | None:
        return DEVICE if self._devices.supported else None

    def _filter(self, events_max: int) -> Filter:
        return {
            "presence": _NOTHING,
            "account_data": _NOTHING,
            "room": {
                "timeline": {**self._wanted, "limit": events_max},
                "state": {**_NOTHING, "lazy_load_members": True},
                "ephemeral": _NOTHING,
                "account_data": _NOTHING,
            },
        }


def news_of(answer: Json, *, bot: str, since: str) -> News:
    """Understand the answer to a /sync; what makes no sense in it is left out. Pure.

    Raises:
        Uncertain: It says not where to go on.
    """
    token = answer.get("next_batch")
    if not isinstance(token, str) or not token:
        raise Uncertain("sync: the homeserver's answer makes no sense")
    rooms = _object(answer.get("rooms"))
    timelines = [
        _timeline(RoomId(room), _object(_object(news).get("timeline")))
        # Of a room that the bot was shown out of, what was said before.
        for kind in ("join", "leave")
        for room, news in _object(rooms.get(kind)).items()
    ]
    invitations = [
        invitation
        for room, news in _object(rooms.get("invite")).items()
        if (invitation := _invitation(room, _object(news), bot=bot, since=since))
    ]
    return News(
        token=token,
        timelines=tuple(one for one in timelines if one.events or one.gap_until),
        invitations=tuple(invitations),
    )


def _timeline(room: RoomId, timeline: Json) -> Timeline:
    before = timeline.get("prev_batch")
    is_cut = timeline.get("limited") is True and isinstance(before, str)
    return Timeline(
        room=room,
        events=tuple(_placed(event, room) for event in _objects(timeline.get("events"))),
        gap_until=before if is_cut else None,
    )


def _invitation(room: str, news: Json, *, bot: str, since: str) -> Json | None:
    """Return the invitation as it would have been pushed; here it comes without an id."""
    for event in _objects(_object(news.get("invite_state")).get("events")):
        if is_invite(event, bot):
            name = digest("invitation", room, since)
            return {"event_id": f"${name}", **event, "room_id": room}
    return None


def _placed(event: Json, room: str) -> Json:
    """Name the room of an event, which only /messages does; leave out what the homeserver added."""
    return {name: value for name, value in event.items() if name != "unsigned"} | {"room_id": room}


def _is_older(event: Json, begin: datetime) -> bool:
    said_at = event.get("origin_server_ts")
    return isinstance(said_at, int) and said_at < milliseconds(begin)


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
