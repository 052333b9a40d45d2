"""Pictures and files on their way into the simulated tenant: said once, put once, for who may read them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import cast

import pytest

from bridge.convert.losses import FILE_NOT_SHARED
from bridge.domain.content import Attachment, Body, Image, Paragraph, Text
from bridge.domain.ids import MessageRef, Side
from bridge.errors import NotCopied, Refused, Rejected, Throttled
from bridge.ports import Delivery, Far, FarPart
from bridge.sandbox.tenant.client import Person as User
from bridge.sandbox.tenant.client_files import CHAT_FILES, FilesClient, Kept, OneDrive
from bridge.sandbox.tenant.client_signin import revoke_consent
from bridge.sandbox.tls import Certificates
from bridge.teams.enclosing import FETCH_ATTEMPTS_MAX, FILES_MAX, HOSTED_BYTES_MAX
from tests.contract.test_endpoint_teams import SCOPES, World, make_world
from tests.kit.fake_media import FakeRoomMedia, RoomFile

URI = "mxc://h.org/abc"
MB = 1024 * 1024
GIF = b"GIF89a" + bytes(100)
FILES = ("Files.ReadWrite", "Files.ReadWrite.All")


@dataclass
class Shelf:
    """Alice, who speaks through the bridge, and Bob, in a chat; Carol is not in it."""

    world: World
    alice: User
    bob: User
    carol: User
    chat: str

    @property
    def media(self) -> FakeRoomMedia:
        return cast(FakeRoomMedia, self.world.side.endpoint.encloser.media)

    @property
    def files(self) -> FilesClient:
        return FilesClient(self.world.tenant)

    def delivery(self, *blocks: Attachment | Paragraph, attempts: int = 1) -> Delivery:
        blank = self.world.delivery(self.chat, self.alice.id, "", attempts=attempts)
        return replace(blank, event=replace(blank.event, body=Body(blocks=blocks)))  # type: ignore[arg-type]

    def file(self, data: bytes, name: str = "tea.pdf", *, attempts: int = 1) -> Delivery:
        self.media.files[URI] = RoomFile(data=data)
        return self.delivery(Attachment(name=name, url=URI), attempts=attempts)

    async def shown(self) -> list[dict[str, object]]:
        return await self.world.tenant.messages(self.chat)

    async def only(self) -> Kept:
        (kept,) = await self.files.kept()
        return kept


@pytest.fixture
async def shelf(certificates: Certificates) -> AsyncIterator[Shelf]:
    async with make_world(certificates) as world:
        scopes = [*SCOPES, *FILES]
        await world.tenant.change_app(world.teams.client_id, delegated_scopes=scopes)
        alice, bob, carol = await world.tenant.add_users("Alice", "Bob", "Carol")
        chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
        await world.sign_in(alice)
        yield Shelf(world, alice, bob, carol, chat)


@pytest.mark.parametrize("size", [0, 1, 5 * MB, 11 * MB + 1])
async def test_a_file_of_any_size_arrives_whole(shelf: Shelf, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    await shelf.world.deliver(shelf.file(data))

    kept = await shelf.only()
    assert kept.sha256 == hashlib.sha256(data).hexdigest()
    assert kept.readers == {shelf.alice.id, shelf.bob.id}
    assert kept.writers == {shelf.alice.id}


async def test_what_is_done_again_finds_the_file_that_is_there(shelf: Shelf) -> None:
    delivery = shelf.file(b"tea")
    await shelf.world.deliver(delivery)
    first = await shelf.only()

    await shelf.world.deliver(delivery)

    assert await shelf.only() == first


async def test_a_file_of_the_same_name_is_another_one(shelf: Shelf) -> None:
    mine = OneDrive(shelf.alice.id)
    await shelf.files.put(mine, f"{CHAT_FILES}/tea.pdf", b"older")

    await shelf.world.deliver(shelf.file(b"tea"))

    assert {one.size for one in await shelf.files.kept()} == {5, 3}


async def test_an_upload_goes_on_where_a_piece_was_lost(shelf: Shelf) -> None:
    await shelf.files.cut("upload", after_bytes=MB, times=3)
    data = bytes(12 * MB)

    await shelf.world.deliver(shelf.file(data))

    assert (await shelf.only()).sha256 == hashlib.sha256(data).hexdigest()


async def test_an_upload_whose_last_answer_is_lost_is_found(shelf: Shelf) -> None:
    await shelf.world.tenant.add_fault("uploadSession", method="PUT", kind="drop_after", times=1)

    await shelf.world.deliver(shelf.file(b"tea"))

    assert (await shelf.only()).size == 3


async def test_an_upload_that_does_not_get_on_is_given_up_for_now(shelf: Shelf) -> None:
    await shelf.world.tenant.add_fault("uploadSession", method="PUT", status=503, times=100)

    with pytest.raises(Refused) as refused:
        await shelf.world.deliver(shelf.file(b"tea"))

    assert not isinstance(refused.value, Rejected)
    assert await shelf.files.kept() == []


async def test_an_upload_that_is_told_to_wait_long_waits_elsewhere(shelf: Shelf) -> None:
    await shelf.world.tenant.add_fault(
        "uploadSession", method="PUT", status=429, retry_after_seconds=60, times=1
    )

    with pytest.raises(Throttled):
        await shelf.world.deliver(shelf.file(b"tea"))


async def test_a_message_that_is_refused_leaves_no_file(shelf: Shelf) -> None:
    await shelf.world.tenant.add_fault("/messages$", method="POST", status=403, times=1)

    with pytest.raises(Rejected):
        await shelf.world.deliver(shelf.file(b"tea"))

    assert await shelf.files.kept() == []


async def test_a_message_whose_fate_is_unknown_keeps_its_file(shelf: Shelf) -> None:
    fault = {"kind": "drop_after", "times": 1}
    await shelf.world.tenant.add_fault("/messages$", method="POST", **fault)
    delivery = shelf.file(b"tea")

    with pytest.raises(Exception, match="broken off"):
        await shelf.world.deliver(delivery)

    found = await shelf.world.side.endpoint.find(replace(delivery, resumed=True))
    (message,) = await shelf.shown()
    assert found == message["id"]
    assert (await shelf.only()).size == 3


@pytest.mark.parametrize("keeps", [True, False], ids=["traces kept", "traces stripped"])
async def test_a_message_with_pictures_is_found_again(shelf: Shelf, *, keeps: bool) -> None:
    await shelf.world.tenant.change_settings(keep_unknown_attributes=keeps)
    shelf.media.files |= {
        "mxc://h.org/1": RoomFile(data=GIF, kind="image/gif"),
        "mxc://h.org/2": RoomFile(data=b"tea"),
    }
    words = (Text(text="see "), Image(alt=":x:", url="mxc://h.org/1", is_emoticon=True))
    delivery = shelf.delivery(
        Paragraph(content=words), Attachment(name="tea.pdf", url="mxc://h.org/2")
    )

    ref = await shelf.world.deliver(delivery)

    assert await shelf.world.side.endpoint.find(replace(delivery, resumed=True)) == ref
    other = replace(delivery, event=replace(delivery.event, body=Body()), resumed=True)  # type: ignore[arg-type]
    assert keeps or await shelf.world.side.endpoint.find(other) is None


async def test_without_consent_to_files_it_is_said_what_lacks(shelf: Shelf) -> None:
    await revoke_consent(shelf.world.tenant, shelf.world.teams.client_id, scopes=list(FILES))
    await shelf.world.tenant.revoke_sessions(shelf.alice.id, access_tokens=True)
    await shelf.world.sign_in(shelf.alice)

    with pytest.raises(NotCopied, match=r"consent to the delegated permission Files\.ReadWrite"):
        await shelf.world.deliver(shelf.file(b"tea"))


async def test_who_has_no_onedrive_has_no_place_for_a_file(shelf: Shelf) -> None:
    await shelf.files.license(shelf.alice.id, licensed=False)

    with pytest.raises(NotCopied, match="no place for the file"):
        await shelf.world.deliver(shelf.file(b"tea"))


async def test_a_file_that_may_not_be_shared_is_taken_out_again(shelf: Shelf) -> None:
    await shelf.world.tenant.add_fault("/invite$", method="POST", status=403, times=9)

    with pytest.raises(NotCopied, match="does not let the file be shared"):
        await shelf.world.deliver(shelf.file(b"tea"))

    assert await shelf.files.kept() == []


async def test_who_may_not_be_let_in_does_not_keep_out_the_others(shelf: Shelf) -> None:
    people = [shelf.alice.id, shelf.bob.id, shelf.carol.id]
    shelf.chat = await shelf.world.tenant.create_chat("group", people, topic="Three")
    # All together, then one of the two.
    await shelf.world.tenant.add_fault("/invite$", method="POST", status=400, times=2)

    await shelf.world.deliver(shelf.file(b"tea"))

    assert len((await shelf.only()).readers) == 2
    assert [loss.name for loss in shelf.world.links.lost] == [FILE_NOT_SHARED]


async def test_no_error_says_what_a_file_is_called(shelf: Shelf) -> None:
    """Errors go into the log."""
    await shelf.world.tenant.add_fault("createUploadSession", method="POST", status=423, times=1)

    with pytest.raises(NotCopied) as refused:
        await shelf.world.deliver(shelf.file(b"tea", "secret plan.pdf"))

    assert "423" in str(refused.value)
    assert "secret" not in str(refused.value)


async def test_a_full_onedrive_has_no_place_for_a_file(shelf: Shelf) -> None:
    await shelf.world.tenant.change_settings(drive_quota_bytes=2)

    with pytest.raises(NotCopied, match="no place for the file"):
        await shelf.world.deliver(shelf.file(b"tea"))


async def test_as_many_bytes_of_pictures_as_we_send_are_taken_by_graph(shelf: Shelf) -> None:
    shelf.media.files[URI] = RoomFile(data=bytes(HOSTED_BYTES_MAX), kind="image/png")

    await shelf.world.deliver(shelf.delivery(Paragraph(content=(Image(alt="wall", url=URI),))))

    (message,) = await shelf.shown()
    assert "/hostedContents/" in str(message["body"])


async def test_an_answer_has_its_picture_and_file_too(shelf: Shelf) -> None:
    asked = await shelf.world.tenant.type(shelf.chat, shelf.bob.id, "<p>tea?</p>")
    shelf.media.files |= {
        "mxc://h.org/1": RoomFile(data=GIF, kind="image/gif"),
        "mxc://h.org/2": RoomFile(data=b"tea"),
    }
    delivery = shelf.delivery(
        Paragraph(content=(Image(alt="cup", url="mxc://h.org/1"),)),
        Attachment(name="tea.pdf", url="mxc://h.org/2"),
    )
    part = FarPart(part=0, ref=MessageRef(asked), origin=Side.TEAMS, author=shelf.bob.id)

    ref = await shelf.world.deliver(replace(delivery, far=Far(parts=(part,))))

    answer = next(one for one in await shelf.shown() if one["id"] == ref)
    kinds = [one["contentType"] for one in cast("list[dict[str, str]]", answer["attachments"])]
    assert sorted(kinds) == ["messageReference", "reference"]
    assert "/hostedContents/" in str(answer["body"])


async def test_more_files_than_teams_takes_are_named(shelf: Shelf) -> None:
    uris = [f"mxc://h.org/{number}" for number in range(FILES_MAX + 1)]
    shelf.media.files |= {uri: RoomFile(data=uri.encode()) for uri in uris}
    files = [Attachment(name=f"{uri[-2:]}.txt", url=uri) for uri in uris]
    words = Paragraph(content=(Text(text="eleven"),))

    await shelf.world.deliver(shelf.delivery(words, *files))

    (message,) = await shelf.shown()
    assert len(cast("list[object]", message["attachments"])) == FILES_MAX
    assert "[attachment: 10.txt]" in str(message["body"])


async def test_what_cannot_be_had_for_half_a_minute_holds_up_nobody_longer(shelf: Shelf) -> None:
    shelf.media.fails = Refused("the file cannot be had from far.example")
    file = Attachment(name="tea.pdf", url=URI)

    with pytest.raises(Refused) as waits:
        await shelf.world.deliver(shelf.delivery(file, attempts=FETCH_ATTEMPTS_MAX - 1))
    with pytest.raises(NotCopied):
        await shelf.world.deliver(shelf.delivery(file, attempts=FETCH_ATTEMPTS_MAX))

    assert not isinstance(waits.value, Rejected)
    assert await shelf.shown() == []
