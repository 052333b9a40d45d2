"""Signing in to Teams: the bot's link, Microsoft's pages, and who may speak afterwards."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

from bridge.sandbox.people import MatrixPerson, link_in
from tests.kit.e2e_browser import begin, browser, choose
from tests.kit.e2e_world import ARRIVAL, World


async def test_the_bots_link_leads_through_every_page_to_being_signed_in(world: World) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    desk = await world.desk(person)
    assert (await person.ask(desk, "whoami", ARRIVAL)).body.startswith("You are not signed in")
    link = await world.link_for(person, desk)

    async with browser(world) as visitor:
        async with visitor.get(link) as answer:
            page = await answer.text()
            assert person.user in page
            assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        microsoft = await begin(visitor, link)
        asked = parse_qs(urlsplit(microsoft).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["scope"][0].split().count("offline_access") == 1
        back = await choose(visitor, microsoft, user=maria.id)
        async with visitor.get(back) as answer:
            page = await answer.text()
            assert answer.status == 200
            assert "Maria Rossi" in page

    said = await world.read(person, "You are signed in to Teams as Maria Rossi.")
    assert said[0] == desk
    status = await person.ask(desk, "whoami", ARRIVAL)
    assert status.body == "You are signed in to Teams as Maria Rossi."


async def test_who_is_not_signed_in_is_told_once_and_not_heard_in_teams(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    room = await world.opened(chat, tom, person)
    desk = next(r for r, members in person.members.items() if members == {person.user, world.bot})
    answer = await person.ask(desk, "logout", ARRIVAL)
    assert answer.body.startswith("You are signed out.")

    for number in range(3):
        await person.say(room, f"unheard {number}")
    server = person.user.partition(":")[2]
    hint = (
        f"{person.user}: your messages here do not reach Teams yet, because you are not signed in."
        f" I have sent you a link for that: https://matrix.to/#/{desk}?via={server}"
    )
    await world.read(person, hint)
    offered = [
        said for said in person.rooms[desk] if said.body.startswith("To have what you write")
    ]
    assert len(offered) == 1
    await world.follow(link_in(offered[0]), maria)
    await person.say(room, "heard again")

    await world.read_in_teams(chat, "heard again")
    await world.at_rest()
    assert (await world.texts_in_teams(chat))[1:] == ["heard again"]
    assert (await world.texts_in_matrix(person, room)).count(hint) == 1


async def test_a_link_is_never_shown_in_company(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person, friend = await world.signed_in("maria", maria), await world.person("friend")
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    room = await world.opened(chat, tom, person)
    desk = await world.desk(person)
    await person.ask(desk, "logout", ARRIVAL)
    links = await shown_links(world, person, desk)
    await person.call("POST", f"rooms/{desk}/invite", {"user_id": friend.user})
    await friend.call("POST", f"join/{quote(desk)}", {})
    await person.wait_for(lambda: friend.user in person.members[desk], ARRIVAL, "the friend")

    await person.say(room, "unheard")
    await world.read(
        person,
        f"{person.user}: your messages here do not reach Teams yet, because you are not signed in."
        f" Write `login` to me ({world.bot}) in a direct chat.",
    )
    await person.say(room, "!teams login")
    await world.read(
        person,
        "I answer in a direct chat only. Invite me into a room that we have to ourselves.",
    )

    assert await shown_links(world, person, desk) == links


async def shown_links(world: World, person: MatrixPerson, room: str) -> int:
    """How many sign-in links the bot has shown in a room."""
    return sum("/signin/" in text for text in await world.texts_in_matrix(person, room))


async def test_who_signs_in_later_is_invited_and_finds_what_was_said(world: World) -> None:
    maria, tom, aicha = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Aïcha Benali")
    early = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [p.id for p in (maria, tom, aicha)], topic="All")
    other = await world.tenant.create_chat("group", [p.id for p in (maria, aicha)], topic="Not Tom")
    room = await world.opened(chat, aicha, early)
    closed = await world.opened(other, aicha, early)

    late = await world.signed_in("tom", tom)

    await world.read(late, f"the first message of {chat}")
    assert room in late.rooms
    assert closed not in late.members
