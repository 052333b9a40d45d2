"""Chats that people start from Matrix, and the rooms that they get.

    a wish ─▶ StartBook.begin ─▶ the chat, as the person ─▶ its portal ─┬─ the room they made for it
                  └─ begun before: look for it first                    └─ or one of the bridge's own

What is wanted is written down before Graph is asked: asked for twice, after a crash or because the
answer was lost, it is the same chat. A room that somebody has made becomes the chat's if the bridge
may keep it up, it is not encrypted, and the chat has none yet; otherwise they are led to that which
it has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.ids import RoomId, UserId
from bridge.domain.portal import Account, Conversation, Portal
from bridge.domain.values import dataclass
from bridge.errors import Refused, Rejected, Unavailable
from bridge.matrix.adopting import Adopter, Scene
from bridge.matrix.rooms import Rooms
from bridge.ports import Clock, Directory
from bridge.ports.starting import ChatMaker, Contact, Start, StartBook
from bridge.telemetry import STARTS, log

SHOWN_WITHIN = timedelta(seconds=15)
"""After so long Graph lists a group that was made; before that, not to find it says nothing."""
AWAITED_FOR = timedelta(minutes=2)
"""A room that was to become a chat's, and has not in this time, is not waited for any longer."""


ReadBack = Callable[[RoomId, datetime], Awaitable[None]]
"""Stores what was said in a room since then, when none of ours was there yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A room that somebody has made for a chat; what was said there `since` then is for it, too."""

    scene: Scene
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A chat, and the room to talk in; `is_own`: that which somebody has made for it."""

    portal: Portal
    room: RoomId
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """Makes chats and gives them rooms."""

    book: StartBook
    maker: ChatMaker
    adopter: Adopter
    rooms: Rooms
    directory: Directory
    clock: Clock
    read_back: ReadBack

    async def start(
        self,
        key: str,
        account: Account,
        contacts: Sequence[Contact],
        *,
        topic: str | None = None,
        site: Site | None = None,
        is_group: bool = False,
    ) -> Started:
        """Make a chat of somebody with others, and have it a room, at `site` if that can be.

        Raises:
            Rejected: Teams does not let it; the message is for whoever wants the chat.
            Unauthorized: They must sign in again.
            RemoteError: Not now; trying again goes on.
            StoreUnavailable: Postgres is away.
        """
        wish = Start(
            key=key,
            tenant=account.tenant,
            person=account.teams_user,
            members=tuple(sorted({account.teams_user, *(contact.id for contact in contacts)})),
            is_group=is_group,
            topic=topic,
            room=None if site is None or site.scene.is_encrypted else site.scene.room,
            begun_at=self.clock.now(),
        )
        made = await self._made(wish, contacts)
        portal = await self.book.portal_of(made.place_made)
        if site is not None and await self._is_adopted(made, portal, site):
            return Started(portal=portal, room=site.scene.room, is_own=True)
        await self.book.give_up_room(key)
        return await self._led_in(portal, account.user)

    async def is_awaited(self, conversation: Conversation) -> bool:
        """Tell whether a room that somebody has made is about to become a conversation's.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        people = [member.id for member in conversation.members if member.id is not None]
        since = self.clock.now() - AWAITED_FOR
        return await self.book.is_being_made(conversation.place.tenant, people, since=since)

    # --- the chat ---

    async def _made(self, wish: Start, contacts: Sequence[Contact]) -> Start:
        before = await self.book.begin(wish)
        if before is not None:
            if before.place is not None:
                return before
            if (found := await self._found(before)) is not None:
                return found
            await self.book.forget(wish.key)  # Nothing has come of it.
            await self.book.begin(wish)
        try:
            place = await self.maker.make(wish, contacts)
        except Refused as error:
            await self.book.forget(wish.key)
            if isinstance(error, Rejected):
                STARTS.labels(_kind(wish), "refused").inc()
            raise
        await self.book.made(wish.key, place)
        STARTS.labels(_kind(wish), "made").inc()
        log.info("chat made", conversation=place.conversation, user=wish.person)
        return replace(wish, place=place)

    async def _found(self, before: Start) -> Start | None:
        """Look for the group of an attempt that did not see its end; a chat of two is made anew."""
        if not before.is_group:
            return None
        place = await self.maker.find(before)
        if place is None:
            if self.clock.now() - before.begun_at < SHOWN_WITHIN:
                raise Unavailable("an attempt to make this chat may not have become visible yet")
            return None
        await self.book.made(before.key, place)
        return replace(before, place=place)

    # --- its room ---

    async def _is_adopted(self, made: Start, portal: Portal, site: Site) -> bool:
        scene = site.scene
        if made.room != scene.room:
            return False
        if not (await self.adopter.host(scene) and await self.adopter.empower(scene)):
            return False
        if site.since is not None:  # Before it is a portal: whoever finds one does no more.
            await self.read_back(scene.room, site.since)
        conversation = await self.directory.describe(portal.place)
        return await self.adopter.adopt(portal, conversation, scene.room)

    async def _led_in(self, portal: Portal, user: UserId) -> Started:
        """Have somebody invited into the room that a chat has, or gets now.

        Into a new one everybody is invited when it is looked at first; who has left an old one by
        themselves is not invited again but here.
        """
        known = await self.rooms.known(portal)
        room = known or await self.rooms.ensure(portal)
        if known is not None:
            try:
                await self.rooms.invite(user, room)
            except Rejected as error:
                log.warning("not invited", room=room, user=user, error=str(error))
        return Started(portal=portal, room=room, is_own=False)


def _kind(wish: Start) -> str:
    return "group" if wish.is_group else "pair"
