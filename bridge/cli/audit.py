"""Commands that tell what the bridge has done, from what it wrote down while doing it.

`fidelity`: what of the messages of Teams could not be carried over, by kind or message by message.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bridge.cli.running import at_current_database
from bridge.cli.tables import cut, json_line, table
from bridge.cli.terminal import complain, say
from bridge.config import load

if TYPE_CHECKING:
    from bridge.store.database import Database
    from bridge.store.losses import LossCase, LossKind, Whole

DAYS_MAX = 36_500
CASES_MAX = 50
LIMIT_MAX = 1_000_000
NAME_CHARS_MAX = 80
KINDS_HEAD = ("WHAT", "MESSAGES", "CONVERSATIONS", "FIRST", "LAST")
CASES_HEAD = ("AT", "CONVERSATION", "MESSAGE", "ROOM", "EVENT")


def fidelity_options(command: ArgumentParser) -> None:
    """Add what chooses among the losses, and how they are shown."""
    command.add_argument("--what", metavar="NAME", help="list the messages that lost just this")
    command.add_argument(
        "--days", type=_days, metavar="COUNT", help="of the last so many days (default: all)"
    )
    command.add_argument(
        "--limit", type=_limit, default=CASES_MAX, metavar="COUNT",
        help="with --what: the newest so many (default: 50)",
    )  # fmt: skip
    command.add_argument("--json", action="store_true", help="one JSON object a line")


def _days(text: str) -> int:
    return _number(text, DAYS_MAX)


def _limit(text: str) -> int:
    return _number(text, LIMIT_MAX)


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= most:
        msg = f"a count is a number from 1 to {most}"
        raise ArgumentTypeError(msg)
    return int(text)


def fidelity(arguments: Namespace) -> int:
    """Show what could not be carried over."""

    async def work(database: Database, now: datetime) -> int:
        since = _since(arguments.days, now)
        if arguments.what is None:
            await _show_kinds(database, since, as_json=arguments.json)
        else:
            await _show_cases(database, since, arguments)
        return 0

    return at_current_database(load(arguments.config, os.environ), work)


def _since(days: int | None, now: datetime) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) if days is None else now - timedelta(days=days)


async def _show_kinds(database: Database, since: datetime, *, as_json: bool) -> None:
    from bridge.store import losses

    found = await losses.kinds(database, since)
    _say_all(kinds_shown(found, await losses.whole(database, since), as_json=as_json))


async def _show_cases(database: Database, since: datetime, arguments: Namespace) -> None:
    from bridge.store import losses

    limit = arguments.limit
    found = await losses.cases(database, arguments.what, since, limit=limit + 1)
    _say_all(cases_shown(found[:limit], as_json=arguments.json))
    if len(found) > limit:
        complain(f"There are more than {limit}: use --limit or --days.")


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)


def kinds_shown(kinds: Sequence[LossKind], whole: Whole, *, as_json: bool) -> list[str]:
    """Return the lines that show losses by kind, and how much of everything they are."""
    if as_json:
        total = {"messages": whole.messages, "lossy": whole.lossy}
        return [json_line(total), *(json_line(_kind(kind)) for kind in kinds)]
    kept = whole.messages - whole.lossy
    share = f" ({100 * kept / whole.messages:.2f} %)" if whole.messages else ""
    said = f"{kept} of {whole.messages} messages of Teams{share} were carried over as a whole."
    if not kinds:
        return [said]
    rows = [tuple(map(str, _kind(kind).values())) for kind in kinds]
    return [said, "", *table([KINDS_HEAD, *rows])]


def cases_shown(cases: Sequence[LossCase], *, as_json: bool) -> list[str]:
    """Return the lines that show messages that lost something."""
    if as_json:
        return [json_line(_case(case)) for case in cases]
    if not cases:
        return ["Nothing there."]
    rows = [tuple(cut(value, NAME_CHARS_MAX) for value in _case(case).values()) for case in cases]
    return table([CASES_HEAD, *rows])


def _kind(kind: LossKind) -> dict[str, object]:
    return {
        "what": kind.name,
        "messages": kind.messages,
        "conversations": kind.conversations,
        "first_at": _shown(kind.first_at),
        "last_at": _shown(kind.last_at),
    }


def _case(case: LossCase) -> dict[str, object]:
    return {
        "at": _shown(case.noted_at),
        "conversation": case.conversation,
        "message": case.message,
        "room": case.room,
        "event": case.event,
    }


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
