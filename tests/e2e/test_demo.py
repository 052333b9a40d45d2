"""`teams-bridge demo` in a terminal: the fixed conversation, and Ctrl-C."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.kit.e2e_demo import OPEN_PAGE, demo, leavings, processes_of

pytestmark = pytest.mark.long

INTERRUPTED = 130
HOMESERVER_STARTS = re.compile("homeserver")


async def test_the_script_plays_to_its_end_and_the_last_line_counts_what_arrived(
    demo_folder: Path,
) -> None:
    async with demo(demo_folder, "--script") as running:
        assert await running.end() == 0, running.said

    figures = json.loads(running.said.splitlines()[-1])
    assert set(figures) == {"teams_to_matrix", "matrix_to_teams"}
    for direction in figures.values():
        assert direction["arrived"] == direction["sent"] > 10
        assert direction["p50_ms"] > 0
    assert "lost:" not in running.said
    assert "Traceback" not in running.said
    assert leavings(demo_folder) == []


async def test_an_interrupted_demo_leaves_nothing_behind_and_the_next_one_works(
    demo_folder: Path,
) -> None:
    for more in ((), ("--double-puppets",)):
        async with demo(demo_folder, "--port", "0", *more) as running:
            await running.wait_for(OPEN_PAGE)
            assert len(processes_of(demo_folder)) >= 3
            assert len(second_registrations(demo_folder)) == len(more)

            running.interrupt()

            assert await running.end() == INTERRUPTED, running.said
        assert "Traceback" not in running.said
        assert leavings(demo_folder) == []


async def test_a_demo_that_is_interrupted_while_it_starts_leaves_nothing_behind(
    demo_folder: Path,
) -> None:
    async with demo(demo_folder, "--port", "0") as running:
        await running.wait_for(HOMESERVER_STARTS)

        running.interrupt()

        assert await running.end() == INTERRUPTED, running.said
    assert "Traceback" not in running.said
    assert leavings(demo_folder) == []


def second_registrations(folder: Path) -> list[Path]:
    return list(folder.rglob("registration-double-puppets.yaml"))
