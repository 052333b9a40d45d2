"""Subscriptions and what is delivered to them, checked with an independent implementation."""

from __future__ import annotations

import asyncio
import base64
import random
from datetime import timedelta
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.unit.sandbox.tenant.place import Answer, Place, Subscriber, certify, enc, instant, later

CHANGE_TRACKING = "0bf30f3b-4a52-48df-9a82-234910c4a086"


async def subscribe(place: Place, subscriber: Subscriber, **more: Any) -> Answer:
    return await place.graph(None, "POST", "/subscriptions", subscriber.wish(**more))


async def test_a_new_subscription_shakes_hands_with_both_addresses(
    place: Place, subscriber: Subscriber
) -> None:
    answer = await subscribe(place, subscriber, expirationDateTime=later(4320))

    assert answer.status == 201
    assert subscriber.handshakes == ["/notify", "/lifecycle"]
    assert answer.body["applicationId"] == place.app
    listed = await place.graph(None, "GET", "/subscriptions")
    assert [s["id"] for s in listed.body["value"]] == [answer.body["id"]]


@pytest.mark.parametrize("handshake", ["escaped", "json", "created", "forbidden"])
async def test_a_bad_handshake_is_a_validation_error(
    place: Place, subscriber: Subscriber, handshake: str
) -> None:
    subscriber.handshake = handshake

    answer = await subscribe(place, subscriber)

    assert (answer.status, answer.code) == (400, "ValidationError")
    assert answer.message.startswith("Subscription validation request failed.")
    assert await place.tenant.subscriptions() == []


async def test_an_address_that_is_not_there_is_a_validation_error(
    place: Place, subscriber: Subscriber
) -> None:
    answer = await subscribe(place, subscriber, notificationUrl="https://127.0.0.1:1/x")

    assert (answer.status, answer.code) == (400, "ValidationError")


def small_certificate() -> str:
    _, certificate = certify("small", bits=1024)
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize(
    "more",
    [
        {"notificationUrl": "http://127.0.0.1/x"},
        {"notificationUrl": "not a url"},
        {"lifecycleNotificationUrl": "http://127.0.0.1/x"},
        {"lifecycleNotificationUrl": None, "minutes": 61},
        {"minutes": 4400},
        {"minutes": -1},
        {"expirationDateTime": "soon"},
        {"expirationDateTime": None},
        {"encryptionCertificate": None},
        {"encryptionCertificate": "AAAA"},
        {"encryptionCertificate": "no base64!"},
        {"encryptionCertificate": small_certificate()},
        {"encryptionCertificateId": None},
        {"encryptionCertificateId": "x" * 129},
        {"clientState": "x" * 129},
        {"changeType": "created,renamed"},
        {"changeType": ""},
        {"resource": "/planets/getAllMessages"},
        {"resource": "/me/messages"},
        {"includeResourceData": "yes"},
        {"surprise": 1},
    ],
)
async def test_a_subscription_that_makes_no_sense_is_400(
    place: Place, subscriber: Subscriber, more: dict[str, Any]
) -> None:
    minutes = more.get("minutes")
    when = {} if minutes is None else {"expirationDateTime": later(minutes)}
    wish = {name: value for name, value in more.items() if name != "minutes"}

    answer = await subscribe(place, subscriber, **wish, **when)

    assert answer.status == 400, answer.body
    assert subscriber.handshakes == []


async def test_a_short_lifetime_is_raised_to_45_minutes(
    place: Place, subscriber: Subscriber
) -> None:
    answer = await subscribe(
        place, subscriber, expirationDateTime=later(5), lifecycleNotificationUrl=None
    )

    assert instant(answer.body["expirationDateTime"]) > instant(later(44))


async def test_the_same_wish_twice_is_a_conflict(place: Place, subscriber: Subscriber) -> None:
    first = await subscribe(place, subscriber)
    second = await subscribe(place, subscriber, changeType="deleted, updated,created")

    assert (second.status, second.code) == (409, "Conflict")
    assert second.message == (
        f"Subscription Id {first.body['id']} already exists for the requested combination"
    )


