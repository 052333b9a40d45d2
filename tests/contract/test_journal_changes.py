"""What both journals promise of edits, deletions, reactions, and of what we found by looking."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.changes import Known, Own, OwnChange, words_of
from bridge.domain.content import from_text
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, Side, Version
from bridge.domain.portal import Portal
from bridge.ports import (
    Beside,
    Delivery,
    Far,
    FarPart,
    Heard,
    Journal,
    NewDelivery,
    NotNew,
    Remembered,
    Turn,
)
from bridge.store.leases import LEASE
from tests.contract.test_journal import (
    MATRIX,
    TEAMS,
    World,
    append,
    claim,
    claim_one,
    entry,
    in_the_air,
    journal,
    known,
    make_portal,
    new,
    raws,
    sources,
    world,
)

__all__ = ["journal", "world"]  # fixtures

ANNA = Person(id="anna")
AT = "5"


def edited(world: World, target: str, *, words: str = "other words", version: str = AT) -> Event:
    return MessageEdited(
        target=MessageRef(target),
        author=ANNA,
        version=Version(version),
        sent_at=world.clock.now(),
        body=from_text(words),
    )


def deleted(world: World, target: str) -> Event:
    return MessageDeleted(
        target=MessageRef(target), author=ANNA, version=Version(AT), sent_at=world.clock.now()
    )


def reacted(world: World, target: str, *, kind: type = ReactionAdded) -> Event:
    made: Event = kind(
        target=MessageRef(target),
        author=ANNA,
        key="👍",
        version=Version(AT),
        sent_at=world.clock.now(),
    )
    return made


def change(
    portal: Portal, source: str, event: Event, *, target: Side = MATRIX, speaker: str = "anna"
) -> NewDelivery:
    return NewDelivery(
        portal=portal.id, target=target, source=MessageRef(source), speaker=speaker, event=event
    )


async def carry(journal: Journal, new: NewDelivery, ref: str) -> Delivery:
    """Append, claim, deliver as `ref`, release."""
    await append(journal, new)
    run = await claim_one(journal, new.target)
    await journal.delivered(run.deliveries[0], MessageRef(ref))
    await journal.release(run)
    return run.deliveries[0]


async def heard(journal: Journal, portal: Portal, *refs: str) -> Collection[Heard]:
    async with journal.unit() as unit:
        return (await unit.heard([(portal.id, MessageRef(ref)) for ref in refs])).values()


# --- deliveries of changes ---


async def test_a_message_and_what_happened_to_it_lie_side_by_side(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    events = [edited(world, "1"), edited(world, "1", version="6"), deleted(world, "1")]
    events += [reacted(world, "1"), reacted(world, "1", kind=ReactionRemoved)]
    await append(journal, new(world, portal, "1"))
    for event in (*events, *events):
        await append(journal, change(portal, "1", event))

    run = await claim_one(journal)

    assert [d.event for d in run.deliveries][1:] == events


async def test_what_happens_to_a_linked_message_is_appended_all_the_same(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    await append(journal, new(world, portal, "1"), change(portal, "1", edited(world, "1")))

    run = await claim_one(journal)

    assert [type(d.event) for d in run.deliveries] == [MessageEdited]


async def test_of_two_that_wait_the_older_goes_first(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    for number in (3, 1, 2):
        await append(journal, replace(new(world, portal, str(number)), position=number))

    run = await claim_one(journal)

    assert [d.source for d in run.deliveries] == ["1", "2", "3"]


async def test_an_older_one_goes_before_one_that_must_be_tried_again(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, replace(new(world, portal, "2"), position=2))
    run = await claim_one(journal)
    at = world.clock.now() + timedelta(seconds=5)
    await journal.retry(run.deliveries[0], at=at, error="later", spent=True, uncertain=False)
    await journal.release(run)
    await append(journal, replace(new(world, portal, "1"), position=1))
    world.clock.advance(timedelta(seconds=5))

    again = await claim_one(journal)

    assert [d.source for d in again.deliveries] == ["1", "2"]


async def test_what_may_have_been_sent_keeps_its_rank(world: World, journal: Journal) -> None:
    portal, other = await make_portal(journal), world.process()
    waiting = [replace(new(world, portal, str(n)), position=n) for n in (2, 4)]
    await append(journal, *waiting)
    await claim_one(journal)  # And dies.
    await append(journal, *[replace(new(world, portal, str(n)), position=n) for n in (3, 1)])
    world.clock.advance(LEASE)

    run = await claim_one(other)

    assert [(d.source, d.resumed) for d in run.deliveries] == [
        ("1", False),
        ("2", True),
        ("3", False),
        ("4", True),
    ]


async def test_of_equal_positions_the_one_that_came_first_goes_first(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    for source in "cab":
        await append(journal, replace(new(world, portal, source), position=7))

    run = await claim_one(journal, length_max=2)

    assert [d.source for d in run.deliveries] == ["c", "a"]


async def test_the_head_of_a_released_stream_is_the_one_with_the_smallest_position(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, replace(new(world, portal, "2"), position=2))
    run = await claim_one(journal)
    await append(journal, replace(new(world, portal, "1"), position=1))
    at = world.clock.now() + timedelta(seconds=5)
    await journal.retry(run.deliveries[0], at=at, error="later", spent=True, uncertain=False)
    await journal.release(run)

    again = await claim_one(journal)

    assert [d.source for d in again.deliveries] == ["1"]


async def test_a_doubtful_delivery_is_looked_for_first_and_closes_the_gate(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    doubtful = replace(new(world, portal, "$1", target=TEAMS, speaker="anna"), doubtful=True)
    await append(journal, doubtful)

    assert await in_the_air(journal, portal, TEAMS) == {(portal.id, "anna")}
    run = await claim_one(journal, TEAMS)
    assert run.deliveries[0].resumed


async def test_a_doubtful_delivery_may_be_what_comes_back(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    speaker = "@anna:matrix.test"
    doubtful = new(world, portal, "$1", target=TEAMS, speaker=speaker)
    await append(journal, replace(doubtful, doubtful=True))

    async with journal.unit() as unit:
        assert await unit.busy([portal.id], TEAMS) == {portal.id}
    with pytest.raises(NotNew):
        await append(journal, new(world, portal, "1", speaker=speaker), presumed=True)


async def test_what_was_looked_for_and_is_not_there_is_in_doubt_no_more(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, replace(new(world, portal, "$1", target=TEAMS), doubtful=True))
    for resumed in (True, False):
        run = await claim_one(journal, TEAMS)
        assert [d.resumed for d in run.deliveries] == [resumed]
        await journal.retry(
            run.deliveries[0], at=world.clock.now(), error="refused", spent=True, uncertain=False
        )
        await journal.release(run)
    assert await in_the_air(journal, portal, TEAMS) == set()


async def test_a_deletion_leaves_the_links(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    await carry(journal, change(portal, "1", deleted(world, "1")), "$redaction")

    for side, ref in ((TEAMS, "1"), (MATRIX, "$1")):
        assert await known(journal, side, portal, ref) is not None
    assert await known(journal, MATRIX, portal, "$redaction") is None


async def test_an_edit_links_the_parts_that_are_new(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    longer = edited(world, "1")
    assert isinstance(longer, MessageEdited)
    for part in (0, 1):
        event = replace(longer, part=part, parts=2)
        await carry(journal, change(portal, "1", event), f"$edit {part}")

    assert await known(journal, MATRIX, portal, "$edit 0") is None
    found = await known(journal, MATRIX, portal, "$edit 1")
    assert found == Known(origin=TEAMS, version=Version(AT), author="anna")


async def test_a_message_that_is_there_again_has_a_new_link(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    first = new(world, portal, "1")
    await carry(journal, first, "$1")
    assert isinstance(first.event, MessageSent)
    again = replace(first, event=replace(first.event, again=True, version=Version("9")))
    await carry(journal, again, "$2")

    assert await known(journal, MATRIX, portal, "$1") is None
    assert await known(journal, MATRIX, portal, "$2") is not None


async def test_what_was_said_of_the_event_that_it_was_before_still_finds_the_message(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    first = new(world, portal, "1")
    await carry(journal, first, "$1")
    await append(journal, change(portal, "$r", reacted(world, "$1"), target=TEAMS, speaker="ben"))
    assert isinstance(first.event, MessageSent)
    again = replace(first, event=replace(first.event, again=True, version=Version("9")))
    done = await carry(journal, again, "$2")
    await journal.delivered(done, MessageRef("$2"))
    run = await claim_one(journal, TEAMS)

    assert [part.ref for part in (await journal.far(run.deliveries[0])).parts] == ["1"]


async def test_what_was_seen_later_is_not_undone_by_who_saw_less(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    for version in ("10", "9"):
        seen = Known(origin=TEAMS, version=Version(version), author="anna", edited=version)
        async with journal.unit() as unit:
            await unit.remember(
                [Remembered(portal=portal.id, side=TEAMS, ref=MessageRef("1"), known=seen)]
            )

    found = await known(journal, TEAMS, portal, "1")
    assert found is not None
    assert (found.version, found.edited) == ("10", "10")


async def test_a_reaction_to_what_is_being_replaced_is_nothing_that_we_did(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    first = new(world, portal, "1")
    await carry(journal, first, "$1")
    assert isinstance(first.event, MessageSent)
    again = replace(first, event=replace(first.event, again=True, version=Version("9")))
    reactions = [
        change(portal, ref, reacted(world, "$1"), target=TEAMS, speaker=who)
        for ref, who in (("$r1", "ben"), ("$r2", "carl"), ("$r3", "dora"))
    ]
    own = []
    for step, reaction in enumerate(reactions):
        if step == 1:
            await append(journal, again)
        if step == 2:
            run = await claim_one(journal)
            await journal.delivered(run.deliveries[0], MessageRef("$2"))
            await journal.release(run)
        await carry(journal, reaction, "1")
        found = await known(journal, TEAMS, portal, "1")
        own.append([] if found is None else [o.person for o in found.own])

    # Seen as ours; not, for it will be there as another event; nor when it is, also what was ours.
    assert own == [["ben"], ["ben"], []]
    assert [h.person for h in await heard(journal, portal, "$r1", "$r2", "$r3")] == ["ben"]


async def test_a_reaction_to_what_was_taken_back_is_nothing_that_we_did(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    gone = Known(origin=TEAMS, version=Version("2"), author="anna", deleted=True)
    async with journal.unit() as unit:
        await unit.remember(
            [Remembered(portal=portal.id, side=TEAMS, ref=MessageRef("1"), known=gone)]
        )

    await carry(journal, change(portal, "$r", reacted(world, "$1"), target=TEAMS), "1")

    assert await known(journal, TEAMS, portal, "1") == gone
    assert not await heard(journal, portal, "$r")


async def test_a_message_on_its_way_says_where_it_stands_until_it_has_crossed(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    waiting = replace(new(world, portal, "$1", target=TEAMS), position=7)
    await append(journal, waiting)
    held = Known(origin=MATRIX, version=Version("1"), author="anna", edited="1")
    state = Remembered(portal=portal.id, side=MATRIX, ref=MessageRef("$1"), known=held)
    places = []
    for writes in (False, True):
        async with journal.unit() as unit:
            await unit.remember([state] if writes else [])
        found = await known(journal, MATRIX, portal, "$1")
        assert found is not None
        places.append(found.position)
    run = await claim_one(journal, TEAMS)
    await journal.delivered(run.deliveries[0], MessageRef("1"))
    crossed = await known(journal, MATRIX, portal, "$1")

    assert places == [7, 7]
    assert crossed is not None
    assert crossed.position == 0


# --- what they refer to ---


async def test_what_an_event_refers_to_has_its_parts_in_order(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, *[new(world, portal, "1", part=part) for part in (0, 1)])
    run = await claim_one(journal)
    for delivery in reversed(run.deliveries):
        await journal.delivered(delivery, MessageRef(f"${delivery.event.part}"))
    await journal.release(run)
    await append(journal, change(portal, "1", edited(world, "1")))
    (asking,) = (await claim_one(journal)).deliveries

    found = await journal.far(asking)

    assert found == Far(
        parts=tuple(
            FarPart(part=n, ref=MessageRef(f"${n}"), origin=TEAMS, author="anna") for n in (0, 1)
        )
    )


async def beside(journal: Journal, portal: Portal, *refs: str) -> dict[str, Beside]:
    async with journal.unit() as unit:
        found = await unit.beside([(portal.id, MessageRef(ref)) for ref in refs])
    return {ref: one for (_, ref), one in found.items()}


async def test_what_shows_the_same_message_is_told_until_it_is_redacted(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, *[new(world, portal, "1", part=part) for part in range(3)])
    run = await claim_one(journal)
    for delivery in run.deliveries[:2]:
        await journal.delivered(delivery, MessageRef(f"$1 {delivery.event.part}"))
    one = Beside(message=MessageRef("1"), events=frozenset({MessageRef("$1 1")}), comes=True)
    assert await beside(journal, portal, "$1 0", "$other") == {"$1 0": one}
    await journal.park(run.deliveries[2], reason="a test")
    await journal.release(run)
    await carry(journal, change(portal, "1", reacted(world, "1")), "$reaction")
    await carry(journal, new(world, portal, "2"), "$2")
    await carry(journal, new(world, portal, "$3", target=TEAMS), "3")
    assert await beside(journal, portal, "$1 0", "$2", "$3") == {"$1 0": replace(one, comes=False)}

    gone = (await known(journal, MATRIX, portal, "$1 1")) or Known(
        origin=TEAMS, version=Version(AT)
    )
    state = Remembered(
        portal=portal.id, side=MATRIX, ref=MessageRef("$1 1"), known=replace(gone, deleted=True)
    )
    async with journal.unit() as unit:
        await unit.remember([state])
    found = await beside(journal, portal, "$1 0", "$1 1")
    assert [found[ref].events for ref in ("$1 0", "$1 1")] == [frozenset(), {"$1 0"}]


async def test_what_an_edit_has_left_nothing_for_is_no_part_of_a_message(
    world: World, journal: Journal
) -> None:
    """What a later edit adds there is an event of its own: the former one was redacted."""
    portal = await make_portal(journal)
    await append(journal, *[new(world, portal, "1", part=part) for part in range(3)])
    run = await claim_one(journal)
    for delivery in run.deliveries:
        await journal.delivered(delivery, MessageRef(f"${delivery.event.part}"))
    await journal.release(run)
    await carry(journal, change(portal, "1", edited(world, "1")), "$edit")
    again = edited(world, "1", version="9")
    assert isinstance(again, MessageEdited)
    more = [replace(again, part=part, parts=2) for part in (0, 1)]
    await append(journal, *[change(portal, "1", one) for one in more])

    run = await claim_one(journal)
    assert [part.ref for part in (await journal.far(run.deliveries[0])).parts] == ["$0"]
    await journal.delivered(run.deliveries[0], MessageRef("$edit again"))
    await journal.delivered(run.deliveries[1], MessageRef("$new"))
    await journal.release(run)
    await append(journal, change(portal, "1", edited(world, "1", version="10")))
    (asking,) = (await claim_one(journal)).deliveries
    assert [part.ref for part in (await journal.far(asking)).parts] == ["$0", "$new"]


async def test_what_somebody_wrote_there_is_told_from_what_we_said(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "$1", target=TEAMS), "1")
    await append(journal, change(portal, "1", edited(world, "1")))
    (asking,) = (await claim_one(journal)).deliveries

    part = FarPart(part=0, ref=MessageRef("$1"), origin=MATRIX, author="anna")
    assert await journal.far(asking) == Far(parts=(part,))


async def test_a_message_with_parts_is_found_by_its_one_matrix_event(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, *[new(world, portal, "$1", target=TEAMS, part=part) for part in (0, 1)])
    run = await claim_one(journal, TEAMS)
    for delivery in run.deliveries:
        await journal.delivered(delivery, MessageRef(f"copy {delivery.event.part}"))
    await journal.release(run)
    await append(journal, change(portal, "$x", deleted(world, "$1"), target=TEAMS))
    (asking,) = (await claim_one(journal, TEAMS)).deliveries

    assert [part.ref for part in (await journal.far(asking)).parts] == ["copy 0", "copy 1"]


async def test_a_message_that_answers_nothing_refers_to_nothing(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    (delivery,) = (await claim_one(journal)).deliveries

    assert await journal.far(delivery) == Far()


async def test_what_has_not_crossed_is_not_there(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, change(portal, "1", edited(world, "1")))
    (asking,) = (await claim_one(journal)).deliveries

    assert await journal.far(asking) == Far()


async def test_a_reaction_is_found_by_message_person_and_key(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    await carry(journal, change(portal, "1", reacted(world, "1")), "$r")
    removal = change(portal, "1", reacted(world, "1", kind=ReactionRemoved))
    await append(journal, removal)
    run = await claim_one(journal)

    assert (await journal.far(run.deliveries[0])).reaction == "$r"
    assert list(await heard(journal, portal, "$r")) == [
        Heard(target=MessageRef("$1"), person="anna", key="👍")
    ]
    await journal.delivered(run.deliveries[0], MessageRef("$x"))
    assert list(await heard(journal, portal, "$r")) == []


async def test_a_reaction_that_is_made_anew_is_another_event(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    added = reacted(world, "1")
    assert isinstance(added, ReactionAdded)
    for version, ref in (("6", "$old"), ("7", "$new")):
        await carry(journal, change(portal, "1", replace(added, version=Version(version))), ref)
    await append(journal, change(portal, "1", reacted(world, "1", kind=ReactionRemoved)))
    (removal,) = (await claim_one(journal)).deliveries

    assert (await journal.far(removal)).reaction == "$new"
    assert list(await heard(journal, portal, "$old")) == []
    assert len(await heard(journal, portal, "$new")) == 1


async def test_reactions_of_one_run_leave_what_the_last_one_says(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    kinds = (ReactionAdded, ReactionRemoved)
    for kind in kinds:
        await append(journal, change(portal, "1", reacted(world, "1", kind=kind)))
    run = await claim_one(journal)
    done = [journal.delivered(d, MessageRef(f"$r{n}")) for n, d in enumerate(run.deliveries)]
    for written in done:
        await written
    await journal.release(run)

    assert [type(d.event) for d in run.deliveries] == list(kinds)
    assert list(await heard(journal, portal, "$r0", "$r1")) == []


async def test_a_reaction_of_matrix_is_known_from_its_appending_on(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    reaction = change(portal, "$r", reacted(world, "$1"), target=TEAMS, speaker="anna's account")
    expected = [Heard(target=MessageRef("$1"), person="anna's account", key="👍")]
    await append(journal, reaction)
    assert list(await heard(journal, portal, "$r", "$other")) == expected
    run = await claim_one(journal, TEAMS)
    assert [part.ref for part in (await journal.far(run.deliveries[0])).parts] == ["1"]
    await journal.delivered(run.deliveries[0], MessageRef("1"))
    await journal.release(run)

    assert list(await heard(journal, portal, "$r")) == expected
    await append(journal, reaction)
    assert await claim(journal, TEAMS) == ()


# --- what is remembered ---


async def test_what_a_side_shows_is_held_until_it_shows_something_else(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    state = Known(
        origin=TEAMS,
        version=Version("7"),
        author="anna",
        edited="7",
        reactions=frozenset({("anna", "👍"), ("ben", "🎉")}),
    )
    for held in (state, replace(state, version=Version("8"), deleted=True)):
        one = Remembered(portal=portal.id, side=TEAMS, ref=MessageRef("1"), known=held)
        async with journal.unit() as unit:
            await unit.remember([one])
        assert await known(journal, TEAMS, portal, "1") == held
    assert await known(journal, MATRIX, portal, "$1") == Known(
        origin=TEAMS, version=Version("1"), author="anna"
    )


async def test_a_unit_that_fails_remembers_nothing(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    before = await known(journal, TEAMS, portal, "1")
    assert before is not None
    gone = replace(before, deleted=True)
    one = Remembered(portal=portal.id, side=TEAMS, ref=MessageRef("1"), known=gone)

    async def fail() -> None:
        async with journal.unit() as unit:
            await unit.remember([one])
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await fail()

    assert await known(journal, TEAMS, portal, "1") == before


async def test_a_look_brings_what_was_remembered_and_what_we_did_since(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "$1", target=TEAMS, speaker="anna"), "1")
    shown = Known(
        origin=MATRIX,
        version=Version("7"),
        author="anna",
        reactions=frozenset({("ben", "\N{PARTY POPPER}")}),
    )
    key = (portal.id, MessageRef("1"))
    async with journal.unit() as unit:
        await unit.remember([Remembered(portal=key[0], side=TEAMS, ref=key[1], known=shown)])
    done = [
        await carry(journal, change(portal, f"$x{n}", event, target=TEAMS), "1")
        for n, event in enumerate([reacted(world, "$1"), edited(world, "$1")])
    ]

    async with journal.unit() as unit:
        found, _ = await unit.look(TEAMS, [key], gate=True)

    assert [own.id for own in found[key].own] == [delivery.id for delivery in done]
    assert replace(found[key], own=()) == shown


async def test_what_was_remembered_is_not_presumed_to_be_new(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")

    with pytest.raises(NotNew):
        await append(journal, new(world, portal, "1"), presumed=True)


@pytest.mark.parametrize("kind", list(Own))
async def test_what_we_do_in_teams_is_our_own_until_its_echo_was_seen(
    world: World, journal: Journal, kind: Own
) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "$1", target=TEAMS, speaker="anna"), "1")
    event = {
        Own.EDIT: edited(world, "$1"),
        Own.DELETE: deleted(world, "$1"),
        Own.REACT: reacted(world, "$1"),
        Own.UNREACT: reacted(world, "$1", kind=ReactionRemoved),
    }[kind]
    done = await carry(journal, change(portal, "$x", event, target=TEAMS), "1")

    found = await known(journal, TEAMS, portal, "1")
    own = OwnChange(
        id=done.id,
        kind=kind,
        at=world.clock.now(),
        person="anna",
        key="👍" if kind in {Own.REACT, Own.UNREACT} else "",
        words=words_of(from_text("other words")) if kind is Own.EDIT else "",
    )
    assert found is not None
    assert found.own == (own,)
    seen = Remembered(
        portal=portal.id, side=TEAMS, ref=MessageRef("1"), known=found, consumed=(own.id,)
    )
    async with journal.unit() as unit:
        await unit.remember([seen])
    await journal.delivered(done, MessageRef("1"))  # Said once more: its echo was seen already.
    after = await known(journal, TEAMS, portal, "1")
    assert after is not None
    assert after.own == ()


async def test_what_happens_in_matrix_has_no_echo(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await carry(journal, new(world, portal, "1"), "$1")
    await carry(journal, change(portal, "1", edited(world, "1")), "$e")

    for side, ref in ((MATRIX, "$1"), (TEAMS, "1")):
        found = await known(journal, side, portal, ref)
        assert found is not None
        assert found.own == ()


# --- who has what ---


async def test_a_delivery_is_ours_until_somebody_else_has_its_stream(world: World) -> None:
    one, other = world.process(), world.process()
    portal = await make_portal(one)
    await append(one, new(world, portal, "$1", target=TEAMS))
    run = await claim_one(one, TEAMS)
    assert await one.turn(run.deliveries[0]) is Turn.OURS
    assert await other.turn(run.deliveries[0]) is Turn.NOT_OURS
    world.clock.advance(LEASE)

    taken = await claim_one(other, TEAMS)

    assert await one.turn(run.deliveries[0]) is Turn.NOT_OURS
    assert await other.turn(taken.deliveries[0]) is Turn.OURS


async def test_what_comes_to_go_before_a_delivery_goes_first(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, replace(new(world, portal, "$2", target=TEAMS), position=2))
    run = await claim_one(journal, TEAMS)
    await append(journal, replace(new(world, portal, "$3", target=TEAMS), position=3))
    assert await journal.turn(run.deliveries[0]) is Turn.OURS

    await append(journal, replace(new(world, portal, "$1", target=TEAMS), position=1))

    assert await journal.turn(run.deliveries[0]) is Turn.NOT_OURS
    await journal.release(run)
    assert sources([await claim_one(journal, TEAMS)]) == [["$1", "$2", "$3"]]


async def test_what_has_become_a_link_is_nobodys_any_more(world: World) -> None:
    one, other = world.process(), world.process()
    portal = await make_portal(one)
    await append(one, new(world, portal, "$1", target=TEAMS))
    late = await claim_one(one, TEAMS)
    world.clock.advance(LEASE)
    taken = await claim_one(other, TEAMS)
    await one.delivered(late.deliveries[0], MessageRef("1"))

    assert await other.turn(taken.deliveries[0]) is Turn.NOT_OURS


async def set_aside_while_frozen(one: Journal, other: Journal, world: World) -> Delivery:
    """Let one process stand still while it posts, and another set aside what it has."""
    portal = await make_portal(one)
    await append(one, new(world, portal, "$1", target=TEAMS))
    late = await claim_one(one, TEAMS)
    world.clock.advance(LEASE)
    taken = await claim_one(other, TEAMS)
    await other.park(taken.deliveries[0], reason="it may have been this one")
    await other.release(taken)
    return late.deliveries[0]


async def parts_of(journal: Journal, world: World, portal: Portal, event: str) -> list[str]:
    """Return what a later change of an event in Teams would be made to."""
    later = change(portal, event, edited(world, event), target=TEAMS)
    await append(journal, later)
    run = await claim_one(journal, TEAMS)
    return [part.ref for part in (await journal.far(run.deliveries[0])).parts]


async def test_what_was_parked_becomes_a_link_if_whoever_stood_still_has_posted_it(
    world: World,
) -> None:
    one, other = world.process(), world.process()
    late = await set_aside_while_frozen(one, other, world)

    await one.delivered(late, MessageRef("1"))

    assert await known(one, TEAMS, late.portal, "1") is not None
    assert await parts_of(one, world, late.portal, "$1") == ["1"]


@pytest.mark.parametrize("taken_for", ["deleted", "new", "there"])
async def test_what_was_parked_stays_so_if_it_was_taken_for_something_else_meanwhile(
    world: World, taken_for: str
) -> None:
    one, other = world.process(), world.process()
    late = await set_aside_while_frozen(one, other, world)
    portal = late.portal
    if taken_for == "deleted":
        gone = Known(origin=TEAMS, version=Version("2"), author="anna", deleted=True)
        state = Remembered(portal=portal.id, side=TEAMS, ref=MessageRef("1"), known=gone)
        async with other.unit() as unit:
            await unit.remember([state])
    else:
        await append(other, new(world, portal, "1"))
    if taken_for == "there":
        run = await claim_one(other, MATRIX)
        await other.delivered(run.deliveries[0], MessageRef("$anew"))
    before = await known(one, MATRIX, portal, "$1")

    await one.delivered(late, MessageRef("1"))

    assert await known(one, MATRIX, portal, "$1") == before, "it is parked, and no link"
    found = await known(one, TEAMS, portal, "1")
    assert found is not None
    assert found.origin is TEAMS
    assert await parts_of(one, world, portal, "$1") == []


async def test_a_portal_is_busy_while_something_is_carried_there(
    world: World, journal: Journal
) -> None:
    portal, quiet = await make_portal(journal), await make_portal(journal, "quiet")

    async def busy() -> set[int]:
        async with journal.unit() as unit:
            return set(await unit.busy([portal.id, quiet.id], MATRIX))

    await append(journal, new(world, portal, "1"))
    assert await busy() == set()
    run = await claim_one(journal)
    assert await busy() == {portal.id}
    await journal.delivered(run.deliveries[0], MessageRef("$1"))
    assert await busy() == set()


# --- what we found by looking ---


async def test_what_was_found_by_looking_says_so(world: World, journal: Journal) -> None:
    await journal.append_entries([replace(entry(world, "a"), found=True), entry(world, "b")])

    found, pushed = await journal.claim_entries(TEAMS, limit=10)

    assert (found.found, pushed.found) == (True, False)


async def test_what_lies_before_a_due_entry_comes_along_though_it_must_wait(
    world: World, journal: Journal
) -> None:
    await journal.append_entries(
        [
            entry(world, "before", position=5, after=timedelta(seconds=1)),
            entry(world, "due", position=5),
            entry(world, "behind", position=5, after=timedelta(seconds=1)),
        ]
    )

    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["before", "due"]


async def test_what_was_read_in_matrix_is_never_read_again(world: World, journal: Journal) -> None:
    await journal.append_entries([entry(world, "$1", side=MATRIX)])
    entries = await journal.claim_entries(MATRIX, limit=10)
    async with journal.unit() as unit:
        await unit.settle(entries)

    again = [replace(entry(world, key, side=MATRIX), found=True) for key in ("$1", "$2")]
    assert await journal.append_entries(again) == 1
    assert raws(await journal.claim_entries(MATRIX, limit=10)) == ["$2"]


async def test_what_was_read_together_with_an_append_is_never_read_again(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await journal.append_entries([entry(world, "$1", side=MATRIX)])
    entries = await journal.claim_entries(MATRIX, limit=10)
    async with journal.unit() as unit:
        await unit.append([new(world, portal, "$1", target=TEAMS)])
        await unit.settle(entries)

    assert await journal.append_entries([entry(world, "$1", side=MATRIX)]) == 0


async def test_what_was_read_in_teams_may_come_again(world: World, journal: Journal) -> None:
    await journal.append_entries([entry(world, "a")])
    entries = await journal.claim_entries(TEAMS, limit=10)
    async with journal.unit() as unit:
        await unit.settle(entries)

    assert await journal.append_entries([entry(world, "a")]) == 1
