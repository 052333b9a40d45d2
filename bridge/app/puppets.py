"""What lets people speak as themselves, put together if there is a second registration."""

from __future__ import annotations

from bridge.app.around import Around
from bridge.app.memory import Memory
from bridge.config import Config
from bridge.matrix.as_people import AsPeople
from bridge.matrix.client import Client
from bridge.matrix.connection import Connections
from bridge.matrix.names import Names
from bridge.matrix.puppets import NOBODY, OwnAccounts, Puppets
from bridge.matrix.sender import Sender
from bridge.teams.attributes import AttributeSource
from bridge.teams.side import TeamsSide


def puppets_of(
    config: Config, connections: Connections, memory: Memory, teams: TeamsSide, around: Around
) -> tuple[Client | None, Puppets]:
    """Build it; the client acts as people of the homeserver."""
    sending, asking = connections.sending_as_people, connections.asking_as_people
    if sending is None or asking is None:
        return None, NOBODY
    names = Names.of(config)
    client = Client(asking, bot=names.bot)
    puppets = OwnAccounts(
        AsPeople(client, Sender(sending), join_rooms=config.double_puppets.join_rooms),
        names,
        memory.pairings,
        AttributeSource(graph=teams.graph, credential=teams.auth.for_app()),
        rules=config.double_puppets.rules,
        clock=around.clock,
    )
    memory.accounts.changed = puppets.forget
    return client, puppets
