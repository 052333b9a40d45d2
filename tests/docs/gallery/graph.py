"""Graph, scripted: what a case says lies elsewhere is there, and everybody is called what they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit

from bridge.domain.ids import TenantId
from bridge.errors import Unavailable
from bridge.ports import Clock, Journal, Stream
from bridge.teams.auth import Auth
from bridge.teams.certificates import Keyring
from bridge.teams.directory import Directory
from bridge.teams.drives import Drives
from bridge.teams.enclosing import Encloser
from bridge.teams.endpoint import TeamsEndpoint
from bridge.teams.graph import Graph
from bridge.teams.history import Historian
from bridge.teams.hosts import Hosts
from bridge.teams.reading import Reader
from bridge.teams.snippets import Open, Snippets
from bridge.teams.tokens import TokenChecker
from bridge.telemetry import Watch
from tests.docs.gallery.building import ADA, BEN, CEM, GRAPH, NAMES, TENANT, Case, Json
from tests.kit.fake_granted import FakeGrantedBook
from tests.kit.fake_media import FakeRoomMedia
from tests.unit.teams.memory import Bearer, Subscriptions, teams_config
from tests.unit.teams.test_endpoint import NoAuth, no_files


@dataclass
class _Graph:
    """Answers for people and chats by their path."""

    case: Case

    async def request(self, _method: str, path: str, **_more: object) -> Json:
        if path.startswith("/chats/"):
            return {"chatType": "group", "members": [_member(one) for one in (ADA, BEN, CEM)]}
        raise Unavailable(path)


def _member(person: str) -> Json:
    kind = "#microsoft.graph.aadUserConversationMember"
    return {"@odata.type": kind, "userId": person, "displayName": NAMES[person], "roles": []}


def teams_endpoint(case: Case, clock: Clock, journal: Journal) -> TeamsEndpoint:
    """Build the bridge's own endpoint on it."""
    return endpoint_on(cast(Graph, _Graph(case)), clock, journal, texts=_known(case))


def endpoint_on(
    graph: Graph,
    clock: Clock,
    journal: Journal,
    *,
    texts: Open = no_files,
    encloser: Encloser | None = None,
) -> TeamsEndpoint:
    """Build the bridge's own endpoint on any Graph."""
    bearer = Bearer()
    teams = teams_config(graph_url=GRAPH, file_hosts=("*.sharepoint.com",))
    return TeamsEndpoint(
        graph=graph,
        auth=cast(Auth, NoAuth()),
        directory=Directory(teams, graph=graph, credential=bearer, clock=clock),
        reader=Reader(
            tenant=TenantId(TENANT),
            graph=graph,
            credential=bearer,
            keyring=Keyring(Subscriptions()),
            checker=cast(TokenChecker, None),
            watch=Watch(),
        ),
        historian=Historian(graph=graph, credential=bearer, clock=clock, journal=journal),
        journal=journal,
        hosts=Hosts.of(teams),
        snippets=Snippets(hosts=Hosts.of(teams), open=texts),
        encloser=encloser
        or Encloser(media=FakeRoomMedia(), drives=cast(Drives, None), journal=journal),
        granted=FakeGrantedBook(),
    )


def _known(case: Case) -> Open:
    """Return what opens the texts that a case says are there."""
    texts = {urlsplit(address).path: text for address, text in case.known.items()}

    @asynccontextmanager
    async def opened(path: str) -> AsyncIterator[Stream]:
        text = next(text for known, text in texts.items() if unquote(known).endswith(unquote(path)))
        yield Stream(pieces=_pieces(text.encode()))

    return opened


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content
