"""The demo's page in a browser, and hands that put things into Matrix beside it.

demo (a process) ── page in Chromium ── PageUnderTest: what it says, whom it asks
      └── homeserver ── Hand: a user who calls the client-server API directly
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from playwright.async_api import (
    Browser,
    Locator,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.kit.e2e_demo import OPEN_PAGE, demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SEEN_MS = 30_000
WIDE: ViewportSize = {"width": 1400, "height": 900}
NARROW: ViewportSize = {"width": 420, "height": 800}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running demo: the page's address, and what the page is told of the world."""

    address: str
    world: Json
    hands: tuple[Hand, ...]

    @property
    def maria(self) -> Hand:
        return self.hands[0]

    @property
    def jonas(self) -> Hand:
        return self.hands[1]

    @property
    def guest(self) -> Hand:
        return self.hands[2]


@asynccontextmanager
async def running_stage(folder: Path) -> AsyncIterator[Stage]:
    """Start a demo with its files in `folder`."""
    async with demo(folder, "--port", "0") as running, aiohttp.ClientSession() as session:
        address = (await running.wait_for(OPEN_PAGE))[1]
        async with session.get(f"{address}api/world") as answer:
            world = await answer.json()
        hands = tuple(Hand(session, world["homeserver"], user) for user in world["matrix"])
        yield Stage(address=address, world=world, hands=hands)


class Hand:
    """A Matrix user at work beside the page."""

    _numbers = itertools.count()

    def __init__(self, session: aiohttp.ClientSession, homeserver: str, user: Json) -> None:
        self.id = str(user["user_id"])
        self._session = session
        self._homeserver = homeserver
        self._headers = {"Authorization": f"Bearer {user['access_token']}"}

    async def call(self, method: str, path: str, body: object = None) -> Json:
        url = f"{self._homeserver}/_matrix/client/v3/{path}"
        async with self._session.request(method, url, json=body, headers=self._headers) as answer:
            found: Json = await answer.json()
            assert answer.ok, (method, path, found)
            return found

    async def room(self, name: str | None, *others: Hand, **wish: object) -> str:
        """A room with others in it, who have joined."""
        named = {} if name is None else {"name": name}
        invite = {"invite": [other.id for other in others]}
        made = await self.call(
            "POST", "createRoom", {"preset": "private_chat", **invite, **named, **wish}
        )
        room = str(made["room_id"])
        for other in others:
            await other.call("POST", f"join/{quote(room)}", {})
        return room

    async def send(self, room: str, content: Json, kind: str = "m.room.message") -> str:
        txn = f"hand-{next(self._numbers)}"
        path = f"rooms/{quote(room)}/send/{kind}/{txn}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def say(self, room: str, body: str, html: str | None = None, /, **more: object) -> str:
        formatted = {"format": "org.matrix.custom.html", "formatted_body": html} if html else {}
        return await self.send(room, {"msgtype": "m.text", "body": body, **formatted, **more})

    async def chatter(self, room: str, count: int) -> None:
        """So many messages that nobody looks at, in any order."""
        await asyncio.gather(*(self.say(room, f"line {number}") for number in range(count)))

    async def edit(self, room: str, event: str, body: str, **more: object) -> str:
        fresh = {"msgtype": "m.text", "body": body, **more}
        relation = {"rel_type": "m.replace", "event_id": event}
        content = {**fresh, "body": f"* {body}", "m.new_content": fresh, "m.relates_to": relation}
        return await self.send(room, content)

    async def react(self, room: str, event: str, key: str, **more: object) -> str:
        relation = {"rel_type": "m.annotation", "event_id": event, "key": key}
        return await self.send(room, {"m.relates_to": relation, **more}, "m.reaction")

    async def in_thread(self, room: str, root: str, body: str) -> str:
        relation = {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": root},
        }
        return await self.say(room, body, **{"m.relates_to": relation})

    async def redact(self, room: str, event: str, reason: str | None = None) -> None:
        txn = f"hand-{next(self._numbers)}"
        content = {} if reason is None else {"reason": reason}
        await self.call("PUT", f"rooms/{quote(room)}/redact/{quote(event)}/{txn}", content)

    async def set(self, room: str, kind: str, content: Json, key: str = "") -> str:
        path = f"rooms/{quote(room)}/state/{kind}/{quote(key)}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def upload(self, data: bytes, kind: str, name: str = "file") -> str:
        url = f"{self._homeserver}/_matrix/media/v3/upload?filename={quote(name)}"
        headers = {**self._headers, "Content-Type": kind}
        async with self._session.post(url, data=data, headers=headers) as answer:
            found: Json = await answer.json()
            assert answer.ok, found
            return str(found["content_uri"])

    async def events(self, room: str) -> list[Json]:
        """What is in the room, newest first."""
        found = await self.call("GET", f"rooms/{quote(room)}/messages?dir=b&limit=100")
        return list(found["chunk"])


