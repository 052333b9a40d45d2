"""The desk: what the bot answers to people, in a room that each has alone with it, and elsewhere.

    Invited ─▶ a user of ours? ─▶ join ─▶ a portal goes on here? ─▶ alone? ─▶ their desk room, greeting
                └─ no: refuse             └─ yes: that is all      └─ no: stays, says how to bridge
    Asked   ─▶ lately? ─▶ in their desk room, or with the prefix ─▶ command ─▶ notice
    Unheard ─▶ notice in the portal, once a day for each person: sign in first
    PartTakenBack ─▶ notice in the portal, once for each message: it stays in Teams
    others  ─▶ the handler that the part of the bridge has brought

A sign-in link signs in whoever opens it, as the Matrix user who asked for it: it is shown in a room
of two only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from typing_extensions import override

from bridge.domain.events import Asked, Invited, OneWay, PartTakenBack, Request, Unheard
from bridge.domain.ids import RoomId, UserId
from bridge.domain.permission import Permission, Permissions
from bridge.domain.portal import Portal
from bridge.domain.values import dataclass
from bridge.errors import Rejected
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client, NewRoom
from bridge.matrix.commands import Call, Command, Misused, Registry, Where
from bridge.matrix.commands.words import parted, without_prefix, words_of
from bridge.matrix.memory import Flights, Recent
from bridge.matrix.names import Names
from bridge.matrix.rooms import Rooms
from bridge.ports import Clock, Desk, RoomBook
from bridge.telemetry import log

HINTS_KEPT_MAX = 4_096
ASKED_WITHIN = timedelta(minutes=10)
"""Older commands are not obeyed: catching up, or a restored database, may bring yesterday's `logout`."""

TOO_OLD = "too_old"
STRANGER = "not permitted"
NOT_ALONE = "not alone"
NO_HANDLER = "nobody serves this"

GREETING = "Hello! I connect your Microsoft Teams chats with Matrix. Write me one of these:"
SIGN_IN_FIRST = """\
{user}: your messages here do not reach Teams yet, because you are not signed in. \
Write `login` to me ({bot}) in a direct chat."""
SIGN_IN_THERE = """\
{user}: your messages here do not reach Teams yet, because you are not signed in. \
I have sent you a link for that: https://matrix.to/#/{desk}?via={via}"""
OFFER = """\
To have what you write in bridged rooms sent to Teams in your name, open this link and sign in with \
your Microsoft account: {link}

It is for you alone and works once, for a few minutes; write `login` for another."""
ONE_WAY = """\
{user}: this room only shows what is said in Teams. What you write here does not reach Teams."""
NOT_RELAYED = """\
{user}: your messages here do not reach Teams: nobody says them there for you. \
Ask whoever runs this room to write `set-relay` to {bot}, or the administrator of the bridge."""
STAYS_WHOLE = """\
{user}: what you deleted is one part of a message in Teams. There the message stays whole until you \
have deleted all of its parts here."""
HINTS: Mapping[type[Request], tuple[str, str]] = {
    Unheard: ("sign in first", SIGN_IN_FIRST),
    OneWay: ("one way", ONE_WAY),
}
NOT_HERE = "I answer in a direct chat only. Invite me into a room that we have to ourselves."
ROOM_GREETING = "Hello! Write `{prefix} help` to see what I can do here."
SAID_APART = "I have answered you in our direct chat."
REFUSED = "That was refused, and would be refused again. The log of the bridge says why."

Handler = Callable[[Any], Awaitable[None]]
"""Serves one type of request; raises what `Desk.serve` may."""


