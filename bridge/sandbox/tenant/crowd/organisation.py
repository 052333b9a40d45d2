"""The imagined organisation of one tenant, and how it takes its place beside what is there.

Plan ─ Census ─> Organisation ─ move_in ─> tenant.users, .chats and .teams become shelves
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta

from bridge.sandbox.tenant.clock import from_milliseconds, milliseconds
from bridge.sandbox.tenant.crowd import calendar, texts
from bridge.sandbox.tenant.crowd.census import KINDS, Census
from bridge.sandbox.tenant.crowd.draw import mix, pick
from bridge.sandbox.tenant.crowd.history import History
from bridge.sandbox.tenant.crowd.plan import Plan
from bridge.sandbox.tenant.crowd.shelves import Roster, Shelf
from bridge.sandbox.tenant.crowd.words import CHANNELS, FAMILY, GIVEN
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.timeline import Timeline
from bridge.sandbox.tenant.world import Channel, Chat, ChatKind, Member, Team, User

YEAR = timedelta(days=365)
GENERAL = "General"
HEAD = 8
"""Digits of a user's id at the end of the sign-in name."""
_NAME, _TOPIC, _CHANNEL = range(11, 14)


class Organisation:
    """Makes users, chats, teams and histories from their numbers."""

    def __init__(self, tenant: Tenant, plan: Plan) -> None:
        self.tenant = tenant
        self.plan = plan
        self.census = census = Census(plan)
        now = tenant.clock.now()
        until = min(plan.until or now.replace(minute=0, second=0, microsecond=0), now)
        self.end = calendar.to_working(milliseconds(until))
        """When the imagined past ends, in working milliseconds."""
        self.begin = calendar.to_working(milliseconds(until - YEAR * plan.years))
        self._known: dict[int, User] = {}
        self._busy: dict[int, Chat | Channel] = {}
        """What was asked for by its number, so that its id need not be reckoned again."""
        self._moved: set[int] = set()
        """Chats whose members are others than at first."""
        self.users = Shelf(
            tenant.users,
            plan.users,
            key=census.user_id,
            number=census.user_of,
            make=self._make_user,
        )
        self.chats = Shelf(
            tenant.chats,
            plan.chats,
            key=census.chat_id,
            number=census.chat_number,
            make=self._make_chat,
        )
        self.teams = Shelf(
            tenant.teams,
            plan.teams,
            key=census.team_id,
            number=census.team_number,
            make=self._make_team,
        )

    def move_in(self) -> None:
        """Become part of the tenant."""
        self.tenant.users = self.users
        self.tenant.chats = self.chats
        self.tenant.teams = self.teams
        self.tenant.crowd = self

    def user(self, number: int) -> User:
        """A user of the organisation, also one whose account is gone."""
        found = self._known.get(number)
        if found is None:
            found = self.users.take(number)
            if found is None:
                key = self.census.user_id(number)
                found = self.tenant.people.gone.get(key) or self._make_user(number)
            self._known[number] = found
        return found

    def find_user(self, upn: str) -> User | None:
        """The user of this sign-in name; it ends in the first digits of the user's id."""
        head = upn.partition("@")[0].rpartition(".")[2]
        number = self.census.user_of_head(head)
        user = None if number is None else self.users.get(self.census.user_id(number))
        return user if user is not None and user.upn.casefold() == upn.casefold() else None

    def chats_of(self, user: User) -> Iterator[Chat]:
        """All chats of a user; one that nobody has touched is made for the look and not kept."""
        number = self.census.user_of(user.id)
        ours = [] if number is None else list(self.census.chats_of.of(number))
        foreign = [chat for chat in self.chats.foreign() if user.id in chat.members]
        yield from foreign
        for chat in [*ours, *(self._moved - set(ours))]:
            found = self.chats.glance(chat)
            if found is not None and user.id in found.members:
                yield found

    def people(self, place: int) -> list[int]:
        """The users of a chat or, for a channel, of its team."""
        if place < self.plan.chats:
            return list(self.census.members.of(place))
        return self.census.team_people(self.census.team_of(place))

    def conversation(self, place: int) -> Chat | Channel | None:
        """The chat or channel itself, to be kept; None, it is gone."""
        found = self._busy.get(place)
        if found is None:
            found = self._open(place)
        elif not self._is_there(found):
            del self._busy[place]
            return None
        if found is not None:
            self._busy[place] = found
        return found

    def _open(self, place: int) -> Chat | Channel | None:
        if place < self.plan.chats:
            return self.chats.take(place)
        team = self.teams.take(self.census.team_of(place))
        return None if team is None else team.channels.get(self.census.channel_id(place))

    def _is_there(self, found: Chat | Channel) -> bool:
        if isinstance(found, Chat):
            return self.chats.holds(found.id)
        return self.teams.holds(found.team.id) and found.id in found.team.channels

    def _make_user(self, number: int) -> User:
        key = self.census.user_id(number)
        chance = mix(self.plan.seed, _NAME, number)
        given, family = pick(GIVEN, chance), pick(FAMILY, chance >> 32)
        local = "".join(c for c in f"{given}.{family}".casefold() if c.isascii() and c.isalpha())
        upn = f"{local or 'user'}.{key[:HEAD]}@{self.tenant.domain}"
        return User(id=key, display_name=f"{given} {family}", upn=upn)

    def _make_chat(self, number: int) -> Chat:
        key, kind = self.census.chat_id(number), KINDS[self.census.kinds[number]]
        history = History(self, number, key)
        started = from_milliseconds(history.started)
        named = kind is not ChatKind.ONE_ON_ONE and mix(self.plan.seed, _TOPIC, number) % 4 > 0
        chat = Chat(
            id=key,
            kind=kind,
            topic=texts.topic(mix(self.plan.seed, _TOPIC, number, 1)) if named else None,
            created=started,
            updated=started,
            members=self._roster(number, key),
            messages=Timeline(history),
            last_id=history.newest(),
        )
        if kind is ChatKind.MEETING:
            chat.organizer = self.user(self.census.members.of(number)[0])
        return chat

    def _roster(self, number: int, key: str) -> Roster:
        census, home = self.census, self.tenant.id
        people = census.members.of(number)

        def holds(user_id: str) -> bool:
            found = census.user_of(user_id)
            return found is not None and found in people

        def fill() -> dict[str, Member]:
            users = [self.user(person) for person in people]
            return {user.id: _member(f"0##{home}##{key}##{user.id}", user) for user in users}

        return Roster(len(people), holds=holds, fill=fill, changed=lambda: self._moved.add(number))

    def _make_team(self, number: int) -> Team:
        key = self.census.team_id(number)
        places = self.census.channels(number)
        first = History(self, places[0], "")
        team = Team(
            id=key,
            name=texts.topic(mix(self.plan.seed, _TOPIC, places[0])),
            description=None,
            created=from_milliseconds(first.started),
        )
        for turn, person in enumerate(self.census.team_people(number)):
            user = self.user(person)
            token = f"{self.tenant.id}##{key}##{user.id}"
            team.members[user.id] = _member(token, user, owner=turn == 0)
        for turn, place in enumerate(places):
            channel = self._make_channel(team, place, turn)
            team.channels[channel.id] = channel
        return team

    def _make_channel(self, team: Team, place: int, turn: int) -> Channel:
        key = self.census.channel_id(place)
        history = History(self, place, key, team.id)
        started = from_milliseconds(history.started)
        name = pick(CHANNELS, mix(self.plan.seed, _CHANNEL, place))
        return Channel(
            id=key,
            created=started,
            updated=started,
            team=team,
            name=GENERAL if turn == 0 else f"{name} {turn}",
            messages=Timeline(history),
            last_id=history.newest(),
        )


def _member(token: str, user: User, *, owner: bool = True) -> Member:
    """Ids of members are opaque to clients; Graph's are the base64 of such a token."""
    member_id = base64.b64encode(token.encode()).decode()
    return Member(id=member_id, user=user, roles=["owner"] if owner else [])
