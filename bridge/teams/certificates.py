"""The key pairs to which Graph encrypts the content of notifications.

    SubscriptionBook ──load──▶ Keyring: id -> private key ──▶ notifications.decrypt
                                  └─ newest: goes into the subscription; replaced before it ends

Old private keys stay: a notification that Graph repeats after hours still quotes an old id.
RSA-2048: 4096 bits cost six times as much per notification and Graph wants no more
(learn.microsoft.com graph/change-notifications-with-resource-data).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from bridge.errors import InvariantBroken
from bridge.ports import Certificate, Clock, SubscriptionBook
from bridge.telemetry import log

KEY_BITS = 2048
LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
SKEW = timedelta(days=1)
"""A certificate is valid from yesterday on: Graph's clock is not ours."""
SUBJECT = "matrix-teams-bridge notifications"


def make_certificate(now: datetime) -> Certificate:
    """Make a key pair with a self-signed certificate that is valid for `LIFETIME`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFETIME)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificate(
        id=str(uuid4()),
        certificate=certificate.public_bytes(Encoding.PEM).decode(),
        private_key=secret.decode(),
    )


def public_part(certificate: Certificate) -> str:
    """Return what Graph wants as `encryptionCertificate`: DER in base64."""
    found = x509.load_pem_x509_certificate(certificate.certificate.encode())
    return base64.b64encode(found.public_bytes(Encoding.DER)).decode()


def is_fresh(certificate: Certificate, now: datetime) -> bool:
    """Tell whether a certificate is good for some time yet."""
    found = x509.load_pem_x509_certificate(certificate.certificate.encode())
    return found.not_valid_after_utc - now > RENEW_BEFORE


class Keyring:
    """The private keys, parsed; shared by the keeper, who adds, and the endpoint, who decrypts."""

    def __init__(self, book: SubscriptionBook) -> None:
        self._book = book
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._making = asyncio.Lock()

    @property
    def keys(self) -> Mapping[str, rsa.RSAPrivateKey]:
        return self._keys

    async def load(self) -> tuple[Certificate, ...]:
        """Read all of the book, newest first.

        A key that is known is not parsed again: every subscription asks.

        Raises:
            StoreUnavailable: The book could not be read.
        """
        found = await self._book.certificates()
        self._keys = {one.id: self._keys.get(one.id) or _private_key(one) for one in found}
        return found

    async def newest(self, clock: Clock) -> Certificate:
        """Return the certificate to use from now on, made and stored if there is none.

        Raises:
            StoreUnavailable: The book could not be read or written.
        """
        async with self._making:  # Several keepers ask at once; one certificate is enough.
            return await self._newest(clock)

    async def _newest(self, clock: Clock) -> Certificate:
        found = await self.load()
        if found and is_fresh(found[0], clock.now()):
            return found[0]
        made = make_certificate(clock.now())
        await self._book.add_certificate(made)
        self._keys[made.id] = _private_key(made)
        log.info("certificate made", certificate=made.id)
        return made


def _private_key(certificate: Certificate) -> rsa.RSAPrivateKey:
    # Unchecked: that its numbers are primes and fit together takes 30 ms a key at every start. We
    # made it ourselves, and the vault gives back what it was given or nothing.
    key = load_pem_private_key(
        certificate.private_key.encode(), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        text = f"certificate {certificate.id} has no RSA key"
        raise InvariantBroken(text)
    return key
