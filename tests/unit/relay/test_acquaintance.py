"""Who is looked at, when, and what happens if they cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.events import Person, PersonKind
from bridge.domain.ids import TenantId
from bridge.domain.likeness import Likeness, Picture, Profile, Standing, heard
from bridge.errors import Rejected, RemoteError, Throttled, Unauthorized, Unavailable
from bridge.ports import NOT_TOLD, Ghost
from bridge.relay import acquaintance
from bridge.relay.acquaintance import Acquaintance
from bridge.telemetry import Watch
from tests.kit.fake_people import FakeLikenessBook, FakePeople, FakePortraitist
from tests.kit.fake_store import FakeClock

TENANT = TenantId("tenant")
ANNA = "8ea0e38b-efb3-4757-924a-5f94061cf8c2"
BOB = "8ea0e38b-efb3-4757-924a-5f94061cf8c3"
ACTIVE = Profile(name="Anna Maier", standing=Standing.ACTIVE)
PICTURE = Picture(tag="1", digest="", uri="mxc://fake.test/1")
DAY = timedelta(days=1)


class World:
    """Everything that keeps ghosts like their people, and a clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.book = FakeLikenessBook(self.clock)
        self.people = FakePeople()
        self.portraitist = FakePortraitist()
        self.watch = Watch()
        self.loop = Acquaintance(
            self.book, self.people, self.portraitist, self.clock, watch=self.watch
        )

    def ghost(self, person: str = ANNA, **more: object) -> Ghost:
        likeness = heard(None, Person(id=person, name="Anna Zhou"))
        values: dict[str, object] = {"likeness": likeness, "name": "Anna Zhou"} | more
        return self.book.add(
            Ghost(tenant=TENANT, person=person, has_device=True, **values)  # type: ignore[arg-type]
        )

    async def due(self, *people: str) -> None:
        await self.book.ring([(TENANT, person) for person in people or (ANNA,)])

    def now(self, person: str = ANNA) -> Ghost:
        return self.book.ghosts[TENANT, person]

    @property
    def waiting(self) -> dict[str, timedelta]:
        """Who is due, and in how long."""
        now = self.clock.now()
        return {person: at - now for (_, person), at in self.book.due.items()}


@pytest.fixture
def world() -> World:
    return World()


async def spoken(world: World, ghost: Ghost, *, is_news: bool = False) -> list[str]:
    """Somebody speaks, and a step is made; return who was looked at."""
    world.people.looked_at.clear()
    world.loop.note(ghost, is_news)
    if world.loop._to_ring:
        await world.loop.step()
    return list(world.people.looked_at)


# --- who is due ---


async def test_who_speaks_for_the_first_time_is_looked_at_once(world: World) -> None:
    ghost = world.ghost()
    world.people.profiles[ANNA] = ACTIVE

    assert await spoken(world, ghost) == [ANNA]
    # The memory of whoever speaks may be out of date for long.
    assert await spoken(world, ghost) == []
    assert await spoken(world, world.now()) == []


async def test_who_was_not_looked_at_for_a_day_is_looked_at_when_they_speak(world: World) -> None:
    ghost = world.ghost(looked_at=world.clock.now())
    world.people.profiles[ANNA] = ACTIVE

    world.clock.advance(DAY - timedelta(seconds=1))
    assert await spoken(world, ghost) == []
    world.clock.advance(timedelta(seconds=1))
    assert await spoken(world, ghost) == [ANNA]


async def test_nobody_is_looked_at_because_time_passes(world: World) -> None:
    world.ghost(looked_at=world.clock.now())
    world.clock.advance(365 * DAY)

    assert await world.book.claim(limit=10, until=world.clock.now()) == ()


async def test_who_is_named_otherwise_than_the_directory_did_is_looked_at_now_and_then(
    world: World,
) -> None:
    ghost = world.ghost(looked_at=world.clock.now())
    world.people.profiles[ANNA] = ACTIVE

    assert await spoken(world, ghost, is_news=True) == []
    world.clock.advance(acquaintance.CONTRADICTED_AGE_MAX)
    assert await spoken(world, ghost, is_news=True) == [ANNA]
    assert await spoken(world, ghost, is_news=True) == []


@pytest.mark.parametrize("kind", [PersonKind.FEDERATED, PersonKind.BOT, PersonKind.PHONE])
async def test_strangers_and_machines_are_not_looked_for_in_the_directory(
    world: World, kind: PersonKind
) -> None:
    stranger = world.ghost(likeness=Likeness(name="Alex", kind=kind))

    assert await spoken(world, stranger) == []
    await world.due()
    await world.loop.step()
    assert world.people.looked_at == []
    assert world.now().likeness == stranger.likeness
    assert world.waiting == {}


