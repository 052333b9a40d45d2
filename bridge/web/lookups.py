"""What the homeserver asks of us: whether users and aliases are ours, and for third-party networks.

    GET /_matrix/app/v1/users/{user}, rooms/{alias}              200 {} or 404
    GET /_matrix/app/v1/thirdparty/protocol/{protocol}           what may be asked for
    GET /_matrix/app/v1/thirdparty/user|location[/{protocol}]    who or what it is

Sources: Matrix spec v1.19, Application Service API, "Querying" and "Third-party networks".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

from aiohttp import web

from bridge.domain.ids import UserId
from bridge.errors import RemoteError, StoreUnavailable, Throttled
from bridge.matrix.lookups import Lookups
from bridge.telemetry import REFUSED, log
from bridge.web.hooks import authorise, matrix_error

ANSWER_LIMIT = timedelta(seconds=20)
"""For all that it takes; a homeserver pushes nothing while it asks about a user."""
USER_LIMIT = timedelta(seconds=3)
FIELD_CHARS_MAX = 255

T = TypeVar("T")


class LookupHooks:
    """Answers the homeserver, and nobody else."""

    def __init__(self, lookups: Lookups, *, hs_token: str) -> None:
        self._lookups = lookups
        self._hs_token = hs_token.encode()

    def routes(self) -> list[web.RouteDef]:
        """Return what a homeserver may ask."""
        api = "/_matrix/app/v1"
        return [
            web.get(f"{api}/users/{{user}}", self.user),
            web.get(f"{api}/rooms/{{alias}}", self.room),
            web.get(f"{api}/thirdparty/protocol/{{protocol}}", self.protocol),
            web.get(f"{api}/thirdparty/user", self.people),
            web.get(f"{api}/thirdparty/user/{{protocol}}", self.people),
            web.get(f"{api}/thirdparty/location", self.places),
            web.get(f"{api}/thirdparty/location/{{protocol}}", self.places),
        ]

    async def user(self, request: web.Request) -> web.Response:
        """Say whether a ghost stands for somebody; it is made then."""
        authorise(request, self._hs_token)
        user = UserId(request.match_info["user"])
        return _yes_or_no(await _in_time(self._lookups.user(user), USER_LIMIT))

    async def room(self, request: web.Request) -> web.Response:
        """Say whether an alias leads to a channel; its room is made then."""
        authorise(request, self._hs_token)
        return _yes_or_no(await _in_time(self._lookups.room(request.match_info["alias"])))

    async def protocol(self, request: web.Request) -> web.Response:
        """Say what may be asked for."""
        authorise(request, self._hs_token)
        found = self._lookups.description(request.match_info["protocol"])
        return _not_found() if found is None else web.json_response(found)

    async def people(self, request: web.Request) -> web.Response:
        """Look for people."""
        fields = self._fields(request)
        return web.json_response(await _in_time(self._lookups.people(fields)) if fields else [])

    async def places(self, request: web.Request) -> web.Response:
        """Look for channels."""
        fields = self._fields(request)
        return web.json_response(await _in_time(self._lookups.places(fields)) if fields else [])

    def _fields(self, request: web.Request) -> dict[str, str]:
        authorise(request, self._hs_token)
        if request.match_info.get("protocol", self._lookups.protocol) != self._lookups.protocol:
            return {}
        return {
            name: value
            for name, value in request.query.items()
            if value and len(value) <= FIELD_CHARS_MAX and value.isprintable()
        }


async def _in_time(answer: Awaitable[T], limit: timedelta = ANSWER_LIMIT) -> T:
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return await answer
    except Throttled as error:
        REFUSED.labels("matrix", "asked_too_often").inc()
        raise _error(web.HTTPTooManyRequests, "M_LIMIT_EXCEEDED", str(error)) from error
    except (RemoteError, StoreUnavailable, TimeoutError) as error:
        log.info("not looked up", error=str(error))
        raise _error(web.HTTPServiceUnavailable, "M_UNKNOWN", "not now") from error


def _error(kind: type[web.HTTPError], errcode: str, error: str) -> web.HTTPError:
    answer = matrix_error(kind.status_code, errcode, error)
    return kind(text=answer.text, content_type="application/json")


def _yes_or_no(found: bool) -> web.Response:
    return web.json_response({}) if found else _not_found()


def _not_found() -> web.Response:
    return matrix_error(404, "M_NOT_FOUND", "nobody and nothing of ours")
