"""Where receipts of Matrix stand in the chats of Teams. See `ports.read_marks`."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import ConversationId, MessageRef, Place, TeamsUserId, TenantId
from bridge.domain.receipts import Receipt
from bridge.ports import Reach
from bridge.store.database import Database, Row

# LATERAL with OFFSET 0, and LIMIT 1 in the place of EXISTS, which might be hashed: a few probes of
# indexes for each receipt, whatever the planner thinks. Ids of messages in chats are instants in ms,
# all of the same length, so that they sort as they were said. `author` is of Teams, whichever side a
# link is from.
_REACH = """
SELECT n.number, a.teams_user_id, p.tenant_id, p.conversation_id, r.message_id AS read,
    l.message_id AS newest, coalesce(l.author = a.teams_user_id, false) AS own_last,
    coalesce((
        SELECT true FROM deliveries d
        WHERE d.portal_id = p.id AND d.target = 'matrix' AND d.state <> 'parked'
        LIMIT 1
    ), (
        SELECT true FROM deliveries d
        WHERE d.portal_id = p.id AND d.target = 'teams' AND d.source = n.event_id
            AND d.state <> 'parked'
        LIMIT 1
    ), false) AS under_way,
    coalesce(r.message_id <= v.shown_ref, false) AS is_echo
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
    AS n (room_id, user_id, event_id, number)
CROSS JOIN LATERAL (SELECT * FROM portals WHERE room_id = n.room_id OFFSET 0) p
CROSS JOIN LATERAL (SELECT * FROM accounts WHERE user_id = n.user_id OFFSET 0) a
LEFT JOIN LATERAL (
    SELECT message_id FROM links
    WHERE portal_id = p.id AND event_id = n.event_id
    ORDER BY part
    LIMIT 1
) r ON true
LEFT JOIN LATERAL (
    SELECT message_id, author FROM links
    WHERE portal_id = p.id
    ORDER BY message_id DESC
    LIMIT 1
) l ON true
LEFT JOIN viewpoints v ON v.portal_id = p.id AND v.person_id = a.teams_user_id
WHERE p.conversation_id NOT LIKE '%/%' AND a.tenant_id = p.tenant_id
"""


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
        is_echo=row["is_echo"],
    )


def _ref(value: str | None) -> MessageRef | None:
    return None if value is None else MessageRef(value)
