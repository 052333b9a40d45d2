"""What one request takes, and from which buckets: a pure function of what was asked.

Sources: those of `limit_lines.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from bridge.sandbox.tenant.limit_buckets import Demand, Key, Rate
from bridge.sandbox.tenant.limit_lines import (
    GET_CHATS,
    POST_CHANNEL_MESSAGE,
    POST_CHAT_MESSAGE,
    REMOVE_ACCESS,
    Line,
    Service,
    line_of,
    normal,
)

GLOBAL = Rate(count=130_000, seconds=10)
"""Requests per app over all tenants and services."""
PER_TEAM = Rate(count=4)
"""Requests per app on a given team."""
PER_CONVERSATION = Rate(count=1)
"""Requests per app and tenant on a given chat or channel."""
PER_POSTING_USER = Rate(count=1)
"""Messages per user in a given chat or channel."""
PER_CHANNEL_DAY = Rate(count=3000, seconds=86_400)
"""Messages per app and tenant to a channel; what is imported is not counted, which is not documented."""
PER_LISTING_USER = Rate(count=5)
"""List chats, get chat and removeAllAccessForUser, per user."""
PER_IMPORT = Rate(count=5)
"""Messages into a chat or channel in migration mode."""

DIRECTORY_UNITS = ((50, 3500), (500, 5000))
"""Up to so many users so many resource units in ten seconds per app and tenant."""
DIRECTORY_UNITS_MAX = 8000
DIRECTORY_WRITES = Rate(count=3000, seconds=150)
DIRECTORY_WRITES_APP = Rate(count=35_000, seconds=300)
DIRECTORY_WRITES_TENANT = Rate(count=18_000, seconds=300)
DIRECTORY_COSTS = {
    ("GET", "/users"): 2,
    ("GET", "/applications"): 2,
    ("POST", "/directoryobjects/getbyids"): 5,
    ("GET", "/groups/{}/members"): 3,
    ("GET", "/groups/{}/transitivemembers"): 5,
    ("GET", "/users/{}/memberof"): 2,
}
SMALL_PAGE = 20
"""A `$top` below this costs one resource unit less."""

FILE_UNITS = ((1000, 1200), (5000, 2400), (15_000, 3600), (50_000, 4800))
"""Up to so many licences so many resource units in a minute per app and tenant."""
FILE_UNITS_MAX = 6000
FILE_COST_LIST, FILE_COST_WRITE, FILE_COST_PERMISSION = 2, 2, 5

_POSTS = (POST_CHANNEL_MESSAGE, POST_CHAT_MESSAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, as far as limits care."""

    method: str
    path: str
    """The route's: `/chats/{chat}/messages`."""
    ids: Mapping[str, str]
    query: Mapping[str, str]
    tenant: str
    app: str
    user: str | None
    """Who is signed in, by id."""
    people: int
    """Users in the tenant."""

    @property
    def owner(self) -> str | None:
        """The user whom the request is counted for, where users are counted."""
        return self.user or self.after("users")

    def after(self, name: str) -> str | None:
        """The id that follows this name in the path."""
        segments = self.path.strip("/").split("/")
        for literal, follower in pairwise(segments):
            if literal.casefold() == name and follower.startswith("{"):
                return self.ids.get(follower[1:-1])
        return None

    def key(self, *parts: str) -> Key:
        """A bucket of this app in this tenant."""
        return (*parts, self.tenant, self.app)


def demands(asked: Asked, *, per_line: bool = False) -> list[Demand]:
    """Every bucket that this request takes from.

    per_line: The one request per second and chat or channel is counted for each line of the
        table by itself; otherwise for all requests together, as the sentence below the table says.
    """
    found = [Demand(key=("global", asked.app), rate=GLOBAL, everywhere=True)]
    line = line_of(asked.method, asked.path)
    if line is None:
        return found
    match line.service:
        case Service.TEAMS:
            found += _teams(asked, line, per_line=per_line)
        case Service.DIRECTORY:
            found += _directory(asked)
        case Service.FILES:
            found += _files(asked)
        case Service.OUTLOOK if line.per_resource is not None:
            mailbox = asked.after("users") or asked.after("groups") or asked.after("teams") or ""
            found.append(Demand(key=asked.key(line.name, mailbox), rate=line.per_resource))
        case _:
            pass
    return found + _of_line(asked, line)


