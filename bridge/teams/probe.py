"""Tries out whether Graph answers; implements `ports.operating.Probe`.

as somebody         GET /chats?$top=1    with the permissions that every sign-in has
as the bridge       GET /users?$top=1    with `User.Read.All`, which every installation has
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from typing_extensions import override

from bridge.domain.ids import TeamsUserId
from bridge.domain.values import dataclass
from bridge.errors import Unavailable
from bridge.ports import Clock, operating
from bridge.teams.auth import Auth
from bridge.teams.graph import Graph
from bridge.teams.keepers import Keepers
from bridge.teams.quota import Priority

PATIENCE = timedelta(seconds=15)
"""Somebody waits for the answer; a token that must be fetched first is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(operating.Probe):
    """Remembers nothing."""

    graph: Graph
    auth: Auth
    keepers: Keepers
    clock: Clock

    @override
    async def ask(self, person: TeamsUserId | None) -> timedelta:
        begun = self.clock.now()
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self.graph.request(
                    "GET",
                    "/users?$top=1&$select=id" if person is None else "/chats?$top=1",
                    credential=self.auth.for_app()
                    if person is None
                    else self.auth.for_person(person),
                    priority=Priority.EDITS,
                )
        except TimeoutError as error:
            seconds = round(PATIENCE.total_seconds())
            text = f"Graph has not answered within {seconds} seconds"
            raise Unavailable(text) from error
        return self.clock.now() - begun

    @override
    def listening(self) -> Mapping[str, bool]:
        return self.keepers.listening()
