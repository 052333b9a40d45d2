"""The command line: every command is a row of `COMMANDS` and a function that gives its exit code.

    main -> parser -> command -> 0
              |          |-- ConfigError       every problem on stderr, 78
              |          |-- BridgeError       one line on stderr, 1
              |          `-- Ctrl-C            nothing, 130
              `-- a wrong command line         how it goes, 2

What a command needs is imported by the command: most are quick, and none but `demo` and the embedded
database wants the extras.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Callable, Sequence
from pathlib import Path

from bridge import __version__
from bridge.cli import accounts, audit, configuring, keys, queue, running
from bridge.cli.terminal import EXIT_CONFIG, EXIT_FAILURE, EXIT_INTERRUPTED, complain
from bridge.domain.values import dataclass
from bridge.errors import BridgeError, ConfigError

DEMO_PORT = 8090


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command; `name` may be of two words, `example` is shown at the end of its help."""

    name: str
    summary: str
    example: str
    carry_out: Callable[[Namespace], int]
    options: tuple[Callable[[ArgumentParser], None], ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and give the exit code of the process."""
    arguments = parser().parse_args(argv)
    command: Command = arguments.command
    try:
        return command.carry_out(arguments)
    except ConfigError as error:
        for problem in error.problems:
            complain(problem)
        return EXIT_CONFIG
    except BridgeError as error:
        complain(str(error))
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # As in docs.python.org, "Note on SIGPIPE": the reader has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE


def parser() -> ArgumentParser:
    """Build the parser from `COMMANDS`."""
    root = ArgumentParser(
        prog="teams-bridge",
        description="Joins Microsoft Teams and Matrix.",
        epilog="Begin with: teams-bridge demo, or teams-bridge config example > config.yaml",
    )
    root.add_argument("--version", action="version", version=f"teams-bridge {__version__}")
    top = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    groups: dict[str, _SubParsersAction[ArgumentParser]] = {}
    for command in COMMANDS:
        group, _, word = command.name.rpartition(" ")
        if group and group not in groups:
            below = top.add_parser(group, help=GROUPS[group], description=GROUPS[group])
            groups[group] = below.add_subparsers(metavar="COMMAND", required=True)
        _add(groups[group] if group else top, word, command)
    return root


def _add(commands: _SubParsersAction[ArgumentParser], word: str, command: Command) -> None:
    below = commands.add_parser(
        word,
        help=command.summary,
        description=command.summary,
        epilog=f"example:\n  {command.example}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    for add_option in command.options:
        add_option(below)
    below.set_defaults(command=command)


def _config_option(command: ArgumentParser) -> None:
    command.add_argument(
        "-c",
        "--config",
        type=Path,
        default=Path("config.yaml"),
        metavar="FILE",
        help="the configuration (default: config.yaml in this folder)",
    )


def _registration_options(command: ArgumentParser) -> None:
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("registration.yaml"),
        metavar="FILE",
        help="where to write it (default: registration.yaml in this folder)",
    )
    command.add_argument("--force", action="store_true", help="replace a file that is there")


def _demo_options(command: ArgumentParser) -> None:
    command.add_argument(
        "--script", action="store_true", help="play a conversation through, check it, and end"
    )
    command.add_argument(
        "--double-puppets",
        action="store_true",
        help="have who is signed in appear in Matrix under their own account, not as a ghost",
    )
    command.add_argument(
        "--port",
        type=int,
        default=DEMO_PORT,
        help=f"the port of the demo's page (default: {DEMO_PORT}; 0 takes a free one)",
    )


GROUPS = {
    "accounts": "Look after who is signed in to Teams.",
    "audit": "Tell what the bridge has done, and what it could not do.",
    "config": "Look at the configuration.",
    "db": "Look after the database's schema.",
    "queue": "Look after what waits in the queues, and what was set aside there.",
}
COMMANDS = (
    Command(
        name="run",
        summary="Run the bridge until it is told to stop (SIGTERM or Ctrl-C).",
        example="teams-bridge run -c config.yaml",
        carry_out=running.run,
        options=(_config_option,),
    ),
    Command(
        name="demo",
        summary="Run Teams, Matrix and the bridge on this machine, side by side in a browser.",
        example="teams-bridge demo --port 8090",
        carry_out=running.demo,
        options=(_demo_options,),
    ),
    Command(
        name="config check",
        summary="Show all problems of a configuration, each with its line and what to do.",
        example="teams-bridge config check -c config.yaml",
        carry_out=configuring.config_check,
        options=(_config_option,),
    ),
    Command(
        name="config example",
        summary="Print a complete configuration, every setting explained.",
        example="teams-bridge config example > config.yaml",
        carry_out=configuring.config_example,
    ),
    Command(
        name="generate-key",
        summary="Print a new key for bridge.encryption_key.",
        example="teams-bridge generate-key",
        carry_out=configuring.generate_key,
    ),
    Command(
        name="rotate-keys",
        summary="Encrypt everything in the database with the first of bridge.encryption_key.",
        example="teams-bridge rotate-keys -c config.yaml --dry-run",
        carry_out=keys.rotate_keys,
        options=(_config_option, keys.rotate_options),
    ),
    Command(
        name="accounts list",
        summary="Show who is signed in to Teams as whom, and whom Microsoft refuses.",
        example="teams-bridge accounts list -c config.yaml",
        carry_out=accounts.accounts_list,
        options=(_config_option, accounts.list_options),
    ),
    Command(
        name="accounts sign-out",
        summary="Forget somebody's tokens, so that another may sign in as the same person.",
        example="teams-bridge accounts sign-out @maria:example.org -c config.yaml",
        carry_out=accounts.accounts_sign_out,
        options=(accounts.user_option, _config_option),
    ),
    Command(
        name="generate-token",
        summary="Print a new token for appservice.as_token or appservice.hs_token.",
        example="teams-bridge generate-token",
        carry_out=configuring.generate_token,
    ),
    Command(
        name="registration",
        summary="Write the file by which the homeserver knows the bridge.",
        example="teams-bridge registration -c config.yaml -o registration.yaml",
        carry_out=configuring.registration,
        options=(_config_option, _registration_options),
    ),
    Command(
        name="db upgrade",
        summary="Bring the database's schema up to date; `run` does so itself.",
        example="teams-bridge db upgrade -c config.yaml",
        carry_out=running.db_upgrade,
        options=(_config_option,),
    ),
    Command(
        name="db status",
        summary="Say which schema the database has and which steps it lacks.",
        example="teams-bridge db status -c config.yaml",
        carry_out=running.db_status,
        options=(_config_option,),
    ),
    Command(
        name="queue list",
        summary="Show what waits and what was set aside, the oldest first.",
        example="teams-bridge queue list -c config.yaml --state parked --side teams",
        carry_out=queue.queue_list,
        options=(_config_option, queue.choice_options, queue.output_options),
    ),
    Command(
        name="queue show",
        summary="Show everything of one delivery or entry.",
        example="teams-bridge queue show d123 -c config.yaml --content",
        carry_out=queue.queue_show,
        options=(queue.one_option, _config_option, queue.output_options),
    ),
    Command(
        name="queue retry",
        summary="Have deliveries and entries tried again at once; they keep their place.",
        example="teams-bridge queue retry --all --side teams -c config.yaml",
        carry_out=queue.queue_retry,
        options=(
            queue.some_options,
            _config_option,
            queue.choice_options,
            queue.output_options,
        ),
    ),
    Command(
        name="queue drop",
        summary="Take deliveries and entries out for good, and count them under a reason.",
        example="teams-bridge queue drop d123 e45 --reason chat_deleted -c config.yaml",
        carry_out=queue.queue_drop,
        options=(
            queue.some_options,
            queue.reason_option,
            _config_option,
            queue.choice_options,
            queue.output_options,
        ),
    ),
    Command(
        name="audit fidelity",
        summary="Show what of the messages of Teams could not be carried over.",
        example="teams-bridge audit fidelity -c config.yaml --what action_buttons --days 7",
        carry_out=audit.fidelity,
        options=(_config_option, audit.fidelity_options),
    ),
)
