"""What a delivery has become, where that is more than a link: reactions, and what we did in Teams.

    edited    the link of a part that is new, and none of those beyond the last, in Matrix
    deleted   nothing: its links stay
    again     the link of the new matrix event      reaction  a row of `reactions`, or none any more

Everything that was done to a message of Teams is kept as an own change until its echo was seen.
Written in the transaction that ends the delivery; harmless when repeated.
"""

from __future__ import annotations

from datetime import datetime

from bridge.domain.changes import Own, wording_of
from bridge.domain.events import (
    Change,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, Side
from bridge.ports import Delivery
from bridge.store import states
from bridge.store.database import Session, plain

# The link of a message that was taken back, and is there again as another event.
_UNLINK = """
WITH gone AS (
    DELETE FROM links WHERE portal_id = $1 AND message_id = $2 AND part = $3 AND event_id <> $4
    RETURNING portal_id, event_id, part, message_id, origin, author
)
INSERT INTO former_links (portal_id, event_id, part, message_id, origin, author)
SELECT portal_id, event_id, part, message_id, origin, author FROM gone
ON CONFLICT DO NOTHING
"""
# The links of what an edit has left nothing for: their events were redacted, and what a later edit adds
# there is another event.
_UNLINK_SURPLUS = """
WITH gone AS (
    DELETE FROM links
    WHERE portal_id = $1 AND message_id = $2 AND part >= $3 AND origin = 'teams'
    RETURNING portal_id, event_id, part, message_id, origin, author
)
INSERT INTO former_links (portal_id, event_id, part, message_id, origin, author)
SELECT portal_id, event_id, part, message_id, origin, author FROM gone
ON CONFLICT DO NOTHING
"""
# What we did to that one is not to be seen on the new one: its echo is news.
_DISOWN = """
DELETE FROM own_changes WHERE portal_id = $1 AND ref = $2 AND kind IN ('react', 'unreact')
"""
_STATE = "SELECT state FROM message_states WHERE portal_id = $1 AND side = 'teams' AND ref = $2"
# Whether an event is what its message is in Matrix now, and stays so.
_STAYS = """
SELECT FROM links l
WHERE l.portal_id = $1 AND l.event_id = $2 AND NOT EXISTS (
    SELECT FROM deliveries d
    WHERE d.portal_id = $1 AND d.target = 'matrix' AND d.source = $3 AND d.what LIKE 'again %'
)
"""
_REACT = """
INSERT INTO reactions (portal_id, message_id, person, key, event_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (portal_id, message_id, person, key) DO UPDATE SET event_id = EXCLUDED.event_id
"""
_UNREACT = """
DELETE FROM reactions WHERE portal_id = $1 AND message_id = $2 AND person = $3 AND key = $4
"""
# Only together with the end of its delivery: once that is gone, its echo may have been seen.
_OWN = """
INSERT INTO own_changes (id, portal_id, ref, kind, at, person, key, words)
SELECT $1, $2, $3, $4, $5, $6, $7, $8
WHERE EXISTS (SELECT FROM deliveries WHERE id = $1)
ON CONFLICT DO NOTHING
"""


def is_more(delivery: Delivery) -> bool:
    """Tell whether ending it takes more than a link."""
    event = delivery.event
    return event.again if isinstance(event, MessageSent) else True


def links(delivery: Delivery) -> bool:
    """Tell whether it becomes a link, if there is none."""
    return isinstance(delivery.event, MessageSent | MessageEdited)


async def write(session: Session, delivery: Delivery, ref: MessageRef, now: datetime) -> None:
    """Write down what a delivery has become, besides its link."""
    event = delivery.event
    if isinstance(event, MessageSent):
        if event.again:
            await session.execute(_UNLINK, delivery.portal.id, delivery.source, event.part, ref)
            await session.execute(_DISOWN, delivery.portal.id, delivery.source)
        return
    if await _came_too_late(session, delivery, event, ref):
        return
    if isinstance(event, MessageEdited) and is_last_in_matrix(delivery, event):
        surplus = (delivery.portal.id, delivery.source, event.parts)
        await session.execute(_UNLINK_SURPLUS, *surplus)
    if isinstance(event, ReactionAdded | ReactionRemoved):
        await _write_reaction(session, delivery, event, ref)
    if delivery.target is Side.TEAMS:
        await _write_own(session, delivery, event, ref, now)


def is_last_in_matrix(delivery: Delivery, event: MessageEdited) -> bool:
    """Tell whether an edit is done in Matrix once this is: what was there beyond it is gone."""
    return delivery.target is Side.MATRIX and event.part == event.parts - 1


async def _came_too_late(
    session: Session, delivery: Delivery, event: Change, ref: MessageRef
) -> bool:
    """Tell of a reaction in Teams whether what it was to in Matrix is there as another event now.

    Then nobody has reacted to that one yet, and Teams will tell of the reaction as of any.
    """
    reaction = isinstance(event, ReactionAdded | ReactionRemoved)
    if delivery.target is Side.MATRIX or not reaction:
        return False
    # In this order: what has been seen to be there again has a delivery by then.
    row = await session.fetchrow(_STATE, delivery.portal.id, ref)
    if row is not None and states.is_deleted(row["state"]):
        return True
    return await session.fetchrow(_STAYS, delivery.portal.id, event.target, ref) is None


async def _write_reaction(
    session: Session, delivery: Delivery, event: ReactionAdded | ReactionRemoved, ref: MessageRef
) -> None:
    toward_matrix = delivery.target is Side.MATRIX
    slot = (
        delivery.portal.id,
        event.target if toward_matrix else ref,
        plain(event.author.id if toward_matrix else delivery.speaker),
        plain(event.key),
    )
    if isinstance(event, ReactionAdded):
        await session.execute(_REACT, *slot, ref if toward_matrix else delivery.source)
    else:
        await session.execute(_UNREACT, *slot)


async def _write_own(
    session: Session, delivery: Delivery, event: Change, ref: MessageRef, now: datetime
) -> None:
    await session.execute(
        _OWN,
        delivery.id,
        delivery.portal.id,
        ref,
        _kind(event),
        now,
        plain(delivery.speaker),
        plain(event.key) if isinstance(event, ReactionAdded | ReactionRemoved) else "",
        wording_of(event.body) if isinstance(event, MessageEdited) else "",
    )


def _kind(event: Change) -> Own:
    match event:
        case MessageEdited():
            return Own.EDIT
        case MessageDeleted():
            return Own.DELETE
        case ReactionAdded():
            return Own.REACT
        case ReactionRemoved():
            return Own.UNREACT
