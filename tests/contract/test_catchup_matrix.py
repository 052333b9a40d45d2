"""What Synapse never pushed is found by looking: the bot's own /sync on a real homeserver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from typing_extensions import override

from bridge.domain.ids import RoomId, Side
from bridge.errors import StoreUnavailable, Unavailable, Uncertain
from bridge.matrix.appservice import Reader
from bridge.matrix.catchup import EVERY, SCOPE, SyncCatchUp
from bridge.matrix.connection import ASKING_MAX, PART as HOMESERVER
from bridge.matrix.feed import TIMELINE_EVENTS_MAX, Feed
from bridge.matrix.ghosts import DEVICE, Devices
from bridge.matrix.paths import Method, Path as ApiPath
from bridge.matrix.registration import registration_yaml
from bridge.ports import CursorBook, NewEntry
from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.processes import reserve_port
from bridge.telemetry import CAUGHT_UP
from tests.contract.test_endpoint_matrix import (
    Human,
    World,
    announce_once,
    at,
    config_of,
    delivery,
    pushed,
    world_of,
)
from tests.kit.fake_journal import FakeJournal, FakeStore
from tests.kit.world import MatrixUser, Slot
from tests.unit.matrix.books import StillClock

WITHIN = 30.0
"""Seconds."""


class Cursors(CursorBook):
    """Forgets with the test."""

    def __init__(self) -> None:
        self.values: dict[tuple[Side, str], str] = {}

    @override
    async def cursor(self, side: Side, scope: str) -> str | None:
        return self.values.get((side, scope))

    @override
    async def move(self, side: Side, scope: str, value: str) -> None:
        self.values[side, scope] = value


class RealClock(StillClock):
    """Homeservers stamp events with the real time; sleeping lasts until the test lets it end."""

    def __init__(self) -> None:
        super().__init__(instant=datetime.fromtimestamp(0, UTC))
        self.asleep: asyncio.Queue[timedelta] = asyncio.Queue()
        self.wake = asyncio.Event()

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - what Synapse goes by, too

    @override
    async def sleep(self, duration: timedelta) -> None:
        self.asleep.put_nowait(duration)
        await self.wake.wait()


@dataclass
class Watcher:
    """A world, and what catching up brings into it."""

    world: World
    store: FakeStore = field(default_factory=FakeStore)
    cursors: Cursors = field(default_factory=Cursors)
    clock: RealClock = field(default_factory=RealClock)
    failing: bool = False

    def __post_init__(self) -> None:
        world = self.world
        self.devices = Devices(world.client)
        self.devices.supported = True
        self.journal = FakeJournal(self.store, self.clock, moment=self.moment)
        self.catchup = SyncCatchUp(
            Feed(world.client, self.devices, world.names),
            Reader(world.names),
            self.journal,
            self.cursors,
            clock=self.clock,
            watch=world.watch,
        )

    async def moment(self, name: str) -> None:
        if self.failing and name == "append_entries":
            raise StoreUnavailable("gone")

    @property
    def entries(self) -> list[NewEntry]:
        return [stored.new for stored in self.store.inbox.values()]

    @property
    def keys(self) -> list[str]:
        return [entry.key for entry in self.entries]

    @property
    def cursor(self) -> str:
        return self.cursors.values[Side.MATRIX, SCOPE]


@pytest.fixture
async def watcher(slot: Slot) -> AsyncIterator[Watcher]:
    async with world_of(config_of(slot)) as world:
        await world.bot.prepare()
        yield Watcher(world)


@pytest.fixture
async def alice(slot: Slot) -> AsyncIterator[Human]:
    async with Human.of(slot.homeserver, slot.register("alice")) as human:
        yield human


async def portal(world: World, human: Human) -> RoomId:
    """The portal's room, with a person in it."""
    room = await world.rooms.ensure(delivery("x").portal)
    await world.rooms.invite(human.id, room)
    await human.call("POST", f"/rooms/{room}/join", {})
    return room


async def say(human: Human, room: RoomId, *texts: str) -> list[str]:
    return [
        await put(human, room, "send/m.room.message", {"msgtype": "m.text", "body": text}, text)
        for text in texts
    ]


