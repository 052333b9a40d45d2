"""Who says in Teams what several people have said in Matrix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from typing_extensions import override

from bridge.domain.content import from_text
from bridge.domain.events import Person, Seen, Sighting
from bridge.domain.ids import MessageRef, RoomId, TeamsUserId, UserId, Version
from bridge.domain.permission import Permission
from bridge.domain.portal import Account
from bridge.domain.relaying import FORM_DEFAULT, Form, StandIn
from bridge.matrix.client import Client
from bridge.matrix.standing_in import Service, Speakers
from tests.kit.fake_store import FakeClock
from tests.unit.matrix.books import Accounts

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ANNA, BEN, CEM, DORA, SERVICE = (
    UserId(f"@{name}:example.org") for name in ("anna", "ben", "cem", "dora", "service")
)


class Names(Client):
    """Knows what people are called, and nothing else of a homeserver."""

    def __init__(self) -> None: ...

    @override
    async def display_name(self, user: UserId) -> str | None:
        return user.partition(":")[0].removeprefix("@").title()


class Counted(Accounts):
    """Accounts that say how often they were asked, and for whom."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[set[UserId]] = []

    @override
    async def accounts_of(self, users: Collection[UserId]) -> Mapping[UserId, Account]:
        self.asked.append(set(users))
        return await super().accounts_of(users)


def speakers(accounts: Accounts, permissions: Mapping[UserId, Permission]) -> Speakers:
    form = Form.of(FORM_DEFAULT)
    return Speakers(
        Names(),
        accounts,
        Service(user=SERVICE, form=form, by_default=True),
        FakeClock(),
        permission_of=lambda user: permissions.get(user, Permission.USER),
    )


def said_by(*users: UserId) -> list[Seen]:
    return [
        Sighting(
            origin=RoomId("!room"),
            ref=MessageRef(f"${number}"),
            version=Version(""),
            author=Person(id=user),
            sent_at=NOW,
            body=from_text("hello"),
        )
        for number, user in enumerate(users)
    ]


def named(says: TeamsUserId | StandIn | None) -> str | None:
    return f"{says.speaker} for {says.name}" if isinstance(says, StandIn) else says


async def test_a_whole_batch_is_one_question_and_each_has_the_account_that_is_theirs() -> None:
    accounts = Counted()
    accounts.add(ANNA, "anna at Teams")
    accounts.add(BEN, "ben at Teams")
    accounts.add(CEM, "cem at Teams")
    accounts.add(SERVICE, "service")
    permissions = {CEM: Permission.RELAY, DORA: Permission.NONE}
    found = await speakers(accounts, permissions).of(said_by(ANNA, BEN, CEM, DORA))

    assert {user: named(says) for user, says in found.items()} == {
        ANNA: "anna at Teams",
        BEN: "ben at Teams",
        CEM: "service for Cem",
        DORA: None,
    }
    assert accounts.asked == [{ANNA, BEN}]


async def test_nobody_is_looked_for_who_may_not_use_an_account() -> None:
    accounts = Counted()
    found = await speakers(accounts, {CEM: Permission.RELAY}).of(said_by(CEM))

    assert found == {CEM: None}
    assert accounts.asked == []
