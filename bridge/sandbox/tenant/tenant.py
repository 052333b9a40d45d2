"""One tenant: everything that belongs together and nothing of any other tenant.

`Tenant` holds the state and finds things in it; the modules beside it act on it. Two tenants in
one server share the address and the signing keys, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid4, uuid5

from bridge.sandbox.tenant.catalog import Catalog
from bridge.sandbox.tenant.clock import TenantClock
from bridge.sandbox.tenant.errors import Json, bad_request, no_such_user, not_found
from bridge.sandbox.tenant.feed import Feed
from bridge.sandbox.tenant.files.library import Library
from bridge.sandbox.tenant.limit_buckets import Buckets
from bridge.sandbox.tenant.people.directory import Directory
from bridge.sandbox.tenant.people.sessions import Presences
from bridge.sandbox.tenant.people_kinds import People
from bridge.sandbox.tenant.register import Register
from bridge.sandbox.tenant.settings import Settings
from bridge.sandbox.tenant.signin_state import SigninState
from bridge.sandbox.tenant.tokens import Issuer, Keyring
from bridge.sandbox.tenant.trash import Trash
from bridge.sandbox.tenant.weather import Weather
from bridge.sandbox.tenant.world import App, Channel, Chat, Message, Secret, Team, User

if TYPE_CHECKING:
    from bridge.sandbox.tenant.crowd.organisation import Organisation
    from bridge.sandbox.tenant.crowd.traffic import Traffic
    from bridge.sandbox.tenant.script import Script

SECRET_LIFETIME = timedelta(days=180)
REQUESTS_KEPT = 2000
"""How many of the last requests a test can look back on."""
GRANTS_KEPT = 20_000
"""Codes and refresh tokens; the oldest are forgotten first."""


class ChangeKind(StrEnum):
    """Graph's `changeType`."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class Subject(StrEnum):
    """What kind of thing changed, by Graph's name of its type."""

    MESSAGE = "chatMessage"
    CHAT = "chat"
    MEMBER = "conversationMember"
    TEAM = "team"
    CHANNEL = "channel"
    USER = "user"
    PRESENCE = "presence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something happened to a thing; `seen` is that thing as Graph shows it at that moment."""

    kind: ChangeKind
    subject: Subject
    id: str
    place: str
    """The thing as an OData address, such as `chats('19:…')/messages('1…')`."""
    seen: Json
    conversation: Chat | Channel | None = None
    """Where it happened, if in a chat or a channel."""
    team: Team | None = None
    user: User | None = None
    """Whose: the member's, the user's, the one whose presence it is."""


@dataclass(slots=True, kw_only=True)
class Grant:
    """What a user allowed an app: behind an authorization code or a refresh token."""

    app: App
    user: User
    scopes: tuple[str, ...]
    issued: datetime
    expires: datetime
    redirect_uri: str = ""
    challenge: str | None = None
    challenge_method: str = "plain"
    nonce: str | None = None
    used: bool = False
    public: bool = False
    """Given to an app that need not prove who it is."""
    began: datetime | None = None
    """When the user signed in; None is `issued`."""


@dataclass(slots=True)
class Site:
    """Where the server can be reached; known once it listens."""

    base: str = ""


@dataclass(kw_only=True)
class Holdings:
    """Everything that one tenant has, empty at first."""

    clock: TenantClock = field(default_factory=TenantClock)
    settings: Settings = field(default_factory=Settings)
    weather: Weather = field(default_factory=Weather)
    feed: Feed = field(default_factory=Feed)
    apps: dict[str, App] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    people: People = field(default_factory=People)
    crowd: Organisation | None = None
    """The imagined part of the tenant, if it has one."""
    traffic: Traffic | None = None
    script: Script | None = None
    chats: dict[str, Chat] = field(default_factory=dict)
    notes: dict[str, Chat] = field(default_factory=dict)
    """Everyone's chat with themselves, by user id."""
    teams: dict[str, Team] = field(default_factory=dict)
    deleted_teams: dict[str, Team] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    trash: Trash = field(default_factory=Trash)
    files: Library = field(default_factory=Library)
    directory: Directory = field(default_factory=Directory)
    presences: Presences = field(default_factory=Presences)
    turns: int = 0
    """How many changes of messages there were."""
    delta_reset: datetime | None = None
    """Delta tokens from before this moment are good no more."""
    subscriptions: Register = field(default_factory=Register)
    codes: OrderedDict[str, Grant] = field(default_factory=OrderedDict)
    refresh_tokens: OrderedDict[str, Grant] = field(default_factory=OrderedDict)
    signin: SigninState = field(default_factory=SigninState)
    requests: deque[Json] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    buckets: Buckets = field(default_factory=Buckets)
    throttled: dict[str, int] = field(default_factory=dict)
    """Requests refused with 429, by the bucket that was empty."""
    listeners: list[Callable[[Change], None]] = field(default_factory=list)
    wakers: list[Callable[[], None]] = field(default_factory=list)


