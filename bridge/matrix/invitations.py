"""What comes of inviting ghosts: a chat in Teams with whom they stand for.

    GhostInvited ─┬─ into a portal ──────────────▶ nothing here: it is a wish, see `granting`
                  ├─ by a stranger, not signed in ▶ told why, the ghost declines
                  ├─ of nobody that can be reached ▶ told why, the ghost declines
                  └─ the ghost enters ─▶ who is there? ─┬─ invited directly, one ───▶ chat of two
                                                        ├─ invited directly, several ▶ group chat
                                                        └─ anything else ▶ asked what they want

"Directly" is what a client says when somebody starts a conversation with people (`is_direct`, Matrix
spec v1.19, "Direct Messaging"). A room that has people of Matrix in it, or was made for something
else, becomes a group by `create-group` only: a chat in Teams is nothing to be made by mistake.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from bridge.domain.events import GhostInvited, Person, PersonKind
from bridge.domain.ids import RoomId, TeamsUserId, UserId, is_account
from bridge.domain.portal import Account, Portal
from bridge.domain.values import dataclass
from bridge.errors import Rejected, Throttled, Unauthorized
from bridge.matrix.adopting import Scene
from bridge.matrix.names import Names
from bridge.matrix.powers import may_set
from bridge.matrix.shaping import NAME
from bridge.matrix.starting import Site, Started, Starter
from bridge.matrix.states import States
from bridge.matrix.words import group_topic, link_to
from bridge.ports import AccountBook, Clock
from bridge.ports.starting import Contact, Contacts
from bridge.telemetry import STARTS, log

SETTLED_AFTER = timedelta(seconds=2)
"""A room is made with one invitation after the other; where it does not say whom it will have, it is
taken for complete when nobody has come for so long."""
COMPLETE_WITHIN = timedelta(seconds=30)
"""Whoever it does say, and is not invited by then, is not waited for."""
LOOK_AGAIN = timedelta(seconds=1)

NOT_SIGNED_IN = """\
To write to people in Teams, sign in first: {link} Then start the chat again. (The link is for you \
alone and works once, for a few minutes.)"""
UNKNOWN = """\
I cannot start a chat with {ghost}: nobody of your organisation has this account, or it is switched \
off. To people of other organisations whom I have never seen in one of your chats write in Teams \
first; the chat then appears here."""
YOURSELF = "I cannot start a chat of you with yourself: {ghost} stands for you."
NOT_STARTED = "I could not start the chat. {reason}."
SIGN_IN_AGAIN = """\
I could not start the chat: Microsoft wants you to sign in again: {link} Then start the chat again."""
ELSEWHERE = """\
This chat has a room already: {link} (I have invited you there.) What was written here has not \
reached Teams."""
ENCRYPTED = """\
This room is encrypted, and I cannot read it. I made another one for your chat: {link} What was \
written here has not reached Teams."""
POWERLESS = """\
I have not been given the rights that I need in this room. I made another one for your chat: {link} \
What was written here has not reached Teams."""
WHAT_NOW = """\
{user}: nothing that is written here reaches Teams yet. When everybody is invited, write \
`!teams create-group "Topic"`: I then make a group chat in Teams of you and everybody from Teams who \
is in this room."""


OUR_ROOM = """\
You and I talk here alone, and I show you links that are for you only. Make another room for a group \
with people of Teams, or write `create-group "Topic" PERSON, PERSON`."""


class Move(Enum):
    """What comes of an invitation."""

    WAIT = "wait"
    CHAT_OF_TWO = "chat of two"
    GROUP = "group"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Who has come together in a room that is no portal.

    `others` are neither ours nor who invited. `awaited` have rights there and are not invited yet,
    `is_listed`: the room says whom it was made for. `newest`: when somebody came last.
    """

    ghosts: frozenset[UserId]
    others: frozenset[UserId] = frozenset()
    awaited: frozenset[UserId] = frozenset()
    is_direct: bool = False
    is_listed: bool = False
    is_theirs: bool = True
    newest: datetime | None = None

    @classmethod
    def of(cls, scene: Scene, names: Names, inviter: UserId) -> Gathering:
        """Look who is there."""
        present, state = scene.present, scene.state
        ghosts = frozenset(user for user in present if names.is_ghost(user))
        named = state.levels().keys() | state.almighty
        listed = frozenset(user for user in named if names.is_ghost(user))
        return cls(
            ghosts=ghosts,
            others=frozenset(u for u in present if not names.is_ours(u)) - {inviter},
            awaited=listed - ghosts,
            is_direct=scene.invited_as_direct(ghosts),
            is_listed=bool(listed),
            is_theirs=scene.maker == inviter,
            newest=scene.newest_arrival(),
        )


