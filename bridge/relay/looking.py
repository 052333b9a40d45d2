"""What the journal says of everything that a batch of entries is about, at the moment of deciding.

    items ─▶ busy? ─▶ known, in the air ─▶ reactions ─▶ what shows the same message ─▶ World

What may be under way is asked before what is known: what lands in between is then both. What shows
the same message is asked after it: what was not linked before is held, and not taken for all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.events import Redacted, Sighting
from bridge.domain.ids import Side
from bridge.ports import Unit
from bridge.relay.crossing import needs_gate
from bridge.relay.items import Item, MessageKey
from bridge.relay.plan import World
from bridge.relay.roots import Roots


async def look(unit: Unit, items: Sequence[Item], side: Side, roots: Roots) -> World:
    """Return all that `relay.plan` decides by of what was seen on `side`.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    pointed = (target for item in items for target in (item.target, *item.answered))
    targets = {target for target in pointed if target is not None}
    busy = await unit.busy({portal for portal, _ in targets}, side) if targets else set()
    messages: set[MessageKey] = {i.key for i in items if isinstance(i.seen, Sighting)}
    known, in_the_air = await unit.look(side, messages | targets, gate=needs_gate(side))
    acts = {item.key for item in items if item.target is not None}
    heard = await unit.heard(acts | targets) if acts else {}
    redacted = {i.target for i in items if isinstance(i.seen, Redacted) and i.target in known}
    beside = await unit.beside([key for key in redacted if key is not None])
    absent = roots.absent_among([item.root for item in items])
    return World(
        known=known, heard=heard, in_the_air=in_the_air, busy=busy, absent=absent, beside=beside
    )
