"""A sign-in that Microsoft ends: its person is told once, what they write waits, and goes out in order."""

from __future__ import annotations

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant import client_signin
from bridge.sandbox.tenant.client import Person
from tests.e2e.test_rooms import shows
from tests.e2e.test_rooms_to_teams import may, renamings, set_state, told as told_so
from tests.kit.e2e_changes import edit, react
from tests.kit.e2e_world import ARRIVAL, World, eventually

_AWAITING = "SELECT count(*) AS count FROM deliveries WHERE awaits_sign_in"
_LOOK_NOW = "UPDATE accounts SET look_at = now() WHERE refused_at IS NOT NULL"
LOST = "I can no longer speak for you in Teams as"


async def awaiting(world: World) -> int:
    async with world.store() as store:
        row = await store.fetchrow(_AWAITING)
    return 0 if row is None else int(row["count"])


async def all_wait(world: World, count: int) -> None:
    async def do() -> bool:
        return await awaiting(world) == count

    await eventually(do, f"{count} messages to wait for a sign-in")


def told(person: MatrixPerson, start: str) -> list[str]:
    """What the person has read in any room that begins so."""
    return [s.body for said in person.rooms.values() for s in said if s.body.startswith(start)]


async def is_told(person: MatrixPerson, start: str) -> str:
    await person.wait_for(lambda: bool(told(person, start)), ARRIVAL, start)
    return told(person, start)[0]


class Talk:
    """A chat of three, two of whom write in Matrix."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def begin(self) -> None:
        names = ("Maria Rossi", "Tom Novák", "Aïcha Benali")
        maria, tom, aicha = await self.world.tenant.add_users(*names)
        self.account: Person = maria
        self.maria = await self.world.signed_in("maria", maria)
        self.tom = await self.world.signed_in("tom", tom)
        self.chat = await self.world.tenant.create_chat(
            "group", [maria.id, tom.id, aicha.id], topic="Talk"
        )
        self.room = await self.world.opened(self.chat, aicha, self.maria)
        await self.world.read(self.tom, f"the first message of {self.chat}")

    async def hears(self, *texts: str) -> None:
        """All of it has arrived, in this order, and nothing else."""
        await self.world.read_in_teams(self.chat, *texts)
        await self.world.at_rest()
        assert (await self.world.texts_in_teams(self.chat))[1:] == list(texts)


async def begun(world: World) -> Talk:
    talk = Talk(world)
    await talk.begin()
    return talk


async def test_what_is_written_after_a_revocation_waits_for_the_next_sign_in(world: World) -> None:
    talk = await begun(world)
    await world.tenant.revoke_sessions(talk.account.id, access_tokens=True)

    first, _, last = [await talk.maria.say(talk.room, f"waiting {n}") for n in range(3)]
    await all_wait(world, 3)
    await edit(talk.maria, talk.room, last, "waiting no more")
    await react(talk.tom, talk.room, first, "👍")
    await all_wait(world, 5)
    await talk.tom.say(talk.room, "nobody waits for others")
    await world.read_in_teams(talk.chat, "nobody waits for others")
    lost = await is_told(talk.maria, LOST)
    assert "sign-ins were revoked" in lost
    assert "write `login`" in lost

    desk = await world.desk(talk.maria)
    whoami = (await talk.maria.ask(desk, "whoami", ARRIVAL)).body
    assert "Microsoft takes that no more: the password was changed" in whoami
    await world.follow(await world.link_for(talk.maria, desk), talk.account)
    await talk.maria.say(talk.room, "and after it")

    await talk.hears(
        "nobody waits for others", "waiting 0", "waiting 1", "waiting no more", "and after it"
    )
    [waited] = [m for m in await world.messages(talk.chat) if text_of(m) == "waiting 0"]
    assert [one["reactionType"] for one in waited["reactions"]] == ["👍"]
    assert len(told(talk.maria, LOST)) == 1
    assert not [s for s in await world.texts_in_matrix(talk.maria, talk.room) if "Teams" in s]
    assert not world.said("parked")


async def test_what_is_changed_in_a_room_waits_for_the_next_sign_in(world: World) -> None:
    talk = await begun(world)
    await may(talk.maria, talk.room, "naming", 25)
    await world.tenant.revoke_sessions(talk.account.id, access_tokens=True)

    await set_state(talk.maria, talk.room, "m.room.name", {"name": "Chat"})
    await told_so(talk.maria, talk.room, "the new name waits until you have signed in")
    await set_state(talk.maria, talk.room, "m.room.name", {"name": "Conversation"})
    await is_told(talk.maria, LOST)
    desk = await world.desk(talk.maria)
    await world.follow(await world.link_for(talk.maria, desk), talk.account)

    async def is_renamed() -> bool:
        return [one["chatDisplayName"] for one in await renamings(world, talk.chat)] != []

    await eventually(is_renamed, "the chat to be renamed")
    await shows(talk.maria, talk.room, "m.room.name", name="Conversation")
    await world.at_rest()
    assert [n["chatDisplayName"] for n in await renamings(world, talk.chat)] == ["Conversation"]


async def test_what_waits_goes_out_by_itself_once_an_administrator_has_acted(world: World) -> None:
    talk = await begun(world)
    await client_signin.refuse(world.tenant, 53003, user=talk.account.id, at=["refresh"])
    await client_signin.challenge(world.tenant, talk.account.id)
    for number in range(2):
        await talk.maria.say(talk.room, f"waiting {number}")
    await all_wait(world, 2)
    lost = await is_told(talk.maria, LOST)
    assert "an administrator must act: a Conditional Access policy" in lost

    await client_signin.lift(world.tenant)
    await talk.maria.say(talk.room, "does not overtake")
    await all_wait(world, 3)
    async with world.store() as store:
        await store.execute(_LOOK_NOW)

    await talk.hears("waiting 0", "waiting 1", "does not overtake")
    await is_told(talk.maria, "I can speak for you in Teams as Maria Rossi again.")
    assert len(told(talk.maria, LOST)) == 1


async def test_who_is_disabled_at_microsoft_is_told_so(world: World) -> None:
    talk = await begun(world)
    await world.tenant.change_user(talk.account.id, enabled=False)
    await client_signin.challenge(world.tenant, talk.account.id)

    await talk.maria.say(talk.room, "waiting")

    assert "account is disabled" in await is_told(talk.maria, LOST)
    await all_wait(world, 1)


async def test_what_waits_is_never_said_for_another_matrix_user(world: World) -> None:
    talk = await begun(world)
    await world.tenant.revoke_sessions(talk.account.id, access_tokens=True)
    await talk.maria.say(talk.room, "of the first")
    await all_wait(world, 1)
    await talk.maria.ask(await world.desk(talk.maria), "logout", ARRIVAL)

    heir = await world.signed_in("heir", talk.account)
    await world.read(heir, f"the first message of {talk.chat}")
    await heir.say(talk.room, "of the second")

    await talk.hears("of the second")
    assert await awaiting(world) == 1
