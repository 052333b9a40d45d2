"""Graph's limits, anticipated: laws of the buckets and of who is next, then the gate itself."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, strategies as st
from prometheus_client import REGISTRY

from bridge.errors import Throttled
from bridge.sandbox.tenant.limit_buckets import (
    Buckets as TenantBuckets,
    Demand as TenantDemand,
    Play,
    Rate as TenantRate,
)
from bridge.sandbox.tenant.limit_demands import Asked, demands as demands_of_tenant
from bridge.sandbox.tenant.routes import Route
from bridge.teams import quota
from bridge.teams.quota import (
    CLOSED_MAX,
    OVERDUE_MAX,
    RESERVED,
    SWEEP_FIRST,
    WAIT_MAX,
    WAITERS_MAX,
    Buckets,
    Caller,
    Decision,
    Gate,
    Go,
    Priority,
    Refuse,
    Wait,
    decide,
)
from bridge.teams.quota_table import MARGIN, UNLIMITED, Demand, Key, Rate, Toll, toll_of
from tests.kit import tenant_table
from tests.unit.teams.memory import NOW, BeatClock, OwnClock

SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)
CHATS = tuple(f"19%3A{n}%40thread.v2" for n in range(40))
ROUTES = tenant_table.routes()


def post(chat: int) -> Toll:
    return toll_of("POST", f"/chats/{CHATS[chat]}/messages")


def read(chat: int) -> Toll:
    return toll_of("GET", f"/chats/{CHATS[chat]}/messages?$top=50")


def caller(toll: Toll, priority: Priority = Priority.LIVE, *, number: int = 0) -> Caller:
    return Caller(
        toll=toll, priority=priority, number=number, since=NOW, patience_until=NOW + WAIT_MAX
    )


def charge(buckets: Buckets, toll: Toll, *, after: timedelta = NOTHING) -> None:
    for demand in toll.demands:
        buckets.charge(demand, NOW + after)


def decided(
    buckets: Buckets, toll: Toll, priority: Priority = Priority.LIVE, *, after: timedelta = NOTHING
) -> Decision:
    one = caller(toll, priority)
    one.patience_until += after
    return decide(buckets, [one], NOW + after)[0]


@dataclass
class Played:
    """What became of asks: who went when, who was sent away when, and how many waited at most."""

    passed: list[tuple[timedelta, Caller]] = field(default_factory=list)
    refused: list[tuple[timedelta, Caller, Refuse]] = field(default_factory=list)
    most: int = 0


Ask = tuple[timedelta, Toll, Priority]


def play(asks: Sequence[Ask]) -> Played:
    """Let everyone come at their time and be served as the gate does, on a time of its own."""
    buckets, found, numbers = Buckets(), Played(), count()
    coming = sorted(asks, key=lambda ask: ask[0])
    waiting: list[Caller] = []
    dues: list[timedelta] = []
    while coming or waiting:
        now = min([*dues, *(at for at, _, _ in coming[:1])])
        while coming and coming[0][0] <= now:
            _, toll, priority = coming.pop(0)
            one = caller(toll, priority, number=next(numbers))
            one.since = NOW + now
            one.patience_until = one.since + WAIT_MAX
            waiting.append(one)
        waiting.sort(key=lambda one: one.rank)
        dues = []
        for one, decision in zip(tuple(waiting), decide(buckets, waiting, NOW + now), strict=True):
            match decision:
                case Go():
                    charge(buckets, one.toll, after=now)
                    found.passed.append((now, one))
                    waiting.remove(one)
                case Refuse():
                    found.refused.append((now, one, decision))
                    waiting.remove(one)
                case Wait(duration=duration):
                    dues.append(now + duration)
        found.most = max(found.most, len(waiting))
    return found


def times(found: Played) -> dict[Key, list[timedelta]]:
    """When each bucket was taken from."""
    taken: dict[Key, list[timedelta]] = defaultdict(list)
    for at, one in found.passed:
        for demand in one.toll.demands:
            taken[demand.key].append(at)
    return taken


def rates(found: Played) -> dict[Key, Rate]:
    return {d.key: d.rate for _, one in found.passed for d in one.toll.demands}


tolls = st.one_of(
    st.builds(post, st.integers(0, 30)),
    st.builds(read, st.integers(0, 30)),
    st.builds(post, st.integers(0, 2)),
    st.sampled_from(
        [
            toll_of("POST", f"/chats/{CHATS[0]}/members"),
            toll_of("GET", "/users/7/chats"),
            toll_of("GET", "/subscriptions"),
            toll_of("POST", "/teams/1/channels/19%3Ac/messages"),
            toll_of("GET", "/teams/1/channels/19%3Ad/messages"),
        ]
    ),
)
moments = st.integers(0, 6_000).map(lambda ms: timedelta(milliseconds=ms))
asked = st.lists(st.tuples(moments, tolls, st.sampled_from(Priority)), max_size=60)


# --- never more than the budget -----------------------------------------------------------------


@given(asked)
def test_no_window_sees_more_than_its_share_and_the_burst(asks: list[Ask]) -> None:
    found = play(asks)
    for key, taken in times(found).items():
        rate = rates(found)[key]
        burst = rate.count / min(rate.seconds, 1)
        for first in range(len(taken)):
            for last in range(first, len(taken)):
                window = (taken[last] - taken[first]).total_seconds()
                assert last - first + 1 <= burst + window * rate.count / rate.seconds + 1e-9


@given(asked, st.data())
def test_microsoft_refuses_nothing_though_calls_arrive_closer_together_than_they_were_sent(
    asks: list[Ask], data: st.DataObject
) -> None:
    referee, refused = TenantBuckets(), 0
    late = st.floats(0, MARGIN)
    arrivals = sorted(
        ((at.total_seconds() + data.draw(late), number, one.toll) for number, (at, one) in
         enumerate(play(asks).passed)),
        key=lambda arrival: arrival[:2],
    )  # fmt: skip
    for at, _, toll in arrivals:
        for demand in toll.demands:
            theirs = _as_theirs(demand)
            # A hair for the sums of floating numbers.
            refused += referee.wait(theirs, at, Play()) > 1e-6
            referee.charge(theirs, at, Play())
    assert refused == 0


def _as_theirs(demand: Demand) -> TenantDemand:
    rate = TenantRate(count=demand.rate.count, seconds=demand.rate.seconds)
    return TenantDemand(key=demand.key, rate=rate, cost=demand.cost)


@given(
    st.lists(
        st.tuples(moments, st.sampled_from(ROUTES), st.integers(0, 2), st.sampled_from(Priority)),
        max_size=60,
    )
)
def test_whatever_is_asked_the_simulated_tenant_counts_it_no_stricter_than_we(
    wanted: list[tuple[timedelta, Route, int, Priority]],
) -> None:
    """Its table was read from Microsoft's by others; what we let through, it lets through."""
    asked_of = {}
    asks: list[Ask] = []
    for at, route, number, priority in wanted:
        toll = toll_of(route.method, _with_ids(route, number))
        toll = Toll(name=toll.name, demands=toll.demands)
        asked_of[id(toll)] = _as_asked(route, number)
        asks.append((at, toll, priority))
    referee = TenantBuckets()
    for at, one in play(asks).passed:
        for theirs in demands_of_tenant(asked_of[id(one.toll)]):
            seconds = at.total_seconds()
            assert referee.wait(theirs, seconds, Play()) < 1e-6, (one.toll, theirs)
            referee.charge(theirs, seconds, Play())


