"""Conversations are changed by people, as themselves: names, what they are about, members.

    describe the conversation, as Graph has it now ─▶ so already? ─▶ nothing
                                                  ├─▶ not to be done here ─▶ Rejected, before asking
                                                  └─▶ PATCH, POST or DELETE with the person's token

    chat, group or meeting    its own members; a name for groups only
    private, shared channel   its own members
    of other organisations    into chats and shared channels, where Graph is told their tenant
    standard channel          members are added to its team, and not taken out of it from here
    chat of two               nothing

What Graph refuses is said so that people understand it. Sources: learn.microsoft.com graph/api
chat-patch, chat-post-members (example 6), chat-delete-members, channel-patch, channel-post-members,
channel-delete-members, team-post-members, user-get.
"""

from __future__ import annotations

from urllib.parse import quote

from typing_extensions import override

from bridge import ports
from bridge.domain.granted import Did, Granted
from bridge.domain.ids import (
    Channel,
    Place,
    TeamsUserId,
    TenantId,
    channel_of,
    is_account,
)
from bridge.domain.portal import Conversation, ConversationKind, Membership
from bridge.domain.values import dataclass
from bridge.errors import Refused, Rejected, Unauthorized
from bridge.ports import Clock, Directory, GhostBook, People
from bridge.ports.granted import GrantedBook
from bridge.teams import payloads
from bridge.teams.advice import organising_refusal
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.auth import Auth
from bridge.teams.graph import Graph, Json, Method, segment
from bridge.teams.paths import conversation_path
from bridge.teams.quota import Priority

CHAT_NAME_CHARS_MAX = 250
CHANNEL_NAME_CHARS_MAX = 50
DESCRIPTION_CHARS_MAX = 1_024
ALL_HISTORY = "0001-01-01T00:00:00Z"
"""Since when whoever is added to a chat sees what was said; without a time: from now on."""
MEMBER_PAGES_MAX = 20

NOT_KNOWN = """\
they are gone, or of another organisation and were not seen here before: add them in Teams"""
ONLY_SHARED = """\
they are of another organisation, and Teams lets such people into chats and shared channels only"""
NO_EXTERNAL_ACCESS = """\
they are of another organisation, and yours or theirs does not allow that, or Teams does not let you do \
it here"""
_FORBIDDEN = 403