async def put(human: Human, room: RoomId, what: str, content: object, name: str) -> str:
    answer = await human.call("PUT", f"/rooms/{room}/{what}/{name}", content)
    return str(answer["event_id"])


# --- what is found --------------------------------------------------------------------------------


async def test_what_was_said_before_the_first_look_is_not_ours(
    watcher: Watcher, alice: Human
) -> None:
    room = await portal(watcher.world, alice)
    await say(alice, room, "before")

    assert await watcher.catchup.step() == 0
    after = await say(alice, room, "after")

    assert await watcher.catchup.step() == 1
    assert await watcher.catchup.step() == 0
    assert watcher.keys == after


async def test_what_is_found_is_what_would_have_been_pushed(
    watcher: Watcher, alice: Human, slot: Slot
) -> None:
    async with pushed(slot) as bodies:
        await announce_once(watcher.world)
        room = await portal(watcher.world, alice)
        await watcher.catchup.step()
        [ref] = await say(alice, room, "hello")
        key = {"rel_type": "m.annotation", "event_id": ref, "key": "👍"}
        liked = await put(alice, room, "send/m.reaction", {"m.relates_to": key}, "2")
        gone = await put(alice, room, f"redact/{liked}", {}, "3")
        by_push: dict[str, NewEntry] = {}
        async with asyncio.timeout(WITHIN):
            while gone not in by_push:
                entries, _, _ = Reader(watcher.world.names).entries_of(
                    await bodies.get(), watcher.clock.now()
                )
                by_push |= {entry.key: entry for entry in entries}
        before = CAUGHT_UP.labels("matrix")._value.get()
        await watcher.catchup.step()

    assert watcher.keys == [ref, liked, gone] == list(by_push)
    assert CAUGHT_UP.labels("matrix")._value.get() == before + 3
    for found in watcher.entries:
        same = by_push[found.key]
        assert (found.conversation, found.position) == (same.conversation, same.position)
        assert (found.due_at, found.found) == (same.due_at, True)
        ours, theirs = orjson.loads(found.raw), orjson.loads(same.raw)
        assert {name: theirs.get(name) for name in ours if name != "content"} == {
            name: value for name, value in ours.items() if name != "content"
        }
        # The reaction was taken back before anybody looked.
        assert ours["content"] == ({} if found.key == liked else theirs["content"])


async def test_what_was_pushed_and_read_already_is_not_found_again(
    watcher: Watcher, alice: Human
) -> None:
    room = await portal(watcher.world, alice)
    await watcher.catchup.step()
    first, second = await say(alice, room, "first", "second")
    watcher.store.taken_in.add(first)

    assert await watcher.catchup.step() == 1
    assert watcher.keys == [second]


async def test_what_we_say_ourselves_is_no_news(watcher: Watcher, alice: Human) -> None:
    room = await portal(watcher.world, alice)
    await watcher.catchup.step()
    await watcher.world.say(delivery("of a ghost"))
    await watcher.world.bot.notice(room, "of the bot", key="k")

    assert await watcher.catchup.step() == 0


async def test_more_than_a_timeline_holds_is_found_in_order(watcher: Watcher, alice: Human) -> None:
    room = await portal(watcher.world, alice)
    await say(alice, room, "before")
    await watcher.catchup.step()
    said = await say(alice, room, *(f"message {number}" for number in range(150)))
    assert len(said) > TIMELINE_EVENTS_MAX

    assert await watcher.catchup.step() == 150
    assert watcher.keys == said


async def test_an_answer_that_was_cut_down_loses_nothing(watcher: Watcher, alice: Human) -> None:
    room = await portal(watcher.world, alice)
    await watcher.catchup.step()
    said = await say(alice, room, *(f"message {number}" for number in range(7)))
    await watcher.world.say(delivery("between them"))
    said += await say(alice, room, "the last")
    watcher.catchup._events_max = 1

    await watcher.catchup.step()

    assert watcher.keys == said


async def test_rooms_do_not_mix(watcher: Watcher, alice: Human) -> None:
    rooms = [await portal(watcher.world, alice)]
    for _ in range(3):
        room = await alice.room_with(watcher.world.bot.user)
        await watcher.world.client.join(room)
        rooms.append(room)
    await watcher.catchup.step()
    said: dict[str, list[str]] = {room: [] for room in rooms}
    for number in range(5):
        for room in rooms:
            said[room] += await say(alice, room, f"{number}")

    await watcher.catchup.step()

    assert {
        room: [entry.key for entry in watcher.entries if entry.conversation == room]
        for room in rooms
    } == said


