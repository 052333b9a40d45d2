"""Signing in against the simulated tenant, with Microsoft's own library and by hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from contextlib import AsyncExitStack
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.unit.sandbox.tenant.place import APPLICATION, REDIRECT, Place, certify
from tests.unit.sandbox.tenant.signins import aadsts, app_token, client, redeem, refresh


async def test_msal_gets_an_app_token(place: Place) -> None:
    answer = await asyncio.to_thread(app_token, place)

    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["roles"] == sorted(APPLICATION)
    assert (claims["tid"], claims["appid"]) == (place.tenant.id, place.app)
    assert claims["aud"] == place.server.base
    assert 3600 <= answer["expires_in"] < 5400


async def test_msal_signs_in_with_a_certificate(place: Place) -> None:
    key, certificate = certify("bridge app")
    pem = certificate.public_bytes(Encoding.PEM).decode()
    await place.tenant.change_app(place.app, certificate=pem)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303

    credential = {"private_key": private, "thumbprint": thumbprint}

    assert "access_token" in await asyncio.to_thread(app_token, place, credential)


async def test_an_unregistered_certificate_is_refused(place: Place) -> None:
    key, certificate = certify("stranger")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303

    credential = {"private_key": private, "thumbprint": thumbprint}

    assert aadsts(await asyncio.to_thread(app_token, place, credential)) == 700027


async def test_msal_signs_a_user_in_and_refreshes_silently(place: Place) -> None:
    scopes = ["Chat.ReadWrite", "User.Read"]
    async with AsyncExitStack() as stack:
        opened = client(place)
        app = await asyncio.to_thread(opened.__enter__)
        stack.push(opened)
        flow = await asyncio.to_thread(
            app.initiate_auth_code_flow,
            scopes,
            redirect_uri=REDIRECT,
            login_hint=place.bob.upn,
            response_mode="form_post",
        )
        shown = await place.http("GET", flow["auth_uri"])
        assert shown.status == 200
        assert place.bob.display_name in shown.raw.decode()
        chosen = await place.http("POST", flow["auth_uri"], data={"user": place.bob.id})
        assert f'action="{REDIRECT}"' in chosen.raw.decode()
        back = dict(re.findall(r'name="(.*?)" value="(.*?)"', chosen.raw.decode()))

        answer = await asyncio.to_thread(app.acquire_token_by_auth_code_flow, flow, back)

        assert answer["id_token_claims"]["oid"] == place.bob.id
        assert answer["id_token_claims"]["preferred_username"] == place.bob.upn
        claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
        assert "Chat.ReadWrite" in claims["scp"].split()
        account = app.get_accounts()[0]
        cached = await asyncio.to_thread(app.acquire_token_silent, scopes, account)
        assert cached["access_token"] == answer["access_token"]
        fresh = await asyncio.to_thread(
            app.acquire_token_silent, scopes, account, force_refresh=True
        )
        assert fresh["access_token"] != answer["access_token"]


async def test_signatures_can_be_checked_with_the_published_keys(place: Place) -> None:
    keys = await place.http("GET", f"/{place.tenant.id}/discovery/v2.0/keys")
    token = await place.app_token()
    kid = jwt.get_unverified_header(token)["kid"]
    found = next(k for k in jwt.PyJWKSet.from_dict(keys.body).keys if k.key_id == kid)

    claims = jwt.decode(token, found, algorithms=["RS256"], audience=place.server.base)

    assert claims["iss"] == f"https://sts.windows.net/{place.tenant.id}/"


async def test_discovery_names_every_endpoint(place: Place) -> None:
    base = place.server.base
    own = await place.http("GET", f"/{place.tenant.id}/v2.0/.well-known/openid-configuration")
    common = await place.http("GET", "/common/.well-known/openid-configuration")

    assert own.body["issuer"] == f"{base}/{place.tenant.id}/v2.0"
    assert own.body["token_endpoint"] == f"{base}/{place.tenant.id}/oauth2/v2.0/token"
    assert common.body["issuer"] == "https://sts.windows.net/{tenantid}/"
    assert (await place.http("GET", common.body["jwks_uri"])).body["keys"]


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"client_secret": "wrong"}, 7000215),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 700016),
        ({"scope": "Chat.Read"}, 1002012),
        ({"scope": "https://other.example/.default"}, 500011),
        ({"grant_type": "password"}, 70003),
        ({"grant_type": ""}, 900144),
        ({"client_assertion": "x.y.z"}, 900144),
    ],
)
async def test_a_bad_client_gets_microsofts_number(
    place: Place, fields: dict[str, str], number: int
) -> None:
    form = {"grant_type": "client_credentials", "scope": f"{place.server.base}/.default"}

    answer = await place.token(**(form | fields))

    assert answer.status in (400, 401)
    assert aadsts(answer.body) == number


async def test_an_unknown_tenant_is_90002(place: Place) -> None:
    url = "/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token"
    answer = await place.http("POST", url, data={"grant_type": "client_credentials"})

    assert (answer.status, aadsts(answer.body)) == (400, 90002)


async def test_an_expired_secret_is_7000222(place: Place) -> None:
    await place.tenant.expire_secret(place.app)

    answer = await place.token(
        grant_type="client_credentials", scope=f"{place.server.base}/.default"
    )

    assert (answer.status, aadsts(answer.body)) == (401, 7000222)


async def test_a_code_is_good_once(place: Place) -> None:
    code = await place.code(place.alice)

    assert "access_token" in await redeem(place, code)
    assert aadsts(await redeem(place, code)) == 54005


async def test_a_code_is_good_for_ten_minutes(place: Place) -> None:
    code = await place.code(place.alice)
    await place.tenant.advance_clock(timedelta(minutes=10, seconds=1))

    assert aadsts(await redeem(place, code)) == 70008


async def test_a_code_belongs_to_its_redirect_uri(place: Place) -> None:
    code = await place.code(place.alice)

    assert aadsts(await redeem(place, code, redirect_uri=REDIRECT + "/")) == 500112


async def test_the_verifier_must_fit_the_challenge(place: Place) -> None:
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    more = {"code_challenge": challenge, "code_challenge_method": "S256"}

    wrong = await redeem(place, await place.code(place.alice, **more), code_verifier="w" * 43)
    absent = await redeem(place, await place.code(place.alice, **more))
    right = await redeem(place, await place.code(place.alice, **more), code_verifier=verifier)

    assert aadsts(wrong) == 501481
    assert aadsts(absent) == 900144
    assert "access_token" in right


async def test_a_foreign_redirect_uri_is_never_redirected_to(place: Place) -> None:
    answer = await place.authorize(user=place.alice.id, redirect_uri="https://evil.example/")

    assert answer.status == 400
    assert b"AADSTS50011" in answer.raw
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"cancel": "1"}, "access_denied"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "https://other.example/x"}, "invalid_resource"),
        ({"scope": "Files.ReadWrite.All"}, "access_denied"),
    ],
)
async def test_other_refusals_go_back_to_the_app(
    place: Place, fields: dict[str, str], error: str
) -> None:
    answer = await place.authorize(**({"user": place.alice.id} | fields))

    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["error"] == [error]
    assert query["error_description"][0].startswith("AADSTS")
    assert query["state"] == ["xyz"]


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"code_challenge": "short"}, 501491),
        ({"code_challenge": "c" * 43, "code_challenge_method": "S512"}, 90023),
        ({"response_mode": "carrier_pigeon"}, 70007),
        ({"state": "s" * 5000}, 90015),
        ({"response_type": "id_token"}, 70005),
        ({"scope": ""}, 900144),
    ],
)
async def test_a_badly_formed_request_is_told_to_the_app(
    place: Place, fields: dict[str, str], number: int
) -> None:
    answer = await place.authorize(user=place.alice.id, **fields)

    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["error_description"][0].startswith(f"AADSTS{number}:")


async def test_without_a_redirect_uri_there_must_be_only_one(place: Place) -> None:
    query = {"client_id": place.app, "response_type": "code", "scope": "openid"}
    url = f"/{place.tenant.id}/oauth2/v2.0/authorize"
    alone = await place.http("POST", url, data={**query, "user": place.alice.id})
    await place.tenant.change_app(place.app, redirect_uris=[REDIRECT, REDIRECT + "/2"])
    several = await place.http("POST", url, data={**query, "user": place.alice.id})

    assert alone.headers["Location"].startswith(f"{REDIRECT}?code=")
    assert b"AADSTS900971" in several.raw


async def test_a_short_verifier_is_refused_even_if_it_fits(place: Place) -> None:
    more = {"code_challenge": "v" * 43, "code_challenge_method": "plain"}
    code = await place.code(place.alice, **more)

    assert aadsts(await redeem(place, code, code_verifier="v" * 42)) == 501481
    assert "access_token" in await redeem(place, code, code_verifier="v" * 43)


async def test_a_silent_request_without_a_session_asks_for_a_login(place: Place) -> None:
    query = {
        "client_id": place.app,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid",
        "prompt": "none",
    }
    answer = await place.http("GET", f"/{place.tenant.id}/oauth2/v2.0/authorize", params=query)

    assert "error=login_required" in answer.headers["Location"]


async def test_every_use_brings_a_new_refresh_token(place: Place) -> None:
    first = (await redeem(place, await place.code(place.alice)))["refresh_token"]
    second = (await refresh(place, first))["refresh_token"]

    assert second != first
    assert "access_token" in await refresh(place, second)


async def test_an_unused_refresh_token_dies_after_ninety_days(place: Place) -> None:
    token = (await redeem(place, await place.code(place.alice)))["refresh_token"]
    await place.tenant.advance_clock(timedelta(days=90, seconds=1))

    assert aadsts(await refresh(place, token)) == 700082


async def test_a_revoked_session_is_50173(place: Place) -> None:
    token = (await redeem(place, await place.code(place.alice)))["refresh_token"]
    await place.tenant.revoke_sessions(place.alice.id)

    assert aadsts(await refresh(place, token)) == 50173


async def test_a_scope_without_consent_is_65001(place: Place) -> None:
    token = (await redeem(place, await place.code(place.alice)))["refresh_token"]

    assert aadsts(await refresh(place, token, scope="Files.ReadWrite.All")) == 65001


async def test_the_page_escapes_what_it_is_given(place: Place) -> None:
    await place.tenant.add_user("<script>alert(1)</script>")
    query = {
        "client_id": place.app,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid",
        "state": '"><script>alert(2)</script>',
        "user": "x",
    }
    answer = await place.http("GET", f"/{place.tenant.id}/oauth2/v2.0/authorize", params=query)

    assert answer.status == 200
    assert b"<script>" not in answer.raw
