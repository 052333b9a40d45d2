"""What keeps ghosts like their people, put together."""

from __future__ import annotations

from collections.abc import Callable

from bridge.app.memory import Memory
from bridge.app.sides import Around, MatrixSide
from bridge.config import Config
from bridge.domain.ids import MessageRef
from bridge.matrix.portraits import Portraits
from bridge.matrix.presences import Presences as Board
from bridge.ports import Delivery
from bridge.relay.acquaintance import Acquaintance
from bridge.relay.attendance import Attendance
from bridge.relay.worker import Arrived
from bridge.teams.people import People
from bridge.teams.presences import Presences as Source
from bridge.teams.side import TeamsSide

Noted = Callable[[Delivery], None]


def acquaintance_of(
    config: Config, memory: Memory, teams: TeamsSide, matrix: MatrixSide, around: Around
) -> Acquaintance:
    """Build what looks at people, and have ghosts tell it when they speak."""
    people = People(
        graph=teams.graph,
        credential=teams.auth.for_app(),
        with_facets=config.bridge.ghost_profiles,
    )
    portraits = Portraits(matrix.client, matrix.ghosts, upload=matrix.pictures.upload)
    loop = Acquaintance(memory.ghosts, people, portraits, around.clock, watch=around.watch)
    matrix.ghosts.spoke = loop.note
    return loop


def attendance_of(
    config: Config, teams: TeamsSide, matrix: MatrixSide, around: Around
) -> Attendance | None:
    """Build what shows who is there, if that is wanted."""
    if not config.teams.presence:
        return None
    source = Source(graph=teams.graph, credential=teams.auth.for_app())
    board = Board(matrix.client, matrix.names)
    return Attendance(source, board, around.clock, watch=around.watch)


def telling(*listeners: Noted, as_what: Arrived | None = None) -> Arrived:
    """Tell several what has arrived, and one of them as what."""

    def tell(delivery: Delivery, ref: MessageRef) -> None:
        if as_what is not None:
            as_what(delivery, ref)
        for listener in listeners:
            listener(delivery)

    return tell