@pytest.mark.parametrize("route", ROUTES, ids=tenant_table.place)
def test_a_flood_of_each_operation_is_not_refused_by_the_simulated_tenant(route: Route) -> None:
    toll = toll_of(route.method, _with_ids(route, 0))
    asks = [(timedelta(milliseconds=100 * n), toll, Priority.LIVE) for n in range(40)]
    referee = TenantBuckets()
    for at, _ in play(asks).passed:
        for theirs in demands_of_tenant(_as_asked(route, 0)):
            assert referee.wait(theirs, at.total_seconds(), Play()) < 1e-6, (toll, theirs)
            referee.charge(theirs, at.total_seconds(), Play())


def _with_ids(route: Route, number: int) -> str:
    path = tenant_table.path(route)
    for name in _names(route):
        path = path.replace(f"{{{name}}}", f"19%3A{name}{number}")
    return path


def _names(route: Route) -> list[str]:
    return [p[1:-1] for p in tenant_table.path(route).split("/") if p.startswith("{")]


def _as_asked(route: Route, number: int) -> Asked:
    return Asked(
        method=route.method,
        path=route.path,
        ids={name: f"19:{name}{number}" for name in _names(route)},
        query={},
        tenant="tenant",
        app="app",
        user=None,
        people=10,
    )


