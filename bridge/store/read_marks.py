"""Where receipts of Matrix stand in the chats of Teams. See `ports.read_marks`."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import ConversationId, MessageRef, Place, TeamsUserId, TenantId
from bridge.domain.receipts import Receipt
from bridge.ports import Reach
from bridge.store.database import Database, Row

LATEST_LOOKED_AT = 50
"""Messages of a chat among which one of somebody else is looked for."""

# LATERAL with OFFSET 0: a few probes of indexes for each receipt, whatever the planner thinks. Ids of messages in chats are instants in ms, all of the same
# length, so that they sort as they were said. `author` is of Teams whichever side a link is from.
_REACH = f"""
SELECT n.number, a.teams_user_id, p.tenant_id, p.conversation_id, r.message_id AS read,
    (
        SELECT l.message_id
        FROM (
            SELECT message_id, author FROM links
            WHERE portal_id = p.id ORDER BY message_id DESC LIMIT {LATEST_LOOKED_AT}
        ) l
        WHERE l.author <> a.teams_user_id
        ORDER BY l.message_id DESC LIMIT 1
    ) AS newest,
    coalesce((
        SELECT l.author = a.teams_user_id FROM links l
        WHERE l.portal_id = p.id ORDER BY l.message_id DESC LIMIT 1
    ), false) AS own_last,
    EXISTS (
        SELECT FROM deliveries d
        WHERE d.portal_id = p.id AND d.target = 'matrix' AND d.state <> 'parked'
    ) OR EXISTS (
        SELECT FROM deliveries d
        WHERE d.portal_id = p.id AND d.target = 'teams' AND d.source = n.event_id
            AND d.state <> 'parked'
    ) AS under_way
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
    AS n (room_id, user_id, event_id, number)
CROSS JOIN LATERAL (SELECT * FROM portals WHERE room_id = n.room_id OFFSET 0) p
CROSS JOIN LATERAL (SELECT * FROM accounts WHERE user_id = n.user_id OFFSET 0) a
LEFT JOIN LATERAL (
    SELECT l.message_id FROM links l
    WHERE l.portal_id = p.id AND l.event_id = n.event_id
    ORDER BY l.part
    LIMIT 1
) r ON true
WHERE p.conversation_id NOT LIKE '%/%' AND a.tenant_id = p.tenant_id
"""  # noqa: S608 -- a number of ours


class ReadBook(ports.ReadBook):
    """Implements `ports.ReadBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def reach(self, receipts: Sequence[Receipt]) -> Sequence[Reach | None]:
        rows = await self._database.fetch(
            _REACH,
            [one.room for one in receipts],
            [one.user for one in receipts],
            [one.ref for one in receipts],
        )
        found = {row["number"]: _reach(row) for row in rows}
        return [found.get(number) for number in range(1, len(receipts) + 1)]


def _reach(row: Row) -> Reach:
    return Reach(
        person=TeamsUserId(row["teams_user_id"]),
        place=Place(
            tenant=TenantId(row["tenant_id"]), conversation=ConversationId(row["conversation_id"])
        ),
        read=_ref(row["read"]),
        newest=_ref(row["newest"]),
        own_last=row["own_last"],
        under_way=row["under_way"],
    )


def _ref(value: str | None) -> MessageRef | None:
    return None if value is None else MessageRef(value)