CHAT_SCOPE = "Chat.ReadWrite"
CHAT_MEMBER_SCOPE = "ChatMember.ReadWrite"
CHANNEL_SCOPE = "ChannelSettings.ReadWrite.All"
CHANNEL_MEMBER_SCOPE = "ChannelMember.ReadWrite.All"
TEAM_MEMBER_SCOPE = "TeamMember.ReadWriteNonOwnerRole.All"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organiser(ports.Organiser):
    """Asks as the person; looks as the app.

    `base` is where Graph is; `with_history`: who is added to a chat sees what was said before.
    """

    graph: Graph
    auth: Auth
    directory: Directory
    people: People
    granted: GrantedBook
    clock: Clock
    ghosts: GhostBook
    base: str
    with_history: bool = False

    @override
    async def rename(self, by: TeamsUserId, place: Place, name: str) -> None:
        conversation = await self._described(place)
        wanted = new_name(conversation, name)
        if wanted == (conversation.topic or ""):
            return
        deed = Granted(place=place, by=by, did=Did.NAMED, value=wanted)
        if channel_of(place) is None:
            await self._ask(deed, "PATCH", _path(place), {"topic": wanted or None}, CHAT_SCOPE)
        else:
            await self._ask(deed, "PATCH", _path(place), {"displayName": wanted}, CHANNEL_SCOPE)

    @override
    async def describe(self, by: TeamsUserId, place: Place, text: str) -> None:
        if channel_of(place) is None:
            raise Rejected("a chat has no description in Teams")
        if len(text) > DESCRIPTION_CHARS_MAX:
            problem = f"Teams takes no more than {DESCRIPTION_CHARS_MAX} characters"
            raise Rejected(problem)
        conversation = await self._described(place)
        if text != (conversation.description or ""):
            deed = Granted(place=place, by=by, did=Did.DESCRIBED, value=text)
            await self._ask(deed, "PATCH", _path(place), {"description": text}, CHANNEL_SCOPE)

    @override
    async def add(self, by: TeamsUserId, place: Place, person: TeamsUserId) -> None:
        conversation = await self._described(place)
        if any(member.id == person for member in conversation.members):
            return
        check_roster(conversation, person)
        channel = channel_of(place)
        home = await self._home(place, person)
        if home and channel is not None and conversation.membership is not Membership.SHARED:
            raise Rejected(ONLY_SHARED)
        member: Json = {
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "user@odata.bind": f"{self.base}/users('{person}')",
            "roles": [],
            **({"tenantId": home} if home else {}),
        }
        deed = Granted(place=place, by=by, did=Did.ADDED, value=person)
        try:
            if channel is None:
                body = member | await self._of_chat(person, home)
                await self._ask(deed, "POST", f"{_path(place)}/members", body, CHAT_SCOPE)
            elif conversation.membership is Membership.STANDARD:
                path = f"/teams/{segment(channel.team)}/members"
                await self._ask(deed, "POST", path, member, TEAM_MEMBER_SCOPE)
            else:
                path = f"{_path(place)}/members"
                await self._ask(deed, "POST", path, member, CHANNEL_MEMBER_SCOPE)
        except GraphRejected as error:
            if home and error.status == _FORBIDDEN:
                raise Rejected(NO_EXTERNAL_ACCESS) from error
            raise

    @override
    async def remove(self, by: TeamsUserId, place: Place, person: TeamsUserId) -> None:
        conversation = await self._described(place)
        check_roster(conversation, person)
        channel = channel_of(place)
        if channel is not None and conversation.membership is Membership.STANDARD:
            raise Rejected("whoever is in the team is in this channel; that is changed in Teams")
        membership = await self._membership(place, channel, person)
        if membership is not None:
            scope = CHAT_MEMBER_SCOPE if channel is None else CHANNEL_MEMBER_SCOPE
            path = f"{_path(place)}/members/{segment(membership)}"
            deed = Granted(place=place, by=by, did=Did.REMOVED, value=person)
            await self._ask(deed, "DELETE", path, None, scope)

    # --- looking ---

    async def _described(self, place: Place) -> Conversation:
        return await self.directory.describe(place, as_of=self.clock.now())

    async def _home(self, place: Place, person: TeamsUserId) -> TenantId | None:
        """Return the tenant of somebody of another organisation whom the bridge has met."""
        ghost = await self.ghosts.ghost(place.tenant, person)
        return None if ghost is None else ghost.likeness.home

    async def _of_chat(self, person: TeamsUserId, home: TenantId | None) -> Json:
        """Say as what somebody comes into a chat: guests of the organisation as guests only."""
        since: Json = {"visibleHistoryStartDateTime": ALL_HISTORY} if self.with_history else {}
        if home is not None:
            return {"roles": ["owner"], **since}
        profile = (await self.people.look((person,))).get(person)
        if profile is None:
            raise Rejected(NOT_KNOWN)
        return {"roles": ["guest" if profile.is_guest else "owner"], **since}

    async def _membership(
        self, place: Place, channel: Channel | None, person: TeamsUserId
    ) -> str | None:
        """Return what Graph calls somebody's being in a conversation; None if they are not."""
        path = f"{_path(place)}/members"
        if channel is not None:  # Of a chat no filter is documented.
            wanted = f"(microsoft.graph.aadUserConversationMember/userId eq '{person}')"
            path += f"?$filter={quote(wanted, safe='')}"
        pages = self.graph.pages(
            path,
            credential=self.auth.for_app(),
            pages_max=MEMBER_PAGES_MAX,
            priority=Priority.MEMBERS,
        )
        async for page in pages:
            if (found := payloads.membership_of(page, person)) is not None:
                return found
        return None

    # --- asking ---

    async def _ask(
        self, deed: Granted, method: Method, path: str, body: Json | None, scope: str
    ) -> None:
        """Note what is to be done, for Teams will tell of it, and do it as the person."""
        await self.granted.note(deed, self.clock.now())
        try:
            await self._request(deed.by, method, path, body, scope)
        except Refused:
            await self.granted.withdraw(deed)
            raise

    async def _request(
        self, by: TeamsUserId, method: Method, path: str, body: Json | None, scope: str
    ) -> None:
        try:
            await self.graph.request(
                method,
                path,
                credential=self.auth.for_person(by),
                body=body,
                priority=Priority.MEMBERS,
            )
        except PermissionMissing as error:
            text = f"an administrator must first consent to {scope} for the bridge"
            raise Rejected(text) from error  # Their sign-in is good; signing in anew mends nothing.
        except Unauthorized:
            self.auth.forget(by)
            raise
        except GraphRejected as error:
            text = organising_refusal(error)
            raise GraphRejected(text, status=error.status, code=error.code) from error


def new_name(conversation: Conversation, name: str) -> str:
    """Say what a conversation is to be called by whoever has called its room `name`.

    The name of a channel's room ends with that of its team, which nobody need keep there.

    Raises:
        Rejected: Teams has no such name for it.
    """
    if conversation.kind is ConversationKind.CHANNEL:
        team = conversation.team.name if conversation.team else None
        wanted = name.removesuffix(f" ({team})") if team else name
        return _fitting(wanted, CHANNEL_NAME_CHARS_MAX, least=1)
    if conversation.kind is not ConversationKind.GROUP:
        raise Rejected("only group chats and channels have names of their own in Teams")
    if ":" in name:
        raise Rejected("Teams allows no colon in the name of a chat")
    return _fitting(name, CHAT_NAME_CHARS_MAX, least=0)


def _fitting(name: str, most: int, *, least: int) -> str:
    if not least <= len(name) <= most:
        problem = f"a name has {least} to {most} characters there"
        raise Rejected(problem)
    return name


def check_roster(conversation: Conversation, person: TeamsUserId) -> None:
    """Refuse what no chat or channel lets anybody do.

    Raises:
        Rejected: Nobody can change whether this person is in this conversation.
    """
    kinds = (ConversationKind.GROUP, ConversationKind.MEETING, ConversationKind.CHANNEL)
    if conversation.kind not in kinds:
        raise Rejected("a chat of two stays one of these two: begin a group chat instead")
    if not is_account(person):
        raise Rejected("only people with a Microsoft account can be added or removed")


def _path(place: Place) -> str:
    return conversation_path(place)
