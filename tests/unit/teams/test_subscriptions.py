"""The keeper against a Graph that fails: how it waits, and what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest
from structlog.testing import capture_logs

from bridge.errors import StoreUnavailable, Throttled, Unavailable
from bridge.teams import advice
from bridge.teams.advice import delivery_refusal
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.certificates import Keyring
from bridge.teams.graph import Graph, Json
from bridge.teams.keepers import Keepers
from bridge.teams.notifications import Lifecycle, LifecycleEvent
from bridge.teams.resources import CHANNEL_MESSAGES, CHAT_MESSAGES, Covers, Resource, resources
from bridge.teams.subscriptions import REFUSED_WAIT, Addresses, Means, OnGap, SubscriptionKeeper
from bridge.teams.waiting import pause
from bridge.telemetry import Watch
from tests.unit.teams.memory import Bearer, OwnClock, Subscriptions

RESOURCE = CHAT_MESSAGES.path
LIFETIME = CHAT_MESSAGES.lifetime
ADDRESSES = Addresses.below("https://bridge.test/teams/")


@dataclass
class Script:
    """Graph, as far as subscriptions go; errors are raised in their order first."""

    clock: OwnClock
    errors: list[Exception] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    expires: object = None

    async def request(self, method: str, path: str, **more: object) -> Json:
        self.calls.append(f"{method} {path}")
        if self.errors:
            raise self.errors.pop(0)
        body = cast(Json, more.get("body") or {})
        self.expires = body.get("expirationDateTime", self.expires)
        return {
            "id": "s1",
            "resource": RESOURCE,
            "notificationUrl": ADDRESSES.notifications,
            "lifecycleNotificationUrl": ADDRESSES.lifecycle,
            "expirationDateTime": self.expires,
        }


@dataclass
class World:
    clock: OwnClock
    script: Script
    books: Subscriptions
    watch: Watch
    keeper: SubscriptionKeeper
    gaps: list[int]

    async def turn(self, by: timedelta = timedelta(0)) -> None:
        """Let the keeper work until it sleeps; then let time pass."""
        await self.rest()
        self.clock.advance(by)
        await self.rest()

    async def rest(self) -> None:
        await turns()


async def nothing(_: Resource) -> None:
    """No gap is told to anybody."""


def means_of(
    script: object,
    books: Subscriptions,
    clock: OwnClock,
    watch: Watch,
    *,
    on_gap: OnGap = nothing,
) -> Means:
    return Means(
        graph=cast(Graph, script),
        credential=Bearer(),
        book=books,
        keyring=Keyring(books),
        clock=clock,
        watch=watch,
        addresses=ADDRESSES,
        on_gap=on_gap,
    )


async def turns() -> None:
    """Let everybody work until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251 -- turns of the loop, not time


@asynccontextmanager
async def running(*errors: Exception, resource: Resource = CHAT_MESSAGES) -> AsyncIterator[World]:
    clock, books, watch = OwnClock(), Subscriptions(), Watch()
    script, gaps = Script(clock, list(errors)), list[int]()

    async def on_gap(_: Resource) -> None:
        gaps.append(1)

    means = means_of(script, books, clock, watch, on_gap=on_gap)
    keeper = SubscriptionKeeper(resource=resource, means=means)
    await keeper.prepare()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(keeper.run(stop))
        yield World(clock, script, books, watch, keeper, gaps)
        stop.set()


async def test_the_addresses_lie_below_the_webhook_url() -> None:
    assert ADDRESSES.notifications == "https://bridge.test/teams/notifications"
    assert ADDRESSES.lifecycle == "https://bridge.test/teams/lifecycle"


async def test_failures_are_waited_out_longer_and_longer_and_told_once() -> None:
    async with running(*(Unavailable("away") for _ in range(8))) as world:
        for _ in range(8):
            await world.turn(timedelta(minutes=1))
        waits = [s.total_seconds() for s in world.clock.slept]
        assert waits[:8] == [2, 4, 8, 16, 32, 60, 60, 60]
        assert world.keeper.is_alive
        assert not world.watch.is_away("subscription")


async def test_throttling_is_waited_out_as_told() -> None:
    async with running(Throttled("later", retry_after=timedelta(seconds=77))) as world:
        await world.turn()
        assert world.clock.slept == [timedelta(seconds=77)]


