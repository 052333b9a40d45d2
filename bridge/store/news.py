"""News of what is not a message, and what could not be carried over: noted, each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from bridge.domain.ids import PortalId
from bridge.ports import ConversationNews, Loss, News, PersonNews, TeamNews, ViewNews
from bridge.store import viewpoints
from bridge.store.database import Session, plain

# What is due already stays due as it was; what somebody looks at just now is looked at once more.
_OF_CONVERSATION = """
UPDATE portals SET shape_due_at = LEAST(shape_due_at, $3), shape_news = true
WHERE tenant_id = $1 AND conversation_id = $2
    AND (shape_due_at IS NULL OR shape_due_at > $3 OR NOT shape_news)
"""
_TOLD = """
UPDATE portals SET shape_due_at = $3
WHERE tenant_id = $1 AND conversation_id = $2 AND (shape_due_at IS NULL OR shape_due_at > $3)
"""
_OF_CHANNELS = """
UPDATE portals SET shape_due_at = $3
WHERE tenant_id = $1 AND split_part(conversation_id, '/', 1) = $2 AND conversation_id LIKE '%/%'
    AND (shape_due_at IS NULL OR shape_due_at > $3)
"""
_OF_TEAM = """
UPDATE spaces SET shape_due_at = $3
WHERE tenant_id = $1 AND team_id = $2 AND (shape_due_at IS NULL OR shape_due_at > $3)
"""
_OF_PERSON = """
UPDATE ghosts SET due_at = $3
WHERE tenant_id = $1 AND person_id = $2 AND (due_at IS NULL OR due_at > $3)
"""
_LOSE = """
INSERT INTO losses (portal_id, message_id, name, noted_at)
SELECT n.portal_id, n.message_id, n.name, $4
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n (portal_id, message_id, name)
ON CONFLICT DO NOTHING
"""


async def note(session: Session, news: Sequence[News], now: datetime) -> None:
    """Remember that what these are of is to be looked at; nobody looks at what is not here."""
    # In one order by everybody, lest two wait in a circle: spaces, then what lies in them.
    ordered = sorted(set(news), key=repr)
    for one in ordered:
        if isinstance(one, TeamNews):
            await session.execute(_OF_TEAM, one.tenant, one.team, now)
    for one in ordered:
        match one:
            case ConversationNews():
                place, statement = one.place, _TOLD if one.is_told else _OF_CONVERSATION
                await session.execute(statement, place.tenant, place.conversation, now)
            case TeamNews():
                await session.execute(_OF_CHANNELS, one.tenant, one.team, now)
            case PersonNews():
                await session.execute(_OF_PERSON, one.tenant, plain(one.person), now)
            case ViewNews():
                await viewpoints.tell(session, one, now)
            case _:
                assert_never(one)


async def lose(session: Session, losses: Sequence[Loss], now: datetime) -> None:
    """Remember what could not be carried over."""
    columns = (
        [PortalId(loss.portal) for loss in losses],
        [loss.ref for loss in losses],
        [loss.name for loss in losses],
    )
    await session.execute(_LOSE, *columns, now)