async def test_an_invitation_is_found(watcher: Watcher, alice: Human) -> None:
    await watcher.catchup.step()
    room = await alice.room_with(watcher.world.bot.user)

    assert await watcher.catchup.step() == 1
    assert await watcher.catchup.step() == 0

    [entry] = watcher.entries
    event = orjson.loads(entry.raw)
    assert entry.conversation == room
    assert (event["sender"], event["content"]["membership"]) == (alice.id, "invite")


async def test_what_was_said_before_the_bot_was_shown_out_is_found(
    watcher: Watcher, alice: Human
) -> None:
    room = await alice.room_with(watcher.world.bot.user)
    await watcher.world.client.join(room)
    await watcher.catchup.step()
    said = await say(alice, room, *(f"{number}" for number in range(3)))
    await alice.call("POST", f"/rooms/{room}/kick", {"user_id": watcher.world.bot.user})
    await say(alice, room, "without it")
    watcher.catchup._events_max = 1

    await watcher.catchup.step()

    assert watcher.keys == said


# --- what the homeserver forgets ------------------------------------------------------------------


async def test_the_device_of_the_bot_is_made_again_when_it_was_deleted(
    watcher: Watcher, alice: Human
) -> None:
    room = await portal(watcher.world, alice)
    await watcher.catchup.step()
    client = watcher.world.client
    await client.call(Method.DELETE, ApiPath.v3.devices[DEVICE])
    said = await say(alice, room, "hello")

    await watcher.catchup.step()

    assert watcher.keys == said
    assert await client.whoami(client.bot, DEVICE) == DEVICE


async def test_without_devices_it_is_asked_all_the_same(watcher: Watcher, alice: Human) -> None:
    watcher.devices.supported = False
    room = await portal(watcher.world, alice)
    await watcher.catchup.step()
    said = await say(alice, room, "hello")

    await watcher.catchup.step()

    assert watcher.keys == said


async def test_where_the_cursor_is_not_known_any_more_every_room_is_read_back(
    watcher: Watcher, alice: Human
) -> None:
    room = await portal(watcher.world, alice)
    await watcher.catchup.step()
    said = await say(alice, room, *(f"{number}" for number in range(130)))
    await watcher.world.say(delivery("said in Teams long ago"))
    said += await say(alice, room, "the last")
    begin, _, _ = watcher.cursor.partition(" ")
    watcher.cursors.values[Side.MATRIX, SCOPE] = f"{begin} nonsense"

    with capture_logs() as lines:
        await watcher.catchup.step()

    assert watcher.keys == said
    assert any("does not know how far" in line["event"] for line in lines)
    assert await watcher.catchup.step() == 0


async def test_reading_back_ends_where_it_was_read_to(watcher: Watcher, alice: Human) -> None:
    room = await portal(watcher.world, alice)
    await say(alice, room, "before")
    later = round((watcher.clock.now() + timedelta(hours=1)).timestamp() * 1000)
    watcher.cursors.values[Side.MATRIX, SCOPE] = f"{later} nonsense"

    assert await watcher.catchup.step() == 0
    assert watcher.cursor.split(" ")[1] != "nonsense"


async def test_a_homeserver_that_dies_with_what_it_had_not_pushed_has_lost_nothing(
    tmp_path: Path,
) -> None:
    """It holds what waits behind an open transaction in its memory only."""
    with reserve_port() as reserved:
        port = reserved.getsockname()[1]
        config = at("http://not.known.yet", "lost.test")
        appservice = replace(config.appservice, address=f"http://127.0.0.1:{port}")
        file = tmp_path / "registration.yaml"
        file.write_text(registration_yaml(replace(config, appservice=appservice)))
        with Homeserver() as homeserver:
            url = await asyncio.to_thread(
                homeserver.start, tmp_path / "hs", server_name="lost.test", registrations=[file]
            )
            token = await asyncio.to_thread(homeserver.register_user, "alice", "secret words")
            user = MatrixUser(id="@alice:lost.test", access_token=token)
            async with (
                Receiver.at(port) as receiver,
                world_of(at(url, "lost.test")) as world,
                Human.of(homeserver, user) as alice,
            ):
                await world.bot.prepare()
                watcher = Watcher(world)
                room = await portal(world, alice)
                await watcher.catchup.step()
                receiver.hanging = True
                said = await say(alice, room, "0")
                async with asyncio.timeout(WITHIN):
                    await receiver.hangs.wait()
                said += await say(alice, room, *(f"{number}" for number in range(1, 7)))
                await asyncio.to_thread(homeserver.kill)
                await asyncio.to_thread(homeserver.restart)

                await insist(watcher)

                assert watcher.keys == said


