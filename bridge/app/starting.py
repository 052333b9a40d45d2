"""What starts chats from Matrix, put together."""

from __future__ import annotations

from bridge.app.memory import Memory
from bridge.app.sides import MatrixSide
from bridge.config import Config
from bridge.domain.ids import RoomId, TenantId, UserId
from bridge.domain.values import dataclass
from bridge.matrix.adopting import Adopter
from bridge.matrix.channel_rooms import ChannelRooms
from bridge.matrix.commands.chats import ChatCommands
from bridge.matrix.commands.gathering import Gatherer
from bridge.matrix.commands.listing import ListCommand
from bridge.matrix.desk import BotDesk
from bridge.matrix.invitations import Invitations, Linker
from bridge.matrix.lookups import Allowance, Lookups
from bridge.matrix.outsiders import WithOutsiders
from bridge.matrix.starting import Starter
from bridge.matrix.states import States
from bridge.ports import Clock
from bridge.ports.starting import Contacts
from bridge.teams import contacts
from bridge.teams.channel_list import ChannelList
from bridge.teams.side import TeamsSide
from bridge.teams.starting import ChatMaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """The parts of it."""

    contacts: Contacts
    starter: Starter
    commands: ChatCommands
    listing: ListCommand


def starting_of(
    config: Config, memory: Memory, teams: TeamsSide, matrix: MatrixSide, clock: Clock
) -> Starting:
    """Build it, and have rooms wait for those that people make."""
    tenant = TenantId(config.teams.tenant_id)
    directory = WithOutsiders(tenant=tenant, directory=_contacts(teams), ghosts=memory.ghosts)
    starter = _starter(tenant, memory, teams, matrix, clock)
    matrix.rooms.is_awaited = starter.is_awaited
    return Starting(
        contacts=directory,
        starter=starter,
        commands=ChatCommands(
            starter=starter,
            contacts=directory,
            channels=_channels(tenant, teams),
            channel_rooms=_channel_rooms(tenant, memory, matrix),
            accounts=memory.accounts,
            rooms=matrix.rooms,
            gatherer=Gatherer(
                adopter=starter.adopter,
                contacts=directory,
                accounts=memory.accounts,
                names=matrix.names,
            ),
        ),
        listing=ListCommand(
            accounts=memory.accounts,
            directory=teams.directory,
            channels=_channels(tenant, teams),
            portals=memory.portals,
            server=matrix.names.domain,
        ),
    )


def lookups_of(
    config: Config, memory: Memory, teams: TeamsSide, matrix: MatrixSide, clock: Clock
) -> Lookups:
    """Build what answers the homeserver."""
    tenant = TenantId(config.teams.tenant_id)
    return Lookups(
        tenant=tenant,
        names=matrix.names,
        ghosts=matrix.ghosts,
        channel_rooms=_channel_rooms(tenant, memory, matrix),
        contacts=_contacts(teams),
        channels=_channels(tenant, teams),
        directory=teams.directory,
        allowance=Allowance(clock),
        is_open=config.bridge.open_search,
    )


def _contacts(teams: TeamsSide) -> contacts.Contacts:
    return contacts.Contacts(graph=teams.graph, credential=teams.auth.for_app())


def _channels(tenant: TenantId, teams: TeamsSide) -> ChannelList:
    return ChannelList(
        tenant=tenant,
        graph=teams.graph,
        credential=teams.auth.for_app(),
        directory=teams.directory,
    )


def _channel_rooms(tenant: TenantId, memory: Memory, matrix: MatrixSide) -> ChannelRooms:
    return ChannelRooms(
        tenant=tenant,
        names=matrix.names,
        client=matrix.client,
        rooms=matrix.rooms,
        book=memory.starts,
    )


def _starter(
    tenant: TenantId, memory: Memory, teams: TeamsSide, matrix: MatrixSide, clock: Clock
) -> Starter:
    return Starter(
        book=memory.starts,
        maker=ChatMaker(tenant=tenant, graph=teams.graph, auth=teams.auth),
        adopter=Adopter(
            matrix.client,
            matrix.bot,
            rooms=matrix.rooms,
            ghosts=matrix.ghosts,
            portals=memory.portals,
        ),
        rooms=matrix.rooms,
        directory=teams.directory,
        clock=clock,
        read_back=matrix.catch_up.read_back,
    )


def invitations_of(
    starting: Starting,
    memory: Memory,
    matrix: MatrixSide,
    *,
    desk: BotDesk,
    link: Linker,
) -> Invitations:
    """Build what serves invitations of ghosts."""

    async def is_desk(user: UserId, room: RoomId) -> bool:
        return await memory.rooms.desk_room(user) == room

    return Invitations(
        starter=starting.starter,
        contacts=starting.contacts,
        accounts=memory.accounts,
        names=matrix.names,
        states=States(matrix.client),
        clock=starting.starter.clock,
        tell=desk.tell,
        link=link,
        may_start=desk.is_user,
        is_desk=is_desk,
        portal_in=memory.plumbing.portal_in,
    )
