"""What somebody wrote in Teams, and edits in Matrix, where it stands under their own account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.changes import wording_of
from bridge.domain.content import Attachment, Body, from_text
from bridge.domain.events import MessageEdited, Unheard
from bridge.domain.ids import MessageRef, Side, Version
from bridge.ports import Reading
from tests.kit.fake_endpoint import TEXT_CHARS_MAX
from tests.kit.relay_world import RelayWorld


@pytest.fixture
async def world() -> RelayWorld:
    """Ada has said something in Teams."""
    world = RelayWorld()
    await world.open_portal()
    world.accounts["@ada:here"] = "ada"
    await world.say_in_teams(1, "from Teams")
    await world.settle()
    return world


async def edit(world: RelayWorld, text: str, *, author: str, is_own: bool) -> None:
    seen = world.seen_in_matrix("matrix-1", text, author=author)
    seen = replace(seen, edited="2", version=Version("2"), is_own=is_own)
    await world.push(Side.MATRIX, f"{text} {author}", Reading(sightings=(seen,)), position=2)
    await world.settle()


async def test_an_edit_by_the_author_is_carried_and_does_not_come_back(world: RelayWorld) -> None:
    await edit(world, "mended", author="@ada:here", is_own=True)

    [delivery] = world.teams.delivered
    assert isinstance(delivery.event, MessageEdited)
    assert (delivery.speaker, delivery.event.target) == ("ada", "matrix-1")
    assert [(part.ref, part.shown_in) for part in delivery.far.parts] == [("1", 1)]

    echo = replace(world.seen_in_teams(1, "mended"), edited="e", version=Version("3"))
    file = Attachment(name="tea.pdf", url="https://x.example/tea.pdf")
    echo = replace(echo, body=Body(blocks=(*echo.body.blocks, file)))
    assert wording_of(echo.body) == wording_of(from_text("mended"))
    await world.push(Side.TEAMS, "echo", Reading(sightings=(echo,)), position=3)
    await world.settle()
    assert world.matrix.said == ["from Teams"]
    again = replace(world.seen_in_teams(1, "mended again"), edited="e2", version=Version("4"))
    await world.push(Side.TEAMS, "later", Reading(sightings=(again,)), position=4)
    await world.settle()
    assert [type(one.event) for one in world.matrix.delivered[1:]] == [MessageEdited]


@pytest.mark.parametrize(
    ("author", "is_own"), [("@ada:here", False), ("@bob:here", True), ("@bob:here", False)]
)
async def test_what_a_ghost_has_said_and_what_others_have_is_not_edited(
    world: RelayWorld, author: str, is_own: bool
) -> None:
    world.accounts["@bob:here"] = "bob"

    await edit(world, "hijacked", author=author, is_own=is_own)

    assert world.teams.delivered == []
    assert world.desk.served == []
    assert not world.store.inbox


async def test_who_is_paired_and_has_not_signed_in_is_told_so(world: RelayWorld) -> None:
    del world.accounts["@ada:here"]

    await edit(world, "mended", author="@ada:here", is_own=True)

    assert world.teams.delivered == []
    assert [type(request) for request in world.desk.served] == [Unheard]


async def test_of_a_message_in_several_events_an_edit_says_of_how_many(world: RelayWorld) -> None:
    await world.say_in_teams(2, "word " * (TEXT_CHARS_MAX // 4))
    await world.settle()
    parts = [link.matrix_event for link in world.store.links if link.message == "2"]
    assert len(parts) > 1

    seen = replace(world.seen_in_matrix(parts[1], "mended"), edited="2", version=Version("2"))
    reading = Reading(sightings=(replace(seen, is_own=True),))
    await world.push(Side.MATRIX, "second part", reading, position=2)
    await world.settle()

    [delivery] = world.teams.delivered
    facts = [(part.ref, part.part, part.shown_in) for part in delivery.far.parts]
    assert facts == [(MessageRef("2"), 1, len(parts))]
