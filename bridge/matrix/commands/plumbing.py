"""Commands about what a room is bridged with: `bridge`, `unbridge`, `direction`.

    bridge LINK ─▶ whose link? ─▶ signed in, and a member there? ─▶ may they, may the bot, here?
                                                                      ─▶ has either one already?
                 PlumbingBook.join ◀─ confirmed, if others read along ◀┘

Who is a member decides for both sides: nobody can tell by a link what there is in Teams that they
are not part of, not even that there is such a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.ids import Place, RoomId, Side, TenantId, UserId
from bridge.domain.links import NoConversation, place_of
from bridge.domain.permission import Permission
from bridge.domain.portal import Account, Conversation, Direction, Member, Portal, Role
from bridge.domain.values import dataclass
from bridge.errors import Gone
from bridge.matrix.commands.registry import Call, Command, Misused, Section, Where
from bridge.matrix.joining import NO_RIGHT, exposure, may_decide, obstacle
from bridge.matrix.parting import Parting
from bridge.matrix.rooms import Rooms, title_of
from bridge.matrix.shaping import RoomState
from bridge.matrix.states import States
from bridge.ports import AccountBook, Directory, Joined, PlumbingBook
from bridge.telemetry import log

YES, MOVE = "--yes", "--move"

NO_LINK = "I cannot use that link: {why}. In Teams, choose “Copy link” at the chat or the channel."
NOT_SIGNED_IN = "You are not signed in to Teams. Write `login` to me in a direct chat first."
NOT_YOURS = "I find no such conversation among yours in Teams."
GUEST = "You are a guest there. Somebody of the organisation has to do that."
TAKEN = (
    "That conversation has a room already: https://matrix.to/#/{room}. To have it go on here instead,"
    f" add `{MOVE}`: what was said there stays there."
)
NOT_OWNER = "Only owners of its team may move that conversation out of the room that it has."
OTHER = "This room is bridged with another conversation. `unbridge` parts them."
CHANGED = "Somebody has bridged it meanwhile. Look again."
CONFIRM = (
    "Not yet: what is said in “{name}” would be read by others than its members, as {why}. Its members"
    f" in Teams read what is said here from then on. If that is meant, add `{YES}`."
)
DONE = (
    "Done: this room is bridged with “{name}”. What is said here is said there, by those who are signed"
    " in to Teams, and the other way round. The name of the room and who is in it stay yours."
    " `unbridge` parts them."
)
MADE_BY_US = (
    "I made this room for its conversation, which would get another one with the next message."
    " `direction` can make it one-way."
)
NOT_BRIDGED = "This room is bridged with nothing."
PARTED = (
    "Done: this room is bridged with nothing any more. What was said stays. The conversation gets a"
    " room of its own for its members with what is said next in Teams."
)
DIRECTIONS = {
    Direction.BOTH: "what is said on either side is said on the other",
    Direction.TO_MATRIX: "this room shows what is said in Teams; what is said here stays here",
    Direction.TO_TEAMS: "Teams shows what is said here; what is said there stays there",
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What `bridge` was called with."""

    place: Place
    confirmed: bool
    move: bool


