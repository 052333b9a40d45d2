"""Commands about the keys that encrypt what lies in the database."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from bridge.cli.running import at_current_database
from bridge.cli.terminal import EXIT_FAILURE, complain, say
from bridge.config import load

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.store.database import Database
    from bridge.store.rotation import Progress

NAMED_MAX = 5


def rotate_options(command: ArgumentParser) -> None:
    """Add whether anything is written."""
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")


def rotate_keys(arguments: Namespace) -> int:
    """Seal everything with the first key; exit with 0 only if no other key is needed any more."""
    config = load(arguments.config, os.environ)
    keys = config.bridge.encryption_keys

    async def work(database: Database, _now: datetime) -> int:
        from bridge.store.rotation import rotate
        from bridge.store.secrets import Vault

        found: dict[str, Progress] = {}
        async for progress in rotate(database, Vault(keys), dry_run=arguments.dry_run):
            found[progress.of.what] = progress
            say(_line(progress, dry_run=arguments.dry_run))
        return _conclude(list(found.values()), old=len(keys) - 1, dry_run=arguments.dry_run)

    return at_current_database(config, work)


def _line(progress: Progress, *, dry_run: bool) -> str:
    verb = "to be encrypted anew" if dry_run else "encrypted anew"
    line = f"{progress.of.what}: {progress.done} {verb}, {progress.left} were already"
    return f"{line}, {len(progress.unreadable)} unreadable" if progress.unreadable else line


def _conclude(found: list[Progress], *, old: int, dry_run: bool) -> int:
    for progress in found:
        if progress.unreadable:
            named = ", ".join(progress.unreadable[:NAMED_MAX])
            complain(
                f"{progress.of.what}: no key of bridge.encryption_key opens {named}: put the key"
                " that wrote them back into the list"
            )
    if any(progress.unreadable for progress in found):
        return EXIT_FAILURE
    if dry_run and any(progress.done for progress in found):
        say("Nothing was written. The other keys are still needed.")
        return EXIT_FAILURE
    if old:
        say(
            f"Everything is encrypted with the first key. Once every bridge on this database has"
            f" been started anew with these settings, and this command then finds nothing more to"
            f" do, the other {old} may be removed from bridge.encryption_key."
        )
    else:
        say("Everything is encrypted with the one key there is.")
    return 0