async def test_a_store_that_is_away_does_not_end_the_keeper() -> None:
    async with running(StoreUnavailable("away")) as world:
        await world.turn(timedelta(seconds=2))
        assert world.keeper.is_alive


async def test_every_hour_it_looks_whether_the_subscription_is_still_there() -> None:
    async with running() as world:
        await world.turn(timedelta(hours=1))
        await world.turn(timedelta(hours=1))
        assert world.script.calls == [
            "POST /subscriptions",
            "GET /subscriptions/s1",
            "GET /subscriptions/s1",
        ]


async def test_a_renewal_that_fails_is_repeated_long_before_the_end() -> None:
    async with running() as world:
        await world.turn()
        world.script.errors = [Unavailable("away"), Unavailable("away")]
        await world.turn(LIFETIME * 2 / 3)
        await world.turn(timedelta(seconds=2))
        await world.turn(timedelta(seconds=4))
        assert world.script.calls[-1] == "PATCH /subscriptions/s1"
        left = world.books.known[RESOURCE].expires_at - world.clock.now()
        assert left > LIFETIME - timedelta(minutes=1)
        assert world.gaps == []


@pytest.mark.parametrize("event", list(LifecycleEvent))
async def test_lifecycle_notifications_wake_it(event: LifecycleEvent) -> None:
    async with running() as world:
        await world.turn()
        await world.keeper.note(Lifecycle(subscription="s1", event=event))
        await world.rest()
        calls, gaps = {
            LifecycleEvent.REAUTHORIZATION_REQUIRED: (["PATCH /subscriptions/s1"], []),
            LifecycleEvent.SUBSCRIPTION_REMOVED: (["POST /subscriptions"], [1]),
            LifecycleEvent.MISSED: ([], [1]),
        }[event]
        assert world.script.calls[1:] == calls
        assert world.gaps == gaps


async def test_a_lifecycle_notification_of_a_former_subscription_is_old_news() -> None:
    async with running() as world:
        await world.turn()
        event = LifecycleEvent.SUBSCRIPTION_REMOVED
        await world.keeper.note(Lifecycle(subscription="s0", event=event))
        await world.rest()
        assert world.script.calls == ["POST /subscriptions"]


async def test_the_next_process_reads_the_client_state_before_it_listens() -> None:
    async with running() as world:
        await world.turn()
        state = state_of(world.keeper)
    means = means_of(world.script, world.books, world.clock, world.watch)
    other = SubscriptionKeeper(resource=CHAT_MESSAGES, means=means)
    assert state_of(other) is None
    await other.prepare()
    assert state_of(other) == state
    assert state is not None
    assert len(state) >= 32


def state_of(keeper: SubscriptionKeeper) -> str | None:
    return None if keeper.known is None else keeper.known.client_state


# --- several beside each other ----------------------------------------------------------------


@dataclass
class Choosy:
    """Graph: subscribes to what it is asked for, unless somebody has not consented to that."""

    refused: set[str] = field(default_factory=set)
    made: dict[str, Json] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    async def request(self, method: str, path: str, **more: object) -> Json:
        if method == "DELETE":
            self.deleted.append(path)
            return {}
        if method == "GET":
            return self.made[path.rpartition("/")[2]]
        wish = cast(Json, more["body"])
        if wish["resource"] in self.refused:
            raise PermissionMissing("missing role permissions", everyone=True)
        key = f"s{len(self.made)}"
        self.made[key] = {**wish, "id": key}
        return self.made[key]

    def to(self, resource: str) -> list[Json]:
        return [one for one in self.made.values() if one["resource"] == resource]


@dataclass
class Several:
    graph: Choosy = field(default_factory=Choosy)
    books: Subscriptions = field(default_factory=Subscriptions)
    clock: OwnClock = field(default_factory=OwnClock)
    watch: Watch = field(default_factory=Watch)
    gaps: list[Covers] = field(default_factory=list)

    @asynccontextmanager
    async def kept(self, *, channels: bool = True) -> AsyncIterator[Keepers]:
        async def on_gap(resource: Resource) -> None:
            self.gaps.append(resource.covers)

        means = means_of(self.graph, self.books, self.clock, self.watch, on_gap=on_gap)
        keepers, stop = Keepers(resources(channels=channels), means), asyncio.Event()
        await keepers.prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(keepers.run(stop))
            await turns()
            yield keepers
            stop.set()


