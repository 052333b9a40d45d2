"""Where receipts stand, as the database knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.domain.ids import MessageRef, PortalId, RoomId, Side, TeamsUserId, UserId
from bridge.domain.receipts import Receipt
from bridge.ports import Reach
from bridge.store.database import Database
from bridge.store.read_marks import ReadBook
from tests.contract.test_journal import PostgresWorld, append, make_portal, new, place
from tests.integration.stores import opened, world_on

ME, ROOM = "person-me", RoomId("!room:hs")

_ROOM = "UPDATE portals SET room_id = $2 WHERE id = $1"
_ACCOUNT = """
INSERT INTO accounts (user_id, tenant_id, teams_user_id, token_cache_sealed, signed_in_at)
VALUES ('@me:hs', $1, $2, ''::bytea, now())
"""
_LINK = """
INSERT INTO links (portal_id, message_id, event_id, part, origin, version, author, sent_at, linked_at)
VALUES ($1, $2, $3, 0, 'teams', '1', $4, now(), now())
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def world(store: Database) -> AsyncIterator[PostgresWorld]:
    async with world_on(store) as made:
        yield made


async def chat(world: PostgresWorld, name: str = "19:a@thread.v2") -> PortalId:
    """Make a portal with a room, and sign somebody in."""
    portal = await make_portal(world.process(), name)
    await world.database.execute(_ROOM, portal.id, ROOM)
    await world.database.execute(_ACCOUNT, place(name).tenant, ME)
    return portal.id


async def said(world: PostgresWorld, portal: PortalId, number: int, author: str) -> None:
    await world.database.execute(
        _LINK, portal, str(1_700_000_000_000 + number), f"${number}", author
    )


async def reach(world: PostgresWorld, ref: str, user: str = "@me:hs") -> Reach | None:
    receipt = Receipt(room=ROOM, user=UserId(user), ref=MessageRef(ref))
    nobody = Receipt(room=RoomId("!other:hs"), user=UserId(user), ref=MessageRef(ref))
    first, found = await ReadBook(world.database).reach([nobody, receipt])
    assert first is None
    return found


async def test_a_receipt_stands_among_what_others_have_said(world: PostgresWorld) -> None:
    portal = await chat(world)
    for number, author in enumerate(["ben", "ben", ME, "ben"]):
        await said(world, portal, number, author)

    found = await reach(world, "$1")

    assert found == Reach(
        person=TeamsUserId(ME),
        place=place("19:a@thread.v2"),
        read=MessageRef("1700000000001"),
        newest=MessageRef("1700000000003"),
        own_last=False,
        under_way=False,
    )
    nothing = await reach(world, "$of no message")
    assert nothing is not None
    assert nothing.read is None


async def test_who_spoke_last_has_read(world: PostgresWorld) -> None:
    portal = await chat(world)
    await said(world, portal, 0, "ben")
    await said(world, portal, 1, ME)
    found = await reach(world, "$0")
    assert found is not None
    assert found.own_last


async def test_nobody_who_is_not_signed_in_and_no_channel_is_marked(world: PostgresWorld) -> None:
    await chat(world, "team/19:c@thread.tacv2")
    assert await reach(world, "$1") is None
    assert await reach(world, "$1", user="@other:hs") is None


@pytest.mark.parametrize("target", [Side.MATRIX, Side.TEAMS])
async def test_what_is_on_its_way_counts(world: PostgresWorld, target: Side) -> None:
    await chat(world)
    journal = world.process()
    portal = await make_portal(journal, "19:a@thread.v2")
    await append(journal, new(world, portal, "$1", target=target))
    found = await reach(world, "$1")
    assert found is not None
    assert found.under_way
    other = await reach(world, "$2")
    assert other is not None
    assert other.under_way is (target is Side.MATRIX)
