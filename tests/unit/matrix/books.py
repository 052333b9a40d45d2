"""A memory for the Matrix side that forgets everything with the test, and a clock that waits for nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from bridge.config import Appservice, Bridge, Config, Database, Homeserver, Listen, Logging, Teams
from bridge.domain.ids import (
    MessageRef,
    Place,
    PortalId,
    RoomId,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
)
from bridge.domain.permission import Permissions
from bridge.domain.portal import Account, Conversation, Portal, Team
from bridge.errors import Gone
from bridge.ports import (
    AccountBook,
    Clock,
    Directory,
    Ghost,
    GhostBook,
    KeptSignIn,
    NamedRoom,
    Picture,
    PortalBook,
    RoomBook,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@dataclass
class StillClock(Clock):
    """Shows what it is set to; sleeping turns it forward."""

    instant: datetime = NOW
    slept: list[timedelta] = field(default_factory=list)

    @override
    def now(self) -> datetime:
        self.instant += timedelta(microseconds=1)
        return self.instant

    @override
    async def sleep(self, duration: timedelta) -> None:
        self.slept.append(duration)
        self.instant += duration


class Books(GhostBook, PortalBook, RoomBook):
    """Ghosts, portals' rooms and desk rooms."""

    def __init__(self) -> None:
        self.ghosts: dict[tuple[TenantId, str], Ghost] = {}
        self.rooms: dict[PortalId, RoomId] = {}
        self.places: dict[Place, RoomId] = {}
        self.portals: dict[RoomId, Portal] = {}
        self.names: dict[PortalId, str] = {}
        self.desks: dict[UserId, RoomId] = {}
        self.looked_at: list[Place | TeamId] = []
        self.later: dict[RoomId, timedelta] = {}

    @override
    async def ghost(self, tenant: TenantId, person: str) -> Ghost | None:
        return self.ghosts.get((tenant, person))

    @override
    async def remember_ghost(self, ghost: Ghost) -> bool:
        known = self.ghosts.get((ghost.tenant, ghost.person))
        if known is not None and known.looked_at != ghost.looked_at:
            return False
        self.ghosts[ghost.tenant, ghost.person] = ghost
        return True

    @override
    def forget(self, tenant: TenantId, person: str) -> None:
        """Everything is remembered in memory here."""

    @override
    async def remember_room(self, portal: Portal, room: RoomId, *, name: str) -> None:
        self.rooms[portal.id] = room
        self.places[portal.place] = room
        self.portals[room] = portal
        self.names[portal.id] = name

    @override
    async def room_of(self, portal: PortalId) -> RoomId | None:
        return self.rooms.get(portal)

    async def portal_in(self, room: RoomId) -> Portal | None:
        return self.portals.get(room)

    @override
    async def rooms_of(self, places: Collection[Place]) -> tuple[RoomId, ...]:
        return tuple(self.places[place] for place in places if place in self.places)

    @override
    async def named_rooms(self, places: Collection[Place]) -> tuple[NamedRoom, ...]:
        rooms = (self.places[place] for place in places if place in self.places)
        return tuple(NamedRoom(room=room, name=self._name_of(room)) for room in rooms)

    def _name_of(self, room: RoomId) -> str | None:
        return next((self.names.get(p) for p, r in self.rooms.items() if r == room), None)

    @override
    async def look_at(
        self, tenant: TenantId, *, chats: Collection[Place], teams: Collection[TeamId]
    ) -> None:
        self.looked_at += (*chats, *teams)

    @override
    async def look_later(self, room: RoomId, *, after: timedelta) -> None:
        self.later[room] = after

    @override
    async def desk_room(self, user: UserId) -> RoomId | None:
        return self.desks.get(user)

    @override
    async def remember_desk_room(self, user: UserId, room: RoomId) -> None:
        self.desks[user] = room


