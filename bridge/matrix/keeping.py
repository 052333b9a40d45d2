"""Rooms and spaces are made to show what they are to show; implements `ports.Keeper`.

    GET …/state ─▶ Shown ┐
    the look ────▶ Shape ┴─▶ domain.shape.changes ─▶ one call for each action ─▶ Kept
                                                       └─ refused for good: said, and gone on with

Nothing of a room is remembered that the room says itself. A look that ends in the middle, for what
reason ever, is begun anew and finds done what was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from typing_extensions import override

from bridge.domain.events import Person
from bridge.domain.ids import RoomId, Side, TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account, Conversation, ConversationKind, Member, room_topic
from bridge.domain.shape import (
    Action,
    Being,
    Invite,
    Join,
    Leave,
    Memory,
    Remove,
    Shape,
    Shown,
    archive_of,
    changes,
    plumbed_shape,
    shape_of,
    still_let_in,
)
from bridge.domain.values import dataclass
from bridge.errors import Rejected
from bridge.matrix.answers import FORBIDDEN, RejectedByHomeserver
from bridge.matrix.bot import Bot
from bridge.matrix.features import NOTHING, ROOM_FEATURES, room_features
from bridge.matrix.ghosts import Ghosts
from bridge.matrix.marks import SINGLE, SPACE_PARENT, own_marks, room_marks
from bridge.matrix.names import TOPIC_CHARS_MAX, Names, clean
from bridge.matrix.rooms import Rooms, title_of
from bridge.matrix.shaping import RoomState, named_in, shown_of, state_event
from bridge.matrix.spaces import Spaces
from bridge.matrix.states import States
from bridge.ports import DueRoom, DueSpace, Keeper, Kept, Picture, RoomLook, SpaceLook
from bridge.ports.pairing import WhoIsWho
from bridge.telemetry import log

STRANGERS_ASKED_MAX = 50
"""Of so many in a room who are no members, it is asked whether they are signed in."""
GONE = """\
This conversation is no more in Microsoft Teams. The room is kept, to be read; nothing that is \
written here would arrive anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cast:
    """Who is who in one room."""

    tenant: TenantId
    beings: Sequence[Being]
    accounts: Mapping[UserId, TeamsUserId]
    is_direct: bool = False

    def other(self, user: UserId) -> UserId | None:
        """Return with whom a chat of two is, for one of them."""
        if not self.is_direct:
            return None
        others = (being for being in self.beings if being.account != user)
        return next((being.account or being.ghost for being in others), None)

    def person(self, ghost: UserId) -> Person | None:
        found = (being.member for being in self.beings if being.ghost == ghost)
        return next((member.as_person(self.tenant) for member in found), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """One look at one room."""

    room: RoomId
    state: RoomState
    cast: _Cast
    shown: Shown
    memory: Memory


class RoomKeeper(Keeper):
    """Keeps rooms of portals itself, and has spaces made by `Spaces`."""

    def __init__(
        self,
        states: States,
        bot: Bot,
        *,
        rooms: Rooms,
        ghosts: Ghosts,
        accounts: WhoIsWho,
        spaces: Spaces,
    ) -> None:
        self._states = states
        self._bot = bot
        self._rooms = rooms
        self._ghosts = ghosts
        self._accounts = accounts
        self._spaces = spaces

    @property
    def _names(self) -> Names:
        return self._rooms.names

    @override
    async def keep_room(self, due: DueRoom, look: RoomLook) -> Kept:
        room = due.portal.room
        if room is None:
            raise Rejected("a portal without a room cannot be looked at")
        state = RoomState.of(await self._states.of(room))
        if look.conversation is None:
            return await self._archive(due, room, state)
        cast = await self._cast(due, look.conversation, state)
        scene = self._scene(room, state, cast, due.memory)
        make = self._plumbed if due.portal.plumbed else self._shape
        shape = make(due, look, look.conversation, scene)
        return await self._make_so(scene, shape, name=title_of(look.conversation))

    @override
    async def keep_space(self, due: DueSpace, look: SpaceLook) -> Kept:
        room = due.room or await self._spaces.make(due, look)
        state = RoomState.of(await self._states.of(room))
        signed_in = await self._signed_in(due, look)
        known = {account.user: account.teams_user for account in signed_in}
        accounts = await self._known_among(state, due.memory, known)
        beings = self._spaces.beings(look.team, signed_in)
        cast = _Cast(tenant=due.tenant, beings=beings, accounts=accounts)
        scene = self._scene(room, state, cast, due.memory)
        shape = self._spaces.shape(due, look, cast.beings)
        return await self._make_so(scene, shape, name=shape.name or "")

    @override
    async def put_picture(self, picture: Picture) -> str | None:
        return await self._spaces.put_picture(picture)

    # --- what a room is to show ---

    async def _cast(self, due: DueRoom, conversation: Conversation, state: RoomState) -> _Cast:
        tenant = due.portal.place.tenant
        people = [member.id for member in conversation.members if member.id is not None]
        await self._rooms.puppets.acquaint(tenant, people)
        signed_in = await self._accounts.accounts_among(tenant, people)
        users = {account.teams_user: account.user for account in signed_in}
        beings = [self._being(member, users) for member in conversation.members]
        known = {account.user: account.teams_user for account in signed_in}
        accounts = await self._known_among(state, due.memory, known)
        is_direct = conversation.kind is ConversationKind.ONE_ON_ONE
        return _Cast(tenant=tenant, beings=beings, accounts=accounts, is_direct=is_direct)

    async def _signed_in(self, due: DueSpace, look: SpaceLook) -> tuple[Account, ...]:
        if look.team is None:
            signed_in = await self._spaces.everybody(due.tenant)
            known = {account.teams_user for account in signed_in}
            paired = await self._rooms.puppets.everybody(due.tenant)
            return (*signed_in, *(one for one in paired if one.teams_user not in known))
        people = [member.id for member in look.team.members if member.id is not None]
        return await self._accounts.accounts_among(due.tenant, people)

    def _being(self, member: Member, users: Mapping[TeamsUserId, UserId]) -> Being:
        if member.id is None:
            return Being(member=member, ghost=None)
        try:
            ghost = self._names.ghost(member.id)
        except Rejected:  # Too long for a user of Matrix.
            ghost = None
        return Being(member=member, ghost=ghost, account=users.get(member.id))

    async def _known_among(
        self, state: RoomState, memory: Memory, known: Mapping[UserId, TeamsUserId]
    ) -> Mapping[UserId, TeamsUserId]:
        """Return who somebody in a room is in Teams, whether or not they are a member."""
        found = {**memory.let_in, **known}
        others = sorted(named_in(state, self._names) - found.keys())[:STRANGERS_ASKED_MAX]
        for user in others:
            account: Account | None = await self._accounts.account_of(user)
            if account is not None:
                found[user] = account.teams_user
        return found

    def _scene(self, room: RoomId, state: RoomState, cast: _Cast, memory: Memory) -> _Scene:
        shown = shown_of(state, self._names, accounts=cast.accounts.keys())
        return _Scene(room=room, state=state, cast=cast, shown=shown, memory=memory)

    def _plumbed(
        self, due: DueRoom, _look: RoomLook, conversation: Conversation, scene: _Scene
    ) -> Shape:
        features = room_features(
            conversation, due.portal.direction, self._rooms.offer, plumbed=True
        )
        title = title_of(conversation)
        ours = own_marks(conversation, self._names, name=title, features=features)
        theirs = {mark: said for mark, said in scene.shown.marks.items() if mark[0] in SINGLE}
        # A list that is not complete sends no ghost away.
        beings = scene.cast.beings if conversation.all_members else ()
        return plumbed_shape(scene.shown, beings, {**theirs, **ours})

    def _shape(
        self, due: DueRoom, look: RoomLook, conversation: Conversation, scene: _Scene
    ) -> Shape:
        title, direction = title_of(conversation), due.portal.direction
        shape = shape_of(
            conversation,
            scene.cast.beings,
            name_direct=self._rooms.names_direct,
            read_only=not direction.carries(Side.MATRIX),
            let_in=scene.memory.let_in,
        )
        return replace(
            shape,
            name=None if shape.name is None else title,
            topic=clean(room_topic(conversation), chars_max=TOPIC_CHARS_MAX),
            picture=look.space.picture,
            pins=scene.shown.pins if look.pins is None else look.pins,
            marks=room_marks(
                conversation,
                self._names,
                name=title,
                beings=scene.cast.beings,
                space=look.space.room,
                features=room_features(conversation, direction, self._rooms.offer),
            ),
        )

    async def _archive(self, due: DueRoom, room: RoomId, state: RoomState) -> Kept:
        cast = _Cast(tenant=due.portal.place.tenant, beings=(), accounts={})
        scene = self._scene(room, state, cast, due.memory)
        links = [mark for mark in scene.shown.marks if mark[0] == SPACE_PARENT]
        shape = archive_of(scene.shown, unlinked=links)
        if due.portal.plumbed:  # It goes on without Teams.
            shape = replace(shape, rights=scene.shown.rights)
        marks = {**shape.marks, (ROOM_FEATURES, self._names.bot): NOTHING}
        kept = await self._make_so(scene, replace(shape, marks=marks), name=None)
        if due.gone_at is None:
            await self._bot.notice(room, GONE, key=f"gone {due.due_at.isoformat()}")
        return kept

    # --- doing it ---

    async def _make_so(self, scene: _Scene, shape: Shape, *, name: str | None) -> Kept:
        plan = changes(scene.shown, shape, let_in=scene.memory.let_in)
        done = [action for action in plan.actions if await self._is_done(scene, action)]
        if plan.strangers:
            count = len(plan.strangers)
            log.warning("not members of the conversation", room=scene.room, count=count)
        invited = {action.user for action in done if isinstance(action, Invite)}
        let_in = still_let_in(
            scene.cast.beings,
            shape,
            present=scene.shown.present | invited,
            let_in=scene.memory.let_in,
        )
        return Kept(
            memory=replace(scene.memory, let_in=let_in),
            name=name,
            is_all=plan.is_all,
            strangers=len(plan.strangers),
            refused=len(plan.actions) - len(done),
        )

    async def _is_done(self, scene: _Scene, action: Action) -> bool:
        """Do it, and say whether that was allowed: one refusal must not keep back the rest."""
        try:
            await self._do(scene, action)
        except Rejected as error:
            kind = type(action).__name__
            log.warning("room not kept up", room=scene.room, kind=kind, error=str(error))
            return False
        return True

    async def _do(self, scene: _Scene, action: Action) -> None:
        room = scene.room
        match action:
            case Join(user=user):
                await self._join(room, user, scene.cast)
            case Invite(user=user, host=host):
                await self._invite(room, user, host)
                await self._bring_in(room, user, scene.cast)
            case Leave(user=user):
                await self._states.leave(room, user)
            case Remove(user=user, reason=reason):
                await self._states.remove(room, user, reason)
            case _:
                (kind, key), content = state_event(action, scene.state, self._names)
                await self._states.put(room, kind, key, content)

    async def _join(self, room: RoomId, ghost: UserId, cast: _Cast) -> None:
        person = cast.person(ghost)
        if person is None:
            raise Rejected("a ghost of nobody cannot be brought in")
        await self._ghosts.ensure(cast.tenant, person)
        try:
            await self._rooms.bring_in(ghost, room)
        except RejectedByHomeserver as error:
            if error.errcode != FORBIDDEN:
                raise
            # The homeserver has forgotten it.
            await self._ghosts.renew(cast.tenant, person)
            await self._rooms.bring_in(ghost, room)

    async def _bring_in(self, room: RoomId, user: UserId, cast: _Cast) -> None:
        person = cast.accounts.get(user)
        if person is not None:
            await self._rooms.puppets.bring_in(cast.tenant, person, room, other=cast.other(user))

    async def _invite(self, room: RoomId, user: UserId, host: UserId | None) -> None:
        if host is not None:
            try:
                await self._states.invite_as(host, room, user)
            except RejectedByHomeserver as error:
                log.info("not invited by a ghost", room=room, user=user, error=str(error))
            else:
                return
        if not await self._rooms.invite(user, room):
            raise Rejected("the homeserver lets nobody invite this user")