# --- priorities, fairness, limits ---------------------------------------------------------------


def test_who_is_more_urgent_goes_first_and_otherwise_who_came_first() -> None:
    buckets = Buckets()
    charge(buckets, post(0))
    at = timedelta(seconds=1 + MARGIN)
    history, second, first = (
        caller(read(0), Priority.HISTORY, number=0),
        caller(post(0), number=2),
        caller(post(0), number=1),
    )
    for one in (history, second, first):
        one.patience_until += at
    ranked = sorted([history, second, first], key=lambda one: one.rank)
    assert ranked == [first, second, history]
    decisions = decide(buckets, ranked, NOW + at)
    assert decisions[0] == Go()
    assert decisions[1] == Wait(at)
    assert isinstance(decisions[2], Refuse)


@pytest.mark.parametrize("priority", Priority)
def test_the_less_urgent_leave_room_for_the_more_urgent(priority: Priority) -> None:
    buckets, passed = Buckets(), 0
    while isinstance(decided(buckets, read(passed), priority), Go):
        charge(buckets, read(passed))
        passed += 1
    depth = read(0).demands[-1].rate.depth
    assert depth == 19
    assert depth - passed >= RESERVED[priority] * depth
    left = 0
    while isinstance(decided(buckets, read(passed + left)), Go):
        charge(buckets, read(passed + left))
        left += 1
    assert passed + left == depth


def test_reserves_grow_as_urgency_falls() -> None:
    assert list(RESERVED) == sorted(Priority)
    assert list(RESERVED.values()) == sorted(RESERVED.values())
    assert RESERVED[Priority.LIVE] == 0
    assert max(RESERVED.values()) < 1


@pytest.mark.parametrize("toll", [read(0), toll_of("POST", f"/chats/{CHATS[0]}/members")])
def test_a_bucket_that_has_had_time_serves_every_priority(toll: Toll) -> None:
    assert all(decided(Buckets(), toll, priority) == Go() for priority in Priority)


@given(st.lists(st.sampled_from(Priority), max_size=200))
def test_a_flood_in_one_chat_keeps_no_other_chat_waiting(flood: list[Priority]) -> None:
    asks = [(NOTHING, post(0), priority) for priority in flood]
    found = play([*asks, (NOTHING, post(1), Priority.AUDIT)])
    assert found.most <= 2, "a chat holds few places at the gate"
    assert NOTHING in [at for at, one in found.passed if one.toll == post(1)]


@pytest.mark.parametrize("chats", [10, 30, 70])
async def test_chats_that_always_have_something_to_say_share_the_line_alike(chats: int) -> None:
    clock, said = BeatClock(), [0] * chats
    gate = Gate(clock)

    async def speak(chat: int) -> None:
        while True:
            try:
                await gate.enter(_of(chat), Priority.LIVE)
            except Throttled as error:
                await clock.sleep(error.retry_after)
            else:
                said[chat] += 1

    async with asyncio.TaskGroup() as group:
        speakers = [group.create_task(speak(chat)) for chat in range(chats)]
        await clock.beat(chats, 60 * SECOND)
        for speaker in speakers:
            speaker.cancel()
    assert sum(said) >= 0.98 * 60 * min(chats, 20)
    assert min(said) >= 0.9 * sum(said) / chats