async def insist(watcher: Watcher) -> None:
    """Connections of before the crash break first."""
    for _ in range(ASKING_MAX):
        with suppress(Uncertain, Unavailable):
            await watcher.catchup.step()
            return


@dataclass
class Receiver:
    """A bridge that takes transactions until it hangs, and then never answers one."""

    hanging: bool = False
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        if self.hanging and request.method == "PUT":
            self.hangs.set()
            await self.over.wait()
        return web.json_response({})

    @classmethod
    @asynccontextmanager
    async def at(cls, port: int) -> AsyncIterator[Receiver]:
        receiver = cls()
        server = web.Application()
        server.add_routes([web.route("*", "/{path:.*}", receiver.take)])
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield receiver
        finally:
            receiver.over.set()
            await runner.cleanup()


# --- when it looks --------------------------------------------------------------------------------


async def test_a_store_that_goes_away_leaves_the_cursor_where_it_was(
    watcher: Watcher, alice: Human
) -> None:
    room = await portal(watcher.world, alice)
    await watcher.catchup.step()
    cursor = watcher.cursor
    said = await say(alice, room, "hello")
    watcher.failing = True
    with pytest.raises(StoreUnavailable):
        await watcher.catchup.step()
    assert watcher.cursor == cursor
    watcher.failing = False

    await watcher.catchup.step()

    assert watcher.keys == said


@asynccontextmanager
async def running(watcher: Watcher) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(WITHIN):
        tasks.create_task(watcher.catchup.run(stop))
        try:
            yield
        finally:
            stop.set()


async def test_it_looks_at_the_start_when_rung_for_and_after_a_while(
    watcher: Watcher, alice: Human
) -> None:
    room = await portal(watcher.world, alice)
    async with running(watcher):
        await watcher.catchup.is_complete.wait()
        await rested(watcher, EVERY)
        said = await say(alice, room, "rung for")
        watcher.catchup.ring()
        await rested(watcher, EVERY)
        assert watcher.keys == said

        said += await say(alice, room, "after a while")
        watcher.clock.wake.set()
        await rested(watcher, EVERY)
        watcher.clock.wake.clear()
        assert watcher.keys == said


async def test_it_looks_when_the_homeserver_is_back(watcher: Watcher, alice: Human) -> None:
    room = await portal(watcher.world, alice)
    async with running(watcher):
        await rested(watcher, EVERY)
        said = await say(alice, room, "while it was away")
        watcher.world.watch.away(HOMESERVER, "gone")
        watcher.world.watch.back(HOMESERVER)
        await rested(watcher, EVERY)

    assert watcher.keys == said


async def test_a_homeserver_that_is_away_is_asked_again_less_and_less_often(slot: Slot) -> None:
    config = config_of(slot)
    with reserve_port() as reserved:
        nobody = f"http://127.0.0.1:{reserved.getsockname()[1]}"
    async with world_of(at(nobody, config.homeserver.domain, config)) as world:
        watcher = Watcher(world)
        waits: list[timedelta] = []
        async with running(watcher):
            for _ in range(9):
                waits.append(await watcher.clock.asleep.get())
                watcher.catchup.ring()

    assert waits[:3] == [timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)]
    assert waits[-1] == timedelta(minutes=1)
    assert not watcher.catchup.is_complete.is_set()


async def rested(watcher: Watcher, duration: timedelta) -> None:
    """Wait until a pass is over, and the next is so far away."""
    assert await watcher.clock.asleep.get() == duration
