"""Before anything is bridged: is this the homeserver, does it know us, can it reach us?

    check:     versions ─▶ whoami with our as_token ─▶ the bot, its device, its name
               whoami with the as_token of the second registration, if there is one
    announce:  ping ─▶ the homeserver calls our own ping ─▶ it hands over what waits for us

A homeserver that is away is waited for, with one line in the log. One that does not know our token
is a mistake that waiting does not mend: ConfigError, with what to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from bridge.config import Config
from bridge.errors import ConfigError, Rejected, RemoteError, Throttled, Unauthorized
from bridge.matrix.answers import RejectedByHomeserver
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client
from bridge.matrix.connection import PART
from bridge.ports import Clock
from bridge.telemetry import Watch, log

WAIT = timedelta(seconds=3)
PUSH = "transactions"
"""The way from the homeserver to us, as a part of the world that may be away."""

T = TypeVar("T")


async def check(
    config: Config,
    client: Client,
    bot: Bot,
    *,
    clock: Clock,
    watch: Watch,
    as_people: Client | None = None,
) -> None:
    """Wait for the homeserver, and make sure that we may speak there; `as_people`: and as people.

    Raises:
        ConfigError: The operator must change something.
    """

    async def attempt() -> None:
        versions = await client.versions()
        await client.prove_token()
        await bot.prepare()
        log.info("homeserver ready", url=config.homeserver.address, version=versions[-1:])

    async def patiently() -> None:
        try:
            await attempt()
        except Unauthorized as error:
            raise ConfigError((unknown_token(config),)) from error
        except Rejected as error:
            raise ConfigError((refused(config, error),)) from error
        if as_people is not None:
            await _prove_people(config, as_people)

    await _until_done(patiently, PART, clock=clock, watch=watch)


async def _prove_people(config: Config, as_people: Client) -> None:
    try:
        await as_people.prove_token()
    except (Unauthorized, Rejected) as error:
        raise ConfigError((unknown_second_token(config),)) from error


async def announce(
    config: Config, client: Client, *, transaction: str, clock: Clock, watch: Watch
) -> None:
    """Ask the homeserver to call us, until it can; our listener must be up.

    Without it a homeserver that has missed us comes back after up to 512 s by itself (Synapse
    1.163.2, appservice/scheduler.py).

    Raises:
        ConfigError: The homeserver will never call us with this configuration.
    """

    async def attempt() -> None:
        try:
            await client.ping(config.appservice.id, transaction)
        except Unauthorized as error:
            raise ConfigError((unknown_token(config),)) from error
        except RejectedByHomeserver as error:
            raise ConfigError((not_called(config, error),)) from error

    hint = (
        f"the homeserver must reach the bridge at {config.appservice.address} (appservice.address);"
        " if it is answered with 401 or 403, its registration file holds another hs_token"
    )
    await _until_done(attempt, PUSH, clock=clock, watch=watch, hint=hint)


async def _until_done(
    attempt: Callable[[], Awaitable[T]],
    part: str,
    *,
    clock: Clock,
    watch: Watch,
    hint: str | None = None,
) -> T:
    while True:
        try:
            result = await attempt()
        except RemoteError as error:
            watch.away(part, str(error), hint=hint)
            await clock.sleep(
                max(WAIT, error.retry_after) if isinstance(error, Throttled) else WAIT
            )
        else:
            watch.back(part)
            return result


def unknown_token(config: Config) -> str:
    """Say what to do when the homeserver does not know our as_token."""
    return (
        f"the homeserver at {config.homeserver.address} does not know our as_token: write the"
        " registration file with `teams-bridge registration`, name its path under"
        " app_service_config_files in homeserver.yaml, and restart the homeserver"
    )


def unknown_second_token(config: Config) -> str:
    """Say what to do when the homeserver does not know the token for double puppets."""
    return (
        f"the homeserver at {config.homeserver.address} does not know double_puppets.as_token: write"
        " the registration files with `teams-bridge registration`, name the path of the second one"
        " (…-double-puppets.yaml) as well under app_service_config_files in homeserver.yaml, and"
        " restart the homeserver; without double_puppets.as_token people are heard by their ghosts"
    )


def refused(config: Config, error: Rejected) -> str:
    """Say what to do when the homeserver knows our token but not our bot."""
    return (
        f"the homeserver at {config.homeserver.address} refuses our bot"
        f" @{config.appservice.bot_localpart}:{config.homeserver.domain} ({error}): is"
        " homeserver.domain its server_name? If so, write the registration file anew with"
        " `teams-bridge registration` and restart the homeserver"
    )


def not_called(config: Config, error: RejectedByHomeserver) -> str:
    """Say what to do when the homeserver will not call us."""
    return (
        f"the homeserver refuses to call the bridge ({error}): the registration file that it has"
        f" loaded must say id: {config.appservice.id} and url: {config.appservice.address}; write it"
        " anew with `teams-bridge registration` and restart the homeserver"
    )