def next_move(gathering: Gathering, now: datetime) -> Move:
    """Decide what comes of an invitation, now that these are there."""
    if not (gathering.is_direct and gathering.is_theirs) or gathering.others:
        return Move.ASK
    age = COMPLETE_WITHIN if gathering.newest is None else now - gathering.newest
    limit = COMPLETE_WITHIN if gathering.awaited else SETTLED_AFTER
    # By the homeserver's clock it may be later than by ours, but not by much.
    if -limit < age < limit and (gathering.awaited or not gathering.is_listed):
        return Move.WAIT
    return Move.CHAT_OF_TWO if len(gathering.ghosts) == 1 else Move.GROUP


class Teller(Protocol):
    """Says something to a user where only they read it; `desk.tell`."""

    async def __call__(self, user: UserId, text: str, *, key: str | None = None) -> None: ...


class Linker(Protocol):
    """Makes a link to sign in by; `sign_ins.link`."""

    async def __call__(self, user: UserId) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitations:
    """Serves invitations of ghosts; `may_start`: who may use the bridge as themselves."""

    starter: Starter
    contacts: Contacts
    accounts: AccountBook
    names: Names
    states: States
    clock: Clock
    tell: Teller
    link: Linker
    may_start: Callable[[UserId], bool]
    is_desk: Callable[[UserId, RoomId], Awaitable[bool]]
    portal_in: Callable[[RoomId], Awaitable[Portal | None]]

    async def serve(self, invited: GhostInvited) -> None:
        """Do what an invitation asks for; served twice it is done once.

        Raises:
            RemoteError: Not now; trying again goes on.
            StoreUnavailable: Postgres is away.
        """
        if await self.portal_in(invited.room) is not None:
            log.debug("a wish, and served as one", room=invited.room, user=invited.sender)
        elif not self.may_start(invited.sender):
            log.info(
                "invitation refused", room=invited.room, user=invited.sender, reason="stranger"
            )
            await self._decline(invited)
        elif await self.is_desk(invited.sender, invited.room):
            await self._refuse(invited, OUR_ROOM)
        elif (account := await self.accounts.account_of(invited.sender)) is None:
            link = await self.link(invited.sender)
            await self._refuse(invited, NOT_SIGNED_IN.format(link=link))
        else:
            await self._welcome(invited, account)

    async def _welcome(self, invited: GhostInvited, account: Account) -> None:
        contact = await self._contact(invited.ghost)
        if contact is None:
            await self._refuse(invited, UNKNOWN.format(ghost=invited.ghost))
        elif contact.id == account.teams_user:
            await self._refuse(invited, YOURSELF.format(ghost=invited.ghost))
        else:
            await self._enter(invited, account, contact)

    async def _contact(self, ghost: UserId) -> Contact | None:
        person = self.names.person(ghost)
        if person is None or not is_account(person):
            return None
        return next(iter(await self.contacts.known([TeamsUserId(person)])), None)

    async def _enter(self, invited: GhostInvited, account: Account, contact: Contact) -> None:
        adopter = self.starter.adopter
        try:
            scene = await adopter.enter(account.tenant, person_of(contact), invited.room)
        except Rejected as error:
            log.info("invitation gone", room=invited.room, user=invited.sender, error=str(error))
            return
        gathering = Gathering.of(scene, self.names, invited.sender)
        site = Site(scene=scene, since=invited.sent_at)
        match next_move(gathering, self.clock.now()):
            case Move.WAIT:
                raise Throttled("the room is still being made", retry_after=LOOK_AGAIN)
            case Move.CHAT_OF_TWO:
                await self._start(site, account, (contact,))
            case Move.GROUP:
                await self._start_group(site, account, gathering)
            case Move.ASK:
                await self._ask(scene, invited.sender)

    async def _start_group(self, site: Site, account: Account, gathering: Gathering) -> None:
        people = {ghost: self.names.person(ghost) for ghost in gathering.ghosts}
        wanted = {TeamsUserId(p) for p in people.values() if p and p != account.teams_user}
        contacts = await self.contacts.known(wanted)
        missing = wanted - {contact.id for contact in contacts}
        if missing:
            names = ", ".join(sorted(g for g, p in people.items() if p in missing))
            await self._give_up(site.scene, account.user, UNKNOWN.format(ghost=names))
            return
        topic = group_topic(site.scene.state.text(NAME, "name") or "")
        await self._start(site, account, contacts, is_group=True, topic=topic)

    async def _start(
        self,
        site: Site,
        account: Account,
        contacts: tuple[Contact, ...],
        *,
        is_group: bool = False,
        topic: str | None = None,
    ) -> None:
        scene = site.scene
        try:
            started = await self.starter.start(
                f"room {scene.room}",
                account,
                contacts,
                topic=topic,
                site=site,
                is_group=is_group,
            )
        except Rejected as error:
            await self._give_up(scene, account.user, NOT_STARTED.format(reason=error))
        except Unauthorized as error:
            if error.everyone:
                raise
            text = SIGN_IN_AGAIN.format(link=await self.link(account.user))
            await self.tell(account.user, text)
            await self.starter.adopter.leave(scene.room, scene)
        else:
            await self._lead_on(scene, account.user, started)

    async def _lead_on(self, scene: Scene, user: UserId, started: Started) -> None:
        if started.is_own:
            return
        text = ENCRYPTED if scene.is_encrypted else self._why(scene)
        notice = text.format(link=link_to(started.room, self.names.domain))
        if not await self.starter.adopter.close(scene, notice=notice, instead=started.room):
            await self.tell(user, notice)

    def _why(self, scene: Scene) -> str:
        return ELSEWHERE if may_set(scene.ghost, NAME, scene.state) else POWERLESS

    async def _ask(self, scene: Scene, user: UserId) -> None:
        notice = WHAT_NOW.format(user=user)
        if not await self.starter.adopter.ask(scene, notice, mention=user):
            await self._give_up(scene, user, notice)

    async def _give_up(self, scene: Scene, user: UserId, text: str) -> None:
        if not await self.starter.adopter.close(scene, notice=text, instead=None):
            await self.tell(user, text)

    async def _refuse(self, invited: GhostInvited, text: str) -> None:
        key = f"{invited.ghost} {invited.room} {invited.sent_at.isoformat()}"
        await self.tell(invited.sender, text, key=key)
        await self._decline(invited)

    async def _decline(self, invited: GhostInvited) -> None:
        STARTS.labels("invitation", "declined").inc()
        try:
            await self.states.leave(invited.room, invited.ghost)
        except Rejected as error:  # It is not invited any more, or has never been registered.
            log.info("invitation not declined", room=invited.room, error=str(error))


def person_of(contact: Contact) -> Person:
    """Return somebody as a ghost is made of them."""
    kind = PersonKind.GUEST if contact.is_guest else PersonKind.USER
    kind = kind if contact.home is None else PersonKind.FEDERATED
    return Person(id=contact.id, name=contact.name, kind=kind, home=contact.home)
