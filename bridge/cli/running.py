"""Commands that start something: the bridge, the demo, a look at the database."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from bridge.cli.terminal import EXIT_FAILURE, say
from bridge.config import EMBEDDED, Config, load
from bridge.errors import ConfigError
from bridge.telemetry import Watch, set_up_logging

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.store.database import Database

DATABASE_NAME = "teams_bridge"
T = TypeVar("T")


def run(arguments: Namespace) -> int:
    run_app = _imported()
    config = load(arguments.config, os.environ)
    with database_of(config, shared=False) as ready:
        return run_app(ready)


def _imported() -> Callable[[Config], int]:
    """Import the bridge itself, late: `config check` and the like start without all of it.

    An import leaves hardly a cycle behind, and the collector would go through all that is there again
    and again: an eighth of the start (measured on CPython 3.11: 1.01 and 0.90 s). It does not look
    once at the end either, nor later: to find 4,800 objects of 105,000 took 50 to 80 ms.
    """
    gc.disable()
    try:
        from bridge import app
    finally:
        gc.freeze()
        gc.enable()
    return app.run


@contextmanager
def database_of(config: Config, *, shared: bool) -> Iterator[Config]:
    """Start the embedded Postgres if the configuration wants it, and put its address in.

    `shared`: a bridge that runs beside may have it started already.

    Raises:
        ConfigError: It did not start, or is not installed.
    """
    if config.database.uri != EMBEDDED or config.database.data_folder is None:
        yield config
        return
    from bridge.sandbox.postgres import EmbeddedPostgres

    with EmbeddedPostgres() as postgres:
        postgres.start(config.database.data_folder, shared=shared)
        uri = postgres.create_database(DATABASE_NAME)
        yield replace(config, database=replace(config.database, uri=uri))


def demo(arguments: Namespace) -> int:
    if importlib.util.find_spec("synapse") is None:
        raise ConfigError(
            ("the demo is not installed: pip install 'matrix-teams-bridge[demo]', then again",)
        )
    from bridge.sandbox import demo as sandbox_demo

    return sandbox_demo.main(
        script=arguments.script,
        port=arguments.port,
        double_puppets=arguments.double_puppets,
    )


def db_upgrade(arguments: Namespace) -> int:
    from bridge.store.schema import upgrade

    done = at_database(load(arguments.config, os.environ), upgrade)
    say(f"Applied {', '.join(done)}." if done else "Nothing to do: the schema is up to date.")
    return 0


def db_status(arguments: Namespace) -> int:
    """Exit with 0 only if nothing is pending, so that a script may ask."""
    from bridge.store.schema import status

    found = at_database(load(arguments.config, os.environ), status)
    say(f"applied: {', '.join(found.applied) or 'nothing'}")
    say(f"pending: {', '.join(found.pending) or 'nothing'}")
    return EXIT_FAILURE if found.pending else 0


def at_database(config: Config, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do one piece of work at the configured database, the embedded one included.

    Raises:
        ConfigError: The database cannot be used as it is.
        StoreUnavailable: Postgres is away.
    """
    from bridge.store.database import Database

    async def do(uri: str) -> T:
        database = await Database.open(uri, connections_max=1, watch=Watch())
        try:
            return await work(database)
        finally:
            await database.close()

    set_up_logging(level=config.logging.level, style=config.logging.format)
    with database_of(config, shared=True) as ready:
        return asyncio.run(do(ready.database.uri))


def at_current_database(config: Config, work: Callable[[Database, datetime], Awaitable[T]]) -> T:
    """Do one piece of work at the configured database, if its schema is ours.

    Raises:
        ConfigError: The database cannot be used as it is, or needs an upgrade.
        StoreUnavailable: Postgres is away.
    """
    from bridge.app.clock import SystemClock
    from bridge.store import schema

    async def checked(database: Database) -> T:
        found = await schema.status(database)
        if found.pending:
            problem = (
                f"the database lacks {', '.join(found.pending)}: start the bridge once, or use"
                " teams-bridge db upgrade"
            )
            raise ConfigError((problem,))
        return await work(database, SystemClock().now())

    return at_database(config, checked)