def _of_line(asked: Asked, line: Line) -> list[Demand]:
    """What the first two columns of the table say."""
    found = []
    if line.per_tenant is not None:
        found.append(Demand(key=asked.key(line.name), rate=line.per_tenant))
    if line.per_app is not None:
        cost = _directory_cost(asked) if line.service is Service.DIRECTORY else 1
        key = ("app", line.name, asked.app)
        found.append(Demand(key=key, rate=line.per_app, cost=cost, everywhere=True))
    return found


def _teams(asked: Asked, line: Line, *, per_line: bool) -> list[Demand]:
    place = asked.after("channels") or asked.after("chats")
    team = asked.after("teams")
    found = []
    if team is not None:
        found.append(Demand(key=asked.key("team", team), rate=PER_TEAM))
    if line.per_resource is not None:
        found.append(Demand(key=asked.key(line.name, place or team or ""), rate=line.per_resource))
    if place is not None:
        # No app can post by itself but to import: it is the caller that tells migration apart.
        imports = line in _POSTS and asked.user is None
        name = "import" if imports else line.name if per_line else "conversation"
        rate = PER_IMPORT if imports else PER_CONVERSATION
        found.append(Demand(key=asked.key(name, place), rate=rate))
        if line is POST_CHANNEL_MESSAGE and not imports:
            found.append(Demand(key=asked.key("day", place), rate=PER_CHANNEL_DAY))
    return found + _of_users(asked, line, place)


def _of_users(asked: Asked, line: Line, place: str | None) -> list[Demand]:
    """What is counted per user, whichever app asks."""
    if line in _POSTS and asked.user is not None:
        key = ("post", asked.tenant, asked.user, place or "")
        return [Demand(key=key, rate=PER_POSTING_USER)]
    if line in (GET_CHATS, REMOVE_ACCESS) and asked.owner is not None:
        return [Demand(key=("chats", asked.tenant, asked.owner), rate=PER_LISTING_USER)]
    return []


def _directory(asked: Asked) -> list[Demand]:
    units = _sized(asked.people, DIRECTORY_UNITS, DIRECTORY_UNITS_MAX)
    found = [
        Demand(
            key=asked.key("units"),
            rate=Rate(count=units, seconds=10),
            cost=_directory_cost(asked),
        )
    ]
    if asked.method != "GET":
        whole = ("writes", asked.tenant)
        found += [
            Demand(key=asked.key("writes"), rate=DIRECTORY_WRITES),
            Demand(key=("writes", asked.app), rate=DIRECTORY_WRITES_APP, everywhere=True),
            Demand(key=whole, rate=DIRECTORY_WRITES_TENANT),
        ]
    return found


def _directory_cost(asked: Asked) -> int:
    cost = DIRECTORY_COSTS.get((asked.method, normal(asked.path)), 1)
    cost -= "$select" in asked.query
    cost += "$expand" in asked.query
    top = asked.query.get("$top", "")
    cost -= top.isdecimal() and int(top) < SMALL_PAGE
    return max(1, cost)


def _files(asked: Asked) -> list[Demand]:
    units = _sized(asked.people, FILE_UNITS, FILE_UNITS_MAX)
    rate = Rate(count=units, seconds=60)
    return [Demand(key=asked.key("files"), rate=rate, cost=_file_cost(asked))]


def _file_cost(asked: Asked) -> int:
    path = normal(asked.path)
    if path.endswith(("/permissions", "/invite", "/createlink", "/grant")):
        return FILE_COST_PERMISSION
    if asked.method != "GET":
        return FILE_COST_WRITE
    return FILE_COST_LIST if path.endswith(("/children", "/delta")) else 1


def _sized(people: int, steps: tuple[tuple[int, int], ...], most: int) -> int:
    """The quota of a tenant of this size."""
    return next((quota for size, quota in steps if people < size), most)
