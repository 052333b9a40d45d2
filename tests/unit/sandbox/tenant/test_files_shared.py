"""Sharing files, sites of teams, folders of channels."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_files import File, OneDrive
from tests.unit.sandbox.tenant.files_kit import Office, open_office, refused
from tests.unit.sandbox.tenant.place import Answer, Place


@pytest.fixture
async def office(place: Place) -> Office:
    return await open_office(place)


@pytest.fixture
async def file(office: Office) -> File:
    where = OneDrive(office.place.alice.id)
    return await office.files.put(where, "Microsoft Teams Chat Files/tea.txt", b"milk?")


def token(url: str) -> str:
    return "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def path(file: File) -> str:
    return f"/drives/{file.drive}/items/{file.item}"


async def share(office: Office, who: Person | None, url: str, **headers: str) -> Answer:
    return await office.graph(who, "GET", f"/shares/{token(url)}/driveItem", headers=headers)


def invitation(*recipients: dict[str, Any], roles: tuple[str, ...] = ("read",)) -> dict[str, Any]:
    return {
        "recipients": list(recipients),
        "requireSignIn": True,
        "sendInvitation": False,
        "roles": list(roles),
    }


async def test_who_is_invited_reads_and_with_another_role_writes(
    office: Office, file: File
) -> None:
    alice, bob = office.place.alice, office.place.bob
    asked = invitation({"objectId": bob.id})
    answer = await office.graph(alice, "POST", f"{path(file)}/invite", asked)
    assert answer.status == 200
    [made] = answer.body["value"]
    assert made["grantedToV2"]["user"]["id"] == bob.id
    assert made["roles"] == ["read"]
    assert await office.download(bob, path(file)) == b"milk?"
    refused(await office.graph(bob, "PUT", f"{path(file)}/content", b"no"), 403, "accessDenied")
    asked = invitation({"email": bob.upn}, roles=("write",))
    await office.graph(alice, "POST", f"{path(file)}/invite", asked)
    assert (await office.graph(bob, "PUT", f"{path(file)}/content", b"lemon")).status == 200
    held = (await office.graph(alice, "GET", f"{path(file)}/permissions")).body["value"]
    assert [item["roles"] for item in held] == [["owner"], ["write"]]
    gone = await office.graph(alice, "DELETE", f"{path(file)}/permissions/{held[1]['id']}")
    assert gone.status == 204
    refused(await office.graph(bob, "GET", path(file)), 403, "accessDenied")


async def test_a_shared_folder_shares_what_is_in_it(office: Office, file: File) -> None:
    alice, bob = office.place.alice, office.place.bob
    await office.files.share(OneDrive(alice.id), "Microsoft Teams Chat Files", [bob.id])
    assert (await office.graph(bob, "GET", path(file))).status == 200
    held = (await office.graph(bob, "GET", f"{path(file)}/permissions")).body["value"]
    assert held[1]["inheritedFrom"]["driveId"] == file.drive
    refused(await office.graph(bob, "GET", f"/drives/{file.drive}/root"), 403, "accessDenied")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"recipients": [], "roles": ["read"]},
        {"recipients": [{"email": "nobody@nowhere.example"}], "roles": ["read"]},
        {"recipients": [{"email": "x"}], "roles": ["king"]},
        {"recipients": [{"phone": "x"}], "roles": ["read"]},
        {"recipients": "x", "roles": ["read"]},
    ],
)
async def test_an_invitation_that_makes_no_sense_is_refused(
    office: Office, file: File, body: dict[str, Any]
) -> None:
    answer = await office.graph(office.place.alice, "POST", f"{path(file)}/invite", body)
    assert answer.status == 400


async def test_a_link_of_the_organisation_opens_once_it_is_redeemed(
    office: Office, file: File
) -> None:
    alice, bob = office.place.alice, office.place.bob
    body = {"type": "view", "scope": "organization"}
    made = await office.graph(alice, "POST", f"{path(file)}/createLink", body)
    assert made.status == 201
    url = made.body["link"]["webUrl"]
    again = await office.graph(alice, "POST", f"{path(file)}/createLink", body)
    assert (again.status, again.body["id"]) == (200, made.body["id"])
    refused(await share(office, bob, url), 403, "accessDenied")
    peek = await share(office, bob, f"{url}?e=abc", Prefer="redeemSharingLinkIfNecessary")
    assert peek.body["id"] == file.item
    refused(await share(office, bob, url), 403, "accessDenied")
    assert (await share(office, bob, url, Prefer="redeemSharingLink")).status == 200
    assert (await share(office, bob, url)).status == 200
    assert (await office.graph(bob, "GET", path(file))).status == 200
    refused(await office.graph(bob, "DELETE", path(file)), 403, "accessDenied")


async def test_links_that_are_not_allowed_or_are_over_open_nothing(
    office: Office, file: File
) -> None:
    alice, bob = office.place.alice, office.place.bob
    place = f"{path(file)}/createLink"
    body: dict[str, Any] = {"type": "view", "scope": "anonymous"}
    refused(await office.graph(alice, "POST", place, body), 403, "accessDenied")
    refused(await office.graph(alice, "POST", place, {"type": "embed"}), 400, "invalidRequest")
    body = {"type": "view", "scope": "organization", "expirationDateTime": "2020-01-01T00:00:00Z"}
    over = (await office.graph(alice, "POST", place, body)).body["link"]["webUrl"]
    refused(await share(office, bob, over, Prefer="redeemSharingLink"), 403, "accessDenied")


async def test_addresses_that_lead_nowhere(office: Office) -> None:
    alice = office.place.alice
    for url in ("https://contoso.sharepoint.com/sites/x/a.txt", "https://[", "nothing"):
        refused(await share(office, alice, url), 404, "itemNotFound")
    for key in ("nonsense", "u!!!", "u!_w"):
        refused(await office.graph(alice, "GET", f"/shares/{key}/driveItem"), 400, "invalidRequest")


async def test_a_shared_item_is_shown_with_its_owner(office: Office, file: File) -> None:
    alice = office.place.alice
    seen = (await office.graph(alice, "GET", f"/shares/{token(file.web_url)}")).body
    assert (seen["name"], seen["owner"]["user"]["id"]) == ("tea.txt", alice.id)


async def test_a_standard_channel_has_a_folder_in_the_site_of_its_team(office: Office) -> None:
    alice, bob, carol = office.place.alice, office.place.bob, office.place.carol
    cakes = office.team.channels["Cakes & pies"]
    folder = (await office.graph(bob, "GET", f"{cakes.path}/filesFolder")).body
    general = (await office.graph(bob, "GET", f"{office.team.general.path}/filesFolder")).body
    assert folder["name"] == "Cakes & pies"
    drive = folder["parentReference"]["driveId"]
    assert general["parentReference"]["driveId"] == drive
    assert folder["parentReference"]["driveType"] == "documentLibrary"
    place = f"/drives/{drive}/items/{folder['id']}:/cake.txt:/content"
    made = await office.graph(bob, "PUT", place, b"flour")
    assert made.status == 201
    assert "/sites/Teaparty/Shared%20Documents/Cakes%20%26%20pies/cake.txt" in made.body["webUrl"]
    item = f"/drives/{drive}/items/{made.body['id']}"
    assert await office.download(alice, item) == b"flour"
    refused(await office.graph(carol, "GET", item), 403, "accessDenied")
    refused(await office.graph(carol, "GET", f"{cakes.path}/filesFolder"), 403, "Forbidden")
    assert (await office.graph(alice, "GET", f"/groups/{office.team.id}/drive")).body["id"] == drive


async def test_a_private_channel_has_a_site_of_its_own(office: Office) -> None:
    alice, bob = office.place.alice, office.place.bob
    closed = await office.teams.create_channel(
        office.team.id, "Secret", membership="private", owners=[alice.id]
    )
    folder = (await office.graph(alice, "GET", f"{closed.path}/filesFolder")).body
    general = (await office.graph(alice, "GET", f"{office.team.general.path}/filesFolder")).body
    drive = folder["parentReference"]["driveId"]
    assert drive != general["parentReference"]["driveId"]
    assert "/sites/TeapartySecret/" in folder["webUrl"]
    refused(
        await office.graph(bob, "GET", f"/drives/{drive}/items/{folder['id']}"),
        403,
        "accessDenied",
    )


async def test_a_folder_of_a_new_channel_may_not_be_there_yet(office: Office) -> None:
    await office.place.tenant.change_settings(files_folder_seconds=300)
    place = f"{office.team.general.path}/filesFolder"
    early = await office.graph(None, "GET", place)
    refused(early, 404, "NotFound")
    assert "not ready yet" in early.message
    await office.place.tenant.advance_clock(timedelta(seconds=300))
    assert (await office.graph(None, "GET", place)).status == 200


async def test_sites_are_found_by_id_and_by_path(office: Office) -> None:
    alice = office.place.alice
    folder = (await office.graph(alice, "GET", f"{office.team.general.path}/filesFolder")).body
    host, _, rest = folder["webUrl"].removeprefix("https://").partition("/")
    site_path = "/".join(rest.split("/")[:2])
    site = (await office.graph(alice, "GET", f"/sites/{host}:/{site_path}")).body
    assert site["displayName"] == "Tea party"
    same = (await office.graph(alice, "GET", f"/sites/{site['id']}")).body
    assert same["webUrl"] == site["webUrl"]
    drive = (await office.graph(alice, "GET", f"/sites/{site['id']}/drive")).body
    assert drive["id"] == folder["parentReference"]["driveId"]
    refused(await office.graph(alice, "GET", f"/sites/{host}:/sites/none"), 404, "itemNotFound")
    refused(
        await office.graph(office.place.carol, "GET", f"/sites/{site['id']}"), 403, "accessDenied"
    )