async def test_everything_needs_chat_read_all(place: Place, subscriber: Subscriber) -> None:
    person = await place.graph(place.alice, "POST", "/subscriptions", subscriber.wish())
    mine = await place.graph(
        place.alice, "POST", "/subscriptions", subscriber.wish("/me/chats/getAllMessages")
    )
    await place.tenant.change_app(place.app, application_permissions=["Chat.ReadWrite.All"])
    place._tokens.clear()
    app = await subscribe(place, subscriber)
    chat = await subscribe(place, subscriber, resource=f"/chats/{place.chat}/messages")

    assert person.status == 412
    assert (app.status, app.code) == (403, "Forbidden")
    assert mine.status == 201
    assert (chat.status, chat.code) == (403, "Forbidden")


async def test_a_change_arrives_sealed_and_signed(place: Place, subscriber: Subscriber) -> None:
    made = await subscribe(place, subscriber)
    sent = (await place.say(place.alice, place.chat, "<b>hello</b>")).body

    item = (await subscriber.arrived(1))[0]

    where = f"chats('{place.chat}')/messages('{sent['id']}')"
    assert item["resource"] == where
    assert item["resourceData"] == {
        "id": sent["id"],
        "@odata.type": "#Microsoft.Graph.chatMessage",
        "@odata.id": where,
    }
    assert (item["changeType"], item["clientState"]) == ("created", "state-1")
    assert (item["subscriptionId"], item["tenantId"]) == (made.body["id"], place.tenant.id)
    sealed = item["encryptedContent"]
    assert sealed["encryptionCertificateId"] == "cert-1"
    message = subscriber.open(sealed)
    assert {k: message[k] for k in sent if k != "@odata.context"} == {
        k: v for k, v in sent.items() if k != "@odata.context"
    }


async def test_the_validation_token_proves_who_sent_it(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, subscriber)
    await place.tenant.type(place.chat, place.alice.id, "one")
    await subscriber.arrived(1)
    await place.tenant.change_settings(validation_token_version=1)
    await place.tenant.type(place.chat, place.alice.id, "two")
    await subscriber.arrived(2)
    keys = (await place.http("GET", "/common/discovery/v2.0/keys")).body
    key = jwt.PyJWKSet.from_dict(keys).keys[0]

    second, first = (
        jwt.decode(p["validationTokens"][0], key, algorithms=["RS256"], audience=place.app)
        for p in subscriber.posts
    )

    assert second["iss"] == f"{place.server.base}/{place.tenant.id}/v2.0"
    assert second["azp"] == CHANGE_TRACKING
    assert first["iss"] == f"https://sts.windows.net/{place.tenant.id}/"
    assert first["appid"] == CHANGE_TRACKING


async def test_edits_reactions_and_deletions_are_told_as_what_they_are(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, subscriber)
    chat, tenant = place.chat, place.tenant
    message = await tenant.type(chat, place.alice.id, "one")
    await tenant.edit(chat, message, "two")
    await tenant.react(chat, message, place.bob.id, "👍")
    await tenant.delete(chat, message)
    await tenant.undelete(chat, message)

    items = await subscriber.arrived(5)

    kinds = [i["changeType"] for i in items]
    assert kinds == ["created", "updated", "updated", "deleted", "updated"]
    opened = [subscriber.open(i["encryptedContent"]) for i in items]
    assert [m["body"]["content"] for m in opened] == ["one", "two", "two", "", "two"]
    assert [len(m["reactions"]) for m in opened] == [0, 0, 1, 1, 1]


async def test_a_users_own_chats_are_covered_by_sign_in_name_too(
    place: Place, subscriber: Subscriber
) -> None:
    resource = f"/users/{place.bob.upn}/chats/getAllMessages"
    other = await place.tenant.create_chat("oneOnOne", [place.alice.id, place.carol.id])

    made = await subscribe(place, subscriber, resource=resource)
    await place.tenant.type(other, place.alice.id, "not his")
    await place.tenant.type(place.chat, place.alice.id, "his")

    assert made.status == 201
    item = (await subscriber.arrived(1))[0]
    assert subscriber.open(item["encryptedContent"])["body"]["content"] == "his"


async def test_only_what_was_asked_for_is_told(place: Place, subscriber: Subscriber) -> None:
    await subscribe(
        place,
        subscriber,
        resource=f"/chats/{enc(place.group)}/messages",
        changeType="updated",
        includeResourceData=False,
    )
    await place.tenant.edit(
        place.chat, await place.tenant.type(place.chat, place.alice.id, "no"), "no"
    )
    wanted = await place.tenant.type(place.group, place.alice.id, "no")
    await place.tenant.edit(place.group, wanted, "yes")

    item = (await subscriber.arrived(1))[0]

    assert item["resourceData"]["id"] == wanted
    assert "encryptedContent" not in item
    assert "validationTokens" not in subscriber.posts[0]
    assert await place.tenant.pending() == 0


