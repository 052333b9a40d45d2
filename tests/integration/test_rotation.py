"""Keys are changed on a real Postgres, by an operator, beside a bridge that goes on writing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from typing_extensions import override

from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.ports import Certificate, Subscription
from bridge.store import rotation, schema
from bridge.store.accounts import AccountBook
from bridge.store.database import Database
from bridge.store.rotation import SEALED, rotate
from bridge.store.secrets import Vault
from bridge.store.sign_ins import SignInBook
from bridge.store.subscriptions import SubscriptionBook
from tests.integration.stores import opened
from tests.kit.fake_store import FakeClock
from tests.kit.operator import Desk, config, desk

__all__ = ["config", "desk"]  # fixtures

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))
_COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND column_name LIKE '%\\_sealed'
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        await schema.upgrade(made)
        yield made


def account(number: int) -> Account:
    return Account(
        user=UserId(f"@user{number}:example.org"),
        tenant=TenantId("tenant"),
        teams_user=TeamsUserId(f"person {number}"),
        name=None,
    )


async def fill(store: Database, *, people: int, key: str = OLD) -> None:
    """Something in every column that is sealed."""
    clock, vault = FakeClock(), Vault([key])
    accounts = AccountBook(store, clock, vault)
    for number in range(people):
        await accounts.sign_in(account(number), f"tokens of {number}")
    tickets, later = SignInBook(store, clock, vault), clock.now() + timedelta(minutes=9)
    for name in ("begun", "not begun"):
        await tickets.open_sign_in(name, UserId("@x:example.org"), expires_at=later)
    await tickets.store_flow("begun", "a flow")
    subscriptions = SubscriptionBook(store, clock, vault)
    await subscriptions.add_certificate(Certificate(id="c", certificate="C", private_key="P"))
    await subscriptions.remember_subscription(
        Subscription(
            resource="/chats",
            id=None,
            client_state="a state",
            certificate_id="c",
            expires_at=later,
        )
    )


async def counted(store: Database, *keys: str, dry_run: bool = False) -> dict[str, list[int]]:
    """Encrypted anew, left as they were, unreadable: by table."""
    found: dict[str, list[int]] = {}
    async for one in rotate(store, Vault(keys), dry_run=dry_run):
        found[one.of.table] = [one.done, one.left, len(one.unreadable)]
    return found


async def test_every_column_that_is_sealed_is_gone_through(store: Database) -> None:
    rows = await store.fetch(_COLUMNS)
    there = {(row["table_name"], row["column_name"]) for row in rows}
    assert there == {(one.table, one.column) for one in SEALED}


async def test_everything_is_read_with_the_new_key_alone_afterwards(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    await fill(store, people=5)

    looked = await counted(store, NEW, OLD, dry_run=True)
    assert looked["accounts"] == [5, 0, 0]
    assert await counted(store, NEW, OLD) == looked
    assert {tuple(numbers[:1]) for numbers in (await counted(store, NEW, OLD)).values()} == {(0,)}

    clock, vault = FakeClock(), Vault([NEW])
    accounts = AccountBook(store, clock, vault)
    assert await accounts.token_cache(account(4).user) == "tokens of 4"
    assert await SignInBook(store, clock, vault).take_flow("begun") is not None
    books = SubscriptionBook(store, clock, vault)
    assert (await books.certificates())[0].private_key == "P"
    assert (await books.subscriptions())[0].client_state == "a state"


async def test_one_that_was_broken_off_goes_on_where_it_was(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    await fill(store, people=5)
    async for _ in rotate(store, Vault([NEW, OLD]), dry_run=False):
        break

    assert (await counted(store, NEW, OLD))["accounts"] == [3, 2, 0]


async def test_what_a_bridge_writes_meanwhile_is_not_overwritten(store: Database) -> None:
    await fill(store, people=1)
    user = account(0).user

    class Slow(Vault):
        """While it works, the bridge refreshes the token."""

        @override
        def seal(self, text: str) -> bytes:
            writes.append(text)
            return super().seal(text)

    writes: list[str] = []
    vault = Slow([NEW, OLD])
    row = await store.fetchrow("SELECT token_cache_sealed AS sealed FROM accounts")
    assert row is not None
    await AccountBook(store, FakeClock(), Vault([OLD])).store_token_cache(user, "newer tokens")
    progress = rotation.Progress(of=SEALED[0])
    await rotation._turn(store, vault, progress, user, row["sealed"], dry_run=False)

    assert (progress.done, writes) == (0, ["tokens of 0"])
    assert (await counted(store, NEW, OLD))["accounts"] == [1, 0, 0]
    assert await AccountBook(store, FakeClock(), Vault([NEW])).token_cache(user) == "newer tokens"


async def test_what_no_key_opens_is_said_and_left(store: Database) -> None:
    await fill(store, people=2, key=LOST)

    assert (await counted(store, NEW, OLD))["accounts"] == [0, 0, 2]
    assert (await counted(store, LOST))["accounts"] == [0, 2, 0]


async def test_an_operator_changes_the_key(store: Database, desk: Desk) -> None:
    await fill(store, people=3)
    text = desk.config.read_text()
    keys = f"  encryption_key: [{NEW}, {OLD}]"
    desk.config.write_text(re.sub("^  encryption_key: .*$", keys, text, flags=re.MULTILINE))

    code, said, _ = await desk.types("rotate-keys --dry-run")
    assert (code, "3 to be encrypted anew" in said, "still needed" in said) == (1, True, True)
    code, said, _ = await desk.types("rotate-keys")
    assert (code, "3 encrypted anew" in said) == (0, True)
    assert "the other 1 may be removed" in said
    code, said, _ = await desk.types("rotate-keys")
    assert (code, "0 encrypted anew, 3 were already" in said) == (0, True)

    keys = f"  encryption_key: {LOST}"
    desk.config.write_text(re.sub("^  encryption_key: .*$", keys, text, flags=re.MULTILINE))
    code, _, complained = await desk.types("rotate-keys")
    assert (code, "put the key that wrote them back" in complained) == (1, True)
    assert NEW not in complained


async def test_an_operator_sees_who_is_signed_in_and_signs_them_out(
    store: Database, desk: Desk
) -> None:
    await fill(store, people=2)

    code, said, _ = await desk.types("accounts list")
    assert (code, said.count("@user")) == (0, 2)
    assert "tokens" not in said
    code, said, _ = await desk.types("accounts list --json")
    assert said.count('"teams_user":"person') == 2

    assert (await desk.types("accounts sign-out @user0:example.org"))[0] == 0
    code, _, complained = await desk.types("accounts sign-out @user0:example.org")
    assert (code, "is not signed in" in complained) == (1, True)
    assert (await desk.types("accounts list"))[1].count("@user") == 1
