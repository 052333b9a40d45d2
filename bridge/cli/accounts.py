"""Commands about who is signed in to Teams: look, and sign somebody out."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from bridge.cli.running import at_current_database
from bridge.cli.tables import cut, json_line, table
from bridge.cli.terminal import EXIT_FAILURE, complain, say
from bridge.config import load

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.store.database import Database

SHOWN_MAX = 10_000
REASON_CHARS_MAX = 100
HEAD = ("USER", "TEAMS USER", "NAME", "SIGNED IN", "REFUSED BECAUSE")


def list_options(command: ArgumentParser) -> None:
    """Add how accounts are shown."""
    command.add_argument("--json", action="store_true", help="one JSON object a line")


def user_option(command: ArgumentParser) -> None:
    """Add whose account it is."""
    command.add_argument("user", metavar="USER", help="a Matrix user: @maria:example.org")


def accounts_list(arguments: Namespace) -> int:
    """Show who is signed in as whom, and whom Microsoft refuses."""

    async def work(database: Database, _now: datetime) -> int:
        from bridge.store.accounts import signed_in

        found = await signed_in(database, limit=SHOWN_MAX)
        if arguments.json:
            for one in found:
                say(json_line(one))
            return 0
        rows = [[cut(value, REASON_CHARS_MAX) for value in one.values()] for one in found]
        for line in table([HEAD, *rows]) if rows else ["Nobody is signed in."]:
            say(line)
        return 0

    return at_current_database(load(arguments.config, os.environ), work)


def accounts_sign_out(arguments: Namespace) -> int:
    """Forget somebody's tokens; what they have written and waits for them goes nowhere."""

    async def work(database: Database, _now: datetime) -> int:
        from bridge.store.accounts import sign_out

        if not await sign_out(database, arguments.user):
            complain(f"{cut(arguments.user, REASON_CHARS_MAX)} is not signed in")
            return EXIT_FAILURE
        say("Signed out. A running bridge notices within a minute.")
        return 0

    return at_current_database(load(arguments.config, os.environ), work)