def _of(chat: int) -> Toll:
    return toll_of("POST", f"/chats/{chat}/messages")


@given(asked)
def test_nobody_waits_longer_than_the_limit_and_who_would_is_told_so_at_once(
    asks: list[Ask],
) -> None:
    found = play(asks)
    assert len(found.passed) + len(found.refused) == len(asks)
    assert found.most <= WAITERS_MAX
    for at, one in found.passed:
        assert NOW + at - one.since <= WAIT_MAX
    for at, one, refuse in found.refused:
        assert NOW + at + refuse.retry_after > one.patience_until


@given(asked)
def test_who_asks_alone_is_never_kept(asks: list[Ask]) -> None:
    for _, toll, priority in asks:
        assert play([(NOTHING, toll, priority)]).passed


def test_no_more_than_so_many_wait_and_the_least_urgent_are_sent_away() -> None:
    buckets = Buckets()
    for chat in range(19):
        charge(buckets, read(chat))
    # 30 ms each behind the other: all could be served in time, were there no limit of places.
    cheap = Toll(name="x", demands=(Demand(key=("x",), rate=Rate(count=60)),))
    for _ in range(59):
        charge(buckets, cheap)
    callers = [caller(cheap, number=n) for n in range(WAITERS_MAX + 10)]
    callers += [caller(cheap, Priority.AUDIT, number=n) for n in range(100, 103)]
    decisions = decide(buckets, callers, NOW)
    assert all(isinstance(one, Wait) for one in decisions[:WAITERS_MAX])
    assert all(isinstance(one, Refuse) for one in decisions[WAITERS_MAX:])
    assert all(one.retry_after >= WAIT_MAX for one in decisions if isinstance(one, Refuse))


def test_who_waits_for_their_own_chat_holds_no_place_in_the_line() -> None:
    buckets = Buckets()
    for chat in range(18):
        charge(buckets, post(chat))
    callers = [caller(post(chat), number=chat) for chat in range(18)]
    decisions = decide(buckets, [*callers, caller(post(20), number=20)], NOW)
    assert decisions[-1] == Go()


# --- what Graph says ----------------------------------------------------------------------------


def test_a_refusal_closes_the_chat_and_no_other() -> None:
    buckets = Buckets()
    buckets.refused(post(0).demands, timedelta(seconds=7), NOW)
    assert decided(buckets, post(0)) == Refuse(timedelta(seconds=7), crowded=False)
    assert decided(buckets, read(0), after=timedelta(seconds=6)) == Wait(SECOND)
    assert decided(buckets, post(0), after=timedelta(seconds=7)) == Go()
    assert decided(buckets, post(1)) == Go()


def test_two_chats_refused_within_one_wait_close_the_line() -> None:
    buckets = Buckets()
    buckets.refused(post(0).demands, timedelta(seconds=7), NOW)
    buckets.refused(post(0).demands, timedelta(seconds=7), NOW)
    assert decided(buckets, post(2)) == Go()
    buckets.refused(post(1).demands, timedelta(seconds=5), NOW + SECOND)
    assert decided(buckets, post(2), after=SECOND) == Refuse(timedelta(seconds=5), crowded=True)
    assert decided(buckets, read(2), after=SECOND) == Go(), "reading is another line"
    assert decided(buckets, post(2), after=timedelta(seconds=6)) == Go()


def test_two_chats_refused_far_apart_are_two_chats() -> None:
    buckets = Buckets()
    buckets.refused(post(0).demands, SECOND, NOW)
    buckets.refused(post(1).demands, SECOND, NOW + 2 * SECOND)
    assert decided(buckets, post(2), after=2 * SECOND) == Go()


