"""The weather: by rule, by chance and by the clock; the same again from the same seed."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import aiohttp
import pytest

from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.client_weather import (
    challenge_subscriptions,
    end_storms,
    kill_subscriptions,
    script,
    start_script,
    stop_script,
    storm,
)
from bridge.sandbox.tenant.crowd.client import traffic
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.weather import Fault, FaultKind, Storm, Weather
from tests.unit.sandbox.tenant.place import PATIENCE, Place, Subscriber

OUTCOMES = 120


def tenant_of(place: Place) -> Tenant:
    return place.server.realm.tenants[place.tenant.id]


async def outcomes(place: Place, count: int) -> list[int]:
    """Statuses of so many requests; 0 where the connection broke."""
    found = []
    for _ in range(count):
        try:
            found.append((await place.graph(None, "GET", "/users?$top=1")).status)
        except aiohttp.ClientError:
            found.append(0)
    return found


async def played(place: Place, count: int) -> list[Json]:
    """The first so many steps of the script, once they were played."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await script(place.tenant))["played"]
            assert isinstance(found, list)
            if len(found) >= count:
                return found


async def subscribe(place: Place, subscriber: Subscriber, chat: str) -> str:
    answer = await place.graph(
        None, "POST", "/subscriptions", subscriber.wish(f"/chats/{chat}/messages")
    )
    assert answer.status == 201
    return str(answer.body["id"])


async def test_requests_fail_by_chance_in_every_way(place: Place) -> None:
    await place.app_token()
    await place.tenant.set_weather(seed=5)
    await storm(place.tenant, 0.5)
    found = Counter(await outcomes(place, OUTCOMES))
    assert found.keys() == {200, 0, 429, 500, 503, 504}
    assert 40 <= found[200] <= 80
    await end_storms(place.tenant)
    assert await outcomes(place, 10) == [200] * 10


async def test_the_same_seed_brings_the_same_storm(place: Place) -> None:
    await place.app_token()
    rows = []
    for _ in range(2):
        await place.tenant.clear_weather()
        await storm(place.tenant, 0.4)
        await place.tenant.set_weather(seed=11)
        rows.append(await outcomes(place, 40))
    assert rows[0] == rows[1]
    await place.tenant.set_weather(seed=12)
    assert await outcomes(place, 40) != rows[0]


async def test_a_storm_keeps_to_its_path_and_method(place: Place) -> None:
    await storm(place.tenant, 1, path="/messages$", method="post", faults=[{"status": 504}])
    assert (await place.say(place.alice, place.chat, "x")).status == 504
    assert (await place.graph(place.alice, "GET", "/me/chats")).status == 200
    assert await place.tenant.messages(place.chat) == []


async def test_the_work_is_done_and_the_answer_lost(place: Place) -> None:
    await place.user_token(place.alice)
    await storm(place.tenant, 1, path="/messages", faults=[{"kind": "drop_after"}])
    with pytest.raises(aiohttp.ClientError):
        await place.say(place.alice, place.chat, "heard")
    await end_storms(place.tenant)
    await storm(place.tenant, 1, path="/messages", faults=[{"kind": "answer_after", "status": 500}])
    assert (await place.say(place.alice, place.chat, "too")).status == 500
    texts = [str(m["body"]["content"]) for m in await place.tenant.messages(place.chat)]  # type: ignore[index]
    assert texts == ["heard", "too"]


async def test_faults_come_by_their_weight_and_say_when_to_come_again(place: Place) -> None:
    await place.app_token()
    faults: list[Json] = [
        {"status": 429, "retry_after_seconds": 7, "weight": 9},
        {"status": 500, "weight": 1},
    ]
    await storm(place.tenant, 1, faults=faults)
    found = Counter(await outcomes(place, 60))
    assert found[429] > 40
    assert found.keys() <= {429, 500}
    await end_storms(place.tenant)
    await storm(place.tenant, 1, faults=faults[:1])
    answer = await place.graph(None, "GET", "/users")
    assert answer.headers["Retry-After"] == "7"
    assert answer.code == "TooManyRequests"


