"""The queues on a real Postgres, as an operator looks after them beside a running bridge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from prometheus_client import REGISTRY

from bridge.cli.terminal import EXIT_CONFIG, EXIT_FAILURE
from bridge.domain.ids import MessageRef, RoomId, Side
from bridge.ports import Delivery, Fate, Journal, Run, Told, Turn, Undelivered
from bridge.ports.operating import Item, ItemId, Outcome, State, Verdict, What
from bridge.store.gauges import Gauges
from bridge.store.leases import LEASE
from bridge.store.queue import drop, find, look, retry
from bridge.store.tidings import TidingsBook
from tests.contract.test_journal import (
    PostgresWorld,
    append,
    claim,
    claim_one,
    entry,
    known,
    make_portal,
    new,
    sources,
)
from tests.integration.stores import opened
from tests.kit.fake_store import FakeClock
from tests.kit.operator import Desk, config, desk

__all__ = ["config", "desk"]  # fixtures

TEAMS, MATRIX = Side.TEAMS, Side.MATRIX
ROOM = RoomId("!room:matrix.test")
SECOND = timedelta(seconds=1)
DONE, BUSY, UNKNOWN = Verdict.DONE, Verdict.BUSY, Verdict.UNKNOWN


@pytest.fixture
async def world(database: str) -> AsyncIterator[PostgresWorld]:
    now = datetime.now(UTC)  # noqa: TID251 -- what the commands go by
    async with opened(database, connections_max=6) as store, asyncio.TaskGroup() as tasks:
        made = PostgresWorld(store, tasks, FakeClock(now))
        yield made
        for writer in made.writers:
            writer.cancel()


@pytest.fixture
def journal(world: PostgresWorld) -> Journal:
    return world.process()


def item(delivery: Delivery) -> ItemId:
    return ItemId(what=What.DELIVERY, number=delivery.id)


async def sending(world: PostgresWorld, journal: Journal, *texts: str) -> Run:
    """Deliveries toward Teams in the hands of a worker."""
    portal = await make_portal(journal)
    await world.set_room(portal, ROOM)
    await append(journal, *[new(world, portal, text, target=TEAMS) for text in texts])
    return await claim_one(journal, TEAMS)


async def parked(
    world: PostgresWorld, journal: Journal, *texts: str, reason: str = "Teams refuses"
) -> list[ItemId]:
    portal = await make_portal(journal)
    await world.set_room(portal, ROOM)
    await append(journal, *[new(world, portal, text, target=TEAMS) for text in texts])
    run = await claim_one(journal, TEAMS)
    for delivery in run.deliveries:
        await journal.park(delivery, reason=reason)
    await journal.release(run)
    return [item(delivery) for delivery in run.deliveries]


async def parked_entry(
    world: PostgresWorld, journal: Journal, key: str = "$odd", side: Side = MATRIX
) -> ItemId:
    one = replace(entry(world, key, side=side), conversation=ROOM)
    await journal.append_entries([one])
    (claimed,) = await journal.claim_entries(side, limit=1)
    async with journal.unit() as unit:
        await unit.park_entry(claimed, "it makes no sense")
    return ItemId(what=What.ENTRY, number=claimed.id)


async def all_of(world: PostgresWorld, **wish: object) -> list[Item]:
    given: dict[str, object] = {"side": None, "states_": list(State), "limit": 100}
    return list(await find(world.database, now=world.clock.now(), **(given | wish)))  # type: ignore[arg-type]


async def tried_again(world: PostgresWorld, which: ItemId) -> Outcome:
    return await retry(world.database, which, now=world.clock.now())


async def dropped(world: PostgresWorld, which: ItemId, reason: str = "old") -> Outcome:
    return await drop(world.database, which, reason=reason, now=world.clock.now())


# --- looking ---


async def test_what_lies_there_is_found_by_side_and_state_the_oldest_first(
    world: PostgresWorld, journal: Journal
) -> None:
    first, second = await parked(world, journal, "$a", "$b")
    world.clock.advance(SECOND)
    odd = await parked_entry(world, journal)
    world.clock.advance(SECOND)
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "7", target=MATRIX))

    everything = await all_of(world)
    assert [i.id for i in everything][:3] == [first, second, odd]
    assert [i.side for i in everything] == [TEAMS, TEAMS, MATRIX, MATRIX]
    assert [i.state for i in everything] == [State.PARKED] * 3 + [State.WAITING]
    assert [i.id for i in await all_of(world, states_=[State.PARKED], side=MATRIX)] == [odd]
    assert [i.id for i in await all_of(world, limit=1)] == [first]
    assert everything[0].room == ROOM
    assert everything[0].error == "Teams refuses"


async def test_one_thing_is_shown_whole_or_not_at_all(
    world: PostgresWorld, journal: Journal
) -> None:
    (which,) = await parked(world, journal, "$a")

    found = await look(world.database, which, now=world.clock.now())

    assert found is not None
    assert found.facts["source"] == "$a"
    assert b"text of $a" in found.raw
    nothing = ItemId(what=What.ENTRY, number=999)
    assert await look(world.database, nothing, now=world.clock.now()) is None


# --- trying again ---


async def test_what_was_parked_is_tried_again_and_looked_for_first(
    world: PostgresWorld, journal: Journal
) -> None:
    first, second = await parked(world, journal, "$a", "$b")
    assert await claim(journal, TEAMS) == ()

    assert (await tried_again(world, second)).verdict is DONE
    assert (await tried_again(world, first)).verdict is DONE

    run = await claim_one(journal, TEAMS)
    assert [d.source for d in run.deliveries] == ["$a", "$b"]
    assert [d.attempts for d in run.deliveries] == [1, 1]
    assert all(d.resumed for d in run.deliveries)


async def test_what_waits_for_its_time_is_due_at_once(
    world: PostgresWorld, journal: Journal
) -> None:
    run = await sending(world, journal, "$a")
    (delivery,) = run.deliveries
    at = world.clock.now() + timedelta(hours=1)
    await journal.retry(delivery, at=at, error="later", spent=True, uncertain=False)
    await journal.release(run)
    assert await claim(journal, TEAMS) == ()

    assert (await tried_again(world, item(delivery))).verdict is DONE

    assert sources(await claim(journal, TEAMS)) == [["$a"]]


async def test_an_entry_is_read_again(world: PostgresWorld, journal: Journal) -> None:
    which = await parked_entry(world, journal)
    assert await journal.claim_entries(MATRIX, limit=1) == ()

    assert (await tried_again(world, which)).verdict is DONE

    (again,) = await journal.claim_entries(MATRIX, limit=1)
    assert (again.raw, again.attempts) == (b"$odd", 1)


async def test_what_a_bridge_is_at_is_left_alone(world: PostgresWorld, journal: Journal) -> None:
    (delivery,) = (await sending(world, journal, "$a")).deliveries
    await journal.append_entries([entry(world, "$b", side=MATRIX)])
    (read,) = await journal.claim_entries(MATRIX, limit=1)
    held = [item(delivery), ItemId(what=What.ENTRY, number=read.id)]

    for which in held:
        assert (await dropped(world, which)).verdict is BUSY
        assert (await tried_again(world, which)).verdict is BUSY

    assert await journal.turn(delivery) is Turn.OURS
    assert {i.id for i in await all_of(world)} == set(held)
    assert await world.database.fetch("SELECT FROM drops") == []


async def test_what_a_dead_bridge_was_at_is_anybodys(
    world: PostgresWorld, journal: Journal
) -> None:
    (delivery,) = (await sending(world, journal, "$a")).deliveries
    world.clock.advance(LEASE + SECOND)

    assert (await tried_again(world, item(delivery))).verdict is DONE

    (again,) = (await claim_one(world.process(), TEAMS)).deliveries
    assert again.resumed
    assert await journal.turn(delivery) is Turn.NOT_OURS


async def test_a_parked_one_goes_back_into_a_stream_that_a_worker_has(
    world: PostgresWorld, journal: Journal
) -> None:
    """The worker has parked it, and carries on with what follows it."""
    run = await sending(world, journal, "$a", "$b")
    first, _ = run.deliveries
    await journal.park(first, reason="Teams refuses")

    assert (await tried_again(world, item(first))).verdict is DONE
    assert await claim(world.process(), TEAMS) == ()

    await journal.release(run)
    assert sources(await claim(journal, TEAMS)) == [["$a", "$b"]]


async def test_who_wishes_at_the_same_time_as_a_worker_claims_is_answered(
    world: PostgresWorld, journal: Journal
) -> None:
    portal = await make_portal(journal)
    texts = [f"${n}" for n in range(30)]
    await append(journal, *[new(world, portal, text, target=TEAMS) for text in texts])
    ids = [i.id for i in await all_of(world)]
    worker = world.process()

    async def claims() -> set[str]:
        """A stream that somebody has locked is stepped over: a worker comes again."""
        for _ in range(10):
            if runs := await claim(worker, TEAMS, length_max=10):
                return {d.source for d in runs[0].deliveries}
        return set()

    outcomes, held = await asyncio.gather(
        asyncio.gather(*[dropped(world, which) for which in ids]), claims()
    )

    verdicts = [outcome.verdict for outcome in outcomes]
    gone = {str(o.item.facts["source"]) for o in outcomes if o.item and o.verdict is DONE}
    assert not held & gone
    assert len(gone) == verdicts.count(DONE)
    assert held | gone | {str(i.facts["source"]) for i in await all_of(world)} == set(texts)


# --- dropping ---


async def test_what_is_dropped_is_gone_and_counted(world: PostgresWorld, journal: Journal) -> None:
    first, second, third = await parked(world, journal, "$a", "$b", "$c")

    assert (await dropped(world, first)).verdict is DONE
    assert (await dropped(world, second)).verdict is DONE
    assert (await dropped(world, third, "chat_deleted")).verdict is DONE
    assert (await dropped(world, third, "chat_deleted")).verdict is UNKNOWN

    assert await all_of(world) == []
    assert await claim(journal, TEAMS) == ()
    rows = await world.database.fetch("SELECT side, what, reason, count FROM drops")
    assert {tuple(row.values()) for row in rows} == {
        ("teams", "delivery", "old", 2),
        ("teams", "delivery", "chat_deleted", 1),
    }


async def test_the_head_of_a_stream_may_be_dropped(world: PostgresWorld, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, *[new(world, portal, text, target=TEAMS) for text in ("$a", "$b")])
    head, _ = await all_of(world)

    await dropped(world, head.id)

    assert sources(await claim(journal, TEAMS)) == [["$b"]]


async def test_what_was_dropped_is_not_found_anew(world: PostgresWorld, journal: Journal) -> None:
    (which,) = await parked(world, journal, "$a")
    odd = await parked_entry(world, journal, "$odd")
    portal = await make_portal(journal)

    await dropped(world, which)
    await dropped(world, odd)

    assert await known(journal, MATRIX, portal, "$a") is not None
    assert await journal.append_entries([entry(world, "$odd", side=MATRIX)]) == 0


# --- what the sender was told ---


async def untold(world: PostgresWorld) -> list[Undelivered]:
    book = TidingsBook(world.database)
    since = world.clock.now() - timedelta(seconds=30)
    return list(await book.untold(waiting_since=since, limit=10))


async def test_who_waits_is_found_after_a_while_and_once(
    world: PostgresWorld, journal: Journal
) -> None:
    (delivery,) = (await sending(world, journal, "$a")).deliveries
    at = world.clock.now() + timedelta(hours=1)
    await journal.retry(delivery, at=at, error="Graph is away", spent=False, uncertain=False)
    assert await untold(world) == []
    world.clock.advance(timedelta(seconds=31))

    (found,) = await untold(world)

    assert (found.source, found.room, found.error) == ("$a", ROOM, "Graph is away")
    assert (found.is_parked, found.told) == (False, None)
    book = TidingsBook(world.database)
    assert await book.mark(found, Told.WAITING) is Fate.RESTING
    assert await untold(world) == []


async def test_what_is_parked_is_found_at_once_and_once(
    world: PostgresWorld, journal: Journal
) -> None:
    await parked(world, journal, "$a")
    await parked_entry(world, journal)
    await parked_entry(world, journal, "of Teams", side=TEAMS)
    book = TidingsBook(world.database)

    found = await untold(world)

    assert [(u.source, u.is_parked) for u in found] == [("$a", True), ("$odd", True)]
    assert [u.portal is None for u in found] == [False, True]
    for undelivered in found:
        assert await book.mark(undelivered, Told.PARKED) is Fate.RESTING
        assert await book.mark(undelivered, Told.WAITING) is Fate.RESTING
    assert await untold(world) == []


async def test_the_parts_of_a_message_are_told_as_one(
    world: PostgresWorld, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await world.set_room(portal, ROOM)
    await append(journal, *[new(world, portal, "$a", target=TEAMS, part=n) for n in range(3)])
    run = await claim_one(journal, TEAMS, length_max=1)
    await journal.park(run.deliveries[0], reason="Teams refuses")
    await journal.release(run)
    book = TidingsBook(world.database)
    (found,) = await untold(world)

    await book.mark(found, Told.PARKED)

    run = await claim_one(journal, TEAMS)
    assert [(d.event.part, d.told) for d in run.deliveries] == [(1, True), (2, True)]
    assert await book.is_open(portal.id, MessageRef("$a"), "")
    for delivery in run.deliveries:
        await journal.park(delivery, reason="Teams refuses")
    assert await untold(world) == []


async def test_what_became_of_it_meanwhile_is_told(world: PostgresWorld, journal: Journal) -> None:
    run = await sending(world, journal, "$a", "$b")
    first, second = run.deliveries
    book = TidingsBook(world.database)
    one, two = (_undelivered(world, delivery) for delivery in (first, second))

    assert await book.mark(one, Told.WAITING) is Fate.UNDER_WAY
    await asyncio.gather(journal.delivered(first, MessageRef("1")), journal.release(run))
    assert await book.mark(one, Told.WAITING) is Fate.ARRIVED
    assert await book.mark(two, Told.WAITING) is Fate.RESTING
    await dropped(world, item(second))
    assert await book.mark(two, Told.WAITING) is Fate.GONE


async def test_who_was_told_hears_of_it_when_it_arrives_after_a_retry(
    world: PostgresWorld, journal: Journal
) -> None:
    (which,) = await parked(world, journal, "$a")
    (found,) = await untold(world)
    await TidingsBook(world.database).mark(found, Told.PARKED)

    await tried_again(world, which)

    (delivery,) = (await claim_one(journal, TEAMS)).deliveries
    assert delivery.told
    await journal.park(delivery, reason="Teams refuses")
    (again,) = await untold(world)
    assert again.told is Told.WAITING


def _undelivered(world: PostgresWorld, delivery: Delivery) -> Undelivered:
    return Undelivered(
        id=delivery.id,
        portal=delivery.portal.id,
        room=ROOM,
        source=delivery.source,
        slot=delivery.event.slot,
        event=delivery.event,
        raw=b"",
        error="",
        is_parked=False,
        created_at=world.clock.now(),
        told=None,
    )


# --- metrics ---


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_metrics_show_what_lies_there_and_what_was_dropped(
    world: PostgresWorld, journal: Journal
) -> None:
    before = metric("teams_bridge_dropped_total", side="teams", what="delivery", reason="tested")
    first, *_ = await parked(world, journal, "$a", "$b")
    await parked_entry(world, journal)
    world.clock.advance(timedelta(seconds=50))
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "7", target=MATRIX))
    world.clock.advance(timedelta(seconds=10))
    await journal.append_entries([entry(world, "$new", side=MATRIX)])
    gauges = Gauges(world.database, world.clock)

    await dropped(world, first, "tested")
    await gauges.refresh()
    await gauges.refresh()

    def shown(side: str, what: str, state: str) -> float:
        return metric("teams_bridge_open", side=side, what=what, state=state)

    assert shown("teams", "delivery", "parked") == 1
    assert shown("teams", "delivery", "waiting") == 0
    assert shown("matrix", "delivery", "waiting") == 1
    assert shown("matrix", "entry", "parked") == 1
    assert shown("matrix", "entry", "waiting") == 1
    assert metric("teams_bridge_oldest_seconds", side="matrix") == 10
    assert metric("teams_bridge_oldest_seconds", side="teams") == 0
    after = metric("teams_bridge_dropped_total", side="teams", what="delivery", reason="tested")
    assert after - before == 1


# --- the commands ---


async def test_an_operator_looks_retries_and_drops(
    world: PostgresWorld, journal: Journal, desk: Desk
) -> None:
    first, second = await parked(world, journal, "$a", "$b", reason="the chat is gone")
    odd = await parked_entry(world, journal)

    code, said, complained = await desk.types("queue list --state parked")
    assert (code, complained) == (0, "")
    assert [line.split()[0] for line in said.splitlines()] == [
        "ID", str(first), str(second), str(odd),
    ]  # fmt: skip
    assert "the chat is gone" in said
    assert "text of" not in said

    code, said, _ = await desk.types(f"queue show {first} --json --content")
    assert code == 0
    shown = orjson.loads(said)
    assert (shown["id"], shown["source"], shown["is_held"]) == (str(first), "$a", False)
    assert "text of $a" in shown["raw"]

    code, said, _ = await desk.types(f"queue drop {second} --reason chat_deleted")
    assert code == 0
    assert said.startswith(f"dropped {second} | to teams | ")
    assert said.endswith("1 dropped.\n")

    code, said, _ = await desk.types("queue retry --all")
    assert (code, said.splitlines()[-1]) == (0, "2 retried.")
    world.clock.advance(timedelta(hours=1))
    assert sources(await claim(journal, TEAMS)) == [["$a"]]


async def test_what_is_not_there_or_in_hand_is_said_and_the_rest_is_done(
    world: PostgresWorld, journal: Journal, desk: Desk
) -> None:
    (held,) = (await sending(world, journal, "$a")).deliveries
    odd = await parked_entry(world, journal)

    code, said, complained = await desk.types(f"queue drop d99999 {item(held)} {odd} --reason old")

    assert code == EXIT_FAILURE
    assert said.splitlines()[-1] == "1 dropped."
    first, second = complained.splitlines()
    assert first.startswith("d99999: is not in the queues")
    assert second.startswith(f"{item(held)}: a running bridge is at it just now")
    assert await desk.types("queue show e99999") == (
        EXIT_FAILURE,
        "",
        "e99999: is not in the queues; it may have arrived, or was dropped\n",
    )


async def test_a_list_says_when_there_is_more(
    world: PostgresWorld, journal: Journal, desk: Desk
) -> None:
    await parked(world, journal, "$a", "$b", "$c")

    code, said, complained = await desk.types("queue list --limit 2 --json")

    assert (code, len(said.splitlines())) == (0, 2)
    assert "more than 2" in complained
    assert await desk.types("queue list --side matrix") == (0, "Nothing there.\n", "")


async def test_a_database_that_is_not_up_to_date_is_said(
    empty_database: str, desk: Desk, database: str
) -> None:
    desk.config.write_text(desk.config.read_text().replace(database, empty_database))

    code, said, complained = await desk.types("queue list")

    assert (code, said) == (EXIT_CONFIG, "")
    assert "the database lacks 0001_create_queues" in complained
    assert "teams-bridge db upgrade" in complained


async def test_a_database_that_is_away_is_said(desk: Desk, database: str, unused_port: int) -> None:
    away = f"postgresql://nobody@127.0.0.1:{unused_port}/nothing"
    desk.config.write_text(desk.config.read_text().replace(database, away))

    code, _, complained = await desk.types("queue list")

    assert code == EXIT_FAILURE
    assert "Postgres is away" in complained.splitlines()[-1]
