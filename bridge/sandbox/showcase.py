"""The page of `make demo`: its files, and the Teams half of what it shows.

    GET  /                    page/index.html, page.css, page.js
    GET  /api/world           people on both sides, the homeserver's address, tokens of the demo's users
    GET  /api/teams/…         chats of a person, messages of a chat, a long poll for changes
    POST /api/teams/messages  somebody types in Teams

The Matrix half talks to the homeserver itself. Everything here belongs to the simulated tenant and
is reachable from this machine only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from importlib.resources import files
from typing import Any, cast

from aiohttp import web

from bridge.sandbox.scene import PASSWORD, Chat, Scene
from bridge.sandbox.tenant.errors import Json

PAGE = files("bridge.sandbox") / "page"
TYPES = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
PATIENCE = timedelta(seconds=20)
TEXT_CHARS_MAX = 20_000
BODY_BYTES_MAX = 256 * 1024


class Showcase:
    """Serves one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.chats = {chat.id: chat for chat in scene.chats}
        self.ending = asyncio.Event()

    def application(self) -> web.Application:
        """Return the application; loopback only, as it hands out tokens."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_loopback_only])
        app.on_shutdown.append(self._end)
        app.add_routes(
            [
                web.get("/", self._file),
                web.get("/{name:page\\.(?:css|js)}", self._file),
                web.get("/api/world", self.world),
                web.get("/api/teams/chats", self.chats_of),
                web.get("/api/teams/messages", self.messages),
                web.post("/api/teams/messages", self.type),
                web.get("/api/teams/events", self.events),
            ]
        )
        return app

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        text = (PAGE / name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=TYPES[name], charset="utf-8")

    async def world(self, _request: web.Request) -> web.Response:
        """Say who is there."""
        scene = self.scene
        return web.json_response(
            {
                "homeserver": scene.homeserver.url,
                "password": PASSWORD,
                "bot": scene.bot,
                "teams": [{"id": p.id, "name": p.display_name} for p in scene.teams_people],
                "matrix": [
                    {
                        "user_id": person.user,
                        "access_token": person.access_token,
                        "linked": linked.display_name
                        if (linked := scene.linked.get(person.user))
                        else None,
                    }
                    for person in scene.matrix_people
                ],
            }
        )

    async def chats_of(self, request: web.Request) -> web.Response:
        """List the chats of a person."""
        user = request.query.get("user")
        return web.json_response(
            [
                {"id": chat.id, "name": chat.name, "kind": chat.kind}
                for chat in self.scene.chats
                if user in {member.id for member in chat.members}
            ]
        )

    async def messages(self, request: web.Request) -> web.Response:
        """List the messages of a chat."""
        found = await self.scene.tenant.messages(self._chat(request.query.get("chat")).id)
        return web.json_response([_shown(message) for message in found])

    async def events(self, request: web.Request) -> web.Response:
        """Wait for something to happen in a chat; `next` is where to go on."""
        since = request.query.get("since", "0")
        if not since.isdigit():
            raise web.HTTPBadRequest(text="since must be a number")
        chat = self._chat(request.query.get("chat"))
        found = await self._until_ending(
            self.scene.tenant.events(chat.id, since=int(since), patience=PATIENCE)
        )
        last = cast("list[dict[str, int]]", found)[-1:]
        return web.json_response({"next": last[0]["n"] if last else int(since)})

    async def _until_ending(self, news: Coroutine[Any, Any, list[Json]]) -> list[Json]:
        """Wait for news, but not while somebody waits for us to end."""
        async with asyncio.TaskGroup() as group:
            told = group.create_task(news)
            over = group.create_task(self.ending.wait())
            await asyncio.wait((told, over), return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            told.cancel()
        return [] if told.cancelled() else told.result()

    async def _end(self, _app: web.Application) -> None:
        self.ending.set()

    async def type(self, request: web.Request) -> web.Response:
        """Say something in Teams."""
        wish = await request.json()
        text = wish.get("text") if isinstance(wish, dict) else None
        if not isinstance(text, str) or not 0 < len(text) <= TEXT_CHARS_MAX:
            raise web.HTTPBadRequest(text="text must be a text that is neither empty nor too long")
        chat = self._chat(wish.get("chat"))
        if wish.get("user") not in {member.id for member in chat.members}:
            raise web.HTTPForbidden(text="not a member of this chat")
        message = await self.scene.tenant.type(chat.id, wish["user"], text, content_type="text")
        return web.json_response({"id": message})

    def _chat(self, key: object) -> Chat:
        chat = self.chats.get(key) if isinstance(key, str) else None
        if chat is None:
            raise web.HTTPNotFound(text="no such chat")
        return chat


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    user = cast("dict[str, Any]", (message.get("from") or {}).get("user") or {})
    body = message["body"]
    is_html = body["contentType"] == "html"
    return {
        "id": message["id"],
        "user": user.get("id"),
        "name": user.get("displayName") or "Teams",
        "at": message["createdDateTime"],
        "html": body["content"] if is_html else None,
        "text": None if is_html else body["content"],
    }


@web.middleware
async def _loopback_only(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401
    """Refuse names other than ours: a page of a stranger must not read tokens (DNS rebinding)."""
    host = (request.host or "").rsplit(":", 1)[0]
    if host not in {"127.0.0.1", "localhost"}:
        raise web.HTTPForbidden(text="this page answers on 127.0.0.1 only")
    answer: web.StreamResponse = await handler(request)
    return answer
