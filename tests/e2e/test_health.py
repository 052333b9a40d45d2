"""What the bridge tells of itself: /health, /ready, /metrics, and its log."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from tests.kit.e2e_world import World, eventually


def is_healthy(world: World) -> bool:
    with suppress(OSError):
        return world.bridge.get("/health")[0] == 200
    return False


async def test_a_running_bridge_is_healthy_and_ready(world: World) -> None:
    assert await asyncio.to_thread(world.bridge.get, "/health") == (200, '{"status": "ok"}')
    assert await asyncio.to_thread(world.bridge.get, "/ready") == (200, '{"problems": []}')


async def test_a_bridge_that_cannot_subscribe_is_healthy_but_not_ready(quiet_world: World) -> None:
    world = quiet_world
    await world.tenant.set_weather(away="unavailable")
    await world.start(wait=False)
    await eventually(lambda: is_healthy(world), "the bridge to answer")

    status, body = await asyncio.to_thread(world.bridge.get, "/ready")
    assert status == 503
    assert json.loads(body) == {"problems": ["graph: no subscription yet"]}

    await world.tenant.clear_weather()
    await world.wait_until_ready()
    await world.stop()


async def test_the_metrics_count_what_crosses(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    room = await world.opened(chat, tom, person)
    await person.say(room, "counted")
    await world.read_in_teams(chat, "counted")
    await world.at_rest()

    metric = world.bridge.metric
    assert metric("teams_bridge_delivered_total", side="matrix") == 1
    assert metric("teams_bridge_delivered_total", side="teams") == 1
    # Two messages, and whatever Graph told of the chat and its people.
    assert metric("teams_bridge_entries_total", side="teams") >= 2
    assert metric("teams_bridge_delivery_seconds_count", side="teams") == 1
    assert metric("teams_bridge_parked_total", side="teams", what="delivery") == 0
    assert metric("teams_bridge_away", part="homeserver") == 0


async def test_the_log_holds_no_text_no_name_and_no_token(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    room = await world.opened(chat, tom, person)
    await person.say(room, "between us alone")
    await world.read_in_teams(chat, "between us alone")
    await world.at_rest()

    log = world.bridge.log.read_text()
    wiring = world.bridge.wiring
    secret = (wiring.as_token, wiring.hs_token, wiring.client_secret, "eyJ")
    assert [
        it for it in ("between us", "the first message", "Rossi", "Novák", *secret) if it in log
    ] == []
    assert len(world.said("delivered")) == 2
