"""The Teams half of the page's API: what a Teams client would show and do.

    GET  /api/teams/places     chats, and teams with their channels, of a person
    GET  /api/teams/people     names of everyone, and who has a picture
    GET  /api/teams/messages   what was said in a place, as Graph shows it
    GET  /api/teams/events     a long poll for changes there
    POST /api/teams/messages   somebody types
    POST /api/teams/acts       somebody edits, deletes, reacts, pins
    GET  /api/teams/kinds      everything that can be said or done there
    POST /api/teams/kinds      somebody says or does it
    GET  /api/teams/photo · hosted · file    pictures and files, with the tenant's own access

A place is a chat's id, or a team's and a channel's with a slash between. What is read comes from
the tenant itself, which runs in this process; what is done goes through its control interface.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

from aiohttp import web

from bridge.sandbox.scene import Scene
from bridge.sandbox.showcase_kinds import KINDS, offered
from bridge.sandbox.showcase_stage import Stage
from bridge.sandbox.tenant import client_kinds
from bridge.sandbox.tenant.errors import GraphError, Json
from bridge.sandbox.tenant.files import sharing
from bridge.sandbox.tenant.files.blobs import PIECE
from bridge.sandbox.tenant.files.library import Item
from bridge.sandbox.tenant.people import photos
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Chat, Content

PATIENCE = timedelta(seconds=20)
TEXT_CHARS_MAX = 20_000
KEY_CHARS_MAX = 40
"""Of a reaction."""
PHOTO_PIXELS = 96
HOSTED = re.compile(
    r"/v1\.0(?P<place>/(?:chats|teams)/.+?)/messages/(?P<root>\d+)(?:/replies/(?P<reply>\d+))?"
    r"/hostedContents/(?P<id>[\w=-]+)/\$value"
)
INLINE = re.compile(r"image/(?:png|jpeg|gif|webp|bmp)|(?:audio|video)/[\w.+-]+")
"""What a browser may show on this page's own address; everything else is a file to be kept."""


