"""Reading back what Graph did not notify, on the simulated tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bridge.domain.content import plain_text
from bridge.domain.events import Sighting
from bridge.domain.ids import Side, TenantId
from bridge.errors import StoreUnavailable, Unauthorized, Unavailable
from bridge.ports import NewEntry
from bridge.sandbox.tenant.client import Person as User
from bridge.sandbox.tls import Certificates
from bridge.teams import catchup, history
from bridge.teams.catchup import GAP, LISTENING, READ_AGAIN_AFTER, CatchUp
from bridge.teams.gaps import OVERLAP, STALE_AFTER, Gap, gap_from_text
from bridge.teams.grounds import ChatGround
from bridge.teams.history import Historian
from tests.contract.test_endpoint_teams import World, kept, make_world, step
from tests.unit.teams.books import Cursors, Readings

MINUTE = timedelta(minutes=1)
STEPS_MAX = 60
"""Of a reading; more is a reading that does not end."""


@dataclass
class Scene:
    """A tenant whose notifications come or do not, and what reads back."""

    world: World
    alice: User
    bob: User
    cursors: Cursors = field(default_factory=Cursors)
    readings: Readings = field(default_factory=Readings)
    listening: bool = True
    bells_missed: int = 0

    def catch_up(self) -> CatchUp:
        """A process's own; the books outlive it."""
        side, clock = self.world.side, self.world.clock
        credential = side.auth.for_app()
        return CatchUp(
            tenant=TenantId(self.world.teams.tenant_id),
            historian=Historian(
                graph=side.graph,
                credential=credential,
                clock=clock,
                journal=self.world.links.as_journal(),
            ),
            ground=ChatGround(directory=side.directory),
            reading=self.readings,
            cursors=self.cursors,
            clock=clock,
            watch=self.world.watch,
            is_listening=lambda: self.listening,
            missed_bells=self.miss,
        )

    async def miss(self) -> None:
        self.bells_missed += 1

    async def chat(self, *people: User, portal: bool = True) -> str:
        made = await self.world.tenant.create_chat(
            "group", [one.id for one in (self.alice, self.bob, *people)], topic="Tea"
        )
        if portal:
            self.readings.add(self.world.place(made), self.world.clock.now())
        return made

    async def listened(self) -> CatchUp:
        """Return what has marked that it listens, with nothing to read back."""
        found = self.catch_up()
        await found.mark()
        assert not await found.step()
        return found

    async def was_away(self, by: timedelta = STALE_AFTER + 10 * MINUTE) -> CatchUp:
        """Return the next process's, which knows that it was away."""
        await step(self.world, by)
        found = self.catch_up()
        await found.mark()
        return found

    async def seen(self) -> list[Sighting]:
        """Take in everything that was stored, in the order in which it was."""
        found: list[Sighting] = []
        for new in self.stored():
            entry = replace(self.world.links.claimed(new), found=new.found)
            found += [
                one
                for one in (await self.world.side.endpoint.take_in(entry)).sightings
                if isinstance(one, Sighting)
            ]
        return found

    def stored(self) -> list[NewEntry]:
        queue = self.world.links.entries
        return [queue.get_nowait() for _ in range(queue.qsize())]

    async def asked(self, begin: str, since: int = 0) -> list[str]:
        """The calls whose path begins so, of the tenant's record."""
        requests = (await self.world.tenant.requests())[since:]
        return [str(one["path"]) for one in requests if str(one["path"]).startswith(begin)]

    def gap_kept(self) -> Gap | None:
        return gap_from_text(self.cursors.kept.get((Side.TEAMS, GAP)))


@pytest.fixture
async def scene(certificates: Certificates) -> AsyncIterator[Scene]:
    async with make_world(certificates) as world:
        alice, bob = await world.tenant.add_users("Alice", "Bob")
        yield Scene(world, alice, bob)


async def read_all(catch_up: CatchUp) -> None:
    for _ in range(STEPS_MAX):
        if not await catch_up.step():
            return
    raise AssertionError("the reading does not end")


def words(seen: list[Sighting]) -> list[str]:
    return [plain_text(one.body) for one in seen]


