"""An app proves who it is: by a secret, by a certificate, or not at all where it is public.

Sources: learn.microsoft.com entra certificate-credentials, v2-oauth2-client-creds-grant-flow,
reference-error-codes. A certificate is named by `x5t` with RS256 or by `x5t#S256` with PS256, as
Microsoft's libraries do; other pairings are refused here, which is not documented. One assertion
serves many requests: msal sends the same for nine minutes.
"""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.tenant.aadsts import missing, refusal
from bridge.sandbox.tenant.errors import Json, SigninError
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import App

ASSERTION_LIFETIME_MAX = timedelta(hours=24)
CLOCK_SKEW = timedelta(minutes=5)
JTI_MAX = 256
"""Characters; our own bound."""
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Form = dict[str, str]


def find_app(tenant: Tenant, client_id: str) -> App:
    """The app of this client id, if it may sign in.

    Raises:
        SigninError: 700016, there is none; 7000112, it is disabled.
    """
    app = tenant.apps.get(client_id)
    if app is None:
        raise refusal(700016, app=client_id, tenant=tenant.name)
    if not tenant.signin.registration(app.id).enabled:
        raise refusal(7000112, app=app.id, name=app.name)
    return app


def authenticate(tenant: Tenant, app: App, form: Form, *, public: bool = False) -> None:
    """The app proves who it is; a `public` request must not even try.

    Raises:
        SigninError: It does not.
    """
    proof = bool(form.get("client_assertion") or form.get("client_secret"))
    if public and not proof:
        return
    if public:
        raise refusal(700025)
    if "client_assertion" in form:
        _check_assertion(tenant, app, form)
    elif proof:
        _check_secret(tenant, app, form["client_secret"])
    else:
        raise refusal(7000218)


def _check_secret(tenant: Tenant, app: App, given: str) -> None:
    matching = [s for s in app.secrets if hmac.compare_digest(s.value.encode(), given.encode())]
    if not matching:
        raise refusal(7000215, app=app.id)
    if all(secret.expires <= tenant.clock.now() for secret in matching):
        raise refusal(7000222, app=app.id)


def _check_assertion(tenant: Tenant, app: App, form: Form) -> None:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise missing("client_assertion_type")
    claims = _verified(tenant, app, form["client_assertion"])
    if claims["iss"] != app.id or claims["sub"] != app.id:
        raise refusal(700021)
    _check_times(tenant, claims)
    _check_once(tenant, app, str(claims["jti"]))


def _verified(tenant: Tenant, app: App, assertion: str) -> Json:
    try:
        header = jwt.get_unverified_header(assertion)
        certificate, algorithm = _named(app, header)
        _check_age(tenant, certificate)
        return jwt.decode(
            assertion,
            _rsa(certificate),
            algorithms=[algorithm],
            audience=_audiences(tenant),
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "require": ["aud", "exp", "iss", "sub", "jti"],
            },
        )
    except jwt.InvalidAudienceError:
        raise refusal(700023) from None
    except jwt.PyJWTError as error:
        raise _bad_certificate("not valid", f"{type(error).__name__}") from None


def _named(app: App, header: Json) -> tuple[x509.Certificate, str]:
    """The certificate that the header names by a thumbprint, and how it must have signed."""
    given = header.get("alg")
    for name, algorithm, hashing in (
        ("x5t", "RS256", hashes.SHA1()),  # noqa: S303 - x5t is SHA-1 by RFC 7517
        ("x5t#S256", "PS256", hashes.SHA256()),
    ):
        wanted = str(header.get(name, "")).rstrip("=")
        for certificate in app.certificates:
            if given == algorithm and wanted == _thumbprint(certificate, hashing):
                return certificate, algorithm
    raise _bad_certificate("not registered on application", "The key was not found.")


def _check_age(tenant: Tenant, certificate: x509.Certificate) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= tenant.clock.now() < ends:
        raise _bad_certificate("expired on application", "The key used is expired.")


def _rsa(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise _bad_certificate("not supported", "Only RSA keys are.")
    return key


def _check_times(tenant: Tenant, claims: Json) -> None:
    now = tenant.clock.now()
    try:
        ends = _instant(claims["exp"])
        begins = _instant(claims.get("nbf", claims.get("iat", 0)))
    except (ValueError, OverflowError, OSError):
        raise refusal(700024, now=now.isoformat()) from None
    if not begins - CLOCK_SKEW <= now < ends + CLOCK_SKEW or ends - now > ASSERTION_LIFETIME_MAX:
        raise refusal(700024, now=now.isoformat(), begins=begins.isoformat(), ends=ends.isoformat())


def _instant(value: object) -> datetime:
    return datetime.fromtimestamp(float(str(value)), UTC)


def _check_once(tenant: Tenant, app: App, jti: str) -> None:
    if len(jti) > JTI_MAX:
        raise refusal(9002313)
    key = f"{app.id} {jti}"
    if tenant.settings.assertion_only_once and key in tenant.signin.assertions:
        raise refusal(50013)
    tenant.signin.remember_assertion(key, tenant.clock.now())


def _audiences(tenant: Tenant) -> list[str]:
    root = f"{tenant.site.base}/{tenant.id}"
    return [f"{root}/oauth2/v2.0/token", f"{root}/v2.0", f"{root}/oauth2/token"]


def _thumbprint(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> str:
    raw = certificate.fingerprint(algorithm)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bad_certificate(state: str, reason: str) -> SigninError:
    return refusal(700027, certificate=state, reason=reason)