class TeamsApi:
    """What the page asks about Teams."""

    def __init__(self, scene: Scene, ending: asyncio.Event) -> None:
        self.scene = scene
        self.ending = ending
        self.brought: dict[str, str] = {}
        """Strangers and robots that were brought in to say something, by name."""

    def routes(self) -> list[web.RouteDef]:
        """Return what is answered, and by whom."""
        return [
            web.get("/api/teams/places", self.places),
            web.get("/api/teams/people", self.people),
            web.get("/api/teams/messages", self.messages),
            web.post("/api/teams/messages", self.type),
            web.post("/api/teams/acts", self.act),
            web.get("/api/teams/events", self.events),
            web.get("/api/teams/kinds", self.kinds),
            web.post("/api/teams/kinds", self.play),
            web.get("/api/teams/photo", self.photo),
            web.get("/api/teams/hosted", self.hosted),
            web.get("/api/teams/file", self.file),
        ]

    @property
    def tenant(self) -> Tenant:
        """The tenant that the scene plays in."""
        found = self.scene.server.realm.find(self.scene.tenant.id)
        if found is None:
            raise web.HTTPGone(text="the tenant is gone")
        return found

    # --- what is there ---

    async def places(self, request: web.Request) -> web.Response:
        """List the chats and the channels of a person."""
        user = request.query.get("user", "")
        chats = [chat for chat in self.tenant.chats.values() if user in chat.members]
        teams = [team for team in self.tenant.teams.values() if user in team.members]
        return web.json_response(
            {
                "chats": [_chat(chat) for chat in chats],
                "teams": [
                    {
                        "id": team.id,
                        "name": team.name,
                        "archived": team.archived,
                        "photo": team.id in self.tenant.directory.photos,
                        "channels": [
                            _channel(channel)
                            for channel in team.channels.values()
                            if user in channel.people
                        ],
                    }
                    for team in teams
                ],
            }
        )

    async def people(self, _request: web.Request) -> web.Response:
        """Name everyone who may have said something, by id."""
        tenant = self.tenant
        known = tenant.people
        users = [*known.gone.values(), *known.strangers.values(), *tenant.users.values()]
        names = {user.id: user.display_name for user in users}
        robots = {robot.id: robot.display_name or "" for robot in known.robots.values()}
        photos_of = tenant.directory.photos
        return web.json_response(
            {
                key: {"name": name, "photo": key in photos_of}
                for key, name in (names | robots).items()
            }
        )

    async def messages(self, request: web.Request) -> web.Response:
        """List what was said in a place, and what is pinned there."""
        place = self._place(request.query.get("place"))
        found = await self.scene.tenant.call("GET", f"{control_path(place)}/messages")
        pins = list(place.pins) if isinstance(place, Chat) else []
        return web.json_response({"messages": found["messages"], "pins": pins})

    async def events(self, request: web.Request) -> web.Response:
        """Wait for something to happen in a place; `next` is where to go on."""
        since = request.query.get("since", "0")
        if not since.isdigit():
            raise web.HTTPBadRequest(text="since must be a number")
        path = f"{control_path(self._place(request.query.get('place')))}/events"
        query = {"since": since, "patience": str(PATIENCE.total_seconds())}
        news = self.scene.tenant.call("GET", path, None, query)
        found = cast("list[dict[str, int]]", (await self._until_ending(news)).get("events", []))
        return web.json_response({"next": found[-1]["n"] if found else int(since)})

    async def _until_ending(self, news: Coroutine[Any, Any, Json]) -> Json:
        """Wait for news, but not while somebody waits for us to end."""
        async with asyncio.TaskGroup() as group:
            told = group.create_task(news)
            over = group.create_task(self.ending.wait())
            await asyncio.wait((told, over), return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            told.cancel()
        return {} if told.cancelled() else told.result()

    # --- what is done ---

    async def type(self, request: web.Request) -> web.Response:
        """Say something; in a channel maybe in reply, in a chat maybe with a quote."""
        wish = await _wish(request)
        place, user = self._member(wish)
        text = _text(wish, "text", TEXT_CHARS_MAX)
        if "quote" in wish:
            more = {"messages": [_number(wish, "quote")], "text": as_html(text)}
            where = where_of(place)
            said = await client_kinds.say(self.scene.tenant, where, "quote", user=user, **more)
            return web.json_response({"id": said})
        body: Json = {"user": user, "content": text, "content_type": "text"}
        if "reply_to" in wish:
            body["reply_to"] = _number(wish, "reply_to")
        made = await self.scene.tenant.call("POST", f"{control_path(place)}/messages", body)
        return web.json_response({"id": cast("list[str]", made["ids"])[0]})

    async def act(self, request: web.Request) -> web.Response:
        """Do something with a message: edit, delete, undelete, react, unreact, pin or unpin."""
        wish = await _wish(request)
        place, user = self._member(wish)
        message, act = _number(wish, "message"), wish.get("act")
        path = f"{control_path(place)}/messages/{message}"
        if act == "edit":
            await self.scene.tenant.call("PATCH", path, _edited(place, message, wish))
        elif act == "delete":
            await self.scene.tenant.call("DELETE", path)
        elif act == "undelete":
            await self.scene.tenant.call("POST", f"{path}/undelete")
        elif act in ("react", "unreact"):
            kind = _text(wish, "kind", KEY_CHARS_MAX)
            body: Json = {"user": user, "kind": kind, "remove": act == "unreact"}
            await self.scene.tenant.call("POST", f"{path}/reactions", body)
        elif act in ("pin", "unpin"):
            pins: Json = {act: [message], "by": user}
            await self.scene.tenant.call("PATCH", f"{control_path(place)}/pins", pins)
        else:
            raise web.HTTPBadRequest(text="there is no such act")
        return web.json_response({})

    async def kinds(self, request: web.Request) -> web.Response:
        """List everything that can be said or done in a place."""
        place = self._place(request.query.get("place"))
        found = offered(is_channel=isinstance(place, Channel))
        shown = [{"key": kind.key, "group": kind.group, "label": kind.label} for kind in found]
        return web.json_response(shown)

    async def play(self, request: web.Request) -> web.Response:
        """Have a person say or do one of them."""
        wish = await _wish(request)
        place, user = self._member(wish)
        kind = KINDS.get(str(wish.get("kind")))
        if kind is None or kind not in offered(is_channel=isinstance(place, Channel)):
            raise web.HTTPBadRequest(text="there is no such thing to say here")
        stage = Stage(
            tenant=self.scene.tenant,
            place=place,
            where=where_of(place),
            path=control_path(place),
            user=user,
            people=tuple(self.tenant.users),
            brought=self.brought,
        )
        await kind.play(stage)
        return web.json_response({})

    # --- pictures and files ---

    async def photo(self, request: web.Request) -> web.Response:
        """Show the picture of a person or a team."""
        found = self.tenant.directory.photos.get(request.query.get("user", ""))
        if found is None:
            raise web.HTTPNotFound(text="there is no picture")
        data = found.data if found.seed is None else photos.draw(found.seed, PHOTO_PIXELS)
        return _served(data, found.content_type, "photo")

    async def hosted(self, request: web.Request) -> web.Response:
        """Show what lies in a message, by the address that the message has for it."""
        base, address = self.tenant.site.base, request.query.get("url", "")
        found = HOSTED.fullmatch(address.removeprefix(base)) if address.startswith(base) else None
        if found is None:
            raise web.HTTPBadRequest(text="this is no address of something in a message")
        place = next((one for one in self._all_places() if one.path == found["place"]), None)
        if place is None:
            raise web.HTTPNotFound(text="there is no such place")
        message = self.tenant.message(place, found["reply"] or found["root"])
        item = message.hosted.get(found["id"])
        if item is None:
            raise web.HTTPNotFound(text="there is no such content")
        return _served(item.data, item.content_type, "content")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Send a file of a drive by its address; `?about` says only whether and how large it is."""
        item = self._item(request.query.get("url", ""))
        if item is None and "about" not in request.query:
            raise web.HTTPNotFound(text="there is no such file in this tenant")
        if item is None:
            return web.json_response({"there": False})
        kind = mimetypes.guess_type(item.name)[0] or "application/octet-stream"
        if "about" in request.query:
            return web.json_response({"there": True, "size": item.size, "type": kind})
        answer = web.StreamResponse(headers=_headers(kind, item.name))
        answer.content_length = item.size
        await answer.prepare(request)
        for offset in range(0, item.size, PIECE):
            await answer.write(_piece(item, offset))
        await answer.write_eof()
        return answer

    def _item(self, url: str) -> Item | None:
        try:
            item, _ = sharing.at(self.tenant, url)
        except GraphError:
            return None
        return None if item.is_folder else item

    # --- finding one's way ---

    def _all_places(self) -> list[Chat | Channel]:
        channels = [c for team in self.tenant.teams.values() for c in team.channels.values()]
        return [*self.tenant.chats.values(), *channels]

    def _place(self, key: object) -> Chat | Channel:
        found = [one for one in self._all_places() if key_of(one) == key]
        if not found:
            raise web.HTTPNotFound(text="there is no such place")
        return found[0]

    def _member(self, wish: dict[str, Any]) -> tuple[Chat | Channel, str]:
        place, user = self._place(wish.get("place")), wish.get("user")
        if not isinstance(user, str) or user not in place.people:
            raise web.HTTPForbidden(text="not a member of this chat or channel")
        return place, user


def key_of(place: Chat | Channel) -> str:
    """Return how the page names a place."""
    return place.id if isinstance(place, Chat) else f"{place.team.id}/{place.id}"


def where_of(place: Chat | Channel) -> client_kinds.Where:
    """Return how `client_kinds` names it."""
    return place.id if isinstance(place, Chat) else (place.team.id, place.id)


def control_path(place: Chat | Channel) -> str:
    """Return how the control interface names it."""
    if isinstance(place, Chat):
        return f"/chats/{quote(place.id, safe='')}"
    return f"/teams/{quote(place.team.id, safe='')}/channels/{quote(place.id, safe='')}"


def as_html(text: str) -> str:
    """Return plain text as HTML."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<p>{safe}</p>".replace("\n", "<br>")


def _chat(chat: Chat) -> Json:
    return {
        "key": key_of(chat),
        "kind": chat.kind.value,
        "topic": chat.topic,
        "members": list(chat.members),
    }


def _channel(channel: Channel) -> Json:
    return {
        "key": key_of(channel),
        "name": channel.name,
        "description": channel.description,
        "membership": channel.membership.value,
        "layout": channel.layout.value,
        "archived": channel.read_only,
        "members": list(channel.people),
    }


async def _wish(request: web.Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(text="this is no JSON") from error
    if not isinstance(found, dict):
        raise web.HTTPBadRequest(text="this is no object")
    return found


def _text(wish: dict[str, Any], name: str, most: int) -> str:
    found = wish.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= most:
        msg = f"{name} must be a text that is neither empty nor too long"
        raise web.HTTPBadRequest(text=msg)
    return found


def _number(wish: dict[str, Any], name: str) -> str:
    """The id of a message."""
    found = wish.get(name)
    if not isinstance(found, str) or re.fullmatch(r"[0-9]{1,20}", found) is None:
        msg = f"{name} must be the id of a message"
        raise web.HTTPBadRequest(text=msg)
    return found


def _edited(place: Chat | Channel, message: str, wish: dict[str, Any]) -> Json:
    """A new text; what else the message has stays as it is."""
    found = place.messages.get(message)
    before = Content() if found is None else found.content
    return {
        "content": _text(wish, "text", TEXT_CHARS_MAX),
        "content_type": "text",
        "attachments": before.attachments,
    }


def _served(data: bytes, kind: str, name: str) -> web.Response:
    return web.Response(body=data, headers=_headers(kind, name))


def _headers(kind: str, name: str) -> dict[str, str]:
    """What people send is never a document of this page: it has no rights, or is kept as a file."""
    shown = INLINE.fullmatch(kind.partition(";")[0].strip().lower())
    return {
        "Content-Type": shown[0] if shown else "application/octet-stream",
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(name)}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }


def _piece(item: Item, offset: int) -> bytes:
    if item.blob is None:
        return b""
    return item.blob.read(offset, min(PIECE, item.size - offset))
