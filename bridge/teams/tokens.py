"""Validation tokens: the proof that a notification with content comes from Graph.

    token ─ verified before? ─yes─▶ good until it expires
              └─ no ─ key by kid (fetched, cached) ─ RS256 ─ flaw(claims) ─▶ good | Untrusted

Checked as learn.microsoft.com graph/change-notifications-with-resource-data asks: signature, time,
audience, issuer of our tenant, and that the caller is Microsoft Graph Change Tracking.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import orjson

from bridge.bodies import read_body
from bridge.config import Teams
from bridge.errors import Unavailable
from bridge.ports import Clock
from bridge.teams.notifications import Untrusted

GRAPH_CHANGE_TRACKING = "0bf30f3b-4a52-48df-9a82-234910c4a086"
"""The app id of Microsoft Graph Change Tracking, the same in every tenant."""
STS = ("https://sts.windows.net", "https://sts.chinacloudapi.cn")
"""Issuers of version 1 tokens."""
SKEW = timedelta(minutes=5)
REFETCH_PAUSE = timedelta(minutes=1)
"""An unknown key makes us look for new ones, but not more often than this."""
KEYS_AGE_MAX = timedelta(hours=24)
"""Microsoft rotates its keys daily and withdraws compromised ones."""
KEYS_MAX = 100
KEYS_BYTES_MAX = 1024 * 1024
VERIFIED_MAX = 1_000
KID_CHARS_MAX = 256
HEADS_MAX = 64
"""Heads of tokens whose key id is remembered; Microsoft signs with a handful of keys."""

BAD_TOKEN = "bad_token"  # noqa: S105 - the label of a counter
UNKNOWN_KEY = "unknown_key"
WRONG_AUDIENCE = "wrong_audience"
WRONG_ISSUER = "wrong_issuer"
WRONG_CALLER = "wrong_caller"
EXPIRED = "expired"

Claims = Mapping[str, Any]


class TokenChecker:
    """Believes a token or not; remembers which ones it believed."""

    def __init__(self, teams: Teams, *, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._teams = teams
        self._session = session
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._heads: dict[str, object] = {}
        self._missing: set[str] = set()
        self._fetched_at = datetime.min.replace(tzinfo=UTC)
        self._verified: OrderedDict[bytes, datetime] = OrderedDict()

    async def check(self, tokens: Iterable[str], *, at: datetime) -> None:
        """Return if every token was good at the instant `at`, when they came.

        An entry may have waited for hours before it is read; its tokens have not grown worse.

        Raises:
            Untrusted: One is not.
            Unavailable: Microsoft's keys cannot be had now; nothing is known.
        """
        for token in tokens:
            mark = hashlib.sha256(token.encode(errors="replace")).digest()
            good_until = self._verified.get(mark)
            if good_until is None or good_until <= at:
                self._remember(mark, await self._verify(token, at))

    async def _verify(self, token: str, at: datetime) -> datetime:
        try:
            key = await self._key(self._kid_of(token), self._clock.now())
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=["RS256"], options=_ONLY_SIGNATURE
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise _untrusted("that is no token signed by Microsoft", BAD_TOKEN) from error
        reason = flaw(claims, self._teams, at)
        if reason is not None:
            text = f"that is not good for us ({reason})"
            raise _untrusted(text, reason)
        return _instant(claims["exp"]) + SKEW

    def _kid_of(self, token: str) -> object:
        """Read which key a token says that it was signed with; its head is that of all of that key."""
        head = token.partition(".")[0]
        if head not in self._heads:
            if len(self._heads) >= HEADS_MAX:
                self._heads.clear()
            self._heads[head] = jwt.get_unverified_header(token).get("kid")
        return self._heads[head]

    async def _key(self, kid: object, now: datetime) -> jwt.PyJWK:
        if not isinstance(kid, str) or len(kid) > KID_CHARS_MAX:
            raise _untrusted("without a key id", BAD_TOKEN)
        age = now - self._fetched_at
        if kid in self._keys and age < KEYS_AGE_MAX:
            return self._keys[kid]
        if age < REFETCH_PAUSE and kid not in self._missing:
            raise Unavailable("a validation token has a new key: looking for it in a minute")
        if age >= REFETCH_PAUSE:
            await self._fetch(now)
        if kid not in self._keys:
            self._missing.add(kid)
            raise _untrusted("of a key that Microsoft does not publish", UNKNOWN_KEY)
        return self._keys[kid]

    async def _fetch(self, now: datetime) -> None:
        url = f"{self._teams.login_url.rstrip('/')}/common/discovery/v2.0/keys"
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                raw = await read_body(answer, KEYS_BYTES_MAX)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            text = f"Microsoft's signing keys cannot be fetched ({type(error).__name__})"
            raise Unavailable(text) from error
        keys = read_keys(raw) if status == 200 else {}  # noqa: PLR2004
        if not keys:
            text = f"Microsoft's signing keys cannot be fetched (HTTP {status})"
            raise Unavailable(text)
        self._keys, self._fetched_at, self._missing = keys, now, set()

    def _remember(self, mark: bytes, good_until: datetime) -> None:
        self._verified[mark] = good_until
        self._verified.move_to_end(mark)
        while len(self._verified) > VERIFIED_MAX:
            self._verified.popitem(last=False)


_ONLY_SIGNATURE: Any = {
    "verify_signature": True,
    # Times go by our Clock, and the rest by `flaw`.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


def flaw(claims: Claims, teams: Teams, now: datetime) -> str | None:
    """Return why these claims of a well-signed token do not speak for Graph to us, or None."""
    issuer = str(claims.get("iss") or "").lower()
    caller = claims.get("azp" if str(claims.get("ver")) == "2.0" else "appid")
    if claims.get("aud") != teams.client_id:
        return WRONG_AUDIENCE
    if issuer not in issuers(teams):
        return WRONG_ISSUER
    if caller != GRAPH_CHANGE_TRACKING:
        return WRONG_CALLER
    begins, ends = claims.get("nbf", 0), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int) or not 0 <= ends < _FAR:
        return EXPIRED
    seconds, skew = now.timestamp(), SKEW.total_seconds()
    return None if begins - skew <= seconds < ends + skew else EXPIRED


def issuers(teams: Teams) -> frozenset[str]:
    """Return who may have issued: our tenant, in either version of Entra's tokens."""
    tenant = teams.tenant_id.lower()
    login = teams.login_url.rstrip("/").lower()
    return frozenset(
        {
            *(f"{sts}/{tenant}/" for sts in STS),
            f"{login}/{tenant}/",
            f"{login}/{tenant}/v2.0",
        }
    )


def read_keys(raw: bytes) -> dict[str, jwt.PyJWK]:
    """Read a JSON Web Key Set; what is no RSA key of a name is left out."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    listed = found.get("keys") if isinstance(found, dict) else None
    keys: dict[str, jwt.PyJWK] = {}
    for item in listed[:KEYS_MAX] if isinstance(listed, list) else ():
        kid = item.get("kid") if isinstance(item, dict) else None
        if isinstance(kid, str) and item.get("kty") == "RSA":
            try:
                keys[kid] = jwt.PyJWK(item, algorithm="RS256")
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                continue
    return keys


_FAR = 1 << 40
"""Seconds; beyond what a datetime can hold is no time of expiry."""


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(seconds, 1 << 36), UTC)


def _untrusted(what: str, reason: str) -> Untrusted:
    return Untrusted(f"a notification with a validation token {what}", reason=reason)
