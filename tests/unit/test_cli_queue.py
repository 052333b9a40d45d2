"""The queue commands: what they understand, and what they show of an item."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from bridge.cli import COMMANDS, main, parser, queue
from bridge.domain.ids import Side
from bridge.errors import InvariantBroken
from bridge.ports.operating import Item, ItemId, State, What

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WRITTEN = "what Maria wrote"


def item(**facts: object) -> Item:
    given: dict[str, object] = {
        "id": ItemId(what=What.DELIVERY, number=123),
        "side": Side.TEAMS,
        "conversation": "19:chat@thread.v2",
        "room": "!room:example.org",
        "state": State.PARKED,
        "is_held": False,
        "attempts": 12,
        "created_at": NOW - timedelta(hours=3),
        "due_at": NOW - timedelta(minutes=1),
        "error": "Teams finds the message too large",
        "facts": {"source": "$event", "what": ""},
        "raw": orjson.dumps({"body": WRITTEN}),
    }
    return Item(**(given | facts))  # type: ignore[arg-type]


def listed(*items: Item, as_json: bool = False, content: bool = False) -> list[str]:
    return list(queue._lines(items, Namespace(json=as_json, content=content), NOW))


def test_a_list_shows_where_how_old_how_often_and_why() -> None:
    head, row = listed(item())

    assert head.split() == [
        "ID",
        "SIDE",
        "CONVERSATION",
        "ROOM",
        "AGE",
        "TRIES",
        "STATE",
        "DUE",
        "IN",
        "REASON",
    ]
    assert [cell.strip() for cell in row.split("  ") if cell.strip()] == [
        "d123",
        "to teams",
        "19:chat@thread.v2",
        "!room:example.org",
        "3h",
        "12",
        "parked",
        "-",
        "Teams finds the message too large",
    ]


def test_what_waits_shows_when_it_is_due_and_what_is_in_hand_says_so() -> None:
    waiting = item(state=State.WAITING, due_at=NOW + timedelta(seconds=90), error=None)
    held = item(state=State.WAITING, is_held=True, due_at=NOW)

    _, first, second = listed(waiting, held)

    assert "waiting" in first
    assert "1m" in first
    assert "in hand" in second


@pytest.mark.parametrize("as_json", [True, False])
def test_what_people_wrote_is_shown_only_if_it_is_asked_for(as_json: bool) -> None:
    assert WRITTEN not in "\n".join(listed(item(), as_json=as_json))
    assert WRITTEN in "\n".join(listed(item(), as_json=as_json, content=True))
    assert WRITTEN not in queue._in_full(queue._fields(item(), NOW, content=False))
    assert WRITTEN in queue._in_full(queue._fields(item(), NOW, content=True))


def test_json_is_one_object_a_line() -> None:
    first, second = listed(item(), item(), as_json=True)

    assert orjson.loads(first) == orjson.loads(second)
    assert orjson.loads(first)["id"] == "d123"
    assert orjson.loads(first)["age_seconds"] == 3 * 3600


def test_nothing_that_steers_a_terminal_is_shown() -> None:
    nasty = item(error="\x1b[2Jgone\nand a second line")

    _, row = listed(nasty)

    assert row.isprintable()
    assert "gone" in row


def test_everything_of_an_item_is_shown_in_full() -> None:
    long = "x" * 2_000

    shown = queue._in_full(queue._fields(item(error=long), NOW, content=True))

    assert long in shown
    assert "$event" in shown


@pytest.mark.parametrize("text", ["d1", "e45", "d999999999999999999"])
def test_an_id_is_read_as_it_is_written(text: str) -> None:
    assert str(ItemId.parse(queue._id(text))) == text


@pytest.mark.parametrize(
    "text",
    ["", "d", "45", "d0", "x1", "d1 ", "d9999999999999999999", "d\N{ARABIC-INDIC DIGIT ONE}"],
)
def test_what_is_no_id_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvariantBroken):
        ItemId.parse(text)
    with pytest.raises(SystemExit) as caught:
        main(["queue", "show", text])

    assert caught.value.code == 2
    assert "is no id" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "queue retry",
        "queue drop d1",
        "queue drop --reason x",
        "queue drop d1 --reason Not-A-Name",
        "queue drop d1 --all --reason x",
        "queue list --limit 0",
        "queue list --limit many",
        "queue list --state sending",
        "queue list --side slack",
    ],
)
def test_a_wrong_line_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(line.split())

    assert caught.value.code == 2
    assert "usage: teams-bridge queue" in capsys.readouterr().err


def test_ids_and_choices_are_understood() -> None:
    retry = parser().parse_args(["queue", "retry", "d1", "e2", "-c", "other.yaml"])
    drop = parser().parse_args(
        ["queue", "drop", "--all", "--side", "matrix", "--reason", "old", "--limit", "7"]
    )

    assert retry.ids == ["d1", "e2"]
    assert not retry.all
    assert str(retry.config) == "other.yaml"
    assert (drop.all, drop.side, drop.reason, drop.limit) == (True, "matrix", "old", 7)


def test_every_queue_command_is_there() -> None:
    names = {command.name for command in COMMANDS if command.name.startswith("queue ")}

    assert names == {"queue list", "queue show", "queue retry", "queue drop"}
