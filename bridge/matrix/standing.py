"""Who was deactivated on the homeserver: it lets an application service act for them all the same.

    standings ─▶ POST …/org.matrix.msc3720/account_status ─┬ deactivated, not there: GONE
                                                           └ 404: it does not say: UNKNOWN

MSC3720 is the one way in which Synapse tells an application service (1.163.2, rest/client/account.py;
its admin API takes an administrator's token). It wants `experimental_features: {msc3720_enabled: true}`
there. Who is locked (MSC3939) or suspended (MSC3823) it tells nobody, neither so nor by a whoami in
their name: but it refuses what they would say themselves, so that nothing of it reaches us (measured;
whoever is suspended may still take back what they have said). For what is said as them see
`as_people`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import orjson
from typing_extensions import override

from bridge import ports
from bridge.domain.ids import UserId
from bridge.errors import Unconvertible
from bridge.matrix import tolerant
from bridge.matrix.answers import RejectedByHomeserver
from bridge.matrix.connection import Connection
from bridge.ports import Standing
from bridge.telemetry import log

ACCOUNT_STATUS = "/_matrix/client/unstable/org.matrix.msc3720/account_status"
MSC3720 = "set experimental_features: {msc3720_enabled: true} in homeserver.yaml"
_UNRECOGNIZED = "M_UNRECOGNIZED"


class Registrar(ports.Registrar):
    """Asks the homeserver; says once if it does not tell."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._said = False

    @override
    async def standings(self, users: Collection[UserId]) -> Mapping[UserId, Standing]:
        if not users:
            return {}
        body = orjson.dumps({"user_ids": list(users)})
        try:
            answer = await self._connection.exchange(
                "POST", ACCOUNT_STATUS, body, what="account status"
            )
        except RejectedByHomeserver as error:
            self._say(error)
            return dict.fromkeys(users, Standing.UNKNOWN)
        statuses = _statuses(answer)
        return {user: standing_of(statuses.get(user)) for user in users}

    def _say(self, error: RejectedByHomeserver) -> None:
        if not self._said:
            self._said = True
            hint = MSC3720 if error.errcode == _UNRECOGNIZED else None
            log.warning("not told who is deactivated", error=str(error), hint=hint)


def standing_of(status: object) -> Standing:
    """Say what the homeserver's answer about one user means."""
    if not isinstance(status, dict) or not isinstance(status.get("exists"), bool):
        return Standing.UNKNOWN
    gone = not status["exists"] or status.get("deactivated") is True
    return Standing.GONE if gone else Standing.GOOD


def _statuses(answer: bytes) -> Mapping[str, object]:
    try:
        found = tolerant.loads(answer)
    except Unconvertible:
        return {}
    statuses = found.get("account_statuses") if isinstance(found, dict) else None
    return statuses if isinstance(statuses, dict) else {}
