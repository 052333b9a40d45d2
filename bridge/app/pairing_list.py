"""The list of who is who is read while the bridge runs; a bad one changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bridge.app.clock import SystemClock
from bridge.domain.pairing import Rules
from bridge.relay.rereading import Rereader
from bridge.settings.puppets import DoublePuppets, read_list
from bridge.telemetry import log

NAME = "pairing list"
NO_LIST = "There is no list to read: `double_puppets.pairs` in the configuration names none."
KEPT = "The list was not taken over, and the one from before is kept:\n{problems}"
UNCHANGED = "The list says what it said before: {count} people."
TAKEN = "The list was read: {count} people, {before} before."


class PairingList:
    """Holds what was read last; `take` has it used."""

    def __init__(self, settings: DoublePuppets, take: Callable[[Rules], None]) -> None:
        self._path = settings.pairs_file
        self._rules = settings.rules
        self._take = take

    async def stamp(self) -> object:
        """Return what changes with the file; None while it is not there."""
        return None if self._path is None else await asyncio.to_thread(_stamp, self._path)

    async def reread(self) -> str:
        """Read the list and use it if all of it is good; say what came of it."""
        if self._path is None:
            return NO_LIST
        pairs, problems = await asyncio.to_thread(read_list, self._path)
        if problems:
            told = [f"it {problem}" for problem, _hint in problems]
            log.warning("pairing list not taken over", error="; ".join(told), count=len(problems))
            return KEPT.format(problems="\n".join(told))
        before = len(self._rules.pairs)
        if pairs == self._rules.pairs:
            return UNCHANGED.format(count=before)
        self._rules = replace(self._rules, pairs=pairs)
        self._take(self._rules)
        log.info("pairing list read", count=len(pairs))
        return TAKEN.format(count=len(pairs), before=before)


def rereader_of(
    settings: DoublePuppets, take: Callable[[Rules], None], clock: SystemClock
) -> Rereader:
    """Build what reads the list again."""
    pairs = PairingList(settings, take)
    return Rereader(clock, name=NAME, stamp=pairs.stamp, reread=pairs.reread)


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
