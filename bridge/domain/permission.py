"""Who may do what with the bridge: rules over Matrix users, as every Matrix bridge has them.

the user's own rule ─ else ─▶ that of their server ─ else ─▶ `*` ─ else ─▶ nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Self

from bridge.domain.ids import UserId
from bridge.domain.values import dataclass

EVERYBODY = "*"


class Permission(IntEnum):
    """What somebody may do; each level may do what those below it may.

    RELAY: be heard in Teams through the service account, where that is switched on. USER: sign in
    and speak as oneself. ADMIN: look after the bridge.
    """

    NONE = 0
    RELAY = 1
    USER = 2
    ADMIN = 3


LEVELS: Mapping[str, Permission] = {level.name.lower(): level for level in Permission}
"""As the configuration names them."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """The rules: `*`, the name of a server, or a Matrix user -> what they may do."""

    rules: Mapping[str, Permission]

    @classmethod
    def default(cls, domain: str) -> Self:
        """Return what holds where nothing is configured: our own users may sign in."""
        return cls({EVERYBODY: Permission.RELAY, domain: Permission.USER})

    def of(self, user: UserId) -> Permission:
        """Return what a user may do; the closest rule decides, be it more or less."""
        server = user.partition(":")[2]
        for rule in (user, server, EVERYBODY):
            if rule in self.rules:
                return self.rules[rule]
        return Permission.NONE
