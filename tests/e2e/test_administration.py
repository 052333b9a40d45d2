"""Administrators look after the bridge in their room with the bot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.sandbox.people import MatrixPerson
from tests.kit.e2e_world import ARRIVAL, Ground, World, eventually, open_world
from tests.kit.world import SERVER_NAME, Slot, Slots

POSTS = "/messages$"
HEADER = "teams_user,mxid\n"


@pytest.fixture
def slot(slots_with_people: Slots) -> Iterator[Slot]:
    with slots_with_people.take() as taken:
        yield taken


class Administrator:
    """Maria, in her room with the bot."""

    def __init__(self, world: World, person: MatrixPerson, desk: str) -> None:
        self.world, self.person, self.desk = world, person, desk

    async def asks(self, command: str) -> str:
        return (await self.person.ask(self.desk, command, ARRIVAL)).body

    async def loses(self, room: str, text: str) -> str:
        """Write something that Teams refuses; return what it is called in the queues."""
        await self.world.tenant.add_fault(POSTS, method="POST", status=403, times=1)
        await self.person.say(room, text)
        await eventually(self._has_one_parked, "that it is set aside")
        found = re.match(r"`(d\d+)` to teams in \S+, \S+ old, tried 1 times: .+", self._parked)
        assert found is not None, self._parked
        assert text not in self._parked
        return found[1]

    async def _has_one_parked(self) -> bool:
        self._parked = await self.asks("parked")
        return self._parked != "Nothing was set aside."


async def test_an_administrator_looks_retries_drops_signs_out_and_pairs(
    tmp_path: Path, ground: Ground, slot: Slot, database: str
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(HEADER)
    wiring = {
        "double_puppets": {"as_token": slot.people_token, "pairs": str(pairs)},
        "permissions": {SERVER_NAME: "admin"},
    }
    async with open_world(tmp_path / "bridge", ground, slot, database, **wiring) as world:
        await world.start()
        maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
        person = await world.signed_in("maria", maria)
        await world.listens_to_everything()
        admin = Administrator(world, person, await world.desk(person))
        chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Plans")
        room = await world.opened(chat, tom, person)

        assert (await admin.asks("version")).startswith("matrix-teams-bridge ")
        ping = await admin.asks("ping")
        assert re.fullmatch(
            r"Your sign-in as Maria Rossi is good: Microsoft Graph answered in \d+ ms\.", ping
        )
        first = await admin.loses(room, "refused at first")
        status = await admin.asks("status")
        assert "1 parked" in status
        assert "Postgres, homeserver and Graph answer." in status
        assert "Not standing" not in status
        assert await admin.asks(f"retry {first}") == f"`{first}` is tried again."
        await world.read_in_teams(chat, "refused at first")
        second = await admin.loses(room, "never to be said")
        assert await admin.asks(f"drop {second} tested") == f"`{second}` was dropped as tested."
        assert await admin.asks("parked") == "Nothing was set aside."

        theirs = await world.person("tom")
        pairs.write_text(f"{HEADER}{tom.id},{theirs.user}\n")
        assert await admin.asks("pairing reload") == "The list was read: 1 people, 0 before."
        await world.say(chat, tom, "as myself now")
        _, said = await world.read(person, "as myself now")
        assert said.sender == theirs.user
        pairs.write_text(f"{HEADER}{tom.id}\n")
        assert "it has a bad line 2" in await admin.asks("pairing reload")

        assert await admin.asks("accounts") == f"{person.user} as Maria Rossi"
        answer = await admin.asks(f"sign-out {person.user}")
        assert answer in {
            f"{person.user} is signed out, and was told.",
            "An administrator of this bridge has signed you out of Teams: what you write no longer"
            " reaches it. `login` signs you in again.",
        }
        await eventually(lambda: bool(world.said("signed out by an administrator")), "the log")
        await world.at_rest()
        assert await world.texts_in_teams(chat) == [
            f"the first message of {chat}",
            "refused at first",
            "as myself now",
        ]
        await world.stop()
