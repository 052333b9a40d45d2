"""The desk, put together of what each part of the bridge brings: commands and handlers."""

from __future__ import annotations

from bridge.app.clock import SystemClock
from bridge.app.members import granting_of, member_commands, organiser_of
from bridge.app.memory import Memory
from bridge.app.sides import MatrixSide
from bridge.app.starting import invitations_of, starting_of
from bridge.config import Config
from bridge.domain.events import GhostInvited, Replaced
from bridge.domain.ids import TenantId
from bridge.domain.wishes import Wished
from bridge.matrix.commands import Registry
from bridge.matrix.commands.account import AccountCommands, SignIns
from bridge.matrix.commands.plumbing import PlumbingCommands
from bridge.matrix.commands.relay import RelayCommands
from bridge.matrix.desk import BotDesk, Duties
from bridge.matrix.states import States
from bridge.matrix.upgrades import Upgrades
from bridge.teams.side import TeamsSide


def desk_of(
    config: Config,
    memory: Memory,
    teams: TeamsSide,
    matrix: MatrixSide,
    sign_ins: SignIns,
    clock: SystemClock,
) -> BotDesk:
    """Build it; whoever brings a command or a handler adds it here."""
    commands = Registry(prefix=config.bridge.command_prefix)
    upgrades = Upgrades(matrix.client, matrix.bot, matrix.names, book=memory.plumbing)
    desk = BotDesk(
        matrix.bot,
        matrix.client,
        rooms=matrix.rooms,
        book=memory.rooms,
        duties=Duties(
            commands=commands,
            permissions=config.bridge.permissions,
            portal_in=memory.plumbing.portal_in,
            entered=upgrades.entered,
        ),
        clock=clock,
    )
    commands.add(*_plumbing_of(config, memory, teams, matrix).commands())
    desk.sign_in_link = sign_ins.link
    starting = starting_of(config, memory, teams, matrix, clock)
    organiser = organiser_of(config, memory, teams, clock)
    commands.add(
        *AccountCommands(sign_ins).commands(),
        *starting.commands.commands(),
        *starting.listing.commands(),
        *member_commands(memory, organiser, matrix),
    )
    invitations = invitations_of(starting, memory, matrix, desk=desk, link=sign_ins.link)
    desk.relays = matrix.speakers.service.user is not None
    relay = RelayCommands(memory.plumbing, matrix.speakers, matrix.client, teams.directory)
    commands.add(*relay.commands())
    desk.handlers = {
        Replaced: upgrades.follow,
        Wished: granting_of(config, memory, organiser, matrix, desk, clock).serve,
        GhostInvited: invitations.serve,
    }
    return desk


def _plumbing_of(
    config: Config, memory: Memory, teams: TeamsSide, matrix: MatrixSide
) -> PlumbingCommands:
    return PlumbingCommands(
        matrix.rooms,
        States(matrix.client),
        book=memory.plumbing,
        accounts=memory.accounts,
        directory=teams.directory,
        tenant=TenantId(config.teams.tenant_id),
    )
