"""What a run says at its end: offences, a table, one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.crash.plan import Part
from tests.crash.verdict import Direction, Findings, Offence

if TYPE_CHECKING:
    from tests.crash.run import Outcome

OFFENCES_SHOWN = 200
"""Of each kind."""
COLUMNS = ("killed", "sent", "arrived", "lost", "twice", "out of order", "late")
ROW = "{:<8} {:<12} {:<16}" + " {:>8}" * 5 + " {:>13} {:>8}"
NAMES = {Direction.TEAMS_TO_MATRIX: "Teams → Matrix", Direction.MATRIX_TO_TEAMS: "Matrix → Teams"}


def all_well(outcomes: Sequence[Outcome]) -> bool:
    return all(outcome.all_well for outcome in outcomes)


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each phase and direction; `killed` counts the bridge's processes."""
    rows = [ROW.format("phase", "reordering", "direction", *COLUMNS)]
    for outcome in outcomes:
        weather = "on" if outcome.phase.reordering else "off"
        for direction, found in outcome.findings.items():
            figures = _figures(found).values()
            killed = outcome.struck[Part.BRIDGE]
            name = NAMES[direction]
            rows.append(ROW.format(outcome.phase.number, weather, name, killed, *figures))
    struck = _struck(outcomes)
    away = ", ".join(f"{part} {struck[part]}" for part in Part if part is not Part.BRIDGE)
    rows.append(f"killed or taken away besides: {away}")
    return "\n".join(row.rstrip() for row in rows)


def line(outcomes: Sequence[Outcome], seed: int) -> str:
    """The same for machines."""
    phases = [
        {
            "reordering": outcome.phase.reordering,
            "killed": {part: outcome.struck[part] for part in Part},
            "ended_by_itself": len(outcome.ended),
            **{
                direction: _figures(found) | {"source": len(found.source)}
                for direction, found in outcome.findings.items()
            },
        }
        for outcome in outcomes
    ]
    struck = _struck(outcomes)
    return json.dumps(
        {"ok": all_well(outcomes), "seed": seed, "killed": struck, "phases": phases},
    )


def offences(outcomes: Sequence[Outcome]) -> list[str]:
    """Each message that is not as it should be; late ones are nobody's fault."""
    lines = [text for outcome in outcomes for text in outcome.ended]
    for outcome in outcomes:
        for found in outcome.findings.values():
            for kind, many in _kinds(found).items():
                lines += [f"{kind}: {_told(offence)}" for offence in many[:OFFENCES_SHOWN]]
                if len(many) > OFFENCES_SHOWN:
                    lines.append(f"{kind}: and {len(many) - OFFENCES_SHOWN} more")
    return lines


def _kinds(found: Findings) -> dict[str, list[Offence]]:
    return {
        "lost": found.lost,
        "twice": found.twice,
        "out of order": found.out_of_order,
        "wrong at its source": found.source,
    }


def _told(offence: Offence) -> str:
    return f"{offence.text!r} ({NAMES[offence.direction]}, {offence.chat}): {offence.facts}"


def _figures(found: Findings) -> dict[str, int]:
    return {
        "sent": found.sent,
        "arrived": found.arrived,
        "lost": len(found.lost),
        "twice": len(found.twice),
        "out_of_order": len(found.out_of_order),
        "late": len(found.late),
    }


def _struck(outcomes: Sequence[Outcome]) -> dict[Part, int]:
    return {part: sum(outcome.struck[part] for outcome in outcomes) for part in Part}
