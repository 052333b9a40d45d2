"""What an endpoint promises, asked of both fakes and of both real things.

A fake that lies is worse than none: what the simulation proves on the fakes is true of the real
networks as far as this suite reaches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bridge.domain.content import from_text
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Reacted,
    ReactionAdded,
    ReactionRemoved,
    Redacted,
    Seen,
    Sighting,
)
from bridge.domain.ids import MessageRef, Side, Version, is_older
from bridge.errors import NotOurs, Refused, TargetMissing, Unavailable, Uncertain
from bridge.ports import Delivery, Far, FarPart, FarThread
from tests.contract.endpoint_stages import FakeMatrixStage, FakeTeamsStage, Stage, agreed
from tests.contract.real_stages import ChannelStage, MatrixStage, TeamsStage
from tests.kit.fake_network import Shown, words

TEAMS = ("fake teams", "teams", "fake channel", "channel")
MATRIX = ("fake matrix", "matrix")
THREADS = ("fake channel", "channel", "fake matrix", "matrix")
ALL = (*TEAMS, *MATRIX)
LONG_AGO = timedelta(hours=21)
"""Longer than the homeserver is relied upon to remember a transaction."""
LIKE = "👍"


@pytest.fixture(params=ALL)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    match request.param:
        case "fake teams":
            yield FakeTeamsStage()
        case "fake channel":
            yield FakeTeamsStage(in_channel=True)
        case "fake matrix":
            yield FakeMatrixStage()
        case "teams":
            async with TeamsStage.open(request.getfixturevalue("certificates")) as real:
                yield real
        case "channel":
            async with ChannelStage.open(request.getfixturevalue("certificates")) as real_channel:
                yield real_channel
        case _:
            async with MatrixStage.open(request.getfixturevalue("slot")) as real_matrix:
                yield real_matrix


def only(*stages: str) -> pytest.MarkDecorator:
    """Ask these alone."""
    return pytest.mark.parametrize("stage", stages, indirect=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A delivery, and what people see of what it is about, before and after."""

    name: str
    delivery: Delivery
    before: list[Shown]
    after: list[Shown]

    async def shown(self, stage: Stage) -> list[Shown]:
        return await stage.about(self.name)