class PlumbingCommands:
    """Obeys them; remembers nothing."""

    def __init__(
        self,
        rooms: Rooms,
        states: States,
        *,
        book: PlumbingBook,
        accounts: AccountBook,
        directory: Directory,
        tenant: TenantId,
    ) -> None:
        self._names = rooms.names
        self._states = states
        self._parting = Parting(states, rooms.names)
        self._book = book
        self._accounts = accounts
        self._directory = directory
        self._tenant = tenant

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            Command(
                name="bridge",
                section=Section.ROOMS,
                usage=f"LINK [{MOVE}] [{YES}]",
                help="bridge this room with a chat or channel of Teams that you are in",
                example="bridge https://teams.microsoft.com/l/chat/19:…@thread.v2/0",
                run=self._bridge,
                needs=Permission.USER,
            ),
            Command(
                name="unbridge",
                section=Section.ROOMS,
                help="part this room from its conversation in Teams, and leave it as it was",
                example="unbridge",
                run=self._unbridge,
                needs=Permission.USER,
                where=Where.ROOM | Where.PORTAL,
            ),
            Command(
                name="direction",
                section=Section.ROOMS,
                usage="[both|to-matrix|to-teams] [ROOM]",
                help="say, or choose, which way what is said crosses; of this room, or of another",
                example="direction to-matrix",
                run=self._direction,
                needs=Permission.USER,
            ),
        )

    # --- bridge ---

    async def _bridge(self, call: Call) -> str:
        wish = self._wish(call.words)
        if isinstance(wish, str):
            return wish
        account = await self._accounts.account_of(call.user)
        if account is None:
            return NOT_SIGNED_IN
        conversation = await self._conversation_of(wish.place, account)
        if conversation is None:
            return NOT_YOURS
        if call.portal is not None and call.portal.place != wish.place:
            return OTHER
        state = RoomState.of(await self._states.of(call.room))
        member = _member(conversation, account)
        before = await self._room_of(wish.place, other_than=call.room)
        refusal = obstacle(state, call.user, self._names.bot) or _why_not(wish, member, before)
        return refusal or await self._join(call, wish, conversation, state, before)

    def _wish(self, words: tuple[str, ...]) -> _Wish | str:
        links = [word for word in words if not word.startswith("--")]
        options = {word.casefold() for word in words} - {word.casefold() for word in links}
        if len(links) != 1 or options - {YES, MOVE}:
            raise Misused("I need one link, and nothing else.")
        place = place_of(links[0], self._tenant)
        if isinstance(place, NoConversation):
            return NO_LINK.format(why=place)
        return _Wish(place, YES in options, MOVE in options)

    async def _conversation_of(self, place: Place, account: Account) -> Conversation | None:
        """Return a conversation if the person is in it."""
        try:
            found = await self._directory.describe(place)
        except Gone:
            return None
        return None if _member(found, account) is None else found

    async def _room_of(self, place: Place, *, other_than: RoomId) -> RoomId | None:
        portal = await self._book.portal_of(place)
        return None if portal is None or portal.room == other_than else portal.room

    async def _join(
        self,
        call: Call,
        wish: _Wish,
        conversation: Conversation,
        state: RoomState,
        before: RoomId | None,
    ) -> str:
        name = title_of(conversation)
        shown = exposure(state, self._names, await self._accounts_in(conversation))
        if not shown.is_none and not wish.confirmed:
            return CONFIRM.format(name=name, why="; ".join(shown.sentences()))
        joined = await self._book.join(wish.place, call.room, name=name, leaving=before)
        if joined is not Joined.DONE:
            return CHANGED
        log.info("room bridged", room=call.room, user=call.user, before=before)
        return DONE.format(name=name)

    async def _accounts_in(self, conversation: Conversation) -> frozenset[UserId]:
        people = [member.id for member in conversation.members if member.id is not None]
        accounts = await self._accounts.accounts_among(conversation.place.tenant, people)
        return frozenset(account.user for account in accounts)

    # --- unbridge ---

    async def _unbridge(self, call: Call) -> str:
        state = RoomState.of(await self._states.of(call.room))
        if not may_decide(call.user, state) and call.permission < Permission.ADMIN:
            return NO_RIGHT
        if call.portal is not None:
            if not call.portal.plumbed:
                return MADE_BY_US
            await self._book.part(call.portal)
            log.info("room parted", room=call.room, user=call.user, portal=call.portal.id)
        # Also when it was parted before: whoever did it may have died right after.
        tidied = await self._parting.tidy(call.room, state)
        return PARTED if tidied or call.portal is not None else NOT_BRIDGED

    # --- direction ---

    async def _direction(self, call: Call) -> str:
        """Where only Teams is shown nobody may write: it is chosen from elsewhere then."""
        rooms = [word for word in call.words if word.startswith("!")]
        portal = await self._book.portal_in(RoomId(rooms[0])) if rooms else call.portal
        if portal is None or portal.room is None:
            return NOT_BRIDGED
        state = RoomState.of(await self._states.of(portal.room))
        may = may_decide(call.user, state) or call.permission is Permission.ADMIN
        if rooms and not may:
            return NOT_BRIDGED
        words = [word for word in call.words if word not in rooms]
        if not words:
            return f"`{portal.direction}`: {DIRECTIONS[portal.direction]}."
        direction = _direction_of(words)
        if not may:
            return NO_RIGHT
        await self._book.direct(portal.id, direction)
        log.info("direction chosen", room=portal.room, user=call.user, what=direction)
        return f"Done, `{direction}`: {DIRECTIONS[direction]}.{_way_back(portal, direction)}"


def _way_back(portal: Portal, direction: Direction) -> str:
    if portal.plumbed or direction.carries(Side.MATRIX):
        return ""
    return (
        " It is read only from now on; to change that, write to me in a direct chat:"
        f" `direction both {portal.room}`."
    )


def _member(conversation: Conversation, account: Account) -> Member | None:
    return next((m for m in conversation.members if m.id == account.teams_user), None)


def _why_not(wish: _Wish, member: Member | None, before: RoomId | None) -> str | None:
    if member is None or member.role is Role.GUEST:
        return GUEST
    if before is None:
        return None
    if not wish.move:
        return TAKEN.format(room=before)
    return None if member.role is Role.OWNER else NOT_OWNER


def _direction_of(words: Sequence[str]) -> Direction:
    try:
        return Direction(" ".join(words).casefold())
    except ValueError as error:
        problem = "I know three directions: `both`, `to-matrix` and `to-teams`."
        raise Misused(problem) from error
