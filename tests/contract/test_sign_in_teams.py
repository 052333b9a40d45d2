"""Tokens of people on the simulated tenant: refused once is enough, gone at once; and codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bridge.app.clock import SystemClock
from bridge.domain.ids import TeamsUserId
from bridge.errors import Unauthorized
from bridge.sandbox.tenant import client_signin
from bridge.sandbox.tls import Certificates
from bridge.teams.auth import BELIEVED_FOR
from bridge.teams.device import SLOWER_BY, DeviceCodes
from bridge.teams.probe import PATIENCE, Probe
from tests.contract.test_endpoint_teams import World, make_world


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with make_world(certificates) as made:
        yield made


async def asked(world: World) -> int:
    """How often Entra was asked for a token."""
    return len([r for r in await world.tenant.requests() if str(r["path"]).endswith("/token")])


async def test_who_was_refused_is_not_tried_with_every_message_but_when_it_is_time(
    world: World,
) -> None:
    alice = await world.tenant.add_user("Alice")
    account = await world.sign_in(alice)
    auth = world.side.auth
    old = await auth.user_token(TeamsUserId(alice.id))
    await client_signin.refuse(world.tenant, 53003, user=alice.id, at=["refresh"])
    number = world.accounts.numbers[account.user]
    with pytest.raises(Unauthorized, match="an administrator must act") as raised:
        await auth.user_token(TeamsUserId(alice.id), refused=old.bearer)
    before = await asked(world)

    for _ in range(3):
        with pytest.raises(Unauthorized, match="AADSTS53003") as again:
            await auth.user_token(TeamsUserId(alice.id))
        assert (raised.value.sign_in, again.value.sign_in, old.sign_in) == (number,) * 3
    assert await asked(world) == before
    with pytest.raises(Unauthorized):
        await auth.try_again(TeamsUserId(alice.id))
    assert await asked(world) == before + 1

    await client_signin.lift(world.tenant)
    await auth.try_again(TeamsUserId(alice.id))
    del world.accounts.refusals[account.user]
    assert await auth.user_token(TeamsUserId(alice.id)) != old


async def test_a_sign_in_that_is_damaged_is_refused_as_one_that_was_revoked(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    user = (await world.sign_in(alice)).user
    world.accounts.caches[user] = "{"

    with pytest.raises(Unauthorized, match="damaged: sign in again") as raised:
        await world.side.auth.user_token(TeamsUserId(alice.id))

    assert raised.value.sign_in == world.accounts.numbers[user]
    assert world.accounts.refusals[user] == str(raised.value), "its person is told"


async def test_whoever_signs_out_is_not_spoken_for_any_more(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    account = await world.sign_in(alice)
    auth, person = world.side.auth, TeamsUserId(alice.id)
    await auth.user_token(person)

    await world.accounts.sign_out(account.user)  # At another process.
    await auth.user_token(person)
    world.clock.advance(BELIEVED_FOR)
    with pytest.raises(Unauthorized, match="nobody is signed in"):
        await auth.user_token(person)

    await world.sign_in(alice)
    await auth.user_token(person)
    await world.accounts.sign_out(account.user)
    auth.forget(person)
    with pytest.raises(Unauthorized, match="nobody is signed in"):
        await auth.user_token(person)


async def test_a_code_that_is_asked_about_too_soon_is_asked_about_less_often(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    codes = DeviceCodes(world.side.auth, world.teams, world.clock)
    code = await codes.begin()
    interval = code.interval

    assert await codes.ask(code) is None
    assert await codes.ask(code) is None
    assert code.interval == interval + SLOWER_BY

    await world.tenant.advance_clock(code.interval)
    await client_signin.approve_device(world.tenant, code.user_code, alice.id)
    signed_in = await codes.ask(code)
    assert signed_in is not None
    assert signed_in.teams_user == alice.id


async def test_the_tokens_of_a_code_are_refreshed_as_those_of_a_link(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    account = await world.sign_in(alice)
    codes = DeviceCodes(world.side.auth, world.teams, world.clock)
    code = await codes.begin()
    await client_signin.approve_device(world.tenant, code.user_code, alice.id)
    found = await codes.ask(code)
    assert found is not None
    await world.accounts.sign_in(account, found.token_cache)

    old = await world.side.auth.user_token(TeamsUserId(alice.id))
    assert await world.side.auth.user_token(TeamsUserId(alice.id), refused=old.bearer) != old


async def test_a_probe_says_how_long_an_answer_took_or_what_keeps_it_away(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    await world.sign_in(alice)
    side, person = world.side, TeamsUserId(alice.id)
    probe = Probe(graph=side.graph, auth=side.auth, keepers=side.keepers, clock=SystemClock())

    for who in (None, person):
        assert timedelta(0) < await probe.ask(who) < PATIENCE
    await world.tenant.revoke_sessions(alice.id, access_tokens=True)
    with pytest.raises(Unauthorized):
        await probe.ask(person)
    assert await probe.ask(None)
    assert set(probe.listening().values()) == {False}
