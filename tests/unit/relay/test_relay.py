"""The relay between two fake networks: order, once, echo, trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from bridge.domain.content import from_text, plain_text
from bridge.domain.delivery import ATTEMPTS_MAX
from bridge.domain.events import (
    Asked,
    Event,
    GhostInvited,
    Ignored,
    MessageSent,
    Request,
    Seen,
    Unheard,
)
from bridge.domain.ids import MessageRef, Side, UserId, Version
from bridge.errors import (
    Rejected,
    StoreUnavailable,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
    Unconvertible,
)
from bridge.ports import Entry, Reading, Room
from bridge.relay.items import Says
from bridge.relay.loops import Step
from bridge.relay.plan import TARGET_PATIENCE
from tests.kit.fake_journal import LEASE
from tests.kit.relay_world import ROOM, RelayWorld

DAY = timedelta(days=1)


@pytest.fixture
def world() -> RelayWorld:
    return RelayWorld()


async def test_what_is_said_in_teams_is_said_in_matrix_in_order(world: RelayWorld) -> None:
    for number in range(5):
        await world.say_in_teams(number, f"message {number}")
    await world.settle()

    assert world.matrix.said == [f"message {n}" for n in range(5)]
    assert not world.store.inbox
    assert not world.store.deliveries


async def test_letters_that_lie_together_leave_sorted(world: RelayWorld) -> None:
    await world.say_in_teams(2, "second")
    await world.say_in_teams(1, "first")
    await world.settle()

    assert world.matrix.said == ["first", "second"]


async def test_a_message_seen_again_changes_nothing(world: RelayWorld) -> None:
    await world.say_in_teams(1, "once")
    await world.settle()
    await world.push(Side.TEAMS, "again", Reading(sightings=(world.seen_in_teams(1, "once"),)))
    await world.settle()

    assert world.matrix.said == ["once"]


async def test_a_message_seen_twice_in_one_batch_crosses_once(world: RelayWorld) -> None:
    twice = Reading(sightings=(world.seen_in_teams(1, "once"), world.seen_in_teams(1, "once")))
    await world.push(Side.TEAMS, "twice", twice)
    await world.settle()

    assert world.matrix.said == ["once"]


async def test_who_has_signed_in_speaks_in_teams_as_themselves(world: RelayWorld) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    await world.say_in_matrix(1, "hello")
    await world.settle()

    assert world.teams.said == ["hello"]
    assert world.teams.delivered[0].speaker == "ada"


async def test_whose_account_it_is_is_asked_once_for_what_one_person_writes(
    world: RelayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    intake, asked = world.intakes[Side.MATRIX], list[str]()
    ask = intake.speaker

    async def noted(seen: Sequence[Seen]) -> Mapping[str, Says]:
        asked.extend(one.author.id for one in seen)
        return await ask(seen)

    monkeypatch.setattr(intake, "speaker", noted)
    for number in range(3):
        await world.say_in_matrix(number, f"hello {number}")
    await world.settle()

    assert world.teams.said == ["hello 0", "hello 1", "hello 2"]
    assert asked == ["@ada:here"]


async def test_who_has_not_signed_in_is_told_and_not_heard(world: RelayWorld) -> None:
    await world.open_portal()
    await world.say_in_matrix(1, "hello?", author="@guest:here")
    await world.settle()

    assert world.teams.said == []
    assert [type(r) for r in world.desk.served] == [Unheard]
    assert not world.store.inbox


async def test_what_is_written_to_the_bot_is_served_until_it_is_answered(world: RelayWorld) -> None:
    world.desk.failures.append(Unavailable("homeserver away"))
    await world.say_in_matrix(1, "login")
    await world.settle()
    assert world.desk.served == []
    await world.pass_time(timedelta(minutes=1))

    [asked] = world.desk.served
    assert isinstance(asked, Asked)
    assert (asked.room, asked.text, asked.ref) == (ROOM, "login", "$event1")
    assert not world.store.inbox


async def test_what_is_written_after_an_invitation_waits_until_that_is_served(
    world: RelayWorld,
) -> None:
    """Whoever opens a chat by inviting somebody writes at once; the portal is made meanwhile."""
    invited = GhostInvited(
        room=ROOM,
        sender=UserId("@ada:here"),
        ghost=UserId("@teams_bob:here"),
        is_direct=True,
        sent_at=world.clock.now(),
    )
    world.accounts["@ada:here"] = "ada"
    world.desk.failures.append(Unavailable("Graph away"))
    await world.push(Side.MATRIX, "$invited", Reading(requests=(invited,)))
    await world.say_in_matrix(1, "hello")
    await world.settle()
    assert world.desk.served == []
    await world.open_portal()
    await world.pass_time(timedelta(minutes=1))

    assert world.desk.served == [invited]
    assert world.teams.said == ["hello"]
    assert not world.store.inbox


async def test_what_was_said_before_something_was_asked_for_is_decided_before_it_is_done(
    world: RelayWorld,
) -> None:
    """One batch: a message of a room that is no portal, the request that makes it one, a message."""
    serve = world.desk.serve

    async def make_it_a_portal(request: Request) -> None:
        await serve(request)
        if request == making:
            await world.open_portal()

    world.desk.serve = make_it_a_portal  # type: ignore[method-assign]
    world.accounts["@ada:here"] = "ada"
    early, late = world.seen_in_matrix("$1", "not for Teams"), world.seen_in_matrix("$3", "hello")
    making = Asked(
        room=ROOM,
        sender=UserId("@ada:here"),
        ref=MessageRef("$2"),
        text="make",
        sent_at=early.sent_at,
    )
    await world.push(Side.MATRIX, "$1", Reading(sightings=(early,)), 1)
    await world.push(Side.MATRIX, "$2", Reading(requests=(making,)), 2)
    await world.push(Side.MATRIX, "$3", Reading(sightings=(late,)), 3)

    await world.settle()

    assert [one.text for one in world.desk.served if isinstance(one, Asked)] == [
        "not for Teams",
        "make",
    ]
    assert world.teams.said == ["hello"]
    assert not world.store.inbox


async def test_a_bug_in_serving_parks_what_was_asked(world: RelayWorld) -> None:
    world.desk.failures.append(KeyError("a bug"))
    await world.say_in_matrix(1, "login")
    await world.settle()

    assert world.desk.served == []
    assert [row.parked for row in world.store.inbox.values()] == [True]


async def test_our_own_message_does_not_come_back(world: RelayWorld) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    await world.say_in_matrix(1, "hello")
    await world.settle()
    [delivered] = world.teams.delivered
    ref = world.teams.by_trace[(delivered.source, 0)]
    echo = Reading(sightings=(world.seen_as(ref, "hello", "ada"),))
    await world.push(Side.TEAMS, "echo", echo)
    await world.settle()

    assert world.matrix.said == []


async def test_an_echo_that_is_faster_than_the_answer_waits_at_the_gate(world: RelayWorld) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    world.teams.failures.append(Uncertain("sent, but no answer"))
    await world.say_in_matrix(1, "hello")
    await world.settle()
    echo = Reading(sightings=(world.seen_as(MessageRef("teams-1"), "hello", "ada"),))
    await world.push(Side.TEAMS, "echo", echo)
    await world.settle()
    assert world.matrix.said == []
    await world.pass_time(timedelta(minutes=1))  # Found where it was posted: no second POST.
    await world.pass_time(timedelta(seconds=30))  # The gate opens; the echo is known for one.

    assert world.matrix.said == []
    assert world.teams.said == ["hello"]
    assert world.teams.searches == 1
    assert not world.store.inbox


async def test_the_gate_stops_nobody_else(world: RelayWorld) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    world.teams.failures.append(Uncertain("sent, but no answer"))
    await world.say_in_matrix(1, "hello")
    await world.settle()
    await world.say_in_teams(7, "I am somebody else", author="grace")
    await world.settle()

    assert world.matrix.said == ["I am somebody else"]


async def test_what_was_perhaps_sent_is_looked_for_before_it_is_repeated(world: RelayWorld) -> None:
    world.matrix.failures.append(Uncertain("sent, but no answer"))
    await world.say_in_teams(1, "once")
    await world.settle()
    await world.pass_time(timedelta(minutes=1))

    assert world.matrix.said == ["once"]
    assert not world.store.deliveries


async def test_a_refused_message_is_parked_and_the_next_goes_on(world: RelayWorld) -> None:
    world.matrix.failures.append(Rejected("too odd"))
    await world.say_in_teams(1, "odd")
    await world.say_in_teams(2, "even")
    await world.settle()

    assert world.matrix.said == ["even"]
    assert [d.error for d in world.store.deliveries.values() if d.state == "parked"] == ["too odd"]


async def test_a_person_who_must_sign_in_again_does_not_hold_up_the_others(
    world: RelayWorld,
) -> None:
    await world.open_portal()
    world.accounts |= {"@ada:here": "ada", "@bob:here": "bob"}
    world.teams.failures.append(Unauthorized("sign in again"))
    await world.say_in_matrix(1, "from Ada")
    await world.say_in_matrix(2, "from Bob", author="@bob:here")
    await world.settle()

    assert world.teams.said == ["from Bob"]


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("away"),
        Throttled("slow down", retry_after=timedelta(seconds=9)),
        Unauthorized("the app's secret has expired", everyone=True),
    ],
)
async def test_an_outage_loses_nothing_parks_nothing_and_keeps_the_order(
    world: RelayWorld, error: Exception
) -> None:
    world.matrix.failures += [error] * (ATTEMPTS_MAX * 3)
    for number in range(3):
        await world.say_in_teams(number, f"message {number}")
    await world.settle()
    for _ in range(ATTEMPTS_MAX * 3):
        await world.pass_time(timedelta(minutes=1))

    assert world.matrix.said == ["message 0", "message 1", "message 2"]
    assert not world.store.deliveries


async def test_nothing_is_tried_for_ever(world: RelayWorld) -> None:
    world.matrix.failures += [Uncertain("?") for _ in range(ATTEMPTS_MAX + 5)]
    world.matrix.by_trace = _Forgetful()
    await world.say_in_teams(1, "cursed")
    await world.settle()
    for _ in range(ATTEMPTS_MAX + 5):
        await world.pass_time(DAY)

    [parked] = [d for d in world.store.deliveries.values() if d.state == "parked"]
    assert "gave up" in (parked.error or "")


class _Forgetful(dict[tuple[str, int], MessageRef]):
    @override
    def __setitem__(self, _key: object, _ref: object) -> None:
        """Nothing leaves a trace."""


async def test_an_entry_that_makes_no_sense_is_parked_with_its_raw_form(world: RelayWorld) -> None:
    await world.push(Side.TEAMS, "nonsense", Unconvertible("no JSON"))
    await world.say_in_teams(2, "sense")
    await world.settle()

    assert world.matrix.said == ["sense"]
    [parked] = [e for e in world.store.inbox.values() if e.parked]
    assert (parked.new.raw, parked.error) == (b"nonsense", "no JSON")


async def test_a_bug_of_ours_parks_one_entry(world: RelayWorld) -> None:
    await world.push(Side.TEAMS, "bug", ZeroDivisionError("oops"))
    await world.say_in_teams(2, "sense")
    await world.settle()

    assert world.matrix.said == ["sense"]
    assert [e.parked for e in world.store.inbox.values()] == [True]


async def test_a_bug_while_planning_parks_one_entry(world: RelayWorld) -> None:
    class _Broken(Exception):
        pass

    usual = world.matrix.fit

    def fit(event: Event) -> tuple[Event, ...]:
        if isinstance(event, MessageSent) and plain_text(event.body) == "bug":
            raise _Broken
        return usual(event)

    world.matrix.fit = fit  # type: ignore[method-assign]
    await world.say_in_teams(1, "bug")
    await world.say_in_teams(2, "sense")
    await world.settle()

    assert world.matrix.said == ["sense"]
    assert [e.parked for e in world.store.inbox.values()] == [True]


async def test_an_entry_that_cannot_be_read_now_keeps_its_place(world: RelayWorld) -> None:
    await world.push(Side.TEAMS, "later", Unavailable("Graph away"), position=1)
    await world.say_in_teams(2, "second")
    await world.settle()
    assert world.matrix.said == []
    world.teams.readings[b"later"] = Reading(sightings=(world.seen_in_teams(1, "first"),))
    await world.pass_time(timedelta(minutes=1))

    assert world.matrix.said == ["first", "second"]


async def test_a_large_message_crosses_in_parts_and_in_order(world: RelayWorld) -> None:
    words = " ".join(f"word{n}" for n in range(600))
    await world.say_in_teams(1, words)
    await world.say_in_teams(2, "after")
    await world.settle()

    *parts, after = world.matrix.said
    assert len(parts) > 1
    assert " ".join(parts).split() == words.split()
    assert after == "after"


async def test_what_carries_nothing_is_ignored_and_done_with(world: RelayWorld) -> None:
    await world.push(Side.TEAMS, "typing", Reading(ignored=(Ignored(reason="typing"),)))
    await world.settle()

    assert not world.store.inbox
    assert world.matrix.said == []


@pytest.mark.parametrize(
    "moment", ["claim_entries", "unit", "commit", "claim_runs", "delivered", "release"]
)
async def test_a_store_that_goes_away_at_any_moment_loses_and_doubles_nothing(
    world: RelayWorld, moment: str
) -> None:
    failed: list[str] = []

    async def fail_once(name: str) -> None:
        if name.split(" ")[0] == moment and not failed:
            failed.append(name)
            raise StoreUnavailable("away")

    await world.say_in_teams(1, "first")
    await world.say_in_teams(2, "second")
    world.journal.moment = fail_once
    await world.settle_through_outages()
    await world.pass_time(timedelta(minutes=5))

    assert failed
    assert world.matrix.said == ["first", "second"]
    assert not world.store.inbox
    assert not world.store.deliveries


async def test_a_process_that_dies_leaves_its_work_to_the_next(world: RelayWorld) -> None:
    await world.say_in_teams(1, "first")
    await world.say_in_teams(2, "second")
    await world.intakes[Side.TEAMS].step()
    claimed = await world.journal.claim_runs(
        Side.MATRIX, room=Room(runs=9, fresh=9, behind=9), length_max=9
    )
    await world.matrix.deliver(claimed[0].deliveries[0], confirm=_yes)
    world.restart()
    await world.pass_time(timedelta(minutes=5))

    assert world.matrix.said == ["first", "second"]


async def test_what_may_be_incomplete_is_not_read_and_then_read_in_its_order(
    world: RelayWorld,
) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    intake = world.intakes[Side.MATRIX]
    complete = False
    intake.may_read = lambda: complete
    await world.say_in_matrix(2, "second")
    await world.settle()
    assert world.teams.said == []
    await world.say_in_matrix(1, "first")
    complete = True
    await world.settle()

    assert world.teams.said == ["first", "second"]


async def test_an_edit_waits_for_its_message_and_is_nothing_without_it(world: RelayWorld) -> None:
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    first = world.seen_in_matrix("$event1", "first words")
    edit = replace(first, version=Version("2"), edited="2", body=from_text("other words"))
    stray = replace(edit, ref=MessageRef("$before the bridge"))
    await world.push(Side.MATRIX, "$edit", Reading(sightings=(edit,)), position=2)
    await world.push(Side.MATRIX, "$stray", Reading(sightings=(stray,)), position=3)
    await world.settle()
    assert world.teams.said == []
    await world.say_in_matrix(1, "first words")
    await world.pass_time(timedelta(seconds=1))
    assert world.teams.said == ["first words", "other words"]

    await world.pass_time(TARGET_PATIENCE)
    assert world.teams.said == ["first words", "other words"]
    assert not world.store.inbox


async def _yes() -> None:
    return


async def test_who_stood_still_since_it_asked_whose_a_delivery_is_asks_again(
    world: RelayWorld,
) -> None:
    await world.say_in_teams(1, "first")
    await world.intakes[Side.TEAMS].step()
    asked: list[str] = []

    async def stand_still(name: str) -> None:
        if name == "turn done":
            asked.append(name)
            if len(asked) == 1:
                world.clock.advance(LEASE + timedelta(seconds=1))
                world.journal.owner = "a process that took over"

    world.journal.moment = stand_still
    await world.workers[Side.MATRIX].step()

    assert len(asked) == 2
    assert world.matrix.said == []


async def test_who_stood_still_before_a_change_does_not_change_what_is_there_by_now(
    world: RelayWorld,
) -> None:
    """Not even where an endpoint takes a change for harmless: what it refers to is another by now."""
    await world.say_in_teams(1, "first")
    await world.settle()
    gone = replace(world.seen_in_teams(1, "first"), version=Version("2"), deleted=True, edited="2")
    await world.push(Side.TEAMS, "deleted", Reading(sightings=(gone,)))
    await world.intakes[Side.TEAMS].step()

    async def stand_still(name: str) -> None:
        if name == "far":
            world.clock.advance(LEASE + timedelta(seconds=1))
            world.journal.owner = "a process that took over"

    world.journal.moment = stand_still
    deliver = world.matrix.deliver
    world.matrix.deliver = (  # type: ignore[method-assign]
        lambda delivery, *, confirm: deliver(delivery, confirm=_yes)
    )
    await world.workers[Side.MATRIX].step()

    assert [type(one.event) for one in world.matrix.delivered] == [MessageSent]


async def test_what_another_process_has_read_meanwhile_is_let_go_and_the_rest_read_again(
    world: RelayWorld,
) -> None:
    """A process that stood still must not give a reaction that was taken back since."""
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    await world.say_in_matrix(1, "read by another")
    await world.say_in_matrix(2, "left over")
    overtaken = [False]

    async def overtake(name: str) -> None:
        if name == "commit" and not overtaken[0]:
            overtaken[0] = True
            world.store.inbox.pop(min(world.store.inbox))

    world.journal.moment = overtake
    assert await world.intakes[Side.MATRIX].step() is Step.SOME
    assert world.store.deliveries == {}
    assert [one.owner for one in world.store.inbox.values()] == [None]

    await world.settle()
    assert world.teams.said == ["left over"]


async def test_what_cannot_be_prepared_is_read_all_the_same(world: RelayWorld) -> None:
    async def fail(entries: Sequence[Entry]) -> Sequence[Entry]:
        raise TypeError("a bug")

    world.teams.prepare = fail  # type: ignore[method-assign]
    await world.say_in_teams(1, "first")
    await world.settle()

    assert world.matrix.said == ["first"]
