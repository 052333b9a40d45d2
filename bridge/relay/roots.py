"""What began a thread and is not here: asked for once, for the replies that wait for it.

reply whose post nobody knows ─▶ held, and `seek` ─┬─ there: an entry, read before the reply
                                                   └─ not there: the reply goes without it

A post may be older than the bridge, or its notification may have been lost. Nothing of this is
stored: whoever takes over asks again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bridge.domain.values import dataclass
from bridge.errors import RemoteError
from bridge.ports import Clock, Endpoint
from bridge.relay.items import Wanted
from bridge.telemetry import log

ASK_AGAIN_AFTER = timedelta(seconds=5)
"""If the network could not be read."""
FOUND_PATIENCE = timedelta(seconds=20)
"""What was found and stored is known by then, unless it says nothing that can cross."""
REMEMBERED_FOR = timedelta(minutes=10)
REMEMBERED_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """`found` is None where the network could not be read."""

    at: datetime
    found: bool | None


class Roots:
    """Asks one side for what began threads."""

    def __init__(self, source: Endpoint, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._asked: OrderedDict[Wanted, _Asked] = OrderedDict()

    def absent_among(self, roots: Iterable[Wanted | None]) -> set[Wanted]:
        """Return those that are not to be had."""
        return {root for root in roots if root is not None and self._is_absent(root)}

    async def seek(self, wanted: Sequence[Wanted]) -> None:
        """Ask for what was not asked for just now; the entries that come of it are read as any.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        for place, ref in dict.fromkeys(wanted):
            known = self._known((place, ref))
            if known is not None:
                continue
            try:
                found: bool | None = await self._source.recall(place, ref)
            except RemoteError as error:
                found = None
                log.info("thread not found yet", conversation=place.conversation, error=str(error))
            self._remember((place, ref), _Asked(at=self._clock.now(), found=found))

    def _is_absent(self, root: Wanted) -> bool:
        known = self._known(root)
        if known is None or known.found is None:
            return False
        return not known.found or self._clock.now() - known.at > FOUND_PATIENCE

    def _known(self, root: Wanted) -> _Asked | None:
        """Return what was learnt, as long as it counts."""
        known = self._asked.get(root)
        if known is None:
            return None
        counts = ASK_AGAIN_AFTER if known.found is None else REMEMBERED_FOR
        return known if self._clock.now() - known.at <= counts else None

    def _remember(self, root: Wanted, asked: _Asked) -> None:
        self._asked[root] = asked
        self._asked.move_to_end(root)
        while len(self._asked) > REMEMBERED_MAX:
            self._asked.popitem(last=False)
