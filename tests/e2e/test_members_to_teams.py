"""Who is called into a room, or shown out of it, is added in Teams, or removed, by whoever does so; what
Teams does not let them do is undone, and they are told why."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant.client import Person
from tests.e2e.test_members import is_in, members_of
from tests.e2e.test_rooms_to_teams import group_of, known, may, notices, told
from tests.kit.e2e_channels import scene_of
from tests.kit.e2e_world import ARRIVAL, World, eventually

Json = dict[str, Any]


async def invite(person: MatrixPerson, room: str, user: str) -> None:
    await person.call("POST", f"rooms/{quote(room)}/invite", {"user_id": user})


async def show_out(person: MatrixPerson, room: str, user: str, *, how: str = "kick") -> None:
    await person.call("POST", f"rooms/{quote(room)}/{how}", {"user_id": user})


async def changes_in(world: World, chat: str, kind: str) -> list[Json]:
    """Return what Teams tells of members of a chat: `membersAdded` or `membersDeleted`."""
    found = [m.get("eventDetail") for m in await world.tenant.messages(chat)]
    return [one for one in found if isinstance(one, dict) and kind in str(one["@odata.type"])]


async def changed(world: World, chat: str, kind: str, who: Person, by: Person) -> None:
    """Wait until somebody was added or removed, once and by the right person."""

    async def is_done() -> bool:
        return bool(await changes_in(world, chat, kind))

    await eventually(is_done, kind)
    (one,) = await changes_in(world, chat, kind)
    assert [m["id"] for m in one["members"]] == [who.id]
    assert one["initiator"]["user"]["id"] == by.id


async def test_a_ghost_that_is_invited_is_added_and_one_that_is_shown_out_is_removed(
    world: World,
) -> None:
    maria, _, reader, chat, room = await group_of(world)
    (aicha,) = await world.tenant.add_users("Aïcha Benali")
    ghost = world.slot.ghost(aicha.id)

    await invite(reader, room, ghost)
    await changed(world, chat, "membersAdded", aicha, maria)
    await eventually(lambda: is_in(reader, room, ghost, there=True), "her to join")
    await known(world)

    await show_out(reader, room, ghost)
    await changed(world, chat, "membersDeleted", aicha, maria)
    # A look that Teams told of her just before brings her back for a moment: the news have it mended.
    await world.at_rest()
    await world.looked_at()
    await eventually(lambda: is_in(reader, room, ghost, there=False), "her to be gone")
    await world.at_rest()
    assert await notices(reader, room) == [], "the room shows already who came and went"


async def test_somebody_of_matrix_who_is_signed_in_is_added_as_themselves(world: World) -> None:
    maria, _, reader, chat, room = await group_of(world)
    (aicha,) = await world.tenant.add_users("Aïcha Benali")
    other = await world.signed_in("aicha", aicha)

    await invite(reader, room, other.user)

    await changed(world, chat, "membersAdded", aicha, maria)
    # A look begun before that takes the invitation back, and the next one invites again.
    await other.wait_for(lambda: room in other.members, ARRIVAL, "an invitation")
    await world.looked_at()
    assert other.user in await members_of(reader, room)


async def test_nobody_comes_in_by_invitation_who_is_not_in_teams(world: World) -> None:
    _, _, reader, chat, room = await group_of(world)
    stranger = await world.person("stranger")

    await invite(reader, room, stranger.user)

    assert "not signed in to Teams" in await told(reader, room, "was not added in Teams")
    events: Any = await reader.call("GET", f"rooms/{quote(room)}/members")
    (theirs,) = [e for e in events["chunk"] if e["state_key"] == stranger.user]
    assert theirs["content"]["membership"] == "leave"
    assert await changes_in(world, chat, "membersAdded") == []


async def test_what_teams_does_not_let_somebody_do_is_undone(world: World) -> None:
    _, bob, reader, chat, room = await group_of(world)
    ghost = world.slot.ghost(bob.id)
    await world.tenant.add_fault(
        "/chats/.*/members/", method="DELETE", status=403, kind="answer", times=1
    )

    await show_out(reader, room, ghost)

    await told(reader, room, "was not removed in Teams: Teams does not let you do that here")
    await eventually(lambda: is_in(reader, room, ghost, there=True), "him to come back")
    await world.looked_at()
    assert await changes_in(world, chat, "membersDeleted") == []


async def test_of_a_standard_channel_nobody_is_removed_and_a_ban_is_lifted(world: World) -> None:
    scene = await scene_of(world)
    person, room, ghost = scene.person, scene.room, world.slot.ghost(scene.tom.id)
    await scene.teams.change_team(scene.team.id, promote=[scene.maria.id])
    await may(person, room, "banning", 50)
    await scene.teams.change_team(scene.team.id, demote=[scene.tom.id])
    await world.looked_at()

    async def is_no_owner() -> bool:
        levels: Any = await person.call("GET", f"rooms/{quote(room)}/state/m.room.power_levels")
        return ghost not in levels["users"]

    await eventually(is_no_owner, "him to be an owner no more")
    await show_out(person, room, ghost, how="ban")

    await told(person, room, "whoever is in the team is in this channel")
    await eventually(lambda: is_in(person, room, ghost, there=True), "him to come back")


async def test_who_has_the_same_power_is_removed_by_a_command(world: World) -> None:
    maria, _, reader, chat, room = await group_of(world)
    (aicha,) = await world.tenant.add_users("Aïcha Benali")
    other = await world.signed_in("aicha", aicha)
    await world.tenant.change_chat(chat, add=[aicha.id], by=maria.id)
    await came_in(reader, other, room)

    await reader.say(room, f"!teams remove {other.user}")

    await changed(world, chat, "membersDeleted", aicha, maria)
    await eventually(lambda: is_in(reader, room, other.user, there=False), "her to be shown out")


async def came_in(reader: MatrixPerson, other: MatrixPerson, room: str) -> None:
    async def came() -> bool:
        await other.sync()
        return other.user in await members_of(reader, room)

    await eventually(came, "somebody to be invited")


async def test_who_leaves_a_room_stays_in_the_chat(world: World) -> None:
    maria, _, reader, chat, room = await group_of(world)
    (aicha,) = await world.tenant.add_users("Aïcha Benali")
    other = await world.signed_in("aicha", aicha)
    await world.tenant.change_chat(chat, add=[aicha.id], by=maria.id)
    await came_in(reader, other, room)

    await other.call("POST", f"rooms/{quote(room)}/leave", {})
    await world.say(chat, maria, "is she gone?")
    await world.read(reader, "is she gone?")
    await world.at_rest()

    assert await changes_in(world, chat, "membersLeft") == []
    assert other.user not in await members_of(reader, room)


async def test_who_leaves_a_room_leaves_the_chat_where_that_is_wanted(quiet_world: World) -> None:
    world = quiet_world
    world.reconfigure(carry_leaving=True)
    await world.start()
    maria, _, reader, chat, room = await group_of(world)
    (aicha,) = await world.tenant.add_users("Aïcha Benali")
    other = await world.signed_in("aicha", aicha)
    await world.tenant.change_chat(chat, add=[aicha.id], by=maria.id)
    await came_in(reader, other, room)

    await other.call("POST", f"rooms/{quote(room)}/leave", {})

    await changed(world, chat, "membersLeft", aicha, aicha)
    await world.stop()
