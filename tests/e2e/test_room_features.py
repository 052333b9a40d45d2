"""Clients are told what can be said in a room so that it arrives, and offer nothing else."""

from __future__ import annotations

from bridge.matrix.features import NOTHING, ROOM_FEATURES
from tests.e2e.test_rooms import state_of
from tests.kit.e2e_channels import scene_of
from tests.kit.e2e_world import World, eventually


async def test_a_chat_says_what_can_be_said_in_it_from_its_first_message_on(world: World) -> None:
    maria, bob = await world.tenant.add_users("Maria Rossi", "Bob Roth")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, bob.id], topic="Budget")

    room = await world.opened(chat, bob, reader)

    features = await state_of(reader, room, ROOM_FEATURES, world.bot)
    assert features["reply"] == features["edit"] == features["reaction"] == 2
    assert features["formatting"]["bold"] == 2
    assert features["custom_emoji_reactions"] is False
    assert features["file"]["m.image"]["max_size"] == 100 * 1024**2
    assert set(features["state"]) == {"m.room.name"}
    assert features["member_actions"]["invite"] == 2


async def test_a_channel_has_threads_and_its_archive_nothing(world: World) -> None:
    scene = await scene_of(world)
    features = await state_of(scene.person, scene.room, ROOM_FEATURES, world.bot)
    assert features["thread"] == 2

    await scene.teams.change_team(scene.team.id, archived=True)

    async def is_nothing() -> bool:
        return await state_of(scene.person, scene.room, ROOM_FEATURES, world.bot) == NOTHING

    await eventually(is_nothing, "the room to say that nothing can be said there")
