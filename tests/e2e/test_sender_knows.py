"""Whoever writes in Matrix learns what has not reached Teams, once and why, and when it has."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from bridge.sandbox.people import MatrixPerson
from tests.kit.e2e_world import World, eventually

POSTS = "/messages$"
"""The path of every message that is posted to a chat."""
_AGE = "UPDATE deliveries SET created_at = created_at - interval '1 minute'"


class Writer:
    """Somebody who writes in Matrix, and what they see of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._since: str | None = None
        self._is_read = False

    async def begin(self) -> None:
        maria, tom = await self.world.tenant.add_users("Maria Rossi", "Tom Novák")
        self.maria: MatrixPerson = await self.world.signed_in("maria", maria)
        self.chat = await self.world.tenant.create_chat("group", [maria.id, tom.id], topic="Talk")
        self.room = await self.world.opened(self.chat, tom, self.maria)

    async def events(self) -> list[dict[str, Any]]:
        """What the bot has sent into the room, oldest first."""
        found = await self.maria.call("GET", f"rooms/{self.room}/messages?dir=b&limit=200")
        return [e for e in reversed(found["chunk"]) if e["sender"] == self.world.bot]

    async def statuses(self, event: str) -> list[str]:
        return [
            e["content"]["status"]
            for e in await self.events()
            if e["type"] == "com.beeper.message_send_status"
            and e["content"]["m.relates_to"]["event_id"] == event
        ]

    async def notices(self) -> list[dict[str, Any]]:
        """The notices that are not edits."""
        return [
            e["content"]
            for e in await self.events()
            if e["content"].get("msgtype") == "m.notice" and "m.new_content" not in e["content"]
        ]

    async def edits(self) -> list[str]:
        return [
            e["content"]["m.new_content"]["body"]
            for e in await self.events()
            if "m.new_content" in e["content"]
        ]

    async def sees_read(self, event: str) -> bool:
        """Tell whether the bot has read an event; each look goes on where the last one ended."""
        since = f"&since={self._since}" if self._since else ""
        news = await self.maria.call("GET", f"sync?timeout=0{since}")
        self._since = str(news["next_batch"])
        joined = news.get("rooms", {}).get("join", {}).get(self.room, {})
        for ephemeral in joined.get("ephemeral", {}).get("events", []):
            if ephemeral["type"] == "m.receipt":
                readers = ephemeral["content"].get(event, {}).get("m.read", {})
                self._is_read = self._is_read or self.world.bot in readers
        return self._is_read

    async def is_told(self, event: str, status: str) -> bool:
        return status in await self.statuses(event)


@pytest.fixture
async def writer(quiet_world: World) -> Writer:
    """A running bridge whose log may tell of what was set aside."""
    await quiet_world.start()
    made = Writer(quiet_world)
    await made.begin()
    return made


async def queue(world: World, *words: str) -> None:
    await asyncio.to_thread(world.bridge.command, "queue", *words, "-c", str(world.bridge.config))


def listed(world: World) -> list[dict[str, Any]]:
    lines = (world.bridge.folder / "queue.log").read_text().splitlines()
    return [orjson.loads(line) for line in lines]


async def test_a_message_that_teams_refuses_says_so_once_and_arrives_when_it_is_tried_again(
    writer: Writer,
) -> None:
    world = writer.world
    await world.tenant.add_fault(POSTS, method="POST", status=403, times=1)
    refused = await writer.maria.say(writer.room, "not for everybody")
    await eventually(lambda: writer.is_told(refused, "FAIL_PERMANENT"), "the sender to be told")
    after = await writer.maria.say(writer.room, "what came after it")
    await world.read_in_teams(writer.chat, "what came after it")

    (notice,) = await writer.notices()
    assert notice["body"].startswith(
        "Your message did not reach Teams: Teams does not let you do that in this chat."
    )
    assert notice["m.mentions"] == {"user_ids": [writer.maria.user]}
    assert notice["m.relates_to"]["m.in_reply_to"]["event_id"] == refused
    assert await writer.statuses(refused) == ["FAIL_PERMANENT"]
    assert await writer.statuses(after) == []
    assert not [e for e in await writer.events() if "Graph" in str(e["content"])]

    await queue(world, "list", "--state", "parked", "--json")
    (parked,) = listed(world)
    assert (parked["side"], parked["source"]) == ("teams", refused)
    assert "not for everybody" not in str(parked)
    await queue(world, "retry", "--all")

    await world.read_in_teams(writer.chat, "not for everybody")
    await eventually(lambda: writer.is_told(refused, "SUCCESS"), "the notice to be corrected")
    await eventually(lambda: has_edits(writer), "the notice to be edited")
    assert await writer.edits() == ["Your message has arrived in Teams after all."]
    assert len(await writer.notices()) == 1
    assert (await world.texts_in_teams(writer.chat)).count("not for everybody") == 1
    await world.stop()


async def has_edits(writer: Writer) -> bool:
    return bool(await writer.edits())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 503}, "Teams does not answer"),
        # As when an app has used up what it may send to a channel in a day.
        ({"status": 429, "retry_after_seconds": 4}, "Teams is busy and asks for patience"),
    ],
)
async def test_a_message_that_waits_says_that_it_will_be_tried_again(
    writer: Writer, fault: dict[str, int], words: str
) -> None:
    world = writer.world
    await world.tenant.add_fault(POSTS, method="POST", times=1_000, **fault)
    waiting = await writer.maria.say(writer.room, "in a while")
    async with world.store() as store:

        async def is_told_after_a_while() -> bool:
            await store.execute(_AGE)
            return await writer.is_told(waiting, "PENDING")

        await eventually(is_told_after_a_while, "the sender to be told")
    await world.tenant.clear_weather()

    await world.read_in_teams(writer.chat, "in a while")
    await eventually(lambda: writer.is_told(waiting, "SUCCESS"), "the notice to be corrected")
    await eventually(lambda: has_edits(writer), "the notice to be edited")
    (notice,) = await writer.notices()
    assert notice["body"] == (
        f"Your message has not reached Teams yet: {words}. It will be tried again."
    )
    assert await writer.statuses(waiting) == ["PENDING", "SUCCESS"]
    await world.stop()
    world.check_log()


async def test_a_message_that_arrives_at_once_is_shown_as_read_and_nothing_is_said(
    writer: Writer,
) -> None:
    world = writer.world
    said = await writer.maria.say(writer.room, "hello")
    await world.read_in_teams(writer.chat, "hello")

    await eventually(lambda: writer.sees_read(said), "a read receipt of the bot")
    assert await writer.notices() == []
    assert await writer.statuses(said) == []
    await world.stop()
    world.check_log()


async def test_what_is_dropped_is_counted_by_the_running_bridge(writer: Writer) -> None:
    world = writer.world
    await world.tenant.add_fault(POSTS, method="POST", status=413, times=1)
    refused = await writer.maria.say(writer.room, "a novel")
    await eventually(lambda: writer.is_told(refused, "FAIL_PERMANENT"), "the sender to be told")

    await queue(world, "drop", "--all", "--reason", "too_long")

    labels = {"side": "teams", "what": "delivery", "reason": "too_long"}
    await eventually(
        lambda: world.bridge.metric("teams_bridge_dropped_total", **labels) == 1, "it to be counted"
    )
    assert (
        world.bridge.metric("teams_bridge_open", side="teams", what="delivery", state="parked") == 0
    )
    (notice,) = await writer.notices()
    assert "too large" in notice["body"]
    await world.stop()