class Author:
    """Writes events of the far side, each later than the one before."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.number = 0

    def version(self) -> Version:
        self.number += 1
        begin = self.stage.now() - timedelta(minutes=4)
        return Version(str(round(begin.timestamp() * 1000) + self.number))

    def sent(self, text: str, *, reply_to: MessageRef | None = None) -> MessageSent:
        version = self.version()
        return MessageSent(
            author=self.stage.author,
            version=version,
            sent_at=self.stage.now() - timedelta(minutes=3),
            body=from_text(text),
            reply_to=reply_to,
        )

    def edited(self, target: str, text: str, *, part: int = 0, parts: int = 1) -> MessageEdited:
        return MessageEdited(
            target=MessageRef(target),
            author=self.stage.author,
            version=self.version(),
            sent_at=self.stage.now() - timedelta(minutes=1) + timedelta(milliseconds=self.number),
            body=from_text(text),
            part=part,
            parts=parts,
        )

    def deleted(self, target: str) -> MessageDeleted:
        return MessageDeleted(
            target=MessageRef(target),
            author=self.stage.author,
            version=self.version(),
            sent_at=self.stage.now(),
        )

    def added(self, target: str, key: str = LIKE) -> ReactionAdded:
        return ReactionAdded(
            target=MessageRef(target),
            author=self.stage.author,
            key=key,
            version=self.version(),
            sent_at=self.stage.now(),
        )

    def removed(self, target: str, key: str = LIKE) -> ReactionRemoved:
        return ReactionRemoved(
            target=MessageRef(target),
            author=self.stage.author,
            key=key,
            version=self.version(),
            sent_at=self.stage.now(),
        )


def source(stage: Stage, number: int) -> str:
    """Name something of the far side as it would."""
    return f"$far{number}" if stage.side is Side.TEAMS else str(1_700_000_000_000 + number)


def ours(stage: Stage, *refs: MessageRef) -> Far:
    """What the bridge has said here, as the journal would know it."""
    origin, who = stage.side.other, stage.author.id
    return Far(
        parts=tuple(
            FarPart(part=part, ref=ref, origin=origin, author=who) for part, ref in enumerate(refs)
        )
    )


def theirs(stage: Stage, ref: MessageRef) -> Far:
    """What a person of this side has said, as the journal would know it."""
    return Far(parts=(FarPart(part=0, ref=ref, origin=stage.side, author=stage.local),))


async def spoken(stage: Stage, author: Author, text: str, name: str) -> MessageRef:
    return await stage.deliver(stage.delivery(author.sent(text), name))


def answering(stage: Stage, shown: Shown, question: str) -> Shown:
    """In a channel whoever answers something joins its thread."""
    in_channel = stage.in_channel
    return replace(shown, thread=question) if in_channel else replace(shown, reply_words=question)


async def cases(stage: Stage, *, age: timedelta = timedelta(0)) -> list[Case]:
    """One case of every kind of event, ready to be carried out."""
    author = Author(stage)
    message, edit, deletion, reply, reacted, removed = (source(stage, n) for n in range(6))
    old = await spoken(stage, author, "edited before", edit)
    gone = await spoken(stage, author, "deleted before", deletion)
    asked = await stage.say("reply question")
    liked = await stage.say("reacted here")
    unliked = await stage.say("unreacted here")
    given = await stage.deliver(
        stage.delivery(author.added(removed), removed, far=theirs(stage, unliked))
    )
    back = replace(theirs(stage, unliked), reaction=given)

    def shown(ref: MessageRef, text: str, who: str = stage.speaker, *keys: str) -> Shown:
        pairs = frozenset((stage.speaker, key) for key in keys)
        return Shown(ref=ref, person=who, words=text, reactions=pairs)

    def case(
        name: str,
        event: Event,
        of: str,
        far: Far,
        before: list[Shown],
        after: list[Shown],
    ) -> Case:
        return Case(
            name=name,
            delivery=stage.delivery(event, of, far=far, age=age),
            before=before,
            after=after,
        )

    new = MessageRef("new")
    question = shown(asked, "reply question", stage.local)
    answer = answering(stage, shown(new, "reply answer"), "reply question")
    return [
        case("sent", author.sent("sent words"), message, Far(), [], [shown(new, "sent words")]),
        case(
            "reply",
            author.sent("reply answer", reply_to=MessageRef(source(stage, 50))),
            reply,
            theirs(stage, asked),
            [question],
            [question, answer],
        ),
        case(
            "edited",
            author.edited(edit, "edited after"),
            edit,
            ours(stage, old),
            [shown(old, "edited before")],
            [shown(old, "edited after")],
        ),
        case(
            "deleted",
            author.deleted(deletion),
            deletion if stage.side is Side.MATRIX else source(stage, 60),
            ours(stage, gone),
            [shown(gone, "deleted before")],
            [],
        ),
        case(
            "reacted",
            author.added(source(stage, 70)),
            reacted,
            theirs(stage, liked),
            [shown(liked, "reacted here", stage.local)],
            [shown(liked, "reacted here", stage.local, LIKE)],
        ),
        case(
            "unreacted",
            author.removed(removed),
            removed if stage.side is Side.MATRIX else source(stage, 80),
            back,
            [shown(unliked, "unreacted here", stage.local, LIKE)],
            [shown(unliked, "unreacted here", stage.local)],
        ),
    ]


# --- carrying out -----------------------------------------------------------------------------


async def test_people_see_every_kind_of_event(stage: Stage) -> None:
    for case in await cases(stage):
        assert await case.shown(stage) == case.before
        assert await stage.deliver(case.delivery)
        assert await case.shown(stage) == case.after


async def test_what_was_said_is_called_what_people_see_it_called(stage: Stage) -> None:
    author = Author(stage)
    ref = await spoken(stage, author, "sent words", source(stage, 1))

    assert [shown.ref for shown in await stage.about("sent")] == [ref]


@only(*MATRIX)
async def test_what_is_carried_out_twice_has_happened_once(stage: Stage) -> None:
    for case in await cases(stage):
        first = await stage.deliver(case.delivery)
        assert await stage.deliver(case.delivery) == first
        assert await case.shown(stage) == case.after


@only(*TEAMS)
async def test_whoever_has_been_taken_over_from_does_nothing(stage: Stage) -> None:
    async def taken_over() -> None:
        raise NotOurs("another process has it")

    for case in await cases(stage):
        with pytest.raises(NotOurs):
            await stage.endpoint.deliver(case.delivery, confirm=taken_over)
        assert await case.shown(stage) == case.before


@only(*TEAMS)
async def test_it_is_confirmed_before_each_request(stage: Stage) -> None:
    confirmed: list[str] = []

    async def note() -> None:
        confirmed.append(case.name)
        assert await case.shown(stage) == case.before

    made = await cases(stage)
    for case in made:
        await stage.endpoint.deliver(case.delivery, confirm=note)
    assert confirmed == [case.name for case in made]


async def test_a_request_that_was_refused_leaves_nothing_behind(stage: Stage) -> None:
    for case in await cases(stage):
        await stage.refuse(case.delivery.event)
        with pytest.raises(Unavailable):
            await stage.deliver(case.delivery)
        assert await case.shown(stage) == case.before
        await stage.deliver(case.delivery)
        assert await case.shown(stage) == case.after


async def test_what_refers_to_something_that_is_not_there_waits(stage: Stage) -> None:
    for case in await cases(stage):
        if case.delivery.event.target is None or isinstance(case.delivery.event, MessageSent):
            continue
        with pytest.raises((TargetMissing, Unavailable)):
            await stage.deliver(replace(case.delivery, far=Far()))
        assert await case.shown(stage) == case.before


async def test_an_answer_to_something_that_is_not_there_is_said_without_it(stage: Stage) -> None:
    event = Author(stage).sent("reply answer", reply_to=MessageRef(source(stage, 50)))

    await stage.deliver(stage.delivery(event, source(stage, 1)))

    [shown] = await stage.about("reply")
    assert shown.reply_words is None


async def test_an_answer_to_something_that_was_taken_back_is_said_without_it(stage: Stage) -> None:
    asked = await stage.say("question")
    await stage.delete(asked)
    event = Author(stage).sent("reply answer", reply_to=MessageRef(source(stage, 50)))

    await stage.deliver(stage.delivery(event, source(stage, 1), far=theirs(stage, asked)))

    [shown] = await stage.about("reply")
    assert shown.reply_words is None


# --- threads ----------------------------------------------------------------------------------


@only(*THREADS)
async def test_what_is_said_in_a_thread_stands_in_it(stage: Stage) -> None:
    root = await stage.say("root words")
    last = await stage.say_below(root, "below words")
    far = Far(thread=FarThread(root=root, last=last))
    delivery = stage.delivery(Author(stage).sent("sent words"), source(stage, 1), far=far)

    ref = await stage.deliver(delivery)

    [shown] = await stage.about("sent")
    assert (shown.ref, shown.thread, shown.reply_words) == (ref, "root words", None)
    assert await stage.endpoint.find(replace(delivery, created_at=stage.now() - LONG_AGO)) == ref


@only(*THREADS)
async def test_what_people_say_in_a_thread_is_seen_in_it(stage: Stage) -> None:
    root = await stage.say("root words")
    ref = await stage.say_below(root, "below words")

    seen = await sighting(stage, ref, "below words")

    assert (seen.thread, seen.reply_to) == (root, None)


@only(*THREADS)
async def test_a_thread_whose_beginning_was_taken_back_goes_on(stage: Stage) -> None:
    root = await stage.say("root words")
    await stage.delete(root)
    far = Far(thread=FarThread(root=root, last=root))

    await stage.deliver(stage.delivery(Author(stage).sent("sent words"), source(stage, 1), far=far))

    [shown] = await stage.about("sent")
    assert shown.thread is None, "nobody sees what it began with"


@only("fake channel", "channel")
async def test_what_is_said_below_a_post_that_was_never_there_is_a_post(stage: Stage) -> None:
    nowhere = MessageRef("1616990032035")
    far = Far(thread=FarThread(root=nowhere, last=nowhere))

    ref = await stage.deliver(
        stage.delivery(Author(stage).sent("sent words"), source(stage, 1), far=far)
    )

    [shown] = await stage.about("sent")
    assert (shown.ref, shown.thread) == (ref, None)


@only("fake channel", "channel")
async def test_one_message_can_be_recalled(stage: Stage) -> None:
    place = stage.portal.place
    root, gone = await stage.say("root words"), await stage.say("gone words")
    ref = await stage.say_below(root, "below words")
    await stage.delete(gone)

    assert await stage.endpoint.recall(place, root)
    assert await stage.endpoint.recall(place, ref)
    assert not await stage.endpoint.recall(place, gone)
    assert not await stage.endpoint.recall(place, MessageRef("1616990032035"))


# --- looking for what may have been carried out -----------------------------------------------


async def test_what_was_carried_out_is_found_and_what_was_not_is_not(stage: Stage) -> None:
    for case in await cases(stage, age=LONG_AGO):
        assert await stage.endpoint.find(case.delivery) is None, case.name
        ref = await stage.deliver(case.delivery)
        assert await stage.endpoint.find(case.delivery) == ref, case.name


@pytest.mark.parametrize("age", [timedelta(0), LONG_AGO])
async def test_whatever_answer_is_lost_it_happens_once(stage: Stage, age: timedelta) -> None:
    for case in await cases(stage, age=age):
        resumed = replace(case.delivery, attempts=2, resumed=True)
        await stage.lose_answer(case.delivery.event)
        with pytest.raises(Uncertain):
            await stage.deliver(case.delivery)

        ref = await stage.endpoint.find(resumed)
        if ref is None:
            assert stage.side is Side.MATRIX, case.name
            assert age < LONG_AGO, case.name
            ref = await stage.deliver(resumed)

        assert await case.shown(stage) == case.after
        assert await stage.endpoint.find(replace(resumed, created_at=stage.now() - LONG_AGO)) == ref


@only(*MATRIX)
async def test_what_the_homeserver_remembers_need_not_be_looked_for(stage: Stage) -> None:
    for case in await cases(stage):
        await stage.deliver(case.delivery)
        assert await stage.endpoint.find(case.delivery) is None


# --- long messages ----------------------------------------------------------------------------


async def test_a_long_message_arrives_in_parts_that_say_it_all(stage: Stage) -> None:
    text = " ".join(f"word{number}" for number in range(9_000))
    event = Author(stage).sent(text)

    parts = stage.endpoint.fit(event)

    assert len(parts) > 1
    assert [part.part for part in parts] == list(range(len(parts)))
    assert " ".join(_words(part) for part in parts) == text
    short = Author(stage).sent("hello")
    assert stage.endpoint.fit(short) == (short,)


async def test_an_edit_may_have_more_parts_than_there_were_and_fewer(stage: Stage) -> None:
    author, name = Author(stage), source(stage, 1)
    first = await spoken(stage, author, "long words", name)

    longer = [author.edited(name, f"long {n}", part=n, parts=2) for n in range(2)]
    refs = [
        await stage.deliver(stage.delivery(event, name, far=ours(stage, first))) for event in longer
    ]
    assert [shown.words for shown in await stage.about("long")] == ["long 0", "long 1"]

    far = ours(stage, first, refs[1])
    shorter = stage.delivery(author.edited(name, "long no more"), name, far=far)
    await stage.deliver(shorter)
    assert [shown.words for shown in await stage.about("long")] == ["long no more"]


async def test_all_parts_of_a_message_are_taken_back(stage: Stage) -> None:
    author, name = Author(stage), source(stage, 1)
    refs = [
        await stage.deliver(
            stage.delivery(replace(author.sent(f"long {n}"), part=n, parts=2), name)
        )
        for n in range(2)
    ]

    deletion = stage.delivery(author.deleted(name), source(stage, 2), far=ours(stage, *refs))
    await stage.deliver(deletion)

    assert await stage.about("long") == []


# --- what people of this side have written ----------------------------------------------------


@only(*MATRIX)
async def test_what_a_person_wrote_is_said_anew_when_it_was_edited_in_teams(stage: Stage) -> None:
    ref = await stage.say("mine before")
    event = Author(stage).edited(source(stage, 1), "mine after")

    await stage.deliver(stage.delivery(event, source(stage, 1), far=theirs(stage, ref)))

    old, new = await stage.view()
    assert (old.person, old.words) == (stage.local, "mine before")
    assert new.person == stage.speaker
    assert "mine after" in new.words
    assert new.reply_words == "mine before"


@only(*MATRIX)
async def test_what_a_person_wrote_is_redacted_when_it_was_deleted_in_teams(stage: Stage) -> None:
    ref = await stage.say("mine")
    event = Author(stage).deleted(source(stage, 1))

    await stage.deliver(stage.delivery(event, source(stage, 1), far=theirs(stage, ref)))

    assert await stage.view() == []


@only(*MATRIX)
async def test_what_was_said_anew_goes_with_what_a_person_wrote(stage: Stage) -> None:
    author, name = Author(stage), source(stage, 1)
    ref = await stage.say("mine before")
    far = theirs(stage, ref)
    for text in ("mine after", "mine at last"):
        await stage.deliver(stage.delivery(author.edited(name, text), name, far=far))
    assert len(await stage.view()) == 3

    await stage.deliver(stage.delivery(author.deleted(name), name, far=far))

    assert await stage.view() == []


async def test_what_is_gone_already_can_be_taken_back(stage: Stage) -> None:
    author, name = Author(stage), source(stage, 1)
    ref = await spoken(stage, author, "gone", name)
    far = ours(stage, ref)
    for number in (2, 3):
        assert await stage.deliver(
            stage.delivery(author.deleted(name), source(stage, number), far=far)
        )

    assert await stage.about("gone") == []


async def test_a_reaction_that_is_there_or_gone_already_does_no_harm(stage: Stage) -> None:
    author, name = Author(stage), source(stage, 1)
    far = theirs(stage, await stage.say("liked"))
    first = await stage.deliver(stage.delivery(author.added(name), source(stage, 2), far=far))
    again = await stage.deliver(stage.delivery(author.added(name), source(stage, 3), far=far))
    assert again == first
    far = replace(far, reaction=first)
    for number in (4, 5):
        event = author.removed(name)
        assert await stage.deliver(stage.delivery(event, source(stage, number), far=far))

    assert [shown.reactions for shown in await stage.about("liked")] == [frozenset()]


@only(*MATRIX)
async def test_a_reaction_that_never_crossed_need_not_be_taken_back(stage: Stage) -> None:
    ref = await stage.say("mine")
    event = Author(stage).removed(source(stage, 1))

    delivery = stage.delivery(event, source(stage, 1), far=theirs(stage, ref))
    assert await stage.deliver(delivery) == ref


@only(*MATRIX)
async def test_the_reaction_of_a_person_is_taken_back_when_it_was_in_teams(stage: Stage) -> None:
    ref = await stage.say("mine")
    given = await stage.react(ref, LIKE)
    event = Author(stage).removed(source(stage, 1))
    far = replace(theirs(stage, ref), reaction=given)

    await stage.deliver(stage.delivery(event, source(stage, 1), far=far))

    assert [shown.reactions for shown in await stage.view()] == [frozenset()]


@only(*MATRIX)
async def test_a_message_that_is_there_again_is_said_again(stage: Stage) -> None:
    author, name = Author(stage), source(stage, 1)
    first = await spoken(stage, author, "again", name)
    deletion = stage.delivery(author.deleted(name), name, far=ours(stage, first))
    await stage.deliver(deletion)

    event = replace(author.sent("again"), again=True)
    second = await stage.deliver(stage.delivery(event, name))

    assert second != first
    assert [shown.ref for shown in await stage.about("again")] == [second]


@only(*TEAMS)
async def test_what_somebody_else_wrote_in_teams_cannot_be_taken_back(stage: Stage) -> None:
    ref = await stage.say("theirs")
    event = Author(stage).deleted(source(stage, 1))

    with pytest.raises(Refused):
        await stage.deliver(stage.delivery(event, source(stage, 2), far=theirs(stage, ref)))

    assert len(await stage.about("theirs")) == 1


# --- what people do ---------------------------------------------------------------------------


async def sighting(stage: Stage, ref: MessageRef, text: str) -> Sighting:
    def matches(seen: Seen) -> bool:
        return isinstance(seen, Sighting) and seen.ref == ref and words(seen.body) == text

    found = await stage.seen(matches)
    assert isinstance(found, Sighting)
    return found


async def test_a_message_is_seen_as_it_was_said(stage: Stage) -> None:
    ref = await stage.say("hello")

    seen = await sighting(stage, ref, "hello")

    assert seen.origin == stage.origin
    assert seen.author.id == stage.local
    assert seen.is_plain
    assert seen.reply_to is None
    assert seen.reactions == (() if stage.side is Side.TEAMS else None)
    assert bool(seen.version) is (stage.side is Side.TEAMS)


async def test_an_edit_is_a_newer_version_of_the_same_message(stage: Stage) -> None:
    ref = await stage.say("before")
    old = await sighting(stage, ref, "before")
    await stage.edit(ref, "after")
    new = await sighting(stage, ref, "after")
    await stage.edit(ref, "at last")
    newest = await sighting(stage, ref, "at last")

    assert is_older(old.version, new.version)
    assert is_older(new.version, newest.version)
    assert new.version.isdecimal()
    assert not old.edited
    assert new.edited
    assert newest.edited not in {"", new.edited}
    assert new.author.id == stage.local


async def test_an_answer_is_seen_with_what_it_answers_and_without_its_words(stage: Stage) -> None:
    asked = await stage.say("question")
    ref = await stage.say("answer", reply_to=asked)

    seen = await sighting(stage, ref, "answer")

    assert (seen.thread if stage.in_channel else seen.reply_to) == asked
    assert (seen.reply_to if stage.in_channel else seen.thread) is None


async def test_a_deletion_is_seen(stage: Stage) -> None:
    ref = await stage.say("hello")
    await stage.delete(ref)

    if stage.side is Side.MATRIX:
        redacted = await stage.seen(lambda seen: isinstance(seen, Redacted))
        assert isinstance(redacted, Redacted)
        assert (redacted.origin, redacted.target) == (stage.origin, ref)
        assert redacted.author.id == stage.local
        return
    gone = await stage.seen(lambda seen: isinstance(seen, Sighting) and seen.deleted)
    assert isinstance(gone, Sighting)
    assert gone.ref == ref
    assert is_older(Version(ref), gone.version)


@pytest.mark.parametrize("key", ["👍", "❤", "👩🏽‍🚀"])
async def test_reactions_are_seen_coming_and_going(stage: Stage, key: str) -> None:
    ref = await stage.say("hello")
    given = await stage.react(ref, key)

    if stage.side is Side.MATRIX:
        reacted = await stage.seen(lambda seen: isinstance(seen, Reacted))
        assert isinstance(reacted, Reacted)
        assert (reacted.ref, reacted.target, reacted.key) == (given, ref, key)
        assert (reacted.origin, reacted.author.id) == (stage.origin, stage.local)
        await stage.unreact(ref, key, given)
        redacted = await stage.seen(lambda seen: isinstance(seen, Redacted))
        assert isinstance(redacted, Redacted)
        assert redacted.target == given
        return
    on = await stage.seen(lambda seen: isinstance(seen, Sighting) and bool(seen.reactions))
    await stage.unreact(ref, key, given)
    off = await stage.seen(lambda seen: isinstance(seen, Sighting) and not seen.reactions)
    assert isinstance(on, Sighting)
    assert isinstance(off, Sighting)
    assert [(one.person.id, one.key) for one in on.reactions or ()] == [(stage.local, key)]
    assert is_older(on.version, off.version)
    assert (on.edited, off.edited) == ("", "")
    assert words(off.body) == "hello"


@only(*TEAMS)
async def test_the_old_names_of_reactions_are_seen_as_emoji(stage: Stage) -> None:
    ref = await stage.say("hello")
    for name in ("like", "heart"):
        await stage.react(ref, name)

    seen = await stage.seen(
        lambda seen: isinstance(seen, Sighting) and len(seen.reactions or ()) > 1
    )

    assert isinstance(seen, Sighting)
    assert {one.key for one in seen.reactions or ()} == {"👍", "❤"}


@only(*MATRIX)
async def test_an_emoji_with_a_variation_selector_is_the_same_emoji(stage: Stage) -> None:
    ref = await stage.say("hello")
    await stage.react(ref, "❤\ufe0f")

    seen = await stage.seen(lambda seen: isinstance(seen, Reacted))

    assert isinstance(seen, Reacted)
    assert seen.key == "❤"


@only(*TEAMS)
async def test_what_the_bridge_said_comes_back_under_the_speakers_name(stage: Stage) -> None:
    ref = await spoken(stage, Author(stage), "hello", source(stage, 1))

    seen = await sighting(stage, ref, "hello")

    assert seen.author.id == stage.speaker


def _words(event: Event) -> str:
    assert isinstance(event, MessageSent)
    return words(event.body)


# --- what people see of each other ---------------------------------------------------------------


async def test_people_see_what_people_do(stage: Stage) -> None:
    first, second, third = [await stage.say(f"{name} words") for name in ("one", "two", "three")]
    answer = await stage.say("four words", reply_to=second)
    orphan = await stage.say("five words", reply_to=third)
    await stage.edit(first, "one again")
    await stage.edit(first, "one at last")
    await stage.delete(third)
    given = await stage.react(second, LIKE)
    await stage.react(second, "❤")
    await stage.unreact(second, LIKE, given)

    def shown(ref: MessageRef, text: str, *keys: str) -> Shown:
        pairs = frozenset((stage.local, key) for key in keys)
        return Shown(ref=ref, person=stage.local, words=text, reactions=pairs)

    view = await stage.view()
    assert view == [
        shown(first, "one at last"),
        shown(second, "two words", "❤"),
        answering(stage, shown(answer, "four words"), "two words"),
        shown(orphan, "five words"),
    ]
    assert [one.ref for one in view] == [first, second, answer, orphan]


# --- what the fakes can be told ---------------------------------------------------------------


async def test_the_fake_homeserver_repeats_itself_only_without_a_device_and_after_a_restart() -> (
    None
):
    for has_devices, events in ((True, 1), (False, 2)):
        stage = FakeMatrixStage(has_devices=has_devices)
        delivery = stage.delivery(Author(stage).sent("once"), source(stage, 1))
        for _ in range(2):
            await stage.endpoint.deliver(delivery, confirm=agreed)
            await stage.endpoint.deliver(delivery, confirm=agreed)
            found = await stage.endpoint.find(delivery)
            assert (found is None) is has_devices
            stage.network.restart()
        assert len(await stage.about("once")) == events


async def test_a_fake_tenant_that_keeps_no_traces_still_finds_its_messages() -> None:
    stage = FakeTeamsStage()
    stage.network.keeps_traces = False
    author = Author(stage)
    one, two = (stage.delivery(author.sent("ok"), source(stage, n)) for n in (1, 2))
    first = await stage.deliver(one)
    assert await stage.endpoint.find(one) == first
    stage.links.linked.add((stage.portal.id, first))

    assert await stage.endpoint.find(two) is None
    second = await stage.deliver(two)
    assert await stage.endpoint.find(two) == second


async def test_what_a_fake_network_pushed_and_nobody_took_is_found_by_looking() -> None:
    for stage in (FakeTeamsStage(), FakeMatrixStage()):
        begin = stage.now() - timedelta(seconds=1)
        ref = await stage.say("lost")
        stage.entries.clear()
        if isinstance(stage, FakeTeamsStage):
            stage.entries += stage.network.found_since(stage.portal.place, begin)
        else:
            stage.entries += stage.network.found_since(0)[0]
        assert all(entry.found for entry in stage.entries)
        assert (await sighting(stage, ref, "lost")).is_plain
