"""Who stands in for a Matrix user that cannot speak in Teams as themselves: the service account.

seen ─▶ signed in, and permitted? ─▶ their own account
         └─ no ─▶ may be relayed? service account signed in? ─▶ StandIn, with the name they have
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Self

from bridge.domain.events import Seen
from bridge.domain.ids import TeamsUserId, UserId
from bridge.domain.permission import Permission
from bridge.domain.portal import Portal
from bridge.domain.relaying import Form, StandIn
from bridge.domain.values import dataclass
from bridge.errors import RemoteError
from bridge.matrix.client import Client
from bridge.matrix.memory import Recent
from bridge.ports import AccountBook, Clock
from bridge.settings.relaying import Relay
from bridge.telemetry import log

NAMES_KEPT_MAX = 4_096
NAME_KEPT = timedelta(minutes=10)
"""For so long somebody is called as before; the homeserver is asked no more often."""

PermissionOf = Callable[[UserId], Permission]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The Matrix user whose sign-in says what others say, how, and whether everywhere."""

    user: UserId | None
    form: Form
    by_default: bool

    @classmethod
    def of(cls, relay: Relay) -> Self:
        """Read it from the configuration."""
        return cls(
            user=relay.relay_account,
            form=relay.relay_format,
            by_default=relay.relay_by_default,
        )

    def speaks_in(self, portal: Portal) -> bool:
        """Tell whether people are heard in a portal who are not signed in."""
        return self.user is not None and portal.is_relayed(by_default=self.by_default)


class Speakers:
    """Says who says in Teams what was said in Matrix."""

    def __init__(
        self,
        client: Client,
        accounts: AccountBook,
        service: Service,
        clock: Clock,
        *,
        permission_of: PermissionOf,
    ) -> None:
        self.service = service
        self._client = client
        self._accounts = accounts
        self._clock = clock
        self._permission_of = permission_of
        self._names: Recent[UserId, tuple[str, datetime]] = Recent(NAMES_KEPT_MAX)

    async def of(self, seen: Sequence[Seen]) -> Mapping[str, TeamsUserId | StandIn | None]:
        """Return by author whose account says it: their own, or what stands in; None: nobody's.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        permissions = {
            UserId(one.author.id): self._permission_of(UserId(one.author.id)) for one in seen
        }
        users = [user for user, granted in permissions.items() if granted >= Permission.USER]
        accounts = await self._accounts.accounts_of(users) if users else {}
        return {
            user: accounts[user].teams_user
            if user in accounts
            else await self._stand_in(user, granted)
            for user, granted in permissions.items()
        }

    async def account(self) -> TeamsUserId | None:
        """Return the service account, if it is signed in and still permitted.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        user = self.service.user
        if user is None or self._permission_of(user) < Permission.USER:
            return None
        account = await self._accounts.account_of(user)
        return None if account is None else account.teams_user

    async def _stand_in(self, user: UserId, granted: Permission) -> StandIn | None:
        speaker = await self.account() if granted >= Permission.RELAY else None
        if speaker is None:
            return None
        return StandIn(
            speaker=speaker,
            user=user,
            name=await self._name_of(user),
            form=self.service.form,
            by_default=self.service.by_default,
        )

    async def _name_of(self, user: UserId) -> str:
        """Return what somebody is called; their Matrix user where nobody can say."""
        known, now = self._names.get(user), self._clock.now()
        if known is not None and now - known[1] < NAME_KEPT:
            return known[0]
        try:
            name = await self._client.display_name(user) or user
        except RemoteError as error:
            log.debug("name not known", user=user, error=str(error))
            return user if known is None else known[0]
        self._names.put(user, (name, now))
        return name