async def test_what_is_not_acknowledged_comes_again_in_order(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, subscriber)
    subscriber.statuses = [500, 503]
    await place.tenant.type(place.chat, place.alice.id, "one")
    await subscriber.posted(1)
    await place.tenant.type(place.chat, place.alice.id, "two")
    for count in (2, 3):
        await place.tenant.advance_clock(timedelta(seconds=5))
        await subscriber.posted(count)

    items = await subscriber.arrived(2)

    contents = [subscriber.open(i["encryptedContent"])["body"]["content"] for i in items]
    assert contents == ["one", "two"]
    counts: Any = (await place.tenant.subscriptions())[0]["counts"]
    assert (counts["acked"], counts["retried"] >= 2) == (2, True)


async def test_after_four_hours_it_is_given_up(place: Place, subscriber: Subscriber) -> None:
    await place.tenant.change_settings(hold_unauthorized=False)
    await subscribe(place, subscriber, expirationDateTime=later(4300))
    subscriber.broken = {"/notify"}
    await place.tenant.type(place.chat, place.alice.id, "one")
    await subscriber.posted(1)
    await place.tenant.advance_clock(timedelta(hours=4, minutes=1))

    counts: Any = {}
    async with asyncio.timeout(10):
        while not counts.get("failed"):
            counts = (await place.tenant.subscriptions())[0]["counts"]

    assert (counts["acked"], counts["failed"]) == (0, 1)


async def test_a_burst_is_batched_and_keeps_its_order(place: Place, subscriber: Subscriber) -> None:
    await subscribe(place, subscriber)
    burst = [{"user": place.alice.id, "content": str(n)} for n in range(200)]
    ids = await place.tenant.type_many(place.chat, burst)

    items = await subscriber.arrived(200)

    assert [i["resourceData"]["id"] for i in items] == ids
    assert max(len(p["value"]) for p in subscriber.posts) == 20


async def test_bad_weather_loses_and_doubles_by_its_seed(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, subscriber)
    await place.tenant.set_weather(seed=7, lose=0.3, double=0.3)
    burst = [{"user": place.alice.id, "content": str(n)} for n in range(100)]
    await place.tenant.type_many(place.chat, burst)
    draw = random.Random(7)  # noqa: S311
    lost = doubled = 0
    for _ in range(100):
        if draw.uniform(0, 1) < 0.3:
            lost += 1
            continue
        doubled += draw.uniform(0, 1) < 0.3
        draw.uniform(0, 1)

    await subscriber.arrived(100 - lost + doubled)

    counts: Any = (await place.tenant.subscriptions())[0]["counts"]
    assert (counts["lost"], counts["doubled"]) == (lost, doubled)
    assert lost > 10 < doubled


async def test_reordering_changes_the_order(place: Place, subscriber: Subscriber) -> None:
    await subscribe(place, subscriber)
    await place.tenant.set_weather(seed=1, reorder=1, reorder_within_seconds=60)
    burst = [{"user": place.alice.id, "content": str(n)} for n in range(40)]
    ids = await place.tenant.type_many(place.chat, burst)
    await place.tenant.advance_clock(timedelta(minutes=2))

    arrived = [i["resourceData"]["id"] for i in await subscriber.arrived(40)]

    assert sorted(arrived) == sorted(ids)
    assert arrived != ids


async def test_a_subscription_ends_silently_at_its_time(
    place: Place, subscriber: Subscriber
) -> None:
    made = await subscribe(place, subscriber)
    await place.tenant.advance_clock(timedelta(minutes=51))

    assert (await place.graph(None, "GET", f"/subscriptions/{made.body['id']}")).status == 404


