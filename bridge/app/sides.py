"""The Matrix side, put together; `teams.side` does the same for the other."""

from __future__ import annotations

from bridge.app.around import Around as Around
from bridge.app.memory import Memory
from bridge.app.puppets import puppets_of
from bridge.config import Config
from bridge.domain.values import dataclass
from bridge.matrix.appservice import Reader
from bridge.matrix.bot import Bot
from bridge.matrix.catchup import SyncCatchUp
from bridge.matrix.client import Client
from bridge.matrix.connection import Connections
from bridge.matrix.endpoint import MatrixEndpoint
from bridge.matrix.features import Offer
from bridge.matrix.feed import Feed
from bridge.matrix.ghosts import Devices, Ghosts
from bridge.matrix.herald import RoomAnnouncer
from bridge.matrix.keeping import RoomKeeper
from bridge.matrix.media import Copier
from bridge.matrix.names import Names
from bridge.matrix.pictures import Pictures
from bridge.matrix.puppets import Puppets
from bridge.matrix.receipts import Moments
from bridge.matrix.recovery import Recovery
from bridge.matrix.rooms import Rooms
from bridge.matrix.sender import Sender
from bridge.matrix.spaces import Spaces
from bridge.matrix.standing_in import Service, Speakers
from bridge.matrix.states import States
from bridge.matrix.uploading import Uploader
from bridge.ports import Clock
from bridge.relay.heralding import Herald
from bridge.relay.marking import Marking
from bridge.store.pairings import Paired
from bridge.store.read_marks import ReadBook
from bridge.store.tidings import TidingsBook
from bridge.teams.read_state import ReadMarker
from bridge.teams.side import TeamsSide


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSide:
    """The Matrix side, put together."""

    client: Client
    bot: Bot
    names: Names
    ghosts: Ghosts
    pictures: Pictures
    rooms: Rooms
    endpoint: MatrixEndpoint
    speakers: Speakers
    catch_up: SyncCatchUp
    recovery: Recovery
    herald: Herald
    room_keeper: RoomKeeper
    as_people: Client | None
    puppets: Puppets
    marking: Marking


def matrix_side(
    config: Config,
    connections: Connections,
    client: Client,
    memory: Memory,
    teams: TeamsSide,
    around: Around,
) -> MatrixSide:
    """Build it; nothing is asked of the homeserver yet."""
    names, clock = Names.of(config), around.clock
    devices, sender = Devices(client), Sender(connections.sending)
    announcer = RoomAnnouncer(connections.asking, sender, client, names=names, devices=devices)
    as_people, puppets = puppets_of(config, connections, memory, teams, around)
    paired = Paired(memory.accounts, memory.pairings) if as_people else memory.accounts
    rooms = Rooms(
        client,
        names,
        portals=memory.portals,
        accounts=paired,
        directory=teams.directory,
        puppets=puppets,
    )
    rooms.names_direct = config.bridge.name_direct_chats
    rooms.offer = Offer(
        file_size_max=config.bridge.media_size_max,
        carries_leaving=config.bridge.members.carry_leaving,
    )
    ghosts = Ghosts(client, memory.ghosts, names, devices=devices)
    bot = Bot(client, sender, names, name=config.appservice.bot_name, devices=devices)
    uploader = Uploader(
        connections, address=config.homeserver.address, clock=clock, watch=around.watch
    )
    pictures = Pictures(uploader)
    room_keeper = RoomKeeper(
        States(client),
        bot,
        rooms=rooms,
        ghosts=ghosts,
        accounts=paired,
        spaces=Spaces(rooms, memory.shapes, pictures=pictures, name=config.bridge.space_name),
    )
    catch_up = SyncCatchUp(
        Feed(client, devices, names),
        Reader(names),
        memory.journal,
        memory.cursors,
        clock=clock,
        watch=around.watch,
    )
    copier = Copier(
        teams.media,
        uploader,
        memory.media,
        size_max=config.bridge.media_size_max,
        journal=memory.journal,
    )
    endpoint = MatrixEndpoint(sender, client, ghosts=ghosts, rooms=rooms, media=copier, clock=clock)
    endpoint.command_prefix = config.bridge.command_prefix
    speakers = Speakers(
        client,
        memory.accounts,
        Service.of(config.bridge.relay),
        clock,
        permission_of=names.permissions_by(config.bridge.permissions),
    )
    return MatrixSide(
        client=client,
        bot=bot,
        names=names,
        ghosts=ghosts,
        pictures=pictures,
        rooms=rooms,
        endpoint=endpoint,
        speakers=speakers,
        catch_up=catch_up,
        recovery=_recovery(clock, catch_up),
        herald=Herald(TidingsBook(memory.database), announcer, clock),
        room_keeper=room_keeper,
        as_people=as_people,
        puppets=puppets,
        marking=Marking(
            ReadBook(memory.database),
            ReadMarker(graph=teams.graph, auth=teams.auth),
            Moments(client),
            clock,
        ),
    )


def _recovery(clock: Clock, catch_up: SyncCatchUp) -> Recovery:
    recovery = Recovery(clock, catch_up.ring)
    catch_up.passed = recovery.passed
    return recovery
