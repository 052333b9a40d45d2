"""Puts the Microsoft side together, for `bridge.app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bridge.config import Teams
from bridge.domain.ids import Place, TenantId
from bridge.domain.values import dataclass
from bridge.ports import (
    AccountBook,
    Clock,
    CursorBook,
    Journal,
    ReadingBook,
    RoomMedia,
    SubscriptionBook,
    WatchBook,
)
from bridge.ports.granted import GrantedBook
from bridge.teams.auth import Auth
from bridge.teams.calling import open_pool
from bridge.teams.catchup import CatchUp
from bridge.teams.certificates import Keyring
from bridge.teams.directory import Directory
from bridge.teams.downloads import Downloads
from bridge.teams.drives import Drives
from bridge.teams.enclosing import Encloser
from bridge.teams.endpoint import TeamsEndpoint
from bridge.teams.graph import Credential, Graph
from bridge.teams.grounds import ChannelGround, ChatGround, Ground
from bridge.teams.history import Historian
from bridge.teams.hosts import Hosts
from bridge.teams.keepers import Keepers
from bridge.teams.libraries import Libraries
from bridge.teams.media import TeamsMedia
from bridge.teams.notifications import Lifecycle
from bridge.teams.own_posts import OwnPosts
from bridge.teams.reading import Reader
from bridge.teams.resources import Covers, Resource, resources
from bridge.teams.snippets import Snippets
from bridge.teams.subscriptions import LOOK_EVERY, Addresses, Means
from bridge.teams.tokens import TokenChecker
from bridge.teams.transport import open_downloads, open_session, ssl_context
from bridge.teams.unnoticed import KINDS, Unnoticed
from bridge.teams.upload_sessions import Uploads
from bridge.teams.viewpoints import Viewpoints
from bridge.teams.watches import Watches
from bridge.telemetry import Watch, log

UNNOTICED_MAX = LOOK_EVERY + timedelta(minutes=5)
"""For so long a subscription may have been gone before we noticed; the rest is for late letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the Microsoft side needs of the bridge."""

    journal: Journal
    accounts: AccountBook
    subscriptions: SubscriptionBook
    watches: WatchBook
    cursors: CursorBook
    reading: ReadingBook
    clock: Clock
    watch: Watch
    addresses: Addresses
    room_media: RoomMedia
    granted: GrantedBook


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsSide:
    """What the Microsoft side gives the bridge."""

    auth: Auth
    graph: Graph
    directory: Directory
    endpoint: TeamsEndpoint
    keepers: Keepers
    watches: Watches
    catch_ups: tuple[CatchUp, ...]
    unnoticed: Unnoticed
    media: TeamsMedia
    own_posts: OwnPosts

    async def prepare(self) -> None:
        """Learn by what notifications are known, before the server listens.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        await self.keepers.prepare()
        await self.watches.prepare()

    async def listen(self, stop: asyncio.Event) -> None:
        """Keep all subscriptions, and look for what they have not told, until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.keepers.run(stop))
            tasks.create_task(self.unnoticed.run(stop), name="unnoticed")
            tasks.create_task(self.watches.run(stop), name="watches")

    async def note(self, lifecycle: Lifecycle) -> None:
        """Hand on what Graph tells of a subscription.

        Raises:
            StoreUnavailable: It could not be noted; Graph tells it again.
        """
        if lifecycle.person is None:
            await self.keepers.note(lifecycle)
        else:
            await self.watches.ring(lifecycle.person)

    def ring(self) -> None:
        """Have what was said since we listened last looked for: something may have been missed."""
        for catch_up in self.catch_ups:
            catch_up.ring()

    async def read_again(self, place: Place, since: datetime) -> None:
        """Read a conversation from there on, as something has happened in it that nobody tells.

        Raises:
            RemoteError: Graph does not answer, or not to us.
            StoreUnavailable: Postgres is away.
        """
        await self.catch_ups[0].read_again(place, since)  # Any of them reads any conversation.


@asynccontextmanager
async def open_teams(teams: Teams, around: Surroundings) -> AsyncIterator[TeamsSide]:
    """Open the connections to Microsoft and close them in the end; calls nothing yet.

    Raises:
        ConfigError: A certificate file is of no use.
    """
    clock, watch = around.clock, around.watch
    trust = ssl_context(teams)
    auth = Auth(teams, book=around.accounts, clock=clock, watch=watch, trust=trust)
    try:
        async with (
            open_session(teams, trust) as session,
            open_pool(teams, trust) as pool,
            open_downloads(trust) as files,
        ):
            graph = Graph(teams, session=session, pool=pool, watch=watch, clock=clock)
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
            downloads = Downloads(
                graph=graph, credential=auth.for_app(), session=files, hosts=hosts
            )
            endpoint = TeamsEndpoint(
                graph=graph,
                auth=auth,
                directory=directory,
                reader=reader,
                historian=historian,
                journal=around.journal,
                hosts=hosts,
                snippets=Snippets(hosts=hosts, open=downloads.open),
                encloser=Encloser(
                    media=around.room_media,
                    journal=around.journal,
                    drives=Drives(
                        graph=graph,
                        auth=auth,
                        directory=directory,
                        uploads=Uploads(graph=graph, session=files, hosts=hosts, clock=clock),
                    ),
                ),
                granted=around.granted,
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

            def catch_up_of(ground: Ground, covers: Covers, *bells: Covers) -> CatchUp:
                return CatchUp(
                    tenant=TenantId(teams.tenant_id),
                    historian=historian,
                    ground=ground,
                    reading=around.reading,
                    cursors=around.cursors,
                    clock=clock,
                    watch=watch,
                    is_listening=lambda: keepers.listens_to(covers),
                    missed_bells=lambda: unnoticed.ring(*bells),
                )

            chats = ChatGround(directory=directory)
            catch_ups = {
                Covers.CHAT_MESSAGES: catch_up_of(
                    chats, Covers.CHAT_MESSAGES, Covers.CHATS, Covers.PEOPLE
                )
            }
            if teams.channels:
                channels = ChannelGround(
                    tenant=TenantId(teams.tenant_id), graph=graph, credential=auth.for_app()
                )
                catch_ups[Covers.CHANNEL_MESSAGES] = catch_up_of(
                    channels, Covers.CHANNEL_MESSAGES, Covers.CHANNELS, Covers.TEAMS
                )

            async def on_gap(resource: Resource) -> None:
                log.warning(
                    "subscription made anew: looking at what was not notified",
                    resource=resource.path,
                )
                if resource.covers in catch_ups:
                    catch_ups[resource.covers].ring(clock.now() - UNNOTICED_MAX)
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
                watches=_watches(TenantId(teams.tenant_id), means, auth, around),
                catch_ups=tuple(catch_ups.values()),
                unnoticed=unnoticed,
                media=_media(hosts, graph, auth.for_app(), downloads, around),
                own_posts=OwnPosts(),
            )
    finally:
        await auth.close()


def _watches(tenant: TenantId, means: Means, auth: Auth, around: Surroundings) -> Watches:
    return Watches(
        tenant=tenant,
        means=means,
        auth=auth,
        book=around.watches,
        source=Viewpoints(tenant=tenant, graph=means.graph, auth=auth),
        journal=around.journal,
    )


def _media(
    hosts: Hosts,
    graph: Graph,
    credential: Credential,
    downloads: Downloads,
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
        downloads=downloads,
    )
