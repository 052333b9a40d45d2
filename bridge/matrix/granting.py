"""What people do to a portal's room is done in Teams as themselves, or set back, and they are told why.

    Wished ─▶ a portal? still so? lately? signed in? ─▶ Organiser ─┬─ done ──▶ looked at in a while
                        └─ no ─▶ ignored, or refused               └─ refused ─▶ told, made as it was

The room itself is made to show what Teams shows by whoever keeps it (`keeping`): here it is only said
when it is to be looked at, and what a look cannot know is undone: a ban, and that somebody was sent
away who has not left by themselves.

Whoever must sign in again is told that their wish waits; it is served again when they have. A wish may
come twice and late. It counts as long as no other person has changed the same since; that
the bridge itself has set it back meanwhile says nothing. Whoever has the power of the bot in a room
is an administrator, and lets in whom they like.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import assert_never

from bridge.domain.events import Request
from bridge.domain.ids import RoomId, Side, TeamsUserId, UserId
from bridge.domain.portal import Account, Portal
from bridge.domain.rights import INVITE
from bridge.domain.values import dataclass
from bridge.domain.wishes import Adding, Describing, Leaving, Naming, Removing, Wish, Wished
from bridge.errors import Rejected, Unauthorized
from bridge.matrix.answers import NOT_FOUND, RejectedByHomeserver
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client, Json
from bridge.matrix.paths import Method, Path
from bridge.matrix.powers import power_of
from bridge.matrix.rooms import Rooms
from bridge.matrix.shaping import RoomState
from bridge.matrix.states import States
from bridge.matrix.wishes import MEMBER, NAME, TOPIC
from bridge.ports import AWAITED_FOR, Clock, Organiser, PortalBook
from bridge.ports.pairing import WhoIsWho
from bridge.telemetry import WISHES, log

GRANTED_WITHIN = timedelta(minutes=30)
"""What was wanted before that is out of date; Graph may ask for patience for some of it."""
LOOKED_AT_AFTER = timedelta(seconds=5)
"""After something was changed in Teams: Graph shows it with a delay, and tells of it itself, mostly."""
NOW = timedelta(0)

NOT_SIGNED_IN = "you are not signed in to Teams: write `login` to me ({bot}) in a direct chat"
NOT_PERMITTED = "the bridge does not let you: ask its administrator"
TOO_LATE = "it came too late, as the bridge or Teams was away: do it again if you still want it"
ONE_WAY = "this room shows what happens in Teams, and nothing that is done here reaches it"
NOBODY_THERE = "they are not signed in to Teams: they write `login` to me ({bot}) first"
SAID = {
    Naming: "the new name was not taken over in Teams: {why}. The room keeps the name it has there.",
    Describing: "the new topic was not taken over in Teams: {why}. The room keeps the one it has.",
    Adding: "{whom} was not added in Teams: {why}. The invitation is taken back.",
    Removing: "{whom} was not removed in Teams: {why}. They come back into the room.",
    Leaving: "you have left a room, but not the conversation in Teams: {why}.",
}
WAITS: Mapping[type[Wish], str] = {
    Naming: "the new name",
    Describing: "the new topic",
    Adding: "that {whom} is to be added",
    Removing: "that {whom} is to be removed",
}
NOT_LET_IN = "Not invited: not a member of this conversation in Microsoft Teams"

DONE, REFUSED, SUPERSEDED, LEFT_ALONE = "done", "refused", "superseded", "left_alone"
AWAITING = "awaiting"
NOT_A_PORTAL = "not_a_portal"
_THERE = ("join", "invite")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """A wish, the portal it is about, and the room as it is now."""

    wished: Wished
    portal: Portal
    state: RoomState


class Granting:
    """Grants wishes; remembers nothing."""

    def __init__(
        self,
        organiser: Organiser,
        client: Client,
        bot: Bot,
        *,
        rooms: Rooms,
        portals: PortalBook,
        clock: Clock,
    ) -> None:
        self.portal_in: Callable[[RoomId], Awaitable[Portal | None]] = _no_portal
        """Finds the portal of a room; raises StoreUnavailable."""
        self.is_user: Callable[[UserId], bool] = _everybody
        """Whether the operator lets somebody do things in Teams."""
        self.carries_leaving = False
        """Whether who leaves a room leaves the conversation in Teams as well."""
        self.tell: Callable[[UserId, str], Awaitable[None]] = _told_nobody
        """Says something to a user where only they read it."""
        self.is_relayed: Callable[[Portal], bool] = _never
        """Whether people are heard there who are not signed in."""
        self._organiser = organiser
        self._client = client
        self._bot = bot
        self._rooms = rooms
        self.signed_in: WhoIsWho = rooms.accounts
        """Who can do things in Teams; others are known and cannot."""
        self._people = rooms.accounts
        self._portals = portals
        self._clock = clock
        self._names = rooms.names
        self._states = States(client)

    async def serve(self, request: Request) -> None:
        """Grant a wish, or say why not.

        Raises:
            RemoteError: Graph or the homeserver could not be asked now; it is to be tried again.
            StoreUnavailable: Postgres is away.
        """
        if not isinstance(request, Wished):
            return
        portal = await self.portal_in(request.room)
        if portal is None:
            result = NOT_A_PORTAL
        else:
            result = await self._serve_in(portal, request)
        WISHES.labels(type(request.wish).__name__.lower(), result).inc()
        log.info("wish served", room=request.room, user=request.sender, result=result)

    async def _serve_in(self, portal: Portal, wished: Wished) -> str:
        wish, person = wished.wish, await self._person_wanted(wished)
        if portal.plumbed and not self._is_for_teams(wish):
            return LEFT_ALONE
        state = RoomState.of(await self._states.of(wished.room))
        scene = _Scene(wished=wished, portal=portal, state=state)
        if self._is_superseded(scene) or await self._has_changed_meanwhile(scene):
            return SUPERSEDED
        if isinstance(wish, Leaving) and not (person and await self._is_carried(wished, wish)):
            return LEFT_ALONE
        return await self._try(scene, person)

    async def _try(self, scene: _Scene, person: TeamsUserId | None) -> str:
        wish = scene.wished.wish
        try:
            if person is None and isinstance(wish, Adding | Removing):
                return self._about_nobody(scene, wish)
            return await self._grant(scene, person)
        except Unauthorized as error:
            if not error.everyone:
                await self._put_off(scene)
            raise
        except Rejected as error:
            return await self._refuse(scene, str(error))

    # --- whether and what ---

    def _is_superseded(self, scene: _Scene) -> bool:
        """Tell whether a person has made something else of it since."""
        mark, wish = mark_of(scene.wished), scene.wished.wish
        event = scene.state.events.get(mark)
        if event is None or self._names.is_ours(str(event.get("sender"))):
            return False
        if isinstance(wish, Naming | Describing):
            return event.get("event_id") != scene.wished.ref
        there = scene.state.content(*mark).get("membership") in _THERE
        return there is not isinstance(wish, Adding)

    async def _has_changed_meanwhile(self, scene: _Scene) -> bool:
        """Tell whether Teams calls it otherwise than when somebody wanted what has waited for days.

        The room shows what Teams does; it was set back to what it showed before, or to something else.
        """
        wished, mark = scene.wished, mark_of(scene.wished)
        if not wished.has_waited or not isinstance(wished.wish, Naming | Describing):
            return False
        told = await self._told_of(wished)
        before, field = told.get("prev_content"), mark[0].removeprefix("m.room.")
        if not isinstance(before, dict) or not self._names.is_ours(str(told.get("prev_sender"))):
            return False
        return scene.state.content(*mark).get(field) not in {before.get(field), *_wanted(wished)}

    def _is_for_teams(self, wish: Wish) -> bool:
        """Rooms that people had made are theirs; who calls a ghost there wants the person."""
        return isinstance(wish, Adding) and self._names.is_ghost(wish.user)

    async def _is_carried(self, wished: Wished, leaving: Leaving) -> bool:
        """Who refuses an invitation has not left; of what is found later, it must be asked."""
        if not self.carries_leaving:
            return False
        if leaving.was_in is not None:
            return leaving.was_in
        before = (await self._told_of(wished)).get("prev_content")
        return isinstance(before, dict) and before.get("membership") == "join"

    async def _told_of(self, wished: Wished) -> Json:
        """Return what a homeserver tells beside an event: what it replaced, and whose that was.

        Asked for the event alone, Synapse tells it only if it has told somebody else since it read it
        (`get_prev_content` in its handlers and in events_worker.py).
        """
        path = Path.v3.rooms[wished.room].context[wished.ref]
        try:
            found = await self._client.call(Method.GET, path, query={"limit": "0"})
        except RejectedByHomeserver as error:
            if error.errcode == NOT_FOUND:
                return {}
            raise
        event = found.get("event") if isinstance(found, dict) else None
        unsigned = event.get("unsigned") if isinstance(event, dict) else None
        return unsigned if isinstance(unsigned, dict) else {}

    async def _person_wanted(self, wished: Wished) -> TeamsUserId | None:
        """Return who in Teams is to be added or removed; None for whoever is not there."""
        wish = wished.wish
        user = wish.user if isinstance(wish, Adding | Removing) else wished.sender
        person = self._names.person(user)
        if person is not None:
            return TeamsUserId(person)
        account = await self._people.account_of(user)
        return None if account is None else account.teams_user

    def _about_nobody(self, scene: _Scene, wish: Adding | Removing) -> str:
        """Nobody comes in by invitation whom Teams does not know; but by an administrator's.

        Where the service account speaks for such people, anybody may call them.
        """
        is_administrator = power_of(scene.wished.sender, scene.state) >= INVITE
        is_welcome = is_administrator or self.is_relayed(scene.portal)
        if isinstance(wish, Removing) or is_welcome:
            return LEFT_ALONE
        raise Rejected(NOBODY_THERE.format(bot=self._names.bot))

    async def _grant(self, scene: _Scene, person: TeamsUserId | None) -> str:
        wished, place = scene.wished, scene.portal.place
        if not scene.portal.direction.carries(Side.MATRIX):
            raise Rejected(ONE_WAY)
        age = self._clock.now() - wished.sent_at
        if age > (AWAITED_FOR if wished.has_waited else GRANTED_WITHIN):
            raise Rejected(TOO_LATE)
        account = await self._account_of(wished.sender)
        by, wish = account.teams_user, wished.wish
        match wish:
            case Naming(name=name):
                await self._organiser.rename(by, place, name)
            case Describing(text=text):
                await self._organiser.describe(by, place, text)
            case Adding():
                await self._organiser.add(by, place, person or by)
            case Removing():
                await self._lift_ban(scene)
                if person == by:  # Their own ghost: it is nobody else in the room.
                    return LEFT_ALONE
                await self._organiser.remove(by, place, person or by)
            case Leaving():
                await self._organiser.remove(by, place, by)
            case _:
                assert_never(wish)
        await self._portals.look_later(wished.room, after=LOOKED_AT_AFTER)
        return DONE

    async def _account_of(self, user: UserId) -> Account:
        if not self.is_user(user):
            raise Rejected(NOT_PERMITTED)
        account = await self.signed_in.account_of(user)
        if account is None:
            raise Rejected(NOT_SIGNED_IN.format(bot=self._names.bot))
        return account

    # --- waiting and refusing ---

    async def _put_off(self, scene: _Scene) -> None:
        """Until they sign in again the room shows what Teams shows; they are told that it waits."""
        wished = scene.wished
        WISHES.labels(type(wished.wish).__name__.lower(), AWAITING).inc()
        await self._portals.look_later(wished.room, after=NOW)
        if wished.has_waited or isinstance(wished.wish, Leaving):
            return  # They were told before, or are not there to be told: their own room says so.
        what = WAITS[type(wished.wish)].format(whom=self._called(scene))
        text = f"{wished.sender}: {what} waits until you have signed in to Teams again."
        key = f"wish {wished.ref} waits"
        await self._bot.notice(wished.room, text, key=key, mentions=(wished.sender,))

    async def _refuse(self, scene: _Scene, why: str) -> str:
        wished = scene.wished
        await self._undo(scene)
        await self._portals.look_later(wished.room, after=NOW)
        text = said_of(wished.wish, why=why, whom=self._called(scene))
        if isinstance(wished.wish, Leaving):
            await self.tell(wished.sender, f"{text[0].upper()}{text[1:]}")
            return REFUSED
        text, key = f"{wished.sender}: {text}", f"wish {wished.ref}"
        await self._bot.notice(wished.room, text, key=key, mentions=(wished.sender,))
        return REFUSED

    async def _undo(self, scene: _Scene) -> None:
        """Undo what a look at the room would leave as it is."""
        room, wish = scene.wished.room, scene.wished.wish
        try:
            if isinstance(wish, Adding) and not self._names.is_ours(wish.user):
                await self._states.remove(room, wish.user, NOT_LET_IN)
            elif isinstance(wish, Removing):
                await self._lift_ban(scene)
                if not self._names.is_ours(wish.user):
                    await self._rooms.invite(wish.user, room)
        except Rejected as error:  # They are gone, or there again.
            log.info("not undone", room=room, user=scene.wished.sender, error=str(error))

    async def _lift_ban(self, scene: _Scene) -> None:
        """Who is in a room is decided in Teams, also tomorrow."""
        wish = scene.wished.wish
        if not isinstance(wish, Removing) or not wish.banned:
            return
        try:
            await self._states.lift_ban(scene.wished.room, wish.user)
        except Rejected as error:
            log.info("ban not lifted", room=scene.wished.room, user=wish.user, error=str(error))

    def _called(self, scene: _Scene) -> str:
        wish = scene.wished.wish
        if not isinstance(wish, Adding | Removing):
            return ""
        shown = scene.state.content(MEMBER, wish.user).get("displayname")
        return shown if isinstance(shown, str) and shown else wish.user


def mark_of(wished: Wished) -> tuple[str, str]:
    """Return type and key of the state event that a wish was."""
    wish = wished.wish
    match wish:
        case Naming():
            return NAME, ""
        case Describing():
            return TOPIC, ""
        case Adding(user=user) | Removing(user=user):
            return MEMBER, user
        case Leaving():
            return MEMBER, wished.sender
        case _:
            assert_never(wish)


def _wanted(wished: Wished) -> tuple[str, ...]:
    match wished.wish:
        case Naming(name=text) | Describing(text=text):
            return (text,)
        case _:
            return ()


def said_of(wish: Wish, *, why: str, whom: str) -> str:
    """Say what was not done, why, and what comes now."""
    texts: Mapping[type[Wish], str] = SAID
    return texts[type(wish)].format(why=why.rstrip("."), whom=whom)


def _everybody(_user: UserId) -> bool:
    return True


async def _told_nobody(_user: UserId, _text: str) -> None:
    return


def _never(_portal: Portal) -> bool:
    return False


async def _no_portal(_room: RoomId) -> Portal | None:
    return None
