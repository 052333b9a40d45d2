"""How notifications travel: together, late, again, slowly, or not at all."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.sandbox.tenant.client_endpoints import Endpoint, endpoints
from tests.unit.sandbox.tenant.place import PATIENCE, SECRET, Place, Subscriber, later
from tests.unit.sandbox.tenant.test_subscriptions import subscribe

QUICK = {"first_answer_seconds": 0.05, "later_answer_seconds": 0.1}
"""Instead of 3 s and 10 s, while an address hangs: nobody waits that long here."""
USUAL = {"first_answer_seconds": 3.0, "later_answer_seconds": 10.0}
"""For answers that shall be heard, however busy the machine is."""


async def until_state(place: Place, state: str) -> Endpoint:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await endpoints(place.tenant)
            if found and found[0].state == state:
                return found[0]


async def counts(place: Place, name: str, least: int) -> dict[str, Any]:
    """The counters of the only subscription, once one of them has got this far."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: Any = (await place.tenant.subscriptions())[0]["counts"]
            if found[name] >= least:
                return dict(found)


async def burst(place: Place, count: int) -> list[str]:
    many = [{"user": place.alice.id, "content": str(n)} for n in range(count)]
    return await place.tenant.type_many(place.chat, many)


async def test_several_subscriptions_of_several_apps_share_a_post(
    place: Place, subscriber: Subscriber
) -> None:
    first = place.app
    await subscribe(place, None, subscriber, resource="/chats/getAllMessages")
    await subscribe(
        place,
        None,
        subscriber,
        resource=f"/chats/{place.chat}/messages",
        includeResourceData=False,
    )
    place.app = await place.tenant.register_app(
        name="second", secret=SECRET, application_permissions=["Chat.Read.All"]
    )
    place._tokens.clear()
    await subscribe(place, None, subscriber)
    await burst(place, 1)

    await subscriber.arrived(3)

    assert len(subscriber.posts) == 1
    assert len({item["subscriptionId"] for item in subscriber.posts[0]["value"]}) == 3
    assert len(subscriber.posts[0]["validationTokens"]) == 2
    assert first != place.app


async def test_without_an_assignment_validation_tokens_are_null(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, None, subscriber)
    await place.tenant.change_settings(validation_tokens=False)
    await burst(place, 1)

    await subscriber.arrived(1)

    assert subscriber.posts[0]["validationTokens"] is None


async def test_a_post_holds_as_many_as_it_may(place: Place, subscriber: Subscriber) -> None:
    await place.tenant.change_settings(notifications_per_post_max=150)
    await subscribe(place, None, subscriber)
    ids = await burst(place, 200)

    items = await subscriber.arrived(200)

    assert [item["resourceData"]["id"] for item in items] == ids
    assert len(subscriber.posts) <= 3


async def test_a_notification_that_is_repeated_is_the_same_letter_by_letter(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, None, subscriber)
    subscriber.statuses = [503]
    await burst(place, 1)
    await subscriber.posted(1)
    await place.tenant.advance_clock(timedelta(seconds=2))

    first, second = await subscriber.posted(2)

    assert first["value"] == second["value"]


@pytest.mark.parametrize("status", [300, 400, 410, 429, 503])
async def test_anything_but_2xx_is_tried_again(
    place: Place, subscriber: Subscriber, status: int
) -> None:
    await subscribe(place, None, subscriber)
    subscriber.statuses = [status]
    await burst(place, 1)
    await subscriber.posted(1)
    await place.tenant.advance_clock(timedelta(seconds=2))

    await subscriber.arrived(1)

    assert (await counts(place, "acked", 1))["retried"] == 1


async def test_who_answers_too_late_is_not_heard_and_is_asked_again(
    place: Place, subscriber: Subscriber
) -> None:
    await place.tenant.change_settings(**QUICK)
    await subscribe(place, None, subscriber)
    subscriber.hangs = 1
    await burst(place, 1)
    await counts(place, "retried", 1)
    await place.tenant.change_settings(**USUAL)
    await place.tenant.advance_clock(timedelta(seconds=2))

    await subscriber.posted(1)

    told = await counts(place, "acked", 1)
    assert (told["posts"], told["acked"]) == (2, 1)
    seen = (await endpoints(place.tenant))[0]
    assert (seen.answers, seen.slow, seen.state) == (2, 1, "normal")


