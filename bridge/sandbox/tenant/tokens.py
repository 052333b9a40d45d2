"""The tenant's signing keys and the tokens made with them.

Access tokens take the form that Graph's really have (version 1.0: `appid`, issuer
sts.windows.net); a client must treat them as opaque. ID tokens and the validation tokens of rich
notifications are of version 2.0, as learn.microsoft.com change-notifications-with-resource-data
describes; version 1.0 can be played too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bridge.sandbox.tenant.errors import Json, unauthenticated
from bridge.sandbox.tenant.world import App, User

ACCESS_TOKEN_LIFETIME = timedelta(seconds=3600)
ACCESS_TOKEN_SPREAD = 1800
"""Seconds: between 60 and 90 minutes (learn.microsoft.com entra access-tokens)."""
LONG_TOKEN_LIFETIME = timedelta(hours=24)
LONG_TOKEN_SPREAD = 4 * 3600
"""Seconds: a user's token that can be challenged lives for 24 to 28 hours, an app's for 24
(learn.microsoft.com entra concept-continuous-access-evaluation, …-workload)."""
ID_TOKEN_LIFETIME = timedelta(hours=1)
VALIDATION_TOKEN_LIFETIME = timedelta(hours=1)
CLOCK_SKEW = timedelta(minutes=5)
KEY_BITS = 2048
KEPT_KEYS = 3
"""Retired signing keys stay published for a while, as Microsoft's do."""

CHANGE_TRACKING_APP = "0bf30f3b-4a52-48df-9a82-234910c4a086"
"""Microsoft Graph Change Tracking: who signs for a rich notification."""
GRAPH_APP = "00000003-0000-0000-c000-000000000000"
_EXACT = "xms_simulated_issued"
"""Of our own: `iat` is in whole seconds, too coarse to tell what came before a revocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One key pair with its self-signed certificate."""

    kid: str
    private: rsa.RSAPrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who calls Graph: an app by itself (`user` None) or on behalf of a user."""

    tenant: str
    app: str
    user: str | None
    granted: frozenset[str]
    issued: datetime
    expires: datetime
    capable: bool = False
    """Whether its client understands claims challenges."""


class Keyring:
    """Signs with its newest key; publishes the newest few."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._keys = [_new_key(now())]

    @property
    def certificate(self) -> x509.Certificate:
        return self._keys[0].certificate

    def rotate(self, *, forget: bool = False) -> str:
        """Sign with a new key from now on; `forget` withdraws all older ones at once."""
        kept = [] if forget else self._keys[: KEPT_KEYS - 1]
        self._keys = [_new_key(self._now()), *kept]
        return self._keys[0].kid

    def sign(self, claims: Json) -> str:
        key = self._keys[0]
        headers = {"kid": key.kid, "x5t": key.kid, "typ": "JWT"}
        return jwt.encode(claims, key.private, algorithm="RS256", headers=headers)

    def public(self, issuer: str) -> Json:
        """The JSON Web Key Set, as `/discovery/v2.0/keys` gives it."""
        return {"keys": [_jwk(key, issuer) for key in self._keys]}

    def claims(self, token: str) -> Json:
        """The claims of a token that we signed; times are the caller's business.

        Raises:
            GraphError: It is no token of ours.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = next((key for key in self._keys if key.kid == kid), None)
            if key is None:
                raise unauthenticated("Access token validation failure. Invalid signature key.")
            return jwt.decode(
                token,
                key.private.public_key(),
                algorithms=["RS256"],
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                },
            )
        except jwt.PyJWTError:
            raise unauthenticated("CompactToken parsing failed with error code: 80049217") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Makes the tokens of one tenant."""

    keyring: Keyring
    tenant: str
    authority: str
    graph: str
    now: Callable[[], datetime]

    def for_app(self, app: App, *, capable: bool = False) -> tuple[str, int]:
        """An application-only access token, and its life in seconds."""
        claims: Json = {"sub": app.object_id, "oid": app.object_id, "idtyp": "app"}
        if app.roles:
            claims["roles"] = sorted(app.roles)
        return self._access(app, claims, capable=capable)

    def for_user(
        self, app: App, user: User, scopes: set[str], *, capable: bool = False
    ) -> tuple[str, int]:
        """A delegated access token, and its life in seconds."""
        claims: Json = {
            "sub": pairwise(app, user),
            "oid": user.id,
            "idtyp": "user",
            "name": user.display_name,
            "upn": user.upn,
            "unique_name": user.upn,
            "scp": " ".join(sorted(scopes)),
            **_home(user),
        }
        return self._access(app, claims, capable=capable)

    def identity(self, app: App, user: User, nonce: str | None) -> str:
        """An ID token (learn.microsoft.com entra id-token-claims-reference)."""
        claims: Json = {
            "aud": app.id,
            "iss": f"{self.authority}/{self.tenant}/v2.0",
            **self._times(ID_TOKEN_LIFETIME),
            "name": user.display_name,
            "oid": user.id,
            "preferred_username": user.upn,
            "sub": pairwise(app, user),
            "tid": self.tenant,
            "uti": uuid4().hex[:22],
            "ver": "2.0",
            **_home(user),
        }
        if nonce:
            claims["nonce"] = nonce
        return self.keyring.sign(claims)

    def validation(self, app_id: str, version: Literal[1, 2]) -> str:
        """The proof that a rich notification comes from Graph."""
        claims: Json = {
            "aud": app_id,
            **self._times(VALIDATION_TOKEN_LIFETIME),
            "oid": CHANGE_TRACKING_APP,
            "sub": CHANGE_TRACKING_APP,
            "tid": self.tenant,
            "uti": uuid4().hex[:22],
        }
        if version == 1:
            claims |= {
                "ver": "1.0",
                "iss": self._sts,
                "appid": CHANGE_TRACKING_APP,
                "appidacr": "2",
            }
        else:
            issuer = f"{self.authority}/{self.tenant}/v2.0"
            claims |= {"ver": "2.0", "iss": issuer, "azp": CHANGE_TRACKING_APP, "azpacr": "2"}
        return self.keyring.sign(claims)

    @property
    def _sts(self) -> str:
        return f"https://sts.windows.net/{self.tenant}/"

    def _access(self, app: App, claims: Json, *, capable: bool) -> tuple[str, int]:
        unique = uuid4()
        life = _life(unique.int, delegated="scp" in claims, capable=capable)
        if capable:
            claims["xms_cc"] = ["CP1"]
        token = self.keyring.sign(
            {
                "aud": self.graph,
                "iss": self._sts,
                **self._times(timedelta(seconds=life)),
                "appid": app.id,
                "app_displayname": app.name,
                "tid": self.tenant,
                "uti": unique.hex[:22],
                "ver": "1.0",
                _EXACT: self.now().timestamp(),
                **claims,
            }
        )
        return token, life

    def _times(self, life: timedelta) -> Json:
        now = int(self.now().timestamp())
        return {"iat": now, "nbf": now, "exp": now + int(life.total_seconds())}


