"""People looked for, chats made as oneself, channels by name: what Graph takes, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.events import Person as Someone, PersonKind
from bridge.domain.ids import ConversationId, Place, TeamsUserId, TenantId
from bridge.domain.likeness import heard
from bridge.domain.portal import Account
from bridge.errors import Rejected, Unauthorized, Unavailable, Uncertain
from bridge.matrix.outsiders import WithOutsiders
from bridge.matrix.words import begins_with, is_called
from bridge.ports import Ghost
from bridge.ports.starting import Contact, Start
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_kinds import bring_stranger
from bridge.sandbox.tenant.client_people import PeopleClient
from bridge.sandbox.tenant.client_teams import TeamsClient
from bridge.teams.channel_list import ChannelList
from bridge.teams.contacts import Contacts, searched_for
from bridge.teams.starting import ChatMaker
from tests.contract.test_endpoint_teams import World, world
from tests.unit.matrix.books import Books

__all__ = ["world"]


def contacts_of(world: World) -> Contacts:
    return Contacts(graph=world.side.graph, credential=world.side.auth.for_app())


def maker_of(world: World) -> ChatMaker:
    tenant = TenantId(world.teams.tenant_id)
    return ChatMaker(tenant=tenant, graph=world.side.graph, auth=world.side.auth)


def wish(world: World, account: Account, *people: Person, topic: str | None = None) -> Start:
    others = [TeamsUserId(person.id) for person in people]
    return Start(
        key="a wish",
        tenant=account.tenant,
        person=account.teams_user,
        members=tuple(sorted([account.teams_user, *others])),
        is_group=len(people) > 1,
        topic=topic,
        room=None,
        begun_at=world.clock.now(),
    )


async def test_people_are_found_by_the_beginnings_of_what_they_are_called(world: World) -> None:
    rossi, roth, _ = await world.tenant.add_users("Maria Rossi", "Marius Roth", "Jonas Meier")
    directory = PeopleClient(world.tenant)
    guest = await directory.invite("Maria Guest", "maria@home.example")
    off = await world.tenant.add_user("Maria Off")
    await directory.enable(off.id, enabled=False)
    contacts = contacts_of(world)

    found = await contacts.search("mari", limit=10)
    narrow = await contacts.search('ross "maria\\', limit=10)
    one = await contacts.search("Mari", limit=1)

    assert [c.name for c in found.contacts] == ["Maria Guest", "Maria Rossi", "Marius Roth"]
    assert [c.is_guest for c in found.contacts] == [True, False, False]
    assert found.is_all
    assert [c.id for c in narrow.contacts] == [rossi.id]
    assert (len(one.contacts), one.is_all) == (1, False)
    assert (await contacts.search(' "" ', limit=10)).contacts == ()
    known = await contacts.known([TeamsUserId(p.id) for p in (roth, guest, off)])
    assert {c.id for c in known} == {roth.id, guest.id}


async def test_people_are_found_by_address(world: World) -> None:
    (rossi,) = await world.tenant.add_users("Maria Rossi")
    contacts = contacts_of(world)
    [found] = await contacts.known([TeamsUserId(rossi.id)])
    assert found.sign_in

    assert [c.id for c in await contacts.addressed(found.sign_in.upper())] == [rossi.id]
    assert await contacts.addressed("o'nobody@example.org") == ()


def test_what_is_searched_for_ends_no_clause() -> None:
    assert searched_for('a"b\\c  \u202e d') == "a b c d"
    assert len(searched_for("x" * 500)) == 100


async def test_two_people_have_one_chat_however_often_it_is_asked_for(world: World) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    account = await world.sign_in(maria)
    there = await world.tenant.create_chat("oneOnOne", [maria.id, jonas.id])
    start = wish(world, account, jonas)

    made = [await maker_of(world).make(start, ()) for _ in range(2)]

    assert made == [Place(tenant=account.tenant, conversation=ConversationId(there))] * 2


async def test_a_group_is_found_by_who_is_in_it_and_its_topic(world: World) -> None:
    maria, jonas, aicha = await world.tenant.add_users("Maria", "Jonas", "Aïcha")
    guest = await PeopleClient(world.tenant).invite("Gus", "gus@home.example")
    account = await world.sign_in(maria)
    maker = maker_of(world)
    await world.tenant.create_chat("group", [maria.id, jonas.id], topic="Lunch")
    await world.tenant.create_chat("group", [maria.id, jonas.id, aicha.id, guest.id], topic="Tea")
    start = wish(world, account, jonas, aicha, guest, topic="Lunch")
    assert await maker.find(start) is None

    place = await maker.make(start, [Contact(id=TeamsUserId(guest.id), name=None, is_guest=True)])

    assert await maker.find(start) == place
    later = replace(start, begun_at=start.begun_at + timedelta(hours=1))
    assert await maker.find(later) is None
    described = await world.side.directory.describe(place)
    assert described.topic == "Lunch"
    assert {member.id for member in described.members} == set(start.members)


async def test_who_is_not_there_or_not_signed_in_gets_no_chat(world: World) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    account = await world.sign_in(maria)
    nobody = Person(id="8ea0e38b-efb3-4757-924a-5f94061cf8c2", display_name="", upn="")

    with pytest.raises(Rejected, match="does not know"):
        await maker_of(world).make(wish(world, account, nobody), ())
    stranger = replace(wish(world, account, jonas), person=TeamsUserId(jonas.id))
    with pytest.raises(Unauthorized):
        await maker_of(world).make(stranger, ())


FABRIKAM = TenantId("0b7a3c1e-2222-4444-8888-0123456789ab")


async def outsider(world: World, books: Books | None = None) -> Person:
    """Bring Ines of another organisation; `books` know her as the author of a message."""
    ines = await bring_stranger(world.tenant, "federatedUser", "Ines Lopes", tenant_id=FABRIKAM)
    if books is not None:
        seen = Someone(id=ines, name="Ines Lopes", kind=PersonKind.FEDERATED, home=FABRIKAM)
        tenant = TenantId(world.teams.tenant_id)
        await books.remember_ghost(
            Ghost(
                tenant=tenant,
                person=ines,
                name=None,
                has_device=False,
                likeness=heard(None, seen.seen_from(tenant)),
            )
        )
    return Person(id=ines, display_name="Ines Lopes", upn="")


@pytest.mark.parametrize("count", [1, 2])
async def test_people_of_other_organisations_are_written_to_with_their_tenant(
    world: World, count: int
) -> None:
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Meier")
    account, books = await world.sign_in(maria), Books()
    ines = await outsider(world, books)
    contacts = WithOutsiders(tenant=account.tenant, directory=contacts_of(world), ghosts=books)
    people = [ines, jonas][:count]
    known = await contacts.known([TeamsUserId(one.id) for one in people])
    assert {one.id: one.home for one in known} == {
        one.id: FABRIKAM if one is ines else None for one in people
    }

    start = wish(world, account, *people)
    place = await maker_of(world).make(start, known)

    described = await world.side.directory.describe(place)
    assert {member.id for member in described.members} == set(start.members)
    assert {m.home for m in described.members if m.id == ines.id} == {FABRIKAM}
    with pytest.raises(Rejected, match="does not know"):
        await maker_of(world).make(start, ())  # Nobody said whose she is.
    await world.tenant.change_settings(external_access=False)
    with pytest.raises(Rejected, match="your organisation, or theirs, does not allow"):
        await maker_of(world).make(start, known)


async def test_whom_nobody_has_met_is_no_contact(world: World) -> None:
    ines = await outsider(world)
    contacts = WithOutsiders(
        tenant=TenantId(world.teams.tenant_id), directory=contacts_of(world), ghosts=Books()
    )
    assert await contacts.known([TeamsUserId(ines.id)]) == ()


async def test_a_group_whose_making_was_not_answered_is_found_a_pair_asked_for_again(
    world: World,
) -> None:
    maria, jonas, aicha = await world.tenant.add_users("Maria", "Jonas", "Aïcha")
    account, maker = await world.sign_in(maria), maker_of(world)
    group = wish(world, account, jonas, aicha, topic="Lunch")

    await world.tenant.add_fault("/chats$", method="POST", kind="drop_after")
    with pytest.raises(Uncertain):
        await maker.make(group, ())
    assert await maker.find(group) is not None
    await world.tenant.add_fault("/chats$", method="POST", kind="drop_after")
    with pytest.raises(Unavailable):
        await maker.make(wish(world, account, jonas), ())
    await world.tenant.add_fault("/chats$", method="POST", status=403)
    with pytest.raises(Rejected, match="policy"):
        await maker.make(group, ())


async def test_channels_are_found_by_name_by_who_is_in_them(world: World) -> None:
    maria, jonas, eve = await world.tenant.add_users("Maria Rossi", "Jonas Meier", "Eve Fox")
    teams = TeamsClient(world.tenant)
    team = await teams.create_team("Sales", owners=[maria.id], members=[jonas.id])
    for name, more in {
        "Plans": {},
        "Plans (secret)": {"membership": "private", "owners": [maria.id]},
        "Plans (shared)": {"membership": "shared", "owners": [maria.id], "members": [eve.id]},
    }.items():
        await teams.create_channel(team.id, name, **more)
    channels = ChannelList(
        tenant=TenantId(world.teams.tenant_id),
        graph=world.side.graph,
        credential=world.side.auth.for_app(),
        directory=world.side.directory,
    )

    async def seen_by(person: Person) -> set[str]:
        found = await channels.channels_for(
            TeamsUserId(person.id), is_called("sales"), begins_with("plan")
        )
        return {one.name for one in found}

    assert await seen_by(maria) == {"Plans", "Plans (secret)", "Plans (shared)"}
    assert await seen_by(jonas) == {"Plans"}
    assert await seen_by(eve) == {"Plans (shared)"}
    found = await channels.open_channels("Sales", begins_with("pla"))
    assert [one.name for one in found] == ["Plans"]
    assert await channels.open_channels("Sal", begins_with("")) == ()