async def test_a_slow_address_is_told_ten_minutes_later(
    place: Place, subscriber: Subscriber
) -> None:
    await place.tenant.change_settings(**QUICK, endpoint_answers_min=2)
    await place.tenant.change_settings(hold_unauthorized=False)
    await subscribe(place, None, subscriber)
    subscriber.hangs = 1
    await burst(place, 1)
    await counts(place, "retried", 1)
    await place.tenant.change_settings(later_answer_seconds=USUAL["later_answer_seconds"])
    await place.tenant.advance_clock(timedelta(seconds=2))
    await subscriber.arrived(1)
    await until_state(place, "slow")
    await place.tenant.change_settings(**USUAL)

    await burst(place, 1)
    held = await counts(place, "delayed", 1)
    await place.tenant.advance_clock(timedelta(minutes=9))
    before = len(subscriber.posts)
    await place.tenant.advance_clock(timedelta(minutes=2))
    await subscriber.arrived(2)
    well = await until_state(place, "normal")

    assert (before, held["delayed"], well.delayed) == (1, 1, 1)


async def test_what_comes_while_an_address_is_given_up_is_lost(
    place: Place, subscriber: Subscriber
) -> None:
    await place.tenant.change_settings(**QUICK, endpoint_answers_min=2)
    await place.tenant.change_settings(hold_unauthorized=False)
    await subscribe(place, None, subscriber, expirationDateTime=later(600))
    subscriber.hangs = 2
    await burst(place, 1)
    await counts(place, "retried", 1)
    await place.tenant.advance_clock(timedelta(seconds=2))
    await until_state(place, "drop")
    await place.tenant.change_settings(**USUAL)

    lost = await burst(place, 3)
    gone = await counts(place, "dropped", 3)
    await place.tenant.advance_clock(timedelta(minutes=11))
    await until_state(place, "normal")
    kept = await burst(place, 1)
    items = await subscriber.arrived(2)

    assert gone["dropped"] == 3
    assert [i["resourceData"]["id"] for i in items][-1] == kept[0]
    assert not {i["resourceData"]["id"] for i in items} & set(lost)


async def test_microsoft_takes_its_time_if_told_to(place: Place, subscriber: Subscriber) -> None:
    await place.tenant.change_settings(latency_average_seconds=10.0, latency_max_seconds=12.0)
    await place.tenant.set_weather(seed=3)
    await subscribe(place, None, subscriber)
    ids = await burst(place, 20)
    draw = random.Random(3)  # noqa: S311 - the tenant's own
    least = min(draw.expovariate(0.1), 12.0)
    assert least > 1
    early = len(subscriber.posts)
    await place.tenant.advance_clock(timedelta(seconds=13))

    items = await subscriber.arrived(20)

    assert early == 0
    assert [item["resourceData"]["id"] for item in items] == ids


async def test_reauthorization_is_asked_for_every_fifteen_minutes_and_missed_never(
    place: Place, subscriber: Subscriber
) -> None:
    for resource in ("/chats/getAllMessages", "/chats/getAllMembers"):
        made = await subscribe(
            place, None, subscriber, resource=resource, expirationDateTime=later(600)
        )
        assert made.status == 201
    for count in (1, 2, 3):
        await place.tenant.advance_clock(timedelta(minutes=77 if count == 1 else 16))
        await subscriber.arrived(2 * count)
    for made_one in await place.tenant.subscriptions():
        await place.tenant.kill_subscription(str(made_one["id"]))

    items = await subscriber.arrived(7)

    assert [i["lifecycleEvent"] for i in items] == [
        *["reauthorizationRequired"] * 6,
        "subscriptionRemoved",
    ]
    assert {post["path"] for post in subscriber.posts} == {"/lifecycle"}
    assert items[0].keys() == {
        "subscriptionId",
        "subscriptionExpirationDateTime",
        "tenantId",
        "clientState",
        "lifecycleEvent",
    }


async def test_a_failing_lifecycle_address_does_not_hold_up_the_other(
    place: Place, subscriber: Subscriber
) -> None:
    made = await subscribe(place, None, subscriber)
    subscriber.broken = {"/lifecycle"}
    await place.tenant.challenge(made.body["id"])
    await subscriber.posted(1)
    await burst(place, 1)

    items = await subscriber.arrived(1)

    assert items[0]["changeType"] == "created"
    assert datetime.fromisoformat(items[0]["subscriptionExpirationDateTime"]).tzinfo == UTC
