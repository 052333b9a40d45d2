"""Commands about people and chats: whom there is in Teams, and talking with them.

search        people by name, mail or sign-in name, ten at a time
start-chat    somebody ─▶ the chat of two ─▶ its room
create-group  people, or who is in this room ─▶ a group chat ─▶ its room, this one if it can be
join          TEAM/CHANNEL ─▶ the room of a channel that one is in
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from bridge.domain.ids import TeamsUserId, UserId
from bridge.domain.permission import Permission
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.errors import Rejected, Unauthorized
from bridge.matrix.channel_rooms import ChannelRooms
from bridge.matrix.cleaning import NAME_CHARS_MAX, clean
from bridge.matrix.commands.gathering import Gatherer
from bridge.matrix.commands.registry import Call, Command, Misused, Section, Where
from bridge.matrix.invitations import NOT_STARTED
from bridge.matrix.names import Names
from bridge.matrix.rooms import Rooms
from bridge.matrix.starting import Site, Started, Starter
from bridge.matrix.words import begins_with, group_topic, is_called, link_to
from bridge.ports import AccountBook
from bridge.ports.starting import ChannelList, Contact, Contacts, NamedChannel
from bridge.telemetry import log

SHOWN_MAX = 10
"""People in one answer to `search`."""
FOUND_MAX = 100
"""People that `search` turns the pages of."""
PEOPLE_MAX = 50
"""In one `create-group`; each is looked for by itself."""
CHANNELS_SHOWN_MAX = 20
GENERAL = "General"

SIGN_IN_FIRST = "You are not signed in to Teams. Write `login` to me in our direct chat first."
SIGN_IN_AGAIN = "Microsoft wants you to sign in again: write `login` to me in our direct chat."
NOBODY = "I find nobody like that among the people of your organisation."
MATRIX_TO = "https://matrix.to/#/"

_QUOTED = re.compile(r'\s*(?:"([^"\n]*)"|[“„]([^“”\n]*)[“”])')
"""As in `words`: clients make quotes curly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCommands:
    """Obeys them."""

    starter: Starter
    contacts: Contacts
    channels: ChannelList
    channel_rooms: ChannelRooms
    accounts: AccountBook
    rooms: Rooms
    gatherer: Gatherer

    @property
    def _names(self) -> Names:
        return self.rooms.names

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            Command(
                name="search",
                section=Section.CHATS,
                usage="NAME [page N]",
                help="look for people in Teams by name, mail or sign-in name",
                example="search maria",
                run=self._as_account(self._search),
                needs=Permission.USER,
                is_private=True,
            ),
            Command(
                name="start-chat",
                section=Section.CHATS,
                usage="PERSON",
                help="talk with somebody in Teams, by name, mail or Matrix id",
                example="start-chat maria.rossi@example.org",
                run=self._as_account(self._start_chat),
                needs=Permission.USER,
                aliases=("pm",),
                is_private=True,
            ),
            Command(
                name="create-group",
                section=Section.CHATS,
                usage='["TOPIC"] [PERSON, PERSON …]',
                help="make a group chat in Teams, of these people or of who is in this room",
                example='create-group "Lunch" maria.rossi@example.org, Jonas Meier',
                run=self._as_account(self._create_group),
                needs=Permission.USER,
                where=Where.DESK | Where.ROOM,
            ),
            Command(
                name="join",
                section=Section.CHATS,
                usage="TEAM/CHANNEL",
                help="come into the room of a channel of one of your teams",
                example="join Sales/General",
                run=self._as_account(self._join),
                needs=Permission.USER,
                is_private=True,
            ),
        )

    def _as_account(
        self, run: Callable[[Call, Account], Awaitable[str]]
    ) -> Callable[[Call], Awaitable[str]]:
        """Obey whoever is signed in, and say in words what Teams or Microsoft refuses."""

        async def checked(call: Call) -> str:
            account = await self.accounts.account_of(call.user)
            if account is None:
                return SIGN_IN_FIRST
            try:
                return await run(call, account)
            except Unauthorized as error:
                if error.everyone:
                    raise
                return SIGN_IN_AGAIN
            except Rejected as error:
                log.info("not started", user=call.user, command=call.name, error=str(error))
                return NOT_STARTED.format(reason=error)

        return checked

    # --- search ---

    async def _search(self, call: Call, _account: Account) -> str:
        words, page = paged(call.words)
        if not words:
            raise Misused("Whom shall I look for?")
        found = await self.contacts.search(words, limit=FOUND_MAX)
        shown = found.contacts[(page - 1) * SHOWN_MAX : page * SHOWN_MAX]
        if not shown:
            return NOBODY if page == 1 else "There are no more."
        lines = [self._line(contact) for contact in shown]
        left = len(found.contacts) - page * SHOWN_MAX
        if left > 0:
            more = f"{left} more" if found.is_all else f"more than {left} more"
            lines.append(f"There are {more}: `search {words} page {page + 1}`")
        return "\n".join(lines)

    def _line(self, contact: Contact) -> str:
        guest = " (guest)" if contact.is_guest else ""
        address = f", {contact.address}" if contact.address else ""
        link = link_to(self._names.ghost(contact.id), self._names.domain)
        return f"{shown_name(contact)}{guest}{address}: {link}"

    # --- whom somebody means ---

    async def _one(self, wanted: str, account: Account) -> Contact:
        found = await self._meant(wanted)
        if len(found) > 1:
            same = is_called(self._names.guises.bare_name(wanted))
            found = tuple(c for c in found if same(c.name or "")) or found
        if len(found) > 1:
            lines = "\n".join(self._line(contact) for contact in found[:SHOWN_MAX])
            problem = f"Several people could be meant by `{plain_of(wanted)}`; say which by mail:\n"
            raise Misused(problem + lines)
        if not found:
            problem = f"`{plain_of(wanted)}`: {NOBODY}"
            raise Misused(problem)
        if found[0].id == account.teams_user:
            raise Misused("That is yourself.")
        return found[0]

    async def _meant(self, wanted: str) -> tuple[Contact, ...]:
        plain = wanted.strip().removeprefix(MATRIX_TO)
        if plain.startswith("@") and ":" in plain:
            person = await self._person_of(UserId(plain))
            return () if person is None else await self.contacts.known([person])
        if "@" in plain:
            return await self.contacts.addressed(plain)
        name = self._names.guises.bare_name(plain)
        return (await self.contacts.search(name, limit=FOUND_MAX)).contacts

    async def _person_of(self, user: UserId) -> TeamsUserId | None:
        person = self._names.person(user)
        if person is not None:
            return TeamsUserId(person)
        account = await self.accounts.account_of(user)
        return None if account is None else account.teams_user

    # --- starting ---

    async def _start_chat(self, call: Call, account: Account) -> str:
        if not call.rest:
            raise Misused("With whom?")
        contact = await self._one(call.rest, account)
        started = await self.starter.start(key_of(call), account, (contact,))
        return f"Your chat with {shown_name(contact)}: {self._link(started)}"

    async def _create_group(self, call: Call, account: Account) -> str:
        topic, people = group_wish(call.rest)
        if len(people) > PEOPLE_MAX:
            problem = f"More than {PEOPLE_MAX} people are too many for one line."
            raise Misused(problem)
        if people:
            contacts = [await self._one(person, account) for person in people]
            started = await self._group(call, account, contacts, topic=topic)
            return f"Your group: {self._link(started)}"
        if call.where is not Where.ROOM:
            raise Misused("Of whom?")
        return await self._group_of_room(call, account, topic)

    async def _group_of_room(self, call: Call, account: Account, topic: str | None) -> str:
        gathered = await self.gatherer.gather(call.room, call.user, account)
        if isinstance(gathered, str):
            return gathered
        name = topic or group_topic(gathered.name)
        site = Site(scene=gathered.scene)
        started = await self._group(call, account, gathered.contacts, topic=name, site=site)
        missing = f" Not in it, as they are not signed in: {gathered.left_out}." * bool(
            gathered.left_out
        )
        if started.is_own:
            return f"This room is that of your group in Teams now.{missing}"
        return f"Your group has another room: {self._link(started)}{missing}"

    async def _group(
        self,
        call: Call,
        account: Account,
        contacts: Sequence[Contact],
        *,
        topic: str | None,
        site: Site | None = None,
    ) -> Started:
        return await self.starter.start(
            key_of(call), account, tuple(contacts), topic=topic, site=site, is_group=True
        )

    # --- channels ---

    async def _join(self, call: Call, account: Account) -> str:
        team, _, channel = (part.strip() for part in call.rest.partition("/"))
        if not team:
            raise Misused("Which team, and which channel?")
        found = await self.channels.channels_for(
            account.teams_user, begins_with(team), begins_with(channel or GENERAL)
        )
        exact = [
            one
            for one in found
            if is_called(team)(one.team_name) and is_called(channel or GENERAL)(one.name)
        ]
        chosen = exact or found
        if not chosen:
            return "I find no such channel among those that you are in."
        if len(chosen) > 1:
            return "Which of these?\n" + "\n".join(map(_named, chosen[:CHANNELS_SHOWN_MAX]))
        return await self._joined(call.user, chosen[0])

    async def _joined(self, user: UserId, one: NamedChannel) -> str:
        room = await self.channel_rooms.open(one.channel)
        await self.rooms.invite(user, room)
        answer = f"{_named(one)}: {link_to(room, self._names.domain)} (I have invited you.)"
        alias = self.names_of(one) if one.is_open else None
        if alias is None:
            return answer
        return f"{answer}\nOthers of the team come in by its address: `{alias}`"

    def names_of(self, one: NamedChannel) -> str | None:
        """Return the alias of a channel."""
        localpart = self._names.channel_alias(one.channel)
        return None if localpart is None else self._names.alias(localpart)

    def _link(self, started: Started) -> str:
        return link_to(started.room, self._names.domain)


