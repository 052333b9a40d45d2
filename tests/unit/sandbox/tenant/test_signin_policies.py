"""What the organisation refuses: Conditional Access, assignment, disabled and unknown users."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import orjson
import pytest

from bridge.sandbox.tenant import client_signin
from bridge.sandbox.tenant.aadsts import KINDS
from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.identity import Face
from tests.unit.sandbox.tenant.place import Place
from tests.unit.sandbox.tenant.signins import aadsts, by_app, client, refresh, signed_in

SUBERRORS = [
    (53003, "message_only", True),
    (53000, "message_only", True),
    (50076, "basic_action", True),
    (50079, "basic_action", True),
    (50097, "basic_action", True),
    (65001, "consent_required", False),
    (70043, "token_expired", False),
    (50173, "bad_token", False),
    (700082, "bad_token", False),
    (50105, None, False),
    (90094, None, False),
]


@pytest.mark.parametrize(("number", "suberror", "claims"), SUBERRORS)
async def test_a_refresh_is_refused_as_microsoft_does(
    place: Place, number: int, suberror: str | None, claims: bool
) -> None:
    token = (await signed_in(place, place.alice))["refresh_token"]
    policy = await client_signin.refuse(place.tenant, number, user=place.alice.id)

    answer = await refresh(place, token)

    assert aadsts(answer) == number
    assert answer.get("suberror") == suberror
    if claims:
        wanted = orjson.loads(answer["claims"])["access_token"]["capolids"]
        assert wanted == {"essential": True, "values": [policy]}
    else:
        assert "claims" not in answer
    await client_signin.lift(place.tenant, policy)
    assert "access_token" in await refresh(place, token)


async def test_every_refusal_can_be_played_and_has_a_text(place: Place) -> None:
    token = (await signed_in(place, place.alice))["refresh_token"]
    for number in KINDS:
        await client_signin.lift(place.tenant)
        await client_signin.refuse(place.tenant, number, at=["refresh"])

        answer = await refresh(place, token)

        assert aadsts(answer) == number
        assert "{" not in answer["error_description"]


@pytest.mark.parametrize("number", [50076, 50079, 70043])
async def test_signing_in_again_satisfies_what_can_be_satisfied(place: Place, number: int) -> None:
    old = (await signed_in(place, place.alice))["refresh_token"]
    await client_signin.refuse(place.tenant, number)

    new = (await signed_in(place, place.alice))["refresh_token"]

    assert aadsts(await refresh(place, old)) == number
    rolled = (await refresh(place, new))["refresh_token"]
    assert "access_token" in await refresh(place, rolled)


@pytest.mark.parametrize("number", [53003, 53000, 50097])
async def test_a_blocked_person_reads_it_and_the_app_does_not(place: Place, number: int) -> None:
    await client_signin.refuse(place.tenant, number, user=place.alice.id)

    page = await place.authorize(user=place.alice.id)
    other = await place.authorize(user=place.bob.id)

    assert page.status == 400
    assert f"AADSTS{number}".encode() in page.raw
    assert "Location" not in page.headers
    assert "code=" in other.headers["Location"]


async def test_an_app_may_be_told_of_a_block(place: Place) -> None:
    await client_signin.refuse(place.tenant, 53003, tell_app=True)

    answer = await place.authorize(user=place.alice.id)

    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["error"] == ["invalid_grant"]
    assert query["error_description"][0].startswith("AADSTS53003")


async def test_a_policy_is_for_its_user_and_its_app_alone(place: Place) -> None:
    alice = (await signed_in(place, place.alice))["refresh_token"]
    bob = (await signed_in(place, place.bob))["refresh_token"]
    other = await place.tenant.register_app(name="other")
    await client_signin.refuse(place.tenant, 53003, user=place.alice.id, app=place.app)
    await client_signin.refuse(place.tenant, 50097, app=other)

    assert aadsts(await refresh(place, alice)) == 53003
    assert "access_token" in await refresh(place, bob)
    assert "access_token" in await by_app(place)


async def test_an_app_by_itself_can_be_blocked(place: Place) -> None:
    await client_signin.refuse(
        place.tenant, 53003, app=place.app, at=["app"], suberror="additional_action"
    )

    answer = await by_app(place)

    assert (aadsts(answer), answer["suberror"]) == (53003, "additional_action")


async def test_msal_hands_a_refusal_and_its_claims_on(place: Place) -> None:
    token = (await signed_in(place, place.alice))["refresh_token"]
    await client_signin.refuse(place.tenant, 50076)

    def ask() -> dict[str, Any]:
        with client(place) as app:
            return dict(app.acquire_token_by_refresh_token(token, ["Chat.ReadWrite"]))

    answer = await asyncio.to_thread(ask)

    assert (answer["error"], answer["suberror"]) == ("invalid_grant", "basic_action")
    assert "capolids" in answer["claims"]


async def test_policies_are_listed_and_nonsense_is_refused(place: Place) -> None:
    policy = await client_signin.refuse(place.tenant, 53003)

    listed = await client_signin.policies(place.tenant)

    assert [item["id"] for item in listed["policies"]] == [policy]  # type: ignore[attr-defined]
    for wrong in (
        {"number": 1},
        {"number": 53003, "at": ["never"]},
        {"number": 53003, "user": "x"},
    ):
        with pytest.raises(ControlError):
            await place.tenant.call("POST", "/signin/policies", dict(wrong))
    await client_signin.lift(place.tenant)
    assert (await client_signin.policies(place.tenant))["policies"] == []


async def test_only_who_is_assigned_may_sign_in(place: Place) -> None:
    token = (await signed_in(place, place.alice))["refresh_token"]
    await client_signin.change_registration(
        place.tenant, place.app, assignment_required=True, assigned=[place.bob.upn]
    )

    page = await place.authorize(user=place.alice.id)

    assert b"AADSTS50105" in page.raw
    assert aadsts(await refresh(place, token)) == 50105
    assert "access_token" in await signed_in(place, place.bob)


async def test_a_disabled_user_is_50057_and_a_deleted_one_50034(place: Place) -> None:
    alice = (await signed_in(place, place.alice))["refresh_token"]
    bob = (await signed_in(place, place.bob))["refresh_token"]
    await place.tenant.change_user(place.alice.id, enabled=False)
    await place.tenant.call("DELETE", f"/people/{place.bob.id}")

    assert aadsts(await refresh(place, alice)) == 50057
    assert aadsts(await refresh(place, bob)) == 50034
    assert b"AADSTS50057" in (await place.authorize(user=place.alice.id)).raw
    assert b"AADSTS50034" in (await place.authorize(user=place.bob.id)).raw


async def test_a_changed_password_ends_every_refresh_token(place: Place) -> None:
    answer = await signed_in(place, place.alice)
    unredeemed = await place.code(place.alice)
    await client_signin.change_password(place.tenant, place.alice.id)

    refused = await refresh(place, answer["refresh_token"])
    late = await place.token(
        grant_type="authorization_code",
        code=unredeemed,
        redirect_uri="https://bridge.example/signin/callback",
    )

    assert (aadsts(refused), refused["suberror"]) == (50173, "bad_token")
    assert aadsts(late.body) == 50173
    assert "access_token" in await signed_in(place, place.alice)


async def test_refresh_tokens_can_be_expired_for_one_user(place: Place) -> None:
    alice = (await signed_in(place, place.alice))["refresh_token"]
    bob = (await signed_in(place, place.bob))["refresh_token"]

    expired = await client_signin.expire_refresh_tokens(place.tenant, user=place.alice.upn)

    assert expired == 1
    assert aadsts(await refresh(place, alice)) == 700082
    assert "access_token" in await refresh(place, bob)


async def test_use_keeps_a_session_alive_beyond_ninety_days(place: Place) -> None:
    token = (await signed_in(place, place.alice))["refresh_token"]
    for _ in range(2):
        await place.tenant.advance_clock(timedelta(days=80))
        answer = await refresh(place, token)
        assert "access_token" in answer
        token = answer["refresh_token"]


async def test_an_older_refresh_token_stays_good_after_use(place: Place) -> None:
    token = (await signed_in(place, place.alice))["refresh_token"]

    assert "access_token" in await refresh(place, token)
    assert "access_token" in await refresh(place, token)


async def test_a_guest_signs_in_where_they_are_invited(place: Place) -> None:
    home = "99999999-8888-7777-6666-555555555555"
    guest = place.server.realm.tenants[place.tenant.id].users[place.carol.id]
    guest.guest, guest.face = True, Face(tenant_id=home)

    answer = await signed_in(place, place.carol, client_info="1")

    token = jwt.decode(answer["id_token"], options={"verify_signature": False})
    known = orjson.loads(base64.urlsafe_b64decode(answer["client_info"] + "=="))
    assert (token["tid"], token["oid"]) == (place.tenant.id, place.carol.id)
    assert token["idp"] == f"https://sts.windows.net/{home}/"
    assert known["utid"] == home
    assert known["uid"] != place.carol.id
