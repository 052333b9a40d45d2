"""A real Synapse on the loopback, for `make demo` and the tests; nothing a stranger may reach.

    start: folder -> homeserver.yaml, logging.yaml, signing.key, shared-secret (the two last are kept)
           -> the child -> GET /health until it answers
    <folder>/homeserver.log   warnings and errors, and why it did not start
    <folder>/homeserver.db    SQLite, unless a database is given

It limits nobody's rate, keeps no presence and hashes passwords cheaply; everything else is Synapse's
default. Configuration is written as JSON, which is YAML.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import importlib.util
import json
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.errors import ConfigError, InvariantBroken, Unavailable
from bridge.sandbox.processes import Command, Process, reserve_port, spawn

START_LIMIT = timedelta(seconds=120)
STOP_LIMIT = timedelta(seconds=20)
REQUEST_LIMIT = timedelta(seconds=30)
HEALTH_LIMIT = timedelta(seconds=2)
BCRYPT_ROUNDS_MIN = 4
DATABASE_CONNECTIONS_MAX = 10
NO_LIMIT = {"per_second": 1_000_000, "burst_count": 1_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a homeserver lives from its first start on: it comes back at the same address."""

    folder: Path
    server_name: str
    port: int
    shared_secret: str


class Homeserver:
    """One Synapse; between `start` and `stop` or `kill` its folder and its port are ours."""

    def __init__(self) -> None:
        self._place: _Place | None = None
        self._process: Process | None = None
        self._reservation: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self,
        folder: Path,
        *,
        server_name: str,
        registrations: Sequence[Path] = (),
        database: str | None = None,
        port: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> str:
        """Start and give the address of the client-server API; blocks for about 1.5 s.

        Args:
            folder: Made when it is new; holds configuration, keys, log and media.
            server_name: What stands after the colon of every user id.
            registrations: Application services; Synapse reads them at its start only.
            database: DSN of a Postgres database of collation C; SQLite when absent.
            port: 0 takes a free one.
            settings: Whatever else homeserver.yaml should say; wins over ours.

        Raises:
            ConfigError: It did not start; says why, with the end of its log.
        """
        if self._process is not None:
            raise InvariantBroken("this homeserver is already started")
        _require_synapse()
        try:
            self._place = self._settle(folder.resolve(), server_name, port)
            config = _configuration(self._place, registrations, database) | dict(settings or {})
            _write(self._place.folder / "homeserver.yaml", json.dumps(config, indent=2))
            _write(self._place.folder / "logging.yaml", json.dumps(LOGGING, indent=2))
        except OSError as error:
            self._leave()
            raise ConfigError((f"cannot use the homeserver folder {folder}: {error}",)) from error
        self._launch()
        return self.url

    def stop(self) -> None:
        """End it in an orderly way; harmless when it is not running."""
        if self._process is not None:
            self._process.stop(STOP_LIMIT)
        self._leave()

    def kill(self) -> None:
        """End it as a crash would; `restart` brings it back."""
        if self._process is not None:
            self._process.kill()
        self._process = None

    def restart(self) -> None:
        """Stop it if it runs, and start it again at the same address with the same data.

        Raises:
            ConfigError: It did not start; says why, with the end of its log.
        """
        if self._process is not None:
            self._process.stop(STOP_LIMIT)
        self._launch()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._settled.port}"

    @property
    def server_name(self) -> str:
        return self._settled.server_name

    @property
    def pid(self) -> int:
        if self._process is None:
            raise InvariantBroken("this homeserver is not running")
        return self._process.pid

    def register_user(self, name: str, password: str, *, admin: bool = False) -> str:
        """Register a local user and give an access token.

        See "Shared-Secret Registration" in Synapse's admin API.

        Raises:
            Unavailable: The homeserver refused, or could not be reached.
        """
        path = "/_synapse/admin/v1/register"
        nonce = str(self._request("GET", path)["nonce"])
        parts = (nonce, name, password, "admin" if admin else "notadmin")
        key = self._settled.shared_secret.encode()
        mac = hmac.new(key, "\0".join(parts).encode(), hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
        return str(self._request("POST", path, body)["access_token"])

    @property
    def _settled(self) -> _Place:
        if self._place is None:
            raise InvariantBroken("this homeserver was never started")
        return self._place

    def _settle(self, folder: Path, server_name: str, port: int) -> _Place:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._reservation = reserve_port(port)
        seed = secrets.token_bytes(32)
        key = base64.b64encode(seed).decode().rstrip("=")
        _keep(folder / "signing.key", f"ed25519 a_sandbox {key}\n")
        return _Place(
            folder=folder,
            server_name=server_name,
            port=self._reservation.getsockname()[1],
            shared_secret=_keep(folder / "shared-secret", secrets.token_hex(32)),
        )

    def _launch(self) -> None:
        folder = self._settled.folder
        config = str(folder / "homeserver.yaml")
        self._process = spawn(
            Command(
                name="the homeserver",
                argv=(sys.executable, "-m", "synapse.app.homeserver", "-c", config),
                log=folder / "homeserver.log",
            )
        )
        try:
            self._process.wait_until(self._is_healthy, START_LIMIT)
        except BaseException:
            self.stop()
            raise

    def _leave(self) -> None:
        self._process = None
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def _is_healthy(self) -> bool:
        connection = self._connect(HEALTH_LIMIT)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/health")
            healthy = connection.getresponse().status == http.HTTPStatus.OK
            connection.close()
            return healthy
        connection.close()
        return False

    def _request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        connection = self._connect(REQUEST_LIMIT)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"{method} {path}: {error}"
            raise Unavailable(problem) from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            problem = f"{method} {path}: {response.status} {answer.get('error')}"
            raise Unavailable(problem)
        return answer

    def _connect(self, limit: timedelta) -> http.client.HTTPConnection:
        port = self._settled.port
        return http.client.HTTPConnection("127.0.0.1", port, timeout=limit.total_seconds())


def _require_synapse() -> None:
    if importlib.util.find_spec("synapse") is None:
        raise ConfigError(
            ("the homeserver is not installed: pip install 'matrix-teams-bridge[demo]'",)
        )


def _configuration(
    place: _Place, registrations: Sequence[Path], database: str | None
) -> dict[str, Any]:
    return {
        "server_name": place.server_name,
        "public_baseurl": f"http://127.0.0.1:{place.port}/",
        "pid_file": str(place.folder / "homeserver.pid"),
        "listeners": [
            {
                "port": place.port,
                "type": "http",
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client"]}],
            }
        ],
        "database": _database(place.folder, database),
        "log_config": str(place.folder / "logging.yaml"),
        "media_store_path": str(place.folder / "media"),
        "signing_key_path": str(place.folder / "signing.key"),
        "registration_shared_secret": place.shared_secret,
        "macaroon_secret_key": _derived(place, "macaroon"),
        "form_secret": _derived(place, "form"),
        "app_service_config_files": [str(path.resolve()) for path in registrations],
        "bcrypt_rounds": BCRYPT_ROUNDS_MIN,
        "presence": {"enabled": False},
        "report_stats": False,
        "federation_domain_whitelist": [],
        "trusted_key_servers": [],
        "user_directory": {"search_all_users": True},
        "experimental_features": {"msc3720_enabled": True},
        **_UNLIMITED,
    }


def _database(folder: Path, dsn: str | None) -> dict[str, Any]:
    if dsn is None:
        return {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}}
    pool = {"cp_min": 1, "cp_max": DATABASE_CONNECTIONS_MAX}
    return {"name": "psycopg2", "args": {"dsn": dsn, **pool}}


