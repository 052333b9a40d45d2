"""The bridge dies, or is stopped, at the worst moment: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio

from bridge.sandbox.people import MatrixPerson
from tests.kit.e2e_world import World, eventually

BURST = 60


async def test_a_bridge_killed_in_the_middle_of_bursts_loses_nothing_and_repeats_nothing(
    world: World,
) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Crash")
    room = await world.opened(chat, tom, person)
    from_teams = [f"from Teams {n}" for n in range(BURST)]
    from_matrix = [f"from Matrix {n}" for n in range(BURST)]

    async with asyncio.TaskGroup() as both:
        both.create_task(world.say_all(chat, tom, from_teams))
        both.create_task(_say_all(person, room, from_matrix))
        both.create_task(_crash(world))

    await world.read_in_teams(chat, *from_matrix)
    await world.read(person, from_teams[-1])
    await world.at_rest()
    in_teams = await world.texts_in_teams(chat)
    in_matrix = await world.texts_in_matrix(person, room)
    assert [text for text in in_teams if text in from_matrix] == from_matrix
    assert [text for text in in_matrix if text in from_teams] == from_teams
    assert len(in_teams) == len(in_matrix) == 2 * BURST + 1


async def _say_all(person: MatrixPerson, room: str, texts: list[str]) -> None:
    for text in texts:
        await person.say(room, text)


async def _crash(world: World) -> None:
    """Kill the bridge twice, each time with deliveries both ways behind and before it."""
    for _ in range(2):
        await eventually(lambda: _has_delivered_both_ways(world), "deliveries both ways")
        await world.kill()
        await world.let_leases_run_out()
        await world.start()


def _has_delivered_both_ways(world: World) -> bool:
    counted = [world.bridge.metric("teams_bridge_delivered_total", side=s) for s in SIDES]
    return min(counted) >= 1


SIDES = ("teams", "matrix")


async def test_what_is_said_while_the_bridge_is_stopped_arrives_when_it_is_back(
    world: World,
) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Night")
    room = await world.opened(chat, tom, person)

    await world.stop()
    assert [line["event"] for line in world.lines()][-1] == "stopped"
    await world.say(chat, tom, "said at night in Teams")
    await person.say(room, "said at night in Matrix")
    await world.start()

    await world.read(person, "said at night in Teams")
    await world.read_in_teams(chat, "said at night in Matrix")
    await world.at_rest()
    assert len(await person.history(room)) == 3
    assert len(await world.texts_in_teams(chat)) == 3
    # Who was signed in still is, and Graph was not asked for a second subscription.
    assert len(await world.subscriptions()) == 1
    assert len(world.said_of_chats("subscribed")) == 1
