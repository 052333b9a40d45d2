"""What speaking as people needs: who is who, as the directory and the books have it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.pairing import Attributes, Claim, Source, Why
from bridge.domain.portal import Account
from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What was decided about a person last.

    `user` is the account that is claimed to be theirs, `why` is why they are heard by their ghost
    all the same; None: they speak by it. `rules` names the rules by which it was decided, `asked_at`
    is when the directory was asked, `tried_at` when the homeserver was. Since `changed_at` they are
    heard as they are now.
    """

    tenant: TenantId
    person: TeamsUserId
    user: UserId | None
    source: Source | None
    why: Why | None
    rules: str
    asked_at: datetime
    tried_at: datetime | None
    changed_at: datetime

    @property
    def account(self) -> UserId | None:
        """The account by which they speak."""
        return self.user if self.why is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the books know of somebody: as whom they are signed in, and what was decided."""

    signed_in: UserId | None = None
    pairing: Pairing | None = None


class PairingBook(Protocol):
    """What was decided, for all processes.

    Every method raises `StoreUnavailable`.
    """

    async def standing(self, tenant: TenantId, person: TeamsUserId) -> Standing: ...

    async def settle(
        self, pairing: Pairing, claim: Claim | None
    ) -> tuple[Pairing, tuple[TeamsUserId, ...]]:
        """Write down what a claim comes to beside those of others; return it, and whose own has ended.

        Claims for one account are decided one after the other, whoever makes them.
        """
        ...

    async def tried(self, pairing: Pairing) -> Pairing:
        """Write down when the homeserver was asked for an account, and why it will not do, if so.

        Return it as it is now: somebody else may have claimed the account meanwhile.
        """
        ...

    async def paired_of(self, tenant: TenantId) -> tuple[Account, ...]:
        """Return everybody who speaks by an account without having signed in."""
        ...


class Directory(Protocol):
    """The people of the tenant, as rules see them."""

    async def attributes_of(
        self, people: Sequence[TeamsUserId]
    ) -> Mapping[TeamsUserId, Attributes]:
        """Return those of whom the directory knows.

        Raises:
            RemoteError: It could not be asked now; Unauthorized or Rejected if it will not say.
        """
        ...


class WhoIsWho(Protocol):
    """Who has an account in Matrix, because they have signed in or were paired with it.

    Every method raises `StoreUnavailable`.
    """

    async def account_of(self, user: UserId) -> Account | None: ...

    async def accounts_among(
        self, tenant: TenantId, people: Collection[TeamsUserId]
    ) -> tuple[Account, ...]: ...