# --- what is found ----------------------------------------------------------------------------


async def test_what_was_never_notified_is_found_in_the_order_of_its_making(scene: Scene) -> None:
    chat = await scene.chat()
    await scene.listened()
    for number in range(3):
        await scene.world.tenant.type(chat, scene.bob.id, f"<p>lost {number}</p>")
    catch_up = await scene.was_away()
    await read_all(catch_up)

    entries = scene.stored()
    assert all(entry.found for entry in entries)
    assert [entry.position for entry in entries] == sorted(entry.position for entry in entries)
    for entry in entries:
        scene.world.links.entries.put_nowait(entry)
    seen = await scene.seen()
    assert words(seen) == ["lost 0", "lost 1", "lost 2"]
    assert {one.origin for one in seen} == {scene.world.place(chat)}
    assert {one.author.name for one in seen} == {"Bob"}
    assert scene.gap_kept() is None


async def test_it_stands_in_line_with_what_was_notified(scene: Scene) -> None:
    chat = await scene.chat()
    async with kept(scene.world):
        await scene.world.tenant.type(chat, scene.bob.id, "<p>hello</p>")
        notified = await asyncio.wait_for(scene.world.links.entries.get(), 10)
    catch_up = await scene.listened()
    catch_up.ring(scene.world.clock.now() - MINUTE)
    await catch_up.mark()
    await read_all(catch_up)
    (found,) = scene.stored()
    assert (found.conversation, found.position) == (notified.conversation, notified.position)
    assert found.key != notified.key


async def test_edits_deletions_and_reactions_of_meanwhile_are_found(scene: Scene) -> None:
    chat = await scene.chat()
    tenant = scene.world.tenant
    old = [await tenant.type(chat, scene.bob.id, f"<p>old {n}</p>") for n in range(4)]
    await step(scene.world, timedelta(hours=2))
    await scene.listened()
    await step(scene.world, OVERLAP)
    await tenant.edit(chat, old[0], "<p>edited</p>")
    await tenant.delete(chat, old[1])
    await tenant.react(chat, old[2], scene.alice.id, "like")
    await read_all(await scene.was_away())

    edited, deleted, reacted = await scene.seen()
    assert (edited.ref, plain_text(edited.body), bool(edited.edited)) == (old[0], "edited", True)
    assert (deleted.ref, deleted.deleted) == (old[1], True)
    assert [(one.person.id, one.key) for one in reacted.reactions or ()] == [(scene.alice.id, "👍")]


async def test_a_chat_that_nobody_has_heard_of_is_found(scene: Scene) -> None:
    await scene.chat()
    old = await scene.chat(portal=False)
    await scene.world.tenant.type(old, scene.bob.id, "<p>long ago</p>")
    await step(scene.world, timedelta(hours=2))
    await scene.listened()
    await step(scene.world, OVERLAP)
    carol = await scene.world.tenant.add_user("Carol")
    new = await scene.chat(carol, portal=False)
    await scene.world.tenant.type(new, carol.id, "<p>first</p>")
    await scene.world.tenant.type(new, carol.id, "<p>second</p>")
    await read_all(await scene.was_away())

    seen = await scene.seen()
    assert words(seen) == ["first", "second"]
    assert {one.origin for one in seen} == {scene.world.place(new)}
    assert len(await scene.asked(f"/v1.0/chats/{new}/messages")) <= 1


async def test_of_a_users_chats_only_the_first_that_are_younger_are_listed(scene: Scene) -> None:
    for _ in range(60):
        quiet = await scene.chat(portal=False)
        await scene.world.tenant.type(quiet, scene.bob.id, "x")
    await step(scene.world, timedelta(hours=2))
    await scene.listened()
    await read_all(await scene.was_away())
    lists = [path for path in await scene.asked("/v1.0/users/") if path.endswith("/chats")]
    assert len(lists) == 2, "one page for each user"
    assert scene.stored() == []


