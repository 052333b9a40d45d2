"""Which of Microsoft's limits a call counts against: their table, line by line. Pure.

    method, path ─ route_of ─▶ Route ─ first line that fits ─▶ Line
                                 └──────────── toll_of ────────▶ buckets, the narrowest first

A line is found by the pattern of the path, so that a new operation falls into the line where
Microsoft would count it. Left out are limits that a narrower one of the same call keeps already:
per app over all tenants (ten times that of one tenant), per posting user and chat (the chat's own
is as strict), 130,000 requests in ten seconds per app. A `$batch` counts nowhere: what lies in it is
counted by Graph one by one, so whoever sends one passes the gate for each part. A path of no line
is not limited.

Sources: learn.microsoft.com graph/throttling-limits: Microsoft Teams (the file behind it is
includes/throttling-teams.md of microsoftgraph/microsoft-graph-docs-contrib), subscription, cloud
communication, identity and access (the smallest tenant's); for files sharepoint
how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online (the smallest tenant's).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from urllib.parse import unquote

from bridge.domain.values import dataclass

IN_HAND = 1
"""Requests of a bucket's depth that are left unused where it is deep enough: calls that were sent
apart arrive closer together."""
MARGIN = 0.015
"""Seconds that two requests to a bucket of one are kept further apart than Microsoft asks, for the
same reason; it costs 1.5 % of one request per second."""

Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many requests in so many seconds, and the bucket that we make of it.

    Microsoft does not say how deep a bucket is. It is taken to hold one second's worth, and the
    whole count where the limit is over a longer time: what the page's own numbers promise at least.
    """

    count: float
    seconds: float = 1.0

    @cached_property
    def depth(self) -> float:
        """Tokens in a full bucket, as far as we use it."""
        return max(1.0, self._promised - IN_HAND)

    @cached_property
    def per_second(self) -> float:
        """Tokens that come in a second, as far as we use them."""
        seconds = self.seconds / self.count
        return 1 / (seconds if self._promised - IN_HAND >= 1 else seconds + MARGIN)

    @property
    def _promised(self) -> float:
        return self.count / min(self.seconds, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one call takes from one bucket; never more than the bucket can hold."""

    key: Key
    rate: Rate
    cost: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What a call takes, the narrowest bucket first and that of its line last; none: no limit.

    name: Of the line; one of a few.
    """

    name: str
    demands: tuple[Demand, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table; `name` is for metrics and people.

    each: Per chat, channel or team, beside the one per second of all lines.
    """

    name: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    rate: Rate
    each: Rate | None = None
    cost: float = 1.0

    def holds(self, method: str, pattern: str) -> bool:
        return (not self.methods or method in self.methods) and bool(self.pattern.search(pattern))


@dataclass(frozen=True, slots=True)
class Route:
    """A path without its ids, and the ids by the collection that they are of."""

    pattern: str
    ids: Mapping[str, str]

    @property
    def conversation(self) -> str | None:
        return self.ids.get("channels") or self.ids.get("chats")


PER_CONVERSATION = Rate(count=1)
"""All requests of an app on a given chat or channel together: so says the sentence below the table,
while its column might be read as one for each line. The stricter reading is never refused."""
PER_TEAM = Rate(count=4)
PER_LISTING_USER = Rate(count=5)
"""List chats, get chat and removeAllAccessForUser, per user."""
FOUR_A_MINUTE = Rate(count=4, seconds=60)
PER_CHANNEL_DAY = Rate(count=3000, seconds=86_400)
"""Messages of an app to a channel in a day: in throttling-limits until 2024, and not taken back since."""

_COLLECTIONS = frozenset(
    {
        "apps", "channels", "chats", "deletedteams", "groups", "hostedcontents", "installedapps",
        "members", "messages", "permissions", "pinnedmessages", "replies", "subscriptions", "tabs",
        "tags", "teams", "tenants", "users",
    }
)  # fmt: skip
_FUNCTIONS = frozenset(
    {
        "add", "allmessages", "delta", "forwardtochat", "getallchannels", "getallmessages",
        "getallretainedmessages", "remove", "replywithquote",
    }
)  # fmt: skip
"""What follows a collection and is no id."""
_ASIDE = re.compile(r"^/(me|users/\{\})(?=/chats(/|$))|^/tenants/\{\}(?=/)")
"""A user's chats are counted as chats, another tenant's channels as channels."""

_CHANNEL = r"^/teams/\{\}/channels/\{\}"
_CHAT = r"^/chats/\{\}"
_TEAMS = r"^/(chats|teams|teamwork|appcatalogs)(/|$)|^/(me|users/\{\})/(joinedteams|teamwork)(/|$)"
_FILES = r"^/(drives|shares|sites)(/|$)|^/(me|users/\{\}|groups/\{\})/drives?(/|$)"
_DIRECTORY = (
    r"^/(me|users|groups|directory|directoryobjects|organization|applications|serviceprincipals|"
    r"domains|subscribedskus|oauth2permissiongrants)(/|$)"
)


def _line(
    name: str, asked: str, rate: Rate, *, each: Rate | None = None, cost: float = 1.0
) -> Line:
    """A line for `METHOD|METHOD pattern`, or for `ANY pattern`."""
    methods, _, pattern = asked.partition(" ")
    return Line(
        name=name,
        methods=frozenset() if methods == "ANY" else frozenset(methods.split("|")),
        pattern=re.compile(pattern),
        rate=rate,
        each=each,
        cost=cost,
    )


_POST_CHANNEL_MESSAGE = _line(
    "post channel message", rf"POST {_CHANNEL}/messages(/\{{\}}/replies)?$", Rate(count=50)
)
_GET_CHATS = _line("get chats", r"GET ^/chats(/\{\})?$", Rate(count=30))
_REMOVE_ACCESS = _line("remove access", rf"POST {_CHAT}/removeallaccessforuser$", Rate(count=30))

LINES = (
    _line(
        "export messages",
        r"GET ^/(chats|teams/\{\}/channels|teamwork/deletedteams/\{\}/channels)"
        r"/getall(retained)?messages$",
        Rate(count=200),
    ),
    _line(
        "get channel message",
        rf"GET {_CHANNEL}/messages(/\{{\}}(/replies(/\{{\}})?)?)?$",
        Rate(count=20),
    ),
    _line("get chat message", rf"GET {_CHAT}/messages(/\{{\}})?$", Rate(count=20)),
    _POST_CHANNEL_MESSAGE,
    _line(
        "post chat message",
        rf"POST {_CHAT}/messages(/replywithquote|/forwardtochat)?$",
        Rate(count=20),
    ),
    _line("add chat member", rf"POST {_CHAT}/members$", Rate(count=30), each=FOUR_A_MINUTE),
    _line(
        "remove chat member",
        rf"DELETE {_CHAT}/members/\{{\}}$",
        Rate(count=30),
        each=FOUR_A_MINUTE,
    ),
    _line(
        "add team member",
        r"POST ^/teams/\{\}/members(/add)?$",
        Rate(count=30),
        each=FOUR_A_MINUTE,
    ),
    _line("get team members", r"GET ^/teams/\{\}/members$", Rate(count=60)),
    _line("get channels", r"GET ^/teams/\{\}/(all|incoming)?channels$", Rate(count=60)),
    _line("get channel members", rf"GET {_CHANNEL}/(all)?members$", Rate(count=60)),
    _line(
        "get team, channel, tab or app",
        r"GET ^/teams/\{\}(/channels/\{\}|/primarychannel)?$|/(tabs|installedapps)(/\{\})?$",
        Rate(count=30),
    ),
    _line("sections", r"ANY ^/(me|users/\{\})/teamwork/sections(/|$)", Rate(count=5)),
    _GET_CHATS,
    _REMOVE_ACCESS,
    _line("other get of Teams", f"GET {_TEAMS}", Rate(count=30)),
    _line("other of Teams", f"ANY {_TEAMS}", Rate(count=30)),
    _line(
        "presence",
        r"ANY ^/(me|users/\{\})/presence(/|$)|^/communications/(presences|getpresencesbyuserid)",
        Rate(count=10_000, seconds=30),
    ),
    _line("list subscriptions", r"GET ^/subscriptions$", Rate(count=25, seconds=20)),
    _line("other of subscriptions", r"ANY ^/subscriptions(/|$)", Rate(count=500, seconds=20)),
    # One item costs one resource unit, lists and writes cost two; permissions would cost five.
    _line("files", f"ANY {_FILES}", Rate(count=1200, seconds=60), cost=2),
    _line("list directory", r"GET ^/(users|groups)$", Rate(count=3500, seconds=10), cost=2),
    _line("directory", f"ANY {_DIRECTORY}", Rate(count=3500, seconds=10)),
)
PATHS_KEPT_MAX = 4_096
"""Of which it is remembered what they take: most calls are posts to the same few chats."""
UNLIMITED = "other"
"""The name of what is on no line."""


def route_of(path: str) -> Route:
    """Take the ids out of a path; its query says nothing about limits."""
    parts: list[str] = []
    ids: dict[str, str] = {}
    for part in path.partition("?")[0].strip("/").split("/"):
        name = unquote(part).casefold().removesuffix("()")
        before = parts[-1] if parts else ""
        if before in _COLLECTIONS and name not in _FUNCTIONS:
            ids[before] = unquote(part)
            name = "{}"
        parts.append(name)
    pattern = _ASIDE.sub("", "/" + "/".join(parts))
    return Route(pattern, MappingProxyType(ids))


def line_of(method: str, route: Route) -> Line | None:
    """Return the line that a call falls under; None if there is none for it."""
    return next((line for line in LINES if line.holds(method, route.pattern)), None)


def toll_of(method: str, path: str) -> Toll:
    """Return what a call takes."""
    return _toll(method, path.partition("?")[0])


@lru_cache(maxsize=PATHS_KEPT_MAX)
def _toll(method: str, path: str) -> Toll:
    route = route_of(path)
    line = line_of(method, route)
    if line is None:
        return Toll(name=UNLIMITED)
    own = Demand(key=("line", line.name), rate=line.rate, cost=line.cost)
    return Toll(name=line.name, demands=(*_narrow(route, line), own))


def _narrow(route: Route, line: Line) -> tuple[Demand, ...]:
    conversation, team, user = route.conversation, route.ids.get("teams"), route.ids.get("users")
    found: list[Demand] = []
    if line.each is not None:
        key = ("each", line.name, conversation or team or "")
        found.append(Demand(key=key, rate=line.each))
    if conversation is not None:
        found.append(Demand(key=("conversation", conversation), rate=PER_CONVERSATION))
    if line is _POST_CHANNEL_MESSAGE and conversation is not None:
        # Not the narrowest: a refusal says nothing about the whole day.
        found.append(Demand(key=("day", conversation), rate=PER_CHANNEL_DAY))
    if line in (_GET_CHATS, _REMOVE_ACCESS) and user is not None:
        found.append(Demand(key=("chats of", user), rate=PER_LISTING_USER))
    if team is not None:
        found.append(Demand(key=("team", team), rate=PER_TEAM))
    return tuple(found)


def scaled(toll: Toll, share: float) -> Toll:
    """Return what a call takes where only a share of each limit is ours, or more than the whole."""
    return toll if share == 1 else _scaled_toll(toll, share)


@lru_cache(maxsize=PATHS_KEPT_MAX)
def _scaled_toll(toll: Toll, share: float) -> Toll:
    demands = tuple(replace(demand, rate=_scaled(demand.rate, share)) for demand in toll.demands)
    return replace(toll, demands=demands)


def _scaled(rate: Rate, share: float) -> Rate:
    return Rate(count=rate.count, seconds=rate.seconds / share)
