"""Drives, files and folders: where they are, what they are called, who may see them."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.client_files import CHAT_FILES, OneDrive
from bridge.sandbox.tenant.files.blobs import Made, QuickXor
from tests.unit.sandbox.tenant.files_kit import Office, open_office, refused
from tests.unit.sandbox.tenant.place import DELEGATED, Answer, Place, enc


@pytest.fixture
async def office(place: Place) -> Office:
    return await open_office(place)


def token(url: str) -> str:
    return "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


async def test_everybody_has_a_onedrive_with_a_root(office: Office) -> None:
    alice = office.place.alice
    mine = (await office.graph(alice, "GET", "/me/drive")).body
    assert (mine["driveType"], mine["owner"]["user"]["id"]) == ("business", alice.id)
    assert mine["id"].startswith("b!")
    same = (await office.graph(None, "GET", f"/drives/{mine['id']}")).body
    assert same["id"] == mine["id"]
    root = (await office.graph(alice, "GET", "/me/drive/root")).body
    assert root["root"] == {}
    assert root["folder"] == {"childCount": 0}
    assert "eTag" not in root


async def test_a_small_file_goes_up_and_comes_down(office: Office) -> None:
    alice = office.place.alice
    made = await office.put(alice, f"{CHAT_FILES}/päper #1.txt", b"hello")
    assert (made.status, made.body["name"], made.body["size"]) == (201, "päper #1.txt", 5)
    assert made.body["file"]["mimeType"] == "text/plain"
    assert made.body["parentReference"]["name"] == CHAT_FILES
    item = f"/drives/{made.body['parentReference']['driveId']}/items/{made.body['id']}"
    assert await office.download(None, item) == b"hello"
    again = await office.put(alice, f"{CHAT_FILES}/päper #1.txt", b"hello you")
    assert (again.status, again.body["id"]) == (200, made.body["id"])
    assert again.body["eTag"] != made.body["eTag"]
    assert again.body["cTag"] != made.body["cTag"]
    assert (await office.graph(alice, "GET", "/me/drive")).body["quota"]["used"] == 9


async def test_the_tag_holds_the_guid_that_attachments_are_called_by(office: Office) -> None:
    made = (await office.put(office.place.alice, "a.txt", b"x")).body
    guid = made["eTag"][2:38]
    assert made["eTag"] == f'"{{{guid}}},1"'
    assert made["cTag"] == f'"c:{{{guid}}},1"'
    assert guid == guid.upper()


async def test_of_a_picture_and_a_film_graph_tells_what_was_found_out(office: Office) -> None:
    alice = office.place.alice
    video = {"width": 640, "height": 360, "duration": 1_500}
    where = OneDrive(alice.id)
    await office.files.put(where, "clip.mp4", b"x", facets={"video": video})
    await office.files.put(where, "tea.txt", b"x")

    clip = await office.graph(alice, "GET", "/me/drive/root:/clip.mp4")
    tea = await office.graph(alice, "GET", "/me/drive/root:/tea.txt")

    assert clip.body["video"] == video
    assert not {"image", "video", "audio"} & tea.body.keys()
    with pytest.raises(ControlError):
        await office.files.put(where, "a", b"x", facets={"smell": {}})
    with pytest.raises(ControlError):
        await office.files.put(where, "a", b"x", facets={"video": {"width": "wide"}})


async def test_office_files_open_in_office_and_others_by_their_path(office: Office) -> None:
    alice = office.place.alice
    sheet = (await office.put(alice, "my sheet.xlsx", b"x")).body
    assert "/_layouts/15/Doc.aspx?sourcedoc=%7B" in sheet["webUrl"]
    assert "&file=my%20sheet.xlsx&" in sheet["webUrl"]
    select = f"/me/drive/items/{sheet['id']}?$select=webDavUrl,sharepointIds,id"
    more = (await office.graph(alice, "GET", select)).body
    assert more["webDavUrl"].endswith("/Documents/my%20sheet.xlsx")
    assert more.keys() == {"@odata.context", "id", "webDavUrl", "sharepointIds"}
    for url in (sheet["webUrl"], more["webDavUrl"]):
        found = await office.graph(alice, "GET", f"/shares/{token(url)}/driveItem")
        assert found.body["id"] == sheet["id"]


async def test_names_are_kept_apart_as_the_client_wishes(office: Office) -> None:
    alice = office.place.alice
    await office.put(alice, "tea.txt", b"1")
    place = "/me/drive/root:/tea.txt:/content?@microsoft.graph.conflictBehavior="
    refused(await office.graph(alice, "PUT", place + "fail", b"2"), 409, "nameAlreadyExists")
    other = await office.graph(alice, "PUT", place + "rename", b"2")
    assert (other.status, other.body["name"]) == (201, "tea 1.txt")
    refused(await office.graph(alice, "PUT", place + "nonsense", b"2"), 400, "invalidRequest")


@pytest.mark.parametrize(
    "name", ["a<b.txt", "CON", "~$x.docx", " a.txt", "a_vti_b", "x" * 256, "a|b", ".lock"]
)
async def test_names_that_sharepoint_does_not_take_are_refused(office: Office, name: str) -> None:
    path = f"/me/drive/root:/{enc(name)}:/content"
    refused(await office.graph(office.place.alice, "PUT", path, b"x"), 400, "invalidRequest")


async def test_folders_are_made_listed_page_by_page_renamed_moved_and_deleted(
    office: Office,
) -> None:
    alice = office.place.alice
    body = {"name": "Plans", "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
    folder = await office.graph(alice, "POST", "/me/drive/root/children", body)
    assert (folder.status, folder.body["folder"]) == (201, {"childCount": 0})
    again = await office.graph(alice, "POST", "/me/drive/root/children", body)
    refused(again, 409, "nameAlreadyExists")
    for number in range(5):
        await office.put(alice, f"Plans/{number}.txt", b"xx")
    seen: list[str] = []
    path = f"/me/drive/items/{folder.body['id']}/children?$top=2"
    while path:
        page = (await office.graph(alice, "GET", path)).body
        seen += [item["name"] for item in page["value"]]
        path = page.get("@odata.nextLink", "").partition("/v1.0")[2]
    assert seen == [f"{number}.txt" for number in range(5)]
    moved = await office.graph(
        alice,
        "PATCH",
        "/me/drive/root:/Plans/0.txt",
        {"name": "zero.txt", "parentReference": {"id": await root_id(office)}},
    )
    assert moved.status == 200
    assert moved.body["parentReference"]["name"] == "root"
    refused(await office.graph(alice, "GET", "/me/drive/root:/Plans/0.txt"), 404, "itemNotFound")
    assert (await office.graph(alice, "DELETE", "/me/drive/root:/Plans")).status == 204
    refused(await office.graph(alice, "GET", "/me/drive/root:/Plans/1.txt"), 404, "itemNotFound")
    assert (await office.graph(alice, "GET", "/me/drive")).body["quota"]["used"] == 2


async def root_id(office: Office) -> str:
    return str((await office.graph(office.place.alice, "GET", "/me/drive/root")).body["id"])


async def test_a_change_of_what_has_changed_meanwhile_is_refused(office: Office) -> None:
    alice = office.place.alice
    first = (await office.put(alice, "a.txt", b"1")).body["eTag"]
    await office.put(alice, "a.txt", b"2")
    late = await office.put(alice, "a.txt", b"3", headers={"If-Match": first})
    refused(late, 412, "resourceModified", "entityTagDoesNotMatch")


async def test_a_file_in_use_is_locked(office: Office) -> None:
    alice = office.place.alice
    await office.put(alice, "a.docx", b"1")
    await office.files.lock(OneDrive(alice.id), "a.docx")
    refused(await office.put(alice, "a.docx", b"2"), 423, "accessDenied")
    gone = await office.graph(alice, "DELETE", "/me/drive/root:/a.docx")
    refused(gone, 423, "accessDenied")
    await office.files.lock(OneDrive(alice.id), "a.docx", locked=False)
    assert (await office.put(alice, "a.docx", b"2")).status == 200


async def test_a_full_drive_takes_nothing_more(office: Office) -> None:
    await office.place.tenant.change_settings(drive_quota_bytes=10)
    assert (await office.put(office.place.alice, "a.txt", b"12345678")).status == 201
    more = await office.put(office.place.alice, "b.txt", b"123")
    refused(more, 507, "quotaLimitReached")
    assert (await office.put(office.place.alice, "a.txt", b"1234567890")).status == 200


async def test_downloads_lead_elsewhere_take_ranges_and_end(office: Office) -> None:
    alice = office.place.alice
    made = (await office.put(alice, "a.bin", b"0123456789")).body
    url = made["@microsoft.graph.downloadUrl"]

    async def ranged(span: str) -> Answer:
        return await office.open("GET", url, headers={"Range": span})

    part = await ranged("bytes=2-4")
    assert (part.status, part.raw) == (206, b"234")
    assert part.headers["Content-Range"] == "bytes 2-4/10"
    assert (await ranged("bytes=8-")).raw == b"89"
    assert (await ranged("bytes=-3")).raw == b"789"
    assert (await ranged("bytes=0-1,4-5")).status == 200
    refused(await ranged("bytes=10-"), 416, "invalidRange")
    same = {"If-None-Match": made["eTag"]}
    path = f"/me/drive/items/{made['id']}/content"
    assert (await office.graph(alice, "GET", path, headers=same)).status == 304
    refused(await office.open("GET", url.replace("v1.", "v1.9")), 401, "unauthenticated")
    await office.place.tenant.advance_clock(timedelta(minutes=61))
    refused(await office.open("GET", url), 401, "unauthenticated")


async def test_the_one_hash_is_quick_xor() -> None:
    def plain(data: bytes) -> str:
        """Byte by byte, as Microsoft describes it."""
        mixed = 0
        for number, byte in enumerate(data):
            spread = byte << (11 * number % 160)
            mixed ^= (spread & ((1 << 160) - 1)) ^ (spread >> 160)
        mixed ^= len(data) << 96
        return base64.b64encode(mixed.to_bytes(20, "little")).decode()

    data = Made(200_000, 7).read(0, 200_000)
    for size in (0, 1, 159, 160, 161, 81_920, 81_921, 200_000):
        mixer = QuickXor()
        mixer.update(data[: size // 3])
        mixer.update(data[size // 3 : size])
        assert mixer.result() == plain(data[:size])


async def test_what_was_not_shared_is_denied(office: Office) -> None:
    alice, bob = office.place.alice, office.place.bob
    made = (await office.put(alice, "secret.txt", b"x")).body
    item = f"/drives/{made['parentReference']['driveId']}/items/{made['id']}"
    for path in (item, f"{item}/content", f"{item}/permissions"):
        refused(await office.graph(bob, "GET", path), 403, "accessDenied")
    shared = await office.graph(bob, "GET", f"/shares/{token(made['webUrl'])}/driveItem")
    refused(shared, 403, "accessDenied")
    assert (await office.graph(None, "GET", item)).status == 200
    refused(
        await office.graph(bob, "GET", f"/drives/{made['parentReference']['driveId']}"),
        403,
        "accessDenied",
    )


async def test_a_permission_for_own_files_is_good_for_one_s_own_only(place: Place) -> None:
    office = await open_office(place)
    scopes = [*DELEGATED, "Files.Read"]
    await place.tenant.change_app(place.app, delegated_scopes=scopes)
    file = await office.files.put(
        OneDrive(place.alice.id), "a.txt", b"x", share_with=[place.bob.id]
    )
    item = f"/drives/{file.drive}/items/{file.item}"
    assert (await office.graph(place.alice, "GET", item)).status == 200
    refused(await office.graph(place.bob, "GET", item), 403, "accessDenied")
    content = f"/shares/{token(file.web_url)}/driveItem/content"
    found = await office.graph(place.bob, "GET", content, allow_redirects=False)
    assert found.status == 302
    await place.tenant.change_settings(files_scope_own_only=False)
    assert (await office.graph(place.bob, "GET", item)).status == 200


async def test_ids_that_are_none_and_people_without_a_drive(office: Office) -> None:
    alice = office.place.alice
    refused(await office.graph(alice, "GET", "/drives/nonsense"), 400, "invalidRequest")
    refused(await office.graph(alice, "GET", f"/drives/b!{'A' * 64}"), 404, "itemNotFound")
    refused(await office.graph(alice, "GET", "/me/drive/items/01NO"), 404, "itemNotFound")
    await office.files.license(alice.id, licensed=False)
    refused(await office.graph(alice, "GET", "/me/drive"), 404, "ResourceNotFound")


async def test_a_simple_upload_has_a_limit_that_settings_move(office: Office) -> None:
    alice = office.place.alice
    big = bytes(4 * 1024 * 1024 + 1)
    refused(await office.put(alice, "big.bin", big), 413, "RequestEntityTooLarge")
    refused(await office.graph(alice, "GET", "/me/drive/root:/big.bin"), 404, "itemNotFound")
    await office.place.tenant.change_settings(simple_upload_bytes_max=250 * 1024 * 1024)
    assert (await office.put(alice, "big.bin", big)).status == 201
