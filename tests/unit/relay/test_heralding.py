"""Senders are told what has not arrived, once, and what has after all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from bridge.domain.content import from_text
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    EntryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.errors import Rejected, RemoteError, Unavailable, Uncertain
from bridge.ports import (
    Announcer,
    Deed,
    Delivery,
    Fate,
    Reason,
    Subject,
    Tidings,
    TidingsBook,
    Told,
    Undelivered,
)
from bridge.relay.heralding import (
    HOMESERVER_AWAY_WAIT,
    RECEIPTS_IN_FLIGHT_MAX,
    ROOMS_MAX,
    TOLD_AFTER,
    TRIES_MAX,
    Herald,
    Receipts,
    what_to_tell,
)
from bridge.relay.loops import Step
from bridge.relay.reasons import reason_of
from tests.kit.fake_store import BEGINNING, FakeClock

ROOM = RoomId("!room")
SOURCE = MessageRef("$said")
PORTAL = Portal(
    id=PortalId(1),
    place=Place(tenant=TenantId("tenant"), conversation=ConversationId("19:chat")),
    room=ROOM,
)
MARIA = Person(id="@maria:here", name="Maria")
SECOND = timedelta(seconds=1)


def sent(part: int = 0, parts: int = 1) -> MessageSent:
    return MessageSent(
        author=MARIA,
        version=Version(""),
        sent_at=BEGINNING,
        body=from_text("hello"),
        part=part,
        parts=parts,
    )


TARGET = MessageRef("$target")
REACTED = ReactionAdded(
    target=TARGET, author=MARIA, key="👍", version=Version("1"), sent_at=BEGINNING
)
CHANGES: tuple[tuple[Event, Deed], ...] = (
    (REACTED, Deed.REACTION),
    (
        ReactionRemoved(
            target=TARGET, author=MARIA, key="👍", version=Version("1"), sent_at=BEGINNING
        ),
        Deed.UNREACTION,
    ),
    (
        MessageDeleted(target=TARGET, author=MARIA, version=Version("1"), sent_at=BEGINNING),
        Deed.DELETION,
    ),
    (
        MessageEdited(
            target=TARGET,
            author=MARIA,
            version=Version("1"),
            sent_at=BEGINNING,
            body=from_text("hello!"),
        ),
        Deed.EDIT,
    ),
)


def undelivered(**facts: object) -> Undelivered:
    given: dict[str, object] = {
        "id": DeliveryId(1),
        "portal": PORTAL.id,
        "room": ROOM,
        "source": SOURCE,
        "slot": "",
        "event": sent(),
        "raw": b"",
        "error": "Graph cannot be reached",
        "is_parked": False,
        "created_at": BEGINNING,
        "told": None,
    }
    return Undelivered(**(given | facts))  # type: ignore[arg-type]


def delivery(event: Event | None = None, **facts: object) -> Delivery:
    given: dict[str, object] = {
        "id": DeliveryId(1),
        "portal": PORTAL,
        "target": Side.TEAMS,
        "source": SOURCE,
        "speaker": "maria",
        "event": event or sent(),
        "attempts": 1,
        "resumed": False,
        "created_at": BEGINNING,
        "told": True,
    }
    return Delivery(**(given | facts))  # type: ignore[arg-type]


@dataclass
class Book(TidingsBook):
    """Holds what has not arrived as a test says."""

    waiting: list[Undelivered] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    marked: list[tuple[MessageRef, Told]] = field(default_factory=list)
    open: set[MessageRef] = field(default_factory=set)

    @override
    async def untold(self, *, waiting_since: datetime, limit: int) -> tuple[Undelivered, ...]:
        return tuple(self.waiting[:limit])

    @override
    async def mark(self, undelivered: Undelivered, told: Told) -> Fate:
        self.marked.append((undelivered.source, told))
        self.waiting = [
            replace(u, told=told) if u.source == undelivered.source else u for u in self.waiting
        ]
        return self.fates.pop(0) if self.fates else Fate.RESTING

    @override
    async def is_open(self, portal: PortalId, source: MessageRef, slot: str) -> bool:
        return source in self.open


@dataclass
class Voice(Announcer):
    """Remembers what was said, or cannot say it."""

    errors: list[RemoteError] = field(default_factory=list)
    told: list[Tidings] = field(default_factory=list)
    corrected: list[Subject] = field(default_factory=list)
    read_up_to: list[tuple[RoomId, MessageRef]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    @override
    def subject_of(self, room: RoomId, raw: bytes) -> Subject | None:
        if not raw:
            return None
        return Subject(
            room=room,
            source=SOURCE,
            slot="",
            deed=Deed.MESSAGE,
            sender=UserId(raw.decode()),
            shown=SOURCE,
        )

    @override
    async def tell(self, tidings: Tidings) -> None:
        self._fail()
        self.told.append(tidings)

    @override
    async def correct(self, subject: Subject) -> None:
        self._fail()
        self.corrected.append(subject)

    @override
    async def read(self, room: RoomId, ref: MessageRef) -> None:
        if self.hold is not None:
            await self.hold.wait()
        self._fail()
        self.read_up_to.append((room, ref))


class Scene:
    """A herald, and what it has to do with."""

    def __init__(self, *waiting: Undelivered) -> None:
        self.clock = FakeClock()
        self.clock.advance(TOLD_AFTER)
        self.book = Book(list(waiting))
        self.voice = Voice()
        self.herald = Herald(self.book, self.voice, self.clock)

    def said(self) -> list[tuple[Told, Reason]]:
        return [(tidings.told, tidings.reason) for tidings in self.voice.told]


# --- what is to be told ---


@pytest.mark.parametrize(
    ("waited", "error", "is_parked", "told", "wanted"),
    [
        (TOLD_AFTER - SECOND, "away", False, None, None),
        (TOLD_AFTER, "away", False, None, Told.WAITING),
        (TOLD_AFTER, "", False, None, None),
        (TOLD_AFTER, "away", False, Told.WAITING, None),
        (timedelta(), "refused", True, None, Told.PARKED),
        (timedelta(), "refused", True, Told.WAITING, Told.PARKED),
        (timedelta(), "refused", True, Told.PARKED, None),
        (timedelta(days=9), "away", False, Told.PARKED, None),
    ],
)
def test_what_to_tell(
    waited: timedelta, error: str, is_parked: bool, told: Told | None, wanted: Told | None
) -> None:
    one = undelivered(error=error, is_parked=is_parked, told=told)

    assert what_to_tell(one, BEGINNING + waited) is wanted


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        ("the sign-in was revoked or is not for this app: sign in again (AADSTS70000)", "sign_in"),
        ("Microsoft wants this person to sign in again (interaction_required)", "sign_in"),
        ("nobody is signed in as the Teams user 1-2: they must sign in again", "sign_in"),
        ("the password was changed or the sign-ins were revoked: sign in again", "sign_in"),
        ("the client secret has expired: make a new one in Entra > App", "administrator"),
        ("the tenant is unknown to Microsoft's sign-in: check teams.tenant_id", "administrator"),
        ("post: Graph answers 403 Forbidden: Missing scope permissions", "administrator"),
        ("Teams finds the message too large", "too_large"),
        ("Teams does not let this account write here: it is no longer in the chat", "not_allowed"),
        ("the Teams chat no longer exists, or this account is not in it", "gone"),
        ("patch: Graph answers 404 NotFound", "gone"),
        ("what it refers to has not crossed", "target_missing"),
        ("post: Graph answers 429 TooManyRequests", "busy"),
        ("post: Graph answers 503", "away"),
        ("post was broken off (ServerDisconnectedError)", "away"),
        ("Microsoft's sign-in cannot be reached (ConnectionError)", "away"),
        ("gave up after 12 attempts: post: Graph answers 500", "unclear"),
        ("what its author did there before waits until they sign in again", "sign_in"),
        ("message 7 was edited or deleted in Teams: it may have been this one", "unclear"),
        ("messages 7, 8 were edited or deleted in Teams: it may have been one of them", "unclear"),
        ("bug: KeyError('body')", "bug"),
        ("post: Graph answers 400 BadRequest: the body is odd", "refused"),
    ],
)
def test_why_it_was_parked(error: str, wanted: str) -> None:
    assert reason_of(error, is_parked=True, is_entry=False) is Reason(wanted)


def test_what_nobody_knows_the_reason_of_has_one_all_the_same() -> None:
    assert reason_of("hm", is_parked=True, is_entry=True) is Reason.UNREADABLE
    assert reason_of("hm", is_parked=True, is_entry=False) is Reason.REFUSED
    assert reason_of("hm", is_parked=False, is_entry=False) is Reason.AWAY


# --- telling ---


async def test_who_waits_is_told_once_and_again_when_it_is_parked() -> None:
    scene = Scene(undelivered())

    await scene.herald.step()
    await scene.herald.step()
    assert scene.said() == [(Told.WAITING, Reason.AWAY)]

    (one,) = scene.book.waiting
    scene.book.waiting = [replace(one, is_parked=True, error="Teams finds the message too large")]
    await scene.herald.step()
    await scene.herald.step()
    assert scene.said()[1:] == [(Told.PARKED, Reason.TOO_LARGE)]
    assert scene.book.marked == [(SOURCE, Told.WAITING), (SOURCE, Told.PARKED)]


async def test_a_message_of_several_parts_is_told_once() -> None:
    parts = [undelivered(id=DeliveryId(n), event=sent(n, 3), is_parked=True) for n in range(3)]
    scene = Scene(*parts)

    await scene.herald.step()
    await scene.herald.step()

    assert len(scene.voice.told) == 1


async def test_an_entry_that_nobody_could_read_is_told_to_who_wrote_it() -> None:
    entry = undelivered(
        id=EntryId(7), portal=None, event=None, raw=b"@maria:here", error="hm", is_parked=True
    )
    scene = Scene(entry)

    await scene.herald.step()

    (tidings,) = scene.voice.told
    assert (tidings.subject.sender, tidings.reason) == ("@maria:here", Reason.UNREADABLE)


async def test_what_nobody_wrote_is_marked_and_not_told() -> None:
    scene = Scene(undelivered(portal=None, event=None, raw=b"", is_parked=True))

    await scene.herald.step()

    assert scene.voice.told == []
    assert scene.book.marked == [(SOURCE, Told.PARKED)]


@pytest.mark.parametrize(("event", "deed"), CHANGES)
async def test_a_change_is_told_at_the_message_that_it_changes(event: Event, deed: Deed) -> None:
    scene = Scene(undelivered(event=event, slot=event.slot, is_parked=True))

    await scene.herald.step()

    (tidings,) = scene.voice.told
    assert (tidings.subject.deed, tidings.subject.shown) == (deed, TARGET)
    assert tidings.subject.source == SOURCE


async def test_while_the_homeserver_is_away_nothing_counts_as_told() -> None:
    scene = Scene(undelivered())
    scene.voice.errors = [Unavailable("gone")] * (TRIES_MAX + 1)

    for _ in range(TRIES_MAX + 1):
        async with asyncio.TaskGroup() as tasks:
            step = tasks.create_task(scene.herald.step())
            while not scene.clock._sleepers:
                await asyncio.tasks.sleep(0)
            scene.clock.advance(HOMESERVER_AWAY_WAIT)
        assert step.result() is Step.SOME
    await scene.herald.step()

    assert len(scene.voice.told) == 1


@pytest.mark.parametrize(
    "errors", [[Rejected("shown out")], [Uncertain("no answer")] * TRIES_MAX], ids=["at once", "5"]
)
async def test_who_cannot_be_told_does_not_keep_the_others(errors: Sequence[RemoteError]) -> None:
    other = undelivered(id=DeliveryId(2), source=MessageRef("$other"))
    scene = Scene(undelivered(), other)

    for error in errors:
        scene.voice.errors = [error]
        assert await scene.herald.step() is Step.ALL
    await scene.herald.step()

    assert [tidings.subject.source for tidings in scene.voice.told] == ["$other"]
    assert (SOURCE, Told.WAITING) in scene.book.marked


# --- what arrives after all ---


async def test_what_arrives_after_it_was_told_is_corrected_once() -> None:
    scene = Scene()

    scene.herald.arrived(delivery())
    scene.herald.arrived(delivery(told=False, source=MessageRef("$quick")))
    await scene.herald.step()
    await scene.herald.step()

    assert [subject.source for subject in scene.voice.corrected] == [SOURCE]


async def test_a_message_is_corrected_when_its_last_part_is_there() -> None:
    scene = Scene()
    scene.book.open = {SOURCE}
    scene.herald.arrived(delivery(sent(0, 2)))
    await scene.herald.step()
    assert scene.voice.corrected == []

    scene.book.open = set()
    scene.herald.arrived(delivery(sent(1, 2)))
    await scene.herald.step()

    assert len(scene.voice.corrected) == 1


async def test_a_correction_waits_for_a_homeserver_that_stumbles() -> None:
    scene = Scene()
    scene.voice.errors = [Uncertain("no answer")]
    scene.herald.arrived(delivery())

    await scene.herald.step()
    assert scene.voice.corrected == []
    await scene.herald.step()

    assert len(scene.voice.corrected) == 1


@pytest.mark.parametrize("fates", [[Fate.ARRIVED], [Fate.UNDER_WAY, Fate.ARRIVED]])
async def test_what_arrives_while_its_sender_is_told_is_corrected(fates: list[Fate]) -> None:
    scene = Scene(undelivered())
    scene.book.fates = fates

    for _ in range(3):
        await scene.herald.step()

    assert len(scene.voice.told) == 1
    assert len(scene.voice.corrected) == 1


async def test_what_was_under_way_and_rests_again_is_left_to_whoever_takes_it_up() -> None:
    scene = Scene(undelivered())
    scene.book.fates = [Fate.UNDER_WAY, Fate.RESTING]

    for _ in range(3):
        await scene.herald.step()

    assert len(scene.book.marked) == 2
    assert scene.voice.corrected == []


# --- receipts ---


def receipts() -> tuple[Receipts, Voice]:
    voice = Voice()
    return Receipts(voice, FakeClock()), voice


async def test_the_newest_of_a_room_is_shown_as_read() -> None:
    scene = Scene()
    for ref in ("$1", "$2", "$3"):
        scene.herald.arrived(delivery(source=MessageRef(ref), told=False))

    assert scene.herald.receipts.bell.is_set()
    await scene.herald.receipts.step()

    assert scene.voice.read_up_to == [(ROOM, "$3")]


async def test_only_whole_messages_toward_teams_are_shown_as_read() -> None:
    scene = Scene()
    for one in (
        delivery(sent(0, 2)),
        delivery(REACTED),
        delivery(target=Side.MATRIX),
        delivery(portal=replace(PORTAL, room=None)),
    ):
        scene.herald.arrived(one)

    await scene.herald.receipts.step()

    assert scene.voice.read_up_to == []


async def test_a_room_has_one_receipt_under_way_at_a_time() -> None:
    loop, voice = receipts()
    voice.hold = asyncio.Event()
    loop.note(ROOM, MessageRef("$1"))
    async with asyncio.TaskGroup() as tasks:
        step = tasks.create_task(loop.step())
        await asyncio.tasks.sleep(0)
        loop.note(ROOM, MessageRef("$2"))
        loop.note(ROOM, MessageRef("$3"))
        assert not step.done()
        voice.hold.set()

    assert voice.read_up_to == [(ROOM, "$1")]
    await loop.step()
    assert voice.read_up_to == [(ROOM, "$1"), (ROOM, "$3")]


async def test_a_receipt_that_fails_is_not_repeated() -> None:
    loop, voice = receipts()
    voice.errors = [Unavailable("gone")]
    loop.note(ROOM, MessageRef("$1"))

    assert await loop.step() is Step.ALL
    await loop.step()

    assert voice.read_up_to == []


async def test_a_flood_of_rooms_is_bounded() -> None:
    loop, voice = receipts()
    for n in range(ROOMS_MAX + 5):
        loop.note(RoomId(f"!{n}"), MessageRef("$1"))

    assert await loop.step() is Step.SOME
    assert len(voice.read_up_to) == RECEIPTS_IN_FLIGHT_MAX
    assert voice.read_up_to[0][0] == "!5"
