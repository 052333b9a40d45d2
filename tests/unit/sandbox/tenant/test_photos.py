"""Photos of people and teams."""

from __future__ import annotations

import struct

import pytest

from bridge.sandbox.tenant.client_people import PeopleClient
from bridge.sandbox.tenant.client_teams import TeamsClient
from bridge.sandbox.tenant.people.photos import SIZES, draw
from tests.unit.sandbox.tenant.files_kit import refused
from tests.unit.sandbox.tenant.place import APPLICATION, DELEGATED, Place

JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08\x00\xf0\x01\x68\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
)
"""Headers of a picture of 360 by 240 pixels."""


@pytest.fixture
def people(place: Place) -> PeopleClient:
    return PeopleClient(place.tenant)


async def test_who_has_no_photo_is_answered_as_the_service_does(place: Place) -> None:
    path = f"/users/{place.bob.id}/photo"
    for tail in ("", "/$value"):
        refused(await place.graph(None, "GET", path + tail), 404, "ImageNotFound")
    refused(await place.graph(None, "GET", f"/users/{place.bob.id}/photos"), 404, "ImageNotFound")
    sized = await place.graph(None, "GET", f"/users/{place.bob.id}/photos/48x48/$value")
    refused(sized, 404, "ImageNotFound")
    await place.tenant.change_settings(
        photo_missing_code="ErrorItemNotFound", photo_placeholder=True
    )
    placeholder = (await place.graph(None, "GET", path)).body
    assert (placeholder["id"], placeholder["@odata.mediaContentType"]) == ("1x1", "image/gif")
    refused(await place.graph(None, "GET", f"{path}/$value"), 404, "ErrorItemNotFound")


async def test_a_drawn_photo_comes_in_every_size(place: Place, people: PeopleClient) -> None:
    await people.set_photo(place.bob.id, seed=7)
    path = f"/users/{place.bob.id}"
    listed = (await place.graph(None, "GET", f"{path}/photos")).body["value"]
    assert [photo["width"] for photo in listed] == list(SIZES)
    for size in SIZES:
        about = (await place.graph(None, "GET", f"{path}/photos/{size}x{size}")).body
        value = await place.graph(None, "GET", f"{path}/photos/{size}x{size}/$value")
        assert struct.unpack(">II", value.raw[16:24]) == (size, size)
        assert value.headers["Content-Type"] == about["@odata.mediaContentType"] == "image/png"
        assert value.headers["ETag"] == about["@odata.mediaEtag"]
    largest = await place.graph(None, "GET", f"{path}/photo/$value")
    assert largest.raw == draw(7, 648)
    refused(await place.graph(None, "GET", f"{path}/photos/50x50"), 404, "ImageNotFound")


async def test_a_photo_that_was_set_has_no_larger_sizes(place: Place) -> None:
    await allow_writing(place)
    put = await place.graph(place.alice, "PUT", "/me/photo/$value", JPEG)
    assert put.status == 200
    about = (await place.graph(place.alice, "GET", "/me/photo")).body
    assert (about["id"], about["@odata.mediaContentType"]) == ("360x240", "image/jpeg")
    sized = (await place.graph(place.alice, "GET", "/me/photos/648x648")).body
    assert sized["width"] == 360
    assert (await place.graph(place.alice, "GET", "/me/photo/$value")).raw == JPEG
    assert (await place.graph(place.alice, "DELETE", "/me/photo")).status == 204
    refused(await place.graph(place.alice, "GET", "/me/photo"), 404, "ImageNotFound")


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff", JPEG[:24], b"\x89PNG\r\n\x1a\n"])
async def test_what_is_no_picture_is_refused(place: Place, data: bytes) -> None:
    await allow_writing(place)
    refused(await place.graph(None, "PUT", photo(place), data), 400, "ErrorInvalidImage")


async def test_others_photos_take_more_than_user_read(place: Place, people: PeopleClient) -> None:
    await people.set_photo(place.bob.id, seed=1)
    assert (await place.graph(place.alice, "GET", photo(place))).status == 200
    scopes = [scope for scope in DELEGATED if scope != "User.ReadBasic.All"]
    await place.tenant.change_app(place.app, delegated_scopes=scopes)
    place._tokens.clear()
    refused(await place.graph(place.alice, "GET", photo(place)), 403, "ErrorAccessDenied")
    assert (await place.graph(place.bob, "GET", "/me/photo")).status == 200


async def test_a_team_has_a_photo_too(place: Place, people: PeopleClient) -> None:
    await place.tenant.change_app(
        place.app,
        application_permissions=["Team.ReadBasic.All"],
        delegated_scopes=[*DELEGATED, "Team.ReadBasic.All"],
    )
    team = await TeamsClient(place.tenant).create_team("Tea party", owners=[place.alice.id])
    refused(await place.graph(None, "GET", f"{team.path}/photo"), 404, "ImageNotFound")
    await people.set_photo(team.id, seed=3)
    assert (await place.graph(None, "GET", f"{team.path}/photo")).body["width"] == 648
    assert (await place.graph(place.alice, "GET", f"{team.path}/photo/$value")).raw
    refused(await place.graph(place.bob, "GET", f"{team.path}/photo"), 403, "Forbidden")


def photo(place: Place) -> str:
    return f"/users/{place.bob.id}/photo/$value"


async def allow_writing(place: Place) -> None:
    await place.tenant.change_app(
        place.app,
        application_permissions=[*APPLICATION, "User.ReadWrite.All"],
        delegated_scopes=[*DELEGATED, "User.ReadWrite"],
    )
