"""Validation tokens: who may speak for Graph, and who may not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import jwt
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, strategies as st

from bridge.errors import Unavailable
from bridge.teams.notifications import Untrusted
from bridge.teams.tokens import GRAPH_CHANGE_TRACKING, TokenChecker, flaw, read_keys
from tests.unit.teams.memory import CLIENT, NOW, TENANT, OwnClock, teams_config

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_TENANT = "00000000-0000-4000-8000-000000000000"


@dataclass
class Login:
    """Where Microsoft publishes its keys."""

    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=lambda: {"one": KEY})
    status: int = 200
    fetched: int = 0
    url: str = ""

    async def answer(self, _request: web.Request) -> web.Response:
        self.fetched += 1
        keys = [
            {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}
            for kid, key in self.keys.items()
        ]
        return web.json_response({"keys": keys}, status=self.status)


@dataclass
class World:
    login: Login
    clock: OwnClock
    checker: TokenChecker

    async def check(self, *tokens: str) -> None:
        await self.checker.check(tokens, at=self.clock.now())

    async def reason(self, token: str) -> str:
        with pytest.raises(Untrusted) as raised:
            await self.check(token)
        return raised.value.reason


@pytest.fixture
async def world() -> AsyncIterator[World]:
    login, clock = Login(), OwnClock()
    app = web.Application()
    app.router.add_get("/common/discovery/v2.0/keys", login.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    login.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as session:
        teams = teams_config(login_url=login.url)
        yield World(login, clock, TokenChecker(teams, session=session, clock=clock))
    await runner.cleanup()


def claims(login_url: object = "https://login.test", **changes: object) -> dict[str, object]:
    now = int(NOW.timestamp())
    return {
        "aud": CLIENT,
        "iss": f"{login_url}/{TENANT}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "azp": GRAPH_CHANGE_TRACKING,
        "ver": "2.0",
        "tid": TENANT,
        **changes,
    }


def sign(
    body: dict[str, object], *, key: Any = KEY, kid: str | None = "one", alg: str = "RS256"
) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(body, key, algorithm=alg, headers=headers)


def by_hand(header: dict[str, object], body: dict[str, object], secret: bytes | None) -> str:
    """A token as no library would make it."""
    signed = b".".join(_part(orjson.dumps(part)) for part in (header, body))
    signature = b"" if secret is None else hmac.new(secret, signed, hashlib.sha256).digest()
    return b".".join((signed, _part(signature))).decode()


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


# --- what a token says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"iss": f"https://LOGIN.test/{TENANT.upper()}/v2.0"},
        {"ver": "1.0", "azp": None, "appid": GRAPH_CHANGE_TRACKING,
         "iss": f"https://sts.windows.net/{TENANT}/"},
        {"exp": int(NOW.timestamp()) - 299},
        {"nbf": int(NOW.timestamp()) + 299},
    ],
)  # fmt: skip
def test_a_token_of_graph_for_us_has_no_flaw(changes: dict[str, object]) -> None:
    assert flaw(claims(**changes), teams_config(), NOW) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "another app"}, "wrong_audience"),
        ({"aud": [CLIENT]}, "wrong_audience"),
        ({"aud": None}, "wrong_audience"),
        ({"iss": f"https://login.test/{OTHER_TENANT}/v2.0"}, "wrong_issuer"),
        ({"iss": f"https://evil.test/{TENANT}/v2.0"}, "wrong_issuer"),
        ({"iss": f"https://login.test/{TENANT}/v2.0/"}, "wrong_issuer"),
        ({"iss": None}, "wrong_issuer"),
        ({"azp": "another app"}, "wrong_caller"),
        ({"azp": None, "appid": GRAPH_CHANGE_TRACKING}, "wrong_caller"),
        ({"ver": "1.0"}, "wrong_caller"),
        ({"exp": int(NOW.timestamp()) - 301}, "expired"),
        ({"nbf": int(NOW.timestamp()) + 301}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "tomorrow"}, "expired"),
        ({"exp": 10**30}, "expired"),
        ({"exp": -1}, "expired"),
    ],
)
def test_every_other_token_has_one(changes: dict[str, object], reason: str) -> None:
    assert flaw(claims(**changes), teams_config(), NOW) == reason


# --- who signed it ----------------------------------------------------------------------------


async def test_a_good_token_is_believed_and_remembered(world: World) -> None:
    token = sign(claims(world.login.url))
    await world.check(token)
    world.login.keys.clear()
    await world.check(token, token)
    assert world.login.fetched == 1


async def test_a_remembered_token_is_forgotten_when_it_expires(world: World) -> None:
    token = sign(claims(world.login.url))
    await world.check(token)
    world.clock.advance(timedelta(hours=2))
    assert await world.reason(token) == "expired"


async def test_no_tokens_prove_nothing_but_harm_nothing_either(world: World) -> None:
    await world.check()
    assert world.login.fetched == 0


async def test_one_bad_token_among_good_ones_is_enough(world: World) -> None:
    good = sign(claims(world.login.url))
    bad = sign(claims(world.login.url, aud="another app"))
    with pytest.raises(Untrusted):
        await world.check(good, bad)


async def test_a_token_of_another_key_under_a_known_name_is_refused(world: World) -> None:
    assert await world.reason(sign(claims(world.login.url), key=OTHER_KEY)) == "bad_token"


async def test_a_token_without_signature_is_refused(world: World) -> None:
    header: dict[str, object] = {"alg": "none", "kid": "one", "typ": "JWT"}
    assert await world.reason(by_hand(header, claims(world.login.url), None)) == "bad_token"


@pytest.mark.parametrize("form", ["pem", "modulus"])
async def test_the_public_key_is_no_shared_secret(world: World, form: str) -> None:
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    number = KEY.public_key().public_numbers().n
    secret = pem if form == "pem" else number.to_bytes(256, "big")
    header: dict[str, object] = {"alg": "HS256", "kid": "one", "typ": "JWT"}
    assert await world.reason(by_hand(header, claims(world.login.url), secret)) == "bad_token"


async def test_another_algorithm_of_the_same_key_is_refused(world: World) -> None:
    assert await world.reason(sign(claims(world.login.url), alg="PS256")) == "bad_token"


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "ä.ö.ü", "\ud800"])
async def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    assert await world.reason(token) == "bad_token"


async def test_a_token_without_the_name_of_its_key_is_refused(world: World) -> None:
    assert await world.reason(sign(claims(world.login.url), kid=None)) == "bad_token"


# --- keys come and go -------------------------------------------------------------------------


async def test_an_unknown_key_is_looked_for_once_a_minute(world: World) -> None:
    await world.check(sign(claims(world.login.url)))
    strange = sign(claims(world.login.url), kid="two", key=OTHER_KEY)
    with pytest.raises(Unavailable):
        await world.check(strange)
    assert world.login.fetched == 1
    world.clock.advance(timedelta(minutes=1))
    assert await world.reason(strange) == "unknown_key"
    assert await world.reason(strange) == "unknown_key"
    assert world.login.fetched == 2
    world.login.keys["two"] = OTHER_KEY
    world.clock.advance(timedelta(minutes=1))
    await world.check(strange)


async def test_a_key_that_is_withdrawn_is_not_believed_for_ever(world: World) -> None:
    await world.check(sign(claims(world.login.url)))
    world.login.keys = {"two": OTHER_KEY}
    world.clock.advance(timedelta(hours=24))
    later = int(world.clock.now().timestamp())
    token = sign(claims(world.login.url, exp=later + 60))
    assert await world.reason(token) == "unknown_key"


@pytest.mark.parametrize("status", [404, 500])
async def test_while_the_keys_cannot_be_had_nothing_is_decided(world: World, status: int) -> None:
    world.login.status = status
    token = sign(claims(world.login.url))
    with pytest.raises(Unavailable):
        await world.check(token)
    world.login.status = 200
    await world.check(token)


async def test_a_login_that_is_not_there_is_unavailable(world: World) -> None:
    async with aiohttp.ClientSession() as session:
        teams = teams_config(login_url="http://127.0.0.1:9")
        checker = TokenChecker(teams, session=session, clock=world.clock)
        with pytest.raises(Unavailable):
            await checker.check([sign(claims())], at=NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["keys", "kid", "kty", "n", "e", "use", "alg"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_key_set_is_read(value: object) -> None:
    raw = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str) if _fits(value) else b"["
    assert isinstance(read_keys(raw), dict)


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def test_hostile_key_sets_are_read() -> None:
    for key in ({"kty": "RSA", "kid": "k", "n": 3}, {"kty": "RSA", "kid": "k", "n": "AA", "e": ""}):
        assert read_keys(orjson.dumps({"keys": [key, None, {"kid": "x", "kty": "oct"}]})) == {}
