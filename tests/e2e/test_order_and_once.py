"""Everything exactly once and in the order of its conversation, whatever the way there is like."""

from __future__ import annotations

import pytest

from tests.kit.e2e_world import World

BURST = 50
SETTLE_WINDOW_MS = 2_000
"""Longer than a notification is late here, and than a busy machine takes to type."""


async def test_a_burst_from_teams_arrives_once_and_in_order(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Burst")
    room = await world.opened(chat, tom, reader)
    burst = [f"burst {n}" for n in range(BURST)]

    await world.say_all(chat, tom, burst)

    await world.read(reader, burst[-1])
    await world.at_rest()
    assert (await world.texts_in_matrix(reader, room))[1:] == burst


async def test_a_burst_from_matrix_arrives_once_and_in_order(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    writer = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Burst")
    room = await world.opened(chat, tom, writer)
    burst = [f"burst {n}" for n in range(BURST)]

    for text in burst:
        await writer.say(room, text)

    await world.read_in_teams(chat, *burst)
    await world.at_rest()
    assert (await world.texts_in_teams(chat))[1:] == burst
    # Its echo came back as notifications, all of which were recognised.
    assert len(await writer.history(room)) == BURST + 1
    assert world.bridge.metric("teams_bridge_delivered_total", side="matrix") == 1


async def test_bursts_both_ways_at_once_keep_their_order(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Burst")
    room = await world.opened(chat, tom, person)
    from_teams = [f"from Teams {n}" for n in range(BURST)]
    from_matrix = [f"from Matrix {n}" for n in range(BURST)]

    for n in range(BURST):
        await world.say(chat, tom, from_teams[n])
        await person.say(room, from_matrix[n])

    await world.read(person, from_teams[-1])
    await world.read_in_teams(chat, *from_matrix)
    await world.at_rest()
    for there in (await world.texts_in_teams(chat), await world.texts_in_matrix(person, room)):
        assert [text for text in there if text in from_teams] == from_teams
        assert [text for text in there if text in from_matrix] == from_matrix
        assert len(there) == 2 * BURST + 1


async def test_doubled_and_reordered_notifications_change_nothing(quiet_world: World) -> None:
    world = quiet_world
    world.reconfigure(settle_window_ms=SETTLE_WINDOW_MS)
    await world.start()
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Weather")
    room = await world.opened(chat, tom, reader)
    burst = [f"burst {n}" for n in range(BURST)]

    # A letter that finds its conversation quiet goes at once: the window begins with this one.
    await world.say(chat, tom, "prelude")
    await world.tenant.set_weather(seed=7, double=0.5, reorder=0.5, reorder_within_seconds=0.3)
    await world.say_all(chat, tom, burst)

    await world.read(reader, burst[-1])
    await world.at_rest()
    assert (await world.texts_in_matrix(reader, room))[1:] == ["prelude", *burst]
    (subscription,) = await world.subscriptions()
    assert subscription["counts"]["doubled"] > 0
    await world.stop()
    world.check_log()


@pytest.mark.parametrize("fault", ["drop_after", "answer_after"])
async def test_a_post_whose_answer_was_lost_is_neither_repeated_nor_taken_for_new(
    world: World, fault: str
) -> None:
    """The notification of our own message is there before we know the message's id."""
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    writer = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Uncertain")
    room = await world.opened(chat, tom, writer)
    await writer.say(room, "before")
    await world.read_in_teams(chat, "before")

    await world.tenant.add_fault("/messages$", method="POST", kind=fault, status=504)
    await writer.say(room, "in doubt")
    await writer.say(room, "after")
    await world.say(chat, tom, "meanwhile")

    await world.read_in_teams(chat, "after")
    await world.read(writer, "meanwhile")
    await world.at_rest()
    ours = [text for text in await world.texts_in_teams(chat) if text != "meanwhile"]
    assert ours[1:] == ["before", "in doubt", "after"]
    there = await world.texts_in_matrix(writer, room)
    assert sorted(there[1:]) == ["after", "before", "in doubt", "meanwhile"]
    assert world.bridge.metric("teams_bridge_retried_total", side="teams") >= 1


async def test_a_throttled_post_waits_and_arrives_once(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    writer = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Throttled")
    room = await world.opened(chat, tom, writer)

    await world.tenant.add_fault(
        "/messages$", method="POST", status=429, times=2, retry_after_seconds=1
    )
    burst = [f"patient {n}" for n in range(5)]
    for text in burst:
        await writer.say(room, text)

    await world.read_in_teams(chat, *burst)
    await world.at_rest()
    assert (await world.texts_in_teams(chat))[1:] == burst
