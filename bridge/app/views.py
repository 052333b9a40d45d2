"""What shows in Matrix how signed-in people see their chats in Teams, put together if it is wanted."""

from __future__ import annotations

from bridge.app.clock import SystemClock
from bridge.app.memory import Memory
from bridge.app.sides import MatrixSide
from bridge.config import Config
from bridge.domain.ids import TenantId
from bridge.domain.viewpoints import Reads
from bridge.matrix.as_people import AsPeople
from bridge.matrix.viewing import Viewer
from bridge.relay.viewing import Viewing, Wanted
from bridge.store.viewpoints import MarkBook, ViewpointBook
from bridge.teams.side import TeamsSide


def viewing_of(
    config: Config, memory: Memory, teams: TeamsSide, matrix: MatrixSide, clock: SystemClock
) -> list[Viewing]:
    """Build it, and have people's subscriptions looked after; empty if nobody's views are followed."""
    settings, sender = config.double_puppets, matrix.puppets.sender
    if matrix.as_people is None or sender is None or not settings.follows_views:
        return []
    viewer = Viewer(
        matrix.puppets,
        AsPeople(matrix.as_people, sender),
        tenant=TenantId(config.teams.tenant_id),
        reads=settings.reads,
    )
    teams.watches.most = settings.subscriptions_max
    teams.watches.follows = viewer.is_own
    matrix.marking.marks = MarkBook(memory.database)
    wanted = Wanted(reads=settings.reads is not Reads.NEVER, hidden=settings.tag_hidden)
    book = ViewpointBook(memory.database)
    return [Viewing(book, teams.watches.source, viewer, clock, wanted=wanted)]
