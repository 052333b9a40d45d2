"""What waits for a sign-in, in the fake store: the same promises as in Postgres.

FakeAwaiting   sets aside what a speaker cannot say any more, until they have signed in
sign_in, mend  their sign-in is good again: what waited for it goes on, in its place in the stream
"""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import override

from bridge.domain.ids import Side
from bridge.ports import Awaiting, Delivery
from tests.kit.fake_journal import FakeJournal
from tests.kit.fake_store import StoredAccount, StoredDelivery, is_after_own


def _nothing() -> None:
    return


class FakeAwaiting(Awaiting):
    """One process's way to what waits."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal

    @override
    async def wait(self, delivery: Delivery, *, reason: str, sign_in: int | None) -> bool:
        await self._journal.moment("wait")
        account = self._journal.store.accounts.get(delivery.speaker)
        if account is not None and account.number != sign_in and not account.refused:
            return False
        if stored := self._journal.in_hand(delivery):
            _set_aside(stored, reason, uncertain=delivery.resumed)
            self.note_waiting(delivery)
        if account is not None:
            account.refused = True
        await self._journal.moment("wait done")
        return True

    def note_waiting(self, delivery: Delivery) -> None:
        """For a simulation that wants to know what waits."""

    @override
    async def wait_after_own(self, delivery: Delivery, *, reason: str) -> bool:
        await self._journal.moment("wait_after_own")
        stored = self._journal.store.deliveries.get(delivery.id)
        waits = stored is not None and is_after_own(self._journal.store, stored)
        if waits and (held := self._journal.in_hand(delivery)):
            _set_aside(held, reason, uncertain=delivery.resumed)
        await self._journal.moment("wait_after_own done")
        return waits

    @override
    async def wait_behind(self, delivery: Delivery, *, reason: str) -> bool:
        await self._journal.moment("wait_behind")
        refers_to = delivery.event.target
        waits = any(
            other.awaits_sign_in
            and (other.new.portal, other.new.target) == (delivery.portal.id, delivery.target)
            and (other.new.source, other.new.event.slot) == (refers_to, "")
            for other in self._journal.store.deliveries.values()
        )
        stored = self._journal.in_hand(delivery) if waits else None
        if stored is not None:
            _set_aside(stored, reason, uncertain=delivery.resumed)
            stored.behind = refers_to
        await self._journal.moment("wait_behind done")
        return waits


async def sign_in(
    journal: FakeJournal,
    user: str,
    teams_user: str,
    *,
    relay_account: str | None = None,
    accept: Callable[[], None] = _nothing,
) -> None:
    """Let somebody have signed in; `accept` is called when their token is there."""
    await journal.moment("sign_in")
    accept()
    account = StoredAccount(user=user, number=journal.store.next_id())
    journal.store.accounts[teams_user] = account
    _go_on(journal, account, teams_user, relay_account)
    await journal.moment("sign_in done")


async def mend(journal: FakeJournal, teams_user: str, *, relay_account: str | None = None) -> bool:
    """Note that a sign-in is of use again; return False if it was so already."""
    await journal.moment("mend")
    account = journal.store.accounts.get(teams_user)
    if account is None or not account.refused:
        return False
    account.refused, account.number = False, journal.store.next_id()
    _go_on(journal, account, teams_user, relay_account)
    await journal.moment("mend done")
    return True


def _set_aside(stored: StoredDelivery, reason: str, *, uncertain: bool) -> None:
    stored.state, stored.awaits_sign_in, stored.error = "parked", True, reason
    stored.uncertain = uncertain
    stored.attempts -= 1


def _go_on(
    journal: FakeJournal, account: StoredAccount, teams_user: str, relay_account: str | None
) -> None:
    waiting = [one for one in journal.store.deliveries.values() if one.awaits_sign_in]
    gone_on = set()
    for stored in waiting:
        new = stored.new
        if new.speaker == teams_user and account.user in {new.event.author.id, relay_account}:
            gone_on.add((new.portal, new.source))
            _queue(journal, stored)
    for stored in waiting:
        new, held = stored.new, journal.store.accounts.get(stored.new.speaker)
        theirs = held is not None and held.user in {new.event.author.id, relay_account}
        if (new.portal, stored.behind) in gone_on and theirs:
            _queue(journal, stored)


def _queue(journal: FakeJournal, stored: StoredDelivery) -> None:
    """Let it go on; a stream that a process has is due again when that one gives it back."""
    now, store = journal.clock.now(), journal.store
    stored.state, stored.awaits_sign_in, stored.error = "queued", False, None
    stored.behind, stored.due_at = None, now
    stream = store.streams[stored.new.portal, Side.TEAMS]
    if stream.owner is None or (stream.due_at is not None and stream.due_at <= now):
        stream.due_at = now
