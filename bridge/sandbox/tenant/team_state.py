"""What hangs on a team beside its members and channels: settings, tags, operations.

Values only, and nothing of `world.py`, which builds on this module. The defaults of the settings
are those of a team made in the Teams client (learn.microsoft.com graph/api/resources/team).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bridge.sandbox.tenant.errors import Json

if TYPE_CHECKING:
    from bridge.sandbox.tenant.world import Channel

OPERATIONS_KEPT = 100
"""Per team; the oldest are forgotten first."""


class Visibility(StrEnum):
    """Microsoft's `teamVisibilityType`."""

    PRIVATE = "private"
    PUBLIC = "public"
    HIDDEN = "hiddenMembership"


class OperationKind(StrEnum):
    """Microsoft's `teamsAsyncOperationType`, as far as it is played here."""

    CREATE_TEAM = "createTeam"
    ARCHIVE_TEAM = "archiveTeam"
    UNARCHIVE_TEAM = "unarchiveTeam"
    ARCHIVE_CHANNEL = "archiveChannel"
    UNARCHIVE_CHANNEL = "unarchiveChannel"


HIDDEN_KINDS = frozenset({OperationKind.ARCHIVE_CHANNEL, OperationKind.UNARCHIVE_CHANNEL})
"""Kinds that a reader without the `Prefer` header does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A teamsAsyncOperation; it runs from `created` for `lasts`, by the tenant's clock."""

    id: str
    kind: OperationKind
    target: str
    location: str
    created: datetime
    lasts: timedelta


@dataclass(slots=True, kw_only=True)
class Tag:
    """A teamworkTag; `people` maps a user's id to the id of that person's place in the tag."""

    id: str
    name: str
    description: str | None = None
    people: dict[str, str] = field(default_factory=dict)


def default_settings() -> dict[str, Json]:
    """A team's settings by the name of their property."""
    return {
        "memberSettings": {
            "allowAddRemoveApps": True,
            "allowCreatePrivateChannels": True,
            "allowCreateUpdateChannels": True,
            "allowCreateUpdateRemoveConnectors": True,
            "allowCreateUpdateRemoveTabs": True,
            "allowDeleteChannels": True,
        },
        "guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False},
        "messagingSettings": {
            "allowChannelMentions": True,
            "allowOwnerDeleteMessages": True,
            "allowTeamMentions": True,
            "allowUserDeleteMessages": True,
            "allowUserEditMessages": True,
        },
        "funSettings": {
            "allowCustomMemes": True,
            "allowGiphy": True,
            "allowStickersAndMemes": True,
            "giphyContentRating": "moderate",
        },
    }


@dataclass(slots=True, kw_only=True)
class TeamState:
    """What `world.Team` has beside its members and channels."""

    ready: datetime | None = None
    """When the team can first be found; None is at once."""
    visibility: Visibility = Visibility.PUBLIC
    settings: dict[str, Json] = field(default_factory=default_settings)
    tags: dict[str, Tag] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    deleted_channels: dict[str, Channel] = field(default_factory=dict)
    incoming: dict[str, Channel] = field(default_factory=dict)
    """Shared channels of other teams that are shared with this one."""
