"""The token endpoint: what an app gets for a secret, a certificate, a code, a refresh token.

Sources: learn.microsoft.com entra v2-oauth2-client-creds-grant-flow, v2-oauth2-auth-code-flow,
certificate-credentials, refresh-tokens, reference-error-codes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

import jwt
import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.tenant import consent
from bridge.sandbox.tenant.errors import Json, SigninError
from bridge.sandbox.tenant.tenant import Grant, Tenant
from bridge.sandbox.tenant.world import App, User

CODE_LIFETIME = timedelta(minutes=10)
REFRESH_LIFETIME = timedelta(days=90)
ASSERTION_LIFETIME_MAX = timedelta(hours=24)
CLOCK_SKEW = timedelta(minutes=5)
CORRECT_SECRET_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # noqa: S105

Form = dict[str, str]


def token(tenant: Tenant, form: Form) -> Json:
    """Answer a token request.

    Raises:
        SigninError: Entra refuses.
    """
    kind = _required(form, "grant_type")
    app = find_app(tenant, _required(form, "client_id"))
    match kind:
        case "client_credentials":
            _authenticate(tenant, app, form)
            return _client_credentials(tenant, app, form)
        case "authorization_code":
            _authenticate(tenant, app, form)
            return _authorization_code(tenant, app, form)
        case "refresh_token":
            _authenticate(tenant, app, form)
            return _refresh_token(tenant, app, form)
        case _:
            raise SigninError(
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{kind}'.",
            )


def find_app(tenant: Tenant, client_id: str) -> App:
    """The app of this client id.

    Raises:
        SigninError: 700016, there is none.
    """
    app = tenant.apps.get(client_id)
    if app is None:
        raise SigninError(
            "unauthorized_client",
            700016,
            f"Application with identifier '{client_id}' was not found in the directory "
            f"'{tenant.name}'. This can happen if the application has not been installed by the "
            "administrator of the tenant or consented to by any user in the tenant.",
        )
    return app


def _client_credentials(tenant: Tenant, app: App, form: Form) -> Json:
    scopes = consent.read_scopes(tenant, _required(form, "scope"))
    if scopes.names != (".default",):
        raise SigninError(
            "invalid_scope",
            1002012,
            f"The provided value for scope {form['scope']} is not valid. Client credential flows "
            "must have a scope value with /.default suffixed to the resource identifier "
            "(application ID URI).",
        )
    access, life = tenant.issuer.for_app(app)
    return {
        "token_type": "Bearer",
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": access,
    }


def _authorization_code(tenant: Tenant, app: App, form: Form) -> Json:
    grant = tenant.codes.get(_required(form, "code"))
    if grant is None or grant.app is not app:
        raise SigninError(
            "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid."
        )
    if grant.used:
        raise SigninError(
            "invalid_grant",
            54005,
            "OAuth2 Authorization code was already redeemed, "
            "please retry with a new valid code or use an existing refresh token.",
        )
    if grant.expires <= tenant.clock.now():
        raise SigninError(
            "invalid_grant",
            70008,
            "The provided authorization code or refresh "
            "token has expired due to inactivity. Send a new interactive "
            "authorization request for this user and resource.",
        )
    if _required(form, "redirect_uri") != grant.redirect_uri:
        raise SigninError(
            "invalid_grant",
            500112,
            "The reply address "
            f"'{form['redirect_uri']}' does not match the reply address "
            f"'{grant.redirect_uri}' provided when requesting Authorization code.",
        )
    _check_verifier(grant, form.get("code_verifier"))
    grant.used = True
    _check_session(grant)
    return _tokens(tenant, grant, form, grant.scopes)


def _refresh_token(tenant: Tenant, app: App, form: Form) -> Json:
    grant = tenant.refresh_tokens.get(_required(form, "refresh_token"))
    if grant is None or grant.app is not app:
        raise SigninError(
            "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid."
        )
    if grant.expires <= tenant.clock.now():
        raise SigninError(
            "invalid_grant",
            700082,
            "The refresh token has expired due to "
            f"inactivity. The token was issued on {grant.issued.isoformat()} and "
            "was inactive for 90.00:00:00.",
            suberror="bad_token",
        )
    _check_session(grant)
    asked = form.get("scope")
    wanted = grant.scopes if asked is None else tuple(asked.split())
    return _tokens(tenant, grant, form, wanted)


def _tokens(tenant: Tenant, grant: Grant, form: Form, wanted: tuple[str, ...]) -> Json:
    """The answer to a delegated grant; every use brings a new refresh token."""
    app, user = grant.app, grant.user
    scopes = consent.read_scopes(tenant, " ".join(wanted))
    granted = consent.granted(app, user)
    missing = [n for n in scopes.names if n not in granted and n != ".default"]
    if missing:
        raise SigninError(
            "invalid_grant",
            65001,
            "The user or administrator has not consented to use the application with ID "
            f"'{app.id}' named '{app.name}'. Send an interactive authorization request for this "
            "user and resource.",
            suberror="consent_required",
        )
    access, life = tenant.issuer.for_user(app, user, granted)
    answer: Json = {
        "token_type": "Bearer",
        "scope": scopes.answered(granted),
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": access,
    }
    if "offline_access" in scopes.openid:
        answer["refresh_token"] = _new_refresh_token(tenant, grant, wanted)
    if "openid" in scopes.openid:
        answer["id_token"] = tenant.issuer.identity(app, user, grant.nonce)
    if form.get("client_info") == "1":
        answer["client_info"] = _client_info(tenant, user)
    return answer


def _new_refresh_token(tenant: Tenant, grant: Grant, scopes: tuple[str, ...]) -> str:
    fresh = "1.AX" + secrets.token_urlsafe(96)
    now = tenant.clock.now()
    tenant.remember_refresh_token(
        fresh,
        Grant(
            app=grant.app,
            user=grant.user,
            scopes=scopes,
            issued=now,
            expires=now + REFRESH_LIFETIME,
        ),
    )
    return fresh


def _client_info(tenant: Tenant, user: User) -> str:
    raw = orjson.dumps({"uid": user.id, "utid": tenant.id})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _check_session(grant: Grant) -> None:
    user = grant.user
    if not user.enabled:
        raise SigninError("invalid_grant", 50057, "The user account is disabled.")
    if user.revoked_at is not None and grant.issued <= user.revoked_at:
        raise SigninError(
            "invalid_grant",
            50173,
            "The provided grant has expired due to it being revoked, a fresh auth token is "
            "needed. The user might have changed or reset their password. The grant was issued "
            f"on '{grant.issued.isoformat()}' and the TokensValidFrom date for this user is "
            f"'{user.revoked_at.isoformat()}'.",
            suberror="bad_token",
        )


def _check_verifier(grant: Grant, verifier: str | None) -> None:
    if grant.challenge is None:
        return
    if verifier is None:
        raise _missing("code_verifier")
    raw = verifier.encode()
    made = verifier
    if grant.challenge_method == "S256":
        digest = hashlib.sha256(raw).digest()
        made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if not hmac.compare_digest(made.encode(), grant.challenge.encode()):
        raise SigninError(
            "invalid_grant",
            501481,
            "The Code_Verifier does not match the "
            "code_challenge supplied in the authorization request.",
        )


def _authenticate(tenant: Tenant, app: App, form: Form) -> None:
    """The app proves who it is, by a secret or by a certificate."""
    if "client_assertion" in form:
        _check_assertion(tenant, app, form)
    elif "client_secret" in form:
        _check_secret(tenant, app, form["client_secret"])
    else:
        raise SigninError(
            "invalid_client",
            7000218,
            "The request body must contain the following "
            "parameter: 'client_assertion' or 'client_secret'.",
            status=401,
        )


def _check_secret(tenant: Tenant, app: App, given: str) -> None:
    matching = [s for s in app.secrets if hmac.compare_digest(s.value.encode(), given.encode())]
    if not matching:
        raise SigninError(
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the "
            "secret being sent in the request is the client secret value, not the "
            f"client secret ID, for a secret added to app '{app.id}'.",
            status=401,
        )
    if all(secret.expires <= tenant.clock.now() for secret in matching):
        raise SigninError(
            "invalid_client",
            7000222,
            f"The provided client secret keys for app '{app.id}' are expired.",
            status=401,
        )


def _check_assertion(tenant: Tenant, app: App, form: Form) -> None:
    if form.get("client_assertion_type") != CORRECT_SECRET_TYPE:
        raise _missing("client_assertion_type")
    assertion = form["client_assertion"]
    try:
        header = jwt.get_unverified_header(assertion)
        key = _key_for(app, header)
        claims = jwt.decode(
            assertion,
            key,
            algorithms=["RS256", "PS256"],
            audience=_audiences(tenant),
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "require": ["aud", "exp", "iss", "sub", "jti"],
            },
        )
    except jwt.InvalidAudienceError:
        raise SigninError(
            "invalid_client",
            700023,
            "Client assertion audience claim does not match Realm issuer.",
            status=401,
        ) from None
    except jwt.PyJWTError:
        raise _bad_signature() from None
    if claims["iss"] != app.id or claims["sub"] != app.id:
        raise SigninError(
            "invalid_client",
            700021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
            status=401,
        )
    _check_assertion_times(tenant, claims)


def _check_assertion_times(tenant: Tenant, claims: Json) -> None:
    now = tenant.clock.now()
    try:
        expires = datetime.fromtimestamp(float(str(claims["exp"])), UTC)
        begins = datetime.fromtimestamp(float(str(claims.get("nbf", claims.get("iat", 0)))), UTC)
    except (ValueError, OverflowError, OSError):
        raise _bad_signature() from None
    if not begins - CLOCK_SKEW <= now < expires + CLOCK_SKEW:
        raise SigninError(
            "invalid_client",
            700024,
            "Client assertion is not within its valid time range.",
            status=401,
        )
    if expires - now > ASSERTION_LIFETIME_MAX:
        raise SigninError(
            "invalid_client", 700024, "Client assertion lives longer than 24 hours.", status=401
        )


def _audiences(tenant: Tenant) -> list[str]:
    root = f"{tenant.site.base}/{tenant.id}"
    return [f"{root}/oauth2/v2.0/token", f"{root}/v2.0", f"{root}/oauth2/token"]


def _key_for(app: App, header: dict[str, object]) -> rsa.RSAPublicKey:
    """The certificate that the header names by a thumbprint, as Entra demands."""
    sha1, sha256 = (str(header.get(name, "")).rstrip("=") for name in ("x5t", "x5t#S256"))
    for certificate in app.certificates:
        key = certificate.public_key()
        named = sha1 == _thumbprint(certificate, hashes.SHA1()) or sha256 == _thumbprint(  # noqa: S303
            certificate, hashes.SHA256()
        )
        if named and isinstance(key, rsa.RSAPublicKey):
            return key
    raise _bad_signature()


def _thumbprint(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> str:
    raw = certificate.fingerprint(algorithm)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bad_signature() -> SigninError:
    return SigninError(
        "invalid_client",
        700027,
        "The certificate with identifier used to sign "
        "the client assertion is not registered on application. Key was not found.",
        status=401,
    )


def _required(form: Form, name: str) -> str:
    value = form.get(name)
    if not value:
        raise _missing(name)
    return value


def _missing(name: str) -> SigninError:
    return SigninError(
        "invalid_request",
        900144,
        f"The request body must contain the following parameter: '{name}'.",
    )
