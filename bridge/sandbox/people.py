"""People for the demo and the tests: somebody at a Matrix client, somebody at a browser.

`MatrixPerson` is a small client of the real homeserver: it syncs, accepts invitations, reads and
writes. `sign_in` does what a person does who follows the bot's link: every page, every form.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any, Self
from urllib.parse import quote

import aiohttp

SYNC_PATIENCE = timedelta(seconds=20)
ANSWER_LIMIT = timedelta(seconds=60)
LINK = re.compile(r"https://\S+/signin/[\w-]+")
REDIRECTS = frozenset({302, 303, 307})


class PersonError(Exception):
    """Something did not go as a person would expect it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message in a room."""

    id: str
    sender: str
    body: str
    html: str | None
    at_ms: int
    content: dict[str, Any]


class MatrixPerson:
    """A person with an access token; use it as an async context manager."""

    def __init__(self, homeserver: str, user: str, access_token: str) -> None:
        self.homeserver = homeserver
        self.user = user
        self.access_token = access_token
        self.rooms: dict[str, list[Said]] = {}
        self.names: dict[str, str] = {}
        self.members: dict[str, set[str]] = {}
        self._since: str | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.access_token}"},
            timeout=aiohttp.ClientTimeout(total=ANSWER_LIMIT.total_seconds()),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Make one call of the client-server API; `path` is encoded already.

        Raises:
            PersonError: The homeserver refused.
        """
        if self._session is None:
            raise PersonError("use MatrixPerson as an async context manager")
        url = f"{self.homeserver}/_matrix/client/v3/{path}"
        async with self._session.request(method, url, json=body) as answer:
            found: dict[str, Any] = await answer.json()
            if not answer.ok:
                msg = f"{method} {path}: {answer.status} {found}"
                raise PersonError(msg)
            return found

    async def sync(self, patience: timedelta = timedelta(0)) -> None:
        """Take in what is new; accept every invitation."""
        timeout = int(patience.total_seconds() * 1000)
        since = f"&since={self._since}" if self._since else ""
        news = await self.call("GET", f"sync?timeout={timeout}{since}")
        self._since = str(news["next_batch"])
        rooms = news.get("rooms", {})
        for room in rooms.get("invite", {}):
            await self._accept(room)
        for room, joined in rooms.get("join", {}).items():
            events = [*joined["state"]["events"], *joined["timeline"]["events"]]
            for event in events:
                self._note(room, event)

    async def _accept(self, room: str) -> None:
        """Join, unless the invitation was taken back meanwhile."""
        try:
            await self.call("POST", f"join/{quote(room)}", {})
        except PersonError as error:
            if "not invited to this room" not in str(error):
                raise

    async def wait_for(self, found: Callable[[], bool], limit: timedelta, what: str) -> None:
        """Sync until `found` is true.

        Raises:
            PersonError: It did not become true in time.
        """
        try:
            async with asyncio.timeout(limit.total_seconds()):
                while not found():
                    await self.sync(min(SYNC_PATIENCE, limit))
        except TimeoutError as error:
            msg = f"{self.user} waited {limit.total_seconds():.0f} s in vain for {what}"
            raise PersonError(msg) from error

    async def say(self, room: str, body: str, **more: object) -> str:
        """Write a message; returns its event id."""
        txn = secrets.token_hex(8)
        content = {"msgtype": "m.text", "body": body, **more}
        path = f"rooms/{quote(room)}/send/m.room.message/{txn}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def history(self, room: str, *, limit: int = 1000) -> list[Said]:
        """Return the messages of a room as the homeserver has them, oldest first."""
        found = await self.call("GET", f"rooms/{quote(room)}/messages?dir=b&limit={limit}")
        said = [_said(e) for e in found["chunk"] if e["type"] == "m.room.message" and e["content"]]
        return said[::-1]

    async def talk_to(self, bot: str, limit: timedelta) -> str:
        """Open a direct chat with the bot; return the room once the bot has greeted."""
        wish = {"preset": "trusted_private_chat", "is_direct": True, "invite": [bot]}
        room = str((await self.call("POST", "createRoom", wish))["room_id"])
        await self.wait_for(lambda: bool(self.rooms.get(room)), limit, f"{bot} to greet")
        return room

    async def ask(self, room: str, text: str, limit: timedelta) -> Said:
        """Write to the bot and return its answer."""
        before = {said.id for said in await self.history(room)}
        before.add(await self.say(room, text))

        def answers() -> list[Said]:
            return [
                s for s in self.rooms.get(room, []) if s.sender != self.user and s.id not in before
            ]

        await self.wait_for(lambda: bool(answers()), limit, f"an answer to {text!r}")
        return answers()[0]

    def _note(self, room: str, event: dict[str, Any]) -> None:
        kind, content = event["type"], event["content"]
        if kind == "m.room.name":
            self.names[room] = content.get("name", "")
        elif kind == "m.room.member":
            members = self.members.setdefault(room, set())
            change = members.add if content.get("membership") == "join" else members.discard
            change(event["state_key"])
        elif kind == "m.room.message" and content:
            known = self.rooms.setdefault(room, [])
            if all(said.id != event["event_id"] for said in known):
                known.append(_said(event))


def _said(event: dict[str, Any]) -> Said:
    content = event["content"]
    return Said(
        id=event["event_id"],
        sender=event["sender"],
        body=str(content.get("body", "")),
        html=content.get("formatted_body"),
        at_ms=event["origin_server_ts"],
        content=content,
    )


def link_in(answer: Said) -> str:
    """Return the sign-in link of the bot's answer.

    Raises:
        PersonError: There is none.
    """
    found = LINK.search(answer.body)
    if found is None:
        msg = f"no link in {answer.body!r}"
        raise PersonError(msg)
    return found[0]


async def sign_in(link: str, teams_user: str, *, trust: ssl.SSLContext) -> str:
    """Follow a sign-in link to its end as `teams_user`; return the last page.

    Raises:
        PersonError: A page refused.
    """
    connector = aiohttp.TCPConnector(ssl=trust)
    jar = aiohttp.CookieJar(unsafe=True)  # Cookies of an address instead of a name.
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as browser:
        await _page(browser, "GET", link)
        choose = await _follow(browser, link, {})
        address, page = await _open(browser, choose)
        form = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page))
        fields = {unescape(k): unescape(v) for k, v in form.items()} | {"user": teams_user}
        back = await _follow(browser, address, fields)
        return await _page(browser, "GET", back)


async def _open(browser: aiohttp.ClientSession, url: str) -> tuple[str, str]:
    return url, await _page(browser, "GET", url)


async def _page(browser: aiohttp.ClientSession, method: str, url: str) -> str:
    async with browser.request(method, url, allow_redirects=False) as answer:
        text = await answer.text()
        if not answer.ok:
            msg = f"{method} {url.split('?')[0]}: {answer.status} {text[:2000]}"
            raise PersonError(msg)
        return text


async def _follow(browser: aiohttp.ClientSession, url: str, fields: dict[str, str]) -> str:
    """Submit a form; return where it leads."""
    async with browser.post(url, data=fields, allow_redirects=False) as answer:
        if answer.status not in REDIRECTS:
            msg = f"POST {url.split('?')[0]}: {answer.status} {(await answer.text())[:2000]}"
            raise PersonError(msg)
        return answer.headers["Location"]
