"""What administrators see and do in their room with the bot, put together."""

from __future__ import annotations

from bridge import __version__
from bridge.app.around import Around
from bridge.app.memory import Memory
from bridge.app.pairing_list import rereader_of
from bridge.app.sides import MatrixSide
from bridge.config import Config
from bridge.domain.pairing import Rules
from bridge.domain.values import dataclass
from bridge.matrix.commands.about import About, AboutCommands
from bridge.matrix.commands.account import SignIns
from bridge.matrix.commands.operating import OperatingCommands
from bridge.matrix.desk import BotDesk
from bridge.matrix.puppets import OwnAccounts
from bridge.relay.rereading import Rereader
from bridge.store.operating import Operations
from bridge.teams.probe import Probe
from bridge.teams.side import TeamsSide


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """The parts of it; `pairing_list` is read again while the bridge runs."""

    about: About
    probe: Probe
    pairing_list: Rereader


def operating_of(config: Config, teams: TeamsSide, matrix: MatrixSide, around: Around) -> Operating:
    """Build it; nothing is asked of anybody yet."""
    clock, puppets = around.clock, matrix.puppets
    take = puppets.take if isinstance(puppets, OwnAccounts) else _of_no_use
    return Operating(
        about=About(
            version=__version__,
            started_at=clock.now(),
            clock=clock,
            watch=around.watch,
        ),
        probe=Probe(graph=teams.graph, auth=teams.auth, keepers=teams.keepers, clock=clock),
        pairing_list=rereader_of(config.double_puppets, take, clock),
    )


def teach(
    desk: BotDesk, operating: Operating, memory: Memory, matrix: MatrixSide, sign_ins: SignIns
) -> Rereader:
    """Have the desk obey the commands about all this; return what is to run for it."""
    desk.obey(
        *AboutCommands(
            about=operating.about, probe=operating.probe, accounts=memory.accounts
        ).commands(),
        *OperatingCommands(
            about=operating.about,
            operations=Operations(memory.database, operating.about.clock),
            probe=operating.probe,
            sign_ins=sign_ins,
            tell=desk.tell,
            reload=operating.pairing_list.now,
            server=matrix.names.domain,
        ).commands(),
    )
    return operating.pairing_list


def _of_no_use(_rules: Rules) -> None:
    """Without the second registration nobody is heard by their own account."""