async def test_what_is_noted_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquaintance, "NOTED_MAX", 3)
    for number in range(9):
        world.loop.note(world.ghost(f"{number}{ANNA[1:]}"), False)

    assert len(world.loop._to_ring) == len(world.loop._noted) == 3


# --- what is shown ---


async def test_the_ghost_shows_what_the_directory_says(world: World) -> None:
    world.ghost()
    world.people.profiles[ANNA] = ACTIVE
    world.people.pictures[ANNA] = ("1", b"bytes")
    await world.due()

    await world.loop.step()

    assert world.now().name == "Anna Maier"
    assert world.now().likeness == Likeness(
        name="Anna Maier", standing=Standing.ACTIVE, picture=PICTURE
    )
    assert world.now().looked_at == world.clock.now()
    assert world.waiting == {}
    assert world.portraitist.forgotten == [ANNA]


async def test_a_picture_is_fetched_once_and_again_when_it_is_another(world: World) -> None:
    world.ghost()
    world.people.profiles[ANNA] = ACTIVE
    for tag in ("1", "1", "2"):
        world.people.pictures[ANNA] = (tag, b"bytes")
        await world.due()
        await world.loop.step()

    assert len(world.people.fetched) == 2
    picture = world.now().likeness.picture
    assert picture is not None
    assert picture.tag == "2"


async def test_a_picture_that_is_gone_goes(world: World) -> None:
    world.ghost(likeness=Likeness(name="Anna", standing=Standing.ACTIVE, picture=PICTURE))
    world.people.profiles[ANNA] = ACTIVE
    await world.due()

    await world.loop.step()

    assert world.now().likeness.picture is None


@pytest.mark.parametrize("error", [None, Rejected("no"), Unauthorized("no")])
async def test_a_picture_that_may_not_be_read_stays_as_it_is(
    world: World, error: RemoteError | None
) -> None:
    world.ghost(likeness=Likeness(name="Anna", standing=Standing.ACTIVE, picture=PICTURE))
    world.people.profiles[ANNA] = ACTIVE
    world.people.pictures[ANNA] = ("2" if error else NOT_TOLD, b"bytes")
    world.people.picture_error = error
    await world.due()

    await world.loop.step()

    assert world.now().likeness.picture == PICTURE
    assert world.waiting == {}


async def test_who_was_deleted_keeps_the_name_and_loses_the_picture(world: World) -> None:
    world.ghost(likeness=Likeness(name="Anna", standing=Standing.ACTIVE, picture=PICTURE))
    world.people.pictures[ANNA] = ("1", b"bytes")
    await world.due()

    await world.loop.step()

    assert world.now().likeness == Likeness(name="Anna", standing=Standing.DELETED)


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (Unavailable("away"), acquaintance.AGAIN_AFTER),
        (Throttled("later", retry_after=timedelta(minutes=7)), timedelta(minutes=7)),
        (Unauthorized("no consent"), acquaintance.REFUSED_AGAIN_AFTER),
    ],
)
async def test_while_nobody_can_be_asked_all_are_due_later(
    world: World, error: RemoteError, wait: timedelta
) -> None:
    world.ghost()
    world.people.error = error
    await world.due()

    await world.loop.step()

    assert world.waiting == {ANNA: wait}
    assert world.watch.is_away(acquaintance.PART)
    world.people.error = None
    world.clock.advance(wait)
    await world.loop.step()
    assert world.waiting == {}
    assert not world.watch.is_away(acquaintance.PART)


async def test_who_could_not_be_looked_at_does_not_hold_up_the_others(world: World) -> None:
    world.ghost()
    world.ghost(BOB)
    world.people.profiles = {ANNA: ACTIVE, BOB: ACTIVE}
    world.people.silent = {ANNA}
    await world.due(ANNA, BOB)

    await world.loop.step()

    assert world.waiting == {ANNA: acquaintance.AGAIN_AFTER}
    assert world.now(BOB).likeness.standing is Standing.ACTIVE


async def test_who_cannot_be_shown_is_left_as_they_are_after_some_tries(world: World) -> None:
    before = world.ghost()
    world.people.profiles[ANNA] = ACTIVE
    world.portraitist.refused[ANNA] = Unavailable("the homeserver stumbles over it")
    await world.due()
    for _ in range(acquaintance.TRIES_MAX - 1):
        await world.loop.step()
        assert world.waiting == {ANNA: acquaintance.AGAIN_AFTER}
        world.clock.advance(acquaintance.AGAIN_AFTER)

    await world.loop.step()

    assert world.waiting == {}
    assert world.now() == replace(before, looked_at=world.clock.now())


async def test_whoever_is_asked_to_stop_gives_back_what_is_left(world: World) -> None:
    world.ghost()
    await world.due()
    world.loop.stop()

    await world.loop.step()

    assert world.portraitist.shown == []
    assert world.waiting == {ANNA: timedelta(0)}
