"""Who of Teams is in a room that is to become that of a group, and whether it can."""

from __future__ import annotations

from bridge.domain.ids import RoomId, TeamsUserId, UserId, is_account
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.matrix.adopting import Adopter, Scene
from bridge.matrix.names import Names
from bridge.matrix.powers import may_set, needed_to_send, power_of
from bridge.matrix.shaping import BOT_LEVEL, LEVELS, NAME
from bridge.ports import AccountBook
from bridge.ports.starting import MEMBERS_MAX, Contact, Contacts

NOT_YOURS = "Only who may change the rights of this room can make it that of a group in Teams."
NO_RIGHTS = """\
I need the rights of an administrator in this room (power level 100) to look after it. Give them to \
{bot}, and write it again."""
ENCRYPTED = "This room is encrypted, and I cannot read it: make another one for the group."
NOBODY_HERE = """\
Nobody of Teams is in this room beside you. Invite them first: `search NAME` in our direct chat shows \
whom there is."""
UNKNOWN = "I cannot reach {users} in Teams: they are no longer there, or of another organisation and never seen here."
TOO_MANY = "A chat in Teams holds no more than {count} people."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Who would be in the group; `left_out` are in the room and not signed in."""

    scene: Scene
    contacts: tuple[Contact, ...]
    left_out: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatherer:
    """Looks who is in a room."""

    adopter: Adopter
    contacts: Contacts
    accounts: AccountBook
    names: Names

    async def gather(self, room: RoomId, user: UserId, account: Account) -> Gathered | str:
        """Return who is there; or why a group cannot be made of them.

        Raises:
            RemoteError: Not now.
            StoreUnavailable: Postgres is away.
        """
        scene = await self._scene(room)
        if problem := self._problem(scene, user):
            return problem
        people: dict[UserId, TeamsUserId | None] = {
            one: await self._person(one) for one in scene.present - {user, self.names.bot}
        }
        wanted = {p for p in people.values() if p is not None and p != account.teams_user}
        if not wanted:
            return NOBODY_HERE
        if len(wanted) >= MEMBERS_MAX:
            return TOO_MANY.format(count=MEMBERS_MAX)
        contacts = await self.contacts.known(wanted)
        missing = wanted - {contact.id for contact in contacts}
        if missing:
            users = ", ".join(sorted(u for u, person in people.items() if person in missing))
            return UNKNOWN.format(users=users)
        left_out = ", ".join(sorted(u for u, person in people.items() if person is None))
        name = scene.state.text(NAME, "name") or ""
        return Gathered(scene=scene, contacts=contacts, left_out=left_out, name=name)

    async def _scene(self, room: RoomId) -> Scene:
        """See the room as the bot, and act in it as whoever of ours has the most power there."""
        scene = await self.adopter.look(room, self.names.bot)
        ours = [one for one in scene.state.members("join") if self.names.is_ours(one)]
        strongest = max(ours, key=lambda one: power_of(one, scene.state), default=self.names.bot)
        return Scene(room=room, ghost=strongest, state=scene.state)

    def _problem(self, scene: Scene, user: UserId) -> str | None:
        state = scene.state
        if not may_set(user, LEVELS, state):
            return NOT_YOURS
        if scene.is_encrypted:
            return ENCRYPTED
        needed = max(BOT_LEVEL, needed_to_send(LEVELS, state, is_state=True))
        if max(power_of(one, state) for one in (scene.ghost, self.names.bot)) < needed:
            return NO_RIGHTS.format(bot=self.names.bot)
        return None

    async def _person(self, user: UserId) -> TeamsUserId | None:
        person = self.names.person(user)
        if person is not None:
            return TeamsUserId(person) if is_account(person) else None
        account = await self.accounts.account_of(user)
        return None if account is None else account.teams_user
