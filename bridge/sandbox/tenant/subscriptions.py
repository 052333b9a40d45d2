"""`/subscriptions`: create with handshake, list, renew, delete, reauthorize.

    body ─ wish.py ─> Subscription ─ resources.py: permission ─ quotas.py: room ─ handshake ─> kept

Sources: learn.microsoft.com graph/api subscription-post-subscriptions, subscription-update,
resources/subscription, change-notifications-delivery-webhooks, change-notifications-lifecycle.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from bridge.sandbox.tenant import permissions, quotas, render, resources, rsc, wire, wish
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden, not_found
from bridge.sandbox.tenant.handshake import Handshake
from bridge.sandbox.tenant.resources import Resource
from bridge.sandbox.tenant.routes import Route, route
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.targets import MESSAGES, Kind, Reach, Target
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Membership

DOUBLE_RENEWAL_WINDOW = timedelta(minutes=10)
"""PATCH and reauthorize closer together than this leave a subscription in an inconsistent state
(learn.microsoft.com graph/change-notifications-lifecycle-events)."""


class Subscriptions:
    """The operations that need the outside world: handshakes with the subscriber's endpoint."""

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake

    def routes(self) -> list[Route]:
        return [
            route("POST /subscriptions", None, self.create),
            route("PATCH /subscriptions/{subscription}", None, self.update),
        ]

    async def create(self, call: Call) -> Reply:
        body = call.body()
        wire.only_known(body, wish.CREATE, "subscription")
        subscription = _read(call, body)
        quotas.check(call.tenant, subscription)
        for url in (subscription.notification_url, subscription.lifecycle_url):
            if url is not None:
                await self._shake(call.tenant, url)
        # Another may have taken the place while hands were shaken.
        groups = quotas.check(call.tenant, subscription)
        call.tenant.subscriptions.add(subscription, groups)
        call.tenant.wake()
        return Reply(status=201, body=_entity(call, subscription))

    async def update(self, call: Call) -> Reply:
        subscription = _mine(call)
        body = call.body()
        wish.only_updatable(body)
        resource, _ = _admitted(call, subscription.resource)
        now = call.tenant.clock.now()
        expires = subscription.expires
        if "expirationDateTime" in body:
            expires = wish.expiry(body, now, resource)
            wish.check_lifecycle(expires, now, subscription.lifecycle_url, resource)
        seal = wish.seal(body) if "encryptionCertificate" in body else None
        if "notificationUrl" in body:
            url = wish.url(body, "notificationUrl")
            await self._shake(call.tenant, url)
            subscription.notification_url = url
        if seal is not None:
            subscription.seal = seal
            subscription.certificate_text = wire.optional_text(body, "encryptionCertificate")
            subscription.certificate_id = wish.certificate_id(body)
        shown = {**_entity(call, subscription), "expirationDateTime": stamp(expires)}
        if not _forgets(call.tenant, subscription, subscription.reauthorized):
            subscription.expires = expires
            _authorize(call, subscription)
        subscription.renewed = now
        return Reply(body=shown)

    async def _shake(self, tenant: Tenant, url: str) -> None:
        await self._handshake.shake(url, tenant.settings.handshake_timeout_seconds)


async def list_subscriptions(call: Call) -> Reply:
    mine = [s for s in call.tenant.subscriptions.values() if _is_mine(call, s)]
    return Reply(
        body={
            "@odata.context": call.context("subscriptions"),
            "value": [render.subscription(item) for item in mine],
        }
    )


async def get_subscription(call: Call) -> Reply:
    return Reply(body=_entity(call, _mine(call)))


async def delete_subscription(call: Call) -> Reply:
    call.tenant.subscriptions.remove(_mine(call).id)
    return Reply(status=204)


async def reauthorize(call: Call) -> Reply:
    subscription = _mine(call)
    _admitted(call, subscription.resource)
    if not _forgets(call.tenant, subscription, subscription.renewed):
        _authorize(call, subscription)
    subscription.reauthorized = call.tenant.clock.now()
    return Reply(status=204)


def _read(call: Call, body: Json) -> Subscription:
    now = call.tenant.clock.now()
    text = wire.required_text(body, "changeType")
    name = _own_resource(call, wire.required_text(body, "resource"))
    resource, target = _admitted(call, name)
    changes = wish.changes(text, resource)
    expires = wish.expiry(body, now, resource)
    lifecycle = None
    if body.get("lifecycleNotificationUrl") is not None:
        lifecycle = wish.url(body, "lifecycleNotificationUrl")
    wish.check_lifecycle(expires, now, lifecycle, resource)
    with_content = wire.optional_flag(body, "includeResourceData")
    if with_content and not _may_have_content(call, resource, target):
        raise bad_request("This resource does not support includeResourceData.", "InvalidRequest")
    return Subscription(
        id=str(uuid4()),
        app=call.app,
        creator=call.app.object_id if call.user is None else call.user.id,
        delegated=call.user is not None,
        resource=name,
        target=target,
        change_types=changes,
        change_type_text=text,
        notification_url=wish.url(body, "notificationUrl"),
        lifecycle_url=lifecycle,
        expires=expires,
        authorized_until=call.bearer.expires,
        client_state=wish.short_text(body, "clientState", wish.CLIENT_STATE_MAX),
        with_content=with_content,
        seal=wish.seal(body) if with_content else None,
        certificate_id=wish.certificate_id(body) if with_content else None,
        certificate_text=wire.optional_text(body, "encryptionCertificate"),
        tls_version=wish.tls(body),
        unknown_enum_members=call.wants_unknown_enums,
    )


