"""What both journals promise of threads, of news, and of what could not be carried over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.domain.content import from_text
from bridge.domain.events import MessageEdited, MessageSent, Person
from bridge.domain.ids import MessageRef, Place, Side, TeamId, TeamsUserId, Version, reply_ref
from bridge.domain.portal import Portal
from bridge.ports import (
    ConversationNews,
    Delivery,
    FarThread,
    Journal,
    Loss,
    NewDelivery,
    News,
    PersonNews,
    TeamNews,
)
from tests.contract.test_journal import (
    FakeWorld,
    PostgresWorld,
    World,
    append,
    claim_one,
    journal,
    make_portal,
    place,
    world,
)

__all__ = ["journal", "world"]  # fixtures

TEAMS, MATRIX = Side.TEAMS, Side.MATRIX
ROOT = MessageRef("100")
SECOND = timedelta(seconds=1)


def said(
    world: World,
    portal: Portal,
    source: str,
    *,
    thread: str | None = None,
    after: int = 0,
    target: Side = MATRIX,
) -> NewDelivery:
    event = MessageSent(
        author=Person(id="anna"),
        version=Version(""),
        sent_at=world.clock.now() + after * SECOND,
        body=from_text(source),
        thread=None if thread is None else MessageRef(thread),
    )
    return NewDelivery(
        portal=portal.id, target=target, source=MessageRef(source), speaker="anna", event=event
    )


def reply(
    world: World, portal: Portal, number: int, *, after: int = 0, root: str = ROOT
) -> NewDelivery:
    source = reply_ref(MessageRef(root), MessageRef(str(number)))
    return said(world, portal, source, thread=root, after=after)


async def carry(journal: Journal, delivery: NewDelivery, ref: str) -> None:
    await append(journal, delivery)
    run = await claim_one(journal, delivery.target)
    for one in run.deliveries:
        await journal.delivered(one, MessageRef(ref))
    await journal.release(run)


async def asking(journal: Journal, delivery: NewDelivery) -> Delivery:
    await append(journal, delivery)
    (asked,) = (await claim_one(journal, delivery.target)).deliveries
    return asked


async def test_the_first_reply_hangs_on_the_post_itself(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await carry(journal, said(world, portal, ROOT), "$post")

    asked = await asking(journal, reply(world, portal, 101))

    far = await journal.far(asked)
    assert far.thread == FarThread(root=MessageRef("$post"), last=MessageRef("$post"))
    assert far.parts == ()


async def test_a_reply_comes_after_what_was_said_last_before_it(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, said(world, portal, ROOT), "$post")
    await carry(journal, said(world, portal, "200", after=9), "$another post")
    await carry(journal, reply(world, portal, 101, after=1), "$first")
    await carry(journal, reply(world, portal, 201, root="200", after=2), "$elsewhere")
    await carry(journal, reply(world, portal, 104, after=4), "$later")

    asked = await asking(journal, reply(world, portal, 103, after=3))

    thread = (await journal.far(asked)).thread
    assert thread == FarThread(root=MessageRef("$post"), last=MessageRef("$first"))


async def test_a_thread_whose_post_is_not_here_is_none(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await carry(journal, reply(world, portal, 101), "$first")

    asked = await asking(journal, reply(world, portal, 102, after=1))

    assert (await journal.far(asked)).thread is None


async def test_parts_that_an_edit_adds_belong_to_the_thread(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    first = reply(world, portal, 101)
    await carry(journal, said(world, portal, ROOT), "$post")
    await carry(journal, first, "$first")
    edit = MessageEdited(
        target=first.source,
        author=Person(id="anna"),
        version=Version("5"),
        sent_at=world.clock.now(),
        body=from_text("more"),
        part=1,
        parts=2,
    )

    asked = await asking(
        journal,
        NewDelivery(
            portal=portal.id, target=MATRIX, source=first.source, speaker="anna", event=edit
        ),
    )

    far = await journal.far(asked)
    assert far.thread is not None
    assert far.thread.root == "$post"
    assert [part.ref for part in far.parts] == ["$first"]


@pytest.mark.parametrize("at", ["$post", "$first"])
async def test_in_teams_a_thread_is_its_post_wherever_one_answers(
    world: World, journal: Journal, at: str
) -> None:
    portal = await make_portal(journal)
    await carry(journal, said(world, portal, ROOT), "$post")
    await carry(journal, reply(world, portal, 101, after=1), "$first")

    asked = await asking(journal, said(world, portal, "$mine", thread=at, target=TEAMS))

    assert (await journal.far(asked)).thread == FarThread(root=ROOT, last=ROOT)


async def noted(world: World) -> list[News]:
    """Return what is to be looked at, of what the tests tell news of."""
    if isinstance(world, FakeWorld):
        return list(dict.fromkeys(world.store.news))
    assert isinstance(world, PostgresWorld)
    rows = await world.database.fetch(
        "SELECT conversation_id FROM portals WHERE shape_due_at <= $1 ORDER BY id",
        world.clock.now(),
    )
    tenant = place().tenant
    places = (Place(tenant=tenant, conversation=row["conversation_id"]) for row in rows)
    return [ConversationNews(place=one) for one in places]


async def test_news_of_a_conversation_are_kept_once(world: World, journal: Journal) -> None:
    portal, other = await make_portal(journal), await make_portal(journal, "other chat")
    news = ConversationNews(place=portal.place)
    before = await noted(world)

    async with journal.unit() as unit:
        await unit.note([news, news])
    async with journal.unit() as unit:
        await unit.note([news])

    assert before == []
    assert await noted(world) == [news]
    assert other.place != news.place


async def test_news_of_what_nobody_knows_are_harmless(world: World, journal: Journal) -> None:
    tenant = place().tenant
    async with journal.unit() as unit:
        await unit.note(
            [
                ConversationNews(place=place("never seen")),
                TeamNews(tenant=tenant, team=TeamId("never seen")),
                PersonNews(tenant=tenant, person=TeamsUserId("never\x00seen")),
            ]
        )


async def lost(world: World) -> set[Loss]:
    if isinstance(world, FakeWorld):
        return world.store.losses
    assert isinstance(world, PostgresWorld)
    rows = await world.database.fetch("SELECT portal_id, message_id, name FROM losses")
    return {Loss(portal=r["portal_id"], ref=r["message_id"], name=r["name"]) for r in rows}


async def test_what_was_lost_is_kept_once_for_each_message(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    losses = [
        Loss(portal=portal.id, ref=MessageRef("1"), name="action_buttons"),
        Loss(portal=portal.id, ref=MessageRef("1"), name="card_media"),
        Loss(portal=portal.id, ref=MessageRef("2"), name="card_media"),
    ]

    async with journal.unit() as unit:
        await unit.lose([*losses, losses[0]])
    async with journal.unit() as unit:
        await unit.lose(losses[:1])

    assert await lost(world) == set(losses)


async def test_a_unit_that_fails_has_lost_and_noted_nothing(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)

    async def fail() -> None:
        async with journal.unit() as unit:
            await unit.lose([Loss(portal=portal.id, ref=MessageRef("1"), name="card_media")])
            await unit.note([ConversationNews(place=portal.place)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await lost(world) == set()
    assert await noted(world) == []
