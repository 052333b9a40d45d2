"""What is not a message: news of conversations, teams and people, and what could not be carried over.

News say that something may have changed, never what: whoever looks after rooms, spaces and ghosts
reads what is there now. Kept durably, and once: ten pieces of news of one room are one look.
"""

from __future__ import annotations

from bridge.domain.ids import MessageRef, Place, PortalId, TeamId, TeamsUserId, TenantId
from bridge.domain.values import dataclass
from bridge.domain.viewpoints import Viewpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationNews:
    """Name, members, rights or pins of a conversation may have changed.

    `is_told`: a message says so that was read, so the conversation need not be read back to find it.
    """

    place: Place
    is_told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamNews:
    """Name, picture, members or channels of a team may have changed."""

    tenant: TenantId
    team: TeamId


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonNews:
    """Name, picture or state of an account may have changed."""

    tenant: TenantId
    person: TeamsUserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewNews:
    """How somebody sees a chat may have changed; `view`: to what, None where that was not told."""

    place: Place
    person: TeamsUserId
    view: Viewpoint | None


News = ConversationNews | TeamNews | PersonNews | ViewNews


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something of a message that could not be carried over; `name` is one of a closed set."""

    portal: PortalId
    ref: MessageRef
    name: str
