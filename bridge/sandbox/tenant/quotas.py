"""How many subscriptions there may be, and how Graph says that there are too many.

One per app and chat, channel, team or user; ten per user, whatever the app, to all chats that the
user is in; 10,000 per organisation over all resources of Teams together; of users 100 per app and
1,000 per organisation; one presence subscription per app and signed-in user
(learn.microsoft.com graph/change-notifications-overview, March 2025). The same app, resource and
changes again are a conflict. The text of the refusal is the one that someone got and published
(techcommunity.microsoft.com, "Cannot create new subscription to resource", July 2024).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.register import Group
from bridge.sandbox.tenant.settings import Settings
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.targets import Kind, Reach
from bridge.sandbox.tenant.tenant import Tenant

PER_USER_MAX = 10
DIRECTORY_PER_APP_MAX = 100
DIRECTORY_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most so many in a group; `who` has reached the limit when there are."""

    group: Group
    most: int
    who: str


def check(tenant: Tenant, wanted: Subscription) -> list[Group]:
    """The groups that the subscription counts in, if there is room for it in all of them.

    Raises:
        GraphError: 409 for the same one again, 403 for one too many.
    """
    now = tenant.clock.now()
    same = _same(wanted)
    for other in tenant.subscriptions.members(same):
        if other.expires > now:
            msg = f"Subscription Id {other.id} already exists for the requested combination"
            raise GraphError(409, "Conflict", msg)
    quotas = list(_quotas(tenant, wanted))
    for quota in quotas:
        members = tenant.subscriptions.members(quota.group)
        if len(members) >= quota.most and sum(s.expires > now for s in members) >= quota.most:
            raise _exceeded(quota, wanted, tenant.id)
    return [same, *(quota.group for quota in quotas)]


def _same(wanted: Subscription) -> Group:
    changes = ",".join(sorted(wanted.change_types))
    creator = wanted.creator if wanted.delegated else ""
    return ("same", wanted.app.id, creator, wanted.resource.strip("/").casefold(), changes)


def _quotas(tenant: Tenant, wanted: Subscription) -> Iterator[Quota]:
    match wanted.target.kind:
        case Kind.PRESENCE:
            yield _one(wanted, "presence", wanted.creator)
        case Kind.USER:
            yield Quota(
                group=("users", wanted.app.id), most=DIRECTORY_PER_APP_MAX, who=_app(wanted)
            )
            yield Quota(group=("users",), most=DIRECTORY_MAX, who=_organisation(tenant))
        case _:
            yield from _quotas_of_teams(tenant, wanted)


def _quotas_of_teams(tenant: Tenant, wanted: Subscription) -> Iterator[Quota]:
    settings, target = tenant.settings, wanted.target
    if target.reach is not Reach.TENANT or settings.one_subscription_per_whole_tenant:
        yield _one(wanted, target.kind.value, target.path, *_creator(settings, wanted))
    if target.reach is Reach.USER:
        for user in target.ids:
            group = ("user", target.kind.value, user)
            yield Quota(group=group, most=PER_USER_MAX, who=f"User '{user}'")
    yield Quota(group=("teams",), most=settings.subscriptions_max, who=_organisation(tenant))


def _one(wanted: Subscription, *group: str) -> Quota:
    return Quota(group=("one", wanted.app.id, *group), most=1, who=_app(wanted))


def _creator(settings: Settings, wanted: Subscription) -> tuple[str, ...]:
    return (wanted.creator,) if settings.subscribers_apart and wanted.delegated else ()


def _app(wanted: Subscription) -> str:
    return f"App '{wanted.app.id}'"


def _organisation(tenant: Tenant) -> str:
    return f"Organization '{tenant.id}'"


def _exceeded(quota: Quota, wanted: Subscription, tenant_id: str) -> GraphError:
    return GraphError(
        403,
        "ExtensionError",
        "Operation: Create; Exception: [Status Code: Forbidden; Reason: "
        f"{quota.who} has reached its limit of '{quota.most}' '{wanted.target.path}' "
        f"subscription on tenant '{tenant_id}']",
    )
