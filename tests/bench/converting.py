"""B18: what it costs to convert a message of Teams, without any network.

    chatMessage ─▶ parse_teams ─▶ Body ─▶ split ─▶ render_matrix        CPU of this thread, best of rounds
    the same markup through nh3 alone: what no converter can be faster than

The best of several rounds is told, since whatever else the machine does only makes it longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import nh3

from bridge.convert.bounding import bound_matrix
from bridge.convert.matrix import MATRIX_BYTES_MAX, measure_matrix, render_matrix
from bridge.convert.teams import parse_teams
from bridge.domain.content import split
from tests.bench.measures import Result

ROUNDS = 7
ROUND_S = 0.05
"""CPU seconds that one round takes at least."""

_PARAGRAPH = (
    '<p>Dear <b>all</b>, see <a href="https://example.org/a?b=1&amp;c=2">the plan</a>: '
    '<span style="color:#c4314b">red</span> things first, <i>then</i> the others &amp; more.</p>'
)
_LIST = "<ul><li>one</li><li>two<ol><li>deep</li></ol></li></ul>"
_TABLE = "<table><tbody><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></tbody></table>"
_RICH = f"{_PARAGRAPH}{_LIST}{_TABLE}<blockquote>quoted</blockquote><pre>code</pre>"
_SENTENCE = "The committee has looked at the proposal of the members and asks for another week. "
_PROSE = f'<p>{_SENTENCE * 5}See the <b>second</b> chapter and <a href="https://example.org/a">the annex</a>.</p>'
"""What people write who write much: a tag for every 80 bytes."""
KILO = 1_000


def _filled(size: int, piece: str = _RICH) -> str:
    return piece * (size // len(piece) + 1)


CASES = {
    "text": "Good morning, is the tea ready?",
    "html_150B": "<p>Good <b>morning</b>, is the <i>tea</i> ready? It is four o'clock.</p><p>Ada</p>",
    "html_1kB": _filled(KILO - len(_RICH)),
    "html_28kB": _filled(28 * KILO),
    "html_100kB": _filled(100 * KILO),
    "prose_28kB": _filled(28 * KILO, _PROSE),
    "prose_100kB": _filled(100 * KILO, _PROSE),
    "hostile_nesting_100kB": "<div>" * (20 * KILO) + "x",
    "hostile_attributes_100kB": "<p " + " ".join(f"a{n}=1" for n in range(12 * KILO)) + ">x</p>",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    ours_ms: float
    bare_ms: float


def _convert(content: str) -> None:
    body = parse_teams(content)
    for part in split(body, size_max=MATRIX_BYTES_MAX, measure=measure_matrix, bound=bound_matrix):
        render_matrix(part)


def _best_ms(work: Callable[[str], object], content: str) -> float:
    """CPU milliseconds of one conversion, in the best of the rounds."""
    work(content)
    best = float("inf")
    for _ in range(ROUNDS):
        count, began = 0, time.thread_time()
        while (spent := time.thread_time() - began) < ROUND_S or not count:
            work(content)
            count += 1
        best = min(best, spent / count if count else best)
    return best * 1_000


async def converted() -> Result:
    """CPU of one conversion by kind of content, and the ratio to nh3 alone."""
    costs = {
        name: _Cost(ours_ms=_best_ms(_convert, content), bare_ms=_best_ms(nh3.clean, content))
        for name, content in CASES.items()
    }
    return {
        "cpu_ms": {name: round(cost.ours_ms, 3) for name, cost in costs.items()},
        "of_nh3_alone": {
            name: round(cost.ours_ms / cost.bare_ms, 1) for name, cost in costs.items()
        },
        "bytes": {name: len(content) for name, content in CASES.items()},
    }
