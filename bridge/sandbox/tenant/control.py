"""`/_control/…`: what only a test or a demo may do with a tenant.

People act as if they sat at the Teams client (`stage.py`), administrators change registrations,
the clock moves, the weather turns (`levers.py`). `client.py` speaks this interface; every body is
JSON.
"""

from __future__ import annotations

from bridge.sandbox.tenant import (
    app_acts,
    endpoints,
    kinds,
    levers,
    limit_acts,
    paths,
    people_acts,
    signin_stage,
    stage,
    system_events,
    team_stage,
    weather_acts,
    wire,
)
from bridge.sandbox.tenant.ask import Act, Ask
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.crowd import acts as crowd_acts
from bridge.sandbox.tenant.errors import Json, bad_request, not_found
from bridge.sandbox.tenant.files import acts as files_acts
from bridge.sandbox.tenant.notify import Notifier
from bridge.sandbox.tenant.people import acts as directory_acts
from bridge.sandbox.tenant.tenant import Realm, Tenant

_ACTS: list[tuple[str, Act]] = [
    *stage.ACTS,
    *team_stage.ACTS,
    *levers.ACTS,
    *app_acts.ACTS,
    *endpoints.ACTS,
    *limit_acts.ACTS,
    *crowd_acts.ACTS,
    *weather_acts.ACTS,
    *people_acts.ACTS,
    *files_acts.ACTS,
    *directory_acts.ACTS,
    *signin_stage.ACTS,
    *kinds.ACTS,
    *system_events.ACTS,
]


class Control:
    """Finds what a control request means and does it."""

    def __init__(self, realm: Realm, notifiers: dict[str, Notifier]) -> None:
        self._realm = realm
        self._notifiers = notifiers
        self._routes = [(*_taken_apart(place), act) for place, act in _ACTS]

    async def answer(self, method: str, raw_path: str, query: dict[str, str], raw: bytes) -> Reply:
        """Carry out a control request.

        Raises:
            GraphError: It makes no sense.
        """
        body = wire.parse_object(raw) if raw else {}
        given = paths.segments(raw_path)
        if given == ["tenants"]:
            return self._tenants(method, body)
        if len(given) < 2 or given[0] != "tenants":  # noqa: PLR2004 - tenants/{id}
            raise not_found("There is no such control operation.")
        tenant = self._realm.find(given[1])
        if tenant is None:
            msg = f"There is no tenant {given[1]}."
            raise not_found(msg)
        if len(given) == 2 and method == "DELETE":  # noqa: PLR2004
            self._realm.remove(tenant)
            return Reply(status=204)
        act, ids = self._find(method, given[2:])
        return await act(
            Ask(
                tenant=tenant,
                notifier=self._notifiers[tenant.id],
                ids=ids,
                query=query,
                body=body,
            )
        )

    def _tenants(self, method: str, body: Json) -> Reply:
        if method == "GET":
            return Reply(body={"tenants": [_tenant(t) for t in self._realm.tenants.values()]})
        name = wire.optional_text(body, "name") or "Contoso"
        wanted = wire.optional_text(body, "id")
        if wanted is not None and self._realm.find(wanted) is not None:
            msg = f"Tenant {wanted} exists already."
            raise bad_request(msg)
        return Reply(status=201, body=_tenant(self._realm.create(tenant_id=wanted, name=name)))

    def _find(self, method: str, given: list[str]) -> tuple[Act, dict[str, str]]:
        for wanted, pattern, act in self._routes:
            ids = paths.match(pattern, given)
            if ids is not None and wanted == method:
                return act, ids
        raise not_found("There is no such control operation.")


def _taken_apart(place: str) -> tuple[str, paths.Pattern]:
    method, _, path = place.partition(" ")
    return method, paths.pattern(path)


def _tenant(tenant: Tenant) -> Json:
    return {"id": tenant.id, "name": tenant.name, "domain": tenant.domain}
