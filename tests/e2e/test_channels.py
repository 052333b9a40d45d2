"""Channels of teams, both ways: posts, replies, what happens to them, and what was said meanwhile."""

from __future__ import annotations

import pytest

from tests.kit.e2e_channels import Scene, people_in, scene_of
from tests.kit.e2e_world import World


@pytest.fixture
async def scene(world: World) -> Scene:
    return await scene_of(world)


async def test_posts_and_replies_cross_in_both_directions(scene: Scene) -> None:
    post = await scene.type("a post of Tom's")
    event = await scene.find("a post of Tom's")
    assert "m.relates_to" not in event.content
    await scene.type("a reply of Tom's", below=post)
    await scene.find("a reply of Tom's")

    own = await scene.say("a post of Maria's")
    posted = await scene.find_in_teams("a post of Maria's")
    assert posted["replyToId"] is None
    assert posted["from"]["user"]["id"] == scene.maria.id
    await scene.say("a reply of Maria's", root=event.id)
    assert (await scene.find_in_teams("a reply of Maria's"))["replyToId"] == post
    await scene.say("a reply to herself", root=own)
    assert (await scene.find_in_teams("a reply to herself"))["replyToId"] == posted["id"]

    await scene.world.at_rest()
    said = await scene.world.texts_in_matrix(scene.person, scene.room)
    assert len(said) == len(set(said)) == 6, "nothing came back as an echo"


@pytest.mark.parametrize("below", [False, True], ids=["post", "reply"])
async def test_what_happens_in_teams_happens_in_matrix(scene: Scene, below: bool) -> None:
    post = await scene.type("first words")
    said = await scene.type("words below", below=post) if below else post
    event = (await scene.find("words below" if below else "first words")).id

    await scene.teams.edit(scene.at, said, "other words", content_type="text")
    await scene.teams.react(scene.at, said, scene.maria.id, "👍")
    await scene.shows(event, "m.replace")
    await scene.shows(event, "m.annotation")
    await scene.teams.delete(scene.at, said)
    await scene.is_gone(event)
    await scene.world.at_rest()


@pytest.mark.parametrize("below", [False, True], ids=["post", "reply"])
async def test_what_happens_in_matrix_happens_in_teams(scene: Scene, below: bool) -> None:
    root = await scene.say("first words")
    await scene.find_in_teams("first words")
    event = await scene.say("words below", root=root) if below else root
    said = str((await scene.find_in_teams("words below" if below else "first words"))["id"])

    await scene.replace(event, "other words")
    assert (await scene.find_in_teams("other words"))["id"] == said
    await scene.react(event, "👍")
    await scene.changed_in_teams(said, lambda one: bool(one["reactions"]))
    await scene.redact(event)
    await scene.changed_in_teams(said, lambda one: one["deletedDateTime"] is not None)
    await scene.world.at_rest()


@pytest.mark.parametrize("kind", ["private", "shared"])
async def test_channels_with_members_of_their_own_cross_as_well(world: World, kind: str) -> None:
    scene = await scene_of(world, membership=kind)
    post = await scene.type("among us")
    event = await scene.find("among us")
    await scene.say("yes", root=event.id)
    assert (await scene.find_in_teams("yes"))["replyToId"] == post
    await scene.world.at_rest()


async def test_what_was_said_while_the_bridge_was_away_is_read_back(scene: Scene) -> None:
    world = scene.world
    post = await scene.type("before")
    event = await scene.find("before")
    await world.at_rest()
    await world.marks_that_it_listens()
    await world.stop()
    # Nobody tells of it later: what Graph could not deliver for four hours it drops.
    await world.tenant.set_weather(lose=1.0)
    await scene.type("a post meanwhile")
    await scene.type("a reply meanwhile", below=post)
    await scene.teams.edit(scene.at, post, "before, edited", content_type="text")
    other = await scene.teams.create_channel(scene.team.id, "Tulips")
    await scene.teams.type(other, scene.tom.id, "in a new channel", content_type="text")
    await world.tenant.clear_weather()
    await world.start()

    await scene.find("a post meanwhile")
    reply = await scene.find("a reply meanwhile")
    assert reply.content["m.relates_to"]["event_id"] == event.id
    await scene.shows(event.id, "m.replace")
    room, _ = await world.read(scene.person, "in a new channel")
    assert room != scene.room
    await world.at_rest()


async def test_without_channels_nothing_of_a_team_is_carried(quiet_world: World) -> None:
    quiet_world.reconfigure(channels=False)
    await quiet_world.start()
    scene = await people_in(quiet_world)
    person = await quiet_world.signed_in("maria", scene.maria)
    chat = await quiet_world.tenant.create_chat("oneOnOne", [scene.maria.id, scene.tom.id])
    await scene.type("a post")
    await quiet_world.opened(chat, scene.tom, person)
    subscribed = {str(one["resource"]) for one in await quiet_world.tenant.subscriptions()}
    assert not [one for one in subscribed if one.startswith("/teams")]
    await quiet_world.at_rest()
    assert len(person.rooms) == 2, "the bot's, and the chat's"
    await quiet_world.stop()
    quiet_world.check_log()
