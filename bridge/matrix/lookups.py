"""What the homeserver asks about before it exists: ghosts, rooms, people and channels by their fields.

    GET …/users/{user}       a ghost of somebody of the tenant ─▶ it is registered, and there
    GET …/rooms/{alias}      the alias of a standard channel ─▶ its room is made, members are invited
    GET …/thirdparty/…       people by name, mail or sign-in name; standard channels by team and name

None of these says who wants to know (Synapse 1.163.2, appservice/api.py): any account of the
homeserver, guests too. So the first two answer only to ids that nobody can guess, and who may enter a
room is left to its join rules; the third is off unless an operator lets everybody look.

What is asked here is bounded: a homeserver asks as often as its users do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import datetime, timedelta

from bridge.domain.ids import (
    Channel,
    Place,
    TeamsUserId,
    TenantId,
    channel_place,
    is_account,
)
from bridge.domain.portal import Membership
from bridge.domain.values import dataclass
from bridge.errors import Gone, Throttled
from bridge.matrix.channel_rooms import ChannelRooms
from bridge.matrix.ghosts import Ghosts
from bridge.matrix.invitations import person_of
from bridge.matrix.marks import PROTOCOL
from bridge.matrix.names import Names
from bridge.matrix.words import begins_with
from bridge.ports import Clock, Directory
from bridge.ports.starting import ChannelList, Contact, Contacts, NamedChannel

ASKED_MAX = 60
ASKED_WITHIN = timedelta(minutes=1)
"""So often Graph is asked for the homeserver's sake, and not more."""
FOUND_MAX = 20
WORDS_CHARS_MIN = 3
"""Of a name that is searched for: shorter ones list everybody."""

USER_FIELDS = ("name", "mail", "upn")
LOCATION_FIELDS = ("team", "channel")

Json = dict[str, object]


class Allowance:
    """Counts what was asked lately."""

    def __init__(
        self, clock: Clock, *, count: int = ASKED_MAX, within: timedelta = ASKED_WITHIN
    ) -> None:
        self._clock = clock
        self._count = count
        self._within = within
        self._times: deque[datetime] = deque()

    def take(self) -> None:
        """Take one.

        Raises:
            Throttled: It was too much.
        """
        now = self._clock.now()
        while self._times and now - self._times[0] > self._within:
            self._times.popleft()
        if len(self._times) >= self._count:
            wait = self._within - (now - self._times[0])
            raise Throttled("the homeserver asks too often", retry_after=wait)
        self._times.append(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookups:
    """Answers the homeserver; `is_open`: everybody may look for people and channels.

    Every method raises `RemoteError` (it cannot be said now) and `StoreUnavailable`.
    """

    tenant: TenantId
    names: Names
    ghosts: Ghosts
    channel_rooms: ChannelRooms
    contacts: Contacts
    channels: ChannelList
    directory: Directory
    allowance: Allowance
    is_open: bool = False
    protocol: str = field(default=PROTOCOL["id"], init=False)

    async def user(self, user: str) -> bool:
        """Tell whether a ghost stands for somebody of the tenant; from then on it is there."""
        person = self.names.person(user)
        if person is None or not is_account(person):
            return False
        contact = await self._known(person)
        if contact is None:
            return False
        await self.ghosts.ensure(self.tenant, person_of(contact))
        return True

    async def room(self, alias: str) -> bool:
        """Tell whether an alias is that of a standard channel; from then on it has a room."""
        channel = self.names.channel_of_alias(alias)
        if channel is None:
            return False
        self.allowance.take()
        place = channel_place(self.tenant, channel)
        if not await self._is_standard(place):
            return False
        await self.channel_rooms.open(channel)
        return True

    def description(self, protocol: str) -> Json | None:
        """Return what may be asked for of a protocol; None if nobody may ask."""
        if protocol != self.protocol or not self.is_open:
            return None
        kinds = {name: {"regexp": ".+", "placeholder": hint} for name, hint in _HINTS.items()}
        icon = self.names.icon or ""
        instance = {
            "network_id": self.tenant,
            "desc": PROTOCOL["displayname"],
            "icon": icon,
            "fields": {},
        }
        return {
            "user_fields": list(USER_FIELDS),
            "location_fields": list(LOCATION_FIELDS),
            "icon": icon,
            "field_types": kinds,
            "instances": [instance],
        }

    async def people(self, fields: Mapping[str, str]) -> list[Json]:
        """Return people by their fields, or who a ghost stands for (`userid`)."""
        if not self.is_open:
            return []
        if (user := fields.get("userid")) is not None:
            person = self.names.person(user)
            found: Collection[Contact | None] = (
                [await self._known(person)] if person and is_account(person) else []
            )
        elif (address := fields.get("mail") or fields.get("upn")) is not None:
            self.allowance.take()
            found = await self.contacts.addressed(address)
        else:
            found = await self._named(fields.get("name", ""))
        return [self._person(one) for one in found if one is not None]

    async def places(self, fields: Mapping[str, str]) -> list[Json]:
        """Return standard channels by team and name, or that of an alias (`alias`)."""
        if not self.is_open:
            return []
        if (alias := fields.get("alias")) is not None:
            channel = self.names.channel_of_alias(alias)
            return [] if channel is None else await self._described(channel)
        team, name = fields.get("team", ""), fields.get("channel", "")
        if not team:
            return []
        self.allowance.take()
        found = await self.channels.open_channels(team, begins_with(name))
        return [place for one in found[:FOUND_MAX] if (place := self._place(one)) is not None]

    # --- looking ---

    async def _known(self, person: str) -> Contact | None:
        self.allowance.take()
        return next(iter(await self.contacts.known([TeamsUserId(person)])), None)

    async def _named(self, words: str) -> Collection[Contact]:
        if len(words.strip()) < WORDS_CHARS_MIN:
            return ()
        self.allowance.take()
        return (await self.contacts.search(words, limit=FOUND_MAX)).contacts

    async def _is_standard(self, place: Place) -> bool:
        try:
            conversation = await self.directory.describe(place)
        except Gone:
            return False
        return conversation.membership is Membership.STANDARD

    async def _described(self, channel: Channel) -> list[Json]:
        self.allowance.take()
        try:
            found = await self.directory.describe(channel_place(self.tenant, channel))
        except Gone:
            return []
        if found.membership is not Membership.STANDARD:
            return []
        team = found.team.name if found.team else None
        named = NamedChannel(channel=channel, team_name=team or "", name=found.topic or "")
        place = self._place(named)
        return [] if place is None else [place]

    def _person(self, contact: Contact) -> Json:
        fields = {"name": contact.name, "mail": contact.mail, "upn": contact.sign_in}
        return {
            "userid": self.names.ghost(contact.id),
            "protocol": self.protocol,
            "fields": {name: value for name, value in fields.items() if value},
        }

    def _place(self, one: NamedChannel) -> Json | None:
        alias = self.names.channel_alias(one.channel)
        if alias is None:
            return None
        return {
            "alias": self.names.alias(alias),
            "protocol": self.protocol,
            "fields": {"team": one.team_name, "channel": one.name},
        }


_HINTS = {
    "name": "Maria Rossi",
    "mail": "maria.rossi@example.org",
    "upn": "maria.rossi@example.org",
    "team": "Sales",
    "channel": "General",
}
