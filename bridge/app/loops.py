"""Everything that works for as long as the process runs, between the two sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

from bridge.app.clock import SystemClock
from bridge.app.memory import Memory
from bridge.app.people import acquaintance_of, attendance_of, telling
from bridge.app.sides import Around, MatrixSide
from bridge.app.views import viewing_of
from bridge.config import Config
from bridge.domain.events import MessageSent, Seen
from bridge.domain.ids import MessageRef, Side
from bridge.matrix.client import Client
from bridge.matrix.desk import BotDesk
from bridge.matrix.signing_in import words_of_mending, words_of_refusal
from bridge.matrix.start import announce
from bridge.ports import Delivery, Refusal
from bridge.relay.decisions import DecisionsWatch
from bridge.relay.intake import Intake
from bridge.relay.items import Says
from bridge.relay.loops import Loop
from bridge.relay.measuring import Measurer
from bridge.relay.reconcile import Housekeeper, LeaseKeeper, Welcomer
from bridge.relay.reminding import Means, Reminder
from bridge.relay.shaping import Shaper
from bridge.relay.worker import Worker
from bridge.store import granted, sign_ins, starts
from bridge.store.database import PART as POSTGRES
from bridge.store.gauges import Gauges
from bridge.store.inbox import prune_read_events
from bridge.teams.side import TeamsSide

READ_EVENTS_KEPT = timedelta(days=30)
"""For longer than a bridge is away, or a backup is old: what /sync brings again is known so long."""


def intakes_of(
    memory: Memory,
    teams: TeamsSide,
    matrix: MatrixSide,
    desk: BotDesk,
    clock: SystemClock,
) -> dict[Side, Intake]:
    """Build what reads each side."""

    async def ghosts_of(seen: Sequence[Seen]) -> Mapping[str, Says]:
        return {one.author.id: one.author.id for one in seen}

    one, other, journal = teams.endpoint, matrix.endpoint, memory.journal
    from_teams = Intake(one, other, journal, clock, speaker=ghosts_of, desk=desk)
    from_matrix = Intake(other, one, journal, clock, speaker=matrix.speakers.of, desk=desk)
    from_matrix.may_read = matrix.catch_up.is_complete.is_set
    return {Side.TEAMS: from_teams, Side.MATRIX: from_matrix}


def loops_of(
    config: Config,
    memory: Memory,
    teams: TeamsSide,
    matrix: MatrixSide,
    around: Around,
    desk: BotDesk,
) -> list[Loop]:
    """Build what works beside the intakes."""
    journal, herald, clock = memory.journal, matrix.herald, around.clock
    attendance = attendance_of(config, teams, matrix, around)
    attending = [] if attendance is None else [attendance.note]

    async def prune() -> int:
        now = clock.now()
        await prune_read_events(memory.database, now - READ_EVENTS_KEPT)
        await starts.prune(memory.database, now - READ_EVENTS_KEPT)
        await granted.prune(memory.database, now - READ_EVENTS_KEPT)
        return await sign_ins.prune(memory.database, now)

    def posted(delivery: Delivery, ref: MessageRef) -> None:
        if isinstance(delivery.event, MessageSent):
            teams.own_posts.note(delivery.portal.place, ref)

    toward_teams = Worker(
        teams.endpoint,
        journal,
        clock,
        run_length_max=1,
        arrived=telling(herald.arrived, *attending, as_what=posted),
    )
    toward_teams.awaiting = memory.awaiting
    return [
        Worker(matrix.endpoint, journal, clock, arrived=telling(*attending)),
        toward_teams,
        reminder_of(memory, teams, desk, clock),
        LeaseKeeper(journal, clock),
        Shaper(
            memory.shapes,
            teams.directory,
            matrix.room_keeper,
            clock,
            memory.portals.bell,
            read_back=teams.read_again,
        ),
        Welcomer(memory.accounts, clock, welcome=matrix.rooms.welcome),
        Housekeeper(clock, prune=prune),
        DecisionsWatch(
            memory.plumbing, clock, forget=journal.forget_portals, learn=matrix.rooms.former.learn
        ),
        Measurer(clock, refresh=Gauges(memory.database, clock).refresh),
        herald,
        herald.receipts,
        matrix.marking,
        *viewing_of(config, memory, teams, matrix, clock),
        acquaintance_of(config, memory, teams, matrix, around),
        *([] if attendance is None else [attendance]),
    ]


def reminder_of(memory: Memory, teams: TeamsSide, desk: BotDesk, clock: SystemClock) -> Reminder:
    """Build what tells people that they must sign in again."""

    async def refused(refusal: Refusal) -> None:
        key = f"refused {refusal.refused_at.isoformat()}"
        await desk.tell(refusal.account.user, words_of_refusal(refusal), key=key)

    async def mended(refusal: Refusal, count: int) -> None:
        key = f"mended {refusal.refused_at.isoformat()}"
        await desk.tell(refusal.account.user, words_of_mending(refusal, count), key=key)

    means = Means(try_again=teams.auth.try_again, refused=refused, mended=mended)
    return Reminder(memory.refusals, clock, means=means)


async def keep_announced(
    config: Config, client: Client, around: Around, *, teams: TeamsSide, matrix: MatrixSide
) -> None:
    """Ping the homeserver now and whenever Postgres is back, and look for what was not told then.

    While we answered 503 the homeserver came to think that we are gone, and would wait for minutes.
    """
    returned = around.watch.returned(POSTGRES)
    while True:
        returned.clear()
        matrix.recovery.announced()
        await announce(
            config, client, transaction=uuid4().hex, clock=around.clock, watch=around.watch
        )
        await returned.wait()
        matrix.catch_up.ring()
        teams.ring()
