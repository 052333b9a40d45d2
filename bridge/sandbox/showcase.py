"""The page of `make demo`: its files, and the Teams half of what it shows.

    GET  /  /…                page/: ES modules, style sheets, index.html
    GET  /api/world           people on both sides, the homeserver's address, tokens of the demo's users
         /api/teams/…         showcase_teams.py

The Matrix half talks to the homeserver itself. Everything here belongs to the simulated tenant and
is reachable from this machine only. What people send is hostile until shown otherwise: a policy in
every answer forbids the page to run or to load anything but its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from aiohttp import web

from bridge.sandbox.scene import PASSWORD, Scene
from bridge.sandbox.showcase_teams import TeamsApi
from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.errors import GraphError

PAGE = files("bridge.sandbox") / "page"
TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
"""What is served, by the ending of its name; anything else in the folder is not."""
BODY_BYTES_MAX = 256 * 1024


class Showcase:
    """Serves one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.ending = asyncio.Event()
        self.teams = TeamsApi(scene, self.ending)
        self.files = dict(_served(PAGE))

    def application(self) -> web.Application:
        """Return the application; loopback only, as it hands out tokens."""
        app = web.Application(
            client_max_size=BODY_BYTES_MAX,
            middlewares=[self._guarded, _loopback_only, _explained],
        )
        app.on_shutdown.append(self._end)
        app.add_routes(
            [
                web.get("/api/world", self.world),
                *self.teams.routes(),
                web.get("/{name:.*}", self._file),
            ]
        )
        return app

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"] or "index.html"
        if name not in self.files:
            raise web.HTTPNotFound(text="there is no such file")
        kind = TYPES[name.rpartition(".")[2]]
        # Read anew each time: who changes the page sees it on reload.
        text = self.files[name].read_text(encoding="utf-8")
        return web.Response(
            text=text, content_type=kind, charset="utf-8", headers={"Cache-Control": "no-cache"}
        )

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

    async def _end(self, _app: web.Application) -> None:
        self.ending.set()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401
        """Say with every answer, a refusal too, what the browser may do with it."""
        guards = {
            "Content-Security-Policy": policy(self.scene.homeserver.url),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        try:
            answer: web.StreamResponse = await handler(request)
        except web.HTTPException as refusal:
            refusal.headers.update(guards)
            raise
        for name, value in guards.items():
            answer.headers.setdefault(name, value)
        return answer


def policy(homeserver: str) -> str:
    """Return the Content-Security-Policy of the page.

    Scripts and styles are its own files and nothing inline; pictures and media are its own or were
    fetched by it (blob:); it asks nobody but itself and the homeserver; it holds no frames, posts
    no forms and is in no frame.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "media-src 'self' blob:",
            f"connect-src 'self' {homeserver}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _served(folder: Traversable, before: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every file of the page by its path in the address; nothing else is ever opened."""
    for found in folder.iterdir():
        if found.is_dir():
            yield from _served(found, f"{before}{found.name}/")
        elif found.name.rpartition(".")[2] in TYPES:
            yield f"{before}{found.name}", found


@web.middleware
async def _loopback_only(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401
    """Refuse names other than ours: a page of a stranger must not read tokens (DNS rebinding).

    Nor may it post: that takes JSON, which a browser sends elsewhere only after asking.
    """
    host = (request.host or "").rsplit(":", 1)[0]
    if host not in {"127.0.0.1", "localhost"}:
        raise web.HTTPForbidden(text="this page answers on 127.0.0.1 only")
    if request.method != "GET" and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON")
    answer: web.StreamResponse = await handler(request)
    return answer


def _reason(error: ControlError | GraphError) -> str:
    """What the tenant says, without the request that it was said to."""
    found = re.search(r'"message":("(?:[^"\\]|\\.)*")', str(error))
    return str(json.loads(found[1])) if found else str(error)


@web.middleware
async def _explained(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401
    """Refusals come as JSON, in the words of whoever refused."""
    try:
        answer: web.StreamResponse = await handler(request)
    except (ControlError, GraphError) as error:
        return web.json_response({"error": _reason(error)}, status=400)
    except web.HTTPClientError as error:
        return web.json_response({"error": error.text}, status=error.status)
    return answer
