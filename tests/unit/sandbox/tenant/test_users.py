"""The directory: finding users, their profiles, what changed since, who was deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_people import PeopleClient
from tests.unit.sandbox.tenant.files_kit import refused
from tests.unit.sandbox.tenant.place import APPLICATION, DELEGATED, Answer, Place, Subscriber, enc

EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.fixture
def people(place: Place) -> PeopleClient:
    return PeopleClient(place.tenant)


async def allow(place: Place, *permissions: str) -> None:
    await place.tenant.change_app(
        place.app,
        application_permissions=[*APPLICATION, *permissions],
        delegated_scopes=[*DELEGATED, *permissions],
    )


async def ask(place: Place, **options: str) -> Answer:
    return await ask_as(None, place, **options)


async def ask_as(who: Person | None, place: Place, **options: str) -> Answer:
    """GET /users with query options, their `$` left out; `eventual` sends the header."""
    headers = EVENTUAL if options.pop("eventual", "") else {}
    query = "&".join(f"${name}={quote(value, safe='')}" for name, value in options.items())
    return await place.graph(who, "GET", f"/users?{query}", headers=headers)


async def names(place: Place, **options: str) -> list[str]:
    answer = await ask(place, **options)
    assert answer.status == 200, answer.body
    return [user["displayName"] for user in answer.body["value"]]


async def test_a_profile_is_shown_where_it_was_set(place: Place, people: PeopleClient) -> None:
    await people.set_profile(
        place.bob.id,
        jobTitle="Builder",
        department="Works",
        mobilePhone="+1 555 1",
        businessPhones=["+1 555 2"],
        onPremisesExtensionAttributes={"extensionAttribute3": "@bob:example.org"},
        manager=place.alice.id,
    )
    basic = (await place.graph(None, "GET", f"/users/{place.bob.id}")).body
    assert (basic["jobTitle"], basic["businessPhones"]) == ("Builder", ["+1 555 2"])
    assert "department" not in basic
    select = "department,onPremisesExtensionAttributes,accountEnabled,signInActivity,userType"
    more = (await place.graph(None, "GET", f"/users/{place.bob.id}?$select={select}")).body
    assert more["department"] == "Works"
    attributes = more["onPremisesExtensionAttributes"]
    assert (attributes["extensionAttribute3"], len(attributes)) == ("@bob:example.org", 15)
    assert (more["accountEnabled"], more["userType"], more["signInActivity"]) == (
        True,
        "Member",
        None,
    )
    manager = (await place.graph(None, "GET", f"/users/{place.bob.id}/manager")).body
    assert manager["id"] == place.alice.id
    expanded = await place.graph(None, "GET", f"/users/{place.bob.id}?$expand=manager")
    assert expanded.body["manager"]["displayName"] == "Alice Liddell"
    nobody = await place.graph(None, "GET", f"/users/{place.alice.id}/manager")
    refused(nobody, 404, "Request_ResourceNotFound")


async def test_others_profiles_are_basic_for_who_may_read_no_more(
    place: Place, people: PeopleClient
) -> None:
    await people.set_profile(place.bob.id, jobTitle="Builder")
    seen = (await place.graph(place.alice, "GET", f"/users/{place.bob.id}")).body
    assert (seen["displayName"], seen["jobTitle"]) == ("Bob Builder", None)
    own = (await place.graph(place.bob, "GET", "/me")).body
    assert own["jobTitle"] == "Builder"


async def test_properties_that_are_none_are_refused(place: Place) -> None:
    wrong = await place.graph(None, "GET", f"/users/{place.bob.id}?$select=id,shoeSize")
    refused(wrong, 400, "BadRequest")
    assert "shoeSize" in wrong.message
    refused(await ask(place, select="skills"), 501, "NotImplemented")


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("displayName eq 'bob builder'", ["Bob Builder"]),
        (
            "startswith(displayName,'Al') or startsWith(surname, 'Dan')",
            ["Alice Liddell", "Carol Danvers"],
        ),
        ("(department eq 'Tea' and accountEnabled eq true)", ["Alice Liddell"]),
        ("department in ('Tea', 'Coffee')", ["Alice Liddell"]),
        ("userType eq 'Guest'", []),
        ("department eq 'O''Hara'", []),
        (
            "createdDateTime ge 2020-01-01T00:00:00Z and displayName eq 'Bob Builder'",
            ["Bob Builder"],
        ),
    ],
)
async def test_filters_that_work_by_themselves(
    place: Place, people: PeopleClient, clause: str, found: list[str]
) -> None:
    await people.set_profile(place.alice.id, department="Tea")
    assert await names(place, filter=clause) == found


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("department ne 'Tea'", ["Bob Builder", "Carol Danvers"]),
        ("NOT startswith(displayName,'A')", ["Bob Builder", "Carol Danvers"]),
        ("companyName eq 'Wonder'", ["Alice Liddell"]),
        ("department eq null", ["Bob Builder", "Carol Danvers"]),
        ("endsWith(mail,'.example')", ["Alice Liddell", "Bob Builder", "Carol Danvers"]),
    ],
)
async def test_filters_that_need_an_advanced_query(
    place: Place, people: PeopleClient, clause: str, found: list[str]
) -> None:
    await people.set_profile(place.alice.id, department="Tea", companyName="Wonder")
    refused(await ask(place, filter=clause), 400, "Request_UnsupportedQuery")
    half = await ask(place, filter=clause, eventual="yes")
    refused(half, 400, "Request_UnsupportedQuery")
    answer = await ask(place, filter=clause, count="true", eventual="yes")
    assert [user["displayName"] for user in answer.body["value"]] == found
    assert answer.body["@odata.count"] == len(found)


@pytest.mark.parametrize(
    "clause",
    [
        "shoeSize eq 3",
        "displayName ge 'a'",
        "endswith(displayName,'x')",
        "displayName",
        "displayName eq",
        "displayName eq 'x",
        "(displayName eq 'x'",
        "displayName eq 'x' and",
        "startswith(displayName)",
        "displayName like 'x'",
        "id in ('1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16')",
        "not " * 50 + "accountEnabled eq true",
        "((((((((((((((((((((((((accountEnabled eq true))))))))))))))))))))))))",
        "",
    ],
)
async def test_filters_that_make_no_sense_are_refused(place: Place, clause: str) -> None:
    answer = await ask(place, filter=clause, count="true", eventual="yes")
    assert answer.status == 400


async def test_sorting_searching_and_counting_follow_the_rules(place: Place) -> None:
    assert (await names(place, orderby="displayName desc"))[0] == "Carol Danvers"
    refused(await ask(place, orderby="jobTitle"), 400, "Request_UnsupportedQuery")
    both = {"orderby": "displayName", "filter": "accountEnabled eq true"}
    refused(await ask(place, **both), 400, "Request_UnsupportedQuery")
    assert len(await names(place, **both, count="true", eventual="yes")) == 3
    silent = await ask(place, count="true")
    assert "@odata.count" not in silent.body
    search = '"displayName:build" OR "mail:alice"'
    refused(await ask(place, search=search), 400, "Request_UnsupportedQuery")
    assert await names(place, search=search, eventual="yes") == ["Alice Liddell", "Bob Builder"]
    neither = '"displayName:bob" AND "displayName:liddell"'
    assert await names(place, search=neither, eventual="yes") == []
    refused(await ask(place, search="bob", eventual="yes"), 400, "BadRequest")
    refused(await ask(place, skip="1"), 400, "Request_BadRequest")
    refused(await ask(place, top="1000"), 400, "BadRequest")


async def test_guests_have_a_disguised_name_and_cannot_list_anybody(
    place: Place, people: PeopleClient
) -> None:
    guest = await people.invite("Zoe Guest", "zoe_z@fabrikam.example")
    seen = (
        await place.graph(
            None, "GET", f"/users/{enc(guest.upn)}?$select=id,mail,userType,userPrincipalName"
        )
    ).body
    assert seen["userPrincipalName"].startswith("zoe_z_fabrikam.example#EXT#@")
    assert (seen["mail"], seen["userType"]) == ("zoe_z@fabrikam.example", "Guest")
    refused(await ask_as(guest, place), 403, "Authorization_RequestDenied")


async def test_names_may_be_null(place: Place, people: PeopleClient) -> None:
    await people.set_profile(place.bob.id, displayName=None, mail=None)
    seen = (await place.graph(None, "GET", f"/users/{place.bob.id}")).body
    assert (seen["displayName"], seen["mail"]) == (None, None)
    assert len(await names(place, orderby="displayName")) == 3


async def test_who_is_deleted_is_found_among_the_deleted_until_restored(
    place: Place, people: PeopleClient
) -> None:
    await people.delete(place.bob.id)
    gone = await place.graph(None, "GET", f"/users/{place.bob.id}")
    refused(gone, 404, "Request_ResourceNotFound")
    path = "/directory/deletedItems"
    [listed] = (await place.graph(None, "GET", f"{path}/microsoft.graph.user")).body["value"]
    assert listed["id"] == place.bob.id
    assert listed["deletedDateTime"] is not None
    kept = (await place.graph(None, "GET", f"{path}/{place.bob.id}")).body
    assert kept["displayName"] == "Bob Builder", "the directory keeps the name"
    await people.restore(place.bob.id)
    back = (await place.graph(None, "GET", f"/users/{enc(place.bob.upn)}")).body
    assert back["displayName"] == "Bob Builder"
    refused(
        await place.graph(None, "GET", f"{path}/{place.bob.id}"), 404, "Request_ResourceNotFound"
    )
    await people.delete(place.bob.id)
    await place.tenant.advance_clock(timedelta(days=31))
    place._tokens.clear()
    assert (await place.graph(None, "GET", f"{path}/microsoft.graph.user")).body["value"] == []


async def test_a_mailbox_has_a_time_zone(place: Place, people: PeopleClient) -> None:
    await allow(place, "MailboxSettings.Read")
    path = f"/users/{place.bob.id}/mailboxSettings/timeZone"
    assert (await place.graph(None, "GET", path)).body["value"] == "UTC"
    await people.set_time_zone(place.bob.id, "Romance Standard Time")
    assert (await place.graph(None, "GET", path)).body["value"] == "Romance Standard Time"


async def test_objects_are_found_by_many_ids(place: Place) -> None:
    await allow(place, "Directory.Read.All")
    ids = [place.bob.id, str(uuid4()), place.alice.id]
    for path in ("/users/getByIds", "/directoryObjects/getByIds"):
        found = await place.graph(None, "POST", path, {"ids": ids, "types": ["user"]})
        assert [item["id"] for item in found.body["value"]] == [place.bob.id, place.alice.id]
        assert found.body["value"][0]["@odata.type"] == "#microsoft.graph.user"
    bad: list[dict[str, Any]] = [
        {},
        {"ids": []},
        {"ids": ["x"]},
        {"ids": [str(uuid4())] * 1001},
        {"ids": "x"},
    ]
    for wrong in bad:
        answer = await place.graph(None, "POST", "/users/getByIds", wrong)
        assert answer.status == 400


async def follow(place: Place, path: str, **headers: str) -> tuple[list[Any], str]:
    """All pages, and the link for the next time."""
    value: list[Any] = []
    while True:
        page = await place.graph(None, "GET", path, headers=headers)
        assert page.status == 200, page.body
        value += page.body["value"]
        link = page.body.get("@odata.nextLink") or page.body["@odata.deltaLink"]
        path = link.partition("/v1.0")[2]
        if "@odata.deltaLink" in page.body:
            return value, path


async def test_delta_tells_everyone_and_then_what_changed(
    place: Place, people: PeopleClient
) -> None:
    first, link = await follow(place, "/users/delta")
    assert {user["id"] for user in first} == {place.alice.id, place.bob.id, place.carol.id}
    assert "jobTitle" not in first[0]
    assert (await follow(place, link))[0] == []
    await people.rename(place.bob.id, "Robert Builder")
    await people.set_profile(place.alice.id, jobTitle="Hatter")
    await people.delete(place.carol.id)
    dora = await place.tenant.add_user("Dora")
    changed, later = await follow(place, link)
    assert [user["id"] for user in changed] == [
        place.bob.id,
        place.alice.id,
        place.carol.id,
        dora.id,
    ]
    assert changed[0]["displayName"] == "Robert Builder"
    assert changed[2] == {"id": place.carol.id, "@removed": {"reason": "changed"}}
    assert (await follow(place, later))[0] == []
    minimal, _ = await follow(place, link, Prefer="return=minimal")
    assert minimal[1] == {"id": place.alice.id, "jobTitle": "Hatter"}
    await people.restore(place.carol.id)
    [back], _ = await follow(place, later)
    assert back["displayName"] == "Carol Danvers"


async def test_delta_follows_chosen_properties_and_chosen_users(
    place: Place, people: PeopleClient
) -> None:
    _, chosen = await follow(place, "/users/delta?$select=displayName,jobTitle")
    only = quote(f"id eq '{place.bob.id}'", safe="")
    [bob], one = await follow(place, f"/users/delta?$filter={only}")
    assert bob["id"] == place.bob.id
    await people.set_profile(place.alice.id, department="Tea")
    await people.set_profile(place.bob.id, jobTitle="Builder")
    [seen], _ = await follow(place, chosen)
    assert seen == {"id": place.bob.id, "displayName": "Bob Builder", "jobTitle": "Builder"}
    assert [user["id"] for user in (await follow(place, one))[0]] == [place.bob.id]
    nothing, latest = await follow(place, "/users/delta?$deltatoken=latest")
    assert nothing == []
    await people.set_profile(place.carol.id, jobTitle="Captain")
    assert [user["id"] for user in (await follow(place, latest))[0]] == [place.carol.id]


async def test_delta_comes_in_pages_and_misses_nobody_who_moved(place: Place) -> None:
    people = await place.tenant.add_users(*(f"User {number}" for number in range(250)))
    page = (await place.graph(None, "GET", "/users/delta")).body
    seen = {user["id"] for user in page["value"]}
    assert len(seen) == 100
    await PeopleClient(place.tenant).delete(place.alice.id)
    rest, _ = await follow(place, page["@odata.nextLink"].partition("/v1.0")[2])
    assert seen | {user["id"] for user in rest} >= {person.id for person in people}


async def test_delta_tokens_end_and_make_sense(place: Place) -> None:
    _, link = await follow(place, "/users/delta")
    for wrong in ("$deltatoken=nonsense", "$skiptoken=a.b", "$top=3", "$filter=mail%20eq%20'x'"):
        refused(await place.graph(None, "GET", f"/users/delta?{wrong}"), 400, "BadRequest")
    await place.tenant.advance_clock(timedelta(days=7))
    place._tokens.clear()
    over = await place.graph(None, "GET", link)
    refused(over, 410, "syncStateNotFound")
    assert over.headers["Location"].endswith("/users/delta?$deltatoken=")


async def test_subscribers_hear_of_changed_and_deleted_users(
    place: Place, people: PeopleClient, subscriber: Subscriber
) -> None:
    wish = subscriber.wish("/users", changeType="updated,deleted")
    for name in ("includeResourceData", "encryptionCertificate", "encryptionCertificateId"):
        del wish[name]
    made = await place.graph(None, "POST", "/subscriptions", wish)
    assert made.status == 201, made.body
    await people.rename(place.bob.id, "Robert")
    await people.enable(place.bob.id, enabled=False)
    await people.delete(place.bob.id)
    items = await subscriber.arrived(4)
    assert [item["changeType"] for item in items] == ["updated", "updated", "updated", "deleted"]
    assert {item["resourceData"]["id"] for item in items} == {place.bob.id}
