"""Graph's JSON of teams and channels -> typed values; beside `payloads`, by the same rules.

Sources: learn.microsoft.com graph/api resources/team, resources/channel, resources/pinnedchatmessageinfo.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

from bridge.domain.ids import ChannelId, MessageRef, Place, TeamId
from bridge.domain.portal import Conversation, ConversationKind, Layout, Member, Membership, Team
from bridge.domain.values import dataclass
from bridge.errors import Unconvertible
from bridge.teams.fields import Json, child, long_text, objects, text

TEAMS_PER_PAGE_MAX = 1_000
PINS_MAX = 100
"""Of one chat."""

OneOf = TypeVar("OneOf", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Members, as far as they were listed."""

    members: tuple[Member, ...] = ()
    is_all: bool = True


def team(value: Json, team_id: TeamId, *, listed: Listed) -> Team:
    """Read a team; its members are asked for apart. `internalId` is the General channel's id."""
    general = text(value, "internalId")
    return Team(
        id=team_id,
        name=text(value, "displayName"),
        description=long_text(value, "description") or None,
        page=long_text(value, "webUrl") or None,
        is_archived=value.get("isArchived") is True,
        general=None if general is None else ChannelId(general),
        members=listed.members,
        all_members=listed.is_all,
    )


def team_ids(page: Json) -> Iterator[TeamId]:
    """Read a page of teams."""
    for item in objects(page, "value", TEAMS_PER_PAGE_MAX):
        key = text(item, "id")
        if key is not None:
            yield TeamId(key)


def pins(page: Json) -> Iterator[MessageRef]:
    """Read a page of pinned messages, asked for with the messages themselves."""
    for item in objects(page, "value", PINS_MAX):
        ref = text(child(item, "message"), "id") or text(item, "id")
        if ref is not None:
            yield MessageRef(ref)


def membership(channel: Json) -> Membership:
    """Read who is in a channel.

    Raises:
        Unconvertible: Graph calls it by a name that nobody knows: who may see it is not guessed.
    """
    found = _one_of(Membership, channel, "membershipType")
    if found is None:
        raise Unconvertible("a channel whose membershipType is unknown")
    return found


def channel(value: Json, place: Place, *, of: Team, listed: Listed) -> Conversation:
    """Read a channel; its members are asked for apart.

    Raises:
        Unconvertible: Its kind of membership is unknown.
    """
    return Conversation(
        place=place,
        kind=ConversationKind.CHANNEL,
        topic=text(value, "displayName"),
        members=listed.members,
        all_members=listed.is_all,
        description=long_text(value, "description") or None,
        page=long_text(value, "webUrl") or None,
        is_archived=of.is_archived or value.get("isArchived") is True,
        team=of,
        membership=membership(value),
        layout=_one_of(Layout, value, "layoutType") or Layout.POST,
    )


def _one_of(kind: type[OneOf], value: Json, name: str) -> OneOf | None:
    """Graph writes its enumerations in one case, and its notifications in another."""
    found = (text(value, name) or "").lower()
    return next((one for one in kind if one.value.lower() == found), None)
