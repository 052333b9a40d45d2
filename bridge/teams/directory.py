"""What Teams knows of a conversation and its people; implements `ports.Directory`.

Names are remembered for a while: a message's own `displayName` is often null, and Graph allows one
request per second and chat (learn.microsoft.com graph/throttling-limits § Microsoft Teams).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from bridge.config import Teams
from bridge.domain.ids import MessageRef, Place, TeamId, TeamsUserId, TenantId, channel_of
from bridge.domain.portal import Conversation, Member, Team
from bridge.domain.values import dataclass
from bridge.errors import Rejected, RemoteError
from bridge.ports import Clock, Picture
from bridge.teams import payloads, team_payloads
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.graph import Credential, Graph, has_more, segment
from bridge.teams.quota import Priority
from bridge.teams.team_directory import TeamDirectory, gone_where_not_found
from bridge.teams.team_payloads import Listed
from bridge.telemetry import log

EXPANDED_MEMBERS = 25
"""`$expand=members` shows no more (learn.microsoft.com graph/api chat-list); the rest is listed."""
MEMBER_PAGES_MAX = 20
CHAT_PAGES_MAX = 200
"""Of 50 chats each."""
PEOPLE_PAGES_MAX = 1_000
"""Of 999 users each (learn.microsoft.com graph/api user-list)."""
NAMES_MAX = 20_000
NAME_AGE_MAX = timedelta(hours=12)
ASK_AGAIN_AFTER = timedelta(minutes=1)
"""While Graph cannot be read."""
UNNAMED_AGE_MAX = timedelta(minutes=10)
"""How long nobody is asked again for a name that could not be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was learned of somebody: what they are called, and the domain of another organisation."""

    name: str | None
    until: datetime
    organisation: str | None = None


class Directory:
    """Conversations and names, read with the app's token."""

    def __init__(self, teams: Teams, *, graph: Graph, credential: Credential, clock: Clock) -> None:
        self._tenant = TenantId(teams.tenant_id)
        self._graph = graph
        self._credential = credential
        self._clock = clock
        self._names: OrderedDict[str, Known] = OrderedDict()
        self._teams = TeamDirectory(graph=graph, credential=credential, clock=clock)

    async def describe(self, place: Place, *, as_of: datetime | None = None) -> Conversation:
        """Return what a conversation is called, and who is in it.

        `as_of`: what was known of it before is not good enough.

        Raises:
            Gone: Graph does not know the conversation.
            RemoteError: Graph could not be read.
        """
        if channel_of(place) is None:
            described = await self._describe_chat(place)
        else:
            described = await self._teams.describe(place, as_of=as_of)
        self._learn(described.members)
        return described

    async def _describe_chat(self, place: Place) -> Conversation:
        path = f"/chats/{segment(place.conversation)}"
        with gone_where_not_found():
            chat = await self._graph.request(
                "GET",
                f"{path}?$expand=members",
                credential=self._credential,
                priority=Priority.MEMBERS,
            )
        described = payloads.conversation(chat, place)
        if len(described.members) >= EXPANDED_MEMBERS:
            listed = await self._all_members(path)
            return replace(described, members=listed.members, all_members=listed.is_all)
        return described

    async def team(self, team: TeamId, *, as_of: datetime | None = None) -> Team:
        """Return what a team is called, and who is in it.

        Raises:
            Gone: Graph does not know the team.
            RemoteError: Graph could not be read.
        """
        return await self._teams.team(team, as_of=as_of)

    async def picture_of(self, team: TeamId, *, known: str | None) -> Picture | str | None:
        """Return the picture of a team, or its tag if that is `known`; None if it has none.

        Raises:
            RemoteError: Graph could not be read.
        """
        return await self._teams.picture_of(team, known=known)

    async def teams_of(self, user: TeamsUserId) -> tuple[TeamId, ...]:
        """Return the teams that a user is in, or shares a channel of.

        Raises:
            RemoteError: Graph could not be read.
        """
        return await self._teams.teams_of(user)

    async def pins_of(self, place: Place) -> tuple[MessageRef, ...] | None:
        """Return the messages that are pinned in a conversation.

        None where Graph does not say: it has no word for the pins of channels, and none for those of
        some chats of other organisations.

        Raises:
            RemoteError: Graph could not be read.
        """
        if channel_of(place) is not None:
            return None
        path = f"/chats/{segment(place.conversation)}/pinnedMessages?$expand=message"
        found: list[MessageRef] = []
        try:
            async for page in self._graph.pages(
                path, credential=self._credential, priority=Priority.MEMBERS
            ):
                found += team_payloads.pins(page)
        except GraphRejected as error:
            log.info("pins not read", conversation=place.conversation, status=error.status)
            return None
        return tuple(found)

    async def conversations_of(self, user: TeamsUserId) -> tuple[Place, ...]:
        """Return the chats that a user is in.

        Raises:
            RemoteError: Graph could not be read.
        """
        found: list[Place] = []
        more = False
        path = f"/users/{segment(user)}/chats?$select=id&$top=50"
        async for page in self._graph.pages(
            path,
            credential=self._credential,
            pages_max=CHAT_PAGES_MAX,
            priority=Priority.MEMBERS,
        ):
            found += payloads.chat_places(page, self._tenant)
            more = has_more(page)
        if more:
            log.warning("only the first chats of a user were read", user=user, count=len(found))
        return tuple(found)

    async def people(self) -> tuple[TeamsUserId, ...]:
        """Return all users of the tenant.

        Raises:
            RemoteError: Graph could not be read.
        """
        found: list[TeamsUserId] = []
        path = "/users?$select=id&$top=999"
        async for page in self._graph.pages(
            path,
            credential=self._credential,
            pages_max=PEOPLE_PAGES_MAX,
            priority=Priority.HISTORY,
        ):
            found += payloads.people(page)
        return tuple(found)

    async def talked_in_since(self, user: TeamsUserId, since: datetime) -> tuple[Place, ...]:
        """Return the chats of a user in which something was said since then.

        Raises:
            RemoteError: Graph could not be read.
        """
        order = quote("lastMessagePreview/createdDateTime desc")
        path = f"/users/{segment(user)}/chats?$expand=lastMessagePreview&$top=50&$orderby={order}"
        found: list[Place] = []
        async for page in self._graph.pages(
            path,
            credential=self._credential,
            pages_max=CHAT_PAGES_MAX,
            priority=Priority.HISTORY,
        ):
            listed = tuple(payloads.last_said(page, self._tenant))
            found += [chat.place for chat in listed if chat.at is not None and chat.at >= since]
            if any(chat.at is not None and chat.at < since for chat in listed):
                break
        return tuple(found)

    async def name_of(self, place: Place, person: TeamsUserId) -> str | None:
        """Return the name of someone in a conversation, None where it cannot be had now.

        A missing name holds nothing up: whoever asks goes on without.
        """
        return (await self.known_of(place, person)).name

    async def known_of(self, place: Place, person: TeamsUserId) -> Known:
        """Return what is known of someone in a conversation; never fails, as `name_of`."""
        known = self._names.get(person)
        if known is not None and known.until > self._clock.now():
            return known
        for look in (self._look_in_conversation, self._look_in_tenant):
            try:
                found = await look(place, person)
            except (Rejected, PermissionMissing):
                # Gone, or read permission for users not granted: the next place may know.
                continue
            except RemoteError:
                return self._unnamed(person, known, ASK_AGAIN_AFTER)
            if found is not None:
                return found
        return self._unnamed(person, known, UNNAMED_AGE_MAX)

    def _unnamed(self, person: str, known: Known | None, age: timedelta) -> Known:
        """An old name beats none; who could not be named now is not asked for at every message."""
        return self._remember(person, known.name if known else None, age)

    async def _look_in_conversation(self, place: Place, person: TeamsUserId) -> Known | None:
        await self.describe(place)
        found = self._names.get(person)
        return found if found and found.until > self._clock.now() else None

    async def _look_in_tenant(self, _place: Place, person: TeamsUserId) -> Known | None:
        path = f"/users/{segment(person)}?$select=id,displayName"
        user = await self._graph.request(
            "GET", path, credential=self._credential, priority=Priority.MEMBERS
        )
        name = payloads.user_name(user)
        return None if name is None else self._remember(person, name, NAME_AGE_MAX)

    async def _all_members(self, path: str) -> Listed:
        members: list[Member] = []
        more = False
        async for page in self._graph.pages(
            f"{path}/members",
            credential=self._credential,
            pages_max=MEMBER_PAGES_MAX,
            priority=Priority.MEMBERS,
        ):
            members += payloads.members(page, "value")
            more = has_more(page)
        return Listed(members=tuple(members), is_all=not more)

    def _learn(self, members: tuple[Member, ...]) -> None:
        for member in members:
            person = member.as_person(self._tenant)
            if person is not None and (person.name or person.organisation):
                self._remember(
                    person.id, person.name, NAME_AGE_MAX, organisation=person.organisation
                )

    def _remember(
        self, person: str, name: str | None, age: timedelta, *, organisation: str | None = None
    ) -> Known:
        before = self._names.get(person)
        if organisation is None and before is not None:
            organisation = before.organisation  # Graph leaves addresses out often.
        known = Known(name=name, until=self._clock.now() + age, organisation=organisation)
        self._names[person] = known
        self._names.move_to_end(person)
        while len(self._names) > NAMES_MAX:
            self._names.popitem(last=False)
        return known
