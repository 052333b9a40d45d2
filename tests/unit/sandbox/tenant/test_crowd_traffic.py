"""Live traffic: at the rate that was asked for, or saying that it was not."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.crowd.client import imagine, start_traffic, stop_traffic, traffic
from bridge.sandbox.tenant.crowd.traffic import Order, Traffic, say, zipf
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.feed import EVENTS_KEPT_MAX, Feed
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Tenant
from tests.unit.sandbox.tenant.place import PATIENCE, Place, Subscriber


def tenant_of(place: Place) -> Tenant:
    return place.server.realm.tenants[place.tenant.id]


async def finished(place: Place) -> Json:
    """The report once the traffic has stopped by itself."""
    async with asyncio.timeout(PATIENCE):
        while (found := await traffic(place.tenant))["running"]:
            pass
    return found


async def test_it_posts_as_many_messages_as_were_asked_for(place: Place) -> None:
    changes: list[Change] = []
    tenant_of(place).listeners.append(changes.append)
    await start_traffic(place.tenant, 5000, messages=200)
    found = await finished(place)
    assert found["posted"] == 200
    assert found["refused"] == found["skipped"] == 0
    created = [change for change in changes if change.kind is ChangeKind.CREATED]
    assert len(created) == 200
    assert {change.conversation.id for change in created if change.conversation} <= {
        place.chat,
        place.group,
    }


async def test_it_says_the_rate_that_was_reached(place: Place) -> None:
    await start_traffic(place.tenant, 400, messages=100)
    found = await finished(place)
    # Nothing runs ahead of its time; how far behind a busy machine falls is not ours to say.
    assert 0 < found["achieved"] <= 400.5  # type: ignore[operator]
    assert found["seconds"] >= 0.249  # type: ignore[operator]


async def test_it_edits_reacts_and_deletes(place: Place) -> None:
    changes: list[Change] = []
    tenant_of(place).listeners.append(changes.append)
    await start_traffic(
        place.tenant, 5000, messages=300, edits=0.3, reactions=0.5, deletions=0.1, seed=4
    )
    found = await finished(place)
    assert found["edited"] > 30  # type: ignore[operator]
    assert found["reacted"] > 50  # type: ignore[operator]
    assert found["deleted"] > 5  # type: ignore[operator]
    counts = Counter(change.kind for change in changes if "messages" in change.place)
    assert counts[ChangeKind.CREATED] == 300
    assert counts[ChangeKind.DELETED] == found["deleted"]


async def test_it_keeps_to_the_chats_that_are_named(place: Place) -> None:
    await start_traffic(place.tenant, 5000, messages=20, chats=[place.group])
    await finished(place)
    assert len(await place.tenant.messages(place.group)) == 20
    assert await place.tenant.messages(place.chat) == []


async def test_it_can_be_stopped_and_replaced(place: Place) -> None:
    await start_traffic(place.tenant, 100)
    assert (await traffic(place.tenant))["running"] is True
    await start_traffic(place.tenant, 200)
    assert (await traffic(place.tenant))["rate"] == 200
    stopped = await stop_traffic(place.tenant)
    assert stopped["running"] is False
    assert await traffic(place.tenant) == stopped


async def test_subscribers_are_told_of_it(place: Place, subscriber: Subscriber) -> None:
    wish = subscriber.wish(includeResourceData=False)
    for name in ("encryptionCertificate", "encryptionCertificateId"):
        del wish[name]
    assert (await place.graph(None, "POST", "/subscriptions", wish)).status == 201
    await start_traffic(place.tenant, 2000, messages=60)
    items = await subscriber.arrived(60)
    assert len({item["resource"] for item in items}) == 60


async def test_an_imagined_chat_keeps_nothing_of_what_is_said_in_it(place: Place) -> None:
    await imagine(place.tenant, users=50, chats=100, teams=3, history=10, seed=2)
    tenant = tenant_of(place)
    changes: list[Change] = []
    tenant.listeners.append(changes.append)
    await start_traffic(place.tenant, 5000, messages=300, seed=9)
    assert (await finished(place))["posted"] == 300
    assert len(changes) == 300
    assert {type(change.conversation).__name__ for change in changes} == {"Chat", "Channel"}
    places = [change.conversation for change in changes if change.conversation is not None]
    assert [message for place in places for message in place.messages.kept()] == []
    for change in changes:
        assert change.conversation is not None
        found = change.conversation.messages[change.id]
        body = change.seen["body"]
        assert isinstance(body, dict)
        assert found.content.text == body["content"]
        assert found.sender is not None
        assert found.turn > 0


async def test_what_was_said_there_can_be_read_and_changed(place: Place) -> None:
    await imagine(place.tenant, users=50, chats=100, history=10, seed=2)
    changes: list[Change] = []
    tenant_of(place).listeners.append(changes.append)
    await start_traffic(
        place.tenant, 5000, messages=200, seed=9, edits=0.2, reactions=0.2, deletions=0.1
    )
    await finished(place)
    last = {(c.conversation.id, c.id): c for c in changes if c.conversation is not None}
    for (chat, number), change in last.items():
        found = tenant_of(place).chat(chat).messages[number]
        assert str(found.etag) == change.seen["etag"]
        assert (found.deleted is None) == (change.seen["deletedDateTime"] is None)


def test_the_busiest_are_drawn_most_often() -> None:
    drawn = Counter(zipf(step / 10_000, 100, 1.0) for step in range(10_000))
    assert drawn[0] > drawn[9] > drawn[99] > 0
    assert max(drawn) == 99
    even = Counter(zipf(step / 10_000, 100, 0.0) for step in range(10_000))
    assert max(even.values()) - min(even.values()) <= 2
    assert zipf(0.999999, 1, 0.6) == 0


def test_the_same_seed_draws_the_same(place: Place) -> None:
    """Which conversation, and what is said there."""
    tenant = tenant_of(place)
    chat = tenant.chat(place.group)
    first, again = Traffic(tenant), Traffic(tenant)
    said = []
    for play in (first, again):
        play._order = Order(rate=1, seed=5)
        play._chance.seed(5)
        message = say(tenant, chat, play._chance)
        assert message.sender is not None
        said.append((message.sender.id, message.content))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "order",
    [
        {"rate": 0},
        {"rate": 1e6},
        {"rate": "much"},
        {"rate": 1, "edits": 2},
        {"rate": 1, "chats": ["19:nowhere@thread.v2"]},
        {"rate": 1, "chats": "x"},
        {"rate": 1, "skew": -1},
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    place: Place, order: dict[str, object]
) -> None:
    with pytest.raises(ControlError):
        await place.tenant.call("POST", "/traffic", order)


async def test_a_tenant_without_conversations_stays_silent(place: Place) -> None:
    other = await place.control.create_tenant()
    await start_traffic(other, 5000, messages=10)
    async with asyncio.timeout(PATIENCE):
        while (found := await traffic(other))["running"]:
            pass
    assert (found["posted"], found["refused"]) == (0, 10)


def test_the_feed_forgets_the_oldest_of_all_chats() -> None:
    feed = Feed()
    for number in range(EVENTS_KEPT_MAX + 10):
        feed.append("a" if number < 10 else f"b{number % 100}", "created", {})
    assert feed.since("a", 0) == []
    assert len(feed._order) == EVENTS_KEPT_MAX
    feed.append("a", "created", {})
    assert [entry["n"] for entry in feed.since("a", 0)] == [11]
