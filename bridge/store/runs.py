"""What was claimed, as the rows that say so: one run for each stream, in the order of the claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from bridge.domain.events import Event
from bridge.domain.ids import DeliveryId, MessageRef, Side
from bridge.domain.portal import Portal
from bridge.domain.values import dataclass
from bridge.errors import Unconvertible
from bridge.ports import Delivery, Run
from bridge.store import events
from bridge.store.database import Row
from bridge.store.portals import portal_of

COLUMNS = """portal_id, tenant_id, conversation_id, room_id, behind, id, source, speaker, event,
    attempts, resumed, created_at, told"""
"""What a claim must return, the rows of one stream next to each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A claimed delivery that was written by a newer version, or is damaged."""

    id: DeliveryId
    attempts: int
    reason: str


_NOTHING: Mapping[bytes, Event] = MappingProxyType({})


def runs_of(
    target: Side, rows: Sequence[Row], *, read: Mapping[bytes, Event] = _NOTHING
) -> Iterator[tuple[Run, Sequence[Unreadable]]]:
    """Make runs of what was claimed, and say what of each cannot be read.

    `read`: events by their bytes that need not be decoded, for they were encoded just now.
    """
    for _, some in groupby(rows, key=_portal_id):
        yield _run(target, list(some), read)


def _portal_id(row: Row) -> int:
    number: int = row["portal_id"]
    return number


def _run(
    target: Side, rows: Sequence[Row], read: Mapping[bytes, Event]
) -> tuple[Run, list[Unreadable]]:
    portal = portal_of(rows[0]["portal_id"], rows[0])
    deliveries: list[Delivery] = []
    unreadable: list[Unreadable] = []
    for row in rows:
        try:
            deliveries.append(_delivery(portal, target, row, read))
        except Unconvertible as error:
            unreadable.append(
                Unreadable(id=DeliveryId(row["id"]), attempts=row["attempts"], reason=str(error))
            )
    behind = bool(rows[0]["behind"])
    run = Run(portal=portal, target=target, deliveries=tuple(deliveries), behind=behind)
    return run, unreadable


def _delivery(portal: Portal, target: Side, row: Row, read: Mapping[bytes, Event]) -> Delivery:
    raw = row["event"]
    return Delivery(
        id=DeliveryId(row["id"]),
        portal=portal,
        target=target,
        source=MessageRef(row["source"]),
        speaker=row["speaker"],
        event=read[raw] if raw in read else events.decode(raw),
        attempts=row["attempts"],
        resumed=row["resumed"],
        created_at=row["created_at"],
        told=row["told"],
    )
