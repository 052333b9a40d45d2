"""A bridge of its own, as an operator would set it up: configuration, registration, the process.

    Wiring ─▶ config.yaml ─▶ `teams-bridge registration` ─▶ registration.yaml (for the homeserver)
                   └───────▶ `teams-bridge run` ─▶ GET /ready until it answers 200

The bridge runs as another process, started through its own command line: nothing of it is imported.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from bridge.sandbox.processes import Command, Process, run, spawn

READY_LIMIT = timedelta(seconds=60)
STOP_LIMIT = timedelta(seconds=20)
COMMAND_LIMIT = timedelta(seconds=60)
PROBE_LIMIT = timedelta(seconds=5)
OK = 200

APPLICATION_PERMISSIONS = (
    "Chat.Read.All",
    "Chat.ReadBasic.All",
    "User.Read.All",
    "ChannelMessage.Read.All",
    "Team.ReadBasic.All",
    "TeamMember.Read.All",
    "Channel.ReadBasic.All",
    "ChannelMember.Read.All",
    "Files.Read.All",
    "Sites.Read.All",
)
"""What docs/installation.md tells an administrator to grant, and not one more."""
DELEGATED_PERMISSIONS = (
    "ChatMessage.Send",
    "Chat.ReadWrite",
    "ChannelMessage.Send",
    "ChannelMessage.ReadWrite",
    "ChatMember.ReadWrite",
    "ChannelSettings.ReadWrite.All",
    "ChannelMember.ReadWrite.All",
    "TeamMember.ReadWriteNonOwnerRole.All",
    "Files.ReadWrite",
    "Files.ReadWrite.All",
    "openid",
    "profile",
    "offline_access",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Everything that a bridge must be told of the world it stands in."""

    homeserver: str
    server_name: str
    listen_port: int
    database: str
    tenant_id: str
    client_id: str
    client_secret: str
    graph_url: str
    login_url: str
    webhook_url: str
    authority: Path
    appservice_id: str = "teams"
    bot_localpart: str = "teamsbot"
    prefix: str = "teams_"
    as_token: str = ""
    hs_token: str = ""
    encryption_key: str = ""
    settle_window_ms: int = 250
    name_direct_chats: bool = False
    limits_percent: int = 100
    channels: bool = True
    media_size_max_mb: int = 100
    log_level: str = "info"
    presence: bool = False
    device_code: bool = False
    ghost_profiles: bool = False
    carry_leaving: bool = False
    added_see_history: bool = False
    open_search: bool = False
    permissions: Mapping[str, str] | None = None
    double_puppets: Mapping[str, object] = field(default_factory=dict)
    relay_account: str | None = None
    relay_by_default: bool = False


class Bridge:
    """One bridge in a folder; between `start` and `stop` or `kill` it runs."""

    def __init__(
        self, folder: Path, wiring: Wiring, *, launch: Callable[[Command], Process] = spawn
    ) -> None:
        self.folder = folder
        self.wiring = wiring
        self.launch = launch
        self.config = folder / "config.yaml"
        self.log = folder / "bridge.log"
        self._process: Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config.touch(mode=0o600)
        self.config.write_text(json.dumps(configuration(wiring), indent=2))

    def command(self, *arguments: str) -> None:
        """Run one command of `teams-bridge` to its end.

        Raises:
            ConfigError: It failed; with the end of what it said.
        """
        run(self._command(*arguments, log=self.folder / f"{arguments[0]}.log"), COMMAND_LIMIT)

    def register(self) -> Path:
        """Write the registration file, and name it."""
        path = self.folder / "registration.yaml"
        self.command("registration", "-c", str(self.config), "-o", str(path), "--force")
        return path

    def start(self, *, wait: bool = True) -> None:
        """Start it; blocks until it says that it is ready, unless told not to.

        Raises:
            ConfigError: It ended, or took too long; with the end of its log.
        """
        self._process = self.launch(self._command("run", "-c", str(self.config), log=self.log))
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Block until /ready answers 200.

        Raises:
            ConfigError: It ended, or took too long; with the end of its log.
        """
        self.process.wait_until(self.is_ready, READY_LIMIT)

    def is_ready(self) -> bool:
        """Tell whether it has everything it needs."""
        with suppress(OSError, http.client.HTTPException):
            return self.get("/ready")[0] == OK
        return False

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP server; return status and body."""
        port = self.wiring.listen_port
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=PROBE_LIMIT.total_seconds()
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of one of its metrics; 0 if it has none of these labels yet."""
        for line in self.get("/metrics")[1].splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name:
                given = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                if given == labels:
                    return float(found[3])
        return 0.0

    @property
    def process(self) -> Process:
        """The running process."""
        if self._process is None:
            raise RuntimeError("this bridge was not started")
        return self._process

    def stop(self) -> None:
        """End it in an orderly way; harmless when it is not running."""
        if self._process is not None:
            self._process.stop(STOP_LIMIT)
        self._process = None

    def kill(self) -> None:
        """End it as a crash would; harmless when it is not running."""
        if self._process is not None:
            self._process.kill()
        self._process = None

    def _command(self, *arguments: str, log: Path) -> Command:
        return Command(
            name="the bridge",
            argv=(sys.executable, "-m", "bridge", *arguments),
            log=log,
            environment={k: os.environ[k] for k in ("PYTHONPATH",) if k in os.environ},
        )


def configuration(wiring: Wiring) -> dict[str, Any]:
    """Return the document of config.yaml; JSON is YAML."""
    return {
        "homeserver": {"address": wiring.homeserver, "domain": wiring.server_name},
        "appservice": {
            "id": wiring.appservice_id,
            "address": f"http://127.0.0.1:{wiring.listen_port}",
            "listen": f"127.0.0.1:{wiring.listen_port}",
            "as_token": wiring.as_token or secrets.token_hex(32),
            "hs_token": wiring.hs_token or secrets.token_hex(32),
            "bot_localpart": wiring.bot_localpart,
            "ghost_localpart": f"{wiring.prefix}{{user}}",
            "alias_localpart": f"{wiring.prefix}{{chat}}",
        },
        "database": {"uri": wiring.database, "connections_max": 8},
        "teams": {
            "tenant_id": wiring.tenant_id,
            "client_id": wiring.client_id,
            "client_secret": wiring.client_secret,
            "graph_url": wiring.graph_url,
            "login_url": wiring.login_url,
            "webhook_url": wiring.webhook_url,
            "ca_file": str(wiring.authority),
            "limits_percent": wiring.limits_percent,
            "presence": wiring.presence,
            "device_code": wiring.device_code,
            "channels": wiring.channels,
        },
        "bridge": {
            "encryption_key": wiring.encryption_key or Fernet.generate_key().decode(),
            "settle_window_ms": wiring.settle_window_ms,
            "ghost_profiles": wiring.ghost_profiles,
            "carry_leaving": wiring.carry_leaving,
            "added_see_history": wiring.added_see_history,
            "open_search": wiring.open_search,
            "permissions": wiring.permissions,
            "relay_account": wiring.relay_account,
            "relay_by_default": wiring.relay_by_default,
            "name_direct_chats": wiring.name_direct_chats,
            "media_size_max_mb": wiring.media_size_max_mb,
        },
        "double_puppets": dict(wiring.double_puppets),
        "logging": {"level": wiring.log_level, "format": "json"},
    }