def read_bearer(claims: Json, graph: str, now: datetime) -> Bearer:
    """Who the bearer of these claims is.

    Raises:
        GraphError: The token is not for Graph, or its time is over.
    """
    if claims.get("aud") != graph:
        raise unauthenticated("Access token validation failure. Invalid audience.")
    expires = datetime.fromtimestamp(int(str(claims["exp"])), UTC)
    issued = datetime.fromtimestamp(float(str(claims.get(_EXACT, claims["iat"]))), UTC)
    if expires <= now:
        raise unauthenticated("Lifetime validation failed, the token is expired.")
    if issued > now + CLOCK_SKEW:
        raise unauthenticated("Lifetime validation failed, the token is not yet valid.")
    roles = claims.get("roles")
    delegated = "scp" in claims
    granted = str(claims["scp"]).split() if delegated else roles if isinstance(roles, list) else []
    return Bearer(
        tenant=str(claims["tid"]),
        app=str(claims["appid"]),
        user=str(claims["oid"]) if delegated else None,
        granted=frozenset(map(str, granted)),
        issued=issued,
        expires=expires,
        capable="xms_cc" in claims,
    )


def pairwise(app: App, user: User) -> str:
    """`sub`: another one for every app, the same one for ever."""
    digest = hashlib.sha256(f"{app.id} {user.id}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _life(draw: int, *, delegated: bool, capable: bool) -> int:
    """How long an access token lives, in seconds."""
    if not capable:
        return int(ACCESS_TOKEN_LIFETIME.total_seconds()) + draw % ACCESS_TOKEN_SPREAD
    return int(LONG_TOKEN_LIFETIME.total_seconds()) + delegated * (draw % LONG_TOKEN_SPREAD)


def _home(user: User) -> Json:
    """A guest's own organisation, as `idp` (entra optional-claims-reference)."""
    home = user.face.tenant_id if user.guest and user.face is not None else None
    return {} if home is None else {"idp": f"https://sts.windows.net/{home}/"}


def _new_key(now: datetime) -> SigningKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated sign-in")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1825))
        .sign(private, hashes.SHA256())
    )
    thumbprint = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - x5t is SHA-1 by RFC 7517
    kid = base64.urlsafe_b64encode(thumbprint).decode().rstrip("=")
    return SigningKey(kid=kid, private=private, certificate=certificate)


def _jwk(key: SigningKey, issuer: str) -> Json:
    numbers = key.private.public_key().public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "kid": key.kid,
        "x5t": key.kid,
        "n": _number(numbers.n),
        "e": _number(numbers.e),
        "x5c": [base64.b64encode(key.certificate.public_bytes(Encoding.DER)).decode()],
        "issuer": issuer,
    }


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
