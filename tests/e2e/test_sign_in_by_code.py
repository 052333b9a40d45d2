"""Signing in by a code that is typed at Microsoft's page, where an administrator allows it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.tenant import client_signin
from tests.kit.e2e_browser import browser
from tests.kit.e2e_world import ARRIVAL, World


@pytest.fixture
async def allowed(quiet_world: World) -> AsyncIterator[World]:
    """A running bridge that gives out codes."""
    quiet_world.reconfigure(device_code=True)
    await quiet_world.start()
    yield quiet_world
    await quiet_world.stop()
    quiet_world.check_log()


async def code_for(person: MatrixPerson, desk: str) -> tuple[str, str]:
    """Ask the bot; return the page and the code."""
    answer = (await person.ask(desk, "login device", ARRIVAL)).body
    found = re.search(r"Open (https://\S+) .* code (\w{9}) within (\d+) minutes", answer)
    assert found is not None, answer
    assert 13 <= int(found[3]) <= 15
    return found[1], found[2]


async def test_whoever_types_the_code_is_signed_in_and_heard(allowed: World) -> None:
    world = allowed
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.person("maria")
    page, code = await code_for(person, await world.desk(person))
    async with browser(world) as visitor:
        async with visitor.post(page, data={"otc": code}) as answer:
            assert "Maria Rossi" in await answer.text()
        async with visitor.post(page, data={"otc": code, "user": maria.id}) as answer:
            assert "You have signed in" in await answer.text()

    await world.read(person, "You are signed in to Teams as Maria Rossi.")
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    room = await world.opened(chat, tom, person)
    await person.say(room, "by code")
    await world.read_in_teams(chat, "by code")


async def test_who_declines_is_not_signed_in_and_told(allowed: World) -> None:
    world = allowed
    await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    desk = await world.desk(person)
    page, code = await code_for(person, desk)
    declined = {"otc": code, "cancel": "1"}
    async with browser(world) as visitor, visitor.post(page, data=declined) as answer:
        assert answer.status == 200

    def is_told() -> bool:
        return any(s.body.startswith("You are not signed in: ") for s in person.rooms[desk])

    await person.wait_for(is_told, ARRIVAL, "the refusal")
    assert (await person.ask(desk, "whoami", ARRIVAL)).body.startswith("You are not signed in")


async def test_an_account_of_another_matrix_user_is_refused_by_code_as_well(
    allowed: World,
) -> None:
    world = allowed
    (maria,) = await world.tenant.add_users("Maria Rossi")
    first = await world.signed_in("first", maria)
    second = await world.person("second")
    desk = await world.desk(second)
    _, code = await code_for(second, desk)
    await client_signin.approve_device(world.tenant, code, maria.id)

    def is_told() -> bool:
        wanted = f"You are not signed in: Maria Rossi speaks in Matrix as {first.user}"
        return any(s.body.startswith(wanted) for s in second.rooms[desk])

    await second.wait_for(is_told, ARRIVAL, "the refusal")


async def test_a_restart_tells_whoever_waits_to_begin_again(allowed: World) -> None:
    world = allowed
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    desk = await world.desk(person)
    _, old = await code_for(person, desk)
    await world.stop()
    await world.start()

    await world.read(
        person,
        "I was started anew while you were signing in by code. Write `login device` again.",
    )
    await client_signin.approve_device(world.tenant, old, maria.id)
    _, code = await code_for(person, desk)
    await client_signin.approve_device(world.tenant, code, maria.id)
    await world.read(person, "You are signed in to Teams as Maria Rossi.")


async def test_codes_are_off_by_default(world: World) -> None:
    person = await world.person("maria")
    desk = await world.desk(person)
    answer = await person.ask(desk, "login device", ARRIVAL)
    assert answer.body == "Signing in by code is switched off here. Write `login` for a link."
