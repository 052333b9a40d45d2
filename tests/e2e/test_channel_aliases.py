"""Rooms of channels for whoever asks for them, before anything was said there."""

from __future__ import annotations

from base64 import b32encode
from urllib.parse import quote
from uuid import UUID

import pytest

from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant.client_teams import Place, TeamsClient
from tests.kit.e2e_world import ARRIVAL, World, eventually


async def joined_by(who: MatrixPerson, alias: str) -> str:
    return str((await who.call("POST", f"join/{quote(alias)}", {}))["room_id"])


async def said_in(teams: TeamsClient, place: Place, text: str) -> bool:
    return any(text_of(message) == text for message in await teams.messages(place))


def alias_in(answer: str) -> str:
    return answer.rpartition("its address: `")[2].partition("`")[0]


async def test_a_channel_is_joined_by_command_and_by_its_address(world: World) -> None:
    maria, jonas, eve = await world.tenant.add_users("Maria Rossi", "Jonas Meier", "Eve Fox")
    teams = TeamsClient(world.tenant)
    team = await teams.create_team(
        "Sales", owners=[maria.id], members=[jonas.id], channels=["Plans"]
    )
    first = await world.signed_in("maria", maria)
    second = await world.signed_in("jonas", jonas)
    outsider = await world.signed_in("eve", eve)
    desk = await world.desk(first)

    answer = (await first.ask(desk, "join sales/pla", ARRIVAL)).body

    room = answer.partition("/#/")[2].partition("?")[0]
    await first.wait_for(lambda: room in first.members, ARRIVAL, "the invitation")
    assert await joined_by(second, alias_in(answer)) == room
    with pytest.raises(PersonError, match="403"):
        await joined_by(outsider, alias_in(answer))
    theirs = await world.desk(outsider)
    assert "no such channel" in (await outsider.ask(theirs, "join Sales/Plans", ARRIVAL)).body
    await second.say(room, "I am in.")
    await eventually(lambda: said_in(teams, team.channels["Plans"], "I am in."), "the message")
    world.check_log()


async def test_an_address_makes_the_room_of_a_standard_channel_and_of_no_other(
    world: World,
) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    teams = TeamsClient(world.tenant)
    team = await teams.create_team("Sales", owners=[maria.id], channels=["Plans"])
    secret = await teams.create_channel(team.id, "Secret", membership="private", owners=[maria.id])
    member = await world.signed_in("maria", maria)

    def alias_of(channel: str) -> str:
        """The ids of team and channel, as names.py writes them."""
        raw = UUID(team.id).bytes + channel.encode()
        encoded = b32encode(raw).decode().rstrip("=").lower()
        return f"#{world.slot.alias_prefix}{encoded}:{world.slot.homeserver.server_name}"

    room = await joined_by(member, alias_of(team.channels["Plans"].channel))

    assert room
    for channel in (secret.channel, "19:0123456789abcdef0123456789abcdef@thread.tacv2"):
        with pytest.raises(PersonError, match="404"):
            await joined_by(member, alias_of(channel))
    world.check_log()
