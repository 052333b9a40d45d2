"""The people of a tenant, as its directory has them: renamed, disabled, deleted, guests, pictures."""

from __future__ import annotations

import pytest

from bridge.domain.ids import TeamsUserId
from bridge.domain.likeness import Facet, Profile, Standing
from bridge.errors import Rejected, Throttled, Unavailable
from bridge.ports import NOT_TOLD
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_people import PeopleClient
from bridge.teams import people as reading
from bridge.teams.answers import PermissionMissing
from bridge.teams.batches import REQUESTS_MAX, get_all
from bridge.teams.people import IDS_MAX, People
from bridge.teams.quota import Priority
from tests.contract.test_endpoint_teams import World, world

__all__ = ["world"]

NOBODY = TeamsUserId("8ea0e38b-efb3-4757-924a-5f94061cf8c2")
JPEG = bytes.fromhex("ffd8ffc0000b080001000101011100") + b"and so on"


def people_of(world: World, **more: bool) -> People:
    credential = world.side.auth.for_app()
    return People(graph=world.side.graph, credential=credential, **more)


def ids(*people: Person) -> list[TeamsUserId]:
    return [TeamsUserId(person.id) for person in people]


@pytest.fixture
def directory(world: World) -> PeopleClient:
    return PeopleClient(world.tenant)


async def test_who_people_are_and_what_became_of_them(
    world: World, directory: PeopleClient
) -> None:
    anna, bob, carol = await world.tenant.add_users("Anna Zhou", "Bob", "Carol")
    guest = await directory.invite("Gus", "gus@home.example")
    await directory.rename(anna.id, "Anna Maier")
    await directory.enable(bob.id, enabled=False)
    await directory.delete(carol.id)

    seen = await people_of(world).look([*ids(anna, bob, carol, guest), NOBODY])

    assert seen == {
        anna.id: Profile(name="Anna Maier", standing=Standing.ACTIVE),
        bob.id: Profile(name="Bob", standing=Standing.DISABLED),
        carol.id: Profile(name="Carol", standing=Standing.DELETED),
        guest.id: Profile(name="Gus", standing=Standing.ACTIVE, is_guest=True),
        NOBODY: None,
    }


async def test_a_restored_account_is_there_again(world: World, directory: PeopleClient) -> None:
    (anna,) = await world.tenant.add_users("Anna")
    await directory.delete(anna.id)
    await directory.restore(anna.id)

    assert (await people_of(world).look(ids(anna)))[TeamsUserId(anna.id)] == Profile(
        name="Anna", standing=Standing.ACTIVE
    )


async def test_many_people_are_a_few_requests(world: World) -> None:
    many = await world.tenant.add_users(*[f"Person {n}" for n in range(2 * IDS_MAX)])
    before = len(await world.tenant.requests())

    seen = await people_of(world).look(ids(*many))

    assert [seen[person].name for person in ids(*many)] == [p.display_name for p in many]  # type: ignore[union-attr]
    asked = (await world.tenant.requests())[before:]
    paths = [str(entry["path"]) for entry in asked]
    assert [path for path in paths if path.startswith("/v1.0/users")] == ["/v1.0/users"] * 2


async def test_more_than_the_name_is_read_only_where_that_is_wanted(
    world: World, directory: PeopleClient
) -> None:
    (anna,) = await world.tenant.add_users("Anna")
    await directory.set_profile(
        anna.id, jobTitle="Hatter", department="Tea", officeLocation="1.07", mail="anna@tea.example"
    )
    told = {
        Facet.JOB_TITLE: "Hatter",
        Facet.DEPARTMENT: "Tea",
        Facet.OFFICE: "1.07",
        Facet.MAIL: "anna@tea.example",
    }
    expected: dict[bool, dict[Facet, str]] = {False: {}, True: told}
    for wanted, facets in expected.items():
        seen = await people_of(world, with_facets=wanted).look(ids(anna))
        profile = seen[TeamsUserId(anna.id)]
        assert profile is not None
        assert profile.facets == facets


@pytest.mark.parametrize(
    ("named", "zone"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Europe/Rome", "Europe/Rome"),
        ("Middle Earth Standard Time", None),
    ],
)
async def test_the_time_zone_is_that_of_the_mailbox(
    world: World, directory: PeopleClient, named: str, zone: str | None
) -> None:
    anna, gone = await world.tenant.add_users("Anna", "Gone")
    await directory.set_time_zone(anna.id, named)
    await directory.delete(gone.id)
    await only(world, "User.Read.All", "MailboxSettings.Read")

    seen = await people_of(world, with_facets=True).look(ids(anna, gone))

    profile = seen[TeamsUserId(anna.id)]
    assert profile is not None
    assert profile.facets.get(Facet.TIME_ZONE) == zone
    assert len(seen) == 2


async def test_who_has_no_time_zone_that_may_be_read_goes_without(world: World) -> None:
    (anna,) = await world.tenant.add_users("Anna")

    seen = await people_of(world, with_facets=True).look(ids(anna))

    assert seen[TeamsUserId(anna.id)] is not None


