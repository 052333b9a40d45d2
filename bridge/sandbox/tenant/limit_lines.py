"""Which limit a request falls under: Microsoft's table, line by line.

    method, route ─ line_of ─> Line        limit_demands.py: the buckets that a request takes from

A line is found by the pattern of the path, so that a new operation falls into the line where
Microsoft would count it; the first line that fits is the one.

Sources: learn.microsoft.com graph/throttling-limits (Microsoft Teams, subscription, identity and
access, cloud communication, Outlook and global limits; the file behind its part on Teams is
includes/throttling-teams.md of microsoftgraph/microsoft-graph-docs-contrib);
microsoftgraph/microsoft-graph-docs issue 8494 (`GET /teams/{id}` is not limited as joinedTeams
is); microsoftteams import-external-messages-to-teams (5 messages per second and channel);
sharepoint how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online (resource units).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from bridge.sandbox.tenant.limit_buckets import Rate


class Service(StrEnum):
    """Who counts."""

    TEAMS = "Teams"
    PRESENCE = "cloud communication"
    SUBSCRIPTIONS = "subscription"
    DIRECTORY = "identity and access"
    FILES = "files and lists"
    OUTLOOK = "Outlook"
    GATEWAY = "global"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table; a rate of None means that the line has no such limit."""

    name: str
    service: Service
    methods: frozenset[str]
    """Empty: any."""
    pattern: re.Pattern[str]
    per_tenant: Rate | None = None
    """Per app and tenant."""
    per_app: Rate | None = None
    """Per app over all tenants."""
    per_resource: Rate | None = None
    """Per app, tenant and chat, channel or team, beside the one per second of all lines."""

    def holds(self, method: str, path: str) -> bool:
        return (not self.methods or method in self.methods) and bool(self.pattern.search(path))


FOUR_A_MINUTE = Rate(count=4, seconds=60)

_READS = frozenset({"GET"})
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ID = re.compile(r"\{[^}]*\}")
_ASIDE = re.compile(r"^/users/\{\}(?=/chats(?:/|$))|^/tenants/\{\}(?=/)")
_TEAMS = r"^/(chats|teams|teamwork|appcatalogs)(/|$)|^/users/\{\}/(joinedteams|teamwork)(/|$)"
_CHANNEL_MESSAGE = r"^/teams/\{\}/channels/\{\}/messages"


def _teams(
    place: str, per_tenant: float, per_app: float | None, *, each: Rate | None = None
) -> Line:
    """A line about Teams: `GET pattern` with its limits per second."""
    method, _, pattern = place.partition(" ")
    return Line(
        name=place,
        service=Service.TEAMS,
        methods=frozenset() if method == "ANY" else frozenset(method.split("|")),
        pattern=re.compile(pattern),
        per_tenant=Rate(count=per_tenant),
        per_app=None if per_app is None else Rate(count=per_app),
        per_resource=each,
    )


POST_CHANNEL_MESSAGE = _teams(rf"POST {_CHANNEL_MESSAGE}(/\{{\}}/replies)?$", 50, 500)
POST_CHAT_MESSAGE = _teams(r"POST ^/chats/\{\}/messages(/replywithquote|/forwardtochat)?$", 20, 200)
GET_CHATS = _teams(r"GET ^/chats(/\{\})?$", 30, 1500)
REMOVE_ACCESS = _teams(r"POST ^/chats/\{\}/removeallaccessforuser$", 30, 300)
OTHER_GET = _teams(f"GET {_TEAMS}", 30, 1500)
OTHER = _teams(f"ANY {_TEAMS}", 30, 300)

