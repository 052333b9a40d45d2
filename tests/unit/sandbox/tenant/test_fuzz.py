"""Whatever is sent, the tenant answers in Microsoft's form and never with a server error."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings, strategies as st

from bridge.sandbox.tenant.client_teams import TeamsClient
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import Route
from bridge.sandbox.tenant.tokens import Keyring
from bridge.sandbox.tenant.world import User
from tests.kit.openapi import description
from tests.kit.tenant_table import path as path_of, place as place_of, routes
from tests.kit.witness import Witness, watched
from tests.unit.sandbox.tenant.desk import Desk, open_desk
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
NAME_LIST = [
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
NAMES = st.sampled_from(NAME_LIST)
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
    """A fixed set of examples, drawn without a network in between.

    Called in the thread of the tests: in each new one Hypothesis walks through the whole heap first.
    """
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
    for body in examples(st.dictionaries(NAMES, NESTED, max_size=5)):
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
    for body in examples(spoilt):
        checked(await place.graph(place.alice, "POST", f"/chats/{enc(place.chat)}/messages", body))
    wish = subscriber.wish()
    spoilt = st.sampled_from(sorted(wish)).flatmap(
        lambda name: JSON.map(lambda value: wish | {name: value})
    )
    for body in examples(spoilt):
        checked(await place.graph(None, "POST", "/subscriptions", body))


async def test_any_bytes_are_answered(place: Place) -> None:
    for raw in examples(st.binary(max_size=200)):
        path = f"/chats/{enc(place.chat)}/messages"
        checked(await place.graph(place.alice, "POST", path, raw))


async def test_any_path_and_query_is_answered(place: Place) -> None:
    path = st.lists(st.text(max_size=12), max_size=6).map(lambda p: "/" + "/".join(map(enc, p)))
    query = st.dictionaries(
        st.sampled_from(["$top", "$filter", "$orderby", "$skiptoken", "$expand", "$select"]),
        st.text(max_size=20),
        max_size=3,
    ).map(lambda q: "&".join(f"{k}={enc(v)}" for k, v in q.items()))
    paths = examples(path)
    queries = examples(query)
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
    for kind, form in examples(pairs):
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


HOSTILE = [
    ".",
    "..",
    "'",
    "''",
    "a'b",
    "(",
    "()",
    "x('y')",
    "a/b",
    "%",
    "%00",
    "\x00",
    "\n",
    "\u202e",
    "\ud7ff",
    "é🙂",
    "0",
    "-1",
    "9" * 40,
    "1e9",
    "null",
    "None",
    "$value",
    "$count",
    "$ref",
    "{id}",
    "19:nowhere@thread.v2",
    "48:notes",
    "00000000-0000-0000-0000-000000000000",
    "me",
    "delta()",
    "=" * 5,
    "MCMjMCMj",
    "a" * 300,
]
"""Ids that nobody would have given."""
OPTIONS = ["$top", "$filter", "$orderby", "$skiptoken", "$deltatoken", "$expand", "$select"]
VALUES = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "-5",
            "1000000",
            "9" * 30,
            "lastModifiedDateTime gt 2026-01-01T00:00:00Z",
            "lastModifiedDateTime gt 9999-99-99T99:99:99Z",
            "lastModifiedDateTime gt 0001-01-01T00:00:00-14:00",
            "createdDateTime desc",
            "members,messages",
            "replies($expand=replies)",
            "id eq '",
            "((((((((",
            "W10",
            "bnVsbA",
        ]
    ),
    st.text(max_size=20),
)
BROKEN = [
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"\xff\xfe",
    b"[" * 3000,
    b'{"a":' * 3000,
    b'{"id":1e999}',
    b'{"body":{"content":"\\ud800"}}',
    b'{"a":' + b"9" * 500 + b"}",
]
TRIES = 14
"""Requests for each operation; every second one as a person, the others as an app."""


@dataclass
class Stock:
    """A tenant in which there is one of everything that an id can name."""

    desk: Desk
    people: list[User]
    ids: dict[str, str]


async def stocked(desk: Desk) -> Stock:
    control = desk.control
    alice, bob = await control.add_users("Alice Liddell", "Bob Builder")
    chat = await control.create_chat("group", [alice.id, bob.id], topic="Tea")
    message = await control.type(chat, alice.id, "hi")
    teams = TeamsClient(control)
    team = await teams.create_team("Tea party", owners=[alice.id], members=[bob.id])
    channel = await teams.create_channel(team.id, "Cakes")
    root = await teams.type(channel, alice.id, "who has cake?")
    reply = await teams.type(channel, bob.id, "me", reply_to=root)
    tag = await teams.create_tag(team.id, "Bakers", [bob.id])
    ids = {
        "chat": chat,
        "team": team.id,
        "group": team.id,
        "channel": channel.channel,
        "user": alice.id,
        "tag": tag,
        "reply": reply,
        "tenant": desk.tenant.id,
        "message of a chat": message,
        "message of a channel": root,
    }
    found = [desk.tenant.users[person.id] for person in (alice, bob)]
    found[0].admin = True
    return Stock(desk, found, ids)


@pytest.fixture(scope="module")
def module_witness() -> Iterator[Witness]:
    with watched() as witness:
        yield witness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(keyring: Keyring, module_witness: Witness) -> AsyncIterator[Desk]:
    async with open_desk(keyring, module_witness) as desk:
        yield desk


@pytest.fixture(scope="module")
def pool() -> list[Any]:
    """What bodies are made of."""
    return [value for _ in range(4) for value in examples(NESTED)]


@pytest.fixture(scope="module")
def options() -> list[dict[str, str]]:
    return examples(st.dictionaries(st.sampled_from(OPTIONS), VALUES, max_size=3))


def granted(route: Route) -> set[str]:
    """All that opens this operation, and what those that decide by themselves look for."""
    needs = route.needs or Needs()
    every = [*needs.delegated, *needs.application, "Teamwork.Migrate.All", "Files.ReadWrite.All"]
    return {*every, "Chat.ReadWrite", "Chat.Read.All", "User.Read.All", "ChannelMessage.Read.All"}


def target(route: Route, ids: dict[str, str], dice: Random) -> str:
    """The path with real ids, and sometimes one that is not."""
    names = re.findall(r"\{(\w+)\}", route.path)
    spoilt = dice.choice([None, None, *names]) if names else None
    place = "channel" if "channel" in names else "chat"

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        real = ids.get(name) or ids.get(f"{name} of a {place}")
        return enc(dice.choice(HOSTILE) if name == spoilt or real is None else real)

    return re.sub(r"\{(\w+)\}", filled, route.path)


def body(names: list[str], pool: list[Any], dice: Random) -> bytes:
    if dice.random() < 0.2:
        return dice.choice(BROKEN)
    chosen = dice.sample(names, min(len(names), dice.randint(0, 6)))
    return orjson.dumps({name: dice.choice(pool) for name in chosen})


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", routes(), ids=place_of)
async def test_every_operation_answers_whatever_it_is_sent(
    desk: Desk, route: Route, pool: list[Any], options: list[dict[str, str]]
) -> None:
    stock = await stocked(desk)
    dice = Random(place_of(route))  # noqa: S311 - the same requests in every run
    known = description()
    taken = [] if known is None else known.request_names(route.method, path_of(route))
    names = sorted({*taken, *NAME_LIST})
    for number in range(TRIES):
        query = "&".join(f"{name}={enc(value)}" for name, value in dice.choice(options).items())
        user = None if number % 2 else stock.people[0]
        token = desk.token(user, granted(route))
        sent = None if route.method == "GET" else body(names, pool, dice)
        where = f"{target(route, stock.ids, dice)}?{query}"
        answer = await desk.ask(token, route.method, where, sent)
        assert answer.status < 500, (where, sent, answer.raw)
        if answer.status >= 400:
            assert {"code", "message"} <= answer.body["error"].keys(), answer.raw
