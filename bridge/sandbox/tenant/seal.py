"""Encrypting what a rich notification carries, for one subscriber's certificate.

Per item a fresh symmetric key K: the content is AES-CBC(K, PKCS7, IV = first 16 bytes of K), its
signature HMAC-SHA256(K), and K itself is RSA-OAEP(SHA-1) for the subscriber's certificate
(learn.microsoft.com graph/change-notifications-with-resource-data).
"""

from __future__ import annotations

import base64
import hmac
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from bridge.sandbox.tenant.errors import Json

SYMMETRIC_KEY_BYTES = 32
BLOCK_BYTES = 16

# SHA-1 twice is what Graph uses and what a subscriber must cope with.
_OAEP = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303


class Seal:
    """A certificate made ready: reading its key anew for every item would cost the most."""

    def __init__(self, certificate: x509.Certificate, certificate_id: str) -> None:
        """Raises TypeError for a key that is not RSA."""
        public = certificate.public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise TypeError("only an RSA key can seal")
        self._public = public
        self._id = certificate_id
        self._thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303

    def close(self, content: bytes) -> Json:
        """An `encryptedContent` that only the holder of the certificate's key can read."""
        secret = secrets.token_bytes(SYMMETRIC_KEY_BYTES)
        missing = BLOCK_BYTES - len(content) % BLOCK_BYTES
        encryptor = Cipher(AES(secret), CBC(secret[:BLOCK_BYTES])).encryptor()
        sealed = encryptor.update(content + bytes([missing]) * missing) + encryptor.finalize()
        return {
            "data": _text(sealed),
            "dataKey": _text(self._public.encrypt(secret, _OAEP)),
            "dataSignature": _text(hmac.digest(secret, sealed, "sha256")),
            "encryptionCertificateId": self._id,
            "encryptionCertificateThumbprint": self._thumbprint,
        }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
