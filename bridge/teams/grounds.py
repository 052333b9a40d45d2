"""What is read back after a gap: chats, or the channels of teams; and where to look for new ones.

ChatGround      everyone in the tenant ─▶ their chats in which somebody spoke
ChannelGround   every team ─▶ its channels; whether somebody spoke there their history says
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import Place, TeamsUserId, TenantId
from bridge.teams import addresses, payloads
from bridge.teams.directory import Directory
from bridge.teams.graph import Credential, Graph, segment
from bridge.teams.quota import Priority

TEAMS_PER_PAGE = 999
TEAM_PAGES_MAX = 600
"""More than the 500,000 teams that a tenant may have (learn.microsoft.com microsoftteams/
limits-specifications-teams)."""
CHANNEL_PAGES_MAX = 50
"""A team has 1,000 channels at most (as above)."""


class Ground(Protocol):
    """One kind of conversations."""

    name: str
    """Tells its cursors from the other's; "" for chats, which were there first."""
    channels: bool

    async def holders(self) -> Sequence[str]:
        """Return whoever and whatever has conversations of this kind.

        Raises:
            RemoteError: Graph could not be read.
        """
        ...

    async def places_of(self, holder: str, since: datetime) -> Sequence[Place]:
        """Return the conversations of one in which somebody may have spoken since then.

        Raises:
            RemoteError: Graph could not be read.
        """
        ...


@dataclass(slots=True, kw_only=True)
class ChatGround:
    """All chats of the tenant."""

    directory: Directory
    name: str = ""
    channels: bool = False

    async def holders(self) -> Sequence[str]:
        return await self.directory.people()

    async def places_of(self, holder: str, since: datetime) -> Sequence[Place]:
        return await self.directory.talked_in_since(TeamsUserId(holder), since)


@dataclass(slots=True, kw_only=True)
class ChannelGround:
    """All channels that the tenant's own teams have; what others share with them is not ours."""

    tenant: TenantId
    graph: Graph
    credential: Credential
    name: str = "channels"
    channels: bool = True

    async def holders(self) -> Sequence[str]:
        return await self._ids(f"/teams?$select=id&$top={TEAMS_PER_PAGE}", TEAM_PAGES_MAX)

    async def places_of(self, holder: str, since: datetime) -> Sequence[Place]:
        del since  # Graph does not say when somebody spoke in a channel.
        path = f"/teams/{segment(holder)}/channels?$select=id"
        names = await self._ids(path, CHANNEL_PAGES_MAX)
        return [addresses.channel(self.tenant, holder, name) for name in names]

    async def _ids(self, path: str, pages_max: int) -> list[str]:
        found: list[str] = []
        async for page in self.graph.pages(
            path, credential=self.credential, pages_max=pages_max, priority=Priority.HISTORY
        ):
            found += payloads.ids(page)
        return found
