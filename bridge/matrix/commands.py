"""The desk: what the bot answers to people, in a room that each has alone with it.

    Invited ─▶ a local user? ─▶ join ─▶ alone with them? ─▶ their desk room, greeting
                └─ no: refuse            └─ no: say so, leave
    Asked   ─▶ lately? ─▶ in their desk room ─▶ command ─▶ notice
    Unheard ─▶ notice in the portal, once a day for each person: sign in first

A sign-in link signs in whoever opens it, as the Matrix user who asked for it: it is shown in a room
of two only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Protocol

from typing_extensions import override

from bridge.domain.events import Asked, Invited, OneWay, Request, Unheard
from bridge.domain.ids import RoomId, UserId
from bridge.domain.portal import Account
from bridge.errors import Rejected
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client, NewRoom
from bridge.matrix.memory import Flights, Recent
from bridge.matrix.names import Names
from bridge.matrix.rooms import Rooms
from bridge.ports import Clock, Desk, RoomBook
from bridge.telemetry import log

HINTS_KEPT_MAX = 4_096
ECHOED_CHARS_MAX = 40
ASKED_WITHIN = timedelta(minutes=10)
"""Older commands are not obeyed: catching up, or a restored database, may bring yesterday's `logout`."""
TOO_OLD = "too_old"

HELP = """\
I connect your Microsoft Teams chats with Matrix. Write me one of these:

`login`: sign in to Teams, so that what you write in a bridged room is said there in your name
`status`: who you are signed in as
`logout`: sign out; you can still read, but nobody in Teams hears you
`help`: this list

For example: write `login`, open the link I answer with, and sign in with your Microsoft account."""
GREETING = f"Hello! {HELP}"
SIGN_IN_FIRST = """\
{user}: your messages here do not reach Teams yet, because you are not signed in. \
Write `login` to me ({bot}) in a direct chat."""
ONE_WAY = """\
{user}: this room only shows what is said in Teams. What you write here does not reach Teams."""
STRANGER = "not a user of our homeserver"
NOT_HERE = "I answer in a direct chat only. Invite me into a room that we have to ourselves."

Command = Callable[[UserId], Awaitable[str]]
Handler = Callable[[Request], Awaitable[None]]
"""Serves requests of its kind; raises as `Desk.serve`, and Rejected where nobody can be answered."""


