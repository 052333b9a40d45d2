"""What is killed when, drawn from a seed: the same seed makes the same plan.

Every part of the world has a timeline of its own, cut into as many equal slots as it gets blows;
each blow falls at a random moment of its slot. So the number of blows is certain, their moments are
not, and the blows at one part do not depend on how many others there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import Random

OTHERS_SHARE = 10
"""Each other part is struck once for so many kills of the bridge."""


class Part(StrEnum):
    """What can be taken away."""

    BRIDGE = "bridge"
    HOMESERVER = "homeserver"
    POSTGRES = "postgres"
    TENANT = "tenant"


class Absence(StrEnum):
    """How a tenant is taken away."""

    DROP = "drop"
    """Connections break without an answer."""
    UNAVAILABLE = "unavailable"
    """Everything is answered with 503."""
    STORM = "storm"
    """Every other request fails, some of them only after they were carried out."""


DOWN_S: Mapping[Part, tuple[float, float]] = {
    Part.BRIDGE: (0.0, 2.0),
    Part.HOMESERVER: (0.0, 3.0),
    Part.POSTGRES: (0.0, 3.0),
    Part.TENANT: (2.0, 8.0),
}
"""For how long, from and to, in seconds, before it is started again."""
SLOT_DOWN_MAX = 0.5
"""At most this part of a slot something is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One part taken away at `at` from the beginning of the phase, for `down`."""

    at: timedelta
    down: timedelta
    part: Part
    process: int = 0
    """Which of the bridge's processes."""
    absence: Absence = Absence.DROP
    """How the tenant is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of traffic with blows, then calm, then the count."""

    number: int
    seed: str
    length: timedelta
    reordering: bool
    timelines: tuple[tuple[Blow, ...], ...]
    """For each part, and for each process of the bridge, its blows in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for. `reorder` None means a phase without and one with it."""

    kills: int
    length: timedelta
    seed: int
    reorder: bool | None = None
    processes: int = 1
    parts: frozenset[Part] = frozenset(Part)


def plan(wish: Wish) -> list[Phase]:
    """Share time and blows among the phases, and draw the moments."""
    phases = [False, True] if wish.reorder is None else [wish.reorder]
    made = []
    for index, reordering in enumerate(phases):
        counts = {part: share(n, len(phases), index) for part, n in _counts(wish).items()}
        seed = f"{wish.seed}/{index + 1}"
        length = wish.length / len(phases)
        made.append(
            Phase(
                number=index + 1,
                seed=seed,
                length=length,
                reordering=reordering,
                timelines=_timelines(seed, counts, length, wish.processes),
            )
        )
    return made


def share(number: int, among: int, index: int) -> int:
    """The part of a whole number that falls to the one of this index; earlier ones get the rest."""
    return number // among + (index < number % among)


def _counts(wish: Wish) -> dict[Part, int]:
    others = -(-wish.kills // OTHERS_SHARE)
    counts = dict.fromkeys(Part, others) | {Part.BRIDGE: wish.kills}
    return {part: number if part in wish.parts else 0 for part, number in counts.items()}


def _timelines(
    seed: str, counts: Mapping[Part, int], length: timedelta, processes: int
) -> tuple[tuple[Blow, ...], ...]:
    made = []
    for part, number in counts.items():
        lines = processes if part is Part.BRIDGE else 1
        for line in range(lines):
            draw = Random(f"{seed}/{part}/{line}")  # noqa: S311 -- a run must be replayable
            made.append(_timeline(draw, part, line, share(number, lines, line), length))
    return tuple(made)


def _timeline(
    draw: Random, part: Part, process: int, number: int, length: timedelta
) -> tuple[Blow, ...]:
    if number == 0:
        return ()
    slot = length / number
    made = []
    for index in range(number):
        down = min(timedelta(seconds=draw.uniform(*DOWN_S[part])), slot * SLOT_DOWN_MAX)
        made.append(
            Blow(
                at=slot * index + (slot - down) * draw.uniform(0, 1),
                down=down,
                part=part,
                process=process,
                absence=draw.choice(list(Absence)),
            )
        )
    return tuple(made)
