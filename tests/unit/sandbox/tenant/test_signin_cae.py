"""Continuous access evaluation: long tokens, and what challenges them."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import jwt
import orjson
import pytest

from bridge.sandbox.tenant import client_signin
from tests.unit.sandbox.tenant.place import REDIRECT, Answer, Place
from tests.unit.sandbox.tenant.signins import (
    CP1,
    aadsts,
    bearing,
    by_app,
    client,
    refresh,
    signed_in,
)

HOUR = 3600


def challenge(answer: Answer) -> str:
    """The claims that Graph asks for, as msal wants them."""
    header = answer.headers["WWW-Authenticate"]
    assert answer.status == 401
    assert 'error="insufficient_claims"' in header
    found = re.search(r'claims="([^"]+)"', header)
    assert found is not None
    return base64.b64decode(found[1]).decode()


async def test_a_capable_client_gets_tokens_for_a_day(place: Place) -> None:
    user = await signed_in(place, place.alice, claims=CP1)
    app = await by_app(place, claims=CP1)
    plain = await by_app(place)

    assert 24 * HOUR <= user["expires_in"] < 28 * HOUR
    assert user["refresh_in"] == user["expires_in"] // 2
    assert app["expires_in"] == 24 * HOUR
    assert HOUR <= plain["expires_in"] < 1.5 * HOUR
    assert "refresh_in" not in plain
    claims = jwt.decode(user["access_token"], options={"verify_signature": False})
    assert claims["xms_cc"] == ["CP1"]


@pytest.mark.parametrize(
    "claims",
    ["{}", '{"access_token":null}', '{"access_token":{"xms_cc":{"values":["cp2", 7]}}}', '{"a":1}'],
)
async def test_other_claims_make_no_long_token(place: Place, claims: str) -> None:
    assert (await by_app(place, claims=claims))["expires_in"] < 1.5 * HOUR


@pytest.mark.parametrize("claims", ["no json", "[]", "7", "{" * 10_000])
async def test_broken_claims_are_refused(place: Place, claims: str) -> None:
    assert aadsts(await by_app(place, claims=claims)) == 90100
    page = await place.authorize(user=place.alice.id, claims=claims)
    assert "AADSTS90100" in page.headers["Location"]


async def end_by_sessions(place: Place) -> None:
    await place.tenant.revoke_sessions(place.alice.id)


async def end_by_password(place: Place) -> None:
    await client_signin.change_password(place.tenant, place.alice.id)


async def end_by_disabling(place: Place) -> None:
    await place.tenant.change_user(place.alice.id, enabled=False)


@pytest.mark.parametrize("end", [end_by_sessions, end_by_password, end_by_disabling])
async def test_what_ends_a_session_challenges_its_tokens_at_once(place: Place, end: Any) -> None:
    answer = await signed_in(place, place.alice, claims=CP1)
    before = await bearing(place, answer["access_token"])
    await end(place)

    claims = challenge(await bearing(place, answer["access_token"]))

    assert before.status == 200
    wanted = orjson.loads(claims)["access_token"]["nbf"]
    assert wanted["essential"] is True
    assert int(wanted["value"]) > 0
    refused = await refresh(place, answer["refresh_token"], claims=claims)
    assert aadsts(refused) in (50173, 50057)


async def test_an_ordinary_token_works_until_it_ends(place: Place) -> None:
    answer = await signed_in(place, place.alice)
    await place.tenant.revoke_sessions(place.alice.id)

    assert (await bearing(place, answer["access_token"])).status == 200


async def test_evaluation_can_be_absent(place: Place) -> None:
    await place.tenant.change_settings(continuous_evaluation=False)
    answer = await signed_in(place, place.alice, claims=CP1)
    await place.tenant.revoke_sessions(place.alice.id)

    assert answer["expires_in"] < 1.5 * HOUR
    assert (await bearing(place, answer["access_token"])).status == 200


@pytest.mark.parametrize(("kept", "status"), [(False, 401), (True, 200)])
async def test_a_disabled_users_ordinary_token_is_played_both_ways(
    place: Place, kept: bool, status: int
) -> None:
    await place.tenant.change_settings(disabled_users_keep_tokens=kept)
    answer = await signed_in(place, place.alice)
    await place.tenant.change_user(place.alice.id, enabled=False)

    found = await bearing(place, answer["access_token"])

    assert found.status == status
    assert "insufficient_claims" not in found.headers.get("WWW-Authenticate", "")


@pytest.mark.parametrize(("heeded", "status"), [(True, 401), (False, 200)])
async def test_a_disabled_apps_token_is_played_both_ways(
    place: Place, heeded: bool, status: int
) -> None:
    await place.tenant.change_settings(continuous_evaluation_of_apps=heeded)
    token = (await by_app(place, claims=CP1))["access_token"]
    await client_signin.change_principal(place.tenant, place.app, enabled=False)

    assert (await bearing(place, token, "/users")).status == status


async def test_a_new_token_satisfies_a_change_of_place(place: Place) -> None:
    answer = await signed_in(place, place.alice, claims=CP1)
    await client_signin.challenge(place.tenant, place.alice.id)

    claims = challenge(await bearing(place, answer["access_token"]))
    fresh = await refresh(place, answer["refresh_token"], claims=claims)

    assert (await bearing(place, fresh["access_token"])).status == 200


async def test_msal_answers_a_challenge(place: Place) -> None:
    scopes = ["Chat.ReadWrite", "User.Read"]
    opened = client(place, client_capabilities=["CP1"])
    app = await asyncio.to_thread(opened.__enter__)
    flow = await asyncio.to_thread(
        app.initiate_auth_code_flow, scopes, redirect_uri=REDIRECT, response_mode="form_post"
    )
    chosen = await place.http("POST", flow["auth_uri"], data={"user": place.alice.id})
    fields = dict(re.findall(r'name="(.*?)" value="(.*?)"', chosen.raw.decode()))
    answer = await asyncio.to_thread(app.acquire_token_by_auth_code_flow, flow, fields)
    await client_signin.challenge(place.tenant, place.alice.id)

    claims = challenge(await bearing(place, answer["access_token"]))
    account = app.get_accounts()[0]
    fresh = await asyncio.to_thread(
        app.acquire_token_silent_with_error, scopes, account, claims_challenge=claims
    )
    await place.tenant.revoke_sessions(place.alice.id)
    claims = challenge(await bearing(place, fresh["access_token"]))
    refused = await asyncio.to_thread(
        app.acquire_token_silent_with_error, scopes, account, claims_challenge=claims
    )
    opened.__exit__(None, None, None)

    assert answer["expires_in"] >= 24 * HOUR
    assert fresh["access_token"] != answer["access_token"]
    assert aadsts(refused) == 50173
    assert refused["classification"] == ""


async def test_msal_answers_a_challenge_for_the_app_itself(place: Place) -> None:
    scopes = [f"{place.server.base}/.default"]
    opened = client(place, client_capabilities=["CP1"])
    app = await asyncio.to_thread(opened.__enter__)
    first = await asyncio.to_thread(app.acquire_token_for_client, scopes)
    cached = await asyncio.to_thread(app.acquire_token_for_client, scopes)
    wanted = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
    fresh = await asyncio.to_thread(app.acquire_token_for_client, scopes, claims_challenge=wanted)
    opened.__exit__(None, None, None)

    assert cached["access_token"] == first["access_token"]
    assert fresh["access_token"] != first["access_token"]
    claims = jwt.decode(fresh["access_token"], options={"verify_signature": False})
    assert claims["xms_cc"] == ["CP1"]
