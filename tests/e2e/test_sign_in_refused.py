"""Signing in to Teams refused: who is not who they should be gets a clear page, and nothing is kept."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.tenant.client import TenantControl
from tests.kit.e2e_browser import begin, browser, choose
from tests.kit.e2e_world import ARRIVAL, SECRET, World

EXPIRED = "This link has expired"
_KEPT = (
    "SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM sign_ins) AS begun"
)


async def expire_tickets(world: World) -> None:
    """Let a quarter of an hour pass for every sign-in under way."""
    async with world.store() as store:
        await store.execute("UPDATE sign_ins SET expires_at = expires_at - interval '16 minutes'")


async def kept(world: World) -> tuple[int, int]:
    """How many are signed in, and how many sign-ins are under way."""
    async with world.store() as store:
        row = await store.fetchrow(_KEPT)
    assert row is not None
    return row["accounts"], row["begun"]


async def is_signed_out(person: MatrixPerson, desk: str) -> bool:
    return (await person.ask(desk, "whoami", ARRIVAL)).body.startswith("You are not signed in")


async def page_at(visitor: aiohttp.ClientSession, address: str) -> tuple[int, str]:
    async with visitor.get(address) as answer:
        return answer.status, await answer.text()


def changed(address: str, **query: str) -> str:
    """An address with other values in its query."""
    parts = urlsplit(address)
    told = {name: values[0] for name, values in parse_qs(parts.query).items()} | query
    return parts._replace(query=urlencode(told)).geturl()


async def test_a_link_is_good_once_and_not_for_long(world: World) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    desk = await world.desk(person)

    used = await world.link_for(person, desk)
    await world.follow(used, maria)
    with pytest.raises(PersonError, match=f"(?s)410.*{EXPIRED}"):
        await world.follow(used, maria)

    old = await world.link_for(person, desk)
    await expire_tickets(world)
    with pytest.raises(PersonError, match=f"(?s)410.*{EXPIRED}"):
        await world.follow(old, maria)


async def test_the_browser_that_ends_a_sign_in_must_be_the_one_that_began_it(world: World) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person = await world.person("mallory")
    desk = await world.desk(person)
    link = await world.link_for(person, desk)

    async with browser(world) as attacker, browser(world) as victim:
        back = await choose(victim, await begin(attacker, link), user=maria.id)
        async with victim.get(back) as answer:
            assert answer.status == 410
            assert EXPIRED in await answer.text()

    status = await person.ask(desk, "whoami", ARRIVAL)
    assert status.body.startswith("You are not signed in")


async def test_declining_at_microsofts_page_signs_nobody_in(world: World) -> None:
    await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    desk = await world.desk(person)
    link = await world.link_for(person, desk)

    async with browser(world) as visitor:
        back = await choose(visitor, await begin(visitor, link), cancel="1")
        async with visitor.get(back) as answer:
            page = await answer.text()
            assert answer.status == 403
            assert "declined" in page

    status = await person.ask(desk, "whoami", ARRIVAL)
    assert status.body.startswith("You are not signed in")


async def test_a_forged_state_or_code_is_refused_and_nothing_is_kept(world: World) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    desk = await world.desk(person)

    async with browser(world) as visitor:
        back = await choose(visitor, await begin(visitor, await world.link_for(person, desk)),
                            user=maria.id)  # fmt: skip
        status, page = await page_at(visitor, changed(back, state="forged"))
        assert (status, EXPIRED in page) == (410, True)
        status, page = await page_at(visitor, changed(back, code="forged"))
        assert (status, "Not signed in" in page) == (403, True)
        # Whoever tried has used up the sign-in, also for the true answer.
        status, page = await page_at(visitor, back)
        assert (status, EXPIRED in page) == (410, True)

    assert await kept(world) == (0, 0)
    assert await is_signed_out(person, desk)


async def test_a_code_that_was_used_is_refused_in_another_sign_in(world: World) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person, thief = await world.person("maria"), await world.person("thief")
    desk, den = await world.desk(person), await world.desk(thief)

    async with browser(world) as visitor, browser(world) as other:
        back = await choose(visitor, await begin(visitor, await world.link_for(person, desk)),
                            user=maria.id)  # fmt: skip
        code = parse_qs(urlsplit(back).query)["code"][0]
        assert (await page_at(visitor, back))[0] == 200
        theirs = await begin(other, await world.link_for(thief, den))
        state = parse_qs(urlsplit(theirs).query)["state"][0]
        status, page = await page_at(other, changed(back, state=state, code=code))
        assert (status, "Not signed in" in page) == (403, True)

    assert await kept(world) == (1, 0)
    assert await is_signed_out(thief, den)


async def test_an_account_of_another_organisation_is_refused(world: World) -> None:
    person = await world.person("maria")
    desk = await world.desk(person)
    wiring = world.bridge.wiring
    trust = world.certificates.client_context()
    async with TenantControl(wiring.login_url, ssl=trust) as control, browser(world) as visitor:
        elsewhere = await control.create_tenant()
        (stranger,) = await elsewhere.add_users("Maria Rossi")
        scopes = ["ChatMessage.Send", "Chat.ReadWrite", "openid", "profile", "offline_access"]
        callback = f"{wiring.webhook_url}/signin/callback"
        app = await elsewhere.register_app(
            name="another", secret=SECRET, redirect_uris=[callback], delegated_scopes=scopes
        )
        ours = await begin(visitor, await world.link_for(person, desk))
        theirs = changed(
            ours.replace(wiring.tenant_id, elsewhere.id),
            client_id=app,
            scope="openid offline_access",
        )
        back = await choose(visitor, theirs, user=stranger.id)
        status, page = await page_at(visitor, back)
        await elsewhere.remove()

    assert (status, "Not signed in" in page) == (403, True)
    assert await kept(world) == (0, 0)
    assert await is_signed_out(person, desk)


async def test_a_teams_account_of_another_matrix_user_is_refused_until_they_log_out(
    world: World,
) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    first = await world.signed_in("first", maria)
    second = await world.person("second")
    desk = await world.desk(second)

    with pytest.raises(PersonError, match=r"(?s)409.*linked already.*nothing has changed"):
        await world.follow(await world.link_for(second, desk), maria)
    assert await kept(world) == (1, 0)
    assert await is_signed_out(second, desk)

    def is_told() -> bool:
        wanted = f"{second.user} has tried to sign in to Teams as Maria Rossi"
        return any(s.body.startswith(wanted) for said in first.rooms.values() for s in said)

    await first.wait_for(is_told, ARRIVAL, "news of the attempt")
    room = await world.desk(first)
    assert (await first.ask(room, "whoami", ARRIVAL)).body.endswith("as Maria Rossi.")

    await first.ask(room, "logout", ARRIVAL)
    await world.follow(await world.link_for(second, desk), maria)
    await world.read(second, "You are signed in to Teams as Maria Rossi.")
    assert await is_signed_out(first, room)
