"""Nobody who is gone, or not permitted, keeps a sign-in; nobody loses one for want of an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.errors import RemoteError, Unavailable
from bridge.matrix.standing import standing_of
from bridge.ports import STANDINGS_MAX, Registrar, Roll, Standing
from bridge.relay.warding import Farewell, Gate, Warden
from tests.kit.fake_store import FakeClock

GOOD, GONE, BARRED = (UserId(f"@{name}:example.org") for name in ("good", "gone", "barred"))


def account(user: UserId) -> Account:
    person = TeamsUserId(user[1:5])
    return Account(user=user, tenant=TenantId("tenant"), teams_user=person, name=None)


@dataclass
class World(Roll, Registrar):
    """Three people, one of whom has gone, and one of whom is not permitted."""

    users: list[UserId] = field(default_factory=lambda: sorted([GOOD, GONE, BARRED]))
    trouble: RemoteError | None = None
    standing: Standing = Standing.GONE
    asked: list[list[UserId]] = field(default_factory=list)
    dismissed: list[tuple[UserId, Farewell]] = field(default_factory=list)
    stuck: Exception | None = None

    @override
    async def after(self, user: UserId | None, *, limit: int) -> tuple[Account, ...]:
        behind = [one for one in self.users if user is None or one > user]
        return tuple(account(one) for one in behind[:limit])

    @override
    async def standings(self, users: Collection[UserId]) -> Mapping[UserId, Standing]:
        self.asked.append(list(users))
        if self.trouble:
            raise self.trouble
        return {one: self.standing if one == GONE else Standing.GOOD for one in users}

    @property
    def gate(self) -> Gate:
        return Gate(self, permitted=lambda user: user != BARRED)

    async def look(self) -> None:
        async def dismiss(one: Account, why: Farewell) -> None:
            if self.stuck:
                raise self.stuck
            self.dismissed.append((one.user, why))

        warden = Warden(self, self.gate, FakeClock(), dismiss=dismiss)
        warden.bell.set()  # It does not rest then.
        await warden.step()


async def test_who_is_gone_or_not_permitted_is_dismissed_and_nobody_else() -> None:
    world = World()
    await world.look()
    assert sorted(world.dismissed) == [
        (BARRED, Farewell.NOT_PERMITTED),
        (GONE, Farewell.GONE),
    ]


async def test_nobody_is_said_to_be_forgotten_who_is_not_yet() -> None:
    world = World(stuck=ConnectionError("the store is away"))
    with capture_logs() as said, pytest.raises(ConnectionError):
        await world.look()
    assert said == []


async def test_nobody_is_dismissed_while_the_homeserver_does_not_say() -> None:
    world = World(trouble=Unavailable("away"))
    await world.look()
    assert world.dismissed == [(BARRED, Farewell.NOT_PERMITTED)]

    world = World(standing=Standing.UNKNOWN)
    await world.look()
    assert world.dismissed == [(BARRED, Farewell.NOT_PERMITTED)]


async def test_many_are_asked_about_page_by_page() -> None:
    many = [UserId(f"@u{number:04}:example.org") for number in range(2 * STANDINGS_MAX + 1)]
    world = World(users=many)
    await world.look()
    assert [len(page) for page in world.asked] == [STANDINGS_MAX, STANDINGS_MAX, 1]


async def test_who_may_sign_in() -> None:
    world = World()
    assert await world.gate.may_sign_in(GOOD)
    assert not await world.gate.may_sign_in(GONE)
    assert not await world.gate.may_sign_in(BARRED)
    world.trouble = Unavailable("away")
    assert await world.gate.may_sign_in(GONE)


def test_what_the_homeserver_says_of_an_account() -> None:
    assert standing_of({"exists": True, "deactivated": False}) is Standing.GOOD
    assert standing_of({"exists": True, "deactivated": True}) is Standing.GONE
    assert standing_of({"exists": False}) is Standing.GONE
    strange: list[object] = [None, 7, [], {}, {"exists": "yes"}]
    for odd in strange:
        assert standing_of(odd) is Standing.UNKNOWN
