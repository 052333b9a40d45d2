"""Who may let an app do what: users, administrators, and the admin consent endpoint."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from bridge.sandbox.tenant import client_signin
from tests.unit.sandbox.tenant.place import REDIRECT, SECRET, Answer, Place
from tests.unit.sandbox.tenant.signins import aadsts, bearing, by_app, refresh, signed_in

ROLES = ["Chat.Read.All", "User.Read.All"]
SCOPES = ["ChatMessage.Send", "Chat.Read"]


@pytest.fixture
async def fresh(place: Place) -> str:
    """An app that lists what it needs and has been granted nothing."""
    app = await place.tenant.register_app(
        name="fresh", secret=SECRET, redirect_uris=[REDIRECT], delegated_scopes=[]
    )
    await client_signin.change_registration(
        place.tenant, app, required_roles=ROLES, required_scopes=SCOPES
    )
    return app


async def consent_page(place: Place, app: str, *, version: int = 2, **more: str) -> Answer:
    """Post the form of the page (with `user`), or look at it."""
    fields = {"client_id": app, "redirect_uri": REDIRECT, "state": "s1"}
    fields |= {"scope": "https://graph.microsoft.com/.default"} if version == 2 else {}
    middle = "/v2.0" if version == 2 else ""
    url = f"/{place.tenant.id}{middle}/adminconsent"
    if {"user", "cancel"} & more.keys():
        return await place.http("POST", url, data=fields | more)
    return await place.http("GET", url, params=fields | more)


def back(answer: Answer) -> dict[str, str]:
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


@pytest.mark.parametrize("version", [1, 2])
async def test_an_administrator_consents_for_everyone(
    place: Place, fresh: str, version: int
) -> None:
    await client_signin.make_admin(place.tenant, place.alice.id)
    page = await consent_page(place, fresh, version=version)
    answer = await consent_page(place, fresh, version=version, user=place.alice.id)

    assert b"Chat.Read.All (application)" in page.raw
    assert b"ChatMessage.Send (delegated)" in page.raw
    said = back(answer)
    assert said["admin_consent"] == "True"
    assert (said["tenant"], said["state"]) == (place.tenant.id, "s1")
    assert ("scope" in said) is (version == 2)
    token = (await by_app(place, client_id=fresh))["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["roles"] == ROLES


async def test_nobody_else_may(place: Place, fresh: str) -> None:
    answer = await consent_page(place, fresh, user=place.bob.id)

    assert b"AADSTS90094" in answer.raw
    assert "Location" not in answer.headers
    token = (await by_app(place, client_id=fresh))["access_token"]
    assert "roles" not in jwt.decode(token, options={"verify_signature": False})


async def test_cancelling_admin_consent_tells_the_app(place: Place, fresh: str) -> None:
    said = back(await consent_page(place, fresh, cancel="1"))

    assert (said["admin_consent"], said["error"]) == ("True", "consent_required")
    assert said["error_description"].startswith("AADSTS65004")
    assert said["state"] == "s1"


async def test_named_scopes_are_granted_without_the_rest(place: Place, fresh: str) -> None:
    await client_signin.make_admin(place.tenant, place.alice.id)
    wanted = "https://graph.microsoft.com/Chat.Read"

    said = back(await consent_page(place, fresh, user=place.alice.id, scope=wanted))

    assert said["scope"] == wanted
    held = await client_signin.grant_consent(place.tenant, fresh, scopes=[])
    assert held == {"roles": [], "scopes": ["Chat.Read"]}


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"client_id": "nobody"}, 700016),
        ({"redirect_uri": "https://evil.example/"}, 50011),
        ({"redirect_uri": ""}, 900144),
        ({"scope": ""}, 900144),
        ({"scope": "https://other.example/.default"}, 500011),
    ],
)
async def test_a_bad_consent_request_goes_nowhere(
    place: Place, fresh: str, fields: dict[str, str], number: int
) -> None:
    shown = await consent_page(place, fresh, version=2, **fields)
    decided = await consent_page(place, fresh, version=2, **fields, user=place.alice.id)
    for answer in (shown, decided):
        assert f"AADSTS{number}".encode() in answer.raw
        assert "Location" not in answer.headers


async def test_admin_consent_brings_a_deleted_app_back(place: Place, fresh: str) -> None:
    await client_signin.change_principal(place.tenant, fresh, deleted=True)
    await client_signin.make_admin(place.tenant, place.alice.id)
    gone = await by_app(place, client_id=fresh)

    await consent_page(place, fresh, user=place.alice.id)

    assert aadsts(gone) == 700016
    assert "access_token" in await by_app(place, client_id=fresh)


async def test_a_user_agrees_alone_only_to_what_is_left_to_users(place: Place, fresh: str) -> None:
    fields = {"client_id": fresh, "user": place.bob.id}
    sending = await place.authorize(**fields, scope="openid ChatMessage.Send")
    reading = await place.authorize(**fields, scope="openid Chat.Read")
    await client_signin.change_user_consent(place.tenant, "all")
    reading_now = await place.authorize(**fields, scope="openid Chat.Read")
    everything = await place.authorize(**fields, scope="openid ChannelMessage.Read.All")
    await client_signin.change_user_consent(place.tenant, "none")
    nothing = await place.authorize(**fields, scope="openid ChannelMessage.Send")

    assert "code" in back(sending)
    assert "code" in back(reading_now)
    for answer in (reading, everything, nothing):
        assert back(answer)["error_description"].startswith("AADSTS90094")


async def test_an_administrator_agrees_at_the_page(place: Place, fresh: str) -> None:
    await client_signin.make_admin(place.tenant, place.alice.id)
    fields = {"client_id": fresh, "scope": "openid offline_access Chat.Read"}
    await place.authorize(**fields, user=place.alice.id)
    refused = await place.authorize(**fields, user=place.bob.id)
    await place.authorize(**fields, user=place.alice.id, everyone="1", prompt="consent")
    still = await place.authorize(**fields, user=place.bob.id)
    await place.authorize(
        client_id=fresh, scope="openid Chat.ReadWrite", user=place.alice.id, everyone="1"
    )
    other = await place.authorize(client_id=fresh, scope="openid Chat.ReadWrite", user=place.bob.id)

    assert "error" in back(refused)
    assert "error" in back(still), "what the administrator had agreed to alone is not for everyone"
    assert "code" in back(other)


async def test_a_cancelled_sign_in_says_so(place: Place) -> None:
    said = back(await place.authorize(cancel="1"))

    assert (said["error"], said["error_subcode"]) == ("access_denied", "cancel")
    assert said["error_description"].startswith("AADSTS65004")


async def test_default_asks_for_all_that_the_registration_lists(place: Place, fresh: str) -> None:
    fields = {"client_id": fresh, "scope": "openid https://graph.microsoft.com/.default"}
    refused = await place.authorize(**fields, user=place.bob.id)
    await client_signin.grant_consent(place.tenant, fresh)
    allowed = await place.authorize(**fields, user=place.bob.id)

    assert back(refused)["error_description"].startswith("AADSTS90094")
    assert "code" in back(allowed)


async def test_a_revoked_permission_is_missing_from_the_next_token_only(place: Place) -> None:
    old = await signed_in(place, place.alice)
    app_old = await place.app_token()
    await client_signin.revoke_consent(
        place.tenant, place.app, roles=["User.Read.All"], scopes=["User.Read"]
    )

    new = await refresh(place, old["refresh_token"])
    app_new = (await by_app(place))["access_token"]

    assert "User.Read" in old["scope"].split()
    assert "User.Read" not in new["scope"].split()
    assert (await bearing(place, app_old, "/users")).status == 200
    assert (await bearing(place, app_new, "/users")).status == 403


async def test_without_any_consent_a_refresh_is_65001(place: Place) -> None:
    answer = await signed_in(place, place.alice)
    await client_signin.revoke_consent(place.tenant, place.app)

    refused = await refresh(place, answer["refresh_token"])

    assert (aadsts(refused), refused["suberror"]) == (65001, "consent_required")
    await client_signin.grant_consent(place.tenant, place.app, scopes=["Chat.ReadWrite"])
    assert "access_token" in await refresh(place, answer["refresh_token"])
