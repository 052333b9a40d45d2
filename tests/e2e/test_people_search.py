"""People of Teams looked for from Matrix: by the bot, and through the homeserver."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from tests.kit.e2e_world import ARRIVAL, World


async def third_party(who: MatrixPerson, path: str, **fields: str) -> Any:
    query = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    return await who.call("GET", f"thirdparty/{path}?{query}")


async def test_people_are_looked_for_and_talked_with_by_command(world: World) -> None:
    maria, jonas, johanna = await world.tenant.add_users(
        "Maria Rossi", "Jonas Meier", "Johanna Koch"
    )
    await world.tenant.add_users(*[f"Kim {number:02}" for number in range(23)])
    writer = await world.signed_in("maria", maria)
    desk = await world.desk(writer)

    async def ask(text: str) -> str:
        return (await writer.ask(desk, text, ARRIVAL)).body

    found = await ask("search jo")
    assert [line.partition(",")[0] for line in found.splitlines()] == [
        "Johanna Koch",
        "Jonas Meier",
    ]
    assert f"https://matrix.to/#/{world.slot.ghost(jonas.id)}" in found
    last = await ask("search kim page 3")
    assert [line[:6] for line in last.splitlines()] == ["Kim 20", "Kim 21", "Kim 22"]
    assert "13 more: `search kim page 2`" in await ask("search kim")
    assert "I find nobody" in await ask("search Zoe")
    assert "Several people" in await ask("start-chat jo")

    answer = await ask("start-chat Jonas Meier")

    room = answer.rpartition("/#/")[2].partition("?")[0]
    await writer.wait_for(lambda: room in writer.members, ARRIVAL, "the invitation")
    await writer.say(room, "Hello Jonas.")
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, jonas.id])
    await world.read_in_teams(chat, "Hello Jonas.")
    again = await ask(f"start-chat {world.slot.ghost(jonas.id)}")
    assert room in again
    del johanna
    world.check_log()


async def test_who_is_not_signed_in_finds_nobody(world: World) -> None:
    (jonas,) = await world.tenant.add_users("Jonas Meier")
    stranger = await world.person("stranger")
    desk = await world.desk(stranger)

    for command in ("search jonas", f"start-chat {jonas.upn}", "create-group Jonas", "join A/B"):
        assert "not signed in" in (await stranger.ask(desk, command, ARRIVAL)).body
    assert await third_party(stranger, "user/msteams", name="jonas") == []
    assert await third_party(stranger, "user", userid=world.slot.ghost(jonas.id)) == []
    world.check_log()


async def test_people_and_channels_are_found_through_the_homeserver_if_that_is_open(
    quiet_world: World,
) -> None:
    world = quiet_world
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    world.reconfigure(open_search=True)
    await world.start()
    anybody = await world.person("anybody")

    protocol = await anybody.call("GET", "thirdparty/protocol/msteams")
    assert protocol["user_fields"] == ["name", "mail", "upn"]
    assert protocol["location_fields"] == ["team", "channel"]
    ghost = world.slot.ghost(jonas.id)
    for fields in ({"name": "jonas"}, {"upn": jonas.upn}, {"userid": ghost}):
        (found,) = await third_party(anybody, "user/msteams", **fields)
        assert (found["userid"], found["protocol"]) == (ghost, "msteams")
        assert found["fields"]["name"] == "Jonas Meier"
    assert await third_party(anybody, "user/msteams", name="j") == []
    assert await third_party(anybody, "location/msteams", team="Nothing") == []
    del maria
    world.check_log()