class Tenant(Holdings):
    """An organisation with its people, their chats, its apps and its clock."""

    def __init__(self, *, site: Site, keyring: Keyring, tenant_id: str, name: str) -> None:
        super().__init__()
        self.id = tenant_id
        self.name = name
        self.domain = f"{hashlib.sha256(tenant_id.encode()).hexdigest()[:10]}.example"
        self.site = site
        self.keyring = keyring
        self.founded = self.clock.now()
        self._by_name: dict[str, User] = {}

    @property
    def issuer(self) -> Issuer:
        base = self.site.base
        return Issuer(
            keyring=self.keyring,
            tenant=self.id,
            authority=base,
            graph=base,
            now=self.clock.now,
        )

    def register_app(
        self, *, name: str, client_id: str | None = None, secret: str | None = None
    ) -> App:
        """A new app registration, with one client secret if one is given."""
        app_id = client_id or str(uuid4())
        app = App(id=app_id, object_id=str(uuid5(NAMESPACE_URL, self.id + app_id)), name=name)
        if secret is not None:
            self.add_secret(app, secret)
        self.apps[app.id] = app
        return app

    def add_secret(self, app: App, value: str) -> None:
        app.secrets.append(Secret(value=value, expires=self.clock.now() + SECRET_LIFETIME))

    def add_user(
        self, display_name: str, *, upn: str | None = None, user_id: str | None = None
    ) -> User:
        """A new user; the sign-in name is made from the display name where none is given."""
        key = user_id or str(uuid4())
        local = "".join(c for c in display_name.lower() if c.isascii() and c.isalnum()) or "user"
        name = upn or f"{local}.{key[:8]}@{self.domain}"
        if self.find_user(key) or self.find_user(name):
            raise bad_request("There is a user of this id or name already.")
        user = User(id=key, display_name=display_name, upn=name)
        self.users[key] = user
        self._by_name[name.casefold()] = user
        self.directory.created[key] = self.clock.now()
        self.directory.touch(key)
        return user

    def recall_user(self, user: User) -> None:
        """Take a user who was forgotten into the directory again."""
        self.users[user.id] = user
        self._by_name[user.upn.casefold()] = user

    def forget_user(self, user: User) -> None:
        """Take the user out of the directory."""
        del self.users[user.id]
        self._by_name.pop(user.upn.casefold(), None)

    def user(self, key: str) -> User:
        """The user of this id or sign-in name.

        Raises:
            GraphError: 404, there is none.
        """
        user = self.find_user(key)
        if user is None:
            raise no_such_user(key)
        return user

    def find_user(self, key: str) -> User | None:
        found = self.users.get(key) or self._by_name.get(key.casefold())
        return found or (None if self.crowd is None else self.crowd.find_user(key))

    def chats_of(self, user: User) -> Iterable[Chat]:
        """The chats in which the user is, to be looked at."""
        if self.crowd is not None:
            return self.crowd.chats_of(user)
        return (chat for chat in self.chats.values() if user.id in chat.members)

    def chat(self, chat_id: str) -> Chat:
        """The chat of this id.

        Raises:
            GraphError: 404, there is none.
        """
        chat = self.chats.get(chat_id)
        if chat is None:
            raise not_found()
        return chat

    def team(self, team_id: str) -> Team:
        """The team of this id.

        Raises:
            GraphError: 404, there is none.
        """
        team = self.teams.get(team_id)
        if team is None or (team.ready is not None and self.clock.now() < team.ready):
            # As seen in microsoft-graph-docs issue 17077, for teams that are being made as well.
            msg = f"No team found with Group Id {team_id}"
            raise not_found(msg)
        return team

    def channel(self, team_id: str, channel_id: str) -> Channel:
        """The channel of this id in that team.

        Raises:
            GraphError: 404, there is none.
        """
        channel = self.team(team_id).channels.get(channel_id)
        if channel is None:
            raise not_found()
        return channel

    def message(self, conversation: Chat | Channel, message_id: str) -> Message:
        """The message of this id in the conversation.

        Raises:
            GraphError: 404, there is none.
        """
        message = conversation.messages.get(message_id)
        if message is None:
            raise not_found()
        return message

    def announce(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)

    def wake(self) -> None:
        """Something changed that is no message: a subscription, the weather."""
        for waker in self.wakers:
            waker()

    def remember_code(self, code: str, grant: Grant) -> None:
        _remember(self.codes, code, grant)

    def remember_refresh_token(self, token: str, grant: Grant) -> None:
        _remember(self.refresh_tokens, token, grant)


@dataclass(slots=True)
class Realm:
    """All tenants of one server."""

    site: Site
    keyring: Keyring
    tenants: dict[str, Tenant] = field(default_factory=dict)
    opened: list[Callable[[Tenant], None]] = field(default_factory=list)
    closed: list[Callable[[Tenant], None]] = field(default_factory=list)

    def create(self, *, tenant_id: str | None = None, name: str = "Contoso") -> Tenant:
        key = tenant_id or str(uuid4())
        if key in self.tenants:
            msg = f"tenant {key} exists already"
            raise ValueError(msg)
        tenant = Tenant(site=self.site, keyring=self.keyring, tenant_id=key, name=name)
        self.tenants[key] = tenant
        for callback in self.opened:
            callback(tenant)
        return tenant

    def remove(self, tenant: Tenant) -> None:
        del self.tenants[tenant.id]
        for callback in self.closed:
            callback(tenant)

    def find(self, key: str) -> Tenant | None:
        """The tenant of this id or domain."""
        found = self.tenants.get(key)
        return found or next((t for t in self.tenants.values() if t.domain == key), None)


def _remember(kept: OrderedDict[str, Grant], key: str, grant: Grant) -> None:
    kept[key] = grant
    while len(kept) > GRANTS_KEPT:
        kept.popitem(last=False)
