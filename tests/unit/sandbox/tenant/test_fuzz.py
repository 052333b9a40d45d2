"""Whatever is sent, the tenant answers in Microsoft's form and never with a server error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.unit.sandbox.tenant.place import Place, Subscriber, enc

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "body",
        "content",
        "contentType",
        "mentions",
        "attachments",
        "hostedContents",
        "importance",
        "subject",
        "id",
        "mentionText",
        "mentioned",
        "user",
        "reactionType",
        "chatType",
        "members",
        "topic",
        "roles",
        "@odata.type",
        "user@odata.bind",
        "visibleHistoryStartDateTime",
        "resource",
        "changeType",
        "notificationUrl",
        "expirationDateTime",
        "includeResourceData",
        "encryptionCertificate",
        "clientState",
    ]
)
NESTED = st.recursive(
    JSON | st.sampled_from(["html", "text", "oneOnOne", "group", "https://["]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
PATHS = [
    ("POST", "/chats"),
    ("PATCH", "/chats/{c}"),
    ("POST", "/chats/{c}/members"),
    ("POST", "/chats/{c}/messages"),
    ("PATCH", "/chats/{c}/messages/{m}"),
    ("POST", "/chats/{c}/messages/{m}/setReaction"),
    ("POST", "/subscriptions"),
]
ROUNDS = 25


def checked(answer: Any) -> None:
    assert answer.status < 500, answer.raw
    if answer.status >= 400:
        assert answer.body["error"].keys() == {"code", "message", "innerError"}


def examples(strategy: Any) -> list[Any]:
    """A fixed set of examples, drawn without a network in between."""
    found: list[Any] = []

    @settings(
        max_examples=ROUNDS,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_any_json_is_answered(place: Place, method: str, path: str) -> None:
    message = await place.tenant.type(place.chat, place.alice.id, "hi")
    target = path.format(c=enc(place.chat), m=message)
    for body in await asyncio.to_thread(examples, st.dictionaries(NAMES, NESTED, max_size=5)):
        checked(await place.graph(place.alice, method, target, body))


async def test_almost_good_messages_are_answered(place: Place, subscriber: Subscriber) -> None:
    good = {"contentType": "html", "content": '<at id="0">B</at><attachment id="a"></attachment>'}
    spoilt = st.fixed_dictionaries(
        {"body": st.just(good)},
        optional={
            "mentions": st.lists(
                st.fixed_dictionaries(
                    {}, optional={"id": JSON, "mentionText": JSON, "mentioned": NESTED}
                ),
                max_size=2,
            ),
            "attachments": st.lists(
                st.fixed_dictionaries(
                    {}, optional={"id": JSON, "contentType": JSON, "content": JSON}
                ),
                max_size=2,
            ),
            "hostedContents": NESTED,
        },
    )
    for body in await asyncio.to_thread(examples, spoilt):
        checked(await place.graph(place.alice, "POST", f"/chats/{enc(place.chat)}/messages", body))
    wish = subscriber.wish()
    spoilt = st.sampled_from(sorted(wish)).flatmap(
        lambda name: JSON.map(lambda value: wish | {name: value})
    )
    for body in await asyncio.to_thread(examples, spoilt):
        checked(await place.graph(None, "POST", "/subscriptions", body))


async def test_any_bytes_are_answered(place: Place) -> None:
    for raw in await asyncio.to_thread(examples, st.binary(max_size=200)):
        path = f"/chats/{enc(place.chat)}/messages"
        checked(await place.graph(place.alice, "POST", path, raw))


async def test_any_path_and_query_is_answered(place: Place) -> None:
    path = st.lists(st.text(max_size=12), max_size=6).map(lambda p: "/" + "/".join(map(enc, p)))
    query = st.dictionaries(
        st.sampled_from(["$top", "$filter", "$orderby", "$skiptoken", "$expand", "$select"]),
        st.text(max_size=20),
        max_size=3,
    ).map(lambda q: "&".join(f"{k}={enc(v)}" for k, v in q.items()))
    paths = await asyncio.to_thread(examples, path)
    queries = await asyncio.to_thread(examples, query)
    for where in paths:
        checked(await place.graph(place.alice, "GET", where))
    for text in queries:
        for where in ("/chats", "/users", f"/chats/{enc(place.chat)}/messages"):
            checked(await place.graph(None, "GET", f"{where}?{text}"))


async def test_any_token_request_is_answered(place: Place) -> None:
    names = st.sampled_from(
        [
            "grant_type",
            "client_id",
            "client_secret",
            "scope",
            "code",
            "redirect_uri",
            "refresh_token",
            "client_assertion",
            "client_assertion_type",
            "code_verifier",
        ]
    )
    kinds = st.sampled_from(["client_credentials", "authorization_code", "refresh_token"])
    forms = st.dictionaries(names, st.text(max_size=30), max_size=6)
    pairs = st.tuples(kinds, forms)
    for kind, form in await asyncio.to_thread(examples, pairs):
        answer = await place.token(**({"grant_type": kind} | form))
        assert answer.status in (200, 400, 401)
        assert answer.status == 200 or answer.body["error_codes"]


async def test_any_assertion_is_answered(place: Place) -> None:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for text in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "....", "é.é.é"]:
        answer = await place.token(
            grant_type="client_credentials",
            scope=f"{place.server.base}/.default",
            client_assertion=text,
            client_assertion_type=kind,
        )
        assert answer.status == 401
