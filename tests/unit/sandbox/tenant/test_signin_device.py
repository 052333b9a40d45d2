"""The device code flow, with Microsoft's own library and by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msal
import pytest

from bridge.sandbox.tenant import client_signin
from bridge.sandbox.tenant.client import ControlError
from tests.unit.sandbox.tenant.place import SECRET, Answer, Place
from tests.unit.sandbox.tenant.signins import aadsts, bearing, public_client, refresh

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = ["Chat.ReadWrite", "User.Read"]
SCOPE = "openid offline_access Chat.ReadWrite"


@pytest.fixture
async def phone(place: Place) -> Place:
    """The place with an app that allows public client flows."""
    await client_signin.change_registration(place.tenant, place.app, public=True)
    return place


@pytest.fixture
async def app(phone: Place) -> AsyncIterator[msal.PublicClientApplication]:
    opened = public_client(phone, phone.app)
    yield await asyncio.to_thread(opened.__enter__)
    opened.__exit__(None, None, None)


async def begin(place: Place, **more: str) -> dict[str, Any]:
    form = {"client_id": place.app, "scope": SCOPE, **more}
    url = f"/{place.tenant.id}/oauth2/v2.0/devicecode"
    return dict((await place.http("POST", url, data=form)).body)


async def poll(place: Place, code: str, **more: str) -> dict[str, Any]:
    form = {"client_id": place.app, "grant_type": GRANT, "device_code": code, **more}
    url = f"/{place.tenant.id}/oauth2/v2.0/token"
    return dict((await place.http("POST", url, data=form)).body)


async def type_code(place: Place, code: str, **more: str) -> Answer:
    return await place.http("POST", "/devicelogin", data={"otc": code, **more})


async def test_msal_signs_in_by_device_code(
    phone: Place, app: msal.PublicClientApplication
) -> None:
    flow = await asyncio.to_thread(app.initiate_device_flow, SCOPES)
    assert flow["user_code"] in flow["message"]
    assert flow["verification_uri"] == f"{phone.server.base}/devicelogin"
    waiting = await asyncio.to_thread(
        app.acquire_token_by_device_flow, flow, exit_condition=lambda _: True
    )
    await client_signin.approve_device(phone.tenant, flow["user_code"], phone.bob.id)
    flow["latest_attempt_at"] = 0  # msal warns of haste by the real clock

    answer = await asyncio.to_thread(app.acquire_token_by_device_flow, flow)

    assert waiting["error"] == "authorization_pending"
    assert answer["id_token_claims"]["oid"] == phone.bob.id
    account = app.get_accounts()[0]
    fresh = await asyncio.to_thread(app.acquire_token_silent, SCOPES, account, force_refresh=True)
    assert (await bearing(phone, fresh["access_token"])).body["id"] == phone.bob.id


async def test_a_person_types_the_code_at_the_page(phone: Place) -> None:
    flow = await begin(phone)
    empty = await phone.http("GET", "/devicelogin")
    wrong = await type_code(phone, "NONSENSE1")
    asked = await type_code(phone, flow["user_code"].lower())
    done = await type_code(phone, flow["user_code"], user=phone.alice.id)

    assert b'name="otc"' in empty.raw
    assert b"AADSTS70018" in wrong.raw
    assert phone.alice.display_name.encode() in asked.raw
    assert b"You have signed in to the bridge application" in done.raw
    assert "refresh_token" in await poll(phone, flow["device_code"])


async def test_a_device_code_is_good_once(phone: Place) -> None:
    flow = await begin(phone)
    await client_signin.approve_device(phone.tenant, flow["user_code"], phone.alice.id)

    assert "access_token" in await poll(phone, flow["device_code"])
    assert aadsts(await poll(phone, flow["device_code"])) == 54005
    assert b"AADSTS90120" in (await type_code(phone, flow["user_code"])).raw


async def test_waiting_is_pending_and_haste_is_told_to_slow_down(phone: Place) -> None:
    flow = await begin(phone)
    pending = await poll(phone, flow["device_code"])
    hasty = await poll(phone, flow["device_code"])
    await phone.tenant.advance_clock(timedelta(seconds=flow["interval"]))
    patient = await poll(phone, flow["device_code"])
    await phone.tenant.change_settings(device_slow_down=False)
    allowed = await poll(phone, flow["device_code"])

    assert (pending["error"], aadsts(pending)) == ("authorization_pending", 70016)
    assert hasty["error"] == "slow_down"
    assert patient["error"] == allowed["error"] == "authorization_pending"


async def test_a_declined_request_says_so(phone: Place) -> None:
    by_lever, by_page = await begin(phone), await begin(phone)
    await client_signin.decline_device(phone.tenant, by_lever["user_code"])
    await type_code(phone, by_page["user_code"], cancel="1")

    for flow in (by_lever, by_page):
        answer = await poll(phone, flow["device_code"])
        assert answer["error"] == "authorization_declined"


async def test_an_old_code_has_expired_on_both_sides(phone: Place) -> None:
    flow = await begin(phone)
    await phone.tenant.advance_clock(timedelta(minutes=15, seconds=1))

    answer = await poll(phone, flow["device_code"])
    assert (answer["error"], aadsts(answer)) == ("expired_token", 70020)
    assert b"AADSTS70019" in (await type_code(phone, flow["user_code"], user=phone.alice.id)).raw
    with pytest.raises(ControlError, match="70019"):
        await client_signin.approve_device(phone.tenant, flow["user_code"], phone.alice.id)


@pytest.mark.parametrize(
    ("fields", "error", "number"),
    [
        ({"device_code": "x"}, "bad_verification_code", 70000),
        ({"device_code": ""}, "invalid_request", 900144),
        ({"client_id": "nobody"}, "unauthorized_client", 700016),
    ],
)
async def test_a_bad_poll_gets_its_error(
    phone: Place, fields: dict[str, str], error: str, number: int
) -> None:
    flow = await begin(phone)

    answer = await poll(phone, **({"code": flow["device_code"]} | fields))

    assert (answer["error"], aadsts(answer)) == (error, number)


@pytest.mark.parametrize(
    ("fields", "number"),
    [({"client_id": ""}, 900144), ({"scope": ""}, 900144), ({"client_id": "nobody"}, 700016)],
)
async def test_a_bad_beginning_is_refused(
    phone: Place, fields: dict[str, str], number: int
) -> None:
    assert aadsts(await begin(phone, **fields)) == number


async def test_an_app_without_public_flows_must_prove_itself(place: Place) -> None:
    flow = await begin(place)
    await client_signin.approve_device(place.tenant, flow["user_code"], place.alice.id)

    assert aadsts(await poll(place, flow["device_code"])) == 7000218
    assert "access_token" in await poll(place, flow["device_code"], client_secret=SECRET)


async def test_a_public_app_must_not_send_a_secret(phone: Place) -> None:
    flow = await begin(phone)

    assert aadsts(await poll(phone, flow["device_code"], client_secret=SECRET)) == 700025


async def test_a_device_goes_on_without_a_secret(phone: Place) -> None:
    flow = await begin(phone)
    await client_signin.approve_device(phone.tenant, flow["user_code"], phone.alice.id)
    token = (await poll(phone, flow["device_code"]))["refresh_token"]

    assert "access_token" in await refresh(phone, token, client_secret="")


async def test_who_may_not_consent_leaves_the_device_waiting(phone: Place) -> None:
    flow = await begin(phone, scope="openid Files.ReadWrite.All")

    page = await type_code(phone, flow["user_code"], user=phone.alice.id)
    waiting = await poll(phone, flow["device_code"])
    await client_signin.make_admin(phone.tenant, phone.alice.id)
    await type_code(phone, flow["user_code"], user=phone.alice.id)
    await phone.tenant.advance_clock(timedelta(seconds=5))

    assert b"AADSTS90094" in page.raw
    assert waiting["error"] == "authorization_pending"
    assert "access_token" in await poll(phone, flow["device_code"])


async def test_a_policy_is_read_by_the_person_not_by_the_device(phone: Place) -> None:
    flow = await begin(phone)
    await client_signin.refuse(phone.tenant, 53003, user=phone.alice.id)

    page = await type_code(phone, flow["user_code"], user=phone.alice.id)

    assert b"AADSTS53003" in page.raw
    assert (await poll(phone, flow["device_code"]))["error"] == "authorization_pending"


async def test_codes_are_listed_for_the_test(phone: Place) -> None:
    flow = await begin(phone)

    listed = await client_signin.device_codes(phone.tenant)

    assert listed["device_codes"] == [
        {
            "user_code": flow["user_code"],
            "app": phone.app,
            "step": "pending",
            "user": None,
            "expires": listed["device_codes"][0]["expires"],  # type: ignore[index]
        }
    ]
