"""What a change notification looks like on the wire, encrypted content included.

Per item a fresh symmetric key K: the content is AES-CBC(K, PKCS7, IV = first 16 bytes of K), its
signature HMAC-SHA256(K), and K itself is RSA-OAEP(SHA-1) for the subscriber's certificate
(learn.microsoft.com graph/change-notifications-with-resource-data).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.tenant import Change, Subject, Tenant
from bridge.sandbox.tenant.world import Subscription

SYMMETRIC_KEY_BYTES = 32
IV_BYTES = 16


def item(tenant: Tenant, subscription: Subscription, change: Change, content: bytes | None) -> Json:
    """One element of `value` of a notification; `content` None for a plain one."""
    shown: Json = {
        "subscriptionId": subscription.id,
        "changeType": change.kind.value,
        "clientState": subscription.client_state,
        "subscriptionExpirationDateTime": stamp(subscription.expires),
        "resource": change.place,
        "resourceData": {
            "id": change.id,
            "@odata.type": f"#Microsoft.Graph.{change.subject.value}",
            "@odata.id": change.place,
        },
        "tenantId": tenant.id,
    }
    if content is not None and subscription.certificate is not None:
        shown["encryptedContent"] = encrypt(
            content, subscription.certificate, subscription.certificate_id or ""
        )
    return shown


def lifecycle_item(tenant: Tenant, subscription: Subscription, event: str) -> Json:
    """One element of a lifecycle notification (learn.microsoft.com graph/webhooks-lifecycle)."""
    return {
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": stamp(subscription.expires),
        "tenantId": tenant.id,
        "clientState": subscription.client_state,
        "lifecycleEvent": event,
    }


def content_of(tenant: Tenant, change: Change) -> bytes:
    """The thing as a rich notification carries it, before encryption."""
    collection = change.place.rpartition("(")[0]
    context = f"{tenant.site.base}/v1.0/$metadata#{collection}/$entity"
    rich = {"@odata.context": context, **change.seen}
    if change.subject is Subject.MESSAGE:
        rich |= {"replies": [], "hostedContents": []}
    return orjson.dumps(rich)


def encrypt(content: bytes, certificate: x509.Certificate, certificate_id: str) -> Json:
    """An `encryptedContent` that only the holder of the certificate's key can read."""
    public = certificate.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise TypeError("the certificate was checked to hold an RSA key")
    secret = secrets.token_bytes(SYMMETRIC_KEY_BYTES)
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(content) + padder.finalize()
    encryptor = Cipher(AES(secret), CBC(secret[:IV_BYTES])).encryptor()
    sealed = encryptor.update(padded) + encryptor.finalize()
    # SHA-1 twice is what Graph uses and what a subscriber must cope with.
    oaep = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
    thumbprint = certificate.fingerprint(hashes.SHA1())  # noqa: S303
    return {
        "data": _text(sealed),
        "dataKey": _text(public.encrypt(secret, oaep)),
        "dataSignature": _text(hmac.new(secret, sealed, hashlib.sha256).digest()),
        "encryptionCertificateId": certificate_id,
        "encryptionCertificateThumbprint": thumbprint.hex().upper(),
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
