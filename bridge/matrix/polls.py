"""What came of a poll: when one ends, its votes are counted, once. What they say is of `convert.polls`.

    m.poll.end ─▶ GET its start ─▶ GET all that refers to it ─▶ may they end it? first to do so? ─▶ count
                    └ gone, or no poll: what its author's client says of the end stands

Votes are not relayed one by one: Teams has nothing to show them in. The poll's end is a message that
answers its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.convert.polls import Vote, answered, count, poll_in, selected
from bridge.domain.events import Ignored, Sighting
from bridge.domain.ids import RoomId
from bridge.matrix.appservice import POLL_ENDS, POLL_RESPONSES, is_well_formed
from bridge.matrix.client import PAGE_EVENTS_MAX, PAGES_MAX, Client
from bridge.matrix.powers import may_redact
from bridge.matrix.reading import NEW_CONTENT, REPLACE
from bridge.matrix.shaping import RoomState
from bridge.matrix.states import States
from bridge.ports import Reading

REFERENCES_MAX = PAGE_EVENTS_MAX * PAGES_MAX
"""Events that refer to a poll: of more, the last ones are counted, and that is said."""
IGNORED_FOREIGN_END = "poll_ended_by_another"
IGNORED_SECOND_END = "poll_ended_before"

Json = Mapping[str, Any]


class Polls:
    """Counts votes; remembers nothing."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._states = States(client)

    async def settled(self, event: Json, read: Reading) -> Reading:
        """Return what was read, with the result of the poll if one has ended.

        Raises:
            RemoteError: The homeserver does not say; may be repeated.
        """
        if event.get("type") not in POLL_ENDS or not read.sightings:
            return read
        [end] = read.sightings
        assert isinstance(end, Sighting)  # noqa: S101 -- reading makes nothing else of an end
        room, start = RoomId(event["room_id"]), end.reply_to
        begun = None if start is None else await self._client.event(room, start)
        poll = None if begun is None else poll_in(_as_it_stands(begun))
        if start is None or begun is None or poll is None:
            return read
        related = [e for e in await self._client.references(room, start) if is_well_formed(e)]
        reason = await self._why_not(room, begun, event, related)
        if reason is not None:
            return Reading(ignored=(Ignored(reason=reason),))
        is_whole = len(related) < REFERENCES_MAX
        result = count(poll, _votes(related), until=_sent(event), is_whole=is_whole)
        return replace(read, sightings=(replace(end, body=answered(poll, result)),))

    async def _why_not(
        self, room: RoomId, begun: Json, end: Json, related: Sequence[Json]
    ) -> str | None:
        """MSC3381: by whoever began it, or may redact; the first such end is the only one."""
        ends = {one["event_id"]: one for one in (*related, end) if one["type"] in POLL_ENDS}
        others = {one["sender"] for one in ends.values()} - {begun.get("sender")}
        state = RoomState.of(await self._states.of(room) if others else ())
        moderators = {user for user in others if may_redact(user, state)}
        entitled = {begun.get("sender"), *moderators}
        if end["sender"] not in entitled:
            return IGNORED_FOREIGN_END
        valid = [one for one in ends.values() if one["sender"] in entitled]
        first = min(valid, key=lambda one: (_sent(one), one["event_id"]))
        return None if first["event_id"] == end["event_id"] else IGNORED_SECOND_END


def _as_it_stands(event: Json) -> Json:
    """Return the content of an event with its newest edit, if it has any."""
    newest: object = event
    for name in ("unsigned", "m.relations", REPLACE, "content", NEW_CONTENT):
        newest = newest.get(name) if isinstance(newest, Mapping) else None
    content = event.get("content")
    found = newest if isinstance(newest, Mapping) else content
    return found if isinstance(found, Mapping) else {}


def _votes(related: Iterable[Json]) -> Iterable[Vote]:
    for event in related:
        if event["type"] in POLL_RESPONSES:
            yield Vote(voter=event["sender"], at=_sent(event), chosen=selected(event["content"]))


def _sent(event: Json) -> int:
    at = event.get("origin_server_ts")
    return at if isinstance(at, int) else 0
