"""Whoever is deactivated on the homeserver can no longer sign in, and what is kept of them is forgotten."""

from __future__ import annotations

import pytest

from bridge.sandbox.people import MatrixPerson, PersonError
from tests.kit.e2e_world import World, eventually
from tests.kit.world import PASSWORD

_KEPT = "SELECT count(*) AS count FROM accounts"


async def deactivate(person: MatrixPerson) -> None:
    """Leave the homeserver for good, as a person may, or as an administrator does it to them."""
    proof = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": person.user},
        "password": PASSWORD,
    }
    await person.call("POST", "account/deactivate", {"auth": proof})


async def accounts(world: World) -> int:
    async with world.store() as store:
        row = await store.fetchrow(_KEPT)
    return 0 if row is None else int(row["count"])


async def test_a_link_of_somebody_who_was_deactivated_signs_nobody_in(world: World) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    link = await world.link_for(person, await world.desk(person))
    await deactivate(person)

    with pytest.raises(PersonError, match=r"(?s)403.*Not permitted.*deactivated"):
        await world.follow(link, maria)

    assert await accounts(world) == 0


async def test_the_tokens_of_who_was_deactivated_are_forgotten_and_those_of_others_kept(
    world: World,
) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    leaver, _stays = await world.signed_in("maria", maria), await world.signed_in("tom", tom)
    await deactivate(leaver)
    assert await accounts(world) == 2

    await world.stop()
    await world.start()

    await eventually(lambda: bool(world.said("sign-in forgotten")), "the warden to look")
    (line,) = world.said("sign-in forgotten")
    assert (line["user"], line["reason"]) == (leaver.user, "deactivated")
    assert await accounts(world) == 1
