"""`teams-bridge audit fidelity` on a real Postgres, beside a running bridge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from bridge.domain.ids import MessageRef, PortalId, RoomId
from bridge.ports import Journal, Loss
from tests.contract.test_journal import PostgresWorld, append, claim_one, make_portal, new
from tests.integration.stores import opened
from tests.kit.fake_store import FakeClock
from tests.kit.operator import Desk, config, desk

__all__ = ["config", "desk"]  # fixtures

ROOM = RoomId("!room:matrix.test")
DAY = timedelta(days=1)


@pytest.fixture
async def world(database: str) -> AsyncIterator[PostgresWorld]:
    now = datetime.now(UTC)  # noqa: TID251 -- what the commands go by
    async with opened(database, connections_max=6) as store, asyncio.TaskGroup() as tasks:
        made = PostgresWorld(store, tasks, FakeClock(now - 10 * DAY))
        yield made
        for writer in made.writers:
            writer.cancel()


@pytest.fixture
def journal(world: PostgresWorld) -> Journal:
    return world.process()


async def crossed(world: PostgresWorld, journal: Journal, *refs: str, chat: str) -> PortalId:
    """Messages of Teams that have arrived in Matrix."""
    portal = await make_portal(journal, chat)
    await world.set_room(portal, RoomId(f"!{chat}:matrix.test"))
    await append(journal, *[new(world, portal, ref) for ref in refs])
    run = await claim_one(journal)
    for delivery in run.deliveries:
        await journal.delivered(delivery, MessageRef(f"${chat}-{delivery.source}"))
    await journal.release(run)
    return portal.id


async def lose(journal: Journal, portal: PortalId, ref: str, *names: str) -> None:
    async with journal.unit() as unit:
        await unit.lose([Loss(portal=portal, ref=MessageRef(ref), name=name) for name in names])


@pytest.fixture
async def lossy(world: PostgresWorld, journal: Journal) -> None:
    """Ten days ago one message lost two things; three days ago another one lost one."""
    one = await crossed(world, journal, "1", "2", "3", chat="one")
    await lose(journal, one, "2", "action_buttons", "card_media")
    world.clock.advance(7 * DAY)
    other = await crossed(world, journal, "1", chat="other")
    await lose(journal, other, "1", "action_buttons")


@pytest.mark.usefixtures("lossy")
async def test_losses_are_counted_by_kind_and_set_against_everything(desk: Desk) -> None:
    code, said, complained = await desk.types("audit fidelity")

    whole, _, head, *rows = said.splitlines()
    assert (code, complained) == (0, "")
    assert whole == "2 of 4 messages of Teams (50.00 %) were carried over as a whole."
    assert head.split() == ["WHAT", "MESSAGES", "CONVERSATIONS", "FIRST", "LAST"]
    assert [row.split()[:3] for row in rows] == [
        ["action_buttons", "2", "2"],
        ["card_media", "1", "1"],
    ]


@pytest.mark.usefixtures("lossy")
async def test_the_messages_that_lost_something_are_listed_the_newest_first(desk: Desk) -> None:
    code, said, _ = await desk.types("audit fidelity --what action_buttons --json")

    cases = [orjson.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [(case["message"], case["event"]) for case in cases] == [
        ("1", "$other-1"),
        ("2", "$one-2"),
    ]
    assert cases[0]["room"] == "!other:matrix.test"
    assert "19:other@thread.v2" in cases[0]["conversation"]


@pytest.mark.usefixtures("lossy")
async def test_one_may_ask_for_the_last_days_only(desk: Desk) -> None:
    _, said, _ = await desk.types("audit fidelity --days 5 --json")
    _, cut, complained = await desk.types("audit fidelity --what action_buttons --limit 1")

    total, kind = map(orjson.loads, said.splitlines())
    assert total == {"messages": 1, "lossy": 1}
    assert (kind["what"], kind["messages"]) == ("action_buttons", 1)
    assert len(cut.splitlines()) == 2
    assert "more than 1" in complained


async def test_where_nothing_was_lost_it_says_so(
    world: PostgresWorld, journal: Journal, desk: Desk
) -> None:
    _, empty, _ = await desk.types("audit fidelity")
    await crossed(world, journal, "1", chat="one")
    _, whole, _ = await desk.types("audit fidelity")
    _, none, _ = await desk.types("audit fidelity --what nothing_of_that_name")

    assert empty == "0 of 0 messages of Teams were carried over as a whole.\n"
    assert whole == "1 of 1 messages of Teams (100.00 %) were carried over as a whole.\n"
    assert none == "Nothing there.\n"


@pytest.mark.parametrize("wrong", ["--days 0", "--days x", "--limit -1", "--days 99999999999"])
async def test_what_cannot_be_is_refused(desk: Desk, wrong: str) -> None:
    with pytest.raises(SystemExit) as error:
        await desk.types(f"audit fidelity {wrong}")

    assert error.value.code == 2
