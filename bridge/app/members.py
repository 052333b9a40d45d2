"""What carries to Teams who comes and goes in rooms and what they are called, put together."""

from __future__ import annotations

from bridge.app.clock import SystemClock
from bridge.app.memory import Memory
from bridge.app.sides import MatrixSide
from bridge.config import Config
from bridge.matrix.commands import Command
from bridge.matrix.commands.members import MemberCommands
from bridge.matrix.desk import BotDesk
from bridge.matrix.granting import Granting
from bridge.matrix.states import States
from bridge.teams.calling import graph_base
from bridge.teams.organising import Organiser
from bridge.teams.people import People
from bridge.teams.side import TeamsSide


def organiser_of(config: Config, memory: Memory, teams: TeamsSide, clock: SystemClock) -> Organiser:
    """Build what changes conversations; nothing is asked of anybody yet."""
    return Organiser(
        graph=teams.graph,
        auth=teams.auth,
        directory=teams.directory,
        people=People(graph=teams.graph, credential=teams.auth.for_app()),
        granted=memory.granted,
        clock=clock,
        ghosts=memory.ghosts,
        base=graph_base(config.teams.graph_url),
        with_history=config.bridge.members.added_see_history,
    )


def granting_of(
    config: Config,
    memory: Memory,
    organiser: Organiser,
    matrix: MatrixSide,
    desk: BotDesk,
    clock: SystemClock,
) -> Granting:
    """Build what grants wishes; nothing is asked of anybody yet."""
    granting = Granting(
        organiser,
        matrix.client,
        matrix.bot,
        rooms=matrix.rooms,
        portals=memory.portals,
        clock=clock,
    )
    granting.signed_in = memory.accounts
    granting.portal_in = memory.plumbing.portal_in
    granting.tell = desk.tell
    granting.is_user = desk.is_user
    granting.is_relayed = matrix.speakers.service.speaks_in
    granting.carries_leaving = config.bridge.members.carry_leaving
    return granting


def member_commands(
    memory: Memory, organiser: Organiser, matrix: MatrixSide
) -> tuple[Command, ...]:
    """Build the commands about members."""
    return MemberCommands(
        organiser,
        States(matrix.client),
        names=matrix.names,
        signed_in=memory.accounts,
        people=matrix.rooms.accounts,
        portals=memory.portals,
    ).commands()