LINES: tuple[Line, ...] = (
    Line(
        name="profile photo",
        service=Service.OUTLOOK,
        methods=frozenset(),
        pattern=re.compile(r"^(/users/\{\}|/groups/\{\}|/teams/\{\})/photos?(/|$)"),
        per_resource=Rate(count=10_000, seconds=600),
    ),
    _teams(r"GET ^/(chats|teams/\{\}/channels)/(getall(retained)?|all)messages$", 200, 1000),
    _teams(r"GET ^/teamwork/deletedteams/\{\}/channels/getallmessages$", 200, 1000),
    _teams(rf"GET {_CHANNEL_MESSAGE}(/\{{\}}(/replies(/\{{\}})?)?)?$", 20, 200),
    _teams(r"GET ^/chats/\{\}/messages(/\{\})?$", 20, 200),
    POST_CHANNEL_MESSAGE,
    POST_CHAT_MESSAGE,
    _teams(r"POST ^/chats/\{\}/members$", 30, 300, each=FOUR_A_MINUTE),
    _teams(r"DELETE ^/chats/\{\}/members/\{\}$", 30, 300, each=FOUR_A_MINUTE),
    _teams(r"POST ^/teams/\{\}/members(/add)?$", 30, 300, each=FOUR_A_MINUTE),
    _teams(r"GET ^/teams/\{\}/members$", 60, 1200),
    _teams(r"GET ^/teams/\{\}/(all|incoming)?channels$", 60, 1200),
    _teams(r"GET ^/teams/\{\}/channels/\{\}/(all)?members$", 60, 1200),
    _teams(r"GET ^/teams/\{\}/schedule(/|$)", 30, 600),
    _teams(r"POST|PUT ^/teams/\{\}/schedule(/|$)", 30, 300),
    _teams(r"GET ^/teams/\{\}$", 30, 600),
    _teams(r"GET ^/teams/\{\}/(channels/\{\}|primarychannel)$", 30, 600),
    _teams(r"GET /tabs(/\{\})?$", 30, 600),
    _teams(r"GET /installedapps(/\{\})?$", 30, 600),
    _teams(r"GET ^/appcatalogs/", 30, 600),
    _teams(r"GET ^/users/\{\}/joinedteams$", 30, 300),
    _teams(r"DELETE ^/teams/\{\}/channels/\{\}$", 15, 150),
    _teams(r"DELETE /tabs/\{\}$", 15, 150),
    _teams(r"DELETE /installedapps/\{\}$", 15, 150),
    _teams(r"DELETE ^/appcatalogs/", 15, 150),
    _teams(r"POST ^/teams$", 10, 100),
    _teams(r"PUT ^/groups/\{\}/team$", 6, 150),
    _teams(r"POST ^/teams/\{\}/clone$", 6, 150),
    _teams(r"POST /sendactivitynotification$", 5, 50),
    _teams(r"POST /sendactivitynotificationtorecipients$", 2, 20),
    _teams(r"ANY ^/users/\{\}/teamwork/sections(/|$)", 5, None),
    GET_CHATS,
    REMOVE_ACCESS,
    OTHER_GET,
    OTHER,
    Line(
        name="presence",
        service=Service.PRESENCE,
        methods=frozenset(),
        pattern=re.compile(
            r"^/users/\{\}/presence(/|$)|^/communications/(presences|getpresencesbyuserid)"
        ),
        per_tenant=Rate(count=10_000, seconds=30),
    ),
    Line(
        name="GET subscription list",
        service=Service.SUBSCRIPTIONS,
        methods=_READS,
        pattern=re.compile(r"^/subscriptions$"),
        per_tenant=Rate(count=25, seconds=20),
        per_app=Rate(count=40, seconds=20),
    ),
    Line(
        name="POST /reauthorize",
        service=Service.SUBSCRIPTIONS,
        methods=_WRITES,
        pattern=re.compile(r"^/subscriptions/\{\}/reauthorize$"),
        per_tenant=Rate(count=1000, seconds=20),
        per_app=Rate(count=4000, seconds=20),
    ),
    Line(
        name="GET or write a subscription",
        service=Service.SUBSCRIPTIONS,
        methods=frozenset(),
        pattern=re.compile(r"^/subscriptions(/|$)"),
        per_tenant=Rate(count=500, seconds=20),
        per_app=Rate(count=2000, seconds=20),
    ),
    Line(
        name="files and lists",
        service=Service.FILES,
        methods=frozenset(),
        pattern=re.compile(r"^/(drives|shares|sites)(/|$)|^/(users|groups)/\{\}/drives?(/|$)"),
    ),
    Line(
        name="directory",
        service=Service.DIRECTORY,
        methods=frozenset(),
        pattern=re.compile(
            r"^/(me|users|groups|directory|directoryobjects|organization|applications|"
            r"serviceprincipals|domains|subscribedskus|oauth2permissiongrants)(/|$)"
        ),
        per_app=Rate(count=150_000, seconds=20),
    ),
    Line(
        name="JSON batch",
        service=Service.GATEWAY,
        methods=frozenset(),
        pattern=re.compile(r"^/\$batch$"),
    ),
)


def normal(path: str) -> str:
    """A route's path without its ids' names and its tenant; a user's own chats are `/chats`."""
    return _ASIDE.sub("", _ID.sub("{}", path).casefold())


@cache
def line_of(method: str, path: str) -> Line | None:
    """The line that this operation falls under; None if there is none for it."""
    place = normal(path)
    return next((line for line in LINES if line.holds(method, place)), None)
