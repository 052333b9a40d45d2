"""What Teams knows of a team and its channels; `directory` asks here for places that are channels.

    channel ─▶ GET channel ─┬─ standard ─▶ the team's members
                            ├─ private ──▶ its own
                            └─ shared ───▶ its own, and those who come with a team it is shared with

A team is asked for once for all of its channels that are looked at within a while: Graph allows four
requests a second and team (learn.microsoft.com graph/throttling-limits § Microsoft Teams).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from bridge.domain.ids import Channel, Place, TeamId, TeamsUserId, channel_of
from bridge.domain.portal import Conversation, Member, Membership, Team
from bridge.domain.values import dataclass
from bridge.errors import Gone, Rejected, Unconvertible
from bridge.http1 import Answer
from bridge.ports import Clock, Picture
from bridge.teams import payloads, team_payloads
from bridge.teams.answers import GraphRejected
from bridge.teams.graph import Credential, Graph, Json, has_more, segment
from bridge.teams.quota import Priority
from bridge.teams.team_payloads import Listed
from bridge.telemetry import log

MEMBERS_PER_PAGE = 999
"""Graph gives no more (learn.microsoft.com graph/api team-list-members)."""
MEMBER_PAGES_MAX = 50
"""Microsoft lets no more than 25,000 people into a team (learn.microsoft.com
microsoftteams/limits-specifications-teams)."""
TEAMS_MAX = 32
"""Teams kept at once, the largest of some 10 MB."""
TEAM_AGE_MAX = timedelta(minutes=1)

PICTURE_BYTES_MAX = 4 * 1024 * 1024
"""Teams takes no larger ones (learn.microsoft.com graph/api profilephoto-update)."""
_NOT_FOUND = 404
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    team: Team
    asked_at: datetime


class TeamDirectory:
    """Teams and channels, read with the app's token."""

    def __init__(self, *, graph: Graph, credential: Credential, clock: Clock) -> None:
        self._graph = graph
        self._credential = credential
        self._clock = clock
        self._teams: OrderedDict[TeamId, _Known] = OrderedDict()
        self._asking: WeakValueDictionary[TeamId, asyncio.Lock] = WeakValueDictionary()

    async def describe(self, place: Place, *, as_of: datetime | None = None) -> Conversation:
        """Return what a channel is, and who is in it.

        `as_of`: what was known before is not good enough.

        Raises:
            Gone: Graph does not know the channel, or its team.
            RemoteError: Graph could not be read.
        """
        channel = channel_of(place)
        if channel is None:
            raise Rejected("this conversation is no channel")
        with gone_where_not_found():
            found = await self._ask(_path(channel))
        try:
            membership = team_payloads.membership(found)
            of = await self.team(channel.team, as_of=as_of)
            listed = await self._members(channel, membership, of)
            return team_payloads.channel(found, place, of=of, listed=listed)
        except Unconvertible as error:
            raise Rejected(str(error)) from error

    async def team(self, team: TeamId, *, as_of: datetime | None = None) -> Team:
        """Return a team with its members.

        Raises:
            Gone: Graph does not know the team.
            RemoteError: Graph could not be read.
        """
        lock = self._asking.setdefault(team, asyncio.Lock())
        async with lock:  # Whoever comes second finds what the first was told.
            known, now = self._teams.get(team), self._clock.now()
            if known is not None and known.asked_at >= max(as_of or _EVER, now - TEAM_AGE_MAX):
                return known.team
            described = await self._ask_for_team(team)
            self._remember(described, now)
            return described

    async def _ask_for_team(self, team: TeamId) -> Team:
        path = f"/teams/{segment(team)}"
        with gone_where_not_found():
            found = await self._ask(path)
            listed = await self._list(f"{path}/members?$top={MEMBERS_PER_PAGE}")
        return team_payloads.team(found, team, listed=listed)

    async def picture_of(self, team: TeamId, *, known: str | None) -> Picture | str | None:
        """Return the picture of a team, or its tag if that is `known`; None if it has none.

        Raises:
            RemoteError: Graph could not be read.
        """
        path = f"/teams/{segment(team)}/photo"
        try:
            about = await self._ask(path)
            tag = payloads.text(about, "@odata.mediaEtag") or ""
            if tag and tag == known:
                return tag
            answer = await self._graph.fetch(
                f"{path}/$value", credential=self._credential, priority=Priority.MEMBERS
            )
        except GraphRejected as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return _picture(answer, tag)

    async def teams_of(self, user: TeamsUserId) -> tuple[TeamId, ...]:
        """Return the teams that a user is in, or shares a channel of.

        Raises:
            RemoteError: Graph could not be read.
        """
        found: list[TeamId] = []
        async for page in self._graph.pages(
            f"/users/{segment(user)}/teamwork/associatedTeams",
            credential=self._credential,
            priority=Priority.MEMBERS,
        ):
            found += team_payloads.team_ids(page)
        return tuple(found)

    async def _members(self, channel: Channel, membership: Membership, of: Team) -> Listed:
        if membership is Membership.STANDARD:
            return Listed(members=of.members, is_all=of.all_members)
        name = "members" if membership is Membership.PRIVATE else "allMembers"
        return await self._list(f"{_path(channel)}/{name}?$top={MEMBERS_PER_PAGE}")

    async def _ask(self, path: str) -> Json:
        return await self._graph.request(
            "GET", path, credential=self._credential, priority=Priority.MEMBERS
        )

    async def _list(self, path: str) -> Listed:
        members: list[Member] = []
        more = False
        async for page in self._graph.pages(
            path,
            credential=self._credential,
            pages_max=MEMBER_PAGES_MAX,
            priority=Priority.MEMBERS,
        ):
            members += payloads.members(page, "value")
            more = has_more(page)
        if more:
            log.warning("only the first members were read", count=len(members))
        return Listed(members=tuple(members), is_all=not more)

    def _remember(self, team: Team, asked_at: datetime) -> None:
        self._teams[team.id] = _Known(team=team, asked_at=asked_at)
        self._teams.move_to_end(team.id)
        while len(self._teams) > TEAMS_MAX:
            self._teams.popitem(last=False)


@contextmanager
def gone_where_not_found() -> Iterator[None]:
    """What Graph does not find is not there."""
    try:
        yield
    except GraphRejected as error:
        if error.status == _NOT_FOUND:
            raise Gone(str(error)) from error
        raise


def _picture(answer: Answer, tag: str) -> Picture | None:
    """One that is empty, or larger than anybody means, is not shown."""
    if not 0 < len(answer.body) <= PICTURE_BYTES_MAX:
        log.info("picture not shown", bytes=len(answer.body))
        return None
    return Picture(tag=tag or hashlib.sha256(answer.body).hexdigest(), content=answer.body)


def _path(channel: Channel) -> str:
    return f"/teams/{segment(channel.team)}/channels/{segment(channel.channel)}"