async def test_everything_is_subscribed_to_and_only_letters_bring_content() -> None:
    several = Several()
    async with several.kept() as keepers:
        assert keepers.is_alive
        assert len(keepers.accepted_states()) == len(set(keepers.accepted_states())) == 9
    rich = {
        one["resource"] for one in several.graph.made.values() if "encryptionCertificate" in one
    }
    assert rich == {CHAT_MESSAGES.path, CHANNEL_MESSAGES.path}
    assert len(several.books.kept) == 1, "one certificate for all"


async def test_a_permission_that_is_missing_stops_nothing_else_and_is_asked_for_again() -> None:
    several = Several()
    several.graph.refused = {"/users"}
    with capture_logs() as logs:
        async with several.kept() as keepers:
            assert keepers.is_alive
            assert keepers.listens_to(Covers.CHANNEL_MESSAGES)
            assert not keepers.listens_to(Covers.PEOPLE)
            assert several.watch.is_away("subscription /users")
            several.graph.refused = set()
            several.clock.advance(REFUSED_WAIT)
            await turns()
            assert keepers.listens_to(Covers.PEOPLE)
    (hint,) = [line["hint"] for line in logs if "hint" in line]
    assert "User.Read.All" in hint
    assert not several.watch.is_away("subscription /users")


async def test_the_bridge_is_not_alive_without_the_messages_of_chats() -> None:
    several = Several()
    several.graph.refused = {CHAT_MESSAGES.path}
    async with several.kept() as keepers:
        assert not keepers.is_alive
        assert keepers.listens_to(Covers.CHANNEL_MESSAGES)


async def test_what_is_not_wanted_any_more_is_given_up() -> None:
    several = Several()
    async with several.kept():
        pass
    assert several.graph.deleted == []
    async with several.kept(channels=False) as keepers:
        assert len(keepers.accepted_states()) == 4
    assert len(several.graph.deleted) == 5
    assert all(several.books.known[one].id is None for one in several.books.known if "teams" in one)
    async with several.kept(channels=False):
        pass
    assert len(several.graph.deleted) == 5, "once"


async def test_whose_subscription_is_gone_is_told_of_that_gap_alone() -> None:
    several = Several()
    async with several.kept() as keepers:
        known = several.books.known["/teams/getAllMembers"]
        event = LifecycleEvent.SUBSCRIPTION_REMOVED
        await keepers.note(Lifecycle(subscription=str(known.id), event=event))
        await turns()
    assert several.gaps == [Covers.TEAMS]
    assert len(several.graph.to("/teams/getAllMembers")) == 2


def test_advice_is_given_where_an_operator_can_act() -> None:
    def subscription_advice(error: Exception) -> str | None:
        return advice.subscription_advice(error, "Chat.Read.All")

    missing = subscription_advice(PermissionMissing("no", everyone=True))
    assert missing is not None
    assert "Chat.Read.All" in missing
    handshake = GraphRejected("no", status=400, code="ValidationError")
    assert "teams.webhook_url" in str(subscription_advice(handshake))
    assert subscription_advice(Unavailable("away")) is None
    assert subscription_advice(GraphRejected("no", status=403, code="Forbidden")) is None


def test_a_refused_delivery_says_why() -> None:
    for status, says in (
        (413, "too large"),
        (403, "no longer in the chat"),
        (404, "no longer exists"),
    ):
        assert says in delivery_refusal(GraphRejected("x", status=status, code="c"))
    assert delivery_refusal(GraphRejected("as it is", status=400, code="c")) == "as it is"


async def test_a_pause_ends_by_time_or_by_a_bell() -> None:
    clock, bell = OwnClock(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(pause(clock, timedelta(seconds=5), bell))
        await turns()
        clock.advance(timedelta(seconds=5))
        await first
        second = group.create_task(pause(clock, timedelta(days=1), bell))
        await turns()
        bell.set()
        await second
    await pause(clock, timedelta(days=1), bell)