def test_a_call_without_a_chat_closes_its_line() -> None:
    buckets, toll = Buckets(), toll_of("PATCH", "/subscriptions/7")
    buckets.refused(toll.demands, timedelta(seconds=7), NOW)
    assert decided(buckets, toll) == Refuse(timedelta(seconds=7), crowded=False)
    buckets.refused((), timedelta(seconds=7), NOW)


def test_the_longer_of_two_waits_holds_and_none_is_for_ever() -> None:
    buckets = Buckets()
    buckets.refused(post(0).demands, timedelta(seconds=9), NOW)
    buckets.refused(post(0).demands, timedelta(seconds=3), NOW)
    assert decided(buckets, post(0)) == Refuse(timedelta(seconds=9), crowded=False)
    buckets.refused(post(1).demands, timedelta(days=9), NOW)
    assert decided(buckets, post(1)) == Refuse(CLOSED_MAX, crowded=False)


def test_after_a_refusal_nothing_is_left_of_what_was_saved_up() -> None:
    buckets, toll = Buckets(), toll_of("GET", "/subscriptions")
    buckets.refused(toll.demands, SECOND, NOW)
    assert decided(buckets, toll, after=SECOND) == Go()
    charge(buckets, toll, after=SECOND)
    assert isinstance(decided(buckets, toll, after=SECOND), Wait)


def test_a_channel_takes_three_thousand_messages_a_day_and_the_next_waits() -> None:
    buckets, toll = Buckets(), toll_of("POST", f"{CHANNEL}/messages")
    posted = 0
    while decided(buckets, toll, after=2 * posted * SECOND) == Go():
        charge(buckets, toll, after=2 * posted * SECOND)
        posted += 1
    come_back = 2 * posted * 3_000 / timedelta(days=1).total_seconds()
    assert posted == pytest.approx(3_000 + come_back, abs=3)
    assert decided(buckets, toll, after=2 * posted * SECOND + timedelta(seconds=30)) == Go()


def test_a_refusal_takes_nothing_from_the_day_of_a_channel() -> None:
    buckets, toll = Buckets(), toll_of("POST", f"{CHANNEL}/messages")
    buckets.refused(toll.demands, SECOND, NOW)
    for number in range(1, 10):
        assert decided(buckets, toll, after=2 * number * SECOND) == Go()
        charge(buckets, toll, after=2 * number * SECOND)


# --- memory, time -------------------------------------------------------------------------------


def test_memory_is_bounded_and_a_full_bucket_needs_none() -> None:
    small = Buckets(buckets_max=50)
    for number in range(500):
        charge(small, toll_of("GET", f"/chats/{number}/messages"), after=SECOND * number / 1000)
        assert len(small) <= 50
    large = Buckets()
    for number in range(5_000):
        charge(large, toll_of("GET", f"/chats/{number}/messages"), after=SECOND * number)
    assert len(large) <= SWEEP_FIRST


def test_what_was_used_last_is_remembered_longest() -> None:
    buckets = Buckets(buckets_max=3)
    for chat in (0, 1, 2, 0, 3):
        buckets.charge(post(chat).demands[0], NOW)
    assert isinstance(decided(buckets, post(0)), Wait)
    assert decided(buckets, post(1)) == Go()


@given(asked, st.integers(0, 5))
def test_forgetting_what_is_full_changes_nothing(asks: list[Ask], wait: int) -> None:
    kept, swept = Buckets(), Buckets()
    end = NOTHING
    for at, toll, _ in sorted(asks, key=lambda ask: ask[0]):
        for buckets in (kept, swept):
            charge(buckets, toll, after=at)
        swept._sweep(NOW + at)
        end = at
    now = NOW + end + SECOND * wait
    for _, toll, priority in asks:
        for demand in toll.demands:
            assert kept.wait(demand, priority, now) == swept.wait(demand, priority, now)


