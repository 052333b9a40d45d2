"""Reading what a subscriber wants: addresses, expiry, certificate, and what it is about.

Sources: learn.microsoft.com graph/api resources/subscription, subscription-post-subscriptions,
subscription-update, change-notifications-lifecycle-events.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.resources import Resource
from bridge.sandbox.tenant.seal import Seal

LIFETIME_MIN = timedelta(minutes=45)
LIFETIME_WITHOUT_LIFECYCLE_MAX = timedelta(hours=1)
EXPIRY_TOLERANCE = timedelta(minutes=5)
"""A client's clock may be ahead by this much when it asks for the longest lifetime."""
CLIENT_STATE_MAX = 128
CERTIFICATE_ID_MAX = 128
URL_MAX = 2048
"""Characters; Microsoft names no limit."""
RSA_BITS = range(2048, 4097)

CREATE = frozenset(
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
UPDATE = frozenset(
    {"expirationDateTime", "notificationUrl", "encryptionCertificate", "encryptionCertificateId"}
)
_TLS = frozenset({"v1_0", "v1_1", "v1_2", "v1_3"})


def changes(text: str, resource: Resource) -> frozenset[str]:
    """The change types of a `changeType`, all of which the resource must have."""
    names = frozenset(name.strip().casefold() for name in text.split(","))
    if not names <= resource.changes:
        msg = f"Invalid 'changeType' attribute: '{text}'."
        raise bad_request(msg, "InvalidRequest")
    return names


def url(body: Json, name: str) -> str:
    found = wire.required_text(body, name)
    try:
        parts = urlsplit(found)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or len(found) > URL_MAX:
        msg = f"The '{name}' must be a valid https URL."
        raise bad_request(msg, "InvalidRequest")
    return found


def expiry(body: Json, now: datetime, resource: Resource) -> datetime:
    """When it ends: too early is raised to 45 minutes, too late is refused."""
    if body.get("expirationDateTime") is None:
        raise bad_request(
            "expirationDateTime is a required property for subscription creation", "InvalidRequest"
        )
    text = wire.required_text(body, "expirationDateTime")
    wanted = wire.parse_instant(text, "expirationDateTime")
    if wanted <= now:
        raise bad_request("Subscription expiration must be in the future.", "ValidationError")
    if wanted > now + resource.lifetime + EXPIRY_TOLERANCE:
        minutes = int(resource.lifetime.total_seconds() // 60)
        msg = f"Subscription expiration can only be {minutes} minutes in the future."
        raise bad_request(msg, "ValidationError")
    return max(wanted, now + LIFETIME_MIN)


def check_lifecycle(
    expires: datetime, now: datetime, lifecycle: str | None, resource: Resource
) -> None:
    """Teams wants an address for lifecycle notifications from those who stay long."""
    longest = now + LIFETIME_WITHOUT_LIFECYCLE_MAX
    if resource.of_teams and lifecycle is None and expires > longest:
        raise bad_request(
            "lifecycleNotificationUrl is a required property for subscription creation on this "
            "resource when the expirationDateTime value is set to greater than 1 hour.",
            "ValidationError",
        )


def seal(body: Json) -> Seal:
    """The certificate that encrypted content is for, with its id."""
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
    return Seal(certificate, certificate_id(body))


def certificate_id(body: Json) -> str:
    value = short_text(body, "encryptionCertificateId", CERTIFICATE_ID_MAX)
    if not value:
        raise bad_request(
            "encryptionCertificateId is required with an encryptionCertificate.", "ValidationError"
        )
    return value


def short_text(body: Json, name: str, most: int) -> str | None:
    value = wire.optional_text(body, name)
    if value is not None and len(value) > most:
        msg = f"The property '{name}' exceeds the maximum length of {most}."
        raise bad_request(msg, "InvalidRequest")
    return value


def tls(body: Json) -> str | None:
    value = wire.optional_text(body, "latestSupportedTlsVersion")
    if value is not None and value not in _TLS:
        msg = f"Invalid latestSupportedTlsVersion '{value}'."
        raise bad_request(msg, "InvalidRequest")
    return value


def only_updatable(body: Json) -> None:
    """Most of a subscription stays as it was created; an address for lifecycle events above all."""
    wire.only_known(body, CREATE, "subscription")
    for name in body:
        if "@" not in name and name not in UPDATE:
            msg = f"The property '{name}' of a subscription cannot be updated."
            raise bad_request(msg, "ValidationError")


def _load(raw: bytes) -> x509.Certificate:
    """DER, or PEM as a whole in base64, which Graph takes too."""
    if raw.startswith(b"-----BEGIN"):
        return x509.load_pem_x509_certificate(raw)
    return x509.load_der_x509_certificate(raw)
