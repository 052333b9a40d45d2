"""Channels by the names that people call them by; implements `ports.ChannelList`.

    channels_for   the teams that somebody has to do with ─▶ those of that name ─▶ their channels
                                                                 └─ of which they are a member
    channels_named GET /teams?$filter=displayName eq '…' ─▶ its standard channels

Who is in a shared channel has to do with its team, and is in none of its other channels.

Sources: learn.microsoft.com graph/api associatedteaminfo-list, teams-list, channel-list.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from typing_extensions import override

from bridge.domain.ids import (
    Channel,
    ChannelId,
    Place,
    TeamId,
    TeamsUserId,
    TenantId,
    channel_place,
)
from bridge.domain.portal import Conversation, Membership
from bridge.domain.values import dataclass
from bridge.errors import Gone, Unconvertible
from bridge.ports import starting
from bridge.ports.starting import Matches, NamedChannel
from bridge.teams.directory import Directory
from bridge.teams.fields import Json, objects, text
from bridge.teams.graph import Credential, Graph, segment
from bridge.teams.quota import Priority
from bridge.teams.team_payloads import membership

TEAMS_MAX = 200
"""Of one person, looked through by name."""
CHANNELS_MAX = 1_000
"""Of a team; Microsoft lets no more into one (limits of Microsoft Teams)."""
FOUND_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelList(starting.ChannelList):
    """Reads with the app's token, and shows to each person what they are in."""

    tenant: TenantId
    graph: Graph
    credential: Credential
    directory: Directory

    @override
    async def channels_for(
        self, person: TeamsUserId, team: Matches, channel: Matches
    ) -> tuple[NamedChannel, ...]:
        found: list[NamedChannel] = []
        async for key, name in self._teams_of(person):
            if not team(name):
                continue
            for one in await self._channels(key, name, channel):
                if await self._is_member(one, person):
                    found.append(one)
                if len(found) >= FOUND_MAX:
                    return tuple(found)
        return tuple(found)

    @override
    async def open_channels(self, team: str, channel: Matches) -> tuple[NamedChannel, ...]:
        named = quote("displayName eq '" + team.replace("'", "''") + "'", safe="")
        page = await self._ask(f"/teams?$filter={named}&$select=id,displayName&$top={FOUND_MAX}")
        found: list[NamedChannel] = []
        for item in objects(page, "value", FOUND_MAX):
            key, name = text(item, "id"), text(item, "displayName")
            if key is not None:
                found += await self._channels(TeamId(key), name or "", channel)
        return tuple(one for one in found if one.is_open)[:FOUND_MAX]

    async def _teams_of(self, person: TeamsUserId) -> AsyncIterator[tuple[TeamId, str]]:
        seen = 0
        async for page in self.graph.pages(
            f"/users/{segment(person)}/teamwork/associatedTeams",
            credential=self.credential,
            priority=Priority.MEMBERS,
        ):
            for item in objects(page, "value", TEAMS_MAX - seen):
                key = text(item, "id")
                seen += 1
                if key is not None:
                    yield TeamId(key), text(item, "displayName") or ""

    async def _channels(self, team: TeamId, name: str, wanted: Matches) -> list[NamedChannel]:
        page = await self._ask(f"/teams/{segment(team)}/channels")
        return [
            one
            for item in objects(page, "value", CHANNELS_MAX)
            if (one := _named(item, team, name)) is not None and wanted(one.name)
        ]

    async def _is_member(self, one: NamedChannel, person: TeamsUserId) -> bool:
        try:
            conversation = await self.directory.describe(self.place(one.channel))
        except Gone:
            return False
        return is_member(conversation, person)

    def place(self, channel: Channel) -> Place:
        """Return the conversation of a channel."""
        return channel_place(self.tenant, channel)

    async def _ask(self, path: str) -> Json:
        return await self.graph.request(
            "GET", path, credential=self.credential, priority=Priority.MEMBERS
        )


def is_member(conversation: Conversation, person: TeamsUserId) -> bool:
    """Tell whether somebody is in a conversation."""
    return any(member.id == person for member in conversation.members)


def _named(item: Json, team: TeamId, team_name: str) -> NamedChannel | None:
    key = text(item, "id")
    try:
        is_open = membership(item) is Membership.STANDARD
    except Unconvertible:  # Who may see it is not guessed.
        return None
    if key is None:
        return None
    return NamedChannel(
        channel=Channel(team=team, channel=ChannelId(key)),
        team_name=team_name,
        name=text(item, "displayName") or "",
        is_open=is_open,
    )
