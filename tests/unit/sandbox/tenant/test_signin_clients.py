"""How apps prove who they are, and what Entra says when they do not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs12,
)

from bridge.sandbox.tenant import client_signin
from tests.unit.sandbox.tenant.place import REDIRECT, SECRET, Place, certify
from tests.unit.sandbox.tenant.signins import aadsts, app_token, by_app, redeem, refresh

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Spoil = Callable[[dict[str, Any], dict[str, Any]], object]


def print_of(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> str:
    return base64.urlsafe_b64encode(certificate.fingerprint(algorithm)).decode().rstrip("=")


class Signer:
    """Makes client assertions by hand."""

    def __init__(self, place: Place, now: datetime) -> None:
        self.key, self.certificate = certify("bridge app")
        self.header: dict[str, Any] = {
            "x5t": print_of(self.certificate, hashes.SHA1()),  # noqa: S303
        }
        self.claims: dict[str, Any] = {
            "aud": f"{place.tenant.authority}/oauth2/v2.0/token",
            "iss": place.app,
            "sub": place.app,
            "jti": "id-1",
            "nbf": int(now.timestamp()),
            "exp": int(now.timestamp()) + 600,
        }

    def sign(self, *, algorithm: str = "RS256", key: rsa.RSAPrivateKey | None = None) -> str:
        return jwt.encode(
            self.claims, key or self.key, algorithm=algorithm, headers=dict(self.header)
        )


@pytest.fixture
async def signer(place: Place) -> Signer:
    found = Signer(place, datetime.now(UTC))  # noqa: TID251 - the tenant's clock stands on it
    pem = found.certificate.public_bytes(Encoding.PEM).decode()
    await place.tenant.change_app(place.app, certificate=pem)
    return found


async def present(place: Place, assertion: str) -> dict[str, Any]:
    return await by_app(
        place, client_secret="", client_assertion=assertion, client_assertion_type=KIND
    )


async def test_sha1_goes_with_rs256_and_sha256_with_ps256(place: Place, signer: Signer) -> None:
    old = await present(place, signer.sign())
    signer.header = {"x5t#S256": print_of(signer.certificate, hashes.SHA256())}
    new = await present(place, signer.sign(algorithm="PS256"))
    crossed = await present(place, signer.sign())

    assert "access_token" in old
    assert "access_token" in new
    assert aadsts(crossed) == 700027


@pytest.mark.parametrize(
    ("spoil", "number"),
    [
        (lambda _, claims: claims.update(aud="https://login.example/x/oauth2/v2.0/token"), 700023),
        (lambda _, claims: claims.update(aud=[]), 700027),
        (lambda _, claims: claims.update(iss="someone"), 700021),
        (lambda _, claims: claims.update(sub="someone"), 700021),
        (lambda _, claims: claims.update(exp=claims["nbf"] - 600), 700024),
        (lambda _, claims: claims.update(nbf=claims["exp"]), 700024),
        (lambda _, claims: claims.update(exp=claims["exp"] + 90_000), 700024),
        (lambda _, claims: claims.update(exp="soon"), 700024),
        (lambda _, claims: claims.pop("jti"), 700027),
        (lambda _, claims: claims.pop("exp"), 700027),
        (lambda _, claims: claims.update(jti="x" * 300), 9002313),
        (lambda header, _: header.update(x5t="AAAA"), 700027),
        (lambda header, _: header.pop("x5t"), 700027),
    ],
)
async def test_a_bad_assertion_gets_its_number(
    place: Place, signer: Signer, spoil: Spoil, number: int
) -> None:
    spoil(signer.header, signer.claims)

    assert aadsts(await present(place, signer.sign())) == number


async def test_an_assertion_of_another_key_is_refused(place: Place, signer: Signer) -> None:
    stranger, _ = certify("stranger")

    assert aadsts(await present(place, signer.sign(key=stranger))) == 700027


async def test_an_expired_certificate_is_refused(place: Place, signer: Signer) -> None:
    late = datetime(2121, 1, 1, tzinfo=UTC)
    await place.tenant.set_clock(late)
    signer.claims |= {"nbf": int(late.timestamp()), "exp": int(late.timestamp()) + 600}

    answer = await present(place, signer.sign())

    assert aadsts(answer) == 700027
    assert "expired" in answer["error_description"]


async def test_an_assertion_may_be_used_again_unless_the_tenant_is_strict(
    place: Place, signer: Signer
) -> None:
    assertion = signer.sign()
    first, again = await present(place, assertion), await present(place, assertion)
    await place.tenant.change_settings(assertion_only_once=True)

    assert "access_token" in first
    assert "access_token" in again
    assert aadsts(await present(place, assertion)) == 50013


async def test_msal_signs_with_ps256_from_a_pfx(
    place: Place, signer: Signer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("pfx") / "app.pfx"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"app", signer.key, signer.certificate, None, BestAvailableEncryption(b"pass")
        )
    )
    credential = {"private_key_pfx_path": str(path), "passphrase": "pass"}

    assert "access_token" in await asyncio.to_thread(app_token, place, credential)


async def test_a_disabled_service_principal_gets_no_token(place: Place) -> None:
    await client_signin.change_principal(place.tenant, place.app, enabled=False)

    refused = await by_app(place)
    page = await place.authorize(user=place.alice.id)
    await client_signin.change_principal(place.tenant, place.app, enabled=True)

    assert (refused["error"], aadsts(refused)) == ("unauthorized_client", 7000112)
    assert b"AADSTS7000112" in page.raw
    assert "access_token" in await by_app(place)


async def test_a_deleted_service_principal_is_unknown(place: Place) -> None:
    token = await place.app_token()
    await client_signin.change_principal(place.tenant, place.app, deleted=True)

    assert aadsts(await by_app(place)) == 700016
    answer = await place.http("GET", "/v1.0/users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401


async def test_a_public_redirect_uri_wants_no_secret(place: Place) -> None:
    native = "http://localhost:5000"
    await client_signin.change_registration(place.tenant, place.app, public_redirect_uris=[native])
    code = await place.code(place.alice, redirect_uri=native)

    with_secret = await redeem(place, code, redirect_uri=native)
    without = await redeem(place, code, redirect_uri=native, client_secret="")
    silent = await refresh(place, without["refresh_token"], client_secret="")
    loud = await refresh(place, without["refresh_token"])

    assert aadsts(with_secret) == 700025
    assert "access_token" in without
    assert "access_token" in silent
    assert aadsts(loud) == 700025


async def test_a_web_redirect_uri_wants_one(place: Place) -> None:
    code = await place.code(place.alice)

    assert aadsts(await redeem(place, code, client_secret="")) == 7000218


async def test_a_refresh_token_of_another_app_is_no_good(place: Place) -> None:
    other = await place.tenant.register_app(name="other", secret=SECRET, redirect_uris=[REDIRECT])
    code = await place.code(place.alice)
    token = (await redeem(place, code))["refresh_token"]

    answer = await refresh(place, token, client_id=other)

    assert (aadsts(answer), answer["suberror"]) == (70000, "client_mismatch")


async def test_a_request_is_told_by_the_clients_own_id(place: Place) -> None:
    mine = "11111111-2222-3333-4444-555555555555"
    url = f"/{place.tenant.id}/oauth2/v2.0/token"
    answer = await place.http("POST", url, data={}, headers={"client-request-id": mine})

    assert answer.body["correlation_id"] == mine
    assert answer.headers["client-request-id"] == mine
    assert answer.headers["Cache-Control"] == "no-store, no-cache"


@pytest.mark.parametrize("path", ["token", "devicecode"])
async def test_only_post_is_accepted(place: Place, path: str) -> None:
    answer = await place.http("GET", f"/{place.tenant.id}/oauth2/v2.0/{path}")

    assert (answer.status, aadsts(answer.body)) == (400, 900561)


async def test_a_throttled_token_endpoint_says_when_to_come_back(place: Place) -> None:
    await client_signin.throttle_tokens(place.tenant, 1, retry_after=timedelta(seconds=17))
    plain = await place.token(grant_type="client_credentials")
    await client_signin.throttle_tokens(place.tenant, 1, as_json=True)
    told = await place.token(grant_type="client_credentials")

    assert (plain.status, plain.headers["Retry-After"]) == (429, "17")
    assert plain.raw == b"Too Many Requests"
    assert (told.status, aadsts(told.body)) == (429, 90055)
    assert "access_token" in await by_app(place)


@pytest.mark.parametrize(
    ("key", "number"), [("common", 50194), ("organizations", 50194), ("consumers", 9002332)]
)
async def test_an_app_of_one_tenant_must_name_it(place: Place, key: str, number: int) -> None:
    form = {"client_id": place.app, "grant_type": "refresh_token", "refresh_token": "x"}

    answer = await place.http("POST", f"/{key}/oauth2/v2.0/token", data=form)

    assert aadsts(answer.body) == number


async def test_a_multi_tenant_app_finds_its_users_tenant(place: Place) -> None:
    await client_signin.change_registration(place.tenant, place.app, multi_tenant=True)
    elsewhere = await place.control.create_tenant(name="Fabrikam")
    await elsewhere.register_app(client_id=place.app, redirect_uris=[REDIRECT])
    await client_signin.change_registration(elsewhere, place.app, multi_tenant=True)
    code = await place.code(place.alice)
    form = {
        "client_id": place.app,
        "client_secret": SECRET,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
    }

    answer = await place.http("POST", "/organizations/oauth2/v2.0/token", data=form)
    alone = {"client_id": place.app, "grant_type": "client_credentials"}
    refused = await place.http("POST", "/organizations/oauth2/v2.0/token", data=alone)

    claims = jwt.decode(answer.body["access_token"], options={"verify_signature": False})
    assert claims["tid"] == place.tenant.id
    assert aadsts(refused.body) == 9001023


async def test_signing_out_goes_back_only_to_a_known_address(place: Place) -> None:
    url = f"/{place.tenant.id}/oauth2/v2.0/logout"
    known = {"post_logout_redirect_uri": REDIRECT, "state": "7"}
    strange = {"post_logout_redirect_uri": "https://evil.example/"}

    back = await place.http("GET", url, params=known)
    stay = await place.http("GET", url, params=strange)

    assert back.headers["Location"] == f"{REDIRECT}?state=7"
    assert (stay.status, "Location" in stay.headers) == (200, False)