async def test_a_silent_connection_breaks_at_last_and_nothing_was_done(place: Place) -> None:
    await place.user_token(place.alice)
    await place.tenant.add_fault("/messages", kind="hang", hold_seconds=600)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_refused(place))
        await _requested(place)
        await place.tenant.advance_clock(timedelta(seconds=599))
        assert not waiting.done()
        await place.tenant.advance_clock(timedelta(seconds=2))
    assert await place.tenant.messages(place.chat) == []


async def test_a_slow_answer_is_a_good_one(place: Place) -> None:
    await place.user_token(place.alice)
    await place.tenant.add_fault("/messages", kind="slow", hold_seconds=600)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(place.say(place.alice, place.chat, "slowly"))
        async with asyncio.timeout(PATIENCE):
            while not await place.tenant.messages(place.chat):
                pass
        assert not waiting.done()
        await place.tenant.advance_clock(timedelta(seconds=601))
    assert waiting.result().status == 201


async def _refused(place: Place) -> None:
    with pytest.raises(aiohttp.ClientError):
        await place.say(place.alice, place.chat, "x")


async def _requested(place: Place) -> None:
    """Wait until the rule was used up, so that the request is in its silence."""
    async with asyncio.timeout(PATIENCE):
        while tenant_of(place).weather.faults:
            await place.tenant.users()


async def test_a_dozen_subscriptions_die_at_once(place: Place, subscriber: Subscriber) -> None:
    one = await subscribe(place, subscriber, place.chat)
    other = await subscribe(place, subscriber, place.group)
    assert await kill_subscriptions(place.tenant, resource=place.chat.partition("@")[0]) == [one]
    assert await kill_subscriptions(place.tenant, share=0) == []
    assert [item["id"] for item in await place.tenant.subscriptions()] == [other]
    assert await kill_subscriptions(place.tenant, lifecycle=True) == [other]
    assert (await subscriber.posted(1))[0]["value"][0]["lifecycleEvent"] == "subscriptionRemoved"


async def test_all_are_asked_to_reauthorize(place: Place, subscriber: Subscriber) -> None:
    one = await subscribe(place, subscriber, place.chat)
    assert await challenge_subscriptions(place.tenant) == [one]
    posts = await subscriber.posted(1)
    assert posts[0]["value"][0]["lifecycleEvent"] == "reauthorizationRequired"


async def test_a_script_plays_its_steps_by_the_tenants_clock(place: Place) -> None:
    await place.app_token()
    steps: list[Json] = [
        {"at": 600, "do": "POST /weather", "body": {"away": "no"}},
        {"at": 300, "do": "POST /weather", "body": {"away": "unavailable"}},
    ]
    await start_script(place.tenant, steps)
    assert (await place.graph(None, "GET", "/users")).status == 200
    await place.tenant.advance_clock(timedelta(seconds=301))
    await played(place, 1)
    assert (await place.graph(None, "GET", "/users")).status == 503
    await place.tenant.advance_clock(timedelta(seconds=300))
    assert [step["status"] for step in await played(place, 2)] == [204, 204]
    assert (await place.graph(None, "GET", "/users")).status == 200
    assert (await script(place.tenant))["left"] == 0


async def test_a_script_can_do_whatever_the_control_interface_can(place: Place) -> None:
    app = place.app
    steps: list[Json] = [
        {"at": 0, "do": "POST /storms", "body": {"probability": 0}},
        {"at": 0, "do": f"PATCH /apps/{app}", "body": {"application_permissions": []}},
        {"at": 0, "do": "POST /traffic", "body": {"rate": 100}},
        {"at": 0, "do": "DELETE /subscriptions/none", "query": {"lifecycle": "true"}},
        {"at": 0, "do": "POST /nonsense"},
    ]
    await start_script(place.tenant, steps)
    found = await played(place, 5)
    assert [step["status"] for step in found] == [204, 200, 200, 404, 404]
    assert found[4]["error"] == "There is no such control operation."
    assert (await place.graph(None, "GET", "/users")).status == 403
    assert (await traffic(place.tenant))["running"] is True