async def test_without_a_valid_token_notifications_are_held(
    place: Place, subscriber: Subscriber
) -> None:
    made = await subscribe(place, subscriber, expirationDateTime=later(600))
    await place.tenant.advance_clock(timedelta(hours=2))
    asked = (await subscriber.posted(1))[0]
    await place.tenant.type(place.chat, place.alice.id, "held")
    place._tokens.clear()
    path = f"/subscriptions/{made.body['id']}/reauthorize"

    done = await place.graph(None, "POST", path)
    posts = await subscriber.posted(2)

    assert asked["path"] == "/lifecycle"
    assert asked["value"][0]["lifecycleEvent"] == "reauthorizationRequired"
    assert asked["value"][0]["clientState"] == "state-1"
    assert done.status == 204
    content = subscriber.open(posts[1]["value"][0]["encryptedContent"])
    assert content["body"]["content"] == "held"


async def test_a_killed_subscription_says_so_or_not(place: Place, subscriber: Subscriber) -> None:
    first = (await subscribe(place, subscriber)).body["id"]
    chat = f"/chats/{place.chat}/messages"
    second = (await subscribe(place, subscriber, resource=chat)).body["id"]
    await place.tenant.kill_subscription(second, lifecycle=False)
    await place.tenant.kill_subscription(first, lifecycle=True)

    post = (await subscriber.posted(1))[0]

    assert [i["subscriptionId"] for i in post["value"]] == [first]
    assert post["value"][0]["lifecycleEvent"] == "subscriptionRemoved"


async def test_renewing_and_turning_keys(place: Place, subscriber: Subscriber) -> None:
    made = await subscribe(place, subscriber)
    path = f"/subscriptions/{made.body['id']}"
    key, certificate = certify("next")
    der = certificate.public_bytes(Encoding.DER)

    renewed = await place.graph(
        None,
        "PATCH",
        path,
        {
            "expirationDateTime": later(4000),
            "encryptionCertificate": base64.b64encode(der).decode(),
            "encryptionCertificateId": "cert-2",
        },
    )
    refused = await place.graph(None, "PATCH", path, {"clientState": "other"})
    subscriber.key = key
    await place.tenant.type(place.chat, place.alice.id, "x")
    item = (await subscriber.arrived(1))[0]

    assert renewed.status == 200
    assert refused.status == 400
    assert item["encryptedContent"]["encryptionCertificateId"] == "cert-2"
    assert subscriber.open(item["encryptedContent"])["body"]["content"] == "x"
    assert (await place.graph(None, "DELETE", path)).status == 204
    assert (await place.graph(None, "DELETE", path)).status == 404


async def test_requests_can_be_made_to_fail(place: Place) -> None:
    path = f"/chats/{enc(place.chat)}/messages"
    await place.tenant.add_fault(
        "/messages$", method="POST", status=429, times=2, retry_after_seconds=7
    )
    await place.tenant.add_fault("/messages$", method="POST", kind="drop_after")
    await place.tenant.add_fault("/messages$", method="POST", kind="drop_before")
    await place.tenant.add_fault("/messages$", method="POST", kind="answer_after", status=504)
    body = {"body": {"content": "x"}}

    for _ in range(2):
        throttled = await place.graph(place.alice, "POST", path, body)
        assert (throttled.status, throttled.code) == (429, "TooManyRequests")
        assert throttled.headers["Retry-After"] == "7"
    for done in (1, 1):
        with pytest.raises(aiohttp.ClientError):
            await place.graph(place.alice, "POST", path, body)
        assert len(await place.tenant.messages(place.chat)) == done
    assert (await place.graph(place.alice, "POST", path, body)).status == 504
    assert len(await place.tenant.messages(place.chat)) == 2
    assert (await place.graph(place.alice, "POST", path, body)).status == 201


async def test_an_absent_tenant_holds_its_notifications(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, subscriber)
    await place.tenant.set_weather(away="drop")
    await place.tenant.type(place.chat, place.alice.id, "x")
    with pytest.raises(aiohttp.ClientError):
        await place.graph(None, "GET", "/chats")
    assert await place.tenant.pending() == 1
    await place.tenant.set_weather(away="no")

    assert len(await subscriber.arrived(1)) == 1


async def test_onlookers_can_wait_for_what_happens(place: Place) -> None:
    await place.tenant.type(place.chat, place.alice.id, "one")
    seen = await place.tenant.events(place.chat)
    await place.tenant.type(place.chat, place.alice.id, "two")

    fresh = await place.tenant.events(place.chat, since=len(seen), patience=timedelta(seconds=5))

    assert [e["n"] for e in seen + fresh] == [1, 2]