def test_a_clock_that_was_set_back_neither_fills_a_bucket_nor_keeps_it_closed() -> None:
    buckets = Buckets()
    charge(buckets, post(0))
    buckets.refused(post(1).demands, SECOND, NOW)
    back = -timedelta(days=1)
    assert decided(buckets, post(0), after=back) == Wait(timedelta(seconds=1 + MARGIN))
    assert decided(buckets, post(0), after=back + 2 * SECOND) == Go()
    assert isinstance(decided(buckets, post(1), after=back), Wait)
    assert decided(buckets, post(1), after=back + 2 * SECOND) == Go()


# --- the table ----------------------------------------------------------------------------------

CHAT = "/chats/19%3Aa%40thread.v2"
CHANNEL = "/teams/t/channels/19%3Ac%40thread.tacv2"
OF_CHAT = ("conversation", "19:a@thread.v2")
OF_CHANNEL = ("conversation", "19:c@thread.tacv2")
OF_DAY = ("day", "19:c@thread.tacv2")


@pytest.mark.parametrize(
    ("method", "path", "keys", "rate"),
    [
        ("POST", f"{CHAT}/messages", [OF_CHAT], 20),
        ("GET", f"{CHAT}/messages?$top=50", [OF_CHAT], 20),
        ("GET", f"{CHAT}/messages/1700", [OF_CHAT], 20),
        ("PATCH", f"{CHAT}/messages/1700", [OF_CHAT], 30),
        ("POST", f"{CHAT}/messages/1700/setReaction", [OF_CHAT], 30),
        ("POST", f"/users/7{CHAT}/messages/1700/softDelete", [OF_CHAT], 30),
        ("POST", f"{CHAT}/messages/replyWithQuote", [OF_CHAT], 20),
        ("GET", f"{CHAT}/messages/delta()", [OF_CHAT], 30),
        ("GET", f"{CHAT}?$expand=members", [OF_CHAT], 30),
        ("POST", f"{CHAT}/members", [("each", "add chat member", OF_CHAT[1]), OF_CHAT], 30),
        (
            "DELETE",
            f"{CHAT}/members/MCMj",
            [("each", "remove chat member", OF_CHAT[1]), OF_CHAT],
            30,
        ),
        ("POST", "/teams/t/members", [("each", "add team member", "t"), ("team", "t")], 30),
        ("GET", f"{CHANNEL}/messages", [OF_CHANNEL, ("team", "t")], 20),
        ("POST", f"{CHANNEL}/messages/1700/replies", [OF_CHANNEL, OF_DAY, ("team", "t")], 50),
        ("GET", f"{CHANNEL}/messages?$top=20&$expand=replies", [OF_CHANNEL, ("team", "t")], 20),
        ("GET", f"{CHANNEL}/messages/1700", [OF_CHANNEL, ("team", "t")], 20),
        ("GET", f"{CHANNEL}/messages/1700/replies?$skiptoken=x", [OF_CHANNEL, ("team", "t")], 20),
        ("GET", f"{CHANNEL}/messages/1700/replies/1701", [OF_CHANNEL, ("team", "t")], 20),
        ("POST", f"{CHANNEL}/messages", [OF_CHANNEL, OF_DAY, ("team", "t")], 50),
        ("PATCH", f"{CHANNEL}/messages/1700/replies/1701", [OF_CHANNEL, ("team", "t")], 30),
        ("POST", f"{CHANNEL}/messages/1700/softDelete", [OF_CHANNEL, ("team", "t")], 30),
        (
            "POST",
            f"{CHANNEL}/messages/1700/replies/1701/setReaction",
            [OF_CHANNEL, ("team", "t")],
            30,
        ),
        ("GET", "/teams?$select=id&$top=999", [], 30),
        ("GET", f"{CHANNEL}/members", [OF_CHANNEL, ("team", "t")], 60),
        ("GET", "/teams/t/channels", [("team", "t")], 60),
        ("GET", "/teams/t", [("team", "t")], 30),
        ("GET", "/users/7/chats?$top=50", [("chats of", "7")], 30),
        ("GET", "/me/chats", [], 30),
        ("GET", "/chats/getAllMessages", [], 200),
        ("GET", "/users/7/chats/getAllMessages", [], 200),
        ("GET", "/users/7/joinedTeams", [], 30),
        ("GET", "/teams/t/channels/getAllMessages", [("team", "t")], 200),
        ("GET", "/users/7?$select=id", [], 3500),
        ("GET", "/users/7/presence", [], 10_000),
        ("GET", "/subscriptions", [], 25),
        ("PATCH", "/subscriptions/7", [], 500),
    ],
)
def test_a_call_takes_from_these_buckets(
    method: str, path: str, keys: list[Key], rate: float
) -> None:
    *narrow, line = toll_of(method, path).demands
    assert [demand.key for demand in narrow] == keys
    assert line.rate.count == rate
    assert line.key == ("line", toll_of(method, path).name)