async def test_whoever_has_no_chats_of_their_own_stops_nobody(scene: Scene) -> None:
    chat = await scene.chat(portal=False)
    await scene.listened()
    await scene.world.tenant.type(chat, scene.bob.id, "<p>hello</p>")
    await scene.world.tenant.add_fault(f"/users/{scene.alice.id}/chats", status=404)
    await read_all(await scene.was_away())
    assert words(await scene.seen()) == ["hello"]
    assert scene.gap_kept() is None


# --- since when -------------------------------------------------------------------------------


async def test_before_anybody_has_listened_nothing_was_missed(scene: Scene) -> None:
    chat = await scene.chat()
    await scene.world.tenant.type(chat, scene.bob.id, "history")
    scene.listening = False
    catch_up = await scene.listened()
    assert scene.cursors.moves == []
    scene.listening = True
    await catch_up.mark()
    assert [scope for scope, _ in scene.cursors.moves] == [LISTENING]
    assert scene.stored() == []


async def test_while_it_listens_the_mark_moves_and_else_it_stays(scene: Scene) -> None:
    catch_up = await scene.listened()
    marks = []
    for listening in (True, False, False):
        scene.listening = listening
        await step(scene.world, MINUTE / 2)
        await catch_up.mark()
        marks.append(scene.cursors.kept[Side.TEAMS, LISTENING])
    assert marks[0] != scene.cursors.moves[0][1]
    assert marks[0] == marks[1] == marks[2]
    assert scene.gap_kept() is None


async def test_a_mark_that_is_too_old_is_a_gap_though_nobody_has_rung(scene: Scene) -> None:
    catch_up = await scene.listened()
    mark = datetime.fromisoformat(scene.cursors.kept[Side.TEAMS, LISTENING])
    await step(scene.world, STALE_AFTER + MINUTE)
    await catch_up.mark()
    gap = gap_from_text(scene.cursors.moves[-2][1])
    assert gap is not None
    assert gap.since == mark - OVERLAP
    assert scene.cursors.moves[-1][0] == LISTENING, "the mark moves when the gap is safe"


async def test_whoever_rings_says_since_when_or_means_the_mark(scene: Scene) -> None:
    catch_up = await scene.listened()
    mark = datetime.fromisoformat(scene.cursors.kept[Side.TEAMS, LISTENING])
    catch_up.ring()
    await catch_up.mark()
    first = gap_from_text(scene.cursors.kept[Side.TEAMS, GAP])
    long_ago = mark - timedelta(days=1)
    catch_up.ring(long_ago)
    catch_up.ring()
    await catch_up.mark()
    second = gap_from_text(scene.cursors.kept[Side.TEAMS, GAP])
    assert first is not None
    assert second is not None
    assert first.since == mark - OVERLAP
    assert second.since == long_ago


async def test_a_ring_is_not_forgotten_while_postgres_is_away(scene: Scene) -> None:
    catch_up = await scene.listened()
    catch_up.ring(scene.world.clock.now() - MINUTE)
    scene.cursors.away = True
    with pytest.raises(StoreUnavailable):
        await catch_up.mark()
    scene.cursors.away = False
    await catch_up.mark()
    assert scene.gap_kept() is not None


async def test_what_was_read_is_noted_and_only_as_far_as_it_was(scene: Scene) -> None:
    chat, other = await scene.chat(), await scene.chat()
    place, untouched = scene.world.place(chat), scene.world.place(other)
    behind = scene.world.clock.now() - timedelta(days=3)
    await scene.listened()
    scene.readings.portals[1] = replace(scene.readings.portals[1], read_until=behind)
    catch_up = await scene.was_away()
    begun = scene.world.clock.now()
    for _ in range(4):
        await catch_up.step()
        if scene.gap_kept() is None:
            break
    assert begun <= scene.readings.until(place) <= scene.world.clock.now()
    assert scene.readings.until(untouched) == behind, "what lies before the gap is still unread"


# --- a lot to read ----------------------------------------------------------------------------


