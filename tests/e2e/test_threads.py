"""Threads: where a reply stands in Matrix, what it falls back to, and posts that are not here."""

from __future__ import annotations

import pytest

from tests.kit.e2e_channels import Scene, people_in, scene_of
from tests.kit.e2e_world import World


@pytest.fixture
async def scene(world: World) -> Scene:
    return await scene_of(world)


async def test_replies_stand_in_the_thread_of_their_post_in_order(scene: Scene) -> None:
    post = await scene.type("post")
    root = await scene.find("post")
    texts = [f"reply {number}" for number in range(5)]
    for text in texts:
        await scene.type(text, below=post)
    await scene.find(texts[-1])
    mine = await scene.say("mine", root=root.id, last=(await scene.find(texts[-1])).id)
    await scene.find_in_teams("mine")
    await scene.type("the last", below=post)
    await scene.find("the last")

    thread = await scene.thread(root.id)
    assert [event["content"]["body"] for event in thread] == [*texts, "mine", "the last"]
    before = [root.id, *(event["event_id"] for event in thread)]
    for event, last in zip(thread, before, strict=False):
        relation = event["content"]["m.relates_to"]
        assert relation["is_falling_back"] is True
        assert relation["m.in_reply_to"]["event_id"] == last
    assert thread[-2]["event_id"] == mine


async def test_a_quote_within_a_thread_answers_what_it_quotes(scene: Scene) -> None:
    post = await scene.type("post")
    root = await scene.find("post")
    first = await scene.type("first", below=post)
    quoted = await scene.find("first")
    await scene.type("second", below=post)
    await scene.teams.type(
        scene.at,
        scene.tom.id,
        f'<attachment id="{first}"></attachment><p>to the first</p>',
        reply_to=post,
        attachments=[
            {
                "id": first,
                "contentType": "messageReference",
                "content": f'{{"messageId":"{first}","messagePreview":"first"}}',
            }
        ],
    )
    answer = await scene.find("to the first")
    assert answer.content["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": root.id,
        "is_falling_back": False,
        "m.in_reply_to": {"event_id": quoted.id},
    }


async def test_an_answer_in_matrix_joins_the_thread_of_what_it_answers(scene: Scene) -> None:
    post = await scene.type("post")
    root = await scene.find("post")
    await scene.type("reply", below=post)
    reply = await scene.find("reply")
    await scene.say("to the post", quoting=root.id)
    await scene.say("to the reply", quoting=reply.id)
    assert (await scene.find_in_teams("to the post"))["replyToId"] == post
    assert (await scene.find_in_teams("to the reply"))["replyToId"] == post


async def test_a_long_reply_has_all_its_parts_in_the_thread(scene: Scene) -> None:
    post = await scene.type("post")
    root = await scene.find("post")
    long = "\n".join(f"{number} {'word ' * 200}" for number in range(90))
    await scene.teams.type(scene.at, scene.tom.id, long, content_type="text", reply_to=post)
    await scene.type("the end", below=post)
    await scene.find("the end")
    thread = await scene.thread(root.id)
    assert len(thread) >= 3
    assert len({event["event_id"] for event in thread}) == len(thread)
    assert (
        thread[-1]["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
        == (thread[-2]["event_id"])
    )


async def test_a_post_from_before_the_bridge_is_fetched_for_its_replies(
    quiet_world: World,
) -> None:
    scene = await _with_a_post_of_before(quiet_world, deleted=False)
    reply = await scene.find("a reply today")
    root = await scene.find("a post of before")
    assert reply.content["m.relates_to"]["event_id"] == root.id
    assert root.at_ms < reply.at_ms
    said = [said.body for said in await scene.person.history(scene.room)]
    assert said.index("a post of before") < said.index("a reply today")
    await _end_well(quiet_world)


async def test_a_reply_to_a_post_that_was_deleted_before_comes_without_its_thread(
    quiet_world: World,
) -> None:
    scene = await _with_a_post_of_before(quiet_world, deleted=True)
    reply = await scene.find("a reply today")
    assert "m.relates_to" not in reply.content
    lost = {"side": "teams", "what": "thread_root_missing"}
    assert quiet_world.bridge.metric("teams_bridge_losses_total", **lost) == 1
    await _end_well(quiet_world)


async def test_a_channel_in_chat_layout_is_a_plain_timeline_with_threads_where_there_are(
    world: World,
) -> None:
    scene = await scene_of(world, layout="chat")
    post = await scene.type("hello")
    event = await scene.find("hello")
    assert "m.relates_to" not in event.content
    await scene.say("hello yourself")
    assert (await scene.find_in_teams("hello yourself"))["replyToId"] is None
    await scene.type("below", below=post)
    assert (await scene.find("below")).content["m.relates_to"]["event_id"] == event.id


async def test_a_thread_in_a_chat_shows_in_teams_what_it_is_about(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Chat")
    room = await world.opened(chat, tom, person)
    event = await person.say(room, "a question")
    [question] = await world.read_in_teams(chat, "a question")
    relation = {
        "rel_type": "m.thread",
        "event_id": event,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": event},
    }
    await person.say(room, "in its thread", **{"m.relates_to": relation})
    [answer] = await world.read_in_teams(chat, "in its thread")
    assert [one["id"] for one in answer["attachments"]] == [question["id"]]


async def _with_a_post_of_before(world: World, *, deleted: bool) -> Scene:
    """Let somebody reply today to a post that is older than the bridge."""
    scene = await people_in(world)
    post = await scene.type("a post of before")
    await world.start()
    await scene.begin()
    await scene.type("a reply today", below=post)
    if deleted:
        await scene.teams.delete(scene.at, post)
    return scene


async def _end_well(world: World) -> None:
    await world.at_rest()
    await world.stop()
    world.check_log()
