"""A short destruction test; `make crash` is the long one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.crash import report
from tests.crash.__main__ import tell
from tests.crash.plan import Part, Wish
from tests.crash.run import perform

pytestmark = pytest.mark.long

WISH = Wish(kills=5, length=timedelta(seconds=18), seed=999_999, reorder=False)
CHATS = 2
SENT_MIN = 10
"""Each way; less is no traffic."""


async def test_whatever_is_killed_nothing_is_lost_doubled_or_out_of_order(scratch: Path) -> None:
    folder = scratch / "crash"
    folder.mkdir()

    outcomes = await perform(WISH, folder, tell, chats=CHATS)

    assert report.offences(outcomes) == []
    assert report.all_well(outcomes)
    (outcome,) = outcomes
    assert outcome.struck == {
        Part.BRIDGE: 5, Part.HOMESERVER: 1, Part.POSTGRES: 1, Part.TENANT: 1,
    }  # fmt: skip
    for found in outcome.findings.values():
        assert found.late == []
        assert found.arrived == found.sent >= SENT_MIN