async def test_a_chat_with_too_much_to_hold_is_read_in_windows(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MESSAGES_MAX", 100)
    chat = await scene.chat()
    await scene.listened()
    noise: list[dict[str, object]] = [
        {"user": scene.bob.id, "content": f"<p>{n}</p>"} for n in range(330)
    ]
    refs = await scene.world.tenant.type_many(chat, noise)
    await scene.world.tenant.edit(chat, refs[0], "<p>edited</p>")
    await read_all(await scene.was_away())
    entries = scene.stored()
    assert len({entry.key for entry in entries}) == len(entries) == 330
    positions = [entry.position for entry in entries]
    positions.remove(int(refs[0]))
    assert positions == sorted(positions), "all that was not changed later is in order"


async def test_a_list_that_graph_has_no_time_for_is_waited_for(scene: Scene) -> None:
    chat = await scene.chat()
    await scene.listened()
    noise: list[dict[str, object]] = [
        {"user": scene.bob.id, "content": f"<p>{n}</p>"} for n in range(120)
    ]
    await scene.world.tenant.type_many(chat, noise)
    catch_up = await scene.was_away()
    await scene.world.tenant.add_fault(
        "/messages", method="GET", status=429, times=2, retry_after_seconds=1
    )
    await read_all(catch_up)
    assert words(await scene.seen()) == [str(n) for n in range(120)]
    lists = [path for path in await scene.asked("/v1.0/chats/") if "/messages" in path]
    assert len(lists) == 3 + 2, "three pages, two refusals"


async def test_who_is_killed_in_the_middle_is_followed_by_one_who_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "BATCH", 2)
    chats = [await scene.chat() for _ in range(5)]
    await scene.listened()
    for number, chat in enumerate(chats):
        await scene.world.tenant.type(chat, scene.bob.id, f"<p>{number}</p>")
    killed = await scene.was_away()
    assert await killed.step()
    assert words(await scene.seen()) == ["0", "1"]
    before = len(await scene.world.tenant.requests())

    next_one = scene.catch_up()
    await next_one.mark()
    assert await next_one.step()
    assert words(await scene.seen()) == ["2", "3"], "who waited longest comes first"
    await read_all(next_one)
    assert words(await scene.seen()) == ["4"]
    assert scene.gap_kept() is None
    lists = [path for path in await scene.asked("/v1.0/chats/", before) if "/messages" in path]
    assert len(lists) == len(chats), "those that were read before may have gone on meanwhile"


# --- what goes wrong --------------------------------------------------------------------------


async def test_a_chat_that_is_gone_holds_nothing_up(scene: Scene) -> None:
    gone = scene.world.place("19:nowhere@thread.v2")
    scene.readings.add(gone, scene.world.clock.now())
    chat = await scene.chat()
    await scene.listened()
    await scene.world.tenant.type(chat, scene.bob.id, "<p>hello</p>")
    with capture_logs() as logs:
        await read_all(await scene.was_away())
    assert words(await scene.seen()) == ["hello"]
    assert [line["status"] for line in logs if line["event"] == "conversation gone"] == [404]
    assert scene.gap_kept() is None


async def test_a_chat_that_cannot_be_read_is_tried_again_until_it_can(scene: Scene) -> None:
    bad, good = await scene.chat(), await scene.chat()
    await scene.listened()
    for chat in (bad, good):
        await scene.world.tenant.type(chat, scene.bob.id, f"<p>{chat}</p>")
    catch_up = await scene.was_away()
    code = bad.split(":")[1].split("@")[0]
    await scene.world.tenant.add_fault(f"{code}.*/messages", method="GET", status=500, times=2)
    await read_all(catch_up)
    assert words(await scene.seen()) == [good]
    assert scene.gap_kept() is not None
    assert scene.readings.until(scene.world.place(bad)) < scene.readings.until(
        scene.world.place(good)
    )
    await step(scene.world, READ_AGAIN_AFTER)
    await read_all(catch_up)
    assert words(await scene.seen()) == [bad]
    assert scene.gap_kept() is None


async def test_while_graph_is_away_nothing_is_skipped(scene: Scene) -> None:
    chat = await scene.chat()
    await scene.listened()
    await scene.world.tenant.type(chat, scene.bob.id, "<p>hello</p>")
    catch_up = await scene.was_away()
    await scene.world.tenant.set_weather(away="drop")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await catch_up.step()
    await scene.world.tenant.clear_weather()
    await read_all(catch_up)
    assert words(await scene.seen()) == ["hello"]