class Accounts(AccountBook):
    """Who is signed in; the tokens are not this side's business."""

    def __init__(self) -> None:
        self.accounts: dict[UserId, Account] = {}

    def add(self, user: str, teams_user: str, *, name: str | None = None) -> Account:
        account = Account(
            user=UserId(user),
            tenant=TenantId("tenant"),
            teams_user=TeamsUserId(teams_user),
            name=name,
        )
        self.accounts[account.user] = account
        return account

    @override
    async def account_of(self, user: UserId) -> Account | None:
        return self.accounts.get(user)

    @override
    async def accounts_of(self, users: Collection[UserId]) -> Mapping[UserId, Account]:
        return {user: self.accounts[user] for user in users if user in self.accounts}

    @override
    async def accounts_among(
        self, tenant: TenantId, people: Collection[TeamsUserId]
    ) -> tuple[Account, ...]:
        return tuple(
            a for a in self.accounts.values() if a.tenant == tenant and a.teams_user in people
        )

    @override
    async def sign_in(self, account: Account, token_cache: str) -> UserId | None:
        self.accounts[account.user] = account
        return None

    @override
    async def sign_out(self, user: UserId) -> bool:
        return self.accounts.pop(user, None) is not None

    @override
    async def kept(self, tenant: TenantId, person: TeamsUserId) -> KeptSignIn | None:
        return None

    @override
    async def refuse(self, kept: KeptSignIn, *, reason: str) -> None:
        return None

    @override
    async def token_cache(self, user: UserId) -> str | None:
        return None

    @override
    async def store_token_cache(self, user: UserId, token_cache: str) -> None:
        return None

    @override
    async def unwelcomed(self, *, limit: int) -> tuple[Account, ...]:
        return tuple(self.accounts.values())[:limit]

    @override
    async def mark_welcomed(self, user: UserId) -> None:
        return None

    async def link(self, user: UserId) -> str:
        return f"https://bridge.test/signin/{len(user)}"

    async def code(self, user: UserId) -> str:
        return f"type the code of {user}"

    async def account(self, user: UserId) -> Account | None:
        return self.accounts.get(user)


class Tenant(Directory):
    """The conversations of Teams, as far as a test knows them."""

    def __init__(self) -> None:
        self.conversations: dict[Place, Conversation] = {}
        self.teams: dict[TeamId, Team] = {}
        self.pins: dict[Place, tuple[MessageRef, ...]] = {}
        self.described = 0

    @override
    async def describe(self, place: Place, *, as_of: datetime | None = None) -> Conversation:
        self.described += 1
        if place not in self.conversations:
            raise Gone("Graph does not know this conversation")
        return self.conversations[place]

    @override
    async def team(self, team: TeamId, *, as_of: datetime | None = None) -> Team:
        if team not in self.teams:
            raise Gone("Graph does not know this team")
        return self.teams[team]

    @override
    async def pins_of(self, place: Place) -> tuple[MessageRef, ...] | None:
        return self.pins.get(place, ())

    @override
    async def picture_of(self, team: TeamId, *, known: str | None) -> Picture | str | None:
        return None

    @override
    async def teams_of(self, user: TeamsUserId) -> tuple[TeamId, ...]:
        return tuple(
            team.id for team in self.teams.values() if user in {m.id for m in team.members}
        )

    @override
    async def conversations_of(self, user: TeamsUserId) -> tuple[Place, ...]:
        return tuple(
            place
            for place, conversation in self.conversations.items()
            if user in {member.id for member in conversation.members}
        )


CONFIG = Config(
    homeserver=Homeserver(address="http://localhost:8008", domain="example.org"),
    appservice=Appservice(
        id="teams",
        address="http://localhost:29318",
        listen=Listen(host="127.0.0.1", port=29318),
        as_token="0" * 32,
        hs_token="1" * 32,
        bot_localpart="teamsbot",
        bot_name="Teams bridge",
        ghost_localpart="teams_{user}",
        ghost_name="{name} (Teams{kind})",
        alias_localpart="teams_{chat}",
    ),
    database=Database(uri="embedded", data_folder=None, connections_max=1),
    teams=Teams(
        tenant_id="tenant",
        client_id="client",
        client_secret=None,
        certificate_file=None,
        graph_url="https://graph.test",
        login_url="https://login.test",
        webhook_url="https://bridge.test",
        ca_file=None,
    ),
    bridge=Bridge(
        encryption_keys=(),
        settle_window=timedelta(0),
        permissions=Permissions.default("example.org"),
    ),
    logging=Logging(level="info", format="auto"),
)
"""The configuration of a bridge of which only the Matrix side matters."""
