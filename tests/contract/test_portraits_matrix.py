"""Ghosts on a real Synapse look like their people: name, picture, profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest

from bridge.domain.events import Person
from bridge.domain.ids import UserId
from bridge.domain.likeness import Facet, Likeness, PictureStep, Standing
from bridge.errors import Unavailable
from bridge.matrix.connection import open_connections
from bridge.matrix.paths import Method, Path as ApiPath
from bridge.matrix.pictures import Pictures
from bridge.matrix.portraits import FIELDS, NAMESPACE, Portraits
from bridge.matrix.uploading import Uploader
from bridge.ports import Ghost, Print
from bridge.sandbox.tenant.people.photos import draw
from tests.contract.test_endpoint_matrix import ANNA, TENANT, World, config_of, world_of
from tests.kit.world import Slot

FACE, OTHER = draw(1, 48), draw(2, 48)
ACTIVE = Likeness(name="Anna Zhou", standing=Standing.ACTIVE)
FACETS = {Facet.JOB_TITLE: "Hatter", Facet.OFFICE: "1.07", Facet.TIME_ZONE: "Europe/Berlin"}


@dataclass
class Stage:
    """A ghost, and whoever has it show things."""

    world: World
    slot: Slot
    portraits: Portraits
    pictures: Pictures
    uploads: list[bytes] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    @property
    def user(self) -> UserId:
        return self.world.names.ghost(ANNA.id)

    async def ghost(self) -> Ghost:
        await self.world.ghosts.ensure(TENANT, ANNA)
        ghost = await self.world.books.ghost(TENANT, ANNA.id)
        assert ghost is not None
        return ghost

    async def profile(self) -> dict[str, Any]:
        answer = await self.world.client.call(Method.GET, ApiPath.v3.profile[self.user])
        assert isinstance(answer, dict)
        return dict(answer)

    async def upload(self, content: bytes) -> str:
        self.uploads.append(content)
        return await self.pictures.upload(content)

    async def download(self, uri: str) -> tuple[str, bytes]:
        place = uri.removeprefix("mxc://")
        headers = {"Authorization": f"Bearer {self.slot.register('anybody').access_token}"}
        url = f"{self.slot.homeserver.url}/_matrix/client/v1/media/download/{place}"
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            return answer.headers["Content-Type"], await answer.read()


@pytest.fixture
async def stage(slot: Slot) -> AsyncIterator[Stage]:
    async with world_of(config_of(slot)) as world:
        await world.bot.prepare()

        async def upload(content: bytes) -> str:
            return await made.upload(content)

        async with open_connections(config_of(slot), world.watch) as connections:
            uploader = Uploader(
                connections, address=slot.homeserver.url, clock=world.clock, watch=world.watch
            )
            portraits = Portraits(world.client, world.ghosts, upload=upload)
            made = Stage(world=world, slot=slot, portraits=portraits, pictures=Pictures(uploader))
            yield made


def face(tag: str, content: bytes | None = FACE) -> tuple[PictureStep, Print]:
    return PictureStep.FETCH, Print(tag=tag, content=content)


async def test_a_ghost_gets_the_picture_of_its_person(stage: Stage) -> None:
    shown = await stage.portraits.show(await stage.ghost(), ACTIVE, *face("1"))

    profile = await stage.profile()
    assert profile["displayname"] == "Anna Zhou (Teams)"
    assert shown.likeness.picture is not None
    assert shown.likeness.picture.uri == profile["avatar_url"]
    assert await stage.download(profile["avatar_url"]) == ("image/png", FACE)


async def test_another_picture_takes_its_place_and_one_that_is_gone_goes(stage: Stage) -> None:
    ghost = await stage.portraits.show(await stage.ghost(), ACTIVE, *face("1"))
    ghost = await stage.portraits.show(ghost, ACTIVE, *face("2", OTHER))
    assert (await stage.download((await stage.profile())["avatar_url"]))[1] == OTHER

    ghost = await stage.portraits.show(ghost, ACTIVE, PictureStep.REMOVE, None)

    assert ghost.likeness.picture is None
    assert "avatar_url" not in await stage.profile()


async def test_the_same_bytes_under_another_name_are_not_copied_again(stage: Stage) -> None:
    ghost = await stage.portraits.show(await stage.ghost(), ACTIVE, *face("1"))
    again = await stage.portraits.show(ghost, ACTIVE, *face("2"))

    assert stage.uploads == [FACE]
    assert again.likeness.picture == replace(ghost.likeness.picture, tag="2")  # type: ignore[type-var]


@pytest.mark.parametrize("content", [None, b"", b"<svg onload=alert(1)>", b"PNG", b"%PDF-1.7"])
async def test_what_is_no_picture_is_not_shown_and_not_asked_for_again(
    stage: Stage, content: bytes | None
) -> None:
    ghost = await stage.portraits.show(await stage.ghost(), ACTIVE, *face("1"))

    ghost = await stage.portraits.show(ghost, ACTIVE, *face("2", content))

    assert ghost.likeness.picture is not None
    assert (ghost.likeness.picture.tag, ghost.likeness.picture.uri) == ("2", "")
    assert "avatar_url" not in await stage.profile()
    assert (await stage.portraits.show(ghost, ACTIVE, PictureStep.REMOVE, None)).likeness == ACTIVE


async def test_what_became_of_an_account_is_in_the_name(stage: Stage) -> None:
    ghost = await stage.ghost()
    for standing, name in (
        (Standing.DISABLED, "Anna Zhou (Teams, disabled)"),
        (Standing.DELETED, "Anna Zhou (Teams, deleted)"),
        (Standing.ACTIVE, "Anna Zhou (Teams)"),
    ):
        likeness = replace(ACTIVE, standing=standing)
        ghost = await stage.portraits.show(ghost, likeness, PictureStep.KEEP, None)
        assert (await stage.profile())["displayname"] == ghost.name == name


async def test_whoever_has_no_name_in_the_directory_keeps_theirs(stage: Stage) -> None:
    likeness = replace(ACTIVE, name=None)
    ghost = await stage.portraits.show(await stage.ghost(), likeness, PictureStep.KEEP, None)

    assert ghost.name == (await stage.profile())["displayname"] == "Anna Zhou (Teams)"


# --- profiles ---


async def test_the_profile_is_shown_and_follows(stage: Stage) -> None:
    likeness = replace(ACTIVE, facets=FACETS)
    ghost = await stage.portraits.show(await stage.ghost(), likeness, PictureStep.KEEP, None)
    profile = await stage.profile()
    assert profile[f"{NAMESPACE}.job_title"] == "Hatter"
    assert profile["m.tz"] == "Europe/Berlin"
    assert ghost.likeness.facets == FACETS

    fewer = replace(ACTIVE, facets={Facet.JOB_TITLE: "Dreamer\n\u202e"})
    ghost = await stage.portraits.show(ghost, fewer, PictureStep.KEEP, None)

    profile = await stage.profile()
    assert {key: profile[key] for key in FIELDS.values() if key in profile} == {
        f"{NAMESPACE}.job_title": "Dreamer"
    }
    assert ghost.likeness.facets == {Facet.JOB_TITLE: "Dreamer"}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"capabilities": {"m.profile_fields": {"enabled": False}}},
        {"capabilities": {"m.profile_fields": {"enabled": True, "allowed": ["m.tz"]}}},
        {"capabilities": {"m.profile_fields": {"enabled": True, "disallowed": [*FIELDS.values()]}}},
    ],
)
async def test_what_the_homeserver_does_not_take_is_not_set(
    stage: Stage, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    call, asked = stage.world.client.call, 0

    async def answered(method: Method, path: Any, *rest: Any, **more: Any) -> Any:
        nonlocal asked
        if str(path).endswith("capabilities"):
            asked += 1
            return said
        return await call(method, path, *rest, **more)

    monkeypatch.setattr(stage.world.client, "call", answered)
    likeness = replace(ACTIVE, facets={Facet.OFFICE: "1.07", Facet.MAIL: "anna@tea.example"})
    ghost = await stage.ghost()
    for _ in range(2):
        ghost = await stage.portraits.show(ghost, likeness, PictureStep.KEEP, None)

    assert ghost.likeness.facets == {}
    assert asked == 1
    assert not set(FIELDS.values()) & (await stage.profile()).keys()


# --- what is written down ---


async def test_what_is_shown_already_costs_no_call(stage: Stage) -> None:
    likeness = replace(ACTIVE, facets=FACETS)
    ghost = await stage.portraits.show(await stage.ghost(), likeness, *face("1"))
    exchange, calls = stage.world.client._connection.exchange, []

    async def counted(method: str, target: str, *rest: Any, **more: Any) -> bytes:
        calls.append(target)
        return await exchange(method, target, *rest, **more)

    stage.world.client._connection.exchange = counted  # type: ignore[method-assign]
    again = await stage.portraits.show(
        ghost, replace(likeness, picture=ghost.likeness.picture), PictureStep.KEEP, None
    )

    assert calls == []
    assert again == ghost


async def test_a_ghost_that_could_not_be_shown_whole_is_shown_again(stage: Stage) -> None:
    ghost = await stage.ghost()

    async def away(_content: bytes) -> str:
        raise Unavailable("the homeserver is away")

    broken = Portraits(stage.world.client, stage.world.ghosts, upload=away)
    with pytest.raises(Unavailable):
        await broken.show(ghost, replace(ACTIVE, name="Anna Maier"), *face("1"))

    shown = await stage.portraits.show(ghost, replace(ACTIVE, name="Anna Maier"), *face("1"))
    assert (await stage.profile())["displayname"] == shown.name == "Anna Maier (Teams)"


async def test_who_was_looked_at_is_not_renamed_by_the_next_message(stage: Stage) -> None:
    ghost = await stage.ghost()
    shown = await stage.portraits.show(
        ghost, replace(ACTIVE, name="Anna Maier"), PictureStep.KEEP, None
    )
    stage.world.books.ghosts[TENANT, ANNA.id] = shown
    stage.portraits.forget(shown)

    await stage.world.ghosts.ensure(TENANT, Person(id=ANNA.id, name="Anna Zhou"))

    assert (await stage.profile())["displayname"] == "Anna Maier (Teams)"
