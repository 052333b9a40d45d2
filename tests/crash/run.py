"""A run: phase by phase traffic under blows, then calm until nothing moves any more, then the count."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zlib import crc32

from bridge.app.clock import SystemClock
from bridge.errors import ConfigError
from tests.crash import report
from tests.crash.blows import Hammer
from tests.crash.plan import Part, Phase, Wish, plan
from tests.crash.stage import Stage, Tell, open_stage
from tests.crash.verdict import Crossing, Direction, Findings, judge, missing, total
from tests.crash.voices import Voice, voices
from tests.crash.witness import REORDERED_WITHIN, crossings

SEED_MAX = 1_000_000_000
"""Of the weather; the tenant takes no larger numbers."""
CHATS = 4
REORDER_SHARE = 0.3
DOUBLE_SHARE = 0.3
TELL_EVERY = timedelta(seconds=10)
LOOK_EVERY = timedelta(seconds=1)
QUIET_WHEN_ALL_IS_THERE = timedelta(seconds=3)
"""For what would arrive a second time."""
QUIET_WHEN_SOME_IS_MISSING = timedelta(seconds=60)
"""For whatever looks seldom for what it has missed; longer than any lease."""
SETTLE_LIMIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a phase did and found."""

    phase: Phase
    struck: Counter[Part]
    findings: dict[Direction, Findings]
    ended: tuple[str, ...]
    """Bridges that ended although nobody killed them, and those that did not come back."""

    @property
    def all_well(self) -> bool:
        return not self.ended and all(found.all_well for found in self.findings.values())


async def perform(wish: Wish, folder: Path, tell: Tell, *, chats: int = CHATS) -> list[Outcome]:
    """Open a stage and play every phase on it.

    Raises:
        ConfigError: A part of the world did not start.
    """
    async with open_stage(folder, processes=wish.processes, chats=chats, tell=tell) as stage:
        outcomes = []
        for phase in plan(wish):
            outcomes.append(await play(stage, phase, tell))
            tell(report.table(outcomes[-1:]))
        return outcomes


async def play(stage: Stage, phase: Phase, tell: Tell) -> Outcome:
    """Play one phase to its end, and judge it."""
    await _set_weather(stage, phase)
    talking = voices(stage.chats, stage.world.tenant, phase)
    hammer, over = Hammer(stage, tell), asyncio.Event()
    async with asyncio.TaskGroup() as always:
        keeper = always.create_task(hammer.keep_up())
        teller = always.create_task(_tell_progress(phase, talking, hammer, tell))
        async with asyncio.TaskGroup() as traffic:
            for voice in talking:
                traffic.create_task(voice.speak(phase, over))
            await hammer.play(phase)
            over.set()
        teller.cancel()
        found = await _settle(stage, phase, talking, tell)
        keeper.cancel()
    return Outcome(
        phase=phase,
        struck=hammer.struck,
        findings={
            direction: total(judge(c) for c in found if c.direction is direction)
            for direction in Direction
        },
        ended=(*hammer.ended, *await _not_ready(stage)),
    )


async def _set_weather(stage: Stage, phase: Phase) -> None:
    on = phase.reordering
    await stage.world.tenant.set_weather(
        seed=crc32(phase.seed.encode()) % SEED_MAX,
        reorder=REORDER_SHARE if on else 0,
        double=DOUBLE_SHARE if on else 0,
        reorder_within_seconds=REORDERED_WITHIN.total_seconds(),
    )


async def _tell_progress(
    phase: Phase, talking: Sequence[Voice], hammer: Hammer, tell: Tell
) -> None:
    clock = SystemClock()
    began = clock.now()
    while True:
        await clock.sleep(TELL_EVERY)
        passed = (clock.now() - began).total_seconds()
        said = Counter(voice.direction for voice in talking for _ in voice.sent)
        killed = ", ".join(f"{part} {hammer.struck[part]}" for part in Part)
        tell(
            f"phase {phase.number}, {passed:.0f} of {phase.length.total_seconds():.0f} s:"
            f" struck {killed}; sent {said[Direction.TEAMS_TO_MATRIX]} in Teams,"
            f" {said[Direction.MATRIX_TO_TEAMS]} in Matrix"
        )


async def _settle(
    stage: Stage, phase: Phase, talking: Sequence[Voice], tell: Tell
) -> list[Crossing]:
    """Wait until everything is there, or nothing has moved for long; return what is there then."""
    await _not_ready(stage)
    clock = SystemClock()
    began = changed = told = clock.now()
    before: object = None
    while True:
        found = await crossings(stage.world, phase, talking)
        absent = sum(missing(crossing) for crossing in found)
        state = (absent, [len(crossing.target) for crossing in found], await _is_at_rest(stage))
        now = clock.now()
        if state != before:
            before, changed = state, now
        if now - told >= TELL_EVERY:
            told = now
            tell(f"phase {phase.number}, settling: {absent} have not arrived")
        quiet = QUIET_WHEN_SOME_IS_MISSING if absent else QUIET_WHEN_ALL_IS_THERE
        if (state[2] and now - changed >= quiet) or now - began >= SETTLE_LIMIT:
            return found
        await clock.sleep(LOOK_EVERY)


async def _is_at_rest(stage: Stage) -> bool:
    async with stage.world.store() as store:
        return await stage.world.is_at_rest(store)


async def _not_ready(stage: Stage) -> list[str]:
    """Give every bridge time to become ready; say which ones did not."""
    for bridge in stage.bridges:
        with suppress(ConfigError):
            await asyncio.to_thread(bridge.wait_until_ready)
    return [
        f"process {number} is not ready, although everything is there"
        for number, bridge in enumerate(stage.bridges, start=1)
        if not await asyncio.to_thread(bridge.is_ready)
    ]
