"""Pairings in Postgres: decided one after the other, whoever claims an account at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.pairing import Claim, Source, Why
from bridge.domain.portal import Account
from bridge.ports.pairing import Pairing
from bridge.store.accounts import AccountBook
from bridge.store.database import Database
from bridge.store.pairings import Paired, PairingBook
from bridge.store.secrets import Vault
from tests.integration.stores import opened
from tests.kit.fake_store import FakeClock

TENANT, RULES = TenantId("tenant"), "the rules of now"
ANNA, BOB, USER = TeamsUserId("anna"), TeamsUserId("bob"), UserId("@anna:example.org")
CLOCK = FakeClock()


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as store:
        yield store


def claim(person: TeamsUserId, source: Source = Source.RULE) -> Claim:
    return Claim(person=person, user=USER, source=source)


def wanted(one: Claim, *, rules: str = RULES) -> Pairing:
    now = CLOCK.now()
    return Pairing(
        tenant=TENANT, person=one.person, user=one.user, source=one.source, why=None,
        rules=rules, asked_at=now, tried_at=now, changed_at=now,
    )  # fmt: skip


async def settle(book: PairingBook, one: Claim, *, rules: str = RULES) -> Why | None:
    return (await book.settle(wanted(one, rules=rules), one))[0].why


async def why(book: PairingBook, person: TeamsUserId) -> Why | None:
    pairing = (await book.standing(TENANT, person)).pairing
    assert pairing is not None
    return pairing.why


async def test_claims_at_the_same_time_come_to_the_same_as_one_after_the_other(
    store: Database,
) -> None:
    book = PairingBook(store)

    await asyncio.gather(*(settle(book, claim(person)) for person in (ANNA, BOB)))

    assert {await why(book, ANNA), await why(book, BOB)} == {Why.AMBIGUOUS}
    assert await book.paired_with(USER) is None


async def test_a_stronger_claim_takes_the_account_and_says_who_has_lost_it(store: Database) -> None:
    book, listed = PairingBook(store), claim(BOB, Source.LIST)
    assert await settle(book, claim(ANNA)) is None

    settled, losers = await book.settle(wanted(listed), listed)

    assert (settled.why, losers) == (None, (ANNA,))
    assert await why(book, ANNA) is Why.TAKEN
    assert await settle(book, claim(ANNA)) is Why.TAKEN


async def test_a_claim_by_rules_that_are_no_more_gives_way(store: Database) -> None:
    book = PairingBook(store)
    assert await settle(book, claim(ANNA), rules="the rules of before") is None

    assert await settle(book, claim(BOB)) is None
    assert await why(book, ANNA) is Why.TAKEN


async def test_what_comes_of_an_account_does_not_give_back_what_was_lost_meanwhile(
    store: Database,
) -> None:
    book = PairingBook(store)
    mine, _ = await book.settle(wanted(claim(ANNA)), claim(ANNA))
    await settle(book, claim(BOB))

    proven = await book.tried(replace(mine, tried_at=CLOCK.now() + timedelta(seconds=1)))

    assert proven.why is Why.AMBIGUOUS


async def test_who_has_signed_in_has_the_account_and_whoever_signs_out_leaves_it(
    store: Database,
) -> None:
    book = PairingBook(store)
    accounts = AccountBook(store, CLOCK, Vault((Fernet.generate_key().decode(),)))
    paired, heard = Paired(accounts, book), []
    accounts.changed = lambda: heard.append("changed")
    await settle(book, claim(BOB, Source.LIST))
    assert [one.teams_user for one in await paired.accounts_among(TENANT, [ANNA, BOB])] == [BOB]

    assert [one.user for one in await book.paired_of(TENANT)] == [USER]

    await accounts.sign_in(Account(user=USER, tenant=TENANT, teams_user=ANNA, name=None), "cache")
    assert (await book.standing(TENANT, ANNA)).signed_in == USER
    assert await settle(book, claim(BOB, Source.LIST)) is Why.TAKEN
    assert await settle(book, claim(ANNA, Source.SIGN_IN)) is None
    found = await paired.account_of(USER)
    assert found is not None
    assert found.teams_user == ANNA

    await accounts.sign_out(USER)
    assert await settle(book, claim(BOB, Source.LIST)) is None
    assert [one.teams_user for one in await paired.accounts_among(TENANT, [ANNA, BOB])] == [BOB]
    assert heard == ["changed", "changed"]