class SignIns(Protocol):
    """What the desk needs to know of signing in."""

    async def link(self, user: UserId) -> str:
        """Return a link, good once and for a short while.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def sign_out(self, user: UserId) -> bool:
        """Forget the user's tokens; return False if there were none.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def account(self, user: UserId) -> Account | None:
        """Return who the user is signed in as.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...


class BotDesk(Desk):
    """Serves people; remembers only which room is whose."""

    def __init__(
        self,
        bot: Bot,
        client: Client,
        *,
        rooms: Rooms,
        book: RoomBook,
        sign_ins: SignIns,
        clock: Clock,
    ) -> None:
        self.handlers: Mapping[type[Request], Handler] = {}
        """Who serves what is not served here."""
        self._bot = bot
        self._client = client
        self._rooms = rooms
        self._book = book
        self._sign_ins = sign_ins
        self._clock = clock
        self._names: Names = rooms.names
        self._hinted: Recent[str, bool] = Recent(HINTS_KEPT_MAX)
        self._flights: Flights[UserId] = Flights()
        self._commands: Mapping[str, Command] = {
            "help": self._help,
            "login": self._login,
            "logout": self._logout,
            "status": self._status,
        }

    @override
    async def serve(self, request: Request) -> None:
        try:
            match request:
                case Invited():
                    await self._enter(request)
                case Asked():
                    await self._answer(request)
                case Unheard():
                    await self._hint(request, SIGN_IN_FIRST)
                case OneWay():
                    await self._hint(request, ONE_WAY)
                case _:
                    await self._hand_over(request)
        except Rejected as error:
            # The room is gone, or we were shown out: nobody is left to be answered.
            log.info("not answered", room=request.room, user=request.sender, error=str(error))

    async def _hand_over(self, request: Request) -> None:
        handler = self.handlers.get(type(request))
        if handler is None:
            log.info("not answered", room=request.room, user=request.sender, reason="nobody's")
        else:
            await handler(request)

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
        if not self._names.is_local(user):
            log.info("invitation refused", room=room, user=user, reason=STRANGER)
            await self._client.leave(room)
            return
        await self._client.join(room)
        if await self._is_private(room, user):
            await self._book.remember_desk_room(user, room)
            await self._bot.notice(room, GREETING, key="greeting")
        else:
            await self._bot.notice(room, NOT_HERE, key="not here")
            await self._client.leave(room)

    async def _is_private(self, room: RoomId, user: UserId) -> bool:
        return await self._client.members(room) <= {user, self._bot.user}

    # --- questions ---

    async def _answer(self, asked: Asked) -> None:
        room, user = asked.room, asked.sender
        if self._clock.now() - asked.sent_at > ASKED_WITHIN:
            log.info("not answered", room=room, user=user, reason=TOO_OLD)
            return
        if not self._names.is_local(user):
            log.info("not answered", room=room, user=user, reason=STRANGER)
            return
        if not await self._is_private(room, user):
            log.info("not answered", room=room, user=user, reason="not alone")
            return
        if await self._book.desk_room(user) is None:
            await self._book.remember_desk_room(user, room)
        word = command_of(asked.text)
        command = self._commands.get(word)
        answer = await command(user) if command else unknown_command(word)
        await self._bot.notice(room, answer, key=f"answer to {asked.ref}")

    async def _help(self, _user: UserId) -> str:
        return HELP

    async def _login(self, user: UserId) -> str:
        account = await self._sign_ins.account(user)
        link = await self._sign_ins.link(user)
        before = ""
        if account is not None:
            before = f"You are signed in as {_named(account)}. To sign in anew: "
        return f"{before}Open this link and sign in with your Microsoft account: {link}\n\n" + (
            "It is for you alone and works once, for a few minutes."
        )

    async def _logout(self, user: UserId) -> str:
        if await self._sign_ins.sign_out(user):
            return "You are signed out. What you write no longer reaches Teams; `login` undoes it."
        return "You were not signed in."

    async def _status(self, user: UserId) -> str:
        account = await self._sign_ins.account(user)
        if account is None:
            return "You are not signed in to Teams. Write `login` to sign in."
        return f"You are signed in to Teams as {_named(account)}."

    # --- hints ---

    async def _hint(self, unheard: Unheard | OneWay, words: str) -> None:
        if not self._names.is_local(unheard.sender):
            log.info("not answered", room=unheard.room, user=unheard.sender, reason=STRANGER)
            return
        what = "sign in first" if isinstance(unheard, Unheard) else "one way"
        key = f"{what} {unheard.sender} {self._clock.now().date().isoformat()}"
        known = f"{unheard.room} {key}"
        if self._hinted.get(known):
            return
        text = words.format(user=unheard.sender, bot=self._bot.user)
        await self.notice(unheard.room, text, key=key, mention=unheard.sender)
        self._hinted.put(known, True)

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


def command_of(text: str) -> str:
    """Return the command that a message begins with; `!teams login` and `Login.` are fine too."""
    words = text.casefold().replace("!teams", " ").split()
    return words[0].strip("!/.,?`") if words else ""


def unknown_command(word: str) -> str:
    """Say that a word is no command, and which are."""
    shown = word[:ECHOED_CHARS_MAX].replace("`", "")
    start = f"I do not know `{shown}`. " if shown else ""
    return f"{start}Try `login`, `status`, `logout` or `help`."


def _named(account: Account) -> str:
    return account.name or account.teams_user
