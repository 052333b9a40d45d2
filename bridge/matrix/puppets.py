"""People as themselves: whose Matrix account speaks for them, and how it comes into a room.

of ─▶ decided lately? ─▶ PairingBook, `Rules`, the directory ─▶ settle ─▶ `as_people`: proven? ─▶ Identity
└─ right as it is: no call at all                                  └─ no: the ghost speaks
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from typing_extensions import override

from bridge.domain.events import Person
from bridge.domain.ids import RoomId, TeamsUserId, TenantId, UserId, digest
from bridge.domain.likeness import is_account
from bridge.domain.pairing import Attributes, Claim, Rules, Source, Why
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.errors import Rejected, RemoteError, Unauthorized
from bridge.matrix.as_people import AsPeople
from bridge.matrix.ghosts import DEVICE, Identity
from bridge.matrix.memory import Flights, Recent
from bridge.matrix.names import Names
from bridge.matrix.sender import Sender
from bridge.ports import Clock
from bridge.ports.pairing import Directory, Pairing, PairingBook, Standing
from bridge.telemetry import PAIRINGS, log

CHECKED_FOR = timedelta(minutes=15)
"""What was decided is looked up again after so long: another process may have decided anew."""
ASKED_FOR = timedelta(days=1)
"""So long what the directory said of somebody holds."""
TRIED_FOR = timedelta(hours=1)
"""An account is tried again after so long, whether it would do or not: it may have been locked since."""
REMEMBERED_MAX = 16_384
ACQUAINTED_MAX = 50
"""Members of a conversation who are paired before they speak."""

_Key = tuple[TenantId, str]


class Puppets(Protocol):
    """Says as whom people speak.

    Raises (every method that waits):
        RemoteError: That cannot be decided, or done, now.
        StoreUnavailable: Postgres is away.
    """

    @property
    def sender(self) -> Sender | None:
        """Sends as people; None: as nobody."""
        ...

    async def of(self, tenant: TenantId, person: Person) -> Identity | None:
        """Return as whom somebody speaks; None: as their ghost."""
        ...

    async def is_as_before(self, tenant: TenantId, person: Person, since: datetime) -> bool:
        """Tell whether somebody is heard by the same user as at an instant."""
        ...

    async def renew(self, tenant: TenantId, person: Person) -> Identity | None:
        """Prove an account anew whose device the homeserver does not know."""
        ...

    async def acquaint(self, tenant: TenantId, people: Collection[TeamsUserId]) -> None:
        """Decide about some people before they speak."""
        ...

    async def everybody(self, tenant: TenantId) -> tuple[Account, ...]:
        """Return whoever speaks as themselves without having signed in."""
        ...

    async def join(self, user: UserId, room: RoomId) -> None:
        """Bring somebody who is invited in, as themselves."""
        ...

    async def bring_in(
        self, tenant: TenantId, person: TeamsUserId, room: RoomId, *, other: UserId | None = None
    ) -> None:
        """Bring somebody who was invited into a room, if that is wanted; `other`: it is with them."""
        ...


class Nobody(Puppets):
    """Without the second registration everybody is heard by their ghost."""

    @property
    @override
    def sender(self) -> Sender | None:
        return None

    @override
    async def of(self, tenant: TenantId, person: Person) -> Identity | None:
        return None

    @override
    async def is_as_before(self, tenant: TenantId, person: Person, since: datetime) -> bool:
        return True

    @override
    async def renew(self, tenant: TenantId, person: Person) -> Identity | None:
        return None

    @override
    async def acquaint(self, tenant: TenantId, people: Collection[TeamsUserId]) -> None:
        pass

    @override
    async def everybody(self, tenant: TenantId) -> tuple[Account, ...]:
        return ()

    @override
    async def join(self, user: UserId, room: RoomId) -> None:
        raise Rejected("there is no registration that lets us act as people")

    @override
    async def bring_in(
        self, tenant: TenantId, person: TeamsUserId, room: RoomId, *, other: UserId | None = None
    ) -> None:
        pass


NOBODY = Nobody()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    identity: Identity | None
    since: datetime
    until: datetime


class OwnAccounts(Puppets):
    """Whoever has signed in, or is named by list or rule, speaks as themselves."""

    def __init__(
        self,
        as_people: AsPeople,
        names: Names,
        book: PairingBook,
        directory: Directory,
        *,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._as_people = as_people
        self._names = names
        self._book = book
        self._directory = directory
        self._rules, self._rules_id = rules, _digest_of(rules)
        self._clock = clock
        self._recent: Recent[_Key, _Heard] = Recent(REMEMBERED_MAX)
        self._forgotten = 0
        """So often something was let go of: what was decided across that is not remembered."""
        self._flights: Flights[_Key] = Flights()

    @property
    @override
    def sender(self) -> Sender | None:
        return self._as_people.sender

    @override
    async def of(self, tenant: TenantId, person: Person) -> Identity | None:
        heard = await self._heard(tenant, person.id)
        return None if heard is None else heard.identity

    @override
    async def is_as_before(self, tenant: TenantId, person: Person, since: datetime) -> bool:
        heard = await self._heard(tenant, person.id)
        # Another process may have gone by what it remembered.
        return heard is None or heard.since + CHECKED_FOR <= since

    @override
    async def renew(self, tenant: TenantId, person: Person) -> Identity | None:
        key = (tenant, person.id)
        async with self._flights.alone(key):
            standing = await self._book.standing(tenant, TeamsUserId(person.id))
            if standing.pairing is None or standing.pairing.account is None:
                self._forget(key)
                return None
            return self._note(await self._try(standing.pairing)).identity

    @override
    async def acquaint(self, tenant: TenantId, people: Collection[TeamsUserId]) -> None:
        unknown = [
            one for one in people if is_account(one) and self._remembered(tenant, one) is None
        ]
        unknown = unknown[:ACQUAINTED_MAX]
        try:
            told = await self._directory.attributes_of(unknown) if self._asks(unknown) else None
            for one in unknown:
                await self._decide(tenant, one, told)
        except RemoteError as error:
            log.info("not all members are paired yet", error=str(error))

    @override
    async def everybody(self, tenant: TenantId) -> tuple[Account, ...]:
        return await self._book.paired_of(tenant)

    @override
    async def join(self, user: UserId, room: RoomId) -> None:
        await self._as_people.join(user, room)

    @override
    async def bring_in(
        self, tenant: TenantId, person: TeamsUserId, room: RoomId, *, other: UserId | None = None
    ) -> None:
        if not self._as_people.join_rooms:
            return
        heard = await self._heard(tenant, person)
        if heard is None or heard.identity is None:
            return
        user = heard.identity.user
        try:
            if other is not None:  # First: nobody would look for it once they are in.
                await self._as_people.mark_direct(user, room, other)
            await self.join(user, room)
        except Rejected as error:
            log.info("left with an invitation", room=room, user=user, error=str(error))

    def forget(self) -> None:
        """Let go of what is remembered in memory: somebody has signed in or out."""
        self._recent = Recent(REMEMBERED_MAX)
        self._forgotten += 1

    def take(self, rules: Rules) -> None:
        """Decide by other rules from now on; what was decided by those from before is decided anew."""
        self._rules, self._rules_id = rules, _digest_of(rules)
        self.forget()

    def _forget(self, key: _Key) -> None:
        self._recent.forget(key)
        self._forgotten += 1

    # --- deciding ---

    async def _heard(self, tenant: TenantId, person: str) -> _Heard | None:
        if not is_account(person):
            return None
        return self._remembered(tenant, person) or await self._decide(tenant, TeamsUserId(person))

    def _remembered(self, tenant: TenantId, person: str) -> _Heard | None:
        heard = self._recent.get((tenant, person))
        return heard if heard is not None and self._clock.now() < heard.until else None

    def _asks(self, people: Collection[TeamsUserId]) -> bool:
        return self._rules.asks and bool(people)

    async def _decide(
        self,
        tenant: TenantId,
        person: TeamsUserId,
        told: Mapping[TeamsUserId, Attributes] | None = None,
    ) -> _Heard:
        """Decide, one at a time about somebody; `told` is what the directory says already."""
        async with self._flights.alone((tenant, person)):
            heard = self._remembered(tenant, person)
            if heard is not None:
                return heard
            forgotten = self._forgotten
            standing = await self._book.standing(tenant, person)
            claim, asked_at = await self._claim(person, standing, told)
            before = standing.pairing
            if before is None or not self._holds(before, claim):
                before = await self._settle(tenant, person, claim, asked_at, before)
            elif before.account is not None and not self._is_tried(before):
                before = await self._try(before)
            return self._note(before, is_news=forgotten != self._forgotten)

    async def _claim(
        self,
        person: TeamsUserId,
        standing: Standing,
        told: Mapping[TeamsUserId, Attributes] | None,
    ) -> tuple[Claim | None, datetime]:
        """Return which account is somebody's, and when the directory was asked about that."""
        now, before = self._clock.now(), standing.pairing
        if standing.signed_in is not None:
            return Claim(person=person, user=standing.signed_in, source=Source.SIGN_IN), now
        listed = self._rules.listed(person)
        if listed is not None or not self._rules.asks:
            return listed, now
        usable = before if before is not None and self._is_of_these_rules(before) else None
        if usable is not None and now - usable.asked_at < ASKED_FOR and told is None:
            return _claimed(usable), usable.asked_at
        try:
            told = await self._directory.attributes_of([person]) if told is None else told
        except RemoteError as error:
            if usable is None and not isinstance(error, Rejected | Unauthorized):
                raise
            log.warning("the directory does not say who this is", user=person, error=str(error))
            if usable is not None:
                return _claimed(usable), usable.asked_at
            return None, now - ASKED_FOR + TRIED_FOR
        return self._rules.claim(person, told.get(person)), now

    def _is_of_these_rules(self, pairing: Pairing) -> bool:
        return pairing.rules == self._rules_id and pairing.source is not Source.SIGN_IN

    def _holds(self, before: Pairing, claim: Claim | None) -> bool:
        """Tell whether what was decided would be decided again."""
        if before.rules != self._rules_id or _claimed(before) != claim:
            return False
        if self._clock.now() - before.asked_at >= ASKED_FOR:
            return False
        match before.why:
            case Why.TAKEN | Why.AMBIGUOUS:
                return False  # The others may have gone.
            case Why.NO_ACCOUNT | Why.LOCKED:
                return self._is_tried(before)
            case None:
                return before.tried_at is not None
            case _:
                return True

    def _is_tried(self, pairing: Pairing) -> bool:
        tried_at = pairing.tried_at
        return tried_at is not None and self._clock.now() - tried_at < TRIED_FOR

    async def _settle(
        self,
        tenant: TenantId,
        person: TeamsUserId,
        claim: Claim | None,
        asked_at: datetime,
        before: Pairing | None,
    ) -> Pairing:
        """Decide anew; an account that was proven is not proven again, as its device tells."""
        is_proven = claim is not None and before is not None and before.account == claim.user
        wanted = Pairing(
            tenant=tenant,
            person=person,
            user=None if claim is None else claim.user,
            source=None if claim is None else claim.source,
            why=self._why_not(claim),
            rules=self._rules_id,
            asked_at=asked_at,
            tried_at=before.tried_at if is_proven and before is not None else None,
            changed_at=self._clock.now(),
        )
        settled, losers = await self._book.settle(wanted, claim)
        for loser in losers:
            self._forget((tenant, loser))
            PAIRINGS.labels("lost").inc()
            log.warning(
                "account is nobody's any more, or another's", person=loser, user=wanted.user
            )
        is_done = settled.account is None or settled.tried_at is not None
        return settled if is_done else await self._try(settled)

    def _why_not(self, claim: Claim | None) -> Why | None:
        if claim is None:
            return Why.NONE
        return None if self._names.is_local(claim.user) else Why.NOT_LOCAL

    def _note(self, pairing: Pairing, *, is_news: bool = False) -> _Heard:
        """Remember; not if there are news, for which it may have come too early."""
        account = pairing.account
        identity = None
        if account is not None:
            identity = Identity(user=account, device=DEVICE, own=True)
        elif pairing.user is not None:
            # Of whoever a rule names many have no account yet.
            is_usual = pairing.why is Why.NO_ACCOUNT and pairing.source is Source.RULE
            (log.debug if is_usual else log.warning)(
                "heard by their ghost", person=pairing.person, user=pairing.user, reason=pairing.why
            )
        PAIRINGS.labels(pairing.why or "own_account").inc()
        heard = _Heard(
            identity=identity,
            since=pairing.changed_at,
            until=self._clock.now() + CHECKED_FOR,
        )
        if not is_news:
            self._recent.put((pairing.tenant, pairing.person), heard)
        return heard

    # --- proving ---

    async def _try(self, pairing: Pairing) -> Pairing:
        """Return a pairing with an account that was proven, or with why it will not do."""
        assert pairing.user is not None  # noqa: S101 -- the caller has looked
        why = await self._as_people.prove(pairing.user)
        return await self._book.tried(replace(pairing, tried_at=self._clock.now(), why=why))


def _digest_of(rules: Rules) -> str:
    return digest(rules.rule or "", *(f"{k} {v}" for k, v in rules.pairs.items()))


def _claimed(pairing: Pairing) -> Claim | None:
    """Return the claim that was decided about."""
    if pairing.user is None or pairing.source is None:
        return None
    return Claim(person=pairing.person, user=pairing.user, source=pairing.source)
