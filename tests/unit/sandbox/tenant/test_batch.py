"""Many requests in one: each is let in, refused, struck by the weather and answered for itself."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.unit.sandbox.tenant.apps_kit import said
from tests.unit.sandbox.tenant.place import Answer, Place, enc

JSON = {"Content-Type": "application/json"}
IMAGE = b"\x89PNG not really"


async def batch(place: Place, *requests: dict[str, Any], who: Any = None) -> Answer:
    return await place.graph(who or place.alice, "POST", "/$batch", {"requests": list(requests)})


def get(number: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "method": "GET", "url": url, **more}


def send(number: str, chat: str, text: str, **more: Any) -> dict[str, Any]:
    body = {"body": {"content": text}}
    url = f"/chats/{chat}/messages"
    return {"id": number, "method": "POST", "url": url, "body": body, "headers": JSON, **more}


def by_id(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.raw
    return {item["id"]: item for item in answer.body["responses"]}


async def test_every_request_gets_its_own_answer(place: Place) -> None:
    found = by_id(
        await batch(
            place,
            get("1", "/me"),
            get("2", "chats?$top=1"),
            get("3", f"/chats/{place.chat}/messages/1"),
            send("4", enc(place.chat), "hello"),
            get("5", "/planets"),
        )
    )

    assert {number: item["status"] for number, item in found.items()} == {
        "1": 200,
        "2": 200,
        "3": 404,
        "4": 201,
        "5": 400,
    }
    assert found["1"]["body"]["id"] == place.alice.id
    assert len(found["2"]["body"]["value"]) == 1
    assert found["3"]["body"]["error"]["code"] == "NotFound"
    assert found["4"]["headers"]["Location"].startswith("/chats(")
    assert found["4"]["headers"]["Content-Type"].startswith("application/json")
    found_there = await said(place, place.chat)
    assert [message["body"]["content"] for message in found_there] == ["hello"]


async def test_answers_come_in_an_order_of_their_own(place: Place) -> None:
    requests = [get(str(number), "/me") for number in range(20)]

    answer = await batch(place, *requests)

    ids = [item["id"] for item in answer.body["responses"]]
    assert sorted(ids, key=int) == [item["id"] for item in requests]
    assert ids != [item["id"] for item in requests]
    assert ids == [i["id"] for i in (await batch(place, *requests)).body["responses"]]


async def test_each_request_needs_its_own_permission(place: Place) -> None:
    found = by_id(
        await place.graph(
            None,
            "POST",
            "/$batch",
            {"requests": [get("a", f"/users/{place.bob.id}"), get("b", "/appCatalogs/teamsApps")]},
        )
    )

    assert found["a"]["status"] == 200
    assert found["b"]["status"] == 403
    assert found["b"]["body"]["error"]["code"] == "Forbidden"


async def test_a_row_is_carried_out_in_order_and_stops_at_the_first_failure(place: Place) -> None:
    chat = enc(place.chat)
    good = await batch(
        place,
        send("x", chat, "one"),
        send("a", chat, "two", dependsOn=["x"]),
        send("m", chat, "three", dependsOn=["a"]),
    )
    assert [item["id"] for item in good.body["responses"]] == ["x", "a", "m"]

    found = by_id(
        await batch(
            place,
            send("1", chat, "four"),
            get("2", "/planets", dependsOn=["1"]),
            send("3", chat, "five", dependsOn=["2"]),
            send("4", chat, "six", dependsOn=["3"]),
        )
    )

    assert [found[n]["status"] for n in "1234"] == [201, 400, 424, 424]
    assert found["3"]["body"]["error"]["code"] == "FailedDependency"
    texts = [message["body"]["content"] for message in await said(place, place.chat)]
    assert texts == ["one", "two", "three", "four"]


async def test_several_may_wait_for_the_same_one(place: Place) -> None:
    found = by_id(
        await batch(
            place,
            get("2", "/me", dependsOn=["1"]),
            get("3", "/me", dependsOn=["1"]),
            get("1", "/planets"),
        )
    )

    assert [found[n]["status"] for n in "123"] == [400, 424, 424]


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [get(str(n), "/me") for n in range(21)],
        [get("1", "/me"), get("1", "/me")],
        [get("a", "/me"), get("A", "/me")],
        [{"method": "GET", "url": "/me"}],
        [{"id": 1, "method": "GET", "url": "/me"}],
        [{"id": "1", "url": "/me"}],
        [{"id": "1", "method": "BREW", "url": "/me"}],
        [{"id": "1", "method": "GET"}],
        [get("1", "https://graph.microsoft.com/v1.0/me")],
        [get("1", "//graph.microsoft.com/v1.0/me")],
        [get("1", "/me", tea=True)],
        [get("1", "/me", dependsOn=["2"])],
        [get("1", "/me", dependsOn=["1"])],
        [get("1", "/me", dependsOn=["2"]), get("2", "/me", dependsOn=["1"])],
        [get("1", "/me"), get("2", "/me", dependsOn=["1"]), get("3", "/me", dependsOn=["2", "1"])],
        [
            get("1", "/me"),
            get("2", "/me", dependsOn=["1"]),
            get("3", "/me"),
            get("4", "/me", dependsOn=["3"]),
        ],
        [{"id": "1", "method": "POST", "url": "/chats", "body": {}}],
        [{"id": "1", "method": "POST", "url": "/chats", "headers": JSON}],
        [{"id": "1", "method": "POST", "url": "/chats", "headers": JSON, "body": "%%"}],
        [{"id": "1", "method": "POST", "url": "/chats", "headers": JSON, "body": [1]}],
        ["/me"],
    ],
)
async def test_a_malformed_batch_is_refused_as_a_whole(place: Place, requests: Any) -> None:
    answer = await batch(place, *requests)

    assert answer.status == 400
    assert answer.code == "BadRequest"


async def test_what_microsoft_says_of_malformed_batches_is_said(place: Place) -> None:
    twice = await batch(place, get("7", "/me"), get("7", "/me"))
    many = await batch(place, *(get(str(n), "/me") for n in range(21)))
    bare = await batch(place, {"id": "1", "method": "PATCH", "url": "/me"})
    nothing = await place.graph(place.alice, "POST", "/$batch", {})

    assert twice.message == "Request Id 7 has to be unique in a batch."
    assert many.message == "Number of requests inside batch exceed the limit."
    assert bare.message == "Write request id : 1 does not contain Content-Type header or body."
    assert nothing.message == "Invalid batch payload format."


async def test_a_batch_in_a_batch_is_refused(place: Place) -> None:
    inner = {"requests": [get("1", "/me")]}
    nested = {"id": "1", "method": "POST", "url": "/$batch", "headers": JSON, "body": inner}

    found = by_id(await batch(place, nested, get("2", "/me")))

    assert found["1"]["status"] == 400
    assert found["2"]["status"] == 200


async def test_bytes_travel_as_base64_both_ways(place: Place) -> None:
    hosted = {
        "@microsoft.graph.temporaryId": "1",
        "contentBytes": base64.b64encode(IMAGE).decode(),
        "contentType": "image/png",
    }
    sent = await place.say(
        place.alice, place.chat, '<img src="../hostedContents/1/$value">', hostedContents=[hosted]
    )
    address = sent.body["body"]["content"].split('"')[1].partition("/v1.0")[2]
    reaction = base64.urlsafe_b64encode('{"reactionType":"👍"}'.encode()).decode().rstrip("=")
    path = f"/chats/{enc(place.chat)}/messages/{sent.body['id']}/setReaction"

    found = by_id(
        await batch(
            place,
            get("image", address),
            {"id": "r", "method": "POST", "url": path, "headers": JSON, "body": reaction},
        )
    )

    assert found["image"]["headers"]["Content-Type"] == "image/png"
    assert base64.b64decode(found["image"]["body"]) == IMAGE
    assert found["r"]["status"] == 204
    assert "body" not in found["r"]


async def test_headers_count_for_the_request_that_has_them(place: Place) -> None:
    await place.tenant.change_chat(place.group, topic="Coffee party")
    path = f"/chats/{place.group}/messages"
    prefer = {"Prefer": "include-unknown-enum-members"}

    found = by_id(await batch(place, get("1", path, headers=prefer), get("2", path)))

    kinds = [found[n]["body"]["value"][0]["messageType"] for n in "12"]
    assert kinds == ["systemEventMessage", "unknownFutureValue"]


async def test_the_weather_strikes_single_requests(place: Place) -> None:
    chat = enc(place.chat)
    await place.tenant.add_fault("/messages", status=503, retry_after_seconds=7)
    await place.tenant.add_fault("/messages", kind="drop_after")

    found = by_id(
        await batch(place, send("1", chat, "one"), get("2", "/me"), send("3", chat, "three"))
    )

    failed = {number: found[number] for number in "13"}
    assert sorted(item["status"] for item in failed.values()) == [503, 504]
    refused = next(item for item in failed.values() if item["status"] == 503)
    assert refused["headers"]["Retry-After"] == "7"
    assert refused["body"]["error"]["code"] == "ServiceUnavailable"
    assert found["2"]["status"] == 200
    assert len(await place.tenant.messages(place.chat)) == 1
    seen = {(item["path"], item["status"]) for item in await place.tenant.requests()}
    assert {("/v1.0/$batch", 200), (f"/v1.0/chats/{chat}/messages", 503)} <= seen


async def test_single_requests_are_throttled(place: Place) -> None:
    await place.tenant.change_settings(throttling=True)
    requests = [get(str(n), f"/chats/{place.chat}/messages") for n in range(20)]

    found = by_id(await batch(place, *requests))

    refused = [item for item in found.values() if item["status"] == 429]
    assert refused
    assert all(int(item["headers"]["Retry-After"]) >= 1 for item in refused)
    assert any(item["status"] == 200 for item in found.values())


async def test_a_whole_batch_can_be_struck(place: Place) -> None:
    await place.tenant.add_fault(r"/\$batch$", status=500)

    assert (await batch(place, get("1", "/me"))).status == 500
    assert (await batch(place, get("1", "/me"))).status == 200
