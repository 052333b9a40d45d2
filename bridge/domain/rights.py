"""What it takes to do something in a room: the levels of Matrix, as the rights in Teams are. Pure.

Who may not do something in Teams may not try it in Matrix, as far as levels can say so: that a
request is refused afterwards is the exception (ADR 16).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from bridge.domain.ids import UserId
from bridge.domain.portal import Conversation, ConversationKind, Member, Membership, Role
from bridge.domain.values import dataclass

SPEAK = 0
SPEAK_NOBODY = 60
"""In an archive: above the moderators, below the bot. A ghost that brings something late is raised
to it by whoever brings it."""
MODERATE = 50
ORGANISE = 25
"""To name a group chat and to say who is in it, as its members may in Teams; and nothing else."""
INVITE = 100
"""Who is in a room is decided in Teams: nobody may but whoever may there, and the bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Being:
    """A member of a conversation, and who they are in Matrix: a ghost, and themselves if signed in.

    `ghost` is None for those who have no id that a ghost could be named by.
    """

    member: Member
    ghost: UserId | None
    account: UserId | None = None

    @property
    def users(self) -> tuple[UserId, ...]:
        return tuple(user for user in (self.ghost, self.account) if user is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Levels: what it takes to do something in a room, and who has more than none.

    `remove` is to show somebody out, `topic` to say what the room is about.
    """

    speak: int = SPEAK
    invite: int = INVITE
    remove: int = MODERATE
    name: int = MODERATE
    topic: int = MODERATE
    levels: Mapping[UserId, int] = field(default_factory=dict)


ORGANISED_BY_NOBODY = Rights(invite=INVITE, remove=INVITE, name=INVITE, topic=INVITE)


def rights_in(conversation: Conversation) -> Rights:
    """Say what it takes to do in a room what is then done in Teams: whoever may not there may not try.

    Of a chat of two nobody changes who is in it, or what it is called; of a meeting its organiser
    says that, in the calendar. A standard channel is whose its team is: nobody is sent out of a team
    by being shown out of one of its rooms (learn.microsoft.com graph/api chat-patch,
    chat-post-members, channel-patch, channel-post-members).
    """
    if conversation.is_archived:
        return ORGANISED_BY_NOBODY
    if conversation.kind is ConversationKind.GROUP:
        return Rights(invite=ORGANISE, remove=ORGANISE, name=ORGANISE)
    if conversation.kind is ConversationKind.MEETING:
        return Rights(invite=ORGANISE, remove=ORGANISE)
    if conversation.kind is ConversationKind.CHANNEL:
        standard = conversation.membership is Membership.STANDARD
        return Rights(invite=MODERATE, remove=INVITE if standard else MODERATE)
    return Rights()


def levels_in(conversation: Conversation, beings: Sequence[Being]) -> Mapping[UserId, int]:
    """In a chat everybody is called an owner but guests; a chat of two is the ghosts'.

    A ghost organises nothing in Matrix: of a chat only those have a level who are there themselves.
    """
    if conversation.kind is ConversationKind.CHANNEL:
        owners = (being for being in beings if being.member.role is Role.OWNER)
        return {user: MODERATE for being in owners for user in being.users}
    if conversation.kind is ConversationKind.ONE_ON_ONE:
        return {being.ghost: INVITE for being in beings if being.ghost is not None}
    if conversation.kind in (ConversationKind.GROUP, ConversationKind.MEETING):
        there = (b for b in beings if b.account is not None and b.member.role is Role.OWNER)
        return {b.account: ORGANISE for b in there if b.account is not None}
    return {}
