"""How the app proves to Entra that it is itself: a secret, or a certificate with its key."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from bridge.config import Teams
from bridge.errors import ConfigError

CERTIFICATE_FILE_BYTES_MAX = 64 * 1024

_KEY = re.compile(
    r"-----BEGIN (?P<kind>(?:RSA |EC )?PRIVATE KEY)-----.+?-----END (?P=kind)-----", re.DOTALL
)
_ADVICE = "it must hold the private key and its certificate, both in PEM and without a password"


def client_credential(teams: Teams) -> str | dict[str, str]:
    """Return what msal wants as `client_credential`.

    With the certificate at hand msal names it by its SHA-256 thumbprint and signs with PS256.

    Raises:
        ConfigError: The certificate file is of no use; its problems name the setting.
    """
    if teams.certificate_file is None:
        return teams.client_secret or ""
    return _from_file(teams.certificate_file)


def _from_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_bytes()[:CERTIFICATE_FILE_BYTES_MAX].decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise _problem(path, f"cannot be read ({type(error).__name__})") from error
    found = _KEY.search(text)
    if found is None:
        raise _problem(path, "holds no private key")
    try:
        certificate = x509.load_pem_x509_certificates(text.encode())[0]
        key = load_pem_private_key(found.group().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _problem(path, "holds a key or a certificate that cannot be read") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise _problem(path, "holds a private key that does not belong to its first certificate")
    return {
        "private_key": found.group(),
        "public_certificate": certificate.public_bytes(Encoding.PEM).decode(),
    }


def _problem(path: Path, what: str) -> ConfigError:
    return ConfigError((f"teams.certificate_file: {path} {what}; {_ADVICE}",))