async def test_steps_can_come_again_and_late_by_the_seed(place: Place) -> None:
    step: Json = {"at": 10, "do": "POST /weather", "jitter": 5, "every": 60, "times": 3}
    rows = []
    for seed in (1, 1, 2):
        tenant = tenant_of(place)
        started = tenant.clock.now()
        await start_script(place.tenant, [step], seed=seed)
        assert tenant.script is not None
        due = [at - started for at, _, _ in sorted(tenant.script._due)]
        assert all(
            timedelta(seconds=10 + 60 * turn) <= at <= timedelta(seconds=17 + 60 * turn)
            for turn, at in enumerate(due)
        )
        rows.append([at - due[0] for at in due])
    assert rows[0] == rows[1] != rows[2]


async def test_a_script_can_be_stopped_and_replaced(place: Place) -> None:
    await start_script(place.tenant, [{"at": 100, "do": "POST /weather", "times": 5}])
    await start_script(place.tenant, [{"at": 100, "do": "POST /weather", "times": 2}])
    assert (await script(place.tenant))["left"] == 2
    assert (await stop_script(place.tenant))["left"] == 0
    await place.tenant.advance_clock(timedelta(seconds=1000))
    assert (await script(place.tenant))["played"] == []


@pytest.mark.parametrize(
    "step",
    [
        {},
        {"do": "GET /users"},
        {"do": "POST"},
        {"do": "POST /script"},
        {"do": "POST /weather", "at": -1},
        {"do": "POST /weather", "at": "soon"},
        {"do": "POST /weather", "times": 0},
        {"do": "POST /weather", "times": 100_000},
        {"do": "POST /weather", "body": []},
        {"do": "POST /weather", "query": {"a": 1}},
    ],
)
async def test_a_step_that_makes_no_sense_is_refused(place: Place, step: Json) -> None:
    with pytest.raises(ControlError):
        await start_script(place.tenant, [step])


@pytest.mark.parametrize(
    "wish",
    [
        {"probability": 2},
        {"probability": "often"},
        {"probability": 1, "path": "("},
        {"probability": 1, "faults": [{"kind": "flood"}]},
        {"probability": 1, "faults": [{"weight": 0}]},
    ],
)
async def test_a_storm_that_makes_no_sense_is_refused(place: Place, wish: Json) -> None:
    with pytest.raises(ControlError):
        await place.tenant.call("POST", "/storms", wish)


def test_rules_come_before_chance() -> None:
    weather = Weather(
        faults=[Fault(path="x", status=418)],
        storms=[Storm(probability=1, faults=((1.0, Fault(path="", status=500)),))],
    )
    first, second = weather.strike("GET", "/x"), weather.strike("GET", "/x")
    assert first is not None
    assert second is not None
    assert (first.status, second.status) == (418, 500)


def test_requests_do_not_change_what_befalls_notifications() -> None:
    calm, busy = Weather(lose=0.5, double=0.5), Weather(lose=0.5, double=0.5)
    busy.storms.append(Storm(probability=0.5, faults=((1.0, Fault(path="")),)))
    fates = []
    for weather in (calm, busy):
        weather.seed(9)
        row = []
        for _ in range(30):
            weather.strike("GET", "/x")
            row.append(weather.fate())
        fates.append(row)
    assert fates[0] == fates[1]


def test_every_kind_of_fault_is_known_to_the_storm() -> None:
    assert {kind.value for kind in FaultKind} == {
        "answer",
        "drop_before",
        "drop_after",
        "answer_after",
        "hang",
        "slow",
    }
