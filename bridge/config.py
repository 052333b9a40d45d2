"""The configuration: frozen dataclasses, one per section of config.yaml, and how they are loaded.

    load(path, env) -> bridge.settings: the file, its lines, the environment
                    -> one function per section: which settings there are, defaults, what fits
                    -> Config, or ConfigError with every problem at once

Any setting may also come from the environment, as TEAMS_BRIDGE_<SECTION>_<KEY>, which wins over the
file. A secret may lie in a file of its own: `<key>_file`, or TEAMS_BRIDGE_<SECTION>_<KEY>_FILE.
Secrets are left out of every repr.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path

from bridge.domain.permission import Permissions
from bridge.domain.values import dataclass
from bridge.settings import checks, choices, fits, permits
from bridge.settings.choices import CLOUDS as CLOUDS, GHOST_WORDS as GHOST_WORDS, cloud_of
from bridge.settings.document import Document, Section
from bridge.settings.members import Members, members
from bridge.settings.puppets import DoublePuppets, double_puppets
from bridge.settings.relaying import Relay, relay

EMBEDDED = "embedded"
CONNECTIONS_DEFAULT = 16
CONNECTIONS_MAX = 500
SETTLE_WINDOW_DEFAULT_MS = 250
SETTLE_WINDOW_MAX_MS = 10_000
SPACE_NAME_DEFAULT = "Microsoft Teams"

CA_HINT = "name a PEM file with the certificates of your authority, or leave it out"
GENERATE = "make one with `teams-bridge generate-token`"
LOCALPART_HINT = "use small letters, digits and . _ = / + - as in "


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

    `ghost_localpart` holds `{user}`, `alias_localpart` holds `{chat}`, `ghost_name` holds `{name}` and
    perhaps `{kind}`. `ghost_words` has the word for each of `GHOST_WORDS`.
    """

    id: str
    address: str
    listen: Listen
    as_token: str = field(repr=False)
    hs_token: str = field(repr=False)
    bot_localpart: str
    bot_name: str
    ghost_localpart: str
    ghost_name: str
    alias_localpart: str
    bot_avatar: str | None = None
    ghost_words: Mapping[str, str] = field(default_factory=lambda: dict(GHOST_WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """`uri` is `postgres://…` or `embedded`, which wants `data_folder`."""

    uri: str = field(repr=False)
    data_folder: Path | None
    connections_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Teams:
    """The tenant and our app in it; exactly one of `client_secret` and `certificate_file`.

    `file_hosts`: besides Graph's own, where files may be fetched from; `*.` stands for any beginning.
    `limits_percent`: what this process may use of the limits that Microsoft sets for Graph.
    `channels`: whether teams and their channels are bridged, or chats alone. `presence`: whether
    ghosts show who is there. `device_code`: whether people may sign in by a code.
    """

    tenant_id: str
    client_id: str
    client_secret: str | None = field(repr=False)
    certificate_file: Path | None
    graph_url: str
    login_url: str
    webhook_url: str
    ca_file: Path | None
    file_hosts: tuple[str, ...] = CLOUDS["global"].file_hosts
    limits_percent: int = choices.LIMITS_PERCENT_DEFAULT
    channels: bool = True
    presence: bool = False
    device_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """How the bridge behaves; `encryption_keys` are Fernet keys, the first one writes.

    `space_name` is that of the space that holds those of all teams. `name_direct_chats`: whether the
    room of a chat of two has a name of its own. `ghost_profiles`: whether ghosts show more of people
    than name and picture. `media_size_max`: bytes of a file that is copied. `command_prefix` begins a
    command in a bridged room. `permissions` say who may do what, `open_search` who finds people.
    """

    encryption_keys: tuple[str, ...] = field(repr=False)
    settle_window: timedelta
    space_name: str = SPACE_NAME_DEFAULT
    name_direct_chats: bool = False
    ghost_profiles: bool = False
    media_size_max: int = choices.MEDIA_SIZE_DEFAULT_MB * choices.MEGABYTE
    members: Members = field(default_factory=Members)
    command_prefix: str = permits.COMMAND_PREFIX_DEFAULT
    relay: Relay = field(default_factory=Relay)
    permissions: Permissions = field(default_factory=lambda: Permissions({}))
    open_search: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Log level and form."""

    level: choices.Level
    format: choices.Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it."""

    homeserver: Homeserver
    appservice: Appservice
    database: Database
    teams: Teams
    bridge: Bridge
    logging: Logging
    double_puppets: DoublePuppets = field(default_factory=DoublePuppets)


def load(path: Path, env: Mapping[str, str]) -> Config:
    """Load the configuration; relative paths in it start at its own folder.

    Raises:
        ConfigError: With every problem, each with its line and what to do. None shows a secret.
    """
    document = Document.read(path, env)
    config = _config(document)
    document.finish()
    return config


def option_names() -> tuple[str, ...]:
    """Give the name of every setting, as "section.key"."""
    return _empty().option_names()


def overrides(env: Mapping[str, str]) -> tuple[str, ...]:
    """Give the environment variables that say something about the configuration."""
    return tuple(name for name in _empty().variables() if env.get(name))


def _empty() -> Document:
    document = Document.empty(Path("config.yaml"), {})
    _config(document)
    return document


def _config(document: Document) -> Config:
    homeserver = _homeserver(document.section("homeserver"))
    return Config(
        homeserver=homeserver,
        appservice=_appservice(document.section("appservice")),
        database=_database(document.section("database")),
        teams=_teams(document.section("teams")),
        bridge=_bridge(document.section("bridge"), homeserver.domain),
        logging=_logging(document.section("logging")),
        double_puppets=_double_puppets(document),
    )


def _double_puppets(document: Document) -> DoublePuppets:
    appservice = document.sections["appservice"]
    return double_puppets(document.section("double_puppets"), appservice, GENERATE)


def _homeserver(section: Section) -> Homeserver:
    return Homeserver(
        address=section.required(
            "address",
            fits.homeserver_address,
            "write where the homeserver's client API is, for example http://localhost:8008",
        ),
        domain=section.required(
            "domain",
            fits.server_name,
            "write what follows the colon in your Matrix addresses, for example example.org",
        ),
        ca_file=section.optional("ca_file", section.file, CA_HINT, default=None),
    )


def _appservice(section: Section) -> Appservice:
    host, port = section.optional(
        "listen", fits.host_and_port, "for example 127.0.0.1:29318", default=("127.0.0.1", 29318)
    )
    appservice = Appservice(
        id=section.optional("id", fits.localpart, LOCALPART_HINT + "teams", default="teams"),
        address=section.required(
            "address",
            fits.web_address,
            "write where the homeserver reaches the bridge, for example http://localhost:29318",
        ),
        listen=Listen(host=host, port=port),
        as_token=section.required("as_token", fits.token, GENERATE, secret=True),
        hs_token=section.required("hs_token", fits.token, GENERATE, secret=True),
        bot_localpart=section.optional(
            "bot_localpart", fits.localpart, LOCALPART_HINT + "teamsbot", default="teamsbot"
        ),
        bot_name=section.optional(
            "bot_name", fits.printable, "for example Teams bridge", default="Teams bridge"
        ),
        bot_avatar=section.optional(
            "bot_avatar", fits.media_uri, "for example mxc://example.org/abc", default=None
        ),
        ghost_localpart=section.optional(
            "ghost_localpart",
            fits.localpart_with("{user}"),
            LOCALPART_HINT + "teams_{user}",
            default="teams_{user}",
        ),
        ghost_name=section.optional(
            "ghost_name",
            fits.text_with("{name}", "{kind}"),
            f"for example {choices.GHOST_NAME_DEFAULT}",
            default=choices.GHOST_NAME_DEFAULT,
        ),
        ghost_words=section.optional(
            "ghost_words",
            fits.words(GHOST_WORDS),
            "for example guest=Gast, federated=extern",
            default=dict(GHOST_WORDS),
        ),
        alias_localpart=section.optional(
            "alias_localpart",
            fits.localpart_with("{chat}"),
            LOCALPART_HINT + "teams_{chat}",
            default="teams_{chat}",
        ),
    )
    _check_strangers(section, appservice)
    return appservice


def _check_strangers(section: Section, appservice: Appservice) -> None:
    """Two tokens that are one, or a bot that looks like a ghost, would be taken for each other."""
    if section.sound("as_token", "hs_token") and appservice.as_token == appservice.hs_token:
        section.wrong("hs_token", "is the same as as_token", GENERATE)
    if section.sound("bot_localpart", "ghost_localpart"):
        before, after = map(re.escape, appservice.ghost_localpart.split("{user}"))
        if re.fullmatch(f"{before}.*{after}", appservice.bot_localpart):
            section.wrong(
                "bot_localpart", "has the form of ghost_localpart", "name the bot otherwise"
            )


def _database(section: Section) -> Database:
    uri = section.required(
        "uri",
        fits.database_uri,
        f"write {EMBEDDED}, or for example postgresql://user:password@localhost/teams_bridge",
        secret=True,
    )
    data_folder = section.optional(
        "data_folder", section.folder, "name a folder, for example data", default=None
    )
    if section.sound("uri", "data_folder") and uri == EMBEDDED and data_folder is None:
        section.missing("data_folder", "the embedded Postgres needs a folder, for example data")
    return Database(
        uri=uri,
        data_folder=data_folder,
        connections_max=_number(
            section, "connections_max", 2, CONNECTIONS_MAX, default=CONNECTIONS_DEFAULT
        ),
    )


def _teams(section: Section) -> Teams:
    cloud = cloud_of(section)
    teams = Teams(
        tenant_id=section.required(
            "tenant_id",
            fits.guid,
            "copy the directory (tenant) id; a domain name will not do, as Microsoft's"
            " notifications carry the id",
        ),
        client_id=section.required("client_id", fits.guid, "copy the application (client) id"),
        client_secret=section.optional(
            "client_secret",
            fits.client_secret,
            "copy the column Value from Certificates & secrets",
            default=None,
            secret=True,
        ),
        certificate_file=section.optional(
            "certificate_file",
            section.file,
            "name a PEM file with the private key and the certificate",
            default=None,
        ),
        graph_url=cloud.graph_url,
        login_url=cloud.login_url,
        file_hosts=cloud.file_hosts,
        webhook_url=section.required(
            "webhook_url",
            fits.secure_web_address,
            "write where Microsoft reaches the bridge, for example https://bridge.example.org/teams",
        ),
        ca_file=section.optional("ca_file", section.file, CA_HINT, default=None),
        limits_percent=section.optional(
            "limits_percent",
            fits.number(1, choices.LIMITS_PERCENT_MAX),
            "for example 50 for each of two processes",
            default=choices.LIMITS_PERCENT_DEFAULT,
        ),
        channels=section.flag("channels", default=True),
        presence=section.flag("presence", default=False),
        device_code=section.flag("device_code", default=False),
    )
    checks.one_credential(section)
    return teams


def _number(section: Section, key: str, least: int, most: int, *, default: int) -> int:
    return section.optional(
        key, fits.number(least, most), f"for example {default}", default=default
    )


def _bridge(section: Section, domain: str) -> Bridge:
    hint = "make one with `teams-bridge generate-key`"
    keys = section.several("encryption_key", fits.fernet_key, hint)
    if section.sound("encryption_key") and len(set(keys)) < len(keys):
        section.wrong("encryption_key", "holds a key twice", "remove one")
    window = _number(
        section, "settle_window_ms", 0, SETTLE_WINDOW_MAX_MS, default=SETTLE_WINDOW_DEFAULT_MS
    )
    media = _number(
        section,
        "media_size_max_mb",
        0,
        choices.MEDIA_SIZE_MAX_MB,
        default=choices.MEDIA_SIZE_DEFAULT_MB,
    )
    return Bridge(
        encryption_keys=keys,
        settle_window=timedelta(milliseconds=window),
        space_name=section.optional(
            "space_name",
            fits.printable,
            f"for example {SPACE_NAME_DEFAULT}",
            default=SPACE_NAME_DEFAULT,
        ),
        name_direct_chats=section.flag("name_direct_chats", default=False),
        ghost_profiles=section.flag("ghost_profiles", default=False),
        media_size_max=media * choices.MEGABYTE,
        members=members(section),
        relay=relay(section),
        command_prefix=permits.command_prefix(section),
        permissions=permits.permissions(section, domain),
        open_search=section.flag("open_search", default=False),
    )


def _logging(section: Section) -> Logging:
    levels, formats = fits.one_of(choices.LEVELS), fits.one_of(choices.FORMATS)
    return Logging(
        level=section.optional("level", levels, "for example info", default="info"),
        format=section.optional("format", formats, "for example auto", default="auto"),
    )
