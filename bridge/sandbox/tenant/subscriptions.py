"""`/subscriptions`: create with handshake, list, renew, delete, reauthorize.

Sources: learn.microsoft.com graph/api subscription-post-subscriptions, subscription-update,
resources/subscription, change-notifications-delivery-webhooks, change-notifications-lifecycle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.tenant import permissions, render, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden, not_found
from bridge.sandbox.tenant.handshake import Handshake
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import Route, route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Subscription

LIFETIME_MAX = timedelta(minutes=4320)
LIFETIME_MIN = timedelta(minutes=45)
LIFETIME_WITHOUT_LIFECYCLE_MAX = timedelta(hours=1)
CLIENT_STATE_MAX = 128
CERTIFICATE_ID_MAX = 128
RSA_BITS = range(2048, 4097)
SUBSCRIPTIONS_MAX = 10_000
"""Per organisation and kind of resource."""
EXPIRY_TOLERANCE = timedelta(minutes=5)
"""A client's clock may be ahead by this much when it asks for the longest lifetime."""

_CREATE = frozenset(
    [
        "id",
        "resource",
        "changeType",
        "notificationUrl",
        "expirationDateTime",
        "clientState",
        "lifecycleNotificationUrl",
        "includeResourceData",
        "encryptionCertificate",
        "encryptionCertificateId",
        "latestSupportedTlsVersion",
        "notificationUrlAppId",
        "notificationQueryOptions",
        "applicationId",
        "creatorId",
    ]
)
_UPDATE = frozenset(
    {"expirationDateTime", "notificationUrl", "encryptionCertificate", "encryptionCertificateId"}
)
_CHANGES = frozenset({"created", "updated", "deleted"})
_TLS = frozenset({"v1_0", "v1_1", "v1_2", "v1_3"})
_ONE_CHAT = re.compile(r"chats(?:/([^/]+)|\('([^']+)'\))/messages", re.IGNORECASE)
_ONE_USER = re.compile(
    r"(?:users(?:/([^/]+)|\('([^']+)'\))|me)/chats/getAllMessages(?:\(\))?", re.IGNORECASE
)
_ALL_CHATS = re.compile(r"chats/getAllMessages(?:\(\))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a resource path covers; both None means every chat of the tenant."""

    chat: str | None = None
    user: str | None = None


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
        wire.only_known(body, _CREATE, "subscription")
        subscription = _read(call, body)
        _check_resource(call, subscription.resource)
        _check_room(call.tenant, subscription)
        for url in (subscription.notification_url, subscription.lifecycle_url):
            if url is not None:
                await self._handshake.shake(url)
        _check_room(call.tenant, subscription)
        call.tenant.subscriptions[subscription.id] = subscription
        call.tenant.wake()
        return Reply(status=201, body=_entity(call, subscription))

    async def update(self, call: Call) -> Reply:
        subscription = _mine(call)
        body = call.body()
        wire.only_known(body, _UPDATE, "subscription")
        _check_resource(call, subscription.resource)
        now = call.tenant.clock.now()
        expires = subscription.expires
        if "expirationDateTime" in body:
            expires = _expiry(body, now)
            _check_lifecycle(expires, now, subscription.lifecycle_url)
        certificate = _certificate(body) if "encryptionCertificate" in body else None
        certificate_id = None if certificate is None else _certificate_id(body)
        if "notificationUrl" in body:
            url = _url(body, "notificationUrl")
            await self._handshake.shake(url)
            subscription.notification_url = url
        if certificate is not None:
            subscription.certificate = certificate
            subscription.certificate_text = wire.optional_text(body, "encryptionCertificate")
            subscription.certificate_id = certificate_id
        subscription.expires = expires
        _authorize(call, subscription)
        return Reply(body=_entity(call, subscription))


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
    del call.tenant.subscriptions[_mine(call).id]
    return Reply(status=204)


async def reauthorize(call: Call) -> Reply:
    subscription = _mine(call)
    _check_resource(call, subscription.resource)
    _authorize(call, subscription)
    return Reply(status=204)


@lru_cache(maxsize=SUBSCRIPTIONS_MAX)
def scope_of(resource: str) -> Scope | None:
    """What this resource path covers, or None where Teams knows no such resource."""
    path = resource.partition("?")[0].strip("/")
    if _ALL_CHATS.fullmatch(path):
        return Scope()
    chat = _ONE_CHAT.fullmatch(path)
    if chat is not None:
        return Scope(chat=unquote(chat[1] or chat[2]))
    user = _ONE_USER.fullmatch(path)
    if user is not None:
        return Scope(user=unquote(user[1] or user[2] or "me"))
    return None


def _read(call: Call, body: Json) -> Subscription:
    now = call.tenant.clock.now()
    text = wire.required_text(body, "changeType")
    resource = wire.required_text(body, "resource")
    expires = _expiry(body, now)
    lifecycle = None
    if body.get("lifecycleNotificationUrl") is not None:
        lifecycle = _url(body, "lifecycleNotificationUrl")
    _check_lifecycle(expires, now, lifecycle)
    with_content = wire.optional_flag(body, "includeResourceData")
    certificate = _certificate(body) if with_content else None
    return Subscription(
        id=str(uuid4()),
        app=call.app,
        creator=call.app.object_id if call.user is None else call.user.id,
        delegated=call.user is not None,
        resource=_own_resource(call, resource),
        change_types=_changes(text),
        change_type_text=text,
        notification_url=_url(body, "notificationUrl"),
        lifecycle_url=lifecycle,
        expires=expires,
        authorized_until=call.bearer.expires,
        client_state=_short_text(body, "clientState", CLIENT_STATE_MAX),
        with_content=with_content,
        certificate=certificate,
        certificate_id=_certificate_id(body) if with_content else None,
        certificate_text=wire.optional_text(body, "encryptionCertificate"),
        tls_version=_tls(body),
        unknown_enum_members=call.wants_unknown_enums,
    )


def _own_resource(call: Call, resource: str) -> str:
    """`me` stands for the caller for as long as the subscription lives."""
    path = resource.strip("/")
    if call.user is not None and path.casefold().startswith("me/"):
        return f"users/{call.user.id}/{path[3:]}"
    return resource


def _changes(text: str) -> frozenset[str]:
    names = frozenset(name.strip().casefold() for name in text.split(","))
    if not names <= _CHANGES:
        msg = f"Invalid 'changeType' attribute: '{text}'."
        raise bad_request(msg, "InvalidRequest")
    return names


def _url(body: Json, name: str) -> str:
    url = wire.required_text(body, name)
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        msg = f"The '{name}' must be a valid https URL."
        raise bad_request(msg, "InvalidRequest")
    return url


def _expiry(body: Json, now: datetime) -> datetime:
    if body.get("expirationDateTime") is None:
        raise bad_request(
            "expirationDateTime is a required property for subscription creation", "InvalidRequest"
        )
    text = wire.required_text(body, "expirationDateTime")
    wanted = wire.parse_instant(text, "expirationDateTime")
    if wanted <= now:
        raise bad_request("Subscription expiration must be in the future.", "ValidationError")
    if wanted > now + LIFETIME_MAX + EXPIRY_TOLERANCE:
        minutes = int(LIFETIME_MAX.total_seconds() // 60)
        msg = f"Subscription expiration can only be {minutes} minutes in the future."
        raise bad_request(
            msg,
            "ValidationError",
        )
    return max(wanted, now + LIFETIME_MIN)


def _check_lifecycle(expires: datetime, now: datetime, lifecycle: str | None) -> None:
    if lifecycle is None and expires > now + LIFETIME_WITHOUT_LIFECYCLE_MAX:
        raise bad_request(
            "lifecycleNotificationUrl is a required property for subscription creation on this "
            "resource when the expirationDateTime value is set to greater than 1 hour.",
            "ValidationError",
        )


def _certificate(body: Json) -> x509.Certificate:
    text = wire.optional_text(body, "encryptionCertificate")
    if not text:
        raise bad_request(
            "encryptionCertificate is required when includeResourceData is true.", "ValidationError"
        )
    raw = wire.decode_base64("".join(text.split()), "encryptionCertificate")
    try:
        certificate = _load(raw)
        key = certificate.public_key()
    except ValueError:
        raise bad_request(
            "The encryptionCertificate is not a valid X.509 certificate.", "ValidationError"
        ) from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in RSA_BITS:
        raise bad_request(
            "The encryptionCertificate must hold an RSA key of 2048 to 4096 bits.",
            "ValidationError",
        )
    return certificate


def _load(raw: bytes) -> x509.Certificate:
    """DER, or PEM as a whole in base64, which Graph takes too."""
    if raw.startswith(b"-----BEGIN"):
        return x509.load_pem_x509_certificate(raw)
    return x509.load_der_x509_certificate(raw)


def _certificate_id(body: Json) -> str:
    value = _short_text(body, "encryptionCertificateId", CERTIFICATE_ID_MAX)
    if not value:
        raise bad_request(
            "encryptionCertificateId is required with an encryptionCertificate.", "ValidationError"
        )
    return value


def _short_text(body: Json, name: str, most: int) -> str | None:
    value = wire.optional_text(body, name)
    if value is not None and len(value) > most:
        msg = f"The property '{name}' exceeds the maximum length of {most}."
        raise bad_request(msg, "InvalidRequest")
    return value


def _tls(body: Json) -> str | None:
    value = wire.optional_text(body, "latestSupportedTlsVersion")
    if value is not None and value not in _TLS:
        msg = f"Invalid latestSupportedTlsVersion '{value}'."
        raise bad_request(msg, "InvalidRequest")
    return value


def _check_resource(call: Call, resource: str) -> None:
    """The resource exists, and the caller may subscribe to it."""
    scope = scope_of(resource)
    if scope is None:
        msg = f"Resource '{resource}' is not supported for subscriptions."
        raise bad_request(msg, "ExtensionError")
    permissions.check(_needs(scope), call.bearer)
    if scope.chat is not None:
        chat = call.tenant.chat(scope.chat)
        if call.user is not None and call.user.id not in chat.members:
            raise forbidden()
    if scope.user is not None:
        owner = call.tenant.user(scope.user)
        if call.user is not None and owner is not call.user:
            raise forbidden()


def _needs(scope: Scope) -> Needs:
    everything = scope.chat is None and scope.user is None
    return permissions.SUBSCRIBE_ALL_CHATS if everything else permissions.SUBSCRIBE_CHAT


def _check_room(tenant: Tenant, wanted: Subscription) -> None:
    """One subscription per app, resource and set of changes; so many per organisation."""
    if len(tenant.subscriptions) >= SUBSCRIPTIONS_MAX:
        msg = f"Organization has reached its limit of {SUBSCRIPTIONS_MAX} subscriptions."
        raise forbidden(msg)
    now = tenant.clock.now()
    for other in tenant.subscriptions.values():
        if other.expires > now and _identity(other) == _identity(wanted):
            raise GraphError(
                409,
                "Conflict",
                f"Subscription Id {other.id} already exists for the requested combination",
            )


def _identity(subscription: Subscription) -> tuple[str, str, str, frozenset[str]]:
    creator = subscription.creator if subscription.delegated else ""
    resource = subscription.resource.strip("/").casefold()
    return subscription.app.id, creator, resource, subscription.change_types


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