@pytest.mark.parametrize("path", ["/things", "/", "", "/$batch", "/chatsX/7"])
def test_what_is_on_no_line_is_not_limited(path: str) -> None:
    assert toll_of("POST", path) == Toll(name=UNLIMITED)


def test_a_chat_is_the_same_however_its_id_is_written() -> None:
    assert toll_of("POST", "/chats/19:a@thread.v2/messages") == toll_of("POST", f"{CHAT}/messages")


# --- the gate -----------------------------------------------------------------------------------


@dataclass
class Door:
    """A gate with a clock that the test moves, and a note of who went through."""

    clock: OwnClock = field(default_factory=OwnClock)
    passed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = Gate(self.clock)

    async def enter(self, name: str, toll: Toll, priority: Priority = Priority.LIVE) -> None:
        await self.gate.enter(toll, priority)
        self.passed.append(name)

    async def waits(self, number: int) -> None:
        """Return when so many wait, and have begun to sleep."""
        async with asyncio.timeout(10):
            while len(self.gate._callers) != number:
                await _turn()
        for _ in range(10):
            await _turn()

    async def saw(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.passed) < number:
                await _turn()


async def _turn() -> None:
    """Let everything else run once."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()


async def test_a_short_wait_is_waited_out_by_urgency_then_arrival() -> None:
    door = Door()
    await door.enter("first", post(0))
    async with asyncio.TaskGroup() as group:
        group.create_task(door.enter("history", read(0), Priority.HISTORY))
        await door.waits(1)
        group.create_task(door.enter("live", post(0)))
        await door.waits(2)
        assert door.passed == ["first"]
        door.clock.advance(timedelta(seconds=1 + MARGIN))
        await door.saw(2)
        await door.waits(1)
        assert door.passed == ["first", "live"]
        door.clock.advance(timedelta(seconds=1 + MARGIN))
    assert door.passed == ["first", "live", "history"]


async def test_who_would_wait_too_long_is_told_at_once() -> None:
    door = Door()
    await door.enter("first", post(0))
    async with asyncio.TaskGroup() as group:
        group.create_task(door.enter("second", post(0)))
        await door.waits(1)
        with pytest.raises(Throttled, match="post chat message") as raised:
            await door.enter("third", post(0))
        assert raised.value.retry_after == timedelta(seconds=2 * (1 + MARGIN))
        assert not isinstance(raised.value.__context__, TimeoutError)
        await door.waits(1)
        door.clock.advance(timedelta(seconds=1 + MARGIN))


async def test_who_is_pushed_back_too_far_is_sent_away() -> None:
    door = Door()
    await door.enter("first", post(0))
    async with asyncio.TaskGroup() as group:
        history = group.create_task(_caught(door.enter("history", read(0), Priority.HISTORY)))
        await door.waits(1)
        door.clock.advance(SECOND / 2)
        for name in ("live", "more"):
            group.create_task(door.enter(name, post(0)))
        assert (await history).retry_after == 3 * timedelta(seconds=1 + MARGIN) - SECOND / 2
        for passed in (2, 3):
            await door.waits(4 - passed)
            door.clock.advance(timedelta(seconds=1 + MARGIN))
            await door.saw(passed)
    assert door.passed == ["first", "live", "more"]


async def _caught(entering: object) -> Throttled:
    with pytest.raises(Throttled) as raised:
        await entering  # type: ignore[misc]
    return raised.value


async def test_whoever_gives_up_makes_room_for_those_behind() -> None:
    door = Door()
    await door.enter("first", post(0))
    async with asyncio.TaskGroup() as group:
        gives_up = group.create_task(door.enter("second", post(0)))
        await door.waits(1)
        gives_up.cancel()
        await door.waits(0)
        group.create_task(door.enter("third", post(0)))
        await door.waits(1)
        door.clock.advance(timedelta(seconds=1 + MARGIN))
    assert door.passed == ["first", "third"]


async def test_a_refusal_by_graph_sends_those_away_who_wait_for_the_same() -> None:
    door = Door()
    await door.enter("first", post(0))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(_caught(door.enter("second", post(0))))
        await door.waits(1)
        door.gate.refused(post(0), timedelta(seconds=30))
        assert (await waiting).retry_after == timedelta(seconds=30)
    door.clock.advance(timedelta(seconds=30))
    await door.enter("third", post(0))


async def test_late_timers_cost_no_one_their_turn() -> None:
    door = Door()
    await door.enter("first", post(0))
    async with asyncio.TaskGroup() as group:
        group.create_task(door.enter("second", post(0)))
        await door.waits(1)
        door.clock.advance(WAIT_MAX + 5 * OVERDUE_MAX)
    assert door.passed == ["first", "second"]


async def test_a_clock_that_is_set_back_keeps_nobody_at_the_gate() -> None:
    door = Door()
    await door.enter("first", post(0))
    async with asyncio.TaskGroup() as group:
        group.create_task(door.enter("second", post(0)))
        await door.waits(1)
        door.clock.advance(-timedelta(days=1))
        door.gate.refused(Toll(name=UNLIMITED), SECOND)
        await door.waits(1)
        door.clock.advance(timedelta(seconds=1 + MARGIN))
    assert door.passed == ["first", "second"]


async def test_places_are_kept_for_a_limited_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "SENT_AWAY_MAX", 5)
    door = Door()
    async with asyncio.TaskGroup() as group:
        for chat in range(19 + 40):
            group.create_task(door.enter("early", _of(chat)))
        await door.waits(40)
        for chat in range(100, 120):
            with pytest.raises(Throttled):
                await door.enter("late", _of(chat))
        assert len(door.gate._sent_away) == 5
        for left in (30, 20, 10, 0):
            door.clock.advance(SECOND / 2)
            await door.waits(left)
    assert len(door.passed) == 59


async def test_what_is_on_no_line_passes_always() -> None:
    door = Door()
    for _ in range(WAITERS_MAX * 3):
        await door.enter("x", toll_of("POST", "/$batch"), Priority.AUDIT)
    assert door.clock.slept == []


async def test_waits_are_measured_by_priority() -> None:
    name = "teams_bridge_graph_waits_seconds"
    before = [REGISTRY.get_sample_value(f"{name}_{part}", {"priority": "edits"}) or 0
              for part in ("count", "sum")]  # fmt: skip
    door = Door()
    await door.enter("first", post(0), Priority.EDITS)
    async with asyncio.TaskGroup() as group:
        group.create_task(door.enter("second", post(0), Priority.EDITS))
        await door.waits(1)
        door.clock.advance(timedelta(seconds=1.25))
    after = [REGISTRY.get_sample_value(f"{name}_{part}", {"priority": "edits"}) or 0
             for part in ("count", "sum")]  # fmt: skip
    assert after[0] - before[0] == 2
    assert after[1] - before[1] == pytest.approx(1.25)