@dataclass(kw_only=True)
class PageUnderTest:
    """The page, what went wrong in it, and every address that it asked for."""

    page: Page
    allowed: frozenset[str]
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.faults.append(message.text)

    @property
    def strangers(self) -> list[str]:
        """Addresses that are neither the demo's nor the homeserver's."""
        return [
            url
            for url in self.asked
            if urlsplit(url).scheme not in {"blob", "data"}
            and urlsplit(url).netloc not in self.allowed
        ]

    async def reload(self) -> None:
        """Begin anew: what was said until now comes in one piece, the newest part of it."""
        await self.page.reload()
        await expect(self.page.locator("#status")).to_have_text("ready", timeout=SEEN_MS)

    # --- the Matrix half ---

    async def enter(self, name: str) -> None:
        """Open a room of the list by its name."""
        room = self.page.locator("#matrix-rooms button.room", has_text=name)
        await room.first.click(timeout=SEEN_MS)
        await expect(self.page.locator("#matrix-head h3")).to_contain_text(name, timeout=SEEN_MS)

    def event(self, event: str) -> Locator:
        return self.page.locator(f'#matrix-messages [data-event="{event}"]')

    async def sees(self, side: str, text: str) -> None:
        """The message stands there, once."""
        messages = self.page.locator(f"#{side}-messages .message", has_text=text)
        await expect(messages).to_have_count(1, timeout=SEEN_MS)

    async def press(self, event: Locator, label: str) -> None:
        """Use one of the small buttons of a message."""
        await event.hover()
        await event.locator("> .acts").get_by_role("button", name=label, exact=True).click()

    async def write(self, side: str, text: str) -> None:
        await self.page.fill(f"#{side}-text", text)
        await self.page.press(f"#{side}-text", "Enter")

    # --- the Teams half ---

    async def open_place(self, name: str) -> None:
        """Open a chat or a channel by its name."""
        await self.page.locator("#teams-chats button", has_text=name).first.click(timeout=SEEN_MS)
        await expect(self.page.locator("#teams-head h3")).to_contain_text(name, timeout=SEEN_MS)

    async def play(self, kind: str) -> None:
        """Have the chosen person say or do something of a kind."""
        status = self.page.locator("#status")
        await self.page.click("#teams-kinds")
        label = self.page.locator(f'.kinds [data-kind="{kind}"]')
        words = await label.text_content()
        await label.click()
        await expect(status).to_have_text(f"Done in Teams: {words}", timeout=SEEN_MS)

    @property
    def said(self) -> Locator:
        """What stands last in the Teams half."""
        return self.page.locator("#teams-messages [data-message]").last


@asynccontextmanager
async def opened(
    browser: Browser, stage: Stage, *, viewport: ViewportSize | None = None, dark: bool = False
) -> AsyncIterator[PageUnderTest]:
    """Open the page, ready; nothing may have gone wrong in it, nor strangers been asked."""
    homeserver = urlsplit(stage.world["homeserver"]).netloc
    context = await browser.new_context(
        viewport=viewport or WIDE,
        ignore_https_errors=True,
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        timezone_id="UTC",
    )
    page = await context.new_page()
    allowed = frozenset({urlsplit(stage.address).netloc, homeserver})
    under_test = PageUnderTest(page=page, allowed=allowed)
    under_test.watch()
    await page.goto(stage.address)
    await expect(page.locator("#status")).to_have_text("ready", timeout=SEEN_MS)
    yield under_test
    assert under_test.faults == []
    assert under_test.strangers == []
    await context.close()


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()
