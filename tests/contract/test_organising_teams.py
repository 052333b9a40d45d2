"""Conversations changed as oneself, on the simulated tenant: what is done, what is so already, what is
refused and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from bridge.domain.ids import Place, TeamsUserId, TenantId
from bridge.domain.portal import Conversation
from bridge.errors import Rejected
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_people import PeopleClient
from bridge.sandbox.tenant.client_teams import Place as TenantChannel, TeamHandle, TeamsClient
from bridge.teams.addresses import channel
from bridge.teams.calling import graph_base
from bridge.teams.organising import Organiser
from bridge.teams.payloads import chat_message
from bridge.teams.people import People
from bridge.teams.read_state import ReadMarker
from bridge.teams.scopes import SCOPES as DELEGATED
from bridge.teams.system_events import granted_in
from tests.contract.test_endpoint_teams import SCOPES, World, world
from tests.contract.test_starting_teams import outsider
from tests.unit.matrix.books import Books

__all__ = ["world"]

EVERY_SCOPE = (*SCOPES, *(one.name for one in DELEGATED if not one.required))
Json = dict[str, Any]


def organiser(world: World, *, with_history: bool = False, books: Books | None = None) -> Organiser:
    side = world.side
    return Organiser(
        graph=side.graph,
        auth=side.auth,
        directory=side.directory,
        people=People(graph=side.graph, credential=side.auth.for_app()),
        granted=world.granted,
        clock=world.clock,
        ghosts=books or Books(),
        base=graph_base(world.teams.graph_url),
        with_history=with_history,
    )


async def consent_to(world: World, scopes: Sequence[str]) -> None:
    await world.tenant.change_app(world.teams.client_id, delegated_scopes=list(scopes))


async def people_in(world: World, *, scopes: Sequence[str] = EVERY_SCOPE) -> list[Person]:
    """Return Alice, who has signed in, Bob and Carol."""
    await consent_to(world, scopes)
    people = await world.tenant.add_users("Alice", "Bob", "Carol")
    await world.sign_in(people[0])
    return people


async def described(world: World, place: Place) -> Conversation:
    return await world.side.directory.describe(place, as_of=world.clock.now())


async def names_in(world: World, place: Place) -> set[str | None]:
    return {member.name for member in (await described(world, place)).members}


async def acts(world: World) -> list[str]:
    """Return what was asked of conversations that is no reading, by method."""
    asked = await world.tenant.requests()
    paths = ("/v1.0/chats/", "/v1.0/teams/")
    return [
        str(one["method"])
        for one in asked
        if one["method"] != "GET" and str(one["path"]).startswith(paths)
    ]


async def group(world: World, people: Sequence[Person], topic: str = "Tea") -> Place:
    chat = await world.tenant.create_chat("group", [p.id for p in people], topic=topic)
    return world.place(chat)


async def is_known(world: World, place: Place, message: Json) -> bool:
    """Tell whether a system message is known as what was done from here."""
    read = chat_message(message)
    deed = None if read.event is None else granted_in(place, read.event)
    return deed is not None and await world.granted.is_told(deed, read.ref, read.created_at)


def by(person: Person) -> TeamsUserId:
    return TeamsUserId(person.id)


# --- chats ---


async def test_a_group_chat_is_renamed_once_as_whoever_wants_it(world: World) -> None:
    alice, bob, _ = await people_in(world)
    place = await group(world, [alice, bob])

    await organiser(world).rename(by(alice), place, "Coffee")
    await organiser(world).rename(by(alice), place, "Coffee")

    assert (await described(world, place)).topic == "Coffee"
    assert await acts(world) == ["PATCH"]
    message = (await world.tenant.messages(place.conversation))[-1]
    told = message["eventDetail"]
    assert isinstance(told, dict)
    assert told["initiator"]["user"]["id"] == alice.id
    assert await is_known(world, place, message), "Teams tells of it, and nobody need be told again"


async def test_the_name_of_a_group_chat_can_be_taken_away(world: World) -> None:
    alice, bob, _ = await people_in(world)
    place = await group(world, [alice, bob])
    await organiser(world).rename(by(alice), place, "")
    assert (await described(world, place)).topic is None


@pytest.mark.parametrize(
    ("name", "why"), [("Tea: hot", "no colon"), ("x" * 251, "0 to 250 characters")]
)
async def test_names_that_teams_does_not_have_are_refused_before_it_is_asked(
    world: World, name: str, why: str
) -> None:
    alice, bob, _ = await people_in(world)
    place = await group(world, [alice, bob])
    with pytest.raises(Rejected, match=why):
        await organiser(world).rename(by(alice), place, name)
    assert await acts(world) == []


@pytest.mark.parametrize("kind", ["oneOnOne", "meeting"])
async def test_only_groups_have_names_of_their_own(world: World, kind: str) -> None:
    alice, bob, _ = await people_in(world)
    place = world.place(await world.tenant.create_chat(kind, [alice.id, bob.id]))
    with pytest.raises(Rejected, match="only group chats"):
        await organiser(world).rename(by(alice), place, "Coffee")
    with pytest.raises(Rejected, match="no description"):
        await organiser(world).describe(by(alice), place, "About coffee")
    assert await acts(world) == []


@pytest.mark.parametrize("kind", ["group", "meeting"])
async def test_people_are_added_to_a_chat_and_removed_once(world: World, kind: str) -> None:
    alice, bob, carol = await people_in(world)
    place = world.place(await world.tenant.create_chat(kind, [alice.id, bob.id]))

    for _ in range(2):
        await organiser(world).add(by(alice), place, by(carol))
    assert await names_in(world, place) == {"Alice", "Bob", "Carol"}
    for _ in range(2):
        await organiser(world).remove(by(alice), place, by(carol))
    assert await names_in(world, place) == {"Alice", "Bob"}
    await organiser(world).remove(by(alice), place, by(alice))
    assert await names_in(world, place) == {"Bob"}
    assert await acts(world) == ["POST", "DELETE", "DELETE"]


@pytest.mark.parametrize("with_history", [False, True])
async def test_who_is_added_sees_what_was_said_before_only_if_that_is_wanted(
    world: World, with_history: bool
) -> None:
    alice, bob, carol = await people_in(world)
    place = await group(world, [alice, bob])
    await organiser(world, with_history=with_history).add(by(alice), place, by(carol))
    chat = await world.side.graph.request(
        "GET", f"/chats/{place.conversation}/members", credential=world.side.auth.for_app()
    )
    found: Any = chat["value"]
    (since,) = [m["visibleHistoryStartDateTime"] for m in found if m["userId"] == carol.id]
    assert str(since).startswith("0001-01-01") is with_history


async def test_guests_are_added_as_guests(world: World) -> None:
    alice, bob, _ = await people_in(world)
    guest = await PeopleClient(world.tenant).invite("Gus", "gus@home.example")
    place = await group(world, [alice, bob])
    await organiser(world).add(by(alice), place, by(guest))
    assert await names_in(world, place) == {"Alice", "Bob", "Gus"}


async def test_people_of_other_organisations_are_added_where_graph_is_told_their_tenant(
    world: World,
) -> None:
    alice, bob, carol = await people_in(world)
    books = Books()
    ines = await outsider(world, books)
    organise = organiser(world, books=books)
    chat = await group(world, [alice, bob])
    shared, private, standard = [
        (await team_of(world, alice, bob, membership=kind))[2]
        for kind in ("shared", "private", "standard")
    ]

    await organise.add(by(alice), chat, by(ines))
    await organise.add(by(alice), shared, by(ines))

    assert "Ines Lopes" in await names_in(world, chat)
    assert "Ines Lopes" in await names_in(world, shared)
    for place in (private, standard):
        with pytest.raises(Rejected, match="chats and shared channels only"):
            await organise.add(by(alice), place, by(ines))
    await world.tenant.change_settings(external_access=False)
    other = await group(world, [alice, carol])
    with pytest.raises(Rejected, match="yours or theirs does not allow"):
        await organise.add(by(alice), other, by(ines))


async def test_whom_the_directory_does_not_know_is_not_added(world: World) -> None:
    alice, bob, _ = await people_in(world)
    place = await group(world, [alice, bob])
    stranger = TeamsUserId("8ea0e38b-efb3-4757-924a-5f94061cf8c2")
    with pytest.raises(Rejected, match="another organisation"):
        await organiser(world).add(by(alice), place, stranger)
    with pytest.raises(Rejected, match="only people with a Microsoft account"):
        await organiser(world).add(by(alice), place, TeamsUserId("app:weather"))


async def test_a_chat_of_two_stays_one_of_these_two(world: World) -> None:
    alice, bob, carol = await people_in(world)
    place = world.place(await world.tenant.create_chat("oneOnOne", [alice.id, bob.id]))
    with pytest.raises(Rejected, match="stays one of these two"):
        await organiser(world).add(by(alice), place, by(carol))
    with pytest.raises(Rejected, match="stays one of these two"):
        await organiser(world).remove(by(alice), place, by(bob))
    await organiser(world).add(by(alice), place, by(bob))  # He is there.
    assert await acts(world) == []


async def test_a_permission_that_nobody_granted_is_named(world: World) -> None:
    alice, bob, carol = await people_in(world, scopes=SCOPES)
    place = await group(world, [alice, bob, carol])
    await organiser(world).rename(by(alice), place, "Coffee")
    with pytest.raises(Rejected, match=r"consent to ChatMember\.ReadWrite "):
        await organiser(world).remove(by(alice), place, by(carol))


async def test_who_is_not_in_a_chat_is_told_so(world: World) -> None:
    alice, bob, carol = await people_in(world)
    place = await group(world, [bob, carol])
    with pytest.raises(Rejected, match=r"Teams does not (let|know)"):
        await organiser(world).rename(by(alice), place, "Coffee")


# --- channels ---


async def team_of(
    world: World, owner: Person, *members: Person, membership: str = "standard"
) -> tuple[TeamHandle, TenantChannel, Place]:
    teams = TeamsClient(world.tenant)
    team = await teams.create_team("Garden", owners=[owner.id], members=[m.id for m in members])
    more: Json = {} if membership == "standard" else {"owners": [owner.id]}
    at = await teams.create_channel(team.id, "Roses", membership=membership, **more)
    return team, at, channel(TenantId(world.teams.tenant_id), at.team, at.channel)


async def test_a_channel_is_named_and_described_with_or_without_its_team(world: World) -> None:
    alice, bob, _ = await people_in(world)
    _, _, place = await team_of(world, alice, bob)

    await organiser(world).rename(by(alice), place, "Tulips (Garden)")
    assert (await described(world, place)).topic == "Tulips"
    await organiser(world).rename(by(alice), place, "Lilies")
    await organiser(world).describe(by(alice), place, "What grows here")

    now = await described(world, place)
    assert (now.topic, now.description) == ("Lilies", "What grows here")
    with pytest.raises(Rejected, match="1 to 50 characters"):
        await organiser(world).rename(by(alice), place, "")


async def test_a_name_that_another_channel_has_is_refused_in_the_words_of_teams(
    world: World,
) -> None:
    alice, bob, _ = await people_in(world)
    _, _, place = await team_of(world, alice, bob)
    with pytest.raises(Rejected, match="Channel name already existed"):
        await organiser(world).rename(by(alice), place, "General")


@pytest.mark.parametrize("membership", ["private", "shared"])
async def test_members_of_private_and_shared_channels_come_and_go_by_their_owners(
    world: World, membership: str
) -> None:
    alice, bob, carol = await people_in(world)
    _, _, place = await team_of(world, alice, bob, carol, membership=membership)

    for _ in range(2):
        await organiser(world).add(by(alice), place, by(bob))
    assert await names_in(world, place) == {"Alice", "Bob"}
    for _ in range(2):
        await organiser(world).remove(by(alice), place, by(bob))
    assert await names_in(world, place) == {"Alice"}


async def test_to_a_standard_channel_people_are_added_through_its_team_by_owners_alone(
    world: World,
) -> None:
    alice, bob, carol = await people_in(world)
    _, _, place = await team_of(world, alice, bob)
    await organiser(world).add(by(alice), place, by(carol))
    assert await names_in(world, place) == {"Alice", "Bob", "Carol"}
    with pytest.raises(Rejected, match="whoever is in the team is in this channel"):
        await organiser(world).remove(by(alice), place, by(carol))

    _, _, other = await team_of(world, bob, alice)
    with pytest.raises(Rejected, match="Teams does not let you do that here"):
        await organiser(world).add(by(alice), other, by(carol))


# --- reading ---


NEVER = "0001-01-01T00:00:00Z"


async def test_a_chat_is_marked_read_for_the_person_alone(world: World) -> None:
    alice, bob, _ = await people_in(world)
    place = await group(world, [alice, bob])
    await world.tenant.type(place.conversation, bob.id, "hello")
    marker = ReadMarker(graph=world.side.graph, auth=world.side.auth)

    async def read_at(person: Person) -> datetime:
        # Graph leaves noughts at the end out: as texts, .52Z comes after .526Z.
        chat: Any = await world.side.graph.request(
            "GET",
            f"/chats/{place.conversation}",
            credential=world.side.auth.for_person(TeamsUserId(person.id)),
        )
        return datetime.fromisoformat(chat["viewpoint"]["lastMessageReadDateTime"] or NEVER)

    before = await read_at(alice)
    for _ in range(2):
        await marker.mark_read(by(alice), place)
    assert await read_at(alice) > before
