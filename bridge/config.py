"""The configuration: frozen dataclasses, one per section of config.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Homeserver:
    """The Matrix homeserver; `address` is its client API, `domain` the part after the colon."""

    address: str
    domain: str
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the bridge's one HTTP server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appservice:
    """How the homeserver and the bridge know each other.

    `ghost_localpart` holds `{user}`, `alias_localpart` holds `{chat}`.
    """

    id: str
    address: str
    listen: Listen
    as_token: str
    hs_token: str
    bot_localpart: str
    bot_name: str
    ghost_localpart: str
    ghost_name: str
    alias_localpart: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """`uri` is `postgres://…` or `embedded`, which wants `data_folder`."""

    uri: str
    data_folder: Path | None
    connections_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Teams:
    """The tenant and our app in it; exactly one of `client_secret` and `certificate_file`."""

    tenant_id: str
    client_id: str
    client_secret: str | None
    certificate_file: Path | None
    graph_url: str
    login_url: str
    webhook_url: str
    ca_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """How the bridge behaves; `encryption_keys` are Fernet keys, the first one writes."""

    encryption_keys: tuple[str, ...]
    settle_window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Log level and form."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["auto", "json", "console"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it."""

    homeserver: Homeserver
    appservice: Appservice
    database: Database
    teams: Teams
    bridge: Bridge
    logging: Logging