async def test_without_a_permission_it_waits_for_it(scene: Scene) -> None:
    await scene.listened()
    client = scene.world.teams.client_id
    await scene.world.tenant.change_app(client, application_permissions=["Chat.ReadBasic.All"])
    chat = await scene.chat()
    catch_up = await scene.was_away()
    with pytest.raises(Unauthorized):
        await catch_up.step()
    assert scene.gap_kept() is not None
    await scene.world.tenant.change_app(
        client,
        application_permissions=["Chat.Read.All", "Chat.ReadBasic.All", "User.ReadBasic.All"],
    )
    await scene.world.tenant.type(chat, scene.bob.id, "<p>hello</p>")
    await read_all(catch_up)
    assert words(await scene.seen()) == ["hello"]


# --- once a day -------------------------------------------------------------------------------


async def test_what_was_unread_for_a_day_is_read_though_nothing_was_missed(scene: Scene) -> None:
    chat, young = await scene.chat(), await scene.chat()
    catch_up = await scene.listened()
    for one in (chat, young):
        await scene.world.tenant.type(one, scene.bob.id, f"<p>{one}</p>")
    old = scene.world.clock.now() - timedelta(hours=25)
    scene.readings.portals[0] = replace(scene.readings.portals[0], read_until=old)
    assert not await catch_up.step()
    assert words(await scene.seen()) == [chat]
    assert scene.readings.until(scene.world.place(chat)) > old
    assert not await catch_up.step()
    assert scene.stored() == []


async def test_what_cannot_be_read_today_is_in_nobodys_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "DAILY_BATCH", 1)
    bad, good = await scene.chat(), await scene.chat()
    catch_up = await scene.listened()
    old = scene.world.clock.now() - timedelta(hours=26)
    scene.readings.portals[0] = replace(scene.readings.portals[0], read_until=old)
    scene.readings.portals[1] = replace(scene.readings.portals[1], read_until=old + MINUTE)
    code = bad.split(":")[1].split("@")[0]
    await scene.world.tenant.add_fault(f"{code}.*/messages", method="GET", status=500, times=1)
    await read_all(catch_up)
    assert scene.readings.until(scene.world.place(bad)) == old
    assert scene.readings.until(scene.world.place(good)) > old + MINUTE
    await step(scene.world, READ_AGAIN_AFTER)
    await read_all(catch_up)
    assert scene.readings.until(scene.world.place(bad)) > old


# --- the loop ---------------------------------------------------------------------------------


async def test_it_runs_until_it_is_told_to_stop(scene: Scene) -> None:
    chat = await scene.chat()
    await scene.listened()
    await scene.world.tenant.type(chat, scene.bob.id, "<p>while away</p>")
    await step(scene.world, STALE_AFTER + MINUTE)
    catch_up, stop = scene.catch_up(), asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(catch_up.run(stop))
        await scene.world.links.entries.get()
        while scene.gap_kept() is not None:
            await scene.world.tenant.pending()
        await scene.world.tenant.type(chat, scene.bob.id, "<p>later</p>")
        catch_up.ring()
        found = await scene.world.links.entries.get()
        while scene.gap_kept() is not None:
            await scene.world.tenant.pending()
        stop.set()
    assert found.found


async def test_it_runs_on_through_an_outage_of_graph_and_of_postgres(scene: Scene) -> None:
    chat = await scene.chat()
    await scene.listened()
    await scene.world.tenant.type(chat, scene.bob.id, "<p>while away</p>")
    await step(scene.world, STALE_AFTER + MINUTE)
    await scene.world.tenant.set_weather(away="unavailable")
    scene.cursors.away = True
    catch_up, stop = scene.catch_up(), asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(catch_up.run(stop))
        scene.cursors.away = False
        while not scene.world.watch.is_away("catch-up"):
            await scene.world.tenant.pending()
        await scene.world.tenant.clear_weather()
        while scene.world.links.entries.empty():
            await step(scene.world, MINUTE / 2)
        stop.set()
    assert words(await scene.seen()) == ["while away"]
