"""The list of pairs is taken over while the bridge runs, if all of it is good."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bridge import app
from bridge.app.pairing_list import NO_LIST, PairingList
from bridge.domain.pairing import Rules
from bridge.relay.loops import Loop
from bridge.relay.rereading import Rereader
from bridge.settings.puppets import DoublePuppets
from tests.kit.fake_store import FakeClock

ANNA, BOB = "anna@example.org,@anna:example.org", "bob@example.org,@bob:example.org"


class File:
    """A list in a file, and the rules that were made of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pairs.csv"
        self.taken: list[Rules] = []
        self.pairs = PairingList(
            DoublePuppets(as_token="x", pairs_file=self.path, rule="@{upn_localpart}:example.org"),  # noqa: S106 -- of nothing
            self.taken.append,
        )

    async def holds(self, *lines: str) -> str:
        self.path.write_text("\n".join(("teams_user,mxid", *lines)) + "\n")
        return await self.pairs.reread()


async def test_a_good_list_is_used_with_the_rule_that_was_there(tmp_path: Path) -> None:
    file = File(tmp_path)

    assert await file.holds(ANNA) == "The list was read: 1 people, 0 before."
    assert await file.holds(ANNA) == "The list says what it said before: 1 people."
    assert await file.holds(ANNA, BOB) == "The list was read: 2 people, 1 before."
    assert [len(rules.pairs) for rules in file.taken] == [1, 2]
    assert {rules.rule for rules in file.taken} == {"@{upn_localpart}:example.org"}


async def test_of_a_bad_list_nothing_is_used_and_each_bad_line_is_named(tmp_path: Path) -> None:
    file = File(tmp_path)
    await file.holds(ANNA)

    said = await file.holds(ANNA, "bob", "x@example.org,@anna:example.org")

    assert said.splitlines() == [
        "The list was not taken over, and the one from before is kept:",
        "it has a bad line 3, which has 1 values, not two",
        "it has a bad line 4, which names the Matrix user of line 2: two people cannot share one",
    ]
    file.path.write_text("")
    assert "it is empty" in await file.pairs.reread()
    file.path.unlink()
    assert "cannot be read" in await file.pairs.reread()
    assert len(file.taken) == 1


async def test_its_stamp_is_another_when_it_was_changed_or_is_gone(tmp_path: Path) -> None:
    file = File(tmp_path)
    stamps = [await file.pairs.stamp()]
    for lines in ((ANNA,), (ANNA, BOB)):
        await file.holds(*lines)
        stamps.append(await file.pairs.stamp())

    assert len(set(stamps)) == 3
    assert stamps[-1] == await file.pairs.stamp()


async def test_without_a_list_there_is_nothing_to_read() -> None:
    pairs = PairingList(DoublePuppets(), lambda _rules: None)

    assert await pairs.stamp() is None
    assert await pairs.reread() == NO_LIST


async def test_sighup_has_it_read_and_ends_nothing() -> None:
    read = asyncio.Event()

    async def reread() -> str:
        read.set()
        return ""

    async def stamp() -> object:
        return 1

    rereader = Rereader(FakeClock(), name="list", stamp=stamp, reread=reread)
    running: dict[asyncio.Task[None], Loop] = {}
    with pytest.RaisesGroup(app._Stopped):
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running[tasks.create_task(rereader.run())] = rereader
            waiting = tasks.create_task(app._until_signalled(running))
            await read.wait()
            read.clear()
            os.kill(os.getpid(), signal.SIGHUP)
            await read.wait()
            assert not waiting.done()
            os.kill(os.getpid(), signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)
