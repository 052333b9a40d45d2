"""What the directory knows of its users beside their names: values only.

`turns` is the row of changes that delta queries read. Users who never changed have none.

Source: learn.microsoft.com graph/delta-query-overview.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.identity import Face
from bridge.sandbox.tenant.world import User

KEPT = timedelta(days=30)
"""How long a deleted user can be restored (graph/api/resources/directory)."""
TOMBSTONES_MAX = 100_000
"""Users whose deletion a delta query can still tell."""


@dataclass(slots=True, kw_only=True)
class Deleted:
    """A user who was deleted; `face` is how Graph showed them before."""

    user: User
    at: datetime
    face: Face | None


@dataclass(slots=True, kw_only=True)
class Photo:
    """A picture of a user or a team; `made` of the sizes it was made in, else as it came."""

    content_type: str
    width: int
    height: int
    data: bytes
    seed: int | None = None
    """A picture that follows from this number has every size; any other has only its own."""


@dataclass(slots=True)
class Directory:
    """Profiles, photos, and what changed when."""

    turn: int = 0
    turns: dict[str, dict[str, int]] = field(default_factory=dict)
    """By user id, and in the order of their last change: of each property, which change of all was
    the last one of it; `""` is the user as a whole."""
    gone: dict[str, int] = field(default_factory=dict)
    """By user id, which change of all the deletion was."""
    created: dict[str, datetime] = field(default_factory=dict)
    deleted: dict[str, Deleted] = field(default_factory=dict)
    profiles: dict[str, Json] = field(default_factory=dict)
    """Properties that were set, by user id and Graph's name of the property."""
    managers: dict[str, str] = field(default_factory=dict)
    photos: dict[str, Photo] = field(default_factory=dict)
    """By the id of a user or a team."""
    time_zones: dict[str, str] = field(default_factory=dict)
    """Of mailboxes, by the id of the user, as an administrator lets them be named."""

    def touch(self, user_id: str, *names: str) -> None:
        """These properties of a user changed; none named: the user is new."""
        self.turn += 1
        # Taken out and put in again, so that the last one changed is the last one there.
        turns = self.turns.pop(user_id, {})
        self.turns[user_id] = turns | dict.fromkeys(names or ("",), self.turn)
        self.gone.pop(user_id, None)

    def bury(self, user_id: str) -> None:
        """The user is gone."""
        self.turn += 1
        self.turns.pop(user_id, None)
        self.gone[user_id] = self.turn
        while len(self.gone) > TOMBSTONES_MAX:
            del self.gone[next(iter(self.gone))]