async def test_who_could_not_be_asked_for_all_is_asked_later(world: World) -> None:
    anna, bob = await world.tenant.add_users("Anna", "Bob")
    await only(world, "User.Read.All", "MailboxSettings.Read")
    await world.tenant.add_fault(f"/users/{anna.id}/mailboxSettings", status=503)

    seen = await people_of(world, with_facets=True).look(ids(anna, bob))

    assert set(seen) == {bob.id}


async def test_with_the_smaller_permission_names_and_guests_are_known(
    world: World, directory: PeopleClient
) -> None:
    anna, gone = await world.tenant.add_users("Anna", "Gone")
    guest = await directory.invite("Gus", "gus@home.example")
    await directory.enable(anna.id, enabled=False)
    await directory.delete(gone.id)
    await only(world, "User.ReadBasic.All")

    seen = await people_of(world).look(ids(anna, guest, gone))

    assert seen == {
        anna.id: Profile(name="Anna", standing=Standing.ACTIVE),
        guest.id: Profile(name="Gus", standing=Standing.ACTIVE, is_guest=True),
        gone.id: None,
    }


async def test_without_permission_nobody_can_be_looked_at(world: World) -> None:
    (anna,) = await world.tenant.add_users("Anna")
    await only(world, "Chat.Read.All")

    with pytest.raises(PermissionMissing):
        await people_of(world).look(ids(anna))


async def only(world: World, *permissions: str) -> None:
    """Take back whatever was consented to but these."""
    await world.tenant.change_app(world.teams.client_id, application_permissions=list(permissions))


# --- pictures ---


async def test_a_picture_is_told_from_the_next_one(world: World, directory: PeopleClient) -> None:
    anna, bob = await world.tenant.add_users("Anna", "Bob")
    people = people_of(world)
    tags = []
    for seed in (1, 1, 2):
        await directory.set_photo(anna.id, seed=seed)
        found = await people.picture_tags(ids(anna, bob))
        assert found[TeamsUserId(bob.id)] is None
        tags.append(found[TeamsUserId(anna.id)])
        content = await people.picture(TeamsUserId(anna.id))
        assert content is not None
        assert content.startswith(b"\x89PNG")

    assert tags[0] == tags[1] != tags[2]
    assert None not in tags
    await directory.set_photo(anna.id)
    assert (await people.picture_tags(ids(anna)))[TeamsUserId(anna.id)] is None
    assert await people.picture(TeamsUserId(anna.id)) is None


async def test_a_picture_that_is_too_large_is_none(
    world: World, directory: PeopleClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (anna,) = await world.tenant.add_users("Anna")
    monkeypatch.setattr(reading, "PICTURE_BYTES_MAX", len(JPEG))
    await directory.set_photo(anna.id, JPEG + b"!")

    assert await people_of(world).picture(TeamsUserId(anna.id)) is None
    await directory.set_photo(anna.id, JPEG)
    assert await people_of(world).picture(TeamsUserId(anna.id)) == JPEG


async def test_pictures_that_may_not_be_read_are_not_told(
    world: World, directory: PeopleClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (anna,) = await world.tenant.add_users("Anna")
    await directory.set_photo(anna.id, seed=1)
    await only(world, "Directory.Read.All")

    assert await people_of(world).picture_tags(ids(anna)) == {anna.id: NOT_TOLD}


async def test_the_placeholder_of_one_pixel_is_no_picture() -> None:
    photo = {"width": 1, "height": 1, "@odata.mediaEtag": '"1"', "id": "1x1"}

    assert reading.picture_tag(photo) is None
    assert reading.picture_tag(photo | {"width": 48}) == '"1"'


# --- batches ---


async def test_one_answer_of_a_batch_says_nothing_of_the_others(world: World) -> None:
    people = await world.tenant.add_users(*[f"Person {n}" for n in range(REQUESTS_MAX + 2)])
    busy, away = people[:2]
    await world.tenant.add_fault(f"/users/{busy.id}", status=429, retry_after=7)
    await world.tenant.add_fault(f"/users/{away.id}", status=503)

    found = await get_all(
        world.side.graph,
        [f"/users/{person.id}?$select=id" for person in people],
        credential=world.side.auth.for_app(),
        priority=Priority.MEMBERS,
    )

    assert isinstance(found[0], Throttled)
    assert isinstance(found[1], Unavailable)
    assert [item["id"] for item in found[2:20]] == [p.id for p in people[2:20]]  # type: ignore[index]
    # Whoever is told to wait does not go on asking.
    assert all(isinstance(item, Throttled) for item in found[20:])


async def test_what_is_not_there_is_rejected_by_itself(world: World) -> None:
    (anna,) = await world.tenant.add_users("Anna")

    gone, there = await get_all(
        world.side.graph,
        [f"/users/{NOBODY}", f"/users/{anna.id}"],
        credential=world.side.auth.for_app(),
        priority=Priority.MEMBERS,
    )

    assert isinstance(gone, Rejected)
    assert not isinstance(there, Exception)
    assert there["displayName"] == "Anna"
