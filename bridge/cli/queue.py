"""Commands about the queues: what waits, what was set aside, and what becomes of it.

    list, show    what there is; what people wrote only with --content
    retry, drop   one transaction for each item, so that a running bridge need not stop

Exit code 1 if an item that was named was not there, or a bridge was at it.
"""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bridge.cli.running import at_current_database
from bridge.cli.tables import cut, json_line, lasting, table
from bridge.cli.terminal import EXIT_FAILURE, complain, say
from bridge.config import load

if TYPE_CHECKING:
    from bridge.ports.operating import Item, ItemId, Outcome
    from bridge.store.database import Database

LIST_MAX = 50
ALL_MAX = 10_000
LIMIT_MAX = 100_000
ERROR_CHARS_MAX = 100
CONTENT_CHARS_MAX = 80
SIDES = ("teams", "matrix")
STATES = ("parked", "waiting", "awaiting")
_ID = re.compile(r"[de][1-9][0-9]{0,17}")
_REASON = re.compile(r"[a-z0-9_]{1,40}")
HEAD = ("ID", "SIDE", "CONVERSATION", "ROOM", "AGE", "TRIES", "STATE", "DUE IN", "REASON")

Work = Callable[["Database", datetime], Awaitable[int]]
Act = Callable[["ItemId"], Awaitable["Outcome"]]


# --- options ---


def choice_options(command: ArgumentParser) -> None:
    """Add what chooses among the items."""
    command.add_argument("--side", choices=SIDES, help="deliveries toward, and entries from it")
    command.add_argument(
        "--state",
        choices=STATES,
        help="set aside for a person, in its turn, or until its speaker signs in",
    )
    command.add_argument(
        "--limit", type=_limit, metavar="COUNT", help="the oldest so many (default: 50; all: 10000)"
    )


def output_options(command: ArgumentParser) -> None:
    """Add what is shown of items."""
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.add_argument("--content", action="store_true", help="show what people wrote, too")


def one_option(command: ArgumentParser) -> None:
    """Add the id of one item."""
    command.add_argument("id", type=_id, metavar="ID", help="d123: a delivery; e45: an entry")


def some_options(command: ArgumentParser) -> None:
    """Add the ids of items, or all of them."""
    items = command.add_mutually_exclusive_group(required=True)
    items.add_argument(
        "ids", type=_id, metavar="ID", nargs="*", default=[], help="d123: a delivery; e45: an entry"
    )
    items.add_argument(
        "--all", action="store_true", help="all that --side and --state choose (parked ones)"
    )


def reason_option(command: ArgumentParser) -> None:
    """Add why something is dropped."""
    command.add_argument(
        "--reason",
        type=_reason,
        required=True,
        metavar="NAME",
        help="the label under which it is counted: a-z, 0-9 and _, up to 40 characters",
    )


def _id(text: str) -> str:
    if _ID.fullmatch(text) is None:
        msg = f"{text[:40]!r} is no id: d and a number for a delivery, e and a number for an entry"
        raise ArgumentTypeError(msg)
    return text


def _reason(text: str) -> str:
    if _REASON.fullmatch(text) is None:
        msg = "a reason has 1 to 40 characters out of a-z, 0-9 and _, such as chat_deleted"
        raise ArgumentTypeError(msg)
    return text


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= LIMIT_MAX:
        msg = f"a count is a number from 1 to {LIMIT_MAX}"
        raise ArgumentTypeError(msg)
    return int(text)


# --- commands ---


def queue_list(arguments: Namespace) -> int:
    """Show what lies in the queues, the oldest first."""

    async def work(database: Database, now: datetime) -> int:
        limit = arguments.limit or LIST_MAX
        # One more than is shown tells whether that is all.
        items = await _chosen(database, arguments, now, STATES, limit + 1)
        for line in _lines(items[:limit], arguments, now):
            say(line)
        if len(items) > limit:
            complain(f"There are more than {limit}: use --limit, --side or --state.")
        return 0

    return _at_queues(arguments, work)


def queue_show(arguments: Namespace) -> int:
    """Show everything of one item."""

    async def work(database: Database, now: datetime) -> int:
        from bridge.ports.operating import ItemId
        from bridge.store import queue

        item = await queue.look(database, ItemId.parse(arguments.id), now=now)
        if item is None:
            complain(_unknown(arguments.id))
            return EXIT_FAILURE
        fields = _fields(item, now, content=arguments.content)
        say(json_line(fields) if arguments.json else _in_full(fields))
        return 0

    return _at_queues(arguments, work)


def queue_retry(arguments: Namespace) -> int:
    """Have items tried again, at once."""

    async def work(database: Database, now: datetime) -> int:
        from bridge.store import queue

        async def act(item: ItemId) -> Outcome:
            return await queue.retry(database, item, now=now)

        return await _do("retried", act, await _named(database, arguments, now), arguments, now)

    return _at_queues(arguments, work)