def key_of(call: Call) -> str:
    """Name a wish by the message that it was written in."""
    return f"command {call.ref}"


def shown_name(contact: Contact) -> str:
    """Return somebody's name as an answer may hold it."""
    return plain_of(contact.name or contact.address or contact.id)


def plain_of(text: str) -> str:
    return clean(text, chars_max=NAME_CHARS_MAX).replace("`", "'")


def paged(words: Sequence[str]) -> tuple[str, int]:
    """Part `maria rossi page 2` into what is looked for and which page of it."""
    *before, name, number = ("", "", *words)
    if name.casefold() == "page" and number.isascii() and number.isdigit() and number.strip("0"):
        return " ".join(before).strip(), int(number[:4])
    return " ".join(words), 1


def group_wish(rest: str) -> tuple[str | None, list[str]]:
    """Part `"Topic" A, B` into the topic, if it begins with one in quotes, and the people."""
    quoted = _QUOTED.match(rest)
    topic = (quoted[1] or quoted[2] or "") if quoted else ""
    people = (part.strip() for part in rest[quoted.end() if quoted else 0 :].split(","))
    return group_topic(topic), [part for part in people if part]


def _named(one: NamedChannel) -> str:
    return f"{plain_of(one.team_name)}/{plain_of(one.name)}"
