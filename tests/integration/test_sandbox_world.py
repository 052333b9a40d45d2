"""What the tests themselves stand on: slots that nobody shares, and no way out of this machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.kit.world import SCRATCH_PREFIX, SLOTS_PER_HOMESERVER, Slots, scratch_folder


def test_when_all_slots_are_used_a_new_homeserver_brings_new_ones(scratch: Path) -> None:
    (scratch / "rotation").mkdir()
    slots = Slots(scratch / "rotation")
    seen: set[tuple[str, int]] = set()
    try:
        for _ in range(SLOTS_PER_HOMESERVER + 1):
            with slots.take() as slot:
                seen.add((slot.homeserver.url, slot.port))
        assert len(seen) == SLOTS_PER_HOMESERVER + 1
        assert len({url for url, _ in seen}) == 2
        assert len(list((scratch / "rotation").iterdir())) == 1
    finally:
        slots.close()


def test_a_test_cannot_leave_this_machine() -> None:
    with socket.socket() as way_out, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        way_out.connect(("192.0.2.1", 80))


def test_a_killed_runs_files_are_swept_and_a_living_ones_are_kept() -> None:
    with scratch_folder() as living:
        left = living.parent / f"{SCRATCH_PREFIX}left"
        left.mkdir(exist_ok=True)
        with scratch_folder() as mine:
            assert mine != living

        assert not left.exists()
        assert living.exists()
