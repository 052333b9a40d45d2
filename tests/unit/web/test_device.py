"""Sign-ins by code: asked about as Microsoft wants it, bounded, and nobody signed in by an old one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from typing_extensions import override

from bridge.domain.ids import UserId
from bridge.errors import RemoteError, Throttled, Unauthorized, Unavailable
from bridge.teams.device import DeviceCode, DeviceCodes
from bridge.teams.signed_in import SignedIn
from bridge.web import device
from bridge.web.device import BEGIN_AGAIN, FULL, NOT_PERMITTED, OFF, TOO_LATE, DeviceSignIns
from bridge.web.signin import SignIns
from tests.kit.e2e_books import Accounts, Microsoft, Tickets
from tests.kit.fake_store import FakeClock

MARIA, TOM = UserId("@maria:example.org"), UserId("@tom:example.org")
INTERVAL = timedelta(seconds=5)


class Codes(DeviceCodes):
    """Microsoft, as a test says."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.answers: list[SignedIn | RemoteError | None] = []
        self.asked: list[str] = []
        self.given = 0
        self.refusal: RemoteError | None = None

    @override
    async def begin(self) -> DeviceCode:
        if self.refusal:
            raise self.refusal
        self.given += 1
        return DeviceCode(
            user_code=f"CODE{self.given}",
            page="https://login.test/device",
            expires_at=self.clock.now() + timedelta(minutes=15),
            interval=INTERVAL,
            flow={},
        )

    @override
    async def ask(self, code: DeviceCode) -> SignedIn | None:
        self.asked.append(code.user_code)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, RemoteError):
            raise answer
        return answer


@dataclass
class World:
    enabled: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    microsoft: Microsoft = field(default_factory=Microsoft)
    accounts: Accounts = field(default_factory=Accounts)
    told: list[tuple[UserId, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.codes = Codes(self.clock)
        self.sign_ins = SignIns(
            self.microsoft,
            self.accounts,
            Tickets(self.clock),
            self.clock,
            webhook_url="https://bridge.test/teams",
            login_url="https://login.test/",
        )

        async def tell(user: UserId, text: str) -> None:
            self.told.append((user, text))

        self.sign_ins.tell = tell
        self.device = DeviceSignIns(self.codes, self.sign_ins, self.clock, enabled=self.enabled)

    async def after(self, wait: timedelta) -> None:
        self.clock.advance(wait)
        await self.device.step()


@pytest.fixture
def world() -> World:
    return World()


async def test_it_is_not_asked_before_its_interval_and_the_person_is_told_in_the_end(
    world: World,
) -> None:
    answer = await world.device.begin(MARIA)
    assert "CODE1 within 15 minutes" in answer
    await world.after(INTERVAL / 2)
    assert world.codes.asked == []

    world.codes.answers = [None, world.microsoft.person]
    await world.after(INTERVAL)
    await world.after(INTERVAL)
    assert world.told == [(MARIA, "You are signed in to Teams as Maria Rossi.")]
    await world.after(INTERVAL)
    assert len(world.codes.asked) == 2


@pytest.mark.parametrize(
    ("trouble", "wait"),
    [
        (Throttled("patience", retry_after=timedelta(seconds=40)), timedelta(seconds=40)),
        (Unavailable("away"), INTERVAL),
    ],
)
async def test_while_microsoft_is_away_or_busy_it_is_asked_later(
    world: World, trouble: RemoteError, wait: timedelta
) -> None:
    await world.device.begin(MARIA)
    world.codes.answers = [trouble]
    await world.after(INTERVAL)
    await world.after(wait - timedelta(seconds=1))
    assert len(world.codes.asked) == 1
    await world.after(timedelta(seconds=1))
    assert len(world.codes.asked) == 2


async def test_a_refusal_and_a_code_that_is_too_old_end_it(world: World) -> None:
    await world.device.begin(MARIA)
    world.codes.answers = [Unauthorized("the sign-in was declined")]
    await world.after(INTERVAL)
    await world.device.begin(TOM)
    await world.after(timedelta(minutes=16))

    assert [text for user, text in world.told if user == TOM] == [TOO_LATE]
    (text,) = [text for user, text in world.told if user == MARIA]
    assert "declined" in text
    assert world.accounts.accounts == {}


async def test_only_the_newest_code_of_a_person_counts(world: World) -> None:
    await world.device.begin(MARIA)
    await world.device.begin(MARIA)
    await world.after(INTERVAL)
    assert world.codes.asked == ["CODE2"]


async def test_an_account_of_another_is_refused(world: World) -> None:
    await world.device.begin(MARIA)
    world.codes.answers = [world.microsoft.person]
    await world.after(INTERVAL)
    await world.device.begin(TOM)
    world.codes.answers = [replace(world.microsoft.person)]
    await world.after(INTERVAL)

    assert set(world.accounts.accounts) == {MARIA}
    (text,) = [text for user, text in world.told if user == TOM]
    assert text.startswith(f"You are not signed in: Maria Rossi speaks in Matrix as {MARIA}")


async def test_who_may_not_gets_no_code_and_is_not_signed_in_by_one_from_before(
    world: World,
) -> None:
    await world.device.begin(MARIA)

    async def nobody(_user: UserId) -> bool:
        return False

    world.sign_ins.may_sign_in = nobody
    assert await world.device.begin(TOM) == NOT_PERMITTED
    world.codes.answers = [world.microsoft.person]
    await world.after(INTERVAL)
    assert world.accounts.accounts == {}


async def test_it_is_bounded_off_by_default_and_says_when_microsoft_gives_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await World(enabled=False).device.begin(MARIA) == OFF
    monkeypatch.setattr(device, "UNDER_WAY_MAX", 1)
    await world.device.begin(MARIA)
    assert await world.device.begin(TOM) == FULL
    world.codes.refusal = Unavailable("away")
    assert "gives no code now: away" in await world.device.begin(MARIA)


async def test_whoever_waits_is_told_at_the_end_of_the_process(world: World) -> None:
    await world.device.begin(MARIA)
    await world.device.give_up()
    assert world.told == [(MARIA, BEGIN_AGAIN)]
