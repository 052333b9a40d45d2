"""The receivers: what they let in, what they refuse, and with which words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.domain.changes import ECHO
from bridge.domain.ids import ConversationId, MessageRef, Place, Side, TeamsUserId, TenantId
from bridge.errors import StoreUnavailable
from bridge.telemetry import IGNORED, REFUSED
from bridge.web.hooks import (
    CONVERSATIONS_REMEMBERED_MAX,
    SHED_AFTER,
    VALIDATION_TOKEN_CHARS_MAX,
    Quiet,
)
from tests.kit.fake_store import BEGINNING
from tests.unit.web.conftest import HS_TOKEN, STATE, STATES, Door, Reply

NOTIFICATIONS = "/teams/notifications"
LIFECYCLE = "/teams/lifecycle"
TRANSACTION = "/_matrix/app/v1/transactions/1"
BEARER = {"Authorization": f"Bearer {HS_TOKEN}"}
CHAT = Place(tenant=TenantId("tenant"), conversation=ConversationId("19:chat"))
WINDOW = timedelta(milliseconds=250)
MILLISECOND = timedelta(milliseconds=1)

Knock = Callable[..., Reply]


def item(message: str = "1700000000001", state: object = STATE, **more: object) -> dict[str, Any]:
    return {
        "clientState": state,
        "changeType": "created",
        "tenantId": "tenant",
        "resource": f"chats('19:chat')/messages('{message}')",
        **more,
    }


def posted(*items: object, **more: object) -> bytes:
    return orjson.dumps({"value": items, **more})


def event(event_id: str = "$1", **more: object) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "room_id": "!room:example.org",
        "sender": "@maria:example.org",
        "type": "m.room.message",
        "origin_server_ts": 1,
        "content": {"msgtype": "m.text", "body": "hello"},
        **more,
    }


def transaction(*events: object) -> bytes:
    return orjson.dumps({"events": events})


def refused(hook: str, reason: str) -> float:
    return float(REFUSED.labels(hook, reason)._value.get())


def ignored(side: str, reason: str) -> float:
    return float(IGNORED.labels(side, reason)._value.get())


# --- Graph ---


async def test_while_the_store_is_slow_notifications_are_turned_away_to_come_again(
    door: Door,
) -> None:
    free, reached = asyncio.Event(), asyncio.Event()

    async def stall(name: str) -> None:
        if name == "append_entries":
            reached.set()
            await free.wait()

    door.journal.moment = stall
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(door.post(NOTIFICATIONS, posted(item())))
        await reached.wait()
        door.clock.advance(SHED_AFTER + MILLISECOND)
        before = refused("teams", "overloaded")
        assert (await door.post(NOTIFICATIONS, posted(item("2")))).status == 503
        assert refused("teams", "overloaded") == before + 1
        free.set()
    assert first.result().status == 202
    assert (await door.post(NOTIFICATIONS, posted(item("2")))).status == 202


async def test_an_item_with_our_client_state_is_stored_and_accepted(door: Door) -> None:
    reply = await door.post(NOTIFICATIONS, posted(item(), item("1700000000002")))

    assert reply.status == 202
    assert [entry.new.position for entry in door.store.inbox.values()] == [
        1700000000001,
        1700000000002,
    ]
    assert {entry.new.side for entry in door.store.inbox.values()} == {Side.TEAMS}
    assert STATE.encode() not in b"".join(entry.new.raw for entry in door.store.inbox.values())


async def test_an_item_is_accepted_with_any_state_that_is_known(door: Door) -> None:
    assert (await door.post(NOTIFICATIONS, posted(item(state="an older state")))).status == 202
    assert len(door.keys()) == 1


@pytest.mark.parametrize("state", [None, "", "guessed", STATE + "x", 7, ["x"], {}, "x" * 10_000])
async def test_an_item_without_our_client_state_is_refused_and_counted(
    door: Door, state: object
) -> None:
    before = refused("teams", "wrong_client_state")

    reply = await door.post(NOTIFICATIONS, posted(item(state=state)))

    assert reply.status == 403
    assert door.keys() == []
    assert refused("teams", "wrong_client_state") == before + 1


async def test_a_stranger_in_a_post_does_not_keep_the_others_out(door: Door) -> None:
    body = posted(item("1", "guessed"), item("2"), item("3", None))

    assert (await door.post(NOTIFICATIONS, body)).status == 202
    assert len(door.keys()) == 1


async def test_what_we_have_posted_ourselves_is_counted_and_not_stored(door: Door) -> None:
    door.own.note(CHAT, MessageRef("1"))
    before = ignored("teams", ECHO)

    reply = await door.post(NOTIFICATIONS, posted(item("1"), item("2")))
    alone = await door.post(NOTIFICATIONS, posted(item("1")))

    assert (reply.status, alone.status) == (202, 202)
    assert [entry.new.position for entry in door.store.inbox.values()] == [2]
    assert ignored("teams", ECHO) == before + 2


async def test_what_happens_later_to_what_we_have_posted_is_stored(door: Door) -> None:
    door.own.note(CHAT, MessageRef("1"))

    for change in ("updated", "deleted"):
        reply = await door.post(NOTIFICATIONS, posted(item("1", changeType=change, id=change)))
        assert reply.status == 202

    assert len(door.keys()) == 2


async def test_the_same_item_twice_is_stored_once(door: Door) -> None:
    for _ in range(2):
        assert (await door.post(NOTIFICATIONS, posted(item(), item()))).status == 202

    assert len(door.keys()) == 1


async def test_an_item_about_nothing_known_is_refused_and_the_others_are_not(door: Door) -> None:
    before = refused("teams", "unknown_resource")

    reply = await door.post(
        NOTIFICATIONS, posted(item() | {"resource": "users('x')/presence"}, item())
    )

    assert reply.status == 202
    assert len(door.keys()) == 1
    assert refused("teams", "unknown_resource") == before + 1


async def test_an_item_that_is_nested_without_end_is_refused_and_the_others_are_not(
    door: Door,
) -> None:
    deep = orjson.dumps(item() | {"x": 0}).replace(b'"x":0', b'"x":' + b"[" * 400 + b"]" * 400)
    body = posted(item("1700000000002"))[:-2] + b"," + deep + b"]}"

    assert (await door.post(NOTIFICATIONS, body)).status == 202
    assert len(door.keys()) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"\xff", b'{"value": 7}', b'{"value": {}}', b"{}", b"[" * 100_000],
)
async def test_a_body_that_is_no_notification_is_refused(door: Door, body: bytes) -> None:
    assert (await door.post(NOTIFICATIONS, body)).status == 400
    assert (await door.post(LIFECYCLE, body)).status == 400
    assert door.keys() == []


async def test_more_than_the_hook_reads_is_refused_before_it_is_read(door: Door) -> None:
    before = refused("teams", "too_large")

    async def endless() -> Any:
        for _ in range(9 * 16):
            yield b"x" * 64 * 1024

    announced = {"Content-Length": str(1 << 40)}
    assert (await door.call("POST", NOTIFICATIONS, data=endless())).status == 413
    assert (await door.call("POST", NOTIFICATIONS, data=b"x", headers=announced)).status == 413
    assert refused("teams", "too_large") == before + 2


async def test_a_body_that_is_not_packed_as_it_says_is_refused(door: Door) -> None:
    reply = await door.post(NOTIFICATIONS, b"no gzip at all", headers={"Content-Encoding": "gzip"})

    assert reply.status == 400


async def test_a_validation_token_is_echoed_as_plain_text(door: Door) -> None:
    for path in (NOTIFICATIONS, LIFECYCLE):
        reply = await door.call("POST", path, params={"validationToken": "<b>&+ü</b>"})

        assert (reply.status, reply.text) == (200, "<b>&+ü</b>")
        assert reply.headers["Content-Type"].startswith("text/plain")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_validation_token_that_is_too_long_is_refused(door: Door) -> None:
    for length, status in ((1_000, 200), (VALIDATION_TOKEN_CHARS_MAX + 1, 400)):
        reply = await door.call("POST", NOTIFICATIONS, params={"validationToken": "x" * length})

        assert reply.status == status


async def test_a_lifecycle_notification_is_handed_on_and_nothing_is_stored(door: Door) -> None:
    good = {
        "clientState": STATE,
        "subscriptionId": "s",
        "lifecycleEvent": "reauthorizationRequired",
    }

    body = posted(good, good | {"clientState": "guessed"}, good | {"lifecycleEvent": "party"})
    assert (await door.post(LIFECYCLE, body)).status == 202

    assert [it.event.value for it in door.lifecycles] == ["reauthorizationrequired"]
    assert door.keys() == []


async def test_nothing_is_accepted_while_the_store_is_away(door: Door) -> None:
    async def away(_name: str) -> None:
        raise StoreUnavailable("Postgres is away")

    door.journal.moment = away

    assert (await door.post(NOTIFICATIONS, posted(item()))).status == 503
    assert (await door.put(TRANSACTION, transaction(event()), headers=BEARER)).status == 503


async def test_success_is_said_only_after_the_store_has_it(door: Door) -> None:
    stored, go_on = asyncio.Event(), asyncio.Event()

    async def slow(name: str) -> None:
        if name == "append_entries":
            stored.set()
            await go_on.wait()

    door.journal.moment = slow
    async with asyncio.TaskGroup() as both:
        reply = both.create_task(door.post(NOTIFICATIONS, posted(item())))
        await stored.wait()
        assert not reply.done()
        go_on.set()

    assert reply.result().status == 202


# --- the homeserver ---


async def test_events_of_the_homeserver_are_stored_in_order(door: Door) -> None:
    body = transaction(event("$1"), event("$2"), event("$1"))

    reply = await door.put(TRANSACTION, body, headers=BEARER)

    assert (reply.status, reply.text) == (200, "{}")
    assert door.keys() == ["$1", "$2"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic abc", 401),
        ("Bearer wrong", 403),
        (f"Bearer {HS_TOKEN[:-1]}", 403),
        (f"Bearer {HS_TOKEN} ", 200),
        (f"bearer {HS_TOKEN}", 200),
        ("Bearer " + "x" * 7_000, 403),
    ],
)
async def test_only_the_homeservers_token_opens(
    door: Door, header: str | None, status: int
) -> None:
    headers = {} if header is None else {"Authorization": header}

    for method, path in (
        ("PUT", TRANSACTION),
        ("POST", "/_matrix/app/v1/ping"),
    ):
        reply = await door.call(method, path, data=b"{}", headers=headers)
        assert reply.status == status
        if status != 200:
            assert orjson.loads(reply.text)["errcode"] in {"M_UNAUTHORIZED", "M_FORBIDDEN"}


async def test_a_token_that_is_no_text_opens_nothing(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.base.rpartition(":")[2]))
    head = b"PUT /_matrix/app/v1/transactions/1 HTTP/1.1\r\nHost: x\r\n"
    writer.write(head + b"Authorization: Bearer \xff\xfe\r\nContent-Length: 0\r\n\r\n")

    assert await reader.readline() == b"HTTP/1.1 403 Forbidden\r\n"

    writer.close()
    await writer.wait_closed()


async def test_a_token_in_the_address_opens_nothing(door: Door) -> None:
    reply = await door.put(f"{TRANSACTION}?access_token={HS_TOKEN}", b"{}")

    assert reply.status == 401


async def test_a_hostile_event_is_turned_away_alone(door: Door) -> None:
    hostile = [None, 7, {}, event("no sigil"), event("$nul\x00"), event(sender=7)]
    body = transaction(*hostile, event("$good"))
    body = body[:-2] + b"," + _deep_event() + b"]}"

    reply = await door.put(TRANSACTION, body, headers=BEARER)

    assert reply.status == 200
    assert door.keys() == ["$good"]


def _deep_event() -> bytes:
    """An event that is nested deeper than our JSON library writes, but not than it reads."""
    plain = orjson.dumps(event("$deep", content={"body": "x", "deep": 0}))
    return plain.replace(b'"deep":0', b'"deep":' + b'{"x":' * 400 + b"0" + b"}" * 400)


async def test_a_body_that_is_no_transaction_is_refused(door: Door) -> None:
    for body in (b"", b"{", b"[]", b'{"events": {}}', b"\xff", b"[" * 100_000):
        assert (await door.put(TRANSACTION, body, headers=BEARER)).status == 400

    assert door.keys() == []


# --- the settle window ---


def test_the_first_letter_of_a_quiet_conversation_goes_at_once() -> None:
    assert Quiet(WINDOW).due("a", BEGINNING) == BEGINNING


def test_a_letter_soon_after_another_waits_for_the_window() -> None:
    quiet = Quiet(WINDOW)
    quiet.due("a", BEGINNING)

    soon = BEGINNING + WINDOW - MILLISECOND
    assert quiet.due("a", soon) == soon + WINDOW
    assert quiet.due("b", soon) == soon


def test_a_conversation_that_was_silent_for_the_window_is_quiet_again() -> None:
    quiet = Quiet(WINDOW)
    quiet.due("a", BEGINNING)

    assert quiet.due("a", BEGINNING + WINDOW) == BEGINNING + WINDOW


def test_what_is_remembered_of_conversations_is_bounded_and_the_oldest_goes_first() -> None:
    quiet = Quiet(WINDOW)
    for number in range(CONVERSATIONS_REMEMBERED_MAX + 1):
        quiet.due(str(number), BEGINNING)

    assert len(quiet._last) == CONVERSATIONS_REMEMBERED_MAX
    assert quiet.due("0", BEGINNING) == BEGINNING
    assert quiet.due("9", BEGINNING) == BEGINNING + WINDOW


# --- whatever strangers send ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
NAMES_OF_ITEMS = st.sampled_from(
    [
        "resource",
        "tenantId",
        "changeType",
        "encryptedContent",
        "resourceData",
        "id",
        "lifecycleEvent",
    ]
)
ITEMS = st.dictionaries(NAMES_OF_ITEMS, JSON, max_size=6).map(lambda it: item() | it)
NAMES_OF_EVENTS = st.sampled_from(
    ["event_id", "room_id", "sender", "type", "content", "state_key", "unsigned"]
)
EVENTS = st.dictionaries(NAMES_OF_EVENTS, JSON, max_size=6).map(lambda it: event() | it)


def written(value: object) -> bytes:
    return json.dumps(value).encode()


@given(body=st.binary(max_size=200))
def test_no_bytes_make_a_hook_stumble(knock: Knock, body: bytes) -> None:
    assert knock("post", NOTIFICATIONS, body).status in {202, 400}
    assert knock("post", LIFECYCLE, body).status in {202, 400}
    assert knock("put", TRANSACTION, body, headers=BEARER).status in {200, 400}


@given(items=st.lists(ITEMS, max_size=4), tokens=JSON)
def test_no_notification_makes_the_hook_stumble(
    knock: Knock, items: list[object], tokens: object
) -> None:
    body = written({"value": items, "validationTokens": tokens})

    for path in (NOTIFICATIONS, LIFECYCLE):
        assert knock("post", path, body).status in {202, 400, 403}


@given(events=st.lists(EVENTS | JSON, max_size=4))
def test_no_transaction_makes_the_hook_stumble(knock: Knock, events: list[object]) -> None:
    body = written({"events": events})

    # A NaN is no JSON, whoever writes it.
    assert knock("put", TRANSACTION, body, headers=BEARER).status in {200, 400}


@given(text=st.text(max_size=60))
def test_every_validation_token_comes_back_as_it_was(knock: Knock, text: str) -> None:
    shown = text.encode(errors="replace").decode()

    reply = knock("call", "POST", NOTIFICATIONS, params={"validationToken": shown})

    assert (reply.status, reply.text) == (200, shown)


# --- transactions that seem to be missing ---


async def test_a_gap_in_the_numbers_is_told_before_what_follows_it_is_stored(door: Door) -> None:
    for number in (7, 8, 10, 9, 11):
        body = transaction(event(f"${number}"))
        path = f"/_matrix/app/v1/transactions/{number}"
        assert (await door.put(path, body, headers=BEARER)).status == 200

    assert door.missed == [2]


@pytest.mark.parametrize("txn", ["ten", "-10", "1" * 30, "१०"])
async def test_what_is_no_number_tells_of_no_gap(door: Door, txn: str) -> None:
    for name in ("1", txn):
        path = f"/_matrix/app/v1/transactions/{name}"
        assert (await door.put(path, transaction(event()), headers=BEARER)).status == 200

    assert door.missed == []


async def test_a_stranger_tells_of_no_gap(door: Door) -> None:
    for number, headers in ((1, BEARER), (9, {"Authorization": "Bearer wrong"}), (2, BEARER)):
        path = f"/_matrix/app/v1/transactions/{number}"
        await door.put(path, transaction(event()), headers=headers)

    assert door.missed == []


async def test_a_subscription_of_one_person_is_known_by_its_state(door: Door) -> None:
    anna = TeamsUserId("5f3c1d1e-0000-4000-8000-0000000000aa")
    chat = {"resource": "chats('19:chat')", "changeType": "updated"}
    forged = f"{anna}.{'A' * 43}"
    body = posted(
        item(state=STATES.of(anna), **chat),
        item(state=forged, **chat),
        item(state=STATES.of(anna)),  # Of a message: for nobody alone.
    )

    assert (await door.post(NOTIFICATIONS, body)).status == 202

    (entry,) = door.store.inbox.values()
    assert entry.new.conversation == f"news/tenant/view/{anna}/19:chat"
    lifecycle = item(state=STATES.of(anna), lifecycleEvent="reauthorizationRequired")
    assert (await door.post(LIFECYCLE, posted(lifecycle))).status == 202
    assert [one.person for one in door.lifecycles] == [anna]
    assert (await door.post(NOTIFICATIONS, posted(item(state=forged, **chat)))).status == 403