def queue_drop(arguments: Namespace) -> int:
    """Take items out for good, and count them under a reason."""

    async def work(database: Database, now: datetime) -> int:
        from bridge.store import queue

        async def act(item: ItemId) -> Outcome:
            return await queue.drop(database, item, reason=arguments.reason, now=now)

        return await _do("dropped", act, await _named(database, arguments, now), arguments, now)

    return _at_queues(arguments, work)


async def _do(
    done: str, act: Act, items: Sequence[ItemId], arguments: Namespace, now: datetime
) -> int:
    """Act on every item, and say what became of each."""
    from bridge.ports.operating import Verdict

    failed = 0
    for item in items:
        outcome = await act(item)
        if outcome.verdict is Verdict.DONE and outcome.item is not None:
            fields = {"done": done, **_fields(outcome.item, now, content=arguments.content)}
            say(json_line(fields) if arguments.json else f"{done} {_in_short(fields)}")
            continue
        failed += 1
        busy = outcome.verdict is Verdict.BUSY
        complain(_busy(item) if busy else _unknown(str(item)))
    if not arguments.json:
        say(f"{len(items) - failed} {done}.")
    return EXIT_FAILURE if failed else 0


def _unknown(item: str) -> str:
    return f"{item}: is not in the queues; it may have arrived, or was dropped"


def _busy(item: object) -> str:
    return f"{item}: a running bridge is at it just now; nothing was changed, try again in a minute"


async def _named(database: Database, arguments: Namespace, now: datetime) -> Sequence[ItemId]:
    """Return the items that are named, each once, or all that are chosen: the parked ones."""
    from bridge.ports.operating import ItemId

    if not arguments.all:
        return [ItemId.parse(text) for text in dict.fromkeys(arguments.ids)]
    limit = arguments.limit or ALL_MAX
    items = await _chosen(database, arguments, now, STATES[:1], limit)
    if len(items) == limit:
        complain(f"No more than {limit} at a time: use --limit, or the same command again.")
    return [item.id for item in items]


async def _chosen(
    database: Database, arguments: Namespace, now: datetime, states: Sequence[str], limit: int
) -> tuple[Item, ...]:
    from bridge.domain.ids import Side
    from bridge.ports.operating import State
    from bridge.store import queue

    return await queue.find(
        database,
        side=None if arguments.side is None else Side(arguments.side),
        states_=[State(s) for s in ([arguments.state] if arguments.state else states)],
        limit=limit,
        now=now,
    )


def _at_queues(arguments: Namespace, work: Work) -> int:
    return at_current_database(load(arguments.config, os.environ), work)


# --- what is shown ---


def _fields(item: Item, now: datetime, *, content: bool) -> dict[str, object]:
    """Return everything of an item by name; what people wrote only if it is asked for."""
    fields: dict[str, object] = {
        "id": str(item.id),
        "kind": item.id.what,
        "side": item.side,
        "conversation": item.conversation,
        "room": item.room,
        "state": item.state,
        "is_held": item.is_held,
        "attempts": item.attempts,
        "created_at": item.created_at.isoformat(),
        "age_seconds": round((now - item.created_at).total_seconds()),
        "due_at": item.due_at.isoformat(),
        "due_in_seconds": max(0, round((item.due_at - now).total_seconds())),
        "error": item.error,
        **item.facts,
        "raw_bytes": len(item.raw),
    }
    return fields | ({"raw": item.raw.decode("utf-8", "replace")} if content else {})


def _lines(items: Iterable[Item], arguments: Namespace, now: datetime) -> Iterable[str]:
    every = [_fields(item, now, content=arguments.content) for item in items]
    if arguments.json:
        return [json_line(fields) for fields in every]
    return table([HEAD, *[_row(fields) for fields in every]]) if every else ["Nothing there."]


def _row(fields: dict[str, object]) -> tuple[str, ...]:
    waiting = fields["state"] == "waiting"
    words = cut(fields["error"] or "", ERROR_CHARS_MAX)
    if "raw" in fields:
        words += f" | {cut(fields['raw'], CONTENT_CHARS_MAX)}"
    return (
        str(fields["id"]),
        f"{'to' if fields['kind'] == 'delivery' else 'from'} {fields['side']}",
        cut(fields["conversation"], CONTENT_CHARS_MAX),
        cut(fields["room"] or "-", CONTENT_CHARS_MAX),
        lasting(fields["age_seconds"]),
        str(fields["attempts"]),
        "in hand" if fields["is_held"] else str(fields["state"]),
        lasting(fields["due_in_seconds"]) if waiting else "-",
        words.strip() or "-",
    )


def _in_short(fields: dict[str, object]) -> str:
    return " | ".join(_row(fields))


def _in_full(fields: dict[str, object]) -> str:
    width = max(len(name) for name in fields)
    shown = [f"{name:<{width}}  {cut(value)}" for name, value in fields.items()]
    if "raw" not in fields:
        shown.append(f"{'raw':<{width}}  shown with --content: it may hold what people wrote")
    return "\n".join(shown)
