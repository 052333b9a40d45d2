"""Teams are spaces, and channels the rooms in them: who is in a team sees what it has, and nobody else
does."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson, PersonError
from tests.e2e.test_members import is_in, members_of
from tests.e2e.test_rooms import shows, state_of
from tests.kit.e2e_channels import people_in, scene_of
from tests.kit.e2e_world import ARRIVAL, World, eventually

Json = dict[str, Any]


async def spaces_of(reader: MatrixPerson) -> dict[str, str]:
    """Return the spaces that somebody is in, by their names."""
    await reader.sync()
    found = {}
    for room in (await reader.call("GET", "joined_rooms"))["joined_rooms"]:
        if (await state_of(reader, room, "m.room.create")).get("type") == "m.space":
            found[(await state_of(reader, room, "m.room.name"))["name"]] = room
    return found


async def space_called(reader: MatrixPerson, name: str) -> str:
    """Wait until somebody is in the space of this name."""
    found: dict[str, str] = {}

    async def is_there() -> bool:
        found.update(await spaces_of(reader))
        return name in found

    await eventually(is_there, f"the space {name!r}")
    return found[name]


async def children_of(reader: MatrixPerson, space: str) -> dict[str, Json]:
    """Return what belongs into a space, by room."""
    events: Any = await reader.call("GET", f"rooms/{quote(space)}/state")
    return {
        e["state_key"]: e["content"]
        for e in events
        if e["type"] == "m.space.child" and e["content"]
    }


async def contains(reader: MatrixPerson, space: str, *rooms: str) -> None:
    async def does() -> bool:
        return set(await children_of(reader, space)) == set(rooms)

    await eventually(does, f"the space to hold {len(rooms)} rooms")


async def test_a_team_is_a_space_in_that_of_the_organisation_with_its_channels(
    world: World,
) -> None:
    scene = await scene_of(world)
    roses = await scene.teams.create_channel(scene.team.id, "Roses")
    await scene.teams.type(roses, scene.tom.id, "red ones", content_type="text")
    other, _ = await world.read(scene.person, "red ones")

    team = await space_called(scene.person, "Garden")
    everything = await space_called(scene.person, "Microsoft Teams")

    await contains(scene.person, team, scene.room, other)
    children = await children_of(scene.person, team)
    assert children[scene.room]["suggested"] is True
    assert children[scene.room]["order"] < children[other]["order"]
    assert children[other]["via"] == [world.slot.homeserver.server_name]
    await contains(scene.person, everything, team)
    for room, above in ((scene.room, team), (other, team), (team, everything)):

        async def is_linked(room: str = room, above: str = above) -> bool:
            return (await state_of(scene.person, room, "m.space.parent", above)) != {}

        await eventually(is_linked, "the link to the space above")
    assert scene.person.names[other] == "Roses (Garden)"


async def test_a_member_who_left_a_standard_channel_may_come_back_through_the_space(
    world: World,
) -> None:
    scene = await scene_of(world)
    team = await space_called(scene.person, "Garden")
    rule = {"type": "m.room_membership", "room_id": team}
    await shows(scene.person, scene.room, "m.room.join_rules", join_rule="restricted", allow=[rule])

    await scene.person.call("POST", f"rooms/{quote(scene.room)}/leave", {})
    await scene.person.call("POST", f"join/{quote(scene.room)}", {})

    assert scene.person.user in await members_of(scene.person, scene.room)


async def test_a_team_that_is_renamed_renames_its_space_and_its_channels(world: World) -> None:
    scene = await scene_of(world)
    team = await space_called(scene.person, "Garden")

    await scene.teams.change_team(scene.team.id, name="Park", description="Trees, too")

    await shows(scene.person, team, "m.room.name", name="Park")
    await shows(scene.person, team, "m.room.topic", topic="Trees, too")
    await shows(scene.person, scene.room, "m.room.name", name="General (Park)")


async def test_a_team_has_its_picture_and_so_have_its_channels(world: World) -> None:
    scene = await people_in(world)
    await world.tenant.call("PUT", f"/photos/{scene.team.id}", {"seed": 7})
    await scene.begin()
    team = await space_called(scene.person, "Garden")

    async def has_picture() -> bool:
        shown = await state_of(scene.person, team, "m.room.avatar")
        return str(shown.get("url", "")).startswith("mxc://")

    await eventually(has_picture, "the picture of the team")
    url = (await state_of(scene.person, team, "m.room.avatar"))["url"]
    await shows(scene.person, scene.room, "m.room.avatar", url=url)


async def test_an_archived_team_is_read_only_until_it_is_none(world: World) -> None:
    scene = await scene_of(world)
    await world.looked_at()
    await scene.person.say(scene.room, "still open")
    await scene.find_in_teams("still open")

    await scene.teams.change_team(scene.team.id, archived=True)

    async def is_closed() -> bool:
        try:
            await scene.person.say(scene.room, "is anybody there?")
        except PersonError as error:
            return "M_FORBIDDEN" in str(error)
        return False

    await shows(scene.person, scene.room, "m.room.power_levels", events_default=60)
    assert await is_closed()
    await scene.teams.change_team(scene.team.id, archived=False)
    await shows(scene.person, scene.room, "m.room.power_levels", events_default=0)
    await scene.say("open again")
    await scene.find_in_teams("open again")


async def test_owners_moderate_and_members_do_not(world: World) -> None:
    scene = await scene_of(world)
    tom, maria = world.slot.ghost(scene.tom.id), scene.person.user

    async def levels() -> Json:
        found = await state_of(scene.person, scene.room, "m.room.power_levels")
        return {user: level for user, level in found["users"].items() if user != world.bot}

    async def are(wanted: Json) -> bool:
        return await levels() == wanted

    await eventually(lambda: are({tom: 50}), "the owner to moderate")
    await scene.teams.change_team(scene.team.id, promote=[scene.maria.id])
    maria_ghost = world.slot.ghost(scene.maria.id)
    everybody = {tom: 50, maria: 50, maria_ghost: 50}
    await eventually(lambda: are(everybody), "the new owner to moderate")
    await scene.teams.change_team(scene.team.id, demote=[scene.tom.id])
    await eventually(lambda: are({maria: 50, maria_ghost: 50}), "the other not to")


async def test_a_private_channel_has_its_members_and_nobody_else(world: World) -> None:
    scene = await scene_of(world, membership="private")
    (ida,) = await world.tenant.add_users("Ida Holm")
    other = await world.signed_in("ida", ida)
    await scene.teams.change_team(scene.team.id, add=[ida.id])
    await space_called(other, "Garden")
    await world.looked_at()
    assert other.user not in await members_of(scene.person, scene.room)
    await shows(scene.person, scene.room, "m.room.join_rules", join_rule="invite")

    await scene.teams.change_channel(scene.at, add=[ida.id])

    async def came() -> bool:
        await other.sync()
        return other.user in await members_of(scene.person, scene.room)

    await eventually(came, "her to be let in")
    await scene.teams.change_channel(scene.at, remove=[ida.id])
    await eventually(
        lambda: is_in(scene.person, scene.room, other.user, there=False), "her to be shown out"
    )


async def test_who_leaves_a_team_leaves_its_space_and_its_channels(world: World) -> None:
    scene = await scene_of(world)
    (ida,) = await world.tenant.add_users("Ida Holm")
    other = await world.signed_in("ida", ida)
    await scene.teams.change_team(scene.team.id, add=[ida.id])
    team = await space_called(other, "Garden")
    await space_called(scene.person, "Garden")

    await scene.teams.change_team(scene.team.id, remove=[ida.id])

    for room in (team, scene.room):

        async def is_out(room: str = room) -> bool:
            return await is_in(scene.person, room, other.user, there=False)

        await eventually(is_out, "her to be shown out")


async def test_a_channel_that_is_deleted_is_kept_as_an_archive(world: World) -> None:
    scene = await people_in(world)
    scene.at = await scene.teams.create_channel(scene.team.id, "Roses")
    await scene.begin()
    team = await space_called(scene.person, "Garden")
    await contains(scene.person, team, scene.room)

    await scene.teams.delete_channel(scene.at)

    await contains(scene.person, team)
    await shows(scene.person, scene.room, "m.room.power_levels", events_default=60)

    def is_told() -> bool:
        told = scene.person.rooms[scene.room]
        return any("no more in Microsoft Teams" in said.body for said in told)

    await scene.person.wait_for(is_told, ARRIVAL, "the room to be told")
    assert len(await scene.person.history(scene.room)) == 2
