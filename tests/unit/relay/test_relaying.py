"""Relay mode in the relay: who is heard through whom, and what each may change afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.events import (
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    Reacted,
    Redacted,
    Unheard,
)
from bridge.domain.ids import MessageRef, Side, TeamsUserId, UserId, Version
from bridge.domain.relaying import FORM_DEFAULT, Form, StandIn
from bridge.ports import Reading
from tests.kit.relay_world import ROOM, RelayWorld

SERVICE = "service"


def stand_in(user: str, name: str) -> StandIn:
    return StandIn(
        speaker=TeamsUserId(SERVICE),
        user=UserId(user),
        name=name,
        form=Form.of(FORM_DEFAULT),
        by_default=True,
    )


@pytest.fixture
async def world() -> RelayWorld:
    world = RelayWorld()
    await world.open_portal()
    for name in ("Anna", "Bo"):
        user = f"@{name.lower()}:here"
        world.stand_ins[user] = stand_in(user, name)
    return world


async def say(world: RelayWorld, ref: str, text: str, author: str = "@anna:here") -> None:
    seen = world.seen_in_matrix(ref, text, author=author)
    await world.push(Side.MATRIX, ref, Reading(sightings=(seen,)))
    await world.settle()


async def edit(world: RelayWorld, ref: str, text: str, author: str) -> None:
    seen = world.seen_in_matrix(ref, text, author=author)
    seen = replace(seen, version=Version("5"), edited="5")
    await world.push(Side.MATRIX, f"edit of {ref} by {author}", Reading(sightings=(seen,)))
    await world.settle()


async def redact(world: RelayWorld, target: str, author: str) -> None:
    gone = Redacted(
        origin=ROOM,
        ref=MessageRef(f"$redaction of {target} by {author}"),
        target=MessageRef(target),
        author=Person(id=author),
        sent_at=world.clock.now(),
    )
    await world.push(Side.MATRIX, gone.ref, Reading(sightings=(gone,)))
    await world.settle()


async def react(world: RelayWorld, ref: str, target: str, author: str) -> None:
    reacted = Reacted(
        origin=ROOM,
        ref=MessageRef(ref),
        target=MessageRef(target),
        author=Person(id=author),
        key="👍",
        sent_at=world.clock.now(),
    )
    await world.push(Side.MATRIX, ref, Reading(sightings=(reacted,)))
    await world.settle()


async def test_who_cannot_speak_is_said_for_by_name(world: RelayWorld) -> None:
    await say(world, "$one", "hello")

    assert world.teams.said == ["Anna: hello"]
    assert world.teams.delivered[0].speaker == SERVICE
    assert world.desk.served == []


async def test_our_own_words_do_not_come_back(world: RelayWorld) -> None:
    await say(world, "$one", "hello")
    echo = world.seen_as(MessageRef("teams-1"), "Anna: hello", SERVICE)
    await world.push(Side.TEAMS, "echo", Reading(sightings=(echo,)))
    await world.settle()

    assert world.matrix.said == []


async def test_only_the_author_edits_and_takes_back_though_one_account_says_it_all(
    world: RelayWorld,
) -> None:
    await say(world, "$one", "hello")
    await edit(world, "$one", "hijacked", "@bo:here")
    await redact(world, "$one", "@bo:here")
    assert [type(d.event) for d in world.teams.delivered] == [MessageSent]

    await edit(world, "$one", "hello again", "@anna:here")
    await redact(world, "$one", "@anna:here")

    kinds = [type(d.event) for d in world.teams.delivered]
    assert kinds == [MessageSent, MessageEdited, MessageDeleted]
    assert {d.speaker for d in world.teams.delivered} == {SERVICE}


async def test_nobody_takes_back_what_the_service_account_itself_has_said(
    world: RelayWorld,
) -> None:
    await world.say_in_teams(1, "from Teams", author=SERVICE)
    await world.settle()
    assert world.matrix.said == ["from Teams"]

    await redact(world, "matrix-1", "@anna:here")

    assert world.teams.delivered == []


async def test_equal_reactions_of_two_people_are_words_of_their_own(world: RelayWorld) -> None:
    await say(world, "$one", "hello")
    await react(world, "$r1", "$one", "@anna:here")
    await react(world, "$r2", "$one", "@bo:here")
    await redact(world, "$r1", "@anna:here")

    said = [d for d in world.teams.delivered if isinstance(d.event, MessageSent)]
    assert [d.event.reply_to for d in said] == [None, "$one", "$one"]  # type: ignore[union-attr]
    assert world.teams.said[1:3] == ["Anna: reacted with 👍", "Bo: reacted with 👍"]
    [gone] = [d.event for d in world.teams.delivered if isinstance(d.event, MessageDeleted)]
    assert gone.target == "$r1"


async def test_a_reaction_to_what_never_crossed_is_not_said(world: RelayWorld) -> None:
    await react(world, "$r1", "$unknown", "@anna:here")

    assert world.teams.said == []


async def test_a_portal_that_is_not_relayed_lets_nobody_stand_in(world: RelayWorld) -> None:
    world.stand_ins["@anna:here"] = replace(world.stand_ins["@anna:here"], by_default=False)
    await say(world, "$one", "hello?")

    assert world.teams.said == []
    assert [type(r) for r in world.desk.served] == [Unheard]


async def test_a_restart_between_words_and_their_edit_changes_nothing(world: RelayWorld) -> None:
    await say(world, "$one", "hello")
    world.restart()
    await say(world, "$one", "hello")
    await edit(world, "$one", "hello again", "@anna:here")

    assert [type(d.event) for d in world.teams.delivered] == [MessageSent, MessageEdited]