# Every limit of "Ratelimiting" in Synapse's configuration manual that a local user can meet.
_UNLIMITED: dict[str, Any] = {
    **dict.fromkeys(
        (
            "rc_message",
            "rc_registration",
            "rc_registration_token_validity",
            "rc_admin_redaction",
            "rc_joins_per_room",
            "rc_3pid_validation",
            "rc_third_party_invite",
            "rc_media_create",
            "rc_key_requests",
            "rc_delayed_event_mgmt",
            "rc_room_creation",
            "rc_reports",
            "rc_user_directory",
            "rc_profile",
        ),
        NO_LIMIT,
    ),
    "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), NO_LIMIT),
    "rc_joins": dict.fromkeys(("local", "remote"), NO_LIMIT),
    "rc_invites": dict.fromkeys(("per_room", "per_user", "per_issuer"), NO_LIMIT),
    "rc_presence": {"per_user": NO_LIMIT},
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,  # or Synapse, which makes its loggers first, stays silent
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "WARNING", "handlers": ["console"]},
}


def _derived(place: _Place, purpose: str) -> str:
    return hmac.new(place.shared_secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def _keep(path: Path, fresh: str) -> str:
    """What the file says; a new file says `fresh`."""
    if not path.exists():
        _write(path, fresh)
    return path.read_text()


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
