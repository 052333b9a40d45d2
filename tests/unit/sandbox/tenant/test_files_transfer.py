"""Uploads in pieces and large downloads: what is taken, what is refused, and in how much memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from datetime import timedelta

import aiohttp
import pytest
from yarl import URL

from bridge.sandbox.tenant.client_files import OneDrive
from bridge.sandbox.tenant.files.blobs import Made
from bridge.sandbox.tenant.server import TenantServer
from tests.unit.sandbox.tenant.files_kit import KIB_320, MIB, Office, open_office, refused
from tests.unit.sandbox.tenant.place import Place

LARGE = 64 * MIB
PIECE = 8 * KIB_320
MEMORY_MAX = 16 * MIB
"""Of the tenant and the test together, for a file of 64 MiB in pieces of 2.5 MiB."""


@pytest.fixture
async def office(place: Place) -> Office:
    return await open_office(place)


async def test_a_file_goes_up_in_pieces(office: Office) -> None:
    alice = office.place.alice
    data = Made(2 * KIB_320 + 100, 1).read(0, 2 * KIB_320 + 100)
    url = await office.begin(alice, "Microsoft Teams Chat Files/big.bin", name="big.bin")
    assert (await office.open("GET", url)).body["nextExpectedRanges"] == ["0-"]
    for start in (0, KIB_320):
        answer = await office.piece(url, data[start : start + KIB_320], start, len(data))
        assert answer.status == 202
        assert answer.body["nextExpectedRanges"] == [f"{start + KIB_320}-"]
        assert answer.body.keys() == {"expirationDateTime", "nextExpectedRanges"}
    last = await office.piece(url, data[2 * KIB_320 :], 2 * KIB_320, len(data))
    assert (last.status, last.body["name"], last.body["size"]) == (201, "big.bin", len(data))
    assert await office.download(alice, f"/me/drive/items/{last.body['id']}") == data
    refused(await office.open("GET", url), 404, "itemNotFound", "uploadSessionNotFound")


async def test_pieces_out_of_order_twice_or_of_an_odd_size_are_refused(office: Office) -> None:
    url = await office.begin(office.place.alice, "a.bin")
    total = 3 * KIB_320
    refused(await office.piece(url, bytes(KIB_320), KIB_320, total), 416, "invalidRange")
    refused(await office.piece(url, bytes(1000), 0, total), 400, "invalidRequest")
    assert (await office.piece(url, bytes(KIB_320), 0, total)).status == 202
    refused(await office.piece(url, bytes(KIB_320), 0, total), 416, "invalidRange")
    other = await office.piece(url, bytes(KIB_320), KIB_320, total + 1)
    refused(other, 400, "invalidRequest")
    wrong = await office.open(
        "PUT", url, data=bytes(10), headers={"Content-Range": f"bytes {KIB_320}-{KIB_320}/{total}"}
    )
    refused(wrong, 400, "invalidRequest", "fragmentLengthMismatch")
    refused(await office.open("PUT", url, data=b"x"), 400, "invalidRequest")
    assert (await office.open("GET", url)).body["nextExpectedRanges"] == [f"{KIB_320}-"]


async def test_pieces_of_an_odd_size_may_spoil_the_end_instead(office: Office) -> None:
    await office.place.tenant.change_settings(fragments_refused_at_once=False)
    url = await office.begin(office.place.alice, "a.bin")
    assert (await office.piece(url, bytes(1000), 0, 1500)).status == 202
    last = await office.piece(url, bytes(500), 1000, 1500)
    refused(last, 400, "invalidRequest", "uploadSessionFailed")


async def test_a_token_sent_along_with_a_piece_is_refused(office: Office) -> None:
    url = await office.begin(office.place.alice, "a.bin")
    bearer = f"Bearer {await office.place.user_token(office.place.alice)}"
    refused(await office.piece(url, b"x", 0, 1, Authorization=bearer), 401, "unauthenticated")
    await office.place.tenant.change_settings(upload_url_refuses_bearer=False)
    assert (await office.piece(url, b"x", 0, 1, Authorization=bearer)).status == 201


async def test_names_that_are_taken_before_and_after_the_beginning(office: Office) -> None:
    alice = office.place.alice
    await office.put(alice, "a.txt", b"old")
    place = "/me/drive/root:/a.txt:/createUploadSession"
    refused(await office.graph(alice, "POST", place), 409, "nameAlreadyExists")
    item = {"item": {"@microsoft.graph.conflictBehavior": "rename"}}
    url = (await office.graph(alice, "POST", place, item)).body["uploadUrl"]
    assert (await office.piece(url, b"new", 0, 3)).body["name"] == "a 1.txt"
    item = {"item": {"@microsoft.graph.conflictBehavior": "replace"}}
    url = (await office.graph(alice, "POST", place, item)).body["uploadUrl"]
    replaced = await office.piece(url, b"newer", 0, 5)
    assert (replaced.status, replaced.body["name"]) == (200, "a.txt")
    url = await office.begin(alice, "late.txt")
    await office.put(alice, "late.txt", b"first")
    refused(await office.piece(url, b"second", 0, 6), 409, "nameAlreadyExists")
    assert (await office.open("GET", url)).body["nextExpectedRanges"] == []


async def test_a_deferred_upload_is_completed_on_request(office: Office) -> None:
    alice = office.place.alice
    place = "/me/drive/root:/a.txt:/createUploadSession"
    url = (await office.graph(alice, "POST", place, {"deferCommit": True})).body["uploadUrl"]
    early = await office.open("POST", url)
    refused(early, 400, "invalidRequest", "uploadSessionIncomplete")
    assert (await office.piece(url, b"abc", 0, 3)).status == 202
    refused(await office.graph(alice, "GET", "/me/drive/root:/a.txt"), 404, "itemNotFound")
    assert (await office.open("POST", url)).status == 201


async def test_an_upload_is_cancelled_expires_and_is_lost(office: Office) -> None:
    alice, tenant = office.place.alice, office.place.tenant
    url = await office.begin(alice, "a.bin")
    assert (await office.open("DELETE", url)).status == 204
    refused(await office.open("GET", url), 404, "itemNotFound")
    await tenant.change_settings(upload_session_minutes=10)
    url = await office.begin(alice, "a.bin")
    await tenant.advance_clock(timedelta(minutes=9))
    assert (await office.piece(url, bytes(KIB_320), 0, 2 * KIB_320)).status == 202
    await tenant.advance_clock(timedelta(minutes=9))
    assert (await office.open("GET", url)).status == 200
    await tenant.advance_clock(timedelta(minutes=1))
    refused(await office.piece(url, bytes(KIB_320), KIB_320, 2 * KIB_320), 404, "itemNotFound")
    url = await office.begin(alice, "a.bin")
    await office.files.forget_uploads()
    refused(await office.open("GET", url), 404, "itemNotFound")


async def test_too_little_room_is_said_at_the_beginning_or_with_a_piece(office: Office) -> None:
    await office.place.tenant.change_settings(drive_quota_bytes=1000)
    place = "/me/drive/root:/a.bin:/createUploadSession"
    alice = office.place.alice
    begun = await office.graph(alice, "POST", place, {"item": {"fileSize": 1001}})
    refused(begun, 507, "quotaLimitReached")
    url = await office.begin(alice, "a.bin")
    refused(await office.piece(url, bytes(1001), 0, 1001), 507, "quotaLimitReached")


async def test_of_a_piece_that_breaks_nothing_stays(office: Office) -> None:
    alice = office.place.alice
    url = await office.begin(alice, "a.bin")
    total = 4 * KIB_320
    assert (await office.piece(url, bytes(KIB_320), 0, total)).status == 202
    # aiohttp sends a PUT whose connection broke a second time by itself.
    await office.files.cut("upload", after_bytes=2 * KIB_320, times=2)
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await office.piece(url, bytes(3 * KIB_320), KIB_320, total)
    assert (await office.open("GET", url)).body["nextExpectedRanges"] == [f"{KIB_320}-"]
    assert (await office.piece(url, bytes(3 * KIB_320), KIB_320, total)).status == 201


async def test_a_download_that_breaks_is_taken_up_where_it_broke(office: Office) -> None:
    alice = office.place.alice
    size = 3 * MIB + 5
    file = await office.files.make(OneDrive(alice.id), "made.bin", size, seed=3)
    found = await office.graph(alice, "GET", f"/me/drive/items/{file.item}")
    url = found.body["@microsoft.graph.downloadUrl"]
    await office.files.cut("download", after_bytes=MIB)
    got = bytearray()
    with pytest.raises(aiohttp.ClientError):
        await read_into(got, office, url)
    assert 0 < len(got) <= MIB
    rest = await office.open("GET", url, headers={"Range": f"bytes={len(got)}-"})
    assert rest.status == 206
    assert bytes(got) + rest.raw == Made(size, 3).read(0, size)


async def test_the_weather_reaches_transfers_too(office: Office) -> None:
    url = await office.begin(office.place.alice, "a.bin")
    await office.place.tenant.add_fault("/_files/", status=503, retry_after_seconds=7)
    answer = await office.piece(url, b"abc", 0, 3)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    await office.place.tenant.add_fault("/_files/", kind="answer_after", status=500)
    assert (await office.piece(url, b"abc", 0, 3)).status == 500
    refused(await office.open("GET", url), 404, "itemNotFound")
    there = await office.graph(office.place.alice, "GET", "/me/drive/root:/a.bin")
    assert there.body["size"] == 3


async def read_into(got: bytearray, office: Office, url: str) -> None:
    async with office.place.session.get(URL(url, encoded=True)) as answer:
        async for piece in answer.content.iter_any():
            got += piece


async def test_large_files_go_up_and_down_in_bounded_memory(office: Office) -> None:
    alice = office.place.alice
    source = Made(LARGE, 9)
    url = await office.begin(alice, "large.bin")
    tracemalloc.start()
    try:
        for start in range(0, LARGE - PIECE, PIECE):
            answer = await office.piece(url, source.read(start, PIECE), start, LARGE)
            assert answer.status == 202
        start = (LARGE - 1) // PIECE * PIECE
        answer = await office.piece(url, source.read(start, PIECE), start, LARGE)
        assert answer.status == 201
        path = f"/me/drive/items/{answer.body['id']}"
        found = (await office.graph(alice, "GET", path)).body
        assert found["size"] == LARGE
        position = 0
        place = URL(found["@microsoft.graph.downloadUrl"], encoded=True)
        async with office.place.session.get(place) as download:
            async for piece in download.content.iter_chunked(MIB):
                assert piece == source.read(position, len(piece))
                position += len(piece)
        assert position == LARGE
        assert tracemalloc.get_traced_memory()[1] < MEMORY_MAX
    finally:
        tracemalloc.stop()


async def test_the_folder_of_large_files_goes_with_the_tenant(
    office: Office, server: TenantServer
) -> None:
    await office.place.tenant.change_settings(simple_upload_bytes_max=MIB)
    await office.put(office.place.alice, "a.bin", bytes(MIB))
    tenant = server.realm.tenants[office.place.tenant.id]
    folder = tenant.files.spool.folder
    assert folder is not None
    assert (tenant.files.spool.used, len(list(folder.iterdir()))) == (MIB, 1)
    await office.graph(office.place.alice, "DELETE", "/me/drive/root:/a.bin")
    assert (tenant.files.spool.used, list(folder.iterdir())) == (0, [])
    await office.put(office.place.alice, "b.bin", bytes(MIB))
    server.realm.remove(tenant)
    assert not await asyncio.to_thread(folder.exists)
