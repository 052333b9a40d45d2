"""Everything that remembers, opened and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from bridge.app.clock import SystemClock
from bridge.config import Config
from bridge.domain.values import dataclass
from bridge.store import schema
from bridge.store.accounts import AccountBook
from bridge.store.cursors import CursorBook
from bridge.store.database import Database
from bridge.store.ghosts import GhostBook
from bridge.store.granted import GrantedBook
from bridge.store.journal import PostgresJournal
from bridge.store.media import MediaBook
from bridge.store.pairings import PairingBook
from bridge.store.plumbing import PlumbingBook
from bridge.store.portals import PortalBook
from bridge.store.readings import ReadingBook
from bridge.store.refusals import Awaiting, RefusalBook
from bridge.store.rooms import RoomBook
from bridge.store.secrets import Vault
from bridge.store.shapes import ShapeBook
from bridge.store.sign_ins import SignInBook
from bridge.store.starts import StartBook
from bridge.store.subscriptions import SubscriptionBook
from bridge.store.watches import WatchBook
from bridge.telemetry import Watch, log


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Everything that remembers."""

    database: Database
    journal: PostgresJournal
    portals: PortalBook
    plumbing: PlumbingBook
    ghosts: GhostBook
    accounts: AccountBook
    sign_ins: SignInBook
    awaiting: Awaiting
    refusals: RefusalBook
    subscriptions: SubscriptionBook
    watches: WatchBook
    rooms: RoomBook
    cursors: CursorBook
    reading: ReadingBook
    shapes: ShapeBook
    media: MediaBook
    pairings: PairingBook
    starts: StartBook
    granted: GrantedBook


@asynccontextmanager
async def open_memory(config: Config, clock: SystemClock, watch: Watch) -> AsyncIterator[Memory]:
    """Wait for Postgres, bring the schema up to date, and close what was opened in the end.

    Raises:
        ConfigError: The operator must change something.
    """
    vault = Vault(config.bridge.encryption_keys)
    database = await Database.open(
        config.database.uri, connections_max=config.database.connections_max, watch=watch
    )
    try:
        await database.wait_until_up(clock)
        applied = await schema.upgrade(database)
        if applied:
            log.info("database upgraded", count=len(applied), schema=applied[-1])
        owner = uuid4()
        journal = PostgresJournal(database, clock, owner=owner)
        accounts, refusals = AccountBook(database, clock, vault), RefusalBook(database, clock)
        accounts.relay_account = refusals.relay_account = config.bridge.relay.relay_account
        yield Memory(
            database=database,
            journal=journal,
            awaiting=Awaiting(database, clock, owner=owner),
            refusals=refusals,
            portals=PortalBook(database, clock),
            plumbing=PlumbingBook(database, clock, forget=journal.forget_portals),
            ghosts=GhostBook(database, clock),
            accounts=accounts,
            sign_ins=SignInBook(database, clock, vault),
            subscriptions=SubscriptionBook(database, clock, vault),
            watches=WatchBook(database, vault, relay_account=config.bridge.relay.relay_account),
            rooms=RoomBook(database),
            cursors=CursorBook(database, clock),
            reading=ReadingBook(database),
            shapes=ShapeBook(database, clock),
            media=MediaBook(database, clock),
            pairings=PairingBook(database),
            starts=StartBook(database, clock),
            granted=GrantedBook(database),
        )
    finally:
        await database.close()
