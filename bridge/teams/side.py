"""Puts the Microsoft side together, for `bridge.app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from bridge.config import Teams
from bridge.domain.ids import TenantId
from bridge.ports import AccountBook, Clock, CursorBook, Journal, ReadingBook, SubscriptionBook
from bridge.teams.auth import Auth
from bridge.teams.catchup import CatchUp
from bridge.teams.certificates import Keyring
from bridge.teams.directory import Directory
from bridge.teams.downloads import Downloads
from bridge.teams.endpoint import TeamsEndpoint
from bridge.teams.graph import Credential, Graph
from bridge.teams.history import Historian
from bridge.teams.hosts import Hosts
from bridge.teams.keepers import Keepers
from bridge.teams.libraries import Libraries
from bridge.teams.media import TeamsMedia
from bridge.teams.reading import Reader
from bridge.teams.resources import Covers, Resource, resources
from bridge.teams.subscriptions import LOOK_EVERY, Addresses, Means
from bridge.teams.tokens import TokenChecker
from bridge.teams.transport import open_downloads, open_session
from bridge.teams.unnoticed import KINDS, Unnoticed
from bridge.telemetry import Watch, log

UNNOTICED_MAX = LOOK_EVERY + timedelta(minutes=5)
"""For so long a subscription may have been gone before we noticed; the rest is for late letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the Microsoft side needs of the bridge."""

    journal: Journal
    accounts: AccountBook
    subscriptions: SubscriptionBook
    cursors: CursorBook
    reading: ReadingBook
    clock: Clock
    watch: Watch
    addresses: Addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsSide:
    """What the Microsoft side gives the bridge."""

    auth: Auth
    graph: Graph
    directory: Directory
    endpoint: TeamsEndpoint
    keepers: Keepers
    catch_up: CatchUp
    unnoticed: Unnoticed
    media: TeamsMedia


@asynccontextmanager
async def open_teams(teams: Teams, around: Surroundings) -> AsyncIterator[TeamsSide]:
    """Open the connections to Microsoft and close them in the end; calls nothing yet.

    Raises:
        ConfigError: A certificate file is of no use.
    """
    clock, watch = around.clock, around.watch
    auth = Auth(teams, book=around.accounts, clock=clock, watch=watch)
    try:
        async with open_session(teams) as session, open_downloads(teams) as downloads:
            graph = Graph(teams, session=session, watch=watch, clock=clock)
            hosts, keyring = Hosts.of(teams), Keyring(around.subscriptions)
            reader = Reader(
                tenant=TenantId(teams.tenant_id),
                graph=graph,
                credential=auth.for_app(),
                keyring=keyring,
                checker=TokenChecker(teams, session=session, clock=clock),
                watch=watch,
            )
            directory = Directory(teams, graph=graph, credential=auth.for_app(), clock=clock)
            historian = Historian(
                graph=graph, credential=auth.for_app(), clock=clock, journal=around.journal
            )
            endpoint = TeamsEndpoint(
                graph=graph,
                auth=auth,
                directory=directory,
                reader=reader,
                historian=historian,
                journal=around.journal,
                hosts=hosts,
            )
            catch_up = CatchUp(
                tenant=TenantId(teams.tenant_id),
                historian=historian,
                directory=directory,
                reading=around.reading,
                cursors=around.cursors,
                clock=clock,
                watch=watch,
                is_listening=lambda: keepers.listens_to(Covers.CHAT_MESSAGES),
            )
            unnoticed = Unnoticed(
                tenant=TenantId(teams.tenant_id),
                directory=directory,
                reading=around.reading,
                cursors=around.cursors,
                journal=around.journal,
                clock=clock,
                watch=watch,
            )

            async def on_gap(resource: Resource) -> None:
                log.warning(
                    "subscription made anew: looking at what was not notified",
                    resource=resource.path,
                )
                if resource.covers is Covers.CHAT_MESSAGES:
                    catch_up.ring(clock.now() - UNNOTICED_MAX)
                elif resource.covers in KINDS:
                    await unnoticed.ring(resource.covers)

            means = Means(
                graph=graph,
                credential=auth.for_app(),
                book=around.subscriptions,
                keyring=keyring,
                clock=clock,
                watch=watch,
                addresses=around.addresses,
                on_gap=on_gap,
            )
            keepers = Keepers(resources(channels=teams.channels), means)
            yield TeamsSide(
                auth=auth,
                graph=graph,
                directory=directory,
                endpoint=endpoint,
                keepers=keepers,
                catch_up=catch_up,
                unnoticed=unnoticed,
                media=_media(hosts, graph, auth.for_app(), downloads, around),
            )
    finally:
        auth.close()


def _media(
    hosts: Hosts,
    graph: Graph,
    credential: Credential,
    session: aiohttp.ClientSession,
    around: Surroundings,
) -> TeamsMedia:
    libraries = Libraries(
        graph=graph, credential=credential, clock=around.clock, watch=around.watch
    )
    return TeamsMedia(
        graph=graph,
        credential=credential,
        hosts=hosts,
        libraries=libraries,
        downloads=Downloads(graph=graph, credential=credential, session=session, hosts=hosts),
    )