async def _nothing_of_ours(_room: RoomId) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What the desk obeys, for whom, and where."""

    commands: Registry
    permissions: Permissions
    portal_in: Callable[[RoomId], Awaitable[Portal | None]]
    entered: Callable[[RoomId], Awaitable[bool]] = _nothing_of_ours
    """Whether a room that the bot has just come into is one in which a portal goes on."""


class BotDesk(Desk):
    """Serves people; remembers only which room is whose."""

    def __init__(
        self,
        bot: Bot,
        client: Client,
        *,
        rooms: Rooms,
        book: RoomBook,
        duties: Duties,
        clock: Clock,
    ) -> None:
        self._bot = bot
        self._client = client
        self._rooms = rooms
        self._book = book
        self._clock = clock
        self._names: Names = rooms.names
        self._commands = duties.commands
        self.permission_of = self._names.permissions_by(duties.permissions)
        self._portal_in = duties.portal_in
        self._entered = duties.entered
        self._hinted: Recent[str, bool] = Recent(HINTS_KEPT_MAX)
        self._flights: Flights[UserId] = Flights()
        own: dict[type[Request], Handler] = {
            Invited: self._enter,
            Asked: self._answer,
            Unheard: self._hint,
            OneWay: self._hint,
            PartTakenBack: self._say_it_stays,
        }
        self._own = own
        self.relays = False
        """Whether there is a service account, so that whoever may not sign in could be heard."""
        self.handlers: Mapping[type[Request], Handler] = {}
        """Who serves what is not served here."""
        self.sign_in_link: Callable[[UserId], Awaitable[str]] | None = None
        """Makes a link that signs in whoever opens it; without it, people are told to ask for one."""

    @override
    async def serve(self, request: Request) -> None:
        handler = self._own.get(type(request)) or self.handlers.get(type(request))
        if handler is None:
            log.info("not answered", room=request.room, user=request.sender, reason=NO_HANDLER)
            return
        try:
            await handler(request)
        except Rejected as error:
            # The room is gone, or we were shown out: nobody is left to be answered.
            log.info("not answered", room=request.room, user=request.sender, error=str(error))

    def obey(self, *commands: Command) -> None:
        """Take in more commands."""
        self._commands.add(*commands)

    def is_user(self, user: UserId) -> bool:
        """Tell whether somebody may sign in, and speak in Teams as themselves."""
        return self.permission_of(user) >= Permission.USER

    async def tell(self, user: UserId, text: str, *, key: str | None = None) -> None:
        """Say something to a user where only they read it; a room is made if there is none.

        The same `key` is said once; without one, news told twice are better than news kept back.

        Raises:
            RemoteError: The homeserver could not be reached now, or the user cannot be.
            StoreUnavailable: Postgres could not be reached now.
        """
        room = await self._desk_room(user)
        await self._rooms.invite(user, room)  # Whoever has left finds the way back.
        await self._bot.notice(room, text, key=key or self._clock.now().isoformat())

    async def notice(
        self, room: RoomId, text: str, *, key: str, mention: UserId | None = None
    ) -> None:
        """Say something in a portal; the same key is said once.

        Raises:
            RemoteError: The homeserver could not be reached now.
        """
        mentions = () if mention is None else (mention,)
        await self._bot.notice(room, text, key=key, mentions=mentions)

    # --- invitations ---

    async def _enter(self, invited: Invited) -> None:
        room, user = invited.room, invited.sender
        permission = self.permission_of(user)
        if permission < Permission.USER:
            log.info("invitation refused", room=room, user=user, reason=STRANGER)
            await self._client.leave(room)
            return
        await self._client.join(room)
        if await self._entered(room):
            return
        if await self._is_private(room, user):
            await self._book.remember_desk_room(user, room)
            greeting = f"{GREETING}\n\n{self._commands.overview(permission)}"
            await self._bot.notice(room, greeting, key="greeting")
        elif self._commands.obeys_in(Where.ROOM):
            greeting = ROOM_GREETING.format(prefix=self._commands.prefix)
            await self._bot.notice(room, greeting, key="greeting")
        else:
            await self._bot.notice(room, NOT_HERE, key="not here")
            await self._client.leave(room)

    async def _is_private(self, room: RoomId, user: UserId) -> bool:
        return await self._client.members(room) <= {user, self._bot.user}

    # --- commands ---

    async def _answer(self, asked: Asked) -> None:
        call: Call | str
        if self._clock.now() - asked.sent_at > ASKED_WITHIN:
            call = TOO_OLD
        elif self.permission_of(asked.sender) is Permission.NONE:
            call = STRANGER
        else:
            call = await self._call(asked)
        if isinstance(call, str):
            log.info("not answered", room=asked.room, user=asked.sender, reason=call)
        else:
            await self._obey(call)

    async def _call(self, asked: Asked) -> Call | str:
        """Understand what somebody wrote; or say why that is not for us."""
        portal = await self._portal_in(asked.room)
        where = await self._where(asked, portal)
        if where is None:
            return NOT_ALONE
        # Whoever writes the prefix where none is needed means the same.
        bare = without_prefix(asked.text, self._commands.prefix)
        name, rest = parted(asked.text if bare is None else bare)
        return Call(
            user=asked.sender,
            room=asked.room,
            ref=asked.ref,
            name=name,
            words=words_of(rest),
            rest=rest,
            permission=self.permission_of(asked.sender),
            where=where,
            portal=portal,
        )

    async def _where(self, asked: Asked, portal: Portal | None) -> Where | None:
        """Tell what kind of room somebody wrote in; None: in company, and not to us."""
        room, user = asked.room, asked.sender
        if portal is not None:
            return Where.PORTAL if asked.is_prefixed else None
        if await self._is_private(room, user):
            if await self._book.desk_room(user) is None:
                await self._book.remember_desk_room(user, room)
            return Where.DESK
        return Where.ROOM if asked.is_prefixed else None

    async def _obey(self, call: Call) -> None:
        command = self._commands.find(call.name or "help")
        if command is None:
            answer = self._commands.unknown(call.name)
        else:
            answer = self._commands.why_not(command, call) or await self._run(command, call)
            if answer and command.is_private and call.where is not Where.DESK:
                answer = await self._answer_apart(call, answer)
        if answer:
            await self._bot.notice(call.room, answer, key=f"answer to {call.ref}")

    async def _answer_apart(self, call: Call, answer: str) -> str:
        """Answer where the asker alone reads it; return what to say where they asked."""
        room = await self._desk_room(call.user)
        await self._rooms.invite(call.user, room)
        if not await self._is_private(room, call.user):
            return NOT_HERE  # They have brought others into what was our direct chat.
        await self._bot.notice(room, answer, key=f"answer to {call.ref}")
        return SAID_APART

    async def _run(self, command: Command, call: Call) -> str:
        try:
            return await command.run(call)
        except Misused as problem:
            return f"{problem}\n{self._commands.details(command)}"
        except Rejected as error:
            log.warning("command refused", user=call.user, command=command.name, error=str(error))
            return REFUSED

    # --- hints ---

    async def _hint(self, unheard: Unheard | OneWay) -> None:
        if not self.is_user(unheard.sender) and not self._could_be_relayed(unheard):
            log.info("not answered", room=unheard.room, user=unheard.sender, reason=STRANGER)
            return
        is_user = self.is_user(unheard.sender)
        what, words = HINTS[type(unheard)] if is_user else ("not relayed", NOT_RELAYED)
        key = f"{what} {unheard.sender} {self._clock.now().date().isoformat()}"
        known = f"{unheard.room} {key}"
        if self._hinted.get(known):
            return
        text = words.format(user=unheard.sender, bot=self._bot.user)
        if isinstance(unheard, Unheard) and is_user:
            text = await self._offer_sign_in(unheard.sender, known) or text
        await self.notice(unheard.room, text, key=key, mention=unheard.sender)
        self._hinted.put(known, True)

    async def _say_it_stays(self, taken: PartTakenBack) -> None:
        text = STAYS_WHOLE.format(user=taken.sender)
        key = f"stays whole {taken.message} {taken.sender}"
        await self.notice(taken.room, text, key=key, mention=taken.sender)

    async def _offer_sign_in(self, user: UserId, key: str) -> str | None:
        """Put a link where its person alone reads it; say where, None if there is no such room."""
        if self.sign_in_link is None:
            return None
        room = await self._desk_room(user)
        await self._rooms.invite(user, room)
        if not await self._is_private(room, user):
            return None
        offer = OFFER.format(link=await self.sign_in_link(user))
        await self._bot.notice(room, offer, key=f"offer {key}")
        return SIGN_IN_THERE.format(user=user, desk=room, via=user.partition(":")[2])

    def _could_be_relayed(self, unheard: Unheard | OneWay) -> bool:
        permission = self.permission_of(unheard.sender)
        return isinstance(unheard, Unheard) and self.relays and permission >= Permission.RELAY

    # --- rooms ---

    async def _desk_room(self, user: UserId) -> RoomId:
        room = await self._book.desk_room(user)
        if room is not None:
            return room
        async with self._flights.alone(user):
            return await self._book.desk_room(user) or await self._open_desk(user)

    async def _open_desk(self, user: UserId) -> RoomId:
        wanted = NewRoom(
            alias=self._names.desk_alias(user),
            name="Teams bridge",
            topic="Write `help` to see what I can do",
            is_direct=True,
            invite=(user,),
        )
        # The last event that a creation writes before its invitations.
        room = await self._rooms.create_or_take(wanted, proof=("m.room.topic", ""))
        await self._book.remember_desk_room(user, room)
        return room
