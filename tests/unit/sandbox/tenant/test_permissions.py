"""Every operation takes the permissions that Microsoft's own data lists, and no other."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
import pytest_asyncio

from bridge.sandbox.tenant import rsc
from bridge.sandbox.tenant.routes import Route
from bridge.sandbox.tenant.tokens import Keyring
from tests.kit.tenant_table import path as path_of, place, routes
from tests.kit.witness import Witness, watched
from tests.unit.sandbox.tenant.desk import Desk, open_desk
from tests.unit.sandbox.tenant.permission_data import (
    APPLICATION,
    DELEGATED,
    KINDS,
    NO_TABLE,
    listed,
    listed_grants,
    name_of,
    required,
    wide,
)
from tests.unit.sandbox.tenant.place import Answer, enc

MISSING = {
    (403, "Forbidden"): "Missing ",
    (403, "Authorization_RequestDenied"): "Insufficient privileges",
}
"""How Graph says that a permission is missing: of Teams, and of the directory."""
OTHER_WORDS = {
    (name, APPLICATION): (401, "Unauthorized", "Message POST is allowed in application-only")
    for name in (
        "POST /chats/{id}/messages",
        "POST /teams/{id}/channels/{id}/messages",
        "POST /teams/{id}/channels/{id}/messages/{id}/replies",
    )
}
"""Operations that say it in other words: msteams-docs issues 10318 and 12852 on importing."""
BODIES = {
    # All that an app by itself may change of a message: api/chatmessage-update.
    ("PATCH", APPLICATION): b'{"policyViolation":{}}',
}
"""Requests whose body decides whether the kind of token fits; all others send `{}`."""
UNRELATED = {DELEGATED: "Calendars.Read", APPLICATION: "Calendars.Read.All"}
REFUSALS = frozenset({401, 403, 405, 412})

ROUTES = routes()
LISTED = [route for route in ROUTES if name_of(route) not in NO_TABLE]
PLAIN = [route for route in LISTED if route.needs is not None]
"""Those that do not decide by themselves whom they let in."""


async def ask(desk: Desk, route: Route, kind: str, permissions: set[str]) -> Answer:
    """Make an empty request with ids that do not exist, as a user who administers all."""
    user = desk.tenant.add_user("Somebody")
    user.admin = True
    path = path_of(route).replace("{user}", user.id)
    path = re.sub(r"\{[^}]*\}", lambda _: enc(str(uuid4())), path)
    body = None if route.method == "GET" else BODIES.get((route.method, kind), b"{}")
    token = desk.token(user if kind == DELEGATED else None, permissions)
    return await desk.ask(token, route.method, path, body)


@pytest.fixture(scope="module")
def module_witness() -> Iterator[Witness]:
    with watched() as witness:
        yield witness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(keyring: Keyring, module_witness: Witness) -> AsyncIterator[Desk]:
    async with open_desk(keyring, module_witness) as desk:
        yield desk


@pytest.mark.parametrize("route", ROUTES, ids=place)
def test_every_operation_has_a_list_of_permissions_or_a_reason_for_none(route: Route) -> None:
    required()
    assert (listed(route) is None) == (name_of(route) in NO_TABLE)


@pytest.mark.parametrize("route", PLAIN, ids=place)
def test_the_table_of_operations_agrees_with_the_data(route: Route) -> None:
    expected = listed(route)
    assert expected is not None
    assert route.needs is not None
    assert wide(route.needs.delegated) == expected[DELEGATED]
    assert wide(route.needs.application) == expected[APPLICATION]


@pytest.mark.parametrize("route", ROUTES, ids=place)
def test_the_grants_of_a_place_agree_with_the_data(route: Route) -> None:
    expected = listed_grants(route)
    assert frozenset(rsc.grants(route)) == expected
    assert not expected or route.needs is not None


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("route", LISTED, ids=place)
async def test_each_listed_permission_is_enough_by_itself(
    desk: Desk, route: Route, kind: str
) -> None:
    expected = listed(route)
    assert expected is not None
    for permission in sorted(expected[kind]):
        answer = await ask(desk, route, kind, {permission})
        assert answer.status not in REFUSALS, (permission, answer.body)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("route", LISTED, ids=place)
async def test_without_a_listed_permission_it_is_refused(
    desk: Desk, route: Route, kind: str
) -> None:
    expected = listed(route)
    assert expected is not None
    for granted in (set(), {UNRELATED[kind]}, near_misses(expected[kind], kind)):
        answer = await ask(desk, route, kind, granted)
        if expected[kind]:
            assert says_missing(route, kind, answer), (answer.status, answer.body)
        else:
            wrong_place = answer.status == 400 and "/me request is only valid" in answer.message
            assert answer.status in REFUSALS or wrong_place, (answer.status, answer.body)


def says_missing(route: Route, kind: str, answer: Answer) -> bool:
    other = OTHER_WORDS.get((name_of(route), kind))
    if other is not None:
        return (answer.status, answer.code) == other[:2] and answer.message.startswith(other[2])
    words = None if answer.status < 400 else MISSING.get((answer.status, answer.code))
    return words is not None and answer.message.startswith(words)


def near_misses(expected: frozenset[str], kind: str) -> set[str]:
    """All that anything else takes and this operation does not list."""
    every = wide(permission for lists in required().values() for permission in lists[kind])
    return set(every - expected)
