"""Commands about who is in a conversation, where no button of a client will do.

Two members of a chat have the same level in its room, and nobody shows out their equals (Matrix spec
v1.19, rooms v11 § authorization rules); in Teams each may remove the other.
"""

from __future__ import annotations

from bridge.domain.ids import RoomId, Side, TeamsUserId, UserId
from bridge.domain.permission import Permission
from bridge.errors import Rejected, Unauthorized
from bridge.matrix.commands.registry import Call, Command, Misused, Section, Where
from bridge.matrix.granting import LOOKED_AT_AFTER, ONE_WAY
from bridge.matrix.names import Names
from bridge.matrix.shaping import MEMBER, RoomState
from bridge.matrix.states import States
from bridge.ports import Organiser, PortalBook
from bridge.ports.pairing import WhoIsWho

WHOM = "say whom: their Matrix address, or their name as it stands in the list of members"
UNKNOWN = "nobody in this room is called that, or more than one"
NOT_IN_TEAMS = "they are not in Teams, as far as I know"
SIGN_IN = "you are not signed in to Teams: write `login` to me first"


class MemberCommands:
    """Obeys them, as whoever gives them."""

    def __init__(
        self,
        organiser: Organiser,
        states: States,
        *,
        names: Names,
        signed_in: WhoIsWho,
        people: WhoIsWho,
        portals: PortalBook,
    ) -> None:
        self._organiser = organiser
        self._states = states
        self._names = names
        self._signed_in = signed_in
        self._people = people
        self._portals = portals

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            Command(
                name="remove",
                usage="PERSON",
                section=Section.ROOMS,
                help="remove somebody from this chat or channel in Teams, in your name",
                example="remove @maria:example.org",
                run=self._remove,
                needs=Permission.USER,
                where=Where.PORTAL,
                aliases=("kick",),
            ),
        )

    async def _remove(self, call: Call) -> str:
        portal = call.portal
        if portal is None or not call.rest:
            raise Misused(WHOM)
        if not portal.direction.carries(Side.MATRIX):
            return f"That was not done: {ONE_WAY}."
        account = await self._signed_in.account_of(call.user)
        if account is None:
            return f"That was not done: {SIGN_IN}."
        user = await self._named(call.room, call.rest)
        person = await self._person(user)
        if person is None:
            return f"That was not done: {NOT_IN_TEAMS}."
        try:
            await self._organiser.remove(account.teams_user, portal.place, person)
        except Unauthorized as error:
            if error.everyone:
                raise
            return f"That was not done: {error}."
        except Rejected as error:
            return f"That was not done: {error}."
        await self._portals.look_later(call.room, after=LOOKED_AT_AFTER)
        return f"{call.rest} is no longer in this conversation in Teams."

    async def _named(self, room: RoomId, words: str) -> UserId:
        """Return whom somebody means: a mention comes as the name that clients show."""
        if words.startswith("@") and ":" in words:
            return UserId(words)
        state = RoomState.of(await self._states.of(room))
        there = state.members("join", "invite")
        found = [
            user
            for user in there
            if state.content(MEMBER, user).get("displayname") == words.removeprefix("@")
        ]
        if len(found) != 1:
            raise Misused(UNKNOWN)
        return found[0]

    async def _person(self, user: UserId) -> TeamsUserId | None:
        person = self._names.person(user)
        if person is not None:
            return TeamsUserId(person)
        account = await self._people.account_of(user)
        return None if account is None else account.teams_user