def _may_have_content(call: Call, resource: Resource, target: Target) -> bool:
    is_of_user = target.kind is Kind.CHAT and target.reach is Reach.USER
    return resource.rich and (not is_of_user or call.tenant.settings.user_chats_with_content)


def _own_resource(call: Call, resource: str) -> str:
    """`me` stands for the caller for as long as the subscription lives."""
    path = resource.strip("/")
    if call.user is not None and path.casefold().startswith("me/"):
        return f"users/{call.user.id}/{path[3:]}"
    return resource


def _admitted(call: Call, name: str) -> tuple[Resource, Target]:
    """The resource exists, the caller may subscribe to it, and so does what it names."""
    resource, target = resources.parse(name)
    if not _granted_there(call, resource, target):
        _check_permission(call, resource)
    if target.own_view and call.user is None:
        raise bad_request(
            "notifyOnUserSpecificProperties is only supported in user context.", "ExtensionError"
        )
    return resource, _found(call, target)


def _check_permission(call: Call, resource: Resource) -> None:
    bearer = call.bearer
    if resource.reach is Reach.APP:
        # These are good in the chats of the app, and no chat is named here.
        installed = {name for name in call.app.roles if name.endswith(".WhereInstalled")}
        bearer = replace(bearer, granted=bearer.granted | installed)
    check = permissions.check_directory if resource.kind is Kind.USER else permissions.check
    check(resource.needs, bearer)
    asked = call.tenant.settings.protected_apis_form and call.user is None
    if asked and resource.kind in MESSAGES and call.app.id not in call.tenant.catalog.approved:
        # Seen in the field: techcommunity.microsoft.com, teamsdeveloper 2186283.
        raise GraphError(403, "UnknownError", "")


def _granted_there(call: Call, resource: Resource, target: Target) -> bool:
    """Whether the app may because it is installed in the chat or team that is named.

    Raises:
        GraphError: 403, this never is enough for messages of private and shared channels.
    """
    if call.user is not None or not resource.specific:
        return False
    place = {"team": target.team} if target.team else {"chat": next(iter(target.ids))}
    granted = rsc.granted_in(call.tenant, call.bearer, place)
    by_role = not call.bearer.granted.isdisjoint(resource.needs.application)
    if by_role or granted.isdisjoint(resource.specific):
        return False
    for key in target.ids if target.team else ():
        if call.tenant.channel(target.team or "", key).membership is not Membership.STANDARD:
            raise forbidden("app not enabled in this channel")
    return True


def _found(call: Call, target: Target) -> Target:
    """The target with its people by id, if the caller may see what it names.

    Raises:
        GraphError: 404, it names something that there is not; 403, something of other people.
    """
    if target.reach is Reach.USER:
        return _found_users(call, target)
    for key in target.ids:
        if target.reach is Reach.APP:
            _check_installed(call, key)
        else:
            people = _people(call.tenant, target, key)
            if call.user is not None and call.user.id not in people:
                raise forbidden()
    return target


def _people(tenant: Tenant, target: Target, key: str) -> Container[str]:
    """Who takes part in the chat, channel or team that is named."""
    if target.reach is Reach.CHAT:
        return tenant.chat(key).members
    if target.reach is Reach.CHANNEL:
        return tenant.channel(target.team or "", key).people
    return tenant.team(key).members


def _check_installed(call: Call, teams_app: str) -> None:
    """An app hears of the chats that its own Teams app is installed in, and of no others."""
    found = call.tenant.catalog.apps.get(teams_app)
    if found is None:
        raise not_found()
    if found.client_id != call.app.id:
        raise forbidden()


def _found_users(call: Call, target: Target) -> Target:
    users = [call.tenant.user(key) for key in target.ids]
    of_chats = target.kind in (Kind.CHAT, Kind.CHAT_MESSAGE)
    if of_chats and call.user is not None and users != [call.user]:
        raise forbidden()
    return replace(target, ids=frozenset(user.id for user in users))


def _forgets(tenant: Tenant, subscription: Subscription, other: datetime | None) -> bool:
    """Whether this renewal comes too soon after one of the other kind, and is lost for that."""
    if other is None or tenant.clock.now() - other >= DOUBLE_RENEWAL_WINDOW:
        return False
    subscription.double_renewals += 1
    return tenant.settings.double_renewal_forgets


def _is_mine(call: Call, subscription: Subscription) -> bool:
    if subscription.app is not call.app or subscription.expires <= call.tenant.clock.now():
        return False
    return call.user is None or subscription.creator == call.user.id


def _mine(call: Call) -> Subscription:
    subscription = call.tenant.subscriptions.get(call.ids["subscription"])
    if subscription is None or not _is_mine(call, subscription):
        raise not_found("The object was not found.")
    return subscription


def _authorize(call: Call, subscription: Subscription) -> None:
    """The caller's token vouches for the subscription from now on."""
    subscription.authorized_until = call.bearer.expires
    subscription.challenged = None
    call.tenant.wake()


def _entity(call: Call, subscription: Subscription) -> Json:
    context = call.context("subscriptions/$entity")
    return {"@odata.context": context, **render.subscription(subscription)}


ROUTES = [
    route("GET /subscriptions", None, list_subscriptions),
    route("GET /subscriptions/{subscription}", None, get_subscription),
    route("DELETE /subscriptions/{subscription}", None, delete_subscription),
    route("POST /subscriptions/{subscription}/reauthorize", None, reauthorize),
]
